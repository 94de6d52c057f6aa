// A view of a matrix, which every function of deepnet takes.
#pragma once

#include <cstddef>

namespace deepnet {

using index_t = ptrdiff_t;

/// Element (i, j) is data[i * row + j * col]: strides count elements, may be negative, and a transpose swaps them.
template <class T>
struct Matrix {
  T* data = nullptr;
  index_t rows = 0, cols = 0;
  index_t row = 0, col = 1;

  operator Matrix<const T>() const { return {data, rows, cols, row, col}; }
  Matrix transposed() const { return {data, cols, rows, col, row}; }
  Matrix block(index_t first_row, index_t row_count, index_t first_col, index_t col_count) const {
    return {data + first_row * row + first_col * col, row_count, col_count, row, col};
  }
};

/// A row-major matrix without gaps.
template <class T>
Matrix<T> row_major(T* data, index_t rows, index_t cols) {
  return {data, rows, cols, cols, 1};
}

}  // namespace deepnet
