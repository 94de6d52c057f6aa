// Activations on whole matrices.
#include <cassert>

#include "nn/session.h"

namespace deepnet {

template <class T>
void activation_forward(ActivationId activation, Matrix<const T> Z, Matrix<T> A, Interrupt* interrupt) {
  assert(A.rows == Z.rows && A.cols == Z.cols && A.col == 1);
  Session<T> session(interrupt);
  const Activation<T>& g = session.activation(activation);
  const auto apply = [&](const Block& block) {
    g.forward({block.rows, block.cols, contiguous_rows(part(Z, block), session.workspace.gathered[0]),
               output_rows(part(A, block))});
  };
  for_blocks(session, Z.rows, Z.cols, apply, g.whole_columns);
}

template <class T>
void activation_backward(ActivationId activation, Matrix<const T> dA, Matrix<const T> Z, Matrix<T> dZ,
                         Interrupt* interrupt) {
  assert(dA.rows == Z.rows && dA.cols == Z.cols && dZ.rows == Z.rows && dZ.cols == Z.cols && dZ.col == 1);
  Session<T> session(interrupt);
  Workspace& workspace = session.workspace;
  const Activation<T>& g = session.activation(activation);
  const auto apply = [&](const Block& block) {
    g.backward({block.rows, block.cols, contiguous_rows(part(dA, block), workspace.gathered[0]),
                contiguous_rows(part(Z, block), workspace.gathered[1]), output_rows(part(dZ, block)), nullptr});
  };
  for_blocks(session, Z.rows, Z.cols, apply, g.whole_columns);
}

template void activation_forward(ActivationId, Matrix<const float>, Matrix<float>, Interrupt*);
template void activation_forward(ActivationId, Matrix<const double>, Matrix<double>, Interrupt*);
template void activation_backward(ActivationId, Matrix<const float>, Matrix<const float>, Matrix<float>, Interrupt*);
template void activation_backward(ActivationId, Matrix<const double>, Matrix<const double>, Matrix<double>, Interrupt*);

}  // namespace deepnet
