"""The course's functions as a learner writes them, as text: a right submission, and what tests do to it."""

IMPORTS = "import numpy as np\n\n"

# One function of week 4 each, written for these tests.
FUNCTIONS = {
    "sigmoid": """
def sigmoid(Z):
    return 1 / (1 + np.exp(-Z)), Z
""",
    "relu": """
def relu(Z):
    return np.maximum(0, Z), Z
""",
    "linear_forward": """
def linear_forward(A, W, b):
    return W @ A + b, (A, W, b)
""",
    "linear_activation_forward": """
def linear_activation_forward(A_prev, W, b, activation):
    Z, linear_cache = linear_forward(A_prev, W, b)
    A, activation_cache = sigmoid(Z) if activation == "sigmoid" else relu(Z)
    return A, (linear_cache, activation_cache)
""",
    "L_model_forward": """
def L_model_forward(X, parameters):
    L = len(parameters) // 2
    A, caches = X, []
    for l in range(1, L + 1):
        activation = "relu" if l < L else "sigmoid"
        A, cache = linear_activation_forward(A, parameters[f"W{l}"], parameters[f"b{l}"], activation)
        caches.append(cache)
    return A, caches
""",
    "compute_cost": """
def compute_cost(AL, Y):
    m = Y.shape[1]
    return np.squeeze(-np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / m)
""",
    "linear_backward": """
def linear_backward(dZ, cache):
    A_prev, W, b = cache
    m = A_prev.shape[1]
    return W.T @ dZ, dZ @ A_prev.T / m, np.sum(dZ, axis=1, keepdims=True) / m
""",
    "update_parameters": """
def update_parameters(parameters, grads, learning_rate):
    return {name: value - learning_rate * grads["d" + name] for name, value in parameters.items()}
""",
}


def submission(**changed):
    """Return the text of all functions, some of them replaced."""
    assert not changed.keys() - FUNCTIONS.keys()
    return IMPORTS + "\n".join((FUNCTIONS | changed).values())


def notebook(*cells, nbformat=4):
    """Return a notebook with these cells of code as JSON has it."""
    if nbformat == 3:
        made = [{"cell_type": "code", "input": text, "language": "python", "outputs": []} for text in cells]
        return {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": made}]}
    made = [
        {"cell_type": "code", "source": text.splitlines(keepends=True), "metadata": {}, "outputs": []}
        for text in cells
    ]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made}
