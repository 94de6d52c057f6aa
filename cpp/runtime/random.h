// Random numbers by counter: the i-th number of a stream is a function of the stream and i alone, so it depends on
// neither the number of threads nor on what was drawn before.
#pragma once

#include <bit>
#include <cstdint>
#include <span>

namespace deepnet {

/// The mixing function of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
constexpr uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

constexpr uint64_t random_bits(uint64_t stream, uint64_t counter) {
  return mix(stream + (counter + 1) * 0x9e3779b97f4a7c15u);
}

/// The order of the examples in one epoch: Fisher and Yates' shuffle of chosen[0], chosen[1], ..., or if it is null of
/// 0, 1, ... Calls did(operations) every 2^19 numbers, some 10 ms where each swap misses the caches; what it throws
/// ends the shuffle.
template <class Did>
void shuffle(std::span<uint32_t> order, uint64_t seed, uint64_t epoch, Did did, const uint32_t* chosen = nullptr) {
  constexpr uint64_t kPart = uint64_t{1} << 19;
  constexpr double kOperations = 40 * double(kPart);  // of a part, as long as so many operations of a product take
  const uint64_t stream = mix(random_bits(seed, epoch));
  for (uint64_t i = 0; i < order.size(); ++i) {
    order[i] = chosen ? chosen[i] : uint32_t(i);
    if (i % kPart == kPart - 1) did(kOperations);
  }
  for (uint64_t i = order.size(); i-- > 1;) {
    __extension__ using Wide = unsigned __int128;
    const auto j = static_cast<uint64_t>(Wide(random_bits(stream, i)) * (i + 1) >> 64);
    const uint32_t swapped = order[i];
    order[i] = order[j];
    order[j] = swapped;
    if (i % kPart == 0) did(kOperations);
  }
}

inline void shuffle(std::span<uint32_t> order, uint64_t seed, uint64_t epoch) {
  shuffle(order, seed, epoch, [](double) {});
}

/// The shuffle of NumPy's RandomState, with the same use of its random numbers: for each place from the last on,
/// numbers of so many bits are drawn until one is not beyond it. There is a step for each number, without a branch that
/// a processor would have to guess: 5 instead of 12 ns a place. Calls did() every 2^16 places, some 0.3 ms; what it
/// throws ends the shuffle.
template <class Next, class Did>
void shuffle_as_numpy(std::span<uint32_t> order, Next next, Did did) {
  constexpr uint32_t kPart = uint32_t{1} << 16;
  if (order.size() < 2) return;
  auto i = static_cast<uint32_t>(order.size() - 1);
  uint32_t mask = ~uint32_t{0} >> std::countl_zero(i);
  while (i > 0) {
    for (const uint32_t end = (i - 1) / kPart * kPart; i > end;) {
      const uint32_t drawn = next() & mask;
      const bool fits = drawn <= i;
      const uint32_t j = fits ? drawn : i, swapped = order[i];
      order[i] = order[j];
      order[j] = swapped;
      i -= fits;
      mask = i <= mask >> 1 ? mask >> 1 : mask;
    }
    did();
  }
}

}  // namespace deepnet
