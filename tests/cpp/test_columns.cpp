// Activations of whole columns: softmax forward and backward, against its definition and in any company.
#include "curves.h"
#include "doctest/doctest.h"

using namespace oracle;
using deepnet::Kernels;
using deepnet::kPanel;

namespace {

template <class T>
const deepnet::Activation<T>& softmax_of(const Kernels<T>& kernels) {
  return kernels.activations[deepnet::find_activation("softmax")];
}

template <class T>
deepnet::Rows<const T> read(const Laid<T>& x) {
  return {x.view.data, x.view.row};
}

/// One column by the definition, with bounds of the kernel's errors.
///
/// z_i - max is off by u times itself, which as an exponent is that much of the result; then come exp, a sum of n terms
/// and a division: r_i = |z_i - max| + sum_j A_j |z_j - max| + 4 kExpUlps + n in units of u. Where A is subnormal, one
/// step of its grid. dZ_i = A_i (dA_i - s) from an exact A: s is off by n u of S = sum_j |dA_j| A_j, then a difference
/// and a product. From Z the errors of A come on top.
template <class T>
struct Column {
  using W = Wide<T>;
  std::vector<W> A, A_bound, dZ, from_a_bound, dZ_bound;

  Column(const Laid<T>& z, const Laid<T>& d_a, index_t j) {
    const index_t n = z.view.rows;
    W highest = at(z.view, 0, j), total = 0, mean_distance = 0, s = 0, S = 0, S_error = 0;
    for (index_t i = 1; i < n; ++i) highest = std::max<W>(highest, at(z.view, i, j));
    for (index_t i = 0; i < n; ++i) total += std::exp(at(z.view, i, j) - highest);
    const auto distance = [&](index_t i) { return highest - at(z.view, i, j); };
    for (index_t i = 0; i < n; ++i) {
      A.push_back(std::exp(-distance(i)) / total);
      mean_distance += A.back() * distance(i);
    }
    std::vector<W> relative;
    for (index_t i = 0; i < n; ++i) {
      const size_t k = size_t(i);
      relative.push_back((distance(i) + mean_distance + 4 * Curves<T>::kExpUlps + W(n)) * u<T> * W(1.001));
      A_bound.push_back(A[k] * relative[k] + 2 * std::numeric_limits<T>::denorm_min());
      s += at(d_a.view, i, j) * A[k];
      S += std::abs(at(d_a.view, i, j)) * A[k];
      S_error += std::abs(at(d_a.view, i, j)) * A_bound[k];
    }
    for (index_t i = 0; i < n; ++i) {
      const size_t k = size_t(i);
      const W own = std::abs(at(d_a.view, i, j)), tiny = 2 * std::numeric_limits<T>::denorm_min();
      dZ.push_back(A[k] * (at(d_a.view, i, j) - s));
      from_a_bound.push_back(A[k] * u<T> * (W(n) * S + 2 * (own + S)) * W(1.001) + tiny);
      dZ_bound.push_back(from_a_bound[k] + A_bound[k] * (own + S) + A[k] * S_error);
    }
  }
};

template <class T>
Laid<T> spread(Laid<T> matrix, double scale) {
  for (index_t i = 0; i < matrix.memory.size(); ++i) matrix.memory[i] *= T(scale);
  return matrix;
}

}  // namespace

TEST_SUITE_BEGIN("kernels");

TEST_CASE_TEMPLATE("softmax and its derivative are within their bounds, from Z and from A", T, float, double) {
  using W = Wide<T>;
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (const index_t n : {1, 2, 3, 10, 100})
      for (const double scale : {0.01, 3.0, 60.0, 1000.0}) {
        CAPTURE(isa);
        CAPTURE(n);
        CAPTURE(scale);
        const index_t m = 37;
        const Laid<T> z = spread(random_matrix<T>(n, m, 1), scale), d_a = random_matrix<T>(n, m, 2);
        const Laid<T> a = lay_out<T>(n, m, Layout::kRows), d_z = lay_out<T>(n, m, Layout::kRows);
        const Laid<T> from_a = lay_out<T>(n, m, Layout::kRows);
        const auto& softmax = softmax_of<T>(kernels);
        softmax.forward({n, m, read(z), {a.view.data, a.view.row}});
        softmax.backward({n, m, read(d_a), read(z), {d_z.view.data, d_z.view.row}, nullptr});
        softmax.backward_from_a({n, m, read(d_a), read(a), {from_a.view.data, from_a.view.row}, nullptr});
        double worst_a = 0, worst_z = 0, different = 0;
        for (index_t j = 0; j < m; ++j) {
          const Column<T> exact(z, d_a, j);
          for (index_t i = 0; i < n; ++i) {
            const size_t k = size_t(i);
            worst_a = std::max(worst_a, excess<W>(at(a.view, i, j), exact.A[k], exact.A_bound[k]));
            worst_z = std::max(worst_z, excess<W>(at(d_z.view, i, j), exact.dZ[k], exact.dZ_bound[k]));
            different += !same_bits(at(d_z.view, i, j), at(from_a.view, i, j));  // the same A, made on the way
          }
        }
        CHECK(worst_a <= 1);
        CHECK(worst_z <= 1);
        CHECK(different == 0);
      }
}

TEST_CASE_TEMPLATE("softmax of an example has the same bits in any batch and in place, and writes nothing else", T,
                   float, double) {
  const index_t n = 5;
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (const index_t m : {1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 70})
      for (const Fence fence : {Fence::kBefore, Fence::kBehind}) {
        CAPTURE(isa);
        CAPTURE(m);
        const auto& softmax = softmax_of<T>(kernels);
        const Laid<T> z = random_matrix<T>(n, m, 1, Layout::kPaddedRows, fence);
        const Laid<T> d_a = random_matrix<T>(n, m, 2, Layout::kPaddedRows, fence);
        const Laid<T> a = lay_out<T>(n, m, Layout::kPaddedRows, fence),
                      d_z = lay_out<T>(n, m, Layout::kPaddedRows, fence);
        const std::vector<T> start = random_values<T>(n * kPanel<T>, 3);
        const Fenced<T> sums(n * kPanel<T>, fence);
        std::copy(start.begin(), start.end(), sums.data());
        softmax.forward({n, m, read(z), {a.view.data, a.view.row}});
        softmax.backward({n, m, read(d_a), read(z), {d_z.view.data, d_z.view.row}, sums.data()});
        CHECK(gaps_untouched(a));
        CHECK(gaps_untouched(d_z));
        std::vector<T> expected = start;
        index_t different = 0;
        for (index_t j = 0; j < m; ++j) {
          std::vector<T> alone(size_t(2 * n));
          T *a_alone = alone.data(), *d_alone = a_alone + n;
          for (index_t i = 0; i < n; ++i) a_alone[i] = at(z.view, i, j);
          softmax.forward({n, 1, {a_alone, 1}, {a_alone, 1}});
          std::copy(a_alone, a_alone + n, d_alone);
          softmax.backward_from_a({n, 1, {d_a.view.data + j, d_a.view.row}, {d_alone, 1}, {d_alone, 1}, nullptr});
          for (index_t i = 0; i < n; ++i) {
            different += !same_bits(a_alone[i], at(a.view, i, j)) + !same_bits(d_alone[i], at(d_z.view, i, j));
            expected[size_t(i * kPanel<T> + j % kPanel<T>)] += d_alone[i];
          }
        }
        CHECK(different == 0);
        CHECK(same_bits(expected, {sums.data(), sums.data() + sums.size()}));
      }
}

TEST_CASE_TEMPLATE("softmax: a column far from 0, saturated, with -inf, nan or inf", T, float, double) {
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const T far = std::numeric_limits<T>::max() / 2;
  for (const auto& [isa, kernels] : supported_tables<T>()) {
    CAPTURE(isa);
    const auto of = [&](std::vector<T> z) {
      softmax_of<T>(kernels).forward({index_t(z.size()), 1, {z.data(), 1}, {z.data(), 1}});
      return z;
    };
    CHECK(of({far, far}) == std::vector<T>{T(0.5), T(0.5)});
    CHECK(of({-far, far, 0}) == std::vector<T>{0, 1, 0});
    CHECK(of({-inf, 1, 1}) == std::vector<T>{0, T(0.5), T(0.5)});
    for (const std::vector<T>& bad : {std::vector<T>{nan, 1}, {1, nan}, {inf, 1}, {-inf, -inf}})
      for (const T value : of(bad)) CHECK(std::isnan(value));
  }
}

TEST_CASE_TEMPLATE("instruction sets with fused multiply-adds give the same softmax", T, float, double) {
  const auto tables = fusing_tables<T>();
  const Laid<T> z = spread(random_matrix<T>(10, 1000, 1), 5), d_a = random_matrix<T>(10, 1000, 2);
  const Laid<T> first = lay_out<T>(10, 1000, Layout::kRows), other = lay_out<T>(10, 1000, Layout::kRows);
  for (size_t t = 1; t < tables.size(); ++t) {
    softmax_of<T>(tables[0].kernels).backward({10, 1000, read(d_a), read(z), {first.view.data, 1000}, nullptr});
    softmax_of<T>(tables[t].kernels).backward({10, 1000, read(d_a), read(z), {other.view.data, 1000}, nullptr});
    for (index_t i = 0; i < 10000; ++i) CHECK(same_bits(first.memory[i], other.memory[i]));
  }
}

TEST_CASE_TEMPLATE("the output gradient of softmax is AL - Y", T, float, double) {
  const Laid<T> al = random_matrix<T>(3, 40, 1), y = random_matrix<T>(3, 40, 2), d_z = lay_out<T>(3, 40, Layout::kRows);
  for (const auto& [isa, kernels] : supported_tables<T>()) {
    CAPTURE(isa);
    std::vector<T> sums(size_t(3 * kPanel<T>));
    softmax_of<T>(kernels).output_backward({3, 40, read(al), read(y), read(y), {d_z.view.data, 40}, sums.data()});
    for (index_t i = 0; i < 120; ++i) CHECK(d_z.memory[i] == al.memory[i] - y.memory[i]);
  }
}

TEST_SUITE_END();
