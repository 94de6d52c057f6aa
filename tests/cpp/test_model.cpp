// Whole networks: forward and backward of one to five layers, layer by layer against naive sums.
#include "doctest/doctest.h"
#include "net.h"

using namespace oracle;

TEST_SUITE_BEGIN("nn");

TEST_CASE_TEMPLATE("networks of one to five layers meet their bounds", T, float, double) {
  struct Case {
    std::vector<index_t> units;
    index_t m;
    std::vector<std::string> names;
  };
  for (const Case& c :
       std::vector<Case>{{{1, 1}, 1, {"sigmoid"}},
                         {{12, 1}, 7, {"sigmoid"}},
                         {{17, 9, 1}, 33, {"relu", "sigmoid"}},
                         {{17, 9, 3}, 209, {"tanh", "sigmoid"}},
                         {{1100, 20, 7, 5, 1}, 209, {"relu", "relu", "relu", "sigmoid"}},
                         {{8, 33, 65, 12, 4, 2}, 33, {"leaky_relu", "tanh", "sigmoid", "relu", "sigmoid"}},
                         {{40, 30, 20, 10}, 1, {"tanh", "identity", "sigmoid"}},
                         {{100, 100, 100, 1}, kSlowOracle<T> ? 700 : 3000, {"relu", "relu", "sigmoid"}},
                         {{3, 600, 550, 1}, 70, {"relu", "tanh", "sigmoid"}}}) {
    CAPTURE(c.units.size());
    CAPTURE(c.m);
    Net<T> net(c.units, c.m, c.names);
    net.forward();
    CHECK(forward_excess(net) <= 1);
    net.backward();
    CHECK(backward_excess(net) <= 1);
  }
}

TEST_CASE_TEMPLATE("the gradient is that of the cost: differences of cross_entropy", T, double) {
  // Whatever the layers agree on among themselves, a wrong sign or factor between cost and gradient shows here.
  Net<T> net({4, 6, 5, 2}, 9, {"tanh", "leaky_relu", "sigmoid"});
  net.forward();
  net.backward();
  const auto cost = [&] {
    net.forward();
    return deepnet::cross_entropy<T>(net.output(net.A, 2), Net<T>::view(std::as_const(net.Y), 2, 9));
  };
  const T h = std::cbrt(std::numeric_limits<T>::epsilon());
  const auto check = [&](std::vector<T>& parameters, const std::vector<T>& gradient) {
    for (size_t i = 0; i < parameters.size(); ++i) {
      const T kept = parameters[i];
      parameters[i] = kept + h;
      const double above = cost();
      parameters[i] = kept - h;
      const double below = cost();
      parameters[i] = kept;
      // h^2 / 6 times the third derivative (some tens in a net of this size) and the rounding of a cost of about 2
      CHECK(std::abs((above - below) / (2 * h) - gradient[i]) <= 100 * h * h);
    }
  };
  for (size_t l = 0; l < net.layers(); ++l) {
    check(net.W[l], net.dW[l]);
    check(net.b[l], net.db[l]);
  }
  check(net.X, [&] {  // dA_prev is not divided by m
    std::vector<T> dX = net.dA_prev[0];
    for (T& x : dX) x /= T(net.m);
    return dX;
  }());
}

TEST_CASE_TEMPLATE("an example's A and dA have the same bits alone and in a batch", T, float, double) {
  for (const index_t m : {7, 33, 209}) {
    CAPTURE(m);
    Net<T> batch({700, 30, 20, 2}, m, {"relu", "tanh", "sigmoid"});
    batch.forward();
    batch.backward();
    for (index_t j = 0; j < m; j += m < 100 ? 1 : 17) {
      Net<T> one = batch;
      one.m = 1;
      const auto take = [&](const std::vector<T>& from) {
        std::vector<T> column;
        for (size_t i = 0; i < from.size() / size_t(m); ++i) column.push_back(from[i * size_t(m) + size_t(j)]);
        return column;
      };
      one.X = take(batch.X);
      one.Y = take(batch.Y);
      one.forward();
      one.backward();
      for (size_t l = 0; l < batch.layers(); ++l)
        for (const auto group : {&Net<T>::Z, &Net<T>::A, &Net<T>::dA_prev}) {
          const std::vector<T> expected = take((batch.*group)[l]);
          const std::vector<T>& result = (one.*group)[l];
          CHECK(same_bits(expected, std::vector<T>(result.begin(), result.begin() + ptrdiff_t(expected.size()))));
        }
    }
  }
}

TEST_CASE_TEMPLATE("a second run, and one without the gradient of the input, give the same bits", T, float, double) {
  Net<T> net({50, 40, 30, 1}, 100, {"relu", "relu", "sigmoid"});
  net.forward();
  net.backward();
  Net<T> again = net;
  again.forward();
  again.backward();
  CHECK(same_bits(net.results(), again.results()));

  Net<T> without = net;
  without.input_gradient = false;
  std::fill(without.dA_prev[0].begin(), without.dA_prev[0].end(), T(0));
  without.backward();
  std::fill(net.dA_prev[0].begin(), net.dA_prev[0].end(), T(0));
  CHECK(same_bits(net.results(), without.results()));
}

TEST_CASE_TEMPLATE("model_forward and backward are the functions of one layer in turn, bit for bit", T, float, double) {
  Net<T> net({60, 33, 20, 3}, 70, {"relu", "tanh", "sigmoid"}), steps = net;
  net.forward();
  net.backward();
  const auto forward = steps.forward_layers();
  for (size_t l = 0; l < 3; ++l)
    deepnet::linear_activation_forward<T>(steps.input(l), forward[l].W, forward[l].b, forward[l].activation,
                                          forward[l].Z, forward[l].A);
  const auto backward = steps.backward_layers();
  const std::span<const deepnet::BackwardLayer<T>> last(&backward[2], 1);
  deepnet::model_backward<T>(steps.output(steps.A, 2), Net<T>::view(std::as_const(steps.Y), 3, 70), last);
  for (size_t l = 2; l-- > 0;)
    deepnet::linear_activation_backward<T>(Matrix<const T>(backward[l + 1].dA_prev), backward[l].A_prev, backward[l].W,
                                           backward[l].Z, backward[l].activation, backward[l].dA_prev, backward[l].dW,
                                           backward[l].db);
  CHECK(same_bits(net.results(), steps.results()));
}

TEST_CASE_TEMPLATE("saturated outputs: every gradient is finite and dZ is AL - Y", T, float, double) {
  // One layer, A_prev the unit matrix: dW m is dZ itself (m is a power of two).
  constexpr index_t m = 8;
  const T tiny = std::numeric_limits<T>::denorm_min();
  const std::vector<T> AL = {0, 0, 1, 1, tiny, 1, 0, 0.5}, Y = {0, 1, 0, 1, 1, 0.25, 0.75, 1};
  const T low = sizeof(T) == 4 ? -103 : -744;
  const std::vector<T> Z = {-800, -800, 800, 800, low, 800, -800, 0};
  std::vector<T> unit(m * m), W(m, T(2)), dW(m), db(1), dA_prev(m * m);
  for (size_t i = 0; i < m; ++i) unit[i * m + i] = 1;
  const auto row = [](auto& v) { return deepnet::row_major(v.data(), 1, m); };
  const deepnet::BackwardLayer<T> layer{deepnet::row_major<const T>(unit.data(), m, m),
                                        row(std::as_const(W)),
                                        row(Z),
                                        deepnet::find_activation("sigmoid"),
                                        deepnet::row_major(dA_prev.data(), m, m),
                                        row(dW),
                                        deepnet::row_major(db.data(), 1, 1)};
  deepnet::model_backward<T>(row(AL), row(Y), std::span(&layer, 1));
  T sum = 0;
  for (size_t j = 0; j < m; ++j) {
    CAPTURE(j);
    CHECK(dW[j] * m == AL[j] - Y[j]);
    for (size_t i = 0; i < m; ++i) CHECK(dA_prev[i * m + j] == 2 * (AL[j] - Y[j]));
    sum += AL[j] - Y[j];
  }
  CHECK(db[0] * m == sum);
}

TEST_CASE_TEMPLATE("nan stays in its example, but reaches every sum over examples", T, float, double) {
  Net<T> net({5, 4, 1}, 40, {"tanh", "sigmoid"});
  net.X[2 * 40 + 35] = std::numeric_limits<T>::quiet_NaN();
  net.forward();
  net.backward();
  for (index_t j = 0; j < 40; ++j) {
    CHECK(std::isnan(net.A[1][size_t(j)]) == (j == 35));
    CHECK(std::isnan(net.dA_prev[0][size_t(j)]) == (j == 35));
  }
  for (const auto& gradients : {net.dW[0], net.dW[1], net.db[0], net.db[1]})
    for (const T g : gradients) CHECK(std::isnan(g));
}

TEST_SUITE_END();
