// The checks of the numbers in labels, weights and sparse examples, which the engine takes as they are.
#pragma once

#include <span>

#include "deepnet/examples.h"
#include "deepnet/interrupt.h"
#include "kernels/kernels.h"

namespace deepnet {

/// Longer scans ask the interrupt, which may be null, after every so many numbers; they throw Interrupted.
constexpr index_t kLabelsPerCheck = index_t{1} << 20;

/// How far shares may miss the sum 1: three times 0.333 is good, two classes of an example are not.
constexpr double kShareTolerance = 1e-3;

/// What the labels of a loss must be.
LabelRule label_rule(int loss);

/// One number of dense examples.
double number_at(const Examples& from, index_t unit, index_t example);

/// True if all labels follow the rule.
bool labels_follow(LabelRule rule, index_t outputs, const Examples& Y, Interrupt* interrupt);

/// True if all weights of examples are finite in T and, unless `signed_weights`, at least 0.
template <class T>
bool weights_are_good(const Examples& weights, bool signed_weights, Interrupt* interrupt);

/// True if the indices of each sparse example increase and are in [0, units).
bool indices_increase(std::span<const int64_t> begins, const int32_t* indices, index_t units, Interrupt* interrupt);

}  // namespace deepnet
