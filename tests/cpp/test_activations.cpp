// Activations forward: within the ulps that simd/math.h promises, over all floats and many doubles.
#include <cstdlib>

#include "curves.h"
#include "doctest/doctest.h"

namespace {

using namespace oracle;
using deepnet::Activation;
using deepnet::Kernels;

template <class T>
const Activation<T>& find(const Kernels<T>& kernels, std::string_view name) {
  for (index_t i = 0; i < kernels.activation_count; ++i)
    if (kernels.activations[i].name == name) return kernels.activations[i];
  throw std::runtime_error("no such activation");
}

template <class T>
void forward(const Activation<T>& activation, const std::vector<T>& z, std::vector<T>& a) {
  const auto count = index_t(z.size());
  activation.forward({1, count, {z.data(), count}, {a.data(), count}});
}

/// Right answers of one activation for some z, and the largest error seen of each table.
template <class T>
class Judge {
 public:
  explicit Judge(std::string_view name) : name_(name), value_(curve<T>(name).value) {
    for (const auto& [isa, kernels] : supported_tables<T>()) seen_.push_back({isa, find(kernels, name)});
  }

  void check(const std::vector<T>& z) {
    expected_.resize(z.size());
    ulps_per_unit_.resize(z.size());
    got_.resize(z.size());
    for (size_t i = 0; i < z.size(); ++i) {
      expected_[i] = value_(z[i]);
      ulps_per_unit_[i] = 1 / ulp<T>(expected_[i]);
    }
    for (Seen& seen : seen_) {
      forward(seen.activation, z, got_);
      for (size_t i = 0; i < z.size(); ++i) {
        const Wide<T> error = std::abs(got_[i] - expected_[i]) * ulps_per_unit_[i];
        if (std::isnan(z[i]) ? std::isnan(got_[i]) : error <= seen.ulps) continue;
        if (std::isinf(got_[i]) && got_[i] == T(expected_[i])) continue;
        seen.ulps = error;
        seen.z = z[i];
      }
    }
  }

  void report() const { report(name_, curve<T>(name_).ulps); }
  void report(std::string_view what, double promised) const {
    for (const Seen& seen : seen_) {
      MESSAGE(std::string(sizeof(T) == 4 ? "float " : "double ")
              << std::string(what) << " " << std::string(seen.isa) << ": " << double(seen.ulps) << " ulp at most, at "
              << seen.z);
      CHECK(seen.ulps <= promised);
    }
  }

 private:
  struct Seen {
    std::string_view isa;
    const Activation<T>& activation;
    Wide<T> ulps = 0;
    T z = 0;
  };
  std::string_view name_;
  Wide<T> (*value_)(Wide<T>);
  std::vector<Seen> seen_;
  std::vector<T> got_;
  std::vector<Wide<T>> expected_, ulps_per_unit_;
};

/// Every DEEPNET_TEST_STRIDE-th of all floats, both signs, subnormals, infinities and nan, in runs of 4096.
template <class Body>
void for_all_floats(Body body) {
  std::vector<float> run;
  for (uint64_t bits = 0; bits >> 32 == 0; bits += DEEPNET_TEST_STRIDE) {
    const auto low = uint32_t(bits);
    float x;
    std::memcpy(&x, &low, sizeof x);
    run.push_back(x);
    if (run.size() < 4096) continue;
    body(run);
    run.clear();
  }
  if (!run.empty()) body(run);
}

/// Doubles of every magnitude that matters, uniform ones within each range where something changes, and odd ones.
std::vector<double> many_doubles() {
  using Limits = std::numeric_limits<double>;
  constexpr index_t kEach = kSlowOracle<double> ? 2000 : 100000;
  std::vector<double> z;
  for (const double odd : {0.0,
                           Limits::infinity(),
                           Limits::quiet_NaN(),
                           Limits::denorm_min(),
                           Limits::min(),
                           Limits::max(),
                           746.0,
                           745.14,
                           745.13,
                           710.0,
                           709.79,
                           708.4,
                           708.3,
                           37.0,
                           36.7,
                           20.0,
                           19.1,
                           1.0,
                           0.5,
                           0.34657359027997264,
                           0.34657359027997270,
                           0.17328679513998632,
                           25.0,
                           50.0,
                           1e-5,
                           1e-8,
                           1e-16,
                           1e-17,
                           1e-300,
                           1e300})
    for (const double signed_odd : {odd, -odd}) z.push_back(signed_odd);
  struct Range {
    double low, high;
  };
  for (const Range range : {Range{-40, 40}, {-1, 1}, {-746, -700}, {-720, 720}, {-25.5, -24.5}, {-0.36, 0.36}})
    for (index_t i = 0; i < kEach; ++i)
      z.push_back(random_number(z.size(), static_cast<uint64_t>(i), range.low, range.high));
  for (index_t i = 0; i < 2 * kEach; ++i) {  // uniform in the exponent
    const double magnitude = std::exp2(random_number(7, static_cast<uint64_t>(i), -60, 10));
    z.push_back(i % 2 ? magnitude : -magnitude);
  }
  return z;
}

/// One for each activation whose curve bends; the others are exact, below.
template <class T>
std::vector<Judge<T>> judges() {
  std::vector<Judge<T>> all;
  for (const Curve<T>& g : Curves<T>::kAll)
    if (g.ulps > 0.5) all.emplace_back(g.name);
  return all;
}

}  // namespace

TEST_SUITE_BEGIN("kernels");

TEST_CASE(
    "activations and the exp inside them are within their ulp bounds for all floats, also for subnormal results") {
  std::vector<Judge<float>> all = judges<float>();
  Judge<float> exp("sigmoid");  // below -18 sigmoid is e^x, and 1 + e^x rounds to 1
  std::vector<float> negative;
  for_all_floats([&](const std::vector<float>& run) {
    for (Judge<float>& judge : all) judge.check(run);
    negative.clear();
    for (const float x : run)
      if (x < -18) negative.push_back(x);
    if (!negative.empty()) exp.check(negative);
  });
  for (const Judge<float>& judge : all) judge.report();
  exp.report("exp", Curves<float>::kExpUlps);
}

TEST_CASE("activations and the exp inside them are within their ulp bounds for doubles, also for subnormal results") {
  std::vector<Judge<double>> all = judges<double>();
  Judge<double> exp("sigmoid");
  std::vector<double> z = many_doubles();
  for (Judge<double>& judge : all) judge.check(z);
  std::erase_if(z, [](double x) { return !(x < -38); });
  exp.check(z);
  for (const Judge<double>& judge : all) judge.report();
  exp.report("exp", Curves<double>::kExpUlps);
}

TEST_CASE_TEMPLATE("limits: tails fall to 0 at any distance, and the growing side is z itself", T, float, double) {
  const T inf = std::numeric_limits<T>::infinity(), far = std::numeric_limits<T>::max(), tiny = -1e-30f;
  for (const auto& [isa, kernels] : supported_tables<T>()) {
    CAPTURE(isa);
    const std::vector<T> z = {-inf, -far, -1000, 1000, far, inf, T(0), tiny};
    std::vector<T> a(z.size());
    for (const std::string_view name : {"gelu", "silu", "mish", "softplus", "hard_swish", "elu", "selu"}) {
      CAPTURE(name);
      forward(find(kernels, name), z, a);
      const T left = name == "elu" ? T(-1) : name == "selu" ? T(-1.7580993408473768599402175208123) : T(0);
      for (size_t i = 0; i < 3; ++i) CHECK(a[i] == left);
      const T scale = name == "selu" ? T(1.0507009873554804934193349852946) : T(1);
      for (size_t i = 3; i < 6; ++i) CHECK(a[i] == scale * z[i]);
      if (name == "softplus") continue;
      CHECK(a[6] == 0);
      CHECK(std::abs(a[7] / Curves<T>::selu(tiny)) <= 1.01);  // near 0 none is steeper than selu: no cancellation
      CHECK(std::abs(a[7]) >= T(0.49) * std::abs(tiny));
    }
  }
}

TEST_CASE_TEMPLATE("the kinks of hard_swish", T, float, double) {
  const T near = 3 - 2 * std::numeric_limits<T>::epsilon();
  for (const auto& [isa, kernels] : supported_tables<T>()) {
    CAPTURE(isa);
    const std::vector<T> z = {-3, 3, -near, near};
    std::vector<T> a(z.size());
    forward(find(kernels, "hard_swish"), z, a);
    CHECK(a[0] == 0);
    CHECK(a[1] == 3);
    CHECK(a[2] < 0);
    CHECK(a[3] < 3);
  }
}

TEST_CASE_TEMPLATE("saturation is exact and never leaves [0, 1] or [-1, 1]", T, float, double) {
  const T inf = std::numeric_limits<T>::infinity();
  for (const auto& [isa, kernels] : supported_tables<T>()) {
    CAPTURE(isa);
    const std::vector<T> z = {-inf, -800, -110, -40, -20, -1, -T(0), T(0), 1, 20, 40, 110, 800, inf};
    std::vector<T> s(z.size()), t(z.size());
    forward(find(kernels, "sigmoid"), z, s);
    forward(find(kernels, "tanh"), z, t);
    CHECK(s.front() == 0);
    CHECK(s.back() == 1);
    CHECK(s[1] == 0);
    CHECK(s[12] == 1);
    CHECK(s[6] == T(0.5));
    CHECK(s[7] == T(0.5));
    CHECK(t.front() == -1);
    CHECK(t.back() == 1);
    CHECK(t[3] == -1);
    CHECK(t[10] == 1);
    CHECK(t[6] == 0);
    CHECK(t[7] == 0);
    CHECK(std::signbit(t[6]));  // a zero keeps its sign, as in NumPy
    CHECK(!std::signbit(t[7]));
    for (size_t i = 0; i + 1 < z.size(); ++i) {
      CHECK(s[i] <= s[i + 1]);
      CHECK(t[i] <= t[i + 1]);
      CHECK(t[i] == -t[z.size() - 1 - i]);
    }
  }
}

TEST_CASE_TEMPLATE("identity, relu and leaky_relu are exact, also at both zeros", T, float, double) {
  using Limits = std::numeric_limits<T>;
  std::vector<T> z = {T(0),
                      -T(0),
                      Limits::denorm_min(),
                      -Limits::denorm_min(),
                      Limits::infinity(),
                      -Limits::infinity(),
                      Limits::quiet_NaN(),
                      Limits::max(),
                      Limits::lowest()};
  const std::vector<T> more = random_values<T>(100, 1, -9, 9);
  z.insert(z.end(), more.begin(), more.end());
  std::vector<T> a(z.size());
  for (const auto& [isa, kernels] : supported_tables<T>()) {
    CAPTURE(isa);
    forward(find(kernels, "identity"), z, a);
    CHECK(same_bits(a, z));
    forward(find(kernels, "relu"), z, a);
    for (size_t i = 0; i < z.size(); ++i) CHECK(same_bits(a[i], z[i] <= 0 ? T(0) : z[i]));
    forward(find(kernels, "leaky_relu"), z, a);
    for (size_t i = 0; i < z.size(); ++i) CHECK(same_bits(a[i], z[i] <= 0 ? z[i] * T(0.01) : z[i]));
  }
}

TEST_CASE_TEMPLATE("every activation propagates nan and is tested in this file", T, float, double) {
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (index_t i = 0; i < kernels.activation_count; ++i) {
      CAPTURE(isa);
      CAPTURE(kernels.activations[i].name);
      if (!kernels.activations[i].whole_columns)  // those are judged in test_columns.cpp
        CHECK(curve<T>(kernels.activations[i].name).name == kernels.activations[i].name);
      std::vector<T> z(5, std::numeric_limits<T>::quiet_NaN()), a(5);
      forward(kernels.activations[i], z, a);
      for (const T value : a) CHECK(std::isnan(value));
    }
}

TEST_CASE_TEMPLATE("forward takes rows of any length and stride and writes nothing else", T, float, double) {
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (index_t id = 0; id < kernels.activation_count; ++id)
      for (const index_t cols : {1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 70})
        for (const Fence fence : {Fence::kBefore, Fence::kBehind}) {
          CAPTURE(isa);
          CAPTURE(kernels.activations[id].name);
          CAPTURE(cols);
          if (kernels.activations[id].whole_columns) continue;
          const Laid<T> z = random_matrix<T>(3, cols, 1, Layout::kPaddedRows, fence);
          const Laid<T> a = lay_out<T>(3, cols, Layout::kPaddedRows, fence);
          kernels.activations[id].forward({3, cols, {z.view.data, z.view.row}, {a.view.data, a.view.row}});
          CHECK(gaps_untouched(a));
          for (index_t i = 0; i < 3; ++i)  // an element's bits do not depend on where in a row it stands
            for (index_t j = 0; j < cols; ++j) {
              T alone = 0;
              kernels.activations[id].forward({1, 1, {z.view.data + i * z.view.row + j, 1}, {&alone, 1}});
              CHECK(same_bits(at(a.view, i, j), alone));
            }
        }
}

TEST_CASE_TEMPLATE("instruction sets with fused multiply-adds give the same bits", T, float, double) {
  const auto tables = fusing_tables<T>();
  std::vector<T> z = random_values<T>(50000, 1, -120, 120);
  const std::vector<T> near = random_values<T>(50000, 2, -3, 3);
  z.insert(z.end(), near.begin(), near.end());
  for (size_t t = 1; t < tables.size(); ++t)
    for (index_t id = 0; id < tables[0].kernels.activation_count; ++id) {
      CAPTURE(tables[t].isa);
      CAPTURE(tables[0].kernels.activations[id].name);
      std::vector<T> first(z.size()), other(z.size());
      forward(tables[0].kernels.activations[id], z, first);
      forward(tables[t].kernels.activations[id], z, other);
      CHECK(same_bits(first, other));
    }
}

TEST_SUITE_END();
