// Activations backward, the output layer's gradient, and the lane sums that become db.
#include "curves.h"
#include "doctest/doctest.h"

using namespace oracle;
using deepnet::Kernels;
using deepnet::kPanel;

namespace {

template <class T>
constexpr T kInf = std::numeric_limits<T>::infinity();
template <class T>
constexpr T kNan = std::numeric_limits<T>::quiet_NaN();

/// dA * g'(z) of one element.
template <class T>
T backward(const deepnet::Activation<T>& activation, T d_a, T z) {
  T d_z = 0;
  activation.backward({1, 1, {&d_a, 1}, {&z, 1}, {&d_z, 1}, nullptr});
  return d_z;
}

/// dZ of one element of the last layer.
template <class T>
T output_backward(const deepnet::Activation<T>& activation, T al, T y, T z) {
  T d_z = 0;
  std::vector<T> lane_sums(size_t(kPanel<T>));
  activation.output_backward({1, 1, {&al, 1}, {&y, 1}, {&z, 1}, {&d_z, 1}, lane_sums.data()});
  return d_z;
}

/// What the lanes must hold: number j % kPanel takes element j, in the order of j.
template <class T>
std::vector<T> lane_sums_of(const Matrix<T>& x, const std::vector<T>& start) {
  std::vector<T> sums = start;
  for (index_t i = 0; i < x.rows; ++i)
    for (index_t j = 0; j < x.cols; ++j) sums[size_t(i * kPanel<T> + j % kPanel<T>)] += at(x, i, j);
  return sums;
}

}  // namespace

TEST_SUITE_BEGIN("kernels");

TEST_CASE_TEMPLATE("backward is dA times the closed form of the derivative", T, float, double) {
  using W = Wide<T>;
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (index_t id = 0; id < kernels.activation_count; ++id) {
      if (kernels.activations[id].whole_columns) continue;  // see test_columns.cpp
      const Curve<T>& g = curve<T>(kernels.activations[id].name);
      CAPTURE(isa);
      CAPTURE(g.name);
      double worst = 0;
      for (uint64_t i = 0; i < 20000; ++i) {
        const T z = T(random_number(1, i, -30, 30) * (i % 2 ? 1 : 0.05)), d_a = T(random_number(2, i));
        const W grid = 2 * std::numeric_limits<T>::denorm_min();  // of a slope that is subnormal, and of dZ
        const W bound = std::abs(d_a) * g.slope_error(z) * u<T> * W(1.001) + grid;
        worst = std::max(worst, excess<W>(backward(kernels.activations[id], d_a, z), d_a * g.slope(z), bound));
      }
      CHECK(worst <= 1);
    }
}

TEST_CASE_TEMPLATE("backward from A is backward from Z: within the errors of both, in place, and at saturation", T,
                   float, double) {
  using W = Wide<T>;
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (index_t id = 0; id < kernels.activation_count; ++id) {
      const deepnet::Activation<T>& activation = kernels.activations[id];
      if (activation.whole_columns) continue;
      const Curve<T>& g = curve<T>(activation.name);
      CHECK((activation.backward_from_a == nullptr) == (g.from_a_error == nullptr));
      if (!activation.backward_from_a) continue;
      CAPTURE(isa);
      CAPTURE(g.name);
      double worst = 0;
      index_t different = 0;
      for (const index_t cols : {1, 7, 16, 33, 5000}) {
        std::vector<T> z = random_values<T>(cols, 1, -30, 30), d_a = random_values<T>(cols, 2);
        for (size_t i = 0; i < z.size(); i += 2) z[i] *= T(0.05);
        const T odd[] = {T(0), -T(0), T(-800), T(800), kInf<T>, -kInf<T>};
        for (size_t i = 0; cols > 6 && i < 6; ++i) z[i] = odd[i];
        std::vector<T> a(z.size()), d_z(z.size()), from_a(z.size()), lane_sums(size_t(kPanel<T>));
        const auto read = [cols](const std::vector<T>& x) { return deepnet::Rows<const T>{x.data(), cols}; };
        activation.forward({1, cols, read(z), {a.data(), cols}});
        activation.backward({1, cols, read(d_a), read(z), {d_z.data(), cols}, nullptr});
        activation.backward_from_a({1, cols, read(d_a), read(a), {from_a.data(), cols}, lane_sums.data()});
        for (size_t i = 0; i < z.size(); ++i) {  // each is off by its bound
          const W error = std::isfinite(z[i]) ? g.slope_error(z[i]) + g.from_a_error(z[i]) : W(0);
          worst = std::max(worst, excess<W>(from_a[i], d_z[i], std::abs(d_a[i]) * error * u<T> * W(1.001)));
        }
        const Matrix<T> sums = deepnet::row_major(from_a.data(), 1, cols);
        CHECK(same_bits(lane_sums, lane_sums_of(sums, std::vector<T>(size_t(kPanel<T>)))));
        std::vector<T> in_place = a;  // as training does
        activation.backward_from_a({1, cols, read(d_a), read(in_place), {in_place.data(), cols}, nullptr});
        different += !same_bits(in_place, from_a);
      }
      CHECK(worst <= 1);
      CHECK(different == 0);
      if (!activation.fused) continue;  // the product's finish must do the same, bit for bit
      const bool relu = g.name == "relu";
      CHECK(activation.forward_finish == (relu ? deepnet::Finish::kRelu : deepnet::Finish::kScale));
      CHECK(activation.backward_finish == (relu ? deepnet::Finish::kReluBackward : deepnet::Finish::kScale));
    }
}

TEST_CASE("backward is the derivative of forward: central differences in double") {
  // g(z + h) - g(z - h) over 2 h is off by h^2 g''' / 6 and by the 4 ulp of g over h.
  const double h = std::cbrt(std::numeric_limits<double>::epsilon());
  for (const auto& [isa, kernels] : supported_tables<double>())
    for (index_t id = 0; id < kernels.activation_count; ++id) {
      const deepnet::Activation<double>& g = kernels.activations[id];
      if (g.whole_columns) continue;
      CAPTURE(isa);
      CAPTURE(g.name);
      for (int i = -32; i <= 32; ++i) {
        const double z = i / 8.0 + 1.0 / 64;  // never within h of a kink
        const double ends[] = {z + h, z - h};
        double values[2];
        g.forward({1, 2, {ends, 2}, {values, 2}});
        const double numeric = (values[0] - values[1]) / (ends[0] - ends[1]);
        const double rounding = 8 * std::abs(values[0]) * std::numeric_limits<double>::epsilon() / h;
        CHECK(std::abs(numeric - backward(g, 1.0, z)) <= h * h / 2 + rounding);  // |g'''| <= 2
      }
    }
}

TEST_CASE_TEMPLATE("derivatives at kinks, at saturation and at nan", T, float, double) {
  const T tiny = std::numeric_limits<T>::denorm_min();
  for (const auto& [isa, kernels] : supported_tables<T>()) {
    CAPTURE(isa);
    const auto* by_id = kernels.activations;
    const auto id = [&](std::string_view name) { return deepnet::find_activation(name); };
    const auto &relu = by_id[id("relu")], &leaky = by_id[id("leaky_relu")], &sigmoid = by_id[id("sigmoid")],
               &tanh = by_id[id("tanh")], &identity = by_id[id("identity")];
    for (const T zero : {T(0), -T(0)}) {
      CHECK(backward(relu, T(3), zero) == 0);
      CHECK(backward(leaky, T(3), zero) == T(3) * T(0.01));
      CHECK(backward(sigmoid, T(3), zero) == T(0.75));
      CHECK(backward(tanh, T(3), zero) == 3);
    }
    CHECK(backward(relu, T(3), tiny) == 3);
    CHECK(backward(relu, T(3), -tiny) == 0);
    CHECK(backward(leaky, T(3), tiny) == 3);
    const auto &elu = by_id[id("elu")], &selu = by_id[id("selu")], &hard_swish = by_id[id("hard_swish")];
    for (const T zero : {T(0), -T(0)}) {
      CHECK(backward(elu, T(3), zero) == 3);
      CHECK(backward(selu, T(1), zero) == T(1.7580993408473768599402175208123));  // the left slope
      for (const std::string_view half : {"gelu", "silu", "softplus", "hard_swish"})
        CHECK(backward(by_id[id(half)], T(3), zero) == T(1.5));
    }
    CHECK(backward(selu, T(1), tiny) == T(1.0507009873554804934193349852946));
    CHECK(backward(hard_swish, T(3), T(-3)) == 0);
    CHECK(backward(hard_swish, T(3), T(3)) == 3);
    for (const std::string_view name : {"elu", "selu", "gelu", "silu", "mish", "softplus", "hard_swish"})
      for (const T distance : {T(1000), kInf<T>}) {
        CAPTURE(name);
        CHECK(backward(by_id[id(name)], T(3), -distance) == 0);
        CHECK(backward(by_id[id(name)], T(1), distance) == (name == "selu" ? T(1.0507009873554804934193349852946) : 1));
        CHECK(std::isnan(backward(by_id[id(name)], T(3), kNan<T>)));
      }
    for (const T unbounded : {kInf<T>, -kInf<T>, kNan<T>}) CHECK(same_bits(backward(relu, unbounded, T(-1)), T(0)));
    for (const T sign : {T(1), T(-1)}) {
      CHECK(backward(sigmoid, T(3), sign * 800) == 0);
      CHECK(backward(sigmoid, T(3), sign * kInf<T>) == 0);
      CHECK(backward(tanh, T(3), sign * 800) == 0);
      CHECK(backward(tanh, T(3), sign * kInf<T>) == 0);
    }
    CHECK(backward(relu, T(3), kNan<T>) == 3);  // as the course: dZ[Z <= 0] = 0 leaves it
    CHECK(backward(leaky, T(3), kNan<T>) == 3);
    CHECK(backward(identity, T(3), kNan<T>) == 3);
    CHECK(std::isnan(backward(sigmoid, T(3), kNan<T>)));
    CHECK(std::isnan(backward(tanh, T(3), kNan<T>)));
    for (index_t i = 0; i < kernels.activation_count; ++i) CHECK(std::isnan(backward(by_id[i], kNan<T>, T(0.5))));
  }
}

TEST_CASE_TEMPLATE("a saturated sigmoid's dZ is AL - Y", T, float, double) {
  const T tiny = std::numeric_limits<T>::denorm_min(), normal = std::numeric_limits<T>::min();
  for (const auto& [isa, kernels] : supported_tables<T>()) {
    CAPTURE(isa);
    const auto& sigmoid = kernels.activations[deepnet::find_activation("sigmoid")];
    const T far = sizeof(T) == 4 ? 100 : 740;
    for (const T y : {T(0), T(1), T(0.25)}) {
      CAPTURE(y);
      for (const T z : {T(0), T(-800), T(800)}) {  // Z need not belong to AL
        CHECK(output_backward(sigmoid, T(0), y, z) == 0 - y);
        CHECK(output_backward(sigmoid, T(1), y, z) == 1 - y);
      }
    }
    // y / AL overflows for a subnormal AL: still the limit, not inf times 0.
    for (const T al : {tiny, 3 * tiny, normal / 8}) CHECK(output_backward(sigmoid, al, T(1), -far) == al - 1);
    CHECK(std::abs(output_backward(sigmoid, tiny, T(0), -far) - Curves<T>::sigmoid(-far)) <= 3 * tiny);
    CHECK(std::isnan(output_backward(sigmoid, kNan<T>, T(1), T(0))));
    CHECK(std::isnan(output_backward(sigmoid, T(0.5), kNan<T>, T(0))));
    CHECK(std::isnan(output_backward(sigmoid, T(0), kNan<T>, T(0))));
    CHECK(std::isnan(output_backward(sigmoid, T(0.5), T(1), kNan<T>)));
  }
}

TEST_CASE_TEMPLATE("other outputs: a term 0/0 of dAL is 0, a real division by 0 is infinite", T, float, double) {
  for (const auto& [isa, kernels] : supported_tables<T>()) {
    CAPTURE(isa);
    const auto& identity = kernels.activations[deepnet::find_activation("identity")];
    CHECK(output_backward(identity, T(0), T(0), T(0)) == 1);
    CHECK(output_backward(identity, T(1), T(1), T(0)) == -1);
    CHECK(output_backward(identity, T(0), T(1), T(0)) == -kInf<T>);
    CHECK(output_backward(identity, T(1), T(0), T(0)) == kInf<T>);
    CHECK(output_backward(identity, T(0.5), T(1), T(0)) == -2);
    CHECK(output_backward(identity, T(0.5), T(0), T(0)) == 2);
  }
}

TEST_CASE_TEMPLATE("rows of any length: same bits as alone, lane sums in the order of j, nothing else written", T,
                   float, double) {
  constexpr index_t rows = 3;
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (index_t id = 0; id < kernels.activation_count; ++id)
      for (const index_t cols : {1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 70, 200})
        for (const Fence fence : {Fence::kBefore, Fence::kBehind}) {
          const deepnet::Activation<T>& activation = kernels.activations[id];
          CAPTURE(isa);
          CAPTURE(activation.name);
          CAPTURE(cols);
          const auto random = [&](uint64_t seed) {
            return random_matrix<T>(rows, cols, seed, Layout::kPaddedRows, fence);
          };
          const Laid<T> d_a = random(1), z = random(2), al = random(3), y = random(4);
          for (index_t i = 0; i < al.memory.size(); ++i) {
            al.memory[i] = std::abs(al.memory[i]);
            y.memory[i] = y.memory[i] < 0 ? T(0) : T(1);
          }
          const auto read = [](const Laid<T>& x) { return deepnet::Rows<const T>{x.view.data, x.view.row}; };
          const std::vector<T> start = random_values<T>(rows * kPanel<T>, 5);
          for (const bool output : {false, true}) {
            if (activation.whole_columns && !output) continue;  // see test_columns.cpp
            CAPTURE(output);
            const Laid<T> d_z = lay_out<T>(rows, cols, Layout::kPaddedRows, fence);
            const Fenced<T> sums(rows * kPanel<T>, fence);
            std::copy(start.begin(), start.end(), sums.data());
            if (output)
              activation.output_backward(
                  {rows, cols, read(al), read(y), read(z), {d_z.view.data, d_z.view.row}, sums.data()});
            else
              activation.backward({rows, cols, read(d_a), read(z), {d_z.view.data, d_z.view.row}, sums.data()});
            CHECK(gaps_untouched(d_z));
            index_t different = 0;
            for (index_t i = 0; i < rows; ++i)
              for (index_t j = 0; j < cols; ++j)
                different += !same_bits(
                    at(d_z.view, i, j),
                    output ? output_backward(activation, at(al.view, i, j), at(y.view, i, j), at(z.view, i, j))
                           : backward(activation, at(d_a.view, i, j), at(z.view, i, j)));
            CHECK(different == 0);
            CHECK(same_bits(lane_sums_of(d_z.view, start), {sums.data(), sums.data() + sums.size()}));
          }
        }
}

TEST_CASE_TEMPLATE("instruction sets with fused multiply-adds give the same derivatives", T, float, double) {
  const auto tables = fusing_tables<T>();
  const index_t m = 20000;
  const std::vector<T> z = random_values<T>(m, 1, -40, 40), d_a = random_values<T>(m, 2);
  const std::vector<T> al = random_values<T>(m, 3, 0, 1), y = random_values<T>(m, 4, 0, 1);
  const auto run = [&](const Kernels<T>& kernels, index_t id) {
    std::vector<T> all(size_t(2 * m + 2 * kPanel<T>));
    T *d_z = all.data(), *sums = d_z + 2 * m;
    const auto read = [&](const std::vector<T>& x) { return deepnet::Rows<const T>{x.data(), m}; };
    kernels.activations[id].backward({1, m, read(d_a), read(z), {d_z, m}, sums});
    kernels.activations[id].output_backward({1, m, read(al), read(y), read(z), {d_z + m, m}, sums + kPanel<T>});
    return all;
  };
  for (size_t t = 1; t < tables.size(); ++t)
    for (index_t id = 0; id < tables[0].kernels.activation_count; ++id) {
      CAPTURE(tables[t].isa);
      CAPTURE(tables[0].kernels.activations[id].name);
      CHECK(same_bits(run(tables[0].kernels, id), run(tables[t].kernels, id)));
    }
}

TEST_CASE_TEMPLATE("lanes are summed in the order of j and reduced as a tree of fixed shape", T, float, double) {
  constexpr index_t rows = 4;
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (const index_t cols : {1, 5, 16, 31, 32, 33, 100, 1000}) {
      CAPTURE(isa);
      CAPTURE(cols);
      const Laid<T> x = random_matrix<T>(rows, cols, 1, Layout::kPaddedRows);
      const Fenced<T> sums(rows * kPanel<T>), totals(rows);
      std::fill(sums.data(), sums.data() + sums.size(), T(0));
      kernels.add_to_lanes(rows, cols, {x.view.data, x.view.row}, sums.data());
      std::vector<T> expected = lane_sums_of(x.view, std::vector<T>(size_t(rows * kPanel<T>)));
      CHECK(same_bits(expected, {sums.data(), sums.data() + sums.size()}));

      kernels.reduce_lanes(rows, sums.data(), T(1) / T(cols), totals.data(), 1);
      for (index_t i = 0; i < rows; ++i) {
        T* tree = expected.data() + i * kPanel<T>;
        for (index_t width = kPanel<T> / 2; width > 0; width /= 2)
          for (index_t j = 0; j < width; ++j) tree[j] += tree[j + width];
        CHECK(same_bits(totals[i], tree[0] * (T(1) / T(cols))));
      }
    }
}

TEST_SUITE_END();
