// Data sets, which are read in place: dense matrices of several types, and sparse ones. Examples are columns.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <type_traits>

#include "deepnet/matrix.h"

namespace deepnet {
inline namespace v1 {

/// The type of the numbers in a data set.
enum class Element { kF16, kF32, kF64, kU8, kI8, kI32, kI64 };

/// The Element of numbers of type T.
template <class T>
constexpr Element element_of() {
  using S = std::remove_const_t<T>;
  constexpr bool is_integer = std::is_integral_v<S> && std::is_signed_v<S>;
  static_assert(std::is_same_v<S, float> || std::is_same_v<S, double> || std::is_same_v<S, unsigned char> ||
                    (is_integer && (sizeof(S) == 1 || sizeof(S) == 4 || sizeof(S) == 8)),
                "examples are float, double, uint8_t, int8_t, int32_t or int64_t");
  if constexpr (std::is_same_v<S, float>) return Element::kF32;
  if constexpr (std::is_same_v<S, double>) return Element::kF64;
  if constexpr (std::is_same_v<S, unsigned char>) return Element::kU8;
  return sizeof(S) == 1 ? Element::kI8 : sizeof(S) == 4 ? Element::kI32 : Element::kI64;
}

/// The caller's data, which must live as long as the call: number i of example j is at data + i * unit_stride + j *
/// example_stride bytes and is multiplied by `scale`. Strides may be negative or 0. examples() and sparse_examples()
/// make one from typed data.
///
/// Sparse examples have `begins` and `indices` instead of strides: the numbers from begins[j] up to begins[j + 1] in
/// `data`, one after another, are those of example j, for the units in `indices` at the same places; all others are 0.
/// Where the indices of each example increase and the weights are finite, results have the bits of the dense data. X
/// may be sparse, labels and weights may not.
struct Examples {
  const void* data = nullptr;
  Element element = Element::kF32;
  index_t units = 0, count = 0;
  index_t unit_stride = 0, example_stride = 0;
  double scale = 1;
  const int64_t* begins = nullptr;   // null: dense
  const int32_t* indices = nullptr;  // in [0, units)
  /// Whether all but the listed numbers are 0.
  bool is_sparse() const { return begins != nullptr; }
};

/// Dense examples, the columns of X, whose numbers are multiplied by `scale`: 1.0 / 255 for the bytes of images.
template <class T>
Examples examples(Matrix<const T> X, double scale = 1) {
  constexpr index_t size = sizeof(T);
  return {X.data, element_of<T>(), X.rows, X.cols, X.row * size, X.col * size, scale};
}

/// The same for a matrix that may be written to.
template <class T>
Examples examples(Matrix<T> X, double scale = 1) {
  return examples(Matrix<const T>(X), scale);
}

/// The same for a matrix that owns its numbers.
template <class T>
Examples examples(const DenseMatrix<T>& X, double scale = 1) {
  return examples(X.view(), scale);
}

/// Sparse examples with `units` numbers each: those of example j are values[begins[j]] up to values[begins[j + 1]], for
/// the units in `indices` at the same places, which increase. The first of `begins` is 0, the last one the number of
/// values, so this is the CSC format with examples as columns, or CSR with examples as rows. Throws
/// std::invalid_argument if the numbers of values and indices differ, or end elsewhere than `begins`.
template <class T>
Examples sparse_examples(index_t units, std::span<const int64_t> begins, std::span<const int32_t> indices,
                         std::span<const T> values) {
  if (begins.empty()) throw std::invalid_argument("begins is empty, but must start with 0");
  if (indices.size() != values.size() || begins.back() != int64_t(values.size()))
    throw std::invalid_argument("indices, values and the last of begins must be equally many");
  Examples X{values.data(), element_of<T>(), units, index_t(begins.size()) - 1};
  X.begins = begins.data();
  X.indices = indices.data();
  return X;
}

}  // namespace v1
}  // namespace deepnet
