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

/// Of each 16 bytes of two vectors of floats: v becomes v0 w0 v1 w1, and w becomes v2 w2 v3 w3. One instruction each.
template <int... I>
DEEPNET_INLINE void interleave(Vec<float>& v, Vec<float>& w, Indices<I...>) {
  constexpr int lanes = int(kLanes<float>);
  const Vec<float> first = __builtin_shufflevector(v, w, (I - I % 4 + I % 4 / 2 + I % 2 * lanes)...);
  w = __builtin_shufflevector(v, w, (I - I % 4 + I % 4 / 2 + I % 2 * lanes + 2)...);
  v = first;
}

/// tile[i][j] <-> tile[j][i], in log2(lanes) rounds of exchanges. The last two for floats, squares of 4 x 4, interleave
/// instead, since x86 has no instruction that exchanges single floats of two vectors.
template <class T, int S = int(kLanes<T>) / 2>
DEEPNET_INLINE void transpose(Vec<T> (&tile)[kLanes<T>]) {
  constexpr auto all = typename MakeIndices<int(kLanes<T>)>::type{};
  if constexpr (sizeof(T) == 4 && S == 2) {
    for (int i = 0; i < int(kLanes<T>); i += 4) {
      interleave(tile[i], tile[i + 1], all);
      interleave(tile[i + 2], tile[i + 3], all);
      exchange<T, S>(tile[i], tile[i + 2], all);
      exchange<T, S>(tile[i + 1], tile[i + 3], all);
      const Vec<T> second = tile[i + 2];
      tile[i + 2] = tile[i + 1];
      tile[i + 1] = second;
    }
  } else if constexpr (S > 0) {
    for (int i = 0; i < int(kLanes<T>); ++i)
      if (!(i & S)) exchange<T, S>(tile[i], tile[i + S], all);
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
