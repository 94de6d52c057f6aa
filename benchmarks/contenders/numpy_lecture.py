"""The course's functions as learners write them in NumPy: the code that deepnet replaces."""

import numpy as np

from tasks import Job

NAME = "NumPy lecture code"


def sigmoid(Z):
    return 1 / (1 + np.exp(-Z)), Z


def relu(Z):
    return np.maximum(0, Z), Z


def relu_backward(dA, cache):
    dZ = np.array(dA, copy=True)
    dZ[cache <= 0] = 0
    return dZ


def sigmoid_backward(dA, cache):
    s = 1 / (1 + np.exp(-cache))
    return dA * s * (1 - s)


def linear_forward(A, W, b):
    return np.dot(W, A) + b, (A, W, b)


def linear_activation_forward(A_prev, W, b, activation):
    Z, linear_cache = linear_forward(A_prev, W, b)
    A, activation_cache = sigmoid(Z) if activation == "sigmoid" else relu(Z)
    return A, (linear_cache, activation_cache)


def L_model_forward(X, parameters):
    caches = []
    A = X
    L = len(parameters) // 2
    for l in range(1, L):
        A, cache = linear_activation_forward(A, parameters["W" + str(l)], parameters["b" + str(l)], "relu")
        caches.append(cache)
    AL, cache = linear_activation_forward(A, parameters["W" + str(L)], parameters["b" + str(L)], "sigmoid")
    caches.append(cache)
    return AL, caches


def linear_backward(dZ, cache):
    A_prev, W, _ = cache
    m = A_prev.shape[1]
    dW = 1 / m * np.dot(dZ, A_prev.T)
    db = 1 / m * np.sum(dZ, axis=1, keepdims=True)
    return np.dot(W.T, dZ), dW, db


def linear_activation_backward(dA, cache, activation):
    linear_cache, activation_cache = cache
    backward = relu_backward if activation == "relu" else sigmoid_backward
    return linear_backward(backward(dA, activation_cache), linear_cache)


def L_model_backward(AL, Y, caches):
    grads = {}
    L = len(caches)
    Y = Y.reshape(AL.shape)
    dA = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
    for l in reversed(range(L)):
        activation = "sigmoid" if l == L - 1 else "relu"
        dA, dW, db = linear_activation_backward(dA, caches[l], activation)
        grads["dA" + str(l)] = dA
        grads["dW" + str(l + 1)] = dW
        grads["db" + str(l + 1)] = db
    return grads


def update_parameters(parameters, grads, learning_rate):
    parameters = parameters.copy()
    for l in range(len(parameters) // 2):
        for letter in "Wb":
            name = letter + str(l + 1)
            parameters[name] = parameters[name] - learning_rate * grads["d" + name]
    return parameters


def step(X, Y, parameters, learning_rate):
    """One training step through the three functions; returns the new parameters and all gradients."""
    AL, caches = L_model_forward(X, parameters)
    grads = L_model_backward(AL, Y, caches)
    return update_parameters(parameters, grads, learning_rate), grads


def versions():
    return {"numpy": np.__version__}


def steps(task):
    """Training steps, with every gradient that the course's functions compute."""
    X, Y, parameters = task.data()
    state = [parameters]

    def run(n):
        state[0] = parameters  # restart: once the network fits the labels exactly, the cost is 0 / 0
        for _ in range(n):
            state[0], _ = step(X, Y, state[0], task.learning_rate)

    return Job(run, lambda: state[0])


calls = steps


def predict(task):
    X, _, parameters = task.data()
    last = []

    def run(n):
        for _ in range(n):
            last[:] = [L_model_forward(X, parameters)[0]]

    return Job(run, lambda: last[0])
