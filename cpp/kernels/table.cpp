// Everything of this room for one instruction set, as two tables. Compiled once per row of cmake/DeepnetKernels.cmake.
#include "kernels/elementwise.h"
#include "kernels/gemm.h"
#include "kernels/optimizers.h"
#include "kernels/pack.h"

namespace deepnet::DEEPNET_ISA {

/// As many independent chains as the micro-kernel has sums: enough to hide the latency of the multiply-add.
template <class T>
double fma_peak(index_t rounds, T* sink) {
  constexpr int chains = kMR * kNV;
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

template <class T, class List>
struct Table;

template <class T, class... A>
struct Table<T, ActivationList<A...>> {
  static constexpr Activation<T> activations[] = {
      {A::name, &activation_forward<T, A>, &activation_backward<T, A>, &output_backward<T, A>}...};
  static constexpr Kernels<T> kernels = {
      .gemm = &gemm<T>,
      .pack = &pack<T>,
      .activations = activations,
      .activation_count = sizeof...(A),
      .add_to_lanes = &add_to_lanes<T>,
      .reduce_lanes = &reduce_lanes<T>,
      .gradient_step = &gradient_step<T>,
      .fma_peak = &fma_peak<T>,
  };
};

extern const Kernels<float> f32;
extern const Kernels<double> f64;
constexpr Kernels<float> f32 = Table<float, Activations<float>>::kernels;
constexpr Kernels<double> f64 = Table<double, Activations<double>>::kernels;

}  // namespace deepnet::DEEPNET_ISA
