"""Loops over examples and units, and caches that are lists."""

import math

import numpy as np


def sigmoid(Z):
    A = np.empty(Z.shape)
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            z = Z[i, j]
            A[i, j] = 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))
    return [A, Z]


def relu(Z):
    A = Z.copy()
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            if A[i, j] < 0:
                A[i, j] = 0
    return [A, Z]


def linear_forward(A, W, b):
    Z = np.zeros((W.shape[0], A.shape[1]))
    for j in range(A.shape[1]):
        for i in range(W.shape[0]):
            Z[i, j] = sum(W[i, k] * A[k, j] for k in range(A.shape[0])) + b[i, 0]
    return Z, [A, W, b]


def linear_activation_forward(A_prev, W, b, activation):
    Z, linear_cache = linear_forward(A_prev, W, b)
    A, activation_cache = sigmoid(Z) if activation == "sigmoid" else relu(Z)
    return A, [linear_cache, activation_cache]


def L_model_forward(X, parameters):
    A, caches = X, []
    L = len(parameters) // 2
    for l in range(1, L + 1):
        name = "sigmoid" if l == L else "relu"
        A, cache = linear_activation_forward(A, parameters[f"W{l}"], parameters[f"b{l}"], name)
        caches += [cache]
    return A, caches


def compute_cost(AL, Y):
    total = 0.0
    for a, y in zip(AL.ravel(), Y.ravel(), strict=True):
        total -= y * math.log(a) + (1 - y) * math.log(1 - a)
    return total / AL.shape[1]


def relu_backward(dA, cache):
    dZ = np.zeros(dA.shape)
    for i in range(dA.shape[0]):
        for j in range(dA.shape[1]):
            dZ[i, j] = dA[i, j] if cache[i, j] > 0 else 0
    return dZ


def sigmoid_backward(dA, cache):
    s, _ = sigmoid(cache)
    return np.array(
        [[d * a * (1 - a) for d, a in zip(row, line, strict=True)] for row, line in zip(dA, s, strict=True)]
    )


def linear_backward(dZ, cache):
    A_prev, W, b = cache[0], cache[1], cache[2]
    dW, db, m = np.zeros(W.shape), np.zeros(b.shape), dZ.shape[1]
    dA_prev = np.zeros(A_prev.shape)
    for j in range(m):
        dW += np.outer(dZ[:, j], A_prev[:, j])
        db += dZ[:, [j]]
        dA_prev[:, j] = W.T @ dZ[:, j]
    return [dA_prev, dW / m, db / m]


def linear_activation_backward(dA, cache, activation):
    if activation == "relu":
        return linear_backward(relu_backward(dA, cache[1]), cache[0])
    return linear_backward(sigmoid_backward(dA, cache[1]), cache[0])


def L_model_backward(AL, Y, caches):
    grads = {}
    y = np.array(Y, dtype=float).reshape(AL.shape)
    dA = np.array([[-(t / a) + (1 - t) / (1 - a) for a, t in zip(AL[0], y[0], strict=True)]])
    for l in range(len(caches), 0, -1):
        name = "sigmoid" if l == len(caches) else "relu"
        dA, grads[f"dW{l}"], grads[f"db{l}"] = linear_activation_backward(dA, caches[l - 1], name)
        grads[f"dA{l - 1}"] = dA
    return grads


def update_parameters(parameters, grads, learning_rate):
    new = {}
    for key in parameters:
        new[key] = parameters[key].copy()
        for index in np.ndindex(new[key].shape):
            new[key][index] -= learning_rate * grads["d" + key][index]
    return new


def predict(X, y, parameters):
    AL, _ = L_model_forward(X, parameters)
    return np.array([[1.0 if a > 0.5 else 0.0 for a in AL[0]]])
