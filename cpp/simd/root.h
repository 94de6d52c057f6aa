// The square root on vectors, without the unit that divides, which an update of Adam needs for its division. What that
// gains could not be told from noise on a loaded machine.
#pragma once

#include "simd/math.h"

namespace deepnet::DEEPNET_ISA {

template <class T>
struct RootConstants;

// A first guess at 1 / sqrt(x) from the bits of x (C. Lomont, Fast inverse square root, 2003), 3.5 % off at the most;
// each step of Newton's squares that and takes it 1.5 times.
template <>
struct RootConstants<float> {
  static constexpr int32_t guess = 0x5f375a86;
  static constexpr int steps = 3;
};
template <>
struct RootConstants<double> {
  static constexpr int64_t guess = 0x5fe6eb50c7b537a9;
  static constexpr int steps = 4;
};

/// sqrt(x) for x >= 0, within 3 ulp where x is normal; 0 of 0, inf of inf.
template <class T>
DEEPNET_INLINE Vec<T> root(Vec<T> x) {
  using K = RootConstants<T>;
  Vec<T> inverse = reinterpret_cast<Vec<T>>(K::guess - (reinterpret_cast<IntVec<T>>(x) >> 1));
  const Vec<T> half = x * T(0.5);
  for (int step = 0; step < K::steps; ++step) inverse = inverse * fma(-half * inverse, inverse, broadcast(T(1.5)));
  return x > T(sizeof(T) == 4 ? 0x1.fffffep+127 : 0x1.fffffffffffffp+1023) ? x : x * inverse;
}

}  // namespace deepnet::DEEPNET_ISA
