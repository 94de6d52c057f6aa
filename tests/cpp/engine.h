// A network that trains, its data, and what naive sums in a wider type make of both, with a bound for every number.
//
// Bounds are those of a running error analysis: each layer adds the roundings of its own product and activation (see
// oracle.h) to what it passes on of the errors before it. Where z is so near relu's kink that its error may reach over
// it, the derivative's error is the whole jump.
#pragma once

#include <span>

#include "curves.h"
#include "nn/engine.h"
#include "nn/network.h"

namespace oracle {

using deepnet::Network;

inline deepnet::LossId loss_named(std::string_view name) {
  const std::vector<std::string_view> names = deepnet::loss_names();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) throw std::runtime_error("no loss " + std::string(name));
  return deepnet::LossId(found - names.begin());
}

inline const deepnet::LossId kCrossEntropy = loss_named("binary_cross_entropy"),
                             kSquares = loss_named("mean_squared_error");

/// The order of the examples in an epoch, written down a second time: SplitMix64 draws for Fisher and Yates' shuffle,
/// the upper half of each 128-bit product put together from 32-bit halves.
inline std::vector<uint32_t> order_of_epoch(size_t count, uint64_t seed, uint64_t epoch) {
  const auto mix = [](uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
  };
  const uint64_t golden = 0x9e3779b97f4a7c15u, stream = mix(mix(seed + (epoch + 1) * golden));
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < count; ++i) order.push_back(i);
  for (uint64_t i = count; i-- > 1;) {
    const uint64_t bits = mix(stream + (i + 1) * golden), n = i + 1;  // n < 2^32
    const uint64_t upper = (((bits & 0xffffffffu) * n >> 32) + (bits >> 32) * n) >> 32;
    std::swap(order[size_t(i)], order[size_t(upper)]);
  }
  return order;
}

template <class T>
struct Task {
  std::vector<index_t> units;
  std::vector<std::string> names;
  index_t m;
  deepnet::LossId loss;
  std::vector<T> X, Y;  // n x m, row by row
  Network<T> net;

  Task(std::vector<index_t> units_, std::vector<std::string> names_, index_t m_, deepnet::LossId loss_ = kCrossEntropy,
       uint64_t seed = 1, deepnet::Compute compute = deepnet::Compute::kOwnType)
      : units(std::move(units_)),
        names(std::move(names_)),
        m(m_),
        loss(loss_),
        X(random_values<T>(units[0] * m, seed, -1.7, 1.7)),
        Y(random_values<T>(units.back() * m, seed + 1, 0, 1)),
        net(make(units, names, compute)) {
    for (index_t l = 1; l <= net.layers(); ++l) {
      const double scale = std::sqrt(3.0 / double(units[size_t(l - 1)]));
      fill(layer(l).weights(), seed + 2 * static_cast<uint64_t>(l), scale);
      fill(layer(l).biases(), seed + 2 * static_cast<uint64_t>(l) + 1, 0.1);
    }
  }

  Task(const Task&) = delete;  // a copy of a Network is the same network
  Task& operator=(const Task&) = delete;

  static Network<T> make(const std::vector<index_t>& units, const std::vector<std::string>& names,
                         deepnet::Compute compute = deepnet::Compute::kOwnType) {
    std::vector<deepnet::ActivationId> ids;
    for (const std::string& name : names) ids.push_back(deepnet::find_activation(name));
    return Network<T>(units, ids, compute);
  }
  static void fill(const Matrix<T>& to, uint64_t seed, double scale) {
    for (index_t i = 0; i < to.rows; ++i)
      for (index_t j = 0; j < to.cols; ++j)
        to.data[i * to.row + j * to.col] =
            T(random_number(seed, static_cast<uint64_t>(i * to.cols + j), -scale, scale));
  }

  deepnet::Examples x() const { return deepnet::examples<T>(deepnet::row_major(X.data(), units[0], m)); }
  deepnet::Examples y() const { return deepnet::examples<T>(deepnet::row_major(Y.data(), units.back(), m)); }

  deepnet::Data data() const { return {x(), y()}; }
  deepnet::Plan plan() const { return {.loss = loss}; }

  /// Not through net.W: whoever has called that may change the weights at any time, so they are read in place.
  const deepnet::Layer<T>& layer(index_t l) const { return net.state().layers[size_t(l - 1)]; }

  /// W and b of every layer, one after the other.
  std::vector<T> parameters() const {
    std::vector<T> all;
    for (index_t l = 1; l <= net.layers(); ++l)
      for (const Matrix<T>& from : {layer(l).weights(), layer(l).biases()})
        for (index_t i = 0; i < from.rows; ++i)
          for (index_t j = 0; j < from.cols; ++j) all.push_back(at(from, i, j));
    return all;
  }
  void set_parameters(const std::vector<T>& all) const {
    size_t next = 0;
    for (index_t l = 1; l <= net.layers(); ++l)
      for (const Matrix<T>& to : {net.W(l), net.b(l)})
        for (index_t i = 0; i < to.rows; ++i)
          for (index_t j = 0; j < to.cols; ++j) to.data[i * to.row + j * to.col] = all[next++];
  }

  /// The gradients, in the order of parameters(); last the mean loss.
  std::vector<double> gradients(int threads = 1) const { return gradients(data(), plan(), threads); }
  std::vector<double> gradients(const deepnet::Data& data, const deepnet::Plan& plan, int threads = 1) const {
    std::vector<std::vector<T>> memory;
    std::vector<deepnet::ParameterGradient<T>> views;
    for (size_t l = 0; l + 1 < units.size(); ++l) {
      const index_t n = units[l + 1], n_prev = units[l];
      memory.emplace_back(size_t(n * n_prev));
      memory.emplace_back(size_t(n));
      views.push_back(
          {deepnet::row_major(memory[2 * l].data(), n, n_prev), deepnet::row_major(memory[2 * l + 1].data(), n, 1)});
    }
    const double mean = deepnet::loss_and_gradients<T>(net, data, plan, views, threads);
    std::vector<double> all;
    for (const std::vector<T>& part : memory) all.insert(all.end(), part.begin(), part.end());
    all.push_back(mean);
    return all;
  }

  /// Examples `which` alone, as matrices of their own.
  struct Part {
    std::vector<T> X, Y;
    deepnet::Data data;
  };
  Part part(const std::vector<uint32_t>& which) const {
    Part result;
    const auto take = [&](const std::vector<T>& from, index_t rows, std::vector<T>& to) {
      for (index_t i = 0; i < rows; ++i)
        for (const uint32_t j : which) to.push_back(from[size_t(i * m + index_t(j))]);
      return deepnet::examples<T>(deepnet::row_major<const T>(to.data(), rows, index_t(which.size())));
    };
    result.data.X = take(X, units[0], result.X);
    result.data.Y = take(Y, units.back(), result.Y);
    return result;
  }

  /// n_L x m, row by row.
  std::vector<T> predictions(int threads = 1) const {
    std::vector<T> out(size_t(units.back() * m));
    deepnet::predict<T>(net, x(), deepnet::row_major(out.data(), units.back(), m), threads);
    return out;
  }
  /// Those of a copy that never reads another copy of its weights.
  std::vector<T> predictions_in_place() const {
    const Network<T> copy = deepnet::copy_network(net, nullptr);
    copy.W(1);  // whoever has called this may change the weights at any time
    std::vector<T> out(size_t(units.back() * m));
    deepnet::predict<T>(copy, x(), deepnet::row_major(out.data(), units.back(), m), 1);
    return out;
  }
};

/// A number and the most by which T may miss it.
template <class T>
struct Bounded {
  Wide<T> value = 0, error = 0;
};

template <class T>
class Naive {
 public:
  using W = Wide<T>;
  std::vector<Bounded<T>> A;          // of the last layer, as Task::predictions
  std::vector<Bounded<T>> gradients;  // as Task::gradients

  explicit Naive(const Task<T>& task) : task_(task), m_(size_t(task.m)) {
    for (const T x : task.X) input_.push_back({W(x), 0});
    const size_t L = task.units.size() - 1;
    for (size_t l = 0; l < L; ++l) forward(l);
    A = layers_.back().a;
    const Bounded<T> loss = last_layer();
    std::vector<std::vector<Bounded<T>>> parts(L);
    for (size_t l = L; l-- > 0;) {
      parts[l] = parameter_gradients(l);
      if (l > 0) backward(l);
    }
    for (const auto& part : parts) gradients.insert(gradients.end(), part.begin(), part.end());
    gradients.push_back(loss);
  }

 private:
  struct LayerValues {
    std::vector<Bounded<T>> z, a, d_z;
  };

  const std::vector<Bounded<T>>& a_prev(size_t l) const { return l == 0 ? input_ : layers_[l - 1].a; }
  static Bounded<T> rounded(const Bounded<T>& x, W roundings) { return {x.value, x.error + roundings * u<T>}; }

  void forward(size_t l) {
    const index_t n = task_.units[l + 1], n_prev = task_.units[l];
    const Matrix<T> weights = task_.layer(index_t(l) + 1).weights(), bias = task_.layer(index_t(l) + 1).biases();
    const Curve<T>& g = curve<T>(task_.names[l]);
    LayerValues layer;
    std::vector<W> value(m_), size(m_), inherited(m_);
    for (index_t i = 0; i < n; ++i) {
      const W b = at(bias, i, 0);
      std::fill(value.begin(), value.end(), b);
      std::fill(size.begin(), size.end(), std::abs(b));
      std::fill(inherited.begin(), inherited.end(), W(0));
      for (index_t p = 0; p < n_prev; ++p) {
        const W w = at(weights, i, p), magnitude = std::abs(w);
        const Bounded<T>* from = a_prev(l).data() + size_t(p) * m_;
        for (size_t j = 0; j < m_; ++j) {
          value[j] += w * from[j].value;
          size[j] += magnitude * std::abs(from[j].value);
          inherited[j] += magnitude * from[j].error;
        }
      }
      for (size_t j = 0; j < m_; ++j) {
        const Bounded<T> z{value[j], inherited[j] + gamma<T>(n_prev + 2) * (size[j] + inherited[j])};
        layer.z.push_back(z);
        const W a = g.value(z.value);
        layer.a.push_back(rounded({a, z.error}, 2 * g.ulps * (std::abs(a) + z.error)));  // no slope is above 1
      }
    }
    layers_.push_back(std::move(layer));
  }

  /// The derivative of the activation of layer l at element e, as taken from A.
  Bounded<T> slope(size_t l, size_t e) const {
    const std::string& name = task_.names[l];
    const Bounded<T> z = layers_[l].z[e], a = layers_[l].a[e];
    const Bounded<T> exact{curve<T>(name).slope(z.value), 0};
    if (name == "relu" || name == "leaky_relu") {
      const bool unsure = std::abs(z.value) <= z.error;
      return {exact.value, unsure ? W(1) : name == "relu" ? W(0) : W(u<T>)};
    }
    if (name == "sigmoid") return rounded({exact.value, a.error}, 4 * (exact.value + a.error));
    if (name == "tanh") {
      const W change = a.error * (2 * std::abs(a.value) + a.error);
      return rounded({exact.value, change}, 4 * (exact.value + change));
    }
    return exact;
  }

  /// dZ of the last layer, and the mean loss.
  Bounded<T> last_layer() {
    const size_t l = layers_.size() - 1;
    LayerValues& last = layers_[l];
    const W n = W(task_.units.back());
    Bounded<T> total;
    for (size_t e = 0; e < last.z.size(); ++e) {
      const W y = task_.Y[e];
      const Bounded<T> z = last.z[e], a = last.a[e];
      const W off = std::abs(a.value - y);
      if (task_.loss == kCrossEntropy) {  // from Z: max(z, 0) - z y + log(1 + e^-|z|)
        const W tail = std::log1p(std::exp(-std::abs(z.value)));
        const W terms = (std::abs(z.value) + z.error) * (1 + std::abs(y)) + tail;
        total.value += std::max(z.value, W(0)) - z.value * y + tail;
        total.error += (off + z.error) * z.error + 12 * u<T> * terms;  // 3 ulp of the logarithm, 1.1 of e, 4 roundings
        last.d_z.push_back(rounded({a.value - y, a.error}, off + a.error));
      } else {
        total.value += off * off / n;
        total.error += (2 * off + a.error) * a.error / n + 4 * u<T> * (off + a.error) * (off + a.error) / n;
        const Bounded<T> g = slope(l, e);
        const Bounded<T> d = rounded({2 * (a.value - y) / n, 2 * a.error / n}, 4 * (off + a.error) * 2 / n);
        last.d_z.push_back(product(d, g));
      }
    }
    total.error += gamma<T>(task_.units.back() + 40) * (total.value + total.error);  // the sums; terms are positive
    return {total.value / W(task_.m), total.error / W(task_.m)};
  }

  static Bounded<T> product(const Bounded<T>& x, const Bounded<T>& y) {
    const W error = std::abs(x.value) * y.error + std::abs(y.value) * x.error + x.error * y.error;
    return rounded({x.value * y.value, error}, std::abs(x.value * y.value) + error);
  }

  /// dW and db of layer l: means over the examples.
  std::vector<Bounded<T>> parameter_gradients(size_t l) const {
    const index_t n = task_.units[l + 1], n_prev = task_.units[l];
    const W scale = 1 / W(task_.m), roundings = gamma<T>(task_.m + 4);
    std::vector<Bounded<T>> d_w, d_b;
    for (index_t i = 0; i < n; ++i) {
      const Bounded<T>* d_z = layers_[l].d_z.data() + size_t(i) * m_;
      for (index_t p = 0; p <= n_prev; ++p) {
        const Bounded<T>* a = p < n_prev ? a_prev(l).data() + size_t(p) * m_ : nullptr;
        W value = 0, size = 0, inherited = 0;
        for (size_t j = 0; j < m_; ++j) {
          const W a_value = a ? a[j].value : W(1), a_error = a ? a[j].error : W(0);
          value += d_z[j].value * a_value;
          size += std::abs(d_z[j].value * a_value);
          inherited += std::abs(d_z[j].value) * a_error + d_z[j].error * (std::abs(a_value) + a_error);
        }
        (a ? d_w : d_b).push_back({value * scale, (inherited + roundings * (size + inherited)) * scale});
      }
    }
    d_w.insert(d_w.end(), d_b.begin(), d_b.end());
    return d_w;
  }

  /// dZ of layer l - 1.
  void backward(size_t l) {
    const index_t n = task_.units[l + 1], n_prev = task_.units[l];
    const Matrix<T> weights = task_.layer(index_t(l) + 1).weights();
    std::vector<Bounded<T>>& out = layers_[l - 1].d_z;
    std::vector<W> value(m_), size(m_), inherited(m_);
    for (index_t p = 0; p < n_prev; ++p) {
      for (std::vector<W>* sums : {&value, &size, &inherited}) std::fill(sums->begin(), sums->end(), W(0));
      for (index_t i = 0; i < n; ++i) {
        const W w = at(weights, i, p), magnitude = std::abs(w);
        const Bounded<T>* d_z = layers_[l].d_z.data() + size_t(i) * m_;
        for (size_t j = 0; j < m_; ++j) {
          value[j] += w * d_z[j].value;
          size[j] += magnitude * std::abs(d_z[j].value);
          inherited[j] += magnitude * d_z[j].error;
        }
      }
      for (size_t j = 0; j < m_; ++j)
        out.push_back(product({value[j], inherited[j] + gamma<T>(n + 2) * (size[j] + inherited[j])},
                              slope(l - 1, size_t(p) * m_ + j)));
    }
  }

  const Task<T>& task_;
  size_t m_;
  std::vector<Bounded<T>> input_;
  std::vector<LayerValues> layers_;
};

/// The largest error over its bound.
template <class T, class Got>
double excess(const std::vector<Got>& got, const std::vector<Bounded<T>>& expected) {
  if (got.size() != expected.size()) return std::numeric_limits<double>::infinity();
  double worst = 0;
  for (size_t i = 0; i < got.size(); ++i)
    worst = std::max(worst, excess<Wide<T>>(Wide<T>(got[i]), expected[i].value, expected[i].error));
  return worst;
}

}  // namespace oracle
