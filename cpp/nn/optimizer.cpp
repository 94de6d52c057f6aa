// Parameter updates.
#include "nn/session.h"

namespace deepnet {

namespace {

/// Whether the matrix is one run of memory in row order; a column (n, 1) with any column stride is one, too.
template <class T>
bool is_run(const Matrix<T>& m) {
  return (m.cols == 1 && m.row == 1) || (m.col == 1 && (m.row == m.cols || m.rows == 1));
}

template <class T>
Matrix<T> as_one_row(const Matrix<T>& m) {
  return {m.data, 1, m.rows * m.cols, 0, 1};
}

}  // namespace

template <class T>
void gradient_step(Matrix<const T> p, Matrix<const T> g, T rate, Matrix<T> out, Interrupt* interrupt) {
  if (p.rows > 1 && is_run(p) && is_run(g) && is_run(out))
    return gradient_step<T>(as_one_row(p), as_one_row(g), rate, as_one_row(out), interrupt);
  Session<T> session(interrupt);
  Workspace& workspace = session.workspace;
  for_blocks(session, p.rows, p.cols, [&](const Block& block) {
    const Rows<const T> p_rows = contiguous_rows(part(p, block), workspace.gathered[0]);
    const Rows<const T> g_rows = contiguous_rows(part(g, block), workspace.gathered[1]);
    const Rows<T> out_rows = output_rows(part(out, block));
    for (index_t i = 0; i < block.rows; ++i)
      session.kernels.gradient_step(block.cols, p_rows.data + i * p_rows.stride, g_rows.data + i * g_rows.stride, rate,
                                    out_rows.data + i * out_rows.stride);
  });
}

template void gradient_step(Matrix<const float>, Matrix<const float>, float, Matrix<float>, Interrupt*);
template void gradient_step(Matrix<const double>, Matrix<const double>, double, Matrix<double>, Interrupt*);

}  // namespace deepnet
