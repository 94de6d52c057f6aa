// All kernels for one instruction set, as two tables. Compiled once per row of cmake/DeepnetKernels.cmake.
#include "kernels/bfloat16.h"
#include "kernels/columns.h"
#include "kernels/dropout.h"
#include "kernels/elementwise.h"
#include "kernels/few.h"
#include "kernels/gemm.h"
#include "kernels/losses.h"
#include "kernels/optimizers.h"
#include "kernels/pack.h"
#include "kernels/panels.h"
#include "kernels/sparse.h"

namespace deepnet::DEEPNET_ISA {

/// As many independent chains as the micro-kernel has sums, enough to hide the latency of the multiply-add.
template <class T>
double fma_peak(index_t rounds, T* sink) {
  constexpr int chains = kSums;
  Vec<T> acc[chains];
#pragma GCC unroll 32
  for (int i = 0; i < chains; ++i) acc[i] = broadcast(T(i));
  const Vec<T> factor = broadcast(T(0.999)), term = broadcast(T(0.5));
  for (index_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 32
    for (int i = 0; i < chains; ++i) acc[i] = fma(acc[i], factor, term);
  }
  Vec<T> sum{};
#pragma GCC unroll 32
  for (int i = 0; i < chains; ++i) sum += acc[i];
  *sink = sum[0];
  return 2.0 * chains * double(kLanes<T>) * double(rounds);
}

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

template <class T, class S>
constexpr Reader<T> reader{&gather_rows<T, S>, &gather_columns<T, S>};

template <class T, class L>
constexpr Loss<T> loss_entry{L::name, L::activation, L::labels, &loss<T, L>};

template <class T, class ActivationList, class LossList, class OptimizerList>
struct Table;

template <class T, class... A, class... L, class... O>
struct Table<T, ActivationList<A...>, LossList<L...>, OptimizerList<O...>> {
  static constexpr Activation<T> activations[] = {activation<T, A>()...};
  static constexpr Loss<T> losses[] = {loss_entry<T, L>...};
  static constexpr Optimizer<T> optimizers[] = {{O::name, O::slots, &update<T, O>}...};
  static constexpr Kernels<T> kernels = {
      .gemm = &gemm<T>,
      .few_columns = &few_columns<T>,
      .pack = &pack<T>,
      .activations = activations,
      .activation_count = sizeof...(A),
      .add_to_lanes = &add_to_lanes<T>,
      .reduce_lanes = &reduce_lanes<T>,
      .readers = {reader<T, Half>, reader<T, float>, reader<T, double>, reader<T, uint8_t>, reader<T, int8_t>,
                  reader<T, int32_t>, reader<T, int64_t>},
      .transpose_matrix = &transpose_matrix<T>,
      .losses = losses,
      .loss_count = sizeof...(L),
      .sum_rows = &sum_rows<T>,
      .dropout = &dropout<T>,
      .sparse_product = &sparse_product<T>,
      .sparse_dropout = &sparse_dropout<T>,
      .gradient_step = &gradient_step<T>,
      .blend = &blend<T>,
      .optimizers = optimizers,
      .optimizer_count = sizeof...(O),
      .finish_gradient = &finish_gradient<T>,
      .penalty = &penalty<T>,
      .fma_peak = &fma_peak<T>,
  };
};

extern const Kernels<float> f32;
extern const Kernels<double> f64;
extern const Bfloat16Kernels bf16;
constexpr Kernels<float> f32 = Table<float, Activations<float>, Losses<float>, Optimizers<float>>::kernels;
constexpr Kernels<double> f64 = Table<double, Activations<double>, Losses<double>, Optimizers<double>>::kernels;
constexpr Bfloat16Kernels bf16 = bfloat16_kernels<Rounded>;

}  // namespace deepnet::DEEPNET_ISA
