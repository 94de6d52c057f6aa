// The progress of a call, for which several threads may work: when to ask for an interrupt.
#pragma once

#include <algorithm>
#include <atomic>
#include <thread>

#include "deepnet/interrupt.h"
#include "kernels/kernels.h"

namespace deepnet {

class Progress {
 public:
  explicit Progress(Interrupt* interrupt) : interrupt_(interrupt) {}

  /// Counts work done. The thread that made the call asks the interrupt every 20 million operations (some 20 ms on a
  /// slow core); once that is requested, this throws Interrupted on every thread.
  void did(double operations) {
    if (stop_.load(std::memory_order_relaxed)) throw Interrupted{};
    if (!interrupt_ || std::this_thread::get_id() != caller_) return;
    work_ += operations;
    if (work_ < 2e7) return;
    work_ = 0;
    ask();
  }

  /// Counts numbers written to memory that may be new. Each counts as 32 operations: the first touch of a page can take
  /// 50 us on a virtual machine.
  void wrote(index_t numbers) { did(32 * double(numbers)); }

  void step_done() {
    did(2e4);  // a step takes a microsecond at least
    if (interrupt_ && interrupt_->requested_between_steps()) throw Interrupted{};
  }

  /// While it lives, the interrupt is not asked, and an interrupt that came before does not count.
  class Paused {
   public:
    explicit Paused(Progress& progress)
        : progress_(progress), interrupt_(progress.interrupt_), stop_(progress.stop_.exchange(false)) {
      progress_.interrupt_ = nullptr;
    }
    ~Paused() {
      progress_.interrupt_ = interrupt_;
      progress_.stop_ = stop_;
    }
    Paused(const Paused&) = delete;
    Paused& operator=(const Paused&) = delete;

   private:
    Progress& progress_;
    Interrupt* interrupt_;
    bool stop_;
  };

  /// Asks the interrupt now.
  void ask() {
    if (interrupt_ && std::this_thread::get_id() == caller_ && interrupt_->requested()) stop();
  }
  /// The same before work that can't be interrupted and takes long.
  void ask_before_long_work() {
    if (interrupt_ && std::this_thread::get_id() == caller_ && interrupt_->requested_now()) stop();
  }

 private:
  [[noreturn]] void stop() {
    stop_.store(true, std::memory_order_relaxed);
    throw Interrupted{};
  }

  Interrupt* interrupt_;
  std::thread::id caller_ = std::this_thread::get_id();
  std::atomic<bool> stop_{false};
  alignas(128) double work_ = 0;  // which the caller writes all the time, apart from what all threads read
};

/// Calls write(first, count) for one part of `count` numbers after the other, each at most a megabyte or two, and
/// counts what was written.
template <class Write>
void in_parts(index_t count, Progress& progress, Write write) {
  constexpr index_t most = index_t{1} << 18;
  for (index_t first = 0; first < count; first += most) {
    const index_t part = std::min(most, count - first);
    write(first, part);
    progress.wrote(part);
  }
}

template <class T>
void copy_in_parts(const T* from, index_t count, T* to, Progress& progress) {
  in_parts(count, progress, [&](index_t first, index_t part) { std::copy_n(from + first, part, to + first); });
}

}  // namespace deepnet
