#include "bindings/arguments.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace deepnet::bindings {

void WithoutGil::take_gil_back() noexcept {
  // When the interpreter ends under a daemon thread, Python before 3.14 ends that thread here, by unwinding it. Nothing
  // of ours may be unwound without the GIL, so the thread stops where it stands, as from 3.14 on.
  try {
    PyEval_RestoreThread(state_);
  } catch (...) {
    for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
  }
}

bool WithoutGil::requested() {
  // One clock for all calls of a thread: a series of short calls must not postpone the check forever.
  using Clock = std::chrono::steady_clock;
  static thread_local Clock::time_point last{};
  const auto now = Clock::now();
  if (now - last < std::chrono::milliseconds(50)) return false;
  last = now;
  return requested_now();
}

bool WithoutGil::requested_now() {
  return call([] { return PyErr_CheckSignals() != 0; });
}

py::object item(PyObject* dict, PyObject* key) {
#if PY_VERSION_HEX >= 0x030D0000
  PyObject* value = nullptr;
  if (PyDict_GetItemRef(dict, key, &value) < 0) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(value);
#else  // no other thread runs here, before the reference is taken
  PyObject* value = PyDict_GetItemWithError(dict, key);
  if (!value && PyErr_Occurred()) throw py::error_already_set();
  return py::reinterpret_borrow<py::object>(value);
#endif
}

PyObject* key(Prefix prefix, size_t layer) {
  static constexpr std::array names = {"W", "b", "dW", "db", "dA"};
  // Row r has the names of 2^r layers, from number 2^r - 1 on. Several threads may make a row: the first one's stays,
  // until the process ends.
  using Row = std::atomic<PyObject**>;
  static std::array<std::array<Row, 64>, names.size()> rows;
  const auto r = static_cast<size_t>(std::bit_width(layer + 1)) - 1;
  const size_t count = size_t{1} << r, first = count - 1;
  Row& row = rows[static_cast<size_t>(prefix)][r];
  PyObject** known = row.load(std::memory_order_acquire);
  if (!known) {
    auto made = std::make_unique<PyObject*[]>(count);
    for (size_t i = 0; i < count; ++i) {
      made[i] = checked(PyUnicode_FromFormat("%s%zu", names[static_cast<size_t>(prefix)], first + i));
      PyUnicode_InternInPlace(&made[i]);
    }
    if (row.compare_exchange_strong(known, made.get(), std::memory_order_acq_rel)) known = made.release();
  }
  return known[layer - first];
}

namespace {

std::vector<PyObject*> interned_activation_names;
PyObject* activation_attribute;

}  // namespace

void make_names() {
  if (!interned_activation_names.empty()) return;  // the module is loaded again
  for (const std::string_view name : activation_names())
    interned_activation_names.push_back(checked(PyUnicode_InternFromString(std::string(name).c_str())));
  activation_attribute = checked(PyUnicode_InternFromString("activation"));
}

py::list list_of(const std::vector<std::string_view>& names) {
  py::list list;
  for (const std::string_view name : names) list.append(py::str(name.data(), name.size()));
  return list;
}

std::optional<std::string_view> text(PyObject* object) {
  if (!PyUnicode_CheckExact(object)) return std::nullopt;
  Py_ssize_t size = 0;
  const char* data = PyUnicode_AsUTF8AndSize(object, &size);
  if (!data) {
    PyErr_Clear();
    return std::nullopt;
  }
  return std::string_view(data, static_cast<size_t>(size));
}

std::optional<ActivationId> parse_activation(PyObject* name) {
  const std::vector<PyObject*>& known = interned_activation_names;
  for (size_t i = 0; i < known.size(); ++i)  // nearly always the same object, since literals are interned
    if (known[i] == name) return static_cast<ActivationId>(i);
  const auto string = text(name);
  if (!string) return std::nullopt;
  const ActivationId id = find_activation(*string);
  return id < 0 ? std::nullopt : std::optional(id);
}

bool columns_are_last(const std::vector<ActivationId>& ids) {
  return std::none_of(ids.begin(), ids.end() - 1, takes_whole_columns);
}

bool parse_activations(PyObject* activations, PyObject* output, size_t layers, std::vector<ActivationId>& out) {
  out.clear();
  if (const auto hidden = parse_activation(activations)) {
    static const ActivationId sigmoid = find_activation("sigmoid");
    const auto last = output == Py_None ? std::optional(sigmoid) : parse_activation(output);
    if (!last) return false;
    out.assign(layers, *hidden);
    out.back() = *last;
    return !takes_whole_columns(*hidden);
  }
  if (output != Py_None || !(PyTuple_CheckExact(activations) || PyList_CheckExact(activations))) return false;
  const auto names = py::reinterpret_steal<py::object>(checked(PySequence_Tuple(activations)));  // a list may change
  if (static_cast<size_t>(PyTuple_GET_SIZE(names.ptr())) != layers) return false;
  for (size_t l = 0; l < layers; ++l) {
    const auto id = parse_activation(PyTuple_GET_ITEM(names.ptr(), static_cast<Py_ssize_t>(l)));
    if (!id) return false;
    out.push_back(*id);
  }
  return columns_are_last(out);
}

PyObject* activation_name(ActivationId id) { return interned_activation_names[static_cast<size_t>(id)]; }

namespace {

/// Not a plain static: importing may let another thread run, which would wait for the static while it holds the GIL.
PyTypeObject* layer_cache_type() {
  PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<py::object> type;
  const py::object& stored = type.call_once_and_store_result([] {
                                   return py::object(py::module_::import("deepnet.caches").attr("LayerCache"));
                                 })
                                 .get_stored();
  return reinterpret_cast<PyTypeObject*>(stored.ptr());
}

/// The class of net.parameters: a dict that reads as any other.
PyTypeObject* network_parameters_type() {
  PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<py::object> type;
  const py::object& stored =
      type.call_once_and_store_result(
              [] { return py::object(py::module_::import("deepnet.network.parameters").attr("NetworkParameters")); })
          .get_stored();
  return reinterpret_cast<PyTypeObject*>(stored.ptr());
}

/// The scalars of NumPy that are real numbers, as a tuple of types.
PyObject* numpy_number_types() {
  PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<py::tuple> types;
  return types
      .call_once_and_store_result([] {
        const auto numpy = py::module_::import("numpy");
        return py::make_tuple(numpy.attr("floating"), numpy.attr("integer"));
      })
      .get_stored()
      .ptr();
}

}  // namespace

std::optional<double> real_number(PyObject* object) {
  if (PyFloat_Check(object)) return PyFloat_AS_DOUBLE(object);
  if (is_directly_usable(object)) {
    const auto* array = py::detail::array_proxy(object);
    const char kind = py::detail::array_descriptor_proxy(array->descr)->kind;
    if (array->nd != 0 || (kind != 'f' && kind != 'i' && kind != 'u')) return std::nullopt;
  } else if (PyBool_Check(object) ||
             !(PyLong_Check(object) || PyObject_IsInstance(object, numpy_number_types()) == 1)) {
    return std::nullopt;
  }
  const double number = PyFloat_AsDouble(object);
  if (number == -1 && PyErr_Occurred()) {  // an int too large, which the check names
    PyErr_Clear();
    return std::nullopt;
  }
  return number;
}

bool is_parameter_dict(PyObject* object) {
  return PyDict_CheckExact(object) || (PyDict_Check(object) && Py_TYPE(object) == network_parameters_type());
}

py::object new_layer_cache(PyObject* A_prev, PyObject* W, PyObject* b, PyObject* Z, ActivationId activation) {
  PyTypeObject* type = layer_cache_type();
  // What tuple.__new__ does, without the tuple in between.
  auto cache = py::reinterpret_steal<py::object>(checked(type->tp_alloc(type, 2)));
  PyTuple_SET_ITEM(cache.ptr(), 0, checked(PyTuple_Pack(3, A_prev, W, b)));
  PyTuple_SET_ITEM(cache.ptr(), 1, Py_NewRef(Z));
  if (PyObject_SetAttr(cache.ptr(), activation_attribute, activation_name(activation)) != 0)
    throw py::error_already_set();
  return cache;
}

bool parse_cache(PyObject* cache, CacheParts& out) {
  if (!(PyTuple_CheckExact(cache) || Py_TYPE(cache) == layer_cache_type()) || PyTuple_GET_SIZE(cache) != 2)
    return false;
  PyObject* linear = PyTuple_GET_ITEM(cache, 0);
  if (!PyTuple_CheckExact(linear) || PyTuple_GET_SIZE(linear) != 3) return false;
  out = {PyTuple_GET_ITEM(linear, 0), PyTuple_GET_ITEM(linear, 1), PyTuple_GET_ITEM(linear, 2),
         PyTuple_GET_ITEM(cache, 1)};
  return true;
}

bool remembered_activation(PyObject* cache, ActivationId& out) {
  if (Py_TYPE(cache) != layer_cache_type()) return true;
  const auto name = py::reinterpret_steal<py::object>(checked(PyObject_GetAttr(cache, activation_attribute)));
  if (name.is_none()) return true;
  const auto id = parse_activation(name.ptr());
  if (id) out = *id;
  return id.has_value();
}

Range range_of(PyObject* object) {
  const auto* array = py::detail::array_proxy(object);
  const char* begin = array->data;
  const char* end = begin + py::reinterpret_borrow<py::array>(object).itemsize();
  for (int i = 0; i < array->nd; ++i) {
    const Py_intptr_t span = (array->dimensions[i] - 1) * array->strides[i];
    (span < 0 ? begin : end) += span;
  }
  return {begin, end};
}

bool overlap(const std::vector<Range>& outputs, const std::vector<Range>& inputs) {
  const auto meet = [](const Range& a, const Range& b) { return a.begin < b.end && b.begin < a.end; };
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (std::any_of(inputs.begin(), inputs.end(), [&](const Range& input) { return meet(outputs[i], input); }))
      return true;
    for (size_t j = 0; j < i; ++j)
      if (meet(outputs[i], outputs[j])) return true;
  }
  return false;
}

}  // namespace deepnet::bindings
