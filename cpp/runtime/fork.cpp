#include "runtime/fork.h"

#include <pthread.h>

#include <atomic>
#include <new>

namespace deepnet {

namespace {
std::atomic<int> fork_count{0};
std::atomic<uint32_t> forked_by{0}, threads_numbered{0};
}  // namespace

int forks() {
  [[maybe_unused]] static const bool registered = [] {
    const auto in_child = [] {
      forked_by.store(thread_number(), std::memory_order_relaxed);
      fork_count.fetch_add(1, std::memory_order_relaxed);
    };
    if (pthread_atfork(nullptr, nullptr, in_child) != 0) throw std::bad_alloc();
    return true;
  }();
  return fork_count.load(std::memory_order_relaxed);
}

uint32_t thread_number() {
  static thread_local const uint32_t number = threads_numbered.fetch_add(1, std::memory_order_relaxed) + 1;
  return number;
}

uint32_t forking_thread() { return forked_by.load(std::memory_order_relaxed); }

}  // namespace deepnet
