// A loss that is not finite: training stops, names the batch and gives back the last finite parameters.
#include <atomic>
#include <optional>

#include "doctest/doctest.h"
#include "engine.h"

using namespace oracle;
using deepnet::Examples;

namespace {

template <class T>
constexpr T kHuge = sizeof(T) == 4 ? T(1e30) : T(1e300);
constexpr double kRate = 1e10;

/// What fit throws, if it is NonFinite.
template <class T>
std::optional<deepnet::NonFinite> failure(const Task<T>& task, const deepnet::FitOptions& options) {
  std::vector<double> losses(size_t(options.epochs)), seconds(losses.size());
  try {
    deepnet::fit<T>(task.net, task.data(), task.plan(), options, losses, seconds);
  } catch (const deepnet::NonFinite& thrown) {
    return thrown;
  }
  return {};
}

template <class T>
bool finite(const std::vector<T>& values) {
  return std::all_of(values.begin(), values.end(), [](T x) { return std::isfinite(x); });
}

/// One unit, one example a step, all so small that nothing happens, but for example `bad`: it moves w to infinity while
/// its own loss is still finite, so that the next step finds out.
template <class T>
struct Overflowing : Task<T> {
  explicit Overflowing(size_t bad, T value = kHuge<T>) : Task<T>({1, 1}, {"sigmoid"}, 200) {
    for (T& x : this->X) x = T(1e-8) * x;
    for (T& y : this->Y) y = T(0.25) + y / 2;
    this->X[bad] = value;
  }
};

}  // namespace

TEST_SUITE_BEGIN("nn");

TEST_CASE_TEMPLATE("after an update that overflows, the parameters are those before it", T, float, double) {
  for (const bool shuffle : {false, true})
    for (const index_t step : {0, 1, 30, 62, 63, 64, 65, 127, 128, 198}) {
      CAPTURE(shuffle);
      CAPTURE(step);
      const deepnet::FitOptions options{
          .epochs = 2, .batch_size = 1, .learning_rate = kRate, .shuffle = shuffle, .seed = 9};
      const std::vector<uint32_t> order = order_of_epoch(200, 9, 0);
      const Overflowing<T> task(shuffle ? order[size_t(step)] : size_t(step));
      std::atomic<index_t> steps{0};
      deepnet::FitOptions counted = options;
      counted.steps_done = &steps;
      const auto thrown = failure<T>(task, counted);
      REQUIRE(thrown);
      CHECK(thrown->epoch == 0);
      CHECK(thrown->batch == step + 1);
      CHECK(!std::isfinite(thrown->loss));
      CHECK(thrown->recovered);
      // Those of a run that ends there.
      const Overflowing<T> short_run(0);
      for (index_t s = 0; s < step; ++s) {
        const auto part = task.part({shuffle ? order[size_t(s)] : uint32_t(s)});
        deepnet::train_on_batch<T>(short_run.net, part.data, short_run.plan(), kRate);
      }
      CHECK(finite(task.parameters()));
      CHECK(same_bits(task.parameters(), short_run.parameters()));
    }
}

TEST_CASE_TEMPLATE("an overflow in the last update of a fit is detected", T, float, double) {
  for (const index_t m : {1, 64, 65, 200}) {
    CAPTURE(m);
    Overflowing<T> overflowing(size_t(m - 1)), stopped(0);
    const auto run = [](const Task<T>& task, index_t steps) {
      const Examples x = task.x(), y = task.y();
      std::vector<double> losses(1), seconds(1);
      deepnet::fit<T>(task.net,
                      {{x.data, x.element, 1, steps, x.unit_stride, x.example_stride},
                       {y.data, y.element, 1, steps, y.unit_stride, y.example_stride}},
                      task.plan(), {.batch_size = 1, .learning_rate = kRate, .shuffle = false}, losses, seconds);
    };
    stopped.X = overflowing.X;
    if (m > 1) run(stopped, m - 1);
    std::optional<deepnet::NonFinite> thrown;
    try {
      run(overflowing, m);
    } catch (const deepnet::NonFinite& failed) {
      thrown = failed;
    }
    REQUIRE(thrown);
    CHECK(thrown->batch == m - 1);
    CHECK(thrown->recovered);
    CHECK(same_bits(overflowing.parameters(), stopped.parameters()));
  }
}

TEST_CASE_TEMPLATE("an infinite weight that is detected many updates later", T, float, double) {
  // Example 0 moves w of a relu unit to -inf; while x > 0 the unit is merely off, until x is 0 and x w is nan.
  for (const size_t shows : {size_t{1}, size_t{50}, size_t{64}, size_t{65}, size_t{150}}) {
    CAPTURE(shows);
    Task<T> task({1, 1, 1}, {"relu", "sigmoid"}, 200);
    for (T& x : task.X) x = 1;
    for (T& y : task.Y) y = 0;
    task.X[0] = kHuge<T>;
    task.X[shows] = 0;
    task.set_parameters({1 / kHuge<T>, 0, 1, 0});
    const std::vector<T> before = task.parameters();
    const auto thrown = failure<T>(task, {.batch_size = 1, .learning_rate = kRate, .shuffle = false});
    REQUIRE(thrown);
    CHECK(thrown->batch == index_t(shows));
    CHECK(thrown->recovered);
    CHECK(same_bits(task.parameters(), before));
  }
}

TEST_CASE_TEMPLATE("nan and inf in the data change no parameter", T, float, double) {
  for (const T bad : {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()})
    for (const index_t step : {0, 5, 63, 64, 100}) {
      CAPTURE(step);
      const Overflowing<T> task(size_t(step), bad), short_run(0);
      const auto thrown = failure<T>(task, {.batch_size = 1, .learning_rate = 0.1, .shuffle = false, .first_epoch = 7});
      REQUIRE(thrown);
      CHECK(thrown->epoch == 7);
      CHECK(thrown->batch == step);
      CHECK(thrown->recovered);
      for (index_t s = 0; s < step; ++s) {
        const auto part = task.part({uint32_t(s)});
        deepnet::train_on_batch<T>(short_run.net, part.data, short_run.plan(), 0.1);
      }
      CHECK(same_bits(task.parameters(), short_run.parameters()));
      const auto part = task.part({uint32_t(step)});
      CHECK_THROWS_AS(deepnet::train_on_batch<T>(task.net, part.data, task.plan(), 0.1), deepnet::NonFinite);
      CHECK(same_bits(task.parameters(), short_run.parameters()));
    }
}

TEST_CASE_TEMPLATE("parameters that are not finite from the start are reported as such", T, float, double) {
  for (const T bad : {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()}) {
    Task<T> task({3, 4, 1}, {"tanh", "sigmoid"}, 50);
    std::vector<T> parameters = task.parameters();
    parameters[16] = bad;  // the first of W2
    task.set_parameters(parameters);
    const auto thrown = failure<T>(task, {.batch_size = 10});
    REQUIRE(thrown);
    CHECK(!thrown->recovered);
    CHECK(thrown->batch == 0);
    CHECK(same_bits(task.parameters(), parameters));
  }
}

TEST_SUITE_END();
