#include "runtime/thread_pool.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <utility>

#include "runtime/cpu.h"
#include "runtime/fork.h"
#include "runtime/phases.h"
#include "runtime/system.h"

namespace deepnet {

namespace {

std::atomic<int> wanted_threads{0};
std::atomic<ThreadPool*> the_pool{nullptr};

using Clock = std::chrono::steady_clock;
// A sleeping worker needs 20 to 60 us to wake up. A caller gives up its core sooner, since the worker that it waits for
// may need it.
constexpr auto kWorkerSpins = std::chrono::microseconds(200);
constexpr auto kCallerSpins = std::chrono::microseconds(50);

/// Spins until `ready` or the time is up; returns ready(). From some microseconds on it offers the core to other
/// threads: perhaps to the one that it waits for.
template <class Ready>
bool spin(Clock::duration limit, Ready ready) {
  for (int i = 0; i < 64; ++i, ThreadPool::relax())
    if (ready()) return true;
  for (const auto end = Clock::now() + limit; Clock::now() < end; std::this_thread::yield())
    for (int i = 0; i < 64; ++i, ThreadPool::relax())
      if (ready()) return true;
  return ready();
}

}  // namespace

int v1::num_threads() {
  int threads = wanted_threads.load(std::memory_order_relaxed);
  if (threads != 0) return threads;
  const int by_default = default_threads();
  return wanted_threads.compare_exchange_strong(threads, by_default) ? by_default : threads;
}

void v1::set_num_threads(int threads) { wanted_threads.store(std::max(1, threads), std::memory_order_relaxed); }

void ThreadPool::relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

ThreadPool& ThreadPool::instance() {
  // Never destroyed: workers may spin in it while the process ends. A child of fork has none of its threads and makes a
  // new pool. The old one is marked, for a caller that forked inside a task.
  static std::mutex making;
  if (ThreadPool* pool = the_pool.load(std::memory_order_acquire)) return *pool;
  const std::lock_guard lock(making);
  if (ThreadPool* pool = the_pool.load(std::memory_order_acquire)) return *pool;
  static const bool registered = call_in_children_of_fork([] {
    if (ThreadPool* pool = the_pool.exchange(nullptr)) pool->forked_.store(true);
  });
  static_cast<void>(registered);
  ThreadPool* pool = new ThreadPool;
  the_pool.store(pool, std::memory_order_release);
  return *pool;
}

bool ThreadPool::run_shared(index_t count, int threads, Call call, void* task) {
  ThreadPool& pool = instance();
  if (pool.in_use_.exchange(true, std::memory_order_acquire)) return false;  // perhaps by this very thread
  const struct Free {
    std::atomic<bool>& in_use;
    ~Free() { in_use.store(false, std::memory_order_release); }
  } free{pool.in_use_};
  const int helpers = int(std::min<index_t>(threads, count)) - 1;
  pool.grow(helpers);
  pool.call_ = call;
  pool.task_ = task;
  pool.count_ = count;
  pool.helpers_ = helpers;
  pool.next_.store(0, std::memory_order_relaxed);
  pool.state_.store(kOpen, std::memory_order_release);
  pool.jobs_.fetch_add(1);
  if (pool.asleep_.load() > 0) {
    const std::lock_guard awake(pool.sleep_);
    pool.wake_.notify_all();
  }
  pool.take_tasks();
  pool.close_and_wait();
  if (pool.failed_.exchange(false)) std::rethrow_exception(std::exchange(pool.failure_, nullptr));
  return true;
}

void ThreadPool::grow(int workers) {
  if (workers_ >= workers) return;
  const SignalMask before = block_all_signals();  // the threads of the user handle signals
  try {
    for (; workers_ < workers; ++workers_) std::thread(&ThreadPool::work, this, workers_, before).detach();
  } catch (const std::exception&) {
    // The system has no more threads or memory: the existing workers do the job.
  }
  set_signal_mask(before);
}

void ThreadPool::work(int worker, SignalMask blocked_in_children) {
  set_signal_mask_of_children(blocked_in_children);
  run_on_all_cpus();
  for (uint64_t seen = 0;;) {
    const auto news = [&] { return jobs_.load() != seen; };
    if (!spin(kWorkerSpins, news)) {
      std::unique_lock lock(sleep_);
      asleep_.fetch_add(1);
      wake_.wait(lock, news);
      asleep_.fetch_sub(1);
    }
    seen = jobs_.load();
    if (!join()) continue;
    if (worker < helpers_) take_tasks();
    leave();
  }
}

bool ThreadPool::join() {
  uint64_t state = state_.load(std::memory_order_acquire);
  while (state & kOpen)
    if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel)) return true;
  return false;
}

void ThreadPool::leave() {
  if (state_.fetch_sub(1) == 1 && caller_asleep_.load()) {
    const std::lock_guard lock(sleep_);
    done_.notify_one();
  }
}

void ThreadPool::take_tasks() noexcept {
  try {
    for (index_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_;) call_(task_, i);
  } catch (...) {
    next_.store(count_, std::memory_order_relaxed);
    const std::lock_guard lock(sleep_);
    if (!failed_.exchange(true)) failure_ = std::current_exception();
  }
}

void ThreadPool::close_and_wait() {
  const TimedPhase timed(Phase::kWait);
  state_.fetch_and(~kOpen);
  const auto done = [&] { return state_.load() == 0 || forked_away(); };
  if (!spin(kCallerSpins, done)) {
    std::unique_lock lock(sleep_);
    caller_asleep_.store(true);
    done_.wait(lock, done);
    caller_asleep_.store(false);
  }
  if (forked_away()) throw std::runtime_error(kForkedInside);
}

}  // namespace deepnet
