// One network, many threads: predictions beside predictions and beside training, and what is refused as Busy.
#include <atomic>
#include <chrono>
#include <functional>
#include <set>
#include <thread>

#include "doctest/doctest.h"
#include "engine.h"
#include "forks.h"
#include "nn/network.h"

using namespace oracle;

namespace {

/// Runs `body` each time it is asked, until that says to stop.
struct Call : deepnet::Interrupt {
  explicit Call(std::function<bool()> body_) : body(std::move(body_)) {}
  bool requested() override { return body(); }
  std::function<bool()> body;
};

template <class T>
struct Medium : Task<T> {
  Medium() : Task<T>({60, 100, 100, 1}, {"relu", "tanh", "sigmoid"}, 700) {}
};

template <class T>
double fit(const Task<T>& task, const deepnet::FitOptions& options, deepnet::Interrupt* interrupt = nullptr) {
  std::vector<double> losses(size_t(options.epochs)), seconds(losses.size());
  deepnet::fit<T>(task.net, task.data(), task.plan(), options, losses, seconds, interrupt);
  return losses.back();
}

template <class Body>
void on_another_thread(Body body) {
  std::thread(body).join();
}

}  // namespace

TEST_SUITE_BEGIN("runtime");

TEST_CASE("readers see a whole step or none of it, and steps wait for readers") {
  deepnet::StepLock lock;
  deepnet::Progress progress(nullptr);
  int numbers[8] = {};  // not atomic: the thread sanitizer sees whatever the lock lets through
  std::atomic<bool> done{false};
  std::atomic<int> torn{0}, reads{0};
  std::vector<std::thread> readers;
  for (int r = 0; r < 3; ++r)
    readers.emplace_back([&] {
      while (!done || reads < 100) {
        lock.lock_shared(progress);
        for (const int number : numbers) torn += number != numbers[0];
        lock.unlock_shared();
        reads.fetch_add(1);
      }
    });
  for (int step = 1; step <= 1000; ++step) {
    lock.lock(progress);
    for (int& number : numbers) number = step;
    lock.unlock();
    if (step % 16 == 0) std::this_thread::yield();
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(torn == 0);
  CHECK(numbers[7] == 1000);
}

TEST_CASE("several readers may read at once") {
  deepnet::StepLock lock;
  deepnet::Progress progress(nullptr);
  lock.lock_shared(progress);
  bool entered = false;
  on_another_thread([&] {
    lock.lock_shared(progress);
    entered = true;
    lock.unlock_shared();
  });
  CHECK(entered);
  lock.unlock_shared();
  lock.lock(progress);
  lock.unlock();
}

TEST_CASE_TEMPLATE("many threads predict with one network and get the same bits as one thread", T, float, double) {
  const Medium<T> task;
  const std::vector<T> expected = task.predictions();
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) wrong += !same_bits(task.predictions(1 + t), expected);
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("an update of a large network is undone before any reader sees it") {
  Task<float> task({4200, 2000}, {"identity"}, 1, kSquares);  // no copy is kept of so many
  for (float& y : task.Y) y = 1e15f;
  const std::vector<float> parameters = task.parameters(), expected = task.predictions();
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0}, reads{0};
  std::thread reader([&] {
    while (!done || reads == 0) {
      wrong += !same_bits(task.predictions(1), expected);
      ++reads;
    }
  });
  const deepnet::FitOptions options{.epochs = 1, .batch_size = 1, .learning_rate = 1e30, .threads = 2};
  for (int i = 0; i < 3; ++i) CHECK_THROWS_AS(fit<float>(task, options), deepnet::NonFinite);
  done = true;
  reader.join();
  CHECK(wrong == 0);
  CHECK(same_bits(task.parameters(), parameters));
}

TEST_CASE_TEMPLATE("predictions of an example beside updates are those of the latest parameters", T, float, double) {
  const std::vector<index_t> units{40, 70, 33, 3};
  const std::vector<std::string> names{"relu", "tanh", "identity"};
  const Task<T> task(units, names, 1, kSquares);
  constexpr int kSteps = 40, kReaders = 3, kEach = 12;  // of which most read the copy of the weights
  int wrong = 0;
  for (int step = 0; step < kSteps; ++step) {
    const std::vector<T> expected = task.predictions_in_place();
    std::atomic<int> different{0};
    std::vector<std::thread> readers;
    for (int r = 0; r < kReaders; ++r)
      readers.emplace_back([&, r] {
        for (int i = 0; i < kEach; ++i) different += !same_bits(task.predictions(1 + r % 2), expected);
      });
    for (std::thread& reader : readers) reader.join();
    wrong += different;
    deepnet::train_on_batch<T>(task.net, task.data(), task.plan(), 0.1);
    CHECK(!same_bits(task.predictions(), expected));
  }
  CHECK(wrong == 0);
}

TEST_CASE_TEMPLATE("views that come and go beside predictions change none of them", T, float, double) {
  const Task<T> task({40, 70, 33, 3}, {"relu", "tanh", "identity"}, 1, kSquares);
  const std::vector<T> expected = task.predictions_in_place();
  std::atomic<int> different{0}, readers_left{3};
  std::vector<std::thread> readers;
  for (int r = 0; r < 3; ++r)
    readers.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) different += !same_bits(task.predictions(1), expected);
      readers_left -= 1;
    });
  deepnet::NetworkState<T>& state = task.net.state();
  while (readers_left > 0) {  // as the arrays of Python's net.parameters do
    state.views.fetch_add(1);
    state.ended_views.fetch_add(1);
    state.views.fetch_sub(1);
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
  for (std::thread& reader : readers) reader.join();
  CHECK(different == 0);
}

TEST_CASE_TEMPLATE("each prediction during a fit is that of one finished step", T, float, double) {
  // A tiny network, whose steps follow one another within microseconds, and one that is worth threads itself.
  for (const bool tiny : {true, false}) {
    const std::vector<index_t> units = tiny ? std::vector<index_t>{4, 6, 1} : std::vector<index_t>{60, 100, 100, 1};
    const std::vector<std::string> names =
        tiny ? std::vector<std::string>{"relu", "sigmoid"} : std::vector<std::string>{"relu", "tanh", "sigmoid"};
    const Task<T> task(units, names, 128);
    constexpr size_t kReaders = 3, kEach = 20;
    std::atomic<size_t> ready{0};
    std::atomic<bool> stop{false};
    std::vector<std::vector<std::vector<T>>> seen(kReaders);
    std::vector<std::thread> readers;
    for (size_t r = 0; r < kReaders; ++r)
      readers.emplace_back([&, r] {
        while (!stop && seen[r].size() < kEach) seen[r].push_back(task.predictions(1 + int(r)));
        ready.fetch_add(1);
      });
    Call until_ready([&] { return ready == kReaders; });  // for ever, if a reader starved
    std::atomic<index_t> steps{0};
    const deepnet::FitOptions options{.epochs = 1 << 20,
                                      .batch_size = 64,
                                      .learning_rate = 1e-3,
                                      .shuffle = false,
                                      .threads = 3,
                                      .steps_done = &steps};
    CHECK_THROWS_AS(fit<T>(task, options, &until_ready), deepnet::Interrupted);
    stop = true;
    for (std::thread& reader : readers) reader.join();

    std::set<std::vector<T>> unknown;
    for (const auto& of_reader : seen) unknown.insert(of_reader.begin(), of_reader.end());
    const Task<T> alone(units, names, 128);
    const auto first = alone.part([] {
      std::vector<uint32_t> which;
      for (uint32_t j = 0; j < 64; ++j) which.push_back(j);
      return which;
    }());
    const auto second = alone.part([] {
      std::vector<uint32_t> which;
      for (uint32_t j = 64; j < 128; ++j) which.push_back(j);
      return which;
    }());
    unknown.erase(alone.predictions());
    for (index_t step = 0; step < steps && !unknown.empty(); ++step) {
      const auto& part = step % 2 == 0 ? first : second;
      deepnet::train_on_batch<T>(alone.net, part.data, alone.plan(), 1e-3);
      unknown.erase(alone.predictions());
    }
    CHECK(unknown.empty());
  }
}

TEST_CASE_TEMPLATE("while a network is being trained, other training is refused and everything else works", T, float,
                   double) {
  const Medium<T> task, other;
  int refused = 0, predicted = 0;
  const auto try_all = [&] {
    try {
      fit<T>(task, {});
    } catch (const deepnet::Busy&) {
      ++refused;
    }
    try {
      deepnet::train_on_batch<T>(task.net, task.data(), task.plan(), 0.1);
    } catch (const deepnet::Busy&) {
      ++refused;
    }
    for (const T p : task.predictions(2)) predicted += p > 0 && p < 1;
    CHECK(std::isfinite(deepnet::evaluate<T>(task.net, task.data(), task.plan(), 2)));
    CHECK(std::isfinite(task.gradients(2).back()));
    fit<T>(other, {.batch_size = 100});
  };
  Call here([&] { return try_all(), true; });
  CHECK_THROWS_AS(fit<T>(task, {.epochs = 100, .threads = 2}, &here), deepnet::Interrupted);
  Call there([&] { return on_another_thread(try_all), true; });
  CHECK_THROWS_AS(fit<T>(task, {.epochs = 100, .threads = 2}, &there), deepnet::Interrupted);
  CHECK(refused == 4);
  CHECK(predicted == 1400);
  fit<T>(task, {});  // no longer
}

TEST_CASE("a child forked while another thread trains can predict and train") {
#if defined(DEEPNET_TEST_FORKS)
  const Task<float> task({8, 32, 16, 1}, {"relu", "relu", "sigmoid"}, 64);  // a third of the time within an update
  std::atomic<bool> stop{false};
  Call until_stopped([&] { return stop.load(); });
  std::thread trainer([&] {
    try {
      while (true) fit<float>(task, {.epochs = 10000, .learning_rate = 1e-3}, &until_stopped);
    } catch (const deepnet::Interrupted&) {
    }
  });
  int succeeded = 0;
  for (int i = 0; i < 60; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);  // a child that hangs must not hang the test
      bool good = true;
      if (i % 2 == 0) fit<float>(task, {.learning_rate = 1e-3});
      for (const float p : task.predictions()) good &= p >= 0 && p <= 1;
      fit<float>(task, {.learning_rate = 1e-3});
      _exit(good ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    succeeded += WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  stop = true;
  trainer.join();
  CHECK(succeeded == 60);
#endif
}

TEST_CASE("a fit that waits for a reader is interrupted, and so is a reader that waits for a fit") {
  const Medium<float> task;
  deepnet::Progress progress(nullptr);
  deepnet::StepLock& lock = task.net.state().lock;
  int asked = 0;
  Call interrupt([&] { return ++asked == 3; });
  lock.lock_shared(progress);
  CHECK_THROWS_AS(fit<float>(task, {.epochs = 1}, &interrupt), deepnet::Interrupted);
  lock.unlock_shared();
  asked = 0;
  lock.lock(progress);
  std::vector<float> out(700);
  CHECK_THROWS_AS(deepnet::predict<float>(task.net, task.x(), deepnet::row_major(out.data(), 1, 700), 1, &interrupt),
                  deepnet::Interrupted);
  lock.unlock();
  CHECK(fit<float>(task, {.epochs = 1}) > 0);  // both locks are free
}

TEST_CASE("a hold keeps a network between the calls of fit, and frees it when it ends") {
  const Medium<float> task, other;
  std::vector<double> losses(1), seconds(1);
  const auto train = [&](deepnet::TrainingHold<float>& hold) {
    deepnet::fit<float>(hold, task.data(), task.plan(), {}, losses, seconds);
  };
  {
    deepnet::TrainingHold<float> hold(task.net);
    for (int i = 0; i < 2; ++i) {
      train(hold);
      CHECK_THROWS_AS(fit<float>(task, {}), deepnet::Busy);
      CHECK_THROWS_AS(deepnet::TrainingHold<float>{task.net}, deepnet::Busy);
    }
    hold.release();
    CHECK_THROWS_AS(train(hold), deepnet::Busy);
    fit<float>(task, {});
    hold.release();  // of what is free
  }
  fit<float>(task, {});
}

TEST_CASE("a child forked during a fit cannot use the network until its copy of the fit ends, which it may finish") {
#if defined(DEEPNET_TEST_FORKS)
  struct Forking : deepnet::Interrupt {
    explicit Forking(const Task<float>& task) : task(task) {}
    bool requested() override { return false; }
    bool requested_between_steps() override {
      if (forked || ++steps < 5) return false;
      forked = true;
      child = fork();
      if (child != 0) return false;
      alarm(60);
      for (const bool whole : {false, true}) try {
          if (whole)
            fit<float>(task, {});
          else
            deepnet::train_on_batch<float>(task.net, task.data(), task.plan(), 0.1);
        } catch (const deepnet::Busy&) {
          ++refused;
        }
      return false;
    }
    const Task<float>& task;
    bool forked = false;
    int steps = 0, refused = 0;
    pid_t child = -1;
  };
  const Medium<float> plain;
  const deepnet::FitOptions options{.epochs = 3, .batch_size = 64, .learning_rate = 0.1, .seed = 2, .threads = 2};
  const double expected = fit<float>(plain, options);
  for (int i = 0; i < 20; ++i) {
    const Medium<float> task;
    Forking forking(task);
    const double loss = fit<float>(task, options, &forking);
    bool good = loss == expected && same_bits(task.parameters(), plain.parameters());
    if (forking.child == 0) {
      fit<float>(task, options);
      _exit(good && forking.refused == 2 ? 0 : 1);
    }
    CHECK(good);
    int status = -1;
    waitpid(forking.child, &status, 0);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
#endif
}

TEST_CASE_TEMPLATE("during a prediction on this thread, training is refused; on another it waits", T, float, double) {
  const Medium<T> task;
  const std::vector<T> before = task.parameters(), expected = task.predictions();
  std::vector<T> out(700);
  const auto predict = [&](deepnet::Interrupt* interrupt) {
    deepnet::predict<T>(task.net, task.x(), deepnet::row_major(out.data(), 1, 700), 1, interrupt);
  };
  bool refused = false, beside = false;
  Call here([&] {
    try {
      fit<T>(task, {});
    } catch (const deepnet::Busy&) {
      refused = true;
    }
    on_another_thread([&] { beside = same_bits(task.predictions(), expected); });
    return false;
  });
  predict(&here);
  CHECK(refused);
  CHECK(beside);
  CHECK(same_bits(out, expected));
  CHECK(same_bits(task.parameters(), before));

  // A step on another thread waits for this prediction, and a prediction inside it must not wait for that step.
  std::thread trainer;
  bool nested = false;
  Call nested_call([&] {
    if (trainer.joinable()) return false;
    std::atomic<bool> begun{false};
    trainer = std::thread([&] {
      begun = true;
      deepnet::Progress progress(nullptr);
      task.net.state().lock.lock(progress);
      task.net.state().lock.unlock();
    });
    while (!begun) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    nested = same_bits(task.predictions(), expected);
    return false;
  });
  predict(&nested_call);
  trainer.join();
  CHECK(nested);
  CHECK(same_bits(out, expected));
}

TEST_SUITE_END();
