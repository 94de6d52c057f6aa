// The setup of a BatchRunner: chunks, groups, blocks and all of its memory.
#include <algorithm>
#include <cassert>
#include <string_view>

#include "train/batch.h"

namespace deepnet {

namespace {

/// Batches up to this many examples are one chunk: this saves two passes over W and keeping dW.
constexpr index_t kOneChunk = 512;
/// Longer ones are cut so that one chunk's activations, dZ and transposed activations take about this much: most of an
/// L2.
constexpr index_t kChunkBytes = index_t{1} << 20;
/// At most so many threads have the memory of a chunk each: more than some ten would wait for one another, since the
/// sums of a block, a quarter of both phases' work or less, are added by one thread at a time.
constexpr index_t kMostLanes = 8;
/// dA = W^T dZ reads W down its columns. From this many rows on, that misses the cache so often that a transposed copy
/// of W, updated with every step, pays: 0.95 against 0.69 of the peak at 512 x 512.
constexpr index_t kTransposedFrom = 96;
constexpr index_t kTransposedBytes = kSpareBytes / 2;  // of all such copies; layers beyond that have none
/// A block begins at a multiple of this many rows: whole cache lines of b, and of the transposed W, which is written
/// line by line.
template <class T>
constexpr index_t kBlockStep = 64 / index_t(sizeof(T));
static_assert(kBlockRows % kBlockStep<float> == 0);
static_assert(kBlockRows % kSquare == 0 && kBlockColumns % kSquare == 0);  // with bfloat16: of whole squares
/// Of as many weights as this, two threads share a W; of 16 times as many, four threads.
constexpr index_t kShared = index_t{1} << 11;

index_t chunk_for(index_t largest, double bytes_per_example, index_t panel) {
  if (largest <= kOneChunk) return round_up(largest, panel);
  const auto fitting = index_t(double(kChunkBytes) / bytes_per_example) / 64 * 64;
  return std::clamp<index_t>(fitting, 256, kOneChunk);
}

/// Where the blocks of a layer's rows end: about equal parts. They do not depend on the number of threads, so neither
/// do the bits of the penalty and the norm, which are sums over blocks.
std::vector<index_t> ends_of_blocks(index_t units, index_t inputs, index_t step) {
  const index_t size = units * inputs, wanted = size >= 16 * kShared ? 4 : 1 + (size >= kShared),
                across = (inputs + kBlockColumns - 1) / kBlockColumns,  // each is a block already
      least = (wanted + across - 1) / across, most = (units + step - 1) / step,
                parts = std::clamp((units + kBlockRows - 1) / kBlockRows, std::min(least, most), most);
  std::vector<index_t> ends;
  for (index_t i = 1; i < parts; ++i) {
    const index_t nearest = (units * i / parts + step / 2) / step * step;
    ends.push_back(std::max(nearest, round_up(units - (parts - i) * kBlockRows, step)));  // no block is larger
  }
  ends.push_back(units);
  return ends;
}

/// Cuts one allocation into aligned pieces, in two passes: the first, without memory, counts.
template <class T>
class Pieces {
 public:
  explicit Pieces(T* memory) : next_(memory) {}
  T* take(index_t count) {
    T* piece = next_ ? next_ + size_ : nullptr;
    size_ += round_up(count, 64 / index_t(sizeof(T)));
    return piece;
  }
  index_t size() const { return size_; }

 private:
  T* next_;
  index_t size_ = 0;
};

}  // namespace

/// False if the derivative can be computed from A, which not every activation allows, and only relu after dropout has
/// scaled A.
template <class T>
bool BatchRunner<T>::needs_Z(size_t layer) const {
  const Activation<T>& g = kernels_.activations[network_.layers[layer - 1].activation];
  const bool scaled = dropout_of(layer) > 0 && g.backward_finish != Finish::kReluBackward;
  return !g.backward_from_a || scaled;
}

template <class T>
BatchRunner<T>::BatchRunner(NetworkState<T>& network, const Data& data, const Plan& plan, index_t largest,
                            Threads threads, Use use, Progress& progress, bool in_order)
    : kernels_(kernels<T>()),
      network_(network),
      bf16_(network.compute == Compute::kBfloat16 ? &bfloat16_kernels() : nullptr),
      data_(data),
      loss_(kernels_.losses[std::max(plan.loss, 0)]),
      ends_with_Z_(plan.loss == kBatchLoss ? plan.batch_loss_of_Z : loss_.activation != nullptr),
      passes_(use == Use::kPass),
      updater_(kernels_, network, plan),
      threads_(threads),
      workers_(network.exceeds_cache() ? threads.most : 1),
      progress_(&progress),
      largest_(largest) {
  const Examples &X = data.X, &Y = data.Y;
  const size_t L = network.layers.size();
  assert((0 <= plan.loss && plan.loss < kernels_.loss_count) || (plan.loss == kBatchLoss && use != Use::kSteps));
  assert(0 <= plan.optimizer && plan.optimizer < kernels_.optimizer_count);
  assert(largest > 0 && X.count > 0 && X.units == network.layers[0].inputs);
  assert(Y.count == X.count && Y.units == label_rows(plan, network.layers.back().units));
  assert(!plan.own_loss || (!loss_.activation && loss_.labels != LabelRule::kClasses));
  assert(!data.weights.data || (data.weights.units == 1 && data.weights.count == X.count));
  assert(plan.loss == kBatchLoss || !loss_.activation ||
         kernels_.activations[network.layers.back().activation].name == std::string_view(loss_.activation));
  static_assert(kBlockRows <= SparseChunk<T>::kMostRows);
  double units = is_sparse() ? 0 : double(X.units);
  index_t widest = 0;
  for (const Layer<T>& layer : network.layers) {
    units += double(layer.units);
    widest = std::max(widest, layer.units);
  }
  widest_scratch_ = round_up(widest, 64 / index_t(sizeof(T)));
  if (is_sparse()) nonzeros_ = nonzeros_per_example(X, data.chosen);
  chunk_ = use == Use::kPass ? round_up(largest, kPanel<T>) : chunk_for(largest, 2.0 * units * sizeof(T), kPanel<T>);
  in_place_ = can_read_in_place(data, in_order);
  const bool back = use != Use::kLoss;
  if (use == Use::kSteps && largest > chunk_ && threads.most <= kMostLanes && !bf16_ && !is_sparse() &&
      !updater_.undoes_updates())
    lanes_ = threads.most;
  room_ = lanes_ * chunk_;
  const bool keeps_gradient = use == Use::kGradients || use == Use::kPass ||
                              (back && (largest > chunk_ || !updates_at_once() || updater_.undoes_updates()));

  for (size_t l = L; l-- > 0;) {
    const Layer<T>& layer = network.layers[l];
    index_t row = 0;
    const index_t step = layer.units <= kFewRows ? kBlockRows  // few rows read A once
                         : bf16_                 ? kSquare
                                                 : kBlockStep<T>;
    for (const index_t end : ends_of_blocks(layer.units, layer.inputs, step)) {
      for (index_t column = 0; column < layer.inputs; column += kBlockColumns)
        blocks_.push_back({{row, end - row, column, std::min(kBlockColumns, layer.inputs - column)}, l});
      row = end;
    }
  }
  const index_t most_at_once = std::min<index_t>(threads.most, index_t(blocks_.size()));
  index_t block_size = 0;
  for (const Block& block : blocks_)
    block_size = std::max(block_size, block.rows * padded_row<T>(block.columns) + round_up(block.rows, 64));

  A_.resize(L + 1);
  Z_.resize(L + 1);
  masks_.resize(L + 1);
  transposed_.resize(L);
  W_transposed_.resize(L);
  W_transposed_row_.resize(L);
  lane_sums_.resize(L);
  for (auto* per_layer : {&operands_.pairs, &operands_.turned, &operands_.rows}) per_layer->resize(L + 1);
  operands_.sums.resize(L + 1);
  operands_.W.resize(L);
  operands_.W_turned.resize(L);
  sums_.resize(size_t(panels_for<T>(std::max(largest, chunk_))));
  const auto take_squares = [&](Pieces<T>& pieces, index_t squares) {
    return reinterpret_cast<std::byte*>(pieces.take(squares * square_bytes(*bf16_) / index_t(sizeof(T))));
  };
  const auto lay_out_operands = [&](Pieces<T>& pieces) {
    const index_t panels = chunk_ / kPanel<T>;
    for (size_t l = is_sparse() ? 1 : 0; l <= L; ++l) {
      const index_t squares = squares_of(l == 0 ? X.units : network.layers[l - 1].units) * panels;
      if (l < L || (back && L > 1)) operands_.pairs[l] = take_squares(pieces, squares);
      if (back && l < L) operands_.turned[l] = take_squares(pieces, squares);
      if (!back || l == 0) continue;
      operands_.rows[l] = take_squares(pieces, squares);
      if constexpr (std::is_same_v<T, float>) operands_.sums[l] = pieces.take(squares * kSquare);
    }
    for (size_t l = is_sparse() ? 1 : 0; l < L; ++l) {
      const index_t squares = squares_of(network.layers[l].units) * squares_of(network.layers[l].inputs);
      operands_.W[l] = take_squares(pieces, squares);
      if (back && l > 0) operands_.W_turned[l] = take_squares(pieces, squares);
    }
  };
  const auto lay_out = [&](Pieces<T> pieces) {
    if (bf16_) lay_out_operands(pieces);
    for (size_t l = is_sparse() ? 1 : 0; l <= L; ++l) {
      const index_t n = l == 0 ? X.units : network.layers[l - 1].units;
      if (bf16_ && l > 0 && is_fused_bfloat16(l)) continue;
      A_[l] = pieces.take(n * (l == 0 && in_place_ ? kPanel<T> : room_));
      if (back && l > 0 && (l < L || !ends_with_Z_) && needs_Z(l)) Z_[l] = pieces.take(n * room_);
      if (l == 0 && in_place_)
        dZ_transposed_ = pieces.take(round_up(network.layers[0].units, kPanel<T>) * room_);
      else if (l == 0 || (back && l < L && !bf16_))
        transposed_[l] = pieces.take(round_up(n, kPanel<T>) * room_);
    }
    labels_ = pieces.take(Y.units * room_);
    labels_transposed_ = pieces.take(round_up(Y.units, kPanel<T>) * room_);
    weights_ = pieces.take(room_);
    index_t room_for_transposed = kTransposedBytes / index_t(sizeof(T));
    for (size_t l = 0; l < L; ++l) {
      const Layer<T>& layer = network.layers[l];
      lane_sums_[l] = pieces.take(layer.units * kPanel<T>);
      W_transposed_row_[l] = padded_row<T>(layer.units);
      const index_t transposed = layer.inputs * W_transposed_row_[l];
      if (bf16_ || !back || l == 0 || layer.units < kTransposedFrom || transposed > room_for_transposed) continue;
      W_transposed_[l] = pieces.take(transposed);
      room_for_transposed -= transposed;
    }
    if (keeps_gradient) gradient_ = own_gradient_ = pieces.take(network.size);
    if (use == Use::kSteps && !keeps_gradient && !updater_.is_fused())
      block_gradients_.set(pieces.take(block_size * most_at_once), block_size, int(most_at_once));
    return pieces.size();
  };
  const index_t size = lay_out(Pieces<T>(nullptr));
  T* memory = memory_.reserve<T>(size);
  lay_out(Pieces<T>(memory));
  for (size_t l = 0; l < L; ++l) {  // columns behind the last unit go into the padding of W: no subnormal numbers
    const index_t n = l == 0 ? X.units : network.layers[l - 1].units, last = (n - 1) / kPanel<T> * kPanel<T>;
    if (transposed_[l]) std::fill_n(transposed_[l] + last * room_, kPanel<T> * room_, T(0));
  }

  block_sums_.resize(blocks_.size());
  if (lanes_ > 1) turns_ = std::make_unique<std::atomic<index_t>[]>(blocks_.size());
  if (back || bf16_) parameters_changed(/*kept=*/false);
}

template BatchRunner<float>::BatchRunner(NetworkState<float>&, const Data&, const Plan&, index_t, Threads, Use,
                                         Progress&, bool);
template BatchRunner<double>::BatchRunner(NetworkState<double>&, const Data&, const Plan&, index_t, Threads, Use,
                                          Progress&, bool);

}  // namespace deepnet
