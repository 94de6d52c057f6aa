// The optimizers' updates on every instruction set, the gradient of all that is minimised, and the penalties.
#include "doctest/doctest.h"
#include "nn/engine.h"
#include "step.h"

#define DEEPNET_ISA in_this_test
#include "simd/vec.h"

using namespace oracle;
using deepnet::kPanel;
using deepnet::Penalties;

namespace {

struct Known {
  std::string_view name;
  int slots;
  double hyper[2];
};
constexpr Known kKnown[] = {{"sgd", 0, {0, 0}},        {"momentum", 1, {0.9, 0}}, {"nesterov", 1, {0.8, 0}},
                            {"rmsprop", 1, {0.95, 0}}, {"adagrad", 1, {0, 0}},    {"adam", 2, {0.9, 0.999}}};

/// The settings of step t: by turns nothing beside the optimizer, penalties, a cut, decay, and all of it.
StepSettings settings_of(const Known& known, int t) {
  StepSettings s{.optimizer = known.name, .hyper = {known.hyper[0], known.hyper[1]}, .t = double(t), .scale = 1 / 7.0};
  if (t % 5 == 1 || t % 5 == 4) s.l2 = 0.2, s.l1 = 0.03;
  if (t % 5 == 2 || t % 5 == 4) s.clip = 0.1;
  if (t % 5 == 3 || t % 5 == 4) s.decay = 0.01;
  return s;
}

template <class T>
Penalties<T> penalties_of(const StepSettings& s) {
  return {T(s.scale), T(s.l2), T(s.l1), T(s.clip)};
}

template <class T>
deepnet::Update<T> update_of(const StepSettings& s, index_t count, T* p, const T* g, T* first, T* second) {
  deepnet::Update<T> update{.count = count,
                            .p = p,
                            .g = g,
                            .slots = {first, second},
                            .penalties = penalties_of<T>(s),
                            .decay = T(s.decay),
                            .rate = T(s.rate),
                            .epsilon = T(s.epsilon),
                            .hyper = {}};
  for (size_t i = 0; i < 2; ++i) {
    const double value = s.hyper[i], one_over = 1 / (1 - std::pow(value, s.t));
    update.hyper[i] = {.value = T(value),
                       .rest = T(1 - value),
                       .root = T(std::sqrt(value)),
                       .root_of_rest = T(std::sqrt(1 - value)),
                       .one_over = T(one_over),
                       .one_over_root = T(std::sqrt(one_over))};
  }
  return update;
}

/// Gradients of every size, and some that are 0.
template <class T>
T gradient_at(int t, index_t i) {
  const auto seed = uint64_t(100 + t), at = uint64_t(i);
  if (random_bits(seed, at) % 8 == 0) return 0;
  return T(random_number(seed, at) * std::exp2(random_number(seed + 1000, at, -12, 4)));
}

}  // namespace

TEST_SUITE_BEGIN("kernels");

TEST_CASE("every table has the same optimizers") {
  const auto check = [](const auto& kernels) {
    REQUIRE(kernels.optimizer_count == std::size(kKnown));
    for (size_t id = 0; id < std::size(kKnown); ++id) {
      CHECK(kernels.optimizers[id].name == kKnown[id].name);
      CHECK(kernels.optimizers[id].slots == kKnown[id].slots);
    }
  };
  for (const deepnet::Isa& isa : deepnet::built_isas()) {
    check(*isa.f32);
    check(*isa.f64);
  }
  REQUIRE(deepnet::optimizer_names().size() == std::size(kKnown));
  for (size_t id = 0; id < std::size(kKnown); ++id) CHECK(deepnet::optimizer_names()[id] == kKnown[id].name);
}

TEST_CASE_TEMPLATE("fifty steps of every optimizer meet their bounds, each starting from the previous result", T, float,
                   double) {
  using W = Wide<T>;
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (size_t id = 0; id < std::size(kKnown); ++id)
      for (const index_t count : {1, 7, 16, 33, 100})
        for (const Fence fence : {Fence::kBefore, Fence::kBehind}) {
          CAPTURE(isa);
          CAPTURE(kKnown[id].name);
          CAPTURE(count);
          const int slots = kKnown[id].slots;
          const Fenced<T> p(count, fence), g(count, fence), first(count, fence), second(count, fence);
          for (index_t i = 0; i < count; ++i) {
            p[i] = i % 9 == 5 ? T(0) : T(random_number(1, uint64_t(i)));
            first[i] = second[i] = 0;
          }
          double worst = 0;
          for (int t = 1; t <= 50; ++t) {
            const StepSettings s = settings_of(kKnown[id], t);
            std::vector<Step<T>> expected;
            for (index_t i = 0; i < count; ++i) {
              g[i] = gradient_at<T>(t, i);
              expected.push_back(Step<T>(s, p[i], g[i], {first[i], second[i]}));
            }
            const double penalty = kernels.penalty(count, p.data(), T(s.l2), T(s.l1));
            CHECK(penalty == kernels.optimizers[id].update(update_of<T>(s, count, p.data(), g.data(),
                                                                        slots > 0 ? first.data() : nullptr,
                                                                        slots > 1 ? second.data() : nullptr)));
            for (index_t i = 0; i < count; ++i) {
              const Step<T>& e = expected[size_t(i)];
              worst = std::max(worst, excess<W>(p[i], e.p.value, e.p.error));
              if (slots > 0) worst = std::max(worst, excess<W>(first[i], e.slots[0].value, e.slots[0].error));
              if (slots > 1) worst = std::max(worst, excess<W>(second[i], e.slots[1].value, e.slots[1].error));
              CHECK(g[i] == gradient_at<T>(t, i));
            }
          }
          CHECK(worst <= 1);
        }
}

TEST_CASE_TEMPLATE("an update of several rows is that of each, and leaves what lies between them", T, float, double) {
  constexpr index_t rows = 3, count = 37, p_row = 48, g_row = 40;
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (size_t id = 0; id < std::size(kKnown); ++id) {
      CAPTURE(isa);
      CAPTURE(kKnown[id].name);
      const std::vector<T> g = random_values<T>(rows * g_row, 2);
      std::vector<T> p = random_values<T>(rows * p_row, 1), first(p.size(), T(0.5)), second(first);
      std::vector<T> p_each = p, first_each = first, second_each = second;
      const StepSettings s = settings_of(kKnown[id], 4);
      const bool has_first = kKnown[id].slots > 0, has_second = kKnown[id].slots > 1;
      double penalty = 0;
      for (index_t i = 0; i < rows; ++i)
        penalty += kernels.optimizers[id].update(update_of<T>(s, count, p_each.data() + i * p_row, g.data() + i * g_row,
                                                              has_first ? first_each.data() + i * p_row : nullptr,
                                                              has_second ? second_each.data() + i * p_row : nullptr));
      deepnet::Update<T> all = update_of<T>(s, count, p.data(), g.data(), has_first ? first.data() : nullptr,
                                            has_second ? second.data() : nullptr);
      all.rows = rows;
      all.p_row = p_row;
      all.g_row = g_row;
      CHECK(penalty == kernels.optimizers[id].update(all));
      CHECK(same_bits(p, p_each));
      CHECK(same_bits(first, first_each));
      CHECK(same_bits(second, second_each));
    }
}

TEST_CASE_TEMPLATE("instruction sets with fused multiply-adds give the same bits of parameters and optimizer memory", T,
                   float, double) {
  constexpr index_t count = 77;
  const auto tables = fusing_tables<T>();
  for (size_t id = 0; id < std::size(kKnown); ++id) {
    std::vector<std::vector<T>> results;
    for (const Table<T>& table : tables) {
      std::vector<T> all = random_values<T>(count, 1), g(count);
      all.resize(3 * count);
      double other = 0;
      for (int t = 1; t <= 50; ++t) {
        const StepSettings s = settings_of(kKnown[id], t);
        for (index_t i = 0; i < count; ++i) g[size_t(i)] = gradient_at<T>(t, i);
        table.kernels.optimizers[id].update(
            update_of<T>(s, count, all.data(), g.data(), all.data() + count, all.data() + 2 * count));
        other += table.kernels.finish_gradient(count, all.data(), g.data(), penalties_of<T>(s));
        other += table.kernels.penalty(count, all.data(), T(0.2), T(0.1));
      }
      all.push_back(T(other));
      results.push_back(all);
    }
    CAPTURE(kKnown[id].name);
    for (const std::vector<T>& result : results) CHECK(same_bits(result, results[0]));
  }
}

TEST_CASE_TEMPLATE("the whole gradient in place and the sum of its squares, and the penalties", T, float, double) {
  using W = Wide<T>;
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (const index_t count : {1, 7, 15, 16, 17, 33, 100, 1000})
      for (const Fence fence : {Fence::kBefore, Fence::kBehind})
        for (int t = 0; t < 5; ++t) {
          CAPTURE(isa);
          CAPTURE(count);
          CAPTURE(t);
          const StepSettings s = settings_of(kKnown[0], t);
          const Fenced<T> p(count, fence), g(count, fence);
          std::vector<Bounded<T>> expected;
          W squares = 0, squares_error = 0, penalty = 0;
          for (index_t i = 0; i < count; ++i) {
            p[i] = i % 9 == 5 ? T(0) : T(random_number(1, uint64_t(i)));
            g[i] = gradient_at<T>(t, i);
            const Bounded<T> whole = Step<T>::whole(s, p[i], g[i]);
            expected.push_back(whole);
            squares += whole.value * whole.value;
            squares_error += (2 * std::abs(whole.value) + whole.error) * whole.error;
            penalty += W(T(s.l2)) / 2 * W(p[i]) * W(p[i]) + W(T(s.l1)) * std::abs(W(p[i]));
          }
          const double sum = kernels.finish_gradient(count, p.data(), g.data(), penalties_of<T>(s));
          double worst = 0;
          for (index_t i = 0; i < count; ++i)
            worst = std::max(worst, excess<W>(g[i], expected[size_t(i)].value, expected[size_t(i)].error));
          CHECK(worst <= 1);
          // Terms of one sign: a few roundings each, and one for each addition to a lane and in the tree.
          const W roundings = gamma<T>(count / kPanel<T> + 12, count + 12);
          CHECK(excess<W>(sum, squares, squares_error + roundings * squares) <= 1);
          const double got = kernels.penalty(count, p.data(), T(s.l2), T(s.l1));
          CHECK(excess<W>(got, penalty, roundings * penalty) <= 1);
        }
}

TEST_CASE_TEMPLATE("a gradient that is nan is not clipped", T, float, double) {
  const T nan = std::numeric_limits<T>::quiet_NaN(), inf = std::numeric_limits<T>::infinity();
  for (const auto& [isa, kernels] : supported_tables<T>()) {
    CAPTURE(isa);
    const T p[] = {1, 1, -1};
    T g[] = {nan, inf, -inf};
    CHECK(std::isnan(kernels.finish_gradient(3, p, g, {1, 0, 0, 2})));
    CHECK(std::isnan(g[0]));
    CHECK(g[1] == 2);
    CHECK(g[2] == -2);
    for (index_t id = 0; id < kernels.optimizer_count; ++id) {
      T q = 1, first = 0, second = 0;
      StepSettings s{.optimizer = "", .hyper = {0.9, 0.9}};
      s.clip = 2;
      kernels.optimizers[id].update(update_of<T>(s, 1, &q, &nan, &first, &second));
      CHECK(std::isnan(q));
    }
  }
}

TEST_CASE_TEMPLATE("updates by gradients of every magnitude meet their bounds, and none freezes a parameter", T, float,
                   double) {
  using Limits = std::numeric_limits<T>;
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (size_t id = 0; id < std::size(kKnown); ++id)
      for (const double epsilon : {1e-8, sizeof(T) == 4 ? 1e-37 : 1e-300}) {
        CAPTURE(isa);
        CAPTURE(kKnown[id].name);
        CAPTURE(epsilon);
        StepSettings s{.optimizer = kKnown[id].name, .hyper = {kKnown[id].hyper[0], kKnown[id].hyper[1]}};
        s.epsilon = epsilon;
        for (int exponent = Limits::min_exponent + 20; exponent < Limits::max_exponent; ++exponent) {
          T p = 0, slots[2] = {0, 0};
          for (int t = 1; t <= 3; ++t) {
            s.t = t;
            const T g = std::ldexp(T(1.5), exponent - t) * (t == 3 ? -1 : 1);
            const Step<T> expected(s, p, g, slots);
            kernels.optimizers[id].update(update_of<T>(s, 1, &p, &g, &slots[0], &slots[1]));
            CAPTURE(exponent);
            CHECK(std::isfinite(p));
            CHECK(excess<Wide<T>>(p, expected.p.value, expected.p.error) <= 1);
            for (int i = 0; i < kKnown[id].slots; ++i)
              CHECK(excess<Wide<T>>(slots[i], expected.slots[i].value, expected.slots[i].error) <= 1);
          }
        }
      }
}

TEST_CASE_TEMPLATE("an update leaves no subnormal numbers: decaying values become 0", T, float, double) {
  const auto slow = [](T x) { return x != 0 && std::abs(x) < std::numeric_limits<T>::min(); };
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (size_t id = 0; id < std::size(kKnown); ++id) {
      CAPTURE(isa);
      CAPTURE(kKnown[id].name);
      StepSettings s{.optimizer = kKnown[id].name, .hyper = {0.5, 0.5}, .rate = 0, .decay = 0.5};
      T p = 1, slots[2] = {0, 0};
      int subnormal = 0;
      for (int t = 1; t <= 2500; ++t) {
        s.t = t;
        const T g = t == 1 ? T(1) : T(0);
        kernels.optimizers[id].update(update_of<T>(s, 1, &p, &g, &slots[0], &slots[1]));
        subnormal += slow(p) + slow(slots[0]) + slow(slots[1]);
      }
      CHECK(subnormal == 0);
      CHECK(p == 0);
      if (kKnown[id].name != "adagrad") CHECK((slots[0] == 0 && slots[1] == 0));
    }
}

TEST_CASE_TEMPLATE("the square root equals that of the standard library for every number", T, float, double) {
  using Limits = std::numeric_limits<T>;
  const auto root = [](T x) { return deepnet::in_this_test::root(deepnet::in_this_test::broadcast(x))[0]; };
  if constexpr (sizeof(T) == 4) {
    for (uint32_t bits = 0; bits < 0x7f800000u; bits += DEEPNET_TEST_STRIDE) {
      T x;
      std::memcpy(&x, &bits, sizeof x);
      if (root(x) != std::sqrt(x)) FAIL("of " << x);
    }
  } else {
    for (uint64_t i = 0; i < 300000u; ++i) {
      const T x = T(std::exp2(i % 2 ? random_number(3, i, 0, 2) : random_number(4, i, -1074, 1023.9)));
      if (root(x) != std::sqrt(x)) FAIL("of " << x);
    }
  }
  for (const T x : {T(0), Limits::denorm_min(), Limits::min(), T(4), Limits::max(), Limits::infinity()})
    CHECK(root(x) == std::sqrt(x));
  CHECK(std::isnan(root(Limits::quiet_NaN())));
}

TEST_SUITE_END();
