"""Week 4 of *Neural Networks and Deep Learning*: a network of L layers, step by step, and its training.

Source: A. Ng, deeplearning.ai.
"""

# The lecture draws from NumPy's global generator.
# ruff: noqa: NPY002

from typing import Any

import numpy as np


def sigmoid(Z: Any) -> Any:
    """A = 1 / (1 + e^-Z), and Z for the way back."""
    A = 1 / (1 + np.exp(-Z))
    cache = Z
    return A, cache


def relu(Z: Any) -> Any:
    """A = max(0, Z), and Z for the way back."""
    A = np.maximum(0, Z)
    cache = Z
    return A, cache


def softmax(Z: Any) -> Any:
    """A = e^Z / sum of e^Z over the units, each example by itself, and Z for the way back."""
    T = np.exp(Z - np.max(Z, axis=0, keepdims=True))
    A = T / np.sum(T, axis=0, keepdims=True)
    cache = Z
    return A, cache


def initialize_parameters(n_x: Any, n_h: Any, n_y: Any) -> Any:
    """W = 0.01 N(0, 1) and b = 0, for two layers."""
    np.random.seed(1)
    W1 = np.random.randn(n_h, n_x) * 0.01
    b1 = np.zeros((n_h, 1))
    W2 = np.random.randn(n_y, n_h) * 0.01
    b2 = np.zeros((n_y, 1))
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}


def initialize_parameters_deep(layer_dims: Any) -> Any:
    """W = 0.01 N(0, 1) and b = 0, for any number of layers."""
    np.random.seed(3)
    parameters = {}
    L = len(layer_dims)
    for l in range(1, L):
        parameters["W" + str(l)] = np.random.randn(layer_dims[l], layer_dims[l - 1]) * 0.01
        parameters["b" + str(l)] = np.zeros((layer_dims[l], 1))
    return parameters


def initialize_parameters_deep_of_the_application(layer_dims: Any) -> Any:
    """W = N(0, 1) / sqrt(n of the layer before) and b = 0."""
    np.random.seed(1)
    parameters = {}
    L = len(layer_dims)
    for l in range(1, L):
        parameters["W" + str(l)] = np.random.randn(layer_dims[l], layer_dims[l - 1]) / np.sqrt(
            layer_dims[l - 1]
        )
        parameters["b" + str(l)] = np.zeros((layer_dims[l], 1))
    return parameters


def initialize_parameters_deep_of_he(layer_dims: Any) -> Any:
    """W = sqrt(2 / n of the layer before) N(0, 1) and b = 0, as in the second course."""
    np.random.seed(3)
    parameters = {}
    L = len(layer_dims)
    for l in range(1, L):
        W = np.random.randn(layer_dims[l], layer_dims[l - 1])
        parameters["W" + str(l)] = W * np.sqrt(2 / layer_dims[l - 1])
        parameters["b" + str(l)] = np.zeros((layer_dims[l], 1))
    return parameters


def linear_forward(A: Any, W: Any, b: Any) -> Any:
    """Z = W A + b."""
    Z = np.dot(W, A) + b
    cache = (A, W, b)
    return Z, cache


def linear_activation_forward(A_prev: Any, W: Any, b: Any, activation: Any) -> Any:
    """A = g(W A_prev + b)."""
    Z, linear_cache = linear_forward(A_prev, W, b)
    if activation == "sigmoid":
        A, activation_cache = sigmoid(Z)
    elif activation == "relu":
        A, activation_cache = relu(Z)
    cache = (linear_cache, activation_cache)
    return A, cache


def L_model_forward(X: Any, parameters: Any) -> Any:
    """Relu in layers 1 to L - 1, sigmoid in layer L."""
    caches = []
    A = X
    L = len(parameters) // 2
    for l in range(1, L):
        A_prev = A
        A, cache = linear_activation_forward(
            A_prev, parameters["W" + str(l)], parameters["b" + str(l)], "relu"
        )
        caches.append(cache)
    AL, cache = linear_activation_forward(A, parameters["W" + str(L)], parameters["b" + str(L)], "sigmoid")
    caches.append(cache)
    return AL, caches


def compute_cost(AL: Any, Y: Any) -> Any:
    """J = -1/m sum(Y log AL + (1 - Y) log(1 - AL))."""
    Y = Y.reshape(AL.shape)
    m = Y.shape[1]
    cost = -(1 / m) * np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL))
    cost = np.squeeze(cost)
    return cost


def relu_backward(dA: Any, cache: Any) -> Any:
    """dZ = dA where Z > 0, else 0."""
    Z = cache
    dZ = np.array(dA, copy=True)
    dZ[Z <= 0] = 0
    return dZ


def sigmoid_backward(dA: Any, cache: Any) -> Any:
    """dZ = dA s (1 - s), s = 1 / (1 + e^-Z)."""
    Z = cache
    s = 1 / (1 + np.exp(-Z))
    dZ = dA * s * (1 - s)
    return dZ


def linear_backward(dZ: Any, cache: Any) -> Any:
    """dW = 1/m dZ A_prev^T; db = 1/m (row sums of dZ); dA_prev = W^T dZ."""
    A_prev, W, _ = cache
    m = A_prev.shape[1]
    dW = np.dot(dZ, A_prev.T) / m
    db = np.sum(dZ, axis=1, keepdims=True) / m
    dA_prev = np.dot(W.T, dZ)
    return dA_prev, dW, db


def linear_activation_backward(dA: Any, cache: Any, activation: Any) -> Any:
    """dZ = dA g'(Z), then linear_backward."""
    linear_cache, activation_cache = cache
    if activation == "relu":
        dZ = relu_backward(dA, activation_cache)
    elif activation == "sigmoid":
        dZ = sigmoid_backward(dA, activation_cache)
    dA_prev, dW, db = linear_backward(dZ, linear_cache)
    return dA_prev, dW, db


def L_model_backward(AL: Any, Y: Any, caches: Any) -> Any:
    """dAL = -(Y / AL - (1 - Y) / (1 - AL)), then sigmoid in layer L, relu in layers L - 1 to 1."""
    grads = {}
    L = len(caches)
    Y = Y.reshape(AL.shape)
    dAL = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
    current_cache = caches[L - 1]
    dA_prev, dW, db = linear_activation_backward(dAL, current_cache, "sigmoid")
    grads["dA" + str(L - 1)] = dA_prev
    grads["dW" + str(L)] = dW
    grads["db" + str(L)] = db
    for l in reversed(range(L - 1)):
        current_cache = caches[l]
        dA = grads["dA" + str(l + 1)]
        dA_prev, dW, db = linear_activation_backward(dA, current_cache, "relu")
        grads["dA" + str(l)] = dA_prev
        grads["dW" + str(l + 1)] = dW
        grads["db" + str(l + 1)] = db
    return grads


def update_parameters(params: Any, grads: Any, learning_rate: Any) -> Any:
    """W = W - learning_rate dW; b = b - learning_rate db."""
    parameters = params.copy()
    L = len(parameters) // 2
    for l in range(L):
        W, b = parameters["W" + str(l + 1)], parameters["b" + str(l + 1)]
        parameters["W" + str(l + 1)] = W - learning_rate * grads["dW" + str(l + 1)]
        parameters["b" + str(l + 1)] = b - learning_rate * grads["db" + str(l + 1)]
    return parameters


def predict(X: Any, y: Any, parameters: Any) -> Any:
    """1 where AL > 0.5, else 0."""
    AL, _ = L_model_forward(X, parameters)
    p = np.zeros(AL.shape)
    p[AL > 0.5] = 1
    print("Accuracy: " + str(np.mean(p == y)))
    return p


def two_layer_model(
    X: Any, Y: Any, layers_dims: Any, learning_rate: Any = 0.0075, num_iterations: Any = 3000
) -> Any:
    """Forward, cost, backward, update; relu, then sigmoid."""
    costs = []
    n_x, n_h, n_y = layers_dims
    parameters = initialize_parameters(n_x, n_h, n_y)
    for i in range(num_iterations):
        A1, cache1 = linear_activation_forward(X, parameters["W1"], parameters["b1"], "relu")
        A2, cache2 = linear_activation_forward(A1, parameters["W2"], parameters["b2"], "sigmoid")
        cost = compute_cost(A2, Y)
        dA2 = -(np.divide(Y, A2) - np.divide(1 - Y, 1 - A2))
        dA1, dW2, db2 = linear_activation_backward(dA2, cache2, "sigmoid")
        _, dW1, db1 = linear_activation_backward(dA1, cache1, "relu")
        grads = {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}
        parameters = update_parameters(parameters, grads, learning_rate)
        if i % 100 == 0:
            costs.append(cost)
    return parameters, costs


def L_layer_model(
    X: Any, Y: Any, layers_dims: Any, learning_rate: Any = 0.0075, num_iterations: Any = 3000
) -> Any:
    """Forward, cost, backward, update; L layers."""
    costs = []
    parameters = initialize_parameters_deep_of_the_application(layers_dims)
    for i in range(num_iterations):
        AL, caches = L_model_forward(X, parameters)
        cost = compute_cost(AL, Y)
        grads = L_model_backward(AL, Y, caches)
        parameters = update_parameters(parameters, grads, learning_rate)
        if i % 100 == 0:
            costs.append(cost)
    return parameters, costs
