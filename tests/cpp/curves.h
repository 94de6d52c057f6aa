// What each activation has to be, and by how much its kernel may be off.
#pragma once

#include "oracle.h"

namespace oracle {

/// `ulps` is the promise of the kernel.
///
/// slope_error bounds the error of dA g'(z) for dA = 1 in units of u; from_a_error that of what is made of A, where the
/// kernel has such a thing (else null). To first order: a factor that is off by c u of itself adds c times the term
/// that it is in, and each operation one u of its result. An ulp is at most 2 u. Where results are subnormal, one step
/// of their grid for each of the slope and dZ comes on top.
template <class T>
struct Curve {
  using W = Wide<T>;
  std::string_view name;
  double ulps;
  W (*value)(W z);
  W (*slope)(W z);
  W (*slope_error)(W z);
  W (*from_a_error)(W z);
};

template <class T>
struct Curves {
  using W = Wide<T>;
  static constexpr double kExpUlps = 1.1, kExpm1Ulps = 2, kSigmoidUlps = 3, kTanhUlps = 4, kGaussianUlps = 1.5,
                          kMillsUlps = 3.5;
  static constexpr W kScale = 1.0507009873554804934193349852946L, kLeft = 1.7580993408473768599402175208123L;

  static W none(W) { return 0; }
  static W one(W) { return 1; }
  static W leak(W z) { return z <= 0 ? W(T(0.01)) : W(1); }

  static W elu(W z) { return z > 0 ? z : std::expm1(z); }
  static W elu_slope(W z) { return z > 0 ? W(1) : std::exp(z); }
  /// dA e^z
  static W elu_error(W z) { return (2 * kExpUlps + 1) * elu_slope(z); }
  /// dA (a + 1): a is off by 2 kExpm1Ulps u |a|; two roundings.
  static W elu_from_a_error(W z) { return 2 * kExpm1Ulps * std::abs(std::min<W>(elu(z), 0)) + 2 * elu_slope(z); }
  static W selu(W z) { return z > 0 ? kScale * z : kLeft * std::expm1(z); }
  static W selu_slope(W z) { return z > 0 ? kScale : kLeft * std::exp(z); }
  /// Two products, and a constant that is rounded.
  static W selu_error(W z) { return (2 * kExpUlps + 3) * selu_slope(z); }
  /// dA (a + left): expm1, the constant twice and one product in |a| and left, then two roundings.
  static W selu_from_a_error(W z) {
    return z > 0 ? 2 * kScale : (2 * kExpm1Ulps + 2) * std::abs(selu(z)) + kLeft + 2 * selu_slope(z);
  }

  /// erfc(t / sqrt 2) / 2, put right for the rounding of its argument x, which counts z^2 times: x^2 - t^2 / 2 with
  /// exact squares of the upper halves.
  static W tail(W t) {
    const W x = t / std::sqrt(W(2)), x_high = float(x), t_high = float(t);
    const W gap =
        (x_high * x_high - t_high * t_high / 2) + ((x - x_high) * (x + x_high) - (t - t_high) * (t + t_high) / 2);
    return std::erfc(x) == 0 ? W(0) : std::erfc(x) / 2 * std::exp(gap);
  }
  static W density(W z) { return std::exp(-z * z / 2) / std::sqrt(8 * std::atan(W(1))); }
  static W gelu(W z) {
    const W Q = tail(std::abs(z)), lost = Q == 0 ? Q : std::abs(z) * Q;
    return std::isnan(z) ? z : std::max<W>(z, 0) - lost;
  }
  static W gelu_slope(W z) { return z > 0 ? 1 - gelu_slope(-z) : tail(-z) + z * density(z); }
  /// E (M - t c), dA, and 1 minus it on the right: gaussian and one product on all of it, M, and t c, whose constant is
  /// rounded; the difference.
  static W gelu_error(W z) {
    const W M = tail(std::abs(z)), t = std::abs(z) * density(z);
    return (2 * kGaussianUlps + 1) * (M + t) + 2 * kMillsUlps * M + 2 * t + (M + t) + 2 * std::abs(gelu_slope(z));
  }

  static W sigmoid(W z) { return 1 / (1 + std::exp(-z)); }
  static W sigmoid_slope(W z) {
    const W e = std::exp(-std::abs(z));
    return e / ((1 + e) * (1 + e));
  }
  /// s is off by 2 ulps u s, d(s (1 - s)) / ds is at most 1, and three roundings follow.
  static W sigmoid_error(W z) { return 2 * kSigmoidUlps * sigmoid(z) + 4 * sigmoid_slope(z); }

  static W silu(W z) { return z == -std::numeric_limits<W>::infinity() ? W(0) : z * sigmoid(z); }
  /// s (1 + z (1 - s)), the two terms of which have one sign on the right.
  static W silu_slope(W z) {
    const W r = sigmoid(-z);
    return sigmoid(z) + (std::isinf(z) ? W(0) : z * sigmoid(z) * r);
  }
  /// e r (1 - t r) on the left, 1 minus it on the right. r is off by (2 kExpUlps e r + 2) u r; e and two more roundings
  /// make the first factor, r, a product and a difference the second.
  static W silu_error(W z) {
    const W t = std::abs(z), e = std::exp(-t), r = 1 / (1 + e), r_error = 2 * kExpUlps * e * r + 2;
    return e * r * ((2 * kExpUlps + r_error + 2) * (1 + t * r) + (r_error + 2) * t * r + 1) +
           2 * std::abs(silu_slope(z));
  }

  static W mish(W z) {
    const W e = std::exp(-std::abs(z));
    if (z > 0) return z * ((1 + 2 * e) / (1 + 2 * e + 2 * e * e));
    return e == 0 ? W(0) : z * e * (e + 2) / (e * (e + 2) + 2);
  }
  struct Terms {
    W w, rest;  // the slope is their sum
  };
  static Terms mish_terms(W z) {
    const W t = std::min<W>(std::abs(z), 12000), e = std::exp(-t);
    if (z > 0) {
      const W d = 1 + 2 * e + 2 * e * e;
      return {(1 + 2 * e) / d, t * 4 * e * e * (1 + e) / (d * d)};
    }
    const W d = e * (e + 2) + 2;
    return {e * (e + 2) / d, -t * 4 * e * (1 + e) / (d * d)};
  }
  static W mish_slope(W z) { return mish_terms(z).w + mish_terms(z).rest; }
  /// With x = 2 kExpUlps u for e: n is off by x + 1, d by 2 x + 3 (two products, a sum), 1 + e by x + 1. So w is off by
  /// 4 x + 6 (e, n, d, two products); the rest by 7 x + 15 (e twice, 1 + e, d twice, t, five products and quotients);
  /// then a sum and a product.
  static W mish_error(W z) {
    const Terms terms = mish_terms(z);
    constexpr W x = 2 * kExpUlps;
    return (4 * x + 6) * terms.w + (7 * x + 15) * std::abs(terms.rest) + (terms.w + std::abs(terms.rest)) +
           std::abs(mish_slope(z));
  }

  static W softplus(W z) { return std::max<W>(z, 0) + std::log1p(std::exp(-std::abs(z))); }
  static W softplus_error(W z) { return (2 * kSigmoidUlps + 1) * sigmoid(z); }
  /// 1 - e^-a: a is off by 8 u a, which d(1 - e^-a) / da = 1 - sigmoid(z) times makes at most as much of the result.
  static W softplus_from_a_error(W z) { return (8 + 2 * kExpm1Ulps + 1) * sigmoid(z); }

  static W tanh(W z) { return std::tanh(z); }
  static W tanh_slope(W z) {
    const W e = std::exp(-2 * std::abs(z));
    return 4 * e / ((1 + e) * (1 + e));
  }
  /// a is off by 2 ulps u |a|, d(1 - a^2) / da is 2 |a|, four roundings follow.
  static W tanh_error(W z) { return 4 * kTanhUlps * std::tanh(z) * std::tanh(z) + 5 * tanh_slope(z); }

  static W hard_swish(W z) { return z <= -3 ? W(0) : z >= 3 ? z : z * (z + 3) / 6; }
  static W hard_swish_slope(W z) { return z <= -3 ? W(0) : z >= 3 ? W(1) : (2 * z + 3) / 6; }
  /// A sum, a rounded constant and two products.
  static W hard_swish_error(W z) { return 4 * std::abs(hard_swish_slope(z)); }

  static constexpr Curve<T> kAll[] = {
      {"identity", 0, [](W z) { return z; }, one, none, none},
      {"relu", 0, [](W z) { return z <= 0 ? W(0) : z; }, [](W z) { return z <= 0 ? W(0) : W(1); }, none, none},
      {"leaky_relu", 0.5, [](W z) { return z * leak(z); }, leak, leak, leak},
      {"elu", 2, elu, elu_slope, elu_error, elu_from_a_error},
      {"selu", 3, selu, selu_slope, selu_error, selu_from_a_error},
      {"gelu", 4, gelu, gelu_slope, gelu_error, nullptr},
      {"silu", 3, silu, silu_slope, silu_error, nullptr},
      {"mish", 4, mish, mish_slope, mish_error, nullptr},
      {"softplus", 3, softplus, sigmoid, softplus_error, softplus_from_a_error},
      {"tanh", kTanhUlps, tanh, tanh_slope, tanh_error, tanh_error},
      {"sigmoid", kSigmoidUlps, sigmoid, sigmoid_slope, sigmoid_error, sigmoid_error},
      {"hard_swish", 3, hard_swish, hard_swish_slope, hard_swish_error, nullptr},
  };
};

/// Throws if the library has an activation without expected values.
template <class T>
const Curve<T>& curve(std::string_view name) {
  for (const Curve<T>& known : Curves<T>::kAll)
    if (known.name == name) return known;
  throw std::runtime_error("tests/cpp/curves.h has no activation " + std::string(name));
}

}  // namespace oracle
