// Losses: one struct each, and the list at the end from which everything else is derived.
//
// A loss that names an activation is computed from Z, in one stable formula with that activation, so that dZ needs no
// derivative of it; any other loss is computed from A. at() returns the loss and its derivative for one output of one
// example; column() does so for all outputs of an example, where they depend on each other. To add a loss, write a
// struct, a line in the list, and an entry in python/deepnet/losses.py.
#pragma once

#include "kernels/sums.h"
#include "simd/log.h"

namespace deepnet::DEEPNET_ISA {

/// Constants of at().
template <class T>
struct LossConstants {
  T one_output;                   // 1 / n_L
  T parameters[kLossParameters];  // delta of huber, q of quantile
  T smoothing;                    // the share of each label that is spread over all classes
};

/// -(y log a + (1 - y) log(1 - a)) of a = sigmoid(z), as max(z, 0) - z y + log(1 + e^-|z|): finite for every finite z.
/// Summed over the outputs, as in the course; dZ = A - Y.
template <class T>
struct BinaryCrossEntropy {
  static constexpr const char *name = "binary_cross_entropy", *activation = "sigmoid";
  static constexpr LabelRule labels = LabelRule::kProbabilities;
  static DEEPNET_INLINE void at(Vec<T> z, Vec<T> y, const LossConstants<T>& k, Vec<T>& loss, Vec<T>& d) {
    y = fma(y, broadcast(T(1) - k.smoothing), broadcast(k.smoothing / T(2)));
    const Vec<T> e = exp_flushed<T>(-abs<T>(z));
    const Vec<T> a = (z < T(0) ? e : broadcast(T(1))) / (e + T(1));
    loss = fma(-z, y, z < T(0) ? Vec<T>{} : z) + log1p_unit<T>(e);
    d = a - y;
  }
};

/// -sum(y log a) of a = softmax(z), as sum(y) (max z + log sum(e^(z - max z))) - sum(y z). dZ = A sum(y) - Y, which is
/// A - Y for labels whose sum is 1. kClasses: y is one row, the number of the class.
template <class T, bool kClasses>
struct SoftmaxCrossEntropy {
  static constexpr const char* name = kClasses ? "sparse_categorical_cross_entropy" : "categorical_cross_entropy";
  static constexpr const char* activation = "softmax";
  static constexpr LabelRule labels = kClasses ? LabelRule::kClasses : LabelRule::kShares;

  static DEEPNET_INLINE Vec<T> column(const LossOfPanel<T>& f, const LossConstants<T>& k, index_t lane, Vec<T> weight) {
    const index_t n = f.outputs;
    const T *z = f.output + lane, *y = f.y + lane;
    T* d = f.d + lane;
    const T spread = k.smoothing * k.one_output, kept = T(1) - k.smoothing;
    Vec<T> largest = load(z);
    for (index_t i = 1; i < n; ++i) {
      const Vec<T> z_i = load(z + i * kPanel<T>);
      largest = z_i > largest ? z_i : largest;
    }
    const Vec<T> number = load(y);
    const auto label = [&](index_t i) {
      if constexpr (kClasses) return number == T(i) ? broadcast(kept + spread) : broadcast(spread);
      return fma(load(y + i * kPanel<T>), broadcast(kept), broadcast(spread));
    };
    Vec<T> sum{}, labels{}, loss{};
    for (index_t i = 0; i < n; ++i) {
      const Vec<T> below = load(z + i * kPanel<T>) - largest, e = exp_flushed<T>(below), y_i = label(i);
      sum += e;
      labels += y_i;
      loss = fma(-y_i, below, loss);
      store(d + i * kPanel<T>, e);  // d may be the memory of z
    }
    const Vec<T> scale = labels / sum;
    for (index_t i = 0; i < n; ++i)
      store(d + i * kPanel<T>, flush<T>(fma(load(d + i * kPanel<T>), scale, -label(i)) * weight));
    return fma(labels, log_normal<T>(sum), loss);
  }
};

/// (a - y)^2, the mean over the outputs; dA = 2 (A - Y) / n_L.
template <class T>
struct MeanSquaredError {
  static constexpr const char *name = "mean_squared_error", *activation = nullptr;
  static constexpr LabelRule labels = LabelRule::kNumbers;
  static DEEPNET_INLINE void at(Vec<T> a, Vec<T> y, const LossConstants<T>& k, Vec<T>& loss, Vec<T>& d) {
    const Vec<T> error = a - y;
    loss = error * error * k.one_output;
    d = error * (k.one_output + k.one_output);
  }
};

/// e^2 / 2 for |e| <= delta, else delta (|e| - delta / 2), of e = a - y; the mean over the outputs.
template <class T>
struct Huber {
  static constexpr const char *name = "huber", *activation = nullptr;
  static constexpr LabelRule labels = LabelRule::kNumbers;
  static DEEPNET_INLINE void at(Vec<T> a, Vec<T> y, const LossConstants<T>& k, Vec<T>& loss, Vec<T>& d) {
    const T delta = k.parameters[0];
    const Vec<T> error = a - y, size = abs<T>(error);
    const Vec<T> slope = error > delta ? broadcast(delta) : error < -delta ? broadcast(-delta) : error;
    loss = (size <= delta ? error * error * T(0.5) : (size - delta * T(0.5)) * delta) * k.one_output;
    d = slope * k.one_output;
  }
};

/// e^z - y z, where z is the logarithm of the rate; the mean over the outputs. dZ = (e^Z - Y) / n_L.
template <class T>
struct Poisson {
  static constexpr const char *name = "poisson", *activation = "identity";
  static constexpr LabelRule labels = LabelRule::kCounts;
  static DEEPNET_INLINE void at(Vec<T> z, Vec<T> y, const LossConstants<T>& k, Vec<T>& loss, Vec<T>& d) {
    const Vec<T> rate = exp<T>(z);
    loss = fma(-y, z, rate) * k.one_output;
    d = (rate - y) * k.one_output;
  }
};

/// q (y - a) where y > a, else (1 - q) (a - y): least where a share q of the targets lies below a; the mean over the
/// outputs. The derivative at y = a is 0.
template <class T>
struct Quantile {
  static constexpr const char *name = "quantile", *activation = nullptr;
  static constexpr LabelRule labels = LabelRule::kNumbers;
  static DEEPNET_INLINE void at(Vec<T> a, Vec<T> y, const LossConstants<T>& k, Vec<T>& loss, Vec<T>& d) {
    const T q = k.parameters[0];
    const Vec<T> error = a - y;
    const Vec<T> slope = error > T(0) ? broadcast(T(1) - q) : error < T(0) ? broadcast(-q) : error;  // nan stays nan
    loss = error * slope * k.one_output;
    d = slope * k.one_output;
  }
};

template <class... L>
struct LossList {};

template <class T>
using Losses = LossList<BinaryCrossEntropy<T>, SoftmaxCrossEntropy<T, false>, SoftmaxCrossEntropy<T, true>,
                        MeanSquaredError<T>, Huber<T>, Poisson<T>, Quantile<T>>;

template <class T, class L>
double loss(const LossOfPanel<T>& f) {
  assert(f.outputs > 0 && 0 <= f.examples && f.examples <= kPanel<T>);
  assert(T(0) <= f.smoothing && f.smoothing <= T(1));
  constexpr index_t lanes = kLanes<T>, vectors = kPanel<T> / lanes;
  LossConstants<T> k{.one_output = T(1) / T(f.outputs), .parameters = {}, .smoothing = f.smoothing};
  for (int i = 0; i < kLossParameters; ++i) k.parameters[i] = f.parameters[i];
  Vec<T> sums[vectors] = {};
  for (index_t v = 0; v < vectors && v * lanes < f.examples; ++v) {
    const Vec<T> weight = f.weights ? load(f.weights + v * lanes) : broadcast(T(1));
    if constexpr (requires { &L::column; }) {
      sums[v] = L::column(f, k, v * lanes, weight);
    } else {
      for (index_t i = 0; i < f.outputs; ++i) {
        const index_t at = i * kPanel<T> + v * lanes;
        Vec<T> one, d;
        L::at(load(f.output + at), load(f.y + at), k, one, d);
        sums[v] += one;
        store(f.d + at, flush<T>(d * weight));
      }
    }
    sums[v] = sums[v] * weight;
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
