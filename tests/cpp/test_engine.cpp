// The engine's forward and backward pass: loss, gradients and predictions against naive sums and against differences of
// the loss, and the bits that must depend on neither threads nor batches.
#include <ostream>

#include "doctest/doctest.h"
#include "engine.h"

using namespace oracle;

namespace {

struct Case {
  std::vector<index_t> units;
  std::vector<std::string> names;
  index_t m;
  deepnet::LossId loss = kCrossEntropy;

  friend std::ostream& operator<<(std::ostream& out, const Case& c) {
    for (size_t l = 0; l < c.units.size(); ++l) out << c.units[l] << (l + 1 < c.units.size() ? '-' : ' ');
    return out << "m " << c.m << " loss " << c.loss;
  }
};

/// Layers of every activation, beyond one panel and beyond kDepth, so wide that W is transposed, batches of one
/// example, one panel and several chunks. Where the oracle is slow the wide and long ones are smaller.
std::vector<Case> cases(bool slow) {
  return {{{1, 1}, {"sigmoid"}, 1},
          {{1, 1}, {"identity"}, 5, kSquares},
          {{12, 1}, {"sigmoid"}, 32},
          {{12, 3}, {"sigmoid"}, 33},
          {{17, 9, 3}, {"tanh", "sigmoid"}, 209},
          {{17, 64, 64, 1}, {"relu", "relu", "sigmoid"}, 64},
          {{8, 33, 65, 12, 4, 2}, {"leaky_relu", "tanh", "sigmoid", "relu", "sigmoid"}, 31},
          {{8, 33, 65, 12, 4, 2}, {"leaky_relu", "tanh", "sigmoid", "relu", "tanh"}, 70, kSquares},
          {{40, 30, 20, 10}, {"tanh", "identity", "relu"}, 100, kSquares},
          {{9, 100, 97, 96, 3}, {"relu", "tanh", "relu", "sigmoid"}, slow ? 5 : 65},
          {{600, 20, 1}, {"relu", "sigmoid"}, 40},
          {{5, slow ? 40 : 600, 520, 3}, {"relu", "relu", "sigmoid"}, slow ? 2 : 40},
          {{5, 520, slow ? 40 : 600, 3}, {"leaky_relu", "tanh", "identity"}, slow ? 2 : 40, kSquares},
          {{20, 30, 100, 1}, {"relu", "relu", "sigmoid"}, slow ? 550 : 700},
          {{20, 30, 10, 2}, {"tanh", "relu", "leaky_relu"}, slow ? 550 : 1500, kSquares},
          {{700, 8, 2}, {"relu", "sigmoid"}, slow ? 520 : 1100}};
}

}  // namespace

TEST_SUITE_BEGIN("nn");

TEST_CASE_TEMPLATE("loss, gradients and predictions of the engine meet their bounds", T, float, double) {
  for (const Case& c : cases(kSlowOracle<T>)) {
    CAPTURE(c);
    const Task<T> task(c.units, c.names, c.m, c.loss);
    const Naive<T> naive(task);
    CHECK(excess<T>(task.predictions(), naive.A) <= 1);
    CHECK(excess<T>(task.gradients(), naive.gradients) <= 1);
    const double loss = deepnet::evaluate<T>(task.net, task.data(), task.plan(), 1);
    CHECK(same_bits(loss, task.gradients().back()));
  }
}

TEST_CASE("gradients are those of the loss: differences in double") {
  // h^2 / 6 times the third derivative (some tens in nets of this size) and the rounding of a loss of about 1.
  const double h = std::cbrt(std::numeric_limits<double>::epsilon()), tolerance = 100 * h * h;
  REQUIRE(tolerance < 1e-7);
  for (const Case& c : {Case{{4, 6, 5, 2}, {"tanh", "leaky_relu", "sigmoid"}, 9},
                        Case{{4, 6, 5, 2}, {"relu", "sigmoid", "sigmoid"}, 40},
                        Case{{4, 6, 5, 2}, {"tanh", "relu", "identity"}, 9, kSquares},
                        Case{{4, 6, 5, 2}, {"sigmoid", "tanh", "sigmoid"}, 40, kSquares},
                        Case{{3, 3}, {"leaky_relu"}, 600, kSquares}}) {
    CAPTURE(c);
    const Task<double> task(c.units, c.names, c.m, c.loss);
    const std::vector<double> gradients = task.gradients();
    std::vector<double> parameters = task.parameters();
    const auto loss_with = [&](size_t i, double value) {
      const double kept = std::exchange(parameters[i], value);
      task.set_parameters(parameters);
      parameters[i] = kept;
      return deepnet::evaluate<double>(task.net, task.data(), task.plan());
    };
    double worst = 0;
    for (size_t i = 0; i < parameters.size(); ++i) {
      const double above = loss_with(i, parameters[i] + h), below = loss_with(i, parameters[i] - h);
      worst = std::max(worst, std::abs((above - below) / (2 * h) - gradients[i]));
    }
    CHECK(worst <= tolerance);
  }
}

TEST_CASE("gradients of every loss behind every activation, with weights and penalties: differences in double") {
  const double h = std::cbrt(std::numeric_limits<double>::epsilon()), tolerance = 100 * h * h;
  constexpr index_t m = 40;
  const std::vector<double> weights = random_values<double>(m, 9, 0, 2);
  for (const std::string_view name : deepnet::loss_names()) {
    const deepnet::LossId loss = loss_named(name);
    std::vector<std::string> behind{std::string(deepnet::loss_activation(loss))};
    if (behind[0].empty()) {
      behind.clear();
      for (const std::string_view activation : deepnet::activation_names()) behind.emplace_back(activation);
    }
    for (const std::string& last : behind) {
      CAPTURE(name);
      CAPTURE(last);
      Task<double> task({4, 6, 5, 3}, {"tanh", "sigmoid", last}, m, loss);
      deepnet::Data data = task.data();
      if (deepnet::loss_takes_classes(loss)) {
        for (size_t j = 0; j < size_t(m); ++j) task.Y[j] = std::floor(3 * task.Y[j]);
        data.Y = deepnet::examples<double>(deepnet::row_major<const double>(task.Y.data(), 1, m));
      }
      data.weights = deepnet::examples<double>(deepnet::row_major<const double>(weights.data(), 1, m));
      deepnet::Plan plan{.loss = loss, .loss_parameters = {0.3}, .label_smoothing = 0.1};
      plan.layers = {{.dropout = 0.5, .l2 = 0.1, .l1 = 0.01}, {}, {.l1 = 0.02}};  // here nothing is dropped
      const std::vector<double> gradients = task.gradients(data, plan);
      std::vector<double> parameters = task.parameters();
      CHECK(gradients.back() == deepnet::evaluate<double>(task.net, data, plan));
      double worst = 0;
      for (size_t i = 0; i < parameters.size(); ++i) {
        const auto loss_at = [&](double value) {
          const double kept = std::exchange(parameters[i], value);
          task.set_parameters(parameters);
          parameters[i] = kept;
          return deepnet::evaluate<double>(task.net, data, plan);
        };
        const double above = loss_at(parameters[i] + h), below = loss_at(parameters[i] - h);
        worst = std::max(worst, std::abs((above - below) / (2 * h) - gradients[i]));
      }
      CHECK(worst <= tolerance);
    }
  }
}

TEST_CASE_TEMPLATE("no bit depends on the number of threads", T, float, double) {
  for (const Case& c : {Case{{40, 97, 130, 3}, {"relu", "tanh", "sigmoid"}, 500},
                        Case{{40, 97, 130, 3}, {"relu", "relu", "identity"}, 70, kSquares},
                        Case{{100, 60, 50, 1}, {"relu", "leaky_relu", "sigmoid"}, 1500}}) {
    CAPTURE(c);
    const Task<T> task(c.units, c.names, c.m, c.loss);
    const std::vector<T> predictions = task.predictions();
    const std::vector<double> gradients = task.gradients();
    for (const int threads : {2, 3, 8}) {
      CAPTURE(threads);
      CHECK(same_bits(task.predictions(threads), predictions));
      CHECK(same_bits(task.gradients(threads), gradients));
      CHECK(deepnet::evaluate<T>(task.net, task.data(), task.plan(), threads) == gradients.back());
    }
  }
}

TEST_CASE_TEMPLATE("a prediction has the same bits alone and in any batch", T, float, double) {
  const Task<T> task({300, 70, 33, 2}, {"relu", "tanh", "sigmoid"}, 209);
  const std::vector<T> whole = task.predictions();
  const Matrix<const T> X = deepnet::row_major(task.X.data(), 300, 209);
  for (const index_t size : {1, 2, 4, 5, 16, 31, 33, 64, 65, 100, 208})
    for (const int threads : {1, 3}) {
      CAPTURE(size);
      std::vector<T> parts(whole.size());
      for (index_t first = 0; first < 209; first += size) {
        const index_t count = std::min<index_t>(size, 209 - first);
        deepnet::predict<T>(task.net, deepnet::examples<T>(X.block(0, 300, first, count)),
                            deepnet::row_major(parts.data(), 2, 209).block(0, 2, first, count), threads);
      }
      CHECK(same_bits(parts, whole));
    }
}

TEST_CASE_TEMPLATE("data and predictions may have any memory layout", T, float, double) {
  const Task<T> task({70, 40, 3}, {"relu", "sigmoid"}, 77);
  const std::vector<T> predictions = task.predictions();
  const std::vector<double> gradients = task.gradients();
  for (const Layout layout : kLayouts) {
    if (layout == Layout::kSameRow || layout == Layout::kSameColumn) continue;
    CAPTURE(int(layout));
    const Laid<T> X = lay_out<T>(70, 77, layout), Y = lay_out<T>(3, 77, layout), out = lay_out<T>(3, 77, layout);
    for (index_t j = 0; j < 77; ++j) {
      for (index_t i = 0; i < 70; ++i) X.view.data[i * X.view.row + j * X.view.col] = task.X[size_t(i * 77 + j)];
      for (index_t i = 0; i < 3; ++i) Y.view.data[i * Y.view.row + j * Y.view.col] = task.Y[size_t(i * 77 + j)];
    }
    deepnet::predict<T>(task.net, deepnet::examples<T>(X), out.view);
    for (index_t i = 0; i < 3; ++i)
      for (index_t j = 0; j < 77; ++j) CHECK(same_bits(at(out.view, i, j), predictions[size_t(i * 77 + j)]));
    CHECK(deepnet::evaluate<T>(task.net, {deepnet::examples<T>(X), deepnet::examples<T>(Y)}, task.plan()) ==
          gradients.back());
  }
}

TEST_CASE_TEMPLATE("integers and other floats are read unchanged, times the scale", T, float, double) {
  Task<T> task({50, 20, 1}, {"tanh", "sigmoid"}, 70);
  const auto same = [&](auto number, deepnet::Element element, double scale) {
    using S = decltype(number);
    std::vector<S> X(task.X.size());
    for (size_t i = 0; i < X.size(); ++i) {
      X[i] = S(random_bits(3, i) % 100);
      task.X[i] = T(X[i]) * T(scale);
    }
    deepnet::Examples x{X.data(), element, 50, 70, 70 * index_t(sizeof(S)), sizeof(S), scale};
    std::vector<T> out(70);
    deepnet::predict<T>(task.net, x, deepnet::row_major(out.data(), 1, 70));
    return same_bits(out, task.predictions());
  };
  for (const double scale : {1.0, 1 / 255.0}) {
    CHECK(same(float(), deepnet::Element::kF32, scale));
    CHECK(same(double(), deepnet::Element::kF64, scale));
    CHECK(same(uint8_t(), deepnet::Element::kU8, scale));
    CHECK(same(int8_t(), deepnet::Element::kI8, scale));
    CHECK(same(int32_t(), deepnet::Element::kI32, scale));
    CHECK(same(int64_t(), deepnet::Element::kI64, scale));
  }
}

TEST_CASE_TEMPLATE("a network has the given shape, zeros at first, and aligned rows", T, float, double) {
  const Network<T> net = Task<T>::make({17, 33, 512, 1}, {"relu", "tanh", "sigmoid"});
  CHECK(net.layers() == 3);
  const index_t units[] = {17, 33, 512, 1};
  for (index_t l = 0; l <= 3; ++l) CHECK(net.units(l) == units[l]);
  CHECK(net.activation(2) == deepnet::find_activation("tanh"));
  for (index_t l = 1; l <= 3; ++l) {
    CHECK(net.W(l).rows == units[l]);
    CHECK(net.W(l).cols == units[l - 1]);
    CHECK(net.b(l).rows == units[l]);
    CHECK(reinterpret_cast<uintptr_t>(net.W(l).data) % 64 == 0);
    CHECK(net.W(l).row * index_t(sizeof(T)) % 64 == 0);
    for (index_t i = 0; i < units[l]; ++i) {
      CHECK(at(net.b(l), i, 0) == 0);
      for (index_t j = 0; j < units[l - 1]; ++j) REQUIRE(at(net.W(l), i, j) == 0);
    }
  }
}

TEST_SUITE_END();
