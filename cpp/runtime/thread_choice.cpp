#include "runtime/thread_choice.h"

#include <algorithm>
#include <cmath>

#include "runtime/thread_pool.h"

namespace deepnet {

namespace {

/// After a change, data move to the caches of other cores and workers wake up, for about so many seconds; then so much
/// work is measured before the next decision.
constexpr double kWarmUp = 1e-4, kStretch = 2e-4;
/// A way is judged by its last so many seconds: several slices of the scheduler.
constexpr double kRemembered = 2e-2;
/// A way must take less than this, relative to the other, to be changed to.
constexpr double kClearlyFaster = 0.97;
/// The part of the time that trials may cost, and how much they may at most overdraw.
constexpr double kForTrials = 0.01, kOverdraft = 2e-2;

}  // namespace

void ThreadChoice::did(bool shared, double operations, double seconds) {
  if (reporting_.exchange(true, std::memory_order_acquire)) return;
  if (choice_.load(std::memory_order_relaxed) == Choice::kNone) change(shared, /*trial=*/false);
  if (shared == shared_) {
    if (warm_up_ < kWarmUp)
      warm_up_ += seconds;
    else
      stretch_.add({seconds, operations});
    if (stretch_.seconds >= kStretch) end_stretch(seconds);
  }
  reporting_.store(false, std::memory_order_release);
}

void ThreadChoice::change(bool shared, bool trial) {
  shared_ = shared;
  trial_ = trial;
  warm_up_ = 0;
  stretch_ = {};
  choice_.store(shared ? Choice::kShared : Choice::kAlone, std::memory_order_relaxed);
}

/// `last`: seconds of the last piece of work.
void ThreadChoice::end_stretch(double last) {
  Work& way = ways_[shared_];
  const Work& other = ways_[!shared_];
  const double kept = trial_ ? 0 : std::max(0.0, 1 - stretch_.seconds / kRemembered);
  way = {kept * way.seconds, kept * way.operations};
  way.add(stretch_);
  allowed_ += kForTrials * stretch_.seconds;
  double slower = 1;  // how much slower than this way the other probably is
  if (other.operations > 0) {
    double lost = stretch_.seconds - stretch_.operations * other.per_operation();
    if (trial_) lost *= 1 + warm_up_ / stretch_.seconds;
    allowed_ = std::max(allowed_ - std::max(lost, 0.0), -kOverdraft);
    slower = other.per_operation() / way.per_operation() - 1;
    const bool is_faster = trial_ ? 1 / (1 + slower) < kClearlyFaster : 1 + slower >= kClearlyFaster;
    if (!is_faster) return change(!shared_, /*trial=*/!trial_);
  }
  stretch_ = {};
  trial_ = false;
  const double trial_time = std::max(kWarmUp, last) + std::max(kStretch, last);
  if (allowed_ >= trial_time * std::max(slower, 0.1)) change(!shared_, /*trial=*/true);
}

ThreadChoice& ThreadChoices::of(double operations) {
  const int power = std::ilogb(operations / kLeast);
  return choices_[std::clamp<int>(power, 0, std::size(choices_) - 1)];
}

Threads Threads::of(int argument) { return {argument > 0 ? argument : num_threads(), argument > 0}; }

SharedWork::SharedWork(ThreadChoices& choices, Threads threads, double operations, bool shared_at_first)
    : operations_(operations) {
  if (operations < ThreadChoices::kLeast) return;
  threads_ = threads.most;
  if (threads.exactly || threads.most == 1 || operations >= ThreadChoices::kMost) return;
  choice_ = &choices.of(operations);
  if (!choice_->shares(shared_at_first)) threads_ = 1;
  begin_ = Clock::now();
}

void SharedWork::done() {
  if (choice_) choice_->did(threads_ > 1, operations_, std::chrono::duration<double>(Clock::now() - begin_).count());
}

}  // namespace deepnet
