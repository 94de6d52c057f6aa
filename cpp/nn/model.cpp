// The whole network, forward beside backward: the loop over the layers.
#include <cassert>

#include "nn/linear.h"

namespace deepnet {

template <class T>
void model_forward(Matrix<const T> X, std::span<const ForwardLayer<T>> layers, Interrupt* interrupt) {
  Session<T> session(interrupt);
  Matrix<const T> A_prev = X;
  for (const ForwardLayer<T>& layer : layers) {
    assert(layer.W.cols == A_prev.rows && layer.A.rows == layer.W.rows && layer.A.cols == X.cols);
    layer_forward(session, layer, A_prev);
    A_prev = layer.A;
  }
}

/// dZ of the last layer from AL and Y.
template <class T>
void output_gradient(Session<T>& session, Matrix<const T> AL, Matrix<const T> Y, const BackwardLayer<T>& layer,
                     const LayerGradient<T>& gradient) {
  Workspace& workspace = session.workspace;
  for_blocks(session, AL.rows, AL.cols, [&](const Block& block) {
    session.activation(layer.activation)
        .output_backward({block.rows, block.cols, contiguous_rows(part(AL, block), workspace.gathered[0]),
                          contiguous_rows(part(Y, block), workspace.gathered[1]),
                          contiguous_rows(part(layer.Z, block), workspace.gathered[2]),
                          output_rows(part(gradient.d_z, block)), gradient.lane_sums + block.row * kPanel<T>});
  });
}

template <class T>
void model_backward(Matrix<const T> AL, Matrix<const T> Y, std::span<const BackwardLayer<T>> layers,
                    Interrupt* interrupt) {
  assert(!layers.empty() && AL.rows == Y.rows && AL.cols == Y.cols);
  assert(layers.back().Z.rows == AL.rows && layers.back().Z.cols == AL.cols);
  Session<T> session(interrupt);
  const index_t m = AL.cols;
  int slot = 0;
  LayerGradient<T> gradient = new_gradient(session, slot, AL.rows, m);
  output_gradient(session, AL, Y, layers.back(), gradient);
  for (size_t l = layers.size(); l-- > 0;) {
    const BackwardLayer<T>& layer = layers[l];
    bias_gradient(session, gradient.lane_sums, m, layer.db);
    weight_gradient<T>(session, gradient.d_z, layer.A_prev, layer.dW);
    if (l == 0) {
      if (layer.dA_prev.data)
        input_gradient<T>(session, gradient.d_z, /*padded=*/true, layer.W, layer.dA_prev, [](const Block&) {});
      break;
    }
    const BackwardLayer<T>& before = layers[l - 1];
    slot = 1 - slot;
    const LayerGradient<T> next = new_gradient(session, slot, layer.W.cols, m);
    input_gradient<T>(session, gradient.d_z, /*padded=*/true, layer.W, layer.dA_prev, [&](const Block& block) {
      activate_backward<T>(session, before.activation, layer.dA_prev, before.Z, next, block);
    });
    gradient = next;
  }
}

template void model_forward(Matrix<const float>, std::span<const ForwardLayer<float>>, Interrupt*);
template void model_forward(Matrix<const double>, std::span<const ForwardLayer<double>>, Interrupt*);
template void model_backward(Matrix<const float>, Matrix<const float>, std::span<const BackwardLayer<float>>,
                             Interrupt*);
template void model_backward(Matrix<const double>, Matrix<const double>, std::span<const BackwardLayer<double>>,
                             Interrupt*);

}  // namespace deepnet
