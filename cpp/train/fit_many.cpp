#include "train/fit_many.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "runtime/thread_pool.h"

namespace deepnet {

namespace {

class SideBySide {
 public:
  SideBySide(index_t count, Interrupt* interrupt, const std::function<void(index_t, Interrupt*)>& work)
      : count_(count), interrupt_(interrupt), work_(work) {}

  void run(int threads) {
    while (!is_over()) {
      helpers_ = Help::kNone;
      ThreadPool::run(threads, threads,
                      [&](index_t) { std::this_thread::get_id() == caller_ ? take_as_caller() : take_as_helper(); });
    }
    if (failure_) std::rethrow_exception(failure_);
    if (stop_.load()) throw Interrupted{};
  }

 private:
  /// The interrupt of a thread: that of the caller on the calling thread, else none but the order to stop.
  class OfThread final : public Interrupt {
   public:
    OfThread(SideBySide& all, Interrupt* asked) : all_(all), asked_(asked) {}
    bool requested() override { return all_.stops() || (asked_ && asked_->requested() && all_.stop()); }
    bool requested_now() override { return all_.stops() || (asked_ && asked_->requested_now() && all_.stop()); }
    bool requested_between_steps() override {
      return all_.stops() || (asked_ && asked_->requested_between_steps() && all_.stop());
    }

   private:
    SideBySide& all_;
    Interrupt* asked_;
  };

  bool stops() const { return stop_.load(std::memory_order_relaxed); }
  bool stop() {
    stop_.store(true);
    return true;
  }
  bool is_over() const { return stops() || next_.load() >= count_; }

  /// Does the next piece of work; false: there is none.
  bool take(Interrupt& interrupt) {
    const index_t i = stops() ? count_ : next_.fetch_add(1);
    if (i >= count_) return false;
    try {
      work_(i, &interrupt);
    } catch (const Interrupted&) {
      stop();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      stop();
    }
    return true;
  }

  void take_as_helper() {
    Help none = Help::kNone;
    if (!helpers_.compare_exchange_strong(none, Help::kSome) && none == Help::kRefused) return;
    {
      const std::lock_guard lock(mutex_);
      ++helping_;
    }
    OfThread interrupt(*this, nullptr);
    while (take(interrupt)) {
    }
    const std::lock_guard lock(mutex_);
    if (--helping_ == 0) finished_.notify_one();
  }

  /// The calling thread must not wait in the pool, where it could not ask its interrupt. While it has no helpers, since
  /// another call has the pool, it tries the pool again after each piece of work.
  void take_as_caller() {
    OfThread interrupt(*this, interrupt_);
    while (take(interrupt)) {
      Help none = Help::kNone;
      if (helpers_.compare_exchange_strong(none, Help::kRefused) || none == Help::kRefused) return;
    }
    std::unique_lock lock(mutex_);
    while (!finished_.wait_for(lock, std::chrono::milliseconds(10), [&] { return helping_ == 0; })) {
      lock.unlock();
      if (!interrupt.requested()) interrupt.requested_between_steps();
      lock.lock();
    }
  }

  enum class Help { kNone, kSome, kRefused };

  const index_t count_;
  Interrupt* const interrupt_;
  const std::function<void(index_t, Interrupt*)>& work_;
  const std::thread::id caller_ = std::this_thread::get_id();
  std::atomic<index_t> next_{0};
  std::atomic<bool> stop_{false};
  std::atomic<Help> helpers_{Help::kNone};
  std::mutex mutex_;
  std::condition_variable finished_;
  int helping_ = 0;  // guarded by the mutex, like failure_
  std::exception_ptr failure_;
};

}  // namespace

void side_by_side(index_t count, int threads, Interrupt* interrupt,
                  const std::function<void(index_t i, Interrupt* interrupt)>& work) {
  threads = threads > 0 ? threads : num_threads();
  SideBySide(count, interrupt, work).run(int(std::min<index_t>(threads, count)));
}

}  // namespace deepnet
