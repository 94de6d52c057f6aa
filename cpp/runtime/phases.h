// Where the time of a step goes: ticks of the processor's clock per phase, on all threads together. Only the build of
// `make profile` counts; in all others a TimedPhase is nothing.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <iterator>

#include "build_options.h"

namespace deepnet {

enum class Phase { kGather, kForward, kTranspose, kLoss, kBackward, kGradient, kUpdate, kTransposeW, kWait };

constexpr const char* kPhaseNames[] = {"gather",   "forward", "transpose A", "loss", "backward",
                                       "gradient", "update",  "transpose W", "wait"};
constexpr int kPhases = std::size(kPhaseNames);

inline uint64_t ticks() {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#else
  return uint64_t(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

inline std::atomic<uint64_t> phase_ticks[kPhases];

/// Counts the time of its scope, which holds no other.
class TimedPhase {
 public:
  explicit TimedPhase([[maybe_unused]] Phase phase) {
    if constexpr (kProfiled) {
      phase_ = phase;
      begin_ = ticks();
    }
  }
  ~TimedPhase() {
    if constexpr (kProfiled) phase_ticks[int(phase_)].fetch_add(ticks() - begin_, std::memory_order_relaxed);
  }
  TimedPhase(const TimedPhase&) = delete;
  TimedPhase& operator=(const TimedPhase&) = delete;

 private:
  Phase phase_ = Phase::kGather;
  uint64_t begin_ = 0;
};

}  // namespace deepnet
