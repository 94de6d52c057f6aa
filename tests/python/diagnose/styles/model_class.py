"""A class with lists of weights, whose passes need an adapter: it has no function of the course's."""

import numpy as np


class Model:
    def __init__(self, weights, biases):
        self.weights, self.biases = list(weights), list(biases)

    def forward(self, X):
        self.A, self.Z = [X], []
        for W, b in zip(self.weights, self.biases, strict=True):
            self.Z.append(W @ self.A[-1] + b)
            is_last = len(self.Z) == len(self.weights)
            self.A.append(1 / (1 + np.exp(-self.Z[-1])) if is_last else np.maximum(self.Z[-1], 0))
        return self.A[-1]

    def cost(self, Y):
        out = self.A[-1]
        return -(Y * np.log(out) + (1 - Y) * np.log(1 - out)).mean()

    def backward(self, Y):
        m = Y.size
        dZ = self.A[-1] - Y
        self.dW, self.db = [None] * len(self.weights), [None] * len(self.weights)
        for l in range(len(self.weights) - 1, -1, -1):
            self.dW[l] = dZ @ self.A[l].T / m
            self.db[l] = dZ.sum(1, keepdims=True) / m
            if l:
                dZ = self.weights[l].T @ dZ * (self.Z[l - 1] > 0)

    def step(self, rate):
        self.weights = [W - rate * dW for W, dW in zip(self.weights, self.dW, strict=True)]
        self.biases = [b - rate * db for b, db in zip(self.biases, self.db, strict=True)]


def _model(parameters):
    layers = range(1, len(parameters) // 2 + 1)
    return Model([parameters[f"W{l}"] for l in layers], [parameters[f"b{l}"] for l in layers])


def _forward(X, parameters):
    model = _model(parameters)
    return model.forward(X), model


def _backward(AL, Y, model):
    model.backward(Y)
    layers = range(len(model.weights))
    return {f"d{kind}{l + 1}": (model.dW if kind == "W" else model.db)[l] for l in layers for kind in "Wb"}


def _train(X, Y, layers_dims, learning_rate, num_iterations):
    random = np.random.RandomState(4)
    shapes = list(zip(layers_dims[1:], layers_dims, strict=False))
    model = Model([random.randn(*s) / np.sqrt(s[1]) for s in shapes], [np.zeros((n, 1)) for n, _ in shapes])
    for _ in range(num_iterations):
        model.forward(X)
        model.backward(Y)
        model.step(learning_rate)
    return {
        f"{k}{l + 1}": (model.weights if k == "W" else model.biases)[l]
        for l in range(len(shapes))
        for k in "Wb"
    }


ADAPTER = {"L_model_forward": _forward, "L_model_backward": _backward, "L_layer_model": _train}
