// Activations of arrays with any number of dimensions.
#include "bindings/arguments.h"

namespace deepnet::bindings {

namespace {

/// Two dimensions as a matrix, one as a row with any stride, others as one row if they are C-contiguous.
template <class T>
bool elements(PyObject* object, Matrix<const T>& out) {
  if (view<T>(object, out)) return true;
  if (!is_directly_usable(object) || type_number(object) != kTypeNumber<T>) return false;
  const auto* array = py::detail::array_proxy(object);
  if (array->nd == 2) return false;
  if (array->nd == 1) {
    out = {reinterpret_cast<const T*>(array->data), 1, array->dimensions[0], 0,
           array->strides[0] / static_cast<index_t>(sizeof(T))};
    return out.cols > 0;
  }
  if (!(array->flags & py::detail::npy_api::NPY_ARRAY_C_CONTIGUOUS_)) return false;
  index_t count = 1;
  for (int i = 0; i < array->nd; ++i) count *= array->dimensions[i];
  out = row_major(reinterpret_cast<const T*>(array->data), 1, count);
  return count > 0;
}

bool same_shape(PyObject* a, PyObject* b) {
  const auto *x = py::detail::array_proxy(a), *y = py::detail::array_proxy(b);
  return x->nd == y->nd && std::equal(x->dimensions, x->dimensions + x->nd, y->dimensions);
}

template <class T>
py::object new_like(PyObject* object, const Matrix<const T>& shape, Matrix<T>& out) {
  const auto* array = py::detail::array_proxy(object);
  py::object result = new_array<T>(array->nd, array->dimensions);
  out = row_major(data_of<T>(result), shape.rows, shape.cols);
  return result;
}

py::object forward(const py::object& Z, const py::object& name) {
  const auto activation = parse_activation(name.ptr());
  if (!activation) return py::none();
  return with_dtype(Z.ptr(), [&]<class T>(T) -> py::object {
    Matrix<const T> z;
    Matrix<T> a;
    if (!elements(Z.ptr(), z)) return py::none();
    py::object A = new_like<T>(Z.ptr(), z, a);
    without_gil([&](Interrupt* interrupt) { activation_forward<T>(*activation, z, a, interrupt); });
    return A;
  });
}

py::object backward(const py::object& dA, const py::object& Z, const py::object& name) {
  const auto activation = parse_activation(name.ptr());
  if (!activation) return py::none();
  return with_dtype(Z.ptr(), [&]<class T>(T) -> py::object {
    Matrix<const T> d_a, z;
    Matrix<T> d_z;
    if (!elements(dA.ptr(), d_a) || !elements(Z.ptr(), z) || !same_shape(dA.ptr(), Z.ptr())) return py::none();
    py::object dZ = new_like<T>(Z.ptr(), z, d_z);
    without_gil([&](Interrupt* interrupt) { activation_backward<T>(*activation, d_a, z, d_z, interrupt); });
    return dZ;
  });
}

}  // namespace

void bind_activations(py::module_& m) {
  m.def("activation_forward", &forward);
  m.def("activation_backward", &backward);
}

}  // namespace deepnet::bindings
