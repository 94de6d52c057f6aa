// Losses: one struct each, and the list at the end that everything else is derived from.
//
// A loss that belongs to one activation names it, and is computed from Z in one stable formula with it, so that dZ
// needs no derivative of the activation; any other is computed from A. at() gives the loss of one output of one example
// and its derivative. To add one: a struct, a line in the list, and an entry in python/deepnet/losses.py.
#pragma once

#include "kernels/sums.h"
#include "simd/math.h"

namespace deepnet::DEEPNET_ISA {

/// -(y log a + (1 - y) log(1 - a)) of a = sigmoid(z), as max(z, 0) - z y + log(1 + e^-|z|): finite for every finite z.
/// Summed over the outputs, as in the course; dZ = A - Y.
template <class T>
struct BinaryCrossEntropy {
  static constexpr const char *name = "binary_cross_entropy", *activation = "sigmoid";
  static DEEPNET_INLINE void at(Vec<T> z, Vec<T> y, T, Vec<T>& loss, Vec<T>& d) {
    const Vec<T> e = exp<T>(-abs<T>(z));
    const Vec<T> a = (z < T(0) ? e : broadcast(T(1))) / (e + T(1));
    loss = (z < T(0) ? Vec<T>{} : z) - z * y + log1p_unit<T>(e);
    d = a - y;
  }
};

/// (a - y)^2, the mean over the outputs; dA = 2 (A - Y) / n_L.
template <class T>
struct MeanSquaredError {
  static constexpr const char *name = "mean_squared_error", *activation = nullptr;
  static DEEPNET_INLINE void at(Vec<T> a, Vec<T> y, T one_output, Vec<T>& loss, Vec<T>& d) {
    const Vec<T> error = a - y;
    loss = error * error * one_output;
    d = error * (one_output + one_output);
  }
};

template <class... L>
struct LossList {};

template <class T>
using Losses = LossList<BinaryCrossEntropy<T>, MeanSquaredError<T>>;

template <class T, class L>
double loss(const LossOfPanel<T>& f) {
  constexpr index_t lanes = kLanes<T>, vectors = kPanel<T> / lanes;
  const T one_output = T(1) / T(f.outputs);
  Vec<T> sums[vectors] = {};
  for (index_t i = 0; i < f.outputs; ++i)
    for (index_t v = 0; v < vectors; ++v) {
      const index_t at = i * kPanel<T> + v * lanes;
      Vec<T> one, d;
      L::at(load(f.output + at), load(f.y + at), one_output, one, d);
      sums[v] += one;
      store(f.d + at, d);
    }
  if (f.examples < kPanel<T>) {  // behind the last example: no loss, no gradient
    for (index_t v = 0; v < vectors; ++v) {
      const index_t left = f.examples - v * lanes;
      if (left < lanes) sums[v] = first_lanes(sums[v], left < 0 ? 0 : left);
    }
    for (index_t i = 0; i < f.outputs; ++i)
      for (index_t e = f.examples; e < kPanel<T>; ++e) f.d[i * kPanel<T> + e] = T(0);
  }
  return double(sum_of_panel<T>(sums));
}

}  // namespace deepnet::DEEPNET_ISA
