// pack of every instruction set: each stride case, exact copies, zeros behind the last column, nothing else touched.
#include "doctest/doctest.h"
#include "oracle.h"

using namespace oracle;
using deepnet::kPanel;

TEST_SUITE_BEGIN("kernels");

TEST_CASE_TEMPLATE("pack copies any layout into panels and pads the last with zeros", T, float, double) {
  for (const Layout layout : kLayouts)
    for (const index_t k : {1, 2, 15, 16, 17, 40})
      for (const index_t n : {1, 7, 16, 31, 32, 33, 64, 70})
        for (const Fence fence : {Fence::kBefore, Fence::kBehind}) {
          const Laid<T> b = random_matrix<T>(k, n, 1, layout, fence);
          const index_t panels = (n + kPanel<T> - 1) / kPanel<T>;
          for (const auto& [isa, kernels] : supported_tables<T>()) {
            CAPTURE(isa);
            CAPTURE(int(layout));
            CAPTURE(k);
            CAPTURE(n);
            const Fenced<T> packed(panels * k * kPanel<T>, fence);
            kernels.pack(k, n, {b.view.data, b.view.row, b.view.col}, packed.data());
            index_t wrong = 0;
            for (index_t j = 0; j < panels * kPanel<T>; ++j)
              for (index_t p = 0; p < k; ++p) {
                const T expected = j < n ? at(b.view, p, j) : T(0);
                wrong += !same_bits(packed[(j / kPanel<T> * k + p) * kPanel<T> + j % kPanel<T>], expected);
              }
            CHECK(wrong == 0);
          }
        }
}

TEST_CASE_TEMPLATE("pack copies bits: -0, nan, infinities and subnormals are unchanged", T, float, double) {
  using Limits = std::numeric_limits<T>;
  const T odd[] = {-T(0), Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity(), Limits::denorm_min()};
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (const Layout layout : {Layout::kRows, Layout::kColumns, Layout::kSpread}) {
      CAPTURE(isa);
      const index_t k = 20, n = kPanel<T>;
      const Laid<T> b = lay_out<T>(k, n, layout);
      for (index_t i = 0; i < b.memory.size(); ++i) b.memory[i] = odd[i % 5];
      const Fenced<T> packed(k * n);
      kernels.pack(k, n, {b.view.data, b.view.row, b.view.col}, packed.data());
      for (index_t p = 0; p < k; ++p)
        for (index_t j = 0; j < n; ++j) CHECK(same_bits(packed[p * n + j], at(b.view, p, j)));
    }
}

TEST_SUITE_END();
