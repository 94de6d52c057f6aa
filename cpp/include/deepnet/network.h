// A dense network that owns its parameters: training, prediction and model files.
//
//   deepnet::Network<float> net({784, 128, 10}, {"relu", "softmax"}, {.seed = 1});
//   net.fit({images, labels}, {.epochs = 20, .batch_size = 128, .optimizer = deepnet::Adam{}});
//   const deepnet::DenseMatrix<float> probabilities = net.predict(images);
//   net.save("digits.safetensors");
//
// Examples are columns. Results have the same bits for any number of threads and however the examples are split into
// calls. T is float or double. Any number of threads may use one network at once, but only one may train it: a second
// one gets Busy. Every function checks its arguments and throws std::invalid_argument, having changed nothing; the
// message names the argument, what was given and what was expected.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "deepnet/examples.h"
#include "deepnet/names.h"
#include "deepnet/training.h"

namespace deepnet {

template <class T>
struct NetworkState;
template <class T>
class TrainingHold;

inline namespace v1 {
template <class T>
class Network;
}
/// For deepnet itself: a network with the same layers and values, as they are between two updates.
template <class T>
Network<T> copy_network(const Network<T>& network, Interrupt* interrupt);

inline namespace v1 {

/// What the matrix products of training and prediction take: numbers of the network's type, or numbers rounded to
/// bfloat16, whose products are summed in float32. All else, parameters and sums of db among it, has the network's
/// type.
enum class Compute { kOwnType, kBfloat16 };

/// How training regularises one layer.
struct Regularization {
  double dropout = 0;     // the share of its outputs that is dropped; the others are scaled up. In [0, 1)
  double l2 = 0, l1 = 0;  // adds l2 / 2 sum W^2 + l1 sum |W| to the loss; at least 0
  bool operator==(const Regularization&) const = default;
};

/// The options of a new network.
struct NetworkOptions {
  std::string_view initializer = "glorot_uniform";  // one of initializer_names(): of the weights. Biases start at 0.
  uint64_t seed = 0;                                // of the weights
  double input_scale = 1;                           // multiplies every input
  Compute compute = Compute::kOwnType;              // kBfloat16 is for float
};

/// A loss and its gradients, one matrix for each layer, the first for layer 1.
template <class T>
struct LossAndGradients {
  double loss = 0;
  std::vector<DenseMatrix<T>> dW, db;
};

/// A network computes A_l = g_l(W_l A_{l-1} + b_l) for each layer l = 1, ..., L, where A_0 is X times input_scale().
///
/// Copies are independent networks with equal layers, settings and parameters; the optimizer's memory is not copied.
template <class T>
class Network {
 public:
  /// `units` n_0, n_1, ..., n_L and the name of the activation of each layer.
  Network(std::initializer_list<index_t> units, std::initializer_list<std::string_view> activations,
          const NetworkOptions& options = {});
  /// The same from arrays.
  Network(std::span<const index_t> units, std::span<const std::string_view> activations,
          const NetworkOptions& options = {});
  /// With ids of activations and parameters that are 0. Throws Interrupted.
  Network(std::span<const index_t> units, std::span<const ActivationId> activations,
          Compute compute = Compute::kOwnType, Interrupt* interrupt = nullptr);

  Network(const Network& other);
  Network& operator=(const Network& other);
  /// A network that was moved from can only be assigned to or destroyed.
  Network(Network&&) noexcept = default;
  Network& operator=(Network&&) noexcept = default;
  ~Network() = default;

  /// L
  index_t layers() const;
  /// n_l; layer 0: the inputs.
  index_t units(index_t layer) const;
  /// The activation of a layer from 1 to L.
  ActivationId activation(index_t layer) const;
  /// Its name.
  std::string_view activation_name(index_t layer) const;
  /// What products take.
  Compute compute() const;

  /// The parameters of a layer from 1 to L, for reading and writing: views of the network's memory. Rows of W are
  /// padded. They must not be written while another thread uses the network. Once W has been called, predictions of up
  /// to four examples read the weights in place, which takes up to twice as long: they could change between two calls.
  Matrix<T> W(index_t layer) const;
  Matrix<T> b(index_t layer) const;
  /// Keeps the memory behind W and b alive beyond the network.
  std::shared_ptr<void> memory() const;
  /// Draws new weights from one of initializer_names() and sets the biases to 0. The same seed gives the same weights.
  void initialize(std::string_view initializer, uint64_t seed);

  /// The factor of every input; finite and not 0. This setting and those below must not be changed while another
  /// thread uses the network.
  double input_scale() const { return input_scale_; }
  void set_input_scale(double scale);
  /// Of a layer from 1 to L; its dropout must be 0 in the last one.
  Regularization regularization(index_t layer) const;
  void set_regularization(index_t layer, const Regularization& regularization);
  /// The share of the inputs that training drops; in [0, 1).
  double input_dropout() const { return input_dropout_; }
  void set_input_dropout(double share);
  /// The class of each output, or both classes of a single output; empty: none.
  const std::vector<std::string>& class_names() const { return class_names_; }
  void set_class_names(std::vector<std::string> names);

  /// A_L, n_L x m.
  DenseMatrix<T> predict(const Examples& X, const CallOptions& options = {}) const;
  /// The same, written to `out`, n_L x m with any strides, which must not overlap X or the parameters.
  void predict(const Examples& X, Matrix<T> out, const CallOptions& options = {}) const;

  /// Trains by mini-batches. Throws Interrupted (the parameters are those of the last complete update), NonFinite and
  /// Busy.
  History fit(const TrainingData& data, const Training& training = {}, const CallOptions& options = {});
  /// One update with all examples of `data`; returns their mean loss before it. The optimizer's memory goes on from
  /// call to call. Of `training`, epochs, batch_size, learning_rates and what concerns epochs is not used. Throws as
  /// fit.
  double train_on_batch(const TrainingData& data, const Training& training = {}, const CallOptions& options = {});
  /// The mean loss of all examples, penalties included, without dropout.
  double evaluate(const TrainingData& data, const LossChoice& loss = {}, const CallOptions& options = {}) const;
  /// The same loss and its gradients.
  LossAndGradients<T> loss_and_gradients(const TrainingData& data, const LossChoice& loss = {},
                                         const CallOptions& options = {}) const;

  /// Writes a model file, which deepnet.load in Python and load() read: docs/model_file.md of the project describes it.
  /// A file of this name is replaced whole or not at all. Throws std::system_error, std::runtime_error if `path` names
  /// something other than a file, and std::invalid_argument if the network has too many layers for a file.
  void save(const std::string& path) const;
  /// Reads a model file of one network of type T, also of Python's net.save. What is read predicts the same bits.
  /// Throws std::system_error and, with what is wrong with the file, std::runtime_error.
  static Network load(const std::string& path);

  /// For deepnet itself.
  NetworkState<T>& state() const { return *state_; }

 private:
  friend class deepnet::TrainingHold<T>;
  friend Network deepnet::copy_network<T>(const Network&, Interrupt*);
  /// The same memory, not a copy.
  explicit Network(std::shared_ptr<NetworkState<T>> state) : state_(std::move(state)) {}

  std::shared_ptr<NetworkState<T>> state_;
  double input_scale_ = 1, input_dropout_ = 0;
  std::vector<Regularization> regularization_;  // one per layer, or empty
  std::vector<std::string> class_names_;
};

}  // namespace v1
}  // namespace deepnet
