// deepnet._core, the native half of deepnet. Its functions take positional arguments, and return None for those that
// they cannot use directly (see arguments.h). Only deepnet.backends calls them.
#include <exception>
#include <new>
#include <span>
#include <stdexcept>

#include "bindings/arguments.h"
#include "bindings/numpy_view.h"
#include "deepnet/config.h"
#include "nn/engine.h"
#include "runtime/random.h"

namespace py = pybind11;

namespace {

using deepnet::bindings::list_of;

py::dict config() {
  const deepnet::Config c = deepnet::config();
  py::dict d;
  d["version"] = py::str(c.version.data(), c.version.size());
  d["compiler"] = py::str(c.compiler.data(), c.compiler.size());
  d["isas_built"] = list_of(c.isas_built);
  d["isas_supported"] = list_of(c.isas_supported);
  d["isa"] = py::str(c.isa.data(), c.isa.size());
  d["threads"] = c.threads;
  d["bfloat16"] = py::str(c.bfloat16.data(), c.bfloat16.size());
  d["bfloat16_built"] = list_of(c.bfloat16_built);
  d["bfloat16_supported"] = list_of(c.bfloat16_supported);
  return d;
}

/// What a capsule of one of NumPy's bit generators holds (bitgen_t of numpy/random/bitgen.h).
struct BitGenerator {
  void* state;
  uint64_t (*next_uint64)(void* state);
  uint32_t (*next_uint32)(void* state);
  double (*next_double)(void* state);
  uint64_t (*next_raw)(void* state);
};

/// The caller holds the generator's lock, which NumPy itself holds while it draws without the GIL.
py::object shuffle_as_numpy(py::handle generator, py::handle order) {
  using Api = py::detail::npy_api;
  constexpr int wanted = Api::NPY_ARRAY_C_CONTIGUOUS_ | Api::NPY_ARRAY_WRITEABLE_;
  if (!PyCapsule_IsValid(generator.ptr(), "BitGenerator")) return py::none();
  if (!deepnet::bindings::is_directly_usable(order.ptr())) return py::none();
  const auto* array = py::detail::array_proxy(order.ptr());
  if (deepnet::bindings::type_number(order.ptr()) != Api::NPY_UINT_ || array->nd != 1) return py::none();
  if ((array->flags & wanted) != wanted || array->dimensions[0] > Py_ssize_t{UINT32_MAX}) return py::none();
  const auto* bits = static_cast<const BitGenerator*>(PyCapsule_GetPointer(generator.ptr(), "BitGenerator"));
  const std::span places(reinterpret_cast<uint32_t*>(array->data), static_cast<size_t>(array->dimensions[0]));
  deepnet::bindings::without_gil([&](deepnet::Interrupt* interrupt) {
    deepnet::shuffle_as_numpy(
        places, [bits] { return bits->next_uint32(bits->state); },
        [interrupt] {
          if (interrupt->requested()) throw deepnet::Interrupted{};
        });
  });
  return py::bool_(true);
}

/// When memory runs out, Python raises a MemoryError, which pybind11 in places replaces by a runtime_error.
// NOLINTNEXTLINE(performance-unnecessary-value-param): the type of function that pybind11 takes
void translate_lack_of_memory(std::exception_ptr thrown) {
  try {
    if (thrown) std::rethrow_exception(thrown);
  } catch (const std::bad_alloc&) {
    PyErr_SetString(PyExc_MemoryError, "deepnet could not allocate the memory for this call");
  } catch (const std::runtime_error&) {
    if (!PyErr_Occurred() || !PyErr_ExceptionMatches(PyExc_MemoryError)) throw;
  }
}

}  // namespace

PYBIND11_MODULE(_core, m, py::mod_gil_not_used()) {
  m.doc() = "The native half of deepnet; use deepnet itself.";
  py::register_local_exception_translator(&translate_lack_of_memory);
  deepnet::bindings::make_names();
  deepnet::bindings::find_handler_function();
  m.def("config", &config);
  m.def("shuffle_as_numpy", &shuffle_as_numpy);
  m.def("activation_names", [] { return list_of(deepnet::activation_names()); });
  deepnet::bindings::bind_activations(m);
  deepnet::bindings::bind_layers(m);
  deepnet::bindings::bind_models(m);
  deepnet::bindings::bind_network(m);
}
