// The thread pool: the cost of a job of empty tasks, one per thread, right after another job and after a pause of a
// millisecond, in which the workers fall asleep.
#include <array>
#include <thread>

#include "oracle.h"
#include "peak.h"
#include "runtime/thread_pool.h"
#include "topics.h"

namespace {

using deepnet::ThreadPool;
using oracle::index_t;

struct Job {
  int threads;
  bool asleep;
};

constexpr Job kJobs[] = {{2, false}, {3, false}, {2, true}, {3, true}};

void run(benchmark::State& state, const Job& job) {
  std::array<int, 8> ran{};  // one per task, so that a task that ran twice or never is detected
  const auto empty_job = [&] { ThreadPool::run(job.threads, job.threads, [&ran](index_t i) { ++ran[size_t(i)]; }); };
  empty_job();
  if (std::count(ran.begin(), ran.begin() + job.threads, 1) != job.threads) return state.SkipWithError("wrong answer");
  if (!job.asleep) {
    state.counters["ns"] = 1e9 * time_alone(state, empty_job);
    return;
  }
  std::vector<double> times;
  for (auto _ : state) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    times.push_back(seconds_of(1, empty_job));
    state.SetIterationTime(times.back());
  }
  state.counters["ns"] = 1e9 * median(times);
}

}  // namespace

void add_pool_benchmarks() {
  for (const Job& job : kJobs) {
    const std::string name = "pool/" + std::to_string(job.threads) + (job.asleep ? "/after_1_ms" : "/hot");
    auto* added = benchmark::RegisterBenchmark(name.c_str(), [&job](benchmark::State& state) { run(state, job); });
    if (job.asleep) added->UseManualTime()->Iterations(300);
  }
}
