#include "bindings/examples.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "bindings/arguments.h"

namespace deepnet::bindings {

namespace {

/// Half precision is number 23 of NumPy's types, which pybind11 does not name.
constexpr int kHalf = 23;

/// The type of an ndarray itself in native byte order; it may be misaligned, since every number is copied before it is
/// used.
bool parse_element(PyObject* object, bool integers, Element& out) {
  using Numpy = py::detail::npy_api::constants;
  if (Py_TYPE(object) != py::detail::npy_api::get().PyArray_Type_) return false;
  const auto* array = py::detail::array_proxy(object);
  const char order = py::detail::array_descriptor_proxy(array->descr)->byteorder;
  if (order != '=' && order != '|') return false;
  const int type = type_number(object);
  switch (type) {
    case kHalf: out = Element::kF16; break;
    case Numpy::NPY_FLOAT_: out = Element::kF32; break;
    case Numpy::NPY_DOUBLE_: out = Element::kF64; break;
    case Numpy::NPY_UBYTE_:
    case Numpy::NPY_BOOL_: out = Element::kU8; break;
    case Numpy::NPY_BYTE_: out = Element::kI8; break;
    case Numpy::NPY_INT_: out = Element::kI32; break;
    case Numpy::NPY_LONG_: out = sizeof(long) == 8 ? Element::kI64 : Element::kI32; break;
    case Numpy::NPY_LONGLONG_: out = Element::kI64; break;
    default: return false;
  }
  return integers || (out <= Element::kU8 && type != Numpy::NPY_BOOL_);
}

/// Inputs have shape (units, m). So have targets, which may be integers and, with one unit, have shape (m,) or (m, 1).
bool parse(PyObject* object, index_t units, bool is_target, Examples& out) {
  if (!parse_element(object, is_target, out.element)) return false;
  const auto* array = py::detail::array_proxy(object);
  const bool is_column = is_target && units == 1 && (array->nd == 1 || (array->nd == 2 && array->dimensions[1] == 1));
  if (!is_column && array->nd != 2) return false;
  out.data = array->data;
  out.units = is_column ? 1 : array->dimensions[0];
  out.count = array->dimensions[is_column ? 0 : 1];
  out.unit_stride = is_column ? 0 : array->strides[0];
  out.example_stride = array->strides[is_column ? 0 : 1];
  return out.units == units && out.count > 0;
}

/// The value of an attribute, or None if the object does not have it.
py::object attribute(PyObject* object, const char* name) {
  PyObject* found = PyObject_GetAttrString(object, name);
  if (!found && !PyErr_ExceptionMatches(PyExc_Exception)) throw py::error_already_set();  // such as Ctrl-C
  PyErr_Clear();
  return found ? py::reinterpret_steal<py::object>(found) : py::none();
}

/// True for an ndarray of one dimension whose numbers lie side by side.
bool is_run(PyObject* object) {
  if (Py_TYPE(object) != py::detail::npy_api::get().PyArray_Type_) return false;
  const auto* array = py::detail::array_proxy(object);
  return array->nd == 1 && (array->flags & py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_);
}
index_t length(const py::object& run) { return py::detail::array_proxy(run.ptr())->dimensions[0]; }

/// Indices and begins are NumPy's int32, begins also int64: of a type with several numbers, the size counts.
bool is_run_of_integers(PyObject* object, size_t size) {
  using Numpy = py::detail::npy_api::constants;
  if (!is_run(object) || !is_directly_usable(object)) return false;
  switch (type_number(object)) {
    case Numpy::NPY_INT_: return size == sizeof(int);
    case Numpy::NPY_LONG_: return size == sizeof(long);
    case Numpy::NPY_LONGLONG_: return size == sizeof(long long);
    default: return false;
  }
}

template <class S>
void append(const py::object& run, std::vector<int64_t>& to) {
  const auto* from = reinterpret_cast<const S*>(py::detail::array_proxy(run.ptr())->data);
  to.assign(from, from + length(run));
}

bool parse_sparse(PyObject* object, index_t units, SparseArrays& sparse, Examples& out) {
  const py::object format = attribute(object, "format");
  if (!PyUnicode_Check(format.ptr()) || PyUnicode_CompareWithASCIIString(format.ptr(), "csc") != 0) return false;
  const py::object shape = attribute(object, "shape"), begins = attribute(object, "indptr");
  index_t rows = 0, columns = 0;
  if (!PyTuple_CheckExact(shape.ptr()) || !PyArg_ParseTuple(shape.ptr(), "nn", &rows, &columns)) {
    PyErr_Clear();
    return false;
  }
  sparse.data = attribute(object, "data");
  sparse.indices = attribute(object, "indices");
  if (!is_run(sparse.data.ptr()) || !parse_element(sparse.data.ptr(), false, out.element)) return false;
  if (!is_run_of_integers(sparse.indices.ptr(), sizeof(int32_t))) return false;
  if (is_run_of_integers(begins.ptr(), sizeof(int32_t)))
    append<int32_t>(begins, sparse.begins);
  else if (is_run_of_integers(begins.ptr(), sizeof(int64_t)))
    append<int64_t>(begins, sparse.begins);
  else
    return false;
  const std::vector<int64_t>& at = sparse.begins;
  if (rows != units || columns < 1 || index_t(at.size()) != columns + 1) return false;
  if (at.front() != 0 || !std::is_sorted(at.begin(), at.end())) return false;
  if (at.back() > std::min(length(sparse.data), length(sparse.indices))) return false;
  out.data = py::detail::array_proxy(sparse.data.ptr())->data;
  out.units = units;
  out.count = columns;
  out.begins = at.data();
  out.indices = data_of<const int32_t>(sparse.indices);
  return true;
}

}  // namespace

bool parse_inputs(PyObject* X, index_t units, double scale, SparseArrays& sparse, Examples& out) {
  out.scale = scale;
  if (Py_TYPE(X) == py::detail::npy_api::get().PyArray_Type_) return parse(X, units, false, out);
  return parse_sparse(X, units, sparse, out);
}

bool indices_are_good(const SparseArrays& sparse, index_t units, Interrupt* interrupt) {
  return sparse.begins.empty() ||
         indices_increase(sparse.begins, data_of<const int32_t>(sparse.indices), units, interrupt);
}

bool indices_are_good(const SparseArrays& sparse, index_t units) {
  if (sparse.begins.empty() || sparse.begins.back() < kLabelsPerCheck) return indices_are_good(sparse, units, nullptr);
  bool good = false;
  without_gil([&](Interrupt* interrupt) { good = indices_are_good(sparse, units, interrupt); });
  return good;
}

bool parse_targets(PyObject* array, index_t units, index_t count, Examples& out) {
  return parse(array, units, true, out) && out.count == count;
}

bool parse_chosen(PyObject* object, Data& data) {
  using Numpy = py::detail::npy_api::constants;
  if (object == Py_None) return true;
  if (!is_directly_usable(object)) return false;
  const auto* array = py::detail::array_proxy(object);
  if (array->nd != 1 || array->dimensions[0] == 0 || array->strides[0] != sizeof(uint32_t)) return false;
  if (type_number(object) != Numpy::NPY_UINT_) return false;
  const auto* chosen = reinterpret_cast<const uint32_t*>(array->data);
  if (!std::all_of(chosen, chosen + array->dimensions[0], [&](uint32_t j) { return index_t(j) < data.X.count; }))
    return false;
  data.chosen = chosen;
  data.X.count = data.Y.count = array->dimensions[0];
  if (data.weights.data) data.weights.count = data.X.count;
  return true;
}

namespace {

/// scan(interrupt or null), without the GIL if there are many numbers.
template <class Scan>
bool scanned(const Examples& numbers, Scan scan) {
  if (numbers.units * numbers.count < kLabelsPerCheck) return scan(nullptr);
  bool good = false;
  without_gil([&](Interrupt* interrupt) { good = scan(interrupt); });
  return good;
}

/// The class of each example, one of `classes`, if Y has whole numbers or one-hot columns.
bool classes_of(const Examples& Y, index_t classes, std::vector<index_t>& out) {
  for (index_t j = 0; j < Y.count; ++j) {
    index_t of_example = -1;
    if (Y.units == 1) {
      const double y = number_at(Y, 0, j);
      if (!(y >= 0 && y < double(classes)) || y != double(index_t(y))) return false;
      of_example = index_t(y);
    }
    for (index_t i = 0; Y.units > 1 && i < Y.units; ++i) {
      const double y = number_at(Y, i, j);
      if (y == 0) continue;
      if (y != 1 || of_example >= 0) return false;
      of_example = i;
    }
    if (of_example < 0) return false;
    out.push_back(of_example);
  }
  return true;
}

/// A class number: 1, True, 1.0 and np.int64(1) are class 1.
std::optional<index_t> class_number(PyObject* key, index_t classes) {
  if (PyBool_Check(key)) return key == Py_True ? 1 : 0;
  const auto number = real_number(key);
  if (!number || !(*number >= 0 && *number < double(classes)) || *number != double(index_t(*number)))
    return std::nullopt;
  return index_t(*number);
}

/// The weight of each class: 1, but for those in the dict.
template <class T>
bool weights_in(PyObject* dict, std::vector<double>& table) {
  const auto own = py::reinterpret_steal<py::object>(checked(PyDict_Copy(dict)));  // which nobody else can change
  PyObject *key = nullptr, *value = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(own.ptr(), &at, &key, &value);) {
    const auto number = class_number(key, index_t(table.size()));
    const auto weight = real_number(value);
    if (!number || !weight || !(*weight >= 0) || !std::isfinite(T(*weight))) return false;
    table[size_t(*number)] = *weight;
  }
  return true;
}

/// Every class that has examples gets the same total.
void balance(const std::vector<index_t>& classes, std::vector<double>& table) {
  std::vector<index_t> counts(table.size());
  for (const index_t c : classes) ++counts[size_t(c)];
  const auto present = index_t(counts.size()) - std::count(counts.begin(), counts.end(), 0);
  for (size_t c = 0; c < counts.size(); ++c)
    if (counts[c] > 0) table[c] = double(classes.size()) / double(present * counts[c]);
}

/// The weight of each example if every row of Y, numbers 0 and 1, is balanced by itself: the product over the rows.
bool balance_by_output(const Examples& Y, std::vector<double>& weights) {
  weights.assign(size_t(Y.count), 1.0);
  for (index_t i = 0; i < Y.units; ++i) {
    index_t ones = 0;
    for (index_t j = 0; j < Y.count; ++j) {
      const double y = number_at(Y, i, j);
      if (y != 0 && y != 1) return false;
      ones += y == 1;
    }
    const index_t zeros = Y.count - ones;
    if (ones == 0 || zeros == 0) continue;
    const double of_one = double(Y.count) / double(2 * ones), of_zero = double(Y.count) / double(2 * zeros);
    for (index_t j = 0; j < Y.count; ++j) weights[size_t(j)] *= number_at(Y, i, j) == 1 ? of_one : of_zero;
  }
  return true;
}

/// The weight of each example by its label.
template <class T>
bool weights_by_class(PyObject* class_weight, index_t outputs, const Examples& Y, std::vector<double>& weights) {
  const bool is_dict = PyDict_CheckExact(class_weight);
  if (!is_dict && text(class_weight) != "balanced") return false;
  std::vector<double> table(size_t(std::max<index_t>(outputs, 2)), 1.0);
  std::vector<index_t> classes;
  if (!classes_of(Y, index_t(table.size()), classes)) return !is_dict && Y.units > 1 && balance_by_output(Y, weights);
  if (is_dict && !weights_in<T>(class_weight, table)) return false;
  if (!is_dict) balance(classes, table);
  for (const index_t c : classes) weights.push_back(table[size_t(c)]);
  return true;
}

template <class T>
bool weigh_by_class(PyObject* class_weight, index_t outputs, GivenData& data) {
  const Examples& Y = data.Y;
  std::vector<double> products;
  if (Y.units * Y.count >= kLabelsPerCheck || !weights_by_class<T>(class_weight, outputs, Y, products)) return false;
  for (size_t j = 0; j < products.size(); ++j) {
    T weight = T(products[j]);
    if (data.weights.data) weight *= T(number_at(data.weights, 0, index_t(j)));
    if (!std::isfinite(weight)) return false;
    products[j] = double(weight);
  }
  data.computed_weights = std::move(products);
  constexpr index_t size = sizeof(double);
  data.weights = {data.computed_weights.data(), Element::kF64, 1, Y.count, 0, size};
  return true;
}

}  // namespace

PyObject* weights_by_example(PyObject* object) {
  if (PyTuple_CheckExact(object) && PyTuple_GET_SIZE(object) == 2) object = PyTuple_GET_ITEM(object, 0);
  return object == Py_None ? nullptr : object;
}

template <class T>
bool parse_weights(PyObject* object, index_t outputs, bool signed_weights, GivenData& data) {
  if (object == Py_None) return true;
  const bool by_class = PyTuple_CheckExact(object) && PyTuple_GET_SIZE(object) == 2;
  if (PyObject* by_example = weights_by_example(object)) {
    if (!parse_targets(by_example, 1, data.X.count, data.weights)) return false;
    const auto scan = [&](Interrupt* interrupt) {
      return weights_are_good<T>(data.weights, signed_weights, interrupt);
    };
    if (!scanned(data.weights, scan)) return false;
  }
  return !by_class || weigh_by_class<T>(PyTuple_GET_ITEM(object, 1), outputs, data);
}

template bool parse_weights<float>(PyObject*, index_t, bool, GivenData&);
template bool parse_weights<double>(PyObject*, index_t, bool, GivenData&);

bool labels_follow(LabelRule rule, index_t outputs, const Examples& Y) {
  return scanned(Y, [&](Interrupt* interrupt) { return deepnet::labels_follow(rule, outputs, Y, interrupt); });
}

}  // namespace deepnet::bindings
