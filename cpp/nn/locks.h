// Access to a network's parameters: one call trains, and its updates take turns with any number of readers.
#pragma once

#include <atomic>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <thread>

#include "nn/progress.h"
#include "runtime/fork.h"

namespace deepnet {

/// Which call trains a network: set for a whole run, callbacks included.
class TrainingFlag {
 public:
  using Token = uint64_t;  // the thread and a number of its own; 0: none

  /// 0 if another call has it.
  Token take() {
    static thread_local uint32_t taken = 0;
    const Token token = Token(thread_number()) << 32 | ++taken;
    Token free = 0;
    return holder_.compare_exchange_strong(free, token) ? token : 0;
  }
  void release(Token token) { holder_.compare_exchange_strong(token, 0); }
  bool is_held_by(Token token) const { return token != 0 && holder_.load() == token; }

  /// In a child of fork. False: the training thread does not exist here, and the flag is free now.
  bool keep_after_fork() {
    const Token holder = holder_.load();
    if (holder == 0 || holder >> 32 == forking_thread()) return true;
    holder_.store(0);
    return false;
  }

 private:
  std::atomic<Token> holder_{0};
};

/// Readers of the parameters and the one writer, a training step, take turns. A waiting writer goes before the readers
/// that come after it. Waiting can be interrupted.
class StepLock {
 public:
  void lock_shared(Progress& progress) {
    while (true) {
      readers_.fetch_add(1);
      if (!writing_.load()) return;
      readers_.fetch_sub(1);
      wait([&] { return !writing_.load(); }, [&] { progress.ask(); });
    }
  }
  void unlock_shared() {
    [[maybe_unused]] const int readers = readers_.fetch_sub(1);
    assert(readers > 0);
  }

  void lock(Progress& progress) {
    writing_.store(true);
    wait([&] { return readers_.load() == 0; },
         [&] {  // what is asked may run a callback that reads
           writing_.store(false);
           progress.ask();
           writing_.store(true);
         });
  }
  /// The same without waiting; false: there are readers.
  bool try_lock() {
    writing_.store(true);
    if (readers_.load() == 0) return true;
    writing_.store(false);
    return false;
  }
  void unlock() { writing_.store(false); }

  /// In a child of fork, where `readers` are left of all that the parent had.
  void reset(int readers) {
    readers_.store(readers);
    writing_.store(false);
  }

 private:
  /// Polls, since C++20 has no wait with a time limit, which interrupts need: without sleeping for 50 us, then every
  /// 100 us.
  template <class Ready, class Ask>
  static void wait(Ready ready, Ask ask) {
    using Clock = std::chrono::steady_clock;
    if (ready()) return;
    const auto begin = Clock::now();
    for (auto asked = begin; !ready();) {
      const auto now = Clock::now();
      if (now - begin < std::chrono::microseconds(50))
        std::this_thread::yield();
      else
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      if (now - asked < std::chrono::milliseconds(20)) continue;
      ask();
      asked = now;
    }
  }

  std::atomic<int> readers_{0};
  std::atomic<bool> writing_{false};
};

}  // namespace deepnet
