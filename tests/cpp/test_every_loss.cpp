// Every loss and its derivative against the formula in a wider type, with smoothed labels and weights; the extremes of
// its inputs; and the logarithm inside softmax's cross-entropy.
#include <cstring>

#include "doctest/doctest.h"
#include "loss_panel.h"

#define DEEPNET_ISA in_this_test
#include "simd/log.h"

using namespace oracle;

namespace {

constexpr double kLogUlps = 2, kLog1pUlps = 3;  // the promises of simd/log.h and simd/math.h

/// A number and the bound of its error, in units of u.
template <class T>
struct Term {
  Wide<T> value, error;
};

/// The loss of each output of one example, which its sum is taken of, and its derivative, times the weight.
template <class T>
struct Expected {
  using W = Wide<T>;
  std::vector<Term<T>> loss, d;

  Expected(std::string_view name, const Panel<T>& panel, index_t example) : panel_(panel), n_(panel.outputs) {
    for (index_t i = 0; i < n_; ++i) {
      z_.push_back(panel.output[size_t(i * kPanel<T> + example)]);
      const bool classes = name == "sparse_categorical_cross_entropy";
      y_.push_back(classes ? W(panel.y[size_t(example)] == T(i)) : W(panel.y[size_t(i * kPanel<T> + example)]));
    }
    if (name == "binary_cross_entropy")
      for (size_t i = 0; i < z_.size(); ++i) binary(z_[i], smoothed(y_[i], W(panel.smoothing) / 2));
    else if (name == "categorical_cross_entropy" || name == "sparse_categorical_cross_entropy")
      categorical();
    else
      for (size_t i = 0; i < z_.size(); ++i) of_output(name, z_[i], y_[i]);
    const W weight = panel.weights.empty() ? W(1) : W(panel.weights[size_t(example)]);
    for (auto* terms : {&loss, &d})
      for (Term<T>& t : *terms) t = {t.value * weight, (t.error + std::abs(t.value)) * weight};
  }

 private:
  /// y (1 - s) + to: 1 - s rounds, and the sum; `to` by at most two roundings.
  Term<T> smoothed(W y, W to) const {
    const W kept = 1 - W(panel_.smoothing);
    return {y * kept + to, y * kept + (y * kept + to) + 2 * to};
  }

  void binary(W z, Term<T> y) {
    const W size = std::abs(z), tail = std::log1p(std::exp(-size)), s = Curves<T>::sigmoid(z);
    // Three roundings of numbers up to |z| (1 + y) + tail; e is off by 1.1 ulp and its logarithm by 3, an ulp is 2 u.
    loss.push_back(
        {std::max(z, W(0)) - z * y.value + tail,
         3 * (size * (1 + y.value) + tail) + 2 * (kLog1pUlps + Curves<T>::kExpUlps) * tail + size * y.error});
    d.push_back({s - y.value, 2 * Curves<T>::kSigmoidUlps * s + std::abs(s - y.value) + y.error});
  }

  void categorical() {
    const W largest = *std::max_element(z_.begin(), z_.end()), n = W(n_);
    W sum = 0, sum_error = 0, labels = 0, labels_error = 0, losses = 0, losses_error = 0;
    std::vector<Term<T>> e, y;
    for (size_t i = 0; i < z_.size(); ++i) {
      const W below = z_[i] - largest, value = std::exp(below);  // below rounds once, e^below moves as much
      e.push_back({value, value * (2 * Curves<T>::kExpUlps - below)});
      y.push_back(smoothed(y_[i], W(panel_.smoothing) / n));
      sum += value;
      sum_error += e[i].error;
      labels += y[i].value;
      labels_error += y[i].error;
      losses -= y[i].value * below;
      losses_error -= y[i].error * below + y[i].value * below;
    }
    sum_error += n * sum;  // the additions: at most n roundings of a sum; two each without fused multiply-adds
    labels_error += n * labels;
    losses_error += 2 * n * losses;
    const W log = std::log(sum), log_error = sum_error / sum + 2 * kLogUlps * log;
    const W total = labels * log + losses;
    loss.push_back({total, labels_error * log + labels * log_error + losses_error + 2 * total});
    for (size_t i = 0; i < z_.size(); ++i) {
      const W share = e[i].value * labels / sum;
      const W off = share * (sum_error / sum + 2) + e[i].error * labels / sum + e[i].value * labels_error / sum;
      d.push_back({share - y[i].value, off + y[i].error + std::abs(share - y[i].value)});
    }
  }

  /// Of the losses that are a mean over the outputs: 1 / n rounds, and two products with it.
  void of_output(std::string_view name, W z, W y) {
    const W n = W(n_), p = W(panel_.parameter), off = z - y, size = std::abs(off);
    if (name == "mean_squared_error") {
      loss.push_back({off * off / n, 6 * off * off / n});
      d.push_back({2 * off / n, 4 * 2 * size / n});
    } else if (name == "huber") {
      const W slope = std::clamp(off, -p, p), value = size <= p ? off * off / 2 : p * (size - p / 2);
      loss.push_back({value / n, (size * std::abs(slope) + 5 * value + p * p) / n});  // p^2: where size - p/2 rounds
      d.push_back({slope / n, (size <= 2 * p ? size : 0) / n + 3 * std::abs(slope) / n});
    } else if (name == "poisson") {
      const W rate = std::exp(z), terms = rate + std::abs(y * z);
      loss.push_back({(rate - y * z) / n, (2 * Curves<T>::kExpUlps * rate + 4 * terms) / n});
      d.push_back({(rate - y) / n, (2 * Curves<T>::kExpUlps * rate + 3 * std::abs(rate - y)) / n});
    } else if (name == "quantile") {
      const W slope = off > 0 ? 1 - p : off < 0 ? -p : W(0);
      loss.push_back({off * slope / n, 6 * size * std::abs(slope) / n});
      d.push_back({slope / n, 4 * std::abs(slope) / n});
    } else {
      throw std::runtime_error("this test has no loss " + std::string(name));
    }
  }

  const Panel<T>& panel_;
  index_t n_;
  std::vector<W> z_, y_;
};

/// The largest error over its bound in the loss of a panel and its derivative.
template <class T>
double loss_excess(std::string_view name, const Panel<T>& panel) {
  using W = Wide<T>;
  // Derivatives below kFlushBelow and exponentials below 1.1 times that become 0; weights are at most 2.
  constexpr W kSecondOrder = W(1.01), kSteps = W(2.2) * kFlushBelow<T>;
  W sum = 0, size = 0, error = 0;
  double worst = 0;
  for (index_t e = 0; e < panel.examples; ++e) {
    const Expected<T> expected(name, panel, e);
    for (const Term<T>& term : expected.loss) {
      sum += term.value;
      size += std::abs(term.value);
      error += term.error * u<T> * kSecondOrder + kSteps;
    }
    for (size_t i = 0; i < expected.d.size(); ++i) {
      const auto [value, d_error] = expected.d[i];
      const T got = panel.d[i * size_t(kPanel<T>) + size_t(e)];
      worst = std::max(worst, excess<W>(got, value, d_error * u<T> * kSecondOrder + kSteps));
    }
  }
  const index_t additions = panel.outputs + 5;  // in a lane, and of the lanes
  return std::max(worst, excess<W>(panel.loss, sum, error + gamma<T>(additions, additions) * size));
}

}  // namespace

TEST_SUITE_BEGIN("kernels");

TEST_CASE_TEMPLATE("every loss and its derivative meet their bounds, with smoothing and weights", T, float, double) {
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (index_t id = 0; id < kernels.loss_count; ++id)
      for (const index_t outputs : {1, 2, 3, 10, 45})
        for (const T smoothing : {T(0), T(0.1), T(1)})
          for (const bool weighted : {false, true}) {
            const std::string_view name = kernels.losses[id].name;
            CAPTURE(isa);
            CAPTURE(name);
            CAPTURE(outputs);
            CAPTURE(smoothing);
            Panel<T> panel(outputs, weighted ? kPanel<T> - 3 : kPanel<T>);
            for (size_t i = 0; i < panel.size(); ++i)  // lanes from the smallest to the widest spread
              panel.output[i] = T(random_number(1, i)) * T(std::exp2(double(i % size_t(kPanel<T>)) / 3 - 4));
            panel.random_labels(kernels.losses[id], 2);
            panel.smoothing = smoothing;
            panel.parameter = T(0.3);
            if (weighted) panel.weights = random_values<T>(kPanel<T>, 3, 0, 2);
            panel.run(kernels.losses[id], weighted ? Fence::kBefore : Fence::kBehind);
            CHECK(loss_excess(name, panel) <= 1);
          }
}

TEST_CASE_TEMPLATE("the kinks of huber and quantile", T, float, double) {
  for (const auto& [isa, kernels] : supported_tables<T>()) {
    CAPTURE(isa);
    const T next = std::nextafter(T(2), T(3));
    Panel<T> panel(1, 6);
    panel.parameter = 2;
    const T z[] = {0, 2, -2, next, -next, 5}, huber[] = {0, 2, -2, 2, -2, 2};
    std::copy(std::begin(z), std::end(z), panel.output.begin());
    panel.run(find_loss(kernels, "huber"));
    for (size_t e = 0; e < 6; ++e) CHECK(panel.d[e] == huber[e]);
    CHECK(panel.loss == doctest::Approx(2 + 2 + 2 + 2 + 8).epsilon(1e-6));
    panel.parameter = T(0.25);
    panel.run(find_loss(kernels, "quantile"));
    const T quantile[] = {0, T(0.75), T(-0.25), T(0.75), T(-0.25), T(0.75)};
    for (size_t e = 0; e < 6; ++e) CHECK(panel.d[e] == quantile[e]);
  }
}

TEST_CASE_TEMPLATE("cross-entropies are finite for every finite Z", T, float, double) {
  using Limits = std::numeric_limits<T>;
  const T huge = Limits::max() / 2;  // of softmax, the difference of two must be a number, too
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (const char* name : {"binary_cross_entropy", "categorical_cross_entropy", "sparse_categorical_cross_entropy"}) {
      CAPTURE(isa);
      CAPTURE(name);
      const deepnet::Loss<T>& loss = find_loss(kernels, name);
      for (const T z : {T(0), Limits::denorm_min(), Limits::min(), T(1), T(20), T(104), T(1000), T(1e30), huge})
        for (const T smoothing : {T(0), T(0.25)})
          for (const T label : {T(0), T(1)}) {
            CAPTURE(z);
            Panel<T> panel(3, 2);
            panel.smoothing = smoothing;
            const auto set = [&](index_t e, T a, T b, T c) {
              const T values[] = {a, b, c};
              for (size_t i = 0; i < 3; ++i) panel.output[i * size_t(kPanel<T>) + size_t(e)] = values[i];
            };
            set(0, z, -z, 0);
            set(1, -z, -z, -z);
            const bool classes = loss.labels == deepnet::LabelRule::kClasses;
            for (size_t e = 0; e < 2; ++e) panel.y[classes ? e : size_t(label) * size_t(kPanel<T>) + e] = 1;
            if (classes) panel.y[0] = panel.y[1] = label;
            panel.weights.assign(size_t(kPanel<T>), T(0.5));
            panel.run(loss);
            CHECK(std::isfinite(panel.loss));
            CHECK(panel.loss >= 0);
            for (const T d : panel.d) CHECK((d >= -1 && d <= 1));
          }
    }
}

TEST_CASE_TEMPLATE("nan gives nan only in the loss and the derivative of its own example", T, float, double) {
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (index_t id = 0; id < kernels.loss_count; ++id)
      for (const index_t output : {0, 1, 2}) {
        const std::string_view name = kernels.losses[id].name;
        CAPTURE(isa);
        CAPTURE(name);
        CAPTURE(output);
        Panel<T> panel(3, 7);
        panel.output = random_values<T>(3 * kPanel<T>, 1);
        panel.random_labels(kernels.losses[id], 2);
        panel.output[size_t(output * kPanel<T> + 4)] = std::numeric_limits<T>::quiet_NaN();
        panel.run(kernels.losses[id]);
        CHECK(std::isnan(panel.loss));
        const bool softmax = follows_softmax(kernels.losses[id]);
        for (index_t i = 0; i < 3; ++i)
          for (index_t e = 0; e < 7; ++e)
            CHECK(std::isnan(panel.d[size_t(i * kPanel<T> + e)]) == (e == 4 && (softmax || i == output)));
      }
}

TEST_CASE_TEMPLATE("class numbers give the same bits as one-hot labels, also for more classes than a panel holds", T,
                   float, double) {
  constexpr index_t outputs = kPanel<T> + 9;
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (const T smoothing : {T(0), T(0.1)})
      for (index_t shift = 0; shift < outputs; shift += 4) {
        CAPTURE(isa);
        CAPTURE(shift);
        Panel<T> numbers(outputs, kPanel<T>), one_hot(outputs, kPanel<T>);
        numbers.output = one_hot.output = random_values<T>(outputs * kPanel<T>, 1, -5, 5);
        numbers.smoothing = one_hot.smoothing = smoothing;
        for (index_t e = 0; e < kPanel<T>; ++e) {
          const index_t number = (e + shift) % outputs;
          numbers.y[size_t(e)] = T(number);
          one_hot.y[size_t(number * kPanel<T> + e)] = 1;
        }
        numbers.run(find_loss(kernels, "sparse_categorical_cross_entropy"));
        one_hot.run(find_loss(kernels, "categorical_cross_entropy"));
        CHECK(numbers.loss == one_hot.loss);
        CHECK(same_bits(numbers.d, one_hot.d));
      }
}

TEST_CASE_TEMPLATE("the logarithm is within its ulp bound from 1 on, and at every power of two", T, float, double) {
  double worst = 0;
  const auto check = [&](T x) {
    const T got = deepnet::in_this_test::log_normal<T>(deepnet::in_this_test::broadcast(x))[0];
    const Wide<T> expected = std::log(Wide<T>(x));
    const double off = double(std::abs(got - expected) / ulp<T>(expected));
    worst = std::max(worst, off == off ? off : std::numeric_limits<double>::infinity());
  };
  if constexpr (sizeof(T) == 4) {
    for (uint32_t bits = 0x3f800000u; bits <= 0x4b800000u; bits += DEEPNET_TEST_STRIDE) {  // every n-th in [1, 2^24]
      T x;
      std::memcpy(&x, &bits, sizeof x);
      check(x);
    }
  } else {
    for (uint64_t i = 0; i < (kSlowOracle<T> ? 2000u : 300000u); ++i)
      check(T(i % 2 ? random_number(3, i, 1, 8) : std::exp2(random_number(4, i, 0, 1023.9))));
  }
  using Limits = std::numeric_limits<T>;
  for (int k = Limits::min_exponent - 1; k < Limits::max_exponent; ++k) {
    const T power = std::ldexp(T(1), k);
    check(power);
    if (k < 0) continue;
    check(std::nextafter(power, Limits::max()));
    check(k > 0 ? std::nextafter(power, T(0)) : power);
    check(power * T(1.41421356237309505));  // where the exponent that is taken off changes
    check(std::nextafter(power * T(1.41421356237309505), T(0)));
  }
  check(Limits::max());
  CHECK(deepnet::in_this_test::log_normal<T>(deepnet::in_this_test::broadcast(T(1)))[0] == 0);
  MESSAGE(worst << " ulp at most");
  CHECK(worst <= kLogUlps);
}

TEST_SUITE_END();
