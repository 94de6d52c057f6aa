#include "api/model_file.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <map>
#include <stdexcept>

#include "api/blake2b.h"
#include "api/files.h"
#include "api/json.h"

namespace deepnet {

namespace {

static_assert(std::endian::native == std::endian::little, "numbers in files are little-endian");

constexpr int kFormatVersion = 2;
constexpr uint64_t kMostHeader = 2 * 1024 * 1024;
constexpr uint64_t kMostUnits = uint64_t{1} << 31;
constexpr const char *kDescription = "deepnet", *kChecksum = "deepnet_checksum";

/// Not `+`: GCC 12 warns of an overlap in "text" + std::string() that is none.
template <class... Parts>
std::string text_of(const Parts&... parts) {
  std::string text;
  (text.append(parts), ...);
  return text;
}

template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  throw std::runtime_error(text_of(parts...));
}

/// What a file says, for a message: control characters escaped, and shortened.
std::string quoted(std::string_view text) {
  const bool long_text = text.size() > 80;
  std::string result = json_text(text.substr(0, 80));
  return long_text ? result.insert(result.size() - 1, "...") : result;
}

template <class Items, class Text>
std::string joined(const Items& items, std::string_view between, Text text) {
  std::string result;
  for (const auto& item : items) result.append(result.empty() ? "" : between).append(text(item));
  return result;
}

struct Array {
  std::string name;
  std::vector<uint64_t> shape;
  std::string type;    // safetensors' name
  uint64_t bytes = 0;  // of all
  uint64_t place = 0;  // behind the header
  const char* data = nullptr;
};

/// NumPy's name of a type of safetensors, and the bytes of a number.
const std::map<std::string, std::pair<const char*, uint64_t>, std::less<>>& types() {
  static const std::map<std::string, std::pair<const char*, uint64_t>, std::less<>> all = {
      {"F16", {"float16", 2}}, {"F32", {"float32", 4}}, {"F64", {"float64", 8}}, {"I8", {"int8", 1}},
      {"I16", {"int16", 2}},   {"I32", {"int32", 4}},   {"I64", {"int64", 8}},   {"U8", {"uint8", 1}},
      {"U16", {"uint16", 2}},  {"U32", {"uint32", 4}},  {"U64", {"uint64", 8}}};
  return all;
}

std::string shape_as_tuple(const std::vector<uint64_t>& shape) {
  const std::string list = joined(shape, ", ", [](uint64_t n) { return std::to_string(n); });
  return text_of("(", list, shape.size() == 1 ? ",)" : ")");
}

template <class Before>
std::vector<const Array*> sorted(const std::vector<Array>& arrays, Before before) {
  std::vector<const Array*> in_order;
  in_order.reserve(arrays.size());
  for (const Array& array : arrays) in_order.push_back(&array);
  std::sort(in_order.begin(), in_order.end(), [&](const Array* a, const Array* b) { return before(*a, *b); });
  return in_order;
}

/// The checksum: of the description, then of each array by name, with its dtype, shape and bytes, which `each` adds.
template <class Each>
std::string digest_of(const std::string& description, const std::vector<Array>& arrays, Each each) {
  const std::vector<const Array*> by_name =
      sorted(arrays, [](const Array& a, const Array& b) { return a.name < b.name; });
  Blake2b digest(32);
  digest.update(description.data(), description.size());
  for (const Array* one : by_name) {
    const Array& array = *one;
    const std::string head = std::string(1, '\0') + array.name + " " + types().at(array.type).first + " " +
                             shape_as_tuple(array.shape) + std::string(1, '\0');
    digest.update(head.data(), head.size());
    each(digest, array);
  }
  return text_of("blake2b:", digest.hex());
}

/// W1, b1, ..., WL, bL
std::vector<Array> arrays_of(const ModelFile& model) {
  std::vector<Array> arrays;
  uint64_t place = 0;
  for (size_t l = 1; l < model.units.size(); ++l)
    for (const bool is_W : {true, false}) {
      const uint64_t rows = uint64_t(model.units[l]), cols = is_W ? uint64_t(model.units[l - 1]) : 1;
      if (rows * cols > (uint64_t{1} << 58)) fail("layer_dims make layer ", std::to_string(l), " too large");
      Array array{text_of(is_W ? "W" : "b", std::to_string(l)), {rows, cols}, model.bytes == 4 ? "F32" : "F64"};
      array.bytes = rows * cols * model.bytes;
      array.place = place;
      place += array.bytes;
      arrays.push_back(std::move(array));
    }
  return arrays;
}

// --- writing ---

std::string description_of(const ModelFile& model) {
  const auto text = [](const std::string& name) { return json_text(name); };
  std::string network =
      text_of("{\"layer_dims\": [", joined(model.units, ", ", [](index_t n) { return std::to_string(n); }),
              "], \"activations\": [", joined(model.activations, ", ", text),
              "], \"dtype\": ", model.bytes == 4 ? "\"float32\"" : "\"float64\"");
  const auto options = [](const Regularization& layer) {
    std::string entries;
    for (const auto& [name, value] : {std::pair("dropout", layer.dropout), {"l2", layer.l2}, {"l1", layer.l1}})
      if (value != 0) entries += text_of(entries.empty() ? "" : ", ", json_text(name), ": ", json_number(value));
    return text_of("{", entries, "}");
  };
  if (std::any_of(model.regularization.begin(), model.regularization.end(),
                  [](const Regularization& layer) { return layer != Regularization{}; }))
    network += text_of(", \"layers\": [", joined(model.regularization, ", ", options), "]");
  if (model.input_dropout != 0) network += text_of(", \"input_dropout\": ", json_number(model.input_dropout));
  if (model.input_scale != 1) network += text_of(", \"input_scale\": ", json_number(model.input_scale));
  if (!model.class_names.empty())
    network += text_of(", \"class_names\": [", joined(model.class_names, ", ", text), "]");
  if (model.is_bfloat16) network += ", \"compute\": \"bfloat16\"";
  return text_of("{\"format_version\": ", std::to_string(kFormatVersion), ", \"deepnet_version\": \"", DEEPNET_VERSION,
                 "\", \"kind\": \"network\", \"networks\": [", network, "}]}");
}

}  // namespace

void write_model(const std::string& path, const ModelFile& model) {
  std::vector<Array> arrays = arrays_of(model);
  for (size_t i = 0; i < arrays.size(); ++i) arrays[i].data = static_cast<const char*>(model.parameters[i]);
  const std::string description = description_of(model);
  const std::string checksum = digest_of(
      description, arrays, [](Blake2b& digest, const Array& array) { digest.update(array.data, array.bytes); });
  std::string header = text_of("{\"__metadata__\":{", json_text(kDescription), ":", json_text(description), ",",
                               json_text(kChecksum), ":", json_text(checksum), "}");
  for (const Array& array : arrays)
    header += text_of(",", json_text(array.name), ":{\"dtype\":\"", array.type, "\",\"shape\":[",
                      joined(array.shape, ",", [](uint64_t n) { return std::to_string(n); }), "],\"data_offsets\":[",
                      std::to_string(array.place), ",", std::to_string(array.place + array.bytes), "]}");
  header += '}';
  header.append((8 - header.size() % 8) % 8, ' ');
  if (header.size() > kMostHeader) throw std::invalid_argument("the network has too many layers for a file");
  const auto length = uint64_t(header.size());
  std::vector<std::string_view> content = {{reinterpret_cast<const char*>(&length), sizeof length}, header};
  for (const Array& array : arrays) content.emplace_back(array.data, array.bytes);
  replace_file(path, content);
}

// --- reading ---

namespace {

const Json& entry(const Json& object, const char* name, Json::Kind kind, const char* expected) {
  const Json* found = object.find(name);
  if (!found || found->kind != kind) fail(name, " must be ", expected);
  return *found;
}

bool is_count(const Json& value, uint64_t most) {
  return value.kind == Json::kNumber && value.is_whole && value.number >= 1 && value.number <= double(most);
}

std::vector<std::string> texts_in(const Json& list, const char* name) {
  std::vector<std::string> texts;
  for (const Json& each : list.list) {
    if (each.kind != Json::kText) fail(name, " must be a list of texts");
    texts.push_back(each.text);
  }
  return texts;
}

double number_in(const Json& value, std::string_view name) {
  if (value.kind != Json::kNumber) fail(name, " must be a number");
  return value.number;
}

void read_setting(const std::string& name, const Json& value, ModelFile& model) {
  if (name == "input_dropout") {
    model.input_dropout = number_in(value, name);
  } else if (name == "input_scale") {
    model.input_scale = number_in(value, name);
  } else if (name == "class_names") {
    if (value.kind != Json::kList) fail("class_names must be a list of texts");
    model.class_names = texts_in(value, "class_names");
  } else if (name == "compute") {
    if (value.text != "bfloat16") fail("compute must be \"bfloat16\"");
    model.is_bfloat16 = true;
  } else if (name == "layers") {
    if (value.kind != Json::kList || value.list.size() != model.activations.size())
      fail("layers must be a list of ", std::to_string(model.activations.size()), " objects");
    for (const Json& layer : value.list) {
      Regularization& options = model.regularization.emplace_back();
      if (layer.kind != Json::kObject) fail("layers must be a list of objects");
      for (const auto& [option, number] : layer.object) {
        double* to = option == "dropout" ? &options.dropout
                     : option == "l2"    ? &options.l2
                     : option == "l1"    ? &options.l1
                                         : nullptr;
        if (!to) fail("holds settings that this deepnet does not know: ", quoted(option));
        *to = number_in(number, option);
      }
    }
  } else {
    fail("holds settings that this deepnet does not know: ", quoted(name));
  }
}

/// One network, whose settings lie in `settings`.
ModelFile network_in(const Json& network, const Json& settings) {
  ModelFile model;
  for (const Json& n : entry(network, "layer_dims", Json::kList, "a list of whole numbers").list) {
    if (!is_count(n, kMostUnits)) fail("layer_dims must be whole numbers from 1");
    model.units.push_back(index_t(n.number));
  }
  model.activations =
      texts_in(entry(network, "activations", Json::kList, "a list of names, one per layer"), "activations");
  if (model.units.size() < 2 || model.activations.size() + 1 != model.units.size())
    fail("activations must be a list of names, one per layer");
  const std::string& dtype = entry(network, "dtype", Json::kText, "float32 or float64").text;
  if (dtype != "float32" && dtype != "float64") fail("dtype is ", quoted(dtype), ", but must be float32 or float64");
  model.bytes = dtype == "float32" ? 4 : 8;
  for (const auto& [name, value] : settings.object)
    if (name != "layer_dims" && name != "activations" && name != "dtype") read_setting(name, value, model);
  return model;
}

/// The description, and which arrays besides the parameters a file may have: those whose names start with one of
/// `others` and a dot.
ModelFile model_in(const std::string& text, std::vector<std::string>& others) {
  const Json description = parse_json(text, "the description of the model");
  const Json& version = entry(description, "format_version", Json::kNumber, "a whole number from 1");
  if (!is_count(version, 1'000'000)) fail("format_version must be a whole number from 1");
  if (version.number > kFormatVersion)
    fail("has format version ", std::to_string(int(version.number)),
         "; this is deepnet " DEEPNET_VERSION ", which reads up to ", std::to_string(kFormatVersion),
         ": install a newer one");
  if (version.number == 1) return network_in(description, entry(description, "extra", Json::kObject, "an object"));
  const std::string& kind = entry(description, "kind", Json::kText, "a text").text;
  if (kind != "network") fail("holds a ", quoted(kind), ", which only the Python package can load");
  const Json& networks = entry(description, "networks", Json::kList, "a list of one network");
  if (networks.list.size() != 1) fail("networks must be a list of one network");
  for (const auto& [name, value] : description.object) {
    if (name == "format_version" || name == "deepnet_version" || name == "kind" || name == "networks") continue;
    // Metrics and names do not change what the network computes, and training only how it would go on.
    if (name != "metrics" && name != "target" && name != "training")
      fail("holds entries that this deepnet does not know: ", quoted(name));
    others.push_back(name);
  }
  return network_in(networks.list[0], networks.list[0]);
}

/// The arrays of the file: at first the parameters in their order.
std::vector<Array> places_in(const Json& header, const ModelFile& model, const std::vector<std::string>& others,
                             uint64_t bytes) {
  std::vector<Array> arrays = arrays_of(model);
  const size_t wanted = arrays.size();
  std::map<std::string, size_t, std::less<>> place_of;
  for (size_t i = 0; i < wanted; ++i) place_of[arrays[i].name] = i;
  size_t seen = 0;
  for (const auto& [name, stated] : header.object) {
    if (name == "__metadata__") continue;
    Array array{name, {}, ""};
    const Json *type = stated.find("dtype"), *shape = stated.find("shape"), *offsets = stated.find("data_offsets");
    if (!type || !types().contains(type->text)) fail("its header is damaged: ", quoted(name), " has an unknown dtype");
    array.type = type->text;
    array.bytes = types().find(array.type)->second.second;
    if (!shape || shape->kind != Json::kList) fail("its header is damaged: ", quoted(name), " has no shape");
    for (const Json& n : shape->list) {
      if (!is_count(n, bytes)) fail("its header is damaged: ", quoted(name), " has a wrong shape");
      array.shape.push_back(uint64_t(n.number));
      if (array.bytes > bytes / array.shape.back()) fail("is cut off: ", quoted(name), " does not fit into it");
      array.bytes *= array.shape.back();
    }
    const auto is_place = [&](const Json& n) { return n.number == 0 || is_count(n, bytes); };
    if (!offsets || offsets->list.size() != 2 || !is_place(offsets->list[0]) || !is_place(offsets->list[1]))
      fail("its header is damaged or it is cut off: ", quoted(name), " does not lie within it");
    array.place = uint64_t(offsets->list[0].number);
    if (uint64_t(offsets->list[1].number) != array.place + array.bytes)
      fail("its header is damaged: ", quoted(name), " does not lie where it should");
    const auto known = place_of.find(name);
    if (known == place_of.end()) {
      if (std::find(others.begin(), others.end(), name.substr(0, name.find('.'))) == others.end())
        fail("holds ", quoted(name), ", which no layer uses");
      arrays.push_back(std::move(array));
      continue;
    }
    const Array& expected = arrays[known->second];
    if (array.shape != expected.shape)
      fail(name, " has shape ", shape_as_tuple(array.shape), ", but layer_dims make it ",
           shape_as_tuple(expected.shape));
    if (array.type != expected.type)
      fail(name, " is ", types().at(array.type).first, ", but the settings say ", types().at(expected.type).first);
    arrays[known->second] = std::move(array);
    ++seen;
  }
  if (seen != wanted) fail("lacks parameters of the network that it describes");
  uint64_t end = 0;
  for (const Array* array : sorted(arrays, [](const Array& a, const Array& b) { return a.place < b.place; })) {
    if (array->place != end) fail("its header is damaged: ", quoted(array->name), " does not lie where it should");
    end += array->bytes;
  }
  if (end != bytes)
    fail(bytes < end ? "is cut off" : "is too long", ": its arrays take ", std::to_string(end), " bytes, but ",
         std::to_string(bytes), " follow the header");
  return arrays;
}

void read_checked(const std::string& path, size_t bytes,
                  const std::function<std::vector<MatrixToRead>(const ModelFile&)>& make) {
  const FileToRead file(path);
  uint64_t length = 0;
  if (file.size() < sizeof length + 2)
    fail("has ", std::to_string(file.size()), " bytes: cut off, or not a safetensors file");
  file.read(0, &length, sizeof length);
  char first = 0;
  file.read(sizeof length, &first, 1);
  if (first != '{' || length < 2 || length > kMostHeader)
    fail("is not a safetensors file: it does not start with the length of a header");
  if (file.size() - sizeof length < length) fail("is cut off within its header");
  std::string text(length, '\0');
  file.read(sizeof length, text.data(), length);
  const Json header = parse_json(text, "its header");
  const Json* metadata = header.find("__metadata__");
  const Json* description = metadata ? metadata->find(kDescription) : nullptr;
  const Json* checksum = metadata ? metadata->find(kChecksum) : nullptr;
  if (!description || description->kind != Json::kText) fail("was not written by deepnet");
  std::vector<std::string> others;
  const ModelFile model = model_in(description->text, others);
  const uint64_t begin = sizeof length + length;
  const std::vector<Array> arrays = places_in(header, model, others, file.size() - begin);
  if (model.bytes != bytes)
    fail("holds a network of ", model.bytes == 4 ? "float" : "double", ": load it with Network<",
         model.bytes == 4 ? "float" : "double", ">::load");

  const std::vector<MatrixToRead> matrices = make(model);
  for (size_t i = 0; i < matrices.size(); ++i)
    for (index_t row = 0; row < matrices[i].rows; ++row)
      file.read(begin + arrays[i].place + uint64_t(row * matrices[i].row_bytes),
                static_cast<char*>(matrices[i].data) + row * matrices[i].stride_bytes, size_t(matrices[i].row_bytes));
  std::vector<char> part;
  const std::string digest = digest_of(description->text, arrays, [&](Blake2b& hash, const Array& array) {
    const auto i = size_t(&array - arrays.data());
    if (i < matrices.size()) {
      for (index_t row = 0; row < matrices[i].rows; ++row)
        hash.update(static_cast<const char*>(matrices[i].data) + row * matrices[i].stride_bytes,
                    size_t(matrices[i].row_bytes));
      return;
    }
    for (uint64_t done = 0; done < array.bytes; done += part.size()) {
      part.resize(size_t(std::min<uint64_t>(array.bytes - done, uint64_t{1} << 24)));
      file.read(begin + array.place + done, part.data(), part.size());
      hash.update(part.data(), part.size());
    }
  });
  if (!checksum || checksum->text != digest)
    fail("its parameters do not match their checksum: the file was damaged or altered");
}

}  // namespace

void read_model(const std::string& path, size_t bytes,
                const std::function<std::vector<MatrixToRead>(const ModelFile&)>& make) {
  try {
    read_checked(path, bytes, make);
  } catch (const std::system_error&) {
    throw;
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(path + ": " + error.what());
  } catch (const std::invalid_argument& error) {  // what the network refuses of the settings
    throw std::runtime_error(path + ": the settings do not describe a valid network: " + error.what());
  }
}

}  // namespace deepnet
