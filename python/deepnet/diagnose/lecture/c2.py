"""Weeks 1 and 2 of *Improving Deep Neural Networks*: three layers, regularised, in mini-batches.

Source: A. Ng, deeplearning.ai.
"""

# The lecture draws from NumPy's global generator, unpacks more than it uses, and compares in this order.
# ruff: noqa: NPY002, RUF059, SIM300

import math
from typing import Any

import numpy as np


def sigmoid(x: Any) -> Any:
    """s = 1 / (1 + e^-x)."""
    s = 1 / (1 + np.exp(-x))
    return s


def relu(x: Any) -> Any:
    """s = max(0, x)."""
    s = np.maximum(0, x)
    return s


def initialize_parameters_zeros(layers_dims: Any) -> Any:
    """W = 0 and b = 0."""
    parameters = {}
    L = len(layers_dims)
    for l in range(1, L):
        parameters["W" + str(l)] = np.zeros((layers_dims[l], layers_dims[l - 1]))
        parameters["b" + str(l)] = np.zeros((layers_dims[l], 1))
    return parameters


def initialize_parameters_random(layers_dims: Any) -> Any:
    """W = 10 N(0, 1) and b = 0."""
    np.random.seed(3)
    parameters = {}
    L = len(layers_dims)
    for l in range(1, L):
        parameters["W" + str(l)] = np.random.randn(layers_dims[l], layers_dims[l - 1]) * 10
        parameters["b" + str(l)] = np.zeros((layers_dims[l], 1))
    return parameters


def initialize_parameters_he(layers_dims: Any) -> Any:
    """W = sqrt(2 / n of the layer before) N(0, 1) and b = 0."""
    np.random.seed(3)
    parameters = {}
    L = len(layers_dims)
    for l in range(1, L):
        W = np.random.randn(layers_dims[l], layers_dims[l - 1])
        parameters["W" + str(l)] = W * np.sqrt(2 / layers_dims[l - 1])
        parameters["b" + str(l)] = np.zeros((layers_dims[l], 1))
    return parameters


def initialize_parameters(layer_dims: Any) -> Any:
    """W = sqrt(2 / n of the layer before) N(0, 1) and b = 0, as in week 2."""
    np.random.seed(3)
    parameters = {}
    L = len(layer_dims)
    for l in range(1, L):
        W = np.random.randn(layer_dims[l], layer_dims[l - 1])
        parameters["W" + str(l)] = W * np.sqrt(2 / layer_dims[l - 1])
        parameters["b" + str(l)] = np.zeros((layer_dims[l], 1))
    return parameters


def initialize_parameters_of_week_1(layer_dims: Any) -> Any:
    """W = N(0, 1) / sqrt(n of the layer before) and b = 0, as in the week of regularisation."""
    np.random.seed(3)
    parameters = {}
    L = len(layer_dims)
    for l in range(1, L):
        W = np.random.randn(layer_dims[l], layer_dims[l - 1])
        parameters["W" + str(l)] = W / np.sqrt(layer_dims[l - 1])
        parameters["b" + str(l)] = np.zeros((layer_dims[l], 1))
    return parameters


def forward_propagation(X: Any, parameters: Any) -> Any:
    """Relu, relu, sigmoid."""
    W1, b1 = parameters["W1"], parameters["b1"]
    W2, b2 = parameters["W2"], parameters["b2"]
    W3, b3 = parameters["W3"], parameters["b3"]
    z1 = np.dot(W1, X) + b1
    a1 = relu(z1)
    z2 = np.dot(W2, a1) + b2
    a2 = relu(z2)
    z3 = np.dot(W3, a2) + b3
    a3 = sigmoid(z3)
    cache = (z1, a1, W1, b1, z2, a2, W2, b2, z3, a3, W3, b3)
    return a3, cache


def compute_loss(a3: Any, Y: Any) -> Any:
    """J = -1/m sum(Y log a3 + (1 - Y) log(1 - a3))."""
    m = Y.shape[1]
    logprobs = np.multiply(-np.log(a3), Y) + np.multiply(-np.log(1 - a3), 1 - Y)
    loss = 1 / m * np.nansum(logprobs)
    return loss


def compute_cost(a3: Any, Y: Any) -> Any:
    """J = -1/m sum(Y log a3 + (1 - Y) log(1 - a3))."""
    m = Y.shape[1]
    logprobs = np.multiply(-np.log(a3), Y) + np.multiply(-np.log(1 - a3), 1 - Y)
    cost = 1 / m * np.nansum(logprobs)
    return cost


def compute_cost_as_a_sum(a3: Any, Y: Any) -> Any:
    """-sum(Y log a3 + (1 - Y) log(1 - a3)): the sum over a mini-batch, as in week 2."""
    logprobs = np.multiply(-np.log(a3), Y) + np.multiply(-np.log(1 - a3), 1 - Y)
    cost = np.nansum(logprobs)
    return cost


def backward_propagation(X: Any, Y: Any, cache: Any) -> Any:
    """dZ3 = A3 - Y; dW = 1/m dZ A_prev^T; db = 1/m (row sums of dZ); dA = W^T dZ; dZ = dA where A > 0."""
    m = X.shape[1]
    _, A1, W1, _, _, A2, W2, _, _, A3, W3, _ = cache
    dZ3 = A3 - Y
    dW3 = 1 / m * np.dot(dZ3, A2.T)
    db3 = 1 / m * np.sum(dZ3, axis=1, keepdims=True)
    dA2 = np.dot(W3.T, dZ3)
    dZ2 = np.multiply(dA2, np.int64(A2 > 0))
    dW2 = 1 / m * np.dot(dZ2, A1.T)
    db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
    dA1 = np.dot(W2.T, dZ2)
    dZ1 = np.multiply(dA1, np.int64(A1 > 0))
    dW1 = 1 / m * np.dot(dZ1, X.T)
    db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
    return {
        "dZ3": dZ3, "dW3": dW3, "db3": db3, "dA2": dA2, "dZ2": dZ2, "dW2": dW2,
        "db2": db2, "dA1": dA1, "dZ1": dZ1, "dW1": dW1, "db1": db1,
    }  # fmt: skip


def backward_propagation_with_1_over_m_in_dz(X: Any, Y: Any, cache: Any) -> Any:
    """The same dW and db, but dz and da contain 1/m."""
    m = X.shape[1]
    _, a1, W1, _, _, a2, W2, _, _, a3, W3, _ = cache
    dz3 = 1 / m * (a3 - Y)
    dW3 = np.dot(dz3, a2.T)
    db3 = np.sum(dz3, axis=1, keepdims=True)
    da2 = np.dot(W3.T, dz3)
    dz2 = np.multiply(da2, np.int64(a2 > 0))
    dW2 = np.dot(dz2, a1.T)
    db2 = np.sum(dz2, axis=1, keepdims=True)
    da1 = np.dot(W2.T, dz2)
    dz1 = np.multiply(da1, np.int64(a1 > 0))
    dW1 = np.dot(dz1, X.T)
    db1 = np.sum(dz1, axis=1, keepdims=True)
    return {
        "dz3": dz3, "dW3": dW3, "db3": db3, "da2": da2, "dz2": dz2, "dW2": dW2,
        "db2": db2, "da1": da1, "dz1": dz1, "dW1": dW1, "db1": db1,
    }  # fmt: skip


def compute_cost_with_regularization(A3: Any, Y: Any, parameters: Any, lambd: Any) -> Any:
    """J + lambda / (2 m) (sum of the squares of all W)."""
    m = Y.shape[1]
    W1, W2, W3 = parameters["W1"], parameters["W2"], parameters["W3"]
    cross_entropy_cost = compute_cost(A3, Y)
    squares = np.sum(np.square(W1)) + np.sum(np.square(W2)) + np.sum(np.square(W3))
    L2_regularization_cost = lambd / (2 * m) * squares
    cost = cross_entropy_cost + L2_regularization_cost
    return cost


def backward_propagation_with_regularization(X: Any, Y: Any, cache: Any, lambd: Any) -> Any:
    """As backward_propagation, with lambda / m W in each dW."""
    m = X.shape[1]
    _, A1, W1, _, _, A2, W2, _, _, A3, W3, _ = cache
    dZ3 = A3 - Y
    dW3 = 1 / m * np.dot(dZ3, A2.T) + lambd / m * W3
    db3 = 1 / m * np.sum(dZ3, axis=1, keepdims=True)
    dA2 = np.dot(W3.T, dZ3)
    dZ2 = np.multiply(dA2, np.int64(A2 > 0))
    dW2 = 1 / m * np.dot(dZ2, A1.T) + lambd / m * W2
    db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
    dA1 = np.dot(W2.T, dZ2)
    dZ1 = np.multiply(dA1, np.int64(A1 > 0))
    dW1 = 1 / m * np.dot(dZ1, X.T) + lambd / m * W1
    db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
    return {
        "dZ3": dZ3, "dW3": dW3, "db3": db3, "dA2": dA2, "dZ2": dZ2, "dW2": dW2,
        "db2": db2, "dA1": dA1, "dZ1": dZ1, "dW1": dW1, "db1": db1,
    }  # fmt: skip


def forward_propagation_with_dropout(X: Any, parameters: Any, keep_prob: Any = 0.5) -> Any:
    """As forward_propagation; A1 and A2 are multiplied by a mask D and divided by keep_prob."""
    np.random.seed(1)
    W1, b1 = parameters["W1"], parameters["b1"]
    W2, b2 = parameters["W2"], parameters["b2"]
    W3, b3 = parameters["W3"], parameters["b3"]
    Z1 = np.dot(W1, X) + b1
    A1 = relu(Z1)
    D1 = np.random.rand(A1.shape[0], A1.shape[1])
    D1 = (D1 < keep_prob).astype(int)
    A1 = A1 * D1
    A1 = A1 / keep_prob
    Z2 = np.dot(W2, A1) + b2
    A2 = relu(Z2)
    D2 = np.random.rand(A2.shape[0], A2.shape[1])
    D2 = (D2 < keep_prob).astype(int)
    A2 = A2 * D2
    A2 = A2 / keep_prob
    Z3 = np.dot(W3, A2) + b3
    A3 = sigmoid(Z3)
    cache = (Z1, D1, A1, W1, b1, Z2, D2, A2, W2, b2, Z3, A3, W3, b3)
    return A3, cache


def backward_propagation_with_dropout(X: Any, Y: Any, cache: Any, keep_prob: Any) -> Any:
    """As backward_propagation; dA1 and dA2 are multiplied by the same masks and divided by keep_prob."""
    m = X.shape[1]
    _, D1, A1, W1, _, _, D2, A2, W2, _, _, A3, W3, _ = cache
    dZ3 = A3 - Y
    dW3 = 1 / m * np.dot(dZ3, A2.T)
    db3 = 1 / m * np.sum(dZ3, axis=1, keepdims=True)
    dA2 = np.dot(W3.T, dZ3)
    dA2 = dA2 * D2
    dA2 = dA2 / keep_prob
    dZ2 = np.multiply(dA2, np.int64(A2 > 0))
    dW2 = 1 / m * np.dot(dZ2, A1.T)
    db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
    dA1 = np.dot(W2.T, dZ2)
    dA1 = dA1 * D1
    dA1 = dA1 / keep_prob
    dZ1 = np.multiply(dA1, np.int64(A1 > 0))
    dW1 = 1 / m * np.dot(dZ1, X.T)
    db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
    return {
        "dZ3": dZ3, "dW3": dW3, "db3": db3, "dA2": dA2, "dZ2": dZ2, "dW2": dW2,
        "db2": db2, "dA1": dA1, "dZ1": dZ1, "dW1": dW1, "db1": db1,
    }  # fmt: skip


def update_parameters(parameters: Any, grads: Any, learning_rate: Any) -> Any:
    """W = W - learning_rate dW; b = b - learning_rate db."""
    L = len(parameters) // 2
    for l in range(L):
        W, b = parameters["W" + str(l + 1)], parameters["b" + str(l + 1)]
        parameters["W" + str(l + 1)] = W - learning_rate * grads["dW" + str(l + 1)]
        parameters["b" + str(l + 1)] = b - learning_rate * grads["db" + str(l + 1)]
    return parameters


def update_parameters_with_gd(parameters: Any, grads: Any, learning_rate: Any) -> Any:
    """W = W - learning_rate dW; b = b - learning_rate db."""
    L = len(parameters) // 2
    for l in range(L):
        W, b = parameters["W" + str(l + 1)], parameters["b" + str(l + 1)]
        parameters["W" + str(l + 1)] = W - learning_rate * grads["dW" + str(l + 1)]
        parameters["b" + str(l + 1)] = b - learning_rate * grads["db" + str(l + 1)]
    return parameters


def predict(X: Any, y: Any, parameters: Any) -> Any:
    """1 where a3 > 0.5, else 0."""
    a3, _ = forward_propagation(X, parameters)
    p = (a3 > 0.5).astype(int)
    print("Accuracy: " + str(np.mean(p == y)))
    return p


def predict_dec(parameters: Any, X: Any) -> Any:
    """True where a3 > 0.5, else False."""
    a3, _ = forward_propagation(X, parameters)
    predictions = a3 > 0.5
    return predictions


def random_mini_batches(X: Any, Y: Any, mini_batch_size: Any = 64, seed: Any = 0) -> Any:
    """Shuffle the examples, X and Y alike, and cut them; the last batch may be smaller."""
    np.random.seed(seed)
    m = X.shape[1]
    mini_batches = []
    permutation = list(np.random.permutation(m))
    shuffled_X = X[:, permutation]
    shuffled_Y = Y[:, permutation].reshape((1, m))
    complete = math.floor(m / mini_batch_size)
    for k in range(complete):
        mini_batch_X = shuffled_X[:, k * mini_batch_size : (k + 1) * mini_batch_size]
        mini_batch_Y = shuffled_Y[:, k * mini_batch_size : (k + 1) * mini_batch_size]
        mini_batches.append((mini_batch_X, mini_batch_Y))
    if m % mini_batch_size != 0:
        mini_batch_X = shuffled_X[:, complete * mini_batch_size :]
        mini_batch_Y = shuffled_Y[:, complete * mini_batch_size :]
        mini_batches.append((mini_batch_X, mini_batch_Y))
    return mini_batches


def initialize_velocity(parameters: Any) -> Any:
    """v = 0, in the shapes of the gradients."""
    L = len(parameters) // 2
    v = {}
    for l in range(L):
        v["dW" + str(l + 1)] = np.zeros(parameters["W" + str(l + 1)].shape)
        v["db" + str(l + 1)] = np.zeros(parameters["b" + str(l + 1)].shape)
    return v


def update_parameters_with_momentum(
    parameters: Any, grads: Any, v: Any, beta: Any, learning_rate: Any
) -> Any:
    """v = beta v + (1 - beta) dW; W = W - learning_rate v."""
    L = len(parameters) // 2
    for l in range(1, L + 1):
        v["dW" + str(l)] = beta * v["dW" + str(l)] + (1 - beta) * grads["dW" + str(l)]
        v["db" + str(l)] = beta * v["db" + str(l)] + (1 - beta) * grads["db" + str(l)]
        parameters["W" + str(l)] = parameters["W" + str(l)] - learning_rate * v["dW" + str(l)]
        parameters["b" + str(l)] = parameters["b" + str(l)] - learning_rate * v["db" + str(l)]
    return parameters, v


def initialize_adam(parameters: Any) -> Any:
    """v = 0 and s = 0, in the shapes of the gradients."""
    L = len(parameters) // 2
    v = {}
    s = {}
    for l in range(L):
        v["dW" + str(l + 1)] = np.zeros(parameters["W" + str(l + 1)].shape)
        v["db" + str(l + 1)] = np.zeros(parameters["b" + str(l + 1)].shape)
        s["dW" + str(l + 1)] = np.zeros(parameters["W" + str(l + 1)].shape)
        s["db" + str(l + 1)] = np.zeros(parameters["b" + str(l + 1)].shape)
    return v, s


def update_parameters_with_adam(
    parameters: Any,
    grads: Any,
    v: Any,
    s: Any,
    t: Any,
    learning_rate: Any = 0.01,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    epsilon: Any = 1e-8,
) -> Any:
    """W = W - learning_rate v_corrected / (sqrt(s_corrected) + epsilon)."""
    L = len(parameters) // 2
    v_corrected = {}
    s_corrected = {}
    for l in range(1, L + 1):
        for p in ("W" + str(l), "b" + str(l)):
            v["d" + p] = beta1 * v["d" + p] + (1 - beta1) * grads["d" + p]
            v_corrected["d" + p] = v["d" + p] / (1 - beta1**t)
            s["d" + p] = beta2 * s["d" + p] + (1 - beta2) * grads["d" + p] ** 2
            s_corrected["d" + p] = s["d" + p] / (1 - beta2**t)
            step = v_corrected["d" + p] / (np.sqrt(s_corrected["d" + p]) + epsilon)
            parameters[p] = parameters[p] - learning_rate * step
    return parameters, v, s, v_corrected, s_corrected


def update_parameters_with_adam_of_2017(
    parameters: Any,
    grads: Any,
    v: Any,
    s: Any,
    t: Any,
    learning_rate: Any = 0.01,
    beta1: Any = 0.9,
    beta2: Any = 0.999,
    epsilon: Any = 1e-8,
) -> Any:
    """W = W - learning_rate v_corrected / sqrt(s_corrected + epsilon)."""
    L = len(parameters) // 2
    v_corrected = {}
    s_corrected = {}
    for l in range(1, L + 1):
        for p in ("W" + str(l), "b" + str(l)):
            v["d" + p] = beta1 * v["d" + p] + (1 - beta1) * grads["d" + p]
            v_corrected["d" + p] = v["d" + p] / (1 - beta1**t)
            s["d" + p] = beta2 * s["d" + p] + (1 - beta2) * grads["d" + p] ** 2
            s_corrected["d" + p] = s["d" + p] / (1 - beta2**t)
            step = v_corrected["d" + p] / np.sqrt(s_corrected["d" + p] + epsilon)
            parameters[p] = parameters[p] - learning_rate * step
    return parameters, v, s, v_corrected, s_corrected


def update_lr(learning_rate0: Any, epoch_num: Any, decay_rate: Any) -> Any:
    """learning_rate0 / (1 + decay_rate epoch_num)."""
    learning_rate = learning_rate0 / (1 + decay_rate * epoch_num)
    return learning_rate


def schedule_lr_decay(learning_rate0: Any, epoch_num: Any, decay_rate: Any, time_interval: Any = 1000) -> Any:
    """learning_rate0 / (1 + decay_rate floor(epoch_num / time_interval))."""
    learning_rate = learning_rate0 / (1 + decay_rate * np.floor(epoch_num / time_interval))
    return learning_rate
