// Everything of this room for one instruction set, as two tables. Compiled once per row of cmake/DeepnetKernels.cmake.
#include "kernels/elementwise.h"
#include "kernels/gemm.h"
#include "kernels/optimizers.h"
#include "kernels/pack.h"

namespace deepnet::DEEPNET_ISA {

/// 24 independent chains hide the latency of the FMA on any core with at most 6 of them in flight per cycle.
template <class T>
double fma_peak(index_t rounds, T* sink) {
  constexpr int chains = kVectorBytes == 64 || sizeof(void*) != 8 ? 24 : 12;
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

template <class T, class... A>
constexpr Kernels<T> make_table(const Activation<T>* activations, ActivationList<A...>) {
  return {&gemm<T>,         &pack<T>,         activations,       index_t(sizeof...(A)),
          &add_to_lanes<T>, &reduce_lanes<T>, &gradient_step<T>, &fma_peak<T>};
}

template <class T, class List>
struct ActivationTable;

template <class T, class... A>
struct ActivationTable<T, ActivationList<A...>> {
  static constexpr Activation<T> rows[] = {
      {A::name, &activation_forward<T, A>, &activation_backward<T, A>, &output_backward<T, A>}...};
};

template <class T>
constexpr Kernels<T> table() {
  return make_table<T>(ActivationTable<T, Activations<T>>::rows, Activations<T>{});
}

extern const Kernels<float> f32;
extern const Kernels<double> f64;
constexpr Kernels<float> f32 = table<float>();
constexpr Kernels<double> f64 = table<double>();

}  // namespace deepnet::DEEPNET_ISA
