// Updates parameters block by block: the optimizer with its settings, penalties and clipping.
#pragma once

#include <atomic>
#include <cassert>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "nn/panels.h"
#include "nn/progress.h"

namespace deepnet {

/// The gradient of a block: W's part and, for the block with the first columns, b's.
template <class T>
struct BlockGradient {
  T *dW, *db;
  index_t dW_row;
};

constexpr index_t kBlockRows = 8 * kRowGroup, kBlockColumns = 1024;  // of dW: whole row groups, whole panels
/// The most memory that a run may use beside activations, optimizer state and one copy of the parameters.
constexpr index_t kSpareBytes = index_t{64} << 20;

/// True if all values are finite: then the sum of 0 * x is 0, else nan. In as many chains as a vector has lanes, which
/// are added as a tree: one after the other, as long as all of a row of 64.
template <class T>
bool all_finite(const T* x, index_t count) {
  constexpr index_t lanes = 64 / index_t(sizeof(T));
  T probe[lanes] = {};
  index_t i = 0;
  for (; i + lanes <= count; i += lanes)
    for (index_t j = 0; j < lanes; ++j) probe[j] += T(0) * x[i + j];
  for (; i < count; ++i) probe[0] += T(0) * x[i];
  for (index_t width = lanes / 2; width > 0; width /= 2)
    for (index_t j = 0; j < width; ++j) probe[j] += probe[j + width];
  return probe[0] == 0;
}

static_assert(kPlanHypers == kMostHypers && kPlanLossParameters == kLossParameters, "set in two headers");

template <class T>
class Updater {
 public:
  Updater(const Kernels<T>& kernels, NetworkState<T>& network, Plan plan)
      : kernels_(kernels),
        network_(network),
        plan_(std::move(plan)),
        optimizer_(kernels.optimizers[plan_.optimizer]),
        has_penalty_(std::any_of(plan_.layers.begin(), plan_.layers.end(),
                                 [](const LayerPlan& layer) { return layer.l2 != 0 || layer.l1 != 0; })) {
    assert(plan_.layers.empty() || plan_.layers.size() == network.layers.size());
    assert(plan_.rates.empty() || plan_.rates.size() == network.layers.size());
    if (!scales_features()) return;
    assert(plan_.clip_value == 0 && plan_.clip_norm == 0);
    assert(plan_.layers.empty() || (plan_.layers[0].l2 == 0 && plan_.layers[0].l1 == 0));
    scale_gradient_.resize(size_t(network.layers[0].inputs));
  }

  const Plan& plan() const { return plan_; }
  /// Clears the optimizer's state, unless `keep` is true and the state is of the same optimizer. After an interrupt it
  /// is cleared the next time.
  void start(bool keep, Progress& progress) const {
    OptimizerState<T>& state = network_.optimizer_state;
    const Layer<T>& first = network_.layers[0];
    const index_t scales = (1 + optimizer_.slots) * round_up(first.inputs, kPanel<T>),
                  extra = scales_features() ? first.units * first.W_row + scales : 0;
    const bool fresh =
        !keep || state.optimizer != plan_.optimizer || state.slots != optimizer_.slots || state.extra != extra;
    if (fresh) state.start(plan_.optimizer, optimizer_.slots, network_.size, extra, progress);
    if (scales_features() && (fresh || !has_factors())) {
      std::copy_n(first.W, first.units * first.W_row, factor());
      std::fill_n(feature_scales(), first.inputs, T(1));
    }
  }

  /// Clears the optimizer's state when it is next used.
  void forget() const { network_.optimizer_state.optimizer = -1; }

  /// True if the update is W -= rate * dW and nothing else, which the product that computes dW then does.
  bool is_fused() const {
    return !undoes_updates() && plan_.optimizer == 0 && !has_penalty_ && plan_.weight_decay == 0 &&
           plan_.clip_value == 0 && plan_.clip_norm == 0 && plan_.rates.empty() && !scales_features();
  }
  bool has_penalty() const { return has_penalty_; }
  /// True if the network is too large for a copy of its parameters and the optimizer's state. Then an update stores the
  /// former parameters in place of the gradients, and undo() restores them.
  /// With scales of the features, which it could not restore, a copy is made however large the network is.
  bool undoes_updates() const {
    return (2 + optimizer_.slots) * network_.size * index_t(sizeof(T)) > kSpareBytes && !scales_features();
  }
  /// True if an update needs the norm of the whole gradient first: the sum of norm() over the blocks, see clip_to().
  bool needs_norm() const { return plan_.clip_norm > 0; }
  /// True if an update needs the whole gradient of layer 1 first, for update_feature_scales().
  bool scales_features() const { return plan_.feature_rate > 0; }

  /// Begins a step: computes the constants of all its updates.
  void begin(double rate) {
    const uint64_t t = network_.optimizer_state.updates + 1;
    rate_ = rate;
    for (size_t i = 0; i < kMostHypers; ++i) {
      const double value = plan_.hyper[i], correction = 1 / (1 - std::pow(value, double(t)));
      hyper_[i] = {.value = T(value),
                   .rest = T(1 - value),
                   .root = T(std::sqrt(value)),
                   .root_of_rest = T(std::sqrt(1 - value)),
                   .one_over = T(correction),
                   .one_over_root = T(std::sqrt(correction))};
    }
    epsilon_ = plan_.epsilon * (plan_.epsilon_hat ? hyper_[1].one_over_root : 1);
    has_whole_gradient_ = false;
  }
  /// Sets what a batch's sums of losses and gradients are divided by, and with a normalized plan the penalties too.
  void divide_by(double divisor) {
    gradient_scale_ = 1 / divisor;
    penalty_scale_ = plan_.normalized ? gradient_scale_ : 1;
  }
  void did_update() const { ++network_.optimizer_state.updates; }

  /// The l2 and l1 terms of the loss; divide_by comes first.
  double penalty(const WeightBlock& block, size_t layer) const {
    const LayerPlan l = of_layer(layer);
    double sum = 0;
    if (l.l2 == 0 && l.l1 == 0) return sum;
    const Layer<T>& weights = network_.layers[layer];
    for (index_t row = block.row; row < block.row + block.rows; ++row)
      sum += kernels_.penalty(block.columns, weights.W + row * weights.W_row + block.column, T(l.l2), T(l.l1));
    return sum;
  }

  /// Turns a block's sums of gradients into the gradient of the whole objective; returns the sum of its squares.
  double norm(const WeightBlock& block, size_t layer, const BlockGradient<T>& gradient) const {
    double sum = 0;
    each_run(block, layer, gradient, [&](T* p, T* g, index_t count, bool is_W) {
      sum += kernels_.finish_gradient(count, p, g, penalties(layer, is_W));
    });
    return sum;
  }
  void clip_to(double sum_of_squares) {
    has_whole_gradient_ = true;
    whole_scale_ = std::min(1.0, plan_.clip_norm / (std::sqrt(sum_of_squares) + 1e-6));  // as in PyTorch
    scales_twice_ = whole_scale_ < double(std::numeric_limits<T>::min());  // T cannot hold it, but its root
    if (scales_twice_) whole_scale_ = std::sqrt(whole_scale_);
  }

  /// Updates the scales s of W = U diag(s) from the sums dW of all of layer 1, and turns these into those of U, which
  /// update() then needs: dU = dW diag(s), and ds = the sums of U * dW over the rows.
  void update_feature_scales(T* dW) {
    const Layer<T>& first = network_.layers[0];
    T *U = factor(), *s = feature_scales(), *ds = scale_gradient_.data();
    std::fill_n(ds, first.inputs, T(0));
    for (index_t i = 0; i < first.units; ++i, dW += first.W_row, U += first.W_row)
      for (index_t j = 0; j < first.inputs; ++j) {
        ds[j] += U[j] * dW[j];
        dW[j] *= s[j];
      }
    Update<T> update = update_of(s, ds, first.inputs, 0, false, plan_.feature_rate);
    for (int i = 0; i < optimizer_.slots; ++i) update.slots[i] = s + (1 + i) * round_up(first.inputs, kPanel<T>);
    optimizer_.update(update);
  }

  /// Updates W, and b with the block of its first columns, from sums of gradients or, after clip_to, from whole
  /// gradients. Returns the penalty of the former W, or 0 after norm(), whose caller has added it.
  double update(const WeightBlock& block, size_t layer, const BlockGradient<T>& gradient) const {
    const Layer<T>& l = network_.layers[layer];
    T* W = l.W + block.row * l.W_row + block.column;
    double penalty = update_rows(W, gradient.dW, block.columns, layer, true, block.rows, l.W_row, gradient.dW_row);
    if (block.column == 0) penalty += update_rows(l.b + block.row, gradient.db, block.rows, layer, false);
    return penalty;
  }

  /// The same where undo() may follow; sets `non_finite` if a new parameter is not finite.
  double update(const WeightBlock& block, size_t layer, const BlockGradient<T>& gradient,
                std::atomic<bool>& non_finite) const {
    double penalty = 0;
    each_run(block, layer, gradient, [&](T* p, T* g, index_t count, bool is_W) {
      T before[kBlockColumns];
      std::copy_n(p, count, before);
      penalty += update_rows(p, g, count, layer, is_W);
      std::copy_n(before, count, g);
      if (!all_finite(p, count)) non_finite = true;
    });
    return penalty;
  }
  void undo(const WeightBlock& block, size_t layer, const BlockGradient<T>& gradient) const {
    each_run(block, layer, gradient, [](T* p, const T* g, index_t count, bool) { std::copy_n(g, count, p); });
  }

  /// The options of a layer, with the penalties of this batch.
  LayerPlan of_layer(size_t layer) const {
    LayerPlan l = plan_.layers.empty() ? LayerPlan{} : plan_.layers[layer];
    l.l2 *= penalty_scale_;
    l.l1 *= penalty_scale_;
    return l;
  }

 private:
  double update_rows(T* p, T* g, index_t count, size_t layer, bool is_W, index_t rows = 1, index_t p_row = 0,
                     index_t g_row = 0) const {
    constexpr T no_clip = std::numeric_limits<T>::infinity();
    for (index_t i = 0; has_whole_gradient_ && scales_twice_ && i < rows; ++i)
      kernels_.finish_gradient(count, p + i * p_row, g + i * g_row, {T(whole_scale_), 0, 0, no_clip});
    Update<T> update = update_of(p, g, count, layer, is_W, rate_factor(layer, is_W));
    update.rows = rows;
    update.p_row = p_row;
    update.g_row = g_row;
    for (int i = 0; i < optimizer_.slots; ++i) update.slots[i] = slot(i, p);
    if (!scales_features() || layer > 0 || !is_W) return optimizer_.update(update);
    const index_t at = p - network_.layers[0].W;
    update.p = factor() + at;
    optimizer_.update(update);
    for (index_t i = 0; i < rows; ++i)
      multiply(count, update.p + i * p_row, feature_scales() + at % network_.layers[0].W_row, p + i * p_row);
    return 0;
  }
  double rate_factor(size_t layer, bool is_W) const {
    return plan_.rates.empty() ? 1 : is_W ? plan_.rates[layer].W : plan_.rates[layer].b;
  }
  /// All but the slots.
  Update<T> update_of(T* p, T* g, index_t count, size_t layer, bool is_W, double rate_factor) const {
    const double rate = rate_ * rate_factor;
    constexpr T no_clip = std::numeric_limits<T>::infinity();
    static_assert(kMostHypers == 2 && kMostSlots == 2);  // all are set at once: GCC clears the rest by `rep stos`
    return {.count = count,
            .p = p,
            .g = g,
            .slots = {nullptr, nullptr},
            .penalties = has_whole_gradient_ ? Penalties<T>{T(whole_scale_), 0, 0, no_clip} : penalties(layer, is_W),
            .decay = is_W ? T(rate * plan_.weight_decay) : T(0),
            .rate = plan_.rate_inside ? T(1) : T(rate),
            .epsilon = T(epsilon_),
            .hyper = {hyper_[0], hyper_[1]},
            .gain = plan_.rate_inside ? T(rate) : T(1)};
  }
  Penalties<T> penalties(size_t layer, bool is_W) const {
    const LayerPlan l = is_W ? of_layer(layer) : LayerPlan{};
    const T clip = plan_.clip_value > 0 ? T(plan_.clip_value) : std::numeric_limits<T>::infinity();
    return {T(gradient_scale_), T(l.l2), T(l.l1), clip};
  }
  /// Slot `number` of the optimizer's state, at the place of p.
  T* slot(index_t number, const T* p) const {
    return network_.optimizer_state.numbers() + number * network_.size + (p - network_.layers[0].W);
  }

  /// Of W = U diag(s) of layer 1: U, laid out as W, and behind it s and its slots.
  T* factor() const { return network_.optimizer_state.numbers() + optimizer_.slots * network_.size; }
  T* feature_scales() const { return factor() + network_.layers[0].units * network_.layers[0].W_row; }
  /// w = u * s; tiny numbers become 0, as in every update.
  static void multiply(index_t count, const T* u, const T* s, T* w) {
    constexpr T tiny = 128 * std::numeric_limits<T>::min();
    for (index_t j = 0; j < count; ++j) {
      const T product = u[j] * s[j];
      w[j] = std::abs(product) < tiny ? T(0) : product;
    }
  }
  /// False if W was changed from outside.
  bool has_factors() const {
    const Layer<T>& first = network_.layers[0];
    std::vector<T> row(size_t(first.inputs));
    for (index_t i = 0; i < first.units; ++i) {
      multiply(first.inputs, factor() + i * first.W_row, feature_scales(), row.data());
      if (!std::equal(row.begin(), row.end(), first.W + i * first.W_row)) return false;
    }
    return true;
  }

  /// Calls use(p, g, count, is_W) for each row of W, and for b.
  template <class Use>
  void each_run(const WeightBlock& block, size_t layer, const BlockGradient<T>& gradient, Use use) const {
    const Layer<T>& l = network_.layers[layer];
    for (index_t i = 0; i < block.rows; ++i)
      use(l.W + (block.row + i) * l.W_row + block.column, gradient.dW + i * gradient.dW_row, block.columns, true);
    if (block.column == 0) use(l.b + block.row, gradient.db, block.rows, false);
  }

  const Kernels<T>& kernels_;
  NetworkState<T>& network_;
  Plan plan_;
  const Optimizer<T>& optimizer_;
  bool has_penalty_;
  double rate_ = 0, epsilon_ = 1, gradient_scale_ = 1, penalty_scale_ = 1, whole_scale_ = 1;
  bool has_whole_gradient_ = false, scales_twice_ = false;
  Hyper<T> hyper_[kMostHypers]{};
  std::vector<T> scale_gradient_;
};

}  // namespace deepnet
