// Matrices of one vector's width in registers: transposition, and the sums of their rows.
#pragma once

#include "simd/vec.h"

namespace deepnet::DEEPNET_ISA {

template <int... I>
struct Indices {};

template <int N, int... I>
struct MakeIndices : MakeIndices<N - 1, N - 1, I...> {};

template <int... I>
struct MakeIndices<0, I...> {
  using type = Indices<I...>;
};

/// Exchanges the upper half of each 2S-block of v with the lower half of the same block of w.
template <class T, int S, int... I>
DEEPNET_INLINE void exchange(Vec<T>& v, Vec<T>& w, Indices<I...>) {
  constexpr int lanes = int(kLanes<T>);
  const Vec<T> first = __builtin_shufflevector(v, w, ((I & S) ? I - S + lanes : I)...);
  w = __builtin_shufflevector(v, w, ((I & S) ? I + lanes : I + S)...);
  v = first;
}

/// tile[i][j] <-> tile[j][i], in log2(lanes) rounds of exchanges.
template <class T, int S = int(kLanes<T>) / 2>
DEEPNET_INLINE void transpose(Vec<T> (&tile)[kLanes<T>]) {
  if constexpr (S > 0) {
    for (int i = 0; i < int(kLanes<T>); ++i)
      if (!(i & S)) exchange<T, S>(tile[i], tile[i + S], typename MakeIndices<int(kLanes<T>)>::type{});
    transpose<T, S / 2>(tile);
  }
}

/// Lane i of the result is the sum of row[i], added as a tree of fixed shape: lane j with lane j + lanes / 2, and so
/// on.
template <class T, int S = int(kLanes<T>) / 2>
DEEPNET_INLINE Vec<T> sums_of_rows(Vec<T> (&row)[kLanes<T>]) {
  for (int i = 0; i < S; ++i) {
    exchange<T, S>(row[i], row[i + S], typename MakeIndices<int(kLanes<T>)>::type{});
    row[i] += row[i + S];
  }
  if constexpr (S > 1) return sums_of_rows<T, S / 2>(row);
  return row[0];
}

}  // namespace deepnet::DEEPNET_ISA
