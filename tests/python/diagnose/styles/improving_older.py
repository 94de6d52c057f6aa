"""The second course as first released: dz in lower case and with 1/m, epsilon in the root of Adam."""

import math

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.maximum(0, x)


def initialize_parameters_zeros(layers_dims):
    return {
        key: value
        for l in range(1, len(layers_dims))
        for key, value in (
            (f"W{l}", np.zeros((layers_dims[l], layers_dims[l - 1]))),
            (f"b{l}", np.zeros((layers_dims[l], 1))),
        )
    }


def initialize_parameters_he(layer_dimension):
    parameters = {}
    for l in range(1, len(layer_dimension)):
        shape = layer_dimension[l], layer_dimension[l - 1]
        parameters[f"W{l}"] = np.random.randn(*shape) * np.sqrt(2.0 / layer_dimension[l - 1])
        parameters[f"b{l}"] = np.zeros((layer_dimension[l], 1))
    return parameters


def forward_propagation(X, parameters):
    W1, b1, W2, b2, W3, b3 = (parameters[k] for k in ("W1", "b1", "W2", "b2", "W3", "b3"))
    z1 = np.dot(W1, X) + b1
    a1 = relu(z1)
    z2 = np.dot(W2, a1) + b2
    a2 = relu(z2)
    z3 = np.dot(W3, a2) + b3
    a3 = sigmoid(z3)
    return a3, (z1, a1, W1, b1, z2, a2, W2, b2, z3, a3, W3, b3)


def compute_cost(a3, Y):
    return np.sum(np.multiply(-np.log(a3), Y) + np.multiply(-np.log(1 - a3), 1 - Y))


def backward_propagation(X, Y, cache):
    m = X.shape[1]
    (z1, a1, W1, b1, z2, a2, W2, b2, z3, a3, W3, b3) = cache
    grads = {"dz3": 1.0 / m * (a3 - Y)}
    for l, a_prev, W, z in ((3, a2, W3, z2), (2, a1, W2, z1), (1, X, None, None)):
        grads[f"dW{l}"] = np.dot(grads[f"dz{l}"], a_prev.T)
        grads[f"db{l}"] = np.sum(grads[f"dz{l}"], axis=1, keepdims=True)
        if W is not None:
            grads[f"da{l - 1}"] = np.dot(W.T, grads[f"dz{l}"])
            grads[f"dz{l - 1}"] = np.multiply(grads[f"da{l - 1}"], np.int64(z > 0))
    return grads


def update_parameters_with_gd(parameters, grads, learning_rate):
    for l in range(len(parameters) // 2):
        parameters["W" + str(l + 1)] -= learning_rate * grads["dW" + str(l + 1)]
        parameters["b" + str(l + 1)] -= learning_rate * grads["db" + str(l + 1)]
    return parameters


def random_mini_batches(X, Y, mini_batch_size=64, seed=0):
    np.random.seed(seed)
    m, mini_batches = X.shape[1], []
    permutation = list(np.random.permutation(m))
    X, Y = X[:, permutation], Y[:, permutation].reshape((1, m))
    for k in range(math.ceil(m / mini_batch_size)):
        part = slice(k * mini_batch_size, (k + 1) * mini_batch_size)
        mini_batches.append((X[:, part], Y[:, part]))
    return mini_batches


def update_parameters_with_momentum(parameters, grads, v, beta, learning_rate):
    for key in parameters:
        v["d" + key] = beta * v["d" + key] + (1 - beta) * grads["d" + key]
        parameters[key] = parameters[key] - learning_rate * v["d" + key]
    return parameters, v


def update_parameters_with_adam(
    parameters, grads, v, s, t, learning_rate=0.01, beta1=0.9, beta2=0.999, epsilon=1e-8
):
    for key in parameters:
        g = grads["d" + key]
        v["d" + key] = beta1 * v["d" + key] + (1 - beta1) * g
        s["d" + key] = beta2 * s["d" + key] + (1 - beta2) * np.power(g, 2)
        corrected = v["d" + key] / (1 - np.power(beta1, t)), s["d" + key] / (1 - np.power(beta2, t))
        parameters[key] = parameters[key] - learning_rate * corrected[0] / np.sqrt(corrected[1] + epsilon)
    return parameters, v, s
