"""Updates in place after a deep copy, results written with out=, cost with clipped probabilities."""

import copy

import numpy as np


def sigmoid(Z):
    A = np.negative(Z)
    np.exp(A, out=A)
    A += 1
    np.reciprocal(A, out=A)
    return A, Z


def relu(Z):
    A = Z.copy()
    A[A < 0] = 0
    return A, Z


def linear_forward(A, W, b):
    Z = np.empty((W.shape[0], A.shape[1]))
    np.matmul(W, A, out=Z)
    Z += b
    return Z, (A, W, b)


def linear_activation_forward(A_prev, W, b, activation):
    Z, linear_cache = linear_forward(A_prev, W, b)
    if activation == "relu":
        return relu(Z)[0], (linear_cache, Z)
    if activation == "sigmoid":
        return sigmoid(Z)[0], (linear_cache, Z)
    raise ValueError(activation)


def L_model_forward(X, parameters):
    layers = max(int(key[1:]) for key in parameters)
    caches = [None] * layers
    A = X
    for l in range(layers):
        W, b = parameters["W" + str(l + 1)], parameters["b" + str(l + 1)]
        A, caches[l] = linear_activation_forward(A, W, b, "relu" if l + 1 < layers else "sigmoid")
    return A, caches


def compute_cost(AL, Y):
    AL = np.clip(AL, 1e-15, 1 - 1e-15)
    Y = np.asarray(Y).reshape(1, -1)
    return np.float64(-(np.sum(np.log(AL[Y == 1])) + np.sum(np.log(1 - AL[Y == 0]))) / AL.shape[1])


def relu_backward(dA, cache):
    dZ = dA.copy()
    np.copyto(dZ, 0, where=cache <= 0)
    return dZ


def sigmoid_backward(dA, cache):
    dZ, _ = sigmoid(cache)
    dZ *= 1 - dZ
    dZ *= dA
    return dZ


def linear_backward(dZ, cache):
    A_prev, W, b = cache
    scaled = dZ / dZ.shape[1]
    return W.T @ dZ, scaled @ A_prev.T, scaled.sum(axis=1).reshape(b.shape)


def linear_activation_backward(dA, cache, activation):
    linear_cache, Z = cache
    return linear_backward((relu_backward if activation == "relu" else sigmoid_backward)(dA, Z), linear_cache)


def L_model_backward(AL, Y, caches):
    Y = Y.reshape(AL.shape)
    L, grads = len(caches), {}
    eps = np.finfo(float).tiny
    grads["dA" + str(L)] = -(Y / np.maximum(AL, eps) - (1 - Y) / np.maximum(1 - AL, eps))
    for l in range(L, 0, -1):
        activation = "sigmoid" if l == L else "relu"
        dA, dW, db = linear_activation_backward(grads["dA" + str(l)], caches[l - 1], activation)
        grads["dA" + str(l - 1)], grads["dW" + str(l)], grads["db" + str(l)] = dA, dW, db
    return grads


def update_parameters(params, grads, learning_rate):
    parameters = copy.deepcopy(params)
    for l in range(1, len(parameters) // 2 + 1):
        parameters["W" + str(l)] -= learning_rate * grads["dW" + str(l)]
        parameters["b" + str(l)] -= learning_rate * grads["db" + str(l)]
    return parameters
