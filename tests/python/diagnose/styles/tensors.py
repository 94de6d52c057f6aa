"""Tensors of a framework, which are turned into arrays at the end, or by np.asarray."""

import numpy as np


class Tensor:
    """The little of a framework's tensor that the functions use: it is no ndarray, but can become one."""

    def __init__(self, values):
        self._values = np.array(values, dtype=float)

    def numpy(self):
        return self._values

    def __array__(self, dtype=None, copy=None):
        return np.array(self._values, dtype=dtype)

    def __matmul__(self, other):
        return Tensor(self._values @ other._values)

    def __add__(self, other):
        return Tensor(self._values + getattr(other, "_values", other))

    def __mul__(self, other):
        return Tensor(self._values * getattr(other, "_values", other))

    def __rsub__(self, other):
        return Tensor(other - self._values)

    def __truediv__(self, other):
        return Tensor(self._values / getattr(other, "_values", other))

    def __gt__(self, other):
        return Tensor(self._values > other)

    def t(self):
        return Tensor(self._values.T)

    def sigmoid(self):
        return Tensor(1 / (1 + np.exp(-self._values)))

    def clamp(self, least):
        return Tensor(np.maximum(self._values, least))

    def log(self):
        return Tensor(np.log(self._values))

    def sum(self, dim, keepdim=False):
        return Tensor(self._values.sum(axis=dim, keepdims=keepdim))

    def mean(self):
        return Tensor(self._values.mean())


def sigmoid(Z):
    return Tensor(Z).sigmoid().numpy(), Z


def relu(Z):
    return Tensor(Z).clamp(0).numpy(), Z


def linear_forward(A, W, b):
    return (Tensor(W) @ Tensor(A) + Tensor(b)).numpy(), (A, W, b)


def linear_activation_forward(A_prev, W, b, activation):
    Z = Tensor(W) @ Tensor(A_prev) + Tensor(b)
    A = Z.sigmoid() if activation == "sigmoid" else Z.clamp(0)
    return A, ((A_prev, W, b), Z.numpy())


def L_model_forward(X, parameters):
    A, caches, L = X, [], len(parameters) // 2
    for l in range(1, L + 1):
        A, cache = linear_activation_forward(
            A, parameters[f"W{l}"], parameters[f"b{l}"], "sigmoid" if l == L else "relu"
        )
        A = A.numpy()
        caches.append(cache)
    return A, caches


def compute_cost(AL, Y):
    a, y = Tensor(AL), Tensor(np.reshape(Y, AL.shape))
    return ((y * a.log() + (1 - y) * (1 - a).log()).mean() * -1).numpy()


def relu_backward(dA, cache):
    return Tensor(dA) * (Tensor(cache) > 0)


def sigmoid_backward(dA, cache):
    s = Tensor(cache).sigmoid()
    return Tensor(dA) * s * (1 - s)


def linear_backward(dZ, cache):
    A_prev, W, _ = map(Tensor, cache)
    dZ = Tensor(dZ)
    m = dZ.numpy().shape[1]
    return W.t() @ dZ, dZ @ A_prev.t() / m, dZ.sum(1, keepdim=True) / m


def linear_activation_backward(dA, cache, activation):
    linear_cache, Z = cache
    dZ = relu_backward(dA, Z) if activation == "relu" else sigmoid_backward(dA, Z)
    return tuple(gradient.numpy() for gradient in linear_backward(dZ, linear_cache))


def update_parameters(parameters, grads, learning_rate):
    return {
        key: (Tensor(p) + Tensor(grads["d" + key]) * -learning_rate).numpy() for key, p in parameters.items()
    }
