#include "runtime/fork.h"

#include <pthread.h>

#include <atomic>

namespace deepnet {

namespace {
std::atomic<int> count{0};
}

int forks() {
  static const int registered = pthread_atfork(nullptr, nullptr, [] { count.fetch_add(1, std::memory_order_relaxed); });
  static_cast<void>(registered);
  return count.load(std::memory_order_relaxed);
}

}  // namespace deepnet
