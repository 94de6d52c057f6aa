// Products of bfloat16: every way on whole numbers, whose sums are exact, and networks that train with them.
#include "doctest/doctest.h"
#include "engine.h"
#include "nn/bfloat16.h"

using namespace oracle;
using deepnet::AlignedBuffer;
using deepnet::Bfloat16Kernels;
using deepnet::kSquare;
using deepnet::squares_of;

namespace {

/// The kernels of every way that runs here. The first call asks for the use of tiles.
std::vector<std::pair<std::string, const Bfloat16Kernels*>> all_ways() {
  static_cast<void>(deepnet::bfloat16_kernels());
  std::vector<std::pair<std::string, const Bfloat16Kernels*>> ways;
  for (const deepnet::Isa& isa : deepnet::built_isas())
    if (isa.cpu_has()) ways.emplace_back(isa.name, isa.bf16);
  for (const deepnet::Bfloat16Way& way : deepnet::built_bfloat16_ways())
    if (way.cpu_has() && (way.name != std::string_view("amx") || deepnet::bfloat16_way() == std::string_view("amx")))
      ways.emplace_back(way.name, way.kernels);
  return ways;
}

/// Matrices of -1, 0 and 1.
std::vector<float> numbers(index_t count, uint64_t seed) {
  std::vector<float> x(static_cast<size_t>(count));
  for (size_t i = 0; i < x.size(); ++i) x[i] = float(random_bits(seed, i) % 3) - 1;
  return x;
}

struct Operand {
  AlignedBuffer memory;
  std::byte* data;
  Operand(const Bfloat16Kernels& bf16, index_t squares)
      : data(memory.reserve<std::byte>(squares * deepnet::square_bytes(bf16))) {}
};

}  // namespace

TEST_SUITE_BEGIN("nn");

TEST_CASE("two layers forward and backward are exact on whole numbers, on every way to multiply bfloat16") {
  const auto ignore = [](double) {};
  for (const auto& [name, kernels] : all_ways())
    for (const auto& [inputs, units, outputs, m] :
         {std::array<index_t, 4>{1, 1, 1, 1}, {31, 33, 1, 40}, {33, 65, 31, 64}, {100, 32, 64, 33}}) {
      CAPTURE(name);
      CAPTURE(units);
      const Bfloat16Kernels& bf16 = *kernels;
      const index_t panels = deepnet::panels_for<float>(m);
      const index_t row1 = deepnet::padded_row<float>(inputs), row2 = deepnet::padded_row<float>(units);
      std::vector<float> W1 = numbers(units * row1, 1), W2 = numbers(outputs * row2, 2), b1 = numbers(units, 3),
                         b2 = numbers(outputs, 4);
      const std::vector<float> X = numbers(inputs * m, 5), dZ2 = numbers(outputs * m, 6);
      const deepnet::Layer<float> first{units, inputs, 0, W1.data(), b1.data(), row1},
          second{outputs, units, 0, W2.data(), b2.data(), row2};
      const auto in_panels = [&](const std::vector<float>& x, index_t rows) {
        std::vector<float> to(size_t(panels * rows * kSquare), 7);  // what lies behind the last example is ignored
        for (index_t i = 0; i < rows; ++i)
          for (index_t j = 0; j < m; ++j)
            to[size_t((j / kSquare * rows + i) * kSquare + j % kSquare)] = x[size_t(i * m + j)];
        return to;
      };

      const index_t down1 = squares_of(units), across1 = squares_of(inputs), down2 = squares_of(outputs);
      const Operand rounded1(bf16, down1 * across1), rounded2(bf16, down2 * down1), turned2(bf16, down2 * down1),
          X_pairs(bf16, panels * across1), X_turned(bf16, panels * across1), A_pairs(bf16, panels * down1),
          A_turned(bf16, panels * down1), dZ2_pairs(bf16, panels * down2), dZ2_rows(bf16, panels * down2),
          dZ1_rows(bf16, panels * down1);
      deepnet::round_weights(bf16, first, {0, units, 0, inputs}, rounded1.data, nullptr);
      deepnet::round_weights(bf16, second, {0, outputs, 0, units}, rounded2.data, turned2.data);
      const std::vector<float> x = in_panels(X, inputs), d = in_panels(dZ2, outputs);
      std::vector<float> sums1(size_t(panels * down1 * kSquare)), sums2(size_t(panels * down2 * kSquare)),
          Z2(size_t(panels * outputs * kSquare));
      for (index_t p = 0; p < panels; ++p) {
        const index_t there = std::min(kSquare, m - p * kSquare), bytes = deepnet::square_bytes(bf16);
        deepnet::round_panel(bf16, inputs, there, x.data() + p * inputs * kSquare,
                             {.pairs = deepnet::pairs_of(bf16, X_pairs.data, inputs, p),
                              .turned = X_turned.data + p * bytes,
                              .between = panels});
        deepnet::round_panel(bf16, outputs, there, d.data() + p * outputs * kSquare,
                             {.pairs = deepnet::pairs_of(bf16, dZ2_pairs.data, outputs, p),
                              .rows = dZ2_rows.data + p * bytes,
                              .between = panels,
                              .sums = sums2.data() + p * down2 * kSquare});
      }
      deepnet::forward_bfloat16(bf16, first, rounded1.data, X_pairs.data, panels,
                                {.pairs = A_pairs.data, .turned = A_turned.data, .between = panels}, ignore);
      deepnet::forward_bfloat16(bf16, second, rounded2.data, A_pairs.data, panels, {.c = Z2.data()}, ignore);
      deepnet::backward_bfloat16(
          bf16, second, turned2.data, dZ2_pairs.data, panels, 2,
          {.rows = dZ1_rows.data, .between = panels, .other = A_pairs.data, .sums = sums1.data()}, ignore);

      std::vector<float> dW1(W1.size(), 9), dW2(W2.size(), 3), db1(W1.size()), state(W1.size());
      const std::vector<float> before = dW2;
      deepnet::GradientSum<float> sum{.resume = false,
                                      .finish = true,
                                      .lane_sums = state.data(),
                                      .dW_before = nullptr,
                                      .W = dW1.data(),
                                      .b = db1.data(),
                                      .W_row = row1,
                                      .dW_finish = deepnet::Finish::kScale,
                                      .dW_scale = 1,
                                      .db_scale = 1,
                                      .W_exceeds_cache = false};
      deepnet::gradient_bfloat16(bf16, {0, units, 0, inputs}, dZ1_rows.data, X_turned.data, panels, panels, sum);
      deepnet::bias_gradient_bfloat16({0, units, 0, inputs}, sums1.data(), panels, down1 * kSquare, sum);
      sum.W = dW2.data();
      sum.W_row = row2;
      sum.resume = true;
      sum.dW_before = before.data();
      sum.dW_finish = deepnet::Finish::kDescend;
      deepnet::gradient_bfloat16(bf16, {0, outputs, 0, units}, dZ2_rows.data, A_turned.data, panels, panels, sum);

      std::vector<float> A(size_t(units * m)), dZ1(size_t(units * m));
      bool same = true;
      for (index_t j = 0; j < m; ++j) {
        for (index_t i = 0; i < units; ++i) {
          float z = b1[size_t(i)], dA = 0;
          for (index_t p = 0; p < inputs; ++p) z += W1[size_t(i * row1 + p)] * X[size_t(p * m + j)];
          for (index_t p = 0; p < outputs; ++p) dA += W2[size_t(p * row2 + i)] * dZ2[size_t(p * m + j)];
          A[size_t(i * m + j)] = std::max(z, 0.0f);
          dZ1[size_t(i * m + j)] = z > 0 ? 2 * dA : 0;
        }
        for (index_t i = 0; i < outputs; ++i) {
          float z = b2[size_t(i)];
          for (index_t p = 0; p < units; ++p) z += W2[size_t(i * row2 + p)] * A[size_t(p * m + j)];
          same &= z == Z2[size_t((j / kSquare * outputs + i) * kSquare + j % kSquare)];
        }
      }
      CHECK(same);
      const auto product = [&](const std::vector<float>& a, index_t i, const std::vector<float>& b, index_t p) {
        float total = 0;
        for (index_t j = 0; j < m; ++j) total += a[size_t(i * m + j)] * b[size_t(p * m + j)];
        return total;
      };
      bool first_same = true, second_same = true, sums_same = true;
      const std::vector<float> ones(size_t(m), 1);
      for (index_t i = 0; i < units; ++i) {
        for (index_t p = 0; p < row1; ++p)
          first_same &= dW1[size_t(i * row1 + p)] == (p < inputs ? product(dZ1, i, X, p) : 9);
        sums_same &= db1[size_t(i)] == product(dZ1, i, ones, 0);
      }
      for (index_t i = 0; i < outputs; ++i) {
        for (index_t p = 0; p < row2; ++p)
          second_same &= dW2[size_t(i * row2 + p)] == (p < units ? 3 - (3 + product(dZ2, i, A, p)) : 3);
        float total = 0;
        for (index_t p = 0; p < panels; ++p) total += sums2[size_t(p * down2 * kSquare + i)];
        sums_same &= total == product(dZ2, i, ones, 0);
      }
      CHECK(first_same);
      CHECK(second_same);
      CHECK(sums_same);
    }
}

TEST_CASE("few examples have the bits of the same examples in a panel, whose operands and sums may be subnormal") {
  for (const auto& [name, kernels] : all_ways())
    for (const index_t m : {1, 16, 17, 40})
      for (const index_t k : {1, 2, 31, 32, 33, 100, 300})
        for (index_t n = 1; n <= deepnet::kFewColumns; ++n)
          for (const float size : {1.0f, 1e-19f, 1e-38f}) {
            CAPTURE(name);
            CAPTURE(m);
            CAPTURE(k);
            CAPTURE(n);
            const Bfloat16Kernels& bf16 = *kernels;
            const index_t row = deepnet::padded_row<float>(k), z_row = deepnet::padded_row<float>(m);
            const float nan = std::numeric_limits<float>::quiet_NaN();
            const auto zeros = [](index_t count) { return std::vector<float>(static_cast<size_t>(count)); };
            std::vector<float> W = zeros(m * row), x = zeros(n * row), b = zeros(z_row), z = zeros(n * z_row),
                               panel = zeros(k * kSquare), expected = zeros(m * kSquare);
            std::fill(W.begin(), W.end(), nan);  // what lies behind the last column is ignored
            std::fill(x.begin(), x.end(), nan);
            for (index_t i = 0; i < m; ++i) {
              b[size_t(i)] = size * float(random_number(1, uint64_t(i)));
              for (index_t p = 0; p < k; ++p)
                W[size_t(i * row + p)] = size * float(random_number(2, uint64_t(i * k + p)));
            }
            for (index_t e = 0; e < n; ++e)
              for (index_t p = 0; p < k; ++p)
                x[size_t(e * row + p)] = panel[size_t(p * kSquare + e)] =
                    size * float(random_number(3, uint64_t(e * k + p)));
            const deepnet::Layer<float> layer{m, k, 0, W.data(), b.data(), row};
            const Operand pairs(bf16, squares_of(k));
            deepnet::round_panel(bf16, k, n, panel.data(), {.pairs = pairs.data});
            deepnet::forward_bfloat16(bf16, layer, nullptr, pairs.data, 1, {.c = expected.data()}, [](double) {});
            for (index_t e = 0; e < n; ++e) bf16.round(k, x.data() + e * row, x.data() + e * row);
            bf16.few_columns({m, n, k, W.data(), row, nullptr, x.data(), row, b.data(), z.data(), z_row});
            bool same = true;
            for (index_t e = 0; e < n; ++e)
              for (index_t i = 0; i < m; ++i)
                same &= same_bits(z[size_t(e * z_row + i)], expected[size_t(i * kSquare + e)]);
            CHECK(same);
          }
}

TEST_CASE("networks train with bfloat16, with the same bits on one and two threads") {
  const index_t m = 90;
  const std::vector<float> X = numbers(20 * m, 1);
  std::vector<float> Y(X.begin(), X.begin() + m), results[2];
  for (float& y : Y) y = y > 0;
  for (const char* hidden : {"relu", "tanh", "gelu"})
    for (const int threads : {1, 2}) {
      const std::vector<index_t> units{20, 70, 33, 1};
      std::vector<deepnet::ActivationId> activations;
      for (const char* name : {hidden, hidden, "sigmoid"}) activations.push_back(deepnet::find_activation(name));
      const Network<float> net(units, activations, deepnet::Compute::kBfloat16);
      for (index_t l = 1; l <= 3; ++l)
        for (index_t i = 0; i < net.units(l); ++i)
          for (index_t j = 0; j < net.units(l - 1); ++j)
            net.W(l).data[i * net.W(l).row + j] = float(random_number(uint64_t(l), uint64_t(i * 100 + j), -0.3, 0.3));
      deepnet::Plan plan{.loss = kCrossEntropy};
      plan.layers = {{.dropout = 0.1}, {.l2 = 0.01}, {}};
      std::vector<double> losses(10), seconds(10);
      const deepnet::Data data{deepnet::examples<float>({X.data(), 20, m, m, 1}),
                               deepnet::examples<float>({Y.data(), 1, m, m, 1})};
      deepnet::fit<float>(net, data, plan, {.epochs = 10, .batch_size = 50, .learning_rate = 0.3, .threads = threads},
                          losses, seconds);
      CHECK(losses.back() < losses.front());
      std::vector<float>& A = results[threads - 1];
      A.assign(size_t(m), 0);
      deepnet::predict<float>(net, data.X, {A.data(), 1, m, m, 1}, threads);
      if (threads == 2) CHECK(results[0] == results[1]);
    }
}

TEST_SUITE_END();
