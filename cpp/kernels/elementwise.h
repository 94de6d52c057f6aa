// Loops over rows: whole vectors first, then the rest of the row. Activations are arguments of three of them.
#pragma once

#include "kernels/activations.h"

namespace deepnet::DEEPNET_ISA {

/// Calls body(column, load, store) for each vector of a row; the last may be short.
template <class T, class Body>
DEEPNET_INLINE void for_each_vector(index_t cols, Body body) {
  constexpr index_t lanes = kLanes<T>;
  index_t j = 0;
  for (; j + lanes <= cols; j += lanes)
    body(j, [](const T* p) { return load(p); }, [](T* p, Vec<T> v) { store(p, v); });
  if (const index_t rest = cols - j; rest > 0)
    body(j, [rest](const T* p) { return load_first(p, rest); }, [rest](T* p, Vec<T> v) { store_first(p, v, rest); });
}

/// Calls put(column, value(column, load), store) for each vector of a row, four vectors at a time: the compiler
/// interleaves them, since the instructions of one wait for each other. See docs/performance.md.
template <class T, class Value, class Put>
DEEPNET_INLINE void map_vectors(index_t cols, Value value, Put put) {
  constexpr index_t lanes = kLanes<T>, together = 4;
  index_t j = 0;
  for (; j + together * lanes <= cols; j += together * lanes) {
    Vec<T> v[together];
#pragma GCC unroll 4
    for (index_t k = 0; k < together; ++k) v[k] = value(j + k * lanes, [](const T* p) { return load(p); });
#pragma GCC unroll 4
    for (index_t k = 0; k < together; ++k) put(j + k * lanes, v[k], [](T* p, Vec<T> w) { store(p, w); });
  }
  for_each_vector<T>(cols - j,
                     [=](index_t rest, auto get, auto store_at) { put(j + rest, value(j + rest, get), store_at); });
}

template <class T, class A>
void activation_forward(const ActivationForward<T>& f) {
  assert(f.rows >= 0 && f.cols >= 0);
  const bool one_run = f.z.stride == f.cols && f.a.stride == f.cols;  // as the rows of a whole panel
  const index_t rows = one_run ? 1 : f.rows, cols = one_run ? f.rows * f.cols : f.cols;
  for (index_t i = 0; i < rows; ++i) {
    const T* z = f.z.data + i * f.z.stride;
    T* a = f.a.data + i * f.a.stride;
    map_vectors<T>(
        cols, [=](index_t j, auto get) { return A::forward(get(z + j)); },
        [=, flushes = f.flush](index_t j, Vec<T> v, auto put) { put(a + j, flushes ? flush<T>(v) : v); });
  }
}

/// Adds the vector at column j to its lanes' sums. Behind the end of a row lie zeros, and adding them changes nothing.
template <class T>
DEEPNET_INLINE void add_lanes(T* lane_sums, index_t j, Vec<T> v) {
  T* sum = lane_sums + j % kPanel<T>;
  store(sum, load(sum) + v);
}

template <class T>
void add_to_lanes(index_t rows, index_t cols, Rows<const T> x, T* lane_sums) {
  for (index_t i = 0; i < rows; ++i) {
    const T* row = x.data + i * x.stride;
    T* sums = lane_sums + i * kPanel<T>;
    for_each_vector<T>(cols, [=](index_t j, auto get, auto) { add_lanes(sums, j, get(row + j)); });
  }
}

template <class T, class Derivative>
DEEPNET_INLINE void backward_by(const ActivationBackward<T>& f, Derivative derivative) {
  const bool one_run = f.d_a.stride == f.cols && f.z.stride == f.cols && f.d_z.stride == f.cols && !f.lane_sums;
  const index_t rows = one_run ? 1 : f.rows, cols = one_run ? f.rows * f.cols : f.cols;
  for (index_t i = 0; i < rows; ++i) {
    const T *d_a = f.d_a.data + i * f.d_a.stride, *z = f.z.data + i * f.z.stride;
    T* d_z = f.d_z.data + i * f.d_z.stride;
    T* sums = f.lane_sums ? f.lane_sums + i * kPanel<T> : nullptr;
    map_vectors<T>(
        cols, [=](index_t j, auto get) { return derivative(get(d_a + j), get(z + j)); },
        [=, flushes = f.flush](index_t j, Vec<T> v, auto put) {
          if (flushes) v = flush<T>(v);
          put(d_z + j, v);
          if (sums) add_lanes(sums, j, v);
        });
  }
}

template <class T, class A>
void activation_backward(const ActivationBackward<T>& f) {
  assert(f.d_z.data != f.d_a.data && f.d_z.data != f.z.data);
  backward_by<T>(f, [](Vec<T> d_a, Vec<T> z) { return A::backward(d_a, z); });
}

template <class T, class A>
void activation_backward_from_a(const ActivationBackward<T>& f) {
  assert(f.d_z.data != f.d_a.data);
  backward_by<T>(f, [](Vec<T> d_a, Vec<T> a) { return A::backward_from_a(d_a, a); });
}

template <class T>
constexpr T kLargest = sizeof(T) == 4 ? T(0x1.fffffep+127) : T(0x1.fffffffffffffp+1023);

/// dAL = -(Y / AL - (1 - Y) / (1 - AL)), the derivative of the cross-entropy; a term 0 / 0 is 0, its limit.
template <class T>
DEEPNET_INLINE Vec<T> cross_entropy_derivative(Vec<T> al, Vec<T> y) {
  const Vec<T> off = T(1) - al, not_y = T(1) - y;
  const Vec<T> hit = y == T(0) ? (al == T(0) ? Vec<T>{} : y / al) : y / al;
  const Vec<T> miss = not_y == T(0) ? (off == T(0) ? Vec<T>{} : not_y / off) : not_y / off;
  return -(hit - miss);
}

template <class T, class A>
void output_backward(const OutputBackward<T>& f) {
  assert(f.lane_sums);
  for (index_t i = 0; i < f.rows; ++i) {
    const T *al = f.al.data + i * f.al.stride, *y = f.y.data + i * f.y.stride, *z = f.z.data + i * f.z.stride;
    T* d_z = f.d_z.data + i * f.d_z.stride;
    T* sums = f.lane_sums + i * kPanel<T>;
    for_each_vector<T>(f.cols, [=](index_t j, auto get, auto put) {
      const Vec<T> a = get(al + j), t = get(y + j);
      Vec<T> v = a - t;
      if constexpr (!requires { A::whole_columns; }) {
        const Vec<T> d_al = cross_entropy_derivative<T>(a, t), limit = v;
        v = A::backward(d_al, get(z + j));
        // A saturated sigmoid: the formula is 0/0 or inf * 0, also where AL is so small that dAL overflows; its limit
        // is A - Y.
        if constexpr (requires { A::pairs_with_cross_entropy; }) {
          v = a == T(0) ? limit : v;
          v = a == T(1) ? limit : v;
          v = abs<T>(d_al) > kLargest<T> ? limit : v;
        }
      }
      put(d_z + j, v);
      add_lanes(sums, j, f.cols - j >= kLanes<T> ? v : load_first<T>(d_z + j, f.cols - j));
    });
  }
}

template <class T>
void reduce_lanes(index_t rows, const T* lane_sums, T scale, T* sums, index_t stride) {
  for (index_t i = 0; i < rows; ++i, lane_sums += kPanel<T>) {
    T tree[kPanel<T>];
    for (index_t j = 0; j < kPanel<T>; ++j) tree[j] = lane_sums[j];
    for (index_t width = kPanel<T> / 2; width > 0; width /= 2)
      for (index_t j = 0; j < width; ++j) tree[j] += tree[j + width];
    sums[i * stride] = tree[0] * scale;
  }
}

}  // namespace deepnet::DEEPNET_ISA
