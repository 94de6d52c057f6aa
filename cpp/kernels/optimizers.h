// Parameter updates, elementwise: one struct per optimizer, and the list that everything else is derived from. In place
// is fine: an element is read before it is written.
//
// step() is given the parameters p, their gradient g and the optimizer's memory of each, which is zeros at first. To
// add one: a struct, a line in the list, and an entry in python/deepnet/optimizers.
#pragma once

#include "kernels/elementwise.h"
#include "kernels/sums.h"

namespace deepnet::DEEPNET_ISA {

/// out = p - rate * g
template <class T>
void gradient_step(index_t count, const T* p, const T* g, T rate, T* out) {
  for_each_vector<T>(
      count, [=](index_t j, auto get, auto put) { put(out + j, fma(broadcast(-rate), get(g + j), get(p + j))); });
}

/// p -= rate g
template <class T>
struct Sgd {
  static constexpr const char* name = "sgd";
  static constexpr int slots = 0;
  static DEEPNET_INLINE void step(const Update<T>& u, Vec<T>& p, Vec<T> g, Vec<T>*) {
    p = fma(broadcast(-u.rate), g, p);
  }
};

/// v = momentum v + g; p -= rate v
template <class T>
struct Momentum {
  static constexpr const char* name = "momentum";
  static constexpr int slots = 1;
  static DEEPNET_INLINE void step(const Update<T>& u, Vec<T>& p, Vec<T> g, Vec<T>* slot) {
    slot[0] = fma(broadcast(u.hyper[0].value), slot[0], g);
    p = fma(broadcast(-u.rate), slot[0], p);
  }
};

/// v = momentum v + g; p -= rate (g + momentum v)
template <class T>
struct Nesterov {
  static constexpr const char* name = "nesterov";
  static constexpr int slots = 1;
  static DEEPNET_INLINE void step(const Update<T>& u, Vec<T>& p, Vec<T> g, Vec<T>* slot) {
    slot[0] = fma(broadcast(u.hyper[0].value), slot[0], g);
    p = fma(broadcast(-u.rate), fma(broadcast(u.hyper[0].value), slot[0], g), p);
  }
};

/// s = rho s + (1 - rho) g^2; p -= rate g / (sqrt(s) + epsilon)
template <class T>
struct RmsProp {
  static constexpr const char* name = "rmsprop";
  static constexpr int slots = 1;
  static DEEPNET_INLINE void step(const Update<T>& u, Vec<T>& p, Vec<T> g, Vec<T>* slot) {
    slot[0] = fma(broadcast(u.hyper[0].value), slot[0], g * g * u.hyper[0].rest);
    p = fma(broadcast(-u.rate), g / (root(slot[0]) + u.epsilon), p);
  }
};

/// s += g^2; p -= rate g / (sqrt(s) + epsilon)
template <class T>
struct Adagrad {
  static constexpr const char* name = "adagrad";
  static constexpr int slots = 1;
  static DEEPNET_INLINE void step(const Update<T>& u, Vec<T>& p, Vec<T> g, Vec<T>* slot) {
    slot[0] = fma(g, g, slot[0]);
    p = fma(broadcast(-u.rate), g / (root(slot[0]) + u.epsilon), p);
  }
};

/// v = beta1 v + (1 - beta1) g; s = beta2 s + (1 - beta2) g^2; p -= rate v_c / (sqrt(s_c) + epsilon), where step t
/// corrects v_c = v / (1 - beta1^t) and s_c = s / (1 - beta2^t). Adam with weight decay beside it is AdamW.
template <class T>
struct Adam {
  static constexpr const char* name = "adam";
  static constexpr int slots = 2;
  static DEEPNET_INLINE void step(const Update<T>& u, Vec<T>& p, Vec<T> g, Vec<T>* slot) {
    slot[0] = fma(broadcast(u.hyper[0].value), slot[0], g * u.hyper[0].rest);
    slot[1] = fma(broadcast(u.hyper[1].value), slot[1], g * g * u.hyper[1].rest);
    // rate / (1 - beta1^t), and both sides of the fraction times sqrt(1 - beta2^t): one division an element
    const Vec<T> below = fma(root(slot[1]), broadcast(u.hyper[1].one_over_root), broadcast(u.epsilon));
    p = fma(broadcast(-u.rate * u.hyper[0].one_over), slot[0] / below, p);
  }
};

template <class... O>
struct OptimizerList {};

template <class T>
using Optimizers = OptimizerList<Sgd<T>, Momentum<T>, Nesterov<T>, RmsProp<T>, Adagrad<T>, Adam<T>>;

/// The gradient of all that is minimised, cut to [-clip, clip].
template <class T>
DEEPNET_INLINE Vec<T> whole_gradient(const Penalties<T>& f, Vec<T> p, Vec<T> g) {
  g = fma(broadcast(f.l2), p, g * f.scale);
  g += p > T(0) ? broadcast(f.l1) : p < T(0) ? broadcast(-f.l1) : Vec<T>{};
  g = g > f.clip ? broadcast(f.clip) : g;
  return g < -f.clip ? broadcast(-f.clip) : g;
}

/// l2 / 2 p^2 + l1 |p|
template <class T>
DEEPNET_INLINE Vec<T> penalty_of(Vec<T> p, T l2, T l1) {
  return fma(p * p, broadcast(l2 / T(2)), abs<T>(p) * l1);
}

/// Returns the penalty of the parameters as they were.
template <class T, class O, bool kPenalty>
double update_all(const Update<T> u) {  // a copy, which no store can alias, so its numbers stay in registers
  constexpr index_t lanes = kLanes<T>, vectors = kPanel<T> / lanes;
  Vec<T> sums[vectors] = {};
  for_each_vector<T>(u.count, [&sums, u](index_t j, auto get, auto put) {
    Vec<T> p = get(u.p + j), slot[O::slots ? O::slots : 1];
    const Vec<T> g = whole_gradient<T>(u.penalties, p, get(u.g + j));
    if constexpr (kPenalty) sums[j / lanes % vectors] += penalty_of<T>(p, u.penalties.l2, u.penalties.l1);
    for (int s = 0; s < O::slots; ++s) slot[s] = get(u.slots[s] + j);
    p = fma(broadcast(-u.decay), p, p);
    O::step(u, p, g, slot);
    for (int s = 0; s < O::slots; ++s) put(u.slots[s] + j, slot[s]);
    put(u.p + j, p);
  });
  return kPenalty ? double(sum_of_panel<T>(sums)) : 0.0;
}

template <class T, class O>
double update(const Update<T>& u) {
  const bool penalty = u.penalties.l2 != T(0) || u.penalties.l1 != T(0);
  return penalty ? update_all<T, O, true>(u) : update_all<T, O, false>(u);
}

/// What a sum in T has overflowed to, once more in doubles, number by number.
template <class T, class Term>
double finite_sum(T sum, index_t count, Term term) {
  if (sizeof(T) == sizeof(double) || __builtin_isfinite(sum)) return double(sum);
  double again = 0;
  for (index_t j = 0; j < count; ++j) again += term(j);
  return again;
}

/// g becomes the gradient of all that is minimised; returns the sum of its squares.
template <class T>
double finish_gradient(index_t count, const T* p, T* g, const Penalties<T>& f) {
  constexpr index_t lanes = kLanes<T>, vectors = kPanel<T> / lanes;
  Vec<T> sums[vectors] = {};
  for_each_vector<T>(count, [&](index_t j, auto get, auto put) {
    const Vec<T> v = whole_gradient<T>(f, get(p + j), get(g + j));
    put(g + j, v);
    Vec<T>& sum = sums[j / lanes % vectors];
    sum = fma(v, v, sum);
  });
  return finite_sum(sum_of_panel<T>(sums), count, [g](index_t j) { return double(g[j]) * double(g[j]); });
}

/// l2 / 2 sum p^2 + l1 sum |p|
template <class T>
double penalty(index_t count, const T* p, T l2, T l1) {
  constexpr index_t lanes = kLanes<T>, vectors = kPanel<T> / lanes;
  Vec<T> sums[vectors] = {};
  for_each_vector<T>(count, [&](index_t j, auto get, auto) {
    const Vec<T> v = get(p + j);
    sums[j / lanes % vectors] += penalty_of<T>(v, l2, l1);
  });
  return double(sum_of_panel<T>(sums));
}

}  // namespace deepnet::DEEPNET_ISA
