// What makes new parameters of gradients: an optimizer with its settings, penalties and clipping, block by block of W.
#pragma once

#include <cmath>
#include <limits>

#include "nn/panels.h"

namespace deepnet {

/// The gradient of a block: W's part and, for the block with the first columns, b's.
template <class T>
struct BlockGradient {
  T *dW, *db;
  index_t dW_row;
};

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
    return plan_.optimizer == 0 && !has_penalty_ && plan_.weight_decay == 0 && plan_.clip_value == 0 &&
           plan_.clip_norm == 0;
  }
  bool has_penalty() const { return has_penalty_; }
  /// Whether an update needs the whole gradient beforehand: as the sum of norm() over the blocks, see clip_to().
  bool needs_norm() const { return plan_.clip_norm > 0; }

  /// A new step: what the constants of all its updates follow from.
  void begin(double rate, index_t examples) {
    const uint64_t t = network_.optimizer_state.updates + 1;
    rate_ = rate;
    gradient_scale_ = 1 / double(examples);
    for (size_t i = 0; i < 2; ++i) {
      const double value = plan_.hyper[i], correction = 1 / (1 - std::pow(value, double(t)));
      hyper_[i] = {T(value), T(1 - value), T(correction), T(std::sqrt(correction))};
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
    whole_scale_ = std::min(1.0, plan_.clip_norm / (std::sqrt(sum_of_squares) + 1e-6));  // as PyTorch has it
  }

  /// New W, and with its first columns b, of sums of gradients or, after clip_to, of whole gradients. Returns what is
  /// left of the penalty to be told: that of the former W, unless norm() was asked.
  double update(const WeightBlock& block, size_t layer, const BlockGradient<T>& gradient) const {
    double penalty = 0;
    each_run(block, layer, gradient, [&](T* p, T* g, index_t count, bool is_W) {
      Update<T> u{.count = count,
                  .p = p,
                  .g = g,
                  .slots = {slot(0, p), slot(1, p)},
                  .penalties = penalties(layer, is_W),
                  .decay = is_W ? T(rate_ * plan_.weight_decay) : T(0),
                  .rate = T(rate_),
                  .epsilon = T(plan_.epsilon),
                  .hyper = {hyper_[0], hyper_[1]}};
      if (has_whole_gradient_) u.penalties = {T(whole_scale_), 0, 0, std::numeric_limits<T>::infinity()};
      penalty += optimizer_.update(u);
    });
    return penalty;
  }

 private:
  LayerPlan of_layer(size_t layer) const { return plan_.layers.empty() ? LayerPlan{} : plan_.layers[layer]; }
  Penalties<T> penalties(size_t layer, bool is_W) const {
    const LayerPlan l = is_W ? of_layer(layer) : LayerPlan{};
    const T clip = plan_.clip_value > 0 ? T(plan_.clip_value) : std::numeric_limits<T>::infinity();
    return {T(gradient_scale_), T(l.l2), T(l.l1), clip};
  }
  /// What is remembered of p; null where the optimizer remembers less.
  T* slot(index_t number, const T* p) const {
    OptimizerState<T>& state = network_.optimizer_state;
    if (number >= state.slots) return nullptr;
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
  bool has_whole_gradient_ = false;
  Hyper<T> hyper_[2]{};
};

}  // namespace deepnet
