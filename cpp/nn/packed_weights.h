// Weights in panels, kept for predictions of a few examples.
#pragma once

#include <algorithm>
#include <atomic>
#include <new>
#include <span>
#include <vector>

#include "nn/progress.h"
#include "nn/session.h"
#include "runtime/workspace.h"

namespace deepnet {

template <class T>
struct Layer;

/// A copy of each large W in panels of units, which FewColumns reads in about half the time of W itself: W must be
/// transposed on the way. It is made when predictions are repeated and nothing changes the parameters in between.
///
/// Its caller reads the parameters meanwhile (see Reading). Several threads may call it at once.
template <class T>
class PackedWeights {
 public:
  /// One pointer for each layer, null where W must be read in place; or null for all. `version` must differ from that
  /// of any call before if the parameters do.
  const T* const* of(const Kernels<T>& kernels, std::span<const Layer<T>> layers, uint64_t version,
                     Progress& progress) {
    const uint64_t key = version + 1;
    if (packed_.load(std::memory_order_acquire) == key) return places_.data();
    if (seen_.exchange(key, std::memory_order_relaxed) != key) calls_.store(0, std::memory_order_relaxed);
    if (calls_.fetch_add(1, std::memory_order_relaxed) < kCallsInPlace) return nullptr;
    const Claim claim(claimed_);
    if (!claim.succeeded) return nullptr;
    // Readers of older parameters are through, and those of the present ones do not use the copy before it is whole.
    if (packed_.load(std::memory_order_acquire) != key) {
      packed_.store(0, std::memory_order_relaxed);  // stays if the next line throws
      if (!pack(kernels, layers, progress)) return nullptr;
      packed_.store(key, std::memory_order_release);
    }
    return places_.data();
  }

 private:
  /// Packing takes as long as 1.4 predictions in place at most, and saves about half of each later one.
  static constexpr int kCallsInPlace = 3;
  /// Larger copies would not stay in a cache.
  static constexpr index_t kMostBytes = index_t{64} << 20;

  struct Claim {
    explicit Claim(std::atomic<bool>& flag)
        : claimed(flag), succeeded(!flag.exchange(true, std::memory_order_acquire)) {}
    ~Claim() {
      if (succeeded) claimed.store(false, std::memory_order_release);
    }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;
    std::atomic<bool>& claimed;
    const bool succeeded;
  };

  /// False: too large, or memory ran out.
  bool pack(const Kernels<T>& kernels, std::span<const Layer<T>> layers, Progress& progress) {
    // The products of few units wait for their sums, not for the weights.
    const auto is_packed = [](const Layer<T>& layer) { return layer.units > kPanel<T> / 2; };
    index_t size = 0;
    for (const Layer<T>& layer : layers)
      if (is_packed(layer)) size += round_up(layer.units, kPanel<T>) * layer.inputs;
    if (size * index_t(sizeof(T)) > kMostBytes) return false;
    T* to = nullptr;
    try {
      to = memory_.reserve<T>(size);
      places_.assign(layers.size(), nullptr);
    } catch (const std::bad_alloc&) {
      return false;
    }
    for (size_t l = 0; l < layers.size(); ++l) {
      const Layer<T>& layer = layers[l];
      if (!is_packed(layer)) continue;
      places_[l] = to;
      for (index_t unit = 0; unit < layer.units; unit += kPanel<T>, to += layer.inputs * kPanel<T>) {
        kernels.pack(layer.inputs, std::min(kPanel<T>, layer.units - unit),
                     {layer.W + unit * layer.W_row, 1, layer.W_row}, to);
        progress.wrote(layer.inputs * kPanel<T>);
      }
    }
    return true;
  }

  std::atomic<uint64_t> packed_{0}, seen_{0};  // a version plus 1; 0: none
  std::atomic<int> calls_{0};                  // with the parameters seen last
  std::atomic<bool> claimed_{false};           // by the thread that packs
  AlignedBuffer memory_;
  std::vector<const T*> places_;
};

}  // namespace deepnet
