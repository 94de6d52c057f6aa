// deepnet._core, the native half of deepnet. Its functions take positional arguments, and return None for those that
// they cannot use directly (see arguments.h). Only deepnet.backends calls them.
#include <exception>
#include <new>
#include <stdexcept>

#include "bindings/arguments.h"
#include "deepnet/network.h"

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
  return d;
}

/// When memory runs out, Python raises a MemoryError, which pybind11 in places replaces by a runtime_error.
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

PYBIND11_MODULE(_core, m) {
  m.doc() = "The native half of deepnet; use deepnet itself.";
  py::register_local_exception_translator(&translate_lack_of_memory);
  m.def("config", &config);
  m.def("activation_names", [] { return list_of(deepnet::activation_names()); });
  deepnet::bindings::bind_activations(m);
  deepnet::bindings::bind_layers(m);
  deepnet::bindings::bind_models(m);
  deepnet::bindings::bind_network(m);
}
