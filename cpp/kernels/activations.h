// Activations: one struct each, and the list at the end from which everything else is derived.
//
// forward is g(z). backward is dA * g'(z); it takes dA so that relu can select instead of multiplying (a gradient of
// inf behind a unit that is off is 0, as in the course, not nan). The course's functions pass Z. Training stores only
// A, from which most derivatives follow, at less cost: backward_from_a. Activations that are not monotonic have no
// such formula, and training stores their Z.
//
// The error of forward is at most 4 ulp, for every float, subnormal results included, and for sampled doubles; that of
// the derivatives a few u of their value, or of the larger of two terms that cancel: see tests/cpp/curves.h.
//
// To add an activation, write a struct, a line in the list, and an entry in python/deepnet/activations.py.
#pragma once

#include "kernels/kernels.h"
#include "simd/math.h"

namespace deepnet::DEEPNET_ISA {

/// e^z - 1 for z < 0; unspecified for other z.
template <class T>
DEEPNET_INLINE Vec<T> expm1_left(Vec<T> z) {
  return expm1_negative<T>(z < T(0) ? z : Vec<T>{});
}

/// Terms of silu and mish: e = e^-|z|, which cannot overflow, and z e^z left of 0, z itself right of it. The product
/// is exact to its last digits also where e is subnormal but the product is not.
template <class T>
struct Tail {
  Vec<T> t, e, z_times_power;  // t: |z|, limited so that an infinite z times e is 0
  Power<T> power;

  DEEPNET_INLINE explicit Tail(Vec<T> z) : t(distance(z)), power(exp_power<T>(-t)) {
    e = power.value();
    z_times_power = z < T(0) ? power.times(-t) : z;
  }
  static DEEPNET_INLINE Vec<T> distance(Vec<T> z) {
    constexpr T farthest = -ExpConstants<T>::lowest;
    const Vec<T> t = abs<T>(z);
    return t > farthest ? broadcast(farthest) : t;
  }
};

template <class T>
struct Identity {
  static constexpr const char* name = "identity";
  static constexpr Finish forward_finish = Finish::kScale, backward_finish = Finish::kScale;
  static DEEPNET_INLINE Vec<T> forward(Vec<T> z) { return z; }
  static DEEPNET_INLINE Vec<T> backward(Vec<T> d_a, Vec<T>) { return d_a; }
  static DEEPNET_INLINE Vec<T> backward_from_a(Vec<T> d_a, Vec<T>) { return d_a; }
};

/// max(0, z); the derivative at 0 is 0, as in the course.
template <class T>
struct Relu {
  static constexpr const char* name = "relu";
  static constexpr Finish forward_finish = Finish::kRelu, backward_finish = Finish::kReluBackward;
  static DEEPNET_INLINE Vec<T> forward(Vec<T> z) { return z <= T(0) ? Vec<T>{} : z; }
  static DEEPNET_INLINE Vec<T> backward(Vec<T> d_a, Vec<T> z) { return z <= T(0) ? Vec<T>{} : d_a; }
  static DEEPNET_INLINE Vec<T> backward_from_a(Vec<T> d_a, Vec<T> a) { return a <= T(0) ? Vec<T>{} : d_a; }
};

template <class T>
struct LeakyRelu {
  static constexpr const char* name = "leaky_relu";
  static constexpr T slope = T(0.01);
  static DEEPNET_INLINE Vec<T> forward(Vec<T> z) { return z <= T(0) ? z * slope : z; }
  static DEEPNET_INLINE Vec<T> backward(Vec<T> d_a, Vec<T> z) { return z <= T(0) ? d_a * slope : d_a; }
  static DEEPNET_INLINE Vec<T> backward_from_a(Vec<T> d_a, Vec<T> a) { return a <= T(0) ? d_a * slope : d_a; }
};

/// e^z - 1 left of 0. At 0 both slopes are 1.
template <class T>
struct Elu {
  static constexpr const char* name = "elu";
  static DEEPNET_INLINE Vec<T> forward(Vec<T> z) { return z < T(0) ? expm1_left<T>(z) : z; }
  static DEEPNET_INLINE Vec<T> backward(Vec<T> d_a, Vec<T> z) { return z > T(0) ? d_a : d_a * exp<T>(z); }
  static DEEPNET_INLINE Vec<T> backward_from_a(Vec<T> d_a, Vec<T> a) { return a > T(0) ? d_a : d_a * (a + T(1)); }
};

/// scale times elu, with alpha for its left side. At 0 the slope is the left one, scale * alpha.
template <class T>
struct Selu {
  static constexpr const char* name = "selu";
  static constexpr T scale = T(1.0507009873554804934193349852946);
  static constexpr T left = T(1.7580993408473768599402175208123);  // scale * alpha, alpha = 1.67326324235437728...
  static DEEPNET_INLINE Vec<T> forward(Vec<T> z) { return z < T(0) ? expm1_left<T>(z) * left : z * scale; }
  static DEEPNET_INLINE Vec<T> backward(Vec<T> d_a, Vec<T> z) {
    return z > T(0) ? d_a * scale : d_a * (exp<T>(z) * left);
  }
  static DEEPNET_INLINE Vec<T> backward_from_a(Vec<T> d_a, Vec<T> a) {
    return a > T(0) ? d_a * scale : d_a * (a + left);
  }
};

/// z Q(-z) for the normal distribution's upper tail Q. The right side is the left one plus z: Q(-z) = 1 - Q(z).
template <class T>
struct Gelu {
  static constexpr const char* name = "gelu";
  static DEEPNET_INLINE Vec<T> distance(Vec<T> z) {
    const Vec<T> t = abs<T>(z);
    return t > kNormalTail<T> ? broadcast(kNormalTail<T>) : t;
  }
  static DEEPNET_INLINE Vec<T> forward(Vec<T> z) {
    const Vec<T> t = distance(z);
    return (z < T(0) ? Vec<T>{} : z) - normal_tail_times_t<T>(t);
  }
  /// Q(t) - t times the density on the left, which crosses 0 at z = -0.75; 1 minus that on the right.
  static DEEPNET_INLINE Vec<T> backward(Vec<T> d_a, Vec<T> z) {
    constexpr T inverse_root = T(0.39894228040143267793994605993438);  // 1 / sqrt(2 pi)
    const Vec<T> t = distance(z), left = gaussian<T>(t).times(fma(-t, broadcast(inverse_root), mills<T>(t)));
    return d_a * (z < T(0) ? left : T(1) - left);
  }
};

/// z sigmoid(z)
template <class T>
struct Silu {
  static constexpr const char* name = "silu";
  static DEEPNET_INLINE Vec<T> forward(Vec<T> z) {
    const Tail<T> tail(z);
    return tail.z_times_power / (tail.e + T(1));
  }
  /// s (1 + z (1 - s)) on the left, which crosses 0 at z = -1.28; 1 minus that of -z on the right.
  static DEEPNET_INLINE Vec<T> backward(Vec<T> d_a, Vec<T> z) {
    const Tail<T> tail(z);
    const Vec<T> r = T(1) / (tail.e + T(1)), left = tail.power.times(r * fma(-tail.t, r, broadcast(T(1))));
    return d_a * (z < T(0) ? left : T(1) - left);
  }
};

/// z tanh(ln(1 + e^z)) = z w with w = (e^2 + 2 e) / (e^2 + 2 e + 2), e = e^z; right of 0 both are divided by e^2.
template <class T>
struct Mish {
  static constexpr const char* name = "mish";
  static DEEPNET_INLINE Vec<T> forward(Vec<T> z) {
    const Tail<T> tail(z);
    const Vec<T> e = tail.e, n = z < T(0) ? e + T(2) : e + e + T(1);
    return tail.z_times_power * (n / (z < T(0) ? fma(n, e, broadcast(T(2))) : fma(e + e, e, n)));
  }
  /// w + z 4 e (1 + e) / (e^2 + 2 e + 2)^2, which crosses 0 at z = -1.19.
  static DEEPNET_INLINE Vec<T> backward(Vec<T> d_a, Vec<T> z) {
    const Tail<T> tail(z);
    const Vec<T> e = tail.e, n = z < T(0) ? e + T(2) : e + e + T(1);
    const Vec<T> d = z < T(0) ? fma(n, e, broadcast(T(2))) : fma(e + e, e, n);
    const Vec<T> term = T(4) * tail.t * (e + T(1)) / d;
    return d_a * (z < T(0) ? tail.power.times((n - term) / d) : fma(term * e, e, n) / d);
  }
};

/// ln(1 + e^z)
template <class T>
struct Softplus {
  static constexpr const char* name = "softplus";
  static DEEPNET_INLINE Vec<T> forward(Vec<T> z) {
    return (z < T(0) ? Vec<T>{} : z) + log1p_unit<T>(exp<T>(-abs<T>(z)));
  }
  static DEEPNET_INLINE Vec<T> backward(Vec<T> d_a, Vec<T> z) { return d_a * sigmoid<T>(z); }
  /// sigmoid(z) = 1 - e^-a
  static DEEPNET_INLINE Vec<T> backward_from_a(Vec<T> d_a, Vec<T> a) { return d_a * -expm1_left<T>(-a); }
};

template <class T>
struct Tanh {
  static constexpr const char* name = "tanh";
  static DEEPNET_INLINE Vec<T> forward(Vec<T> z) { return tanh<T>(z); }
  static DEEPNET_INLINE Vec<T> backward(Vec<T> d_a, Vec<T> z) { return backward_from_a(d_a, tanh<T>(z)); }
  /// 1 - a^2 without cancellation where |a| is near 1.
  static DEEPNET_INLINE Vec<T> backward_from_a(Vec<T> d_a, Vec<T> a) { return d_a * ((T(1) - a) * (T(1) + a)); }
};

template <class T>
struct Sigmoid {
  static constexpr const char* name = "sigmoid";
  static constexpr bool pairs_with_cross_entropy = true;  // dZ = A - Y, also where the formula is 0/0
  static DEEPNET_INLINE Vec<T> forward(Vec<T> z) { return sigmoid<T>(z); }
  static DEEPNET_INLINE Vec<T> backward(Vec<T> d_a, Vec<T> z) { return backward_from_a(d_a, sigmoid<T>(z)); }
  static DEEPNET_INLINE Vec<T> backward_from_a(Vec<T> d_a, Vec<T> a) { return d_a * a * (T(1) - a); }
};

/// z (z + 3) / 6 from -3 to 3; at -3 the slope is 0, at 3 it is 1: those of the outer sides.
template <class T>
struct HardSwish {
  static constexpr const char* name = "hard_swish";
  static constexpr T sixth = T(1) / T(6);
  static DEEPNET_INLINE Vec<T> forward(Vec<T> z) {
    const Vec<T> right = z >= T(3) ? z : z * (z + T(3)) * sixth;
    return z <= T(-3) ? Vec<T>{} : right;
  }
  static DEEPNET_INLINE Vec<T> backward(Vec<T> d_a, Vec<T> z) {
    const Vec<T> right = z >= T(3) ? d_a : d_a * ((z + z + T(3)) * sixth);
    return z <= T(-3) ? Vec<T>{} : right;
  }
};

/// e^(z_i - max z) divided by their sum, along the units of one example, summed in the order of the units. Examples are
/// independent. a(i) may be z(i). A column with nan or inf is nan.
template <class T>
struct Softmax {
  static constexpr const char* name = "softmax";
  static constexpr bool whole_columns = true;
  template <class Z, class A, class SetA>
  static DEEPNET_INLINE void forward(index_t units, Z z, A a, SetA set_a) {
    Vec<T> highest = z(0), sum{};
    for (index_t i = 1; i < units; ++i) highest = z(i) > highest ? z(i) : highest;
    for (index_t i = 0; i < units; ++i) {
      const Vec<T> e = exp<T>(z(i) - highest);
      set_a(i, e);
      sum += e;
    }
    for (index_t i = 0; i < units; ++i) set_a(i, a(i) / sum);
  }
  /// dZ = A (dA - sum of dA A); d_z(i) may be a(i).
  template <class DA, class A, class SetDZ>
  static DEEPNET_INLINE void backward_from_a(index_t units, DA d_a, A a, SetDZ set_d_z) {
    Vec<T> sum{};
    for (index_t i = 0; i < units; ++i) sum = fma(d_a(i), a(i), sum);
    for (index_t i = 0; i < units; ++i) set_d_z(i, a(i) * (d_a(i) - sum));
  }
};

template <class... A>
struct ActivationList {};

template <class T>
using Activations = ActivationList<Identity<T>, Relu<T>, LeakyRelu<T>, Elu<T>, Selu<T>, Gelu<T>, Silu<T>, Mish<T>,
                                   Softplus<T>, Tanh<T>, Sigmoid<T>, HardSwish<T>, Softmax<T>>;

}  // namespace deepnet::DEEPNET_ISA
