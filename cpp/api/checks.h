// The checks of the arguments of the public functions. Each failure is a std::invalid_argument that names the argument,
// what was given and what was expected.
#pragma once

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "nn/engine.h"
#include "nn/require.h"

namespace deepnet {

/// The place of a name; a list of those that are known ends the message for any other.
inline int known(std::string_view what, std::string_view name, int place, const std::vector<std::string_view>& names) {
  if (place >= 0) return place;
  std::string list;
  for (const std::string_view each : names) list.append(list.empty() ? "" : ", ").append(each);
  reject("unknown ", what, " '", name, "': choose from ", list);
}

/// A number from 0 to less than 1.
inline void require_share(std::string_view what, double value) {
  require(value >= 0 && value < 1, what, " is ", value, ", but must be from 0 to less than 1");
}

/// A finite number that is at least 0.
inline void require_size(std::string_view what, double value) {
  require(value >= 0 && std::isfinite(value), what, " is ", value, ", but must be a finite number from 0");
}

/// A finite number above 0.
inline void require_positive(std::string_view what, double value) {
  require(value > 0 && std::isfinite(value), what, " is ", value, ", but must be a finite number above 0");
}

/// Inputs of a network with `units` inputs.
void check_inputs(const Examples& X, index_t units, const CallOptions& options);

/// X with a network's input_scale in its own, which must stay a number of type T other than 0.
template <class T>
Examples scaled(Examples X, double input_scale);

/// X, Y and weights of a network for a loss.
template <class T>
void check_data(const TrainingData& data, index_t inputs, index_t outputs, const Plan& plan,
                const CallOptions& options);

/// Data that a call reads while it changes the parameters.
template <class T>
void check_apart(const TrainingData& data, const Network<T>& network);

/// A matrix that a call writes while it reads X and the network.
template <class T>
void check_output(const Matrix<T>& out, const Examples& X, const Network<T>& network);

/// Sets the loss of a plan, for this output activation and number of outputs. The plan refers to `loss`.
void set_loss(const LossChoice& loss, std::string_view activation, index_t outputs, Plan& plan);

/// Sets everything that the optimizer and the limits of the gradients need; returns the learning rate.
double set_optimizer(const Training& training, Plan& plan);

}  // namespace deepnet
