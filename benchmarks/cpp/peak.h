// Timing relative to the peak of the machine: GFLOP/s, and the share of what multiply-adds on registers reach.
//
// Clock rates and the load of the machine change from second to second, so the peak is measured again next to every run
// of the operation (about 0.2 ms each, in turns). The share is the median of the ratios of these pairs.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "kernels/kernels.h"

inline double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Seconds that `repeats` runs take.
template <class Run>
double seconds_of(int repeats, Run&& run) {
  const double begin = seconds_now();
  for (int i = 0; i < repeats; ++i) {
    run();
    benchmark::ClobberMemory();
  }
  return seconds_now() - begin;
}

/// The number of runs that take about 0.2 ms, at least one. Also warms the caches.
template <class Run>
int repeats_of(Run&& run) {
  constexpr double kWanted = 2e-4;
  int repeats = 1;
  while (seconds_of(repeats, run) < kWanted / 2 && repeats < 1 << 20) repeats *= 2;
  return repeats;
}

inline double median(std::vector<double>& values) {
  const auto middle = values.begin() + ptrdiff_t(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Times `run`, which computes this many floating-point operations, and reports the medians of GFLOP/s and
/// share_of_peak. `peak` measures floating-point operations per second.
template <class Run, class Peak>
void time_against(benchmark::State& state, double operations, Run run, Peak peak) {
  const int repeats = repeats_of(run);
  std::vector<double> speeds, shares;
  while (state.KeepRunningBatch(repeats)) {
    const double seconds = seconds_of(repeats, run);
    state.PauseTiming();
    speeds.push_back(operations * repeats / seconds);
    shares.push_back(speeds.back() / peak());
    state.ResumeTiming();
  }
  state.counters["GFLOP/s"] = median(speeds) * 1e-9;
  state.counters["share_of_peak"] = median(shares);
}

/// The same against the peak of these kernels on this thread.
template <class T, class Run>
void time_against_peak(benchmark::State& state, const deepnet::Kernels<T>& kernels, double operations, Run run) {
  T sink = 0;
  double peak_operations = 0;
  const auto peak = [&] {
    peak_operations = kernels.fma_peak(1000, &sink);
    benchmark::DoNotOptimize(sink);
  };
  const int repeats = repeats_of(peak);
  time_against(state, operations, run, [&] { return peak_operations * repeats / seconds_of(repeats, peak); });
}

/// Times `run` in batches long enough for the clock; returns the median of the seconds per run.
template <class Run>
double time_alone(benchmark::State& state, Run run) {
  const int repeats = repeats_of(run);
  std::vector<double> times;
  while (state.KeepRunningBatch(repeats)) {
    times.push_back(seconds_of(repeats, run) / repeats);
  }
  return median(times);
}
