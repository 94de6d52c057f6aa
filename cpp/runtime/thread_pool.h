// The threads that training and prediction share: one pool per process, made when it is first needed.
//
// run() hands out numbered tasks through a counter, so a preempted thread delays only its own task. The caller takes
// tasks as well. Workers join an open job by themselves; when the counter is used up, the caller closes the job and
// waits for the workers that joined, not for those that are still waking up. Waiting threads spin at first, since a
// training step starts a job every few microseconds, and then sleep.
#pragma once

#include <atomic>
#include <cassert>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>

#include "deepnet/config.h"
#include "kernels/kernels.h"
#include "runtime/phases.h"
#include "runtime/system.h"

namespace deepnet {

/// What run() throws in a child that a task made by fork, which has no other thread.
constexpr const char* kForkedInside = "this process was forked in the middle of a parallel computation";

class ThreadPool {
 public:
  /// Calls task(i) once for each i in [0, count), on the calling thread and up to threads - 1 others, and returns when
  /// all are done. An exception of a task is rethrown here, and tasks that have not begun are dropped. While another
  /// thread uses the pool, and inside a task, the caller runs all tasks itself.
  template <class Task>
  static void run(index_t count, int threads, Task&& task) {
    assert(count >= 0);
    if (threads <= 1 || count <= 1 || !run_shared(count, threads, &call<Task>, &task))
      for (index_t i = 0; i < count; ++i) task(i);
  }

  /// Spins until ready() in a task that needs what an earlier task of the same job does. Offers the core to others.
  template <class Ready>
  static void wait(Ready ready) {
    const TimedPhase timed(Phase::kWait);
    for (int i = 0; !ready(); ++i) i % 64 == 63 ? std::this_thread::yield() : relax();
  }
  /// What a spinning thread does between two looks.
  static void relax();

 private:
  using Call = void (*)(void* task, index_t i);
  template <class Task>
  static void call(void* task, index_t i) {
    (*static_cast<std::remove_reference_t<Task>*>(task))(i);
  }

  static ThreadPool& instance();
  static bool run_shared(index_t count, int threads, Call call, void* task);

  void grow(int workers);
  void work(int worker, SignalMask blocked_in_children);
  void take_tasks() noexcept;
  bool join();
  void leave();
  void close_and_wait();
  bool forked_away() const { return forked_.load(std::memory_order_relaxed); }

  // The job. Written by the caller while the state is closed and no worker is active.
  Call call_ = nullptr;
  void* task_ = nullptr;
  index_t count_ = 0;
  int helpers_ = 0;
  std::exception_ptr failure_;
  std::atomic<bool> failed_{false};
  alignas(64) std::atomic<index_t> next_{0};

  // kOpen while workers may join, plus the number of those who have.
  static constexpr uint64_t kOpen = uint64_t{1} << 32;
  alignas(64) std::atomic<uint64_t> state_{0};
  std::atomic<uint64_t> jobs_{0};

  alignas(64) std::mutex sleep_;
  std::condition_variable wake_, done_;
  std::atomic<int> asleep_{0};
  std::atomic<bool> caller_asleep_{false};

  std::atomic<bool> in_use_{false};
  int workers_ = 0;
  std::atomic<bool> forked_{false};
};

}  // namespace deepnet
