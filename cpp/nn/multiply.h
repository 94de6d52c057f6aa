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

/// The memory behind a part of b, if the next part starts there: where b is one run of memory and is packed in order.
template <class T>
struct NextPart {
  const T* data = nullptr;
  index_t count = 0;

  NextPart(const Matrix<const T>& b, const Block& part) {
    const bool by_rows = b.col == 1 && b.row == b.cols && part.cols == b.cols;
    const bool by_columns = b.row == 1 && b.col == b.rows && part.rows == b.rows;
    if (!by_rows && !by_columns) return;
    const index_t end = by_rows ? (part.row + part.rows) * b.row : (part.col + part.cols) * b.col;
    data = b.data + end;
    count = std::min(part.rows * part.cols, b.rows * b.cols - end);
  }
};

/// A part of b as the kernels read it: in place, but for a last panel that is not whole; or packed.
template <class T>
typename Gemm<T>::B panels_of(Session<T>& session, const Matrix<const T>& b, bool in_place, bool padded) {
  const index_t whole = b.cols / kPanel<T> * kPanel<T>, rest = b.cols - whole;
  const index_t packed_cols = !in_place ? b.cols : padded ? 0 : rest;
  T* packed = session.workspace.panels.template reserve<T>(b.rows * round_up(packed_cols, kPanel<T>));
  const T* first = b.data + (b.cols - packed_cols) * b.col;
  if (packed_cols > 0) session.kernels.pack(b.rows, packed_cols, {first, b.row, b.col}, packed);
  if (in_place) return {b.data, b.row, kPanel<T>, packed_cols > 0 ? packed : nullptr};
  return {packed, kPanel<T>, b.rows * kPanel<T>, nullptr};
}

template <class T, class Done>
void multiply(Session<T>& session, const Product<T>& product, Done done) {
  constexpr index_t kPartBytes = index_t{512} << 10;  // of b: half of the L2 of the smaller cores
  constexpr index_t kBlockBytes = index_t{32} << 10;  // of c: one L1
  const auto& [a, b, c, bias, scale, b_padded] = product;
  const index_t m = a.rows, n = b.cols, k = a.cols;

  const index_t depth_parts = (k + kDepth<T> - 1) / kDepth<T>;
  const index_t depth = (k + depth_parts - 1) / depth_parts;
  const index_t fitting = kPartBytes / index_t(sizeof(T)) / depth / kPanel<T> * kPanel<T>;
  const index_t width = std::min(round_up(n, kPanel<T>), std::max(kPanel<T>, fitting));
  const index_t height =
      std::max(kRowGroup, kBlockBytes / index_t(sizeof(T)) / std::min(width, n) / kRowGroup * kRowGroup);
  // Rows of b that lie far apart cost a page each, so b is read where it stands only while it is small or read once.
  const bool small = depth * b.row * index_t(sizeof(T)) <= 2 * kPartBytes;
  const bool in_place = b.col == 1 && b.row >= 0 && (small || m <= kFewRows);
  const bool c_beyond_cache = m * c.row * index_t(sizeof(T)) > 2 * kPartBytes;

  for (index_t col = 0; col < n; col += width) {
    const index_t cols = std::min(width, n - col);
    for (index_t p = 0; p < k; p += depth) {
      const index_t steps = std::min(depth, k - p);
      const auto panels = panels_of(session, b.block(p, steps, col, cols), in_place, b_padded);
      const NextPart<T> next(b, {p, steps, col, cols});
      const bool first = p == 0, last = p + steps == k;
      for (index_t row = 0; row < m; row += height) {
        const index_t rows = std::min(height, m - row);
        const index_t fetched = next.count * row / m;
        session.kernels.gemm({.m = rows,
                              .n = cols,
                              .k = steps,
                              .a = {.data = a.data + row * a.row + p * a.col, .row = a.row, .col = a.col},
                              .b = panels,
                              .c = {.data = c.data + row * c.row + col, .row = c.row},
                              .start = {.bias = bias ? bias + row : nullptr, .accumulate = !first},
                              .epilogue = {.scale = last ? scale : T(1)},
                              .prefetch = {.c = first && c_beyond_cache,
                                           .next = next.data + fetched,
                                           .bytes = (next.count * (row + rows) / m - fetched) * index_t(sizeof(T))}});
        if (last) done(Block{row, rows, col, cols});
        session.did(2.0 * double(rows) * double(cols) * double(steps));
      }
    }
  }
}

}  // namespace deepnet
