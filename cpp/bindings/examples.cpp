#include "bindings/examples.h"

#include <cstring>

namespace deepnet::bindings {

namespace {

/// Half precision is number 23 of NumPy's types, which pybind11 does not name.
constexpr int kHalf = 23;

/// An ndarray itself in native byte order; it may be misaligned, since every number is copied before it is used.
bool parse(PyObject* object, index_t units, bool integers, Examples& out) {
  using Numpy = py::detail::npy_api::constants;
  if (Py_TYPE(object) != py::detail::npy_api::get().PyArray_Type_) return false;
  const auto* array = py::detail::array_proxy(object);
  const char order = py::detail::array_descriptor_proxy(array->descr)->byteorder;
  if (order != '=' && order != '|') return false;
  switch (type_number(object)) {
    case kHalf: out.element = Element::kF16; break;
    case Numpy::NPY_FLOAT_: out.element = Element::kF32; break;
    case Numpy::NPY_DOUBLE_: out.element = Element::kF64; break;
    case Numpy::NPY_UBYTE_: out.element = Element::kU8; break;
    case Numpy::NPY_BOOL_: out.element = Element::kU8; break;
    case Numpy::NPY_BYTE_: out.element = Element::kI8; break;
    case Numpy::NPY_INT_: out.element = Element::kI32; break;
    case Numpy::NPY_LONG_: out.element = sizeof(long) == 8 ? Element::kI64 : Element::kI32; break;
    case Numpy::NPY_LONGLONG_: out.element = Element::kI64; break;
    default: return false;
  }
  const int type = type_number(object);
  if (!integers && (out.element > Element::kU8 || type == Numpy::NPY_BOOL_)) return false;
  const bool one_row = array->nd == 1 && units == 1 && integers;
  if (!one_row && array->nd != 2) return false;
  out.data = array->data;
  out.units = one_row ? 1 : array->dimensions[0];
  out.count = array->dimensions[one_row ? 0 : 1];
  out.unit_stride = one_row ? 0 : array->strides[0];
  out.example_stride = array->strides[one_row ? 0 : 1];
  return out.units == units && out.count > 0;
}

template <class S>
bool within(const Examples& Y) {
  bool good = true;
  for (index_t i = 0; i < Y.units; ++i)
    for (index_t j = 0; j < Y.count; ++j) {
      S y;
      std::memcpy(&y, static_cast<const char*>(Y.data) + i * Y.unit_stride + j * Y.example_stride, sizeof y);
      good &= y >= S(0) && y <= S(1);
    }
  return good;
}

}  // namespace

bool parse_inputs(PyObject* array, index_t units, double scale, Examples& out) {
  out.scale = scale;
  return parse(array, units, false, out);
}

bool parse_targets(PyObject* array, index_t units, index_t count, Examples& out) {
  return parse(array, units, true, out) && out.count == count;
}

bool within_unit_interval(const Examples& Y) {
  switch (Y.element) {
    case Element::kF16: {
      bool good = true;  // the bits of 0 to 1 are ordered, and those of -0 stand alone
      for (index_t i = 0; i < Y.units; ++i)
        for (index_t j = 0; j < Y.count; ++j) {
          uint16_t bits;
          std::memcpy(&bits, static_cast<const char*>(Y.data) + i * Y.unit_stride + j * Y.example_stride, sizeof bits);
          good &= bits <= 0x3c00 || bits == 0x8000;
        }
      return good;
    }
    case Element::kF32: return within<float>(Y);
    case Element::kF64: return within<double>(Y);
    case Element::kU8: return within<uint8_t>(Y);
    case Element::kI8: return within<int8_t>(Y);
    case Element::kI32: return within<int32_t>(Y);
    case Element::kI64: return within<int64_t>(Y);
  }
  return false;
}

}  // namespace deepnet::bindings
