// The part of system.h that is the same on Linux and macOS.
#include <pthread.h>
#include <signal.h>

#include <cstdlib>

#include "runtime/system.h"

namespace deepnet {

void* allocate_pages(size_t bytes) {
  constexpr size_t kHugePage = size_t{2} << 20;  // from two of these on: 512 times fewer faults
  void* data = nullptr;
  const bool huge = bytes >= 2 * kHugePage;
  if (posix_memalign(&data, huge ? kHugePage : 4096, bytes) != 0) return nullptr;
  if (huge) prefer_huge_pages(data, bytes);
  return data;
}

bool call_in_children_of_fork(void (*function)()) { return pthread_atfork(nullptr, nullptr, function) == 0; }

SignalMask block_all_signals() {
  SignalMask all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  return before;
}

void set_signal_mask(const SignalMask& blocked) { pthread_sigmask(SIG_SETMASK, &blocked, nullptr); }

}  // namespace deepnet
