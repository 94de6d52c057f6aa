// One batch through the network: forward, loss, backward, gradient or update. This is the inner loop of training.
//
// A batch comes in chunks of examples whose activations fit the caches. Each chunk has two phases, with a meeting of
// all threads after each:
//   1. Groups of a few panels of examples go through the whole network, forward and back down to dZ of layer 1.
//      Groups know nothing of one another.
//   2. Blocks of every dW are summed over the chunk's examples and, with the batch's last chunk, applied to W while
//      they are in registers. Blocks know nothing of one another, either.
// Every sum runs over the examples in order, from one chunk on to the next, so no bit depends on the cuts or threads.
#pragma once

#include <atomic>
#include <numeric>
#include <vector>

#include "nn/panels.h"
#include "nn/progress.h"
#include "train/updater.h"

namespace deepnet {

/// Which examples: order[first ...], or if there is no order, first and those behind it.
struct Batch {
  const uint32_t* order;
  index_t first, count;
  index_t in_batch = 0;  // where a chunk begins in its batch
};

/// What a BatchRunner is made for; it keeps no memory for the rest.
enum class Use { kLoss, kGradients, kSteps };

/// An update can't be stopped half-way; one that would take longer than this many operations is made in a pass of its
/// own.
constexpr double kLongUpdate = 4e9;
constexpr uint64_t kDropoutStream = 0xd509'0075;  // apart from that of the examples' order

template <class T>
class BatchRunner {
 public:
  /// For batches of up to `largest` examples.
  BatchRunner(NetworkState<T>& network, const Data& data, const Plan& plan, index_t largest, int threads, Use use,
              Progress& progress);

  /// Turns to other data of the same shape, and to parameters that anybody may have changed.
  void take(const Data& data, Progress& progress);

  struct Step {
    double loss;   // the sum
    bool updated;  // false: the loss, or else the update, was not finite
  };
  /// Seed and step: of the dropout.
  Step step(const Batch& batch, double rate, uint64_t seed, uint64_t step);
  /// The sum of the losses; the sums of their gradients are left in gradient(), those of penalties not among them.
  double loss_and_gradients(const Batch& batch) { return run(batch, Use::kGradients, 0); }
  double loss(const Batch& batch) { return run(batch, Use::kLoss, 0); }

  const Updater<T>& updater() const { return updater_; }
  index_t bytes() const { return index_t(memory_.size()); }
  /// The gradients, laid out as the network's parameters.
  const T* gradient() const { return gradient_; }
  /// Must be called when the parameters were changed by anybody else.
  void parameters_changed();

 private:
  struct Block : WeightBlock {  // a task of phase 2
    size_t layer;
  };

  double run(const Batch& batch, Use use, double rate);
  void gather(const Batch& chunk, index_t panel, bool back);
  void forward_and_back(const Batch& chunk, index_t group, bool gathers, Use use);
  double loss_of_panel(index_t panel, index_t examples, T* scratch, bool back);
  BlockGradient<T> kept_gradient(const Block& block) const;
  void sum_gradients(const Block& block, index_t examples, bool resume, bool finish, const BlockGradient<T>& to,
                     bool into_W, double rate);
  double finish_block(const Block& block, index_t examples, bool resume, double rate);
  double update_block(const Block& block, double rate);
  double update(const Block& block, const BlockGradient<T>& gradient);
  bool clip_to_norm();
  void undo_if_spoilt(double penalty);
  void turn_weights(const Block& block);
  template <class Task>
  void each_block(Task task);
  template <class Task>
  double sum_of_blocks(Task task);
  PanelGroup<T> activations(size_t layer, index_t first_panel, index_t panels) const;
  index_t units_of(size_t layer) const {
    return layer == 0 ? network_.layers[0].inputs : network_.layers[layer - 1].units;
  }
  bool needs_Z(size_t layer) const;
  double dropout_of(size_t layer) const {  // of its outputs; layer 0: of the inputs
    const Plan& plan = updater_.plan();
    return layer == 0 ? plan.input_dropout : plan.layers.empty() ? 0 : plan.layers[layer - 1].dropout;
  }
  /// Whether every batch is the same chunk, left as it was: then X and Y are gathered once.
  bool keeps_X() const { return data_.X.count <= chunk_ && data_.X.count == largest_ && dropout_of(0) == 0; }
  /// Whether blocks are updated as soon as their gradient is summed, which then need not be kept. An update can't be
  /// stopped half-way, so a long one is made in a pass of its own; as is one that waits for their norm.
  bool updates_at_once() const { return !is_long_update() && !updater_.needs_norm(); }
  bool is_long_update() const { return 2.0 * double(network_.size) * double(chunk_) > kLongUpdate; }
  T* in_gradient(const T* parameter) const { return gradient_ + (parameter - network_.layers[0].W); }

  const Kernels<T>& kernels_;
  NetworkState<T>& network_;
  Data data_;
  const Loss<T>& loss_;
  Updater<T> updater_;
  int threads_;
  Progress* progress_;
  index_t largest_, chunk_, group_panels_;
  bool has_X_ = false, updated_ = false;
  std::atomic<bool> spoilt_{false};

  AlignedBuffer memory_;
  std::vector<T*> A_;       // per layer from 0 on: [panel][units][kPanel]; behind the forward pass of a layer, its dZ
  std::vector<T*> Z_;       // of the layers whose derivative is taken of it, else null
  std::vector<T*> turned_;  // A of the layers 0 to L - 1, turned
  T* labels_ = nullptr;     // [panel][outputs][kPanel]
  T* labels_turned_ = nullptr;
  T* weights_ = nullptr;      // [panel][kPanel]
  std::vector<T*> W_turned_;  // per layer; null: W is read across
  std::vector<index_t> W_turned_row_;
  std::vector<T*> lane_sums_;  // per layer, of db
  T* gradient_ = nullptr;
  std::vector<DropoutMask> masks_;  // of the current step, per layer from 0 on
  std::vector<double> losses_;      // per panel of a chunk
  std::vector<double> block_sums_;
  std::vector<Block> blocks_;
};

}  // namespace deepnet
