// The course's functions of one layer.
#include "nn/linear.h"

#include <cassert>

namespace deepnet {

namespace {

/// What both backward functions expect.
template <class T>
bool shapes_agree(const Matrix<const T>& dZ, const Matrix<const T>& A_prev, const Matrix<const T>& W,
                  const Matrix<T>& dA_prev, const Matrix<T>& dW, const Matrix<T>& db) {
  return dZ.rows == W.rows && dZ.cols == A_prev.cols && W.cols == A_prev.rows && dW.rows == W.rows &&
         dW.cols == W.cols && dW.col == 1 && db.rows == W.rows &&
         (!dA_prev.data || (dA_prev.rows == A_prev.rows && dA_prev.cols == A_prev.cols && dA_prev.col == 1));
}

}  // namespace

template <class T>
void linear_forward(Matrix<const T> A_prev, Matrix<const T> W, Matrix<const T> b, Matrix<T> Z, Interrupt* interrupt) {
  linear_activation_forward<T>(A_prev, W, b, 0, Z, {}, interrupt);
}

template <class T>
void linear_activation_forward(Matrix<const T> A_prev, Matrix<const T> W, Matrix<const T> b, ActivationId activation,
                               Matrix<T> Z, Matrix<T> A, Interrupt* interrupt) {
  assert(W.cols == A_prev.rows && b.rows == W.rows && b.cols == 1);
  assert(Z.rows == W.rows && Z.cols == A_prev.cols && Z.col == 1);
  assert(!A.data || (A.rows == W.rows && A.cols == A_prev.cols && A.col == 1));
  Session<T> session(interrupt);
  layer_forward<T>(session, {W, b, activation, Z, A}, A_prev);
}

template <class T>
void linear_backward(Matrix<const T> dZ, Matrix<const T> A_prev, Matrix<const T> W, Matrix<T> dA_prev, Matrix<T> dW,
                     Matrix<T> db, Interrupt* interrupt) {
  assert(shapes_agree(dZ, A_prev, W, dA_prev, dW, db));
  Session<T> session(interrupt);
  T* lane_sums = session.workspace.lane_sums.template reserve<T>(dZ.rows * kPanel<T>);
  std::fill(lane_sums, lane_sums + dZ.rows * kPanel<T>, T(0));
  for_blocks(session, dZ.rows, dZ.cols, [&](const Block& block) {
    session.kernels.add_to_lanes(block.rows, block.cols,
                                 contiguous_rows(part(dZ, block), session.workspace.gathered[0]),
                                 lane_sums + block.row * kPanel<T>);
  });
  bias_gradient(session, lane_sums, dZ.cols, db);
  weight_gradient(session, dZ, A_prev, dW);
  if (dA_prev.data) input_gradient(session, dZ, /*padded=*/false, W, dA_prev, [](const Block&) {});
}

template <class T>
void linear_activation_backward(Matrix<const T> dA, Matrix<const T> A_prev, Matrix<const T> W, Matrix<const T> Z,
                                ActivationId activation, Matrix<T> dA_prev, Matrix<T> dW, Matrix<T> db,
                                Interrupt* interrupt) {
  assert(shapes_agree(dA, A_prev, W, dA_prev, dW, db) && Z.rows == dA.rows && Z.cols == dA.cols);
  Session<T> session(interrupt);
  const LayerGradient<T> gradient = new_gradient(session, 0, Z.rows, Z.cols);
  for_blocks(
      session, Z.rows, Z.cols,
      [&](const Block& block) { activate_backward(session, activation, dA, Z, gradient, block); },
      session.activation(activation).whole_columns);
  bias_gradient(session, gradient.lane_sums, Z.cols, db);
  weight_gradient<T>(session, gradient.d_z, A_prev, dW);
  if (dA_prev.data) input_gradient<T>(session, gradient.d_z, /*padded=*/true, W, dA_prev, [](const Block&) {});
}

template void linear_forward(Matrix<const float>, Matrix<const float>, Matrix<const float>, Matrix<float>, Interrupt*);
template void linear_forward(Matrix<const double>, Matrix<const double>, Matrix<const double>, Matrix<double>,
                             Interrupt*);
template void linear_activation_forward(Matrix<const float>, Matrix<const float>, Matrix<const float>, ActivationId,
                                        Matrix<float>, Matrix<float>, Interrupt*);
template void linear_activation_forward(Matrix<const double>, Matrix<const double>, Matrix<const double>, ActivationId,
                                        Matrix<double>, Matrix<double>, Interrupt*);
template void linear_backward(Matrix<const float>, Matrix<const float>, Matrix<const float>, Matrix<float>,
                              Matrix<float>, Matrix<float>, Interrupt*);
template void linear_backward(Matrix<const double>, Matrix<const double>, Matrix<const double>, Matrix<double>,
                              Matrix<double>, Matrix<double>, Interrupt*);
template void linear_activation_backward(Matrix<const float>, Matrix<const float>, Matrix<const float>,
                                         Matrix<const float>, ActivationId, Matrix<float>, Matrix<float>, Matrix<float>,
                                         Interrupt*);
template void linear_activation_backward(Matrix<const double>, Matrix<const double>, Matrix<const double>,
                                         Matrix<const double>, ActivationId, Matrix<double>, Matrix<double>,
                                         Matrix<double>, Interrupt*);

}  // namespace deepnet
