// Matrices: a view of numbers of the caller's, which every function of deepnet takes, and one that owns its numbers.
#pragma once

#include <cstddef>
#include <vector>

namespace deepnet {
inline namespace v1 {

/// Sizes, places and strides.
using index_t = ptrdiff_t;

/// A view of a matrix. Element (i, j) is data[i * row + j * col]: strides count elements, may be negative, and a
/// transpose swaps them.
template <class T>
struct Matrix {
  T* data = nullptr;
  index_t rows = 0, cols = 0;
  index_t row = 0, col = 1;

  /// The same view, for reading only.
  operator Matrix<const T>() const { return {data, rows, cols, row, col}; }
  /// Element (i, j), which is not checked.
  T& operator()(index_t i, index_t j) const { return data[i * row + j * col]; }
  /// Rows become columns; no number is moved.
  Matrix transposed() const { return {data, cols, rows, col, row}; }
  /// The part from (first_row, first_col) on, which is not checked.
  Matrix block(index_t first_row, index_t row_count, index_t first_col, index_t col_count) const {
    return {data + first_row * row + first_col * col, row_count, col_count, row, col};
  }
};

/// A view of numbers in row order without gaps.
template <class T>
Matrix<T> row_major(T* data, index_t rows, index_t cols) {
  return {data, rows, cols, cols, 1};
}

/// A view of numbers in column order without gaps: a table of `cols` examples, each with `rows` numbers side by side.
template <class T>
Matrix<T> column_major(T* data, index_t rows, index_t cols) {
  return {data, rows, cols, 1, rows};
}

/// A matrix in row order that owns its numbers, which start as zeros.
template <class T>
struct DenseMatrix {
  index_t rows = 0, cols = 0;
  std::vector<T> numbers;

  /// 0 x 0
  DenseMatrix() = default;
  /// rows x cols zeros
  DenseMatrix(index_t rows_, index_t cols_) : rows(rows_), cols(cols_), numbers(size_t(rows_ * cols_)) {}

  /// Element (i, j), which is not checked.
  T& operator()(index_t i, index_t j) { return numbers[size_t(i * cols + j)]; }
  const T& operator()(index_t i, index_t j) const { return numbers[size_t(i * cols + j)]; }
  /// A view, as long as this lives and is not resized.
  Matrix<T> view() { return row_major(numbers.data(), rows, cols); }
  Matrix<const T> view() const { return row_major(numbers.data(), rows, cols); }
};

}  // namespace v1
}  // namespace deepnet
