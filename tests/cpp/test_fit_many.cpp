// Networks trained side by side: the bits of each alone, failures of single ones, and the ways a run ends early.
#include "train/fit_many.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "doctest/doctest.h"
#include "engine.h"
#include "runtime/thread_pool.h"

using namespace oracle;

namespace {

/// One network, with the arguments of its fit.
template <class T>
struct FitOfMany {
  deepnet::TrainingHold<T>& hold;
  deepnet::Data data;
  deepnet::Plan plan;
  deepnet::FitOptions options;
  std::span<double> losses, seconds;
  std::optional<deepnet::NonFinite> failure = {};
};

/// Trains them side by side, begun in this order.
template <class T>
void fit_many(std::span<FitOfMany<T>> fits, int threads = 0, deepnet::Interrupt* interrupt = nullptr) {
  deepnet::side_by_side(index_t(fits.size()), threads, interrupt, [&](index_t i, deepnet::Interrupt* asked) {
    FitOfMany<T>& f = fits[size_t(i)];
    f.options.threads = 1;
    try {
      deepnet::fit(f.hold, f.data, f.plan, f.options, f.losses, f.seconds, asked);
    } catch (const deepnet::NonFinite& bad) {
      f.failure = bad;
    }
    f.hold.free_memory();
  });
}

/// Networks of several sizes, all with the data of the first.
template <class T>
struct Many {
  std::vector<std::unique_ptr<Task<T>>> tasks;
  std::vector<std::vector<double>> losses, seconds;
  std::vector<std::unique_ptr<deepnet::TrainingHold<T>>> holds;
  std::vector<FitOfMany<T>> fits;

  explicit Many(size_t count, index_t epochs, index_t m = 300) {
    const index_t hidden[] = {40, 7, 90, 16};
    for (size_t i = 0; i < count; ++i) {
      tasks.push_back(std::make_unique<Task<T>>(std::vector<index_t>{20, hidden[i % 4], 1},
                                                std::vector<std::string>{"relu", "sigmoid"}, m));
      losses.emplace_back(size_t(epochs));
      seconds.emplace_back(size_t(epochs));
      holds.push_back(std::make_unique<deepnet::TrainingHold<T>>(tasks[i]->net));
    }
    for (size_t i = 0; i < count; ++i)
      fits.push_back({*holds[i],
                      tasks[0]->data(),
                      {.loss = kCrossEntropy, .optimizer = deepnet::OptimizerId(i % 3)},
                      {.epochs = epochs, .batch_size = 32, .seed = i},
                      losses[i],
                      seconds[i]});
  }
};

struct Never : deepnet::Interrupt {
  bool requested() override {
    CHECK(std::this_thread::get_id() == caller);
    return false;
  }
  const std::thread::id caller = std::this_thread::get_id();
};

/// Says yes after some time.
struct After : deepnet::Interrupt {
  explicit After(std::chrono::milliseconds time) : end(std::chrono::steady_clock::now() + time) {}
  bool requested() override { return std::chrono::steady_clock::now() > end; }
  const std::chrono::steady_clock::time_point end;
};

}  // namespace

TEST_SUITE_BEGIN("runtime");

TEST_CASE_TEMPLATE("networks trained at the same time have the same bits as when trained alone", T, float, double) {
  Many<T> alone(7, 3);
  for (auto& f : alone.fits) deepnet::fit(f.hold, f.data, f.plan, f.options, f.losses, f.seconds);
  for (const int threads : {1, 2, 3, 20}) {
    Many<T> together(7, 3);
    Never never;
    fit_many<T>(together.fits, threads, &never);
    CHECK(together.losses == alone.losses);
    for (size_t i = 0; i < 7; ++i) {
      CHECK(together.tasks[i]->parameters() == alone.tasks[i]->parameters());
      CHECK_FALSE(together.fits[i].failure);
    }
  }
  fit_many<T>(std::span<FitOfMany<T>>());
}

TEST_CASE_TEMPLATE("training and evaluation on selected columns equal those on copies of them", T, float, double) {
  Task<T> here({20, 40, 2}, {"relu", "sigmoid"}, 90), there({20, 40, 2}, {"relu", "sigmoid"}, 90);
  std::vector<uint32_t> chosen;
  for (uint32_t i = 0; i < 70; ++i) chosen.push_back(i * 37 % 90);
  chosen.push_back(chosen.front());  // a column may be named twice
  const auto part = there.part(chosen);
  deepnet::Data data = here.data();
  data.chosen = chosen.data();
  data.X.count = data.Y.count = index_t(chosen.size());
  for (const index_t batch_size : {16, 100})
    for (const bool shuffle : {true, false}) {
      const deepnet::FitOptions options{.epochs = 3, .batch_size = batch_size, .shuffle = shuffle, .seed = 5};
      std::vector<double> losses(3), expected(3), seconds(3);
      deepnet::fit<T>(here.net, data, here.plan(), options, losses, seconds);
      deepnet::fit<T>(there.net, part.data, there.plan(), options, expected, seconds);
      CHECK(losses == expected);
      CHECK(here.parameters() == there.parameters());
      CHECK(deepnet::evaluate<T>(here.net, data, here.plan()) ==
            deepnet::evaluate<T>(there.net, part.data, there.plan()));
      CHECK(deepnet::train_on_batch<T>(here.net, data, here.plan(), 0.1) ==
            deepnet::train_on_batch<T>(there.net, part.data, there.plan(), 0.1));
    }
}

TEST_CASE("a network whose loss is not finite does not stop the others") {
  Many<float> many(5, 2), alone(5, 2);
  many.tasks[3]->net.W(1).data[0] = std::numeric_limits<float>::infinity();
  fit_many<float>(many.fits, 2);
  for (size_t i = 0; i < 5; ++i) {
    auto& f = alone.fits[i];
    deepnet::fit(f.hold, f.data, f.plan, f.options, f.losses, f.seconds);
    CHECK(many.fits[i].failure.has_value() == (i == 3));
    if (i != 3) CHECK(many.tasks[i]->parameters() == alone.tasks[i]->parameters());
  }
}

TEST_CASE("an interrupt stops all networks, also while the caller only waits") {
  for (const int threads : {1, 2, 3})
    for (const size_t count : {size_t(1), size_t(2), size_t(5)}) {
      Many<float> many(count, 1'000'000);
      if (count > 1) many.fits[0].options.epochs = 1;  // the caller's, perhaps
      After soon(std::chrono::milliseconds(50));
      CHECK_THROWS_AS(fit_many<float>(many.fits, threads, &soon), deepnet::Interrupted);
      for (const auto& task : many.tasks)
        for (const float p : task->parameters()) CHECK(std::isfinite(p));
    }
}

TEST_CASE("an exception in one network stops the others and is rethrown") {
  for (const int threads : {1, 2, 3}) {
    std::atomic<int> begun{0}, stopped{0};
    const auto work = [&](index_t i, deepnet::Interrupt* interrupt) {
      begun.fetch_add(1);
      if (i == 1) throw std::runtime_error("this one");
      for (int wait = 0; threads > 1 && wait < 60'000; ++wait) {  // so that no other work begins before the error
        if (interrupt->requested()) {
          stopped.fetch_add(1);
          throw deepnet::Interrupted{};
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    };
    CHECK_THROWS_WITH(deepnet::side_by_side(100, threads, nullptr, work), "this one");
    CHECK(begun.load() <= std::max(threads, 2));
    CHECK(stopped.load() == (threads > 1 ? begun.load() - 1 : 0));
  }
}

TEST_CASE("the caller works alone while another thread uses the pool, and gets workers later") {
  std::atomic<bool> has_pool{false}, give_back{false};
  std::thread other([&] {
    deepnet::ThreadPool::run(2, 2, [&](index_t) {
      has_pool = true;
      while (!give_back) std::this_thread::yield();
    });
  });
  while (!has_pool) std::this_thread::yield();
  std::mutex mutex;
  std::set<std::thread::id> threads;  // guarded by the mutex
  std::atomic<bool> helped{false};
  const std::thread::id caller = std::this_thread::get_id();
  std::atomic<int> done{0};
  deepnet::side_by_side(60'000, 2, nullptr, [&](index_t i, deepnet::Interrupt*) {
    if (i == 5) {  // still alone
      give_back = true;
      other.join();
    }
    if (i > 5 && !helped) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const std::lock_guard lock(mutex);
    threads.insert(std::this_thread::get_id());
    if (i <= 5) CHECK(threads == std::set{caller});
    helped = threads.size() > 1;
    done.fetch_add(1);
  });
  CHECK(done == 60'000);
  CHECK(threads.size() == 2);
}

TEST_SUITE_END();
