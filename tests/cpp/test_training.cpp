// Training: one update against the naive gradient, whole runs against single updates, and how runs end early.
#include <atomic>
#include <functional>
#include <thread>

#include "doctest/doctest.h"
#include "engine.h"
#include "train/batch.h"

using namespace oracle;

namespace {

/// What fit must do, one update of train_on_batch at a time.
template <class T>
class Steps {
 public:
  Steps(const Task<T>& task, const deepnet::FitOptions& options) : task_(task), options_(options) {}

  /// Takes the next step; returns the sum of its losses.
  double step() {
    const index_t size = std::min(options_.batch_size, task_.m), batches = (task_.m + size - 1) / size;
    const index_t epoch = options_.first_epoch + next_ / batches, first = next_ % batches * size;
    std::vector<uint32_t> order(size_t(task_.m));
    for (size_t i = 0; i < order.size(); ++i) order[i] = uint32_t(i);
    if (options_.shuffle && batches > 1) order = order_of_epoch(order.size(), options_.seed, uint64_t(epoch));
    const index_t count = std::min(size, task_.m - first);
    const auto part = task_.part({order.begin() + first, order.begin() + first + count});
    ++next_;
    return double(count) * deepnet::train_on_batch<T>(task_.net, part.data, task_.plan(), options_.learning_rate, 0, 1);
  }
  void take(index_t steps) {
    for (index_t s = 0; s < steps; ++s) step();
  }

 private:
  const Task<T>& task_;
  deepnet::FitOptions options_;
  index_t next_ = 0;
};

template <class T>
std::vector<double> fit(const Task<T>& task, const deepnet::FitOptions& options,
                        deepnet::Interrupt* interrupt = nullptr) {
  std::vector<double> losses(size_t(options.epochs)), seconds(losses.size());
  deepnet::fit<T>(task.net, task.data(), task.plan(), options, losses, seconds, interrupt);
  for (const double s : seconds) CHECK(s >= 0);
  return losses;
}

/// The network of most tests here, with the examples of a few batches.
template <class T>
struct Small : Task<T> {
  explicit Small(index_t m = 150) : Task<T>({20, 40, 30, 2}, {"relu", "tanh", "sigmoid"}, m) {}
};

/// Says yes at the `yes_at`-th question and calls `then` at the first.
struct Asked : deepnet::Interrupt {
  explicit Asked(int yes_at_) : yes_at(yes_at_) {}
  bool requested() override { return ++count == yes_at; }
  int yes_at, count = 0;
};

}  // namespace

TEST_SUITE_BEGIN("nn");

TEST_CASE_TEMPLATE("one update is the gradient times the rate, however many chunks a batch has", T, float, double) {
  const double rate = 0.3;
  for (const deepnet::LossId loss : {kCrossEntropy, kSquares})
    for (const index_t m : {1, 33, 256, kSlowOracle<T> ? 520 : 1100}) {
      CAPTURE(m);
      const Task<T> task({10, 100, 30, 2}, {"relu", "tanh", "sigmoid"}, m, loss);
      const Naive<T> naive(task);
      const std::vector<T> before = task.parameters();
      std::vector<Bounded<T>> expected;
      for (size_t i = 0; i < before.size(); ++i) {
        const auto [gradient, error] = naive.gradients[i];
        const Wide<T> change = rate * gradient, change_error = rate * error + 3 * u<T> * std::abs(change);
        expected.push_back({before[i] - change, change_error + 2 * u<T> * (std::abs(before[i]) + std::abs(change))});
      }
      const double mean = deepnet::train_on_batch<T>(task.net, task.data(), task.plan(), rate);
      CHECK(excess<T>(std::vector<double>{mean}, {naive.gradients.back()}) <= 1);
      CHECK(excess<T>(task.parameters(), expected) <= 1);
    }
}

TEST_CASE_TEMPLATE("fit equals its updates in turn, bit for bit, for any number of threads", T, float, double) {
  for (const bool shuffle : {true, false})
    for (const index_t batch_size : {1, 32, 50, 149, 150, 1000}) {
      if (batch_size == 1 && !shuffle) continue;
      const deepnet::FitOptions options{
          .epochs = 3, .batch_size = batch_size, .learning_rate = 0.1, .shuffle = shuffle, .seed = 5, .first_epoch = 2};
      CAPTURE(shuffle);
      CAPTURE(batch_size);
      const Small<T> alone, whole;
      const index_t batches = (150 + batch_size - 1) / batch_size;
      Steps<T> steps(alone, options);
      std::vector<double> expected;
      for (int epoch = 0; epoch < 3; ++epoch) {
        double total = 0;
        for (index_t b = 0; b < batches; ++b) total += steps.step();
        expected.push_back(total / 150);
      }
      const std::vector<double> losses = fit<T>(whole, options);
      CHECK(same_bits(whole.parameters(), alone.parameters()));
      // A batch's mean times its size is not always the sum that it was made of.
      for (size_t e = 0; e < 3; ++e)
        CHECK(std::abs(losses[e] - expected[e]) <= gamma<double>(batches + 3, batches + 3) * expected[e]);
    }
  // Batches that are worth several threads: of one chunk, of a part for each thread, and of several for each; and two
  // layers whose W is transposed.
  for (const index_t batch_size : {100, 300, 700, 2300}) {
    CAPTURE(batch_size);
    const auto trained = [batch_size](int threads) {
      const Task<T> task({40, 110, 100, 3}, {"relu", "relu", "sigmoid"}, std::max<index_t>(batch_size, 800));
      fit<T>(task, {.epochs = 5, .batch_size = batch_size, .learning_rate = 0.1, .threads = threads});
      return task.parameters();
    };
    const std::vector<T> one = trained(1);
    for (const int threads : {2, 3, 8}) CHECK(same_bits(trained(threads), one));
  }
}

/// A second process that has the same examples.
struct Twin : deepnet::Together {
  explicit Twin(index_t own) { examples = {own, own}; }
  template <class T>
  void give(T* memory) {
    gradients = memory;
    doubles = [memory](index_t first, index_t count) {
      for (index_t i = first; i < first + count; ++i) memory[i] *= 2;
    };
  }
  void begin(index_t first, index_t count) override {
    ++parts;
    doubles(first, count);
  }
  Sums add_up(const Sums& own) override {
    ++steps;
    return {2 * own.loss, 2 * own.examples, 2 * own.weight};
  }
  int parts = 0, steps = 0;
  std::function<void(index_t, index_t)> doubles;
};

TEST_CASE_TEMPLATE("two processes with the same examples make the updates of one, bit for bit", T, float, double) {
  for (size_t optimizer = 0; optimizer < deepnet::optimizer_names().size(); ++optimizer)
    for (const double clip_norm : {0.0, 0.01}) {
      CAPTURE(deepnet::optimizer_names()[optimizer]);
      CAPTURE(clip_norm);
      const Small<T> alone, together;
      deepnet::Plan plan = alone.plan();
      plan.optimizer = deepnet::OptimizerId(optimizer);
      plan.hyper[0] = plan.hyper[1] = 0.9;
      plan.clip_norm = clip_norm;
      plan.layers = {{.dropout = 0, .l2 = 0.01}, {.dropout = 0}, {.dropout = 0, .l1 = 0.001}};
      deepnet::FitOptions options{.epochs = 3, .batch_size = 32, .learning_rate = 0.01, .seed = 5};
      std::vector<double> losses(3), expected(3), seconds(3);
      deepnet::fit<T>(alone.net, alone.data(), plan, options, expected, seconds);
      const auto numbers = size_t(together.net.b(3).data + 2 - together.net.W(1).data);
      deepnet::AlignedBuffer memory;
      Twin twin(150);
      twin.give(memory.reserve<T>(index_t(numbers)));
      options.batch_size *= 2;
      options.together = &twin;
      deepnet::fit<T>(together.net, together.data(), plan, options, losses, seconds);
      CHECK(twin.steps == 15);
      CHECK(twin.parts == 15);
      CHECK(same_bits(together.parameters(), alone.parameters()));
      CHECK(losses == expected);
    }
}

TEST_CASE_TEMPLATE("gradients are added up in parts, each number once, from the last layer to the first", T, float,
                   double) {
  // Layers of several blocks of rows and of columns, after small ones and before.
  const std::vector<index_t> dims = {2100, 300, 200, 10, 5};
  for (const index_t bucket : {0, 100, 20'000, 100'000, 10'000'000}) {
    CAPTURE(bucket);
    const Task<T> alone(dims, {"relu", "relu", "tanh", "sigmoid"}, 40),
        together(dims, {"relu", "relu", "tanh", "sigmoid"}, 40);
    std::vector<double> losses(2), expected(2), seconds(2);
    deepnet::FitOptions options{.epochs = 2, .batch_size = 20, .learning_rate = 0.1, .seed = 5, .threads = 2};
    deepnet::fit<T>(alone.net, alone.data(), alone.plan(), options, expected, seconds);
    const index_t numbers = together.net.b(4).data + 5 - together.net.W(1).data;
    deepnet::AlignedBuffer memory;
    Twin twin(40);
    twin.give(memory.reserve<T>(numbers));
    std::vector<int> times(static_cast<size_t>(numbers));
    twin.doubles = [&, doubles = twin.doubles](index_t first, index_t count) {
      doubles(first, count);
      for (index_t i = first; i < first + count; ++i) ++times[size_t(i)];
    };
    twin.bucket = bucket;
    options.batch_size *= 2;
    options.together = &twin;
    deepnet::fit<T>(together.net, together.data(), together.plan(), options, losses, seconds);
    CHECK(same_bits(together.parameters(), alone.parameters()));
    CHECK(losses == expected);
    CHECK(std::all_of(times.begin(), times.end(), [&](int each) { return each == twin.steps; }));
    CHECK((twin.parts == twin.steps) == (bucket == 0 || bucket > numbers));
    CHECK(twin.parts <= twin.steps * (bucket > 0 ? 2 + numbers / bucket : 1));
  }
}

TEST_CASE_TEMPLATE("a run goes on from copies of its parameters and of the optimizer's state", T, float, double) {
  for (size_t optimizer = 0; optimizer < deepnet::optimizer_names().size(); ++optimizer) {
    CAPTURE(deepnet::optimizer_names()[optimizer]);
    const auto id = deepnet::OptimizerId(optimizer);
    const auto train = [id](const Task<T>& task, deepnet::TrainingHold<T>& hold, index_t first_epoch) {
      deepnet::Plan plan = task.plan();
      plan.optimizer = id;
      plan.hyper[0] = plan.hyper[1] = 0.9;
      double losses[2], seconds[2];
      const deepnet::FitOptions options{
          .epochs = 2, .batch_size = 32, .learning_rate = 0.01, .seed = 3, .first_epoch = first_epoch, .threads = 1};
      deepnet::fit<T>(hold, task.data(), plan, options, losses, seconds);
    };
    const Small<T> whole, second;
    std::vector<std::vector<T>> memory;
    std::vector<deepnet::ParameterGradient<T>> slots;
    for (index_t i = 0; i < deepnet::optimizer_slots(id) * whole.net.layers(); ++i) {
      const size_t l = size_t(i % whole.net.layers());
      const index_t n = whole.units[l + 1], n_prev = whole.units[l];
      T* W = memory.emplace_back(size_t(n * n_prev)).data();
      T* b = memory.emplace_back(size_t(n)).data();
      slots.push_back({deepnet::row_major(W, n, n_prev), deepnet::row_major(b, n, 1)});
    }
    deepnet::TrainingHold<T> hold(whole.net), other(second.net);
    CHECK(deepnet::copy_optimizer_state<T>(whole.net, id, slots) == 0);
    train(whole, hold, 0);
    const uint64_t updates = deepnet::copy_optimizer_state<T>(whole.net, id, slots);
    CHECK(updates == uint64_t{2 * 5});
    second.set_parameters(whole.parameters());
    deepnet::set_optimizer_state<T>(other, id, updates, slots);
    train(whole, hold, 2);
    train(second, other, 2);
    CHECK(same_bits(whole.parameters(), second.parameters()));
  }
}

TEST_CASE_TEMPLATE("training lowers the loss", T, float, double) {
  for (const deepnet::LossId loss : {kCrossEntropy, kSquares}) {
    Task<T> task({2, 16, 1}, {"tanh", "sigmoid"}, 200, loss);
    for (size_t j = 0; j < 200; ++j) task.Y[j] = task.X[j] * task.X[200 + j] > 0 ? T(1) : T(0);
    const std::vector<double> losses =
        fit<T>(task, {.epochs = 300, .batch_size = 20, .learning_rate = loss == kCrossEntropy ? 0.5 : 2});
    CHECK(losses.back() < 0.3 * losses.front());
  }
}

TEST_CASE_TEMPLATE("examples that are read in place give the bits of packed ones", T, float, double) {
  for (const index_t count : {64, 209}) {
    const index_t inputs = count == 64 ? 4200 : 1301;
    std::vector<uint32_t> order(size_t(2 * count));  // with an order, X is packed
    for (size_t i = 0; i < order.size(); ++i) order[i] = uint32_t(i % size_t(count));
    const auto trained = [&](bool ordered, int threads) {
      const Task<T> task({inputs, 20, 3, 1}, {"relu", "tanh", "sigmoid"}, count);
      deepnet::FitOptions options{.epochs = 2, .batch_size = count, .learning_rate = 0.01, .threads = threads};
      if (ordered) options.order = order;
      fit<T>(task, options);
      return task.parameters();
    };
    const std::vector<T> packed = trained(true, 1);
    CHECK(same_bits(trained(false, 1), packed));
    CHECK(same_bits(trained(false, 2), packed));
  }
}

TEST_CASE_TEMPLATE("an update in a separate pass, as for huge networks, is the same", T, float, double) {
  // 4.1 million parameters times the runner's largest batch are beyond what is updated at once.
  const auto trained = [](index_t largest) {
    const Task<T> task({2048, 2000, 1}, {"relu", "sigmoid"}, 12);
    deepnet::Progress progress(nullptr);
    deepnet::BatchRunner<T> runner(task.net.state(), task.data(), task.plan(), largest, deepnet::Threads{2, true},
                                   deepnet::Use::kSteps, progress);
    double total = 0;
    for (index_t first = 0; first < 12; first += 4) total += runner.step({nullptr, first, 4}, 0.01, 0, 0).loss;
    std::vector<T> result = task.parameters();
    result.push_back(T(total));
    return result;
  };
  CHECK(same_bits(trained(512), trained(4)));
}

TEST_CASE_TEMPLATE("an interrupt leaves the parameters of a finished update", T, float, double) {
  deepnet::FitOptions options{.epochs = 100, .batch_size = 64, .learning_rate = 0.1, .seed = 3, .threads = 3};
  for (const int yes_at : {1, 2, 5, 9}) {
    const Task<T> stopped({60, 110, 100, 1}, {"relu", "tanh", "sigmoid"}, 500),
        stepwise({60, 110, 100, 1}, {"relu", "tanh", "sigmoid"}, 500);
    std::atomic<index_t> steps{0};
    options.steps_done = &steps;
    Asked interrupt(yes_at);
    CHECK_THROWS_AS(fit<T>(stopped, options, &interrupt), deepnet::Interrupted);
    CHECK(interrupt.count == yes_at);
    CHECK(steps < 800);
    Steps<T>(stepwise, options).take(steps);
    CHECK(same_bits(stopped.parameters(), stepwise.parameters()));
    fit<T>(stopped, {.batch_size = 64});  // and can be trained on
  }
  // In the middle of one long update, nothing has changed. Only the calling thread asks. If the other threads happen to
  // take nearly all of the batch, it does not ask twice, and the update is made.
  const auto stops = [](int threads) {
    const Task<T> task({60, 110, 100, 1}, {"relu", "tanh", "sigmoid"}, 3000),
        whole({60, 110, 100, 1}, {"relu", "tanh", "sigmoid"}, 3000);
    const std::vector<T> before = task.parameters();
    Asked interrupt(2);
    try {
      deepnet::train_on_batch<T>(task.net, task.data(), task.plan(), 0.1, 0, threads, &interrupt);
    } catch (const deepnet::Interrupted&) {
      CHECK(same_bits(task.parameters(), before));
      return true;
    }
    deepnet::train_on_batch<T>(whole.net, whole.data(), whole.plan(), 0.1);
    CHECK(interrupt.count < 2);
    CHECK(same_bits(task.parameters(), whole.parameters()));
    return false;
  };
  CHECK(stops(1));
  bool stopped = false;
  for (int i = 0; i < 50 && !stopped; ++i) stopped = stops(2);
  CHECK(stopped);
}

TEST_SUITE_END();
