// The functions of one layer against naive sums: every layout of the inputs, every way in which a product is cut.
#include "curves.h"
#include "doctest/doctest.h"

using namespace oracle;

namespace {

/// How a layer's inputs lie in memory.
struct Layouts {
  Layout a_prev = Layout::kRows, w = Layout::kRows, d = Layout::kRows, b = Layout::kRows;
};

/// One layer with random inputs, the fences of each as near as can be.
template <class T>
struct Layer {
  index_t n, n_prev, m;
  index_t cap;  // of gamma: sums of one number over and over round the same way each time
  Laid<T> A_prev, W, b, dZ;
  Laid<T> Z = padded(n, m), A = padded(n, m), dA_prev = padded(n_prev, m), dW = padded(n, n_prev);
  Laid<T> db = lay_out<T>(n, 1, Layout::kRows);

  Layer(index_t n_, index_t n_prev_, index_t m_, Layouts l = {})
      : n(n_),
        n_prev(n_prev_),
        m(m_),
        cap(repeats(l.a_prev) || repeats(l.w) || repeats(l.d) ? std::numeric_limits<index_t>::max() : 16),
        A_prev(random_matrix<T>(n_prev, m, 1, l.a_prev)),
        W(random_matrix<T>(n, n_prev, 2, l.w)),
        b(random_matrix<T>(n, 1, 3, l.b)),
        dZ(random_matrix<T>(n, m, 4, l.d)) {}

  static bool repeats(Layout layout) { return layout == Layout::kSameRow || layout == Layout::kSameColumn; }
  static Laid<T> padded(index_t rows, index_t cols) { return lay_out<T>(rows, cols, Layout::kPaddedRows); }

  bool no_gap_touched() const {
    return gaps_untouched(Z) && gaps_untouched(A) && gaps_untouched(dA_prev) && gaps_untouched(dW);
  }

  double z_excess() const {
    double worst = 0;
    for_elements<T>(n, m, n_prev, [&](index_t i, index_t j) {
      Sum<T> sum = dot<T>(W, A_prev, i, j);
      sum.add(at(b.view, i, 0));
      worst = std::max(worst, excess<Wide<T>>(at(Z.view, i, j), sum.value, gamma<T>(n_prev + 2, cap) * sum.size));
    });
    return worst;
  }

  double a_excess(const Curve<T>& g) const {
    double worst = 0;
    for (index_t i = 0; i < n; ++i)
      for (index_t j = 0; j < m; ++j) {
        const Wide<T> a = g.value(at(Z.view, i, j));
        worst = std::max(worst, excess<Wide<T>>(at(A.view, i, j), a, Wide<T>(g.ulps) * ulp<T>(a)));
      }
    return worst;
  }

  /// Of dW, db and dA_prev, from the dZ that they were made of.
  double gradient_excess(Matrix<const T> exact_dZ) const {
    using Wd = Wide<T>;
    double worst = 0;
    const Matrix<const T> A_T = Matrix<const T>(A_prev).transposed(), W_T = Matrix<const T>(W).transposed();
    for_elements<T>(n, n_prev, m, [&](index_t i, index_t p) {
      const Sum<T> sum = dot<T>(exact_dZ, A_T, i, p);
      worst =
          std::max(worst, excess<Wd>(at(dW.view, i, p), sum.value / Wd(m), gamma<T>(m + 3, cap) * sum.size / Wd(m)));
    });
    for (index_t i = 0; i < n; ++i) {
      Sum<T> sum;
      for (index_t j = 0; j < m; ++j) sum.add(at(exact_dZ, i, j));
      worst =
          std::max(worst, excess<Wd>(at(db.view, i, 0), sum.value / Wd(m), gamma<T>(m + 3, cap) * sum.size / Wd(m)));
    }
    for_elements<T>(n_prev, m, n, [&](index_t p, index_t j) {
      const Sum<T> sum = dot<T>(W_T, exact_dZ, p, j);
      worst = std::max(worst, excess<Wd>(at(dA_prev.view, p, j), sum.value, gamma<T>(n + 2, cap) * sum.size));
    });
    return worst;
  }
};

template <class T>
void check_both_ways(Layer<T>& layer) {
  deepnet::linear_forward<T>(layer.A_prev, layer.W, layer.b, layer.Z.view);
  CHECK(layer.z_excess() <= 1);
  deepnet::linear_backward<T>(layer.dZ, layer.A_prev, layer.W, layer.dA_prev.view, layer.dW.view, layer.db.view);
  CHECK(layer.gradient_excess(layer.dZ) <= 1);
  CHECK(layer.no_gap_touched());
}

struct Size {
  index_t n, n_prev, m;
};

}  // namespace

TEST_SUITE_BEGIN("nn");

TEST_CASE_TEMPLATE("linear forward and backward meet their bounds however the product is split", T, float, double) {
  for (const Size s : {Size{1, 1, 1},
                       {3, 2, 7},
                       {5, 4, 33},
                       {20, 37, 209},
                       {64, 64, 64},
                       {33, 65, 31},
                       {7, 1100, 33},    // k in three parts (float) or five (double)
                       {13, 520, 700},   // k and the columns in parts
                       {30, 100, 3000},  // columns in parts
                       {1, 3000, 7},
                       {150, 6, 1},
                       {26, 3, 2049},
                       {600, 5, 40}}) {
    CAPTURE(s.n);
    CAPTURE(s.n_prev);
    CAPTURE(s.m);
    Layer<T> layer(s.n, s.n_prev, s.m);
    check_both_ways(layer);
  }
}

TEST_CASE_TEMPLATE("inputs may have any memory layout", T, float, double) {
  for (const Size s : {Size{13, 37, 70}, {4, 33, 32}, {30, 17, 129}, {8, 600, 5}})
    for (const Layout layout : kLayouts)
      for (int which = 0; which < 5; ++which) {
        Layouts layouts;
        if (which == 0 || which == 4) layouts.a_prev = layout;
        if (which == 1 || which == 4) layouts.w = layout;
        if (which == 2 || which == 4) layouts.d = layout;
        if (which == 3 || which == 4) layouts.b = layout;
        CAPTURE(s.n);
        CAPTURE(int(layout));
        CAPTURE(which);
        Layer<T> layer(s.n, s.n_prev, s.m, layouts);
        check_both_ways(layer);
      }
}

TEST_CASE_TEMPLATE("the memory layout of inputs changes no bit of the results", T, float, double) {
  Layer<T> plain(20, 90, 75);
  check_both_ways(plain);
  for (const Layout layout : {Layout::kPaddedColumns, Layout::kReversed, Layout::kReversedColumns, Layout::kSpread}) {
    CAPTURE(int(layout));
    Layer<T> other(20, 90, 75, {layout, layout, layout, layout});
    const auto copy = [](const Laid<T>& from, const Laid<T>& to) {
      for (index_t i = 0; i < from.view.rows; ++i)
        for (index_t j = 0; j < from.view.cols; ++j)
          to.view.data[i * to.view.row + j * to.view.col] = at(from.view, i, j);
    };
    copy(plain.A_prev, other.A_prev);
    copy(plain.W, other.W);
    copy(plain.b, other.b);
    copy(plain.dZ, other.dZ);
    check_both_ways(other);
    for (auto member : {&Layer<T>::Z, &Layer<T>::dA_prev, &Layer<T>::dW, &Layer<T>::db}) {
      const Laid<T>&x = plain.*member, &y = other.*member;
      CHECK(same_bits(std::vector<T>(x.memory.data(), x.memory.data() + x.memory.size()),
                      std::vector<T>(y.memory.data(), y.memory.data() + y.memory.size())));
    }
  }
}

TEST_CASE_TEMPLATE("linear_activation_forward and backward are the linear part and the activation in turn", T, float,
                   double) {
  for (const std::string_view name : deepnet::activation_names())
    for (const Size s : {Size{1, 5, 1}, {12, 20, 33}, {17, 9, 209}, {40, 30, 2500}}) {
      CAPTURE(name);
      CAPTURE(s.m);
      const deepnet::ActivationId id = deepnet::find_activation(name);
      Layer<T> layer(s.n, s.n_prev, s.m);
      deepnet::linear_activation_forward<T>(layer.A_prev, layer.W, layer.b, id, layer.Z.view, layer.A.view);
      CHECK(layer.z_excess() <= 1);
      if (!deepnet::takes_whole_columns(id)) CHECK(layer.a_excess(curve<T>(name)) <= 1);

      // dA is what was called dZ; the dZ of activation_backward must lead to the same bits.
      const Laid<T> dZ = Layer<T>::padded(s.n, s.m);
      deepnet::activation_backward<T>(id, layer.dZ, layer.Z, dZ.view);
      deepnet::linear_activation_backward<T>(layer.dZ, layer.A_prev, layer.W, layer.Z, id, layer.dA_prev.view,
                                             layer.dW.view, layer.db.view);
      CHECK(layer.gradient_excess(dZ) <= 1);
      CHECK(layer.no_gap_touched());

      const Laid<T> A = Layer<T>::padded(s.n, s.m);
      deepnet::activation_forward<T>(id, layer.Z, A.view);
      index_t different = 0;
      for (index_t i = 0; i < s.n; ++i)
        for (index_t j = 0; j < s.m; ++j) different += !same_bits(at(A.view, i, j), at(layer.A.view, i, j));
      CHECK(different == 0);
    }
}

TEST_CASE_TEMPLATE("without a dA_prev the other gradients have the same bits", T, float, double) {
  Layer<T> with(20, 30, 70), without(20, 30, 70);
  deepnet::linear_backward<T>(with.dZ, with.A_prev, with.W, with.dA_prev.view, with.dW.view, with.db.view);
  deepnet::linear_backward<T>(without.dZ, without.A_prev, without.W, {}, without.dW.view, without.db.view);
  for (index_t i = 0; i < with.dW.memory.size(); ++i) CHECK(same_bits(with.dW.memory[i], without.dW.memory[i]));
  for (index_t i = 0; i < with.db.memory.size(); ++i) CHECK(same_bits(with.db.memory[i], without.db.memory[i]));
}

TEST_CASE_TEMPLATE("db may be a column of a larger matrix", T, float, double) {
  const index_t n = 3, n_prev = 2, m = 5;
  const std::vector<T> d_z(n * m, T(1)), a_prev(n_prev * m, T(2)), w(n * n_prev, T(3));
  std::vector<T> d_w(n * n_prev), db(n * 4, T(-7));
  deepnet::linear_backward<T>(deepnet::row_major(d_z.data(), n, m), deepnet::row_major(a_prev.data(), n_prev, m),
                              deepnet::row_major(w.data(), n, n_prev), {}, deepnet::row_major(d_w.data(), n, n_prev),
                              {db.data(), n, 1, 4, 1});
  for (index_t i = 0; i < n * 4; ++i) CHECK(db[size_t(i)] == (i % 4 == 0 ? T(1) : T(-7)));
}

TEST_CASE_TEMPLATE("activations of whole matrices take any layout, also larger than a block", T, float, double) {
  const deepnet::ActivationId sigmoid = deepnet::find_activation("sigmoid");
  for (const Size s : {Size{3, 0, 5}, {70, 0, 940}, {1, 0, 70000}, {66000, 0, 1}})
    for (const Layout layout : kLayouts) {
      CAPTURE(s.n);
      CAPTURE(int(layout));
      const Laid<T> Z = random_matrix<T>(s.n, s.m, 1, layout), dA = random_matrix<T>(s.n, s.m, 2, layout);
      const Laid<T> A = Layer<T>::padded(s.n, s.m), dZ = Layer<T>::padded(s.n, s.m);
      deepnet::activation_forward<T>(sigmoid, Z, A.view);
      deepnet::activation_backward<T>(sigmoid, dA, Z, dZ.view);
      const Curve<T>& g = curve<T>("sigmoid");
      double worst = 0;
      for_elements<T>(s.n, s.m, 20, [&](index_t i, index_t j) {
        const Wide<T> z = at(Z.view, i, j), d_a = at(dA.view, i, j), a = g.value(z);
        worst = std::max(worst, excess<Wide<T>>(at(A.view, i, j), a, g.ulps * ulp<T>(a)));
        worst = std::max(worst, excess<Wide<T>>(at(dZ.view, i, j), d_a * g.slope(z),
                                                std::abs(d_a) * g.slope_error(z) * u<T> * Wide<T>(1.001)));
      });
      CHECK(worst <= 1);
      CHECK(gaps_untouched(A));
      CHECK(gaps_untouched(dZ));
    }
}

TEST_SUITE_END();
