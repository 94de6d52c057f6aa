// Activations, losses and optimizers for one instruction set. Each is a long chain of operations on one vector, and few
// vectors are in work at once. Hence a source of their own, for which the compiler may reorder more instructions
// (cmake/DeepnetKernels.cmake): the order of those of the matrix product is chosen by hand.
#include "kernels/columns.h"
#include "kernels/functions.h"

namespace deepnet::DEEPNET_ISA {

template <class T, class A>
constexpr Activation<T> activation() {
  Activation<T> entry{.name = A::name, .output_backward = &output_backward<T, A>};
  if constexpr (requires { A::whole_columns; }) {
    entry.whole_columns = true;
    entry.forward = &columns_forward<T, A>;
    entry.backward = &columns_backward<T, A>;
    entry.backward_from_a = &columns_backward_from_a<T, A>;
  } else {
    entry.forward = &activation_forward<T, A>;
    entry.backward = &activation_backward<T, A>;
    if constexpr (requires(Vec<T> v) { A::backward_from_a(v, v); })
      entry.backward_from_a = &activation_backward_from_a<T, A>;
  }
  if constexpr (requires { A::forward_finish; }) {
    entry.fused = true;
    entry.forward_finish = A::forward_finish;
    entry.backward_finish = A::backward_finish;
  }
  return entry;
}

template <class T, class... A, class... L, class... O>
constinit const Activation<T> FunctionTable<T, ActivationList<A...>, LossList<L...>,
                                            OptimizerList<O...>>::activations[] = {activation<T, A>()...};
template <class T, class... A, class... L, class... O>
constinit const Loss<T> FunctionTable<T, ActivationList<A...>, LossList<L...>, OptimizerList<O...>>::losses[] = {
    {L::name, L::activation, L::labels, &loss<T, L>}...};
template <class T, class... A, class... L, class... O>
constinit const Optimizer<T> FunctionTable<T, ActivationList<A...>, LossList<L...>, OptimizerList<O...>>::optimizers[] =
    {{O::name, O::slots, &update<T, O>}...};

template struct FunctionTable<float, Activations<float>, Losses<float>, Optimizers<float>>;
template struct FunctionTable<double, Activations<double>, Losses<double>, Optimizers<double>>;

}  // namespace deepnet::DEEPNET_ISA
