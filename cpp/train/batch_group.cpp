// What one group of panels does in phase 1 of a batch: from X through the whole network and back to dZ of layer 1.
#include <cassert>
#include <cmath>
#include <limits>

#include "runtime/phases.h"
#include "train/batch.h"

namespace deepnet {

/// The most that a group's examples may take in a cache before they are read.
constexpr index_t kFetchedBytes = index_t{1} << 17;

/// Phase 1 for one group of panels.
template <class T>
void BatchRunner<T>::forward_and_back(const Batch& chunk, const Group& group, bool gathers, Use use, PanelSums* sums) {
  const bool back = use != Use::kLoss;
  const BorrowedWorkspace borrowed;
  T* scratch = borrowed.get().activations[0].template reserve<T>(group.panels * widest_scratch_ * kPanel<T>);
  group_forward(chunk, group, gathers, back, scratch);
  for (index_t p = group.first_panel; p < group.first_panel + group.panels; ++p) {
    const TimedPhase timed(Phase::kLoss);
    *sums++ = {loss_of_panel(p, std::min(kPanel<T>, chunk.count - p * kPanel<T>), scratch, back),
               weight_of_panel(p, chunk.count)};
  }
  if (back) group_back(group, scratch);
}

/// A of all layers, but Z of the last if the loss is of Z; `back`: with dropout and with what the way back needs.
template <class T>
void BatchRunner<T>::group_forward(const Batch& chunk, const Group& group, bool gathers, bool back, T* scratch) {
  const size_t L = network_.layers.size();
  const auto [first_panel, panels, first_example, columns, all, count, ahead] = group;
  const auto did = [&](double operations) { progress_->did(operations); };
  const bool W_exceeds_cache = network_.exceeds_cache();
  if constexpr (std::is_same_v<T, float>)
    if (bf16_) return group_forward_bfloat16(chunk, group, gathers, back, scratch);

  for (index_t p = first_panel; gathers && p < first_panel + panels; ++p) {
    const TimedPhase timed(Phase::kGather);
    gather(chunk, p, ahead, back);
  }

  for (size_t l = 0; l < L; ++l) {
    const bool activate = l + 1 < L || !ends_with_Z_;
    const Layer<T>& layer = network_.layers[l];
    const PanelGroup<T> out = activations(l + 1, first_panel, panels);
    if (l == 0 && is_sparse()) {
      sparse_.forward(kernels_, layer, first_panel, out, Z_of(1, group), activate, all, scratch);
      did(2 * nonzeros_ * double(layer.units) * double(all));
    } else if (l == 0 && in_place_) {
      const TimedPhase timed(Phase::kForward);
      layer_forward_in_place<T>(kernels_, layer, plain_examples(), first_panel, out, Z_of(1, group), activate, columns,
                                did);
    } else {
      const TimedPhase timed(Phase::kForward);
      const PanelGroup<T> in = activations(l, first_panel, panels);
      layer_forward<T>(kernels_, layer, {in.data, in.units, panels}, out, Z_of(l + 1, group), activate, columns,
                       W_exceeds_cache, did);
    }
    if (!back || l + 1 == L) continue;
    masks_[l + 1].apply(kernels_, out, first_example);
    const TimedPhase timed(Phase::kTranspose);
    for (index_t p = 0; p < panels; ++p)
      transpose_panel(kernels_, out.units, std::min(kPanel<T>, columns - p * kPanel<T>), out.panel(p),
                      transposed_[l + 1] + (first_panel + p) * kPanel<T> * kPanel<T>, room_);
  }
}

/// dZ of all layers but the last, which has it already.
template <class T>
void BatchRunner<T>::group_back(const Group& group, T* scratch) {
  if constexpr (std::is_same_v<T, float>)
    if (bf16_) return group_back_bfloat16(group, scratch);
  const size_t L = network_.layers.size();
  const auto [first_panel, panels, first_example, columns, all, count, ahead] = group;
  const auto did = [&](double operations) { progress_->did(operations); };
  for (size_t l = L; l-- > 1;) {
    const TimedPhase timed(Phase::kBackward);
    const Layer<T>& layer = network_.layers[l];
    const PanelGroup<T> dZ = activations(l + 1, first_panel, panels), A_prev = activations(l, first_panel, panels);
    const Matrix<const T> W_transposed =
        W_transposed_[l] ? Matrix<const T>{W_transposed_[l], layer.inputs, layer.units, W_transposed_row_[l], 1}
                         : Matrix<const T>{layer.W, layer.inputs, layer.units, 1, layer.W_row};
    layer_backward<T>(kernels_, W_transposed,
                      {network_.layers[l - 1].activation, Z_of(l, group), masks_[l], first_example},
                      {dZ.data, dZ.units, panels}, A_prev, columns, scratch, network_.exceeds_cache(), did);
  }
  for (size_t l = 1; columns < all && l <= L; ++l) {  // sums of dZ are of whole panels
    constexpr index_t step = columns_for<T>(1);       // a constant, so that it is a few stores and no call
    const PanelGroup<T> last = activations(l, first_panel + panels - 1, 1);
    for (index_t i = 0; i < last.units; ++i)
      for (index_t j = columns - (panels - 1) * kPanel<T>; j < kPanel<T>; j += step)
        std::fill_n(last.data + i * kPanel<T> + j, step, T(0));
  }
  for (index_t p = first_panel; in_place_ && p < first_panel + panels; ++p)
    transpose_panel(kernels_, network_.layers[0].units, kPanel<T>, activations(1, p, 1).data,
                    dZ_transposed_ + p * kPanel<T> * kPanel<T>, room_);
  for (index_t p = first_panel; is_sparse() && p < first_panel + panels; ++p)
    sparse_.take_dZ(kernels_, network_.layers[0], p, activations(1, p, 1).data);
}

/// X, labels and weights of some examples: the first of a panel. `ahead`: so many examples later this thread will
/// probably gather its next group.
template <class T>
void BatchRunner<T>::gather(const Batch& chunk, index_t panel, index_t ahead, bool back) {
  const index_t start = panel * kPanel<T>, count = std::min(kPanel<T>, chunk.count - start),
                first = chunk.first + start;
  const Examples &X = data_.X, &Y = data_.Y, &weights = data_.weights;
  if (in_place_) {
    if (count < kPanel<T>) gather_panel<T>(kernels_, X, nullptr, first, count, A_[0], nullptr, room_, false);
  } else if (!is_sparse()) {
    PanelGroup<T> x = activations(0, panel, 1);
    T* transposed = transposed_[0] + start * kPanel<T>;
    const bool drops = back && masks_[0].keep != 1;
    // Long rows are left to the processor's own prefetcher.
    const index_t row = X.units * kElementBytes[size_t(X.element)];
    const bool fetches = group_panels_ * kPanel<T> * row <= kFetchedBytes && X.count * row > kCachedBytes;
    const index_t fetched = fetches ? std::clamp<index_t>(chunk.ordered - first - ahead, 0, kPanel<T>) : 0;
    gather_panel(kernels_, X, chunk.order, first, count, x.data, transposed, room_, back && !drops, ahead, fetched);
    if (drops) {
      masks_[0].apply(kernels_, x, chunk.in_batch + start);
      transpose_panel(kernels_, X.units, kPanel<T>, x.data, transposed, room_);
    }
  }
  if (Y.data)
    gather_panel(kernels_, Y, chunk.order, first, count, labels_ + start * Y.units,
                 labels_transposed_ + start * kPanel<T>, room_, false);
  if (weights.data)
    gather_panel(kernels_, weights, chunk.order, first, count, weights_ + start, labels_transposed_ + start * kPanel<T>,
                 room_, false);
}

/// The sum of the weights of a panel's examples, if the plan divides by it. Sums over panels in order do not depend on
/// the chunks.
template <class T>
double BatchRunner<T>::weight_of_panel(index_t panel, index_t in_chunk) const {
  if (!updater_.plan().normalized) return 0;
  const index_t first = panel * kPanel<T>, count = std::min(kPanel<T>, in_chunk - first);
  return data_.weights.data ? std::accumulate(weights_ + first, weights_ + first + count, 0.0) : double(count);
}

/// Returns the loss of one panel; if `back`, its output becomes dZ.
template <class T>
double BatchRunner<T>::loss_of_panel(index_t panel, index_t examples, T* scratch, bool back) {
  const Layer<T>& last = network_.layers.back();
  T* output = A_.back() + panel * last.units * kPanel<T>;
  T* d = loss_.activation ? output : scratch;
  const Plan& plan = updater_.plan();
  LossOfPanel<T> of_panel{.outputs = last.units,
                          .examples = examples,
                          .output = output,
                          .y = labels_ + panel * data_.Y.units * kPanel<T>,
                          .weights = data_.weights.data ? weights_ + panel * kPanel<T> : nullptr,
                          .parameters = {},
                          .smoothing = T(plan.label_smoothing),
                          .d = d};
  std::copy(std::begin(plan.loss_parameters), std::end(plan.loss_parameters), of_panel.parameters);
  const double loss = plan.own_loss ? own_loss_of_panel(of_panel) : loss_.of_panel(of_panel);
  if (back && d != output) output_backward(panel, d);
  return loss;
}

/// The same with a loss of the caller's, which takes one example at a time.
template <class T>
double BatchRunner<T>::own_loss_of_panel(const LossOfPanel<T>& panel) const {
  const index_t rows = data_.Y.units;
  const auto outputs = size_t(panel.outputs);
  std::vector<double> a(outputs), slope(outputs), y(static_cast<size_t>(rows));
  double sum = 0;
  for (index_t e = 0; e < kPanel<T>; ++e) {
    std::fill(slope.begin(), slope.end(), 0.0);
    const double weight = e >= panel.examples ? 0 : panel.weights ? double(panel.weights[e]) : 1;
    if (e < panel.examples) {
      for (index_t i = 0; i < panel.outputs; ++i) a[size_t(i)] = double(panel.output[i * kPanel<T> + e]);
      for (index_t i = 0; i < rows; ++i) y[size_t(i)] = double(panel.y[i * kPanel<T> + e]);
      sum += weight * (*updater_.plan().own_loss)(a, y, slope);
    }
    for (index_t i = 0; i < panel.outputs; ++i) {
      const T d = T(weight * slope[size_t(i)]);
      panel.d[i * kPanel<T> + e] = std::abs(d) < std::numeric_limits<T>::min() ? T(0) : d;  // no subnormal numbers
    }
  }
  return sum;
}

/// The output of a panel becomes dZ.
template <class T>
void BatchRunner<T>::slope_of_panel(const Batch& batch, const Examples& slope, bool of_Z, index_t panel, T* scratch) {
  const Layer<T>& last = network_.layers.back();
  const index_t first = panel * kPanel<T>, count = std::min(kPanel<T>, batch.count - first);
  T* d = of_Z ? A_.back() + panel * last.units * kPanel<T> : scratch;
  gather_panel(kernels_, slope, nullptr, first, count, d, labels_transposed_ + first * kPanel<T>, room_, false);
  if (data_.weights.data)
    for (index_t i = 0; i < last.units; ++i)
      for (index_t j = 0; j < count; ++j) d[i * kPanel<T> + j] *= weights_[first + j];
  if (!of_Z) output_backward(panel, d);
}

/// The output of a panel becomes dZ, from dA.
template <class T>
void BatchRunner<T>::output_backward(index_t panel, const T* d_a) {
  const Layer<T>& last = network_.layers.back();
  const Activation<T>& g = kernels_.activations[last.activation];
  T* output = A_.back() + panel * last.units * kPanel<T>;
  const T* Z = Z_.back() ? Z_.back() + panel * last.units * kPanel<T> : nullptr;
  (Z ? g.backward : g.backward_from_a)({.rows = last.units,
                                        .cols = kPanel<T>,
                                        .d_a = {d_a, kPanel<T>},
                                        .z = {Z ? Z : output, kPanel<T>},
                                        .d_z = {output, kPanel<T>},
                                        .lane_sums = nullptr,
                                        .flush = true});
}

/// Where the operands made of A or dZ of a layer go.
template <class T>
PanelOperands BatchRunner<T>::operands_of(size_t layer, index_t panel, bool is_dZ) const {
  const index_t between = chunk_ / kPanel<T>, bytes = square_bytes(*bf16_), squares = squares_of(units_of(layer));
  const auto beside = [&](std::byte* memory) { return memory ? memory + panel * bytes : nullptr; };
  PanelOperands to{.pairs = pairs_of(*bf16_, operands_.pairs[layer], units_of(layer), panel), .between = between};
  if (is_dZ) {
    if (layer == 1) to.pairs = nullptr;  // dA of X is not wanted
    to.rows = beside(operands_.rows[layer]);
    to.sums = operands_.sums[layer] + panel * squares * kSquare;
  } else {
    to.turned = beside(operands_.turned[layer]);
  }
  return to;
}

/// Rounds A or dZ of a layer to what products take.
template <class T>
void BatchRunner<T>::round_panels(size_t layer, const Group& group, PanelGroup<T> x, bool is_dZ) const
  requires std::is_same_v<T, float>
{
  for (index_t p = 0; p < group.panels; ++p)
    round_panel(*bf16_, x.units, group.examples_of(p), x.panel(p), operands_of(layer, group.first_panel + p, is_dZ));
}

/// group_forward() where products take bfloat16.
template <class T>
void BatchRunner<T>::group_forward_bfloat16(const Batch& chunk, const Group& group, bool gathers, bool back, T* scratch)
  requires std::is_same_v<T, float>
{
  const size_t L = network_.layers.size();
  const index_t first_panel = group.first_panel, panels = group.panels, all = group.all;
  const auto did = [&](double operations) { progress_->did(operations); };

  for (index_t p = first_panel; gathers && p < first_panel + panels; ++p) {
    const TimedPhase timed(Phase::kGather);
    gather(chunk, p, group.ahead, back);
    if (is_sparse()) continue;
    round_panel(*bf16_, units_of(0), group.examples_of(p - first_panel), activations(0, p, 1).data,
                operands_of(0, p, false));
  }
  for (size_t l = 0; l < L; ++l) {
    const Layer<T>& layer = network_.layers[l];
    const bool last = l + 1 == L, activate = !last || !ends_with_Z_, drops = back && masks_[l + 1].keep != 1;
    const PanelOperands to = operands_of(l + 1, first_panel, false);
    const TimedPhase timed(Phase::kForward);
    if (is_fused_bfloat16(l + 1) && !drops) {
      forward_bfloat16(*bf16_, layer, operands_.W[l], operands_of(l, first_panel, false).pairs, panels,
                       {.pairs = to.pairs, .turned = to.turned, .between = to.between}, did);
      continue;
    }
    const PanelGroup<T> A{A_[l + 1] ? activations(l + 1, first_panel, panels).data : scratch, layer.units, panels},
        Z{Z_of(l + 1, group) ? Z_of(l + 1, group) : A.data, layer.units, panels};
    if (l == 0 && is_sparse()) {
      sparse_.forward(kernels_, layer, first_panel, A, Z_of(1, group), activate, all, scratch);
      did(2 * nonzeros_ * double(layer.units) * double(all));
    } else {
      forward_bfloat16(*bf16_, layer, operands_.W[l], operands_of(l, first_panel, false).pairs, panels, {.c = Z.data},
                       did);
      if (activate) activate_panels(kernels_.activations[layer.activation], Z, A, all);
    }
    if (last) continue;
    if (back) masks_[l + 1].apply(kernels_, A, group.first_example);
    round_panels(l + 1, group, A, false);
  }
}

/// group_back() where products take bfloat16.
template <class T>
void BatchRunner<T>::group_back_bfloat16(const Group& group, T* scratch)
  requires std::is_same_v<T, float>
{
  const size_t L = network_.layers.size();
  const index_t first_panel = group.first_panel, panels = group.panels;
  const auto did = [&](double operations) { progress_->did(operations); };
  round_panels(L, group, activations(L, first_panel, panels), true);
  for (size_t l = L; l-- > 1;) {
    const Layer<T>& layer = network_.layers[l];
    const TimedPhase timed(Phase::kBackward);
    const std::byte* dZ = pairs_of(*bf16_, operands_.pairs[l + 1], layer.units, first_panel);
    if (is_fused_bfloat16(l)) {
      const PanelOperands to = operands_of(l, first_panel, true);
      backward_bfloat16(*bf16_, layer, operands_.W_turned[l], dZ, panels, T(1 / masks_[l].keep),
                        {.pairs = to.pairs,
                         .rows = to.rows,
                         .between = to.between,
                         .other = pairs_of(*bf16_, operands_.pairs[l], layer.inputs, first_panel),
                         .sums = to.sums},
                        did);
      continue;
    }
    const PanelGroup<T> A_prev = activations(l, first_panel, panels), dA{scratch, layer.inputs, panels};
    backward_bfloat16(*bf16_, layer, operands_.W_turned[l], dZ, panels, T(1), {.c = scratch}, did);
    finish_backward<T>(kernels_, {network_.layers[l - 1].activation, Z_of(l, group), masks_[l], group.first_example},
                       dA, A_prev, group.all);
    round_panels(l, group, A_prev, true);
  }
  for (index_t p = 0; is_sparse() && p < panels; ++p) {
    const PanelGroup<T> dZ = activations(1, first_panel + p, 1);
    for (index_t e = group.examples_of(p); e < kPanel<T>; ++e)
      for (index_t i = 0; i < dZ.units; ++i) dZ.data[i * kPanel<T> + e] = 0;
    sparse_.take_dZ(kernels_, network_.layers[0], first_panel + p, dZ.data, bf16_);
  }
}

// What the schedule, in batch.cpp, calls.
template void BatchRunner<float>::forward_and_back(const Batch&, const Group&, bool, Use, PanelSums*);
template void BatchRunner<float>::group_forward(const Batch&, const Group&, bool, bool, float*);
template void BatchRunner<float>::group_back(const Group&, float*);
template void BatchRunner<float>::slope_of_panel(const Batch&, const Examples&, bool, index_t, float*);
template double BatchRunner<float>::weight_of_panel(index_t, index_t) const;
template void BatchRunner<double>::forward_and_back(const Batch&, const Group&, bool, Use, PanelSums*);
template void BatchRunner<double>::group_forward(const Batch&, const Group&, bool, bool, double*);
template void BatchRunner<double>::group_back(const Group&, double*);
template void BatchRunner<double>::slope_of_panel(const Batch&, const Examples&, bool, index_t, double*);
template double BatchRunner<double>::weight_of_panel(index_t, index_t) const;

}  // namespace deepnet
