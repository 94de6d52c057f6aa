// Activations: one struct each, and the list at the end that everything else is derived from.
//
// forward is g(z); backward is dA * g'(z) and is given dA, so that relu can select instead of multiplying (a gradient
// of inf behind a unit that is off is 0, as in the course, not nan). To add one: a struct, a line in the list, and an
// entry in python/deepnet/activations.py.
#pragma once

#include "kernels/kernels.h"
#include "simd/math.h"

namespace deepnet::DEEPNET_ISA {

template <class T>
struct Identity {
  static constexpr const char* name = "identity";
  static DEEPNET_INLINE Vec<T> forward(Vec<T> z) { return z; }
  static DEEPNET_INLINE Vec<T> backward(Vec<T> d_a, Vec<T>) { return d_a; }
};

/// max(0, z); the derivative at 0 is 0, as in the course.
template <class T>
struct Relu {
  static constexpr const char* name = "relu";
  static DEEPNET_INLINE Vec<T> forward(Vec<T> z) { return z <= T(0) ? Vec<T>{} : z; }
  static DEEPNET_INLINE Vec<T> backward(Vec<T> d_a, Vec<T> z) { return z <= T(0) ? Vec<T>{} : d_a; }
};

template <class T>
struct LeakyRelu {
  static constexpr const char* name = "leaky_relu";
  static constexpr T slope = T(0.01);
  static DEEPNET_INLINE Vec<T> forward(Vec<T> z) { return z <= T(0) ? z * slope : z; }
  static DEEPNET_INLINE Vec<T> backward(Vec<T> d_a, Vec<T> z) { return z <= T(0) ? d_a * slope : d_a; }
};

template <class T>
struct Sigmoid {
  static constexpr const char* name = "sigmoid";
  static constexpr bool pairs_with_cross_entropy = true;  // dZ = A - Y, also where the formula is 0/0
  static DEEPNET_INLINE Vec<T> forward(Vec<T> z) { return sigmoid<T>(z); }
  static DEEPNET_INLINE Vec<T> backward(Vec<T> d_a, Vec<T> z) {
    const Vec<T> s = sigmoid<T>(z);
    return d_a * s * (T(1) - s);
  }
};

template <class T>
struct Tanh {
  static constexpr const char* name = "tanh";
  static DEEPNET_INLINE Vec<T> forward(Vec<T> z) { return tanh<T>(z); }
  static DEEPNET_INLINE Vec<T> backward(Vec<T> d_a, Vec<T> z) {
    const Vec<T> a = tanh<T>(z);
    return d_a * ((T(1) - a) * (T(1) + a));  // 1 - a^2 without cancellation where |a| is near 1
  }
};

template <class... A>
struct ActivationList {};

template <class T>
using Activations = ActivationList<Identity<T>, Relu<T>, LeakyRelu<T>, Sigmoid<T>, Tanh<T>>;

}  // namespace deepnet::DEEPNET_ISA
