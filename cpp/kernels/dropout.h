// Inverted dropout. Whether a unit is kept for an example depends only on the stream, the unit and the example, not on
// threads or chunks, and the backward pass recomputes it instead of storing it.
#pragma once

#include "kernels/kernels.h"
#include "simd/vec.h"

namespace deepnet::DEEPNET_ISA {

/// One vector's worth of 32-bit numbers, whatever T is.
template <class T>
struct Bits {
  typedef uint32_t Vec __attribute__((vector_size(4 * kLanes<T>)));
};
template <class T>
using BitsVec = typename Bits<T>::Vec;

/// The finaliser of MurmurHash3 (Appleby, public domain), with the upper half of the stream mixed in half-way.
template <class V>
DEEPNET_INLINE V mixed(V x, uint32_t between) {
  x ^= x >> 16;
  x *= 0x85ebca6bu;
  x ^= between;
  x ^= x >> 13;
  x *= 0xc2b2ae35u;
  return x ^ (x >> 16);
}

/// x / keep where unit i of example e is kept, else 0: number e * units + i of the stream is below the threshold.
template <class T>
void dropout(const Dropout<T>& f) {
  constexpr index_t lanes = kLanes<T>;
  assert(f.units >= 0 && f.first >= 0 && f.scale >= T(1));
  const uint32_t low = uint32_t(f.stream), high = uint32_t(f.stream >> 32), units = uint32_t(f.units);
  for (index_t lane = 0; lane < kPanel<T>; lane += lanes) {
    BitsVec<T> counter;
    for (index_t e = 0; e < lanes; ++e) counter[e] = uint32_t(f.first + lane + e) * units;
    for (index_t i = 0; i < f.units; ++i, counter += 1u) {
      T* x = f.x + i * kPanel<T> + lane;
      const auto kept = mixed<BitsVec<T>>(counter * 0x9e3779b9u + low, high) < f.threshold;
      const Vec<T> v = load(x);
      store(x, __builtin_convertvector(kept, IntVec<T>) ? v * f.scale : Vec<T>{});
    }
  }
}

}  // namespace deepnet::DEEPNET_ISA
