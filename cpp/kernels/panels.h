// Gathers examples into panels and transposes panels: the operands of the products of training.
//
// A panel holds kPanel examples side by side, one row per unit; transposed, it holds a row per example, in blocks of
// kPanel units. The forward pass and dZ read the former, the gradient of W the latter.
#pragma once

#include "kernels/kernels.h"
#include "simd/transpose.h"

namespace deepnet::DEEPNET_ISA {

/// IEEE half precision in memory. Widening is exact, subnormals, inf and nan included.
struct Half {
  uint16_t bits;
};

DEEPNET_INLINE float widen(Half h) {
  const uint32_t magnitude = h.bits & 0x7fffu, sign = (h.bits & 0x8000u) << 16;
  const uint32_t shifted = magnitude << 13;
  float value;
  memcpy(&value, &shifted, sizeof value);
  value *= 0x1p112f;  // moves the exponent's bias; a subnormal half becomes a normal float
  uint32_t result;
  memcpy(&result, &value, sizeof result);
  result = magnitude >= 0x7c00u ? shifted | 0x7f800000u : result;
  result |= sign;
  memcpy(&value, &result, sizeof value);
  return value;
}

template <class S>
DEEPNET_INLINE S widen(S x) {
  return x;
}

template <class S>
DEEPNET_INLINE S read(const char* p) {
  S value;
  memcpy(&value, p, sizeof value);
  return value;
}

/// Converts count <= kPanel contiguous numbers, in runs of fixed length, which the compiler vectorises: kRun if there
/// are so many, then half of it, and so on.
template <class T, class S, index_t kRun>
DEEPNET_INLINE void read_runs(const char* from, index_t count, T scale, T* __restrict to) {
  if (count >= kRun) {
    for (index_t i = 0; i < kRun; ++i) to[i] = T(widen(read<S>(from + i * index_t(sizeof(S))))) * scale;
    from += kRun * index_t(sizeof(S));
    to += kRun;
    count -= kRun;
  }
  if constexpr (kRun > 1) read_runs<T, S, kRun / 2>(from, count, scale, to);
}

/// The same, padded with zeros up to kPanel.
template <class T, class S>
DEEPNET_INLINE void read_row(const char* from, index_t count, T scale, T* to) {
  if (count < kPanel<T>)  // vector by vector: of a plain loop GCC makes `rep stos`, which takes some 40 cycles to begin
    for (index_t i = 0; i < kPanel<T>; i += kLanes<T>) store(to + i, Vec<T>{});
  read_runs<T, S, kPanel<T>>(from, count, scale, to);
}

/// Examples whose units are contiguous: each becomes a row of the transposed panel. Chosen ones lie anywhere, so those
/// of a later panel are prefetched.
template <class T, class S>
void gather_rows(const Gather<T>& g) {
  assert(g.unit_stride == index_t(sizeof(S)) || g.units == 1);
  assert(0 <= g.count && g.count <= kPanel<T> && g.transposed_examples >= kPanel<T>);
  const index_t bytes = g.units * index_t(sizeof(S));
  for (index_t e = 0; e < kPanel<T>; ++e) {
    if (e < g.fetched) {
      const char* later = static_cast<const char*>(g.data) + g.example(g.ahead + e) * g.example_stride;
      for (index_t at = 0; at < bytes; at += 64) __builtin_prefetch(later + at, 0, 2);
    }
    const bool there = e < g.count;
    const char* from = static_cast<const char*>(g.data) + (there ? g.example(e) * g.example_stride : 0);
    for (index_t first = 0; first < g.units; first += kPanel<T>, from += kPanel<T> * index_t(sizeof(S))) {
      const index_t left = g.units - first, count = left < kPanel<T> ? left : kPanel<T>;
      read_row<T, S>(from, there ? count : 0, g.scale, g.transposed + first * g.transposed_examples + e * kPanel<T>);
    }
  }
}

/// Any strides: each unit becomes a row of the panel.
template <class T, class S>
void gather_columns(const Gather<T>& g) {
  assert(0 <= g.count && g.count <= kPanel<T>);
  const T scale = g.scale;
  const bool side_by_side = !g.order && g.example_stride == index_t(sizeof(S));
  for (index_t i = 0; i < g.units; ++i) {
    const char* from = static_cast<const char*>(g.data) + i * g.unit_stride;
    T* to = g.panel + i * kPanel<T>;
    if (side_by_side) {
      read_row<T, S>(from + g.first * index_t(sizeof(S)), g.count, scale, to);
      continue;
    }
    for (index_t e = 0; e < g.count; ++e) to[e] = T(widen(read<S>(from + g.example(e) * g.example_stride))) * scale;
    for (index_t e = g.count; e < kPanel<T>; ++e) to[e] = T(0);
  }
}

template <class T, bool kWhole>
DEEPNET_INLINE void transpose_block(index_t m, index_t n, const T* from, index_t from_row, T* to, index_t to_row) {
  constexpr index_t lanes = kLanes<T>;
  Vec<T> tile[lanes];
  for (index_t r = 0; r < lanes; ++r) tile[r] = kWhole || r < m ? load(from + r * from_row) : Vec<T>{};
  transpose<T>(tile);
  for (index_t r = 0; r < lanes; ++r)
    if (kWhole || r < n) store(to + r * to_row, tile[r]);
}

/// to[j][i] = from[i][j], one column of whole lines of `to` after the other: long rows share few sets of a cache.
template <class T>
void transpose_matrix(index_t m, index_t n, const T* from, index_t from_row, T* to, index_t to_row) {
  constexpr index_t lanes = kLanes<T>, line = 64 / index_t(sizeof(T));
  assert(from_row >= n && to_row >= m);
  constexpr index_t kTilesAhead = 2;
  // The lines of a large matrix are not in a cache, and lie too far apart for the processor's own prefetcher.
  const bool far = n * to_row * index_t(sizeof(T)) > index_t{512} << 10;
  for (index_t first = 0; first < m; first += line)
    for (index_t j = 0; j < n; j += lanes) {
      if (far)
        for (index_t r = 0; r < lanes; ++r) __builtin_prefetch(to + (j + kTilesAhead * lanes + r) * to_row + first, 1);
      for (index_t i = first; i < m && i < first + line; i += lanes) {
        const T* block = from + i * from_row + j;
        if (i + lanes <= m && j + lanes <= n)
          transpose_block<T, true>(lanes, lanes, block, from_row, to + j * to_row + i, to_row);
        else
          transpose_block<T, false>(m - i, n - j, block, from_row, to + j * to_row + i, to_row);
      }
    }
}

}  // namespace deepnet::DEEPNET_ISA
