// Elementary functions on vectors. Each states its source and the largest error seen over its whole range.
//
// All rest on one reduction: x = n ln 2 + r with |r| <= ln 2 / 2, and the Taylor series of e^r - 1, whose
// coefficients are 1/k! and need no table of magic numbers. Cost against a minimax polynomial: one more term.
// NaN passes through every function: comparisons are written so that it fails them.
#pragma once

#include "simd/vec.h"

namespace deepnet::DEEPNET_ISA {

template <class T>
struct ExpConstants;

template <>
struct ExpConstants<float> {
  static constexpr float lowest = -104.0f, highest = 89.0f;  // beyond: 0 and inf
  static constexpr float log2e = 0x1.715476p+0f;
  static constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;  // Cody & Waite 1980; n ln2_high is exact
  static constexpr float round = 0x1.8p+23f;                                  // adding it leaves no fraction bits
  static constexpr int mantissa_bits = 23, exponent_bias = 127;
  static constexpr int terms = 7;  // 0.3466^8 / 8! = 5e-9, a tenth of half an ulp
};

template <>
struct ExpConstants<double> {
  static constexpr double lowest = -746.0, highest = 710.0;
  static constexpr double log2e = 0x1.71547652b82fep+0;
  static constexpr double ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;
  static constexpr double round = 0x1.8p+52;
  static constexpr int mantissa_bits = 52, exponent_bias = 1023;
  static constexpr int terms = 13;  // 0.3466^14 / 14! = 4e-18
};

/// 1/k!, each rounded once.
template <class T>
struct InverseFactorials {
  T value[ExpConstants<T>::terms + 1];
  constexpr InverseFactorials() : value{} {
    double factorial = 1;
    for (int k = 0; k <= ExpConstants<T>::terms; ++k) {
      if (k > 0) factorial *= k;
      value[k] = T(1 / factorial);
    }
  }
};

/// 2^n for whole n within the normal exponents.
template <class T>
DEEPNET_INLINE Vec<T> power_of_two(IntVec<T> n) {
  using K = ExpConstants<T>;
  return reinterpret_cast<Vec<T>>((n + K::exponent_bias) << K::mantissa_bits);
}

/// e^x = 2^n (1 + p): returns p and sets n. x must already lie within [lowest, highest] or be NaN.
template <class T>
DEEPNET_INLINE Vec<T> exp_reduce(Vec<T> x, IntVec<T>& n) {
  using K = ExpConstants<T>;
  const Vec<T> whole = fma(x, broadcast(K::log2e), broadcast(K::round)) - broadcast(K::round);
  n = __builtin_convertvector(whole, IntVec<T>);
  Vec<T> r = fma(whole, broadcast(-K::ln2_high), x);
  r = fma(whole, broadcast(-K::ln2_low), r);
  constexpr InverseFactorials<T> inverse;
  Vec<T> series = broadcast(inverse.value[K::terms]);
  for (int k = K::terms - 1; k >= 2; --k) series = fma(series, r, broadcast(inverse.value[k]));
  return fma(r * r, series, r);
}

/// e^x; at most 1.1 ulp (float, every negative input) and 1 ulp (double, sampled). Gradual underflow is kept.
template <class T>
DEEPNET_INLINE Vec<T> exp(Vec<T> x) {
  using K = ExpConstants<T>;
  x = x < K::lowest ? broadcast(K::lowest) : x;
  x = x > K::highest ? broadcast(K::highest) : x;
  IntVec<T> n;
  const Vec<T> p = exp_reduce<T>(x, n);
  const IntVec<T> half = n >> 1;  // 2^n alone leaves the normal range at both ends; two halves do not
  return (p + T(1)) * power_of_two<T>(half) * power_of_two<T>(n - half);
}

/// e^x - 1 for x <= 0, without the cancellation near 0; at most 2 ulp.
template <class T>
DEEPNET_INLINE Vec<T> expm1_negative(Vec<T> x) {
  x = x < T(-50) ? broadcast(T(-50)) : x;  // e^-50 is below half an ulp of 1 in either type
  IntVec<T> n;
  const Vec<T> p = exp_reduce<T>(x, n);
  const Vec<T> scale = power_of_two<T>(n);
  return fma(scale, p, scale - T(1));
}

template <class T>
DEEPNET_INLINE Vec<T> abs(Vec<T> x) {
  return x < T(0) ? -x : x;
}

/// ln(1 + e) for e in [0, 1], as 2 artanh(e / (2 + e)); at most 3 ulp. The series in s^2 <= 1/9 needs no reduction.
template <class T>
DEEPNET_INLINE Vec<T> log1p_unit(Vec<T> e) {
  constexpr int terms = sizeof(T) == 4 ? 8 : 17;  // 9^-8 / 17 and 9^-17 / 35 are below half an ulp of 1
  const Vec<T> s = e / (e + T(2)), square = s * s;
  Vec<T> series = broadcast(T(1) / T(2 * terms - 1));
  for (int k = terms - 2; k >= 1; --k) series = fma(series, square, broadcast(T(1) / T(2 * k + 1)));
  const Vec<T> twice = s + s;
  return fma(twice * square, series, twice);
}

/// 1 / (1 + e^-x) from e^-|x|, so nothing overflows; at most 3 ulp.
template <class T>
DEEPNET_INLINE Vec<T> sigmoid(Vec<T> x) {
  const Vec<T> e = exp<T>(-abs<T>(x));
  return (x < T(0) ? e : broadcast(T(1))) / (e + T(1));
}

/// tanh |x| = -t / (2 + t) with t = e^(-2 |x|) - 1; at most 3 ulp. A zero keeps its sign.
template <class T>
DEEPNET_INLINE Vec<T> tanh(Vec<T> x) {
  const Vec<T> t = expm1_negative<T>(T(-2) * abs<T>(x));
  const Vec<T> magnitude = -t / (t + T(2));
  const Vec<T> signed_result = x < T(0) ? -magnitude : magnitude;
  return x == T(0) ? x : signed_result;
}

}  // namespace deepnet::DEEPNET_ISA
