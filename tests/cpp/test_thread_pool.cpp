// The thread pool: every task once, whatever else happens around it. Under the thread sanitizer, too.
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "doctest/doctest.h"
#include "forks.h"
#include "nn/engine.h"
#include "oracle.h"
#include "runtime/thread_pool.h"

using deepnet::index_t;
using deepnet::ThreadPool;

namespace {

/// How often each of `count` tasks ran. Not atomic: a task that runs twice at once is a race, too.
std::vector<int> times_run(index_t count, int threads) {
  std::vector<int> times(static_cast<size_t>(count));
  ThreadPool::run(count, threads, [&](index_t i) { ++times[size_t(i)]; });
  return times;
}

bool each_once(index_t count, int threads) {
  return times_run(count, threads) == std::vector<int>(static_cast<size_t>(count), 1);
}

/// Work that the compiler can't remove.
void spend(std::chrono::microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
  }
}

#if defined(DEEPNET_TEST_FORKS)
/// Forks; the child runs `body` and ends. Returns whether that ended with 0.
template <class Body>
bool child_succeeds(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);  // a child that hangs must not hang the test
    _exit(body() ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// A chain of forks, each after the pool was used.
bool nested_forks(int depth) {
  if (!each_once(50, 3)) return false;
  return depth == 0 || child_succeeds([depth] { return nested_forks(depth - 1); });
}
#endif

}  // namespace

TEST_SUITE_BEGIN("runtime");

TEST_CASE("every task runs once, for any number of tasks and threads") {
  for (const int threads : {0, 1, 2, 3, 8, 17})
    for (const index_t count : {0, 1, 2, 3, 5, 8, 64, 1000, 10000}) {
      CAPTURE(threads);
      CAPTURE(count);
      CHECK(each_once(count, threads));
    }
}

TEST_CASE("the caller reads the results of 100,000 small jobs without locks") {
  std::vector<index_t> out(4);
  index_t wrong = 0;
  for (index_t job = 0; job < 100000; ++job) {
    ThreadPool::run(4, 2 + int(job % 3), [&](index_t i) { out[size_t(i)] = job + i; });
    for (index_t i = 0; i < 4; ++i) wrong += out[size_t(i)] != job + i;
  }
  CHECK(wrong == 0);
}

TEST_CASE("more than one thread takes part in tasks that last") {
  // Also where one core is shared: the caller may be held up while the others work.
  std::vector<std::thread::id> ids(64);
  bool shared = false;
  for (int attempt = 0; attempt < 200 && !shared; ++attempt) {
    ThreadPool::run(64, 2, [&](index_t i) {
      spend(std::chrono::microseconds(200));
      ids[size_t(i)] = std::this_thread::get_id();
    });
    shared = std::count(ids.begin(), ids.end(), ids[0]) < 64;
  }
  CHECK(shared);
}

TEST_CASE("sleeping workers are woken, also for one job after each pause") {
  for (int job = 0; job < 200; ++job) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    REQUIRE(each_once(40, 3));
  }
}

TEST_CASE("long tasks: the caller sleeps until the last worker is done") {
  for (int job = 0; job < 20; ++job) {
    std::atomic<int> done{0};
    ThreadPool::run(2, 2, [&](index_t i) {
      spend(std::chrono::microseconds(i == 0 ? 10 : 2000));
      done.fetch_add(1);
    });
    REQUIRE(done.load() == 2);
  }
}

TEST_CASE("an exception in a task reaches the caller, and the pool keeps working") {
  for (const int threads : {1, 2, 3, 8})
    for (const index_t count : {1, 2, 7, 100})
      for (index_t bad = 0; bad < count; bad += 1 + count / 5) {
        CAPTURE(threads);
        CAPTURE(bad);
        std::atomic<index_t> runs{0};
        const auto job = [&] {
          ThreadPool::run(count, threads, [&](index_t i) {
            runs.fetch_add(1);
            if (i == bad) throw std::runtime_error("task " + std::to_string(i));
          });
        };
        CHECK_THROWS_WITH_AS(job(), ("task " + std::to_string(bad)).c_str(), std::runtime_error);
        CHECK(runs.load() <= count);
        CHECK(each_once(count, threads));
      }
}

TEST_CASE("when every task throws, one exception arrives and none is left for the next job") {
  for (int job = 0; job < 500; ++job) {
    CHECK_THROWS_AS(ThreadPool::run(8, 3, [](index_t i) { throw i; }), index_t);
    REQUIRE(each_once(8, 3));
  }
}

TEST_CASE("a task may run a nested job") {
  std::vector<std::vector<int>> times(20);
  ThreadPool::run(20, 3, [&](index_t i) { times[size_t(i)] = times_run(30, 3); });
  for (const std::vector<int>& inner : times) CHECK(inner == std::vector<int>(30, 1));
  const auto inner_throws = [] {
    ThreadPool::run(4, 2, [](index_t) { ThreadPool::run(4, 2, [](index_t i) { i == 3 ? throw 7 : void(); }); });
  };
  CHECK_THROWS_AS(inner_throws(), int);
  CHECK(each_once(100, 3));
}

TEST_CASE("several threads may use the pool at once") {
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&wrong, caller] {
      for (int job = 0; job < 2000; ++job) wrong += !each_once(1 + job % 20, 2 + caller % 2);
    });
  for (std::thread& caller : callers) caller.join();
  CHECK(wrong == 0);
}

TEST_CASE("the number of threads can be set and is at least one") {
  const int before = deepnet::num_threads();
  CHECK(before >= 1);
  for (const int threads : {1, 2, 5}) {
    deepnet::set_num_threads(threads);
    CHECK(deepnet::num_threads() == threads);
  }
  for (const int nonsense : {0, -3}) {
    deepnet::set_num_threads(nonsense);
    CHECK(deepnet::num_threads() == 1);
  }
  deepnet::set_num_threads(before);
  CHECK(deepnet::num_threads() == before);
}

#if defined(DEEPNET_TEST_FORKS)
TEST_CASE("a forked child has its own pool, and so has its child") {
  REQUIRE(each_once(100, 3));
  for (int i = 0; i < 20; ++i) REQUIRE(child_succeeds([] { return each_once(100, 3); }));
  CHECK(nested_forks(20));
  CHECK(each_once(100, 3));
  // While another thread uses the pool: whatever it holds at that moment stays held in the child.
  std::atomic<bool> stop{false};
  std::thread user([&] {
    while (!stop) each_once(10, 2);
  });
  int succeeded = 0;
  for (int i = 0; i < 50; ++i) succeeded += child_succeeds([] { return each_once(100, 3); });
  stop = true;
  user.join();
  CHECK(succeeded == 50);
}

TEST_CASE("a fork in the middle of a task throws in the child, and the parent continues") {
  for (int i = 0; i < 10; ++i) {
    std::atomic<bool> helped{false};
    const std::thread::id caller = std::this_thread::get_id();
    pid_t child = -1;  // no fork; a helper that comes later than the caller looks must not change that
    bool thrown = false;
    try {
      ThreadPool::run(2, 2, [&](index_t) {
        if (std::this_thread::get_id() != caller) {  // stays until the caller has forked
          helped = true;
          const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
          while (std::chrono::steady_clock::now() < end) std::this_thread::yield();
          return;
        }
        const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(10);
        while (!helped && std::chrono::steady_clock::now() < end) std::this_thread::yield();
        if (helped) child = fork();
        if (child == 0) alarm(60);
      });
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    if (child == 0) _exit(thrown ? 0 : 1);
    CHECK(!thrown);
    if (child == -1) continue;  // the helper came too late this time
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
  CHECK(each_once(100, 3));
}
#endif

TEST_SUITE_END();
