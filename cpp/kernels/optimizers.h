// Parameter updates, elementwise. In place (out == p) is fine: an element is read before it is written.
#pragma once

#include "kernels/elementwise.h"

namespace deepnet::DEEPNET_ISA {

/// out = p - rate * g
template <class T>
void gradient_step(index_t count, const T* p, const T* g, T rate, T* out) {
  for_each_vector<T>(
      count, [=](index_t j, auto get, auto put) { put(out + j, fma(broadcast(-rate), get(g + j), get(p + j))); });
}

}  // namespace deepnet::DEEPNET_ISA
