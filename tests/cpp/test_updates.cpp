// Whole updates: every optimizer by the textbook, dropout as networks without some units, weights of examples, and what
// must depend on neither threads nor chunks.
#include <atomic>
#include <numeric>

#include "doctest/doctest.h"
#include "runtime/random.h"
#include "step.h"
#include "train/batch.h"

using namespace oracle;

namespace {

deepnet::OptimizerId optimizer_named(std::string_view name) {
  const auto names = deepnet::optimizer_names();
  return int(std::find(names.begin(), names.end(), name) - names.begin());
}

/// Each optimizer with its usual settings.
std::vector<deepnet::Plan> plans_of_all() {
  std::vector<deepnet::Plan> plans;
  for (const std::string_view name : deepnet::optimizer_names()) {
    deepnet::Plan plan{.optimizer = optimizer_named(name)};
    if (name == "adam") plan.hyper[0] = 0.9, plan.hyper[1] = 0.999;
    if (name == "momentum" || name == "nesterov" || name == "rmsprop") plan.hyper[0] = 0.9;
    plans.push_back(plan);
  }
  return plans;
}

/// The same, for tests that take long: with sanitizers, those with the least memory and the most stand for all, since
/// test_optimizers.cpp runs the kernels of all.
std::vector<deepnet::Plan> plans_of_some() {
  std::vector<deepnet::Plan> plans = plans_of_all();
#ifdef DEEPNET_TEST_SANITIZED
  plans.erase(plans.begin() + 1, plans.end() - 1);
#endif
  return plans;
}

template <class T>
void clear_optimizer_state(const deepnet::Network<T>& net, const deepnet::Plan& plan, size_t slots) {
  deepnet::Progress progress(nullptr);
  net.state().optimizer_state.start(plan.optimizer, index_t(slots), net.state().size, 0, progress);
}

/// What the network's optimizer remembers, each slot in the order of Task::parameters.
template <class T>
std::vector<std::vector<T>> memory_of(const Task<T>& task) {
  deepnet::NetworkState<T>& state = task.net.state();
  auto& memory = state.optimizer_state;
  const T* numbers = memory.numbers();
  std::vector<std::vector<T>> slots;
  for (index_t s = 0; s < memory.slots; ++s, numbers += state.size) {
    slots.emplace_back();
    for (const deepnet::Layer<T>& layer : state.layers) {
      for (index_t i = 0; i < layer.units; ++i)
        for (index_t j = 0; j < layer.inputs; ++j)
          slots.back().push_back(numbers[layer.W - state.layers[0].W + i * layer.W_row + j]);
      for (index_t i = 0; i < layer.units; ++i) slots.back().push_back(numbers[layer.b - state.layers[0].W + i]);
    }
  }
  return slots;
}

/// Parameters, memory and count.
template <class T>
std::vector<T> all_of(const Task<T>& task) {
  std::vector<T> all = task.parameters();
  for (const std::vector<T>& slot : memory_of(task)) all.insert(all.end(), slot.begin(), slot.end());
  all.push_back(T(task.net.state().optimizer_state.updates));
  return all;
}

/// Of each of Task::parameters, its layer (from 0 on), or -1 for b.
template <class T>
std::vector<int> layers_of_weights(const Task<T>& task) {
  std::vector<int> all;
  for (size_t l = 0; l + 1 < task.units.size(); ++l) {
    all.insert(all.end(), size_t(task.units[l] * task.units[l + 1]), int(l));
    all.insert(all.end(), size_t(task.units[l + 1]), -1);
  }
  return all;
}

std::vector<uint32_t> range(uint32_t first, uint32_t count) {
  std::vector<uint32_t> all(count);
  std::iota(all.begin(), all.end(), first);
  return all;
}

/// Says yes at the `left`-th question.
struct Asked : deepnet::Interrupt {
  explicit Asked(int left_) : left(left_) {}
  bool requested() override { return --left == 0; }
  int left;
};

}  // namespace

TEST_SUITE_BEGIN("nn");

TEST_CASE_TEMPLATE("fifty updates of every optimizer, with penalties, clipping and decay, follow the textbook", T,
                   float, double) {
  using W = Wide<T>;
  for (deepnet::Plan plan : plans_of_all())
    for (int kind = 0; kind < 5; ++kind) {
      const std::string_view name = deepnet::optimizer_names()[size_t(plan.optimizer)];
      CAPTURE(name);
      CAPTURE(kind);
      const Task<T> task({5, 7, 2}, {"tanh", "identity"}, 40, kSquares);
      plan.loss = kSquares;
      plan.layers.clear();
      if (kind == 1 || kind == 4) plan.layers = {{.l2 = 0.1, .l1 = 0.01}, {.l2 = 0, .l1 = 0.02}};
      plan.clip_value = kind == 2 || kind == 4 ? 0.02 : 0;
      plan.clip_norm = kind == 3 || kind == 4 ? 0.05 : 0;
      plan.weight_decay = kind == 3 || kind == 4 ? 0.1 : 0;
      const std::vector<int> layers = layers_of_weights(task);
      double worst = 0;
      for (int t = 1; t <= 50; ++t) {
        const double rate = 0.01 + 0.001 * t;
        const std::vector<T> before = task.parameters();
        std::vector<std::vector<T>> slots = memory_of(task);
        slots.resize(2, std::vector<T>(before.size()));
        if (t == 1) slots.assign(2, std::vector<T>(before.size()));
        const std::vector<double> gradients = task.gradients();
        std::vector<StepSettings> settings;
        W squares = 0;
        for (size_t i = 0; i < before.size(); ++i) {
          StepSettings s{.optimizer = name,
                         .hyper = {plan.hyper[0], plan.hyper[1]},
                         .epsilon = plan.epsilon,
                         .t = double(t),
                         .rate = rate};
          if (layers[i] >= 0 && !plan.layers.empty())
            s.l2 = plan.layers[size_t(layers[i])].l2, s.l1 = plan.layers[size_t(layers[i])].l1;
          if (layers[i] >= 0) s.decay = rate * plan.weight_decay;
          if (plan.clip_value > 0) s.clip = plan.clip_value;
          settings.push_back(s);
          const W whole = Step<T>::whole(s, before[i], T(gradients[i])).value;
          squares += whole * whole;
        }
        deepnet::train_on_batch<T>(task.net, task.data(), plan, rate);
        const std::vector<T> after = task.parameters();
        const std::vector<std::vector<T>> remembered = memory_of(task);
        for (size_t i = 0; i < before.size(); ++i) {
          if (plan.clip_norm > 0) {
            settings[i].norm_scale = double(std::min(W(1), W(plan.clip_norm) / (std::sqrt(squares) + W(1e-6))));
            settings[i].norm_error = 40;  // of so few numbers: the roundings of each, of its square, of a row's sum
          }
          const Step<T> expected(settings[i], before[i], T(gradients[i]), {slots[0][i], slots[1][i]});
          worst = std::max(worst, excess<W>(after[i], expected.p.value, expected.p.error));
          for (size_t s = 0; s < remembered.size(); ++s)
            worst = std::max(worst, excess<W>(remembered[s][i], expected.slots[s].value, expected.slots[s].error));
        }
        CHECK(task.net.state().optimizer_state.updates == uint64_t(t));
      }
      CHECK(worst <= 1);
    }
}

TEST_CASE_TEMPLATE(
    "no bit of an update depends on the number of threads, with optimizer memory, penalties, norms and dropout", T,
    float, double) {
  for (deepnet::Plan plan : plans_of_some())
    for (const double clip_norm : {0.0, 0.5}) {
      CAPTURE(plan.optimizer);
      CAPTURE(clip_norm);
      plan.clip_norm = clip_norm;
      plan.weight_decay = 0.01;
      plan.input_dropout = 0.2;
      plan.layers = {{.dropout = 0.5, .l2 = 1e-3}, {.dropout = 0.25, .l1 = 1e-3}, {.l2 = 1e-4, .l1 = 1e-4}};
      const auto trained = [&](int threads, index_t batch_size) {
        const Task<T> task({40, 110, 100, 3}, {"relu", "tanh", "sigmoid"}, kSlowOracle<T> ? 520 : 1200);
        std::vector<double> losses(2), seconds(2);
        deepnet::fit<T>(task.net, task.data(), plan,
                        {.epochs = 2, .batch_size = batch_size, .learning_rate = 1e-3, .threads = threads}, losses,
                        seconds);
        std::vector<T> all = all_of(task);
        all.insert(all.end(), losses.begin(), losses.end());
        return all;
      };
      for (const index_t batch_size : {150, 1200}) {
        const std::vector<T> one = trained(1, batch_size);
        for (const int threads : {2, 3}) CHECK(same_bits(trained(threads, batch_size), one));
      }
    }
}

TEST_CASE_TEMPLATE("no bit of scales of the features, or of rates of their own, depends on the number of threads", T,
                   float, double) {
  for (deepnet::Plan plan : plans_of_some()) {
    CAPTURE(plan.optimizer);
    plan.weight_decay = 0.01;
    plan.layers = {{.dropout = 0.5}, {}, {.l2 = 1e-3}};
    plan.rates = {{.W = 0.5, .b = 0.1}, {}, {.W = 2}};
    plan.feature_rate = 6;
    const auto trained = [&](int threads, index_t batch_size) {
      const Task<T> task({40, 110, 100, 3}, {"relu", "tanh", "sigmoid"}, kSlowOracle<T> ? 520 : 1200);
      std::vector<double> losses(2), seconds(2);
      deepnet::fit<T>(task.net, task.data(), plan,
                      {.epochs = 2, .batch_size = batch_size, .learning_rate = 1e-3, .threads = threads}, losses,
                      seconds);
      std::vector<T> all = all_of(task);
      auto& state = task.net.state().optimizer_state;
      CHECK(state.extra > 40 * 110);
      all.insert(all.end(), state.numbers() + state.count - state.extra, state.numbers() + state.count);
      return all;
    };
    for (const index_t batch_size : {150, 1200}) {
      const std::vector<T> one = trained(1, batch_size);
      for (const int threads : {2, 3}) CHECK(same_bits(trained(threads, batch_size), one));
    }
  }
}

TEST_CASE_TEMPLATE("masks, updates and losses are the same in one chunk and in several", T, float, double) {
  for (deepnet::Plan plan : plans_of_some()) {
    CAPTURE(plan.optimizer);
    plan.input_dropout = 0.3;
    plan.layers = {{.dropout = 0.5, .l2 = 1e-3}, {.dropout = 0.1}, {}};
    const auto trained = [&](index_t largest, int threads) {
      const Task<T> task({300, 400, 350, 2}, {"relu", "leaky_relu", "sigmoid"}, 500);
      deepnet::Progress progress(nullptr);
      deepnet::BatchRunner<T> runner(task.net.state(), task.data(), plan, largest, deepnet::Threads::of(threads),
                                     deepnet::Use::kSteps, progress);
      runner.updater().start(false, progress);
      double total = 0;
      for (uint64_t s = 0; s < 2; ++s) total += runner.step({nullptr, 0, 500}, 1e-3, 7, s).loss;
      std::vector<T> all = all_of(task);
      all.push_back(T(total));
      return all;
    };
    CHECK(same_bits(trained(4000, 2), trained(500, 1)));  // chunks of 256 or 512
  }
}

TEST_CASE_TEMPLATE("dropout of the inputs equals training on the data with these inputs set to 0", T, float, double) {
  constexpr double keep = 0.7;
  for (const index_t m : {20, 700}) {
    deepnet::Plan plan{.loss = kSquares, .input_dropout = 1 - keep};
    Task<T> dropping({9, 12, 2}, {"relu", "identity"}, m, kSquares),
        plain({9, 12, 2}, {"relu", "identity"}, m, kSquares);
    const uint64_t stream = deepnet::mix(deepnet::random_bits(5 ^ deepnet::kDropoutStream, 0));
    const T scale = T(1 / (1 - plan.input_dropout));
    std::vector<T> ones(size_t(9 * deepnet::kPanel<T>));
    for (index_t first = 0; first < m; first += deepnet::kPanel<T>) {
      std::fill(ones.begin(), ones.end(), T(1));
      deepnet::DropoutMask{1 - plan.input_dropout, stream}.apply<T>(deepnet::kernels<T>(), {ones.data(), 9, 1}, first);
      for (index_t i = 0; i < 9; ++i)
        for (index_t e = 0; e < std::min(deepnet::kPanel<T>, m - first); ++e) {
          T& x = plain.X[size_t(i * m + first + e)];
          x = ones[size_t(i * deepnet::kPanel<T> + e)] != 0 ? x * scale : T(0);
        }
    }
    CHECK(plain.X != dropping.X);
    const double loss = deepnet::train_on_batch<T>(dropping.net, dropping.data(), plan, 0.1, 5);
    CHECK(loss == deepnet::train_on_batch<T>(plain.net, plain.data(), plain.plan(), 0.1));
    CHECK(same_bits(dropping.parameters(), plain.parameters()));
    CHECK(deepnet::evaluate<T>(dropping.net, dropping.data(), plan) ==
          deepnet::evaluate<T>(dropping.net, dropping.data(), dropping.plan()));  // which drops nothing
  }
}

TEST_CASE("dropout of layers is the mean over networks without the dropped units, one for each example") {
  // In double; each number is a sum of some thousand products of about 1, and twelve digits are left of sixteen.
  constexpr double tolerance = 1e-12, rate = 0.5;
  for (const std::string activation : {"relu", "leaky_relu", "tanh", "sigmoid", "identity"}) {
    CAPTURE(activation);
    const std::vector<index_t> units{6, 10, 8, 2};
    const std::vector<std::string> names{activation, activation, "sigmoid"};
    constexpr index_t m = 45;
    const Task<double> task(units, names, m), masked(units, names, m);
    const deepnet::Plan plan{.layers = {{.dropout = 0.5}, {.dropout = 0.2}, {}}};
    const std::vector<double> before = task.parameters();
    std::vector<double> sums(before.size() + 1);
    for (index_t e = 0; e < m; ++e) {
      std::vector<double> factors(before.size(), 1.0), parameters = before;  // of the columns of W of the next layer
      size_t at = size_t(units[1] * (units[0] + 1));
      for (size_t l = 1; l <= 2; ++l) {
        const uint64_t stream = deepnet::mix(deepnet::random_bits(3 ^ deepnet::kDropoutStream, 0) + l);
        std::vector<double> ones(size_t(units[l] * deepnet::kPanel<double>), 1.0);
        deepnet::DropoutMask{1 - plan.layers[l - 1].dropout, stream}.apply<double>(deepnet::kernels<double>(),
                                                                                   {ones.data(), units[l], 1}, e);
        for (index_t i = 0; i < units[l + 1]; ++i)
          for (index_t j = 0; j < units[l]; ++j) factors[at++] = ones[size_t(j * deepnet::kPanel<double>)];
        at += size_t(units[l + 1]);
      }
      for (size_t i = 0; i < before.size(); ++i) parameters[i] *= factors[i];
      masked.set_parameters(parameters);
      const Task<double>::Part part = masked.part({uint32_t(e)});
      const std::vector<double> gradients = masked.gradients(part.data, masked.plan());  // and the loss
      for (size_t i = 0; i < before.size(); ++i) sums[i] += gradients[i] * factors[i];
      sums.back() += gradients.back();
    }
    const double loss = deepnet::train_on_batch<double>(task.net, task.data(), plan, rate, 3);
    CHECK(std::abs(loss - sums.back() / m) < tolerance);
    const std::vector<double> after = task.parameters();
    double worst = 0;
    for (size_t i = 0; i < after.size(); ++i)
      worst = std::max(worst, std::abs(after[i] - (before[i] - rate * sums[i] / m)));
    CHECK(worst < tolerance);
    CHECK(after != before);
  }
}

TEST_CASE_TEMPLATE("an example of weight 0 is left out, except that it counts in m", T, float, double) {
  for (const bool squares : {false, true}) {
    const Task<T> task({9, 20, 2}, {"tanh", "sigmoid"}, 128, squares ? kSquares : kCrossEntropy);
    std::vector<T> weights(128, T(1));
    std::fill(weights.begin() + 64, weights.end(), T(0));  // whole panels, so that the sums go on as they were
    const auto part = task.part(range(0, 64));
    const auto all = [&](const deepnet::Data& data) {
      const std::vector<double> gradients = task.gradients(data, task.plan());
      CHECK(gradients.back() == deepnet::evaluate<T>(task.net, data, task.plan()));
      return std::vector<T>(gradients.begin(), gradients.end());
    };
    deepnet::Data weighted = task.data();
    weighted.weights = deepnet::examples<T>(deepnet::row_major<const T>(weights.data(), 1, 128));
    std::vector<T> halves = all(part.data);  // of 64, so twice as large
    const std::vector<T> got = all(weighted);
    for (T& number : halves) number /= 2;
    CHECK(same_bits(got, halves));
    // And a weight of 2 is an example that comes twice.
    std::fill(weights.begin(), weights.begin() + 64, T(2));
    const std::vector<T> twice = all(weighted);
    for (size_t i = 0; i < got.size(); ++i) CHECK(twice[i] == 2 * got[i]);
  }
}

TEST_CASE_TEMPLATE("after an update that overflows, parameters, optimizer memory and count are those before it", T,
                   float, double) {
  for (deepnet::Plan plan : plans_of_all())
    for (const index_t step : {0, 1, 40, 63, 64, 65, 130}) {
      CAPTURE(plan.optimizer);
      CAPTURE(step);
      plan.weight_decay = 10;  // which makes any weight infinite at the rate of the bad step
      plan.clip_norm = step % 2 == 0 ? 1 : 0;
      plan.layers = {{.dropout = 0.3, .l2 = 1e-3}, {}};
      const Task<T> task({4, 6, 1}, {"tanh", "sigmoid"}, 600), stopped({4, 6, 1}, {"tanh", "sigmoid"}, 600);
      std::vector<double> rates(200, 1e-3), losses(1), seconds(1);
      rates[size_t(step)] = double(std::numeric_limits<T>::max());
      index_t failed = -1;
      try {
        deepnet::fit<T>(task.net, task.data(), plan,
                        {.batch_size = 3, .learning_rates = rates, .shuffle = false, .seed = 4}, losses, seconds);
      } catch (const deepnet::NonFinite& thrown) {
        CHECK(thrown.recovered);
        failed = thrown.batch;
      }
      CHECK(failed == step + 1);
      for (uint32_t s = 0; s < uint32_t(step); ++s)
        deepnet::train_on_batch<T>(stopped.net, stopped.part(range(3 * s, 3)).data, plan, 1e-3, 4);
      if (step == 0) clear_optimizer_state(stopped.net, plan, memory_of(task).size());
      CHECK(task.net.state().optimizer_state.updates == uint64_t(step));
      CHECK(same_bits(all_of(task), all_of(stopped)));
      // It can go on from there.
      deepnet::train_on_batch<T>(task.net, task.data(), plan, 1e-3);
      deepnet::train_on_batch<T>(stopped.net, stopped.data(), plan, 1e-3);
      CHECK(same_bits(all_of(task), all_of(stopped)));
    }
}

TEST_CASE_TEMPLATE("after a penalty that overflows, the parameters are those before its step", T, float, double) {
  // An input that is 0 and a weight whose square is infinite: nothing but the penalty shows it.
  for (const deepnet::Plan& base : plans_of_all()) {
    CAPTURE(base.optimizer);
    Task<T> task({2, 3, 1}, {"tanh", "sigmoid"}, 8);
    std::fill(task.X.begin() + 8, task.X.end(), T(0));
    std::vector<T> before = task.parameters();
    before[1] = std::sqrt(std::numeric_limits<T>::max()) * 2;
    task.set_parameters(before);
    deepnet::Plan plan = base;
    plan.layers = {{.l2 = 1e-3}, {}};
    std::vector<double> losses(2), seconds(2);
    CHECK_THROWS_AS(deepnet::fit<T>(task.net, task.data(), plan, {.epochs = 2}, losses, seconds), deepnet::NonFinite);
    CHECK(same_bits(task.parameters(), before));
    CHECK(task.net.state().optimizer_state.updates == 0);
  }
}

TEST_CASE_TEMPLATE("a network trained by another plan, or with other data, keeps nothing of the previous run", T, float,
                   double) {
  const Task<T> changing({5, 8, 3}, {"relu", "sigmoid"}, 64), fresh({5, 8, 3}, {"relu", "sigmoid"}, 64);
  deepnet::Plan adam = plans_of_all().back();
  REQUIRE(deepnet::optimizer_names()[size_t(adam.optimizer)] == "adam");
  const std::vector<T> before = changing.parameters(), weights = random_values<T>(64, 5, 0, 2);
  deepnet::Data weighted = changing.data();
  weighted.weights = deepnet::examples<T>(deepnet::row_major<const T>(weights.data(), 1, 64));
  deepnet::Plan dropping = adam;
  dropping.input_dropout = 0.5;
  for (int i = 0; i < 3; ++i) {
    deepnet::train_on_batch<T>(changing.net, changing.data(), adam, 0.1);
    deepnet::train_on_batch<T>(changing.net, weighted, adam, 0.1);
    deepnet::train_on_batch<T>(changing.net, weighted, dropping, 0.1);
    deepnet::train_on_batch<T>(changing.net, changing.part(range(0, 9)).data, plans_of_all()[size_t(i)], 0.1);
  }
  changing.set_parameters(before);
  std::vector<double> losses(2), seconds(2);
  for (const Task<T>* task : {&changing, &fresh})
    deepnet::fit<T>(task->net, task->data(), adam, {.epochs = 2, .batch_size = 64, .learning_rate = 0.1}, losses,
                    seconds);
  CHECK(same_bits(all_of(changing), all_of(fresh)));
}

TEST_CASE_TEMPLATE("an interrupt at any time after an update that overflows leaves the state before it", T, float,
                   double) {
  constexpr index_t kBad = 5;
  for (deepnet::Plan plan : {plans_of_all().front(), plans_of_all().back()}) {
    CAPTURE(plan.optimizer);
    plan.weight_decay = 10;  // which makes any weight infinite at the rate of the bad step
    const std::vector<std::string> names{"relu", "tanh", "sigmoid"};
    const std::vector<index_t> units{60, 110, 100, 1};
    std::vector<double> rates(20, 1e-3), losses(1), seconds(1);
    rates[kBad] = double(std::numeric_limits<T>::max());
    const Task<T> stepwise(units, names, 20 * 512);
    std::vector<std::vector<T>> after{{}};  // each number of steps
    for (index_t s = 0; s < kBad; ++s) {
      deepnet::train_on_batch<T>(stepwise.net, stepwise.part(range(uint32_t(s) * 512, 512)).data, plan, 1e-3);
      after.push_back(all_of(stepwise));
    }
    bool failed = false;
    for (int question = 1; !failed; ++question) {
      CAPTURE(question);
      const Task<T> task(units, names, 20 * 512);
      std::atomic<index_t> steps{0};
      Asked interrupt(question);
      try {
        deepnet::fit<T>(
            task.net, task.data(), plan,
            {.batch_size = 512, .learning_rates = rates, .shuffle = false, .threads = 1, .steps_done = &steps}, losses,
            seconds, &interrupt);
      } catch (const deepnet::Interrupted&) {
      } catch (const deepnet::NonFinite& thrown) {
        failed = true;
        CHECK(thrown.batch == kBad + 1);
      }
      if (steps > 0) CHECK(same_bits(all_of(task), after[size_t(std::min(steps.load(), kBad))]));
      REQUIRE(question < 1000);
    }
  }
}

TEST_CASE_TEMPLATE("an interrupt of a long recovery leaves finite parameters of an earlier update", T, float, double) {
  constexpr index_t kBad = 45, kSize = 64;
  const std::vector<std::string> names{"tanh", "sigmoid"};
  const std::vector<index_t> units{150, 300, 1};
  deepnet::Plan plan = plans_of_all().back();
  plan.weight_decay = 10;  // which makes any weight infinite at the rate of the bad step
  std::vector<double> rates(60, 1e-3), losses(1), seconds(1);
  rates[kBad] = double(std::numeric_limits<T>::max());
  const Task<T> stepwise(units, names, 60 * kSize);
  std::vector<std::vector<T>> after;  // each number of steps
  for (index_t s = 0; s <= kBad; ++s) {
    after.push_back(stepwise.parameters());
    const auto part = stepwise.part(range(uint32_t(s * kSize), uint32_t(kSize)));
    if (s < kBad) deepnet::train_on_batch<T>(stepwise.net, part.data, plan, 1e-3);
  }
  bool failed = false, left_earlier = false;
  for (int question = 1; !failed; question += 5) {
    CAPTURE(question);
    const Task<T> task(units, names, 60 * kSize);
    std::atomic<index_t> steps{0};
    Asked interrupt(question);
    try {
      deepnet::fit<T>(
          task.net, task.data(), plan,
          {.batch_size = kSize, .learning_rates = rates, .shuffle = false, .threads = 1, .steps_done = &steps}, losses,
          seconds, &interrupt);
    } catch (const deepnet::Interrupted&) {
      const auto found = std::find(after.begin(), after.end(), task.parameters());
      REQUIRE(found != after.end());
      const bool is_last = found - after.begin() == std::min<index_t>(steps, kBad);
      if (steps <= kBad) CHECK(is_last);
      left_earlier |= !is_last;
      CHECK(task.net.state().optimizer_state.updates == uint64_t(found - after.begin()));
    } catch (const deepnet::NonFinite& thrown) {
      failed = true;
      CHECK(thrown.recovered);
      CHECK(task.parameters() == after[kBad]);
    }
    REQUIRE(question < 1000);
  }
  CHECK(left_earlier);
}

TEST_CASE_TEMPLATE("an interrupt leaves the parameters and optimizer memory of a finished update", T, float, double) {
  for (deepnet::Plan plan : plans_of_some())
    for (const int question : {1, 3, 6}) {
      CAPTURE(plan.optimizer);
      CAPTURE(question);
      plan.clip_norm = question == 3 ? 0 : 1;
      plan.layers = {{.dropout = 0.2}, {}, {.l1 = 1e-3}};
      const std::vector<std::string> names{"relu", "tanh", "sigmoid"};
      const Task<T> stopped({60, 110, 100, 1}, names, 512), stepwise({60, 110, 100, 1}, names, 512);
      std::vector<double> losses(100), seconds(100);
      std::atomic<index_t> steps{0};
      Asked interrupt(question);
      const deepnet::FitOptions options{.epochs = 100,
                                        .batch_size = 64,
                                        .learning_rate = 1e-3,
                                        .shuffle = false,
                                        .seed = 8,
                                        .threads = 2,
                                        .steps_done = &steps};
      CHECK_THROWS_AS(deepnet::fit<T>(stopped.net, stopped.data(), plan, options, losses, seconds, &interrupt),
                      deepnet::Interrupted);
      clear_optimizer_state(stepwise.net, plan, memory_of(stopped).size());
      for (index_t s = 0; s < steps; ++s)
        deepnet::train_on_batch<T>(stepwise.net, stepwise.part(range(uint32_t(s % 8) * 64, 64)).data, plan, 1e-3, 8);
      CHECK(same_bits(all_of(stopped), all_of(stepwise)));
    }
}

TEST_CASE("an interrupt while a large optimizer memory is cleared changes nothing, and it is cleared the next time") {
  const Task<float> task({800, 600}, {"identity"}, 1, kSquares);  // a million numbers, so that one question is asked
  const auto& names = deepnet::optimizer_names();
  const std::vector<deepnet::Plan> plans = plans_of_all();
  deepnet::Plan plan = *std::find_if(
      plans.begin(), plans.end(), [&](const deepnet::Plan& each) { return names[size_t(each.optimizer)] == "adam"; });
  plan.loss = kSquares;
  plan.layers.clear();
  const std::vector<float> before = task.parameters();
  deepnet::train_on_batch<float>(task.net, task.data(), plan, 1e-3);
  const std::vector<float> expected = task.parameters();
  task.set_parameters(before);
  std::vector<double> losses(1), seconds(1);
  Asked interrupt(1);
  CHECK_THROWS_AS(deepnet::fit<float>(task.net, task.data(), plan, {.batch_size = 1}, losses, seconds, &interrupt),
                  deepnet::Interrupted);
  CHECK(same_bits(task.parameters(), before));
  deepnet::train_on_batch<float>(task.net, task.data(), plan, 1e-3);
  CHECK(same_bits(task.parameters(), expected));
}

TEST_CASE("before each long update the interrupt is asked without delay") {
  struct Delayed : deepnet::Interrupt {
    explicit Delayed(int last_) : last(last_) {}
    bool requested() override { return false; }
    bool requested_now() override { return ++asked == last; }
    int last, asked = 0;
  };
  const Task<float> large({4200, 4100}, {"identity"}, 1, kSquares), small({42, 41}, {"identity"}, 1, kSquares);
  std::vector<double> losses(3), seconds(3);
  for (deepnet::Plan plan : {plans_of_all().front(), plans_of_all().back()}) {
    CAPTURE(plan.optimizer);
    plan.loss = kSquares;
    plan.layers.clear();
    const std::vector<float> before = large.parameters();
    const deepnet::FitOptions options{.epochs = 3, .batch_size = 1, .learning_rate = 1e-3};
    deepnet::fit<float>(large.net, large.data(), plan, {.batch_size = 1, .learning_rate = 1e-3}, losses, seconds);
    const std::vector<float> after_one = large.parameters();
    large.set_parameters(before);
    Delayed second(2), never(0);
    CHECK_THROWS_AS(deepnet::fit<float>(large.net, large.data(), plan, options, losses, seconds, &second),
                    deepnet::Interrupted);
    CHECK(same_bits(large.parameters(), after_one));
    deepnet::fit<float>(small.net, small.data(), plan, options, losses, seconds, &never);
    CHECK(never.asked == 0);
    large.set_parameters(before);
  }
}

TEST_SUITE_END();
