// Preloaded into Python: operator new and the creation of threads fail when they are told to.
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

std::atomic<long> left{-1};  // calls until one fails; -1: none fails
std::atomic<bool> failed{false}, forever{false}, threads_fail{false};

bool fails() {
  long before = left.load();
  while (before >= 0) {
    const bool last = before == 0;
    if (!left.compare_exchange_weak(before, last ? (forever ? 0 : -1) : before - 1)) continue;
    if (last) failed = true;
    return last;
  }
  return false;
}

void* allocate(size_t size, size_t alignment) {
  if (fails()) throw std::bad_alloc();
  void* memory = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (!memory) throw std::bad_alloc();
  return memory;
}

}  // namespace

extern "C" {
void fail_allocation(long number, bool all_after_it) {
  failed = false;
  forever = all_after_it;
  left = number;
}
bool allocation_failed() { return failed; }
void fail_threads(bool fail) { threads_fail = fail; }

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument) {
  if (threads_fail) return EAGAIN;
  static const auto create = reinterpret_cast<decltype(&pthread_create)>(dlsym(RTLD_NEXT, "pthread_create"));
  return create(thread, attributes, run, argument);
}
}

void* operator new(size_t size) { return allocate(size ? size : 1, alignof(std::max_align_t)); }
void* operator new[](size_t size) { return operator new(size); }
void* operator new(size_t size, std::align_val_t alignment) { return allocate(size ? size : 1, size_t(alignment)); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
