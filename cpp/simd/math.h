// Elementary functions on vectors. Each states its source and the largest error seen over its whole range.
//
// All use one reduction: x = n ln 2 + r with |r| <= ln 2 / 2, and the Taylor series of e^r - 1, whose
// coefficients are 1/k!, without a table of constants. That takes one term more than a minimax polynomial.
// NaN passes through every function: comparisons are written so that it fails them.
#pragma once

#include "simd/vec.h"

namespace deepnet::DEEPNET_ISA {

template <class T>
struct ExpConstants;

template <>
struct ExpConstants<float> {
  static constexpr float lowest = -110.0f, highest = 89.0f;  // beyond: 0, also times x, and inf
  static constexpr float lowest_kept = -82.4f;               // below, e^x < kFlushBelow
  static constexpr float log2e = 0x1.715476p+0f;
  static constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;  // Cody & Waite 1980; n ln2_high is exact
  static constexpr float round = 0x1.8p+23f;                                  // adding it leaves no fraction bits
  static constexpr int mantissa_bits = 23, exponent_bias = 127;
  static constexpr int terms = 7;  // 0.3466^8 / 8! = 5e-9, a tenth of half an ulp
};

template <>
struct ExpConstants<double> {
  static constexpr double lowest = -755.0, highest = 710.0;
  static constexpr double lowest_kept = -703.5;
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

/// e^r - 1 for |r| <= ln 2 / 2.
template <class T>
DEEPNET_INLINE Vec<T> exp_series(Vec<T> r) {
  constexpr InverseFactorials<T> inverse;
  constexpr int terms = ExpConstants<T>::terms;
  Vec<T> series = broadcast(inverse.value[terms]);
  for (int k = terms - 1; k >= 2; --k) series = fma(series, r, broadcast(inverse.value[k]));
  return fma(r * r, series, r);
}

/// The integer nearest to x / ln 2, also as n, and x minus that multiple of ln 2, whose first step is exact. n comes
/// from the bits of the sum with `round`: AVX2 and SSE convert no vector of doubles to integers.
template <class T>
DEEPNET_INLINE Vec<T> whole_powers(Vec<T> x, IntVec<T>& n) {
  using K = ExpConstants<T>;
  const Vec<T> shifted = fma(x, broadcast(K::log2e), broadcast(K::round));
  n = reinterpret_cast<IntVec<T>>(shifted) - reinterpret_cast<IntVec<T>>(broadcast(K::round));
  return shifted - broadcast(K::round);
}
template <class T>
DEEPNET_INLINE Vec<T> without_powers(Vec<T> x, Vec<T> whole) {
  using K = ExpConstants<T>;
  return fma(whole, broadcast(-K::ln2_low), fma(whole, broadcast(-K::ln2_high), x));
}

/// e^x = 2^n (1 + p): returns p and sets n. x must already lie within [lowest, highest] or be NaN.
template <class T>
DEEPNET_INLINE Vec<T> exp_reduce(Vec<T> x, IntVec<T>& n) {
  const Vec<T> whole = whole_powers<T>(x, n);
  return exp_series<T>(without_powers<T>(x, whole));
}

/// A power of e as (1 + p) times two powers of 2, since 2^n alone leaves the normal range at both ends.
template <class T>
struct Power {
  Vec<T> p, scale, scale_again;

  DEEPNET_INLINE Power(Vec<T> rest, IntVec<T> n)
      : p(rest), scale(power_of_two<T>(n >> 1)), scale_again(power_of_two<T>(n - (n >> 1))) {}
  DEEPNET_INLINE Vec<T> value() const { return (p + T(1)) * scale * scale_again; }
  /// `factor` times the value, with one rounding less and full precision where the value is subnormal. |factor| < 2^50.
  DEEPNET_INLINE Vec<T> times(Vec<T> factor) const { return fma(factor, p, factor) * scale * scale_again; }
};

template <class T>
DEEPNET_INLINE Power<T> exp_power(Vec<T> x) {
  using K = ExpConstants<T>;
  x = x < K::lowest ? broadcast(K::lowest) : x;
  x = x > K::highest ? broadcast(K::highest) : x;
  IntVec<T> n;
  const Vec<T> p = exp_reduce<T>(x, n);
  return {p, n};
}

/// e^x; at most 1.1 ulp (float, every negative input) and 1 ulp (double, sampled). Gradual underflow is kept.
template <class T>
DEEPNET_INLINE Vec<T> exp(Vec<T> x) {
  return exp_power<T>(x).value();
}

/// e^x for x <= 0, or 0 where that is less than kFlushBelow: so one power of 2 is enough. The bits are those of exp().
template <class T>
DEEPNET_INLINE Vec<T> exp_flushed(Vec<T> x) {
  constexpr T lowest = ExpConstants<T>::lowest_kept;
  IntVec<T> n;
  const Vec<T> p = exp_reduce<T>(x < lowest ? broadcast(lowest) : x, n);
  return x < lowest ? Vec<T>{} : (p + T(1)) * power_of_two<T>(n);
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
  return with_sign<T>(t / (t + T(2)), x);
}

/// e^(-t^2 / 2) for 0 <= t <= kNormalTail; at most 1.5 ulp. t^2 is split, since its rounding error counts t^2 times as
/// much in the result: the square of t's upper half is exact, the rest is small.
template <class T>
DEEPNET_INLINE Power<T> gaussian(Vec<T> t) {
  constexpr int kLowerBits = sizeof(T) == 4 ? 12 : 27;
  const Vec<T> high = reinterpret_cast<Vec<T>>((reinterpret_cast<IntVec<T>>(t) >> kLowerBits) << kLowerBits);
  const Vec<T> square = high * high * T(-0.5), rest = (t - high) * (t + high) * T(-0.5);
  IntVec<T> n;
  const Vec<T> whole = whole_powers<T>(square + rest, n);
  return {exp_series<T>(without_powers<T>(square, whole) + rest), n};
}

/// From here on, Q(t) and t Q(t) are 0, see mills().
template <class T>
constexpr T kNormalTail = sizeof(T) == 4 ? T(15) : T(39);

/// Chebyshev interpolation in 60 digits (mpmath), then by powers of s; off by at most 3.7e-9 and 3.8e-18.
template <class T>
struct MillsConstants;

template <>
struct MillsConstants<float> {
  static constexpr float shift = 2;
  static constexpr float coefficients[] = {0x1.5845dcp-1f,   -0x1.535bb2p-2f, 0x1.d7d0f2p-6f,   0x1.2cce32p-5f,
                                           -0x1.ec96e6p-12f, -0x1.b95c1cp-8f, -0x1.ff9a70p-10f, 0x1.afe6b2p-11f,
                                           0x1.b6c918p-11f,  0x1.16f9ccp-13f, -0x1.39badap-13f, -0x1.141180p-14f};
};

template <>
struct MillsConstants<double> {
  static constexpr double shift = 4;
  static constexpr double coefficients[] = {
      0x1.82b4bb8c94dcep-1,  -0x1.373e3a893c28ap-1,  0x1.8c6dbf2cfc2afp-2,   -0x1.7dff2bff68368p-3,
      0x1.eec4cc3e4db85p-5,  -0x1.ee2761048b5e7p-8,  -0x1.c81719d610b82p-9,  0x1.ab825fc3a459bp-10,
      0x1.17a4aebfc01c7p-13, -0x1.e4a4260ad8c4ep-13, -0x1.001f43193794ap-19, 0x1.26d0a37c22e03p-15,
      0x1.80c1dea0222a0p-21, -0x1.8d4bcda0e042bp-18, -0x1.5210d6172ef2fp-21, 0x1.1238a8ad41541p-20,
      0x1.23d90f695d206p-22, -0x1.4cc8dd42dff5fp-23, -0x1.6ed38c82f7cd9p-24, 0x1.c85321fba99d2p-27,
      0x1.510ff60a84cb0p-26, 0x1.07a55f5929c3ap-29,  -0x1.5aa27c5b7d63cp-29, -0x1.8f4178ebec560p-31};
};

/// t + shift, and its rounding error.
template <class T>
struct Shifted {
  Vec<T> sum, lost;

  DEEPNET_INLINE explicit Shifted(Vec<T> t) : sum(t + MillsConstants<T>::shift) {
    const Vec<T> shift = sum - t;
    lost = (t - (sum - shift)) + (MillsConstants<T>::shift - shift);
  }
};

/// (t + shift) Q(t) e^(t^2 / 2) for s = (t - shift) / (t + shift).
template <class T>
DEEPNET_INLINE Vec<T> mills_series(Vec<T> s) {
  using K = MillsConstants<T>;
  constexpr int terms = sizeof K::coefficients / sizeof K::coefficients[0];
  Vec<T> series = broadcast(K::coefficients[terms - 1]);
  for (int k = terms - 2; k >= 0; --k) series = fma(series, s, broadcast(K::coefficients[k]));
  return series;
}

/// Q(t) e^(t^2 / 2), where Q is the upper tail of the normal distribution, erfc(t / sqrt 2) / 2, for 0 <= t <=
/// kNormalTail; at most 3.5 ulp. It falls from 1/2 as 1 / (t sqrt(2 pi)), so t + shift times it is nearly flat, and a
/// polynomial of s = (t - shift) / (t + shift), which maps that range into [-1, 1]: the form of Schonfelder,
/// Mathematics of Computation 32, 1978.
template <class T>
DEEPNET_INLINE Vec<T> mills(Vec<T> t) {
  const Shifted<T> shifted(t);
  const Vec<T> rounded = T(1) / shifted.sum, inverse = fma(-rounded, shifted.lost * rounded, rounded);
  const Vec<T> s = fma(t + t, inverse, broadcast(T(-1)));  // near -1 more exact than 1 - 2 shift / (t + shift)
  return mills_series<T>(s) * inverse;
}

/// t Q(t) with few roundings: the rounding error of t + shift, times 1 / (t + shift) = (1 - ratio) / shift, is
/// subtracted from the power's p. At most 4 ulp.
template <class T>
DEEPNET_INLINE Vec<T> normal_tail_times_t(Vec<T> t) {
  const Shifted<T> shifted(t);
  const Vec<T> ratio = t / shifted.sum;
  Power<T> power = gaussian<T>(t);
  const Vec<T> lost = shifted.lost * ((T(1) - ratio) * (1 / MillsConstants<T>::shift)), twice = ratio + ratio;
  power.p -= lost;
  return power.times(mills_series<T>(fma(-twice, lost, twice - T(1))) * ratio);
}

}  // namespace deepnet::DEEPNET_ISA
