// The natural logarithm on vectors.
#pragma once

#include "simd/math.h"

namespace deepnet::DEEPNET_ISA {

/// ln x for normal x > 0, by x = 2^n f with f in [sqrt(1/2), sqrt(2)) and ln f = 2 artanh((f - 1) / (f + 1)); at most
/// 2 ulp where x >= 1 (seen on every such float).
template <class T>
DEEPNET_INLINE Vec<T> log_normal(Vec<T> x) {
  using K = ExpConstants<T>;
  using Int = decltype(K::exponent_bias);
  constexpr int terms = sizeof(T) == 4 ? 6 : 12;  // s^2 <= 0.0295: its power 6 / 13 and 12 / 25 are below half an ulp
  const IntVec<T> bits = reinterpret_cast<IntVec<T>>(x);
  constexpr T root = T(0.70710678118654752);
  // Subtracting the bits of sqrt(1/2) makes the exponent count from there.
  const IntVec<T> from_root = bits - reinterpret_cast<IntVec<T>>(broadcast(root));
  const IntVec<T> n = from_root >> Int(K::mantissa_bits);
  const Vec<T> f = reinterpret_cast<Vec<T>>(bits - (n << Int(K::mantissa_bits)));
  const Vec<T> s = (f - T(1)) / (f + T(1)), square = s * s;
  Vec<T> series = broadcast(T(1) / T(2 * terms - 1));
  for (int k = terms - 2; k >= 1; --k) series = fma(series, square, broadcast(T(1) / T(2 * k + 1)));
  const Vec<T> twice = s + s, count = __builtin_convertvector(n, Vec<T>);
  const Vec<T> low = fma(count, broadcast(T(K::ln2_low)), twice * square * series);
  return fma(count, broadcast(T(K::ln2_high)), twice + low);
}

}  // namespace deepnet::DEEPNET_ISA
