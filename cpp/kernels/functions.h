// The activations, losses and optimizers of one instruction set, one entry each. functions_table.cpp compiles them.
#pragma once

#include "kernels/activations.h"
#include "kernels/losses.h"
#include "kernels/optimizers.h"

namespace deepnet::DEEPNET_ISA {

template <class T, class ActivationList, class LossList, class OptimizerList>
struct FunctionTable;

template <class T, class... A, class... L, class... O>
struct FunctionTable<T, ActivationList<A...>, LossList<L...>, OptimizerList<O...>> {
  static const Activation<T> activations[sizeof...(A)];
  static const Loss<T> losses[sizeof...(L)];
  static const Optimizer<T> optimizers[sizeof...(O)];
};

template <class T>
using Functions = FunctionTable<T, Activations<T>, Losses<T>, Optimizers<T>>;

extern template struct FunctionTable<float, Activations<float>, Losses<float>, Optimizers<float>>;
extern template struct FunctionTable<double, Activations<double>, Losses<double>, Optimizers<double>>;

}  // namespace deepnet::DEEPNET_ISA
