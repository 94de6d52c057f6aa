// A sparse matrix times a dense one: both products of the first layer where the examples are sparse.
//
// Units lie along the vectors, and each number that is not 0 is one multiply-add for a vector of them. Every element is
// a chain in the order of the numbers: that of gemm.h without the zeros, which would not change a sum, so it has the
// same bits.
#pragma once

#include "kernels/dropout.h"
#include "kernels/kernels.h"
#include "simd/vec.h"

namespace deepnet::DEEPNET_ISA {

/// NV vectors of all rows of `out`, or fewer where no more are left.
template <class T, int NV>
void sparse_columns(const SparseProduct<T>& f, index_t column) {
  constexpr index_t lanes = kLanes<T>;
  if constexpr (NV > 1)
    if (f.columns - column <= (NV - 1) * lanes) return sparse_columns<T, NV - 1>(f, column);
  const T* a = f.a + column;
  for (index_t i = 0; i < f.rows; ++i) {
    Vec<T> sums[NV] = {};
    if (f.start)
      for (int j = 0; j < NV; ++j) sums[j] = load(f.start + i * f.start_row + column + j * lanes);
    for (index_t p = f.begins[i], end = f.begins[i + 1]; p < end; ++p) {
      const T* a_p = a + index_t(f.index[p]) * f.a_row;
      const Vec<T> x = broadcast(f.value[p]);
      for (int j = 0; j < NV; ++j) sums[j] = fma(x, load(a_p + j * lanes), sums[j]);
    }
    for (int j = 0; j < NV; ++j) store(f.out + i * f.out_row + column + j * lanes, sums[j]);
  }
}

template <class T>
void sparse_product(const SparseProduct<T>& f) {
  constexpr int most = 8;  // enough chains to hide the latency of the multiply-add
  assert(f.rows >= 0 && f.columns >= 0);
  for (index_t column = 0; column < f.columns; column += most * kLanes<T>) sparse_columns<T, most>(f, column);
}

/// Dropout of the numbers of one example, with the bits of dropout().
template <class T>
void sparse_dropout(const SparseDropout<T>& f) {
  const uint32_t low = uint32_t(f.stream), high = uint32_t(f.stream >> 32);
  const uint32_t first = uint32_t(f.example) * uint32_t(f.units);
  for (index_t p = 0; p < f.count; ++p) {
    const bool kept = mixed<uint32_t>((first + f.index[p]) * 0x9e3779b9u + low, high) < f.threshold;
    f.value[p] = kept ? f.value[p] * f.scale : T(0);
  }
}

}  // namespace deepnet::DEEPNET_ISA
