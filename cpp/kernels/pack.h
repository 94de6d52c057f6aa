// Packing: any strided matrix into panels of kPanel columns, which the micro-kernel reads front to back.
//
// Two cases matter: rows contiguous (a copy) and columns contiguous (a transposition in registers, 16 x 16 floats at a
// time: 64 permutations for 256 elements). Everything else is gathered element by element.
#pragma once

#include "kernels/kernels.h"
#include "simd/transpose.h"

namespace deepnet::DEEPNET_ISA {

/// One panel of up to kPanel columns, column j of which starts at b + j * col and is contiguous.
template <class T, bool kWhole>
void pack_transposed_panel(index_t k, index_t columns, const T* b, index_t col, T* panel) {
  constexpr index_t lanes = kLanes<T>, width = kPanel<T>;
  index_t p = 0;
  for (; p + lanes <= k; p += lanes) {
    for (index_t j = 0; j < width; j += lanes) {
      Vec<T> tile[lanes];
      for (index_t i = 0; i < lanes; ++i) tile[i] = kWhole || j + i < columns ? load(b + p + (j + i) * col) : Vec<T>{};
      transpose<T>(tile);
      for (index_t i = 0; i < lanes; ++i) store(panel + (p + i) * width + j, tile[i]);
    }
  }
  for (; p < k; ++p)
    for (index_t j = 0; j < width; ++j) panel[p * width + j] = j < columns ? b[p + j * col] : T(0);
}

/// Rows contiguous: each is read once, front to back, and distributed to the panels.
template <class T>
void pack_rows_in_order(index_t k, index_t n, const T* b, index_t row, T* panels) {
  constexpr index_t lanes = kLanes<T>, width = kPanel<T>;
  for (index_t p = 0; p < k; ++p) {
    const T* source = b + p * row;
    T* target = panels + p * width;
    index_t j = 0;
    for (; j + width <= n; j += width, target += k * width)
      for (index_t v = 0; v < width; v += lanes) store(target + v, load(source + j + v));
    for (index_t v = 0; j < n && v < width; ++v) target[v] = j + v < n ? source[j + v] : T(0);
  }
}

template <class T>
void pack(index_t k, index_t n, Strided<T> b, T* panels) {
  constexpr index_t width = kPanel<T>;
  assert(k >= 0 && n >= 0);
  if (b.col == 1) return pack_rows_in_order(k, n, b.data, b.row, panels);
  for (index_t j = 0; j < n; j += width, panels += k * width) {
    const index_t columns = n - j < width ? n - j : width;
    const T* first = b.data + j * b.col;
    if (b.row == 1 && columns == width)
      pack_transposed_panel<T, true>(k, columns, first, b.col, panels);
    else if (b.row == 1)
      pack_transposed_panel<T, false>(k, columns, first, b.col, panels);
    else
      for (index_t p = 0; p < k; ++p)
        for (index_t v = 0; v < width; ++v) panels[p * width + v] = v < columns ? first[p * b.row + v * b.col] : T(0);
  }
}

}  // namespace deepnet::DEEPNET_ISA
