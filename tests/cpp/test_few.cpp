// The product with few columns, of every instruction set: the bits of a chain, as in gemm, and the memory it touches.
#include "doctest/doctest.h"
#include "oracle.h"

using deepnet::kPanel;
using namespace oracle;

TEST_SUITE_BEGIN("kernels");

TEST_CASE_TEMPLATE("few columns meet the bound of gemm, or its bits, for every count of units and inputs", T, float,
                   double) {
  using W = Wide<T>;
  constexpr index_t line = 64 / index_t(sizeof(T));
  const auto whole = [](index_t x) { return (x + line - 1) / line * line; };
  const T nan = std::numeric_limits<T>::quiet_NaN();
  for (const index_t m : {1, 2, 7, 8, 15, 16, 17, 33, 64, 70})
    for (const index_t k : {1, 3, 8, 15, 16, 17, 31, 100, 300})
      for (index_t n = 1; n <= deepnet::kFewColumns; ++n) {
        const Fence fence = (m + k + n) % 2 ? Fence::kBefore : Fence::kBehind;
        // Whole cache lines may be read; what lies in them behind the last number must not matter.
        const index_t a_row = whole(k) + (m % 2) * line, x_row = k + 3, z_row = whole(m) + line;
        const Fenced<T> a((m - 1) * a_row + whole(k), fence), x((n - 1) * x_row + k, fence), bias(whole(m), fence);
        std::fill(a.data(), a.data() + a.size(), nan);
        std::fill(bias.data(), bias.data() + bias.size(), nan);
        for (index_t i = 0; i < m; ++i) {
          bias[i] = T(random_number(1, uint64_t(i)));
          for (index_t p = 0; p < k; ++p) a[i * a_row + p] = T(random_number(2, uint64_t(i * 1000 + p)));
        }
        for (index_t e = 0; e < n; ++e)
          for (index_t p = 0; p < k; ++p) x[e * x_row + p] = T(random_number(3, uint64_t(e * 1000 + p)));
        for (const auto& [isa, kernels] : supported_tables<T>()) {
          CAPTURE(isa);
          CAPTURE(m);
          CAPTURE(k);
          CAPTURE(n);
          const Fenced<T> z((n - 1) * z_row + whole(m), fence), other((n - 1) * z_row + whole(m), fence),
              panels((m + kPanel<T> - 1) / kPanel<T> * k * kPanel<T>, fence);
          kernels.few_columns({m, n, k, a.data(), a_row, nullptr, x.data(), x_row, bias.data(), z.data(), z_row});
          kernels.pack(k, m, {a.data(), 1, a_row}, panels.data());
          kernels.few_columns({m, n, k, nullptr, 0, panels.data(), x.data(), x_row, bias.data(), other.data(), z_row});
          double worst = 0;
          index_t different = 0, touched = 0, unlike_panels = 0;
          for (index_t e = 0; e < n; ++e)
            for (index_t i = 0; i < m; ++i) {
              T chain = bias[i];
              Sum<T> sum;
              sum.add(chain);
              for (index_t p = 0; p < k; ++p) {
                const T w = a[i * a_row + p], in = x[e * x_row + p];
                chain = fused(w, in, chain);
                sum.add(W(w) * W(in));
              }
              different += !same_bits(z[e * z_row + i], chain);
              unlike_panels += !same_bits(z[e * z_row + i], other[e * z_row + i]);
              worst = std::max(worst, excess<W>(z[e * z_row + i], sum.value, gamma<T>(k + 2) * sum.size));
            }
          for (index_t i = 0; i < z.size(); ++i)
            for (const Fenced<T>* each : {&z, &other})
              touched += i % z_row >= whole(m) && !same_bits((*each)[i], Fenced<T>::kUntouched);
          if (fuses(kernels)) CHECK(different == 0);
          CHECK(worst <= 1);
          CHECK(touched == 0);
          CHECK(unlike_panels == 0);
        }
      }
}

TEST_SUITE_END();
