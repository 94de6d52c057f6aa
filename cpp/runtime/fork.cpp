#include "runtime/fork.h"

#include <atomic>
#include <new>
#include <optional>

namespace deepnet {

namespace {
std::atomic<int> fork_count{0};
std::atomic<uint32_t> forked_by{0}, threads_numbered{0};
thread_local std::optional<SignalMask> blocked_in_children;
}  // namespace

int forks() {
  [[maybe_unused]] static const bool registered = [] {
    const auto in_child = [] {
      forked_by.store(thread_number(), std::memory_order_relaxed);
      fork_count.fetch_add(1, std::memory_order_relaxed);
      if (blocked_in_children) set_signal_mask(*blocked_in_children);
    };
    if (!call_in_children_of_fork(in_child)) throw std::bad_alloc();
    return true;
  }();
  return fork_count.load(std::memory_order_relaxed);
}

uint32_t thread_number() {
  static thread_local const uint32_t number = threads_numbered.fetch_add(1, std::memory_order_relaxed) + 1;
  return number;
}

void set_signal_mask_of_children(const SignalMask& blocked) { blocked_in_children = blocked; }

uint32_t forking_thread() { return forked_by.load(std::memory_order_relaxed); }

}  // namespace deepnet
