// Many networks trained side by side.
#pragma once

#include <optional>
#include <vector>

#include "deepnet/errors.h"
#include "deepnet/network.h"

namespace deepnet {
inline namespace v1 {

/// One network of fit_many, with the arguments of its fit.
template <class T>
struct ManyFit {
  Network<T>* network = nullptr;
  TrainingData data;
  Training training = {};
};

/// How the training of one network ended.
struct ManyResult {
  History history;                      // of the epochs that ended
  std::optional<NonFinite> error = {};  // what fit would have thrown; the other networks are not affected
};

/// Trains independent networks, each on one thread and up to CallOptions::threads at once. Each ends with the bits that
/// its fit alone gives. For small networks this is faster than one after another, whose threads mostly wait for each
/// other.
///
/// All arguments are checked before a network changes. Functions in Training::after_epoch are called on the threads of
/// their networks, one at a time; an exception of theirs ends the whole run. Throws std::invalid_argument, for example
/// "fits[2] has the network of fits[0]: train a copy", Interrupted (every network has the parameters of its last
/// update) and, before anything changed, Busy.
template <class T>
std::vector<ManyResult> fit_many(const std::vector<ManyFit<T>>& fits, const CallOptions& options = {});

}  // namespace v1
}  // namespace deepnet
