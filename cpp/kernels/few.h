// A product with few columns: one example, or two to four, where panels would be nearly empty.
//
// Units lie along the vectors. W is read along its rows, as many rows at a time as a vector has lanes, and each square
// is transposed in registers, which dominates the cost (a third of a cycle per weight with AVX-512). Each result is the
// same chain of multiply-adds in the order of k as in gemm.h, so it has the same bits.
#pragma once

#include "kernels/kernels.h"
#include "simd/transpose.h"

namespace deepnet::DEEPNET_ISA {

/// Adds the products of `lanes` units from `first` on and kExamples examples to `sums`; `of_a`: what is done to each
/// vector of a before.
template <class T, int kExamples, class OfA>
DEEPNET_INLINE void few_units(const FewColumns<T>& f, index_t first, OfA of_a, Vec<T> (&sums)[kExamples]) {
  constexpr index_t lanes = kLanes<T>;
  const index_t rows = f.m - first;
  const T* a = f.a + first * f.a_row;
  for (index_t p = 0; p < f.k; p += lanes) {
    Vec<T> tile[lanes];
    if (rows >= lanes) {
      for (index_t r = 0; r < lanes; ++r) tile[r] = of_a(load(a + r * f.a_row + p));
    } else {
      for (index_t r = 0; r < lanes; ++r) tile[r] = r < rows ? of_a(load(a + r * f.a_row + p)) : Vec<T>{};
    }
    transpose<T>(tile);
    const index_t steps = f.k - p;
    for (index_t s = 0; s < lanes; ++s)
      if (s < steps)
        for (int e = 0; e < kExamples; ++e) sums[e] = fma(broadcast(f.x[e * f.x_row + p + s]), tile[s], sums[e]);
  }
}

template <class T, int kExamples>
void few_columns_of(const FewColumns<T>& f) {
  for (index_t first = 0; first < f.m; first += kLanes<T>) {
    const Vec<T> bias = load(f.bias + first);
    Vec<T> sums[kExamples];
    for (int e = 0; e < kExamples; ++e) sums[e] = bias;
    few_units<T>(f, first, [](Vec<T> v) { return v; }, sums);
    for (int e = 0; e < kExamples; ++e) store(f.z + e * f.z_row + first, sums[e]);
  }
}

template <class T>
void few_columns(const FewColumns<T>& f) {
  static_assert(kFewColumns == 4, "one case for each number of columns");
  assert(0 < f.n && f.n <= kFewColumns && f.bias);
  switch (f.n) {
    case 1: return few_columns_of<T, 1>(f);
    case 2: return few_columns_of<T, 2>(f);
    case 3: return few_columns_of<T, 3>(f);
    default: return few_columns_of<T, 4>(f);
  }
}

}  // namespace deepnet::DEEPNET_ISA
