"""Einstein sums, keepdims by None, draws from a generator of its own, logaddexp, labels reshaped."""

import numpy as np


def sigmoid(Z):
    return np.exp(-np.logaddexp(0, -Z)), Z


def relu(Z):
    return (np.abs(Z) + Z) / 2, Z


def initialize_parameters(n_x, n_h, n_y):
    return _draw((n_x, n_h, n_y), lambda n: 0.01, np.random.default_rng(0))


def initialize_parameters_deep(layer_dims):
    return _draw(layer_dims, lambda n: n**-0.5, np.random.default_rng(0))


def _draw(dims, scale, random):
    return {
        key: value
        for l, (n, k) in enumerate(zip(dims[1:], dims, strict=False), start=1)
        for key, value in ((f"W{l}", random.normal(0, scale(k), (n, k))), (f"b{l}", np.zeros((n, 1))))
    }


def linear_forward(A, W, b):
    return np.einsum("ij,jm->im", W, A) + b, (A, W, b)


def linear_activation_forward(A_prev, W, b, activation):
    Z, linear = linear_forward(A_prev, W, b)
    A, Z = globals()[activation](Z)
    return A, (linear, Z)


def L_model_forward(X, parameters):
    L = len(parameters) // 2
    caches = []
    for l, activation in enumerate(["relu"] * (L - 1) + ["sigmoid"], start=1):
        X, cache = linear_activation_forward(X, parameters[f"W{l}"], parameters[f"b{l}"], activation)
        caches.append(cache)
    return X, caches


def compute_cost(AL, Y):
    y = np.ravel(Y)
    return -np.mean(np.where(y == 1, np.log(AL[0]), np.log1p(-AL[0])))


def relu_backward(dA, cache):
    return dA * np.heaviside(cache, 0)


def sigmoid_backward(dA, cache):
    return dA * np.exp(-np.abs(cache)) / np.square(1 + np.exp(-np.abs(cache)))


def linear_backward(dZ, cache):
    A, W, _ = cache
    m = A.shape[-1]
    dW = np.einsum("im,jm->ij", dZ, A) / m
    db = np.einsum("im->i", dZ)[:, None] / m
    return np.einsum("ij,im->jm", W, dZ), dW, db


def linear_activation_backward(dA, cache, activation):
    linear, Z = cache
    return linear_backward(globals()[f"{activation}_backward"](dA, Z), linear)


def L_model_backward(AL, Y, caches):
    Y = np.reshape(Y, AL.shape).astype(float)
    dA, grads = (AL - Y) / (AL * (1 - AL)), {}
    activation = "sigmoid"
    for l in reversed(range(1, len(caches) + 1)):
        dA, dW, db = linear_activation_backward(dA, caches[l - 1], activation)
        grads.update({f"dA{l - 1}": dA, f"dW{l}": dW, f"db{l}": db})
        activation = "relu"
    return grads


def update_parameters(parameters, grads, learning_rate):
    return {key: p - learning_rate * grads[f"d{key}"] for key, p in parameters.items()}


def predict(X, y, parameters):
    return (L_model_forward(X, parameters)[0] > 0.5) * 1


def L_layer_model(X, Y, layers_dims, learning_rate=0.0075, num_iterations=3000, print_cost=False):
    parameters, costs = initialize_parameters_deep(layers_dims), []
    for _ in range(num_iterations):
        AL, caches = L_model_forward(X, parameters)
        costs.append(compute_cost(AL, Y))
        parameters = update_parameters(parameters, L_model_backward(AL, Y, caches), learning_rate)
    return parameters, costs
