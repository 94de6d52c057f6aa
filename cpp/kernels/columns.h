// Activations whose A depends on all units of an example: as many examples at a time as a vector has lanes.
#pragma once

#include "kernels/elementwise.h"

namespace deepnet::DEEPNET_ISA {

template <class T, class A>
void columns_forward(const ActivationForward<T>& f) {
  assert(f.rows > 0 && f.cols >= 0);
  for_each_vector<T>(f.cols, [=](index_t j, auto get, auto put) {
    const auto a = [=](index_t i) { return f.a.data + i * f.a.stride + j; };
    A::forward(
        f.rows, [=](index_t i) { return get(f.z.data + i * f.z.stride + j); }, [=](index_t i) { return get(a(i)); },
        [=](index_t i, Vec<T> v) { put(a(i), v); });
  });
}

/// f.z is A. Behind the end of a row lie zeros, in dA too, so dZ is 0 there and adds nothing to the lanes' sums.
template <class T, class A>
void columns_backward_from_a(const ActivationBackward<T>& f) {
  assert(f.d_z.data != f.d_a.data);
  for_each_vector<T>(f.cols, [=](index_t j, auto get, auto put) {
    A::backward_from_a(
        f.rows, [=](index_t i) { return get(f.d_a.data + i * f.d_a.stride + j); },
        [=](index_t i) { return get(f.z.data + i * f.z.stride + j); },
        [=](index_t i, Vec<T> v) {
          put(f.d_z.data + i * f.d_z.stride + j, v);
          if (f.lane_sums) add_lanes(f.lane_sums + i * kPanel<T>, j, v);
        });
  });
}

/// A is made where dZ will be.
template <class T, class A>
void columns_backward(const ActivationBackward<T>& f) {
  assert(f.d_z.data != f.d_a.data && f.d_z.data != f.z.data);
  columns_forward<T, A>({f.rows, f.cols, f.z, f.d_z});
  columns_backward_from_a<T, A>({f.rows, f.cols, f.d_a, {f.d_z.data, f.d_z.stride}, f.d_z, f.lane_sums});
}

}  // namespace deepnet::DEEPNET_ISA
