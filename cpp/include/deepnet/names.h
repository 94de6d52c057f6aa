// Activations, losses and optimizers by name. Names are those of the Python package; an id is a place in a list.
#pragma once

#include <string_view>
#include <vector>

namespace deepnet {
inline namespace v1 {

/// An activation by its place in activation_names().
using ActivationId = int;
/// All activations, in the order of their ids.
std::vector<std::string_view> activation_names();
/// -1 if the name is unknown.
ActivationId find_activation(std::string_view name);
/// True if an output depends on all units of its example, as in softmax. Such an activation is only for the last layer.
/// Throws std::invalid_argument if the id is unknown.
bool takes_whole_columns(ActivationId activation);

/// A loss by its place in loss_names().
using LossId = int;
/// All losses, in the order of their ids.
std::vector<std::string_view> loss_names();
/// -1 if the name is unknown.
LossId find_loss(std::string_view name);
/// The output activation that the loss requires; empty: any. Throws std::invalid_argument if the id is unknown.
std::string_view loss_activation(LossId loss);
/// True if its labels are one row of class numbers, for any number of outputs. Throws std::invalid_argument if the id
/// is unknown.
bool loss_takes_classes(LossId loss);

/// An optimizer by its place in optimizer_names().
using OptimizerId = int;
/// All optimizers, in the order of their ids.
std::vector<std::string_view> optimizer_names();
/// -1 if the name is unknown.
OptimizerId find_optimizer(std::string_view name);

/// All distributions of initial weights.
std::vector<std::string_view> initializer_names();

}  // namespace v1
}  // namespace deepnet
