// One batch through the network: forward, loss, backward, gradient or update. This is the inner loop of training.
//
// A batch comes in chunks of examples whose activations fit the caches. Each chunk has two phases, with a meeting of
// all threads after each:
//   1. Groups of one or two panels of examples go through the whole network, forward and back down to dZ of layer 1.
//      Groups know nothing of one another.
//   2. Blocks of every dW are summed over the chunk's examples and, with the batch's last chunk, applied to W while
//      they are in registers. Blocks know nothing of one another, either.
// Every sum runs over the examples in order, from one chunk on to the next, so no bit depends on the cuts or threads.
#pragma once

#include <vector>

#include "nn/panels.h"
#include "nn/progress.h"

namespace deepnet {

/// Which examples: order[first ...], or if there is no order, first and those behind it.
struct Batch {
  const uint32_t* order;
  index_t first, count;
};

/// What a BatchRunner is made for; it keeps no memory for the rest.
enum class Use { kLoss, kGradients, kSteps };

template <class T>
class BatchRunner {
 public:
  /// For batches of up to `largest` examples.
  BatchRunner(NetworkState<T>& network, const Examples& X, const Examples& Y, LossId loss, index_t largest, int threads,
              Use use, Progress& progress);

  /// Turns to other data of the same shape, and to parameters that anybody may have changed.
  void take(const Examples& X, const Examples& Y, Progress& progress);

  /// The sum of the losses, and W -= rate * dW, b -= rate * db. If the loss is not finite, no update is made.
  double step(const Batch& batch, double rate);
  /// The sum of the losses; the gradients are left in gradient().
  double loss_and_gradients(const Batch& batch);
  double loss(const Batch& batch);

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
  void forward_and_back(const Batch& chunk, index_t group, bool gather, Use use);
  void sum_gradients(const Block& block, index_t examples, bool resume, bool finish, bool update, double rate);
  void descend(const Block& block, double rate);
  void turn_weights(const Block& block);
  template <class Task>
  void each_block(Task task);
  PanelGroup<T> activations(size_t layer, index_t first_panel, index_t panels) const;
  T* in_gradient(const T* parameter) const { return gradient_ + (parameter - network_.layers[0].W); }

  const Kernels<T>& kernels_;
  NetworkState<T>& network_;
  Examples X_, Y_;
  const Loss<T>& loss_;
  int threads_;
  Progress* progress_;
  index_t largest_, chunk_, group_panels_;
  bool keeps_X_ = false;  // every batch is the same chunk: X and Y are gathered once
  bool has_X_ = false;

  AlignedBuffer memory_;
  std::vector<T*> A_;       // per layer from 0 on: [panel][units][kPanel]; behind the forward pass of a layer, its dZ
  std::vector<T*> turned_;  // A of the layers 0 to L - 1, turned
  T* labels_ = nullptr;     // [panel][outputs][kPanel]
  T* labels_turned_ = nullptr;
  std::vector<T*> W_turned_;  // per layer; null: W is read across
  std::vector<index_t> W_turned_row_;
  std::vector<T*> lane_sums_;  // per layer, of db
  T* gradient_ = nullptr;
  std::vector<double> losses_;  // per panel of a chunk
  std::vector<Block> blocks_;
};

}  // namespace deepnet
