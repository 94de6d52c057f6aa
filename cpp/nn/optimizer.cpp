// Parameter updates.
#include <cassert>

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

template <class T>
void one_step(Session<T>& session, const GradientStep<T>& step, T rate) {
  Workspace& workspace = session.workspace;
  for_blocks(session, step.p.rows, step.p.cols, [&](const Block& block) {
    const Rows<const T> p = contiguous_rows(part(step.p, block), workspace.gathered[0]);
    const Rows<const T> g = contiguous_rows(part(step.g, block), workspace.gathered[1]);
    const Rows<T> out = output_rows(part(step.out, block));
    for (index_t i = 0; i < block.rows; ++i)
      session.kernels.gradient_step(block.cols, p.data + i * p.stride, g.data + i * g.stride, rate,
                                    out.data + i * out.stride);
  });
}

}  // namespace

template <class T>
void gradient_steps(std::span<const GradientStep<T>> steps, T rate, Interrupt* interrupt) {
  Session<T> session(interrupt);
  for (const GradientStep<T>& step : steps) {
    assert(step.g.rows == step.p.rows && step.g.cols == step.p.cols);
    assert(step.out.rows == step.p.rows && step.out.cols == step.p.cols);
    const bool run = is_run(step.p) && is_run(step.g) && is_run(step.out);
    one_step(session, run ? GradientStep<T>{as_one_row(step.p), as_one_row(step.g), as_one_row(step.out)} : step, rate);
  }
}

template void gradient_steps(std::span<const GradientStep<float>>, float, Interrupt*);
template void gradient_steps(std::span<const GradientStep<double>>, double, Interrupt*);

}  // namespace deepnet
