// Training and prediction at full speed, as the bindings and the public headers call it: nothing is checked here but by
// assertions. The course's functions (course.h) keep every intermediate result instead.
//
// Examples are columns, as in the course. Results have the same bits for any number of threads and however the examples
// are split into calls. T is float or double.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "deepnet/errors.h"
#include "deepnet/names.h"
#include "deepnet/network.h"

namespace deepnet {

/// out = A_L, n_L x m, with any strides. `threads` 0, here and below: as many of num_threads() as make it faster.
template <class T>
void predict(const Network<T>& network, const Examples& X, Matrix<T> out, int threads = 0,
             Interrupt* interrupt = nullptr);

/// Regularisation of one layer in training.
using LayerPlan = Regularization;

/// What the learning rate of one layer's W and b is multiplied by.
struct RateFactors {
  double W = 1, b = 1;
  bool operator==(const RateFactors&) const = default;
};

/// The most parameters that one loss has, and the most settings in [0, 1) that one optimizer has.
constexpr int kPlanLossParameters = 1, kPlanHypers = 2;

/// The loss of a plan whose loss the caller computes.
constexpr LossId kBatchLoss = -1;

/// Everything about training but the data and the learning rate.
struct Plan {
  LossId loss = 0;
  /// Instead of `loss`, which is one of A without classes then; it must live as long as the call. Y has so many rows.
  const OwnLoss* own_loss = nullptr;
  index_t own_label_rows = 0;
  bool batch_loss_of_Z = false;  // with kBatchLoss: the loss is of Z_L instead of A_L
  double loss_parameters[kPlanLossParameters] = {1}, label_smoothing = 0;
  bool signed_weights = false;  // whether weights of examples may be negative
  OptimizerId optimizer = 0;
  double hyper[kPlanHypers] = {}, epsilon = 1e-8;  // its settings in [0, 1), in the order of its struct
  double weight_decay = 0;                         // W -= rate * weight_decay * W before each update
  bool epsilon_hat = false;                        // adam: epsilon is added to the root before its correction
  bool rate_inside = false;                        // momentum, nesterov: their sum is of rate * dW
  double clip_value = 0, clip_norm = 0;            // limits of a gradient's entries and of its norm; 0: none
  /// Of each batch, losses and penalties alike are divided by the sum of its weights; else the losses by its number of
  /// examples, and the penalties by nothing. A batch whose weights are all 0 has the loss 0.
  bool normalized = false;
  double input_dropout = 0;
  std::vector<LayerPlan> layers = {};   // one per layer, or empty
  std::vector<RateFactors> rates = {};  // one per layer, or empty
  /// Above 0, W of layer 1 is learnt as U diag(s): its own U and the scale s of each input, which starts at 1 and whose
  /// learning rate is multiplied by this. Both belong to the optimizer's state; the network has only their product.
  /// Without clipping, and without penalties on layer 1.
  double feature_rate = 0;
  bool operator==(const Plan&) const = default;
};

/// The rows of Y for a network with so many outputs.
inline index_t label_rows(const Plan& plan, index_t outputs) {
  if (plan.own_loss) return plan.own_label_rows;
  return plan.loss != kBatchLoss && loss_takes_classes(plan.loss) ? 1 : outputs;
}

/// A loss that the caller computes, of all examples of a batch at once. It may throw Interrupted. No lock is held
/// meanwhile, but a call that trains keeps others from training.
class BatchLoss {
 public:
  virtual ~BatchLoss() = default;
  /// Where the outputs of `count` examples go, A_L or Z_L: memory of n_L x count numbers of the network's type, row by
  /// row.
  virtual void* outputs(index_t count) = 0;
  /// Once they are there, those of the examples order[first], order[first + 1], ..., or without an order first, first +
  /// 1, ...: returns the sum of the losses times the weights. `slope`, unless it is null, becomes the derivative of
  /// each example's loss, without its weight, by its outputs: n_L x count numbers that stay there until the next call.
  virtual double compute(const uint32_t* order, index_t first, index_t count, Examples* slope) = 0;
};

/// Training data: examples are the columns of X and Y.
struct Data {
  Examples X, Y;          // Y is not used with kBatchLoss
  Examples weights = {};  // one row, the weight of each example; no data: 1
  /// Example i is column chosen[i] of X, Y and weights, whose `count` says how many are chosen; null: column i.
  const uint32_t* chosen = nullptr;
  BatchLoss* batch_loss = nullptr;  // with kBatchLoss
};

/// Several processes that train copies of one network together, each on its own examples.
class Together {
 public:
  /// Of the examples of one batch, in one process or in all.
  struct Sums {
    double loss, examples, weight;  // the sums of their losses and weights, and their number
  };
  virtual ~Together() = default;
  /// The `count` numbers of `gradients` from `first` on are the sums of this process. They may be added up to those of
  /// all from now on, until the next add_up() returns, while those of other layers are still computed. Called for one
  /// part after the other, the last layers first. Called as add_up() is.
  virtual void begin(index_t first, index_t count) = 0;
  /// Is given the sums of this process; returns those of all, and sees to it that `gradients` has those of all, too.
  /// Every process must get the same numbers. Called once for each batch, on the thread that called fit; may throw
  /// Interrupted.
  virtual Sums add_up(const Sums& own) = 0;

  std::vector<index_t> examples;  // that each process has in an epoch: enough for about one in each batch
  size_t process = 0;             // this one
  void* gradients = nullptr;      // as many numbers as the network's memory has, laid out alike, at a multiple of 64
  index_t bucket = 0;  // about so many numbers are a part, but fewer after a large layer; 0: all are one part
};

struct FitOptions {
  index_t epochs = 1, batch_size = 32;
  double learning_rate = 0.01;
  std::span<const double> learning_rates = {};  // of each step, instead of learning_rate
  bool shuffle = true;
  /// Instead of all examples, shuffled or not: the numbers of those that each epoch takes, one epoch after the other.
  std::span<const uint32_t> order = {};
  uint64_t seed = 0;
  index_t first_epoch = 0;  // above 0: continues a run, with the optimizer's state and the sequence of shuffles
  int threads = 0;
  std::atomic<index_t>* steps_done = nullptr;  // incremented after each update
  /// batch_size then counts the examples of all processes. Each takes the same share of every batch as of the epoch,
  /// rounded.
  Together* together = nullptr;
};

/// Holds a network for training while it lives: for several calls of fit, between which no other call may train. In a
/// child of fork it persists only in the thread that forked.
template <class T>
class TrainingHold {
 public:
  /// Throws Busy.
  explicit TrainingHold(const Network<T>& network);
  ~TrainingHold() { release(); }
  TrainingHold(const TrainingHold&) = delete;
  TrainingHold& operator=(const TrainingHold&) = delete;

  void release();
  /// Frees what fit keeps for its next call with batches as large: working memory.
  void free_memory();
  const Network<T>& network() const { return network_; }

  /// Marks one call that trains; throws Busy if there is one, or if the network is not held any more.
  class Call {
   public:
    explicit Call(TrainingHold& hold);
    ~Call() { hold_.in_call_.store(false); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    TrainingHold& hold_;
  };

 private:
  Network<T> network_;
  uint64_t token_;
  std::atomic<bool> in_call_{false};
};

/// Training by mini-batches. losses[e] becomes the mean loss over the examples of epoch e, each taken before the
/// update with its batch, and seconds[e] the time it took. Throws Interrupted (the parameters are those of the last
/// complete update), NonFinite and Busy.
template <class T>
void fit(TrainingHold<T>& hold, const Data& data, const Plan& plan, const FitOptions& options, std::span<double> losses,
         std::span<double> seconds, Interrupt* interrupt = nullptr);

template <class T>
void fit(const Network<T>& network, const Data& data, const Plan& plan, const FitOptions& options,
         std::span<double> losses, std::span<double> seconds, Interrupt* interrupt = nullptr) {
  TrainingHold<T> hold(network);
  fit(hold, data, plan, options, losses, seconds, interrupt);
}

/// One update with all examples; returns their mean loss before it. The optimizer's state continues from call to call.
/// `seed`: of the dropout. Throws Interrupted, NonFinite and Busy. If the network is so large that fit keeps no copy
/// of it, an update that would make parameters infinite is undone, and the optimizer's state is cleared; smaller
/// networks keep the infinite parameters, and the next loss is not finite.
template <class T>
double train_on_batch(const Network<T>& network, const Data& data, const Plan& plan, double learning_rate,
                      uint64_t seed = 0, int threads = 0, Interrupt* interrupt = nullptr);

/// The mean loss of all examples, penalties included, without dropout; no update.
template <class T>
double evaluate(const Network<T>& network, const Data& data, const Plan& plan, int threads = 0,
                Interrupt* interrupt = nullptr);

template <class T>
struct ParameterGradient {
  Matrix<T> dW, db;  // unit column stride
};

/// The same loss, and its gradients.
template <class T>
double loss_and_gradients(const Network<T>& network, const Data& data, const Plan& plan,
                          std::span<const ParameterGradient<T>> gradients, int threads = 0,
                          Interrupt* interrupt = nullptr);

/// out = A_L, n_L x m, without dropout. Keeps what backward() needs until the next call, in memory proportional to X.
/// `layers` has the penalties of each layer, or is empty.
template <class T>
void forward(const Network<T>& network, const Examples& X, const std::vector<LayerPlan>& layers, Matrix<T> out,
             int threads = 0, Interrupt* interrupt = nullptr);

/// Why there is nothing to go back through: no call of forward(), or backward() has used it up; it was of another
/// number of examples, or another thread's; or the network was updated after it.
enum class PassState { kReady, kNone, kOtherCount, kOtherThread, kOutdated };

/// The gradients of the mean of any loss, penalties included, from `slope`, n_L x m: the derivative of each example's
/// loss with respect to Z_L if `of_Z`, else to A_L. After forward() on the same thread, whose pass it uses up unless
/// the answer is not kReady; then nothing is written.
template <class T>
PassState backward(const Network<T>& network, const Examples& slope, bool of_Z,
                   std::span<const ParameterGradient<T>> gradients, Interrupt* interrupt = nullptr);

/// forward() and backward() as one call, which neither uses nor replaces what forward() keeps for other calls.
template <class T>
void backward(const Network<T>& network, const Examples& X, const std::vector<LayerPlan>& layers, const Examples& slope,
              bool of_Z, std::span<const ParameterGradient<T>> gradients, int threads = 0,
              Interrupt* interrupt = nullptr);

/// One update with the gradients of a whole objective: the plan's penalties are not added. False: some are not finite,
/// or their norm is not, and nothing was changed. Throws Interrupted and Busy.
template <class T>
bool apply_gradients(const Network<T>& network, std::span<const ParameterGradient<const T>> gradients, const Plan& plan,
                     double learning_rate, int threads = 0, Interrupt* interrupt = nullptr);

/// p += tau (q - p) for each parameter p and the same one, q, of a network with equal layers; tau 1 copies. Throws
/// Interrupted and Busy.
template <class T>
void blend_parameters(const Network<T>& network, const Network<T>& other, double tau, Interrupt* interrupt = nullptr);

/// Copies W into dW and b into db of each layer, all as they are between two updates.
template <class T>
void copy_parameters(const Network<T>& network, std::span<const ParameterGradient<T>> copies,
                     Interrupt* interrupt = nullptr);

/// The arrays that an optimizer keeps for each parameter.
index_t optimizer_slots(OptimizerId optimizer);

/// Copies the optimizer's state, as it is between two updates: `slots` has W and b in place of dW and db of each layer,
/// one slot after the other. Returns how many updates have made it. 0, and nothing is copied: none, or by another
/// optimizer, or with scales of the features.
template <class T>
uint64_t copy_optimizer_state(const Network<T>& network, OptimizerId optimizer,
                              std::span<const ParameterGradient<T>> slots, Interrupt* interrupt = nullptr);

/// Makes a state that was copied the network's, so that training goes on as there. Throws Busy.
template <class T>
void set_optimizer_state(TrainingHold<T>& hold, OptimizerId optimizer, uint64_t updates,
                         std::span<const ParameterGradient<T>> slots, Interrupt* interrupt = nullptr);

/// Floating-point operations per second of multiply-adds on registers, the limit of every product, on `threads` threads
/// together. Takes about a millisecond.
template <class T>
double measure_peak(int threads);

}  // namespace deepnet
