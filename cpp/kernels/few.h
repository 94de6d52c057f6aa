// A product with few columns: one example, or two to four, where panels would be nearly empty.
//
// Units lie along the vectors. W is read along its rows, as many rows at a time as a vector has lanes, and each square
// is transposed in registers, which dominates the cost (a third of a cycle per weight with AVX-512). Each result is the
// same chain of multiply-adds in the order of k as in gemm.h, so it has the same bits.
#pragma once

#include "kernels/kernels.h"
#include "simd/transpose.h"

namespace deepnet::DEEPNET_ISA {

/// Adds the products of `lanes` units from `first` on with as many inputs from p on of kExamples examples to `sums`;
/// `of_a`: what is done to each vector of a before.
template <class T, int kExamples, class OfA>
DEEPNET_INLINE void few_inputs(const FewColumns<T>& f, index_t first, index_t p, OfA of_a, Vec<T> (&sums)[kExamples]) {
  constexpr index_t lanes = kLanes<T>;
  const index_t rows = f.m - first, steps = f.k - p;
  const T* a = f.a + first * f.a_row + p;
  Vec<T> tile[lanes];
  if (rows >= lanes) {
    for (index_t r = 0; r < lanes; ++r) tile[r] = of_a(load(a + r * f.a_row));
  } else {
    for (index_t r = 0; r < lanes; ++r) tile[r] = r < rows ? of_a(load(a + r * f.a_row)) : Vec<T>{};
  }
  transpose<T>(tile);
  const auto add = [&](index_t s) {
    for (int e = 0; e < kExamples; ++e) sums[e] = fma(broadcast(f.x[e * f.x_row + p + s]), tile[s], sums[e]);
  };
  if (steps >= lanes) {
    for (index_t s = 0; s < lanes; ++s) add(s);
  } else {
    for (index_t s = 0; s < lanes; ++s)
      if (s < steps) add(s);
  }
}

/// Adds the products of `lanes` units from `first` on and kExamples examples to `sums`.
template <class T, int kExamples, class OfA>
DEEPNET_INLINE void few_units(const FewColumns<T>& f, index_t first, OfA of_a, Vec<T> (&sums)[kExamples]) {
  for (index_t p = 0; p < f.k; p += kLanes<T>) few_inputs<T>(f, first, p, of_a, sums);
}

template <class T, int kExamples>
void few_columns_of(const FewColumns<T>& f) {
  constexpr index_t lanes = kLanes<T>;
  constexpr auto as_it_is = [](Vec<T> v) { return v; };
  const auto begin = [&](index_t first, Vec<T>(&sums)[kExamples]) {
    for (int e = 0; e < kExamples; ++e) sums[e] = load(f.bias + first);
  };
  const auto end = [&](index_t first, const Vec<T>(&sums)[kExamples]) {
    for (int e = 0; e < kExamples; ++e) store(f.z + e * f.z_row + first, sums[e]);
  };
  index_t first = 0;
  if constexpr (kVectorBytes == 32) {
    // Each multiply-add waits for the one before, which takes longer with AVX2 than transposing. Two chains overlap.
    for (; first + lanes < f.m; first += 2 * lanes) {
      Vec<T> sums[kExamples], next[kExamples];
      begin(first, sums);
      begin(first + lanes, next);
      for (index_t p = 0; p < f.k; p += lanes) {
        few_inputs<T>(f, first, p, as_it_is, sums);
        few_inputs<T>(f, first + lanes, p, as_it_is, next);
      }
      end(first, sums);
      end(first + lanes, next);
    }
  }
  for (; first < f.m; first += lanes) {
    Vec<T> sums[kExamples];
    begin(first, sums);
    few_units<T>(f, first, as_it_is, sums);
    end(first, sums);
  }
}

/// kVectors vectors of units from number `first` on, read from panels.
template <class T, int kExamples, int kVectors>
DEEPNET_INLINE void few_vectors_of_panels(const FewColumns<T>& f, index_t first) {
  constexpr index_t lanes = kLanes<T>, width = kPanel<T>;
  const T* weights[kVectors];
  Vec<T> sums[kExamples][kVectors];
  for (int v = 0; v < kVectors; ++v) {
    const index_t unit = first + v * lanes;
    weights[v] = f.panels + unit / width * width * f.k + unit % width;
    for (int e = 0; e < kExamples; ++e) sums[e][v] = load(f.bias + unit);
  }
  for (index_t p = 0; p < f.k; ++p)
    for (int v = 0; v < kVectors; ++v) {
      const Vec<T> w = load(weights[v] + p * width);
      for (int e = 0; e < kExamples; ++e) sums[e][v] = fma(broadcast(f.x[e * f.x_row + p]), w, sums[e][v]);
    }
  for (int e = 0; e < kExamples; ++e)
    for (int v = 0; v < kVectors; ++v) store(f.z + e * f.z_row + first + v * lanes, sums[e][v]);
}

/// The same result as few_columns_of. Nothing is transposed: the time is that of reading the weights.
template <class T, int kExamples>
void few_columns_of_panels(const FewColumns<T>& f) {
  constexpr index_t lanes = kLanes<T>;
  index_t first = 0;
  if constexpr (kExamples <= 3)  // at most 12 of the 16 registers of SSE and AVX2 hold sums
    for (; first + 3 * lanes < f.m; first += 4 * lanes) few_vectors_of_panels<T, kExamples, 4>(f, first);
  for (; first + lanes < f.m; first += 2 * lanes) few_vectors_of_panels<T, kExamples, 2>(f, first);
  if (first < f.m) few_vectors_of_panels<T, kExamples, 1>(f, first);
}

template <class T>
void few_columns(const FewColumns<T>& f) {
  static_assert(kFewColumns == 4, "one case for each number of columns");
  assert(0 < f.n && f.n <= kFewColumns && f.bias);
  const auto any = [&]<int kExamples>() {
    if (f.panels) return few_columns_of_panels<T, kExamples>(f);
    few_columns_of<T, kExamples>(f);
  };
  switch (f.n) {
    case 1: return any.template operator()<1>();
    case 2: return any.template operator()<2>();
    case 3: return any.template operator()<3>();
    default: return any.template operator()<4>();
  }
}

}  // namespace deepnet::DEEPNET_ISA
