// Matrix product, cut so that each piece stays in the cache it belongs to; the arithmetic is the kernels'.
//
// Columns are cut so that a part of b fits half of L2 next to everything else, k so that a few rows of a fit L1. The
// order of the sum over k is the same for any cut. Each finished block of c is handed to `done` while it is in cache:
// there the activation, or its derivative, is applied.
#pragma once

#include "nn/session.h"

namespace deepnet {

template <class T>
struct Product {
  Matrix<const T> a, b;
  Matrix<T> c;  // c = (bias + a b) * scale; unit column stride
  const T* bias = nullptr;
  T scale = 1;
  bool b_padded = false;  // whether b may be read up to the next whole panel of columns
};

template <class T, class Done>
void multiply(Session<T>& session, const Product<T>& product, Done done) {
  constexpr index_t kPartBytes = index_t{512} << 10;   // of b: half of the L2 of the smaller cores
  constexpr index_t kBlockBytes = index_t{32} << 10;   // of c: one L1
  constexpr index_t kRows = 12;                        // whole groups of rows, see kernels/gemm.h
  const auto& [a, b, c, bias, scale, b_padded] = product;
  const index_t m = a.rows, n = b.cols, k = a.cols;

  const index_t depth_parts = (k + kDepth<T> - 1) / kDepth<T>;
  const index_t depth = (k + depth_parts - 1) / depth_parts;
  const index_t width =
      std::min(round_up(n, kPanel<T>), std::max(kPanel<T>, kPartBytes / index_t(sizeof(T)) / depth / kPanel<T> * kPanel<T>));
  const index_t height =
      std::max(kRows, kBlockBytes / index_t(sizeof(T)) / std::min(width, n) / kRows * kRows);
  // Rows that lie far apart cost a page each; b itself is read where it stands only while it is small.
  const bool in_place = b.col == 1 && (b_padded || n % kPanel<T> == 0) && b.row >= 0 &&
                        depth * b.row * index_t(sizeof(T)) <= 2 * kPartBytes;

  const bool far = m * c.row * index_t(sizeof(T)) > 2 * kPartBytes;

  for (index_t col = 0; col < n; col += width) {
    const index_t cols = std::min(width, n - col);
    for (index_t p = 0; p < k; p += depth) {
      const index_t steps = std::min(depth, k - p);
      const T* b_part = b.data + p * b.row + col * b.col;
      T* panels = nullptr;
      if (!in_place) {
        panels = session.workspace.panels.template reserve<T>(steps * round_up(cols, kPanel<T>));
        session.kernels.pack(steps, cols, {b_part, b.row, b.col}, panels);
      }
      const bool first = p == 0, last = p + steps == k;
      for (index_t row = 0; row < m; row += height) {
        const index_t rows = std::min(height, m - row);
        session.kernels.gemm({.m = rows,
                              .n = cols,
                              .k = steps,
                              .a = a.data + row * a.row + p * a.col,
                              .a_row = a.row,
                              .a_col = a.col,
                              .b = in_place ? b_part : panels,
                              .b_row = in_place ? b.row : kPanel<T>,
                              .b_panel = in_place ? kPanel<T> : steps * kPanel<T>,
                              .c = c.data + row * c.row + col,
                              .c_row = c.row,
                              .bias = bias ? bias + row : nullptr,
                              .accumulate = !first,
                              .scale = last ? scale : T(1),
                              .far = first && far});
        if (last) done(Block{row, rows, col, cols});
        session.did(2.0 * double(rows) * double(cols) * double(steps));
      }
    }
  }
}

}  // namespace deepnet
