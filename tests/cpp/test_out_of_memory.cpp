// Memory that runs out: every allocation of a call fails in turn, and no update is left half done.
//
// The allocation functions of the whole test program are replaced; they fail where a test counts.
#include <atomic>
#include <cstdlib>
#include <new>

#include "doctest/doctest.h"
#include "engine.h"

namespace {

std::atomic<int> allocations_left{-1};  // -1: any number

void* allocate(size_t size, size_t alignment) {
  int left = allocations_left.load();
  while (left >= 0) {
    if (left == 0) throw std::bad_alloc();
    if (allocations_left.compare_exchange_weak(left, left - 1)) break;
  }
#if defined(_WIN32)
  void* memory = _aligned_malloc(size, alignment);
#else
  void* memory = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
#endif
  if (!memory) throw std::bad_alloc();
  return memory;
}

/// Not inlined: GCC would take new and free for a pair that does not match.
[[gnu::noinline]] void release(void* memory) noexcept {
#if defined(_WIN32)
  _aligned_free(memory);
#else
  std::free(memory);
#endif
}

}  // namespace

void* operator new(size_t size) { return allocate(std::max<size_t>(size, 1), alignof(std::max_align_t)); }
void* operator new(size_t size, std::align_val_t alignment) {
  return allocate(std::max<size_t>(size, 1), size_t(alignment));
}
void* operator new(size_t size, const std::nothrow_t&) noexcept {  // that of a sanitizer would not call the first one
  try {
    return operator new(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { release(memory); }

using namespace oracle;

TEST_SUITE_BEGIN("nn");

TEST_CASE_TEMPLATE("when memory runs out, a network keeps the parameters of its last update", T, float, double) {
  const auto names = deepnet::optimizer_names();
  for (const int threads : {1, 2})
    for (size_t optimizer = 0; optimizer < names.size(); ++optimizer)
      for (const bool clips : {false, true}) {
        CAPTURE(names[optimizer]);
        CAPTURE(threads);
        deepnet::Plan plan{.optimizer = deepnet::OptimizerId(optimizer), .hyper = {0.9, 0.99}};
        plan.clip_norm = clips ? 1 : 0;
        plan.layers = {{.dropout = 0.5, .l2 = 1e-3}, {}, {}};
        const std::vector<std::string> activations{"relu", "tanh", "sigmoid"};
        const Task<T> fresh({70, 110, 100, 1}, activations, 100);
        deepnet::train_on_batch<T>(fresh.net, fresh.data(), plan, 1e-3, 0, threads);
        const std::vector<T> updated = fresh.parameters();
        int failures = 0;
        for (bool done = false; !done; ++failures) {
          const Task<T> task({70, 110, 100, 1}, activations, 100);
          const std::vector<T> before = task.parameters();
          allocations_left = failures;
          try {
            deepnet::train_on_batch<T>(task.net, task.data(), plan, 1e-3, 0, threads);
            done = true;
          } catch (const std::bad_alloc&) {
          }
          allocations_left = -1;
          CHECK(same_bits(task.parameters(), done ? updated : before));
          if (done) continue;
          deepnet::train_on_batch<T>(task.net, task.data(), plan, 1e-3, 0, threads);  // as if nothing had been
          CHECK(same_bits(task.parameters(), updated));
        }
        CHECK(failures > 5);
      }
}

TEST_CASE("a prediction needs no memory for a copy of the weights") {
  const std::vector<std::string> activations{"relu", "sigmoid"};
  for (int failures = 0; failures < 6; ++failures) {
    const Task<float> task({70, 110, 1}, activations, 1);
    const std::vector<float> expected = task.predictions_in_place();  // this thread's workspace has its memory now
    std::vector<float> out(1);
    bool same = true;
    for (int call = 0; call < 10; ++call) {
      allocations_left = failures;
      deepnet::predict<float>(task.net, task.x(), deepnet::row_major(out.data(), 1, 1), 1);
      allocations_left = -1;
      same &= same_bits(out, expected);
    }
    CHECK(same);
  }
}

TEST_CASE("creating a network reports that memory has run out") {
  int failures = 0;
  for (bool done = false; !done; ++failures) {
    allocations_left = failures;
    try {
      const Network<float> net = Task<float>::make({3, 4, 1}, {"relu", "sigmoid"});
      done = true;
    } catch (const std::bad_alloc&) {
    }
    allocations_left = -1;
  }
  CHECK(failures > 2);
}

TEST_SUITE_END();
