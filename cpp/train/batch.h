// One batch through the network: forward, loss, backward, gradient or update. This is the inner loop of training.
//
// A batch is cut into chunks of examples whose activations fit the caches. Each chunk has two phases, and all threads
// meet after each:
//   1. Groups of a few panels of examples go through the whole network, forward and back to dZ of layer 1. Groups are
//      independent. Before it, a chunk of sparse examples is listed, and the columns of W1 that it uses are copied.
//   2. Blocks of every dW are summed over the chunk's examples and, with the batch's last chunk, applied to W while
//      they are in registers. Blocks are independent.
// A batch of several chunks is cut into parts instead, which threads take through both phases without meeting.
// batch.cpp has this schedule, batch_group.cpp what a group does, batch_block.cpp what is done with a block, and
// batch_setup.cpp the memory.
// Every sum runs over the examples in order, from one chunk on to the next, so no bit depends on the cuts or on the
// number of threads.
#pragma once

#include <atomic>
#include <memory>
#include <numeric>
#include <vector>

#include "nn/bfloat16.h"
#include "nn/panels.h"
#include "nn/progress.h"
#include "nn/sparse.h"
#include "runtime/thread_pool.h"
#include "train/updater.h"

namespace deepnet {

/// Examples order[first], order[first + 1], ..., or without an order first, first + 1, ...
struct Batch {
  const uint32_t* order;
  index_t first, count;
  index_t ordered = 0;   // the length of `order`, as far as it is worth prefetching what comes next
  index_t in_batch = 0;  // where a chunk, or one process's part, begins in its batch
};

/// What a BatchRunner can do; it reserves memory for nothing more. kPass: forward(), then back_from() with the slope of
/// any loss, and steps with a batch loss; its only chunk is the whole batch.
enum class Use { kLoss, kGradients, kSteps, kPass };

/// Memory for the gradients of as many blocks as there are threads, so that no update allocates, and so none fails half
/// done.
template <class T>
class BlockBuffers {
 public:
  void set(T* memory, index_t size, int count) {
    memory_ = memory;
    size_ = size;
    taken_ = std::make_unique<std::atomic<bool>[]>(size_t(count));
    count_ = count;
  }

  class Borrowed {
   public:
    explicit Borrowed(BlockBuffers& buffers) : buffers_(buffers) {
      while (buffers_.taken_[size_t(i_)].exchange(true)) i_ = (i_ + 1) % buffers_.count_;
    }
    ~Borrowed() { buffers_.taken_[size_t(i_)].store(false); }
    Borrowed(const Borrowed&) = delete;
    Borrowed& operator=(const Borrowed&) = delete;
    T* get() const { return buffers_.memory_ + i_ * buffers_.size_; }

   private:
    BlockBuffers& buffers_;
    int i_ = 0;
  };

 private:
  T* memory_ = nullptr;
  index_t size_ = 0;
  std::unique_ptr<std::atomic<bool>[]> taken_;
  int count_ = 0;
};

/// An update can't be interrupted. If the last sums of its gradients take more operations than this, it is a separate
/// pass after them.
constexpr double kLongUpdate = 4e9;
/// Examples that take no more than this are in a cache from one epoch to the next.
constexpr index_t kCachedBytes = index_t{1} << 20;
/// Before an update of so many parameters, which takes 0.1 s, the interrupt is asked.
constexpr index_t kSlowUpdate = index_t{1} << 24;
/// Weights beyond the L2 cache are read once for this many panels, whose sums for one part of k still fit (512 KB).
constexpr index_t kLargeGroup = 8;
constexpr uint64_t kDropoutStream = 0xd509'0075;  // apart from that of the examples' order

/// What a network that computes with bfloat16 has besides: its operands.
struct OperandsOfBatch {
  std::vector<std::byte*> W, W_turned;  // per layer; W_turned: of layers from 2 on, in training
  std::vector<std::byte*> pairs;        // per layer from 0 on: A; behind the forward pass of a layer, its dZ
  std::vector<std::byte*> turned;       // A of the layers 0 to L - 1
  std::vector<std::byte*> rows;         // dZ
  std::vector<float*> sums;             // of the rows of dZ, [panel][units]
};

template <class T>
class BatchRunner {
 public:
  /// For batches of up to `largest` examples. `in_order`: all batches are without an order.
  BatchRunner(NetworkState<T>& network, const Data& data, const Plan& plan, index_t largest, Threads threads, Use use,
              Progress& progress, bool in_order = false);

  /// True if take() may follow, for batches of all these examples.
  bool suits(const Data& data) const {
    return data.X.count == largest_ && data.Y.units == data_.Y.units && reads_as_before(data, !data.chosen);
  }
  /// True if the memory that this has for X suits other data.
  bool reads_as_before(const Data& data, bool in_order) const {
    return data.X.is_sparse() == is_sparse() && can_read_in_place(data, in_order) == in_place_;
  }
  /// Switches to other data of the same shape, and to parameters that may have changed.
  void take(const Data& data, Progress& progress);
  /// From now on steps are those of several processes; null: of this one.
  void join(Together* together) {
    together_ = together;
    gradient_ = together ? static_cast<T*>(together->gradients) : own_gradient_;
    if (together) make_buckets();
  }

  struct Step {
    double loss;   // the sum
    bool updated;  // false: the loss, or else the update, was not finite
  };
  /// `seed` and `step` determine dropout.
  Step step(const Batch& batch, double rate, uint64_t seed, uint64_t step);
  /// Returns the sum of the losses, and writes the means of the gradients, with penalties.
  double loss_and_gradients(const Batch& batch, std::span<const ParameterGradient<T>> gradients) {
    return run(batch, Use::kGradients, 0, gradients);
  }
  double loss(const Batch& batch) { return run(batch, Use::kLoss, 0); }

  /// out = A_L of a batch, or Z_L with a batch loss of it. With Use::kPass, keeps what back_from() needs.
  void forward(const Batch& batch, Matrix<T> out);
  /// Computes the gradients from the slope of each example's loss: with respect to Z_L if `of_Z`, else to A_L. Uses the
  /// forward pass up. Writes the means of the gradients, with penalties; for no `gradients`, keeps the sums.
  void back_from(const Batch& batch, const Examples& slope, bool of_Z, std::span<const ParameterGradient<T>> gradients,
                 Progress& progress);
  /// The sum of all penalties, after forward().
  double penalty();
  /// The sum of the losses of a batch with the penalties.
  double objective(double losses, double penalty, double examples) const {
    return updater_.plan().normalized ? (losses / divisor_ + penalty) * examples : losses + penalty * examples;
  }

  const Updater<T>& updater() const { return updater_; }
  index_t bytes() const { return index_t(memory_.size()) + sparse_.bytes(); }
  bool is_sparse() const { return data_.X.is_sparse(); }
  /// About the work of a batch of so many examples, in arithmetic operations.
  double operations(index_t examples, Use use) const;
  /// Must be called after the parameters were changed from outside. `kept`: the copies of W were made before.
  void parameters_changed(bool kept = true);

 private:
  struct Block : WeightBlock {  // a task of phase 2
    size_t layer;
  };
  struct Bucket {  // blocks up to `end`, and where their gradients are
    size_t end;
    index_t first, count;
  };

  struct PanelSums {
    double loss, weight;
  };

  SharedWork begin_work(index_t examples, Use use);
  SharedWork begin_work(index_t examples, ThreadChoices& choices, double operations, bool shared_at_first);
  void list_sparse(const Batch& chunk, bool gathers, bool back);
  PanelSums add_panels(index_t examples);
  bool goes_in_parts(index_t examples, Use use) const;
  double run_in_parts(const Batch& batch, double rate, PanelSums& all);
  double run(const Batch& batch, Use use, double rate, std::span<const ParameterGradient<T>> gradients = {});
  double batch_loss_step(const Batch& batch, double rate);
  void divide_by_sum(double examples, double weight);
  double finish(double examples, Use use, double losses, double penalty, bool updated, double rate);
  void gather(const Batch& chunk, index_t panel, index_t ahead, bool back);
  /// The panels of a chunk that one thread takes through the network.
  struct Group {
    index_t first_panel, panels, first_example, columns, all;  // columns: of `all`, those that count
    index_t in_chunk;                                          // examples
    index_t ahead;                                             // so many examples later comes this thread's next group
    index_t examples_of(index_t p) const { return std::min(kPanel<T>, in_chunk - (first_panel + p) * kPanel<T>); }
  };
  index_t groups(index_t panels) const;
  index_t first_of_group(index_t group, index_t panels) const;
  Group group_of(const Batch& chunk, index_t number) const;
  T* Z_of(size_t layer, const Group& group) const {
    return Z_[layer] ? Z_[layer] + group.first_panel * units_of(layer) * kPanel<T> : nullptr;
  }
  Group group_at(const Batch& chunk, index_t first_panel, index_t panels, index_t between) const;
  index_t most_in_group() const { return bf16_ || network_.exceeds_cache() ? kLargeGroup : 2; }
  void forward_and_back(const Batch& chunk, const Group& group, bool gathers, Use use, PanelSums* sums);
  void group_forward(const Batch& chunk, const Group& group, bool gathers, bool back, T* scratch);
  void group_back(const Group& group, T* scratch);
  void slope_of_panel(const Batch& batch, const Examples& slope, bool of_Z, index_t panel, T* scratch);
  void output_backward(index_t panel, const T* d_a);
  void round_panels(size_t layer, const Group& group, PanelGroup<T> x, bool is_dZ) const
    requires std::is_same_v<T, float>;
  void group_forward_bfloat16(const Batch& chunk, const Group& group, bool gathers, bool back, T* scratch)
    requires std::is_same_v<T, float>;
  void group_back_bfloat16(const Group& group, T* scratch)
    requires std::is_same_v<T, float>;
  PanelOperands operands_of(size_t layer, index_t panel, bool is_dZ) const;
  double weight_of_panel(index_t panel, index_t in_chunk) const;
  void add_nothing();
  double loss_of_panel(index_t panel, index_t examples, T* scratch, bool back);
  double own_loss_of_panel(const LossOfPanel<T>& panel) const;
  bool is_sparse(const Block& block) const { return is_sparse() && block.layer == 0; }
  BlockGradient<T> kept_gradient(const Block& block) const;
  void sum_gradients(const Block& block, index_t first_panel, index_t examples, bool resume, bool finish,
                     const BlockGradient<T>& to, bool into_W, double rate);
  void sum_into(const Block& block, index_t first_panel, index_t examples, const GradientSum<T>& sum);
  void write_gradient(const Block& block, index_t examples, bool resume, const ParameterGradient<T>& to);
  double finish_block(const Block& block, index_t first_panel, index_t examples, bool resume, double rate);
  double update_block(const Block& block, double rate);
  double update(const Block& block, const BlockGradient<T>& gradient);
  bool clip_to_norm();
  void undo_if_not_finite(double penalty);
  void transpose_weights(const Block& block, bool kept = false);
  template <class Task>
  void each_block(Task task);
  template <class Task>
  double sum_of_blocks(Task task);
  void make_buckets();
  bool can_read_in_place(const Data& data, bool in_order) const;
  PlainExamples<T> plain_examples() const {
    const Examples& X = data_.X;
    return {static_cast<const T*>(X.data), X.unit_stride / index_t(sizeof(T)), X.count,
            X.count % kPanel<T> ? A_[0] : nullptr};
  }
  PanelGroup<T> activations(size_t layer, index_t first_panel, index_t panels) const {
    const index_t units = units_of(layer);
    return {A_[layer] + first_panel * units * kPanel<T>, units, panels};
  }
  index_t units_of(size_t layer) const {
    return layer == 0 ? network_.layers[0].inputs : network_.layers[layer - 1].units;
  }
  bool needs_Z(size_t layer) const;
  /// True if relu's derivative needs no float32 numbers, but is part of the product with bfloat16.
  bool is_fused_bfloat16(size_t layer) const {
    const Activation<T>& g = kernels_.activations[network_.layers[layer - 1].activation];
    return g.backward_finish == Finish::kReluBackward && layer < network_.layers.size() && !(layer == 1 && is_sparse());
  }
  double dropout_of(size_t layer) const {  // of its outputs; layer 0: of the inputs
    const Plan& plan = updater_.plan();
    return layer == 0 ? plan.input_dropout : plan.layers.empty() ? 0 : plan.layers[layer - 1].dropout;
  }
  /// True if every batch is the same chunk, unchanged: then X and Y are gathered once.
  bool keeps_X(const Batch& batch) const {
    return !batch.order && data_.X.count <= chunk_ && data_.X.count == largest_ && dropout_of(0) == 0;
  }
  /// True if each block is updated as soon as its gradient is summed, which then need not be kept. A long update and
  /// one that needs the norm, all of a layer's gradient, or the gradients of other processes, are a separate pass.
  bool updates_at_once() const {
    return !is_long_update() && !updater_.needs_norm() && !updater_.scales_features() && !together_;
  }
  bool is_long_update() const {
    const double of_layer_1 = is_sparse() ? double(network_.layers[0].units) * double(network_.layers[0].W_row) : 0;
    return 2.0 * (double(network_.size) - of_layer_1) * double(chunk_) > kLongUpdate;
  }
  T* in_gradient(const T* parameter) const { return gradient_ + (parameter - network_.layers[0].W); }

  const Kernels<T>& kernels_;
  NetworkState<T>& network_;
  const Bfloat16Kernels* bf16_;  // null: products of T
  Data data_;
  const Loss<T>& loss_;  // any, if the plan has another
  bool ends_with_Z_;     // the loss is of Z_L
  bool passes_;          // Use::kPass
  Updater<T> updater_;
  Threads threads_;
  int workers_;  // threads of the current step
  Progress* progress_;
  index_t largest_, chunk_, group_panels_ = 1;
  index_t room_;        // examples that have memory
  int lanes_ = 1;       // threads that may take parts of a batch through both phases
  double divisor_ = 1;  // of the last batch
  bool has_X_ = false, updated_ = false;
  bool in_place_ = false;  // X is read where it is; A_[0] has its last panel, if the examples do not fill it
  std::atomic<bool> non_finite_{false};

  AlignedBuffer memory_;
  SparseChunk<T> sparse_;   // takes the place of A_[0] and transposed_[0]
  double nonzeros_ = 0;     // per example, if they are sparse
  index_t widest_scratch_;  // units of the widest layer, whole cache lines
  std::vector<T*> A_;       // per layer from 0 on: [panel][units][kPanel]; behind the forward pass of a layer, its dZ
  std::vector<T*> Z_;       // of the layers whose derivative is taken of it, else null
  std::vector<T*> transposed_;  // A of the layers 0 to L - 1, transposed
  T* dZ_transposed_ = nullptr;  // of layer 1, if X is read in place
  T* labels_ = nullptr;         // [panel][outputs][kPanel]
  T* labels_transposed_ = nullptr;
  T* weights_ = nullptr;          // [panel][kPanel]
  std::vector<T*> W_transposed_;  // per layer; null: W is read across
  std::vector<index_t> W_transposed_row_;
  std::vector<T*> lane_sums_;                        // per layer, of db
  T *gradient_ = nullptr, *own_gradient_ = nullptr;  // sums, laid out as the network's parameters
  Together* together_ = nullptr;
  BlockBuffers<T> block_gradients_;
  std::vector<DropoutMask> masks_;                 // of the current step, per layer from 0 on
  std::vector<PanelSums> sums_;                    // per panel of a batch
  std::unique_ptr<std::atomic<index_t>[]> turns_;  // per block: the part of the batch that may add to its sums
  std::vector<double> block_sums_;
  std::vector<Block> blocks_;
  std::vector<Bucket> buckets_;  // of several processes
  OperandsOfBatch operands_;
};

}  // namespace deepnet
