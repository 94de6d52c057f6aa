// Parameter updates, elementwise: one struct per optimizer, and the list from which everything else is derived.
//
// step() updates parameters p from their gradient g and the optimizer's memory, which starts as zeros. To add an
// optimizer, write a struct, a line in the list, and a class in python/deepnet/optimizers.py.
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

/// p = p + tau * (q - p), rounded three times
template <class T>
void blend(index_t count, T* p, const T* q, T tau) {
  for_each_vector<T>(count, [=](index_t j, auto get, auto put) {
    const Vec<T> from = get(p + j);
    put(p + j, from + (get(q + j) - from) * tau);
  });
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

/// v = momentum v + gain g; p -= rate v. Either gain or rate is 1, the other one the learning rate.
template <class T>
struct Momentum {
  static constexpr const char* name = "momentum";
  static constexpr int slots = 1;
  static DEEPNET_INLINE void step(const Update<T>& u, Vec<T>& p, Vec<T> g, Vec<T>* slot) {
    slot[0] = fma(broadcast(u.hyper[0].value), slot[0], g * u.gain);
    p = fma(broadcast(-u.rate), slot[0], p);
  }
};

/// v = momentum v + gain g; p -= rate (gain g + momentum v)
template <class T>
struct Nesterov {
  static constexpr const char* name = "nesterov";
  static constexpr int slots = 1;
  static DEEPNET_INLINE void step(const Update<T>& u, Vec<T>& p, Vec<T> g, Vec<T>* slot) {
    g = g * u.gain;
    slot[0] = fma(broadcast(u.hyper[0].value), slot[0], g);
    p = fma(broadcast(-u.rate), fma(broadcast(u.hyper[0].value), slot[0], g), p);
  }
};

/// Optimizers that divide by the size of the gradients remember the root of s, the sum or average of their squares, in
/// units of kUnit. The squares themselves would leave the range of float at 1.8e19 and 1e-19; the unit leaves room for
/// the sum over a million of the largest gradients.
template <class T>
constexpr T kUnit = 1024;

/// sqrt(a^2 + b^2) for a, b >= 0, or 0 where a + b is subnormal. Both are scaled by the exponent of their sum, so that
/// no square overflows, and one vanishes only where it does not count. The sum must be below 2^127 (double: 2^1023).
template <class T>
DEEPNET_INLINE Vec<T> root_of_squares(Vec<T> a, Vec<T> b) {
  using K = ExpConstants<T>;
  using Bits = typename VecTypes<T>::Bits;
  constexpr Bits exponent_bits = Bits(2 * K::exponent_bias + 1) << K::mantissa_bits;
  const IntVec<T> exponent = reinterpret_cast<IntVec<T>>(a + b) & exponent_bits;
  const Vec<T> power = reinterpret_cast<Vec<T>>(exponent);  // of two; 0 where the sum is subnormal
  const Vec<T> inverse = reinterpret_cast<Vec<T>>((Bits(2 * K::exponent_bias) << K::mantissa_bits) - exponent);
  const Vec<T> x = a * inverse, y = b * inverse;
  return root(fma(y, y, x * x)) * power;
}

/// The root of value s + (1 - value) g^2 from that of s.
template <class T>
DEEPNET_INLINE Vec<T> root_of_average(Vec<T> s_root, Vec<T> g, const Hyper<T>& h) {
  return root_of_squares<T>(s_root * h.root, abs<T>(g) * (h.root_of_rest / kUnit<T>));
}

/// s = rho s + (1 - rho) g^2; p -= rate g / (sqrt(s) + epsilon)
template <class T>
struct RmsProp {
  static constexpr const char* name = "rmsprop";
  static constexpr int slots = 1;
  static DEEPNET_INLINE void step(const Update<T>& u, Vec<T>& p, Vec<T> g, Vec<T>* slot) {
    slot[0] = root_of_average<T>(slot[0], g, u.hyper[0]);
    p = fma(broadcast(-u.rate / kUnit<T>), g / (slot[0] + u.epsilon / kUnit<T>), p);
  }
};

/// s += g^2; p -= rate g / (sqrt(s) + epsilon)
template <class T>
struct Adagrad {
  static constexpr const char* name = "adagrad";
  static constexpr int slots = 1;
  static DEEPNET_INLINE void step(const Update<T>& u, Vec<T>& p, Vec<T> g, Vec<T>* slot) {
    slot[0] = root_of_squares<T>(slot[0], abs<T>(g) * (1 / kUnit<T>));
    p = fma(broadcast(-u.rate / kUnit<T>), g / (slot[0] + u.epsilon / kUnit<T>), p);
  }
};

/// v = beta1 v + (1 - beta1) g; s = beta2 s + (1 - beta2) g^2; p -= rate v_c / (sqrt(s_c) + epsilon), where step t
/// corrects v_c = v / (1 - beta1^t) and s_c = s / (1 - beta2^t). With weight decay it is AdamW.
template <class T>
struct Adam {
  static constexpr const char* name = "adam";
  static constexpr int slots = 2;
  static DEEPNET_INLINE void step(const Update<T>& u, Vec<T>& p, Vec<T> g, Vec<T>* slot) {
    slot[0] = fma(broadcast(u.hyper[0].value), slot[0], g * u.hyper[0].rest);
    slot[1] = root_of_average<T>(slot[1], g, u.hyper[1]);
    const Vec<T> below = fma(slot[1], broadcast(u.hyper[1].one_over_root), broadcast(u.epsilon / kUnit<T>));
    p = fma(broadcast(-u.rate * u.hyper[0].one_over / kUnit<T>), slot[0] / below, p);
  }
};

template <class... O>
struct OptimizerList {};

template <class T>
using Optimizers = OptimizerList<Sgd<T>, Momentum<T>, Nesterov<T>, RmsProp<T>, Adagrad<T>, Adam<T>>;

/// What an update needs besides the gradient of the loss. Each case is compiled for itself: penalties of 0, a decay of
/// 0 and comparisons with inf took a fifth of the time of Adam's update.
enum class Extras { kNone, kL2, kClipAndDecay, kAll };

/// The gradient of the loss and of the penalties, clipped.
template <class T, Extras extras = Extras::kAll>
DEEPNET_INLINE Vec<T> whole_gradient(const Penalties<T>& f, Vec<T> p, Vec<T> g) {
  g = g * f.scale;
  if constexpr (extras == Extras::kL2 || extras == Extras::kAll) g = fma(broadcast(f.l2), p, g);
  if constexpr (extras == Extras::kAll) g += p > T(0) ? broadcast(f.l1) : p < T(0) ? broadcast(-f.l1) : Vec<T>{};
  if constexpr (extras == Extras::kClipAndDecay || extras == Extras::kAll) {
    g = g > f.clip ? broadcast(f.clip) : g;
    g = g < -f.clip ? broadcast(-f.clip) : g;
  }
  return flush<T>(g);
}

/// l2 / 2 p^2 + l1 |p|
template <class T, Extras extras = Extras::kAll>
DEEPNET_INLINE Vec<T> penalty_of(Vec<T> p, T l2, T l1) {
  if constexpr (extras == Extras::kL2) return p * p * (l2 / T(2));
  return fma(p * p, broadcast(l2 / T(2)), abs<T>(p) * l1);
}

/// Returns the penalty of the parameters before the update. All rows in one call: reading an Update that has just been
/// written stalls, which took a third of the time for rows of 64.
template <class T, class O, Extras extras>
double update_all(const Update<T> u) {  // a copy, which no store can alias, so its numbers stay in registers
  constexpr bool has_penalty = extras == Extras::kL2 || extras == Extras::kAll;
  double penalty = 0;
  for (index_t row = 0; row < u.rows; ++row) {
    T *to = u.p + row * u.p_row, *slots[O::slots ? O::slots : 1];
    const T* from = u.g + row * u.g_row;
    for (int s = 0; s < O::slots; ++s) slots[s] = u.slots[s] + row * u.p_row;
    ColumnSums<T> sums;
    for_each_vector<T>(u.count, [&](index_t j, auto get, auto put) {
      Vec<T> p = get(to + j), slot[O::slots ? O::slots : 1];
      const Vec<T> g = whole_gradient<T, extras>(u.penalties, p, get(from + j));
      if constexpr (has_penalty)
        sums.next([&](Vec<T> sum) { return sum + penalty_of<T, extras>(p, u.penalties.l2, u.penalties.l1); });
      for (int s = 0; s < O::slots; ++s) slot[s] = get(slots[s] + j);
      if constexpr (extras == Extras::kClipAndDecay || extras == Extras::kAll) p = fma(broadcast(-u.decay), p, p);
      O::step(u, p, g, slot);
      for (int s = 0; s < O::slots; ++s) put(slots[s] + j, flush<T>(slot[s]));
      put(to + j, flush<T>(p));
    });
    if constexpr (has_penalty) penalty += double(sums.total(u.count));
  }
  return penalty;
}

template <class T, class O>
double update(const Update<T>& u) {
  static_assert(O::slots <= kMostSlots, "kernels.h: more slots for every Update");
  assert(u.count >= 0 && u.penalties.clip >= T(0));
  for ([[maybe_unused]] const Hyper<T>& h : u.hyper) assert(T(0) <= h.value && h.value < T(1));
  for (int s = 0; s < O::slots; ++s) assert(u.slots[s]);
  const bool more = u.decay != T(0) || u.penalties.clip < __builtin_inf();
  if (u.penalties.l1 != T(0) || (more && u.penalties.l2 != T(0))) return update_all<T, O, Extras::kAll>(u);
  if (u.penalties.l2 != T(0)) return update_all<T, O, Extras::kL2>(u);
  return more ? update_all<T, O, Extras::kClipAndDecay>(u) : update_all<T, O, Extras::kNone>(u);
}

/// The sum, recomputed in double if it overflowed in T.
template <class T, class Term>
double finite_sum(T sum, index_t count, Term term) {
  if (sizeof(T) == sizeof(double) || __builtin_isfinite(sum)) return double(sum);
  double again = 0;
  for (index_t j = 0; j < count; ++j) again += term(j);
  return again;
}

/// Replaces g by the gradient with penalties; returns the sum of its squares.
template <class T>
double finish_gradient(index_t count, const T* p, T* g, const Penalties<T>& f) {
  assert(count >= 0 && f.clip >= T(0));
  ColumnSums<T> sums;
  for_each_vector<T>(count, [&](index_t j, auto get, auto put) {
    const Vec<T> v = whole_gradient<T>(f, get(p + j), get(g + j));
    put(g + j, v);
    sums.next([&](Vec<T> sum) { return fma(v, v, sum); });
  });
  return finite_sum(sums.total(count), count, [g](index_t j) { return double(g[j]) * double(g[j]); });
}

/// l2 / 2 sum p^2 + l1 sum |p|
template <class T>
double penalty(index_t count, const T* p, T l2, T l1) {
  assert(count >= 0);
  ColumnSums<T> sums;
  for_each_vector<T>(count, [&](index_t j, auto get, auto) {
    const Vec<T> v = get(p + j);
    sums.next([&](Vec<T> sum) { return sum + penalty_of<T>(v, l2, l1); });
  });
  return double(sums.total(count));
}

}  // namespace deepnet::DEEPNET_ISA
