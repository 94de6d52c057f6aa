// Activations: one struct each, and the list at the end that everything else is derived from.
//
// forward is g(z); backward is dA * g'(z) and is given dA, so that relu can select instead of multiplying (a gradient
// of inf behind a unit that is off is 0, as in the course, not nan). The course's functions give it Z; training keeps A
// alone, from which each of these derivatives can be had too, and cheaper: backward_from_a. To add one: a struct, a
// line in the list, and an entry in python/deepnet/activations.py.
#pragma once

#include "kernels/kernels.h"
#include "simd/math.h"

namespace deepnet::DEEPNET_ISA {

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

template <class T>
struct Sigmoid {
  static constexpr const char* name = "sigmoid";
  static constexpr bool pairs_with_cross_entropy = true;  // dZ = A - Y, also where the formula is 0/0
  static DEEPNET_INLINE Vec<T> forward(Vec<T> z) { return sigmoid<T>(z); }
  static DEEPNET_INLINE Vec<T> backward(Vec<T> d_a, Vec<T> z) { return backward_from_a(d_a, sigmoid<T>(z)); }
  static DEEPNET_INLINE Vec<T> backward_from_a(Vec<T> d_a, Vec<T> a) { return d_a * a * (T(1) - a); }
};

template <class T>
struct Tanh {
  static constexpr const char* name = "tanh";
  static DEEPNET_INLINE Vec<T> forward(Vec<T> z) { return tanh<T>(z); }
  static DEEPNET_INLINE Vec<T> backward(Vec<T> d_a, Vec<T> z) { return backward_from_a(d_a, tanh<T>(z)); }
  /// 1 - a^2 without cancellation where |a| is near 1.
  static DEEPNET_INLINE Vec<T> backward_from_a(Vec<T> d_a, Vec<T> a) { return d_a * ((T(1) - a) * (T(1) + a)); }
};

template <class... A>
struct ActivationList {};

template <class T>
using Activations = ActivationList<Identity<T>, Relu<T>, LeakyRelu<T>, Sigmoid<T>, Tanh<T>>;

}  // namespace deepnet::DEEPNET_ISA
