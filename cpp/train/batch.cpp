#include "train/batch.h"

#include <cmath>
#include <cstring>

namespace deepnet {

namespace {

/// Batches up to this many examples are one chunk: two passes over W less, and dW need not be kept.
constexpr index_t kOneChunk = 512;
/// Longer ones are cut so that one chunk's activations, dZ and turned activations take about this much: most of an L2.
constexpr index_t kChunkBytes = index_t{1} << 20;
/// An update can't be stopped half-way; one that would take longer than this many operations is made in a pass of its
/// own.
constexpr double kLongUpdate = 4e9;
/// dA = W^T dZ reads W across its rows. From this many rows on that misses the cache so often that a turned copy of W,
/// kept up to date with every update, pays: 0.95 against 0.69 of the peak at 512 x 512.
constexpr index_t kTurnedFrom = 96;
constexpr index_t kBlockRows = 96, kBlockColumns = 1024;  // of dW: whole row groups of the kernel, whole panels
/// Weights beyond the L2 cache are read once for so many panels, whose sums for one part of k still fit (512 KB).
constexpr index_t kFarGroup = 8;

index_t chunk_for(index_t largest, double bytes_per_example, index_t panel) {
  if (largest <= kOneChunk) return round_up(largest, panel);
  const auto fitting = index_t(double(kChunkBytes) / bytes_per_example) / 64 * 64;
  return std::clamp<index_t>(fitting, 256, kOneChunk);
}

/// Hands out aligned pieces of one allocation: first counted, then given.
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

template <class T>
BatchRunner<T>::BatchRunner(NetworkState<T>& network, const Examples& X, const Examples& Y, LossId loss,
                            index_t largest, int threads, Use use, Progress& progress)
    : kernels_(kernels<T>()),
      network_(network),
      X_(X),
      Y_(Y),
      loss_(kernels_.losses[loss]),
      progress_(&progress),
      largest_(largest) {
  const size_t L = network.layers.size();
  double units = double(X.units);
  for (const Layer<T>& layer : network.layers) units += double(layer.units);
  chunk_ = chunk_for(largest, 2.0 * units * sizeof(T), kPanel<T>);
  threads_ = threads_worth(threads, 6.0 * double(network.size) * double(std::min(chunk_, largest)));
  const index_t panels = chunk_ / kPanel<T>;
  const index_t each = (panels + threads_ - 1) / threads_;  // panels of a thread
  group_panels_ = std::clamp<index_t>(each, 1, network.is_far() ? kFarGroup : 2);
  keeps_X_ = X.count <= chunk_ && X.count == largest_;
  const bool back = use != Use::kLoss;
  const bool long_update = 2.0 * double(network.size) * double(chunk_) > kLongUpdate;
  const bool keeps_gradient = use == Use::kGradients || (back && (largest > chunk_ || long_update));

  A_.resize(L + 1);
  turned_.resize(L);
  W_turned_.resize(L);
  W_turned_row_.resize(L);
  lane_sums_.resize(L);
  losses_.resize(size_t(panels));
  const auto lay_out = [&](Pieces<T> pieces) {
    for (size_t l = 0; l <= L; ++l) {
      const index_t n = l == 0 ? X.units : network.layers[l - 1].units;
      A_[l] = pieces.take(n * chunk_);
      if (l == 0 || (back && l < L)) turned_[l] = pieces.take(round_up(n, kPanel<T>) * chunk_);
    }
    labels_ = pieces.take(Y.units * chunk_);
    labels_turned_ = pieces.take(round_up(Y.units, kPanel<T>) * chunk_);
    for (size_t l = 0; l < L; ++l) {
      const Layer<T>& layer = network.layers[l];
      lane_sums_[l] = pieces.take(layer.units * kPanel<T>);
      W_turned_row_[l] = padded_row<T>(layer.units);
      if (back && l > 0 && layer.units >= kTurnedFrom) W_turned_[l] = pieces.take(layer.inputs * W_turned_row_[l]);
    }
    if (keeps_gradient) gradient_ = pieces.take(network.size);
    return pieces.size();
  };
  const index_t size = lay_out(Pieces<T>(nullptr));
  T* memory = memory_.reserve<T>(size);
  lay_out(Pieces<T>(memory));
  for (size_t l = 0; l < L; ++l) {  // columns behind the last unit go into the padding of W, which must stay zero
    const index_t n = l == 0 ? X.units : network.layers[l - 1].units, last = (n - 1) / kPanel<T> * kPanel<T>;
    if (turned_[l]) std::fill_n(turned_[l] + last * chunk_, kPanel<T> * chunk_, T(0));
  }

  for (size_t l = L; l-- > 0;) {
    const Layer<T>& layer = network.layers[l];
    for (index_t row = 0; row < layer.units; row += kBlockRows)
      for (index_t column = 0; column < layer.inputs; column += kBlockColumns)
        blocks_.push_back(
            {{row, std::min(kBlockRows, layer.units - row), column, std::min(kBlockColumns, layer.inputs - column)},
             l});
  }
  parameters_changed();
}

template <class T>
PanelGroup<T> BatchRunner<T>::activations(size_t layer, index_t first_panel, index_t panels) const {
  const index_t units = layer == 0 ? X_.units : network_.layers[layer - 1].units;
  return {A_[layer] + first_panel * units * kPanel<T>, units, panels};
}

template <class T>
template <class Task>
void BatchRunner<T>::each_block(Task task) {
  ThreadPool::run(index_t(blocks_.size()), threads_, [&](index_t i) { task(blocks_[size_t(i)]); });
}

template <class T>
void BatchRunner<T>::take(const Examples& X, const Examples& Y, Progress& progress) {
  X_ = X;
  Y_ = Y;
  progress_ = &progress;
  keeps_X_ = X.count <= chunk_ && X.count == largest_;
  has_X_ = false;
  parameters_changed();
}

template <class T>
void BatchRunner<T>::parameters_changed() {
  each_block([&](const Block& block) { turn_weights(block); });
}

template <class T>
void BatchRunner<T>::turn_weights(const Block& block) {
  T* turned = W_turned_[block.layer];
  if (!turned) return;
  const Layer<T>& layer = network_.layers[block.layer];
  const index_t row = W_turned_row_[block.layer];
  kernels_.turn(block.rows, block.columns, layer.W + block.row * layer.W_row + block.column, layer.W_row,
                turned + block.column * row + block.row, row);
}

/// Phase 1 for one group of panels.
template <class T>
void BatchRunner<T>::forward_and_back(const Batch& chunk, index_t group, bool gather, Use use) {
  const size_t L = network_.layers.size();
  const index_t first_panel = group * group_panels_;
  const index_t panels = std::min(group_panels_, panels_for<T>(chunk.count) - first_panel);
  const auto did = [&](double operations) { progress_->did(operations); };
  const bool back = use != Use::kLoss, W_is_far = network_.is_far();

  const auto examples_of = [&](index_t p) { return std::min(kPanel<T>, chunk.count - p * kPanel<T>); };
  for (index_t p = first_panel; gather && p < first_panel + panels; ++p) {
    const index_t start = p * kPanel<T>;
    gather_panel(kernels_, X_, chunk.order, chunk.first + start, examples_of(p), A_[0] + start * X_.units,
                 turned_[0] + start * kPanel<T>, chunk_, back);
    gather_panel(kernels_, Y_, chunk.order, chunk.first + start, examples_of(p), labels_ + start * Y_.units,
                 labels_turned_ + start * kPanel<T>, chunk_, false);
  }

  for (size_t l = 0; l < L; ++l) {
    const bool activate = l + 1 < L || !loss_.activation;
    const PanelGroup<T> in = activations(l, first_panel, panels), out = activations(l + 1, first_panel, panels);
    layer_forward<T>(kernels_, network_.layers[l], {in.data, in.units, panels}, out, activate, panels * kPanel<T>,
                     W_is_far, did);
    if (back && l + 1 < L)
      for (index_t p = 0; p < panels; ++p)
        turn_panel(kernels_, out.units, out.panel(p), turned_[l + 1] + (first_panel + p) * kPanel<T> * kPanel<T>,
                   chunk_);
  }

  const BorrowedWorkspace borrowed;
  T* scratch = borrowed.get().activations[0].template reserve<T>(panels * network_.widest * kPanel<T>);
  const Layer<T>& last = network_.layers[L - 1];
  for (index_t p = first_panel; p < first_panel + panels; ++p) {
    T* output = A_[L] + p * last.units * kPanel<T>;
    T* d = loss_.activation ? output : scratch;
    losses_[size_t(p)] = loss_.of_panel({.outputs = last.units,
                                         .examples = examples_of(p),
                                         .output = output,
                                         .y = labels_ + p * last.units * kPanel<T>,
                                         .d = d});
    if (d != output)
      kernels_.activations[last.activation].backward_from_a(
          {last.units, kPanel<T>, {d, kPanel<T>}, {output, kPanel<T>}, {output, kPanel<T>}, nullptr});
  }
  if (!back) return;

  for (size_t l = L; l-- > 1;) {
    const Layer<T>& layer = network_.layers[l];
    const PanelGroup<T> dZ = activations(l + 1, first_panel, panels), A_prev = activations(l, first_panel, panels);
    const Matrix<const T> W_turned = W_turned_[l]
                                         ? Matrix<const T>{W_turned_[l], layer.inputs, layer.units, W_turned_row_[l], 1}
                                         : Matrix<const T>{layer.W, layer.inputs, layer.units, 1, layer.W_row};
    layer_backward<T>(kernels_, W_turned, network_.layers[l - 1].activation, {dZ.data, dZ.units, panels}, A_prev,
                      scratch, W_is_far, did);
  }
}

/// Phase 2 for one block. `update`: into W and b; else into the gradient.
template <class T>
void BatchRunner<T>::sum_gradients(const Block& block, index_t examples, bool resume, bool finish, bool update,
                                   double rate) {
  const Layer<T>& layer = network_.layers[block.layer];
  T *const dW = gradient_ ? in_gradient(layer.W) : nullptr, *const db = gradient_ ? in_gradient(layer.b) : nullptr;
  layer_gradient<T>(kernels_, layer, block, A_[block.layer + 1], turned_[block.layer], chunk_, examples,
                    {.resume = resume,
                     .finish = finish,
                     .lane_sums = lane_sums_[block.layer],
                     .dW_before = dW,
                     .W = update ? layer.W : dW,
                     .b = update ? layer.b : db,
                     .dW_finish = update ? Finish::kDescend : Finish::kScale,
                     .dW_scale = update ? T(rate) : T(1),
                     .db_scale = update ? T(-rate) : T(1),
                     .W_is_far = network_.is_far()});
  if (update) turn_weights(block);
}

/// W and b of a block -= rate * gradient.
template <class T>
void BatchRunner<T>::descend(const Block& block, double rate) {
  const Layer<T>& layer = network_.layers[block.layer];
  for (index_t row = block.row; row < block.row + block.rows; ++row) {
    T* W = layer.W + row * layer.W_row + block.column;
    kernels_.gradient_step(block.columns, W, in_gradient(W), T(rate), W);
  }
  T* b = layer.b + block.row;
  if (block.column == 0) kernels_.gradient_step(block.rows, b, in_gradient(b), T(rate), b);
  turn_weights(block);
}

template <class T>
double BatchRunner<T>::run(const Batch& batch, Use use, double rate) {
  const index_t chunks = (batch.count + chunk_ - 1) / chunk_;
  const bool fused = 2.0 * double(network_.size) * double(chunk_) <= kLongUpdate;
  if (use == Use::kGradients || (use == Use::kSteps && !fused))
    for (const Layer<T>& layer : network_.layers) std::memset(in_gradient(layer.b), 0, size_t(layer.units) * sizeof(T));
  double total = 0;
  for (index_t c = 0; c < chunks; ++c) {
    const Batch chunk{batch.order, batch.first + c * chunk_, std::min(chunk_, batch.count - c * chunk_)};
    const index_t panels = panels_for<T>(chunk.count);
    const bool gather = !has_X_;
    ThreadPool::run((panels + group_panels_ - 1) / group_panels_, threads_,
                    [&](index_t group) { forward_and_back(chunk, group, gather, use); });
    has_X_ = keeps_X_;
    for (index_t p = 0; p < panels; ++p) total += losses_[size_t(p)];
    if (use == Use::kLoss) continue;
    const bool first = c == 0, last = c + 1 == chunks;
    if (use == Use::kSteps && last && !std::isfinite(total)) return total;
    const bool update = use == Use::kSteps && last && fused;
    if (update) network_.lock.lock();
    each_block([&](const Block& block) {
      sum_gradients(block, chunk.count, !first, last, update, rate);
      if (!update) progress_->did(2.0 * double(block.rows) * double(block.columns) * double(chunk.count));
    });
    if (update) network_.lock.unlock();
  }
  if (use == Use::kSteps && !fused) {
    network_.lock.lock();
    each_block([&](const Block& block) { descend(block, rate); });
    network_.lock.unlock();
  }
  return total;
}

template <class T>
double BatchRunner<T>::step(const Batch& batch, double rate) {
  return run(batch, Use::kSteps, rate);
}

template <class T>
double BatchRunner<T>::loss_and_gradients(const Batch& batch) {
  return run(batch, Use::kGradients, 0);
}

template <class T>
double BatchRunner<T>::loss(const Batch& batch) {
  return run(batch, Use::kLoss, 0);
}

template class BatchRunner<float>;
template class BatchRunner<double>;

}  // namespace deepnet
