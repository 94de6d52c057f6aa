// Weights in panels, kept for predictions of a few examples.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
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
  /// A call that may read the copy while this lives.
  class Use {
   public:
    /// `version` must differ from that of any call before if the parameters do.
    Use(PackedWeights& packed, const Kernels<T>& kernels, std::span<const Layer<T>> layers, uint64_t version,
        Progress& progress)
        : packed_(packed) {
      if (!packed.is_due(version)) return;
      packed.make(kernels, layers, version, progress);
      packed.uses_.fetch_add(1);  // before the version is read: see make()
      if (packed.version_.load() == version)
        places_ = packed.places_.data();
      else
        packed.uses_.fetch_sub(1);
    }
    /// W is read in place.
    explicit Use(PackedWeights& packed) : packed_(packed) {}
    ~Use() {
      if (places_) packed_.uses_.fetch_sub(1);
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    /// Panels of a layer, or null: W must be read in place.
    const T* panels(size_t layer) const { return places_ ? places_[layer] : nullptr; }

   private:
    PackedWeights& packed_;
    const T* const* places_ = nullptr;
  };

 private:
  static constexpr uint64_t kNone = UINT64_MAX;

  /// Whether the copy is there, or worth its time: this version was asked for often enough.
  bool is_due(uint64_t version) {
    if (version_.load() == version) return true;
    if (seen_.exchange(version) != version) calls_.store(0);
    return calls_.fetch_add(1) >= kCallsInPlace;
  }

  /// Copies the weights, unless that is done, another call does it, or one still reads an older copy.
  void make(const Kernels<T>& kernels, std::span<const Layer<T>> layers, uint64_t version, Progress& progress) {
    if (version_.load() == version) return;
    const Claim claim(claimed_);
    if (!claim.succeeded || version_.load() == version) return;
    version_.store(kNone);  // stays if the copy is not made
    // A call that counts itself from here on sees kNone.
    if (uses_.load() == 0 && pack(kernels, layers, progress)) version_.store(version);
  }

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

  std::atomic<uint64_t> version_{kNone}, seen_{kNone};  // of the copy, and of the last call that had none
  std::atomic<int> calls_{0};                           // with the version seen
  std::atomic<int> uses_{0};
  std::atomic<bool> claimed_{false};  // by the call that packs
  AlignedBuffer memory_;
  std::vector<const T*> places_;
};

}  // namespace deepnet
