// The losses of a panel and their derivatives, the logarithm inside, and the sums that become db.
#include "doctest/doctest.h"
#include "loss_panel.h"
#include "nn/engine.h"

#define DEEPNET_ISA in_this_test
#include "simd/math.h"

using namespace oracle;
using deepnet::Kernels;

namespace {

constexpr double kLog1pUlps = 3;  // the promise of simd/math.h

/// Of a lone example. With y = 0 and z <= 0 it is log(1 + e^z), that is log1p_unit of e^z.
template <class T>
double cross_entropy(const Kernels<T>& kernels, T z, T label, T& derivative) {
  const T output[kPanel<T>] = {z}, y[kPanel<T>] = {label};
  T d[kPanel<T>];
  const double loss = find_loss(kernels, "binary_cross_entropy").of_panel({1, 1, output, y, nullptr, {1}, 0, d});
  derivative = d[0];
  return loss;
}

/// -y log s(z) - (1 - y) log(1 - s(z)), its derivative, and the bounds of their errors.
template <class T>
struct CrossEntropy {
  using W = Wide<T>;
  W loss, d, loss_error, d_error;

  CrossEntropy(W z, W y) {
    const W tail = std::log1p(std::exp(-std::abs(z))), s = Curves<T>::sigmoid(z);
    loss = std::max(z, W(0)) - z * y + tail;
    d = s - y;
    // The product, the difference and the sum round, 3 roundings of numbers up to |z| (1 + |y|) + tail. The tail: e is
    // off by 1.1 ulp, its logarithm by 3 more; an ulp is up to 2 u. Below the smallest normal number: steps of it.
    loss_error = u<T> * (3 * (std::abs(z) * (1 + std::abs(y)) + tail) + 2 * (kLog1pUlps + 1.1) * tail);
    d_error = u<T> * (2 * Curves<T>::kSigmoidUlps * s + std::abs(d));
    for (W* error : {&loss_error, &d_error}) *error = *error * W(1.001) + 8 * std::numeric_limits<T>::denorm_min();
  }
};

}  // namespace

TEST_SUITE_BEGIN("kernels");

TEST_CASE("every table has the same losses") {
  using deepnet::LabelRule;
  struct Known {
    std::string_view name, activation;
    LabelRule labels;
  };
  constexpr Known kKnown[] = {{"binary_cross_entropy", "sigmoid", LabelRule::kProbabilities},
                              {"categorical_cross_entropy", "softmax", LabelRule::kShares},
                              {"sparse_categorical_cross_entropy", "softmax", LabelRule::kClasses},
                              {"mean_squared_error", "", LabelRule::kNumbers},
                              {"huber", "", LabelRule::kNumbers},
                              {"poisson", "identity", LabelRule::kCounts},
                              {"quantile", "", LabelRule::kNumbers}};
  const auto check = [&](const auto& kernels) {
    REQUIRE(kernels.loss_count == std::size(kKnown));
    for (size_t id = 0; id < std::size(kKnown); ++id) {
      CHECK(kernels.losses[id].name == kKnown[id].name);
      CHECK((kernels.losses[id].activation ? kernels.losses[id].activation : "") == kKnown[id].activation);
      CHECK(kernels.losses[id].labels == kKnown[id].labels);
    }
  };
  for (const deepnet::Isa& isa : deepnet::built_isas()) {
    check(*isa.f32);
    check(*isa.f64);
  }
  REQUIRE(deepnet::loss_names().size() == std::size(kKnown));
  for (size_t id = 0; id < std::size(kKnown); ++id) {
    CHECK(deepnet::loss_names()[id] == kKnown[id].name);
    CHECK(deepnet::loss_activation(int(id)) == kKnown[id].activation);
    CHECK(deepnet::loss_takes_classes(int(id)) == (kKnown[id].labels == deepnet::LabelRule::kClasses));
  }
}

TEST_CASE_TEMPLATE("cross-entropy from Z: value and derivative, from 0 to the largest numbers", T, float, double) {
  using W = Wide<T>;
  std::vector<T> zs = {0, -T(0), std::numeric_limits<T>::denorm_min(), std::numeric_limits<T>::min(),
                       std::numeric_limits<T>::max() / 2};
  for (uint64_t i = 0; i < (kSlowOracle<T> ? 2000u : 40000u); ++i)
    zs.push_back(T(std::ldexp(random_number(1, i), int(i % 40) - 30)));
  for (const auto& [isa, kernels] : supported_tables<T>()) {
    CAPTURE(isa);
    double worst_loss = 0, worst_d = 0;
    for (size_t i = 0; i < zs.size(); ++i)
      for (const T sign : {T(1), T(-1)}) {
        const T y = i % 3 == 0 ? T(0) : i % 3 == 1 ? T(1) : T(random_number(2, i, 0, 1));
        T d = 0;
        const double loss = cross_entropy(kernels, sign * zs[i], y, d);
        const CrossEntropy<T> expected(W(sign * zs[i]), W(y));
        worst_loss = std::max(worst_loss, excess<W>(loss, expected.loss, expected.loss_error));
        worst_d = std::max(worst_d, excess<W>(d, expected.d, expected.d_error + W(1.1) * kFlushBelow<T>));
      }
    CHECK(worst_loss <= 1);
    CHECK(worst_d <= 1);
  }
}

TEST_CASE_TEMPLATE("values that are not finite give a loss that is not finite", T, float, double) {
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (index_t id = 0; id < kernels.loss_count; ++id)
      for (const T bad : {inf, -inf, nan}) {
        CAPTURE(isa);
        CAPTURE(id);
        CAPTURE(bad);
        for (const T y : {T(0), T(1), T(0.5)}) {
          if (kernels.losses[id].labels == deepnet::LabelRule::kClasses && y == T(0.5)) continue;
          Panel<T> panel(2, 5);
          panel.output[3] = bad;
          panel.y[3] = y;
          panel.run(kernels.losses[id]);
          CHECK(!std::isfinite(panel.loss));
        }
        if (kernels.losses[id].labels == deepnet::LabelRule::kClasses) continue;  // the label is not a class
        Panel<T> labels(2, 5);
        labels.y[3] = bad;
        labels.output[3] = 1;
        labels.run(kernels.losses[id]);
        CHECK(!std::isfinite(labels.loss));
      }
}

TEST_CASE_TEMPLATE("log(1 + e) is within its ulp bound, compiled for this test alone", T, float, double) {
  double worst = 0;
  const auto check = [&](T e) {
    const T got = deepnet::in_this_test::log1p_unit<T>(deepnet::in_this_test::broadcast(e))[0];
    const Wide<T> expected = std::log1p(Wide<T>(e));
    worst = std::max(worst, double(std::abs(got - expected) / ulp<T>(expected)));
  };
  if constexpr (sizeof(T) == 4) {
    for (uint32_t bits = 0; bits <= 0x3f800000u; bits += DEEPNET_TEST_STRIDE) {  // every n-th float in [0, 1]
      T e;
      std::memcpy(&e, &bits, sizeof e);
      check(e);
    }
  } else {
    for (uint64_t i = 0; i < (kSlowOracle<T> ? 2000u : 300000u); ++i)
      check(T(i % 2 ? random_number(3, i, 0, 1) : std::exp2(random_number(4, i, -1074, 0))));
  }
  check(0);
  check(1);
  MESSAGE(worst << " ulp at most");
  CHECK(worst <= kLog1pUlps);
}

TEST_CASE_TEMPLATE("log(1 + e^z), as in the loss, is within the ulp bounds of both on every instruction set", T, float,
                   double) {
  for (const auto& [isa, kernels] : supported_tables<T>()) {
    CAPTURE(isa);
    double worst = 0;
    for (uint64_t i = 0; i < (kSlowOracle<T> ? 2000u : 200000u); ++i) {
      const T z = T(i % 2 ? random_number(3, i, -40, 0) : -std::exp2(random_number(4, i, -60, 6.3)));
      const Wide<T> expected = std::log1p(std::exp(Wide<T>(z)));
      T d = 0;
      const auto got = Wide<T>(cross_entropy(kernels, z, T(0), d));
      worst = std::max(worst, double(std::abs(got - expected) / ulp<T>(expected)));
    }
    MESSAGE(std::string(isa) << ": " << worst << " ulp at most");
    CHECK(worst <= kLog1pUlps + 2 * Curves<T>::kExpUlps);  // an ulp of e may be two of the result
  }
}

TEST_CASE_TEMPLATE("squared error: value, derivative and mean over the outputs", T, float, double) {
  using W = Wide<T>;
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (const index_t outputs : {1, 2, 3, 10}) {
      CAPTURE(isa);
      CAPTURE(outputs);
      Panel<T> panel(outputs, kPanel<T>);
      panel.output = random_values<T>(outputs * kPanel<T>, 1, -3, 3);
      panel.y = random_values<T>(outputs * kPanel<T>, 2, -3, 3);
      panel.run(find_loss(kernels, "mean_squared_error"));
      W sum = 0;
      double worst = 0;
      for (size_t e = 0; e < panel.size(); ++e) {
        const W off = W(panel.output[e]) - W(panel.y[e]);
        sum += off * off / W(outputs);
        worst = std::max(worst, excess<W>(panel.d[e], 2 * off / W(outputs), gamma<T>(4) * std::abs(2 * off)));
      }
      CHECK(worst <= 1);
      // All terms are positive: 2 roundings of the difference, 3 of the products, one of each addition to a lane, the
      // tree.
      CHECK(excess<W>(panel.loss, sum, gamma<T>(outputs + 5 + 5, outputs + 10) * sum) <= 1);
    }
}

TEST_CASE_TEMPLATE("columns after the last example add no loss and have no gradient; each example counts separately", T,
                   float, double) {
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (index_t id = 0; id < kernels.loss_count; ++id)
      for (index_t examples = 1; examples <= kPanel<T>; ++examples) {
        CAPTURE(isa);
        CAPTURE(id);
        CAPTURE(examples);
        constexpr index_t outputs = 3;
        Panel<T> panel(outputs, examples), all(outputs, kPanel<T>);
        panel.output = all.output = random_values<T>(outputs * kPanel<T>, 1, -9, 9);
        panel.random_labels(kernels.losses[id], 2);
        all.y = panel.y;
        panel.weights = all.weights = random_values<T>(kPanel<T>, 3, 0, 2);
        panel.smoothing = all.smoothing = T(0.1);
        for (index_t i = 0; i < outputs; ++i)
          for (index_t e = examples; e < kPanel<T>; ++e)  // whatever lies there
            panel.output[size_t(i * kPanel<T> + e)] = e % 2 ? std::numeric_limits<T>::quiet_NaN() : T(1e30);
        panel.run(kernels.losses[id]);
        all.run(kernels.losses[id]);
        // Each example alone gives its lane's sum over the outputs; the lanes are added as a tree.
        T lanes[kPanel<T>] = {};
        for (index_t e = 0; e < examples; ++e) {
          Panel<T> one(outputs, 1);
          one.smoothing = T(0.1);
          one.weights.assign(kPanel<T>, panel.weights[size_t(e)]);
          for (index_t i = 0; i < outputs; ++i) {
            const auto at = size_t(i * kPanel<T> + e), alone = size_t(i * kPanel<T>);
            one.output[alone] = panel.output[at];
            one.y[alone] = panel.y[at];
            CHECK(same_bits(panel.d[at], all.d[at]));
          }
          one.run(kernels.losses[id]);
          lanes[e] = T(one.loss);
        }
        for (index_t width = kPanel<T> / 2; width > 0; width /= 2)
          for (index_t e = 0; e < width; ++e) lanes[e] += lanes[e + width];
        CHECK(panel.loss == double(lanes[0]));
        index_t not_zero = 0;
        for (index_t i = 0; i < outputs; ++i)
          for (index_t e = examples; e < kPanel<T>; ++e)
            not_zero += !same_bits(panel.d[size_t(i * kPanel<T> + e)], T(0));
        CHECK(not_zero == 0);
        // In place, and the same again.
        std::vector<T> in_place = panel.output;
        const double loss = kernels.losses[id].of_panel({outputs,
                                                         examples,
                                                         in_place.data(),
                                                         panel.y.data(),
                                                         panel.weights.data(),
                                                         {T(0.5)},
                                                         T(0.1),
                                                         in_place.data()});
        CHECK(same_bits(loss, panel.loss));
        CHECK(same_bits(in_place, panel.d));
      }
}

TEST_CASE_TEMPLATE("instruction sets with fused multiply-adds give the same bits of loss and derivative", T, float,
                   double) {
  const auto tables = fusing_tables<T>();
  for (size_t t = 1; t < tables.size(); ++t)
    for (index_t id = 0; id < tables[0].kernels.loss_count; ++id) {
      CAPTURE(tables[t].isa);
      CAPTURE(id);
      Panel<T> first(200, kPanel<T> - 3), other(200, kPanel<T> - 3);
      first.output = other.output = random_values<T>(200 * kPanel<T>, 1, -30, 30);
      first.random_labels(tables[0].kernels.losses[id], 2);
      other.y = first.y;
      first.weights = other.weights = random_values<T>(kPanel<T>, 3, 0, 2);
      first.smoothing = other.smoothing = T(0.1);
      first.run(tables[0].kernels.losses[id]);
      other.run(tables[t].kernels.losses[id]);
      CHECK(same_bits(first.loss, other.loss));
      CHECK(same_bits(first.d, other.d));
    }
}

TEST_CASE_TEMPLATE("rows are summed in lanes and as a tree, in one call and in several", T, float, double) {
  constexpr index_t line = 64 / index_t(sizeof(T));
  const T scale = T(-0.3);
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (const index_t rows : {1, 3, 8, 15, 16, 17, 40})
      for (const index_t panels : {1, 2, 3, 5}) {
        CAPTURE(isa);
        CAPTURE(rows);
        CAPTURE(panels);
        const index_t x_panel = (rows + 2) * kPanel<T>, padded = (rows + line - 1) / line * line;
        const std::vector<T> x = random_values<T>(panels * x_panel, 1), start = random_values<T>(padded, 2);
        std::vector<T> expected = start;
        for (index_t i = 0; i < rows; ++i) {
          T lanes[kPanel<T>] = {};
          for (index_t p = 0; p < panels; ++p)
            for (index_t j = 0; j < kPanel<T>; ++j) lanes[j] += x[size_t(p * x_panel + i * kPanel<T> + j)];
          for (index_t width = kPanel<T> / 2; width > 0; width /= 2)
            for (index_t j = 0; j < width; ++j) lanes[j] += lanes[j + width];
          volatile T product = scale * lanes[0];  // volatile: the compiler must not fuse it here
          T& out = expected[size_t(i)];
          out = fuses(kernels) ? fused(scale, lanes[0], out) : out + product;
        }
        for (index_t split = 0; split < panels; ++split) {  // in one call, or up to `split` and from there on
          const Fenced<T> lane_sums(rows * kPanel<T>), out(padded, Fence::kBefore);
          std::copy(start.begin(), start.end(), out.data());
          const auto sum = [&](index_t first, index_t last, bool resume, bool finish) {
            kernels.sum_rows({rows, last - first, x.data() + first * x_panel, x_panel, lane_sums.data(), resume, finish,
                              scale, out.data()});
          };
          if (split > 0) sum(0, split, false, false);
          sum(split, panels, split > 0, true);
          CHECK(same_bits(expected, {out.data(), out.data() + padded}));
        }
      }
}

TEST_SUITE_END();
