// The checks of the native functions' arguments.
//
// The functions take arguments that they can use directly (arrays of one float dtype, shapes that chain, complete
// dicts) and return None for all others. deepnet._validation then raises an error, or converts the arguments and calls
// again. So a valid call pays for one check, here, and every error message is written once, in Python.
#pragma once

#include <exception>
#include <optional>
#include <string_view>
#include <vector>

#include "bindings/numpy_view.h"
#include "nn/course.h"

namespace deepnet::bindings {

/// Releases the GIL while it lives. As an Interrupt, it checks for Ctrl-C, at most every 50 ms since that takes the
/// GIL.
class WithoutGil final : public Interrupt {
 public:
  WithoutGil() : state_(PyEval_SaveThread()) {}
  bool requested() override;
  bool requested_now() override;
  void take_gil_back() noexcept;
  /// Runs `work`, which uses Python, in the middle of the native call.
  template <class Work>
  auto call(Work work) {
    take_gil_back();
    const struct Released {
      PyThreadState*& state;
      ~Released() { state = PyEval_SaveThread(); }
    } released{state_};
    return work();
  }

 private:
  PyThreadState* state_;
};

/// Runs `work` without the GIL. Ctrl-C raises the KeyboardInterrupt that Python has set.
template <class Work>
void without_gil(Work work) {
  WithoutGil interrupt;
  std::exception_ptr failure;
  bool interrupted = false;
  try {
    work(&interrupt);
  } catch (const Interrupted&) {
    interrupted = true;
  } catch (...) {
    failure = std::current_exception();
  }
  interrupt.take_gil_back();
  if (interrupted) throw py::error_already_set();
  if (failure) std::rethrow_exception(failure);
}

/// A new reference that Python returned; throws Python's error, such as MemoryError, if it is null.
inline PyObject* checked(PyObject* object) {
  if (!object) throw py::error_already_set();
  return object;
}

/// A value of a dict, or null. The reference is its own: another thread may remove the value from the dict meanwhile.
py::object item(PyObject* dict, PyObject* key);

/// A key of the course's dicts, interned: "W" and 3 give "W3".
enum class Prefix { W, b, dW, db, dA };
PyObject* key(Prefix prefix, size_t layer);

/// Which activation each of `layers` layers has: one name for the hidden ones plus an output, or a sequence of names.
bool parse_activations(PyObject* activations, PyObject* output, size_t layers, std::vector<ActivationId>& out);
/// The text of a str; nothing for other types.
std::optional<std::string_view> text(PyObject* object);

/// Accepts real numbers of Python and NumPy and 0-dimensional arrays of them, but not bool.
std::optional<double> real_number(PyObject* object);
/// True if all but the last work element by element.
bool columns_are_last(const std::vector<ActivationId>& ids);
std::optional<ActivationId> parse_activation(PyObject* name);
/// The name as an interned str (borrowed).
PyObject* activation_name(ActivationId id);

/// deepnet.caches.LayerCache(((A_prev, W, b), Z)), with its activation.
py::object new_layer_cache(PyObject* A_prev, PyObject* W, PyObject* b, PyObject* Z, ActivationId activation);

/// A dict, or the mapping that a network's parameters are. Other subclasses may answer differently from what they hold.
bool is_parameter_dict(PyObject* object);

/// The parts of a cache, as borrowed references. Only tuples and LayerCache itself, since a subclass may differ.
struct CacheParts {
  PyObject *A_prev, *W, *b, *Z;
};
bool parse_cache(PyObject* cache, CacheParts& out);
/// Sets the activation that a LayerCache holds; leaves `out` for a tuple. False: the name is unknown.
bool remembered_activation(PyObject* cache, ActivationId& out);

/// True if any of `outputs` shares memory with another or with one of `inputs`, by their address ranges.
struct Range {
  const void *begin, *end;
};
Range range_of(PyObject* array);
bool overlap(const std::vector<Range>& outputs, const std::vector<Range>& inputs);

/// Calls body(float{}) or body(double{}) by the dtype of a directly usable array; None if it is neither.
template <class Body>
py::object with_dtype(PyObject* array, Body body) {
  if (!is_directly_usable(array)) return py::none();
  if (type_number(array) == kTypeNumber<float>) return body(float{});
  if (type_number(array) == kTypeNumber<double>) return body(double{});
  return py::none();
}

/// Names as a list of str.
py::list list_of(const std::vector<std::string_view>& names);

/// Makes the names that the functions above use. A static of a function would not do: the thread that makes it may wait
/// for others, which wait for the static.
void make_names();
void bind_activations(py::module_& m);
void bind_layers(py::module_& m);
void bind_models(py::module_& m);
void bind_network(py::module_& m);

}  // namespace deepnet::bindings
