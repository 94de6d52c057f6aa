// The course's functions for dense networks of any number of layers, for the bindings.
//
// Examples are columns: X is n_x x m, W of layer l is n_l x n_{l-1}, b is n_l x 1. T is float or double. Inputs may
// have any strides; outputs need unit column stride and must not overlap anything. Matching shapes are preconditions,
// which builds with assertions check. Every function runs on the calling thread, and any number of threads may call
// them at once.
#pragma once

#include <span>

#include "deepnet/interrupt.h"
#include "deepnet/matrix.h"
#include "deepnet/names.h"

namespace deepnet {

/// A = g(Z), element by element, or column by column.
template <class T>
void activation_forward(ActivationId activation, Matrix<const T> Z, Matrix<T> A, Interrupt* interrupt = nullptr);

/// dZ = dA * g'(Z); for softmax A * (dA - column sums of dA * A)
template <class T>
void activation_backward(ActivationId activation, Matrix<const T> dA, Matrix<const T> Z, Matrix<T> dZ,
                         Interrupt* interrupt = nullptr);

/// Z = W A_prev + b
template <class T>
void linear_forward(Matrix<const T> A_prev, Matrix<const T> W, Matrix<const T> b, Matrix<T> Z,
                    Interrupt* interrupt = nullptr);

/// Z = W A_prev + b, A = g(Z)
template <class T>
void linear_activation_forward(Matrix<const T> A_prev, Matrix<const T> W, Matrix<const T> b, ActivationId activation,
                               Matrix<T> Z, Matrix<T> A, Interrupt* interrupt = nullptr);

/// dW = dZ A_prev^T / m, db = row sums of dZ / m, dA_prev = W^T dZ (unless dA_prev.data is null)
template <class T>
void linear_backward(Matrix<const T> dZ, Matrix<const T> A_prev, Matrix<const T> W, Matrix<T> dA_prev, Matrix<T> dW,
                     Matrix<T> db, Interrupt* interrupt = nullptr);

/// As linear_backward, for dZ = dA * g'(Z).
template <class T>
void linear_activation_backward(Matrix<const T> dA, Matrix<const T> A_prev, Matrix<const T> W, Matrix<const T> Z,
                                ActivationId activation, Matrix<T> dA_prev, Matrix<T> dW, Matrix<T> db,
                                Interrupt* interrupt = nullptr);

template <class T>
struct ForwardLayer {
  Matrix<const T> W, b;
  ActivationId activation;
  Matrix<T> Z, A;  // out
};

/// (LINEAR -> activation) for each layer; A of a layer is A_prev of the next.
template <class T>
void model_forward(Matrix<const T> X, std::span<const ForwardLayer<T>> layers, Interrupt* interrupt = nullptr);

template <class T>
struct BackwardLayer {
  Matrix<const T> A_prev, W, Z;
  ActivationId activation;
  Matrix<T> dA_prev, dW, db;  // out; the first layer's dA_prev.data may be null
};

/// Gradients of the cross-entropy. dAL = -(Y/AL - (1-Y)/(1-AL)), where a term 0/0 is 0; at a sigmoid output that is
/// exactly 0 or 1, dZ = AL - Y. g' is taken from the given Z, which need not belong to AL. After softmax the loss is
/// the categorical cross-entropy: dZ = AL - Y, for columns of Y that add up to 1.
template <class T>
void model_backward(Matrix<const T> AL, Matrix<const T> Y, std::span<const BackwardLayer<T>> layers,
                    Interrupt* interrupt = nullptr);

/// -mean(Y log AL + (1 - Y) log(1 - AL)) over the columns, with 0 log 0 = 0. Summed in double, in order.
template <class T>
double cross_entropy(Matrix<const T> AL, Matrix<const T> Y, Interrupt* interrupt = nullptr);

/// -mean(column sums of Y log AL), with 0 log 0 = 0. Summed in double, in order.
template <class T>
double categorical_cross_entropy(Matrix<const T> AL, Matrix<const T> Y, Interrupt* interrupt = nullptr);

template <class T>
struct GradientStep {
  Matrix<const T> p, g;
  Matrix<T> out;
};

/// out = p - rate * g for each; out may be p itself.
template <class T>
void gradient_steps(std::span<const GradientStep<T>> steps, T rate, Interrupt* interrupt = nullptr);

template <class T>
void gradient_step(Matrix<const T> p, Matrix<const T> g, T rate, Matrix<T> out, Interrupt* interrupt = nullptr) {
  const GradientStep<T> step{p, g, out};
  gradient_steps<T>(std::span(&step, 1), rate, interrupt);
}

}  // namespace deepnet
