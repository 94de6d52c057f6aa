// What makes new parameters of gradients: an optimizer with its settings, penalties and clipping, block by block of W.
#pragma once

#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>

#include "nn/panels.h"

namespace deepnet {

/// The gradient of a block: W's part and, for the block with the first columns, b's.
template <class T>
struct BlockGradient {
  T *dW, *db;
  index_t dW_row;
};

constexpr index_t kBlockRows = 8 * kRowGroup, kBlockColumns = 1024;  // of dW: whole row groups, whole panels
/// What a run may take beside its activations, the optimizer's memory and as much as the parameters.
constexpr index_t kSpareBytes = index_t{64} << 20;

/// Whether all are: the sum of 0 * x is 0 then and else nan, in as many chains as a vector has lanes.
template <class T>
bool all_finite(const T* x, index_t count) {
  constexpr index_t lanes = 64 / index_t(sizeof(T));
  T probe[lanes] = {};
  index_t i = 0;
  for (; i + lanes <= count; i += lanes)
    for (index_t j = 0; j < lanes; ++j) probe[j] += T(0) * x[i + j];
  for (; i < count; ++i) probe[0] += T(0) * x[i];
  return std::accumulate(probe, probe + lanes, T(0)) == 0;
}

static_assert(kPlanHypers == kMostHypers && kPlanLossParameters == kLossParameters, "set in two headers");

template <class T>
class Updater {
 public:
  Updater(const Kernels<T>& kernels, NetworkState<T>& network, const Plan& plan)
      : kernels_(kernels),
        network_(network),
        plan_(plan),
        optimizer_(kernels.optimizers[plan.optimizer]),
        has_penalty_(std::any_of(plan.layers.begin(), plan.layers.end(),
                                 [](const LayerPlan& layer) { return layer.l2 != 0 || layer.l1 != 0; })) {}

  const Plan& plan() const { return plan_; }
  /// Forgets what was remembered, unless `keep` is asked for and it is this optimizer's.
  void start(bool keep) const {
    OptimizerState<T>& state = network_.optimizer_state;
    if (!keep || state.optimizer != plan_.optimizer || state.slots != optimizer_.slots)
      state.start(plan_.optimizer, optimizer_.slots, network_.size);
  }

  /// Whether W -= rate * dW is all that is done, so that the product that makes dW can do it.
  bool is_plain() const {
    return !undoes_updates() && plan_.optimizer == 0 && !has_penalty_ && plan_.weight_decay == 0 &&
           plan_.clip_value == 0 && plan_.clip_norm == 0;
  }
  bool has_penalty() const { return has_penalty_; }
  /// Whether the network is so large that no copy of it and of the optimizer's memory is kept to go back to. Then an
  /// update leaves the parameters it found where the gradients were, and undo() has them back if it spoilt any.
  bool undoes_updates() const { return (2 + optimizer_.slots) * network_.size * index_t(sizeof(T)) > kSpareBytes; }
  /// Whether an update needs the whole gradient beforehand: as the sum of norm() over the blocks, see clip_to().
  bool needs_norm() const { return plan_.clip_norm > 0; }

  /// A new step: what the constants of all its updates follow from.
  void begin(double rate, index_t examples) {
    const uint64_t t = network_.optimizer_state.updates + 1;
    rate_ = rate;
    gradient_scale_ = 1 / double(examples);
    for (size_t i = 0; i < kMostHypers; ++i) {
      const double value = plan_.hyper[i], correction = 1 / (1 - std::pow(value, double(t)));
      hyper_[i] = {.value = T(value),
                   .rest = T(1 - value),
                   .root = T(std::sqrt(value)),
                   .root_of_rest = T(std::sqrt(1 - value)),
                   .one_over = T(correction),
                   .one_over_root = T(std::sqrt(correction))};
    }
    has_whole_gradient_ = false;
  }
  void did_update() const { ++network_.optimizer_state.updates; }

  /// What is minimised beside the losses.
  double penalty(const WeightBlock& block, size_t layer) const {
    const LayerPlan l = of_layer(layer);
    double sum = 0;
    if (l.l2 == 0 && l.l1 == 0) return sum;
    const Layer<T>& weights = network_.layers[layer];
    for (index_t row = block.row; row < block.row + block.rows; ++row)
      sum += kernels_.penalty(block.columns, weights.W + row * weights.W_row + block.column, T(l.l2), T(l.l1));
    return sum;
  }

  /// Makes a block of the sums of gradients into that of all that is minimised; returns the sum of its squares.
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

  /// New W, and with its first columns b, of sums of gradients or, after clip_to, of whole gradients. Returns what is
  /// left of the penalty to be told: that of the former W, unless norm() was asked.
  double update(const WeightBlock& block, size_t layer, const BlockGradient<T>& gradient) const {
    double penalty = 0;
    each_run(block, layer, gradient,
             [&](T* p, T* g, index_t count, bool is_W) { penalty += update_run(p, g, count, layer, is_W); });
    return penalty;
  }

  /// The same where undo() may follow; tells of parameters that are not finite any more.
  double update(const WeightBlock& block, size_t layer, const BlockGradient<T>& gradient,
                std::atomic<bool>& spoilt) const {
    double penalty = 0;
    each_run(block, layer, gradient, [&](T* p, T* g, index_t count, bool is_W) {
      T before[kBlockColumns];
      std::copy_n(p, count, before);
      penalty += update_run(p, g, count, layer, is_W);
      std::copy_n(before, count, g);
      if (!all_finite(p, count)) spoilt = true;
    });
    return penalty;
  }
  void undo(const WeightBlock& block, size_t layer, const BlockGradient<T>& gradient) const {
    each_run(block, layer, gradient, [](T* p, const T* g, index_t count, bool) { std::copy_n(g, count, p); });
  }

 private:
  double update_run(T* p, T* g, index_t count, size_t layer, bool is_W) const {
    constexpr T no_clip = std::numeric_limits<T>::infinity();
    if (has_whole_gradient_ && scales_twice_) kernels_.finish_gradient(count, p, g, {T(whole_scale_), 0, 0, no_clip});
    return optimizer_.update(update_of(p, g, count, layer, is_W));
  }
  Update<T> update_of(T* p, T* g, index_t count, size_t layer, bool is_W) const {
    constexpr T no_clip = std::numeric_limits<T>::infinity();
    Update<T> update{
        .count = count,
        .p = p,
        .g = g,
        .slots = {},
        .penalties = has_whole_gradient_ ? Penalties<T>{T(whole_scale_), 0, 0, no_clip} : penalties(layer, is_W),
        .decay = is_W ? T(rate_ * plan_.weight_decay) : T(0),
        .rate = T(rate_),
        .epsilon = T(plan_.epsilon),
        .hyper = {}};
    for (int i = 0; i < optimizer_.slots; ++i) update.slots[i] = slot(i, p);
    std::copy(std::begin(hyper_), std::end(hyper_), update.hyper);
    return update;
  }
  LayerPlan of_layer(size_t layer) const { return plan_.layers.empty() ? LayerPlan{} : plan_.layers[layer]; }
  Penalties<T> penalties(size_t layer, bool is_W) const {
    const LayerPlan l = is_W ? of_layer(layer) : LayerPlan{};
    const T clip = plan_.clip_value > 0 ? T(plan_.clip_value) : std::numeric_limits<T>::infinity();
    return {T(gradient_scale_), T(l.l2), T(l.l1), clip};
  }
  /// Array `number` of the optimizer's memory, from p's place on.
  T* slot(index_t number, const T* p) const {
    OptimizerState<T>& state = network_.optimizer_state;
    return state.memory.template reserve<T>(state.slots * network_.size) + number * network_.size +
           (p - network_.layers[0].W);
  }

  /// use(p, g, count, whether p is of W) for the rows of W, and b.
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
  double rate_ = 0, gradient_scale_ = 1, whole_scale_ = 1;
  bool has_whole_gradient_ = false, scales_twice_ = false;
  Hyper<T> hyper_[kMostHypers]{};
};

}  // namespace deepnet
