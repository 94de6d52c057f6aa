#include "bindings/examples.h"

#include <cmath>
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

/// Half precision as a double; what a label can be.
double number_of(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const double fraction = bits & 1023, sign = bits & 0x8000 ? -1 : 1;
  if (exponent == 31) return fraction ? std::nan("") : sign * HUGE_VAL;
  return sign * (exponent ? std::ldexp(1024 + fraction, exponent - 25) : std::ldexp(fraction, -24));
}
template <class S>
double number_of(S x) {
  return double(x);
}

/// Whether every column of Y, its numbers handed over one by one, is good.
template <class S, class Column>
bool each_column(const Examples& Y, Column column) {
  for (index_t j = 0; j < Y.count; ++j) {
    const char* at = static_cast<const char*>(Y.data) + j * Y.example_stride;
    if (!column([&](index_t i) {
          S y;
          std::memcpy(&y, at + i * Y.unit_stride, sizeof y);
          return number_of(y);
        }))
      return false;
  }
  return true;
}

template <class Column>
bool all_columns(const Examples& Y, Column column) {
  switch (Y.element) {
    case Element::kF16: return each_column<uint16_t>(Y, column);
    case Element::kF32: return each_column<float>(Y, column);
    case Element::kF64: return each_column<double>(Y, column);
    case Element::kU8: return each_column<uint8_t>(Y, column);
    case Element::kI8: return each_column<int8_t>(Y, column);
    case Element::kI32: return each_column<int32_t>(Y, column);
    case Element::kI64: return each_column<int64_t>(Y, column);
  }
  return false;
}

}  // namespace

bool parse_inputs(PyObject* array, index_t units, double scale, Examples& out) {
  out.scale = scale;
  return parse(array, units, false, out);
}

bool parse_targets(PyObject* array, index_t units, index_t count, Examples& out) {
  return parse(array, units, true, out) && out.count == count;
}

bool labels_fit(LossId loss, index_t outputs, const Examples& Y) {
  const std::string_view activation = loss_activation(loss);
  if (loss_takes_classes(loss))
    return all_columns(Y,
                       [outputs](auto y) { return y(0) >= 0 && y(0) < double(outputs) && y(0) == std::floor(y(0)); });
  if (activation != "sigmoid" && activation != "softmax") return true;
  const bool shares = activation == "softmax";
  return all_columns(Y, [&](auto y) {
    double sum = 0;
    for (index_t i = 0; i < Y.units; ++i) {
      if (!(y(i) >= 0 && y(i) <= 1)) return false;
      sum += y(i);
    }
    return !shares || std::abs(sum - 1) <= 1e-3;
  });
}

}  // namespace deepnet::bindings
