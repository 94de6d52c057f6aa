#include "train/batch.h"

#include <cassert>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <stdexcept>

#include "runtime/fork.h"
#include "runtime/phases.h"
#include "runtime/random.h"

namespace deepnet {

/// The most that a group's examples may take in a cache before they are read.
constexpr index_t kFetchedBytes = index_t{1} << 17;

template <class T>
PanelGroup<T> BatchRunner<T>::activations(size_t layer, index_t first_panel, index_t panels) const {
  const index_t units = units_of(layer);
  return {A_[layer] + first_panel * units * kPanel<T>, units, panels};
}

template <class T>
template <class Task>
void BatchRunner<T>::each_block(Task task) {
  ThreadPool::run(index_t(blocks_.size()), workers_, [&](index_t i) { task(blocks_[size_t(i)]); });
}

/// The sum of task over all blocks, always in the same order.
template <class T>
template <class Task>
double BatchRunner<T>::sum_of_blocks(Task task) {
  ThreadPool::run(index_t(blocks_.size()), workers_,
                  [&](index_t i) { block_sums_[size_t(i)] = task(blocks_[size_t(i)]); });
  return std::accumulate(block_sums_.begin(), block_sums_.end(), 0.0);
}

/// True if the examples are all of a batch, in order and of type T, with those of a unit side by side, and the first
/// layer has so few units that packing a large X would dominate a step.
template <class T>
bool BatchRunner<T>::can_read_in_place(const Data& data, bool in_order) const {
  const Examples& X = data.X;
  constexpr index_t size = sizeof(T);
  return in_order && !bf16_ && !X.is_sparse() && X.element == (size == 4 ? Element::kF32 : Element::kF64) &&
         X.scale == 1 && X.count > 1 && X.count == largest_ && X.count <= chunk_ && X.example_stride == size &&
         X.unit_stride >= X.count * size && X.unit_stride % size == 0 &&
         reinterpret_cast<uintptr_t>(X.data) % size == 0 && X.units * X.count * size > kCachedBytes &&
         network_.layers[0].units <= kFewRows && dropout_of(0) == 0;
}

/// Cuts the gradients into parts whose sums over all processes begin as soon as their blocks are done: several whole
/// layers, or some rows of a large one. The last part of a layer has its b as well.
template <class T>
void BatchRunner<T>::make_buckets() {
  buckets_.clear();
  const std::vector<Layer<T>>& layers = network_.layers;
  const auto place = [&](const T* parameter) { return index_t(parameter - layers[0].W); };
  const index_t least = together_->bucket;
  index_t end = place(layers.back().b + layers.back().units), first = 0;  // of what is not in a bucket yet
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const Block& block = blocks_[i];
    const Layer<T>& layer = layers[block.layer];
    const index_t begin = place(layer.W), behind = block.layer + 1 < layers.size() ? place((&layer + 1)->W) : end;
    const bool is_large = least > 0 && behind - begin >= 2 * least;
    if (block.row == 0 && block.column == 0) {
      first = begin;
      if (is_large && end > behind) {  // its rows do not wait for the small layers after it
        buckets_.push_back({i, behind, end - behind});
        end = behind;
      }
    }
    const bool last = i + 1 == blocks_.size();
    if (!last && blocks_[i + 1].column > 0) continue;  // its rows have more columns
    const index_t rows = begin + (block.row + block.rows) * layer.W_row;
    if (block.row + block.rows < layer.units) {
      if (!is_large || rows - first < least || behind - rows < least) continue;
      buckets_.push_back({i + 1, first, rows - first});
      first = rows;
    } else if (last || (least > 0 && end - first >= least)) {
      buckets_.push_back({i + 1, first, end - first});
      end = begin;
    }
  }
}

template <class T>
void BatchRunner<T>::take(const Data& data, Progress& progress) {
  assert(data.X.units == data_.X.units && data.Y.units == data_.Y.units);
  assert(data.X.is_sparse() == is_sparse());
  data_ = data;
  if (is_sparse()) nonzeros_ = nonzeros_per_example(data.X, data.chosen);
  progress_ = &progress;
  has_X_ = false;
  parameters_changed();
}

template <class T>
void BatchRunner<T>::parameters_changed(bool kept) {
  each_block([&](const Block& block) { transpose_weights(block, kept); });
}

template <class T>
void BatchRunner<T>::transpose_weights(const Block& block, bool kept) {
  if constexpr (std::is_same_v<T, float>)
    if (bf16_) {
      if (is_sparse(block)) return;
      round_weights(*bf16_, network_.layers[block.layer], block, operands_.W[block.layer],
                    operands_.W_turned[block.layer], kept);
      return;
    }
  T* transposed = W_transposed_[block.layer];
  if (!transposed) return;
  const TimedPhase timed(Phase::kTransposeW);
  const Layer<T>& layer = network_.layers[block.layer];
  const index_t row = W_transposed_row_[block.layer];
  assert(block.row * index_t(sizeof(T)) % 64 == 0);  // no other block's lines are written
  kernels_.transpose_matrix(block.rows, block.columns, layer.W + block.row * layer.W_row + block.column, layer.W_row,
                            transposed + block.column * row + block.row, row);
}

/// X of a chunk of sparse examples, and the columns of W of layer 1 that it uses.
template <class T>
void BatchRunner<T>::list_sparse(const Batch& chunk, bool gathers, bool back) {
  constexpr index_t kAtOnce = 256;  // columns of a task
  const Layer<T>& layer = network_.layers[0];
  if (gathers) {
    sparse_.gather(kernels_, layer, data_.X, chunk.order, chunk.first, chunk.count, back ? masks_[0] : DropoutMask{},
                   chunk.in_batch, back, bf16_);
    progress_->did(10 * nonzeros_ * double(chunk.count));
  }
  ThreadPool::run((sparse_.used() + kAtOnce - 1) / kAtOnce, workers_, [&](index_t i) {
    const index_t count = std::min(kAtOnce, sparse_.used() - i * kAtOnce);
    sparse_.copy_columns(layer, i * kAtOnce, count, bf16_);
    progress_->wrote(count * layer.units);
  });
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

/// Groups of group_panels_ each, as many as all threads take in full rounds; then of what is left, so that each thread
/// gets about as much.
template <class T>
index_t BatchRunner<T>::groups(index_t panels) const {
  const index_t whole = panels / (group_panels_ * workers_) * workers_, left = panels - whole * group_panels_;
  const index_t each = std::max<index_t>(left / workers_, 1);
  return whole + (left + each - 1) / each;
}

template <class T>
index_t BatchRunner<T>::first_of_group(index_t group, index_t panels) const {
  const index_t whole = panels / (group_panels_ * workers_) * workers_, left = panels - whole * group_panels_;
  const index_t each = std::max<index_t>(left / workers_, 1);
  return group <= whole ? group * group_panels_ : std::min(whole * group_panels_ + (group - whole) * each, panels);
}

template <class T>
typename BatchRunner<T>::Group BatchRunner<T>::group_of(const Batch& chunk, index_t number) const {
  const index_t of_chunk = panels_for<T>(chunk.count), first_panel = first_of_group(number, of_chunk);
  return group_at(chunk, first_panel, first_of_group(number + 1, of_chunk) - first_panel, workers_);
}

/// `between`: the groups that other threads probably gather before this thread's next one, and this.
template <class T>
typename BatchRunner<T>::Group BatchRunner<T>::group_at(const Batch& chunk, index_t first_panel, index_t panels,
                                                        index_t between) const {
  const index_t all = panels * kPanel<T>;
  // The last panel of 200 examples has 8, so half of its columns are left out.
  const index_t columns = std::min(all, round_up(chunk.count - first_panel * kPanel<T>, 64 / index_t(sizeof(T))));
  return {first_panel, panels,      chunk.in_batch + first_panel * kPanel<T>, columns,
          all,         chunk.count, group_panels_ * between * kPanel<T>};
}

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
    constexpr index_t half = kPanel<T> / 2;           // what is left out: a cache line
    const PanelGroup<T> last = activations(l, first_panel + panels - 1, 1);
    for (index_t i = 0; i < last.units; ++i) std::fill_n(last.data + i * kPanel<T> + half, half, T(0));
  }
  for (index_t p = first_panel; in_place_ && p < first_panel + panels; ++p)
    transpose_panel(kernels_, network_.layers[0].units, kPanel<T>, activations(1, p, 1).data,
                    dZ_transposed_ + p * kPanel<T> * kPanel<T>, room_);
  for (index_t p = first_panel; is_sparse() && p < first_panel + panels; ++p)
    sparse_.take_dZ(kernels_, network_.layers[0], p, activations(1, p, 1).data);
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

template <class T>
void BatchRunner<T>::forward(const Batch& batch, Matrix<T> out) {
  const bool back = passes_;
  assert(batch.count <= largest_ && (!back || batch.count <= chunk_));
  SharedWork work = begin_work(batch.count, back ? network_.choices.forward : network_.choices.loss,
                               operations(batch.count, Use::kLoss), true);
  double weight = 0;
  for (index_t begin = 0; begin < batch.count; begin += chunk_) {
    const Batch chunk{batch.order, batch.first + begin, std::min(chunk_, batch.count - begin), batch.ordered, begin};
    if (is_sparse()) list_sparse(chunk, true, back);
    ThreadPool::run(groups(panels_for<T>(chunk.count)), workers_, [&](index_t number) {
      const Group group = group_of(chunk, number);
      const BorrowedWorkspace borrowed;
      T* scratch = borrowed.get().activations[0].template reserve<T>(group.panels * widest_scratch_ * kPanel<T>);
      group_forward(chunk, group, true, back, scratch);
      const index_t units = network_.layers.back().units, first = group.first_panel * kPanel<T>,
                    end = std::min(first + group.all, chunk.count);
      for (index_t i = 0; i < out.rows; ++i)
        for (index_t j = first; j < end; ++j)
          out.data[i * out.row + (begin + j) * out.col] =
              A_.back()[(j / kPanel<T> * units + i) * kPanel<T> + j % kPanel<T>];
    });
    for (index_t p = 0; p < panels_for<T>(chunk.count); ++p) weight += weight_of_panel(p, chunk.count);
  }
  divide_by_sum(batch.count, weight);
  work.done();
}

template <class T>
void BatchRunner<T>::back_from(const Batch& batch, const Examples& slope, bool of_Z,
                               std::span<const ParameterGradient<T>> gradients, Progress& progress) {
  progress_ = &progress;
  SharedWork work = begin_work(batch.count, network_.choices.backward, 2 * operations(batch.count, Use::kLoss), true);
  ThreadPool::run(groups(panels_for<T>(batch.count)), workers_, [&](index_t number) {
    const Group group = group_of(batch, number);
    const BorrowedWorkspace borrowed;
    T* scratch = borrowed.get().activations[0].template reserve<T>(group.panels * widest_scratch_ * kPanel<T>);
    for (index_t p = group.first_panel; p < group.first_panel + group.panels; ++p)
      slope_of_panel(batch, slope, of_Z, p, scratch);
    group_back(group, scratch);
  });
  each_block([&](const Block& block) {
    if (gradients.empty())
      sum_gradients(block, 0, batch.count, false, true, kept_gradient(block), false, 0);
    else
      write_gradient(block, batch.count, false, gradients[block.layer]);
    progress_->did(2 * double(batch.count) * double(block.rows) * double(block.columns));
  });
  work.done();
}

/// A step with a batch loss.
template <class T>
double BatchRunner<T>::batch_loss_step(const Batch& batch, double rate) {
  BatchLoss& loss = *data_.batch_loss;
  forward(batch, row_major(static_cast<T*>(loss.outputs(batch.count)), network_.layers.back().units, batch.count));
  Examples slope;
  const double losses = loss.compute(batch.order, batch.first, batch.count, &slope);
  if (!std::isfinite(losses)) return losses;
  back_from({nullptr, 0, batch.count}, slope, updater_.plan().batch_loss_of_Z, {}, *progress_);
  return finish(double(batch.count), Use::kSteps, losses, 0, false, rate);
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

/// Where the sums of a block's gradients are kept between passes; null if they are not.
template <class T>
BlockGradient<T> BatchRunner<T>::kept_gradient(const Block& block) const {
  if (!gradient_) return {nullptr, nullptr, 0};
  const Layer<T>& layer = network_.layers[block.layer];
  const index_t at = block.row * layer.W_row + block.column;
  return {in_gradient(layer.W + at), in_gradient(layer.b + block.row), layer.W_row};
}

/// Sums the gradients of a block over some examples, added to those of earlier ones if `resume` is true. `into_W`:
/// applies them, too.
template <class T>
void BatchRunner<T>::sum_gradients(const Block& block, index_t first_panel, index_t examples, bool resume, bool finish,
                                   const BlockGradient<T>& to, bool into_W, double rate) {
  const Layer<T>& layer = network_.layers[block.layer];
  if (!into_W && !resume && block.column == 0) std::fill_n(to.db, block.rows, T(0));
  sum_into(block, first_panel, examples,
           {.resume = resume,
            .finish = finish,
            .lane_sums = lane_sums_[block.layer],
            .dW_before = to.dW,
            .W = into_W ? layer.W + block.row * layer.W_row + block.column : to.dW,
            .b = into_W ? layer.b + block.row : to.db,
            .W_row = into_W ? layer.W_row : to.dW_row,
            .dW_finish = into_W ? Finish::kDescend : Finish::kScale,
            .dW_scale = into_W ? T(rate) : T(1),
            .db_scale = into_W ? T(-rate) : T(1),
            .W_exceeds_cache = network_.exceeds_cache()});
}

template <class T>
void BatchRunner<T>::sum_into(const Block& block, index_t first_panel, index_t examples, const GradientSum<T>& sum) {
  const Layer<T>& layer = network_.layers[block.layer];
  const TimedPhase timed(Phase::kGradient);
  if constexpr (std::is_same_v<T, float>)
    if (bf16_) {
      assert(first_panel == 0);
      const index_t panels = panels_for<T>(examples);
      bias_gradient_bfloat16(block, operands_.sums[block.layer + 1], panels, squares_of(layer.units) * kSquare, sum);
      if (is_sparse(block)) return sparse_.gradient(kernels_, block, sum);
      const Bfloat16Weights weights =
          sum.dW_finish == Finish::kDescend
              ? rounded_weights(*bf16_, layer, block, operands_.W[block.layer], operands_.W_turned[block.layer])
              : Bfloat16Weights{};
      return gradient_bfloat16(*bf16_, block, operands_.rows[block.layer + 1], operands_.turned[block.layer],
                               chunk_ / kPanel<T>, panels, sum, weights);
    }
  const T* dZ = activations(block.layer + 1, first_panel, 1).data;
  assert(first_panel == 0 || (!is_sparse() && !in_place_));
  if (is_sparse(block)) {
    bias_gradient(kernels_, layer, block, dZ, examples, sum);
    sparse_.gradient(kernels_, block, sum);
  } else if (block.layer == 0 && in_place_) {
    layer_gradient_in_place<T>(kernels_, layer, block, dZ, dZ_transposed_, room_, plain_examples(), sum);
  } else {
    layer_gradient<T>(kernels_, layer, block, dZ, transposed_[block.layer] + first_panel * kPanel<T> * kPanel<T>, room_,
                      examples, sum);
  }
}

/// Finishes the sums of a block's gradients, and writes the means of the gradients, with penalties.
template <class T>
void BatchRunner<T>::write_gradient(const Block& block, index_t examples, bool resume, const ParameterGradient<T>& to) {
  const Layer<T>& layer = network_.layers[block.layer];
  const auto& [dW, db] = to;
  assert(dW.rows == layer.units && dW.cols == layer.inputs && dW.col == 1 && db.rows == layer.units);
  const LayerPlan penalty = updater_.of_layer(block.layer);
  const T scale = T(1) / T(divisor_), l2 = T(penalty.l2), l1 = T(penalty.l1);
  const BlockGradient<T> sums = kept_gradient(block);
  T* out = dW.data + block.row * dW.row + block.column;
  if (!resume && l2 == 0 && l1 == 0 && !bf16_ && !is_sparse(block) && !(in_place_ && block.layer == 0)) {
    if (block.column == 0) std::fill_n(sums.db, block.rows, T(0));
    sum_into(block, 0, examples,
             {.resume = false,
              .finish = true,
              .lane_sums = lane_sums_[block.layer],
              .dW_before = nullptr,
              .W = out,
              .b = sums.db,
              .W_row = dW.row,
              .dW_finish = Finish::kScale,
              .dW_scale = scale,
              .db_scale = T(1),
              .W_exceeds_cache = network_.exceeds_cache(),
              .padded = false});
  } else {
    sum_gradients(block, 0, examples, resume, true, sums, false, 0);
    const T* W = layer.W + block.row * layer.W_row + block.column;
    for (index_t i = 0; i < block.rows; ++i, out += dW.row, W += layer.W_row) {
      const T* sum = sums.dW + i * sums.dW_row;
      if (l2 == 0 && l1 == 0)
        for (index_t j = 0; j < block.columns; ++j) out[j] = sum[j] * scale;
      else
        for (index_t j = 0; j < block.columns; ++j)
          out[j] = sum[j] * scale + (l2 * W[j] + l1 * T((W[j] > 0) - (W[j] < 0)));
    }
  }
  for (index_t i = 0; block.column == 0 && i < block.rows; ++i) db.data[(block.row + i) * db.row] = sums.db[i] * scale;
}

template <class T>
double BatchRunner<T>::update(const Block& block, const BlockGradient<T>& gradient) {
  const TimedPhase timed(Phase::kUpdate);
  return updater_.undoes_updates() ? updater_.update(block, block.layer, gradient, non_finite_)
                                   : updater_.update(block, block.layer, gradient);
}

/// Finishes the sums of a block's gradients and updates it while they are in cache; returns the penalty.
template <class T>
double BatchRunner<T>::finish_block(const Block& block, index_t first_panel, index_t examples, bool resume,
                                    double rate) {
  double penalty = 0;
  if (updater_.is_fused() && is_sparse(block) && resume) {  // inputs of earlier chunks have gradients, too
    sum_gradients(block, first_panel, examples, true, true, kept_gradient(block), false, 0);
    return update_block(block, rate);
  }
  if (updater_.is_fused()) {
    sum_gradients(block, first_panel, examples, resume, true, kept_gradient(block), true, rate);
    if (bf16_ && !is_sparse(block)) return penalty;  // which has rounded W, too
  } else {
    const auto finish = [&](const BlockGradient<T>& gradient) {
      sum_gradients(block, first_panel, examples, resume, true, gradient, false, rate);
      penalty = update(block, gradient);
    };
    if (gradient_) {
      finish(kept_gradient(block));
    } else {
      const typename BlockBuffers<T>::Borrowed buffer(block_gradients_);
      const index_t row = padded_row<T>(block.columns);
      finish({buffer.get(), buffer.get() + block.rows * row, row});
    }
  }
  transpose_weights(block);
  return penalty;
}

/// Updates a block from sums that were kept; returns the penalty.
template <class T>
double BatchRunner<T>::update_block(const Block& block, double rate) {
  double penalty = 0;
  const BlockGradient<T> gradient = kept_gradient(block);
  if (updater_.is_fused()) {  // with the bits of finish_block
    const Layer<T>& layer = network_.layers[block.layer];
    for (index_t i = 0; i < block.rows; ++i) {
      T* W = layer.W + (block.row + i) * layer.W_row + block.column;
      kernels_.gradient_step(block.columns, W, gradient.dW + i * gradient.dW_row, T(rate), W);
    }
    T* b = layer.b + block.row;
    if (block.column == 0) kernels_.gradient_step(block.rows, b, gradient.db, T(rate), b);
  } else {
    penalty = update(block, gradient);
  }
  transpose_weights(block);
  return penalty;
}

/// Returns false if the norm of the kept gradients is not finite.
template <class T>
bool BatchRunner<T>::clip_to_norm() {
  const double squares = sum_of_blocks([&](const Block& block) {
    progress_->did(double(block.rows) * double(block.columns));
    return updater_.norm(block, block.layer, kept_gradient(block));
  });
  if (!std::isfinite(squares)) return false;
  updater_.clip_to(squares);
  return true;
}

/// Undoes an update of a large network if it made parameters that are not finite, or found that the former ones have an
/// infinite penalty. The optimizer's state, which has been updated as well, is cleared.
template <class T>
void BatchRunner<T>::undo_if_not_finite(double penalty) {
  if (!updater_.undoes_updates() || (!non_finite_ && std::isfinite(penalty))) return;
  non_finite_ = true;
  each_block([&](const Block& block) {
    updater_.undo(block, block.layer, kept_gradient(block));
    transpose_weights(block);
  });
  updater_.forget();
}

template <class T>
double BatchRunner<T>::operations(index_t examples, Use use) const {
  const bool back = use != Use::kLoss;
  const double products = back ? 6 : 2, count = double(examples), all = double(network_.size);
  if (!is_sparse()) return products * all * count;
  const Layer<T>& first = network_.layers[0];
  const double of_first = double(first.units) * double(first.W_row);
  // Of the first layer, the update dominates: it is the only one that takes every weight, from memory.
  constexpr double kUpdate = 64;
  return products * (all - of_first + nonzeros_ * double(first.units)) * count + (back ? kUpdate * of_first : 0);
}

/// Decides how many threads work for a batch, and cuts it into groups for them.
template <class T>
SharedWork BatchRunner<T>::begin_work(index_t examples, ThreadChoices& choices, double operations,
                                      bool shared_at_first) {
  const SharedWork work(choices, threads_, operations, shared_at_first);
  workers_ = work.threads();
  const index_t each = (panels_for<T>(std::min(chunk_, examples)) + workers_ - 1) / workers_;
  group_panels_ = in_place_ ? each : std::clamp<index_t>(each, 1, most_in_group());
  return work;
}

template <class T>
SharedWork BatchRunner<T>::begin_work(index_t examples, Use use) {
  auto& choices = network_.choices;
  const bool back = use != Use::kLoss;
  const double operations = this->operations(examples, use);
  const index_t per_thread = panels_for<T>(std::min(chunk_, examples)) / threads_.most;
  // Until measured: weights travel twice in a training step, which pays from some 64 examples a thread on.
  return begin_work(examples,
                    !back                    ? choices.loss
                    : use == Use::kGradients ? choices.gradients
                                             : choices.step,
                    operations, back ? (per_thread >= 2 || is_sparse()) && operations > 2e7 : per_thread >= 1);
}

/// Takes part in a step without examples.
template <class T>
void BatchRunner<T>::add_nothing() {
  std::fill_n(gradient_, in_gradient(network_.layers.back().b) - gradient_ + network_.layers.back().units, T(0));
  for (const Bucket& bucket : buckets_) together_->begin(bucket.first, bucket.count);
}

/// Adds up the losses and weights of a batch's panels, in order.
template <class T>
typename BatchRunner<T>::PanelSums BatchRunner<T>::add_panels(index_t examples) {
  PanelSums all{0, 0};
  for (index_t p = 0; p < panels_for<T>(examples); ++p) {
    all.loss += sums_[size_t(p)].loss;
    all.weight += sums_[size_t(p)].weight;
  }
  divide_by_sum(double(examples), all.weight);
  return all;
}

/// True if run_in_parts() is for a batch of so many examples.
template <class T>
bool BatchRunner<T>::goes_in_parts(index_t examples, Use use) const {
  return examples > chunk_ && workers_ > 1 && workers_ <= lanes_ && use == Use::kSteps && !together_;
}

/// Each thread takes parts of the batch through both phases by itself, so that their activations stay in its caches,
/// and only sums of gradients pass from thread to thread. The sums of a block take part after part, in order, so they
/// are the same chains. The last part makes the update, if that follows at once. Returns the penalty.
template <class T>
double BatchRunner<T>::run_in_parts(const Batch& batch, double rate) {
  const index_t room = chunk_ / kPanel<T>, panels = panels_for<T>(batch.count);
  const index_t rounds = (panels + workers_ * room - 1) / (workers_ * room),
                parts = std::min(rounds * workers_, panels);
  const bool at_once = updates_at_once();
  const int forks_before = forks();
  std::atomic<index_t> through{0};  // parts that are through phase 1
  std::atomic<bool> stopped{false};
  double penalty = 0;
  const auto wait = [&](const std::atomic<index_t>& done, index_t wanted) {
    ThreadPool::wait([&] {
      if (forks() != forks_before) throw std::runtime_error(kForkedInside);
      return done.load(std::memory_order_acquire) == wanted || stopped.load(std::memory_order_relaxed);
    });
    return !stopped.load(std::memory_order_relaxed);
  };
  for (size_t b = 0; b < blocks_.size(); ++b) turns_[b].store(0, std::memory_order_relaxed);

  ThreadPool::run(parts, workers_, [&](index_t part) {
    if (stopped.load()) return;
    // Parts end in order, and a thread has one at a time: the one that had this place in memory before has ended.
    const index_t first = panels * part / parts, count = panels * (part + 1) / parts - first,
                  place = part % workers_ * room, skipped = (place - first) * kPanel<T>,
                  examples = std::min(count * kPanel<T>, batch.count - first * kPanel<T>);
    const Batch chunk{batch.order, batch.first - skipped, place * kPanel<T> + examples, batch.ordered,
                      batch.in_batch - skipped};  // as if it began with the panels that are before it in memory
    const bool last = part + 1 == parts;
    try {
      for (index_t done = 0, some; done < count; done += some) {
        some = std::min(count - done, most_in_group());
        forward_and_back(chunk, group_at(chunk, place + done, some, 1), true, Use::kSteps, sums_.data() + first + done);
      }
      through.fetch_add(1, std::memory_order_release);
      std::optional<Writing<T>> writing;
      if (last && at_once) {
        if (!wait(through, parts)) return;
        if (!std::isfinite(add_panels(batch.count).loss)) {
          stopped.store(true);
          return;
        }
        writing.emplace(network_, *progress_);
      }
      // If the last part updates, nothing may ask the interrupt any more: a handler that predicts would wait for it.
      for (size_t b = 0; b < blocks_.size(); ++b) {
        const Block& block = blocks_[b];
        if (!wait(turns_[b], part)) return;
        if (last && at_once)
          penalty += finish_block(block, place, examples, part > 0, rate / divisor_);
        else
          sum_gradients(block, place, examples, part > 0, last, kept_gradient(block), false, 0);
        if (!at_once) {
          progress_->did(2 * double(examples) * double(block.rows) * double(block.columns));
          progress_->wrote(block.rows * block.columns);
        }
        turns_[b].store(part + 1, std::memory_order_release);
      }
    } catch (...) {
      stopped.store(true);
      throw;
    }
  });
  return penalty;
}

template <class T>
double BatchRunner<T>::run(const Batch& batch, Use use, double rate, std::span<const ParameterGradient<T>> gradients) {
  assert(batch.count <= largest_ && (batch.count > 0 || together_));
  SharedWork work = begin_work(std::max<index_t>(batch.count, 1), use);
  const bool at_once = updates_at_once();
  PanelSums all{0, 0};
  double penalty = 0;
  const bool in_parts = goes_in_parts(batch.count, use);
  if (batch.count == 0) add_nothing();
  if (in_parts) {
    penalty = run_in_parts(batch, rate);
    all = add_panels(batch.count);
    if (!std::isfinite(all.loss)) return all.loss;
  }
  for (index_t begin = 0; begin < batch.count && !in_parts; begin += chunk_) {
    const Batch chunk{batch.order, batch.first + begin, std::min(chunk_, batch.count - begin), batch.ordered,
                      batch.in_batch + begin};
    const index_t panels = panels_for<T>(chunk.count);
    const bool gathers = !has_X_;
    if (is_sparse()) list_sparse(chunk, gathers, use != Use::kLoss);
    PanelSums* const sums = sums_.data() + begin / kPanel<T>;
    ThreadPool::run(groups(panels), workers_, [&](index_t number) {
      const Group group = group_of(chunk, number);
      forward_and_back(chunk, group, gathers, use, sums + group.first_panel);
    });
    has_X_ = keeps_X(batch);
    const bool first = begin == 0, last = begin + chunk_ >= batch.count;
    if (last) all = add_panels(batch.count);
    if (use == Use::kLoss) continue;
    if (use == Use::kSteps && last && !std::isfinite(all.loss) && !together_) return all.loss;
    if (use == Use::kSteps && last && at_once) {
      if (network_.size > kSlowUpdate) progress_->ask_before_long_work();
      const Writing writing(network_, *progress_);
      penalty = sum_of_blocks(
          [&](const Block& block) { return finish_block(block, 0, chunk.count, !first, rate / divisor_); });
      undo_if_not_finite(penalty);
    } else {
      const auto sum = [&](const Block& block) {
        if (use == Use::kGradients && last)
          write_gradient(block, chunk.count, !first, gradients[block.layer]);
        else
          sum_gradients(block, 0, chunk.count, !first, last, kept_gradient(block), false, 0);
        const double per_weight = is_sparse(block) ? 1 : 2 * double(chunk.count);
        progress_->did(per_weight * double(block.rows) * double(block.columns));
        progress_->wrote(block.rows * block.columns);
      };
      if (!(use == Use::kSteps && last && together_)) {
        each_block(sum);
        continue;
      }
      size_t begin = 0;
      for (const Bucket& bucket : buckets_) {
        ThreadPool::run(index_t(bucket.end - begin), workers_, [&](index_t i) { sum(blocks_[begin + size_t(i)]); });
        together_->begin(bucket.first, bucket.count);
        begin = bucket.end;
      }
    }
  }
  auto examples = double(batch.count);
  if (use == Use::kSteps && together_) {
    const Together::Sums sums = together_->add_up({all.loss, examples, all.weight});
    all.loss = sums.loss;
    examples = sums.examples;
    divide_by_sum(examples, sums.weight);
    if (!std::isfinite(all.loss)) return all.loss;
  }
  const double result = finish(examples, use, all.loss, penalty, at_once, rate);
  work.done();
  return result;
}

template <class T>
void BatchRunner<T>::divide_by_sum(double examples, double weight) {
  divisor_ = !updater_.plan().normalized ? examples : weight > 0 ? weight : HUGE_VAL;
  updater_.divide_by(divisor_);
}

template <class T>
double BatchRunner<T>::penalty() {
  if (!updater_.has_penalty()) return 0;
  return sum_of_blocks([&](const Block& block) {
    progress_->did(double(block.rows) * double(block.columns));
    return updater_.penalty(block, block.layer);
  });
}

/// Adds the penalties, and of a step makes the update from the sums of its gradients, unless it was `updated` at once.
template <class T>
double BatchRunner<T>::finish(double examples, Use use, double losses, double penalty, bool updated, double rate) {
  // The update of a block computes its penalty as well.
  if (use != Use::kSteps || updater_.needs_norm()) penalty = this->penalty();
  if (use == Use::kSteps && !updated) {
    if (updater_.needs_norm() && !clip_to_norm()) return objective(losses, penalty, examples);
    if (network_.size > kSlowUpdate) progress_->ask_before_long_work();
    const Writing writing(network_, *progress_);
    if (updater_.scales_features()) updater_.update_feature_scales(in_gradient(network_.layers[0].W));
    penalty += sum_of_blocks([&](const Block& block) { return update_block(block, rate / divisor_); });
    undo_if_not_finite(penalty);
  }
  updated_ = use == Use::kSteps && !non_finite_;
  if (updated_) updater_.did_update();
  return objective(losses, penalty, examples);
}

template <class T>
typename BatchRunner<T>::Step BatchRunner<T>::step(const Batch& batch, double rate, uint64_t seed, uint64_t step) {
  for (size_t l = 0; l < masks_.size(); ++l)
    masks_[l] = {1 - dropout_of(l), mix(random_bits(seed ^ kDropoutStream, step) + l)};
  if (!updater_.is_fused()) updater_.begin(rate);
  updated_ = non_finite_ = false;
  const double loss = passes_ ? batch_loss_step(batch, rate) : run(batch, Use::kSteps, rate);
  return {loss, updated_};
}

template class BatchRunner<float>;
template class BatchRunner<double>;

}  // namespace deepnet
