// NumPy arrays as matrices, and new arrays for results: with NumPy's own calls, since pybind11's array class costs
// more than the arithmetic of a small network.
//
// Nothing is converted here: other arrays are declined (see arguments.h).
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <optional>
#include <type_traits>

#include "bindings/array_memory.h"
#include "deepnet/matrix.h"

namespace deepnet::bindings {

namespace py = pybind11;

template <class T>
constexpr int kTypeNumber =
    std::is_same_v<T, float> ? py::detail::npy_api::NPY_FLOAT_ : py::detail::npy_api::NPY_DOUBLE_;

/// True if this is an ndarray, not a subclass, that is aligned and in native byte order. Its dtype may be any.
inline bool is_directly_usable(PyObject* object) {
  if (Py_TYPE(object) != py::detail::npy_api::get().PyArray_Type_) return false;
  const auto* array = py::detail::array_proxy(object);
  const char order = py::detail::array_descriptor_proxy(array->descr)->byteorder;
  return (array->flags & py::detail::npy_api::NPY_ARRAY_ALIGNED_) && (order == '=' || order == '|');
}

/// Requires is_directly_usable().
inline int type_number(PyObject* array) {
  return py::detail::array_descriptor_proxy(py::detail::array_proxy(array)->descr)->type_num;
}

/// The array as a matrix, if it is directly usable, of T, and has two dimensions and at least one element.
template <class T>
bool view(PyObject* object, Matrix<const T>& out) {
  if (!is_directly_usable(object) || type_number(object) != kTypeNumber<T>) return false;
  const auto* array = py::detail::array_proxy(object);
  if (array->nd != 2 || array->dimensions[0] < 1 || array->dimensions[1] < 1) return false;
  constexpr index_t size = sizeof(T);
  out = {reinterpret_cast<const T*>(array->data), array->dimensions[0], array->dimensions[1], array->strides[0] / size,
         array->strides[1] / size};
  return true;
}

/// The same for an output of this shape: its rows must be contiguous and must not overlap, like those of a network's
/// parameters; a single column must be contiguous.
template <class T>
bool writable_view(PyObject* object, index_t rows, index_t cols, Matrix<T>& out) {
  Matrix<const T> matrix;
  if (!view<T>(object, matrix) || matrix.rows != rows || matrix.cols != cols) return false;
  if (!(py::detail::array_proxy(object)->flags & py::detail::npy_api::NPY_ARRAY_WRITEABLE_)) return false;
  if (cols > 1 && matrix.col != 1) return false;
  if (rows > 1 && (cols == 1 ? matrix.row != 1 : matrix.row < cols)) return false;
  out = {const_cast<T*>(matrix.data), rows, cols, rows > 1 ? matrix.row : cols, 1};
  return true;
}

/// An uninitialised array, as numpy.empty returns it. Throws NumPy's MemoryError.
template <class T>
py::object new_array(int dimensions, const Py_intptr_t* shape) {
  const auto& api = py::detail::npy_api::get();
  size_t bytes = sizeof(T);
  for (int i = 0; i < dimensions; ++i) bytes *= static_cast<size_t>(shape[i]);
  std::optional<LargeArrayMemory> memory;
  if (bytes >= kLargeArray) memory.emplace();
  PyObject* descr = api.PyArray_DescrFromType_(kTypeNumber<T>);
  PyObject* array =
      api.PyArray_NewFromDescr_(api.PyArray_Type_, descr, dimensions, shape, nullptr, nullptr, 0, nullptr);
  if (!array) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(array);
}

template <class T>
T* data_of(const py::object& array) {
  return reinterpret_cast<T*>(py::detail::array_proxy(array.ptr())->data);
}

/// A new rows x cols array, and its memory as a matrix.
template <class T>
py::object new_matrix(index_t rows, index_t cols, Matrix<T>& out) {
  const Py_intptr_t shape[] = {rows, cols};
  py::object array = new_array<T>(2, shape);
  out = row_major(data_of<T>(array), rows, cols);
  return array;
}

}  // namespace deepnet::bindings
