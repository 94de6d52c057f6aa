// cross_entropy and gradient_step: values, edges, layouts.
#include "doctest/doctest.h"
#include "oracle.h"

using namespace oracle;

namespace {

template <class T>
double cost(std::vector<T> AL, std::vector<T> Y) {
  const auto m = index_t(AL.size());
  return deepnet::cross_entropy<T>(deepnet::row_major<const T>(AL.data(), 1, m),
                                   deepnet::row_major<const T>(Y.data(), 1, m));
}

/// p - rate g as this table rounds it: once or twice.
template <class T>
T stepped(const deepnet::Kernels<T>& kernels, T p, T g, T rate) {
  if (fuses(kernels)) return fused(-rate, g, p);
  volatile T product = rate * g;  // volatile: the compiler must not fuse it here
  return p - product;
}

}  // namespace

TEST_SUITE_BEGIN("nn");

TEST_CASE_TEMPLATE("cross_entropy is the mean over the columns, summed in double", T, float, double) {
  struct Size {
    index_t rows, cols;
  };
  for (const Size s : {Size{1, 1}, {1, 209}, {3, 70}, {1, 70000}})
    for (const Layout layout : kLayouts) {
      if (s.cols > 209 && layout != Layout::kRows && layout != Layout::kReversedColumns) continue;
      CAPTURE(s.cols);
      CAPTURE(int(layout));
      const Laid<T> AL = random_matrix<T>(s.rows, s.cols, 1, layout), Y = random_matrix<T>(s.rows, s.cols, 2, layout);
      for (index_t i = 0; i < AL.memory.size(); ++i) {
        AL.memory[i] = std::abs(AL.memory[i]) + T(1e-6) < 1 ? std::abs(AL.memory[i]) + T(1e-6) : T(0.5);
        Y.memory[i] = std::abs(Y.memory[i]);
      }
      Sum<double> sum;  // in long double
      for (index_t i = 0; i < s.rows; ++i)
        for (index_t j = 0; j < s.cols; ++j) {
          const long double a = at(AL.view, i, j), y = at(Y.view, i, j);
          sum.add(-y * std::log(a));
          sum.add(-(1 - y) * std::log1p(-a));
        }
      // Terms of one sign: gamma_n of the additions in order, and five roundings in each term.
      const long double bound = (2.0L * s.rows * s.cols + 5) * u<double> * sum.size / s.cols;
      const double got = deepnet::cross_entropy<T>(AL, Y);
      CHECK(excess<long double>(got, sum.value / s.cols, bound) <= 1);
    }
}

TEST_CASE_TEMPLATE("cross_entropy of outputs that are exactly 0 or 1", T, float, double) {
  const T nan = std::numeric_limits<T>::quiet_NaN(), tiny = std::numeric_limits<T>::denorm_min();
  CHECK(cost<T>({0, 1}, {0, 1}) == 0);  // surely right: 0 log 0 = 0
  CHECK(cost<T>({0, 0.5}, {1, 1}) == std::numeric_limits<double>::infinity());
  CHECK(cost<T>({1, 0.5}, {0, 1}) == std::numeric_limits<double>::infinity());
  CHECK(cost<T>({0}, {T(0.5)}) == std::numeric_limits<double>::infinity());
  CHECK(cost<T>({tiny}, {1}) == doctest::Approx(-std::log(double(tiny))));
  CHECK(cost<T>({0.5, 0.5}, {0, 1}) == doctest::Approx(std::log(2.0)));
  CHECK(cost<T>({tiny}, {0}) == double(tiny));  // log1p: log(1 - AL) would be 0
  CHECK(std::isnan(cost<T>({nan, 0.5}, {0, 1})));
  CHECK(std::isnan(cost<T>({nan}, {1})));
  CHECK(std::isnan(cost<T>({0.5}, {nan})));
  CHECK(std::isnan(cost<T>({2}, {1})));  // no probability
  CHECK(std::isnan(cost<T>({-1}, {0})));
}

TEST_CASE_TEMPLATE("gradient_step is p - rate g: any length, also in place, in rows and in other layouts", T, float,
                   double) {
  const T rate = T(0.075);
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (const index_t count : {1, 3, 8, 15, 16, 17, 33, 100})
      for (const Fence fence : {Fence::kBefore, Fence::kBehind}) {
        CAPTURE(isa);
        CAPTURE(count);
        const Laid<T> p = random_matrix<T>(1, count, 1, Layout::kRows, fence);
        const Laid<T> g = random_matrix<T>(1, count, 2, Layout::kRows, fence);
        const Laid<T> out = lay_out<T>(1, count, Layout::kRows, fence);
        kernels.gradient_step(count, p.view.data, g.view.data, rate, out.view.data);
        for (index_t i = 0; i < count; ++i)
          CHECK(same_bits(out.memory[i], stepped(kernels, p.memory[i], g.memory[i], rate)));
        kernels.gradient_step(count, p.view.data, g.view.data, rate, p.view.data);
        for (index_t i = 0; i < count; ++i) CHECK(same_bits(p.memory[i], out.memory[i]));
      }

  const deepnet::Kernels<T>& chosen = deepnet::kernels<T>();
  struct Size {
    index_t rows, cols;
  };
  for (const Size s : {Size{1, 1}, {1, 70}, {70, 1}, {13, 21}, {70, 1000}})
    for (const Layout p_layout : kLayouts)
      for (const Layout g_layout : {Layout::kRows, Layout::kColumns, Layout::kSpread}) {
        CAPTURE(s.rows);
        CAPTURE(s.cols);
        CAPTURE(int(p_layout));
        CAPTURE(int(g_layout));
        const Laid<T> p = random_matrix<T>(s.rows, s.cols, 1, p_layout),
                      g = random_matrix<T>(s.rows, s.cols, 2, g_layout);
        for (const Layout out_layout : {Layout::kRows, Layout::kPaddedRows}) {
          const Laid<T> out = lay_out<T>(s.rows, s.cols, out_layout);
          deepnet::gradient_step<T>(p, g, rate, out.view);
          CHECK(gaps_untouched(out));
          index_t wrong = 0;
          for (index_t i = 0; i < s.rows; ++i)
            for (index_t j = 0; j < s.cols; ++j)
              wrong += !same_bits(at(out.view, i, j), stepped(chosen, at(p.view, i, j), at(g.view, i, j), rate));
          CHECK(wrong == 0);
        }
        if (p_layout != Layout::kRows && p_layout != Layout::kPaddedRows) continue;
        const Laid<T> before = random_matrix<T>(s.rows, s.cols, 1, p_layout);
        deepnet::gradient_step<T>(p, g, rate, p.view);
        index_t wrong = 0;
        for (index_t i = 0; i < s.rows; ++i)
          for (index_t j = 0; j < s.cols; ++j)
            wrong += !same_bits(at(p.view, i, j), stepped(chosen, at(before.view, i, j), at(g.view, i, j), rate));
        CHECK(wrong == 0);
      }
}

TEST_CASE_TEMPLATE("blend is p + tau (q - p), rounded three times", T, float, double) {
  const T tau = T(0.3);
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (const index_t count : {1, 3, 8, 15, 16, 17, 33, 100})
      for (const Fence fence : {Fence::kBefore, Fence::kBehind}) {
        CAPTURE(isa);
        CAPTURE(count);
        const Laid<T> p = random_matrix<T>(1, count, 1, Layout::kRows, fence),
                      before = random_matrix<T>(1, count, 1, Layout::kRows, fence),
                      q = random_matrix<T>(1, count, 2, Layout::kRows, fence);
        kernels.blend(count, p.view.data, q.view.data, tau);
        for (index_t i = 0; i < count; ++i) {
          const T step = tau * (q.memory[i] - before.memory[i]);
          CHECK(same_bits(p.memory[i], before.memory[i] + step));
        }
      }
}

TEST_SUITE_END();
