// The context of one call of the course's functions: kernels, scratch memory and the interrupt.
#pragma once

#include <algorithm>
#include <cassert>

#include "nn/course.h"
#include "nn/progress.h"
#include "runtime/dispatch.h"
#include "runtime/workspace.h"

namespace deepnet {

template <class T>
class Session {
  BorrowedWorkspace borrowed_;

 public:
  explicit Session(Interrupt* interrupt) : progress_(interrupt) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const Kernels<T>& kernels = deepnet::kernels<T>();
  Workspace& workspace = borrowed_.get();

  void did(double operations) { progress_.did(operations); }
  void wrote(index_t numbers) { progress_.wrote(numbers); }

  const Activation<T>& activation(ActivationId id) const {
    assert(0 <= id && id < kernels.activation_count);
    return kernels.activations[id];
  }

 private:
  Progress progress_;
};

constexpr index_t round_up(index_t n, index_t multiple) { return (n + multiple - 1) / multiple * multiple; }

/// A block of a matrix: where it starts and how large it is.
struct Block {
  index_t row, rows, col, cols;
};

template <class T>
Matrix<T> part(const Matrix<T>& matrix, const Block& b) {
  return matrix.block(b.row, b.rows, b.col, b.cols);
}

/// Cuts rows x cols into blocks that fit L2; columns are cut at whole panels, so sums keep their order. Whole columns:
/// every block has all rows.
template <class T, class Body>
void for_blocks(Session<T>& session, index_t rows, index_t cols, Body body, bool whole_columns = false) {
  constexpr index_t kElements = index_t{1} << 16;
  const index_t fitting = whole_columns ? std::max(kPanel<T>, kElements / rows / kPanel<T> * kPanel<T>) : kElements;
  const index_t block_cols = std::min(cols, fitting);
  const index_t block_rows = whole_columns ? rows : std::max<index_t>(1, kElements / block_cols);
  for (index_t row = 0; row < rows; row += block_rows)
    for (index_t col = 0; col < cols; col += block_cols) {
      const Block block{row, std::min(block_rows, rows - row), col, std::min(block_cols, cols - col)};
      body(block);
      session.wrote(block.rows * block.cols);
    }
}

/// The block as rows of unit stride: in place if they are, else copied to `buffer`.
template <class T>
Rows<const T> contiguous_rows(const Matrix<const T>& m, AlignedBuffer& buffer) {
  if (m.col == 1) return {m.data, m.row};
  T* copy = buffer.reserve<T>(m.rows * m.cols);
  for (index_t i = 0; i < m.rows; ++i)
    for (index_t j = 0; j < m.cols; ++j) copy[i * m.cols + j] = m.data[i * m.row + j * m.col];
  return {copy, m.cols};
}

template <class T>
Rows<T> output_rows(const Matrix<T>& m) {
  return {m.data, m.row};
}

}  // namespace deepnet
