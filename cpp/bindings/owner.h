// Python objects that own a C++ object. pybind11's py::class_ cannot serve here: where memory runs out while an object
// is made, it (3.1) reads through a null pointer, ends the process by std::terminate, or frees the C++ object twice.
#pragma once

#include <memory>

#include "bindings/arguments.h"

namespace deepnet::bindings {

/// The Python object of a C: `deepnet._core.<name>`, with the methods that def() adds. Python code cannot create one.
template <class C>
class Owner {
 public:
  /// Creates the class; `name` must be a literal.
  static void bind(const char* name) {
    PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(&release)}, {0, nullptr}};
    PyType_Spec spec{name, sizeof(Layout), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
    type_ = checked(PyType_FromSpec(&spec));
  }

  template <class Method, class... Extra>
  static void def(const char* name, Method method, const Extra&... extra) {
    const py::handle type(type_);
    type.attr(name) = py::cpp_function(method, py::name(name), py::is_method(type), extra...);
  }

  static py::object make(std::unique_ptr<C> value) {
    auto* type = reinterpret_cast<PyTypeObject*>(type_);
    auto object = py::reinterpret_steal<py::object>(checked(PyType_GenericAlloc(type, 0)));
    reinterpret_cast<Layout*>(object.ptr())->value = value.release();
    return object;
  }

  /// Null if the object is of another class.
  static C* value_in(PyObject* object) {
    return reinterpret_cast<PyObject*>(Py_TYPE(object)) == type_ ? reinterpret_cast<Layout*>(object)->value : nullptr;
  }

 private:
  struct Layout {
    PyObject_HEAD C* value;
  };

  static void release(PyObject* object) {
    PyTypeObject* type = Py_TYPE(object);
    delete reinterpret_cast<Layout*>(object)->value;
    type->tp_free(object);
    Py_DECREF(type);
  }

  static inline PyObject* type_ = nullptr;  // never freed: objects may outlive the module
};

/// The classes that an Owner holds.
template <class C>
constexpr bool is_owned = false;

}  // namespace deepnet::bindings

/// Passes the C of an Owner to a function that takes C& or, for methods, C*.
template <class C>
struct pybind11::detail::type_caster<C, pybind11::detail::enable_if_t<deepnet::bindings::is_owned<C>>> {
  static constexpr auto name = const_name("object");
  template <class Argument>
  using cast_op_type = pybind11::detail::cast_op_type<Argument>;

  bool load(handle object, bool) {
    value_ = deepnet::bindings::Owner<C>::value_in(object.ptr());
    return value_ != nullptr;
  }
  operator C*() { return value_; }
  operator C&() { return *value_; }

 private:
  C* value_ = nullptr;
};
