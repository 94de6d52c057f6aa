// All kernels for one instruction set, as two tables. Compiled once per row of cmake/DeepnetKernels.cmake, beside
// functions_table.cpp.
#include "kernels/bfloat16.h"
#include "kernels/dropout.h"
#include "kernels/few.h"
#include "kernels/functions.h"
#include "kernels/gemm.h"
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

template <class T, class S>
constexpr Reader<T> reader{&gather_rows<T, S>, &gather_columns<T, S>};

template <class X, size_t count>
constexpr index_t size(const X (&)[count]) {
  return index_t(count);
}

template <class T>
constexpr Kernels<T> kernels = {
    .gemm = &gemm<T>,
    .few_columns = &few_columns<T>,
    .pack = &pack<T>,
    .activations = Functions<T>::activations,
    .activation_count = size(Functions<T>::activations),
    .add_to_lanes = &add_to_lanes<T>,
    .reduce_lanes = &reduce_lanes<T>,
    .readers = {reader<T, Half>, reader<T, float>, reader<T, double>, reader<T, uint8_t>, reader<T, int8_t>,
                reader<T, int32_t>, reader<T, int64_t>},
    .transpose_matrix = &transpose_matrix<T>,
    .losses = Functions<T>::losses,
    .loss_count = size(Functions<T>::losses),
    .sum_rows = &sum_rows<T>,
    .dropout = &dropout<T>,
    .sparse_product = &sparse_product<T>,
    .sparse_dropout = &sparse_dropout<T>,
    .gradient_step = &gradient_step<T>,
    .blend = &blend<T>,
    .optimizers = Functions<T>::optimizers,
    .optimizer_count = size(Functions<T>::optimizers),
    .finish_gradient = &finish_gradient<T>,
    .penalty = &penalty<T>,
    .fma_peak = &fma_peak<T>,
};

extern const Kernels<float> f32;
extern const Kernels<double> f64;
extern const Bfloat16Kernels bf16;
constexpr Kernels<float> f32 = kernels<float>;
constexpr Kernels<double> f64 = kernels<double>;
constexpr Bfloat16Kernels bf16 = bfloat16_kernels<Rounded>;

}  // namespace deepnet::DEEPNET_ISA
