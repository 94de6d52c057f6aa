// Whether a piece of work is shared among threads: decided by its size, and by how long it took lately alone and
// shared. Results do not depend on it.
//
// The price of sharing differs by a factor of ten between machines, networks and moments: threads wake up and meet,
// weights and activations travel between the caches of cores, and another process may occupy the core that a worker
// needs. So it is measured where it is paid, on the work itself.
#pragma once

#include <atomic>
#include <chrono>

namespace deepnet {

/// The choice for work of one kind and size that is done again and again. It keeps to the faster way and now and then
/// tries the other, as long as trials cost at most a hundredth of the time.
class ThreadChoice {
 public:
  /// True if the next piece of work is to be shared; `at_first` as long as none was reported.
  bool shares(bool at_first) const {
    const Choice choice = choice_.load(std::memory_order_relaxed);
    return choice == Choice::kNone ? at_first : choice == Choice::kShared;
  }
  /// Reports a piece of work.
  void did(bool shared, double operations, double seconds);
  /// In a child of fork.
  void after_fork() { reporting_.store(false); }

 private:
  struct Work {
    double seconds = 0, operations = 0;
    double per_operation() const { return seconds / operations; }
    void add(const Work& other) { seconds += other.seconds, operations += other.operations; }
  };
  void end_stretch(double last);
  void change(bool shared, bool trial);

  enum class Choice : signed char { kNone, kAlone, kShared };
  std::atomic<Choice> choice_{Choice::kNone};
  std::atomic<bool> reporting_{false};  // of threads that predict at once, one at a time reports
  bool shared_ = false;                 // the current way
  bool trial_ = false;                  // it was changed lately, and must prove to be faster
  Work ways_[2];                        // the last of the work that was done alone, and shared
  Work stretch_;                        // the newest of the current way
  double warm_up_ = 0;                  // seconds of the current way that are not in stretch_
  double allowed_ = 0;                  // seconds that trials may cost
};

/// The choices for work of one kind, by its size.
class ThreadChoices {
 public:
  /// Less work is never shared: 1e6 operations take some 10 us, and threads that meet twice lose 1 us at least. More
  /// always is: on a core that another process uses, too, little of 10 ms is lost.
  static constexpr double kLeast = 1 << 20, kMost = 1 << 30;

  ThreadChoice& of(double operations);
  void after_fork() {
    for (ThreadChoice& choice : choices_) choice.after_fork();
  }

 private:
  ThreadChoice choices_[10];  // for each power of two from kLeast on
};

/// How many threads a call may use.
struct Threads {
  int most;
  bool exactly;  // so many; else fewer where that is faster
  /// Of a caller's argument: 0 means up to num_threads().
  static Threads of(int argument);
  bool operator==(const Threads&) const = default;
};

/// One piece of work: how many threads take part in it, and how long it takes.
class SharedWork {
 public:
  /// Work below ThreadChoices::kLeast is for one thread in any case.
  SharedWork(ThreadChoices& choices, Threads threads, double operations, bool shared_at_first);
  int threads() const { return threads_; }
  /// Reports it; work that was given up is not reported.
  void done();

 private:
  using Clock = std::chrono::steady_clock;
  ThreadChoice* choice_ = nullptr;
  int threads_ = 1;
  double operations_;
  Clock::time_point begin_;
};

}  // namespace deepnet
