// Sums over examples, in an order that depends only on their indices: lane j adds every kPanel-th example from j on, in
// order; then the lanes are added as a tree of fixed shape, j with j + kPanel / 2, and so on.
#pragma once

#include "kernels/kernels.h"
#include "simd/transpose.h"

namespace deepnet::DEEPNET_ISA {

/// The first levels of the tree: kPanel lanes in several vectors become one vector.
template <class T>
DEEPNET_INLINE Vec<T> fold_panel(Vec<T> (&v)[kPanel<T> / kLanes<T>]) {
#pragma GCC unroll 4
  for (index_t width = kPanel<T> / kLanes<T> / 2; width > 0; width /= 2)
#pragma GCC unroll 4
    for (index_t i = 0; i < width; ++i) v[i] += v[i + width];
  return v[0];
}

template <class T>
DEEPNET_INLINE T sum_of_panel(Vec<T> (&v)[kPanel<T> / kLanes<T>]) {
  T lane[kLanes<T>];
  store(lane, fold_panel<T>(v));
  for (index_t width = kLanes<T> / 2; width > 0; width /= 2)
    for (index_t i = 0; i < width; ++i) lane[i] += lane[i + width];
  return lane[0];
}

/// Sums over the columns of a row, in the same order. The next sum is always the first, and they rotate: a sum whose
/// number is not known to the compiler lay in memory, where adding to it made an update with penalties wait.
template <class T>
class ColumnSums {
 public:
  /// sum = add(sum), for the next vector of columns.
  template <class Add>
  DEEPNET_INLINE void next(Add add) {
    rotate(add(sums_[0]));
  }
  /// After all columns; `count` of them.
  DEEPNET_INLINE T total(index_t count) {
    for (index_t v = (count + kLanes<T> - 1) / kLanes<T>; v % vectors != 0; ++v) rotate(sums_[0]);
    return sum_of_panel<T>(sums_);
  }

 private:
  static constexpr index_t vectors = kPanel<T> / kLanes<T>;
  DEEPNET_INLINE void rotate(Vec<T> first) {
    for (index_t v = 0; v + 1 < vectors; ++v) sums_[v] = sums_[v + 1];
    sums_[vectors - 1] = first;
  }
  Vec<T> sums_[vectors] = {};
};

/// The sums of one row in the lanes of a vector, after the first levels of the tree. Its loops are unrolled early, so
/// that the sums are in registers: in memory, each addition waited for the one before to be written and read again.
/// `whole`: the sums neither continue others nor will be continued. They begin with the first panel then.
template <class T, bool whole>
DEEPNET_INLINE Vec<T> sum_row(const SumRows<T>& f, index_t row) {
  constexpr index_t lanes = kLanes<T>, vectors = kPanel<T> / lanes;
  Vec<T> sums[vectors];
  const T* x = f.x + row * kPanel<T>;
#pragma GCC unroll 8
  for (index_t v = 0; v < vectors; ++v)
    sums[v] = whole ? load(x + v * lanes) : f.resume ? load(f.lane_sums + row * kPanel<T> + v * lanes) : Vec<T>{};
  if (whole) x += f.x_panel;
  for (index_t p = whole; p < f.panels; ++p, x += f.x_panel) {
#pragma GCC unroll 8
    for (index_t v = 0; v < vectors; ++v) sums[v] += load(x + v * lanes);
  }
  if (!whole && !f.finish) {
#pragma GCC unroll 8
    for (index_t v = 0; v < vectors; ++v) store(f.lane_sums + row * kPanel<T> + v * lanes, sums[v]);
  }
  return fold_panel<T>(sums);
}

template <class T, bool whole>
DEEPNET_INLINE void sum_some_rows(const SumRows<T>& f, index_t first, index_t count) {
  constexpr index_t lanes = kLanes<T>;
  Vec<T> rows[lanes];
#pragma GCC unroll 16
  for (index_t r = 0; r < lanes; ++r) rows[r] = r < count ? sum_row<T, whole>(f, first + r) : Vec<T>{};
  if (!whole && !f.finish) return;
  Vec<T> sums = sums_of_rows<T>(rows);
  if (whole) sums = sums + Vec<T>{};  // 0 where it is -0, as if they had begun with 0
  T* out = f.out + first;
  store(out, fma(broadcast(f.scale), sums, load(out)));
}

template <class T>
void sum_rows(const SumRows<T>& f) {
  assert(f.lane_sums || (!f.resume && f.finish));
  assert(f.out || !f.finish);
  constexpr index_t lanes = kLanes<T>;
  const bool whole = !f.resume && f.finish && f.panels > 0;
  index_t first = 0;
  for (; whole && first + lanes <= f.rows; first += lanes) sum_some_rows<T, true>(f, first, lanes);
  for (; first < f.rows; first += lanes) sum_some_rows<T, false>(f, first, f.rows - first);
}

}  // namespace deepnet::DEEPNET_ISA
