// How a network is trained: optimizers and losses with their settings, and the options of a run. Names and defaults are
// those of the Python package.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "deepnet/examples.h"
#include "deepnet/interrupt.h"

namespace deepnet {
inline namespace v1 {

/// p -= rate g
struct Sgd {
  double learning_rate = 0.01;
};

/// v = momentum v + g; p -= rate v
struct Momentum {
  double learning_rate = 0.01;
  double momentum = 0.9;     // in [0, 1)
  bool rate_inside = false;  // v sums rate g instead of g, which matters where the rate changes
};

/// As Momentum, but p -= rate (g + momentum v).
struct Nesterov {
  double learning_rate = 0.01;
  double momentum = 0.9;     // in [0, 1)
  bool rate_inside = false;  // as of Momentum
};

/// s = rho s + (1 - rho) g^2; p -= rate g / (sqrt(s) + epsilon)
struct RmsProp {
  double learning_rate = 0.01;
  double rho = 0.99;  // in [0, 1)
  double epsilon = 1e-8;
};

/// s += g^2; p -= rate g / (sqrt(s) + epsilon)
struct Adagrad {
  double learning_rate = 0.01;
  double epsilon = 1e-10;
};

/// v = beta1 v + (1 - beta1) g; s = beta2 s + (1 - beta2) g^2; p -= rate v_c / (sqrt(s_c) + epsilon), where step t
/// corrects v_c = v / (1 - beta1^t) and s_c = s / (1 - beta2^t). With Training::weight_decay it is AdamW.
struct Adam {
  double learning_rate = 0.001;
  double beta1 = 0.9, beta2 = 0.999;  // in [0, 1)
  double epsilon = 1e-8;
  bool epsilon_hat = false;  // epsilon is added to sqrt(s) before its correction, as in TensorFlow
};

/// Any of them.
using AnyOptimizer = std::variant<Sgd, Momentum, Nesterov, RmsProp, Adagrad, Adam>;

/// A loss of your own, of one example: is given its outputs `a`, n_L numbers, and its column `y` of Y, writes the
/// derivative with respect to each output to `slope`, whose numbers are 0 before, and returns the loss. It is called on
/// several threads at once. An exception of it ends the call; the parameters are those of the last update.
using OwnLoss = std::function<double(std::span<const double> a, std::span<const double> y, std::span<double> slope)>;

/// A loss with its settings: of the loss `name`, which has none by default but needs an output activation, or the
/// result of one of the functions below.
struct LossChoice {
  LossChoice() = default;
  /// One of loss_names(). Empty: the loss that belongs to the output activation, which is binary_cross_entropy for
  /// sigmoid, categorical_cross_entropy for softmax and mean_squared_error for all others.
  LossChoice(std::string name_) : name(std::move(name_)) {}
  LossChoice(const char* name_) : name(name_) {}

  std::string name;
  double delta = 1;            // of huber: where it turns from a square to a line; above 0
  double q = 0.5;              // of quantile: the share of the targets below the prediction; between 0 and 1
  double label_smoothing = 0;  // of cross-entropies: the share of each label that is spread over all classes; in [0, 1)
  bool signed_weights = false;  // weights of examples may be negative, as in a policy gradient
  OwnLoss own = {};             // see own_loss()
  index_t label_rows = 0;       // of own_loss: the rows of Y; 0: one for each output
};

/// A loss of your own, after any output activation. With `label_rows`, Y has more or fewer rows than there are outputs:
/// the targets, and whatever else the loss needs of each example.
inline LossChoice own_loss(OwnLoss function, index_t label_rows = 0) {
  LossChoice loss;
  loss.own = std::move(function);
  loss.label_rows = label_rows;
  return loss;
}

/// e^2 / 2 for |e| <= delta, else delta (|e| - delta / 2)
inline LossChoice huber(double delta = 1) {
  LossChoice loss("huber");
  loss.delta = delta;
  return loss;
}

/// q (y - a) where y > a, else (1 - q) (a - y)
inline LossChoice quantile(double q = 0.5) {
  LossChoice loss("quantile");
  loss.q = q;
  return loss;
}

/// What one call trains with or judges by. There is one column of X for each of Y.
struct TrainingData {
  /// n_0 x m; dense or sparse.
  Examples X;
  /// n_L x m; for sparse_categorical_cross_entropy 1 x m class numbers from 0 to n_L - 1; for own_loss label_rows x m.
  Examples Y;
  /// 1 x m, the weight of each example; without data every weight is 1.
  Examples weights = {};
};

/// How one call runs.
struct CallOptions {
  int threads = 0;                 // 0: as many of num_threads() as make the call faster. No result depends on it.
  Interrupt* interrupt = nullptr;  // asked whether to stop; null: never
};

/// What is known after an epoch.
struct EpochResult {
  index_t epoch;   // from Training::first_epoch on
  double loss;     // the mean over its examples, each taken before the update with its batch, penalties included
  double seconds;  // the time that it took
};

/// The options of Network::fit.
struct Training {
  index_t epochs = 1;
  index_t batch_size = 32;
  AnyOptimizer optimizer = Sgd{};
  LossChoice loss = {};
  double weight_decay = 0;  // W -= rate * weight_decay * W before each update
  double clip_value = 0;    // the limit of each entry of a gradient; 0: none
  double clip_norm = 0;     // the limit of the norm of all gradients together; 0: none
  /// The learning rate of each step (epochs times batches of them), instead of the optimizer's; empty: none.
  std::vector<double> learning_rates = {};
  bool shuffle = true;  // a new order of the examples in each epoch
  uint64_t seed = 0;    // of the shuffles and of dropout
  /// Above 0: goes on with the optimizer's memory and the sequence of shuffles that the epochs before it left.
  index_t first_epoch = 0;
  /// Called after each epoch; false ends the run.
  std::function<bool(const EpochResult&)> after_epoch = {};
};

/// What fit returns: a number for each epoch.
struct History {
  std::vector<double> loss;     // see EpochResult
  std::vector<double> seconds;  // see EpochResult
};

}  // namespace v1
}  // namespace deepnet
