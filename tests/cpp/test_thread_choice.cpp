// The decision to share work among threads, on simulated times: no clock, no threads.
#include <algorithm>
#include <functional>

#include "doctest/doctest.h"
#include "runtime/thread_choice.h"

namespace {

using deepnet::ThreadChoice;

/// Does work of so many seconds a piece until `total` seconds have passed, and returns the seconds that it took for one
/// second of work alone.
struct Simulation {
  ThreadChoice choice;
  bool at_first = false;
  double now = 0, alone = 0;  // seconds that passed, and that the same work takes alone

  using Cost = std::function<double(double now)>;
  double run(double until, const Cost& one, const Cost& shared) {
    const double begin = now, begin_alone = alone;
    while (now < until) {
      const bool shares = choice.shares(at_first);
      const double piece = one(now), seconds = shares ? shared(now) : piece;
      choice.did(shares, 1e6, seconds);
      now += seconds;
      alone += piece;
    }
    return (now - begin) / (alone - begin_alone);
  }
};

Simulation::Cost always(double seconds) {
  return [seconds](double) { return seconds; };
}

/// Trials cost a hundredth of the time. A run may end with one that is not paid for.
constexpr double kTrials = 1.01;

}  // namespace

TEST_SUITE_BEGIN("runtime");

TEST_CASE("work that is slower on several threads runs on one, but for the trials") {
  for (const double piece : {1e-5, 1e-4, 1e-3, 5e-3})
    for (const double slower : {1.1, 1.5, 2.0, 5.0}) {
      CAPTURE(piece);
      CAPTURE(slower);
      const double trial = (std::max(piece, 1e-4) + std::max(piece, 2e-4) + 2 * piece) * slower;
      Simulation simulation;
      CHECK(simulation.run(5, always(piece), always(piece * slower)) < kTrials + (slower - 1) * trial / 5);
    }
}

TEST_CASE("work that is faster on several threads uses them from the first trial on, whatever the first choice") {
  for (const bool at_first : {false, true})
    for (const double piece : {1e-5, 1e-4, 1e-3}) {
      CAPTURE(at_first);
      CAPTURE(piece);
      Simulation simulation{.choice = {}, .at_first = at_first};
      simulation.run(1, always(piece), always(0.6 * piece));
      CHECK(simulation.choice.shares(at_first));
      CHECK(simulation.run(5, always(piece), always(0.6 * piece)) < 0.6 * kTrials + 0.01);
    }
}

TEST_CASE("a choice that becomes wrong is changed within a few time slices of the scheduler") {
  Simulation simulation;
  const double piece = 1e-4;
  simulation.run(1, always(piece), always(0.6 * piece));
  CHECK(simulation.choice.shares(false));
  simulation.run(simulation.now + 0.05, always(piece), always(2 * piece));  // another process arrives
  CHECK(!simulation.choice.shares(false));
  CHECK(simulation.run(simulation.now + 2, always(piece), always(2 * piece)) < kTrials + 0.01);
  simulation.run(simulation.now + 3, always(piece), always(0.6 * piece));  // and leaves
  CHECK(simulation.choice.shares(false));
}

TEST_CASE("long interruptions of one choice count by their mean and do not mislead") {
  // Shared work takes 0.6 of the time, but every 6 ms a worker loses its core for 3 ms: 1.2 on the whole.
  const double piece = 1e-4;
  const auto with_stalls = [last = 0.0](double now) mutable {
    if (now - last < 6e-3) return 0.6e-4;
    last = now;
    return 3e-3;
  };
  Simulation simulation{.choice = {}, .at_first = true};
  simulation.run(1, always(piece), with_stalls);
  CHECK(simulation.run(10, always(piece), with_stalls) < 1.1);
  // Work alone loses its core for 3 ms every 100 ms, and shared it is slower by half.
  const auto rarely = [piece, last = 0.0](double now) mutable {
    if (now - last < 0.1) return piece;
    last = now;
    return 3e-3;
  };
  Simulation other;
  CHECK(other.run(10, rarely, always(1.5 * piece)) < 1.05);
}

TEST_CASE("each size has its own choice") {
  deepnet::ThreadChoices choices;
  ThreadChoice& small = choices.of(2e6);
  for (int i = 0; i < 10; ++i) small.did(true, 2e6, 1e-3);
  CHECK(small.shares(false));
  CHECK(&choices.of(2.05e6) == &small);
  CHECK(&choices.of(4.2e6) != &small);
  CHECK(!choices.of(4.2e6).shares(false));
}

TEST_CASE("small work uses one thread, a given number of threads is used, and the largest work uses several") {
  deepnet::ThreadChoices choices;
  const auto threads = [&](deepnet::Threads of, double operations, bool at_first) {
    return deepnet::SharedWork(choices, of, operations, at_first).threads();
  };
  CHECK(threads({3, true}, 1e6, true) == 1);
  CHECK(threads({3, true}, 1e7, false) == 3);
  CHECK(threads({3, false}, 1e6, true) == 1);
  CHECK(threads({3, false}, 1e7, false) == 1);
  CHECK(threads({3, false}, 1e7, true) == 3);
  CHECK(threads({3, false}, 2e9, false) == 3);
  CHECK(threads({1, false}, 2e9, true) == 1);
}

TEST_SUITE_END();
