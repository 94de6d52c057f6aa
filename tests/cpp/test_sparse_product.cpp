// The kernels of sparse examples against those of dense ones, on every instruction set.
#include "doctest/doctest.h"
#include "oracle.h"

using namespace oracle;
using deepnet::kPanel;

TEST_SUITE_BEGIN("kernels");

TEST_CASE_TEMPLATE("a sparse product has the bits of the dense one, and stays within whole lines of its rows", T, float,
                   double) {
  for (const auto& [isa, kernels] : supported_tables<T>())
    for (const index_t columns : {1, 16, 50, 100, 300})
      for (const bool starts : {false, true}) {
        CAPTURE(isa);
        CAPTURE(columns);
        constexpr index_t rows = 9, k = 70;
        const index_t width = (columns + kPanel<T> - 1) / kPanel<T> * kPanel<T>;
        const std::vector<T> x = mostly_zeros<T>(rows, k, 1), a = random_values<T>(k * width, 2),
                             start = random_values<T>(rows * width, 3);
        std::vector<index_t> begins{0};
        std::vector<uint32_t> index;
        std::vector<T> value;
        for (index_t i = 0; i < rows; ++i) {
          for (index_t p = 0; p < k; ++p)
            if (x[size_t(i * k + p)] != 0) {
              index.push_back(uint32_t(p));
              value.push_back(x[size_t(i * k + p)]);
            }
          begins.push_back(index_t(index.size()));
        }
        std::vector<T> dense = start;
        kernels.gemm({.m = rows,
                      .n = columns,
                      .k = k,
                      .a = {.data = x.data(), .row = k, .col = 1},
                      .b = {.data = a.data(), .row = width, .panel = kPanel<T>},
                      .c = {.data = dense.data(), .row = width},
                      .start = {.accumulate = starts}});
        constexpr index_t line = 64 / index_t(sizeof(T));
        const index_t row = (columns + line - 1) / line * line;
        const Fenced<T> tight_a(k * row), tight_start(rows * row), sparse(rows * row);
        const auto copy = [&](const std::vector<T>& from, const Fenced<T>& to, index_t count) {
          for (index_t i = 0; i < count; ++i) std::copy_n(from.data() + i * width, row, to.data() + i * row);
        };
        copy(a, tight_a, k);
        copy(start, tight_start, rows);
        kernels.sparse_product({.rows = rows,
                                .columns = columns,
                                .begins = begins.data(),
                                .index = index.data(),
                                .value = value.data(),
                                .a = tight_a.data(),
                                .a_row = row,
                                .start = starts ? tight_start.data() : nullptr,
                                .start_row = row,
                                .out = sparse.data(),
                                .out_row = row});
        index_t wrong = 0;
        for (index_t i = 0; i < rows; ++i)
          for (index_t j = 0; j < columns; ++j)
            wrong += !same_bits(sparse.data()[i * row + j], dense[size_t(i * width + j)]);
        CHECK(wrong == 0);
      }
}

TEST_CASE_TEMPLATE("dropout of sparse inputs keeps those that dropout of a panel keeps", T, float, double) {
  constexpr index_t units = 37, example = 1003;
  constexpr uint64_t stream = 0x0123'4567'89ab'cdef;
  for (const auto& [isa, kernels] : supported_tables<T>()) {
    CAPTURE(isa);
    std::vector<T> panel = random_values<T>(units * kPanel<T>, 1), values;
    std::vector<uint32_t> index;
    for (index_t i = 0; i < units; i += 2) {
      index.push_back(uint32_t(i));
      values.push_back(panel[size_t(i * kPanel<T>)]);
    }
    kernels.dropout({units, example, stream, uint32_t{1} << 31, T(2), panel.data()});
    kernels.sparse_dropout(
        {units, example, index_t(index.size()), stream, uint32_t{1} << 31, T(2), index.data(), values.data()});
    for (size_t p = 0; p < index.size(); ++p) CHECK(same_bits(values[p], panel[size_t(index[p]) * size_t(kPanel<T>)]));
  }
}

TEST_SUITE_END();
