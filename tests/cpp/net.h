// A network of the C++ tests and benchmarks, and the check of what forward and backward made of it.
//
// Each layer is judged by itself, from the library's own inputs to it (A_prev, dA, Z), so the bounds are those of one
// product and one activation and do not grow with depth, and a Z on the other side of relu's kink is no error.
#pragma once

#include "curves.h"

namespace oracle {

using deepnet::ActivationId;

template <class T>
struct Net {
  std::vector<index_t> units;  // n_0, n_1, ..., n_L
  index_t m;
  std::vector<std::string> names;  // of the activations
  bool input_gradient = true;
  std::vector<T> X, Y;
  std::vector<std::vector<T>> W, b, Z, A, dA_prev, dW, db;  // one each per layer

  Net(std::vector<index_t> units_, index_t m_, std::vector<std::string> names_, uint64_t seed = 1)
      : units(std::move(units_)), m(m_), names(std::move(names_)) {
    X = random_values<T>(units[0] * m, seed, -1.7, 1.7);
    Y = random_values<T>(units.back() * m, seed + 1);
    for (T& y : Y) y = y < 0 ? T(0) : T(1);
    for (size_t l = 0; l < layers(); ++l) {
      const index_t n = units[l + 1], n_prev = units[l];
      const double scale = std::sqrt(3.0 / double(n_prev));
      W.push_back(random_values<T>(n * n_prev, seed + 2 + 2 * l, -scale, scale));
      b.push_back(random_values<T>(n, seed + 3 + 2 * l, -0.1, 0.1));
      for (auto* columns : {&Z, &A}) columns->emplace_back(size_t(n * m));
      dA_prev.emplace_back(size_t(n_prev * m));
      dW.emplace_back(size_t(n * n_prev));
      db.emplace_back(size_t(n));
    }
  }

  size_t layers() const { return units.size() - 1; }
  ActivationId activation(size_t l) const { return deepnet::find_activation(names[l]); }
  Matrix<const T> input(size_t l) const { return view(l == 0 ? X : A[l - 1], units[l], m); }
  Matrix<const T> weights(size_t l) const { return view(W[l], units[l + 1], units[l]); }
  Matrix<const T> output(const std::vector<std::vector<T>>& of, size_t l) const { return view(of[l], units[l + 1], m); }

  static Matrix<const T> view(const std::vector<T>& v, index_t rows, index_t cols) {
    return deepnet::row_major(v.data(), rows, cols);
  }
  static Matrix<T> view(std::vector<T>& v, index_t rows, index_t cols) {
    return deepnet::row_major(v.data(), rows, cols);
  }

  std::vector<deepnet::ForwardLayer<T>> forward_layers() {
    std::vector<deepnet::ForwardLayer<T>> result;
    for (size_t l = 0; l < layers(); ++l)
      result.push_back({weights(l), view(std::as_const(b[l]), units[l + 1], 1), activation(l),
                        view(Z[l], units[l + 1], m), view(A[l], units[l + 1], m)});
    return result;
  }

  std::vector<deepnet::BackwardLayer<T>> backward_layers() {
    std::vector<deepnet::BackwardLayer<T>> result;
    for (size_t l = 0; l < layers(); ++l) {
      Matrix<T> dA = view(dA_prev[l], units[l], m);
      if (l == 0 && !input_gradient) dA.data = nullptr;
      result.push_back({input(l), weights(l), output(Z, l), activation(l), dA, view(dW[l], units[l + 1], units[l]),
                        view(db[l], units[l + 1], 1)});
    }
    return result;
  }

  void forward(deepnet::Interrupt* interrupt = nullptr) {
    const auto all = forward_layers();
    deepnet::model_forward<T>(input(0), all, interrupt);
  }

  void backward(deepnet::Interrupt* interrupt = nullptr) {
    const auto all = backward_layers();
    deepnet::model_backward<T>(output(A, layers() - 1), view(std::as_const(Y), units.back(), m), all, interrupt);
  }

  /// Everything that forward and backward wrote.
  std::vector<T> results() const {
    std::vector<T> all;
    for (const auto* group : {&Z, &A, &dA_prev, &dW, &db})
      for (const std::vector<T>& values : *group) all.insert(all.end(), values.begin(), values.end());
    return all;
  }
};

/// The largest error over its bound in Z and A.
template <class T>
double forward_excess(const Net<T>& net) {
  using W = Wide<T>;
  double worst = 0;
  for (size_t l = 0; l < net.layers(); ++l) {
    const Curve<T>& g = curve<T>(net.names[l]);
    const Matrix<const T> Z = net.output(net.Z, l), A = net.output(net.A, l);
    for_elements<T>(Z.rows, Z.cols, net.units[l], [&](index_t i, index_t j) {
      Sum<T> sum = dot<T>(net.weights(l), net.input(l), i, j);
      sum.add(net.b[l][size_t(i)]);
      worst = std::max(worst, excess<W>(at(Z, i, j), sum.value, gamma<T>(net.units[l] + 2) * sum.size));
      const W a = g.value(at(Z, i, j));
      worst = std::max(worst, excess<W>(at(A, i, j), a, W(g.ulps) * ulp<T>(a)));
    });
  }
  return worst;
}

/// dZ of layer l and a bound of its error, from the library's dA (or AL and Y) and Z.
template <class T>
struct ErrorSignal {
  using W = Wide<T>;
  index_t m;
  std::vector<W> value, bound;

  ErrorSignal(const Net<T>& net, size_t l) : m(net.m) {
    const Curve<T>& g = curve<T>(net.names[l]);
    const bool last = l + 1 == net.layers();
    for (size_t e = 0; e < net.Z[l].size(); ++e) {
      const W z = net.Z[l][e], slope = g.slope(z);
      W d_a, error = 0;
      if (last) {  // a difference of two quotients: at most four roundings of each
        const W al = net.A[l][e], y = net.Y[e], hit = y == 0 ? 0 : y / al, miss = y == 1 ? 0 : (1 - y) / (1 - al);
        d_a = miss - hit;
        error = gamma<T>(4) * (std::abs(hit) + std::abs(miss));
      } else {
        d_a = net.dA_prev[l + 1][e];
      }
      value.push_back(d_a * slope);
      bound.push_back(error * slope + std::abs(d_a) * g.slope_error(z) * u<T> * W(1.001));
    }
  }
};

/// The largest error over its bound in dW, db and dA_prev.
template <class T>
double backward_excess(const Net<T>& net) {
  using W = Wide<T>;
  double worst = 0;
  for (size_t l = net.layers(); l-- > 0;) {
    const index_t n = net.units[l + 1], n_prev = net.units[l], m = net.m;
    const ErrorSignal<T> dZ(net, l);
    const W scale = W(1) / W(m);
    for_elements<T>(n, n_prev, m, [&](index_t i, index_t p) {
      Sum<T> sum;
      W inherited = 0;
      for (index_t j = 0; j < m; ++j) {
        const W a = at(net.input(l), p, j);
        sum.add(dZ.value[size_t(i * m + j)] * a);
        inherited += dZ.bound[size_t(i * m + j)] * std::abs(a);
      }
      worst = std::max(worst, excess<W>(net.dW[l][size_t(i * n_prev + p)], sum.value * scale,
                                        (gamma<T>(m + 3) * sum.size + inherited) * scale * W(1.001)));
    });
    for (index_t i = 0; i < n; ++i) {
      Sum<T> sum;
      W inherited = 0;
      for (index_t j = 0; j < m; ++j) {
        sum.add(dZ.value[size_t(i * m + j)]);
        inherited += dZ.bound[size_t(i * m + j)];
      }
      worst = std::max(worst, excess<W>(net.db[l][size_t(i)], sum.value * scale,
                                        (gamma<T>(m + 3) * sum.size + inherited) * scale * W(1.001)));
    }
    if (l == 0 && !net.input_gradient) continue;
    for_elements<T>(n_prev, m, n, [&](index_t p, index_t j) {
      Sum<T> sum;
      W inherited = 0;
      for (index_t i = 0; i < n; ++i) {
        const W w = at(net.weights(l), i, p);
        sum.add(w * dZ.value[size_t(i * m + j)]);
        inherited += std::abs(w) * dZ.bound[size_t(i * m + j)];
      }
      worst = std::max(worst, excess<W>(net.dA_prev[l][size_t(p * m + j)], sum.value,
                                        (gamma<T>(n + 2) * sum.size + inherited) * W(1.001)));
    });
  }
  return worst;
}

}  // namespace oracle
