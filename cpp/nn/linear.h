// One layer, forward beside backward: the steps that the functions of linear.cpp and model.cpp are made of.
#pragma once

#include "nn/multiply.h"

namespace deepnet {

/// Z = W A_prev + b, and A = g(Z) while a block of Z is in cache (A.data null: Z alone).
template <class T>
void layer_forward(Session<T>& session, const ForwardLayer<T>& layer, Matrix<const T> A_prev) {
  const T* bias = layer.b.data;
  if (layer.b.row != 1) {
    T* copy = session.workspace.bias.template reserve<T>(layer.b.rows);
    for (index_t i = 0; i < layer.b.rows; ++i) copy[i] = layer.b.data[i * layer.b.row];
    bias = copy;
  }
  const bool whole_columns = layer.A.data && session.activation(layer.activation).whole_columns;
  const auto activate = [&](const Block& block) {
    session.activation(layer.activation)
        .forward({block.rows, block.cols, output_rows(part(Matrix<const T>(layer.Z), block)),
                  output_rows(part(layer.A, block))});
  };
  multiply<T>(session, {.a = layer.W, .b = A_prev, .c = layer.Z, .bias = bias}, [&](const Block& block) {
    if (layer.A.data && !whole_columns) activate(block);
  });
  if (whole_columns) for_blocks(session, layer.Z.rows, layer.Z.cols, activate, whole_columns);
}

/// dZ of one layer in scratch memory, with the partial sums that become db.
template <class T>
struct LayerGradient {
  Matrix<T> d_z;
  T* lane_sums;
};

/// Rows are padded to whole panels, so that dZ can be multiplied where it stands, and kept off multiples of 4 KB, which
/// would all fall into one set of the cache. The padding comes to nothing, but it must be zeros: what an earlier call
/// left there may be subnormal, and multiplying that made a backward pass 3 times slower.
template <class T>
LayerGradient<T> new_gradient(Session<T>& session, int slot, index_t units, index_t m) {
  const index_t padded = round_up(m, kPanel<T>);
  const index_t stride = padded * index_t(sizeof(T)) % 4096 == 0 ? padded + kPanel<T> : padded;
  T* d_z = session.workspace.d_z[slot].template reserve<T>(units * stride);
  for (index_t i = 0; i < units; ++i) std::fill(d_z + i * stride + m, d_z + i * stride + padded, T(0));
  T* lane_sums = session.workspace.lane_sums.template reserve<T>(units * kPanel<T>);
  std::fill(lane_sums, lane_sums + units * kPanel<T>, T(0));
  return {{d_z, units, m, stride, 1}, lane_sums};
}

/// db = row sums of dZ / m, from their partial sums.
template <class T>
void bias_gradient(Session<T>& session, const T* lane_sums, index_t m, Matrix<T> db) {
  session.kernels.reduce_lanes(db.rows, lane_sums, T(1) / T(m), db.data, db.row);
}

/// dW = dZ A_prev^T / m
template <class T>
void weight_gradient(Session<T>& session, Matrix<const T> d_z, Matrix<const T> A_prev, Matrix<T> dW) {
  multiply<T>(session, {.a = d_z, .b = A_prev.transposed(), .c = dW, .scale = T(1) / T(d_z.cols)}, [](const Block&) {});
}

/// dA_prev = W^T dZ; each finished block is handed to `done`.
template <class T, class Done>
void input_gradient(Session<T>& session, Matrix<const T> d_z, bool padded, Matrix<const T> W, Matrix<T> dA_prev,
                    Done done) {
  multiply<T>(session, {.a = W.transposed(), .b = d_z, .c = dA_prev, .b_padded = padded}, done);
}

/// dZ = dA * g'(Z) and the partial sums of db, block by block.
template <class T>
void activate_backward(Session<T>& session, ActivationId activation, Matrix<const T> dA, Matrix<const T> Z,
                       const LayerGradient<T>& gradient, const Block& block) {
  Workspace& workspace = session.workspace;
  session.activation(activation)
      .backward({block.rows, block.cols, contiguous_rows(part(dA, block), workspace.gathered[0]),
                 contiguous_rows(part(Z, block), workspace.gathered[1]), output_rows(part(gradient.d_z, block)),
                 gradient.lane_sums + block.row * kPanel<T>});
}

}  // namespace deepnet
