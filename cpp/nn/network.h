// The state of a network: parameters, optimizer state, and the guards that readers and writers of them hold.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "nn/engine.h"
#include "nn/locks.h"
#include "nn/packed_weights.h"
#include "nn/session.h"
#include "runtime/thread_choice.h"

namespace deepnet {

/// The length of a padded row: a multiple of 64 bytes, so that every row of W is whole vectors, but no multiple of 2
/// KB, since 8 or more such rows would share a few sets of the L1 cache.
template <class T>
constexpr index_t padded_row(index_t columns) {
  constexpr index_t line = 64 / index_t(sizeof(T));
  const index_t row = round_up(columns, line);
  return row * index_t(sizeof(T)) % 2048 == 0 ? row + line : row;
}

template <class T>
struct Layer {
  index_t units, inputs;
  ActivationId activation;
  T *W, *b;
  index_t W_row;

  Matrix<T> weights() const { return {W, units, inputs, W_row, 1}; }
  Matrix<T> biases() const { return {b, units, 1, 1, 1}; }
};

/// The optimizer's state of each parameter, in the layout of the parameters: zeros before the first update. Behind it,
/// if the plan has scales of the features, `extra` numbers: see Updater.
template <class T>
struct OptimizerState {
  OptimizerId optimizer = -1;
  index_t slots = 0, extra = 0, count = 0;  // count: of all numbers
  uint64_t updates = 0;
  AlignedBuffer memory;

  /// Begins with zeros.
  void start(OptimizerId id, index_t slot_count, index_t size, index_t extra_count, Progress& progress) {
    optimizer = -1;  // stays if this throws
    count = slot_count * size + extra_count;
    if (index_t(memory.size()) > 2 * count * index_t(sizeof(T))) memory.release();
    T* all = numbers();
    in_parts(count, progress, [&](index_t first, index_t part) { std::fill_n(all + first, part, T(0)); });
    optimizer = id;
    slots = slot_count;
    extra = extra_count;
    updates = 0;
  }
  T* numbers() { return memory.reserve<T>(count); }
};

/// The memory of a call, kept for the next one. Each call takes it, so of several at once only one has it.
class KeptMemory {
 public:
  struct Content {
    virtual ~Content() = default;
  };
  ~KeptMemory() { put(nullptr); }
  std::unique_ptr<Content> take() { return std::unique_ptr<Content>(content_.exchange(nullptr)); }
  void put(std::unique_ptr<Content> content) { delete content_.exchange(content.release()); }

 private:
  std::atomic<Content*> content_{nullptr};
};

template <class T>
struct NetworkState {
  std::vector<Layer<T>> layers;
  AlignedBuffer memory;
  index_t size = 0;    // numbers in `memory`: W and b of every layer, with padding that no product reads
  index_t widest = 0;  // units of the widest layer, the inputs among them
  Compute compute = Compute::kOwnType;
  StepLock lock;
  TrainingFlag training;
  OptimizerState<T> optimizer_state;
  std::shared_ptr<void> kept;  // the KeptRunner of the training calls
  KeptMemory of_loss, of_gradients;
  KeptMemory forward_pass;           // of the last call of forward()
  KeptMemory spare_pass;             // the memory of the last call of backward() with its own X
  std::atomic<uint64_t> version{0};  // changes with each update
  PackedWeights<T> packed;
  std::atomic<int64_t> views{0};         // of the parameters, through which callers may change them at any time
  std::atomic<uint64_t> ended_views{0};  // the views that have been given up
  struct {
    ThreadChoices predict, few, loss, gradients, step, forward, backward;
  } choices;

  T* parameters() { return memory.reserve<T>(size); }
  /// The copy of the weights, if the parameters cannot have changed since it was made.
  typename PackedWeights<T>::Use use_packed_weights(const Kernels<T>& kernels, Progress& progress) {
    using Use = typename PackedWeights<T>::Use;
    if (views.load() > 0) return Use(packed);
    return Use(packed, kernels, layers, version.load() + ended_views.load(), progress);
  }
  /// True if the parameters exceed an L2 cache.
  bool exceeds_cache() const { return size * index_t(sizeof(T)) > index_t{1} << 20; }

  /// In a child of fork, frees what threads held that do not exist here. `reading`: whether the calling thread, which
  /// may be the one that forked, reads. What such a thread was changing is left to leak.
  void after_fork(bool reading) {
    const int now = forks();
    int before = made_after.load(std::memory_order_acquire);
    if (before == now) return;
    if (before >= 0 && made_after.compare_exchange_strong(before, kBeingFreed)) {
      lock.reset(reading ? 1 : 0);
      for (ThreadChoices* each : {&choices.predict, &choices.few, &choices.loss, &choices.gradients, &choices.step,
                                  &choices.forward, &choices.backward})
        each->after_fork();
      if (!training.keep_after_fork()) {
        std::construct_at(&optimizer_state);
        std::construct_at(&kept);
      }
      made_after.store(now, std::memory_order_release);
    } else {
      while (made_after.load(std::memory_order_acquire) == kBeingFreed) std::this_thread::yield();
    }
  }
  static constexpr int kBeingFreed = -1;
  std::atomic<int> made_after{forks()};
};

/// Reads the parameters of one network on this thread while it lives. A signal handler may run in the middle of a
/// prediction, and must not train this very network then: here() says so.
class Reading {
 public:
  template <class T>
  Reading(NetworkState<T>& state, Progress& progress)
      : lock_(state.lock), network_(&state), before_(innermost()), outermost_(!here(&state)) {
    state.after_fork(!outermost_);
    if (outermost_) lock_.lock_shared(progress);  // else an update that waits for the outer one would be waited for
    innermost() = this;
  }
  ~Reading() {
    innermost() = before_;
    if (outermost_) lock_.unlock_shared();
  }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  static bool here(const void* network) {
    for (const Reading* reading = innermost(); reading; reading = reading->before_)
      if (reading->network_ == network) return true;
    return false;
  }

 private:
  static const Reading*& innermost() {
    static thread_local const Reading* reading = nullptr;
    return reading;
  }
  StepLock& lock_;
  const void* network_;
  const Reading* before_;
  bool outermost_;  // of this thread and network
};

/// Writes the parameters while it lives; no Reading of this thread does.
template <class T>
class Writing {
 public:
  Writing(NetworkState<T>& state, Progress& progress) : lock_(state.lock) {
    state.after_fork(false);
    lock_.lock(progress);
    state.version.fetch_add(1);
  }
  /// Does not wait for readers: if there are any, this does not begin.
  Writing(NetworkState<T>& state, std::try_to_lock_t) : lock_(state.lock) {
    state.after_fork(false);
    began_ = lock_.try_lock();
    if (began_) state.version.fetch_add(1);
  }
  bool began() const { return began_; }
  ~Writing() {
    if (began_) lock_.unlock();
  }
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;

 private:
  StepLock& lock_;
  bool began_ = true;
};

}  // namespace deepnet
