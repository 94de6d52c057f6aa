"""Week 4, part 2: the application's initialisation, prediction, and the two training loops.

Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deepnet.activations import AnyActivation, Array, entry_of, layer_activations
from deepnet.caches import Callback, Parameters, Real, Sizes, Whole

from .step_by_step import (
    L_model_backward,
    L_model_forward,
    compute_cost,
    draw_parameters,
    initialize_parameters,
    update_parameters,
)


def initialize_parameters_deep(
    layer_dims: Sizes, *, seed: Whole | None = 1, dtype: Any = np.float64
) -> Parameters:
    """W_l = N(0, 1) / sqrt(n_{l-1}), drawn layer by layer; b_l = 0."""
    return draw_parameters(layer_dims, lambda fan_in: 1 / np.sqrt(fan_in), seed, dtype)


def predict(
    X: Array,
    y: Array,
    parameters: Parameters,
    *,
    activations: AnyActivation | Sequence[AnyActivation] = "relu",
    output: AnyActivation | None = None,
) -> Array:
    """``p = 1 where AL > 0.5, else 0``; prints the share of p == y. Softmax: 1 for the largest."""
    AL, _ = L_model_forward(X, parameters, activations=activations, output=output)
    if _is_softmax(len(parameters) // 2, activations, output):
        p: Array = (np.arange(len(AL))[:, None] == AL.argmax(axis=0)).astype(AL.dtype)
        right = (p == y).all(axis=0)
    else:
        p = (AL > 0.5).astype(AL.dtype)
        right = p == y
    print("Accuracy: " + str(np.sum(right / right.size)))
    return p


def _is_softmax(
    layers: int, activations: AnyActivation | Sequence[AnyActivation], output: AnyActivation | None
) -> bool:
    return entry_of(layer_activations(layers, activations, output)[-1]).whole_columns


def two_layer_model(
    X: Array,
    Y: Array,
    layers_dims: Sizes,
    learning_rate: Real = 0.0075,
    num_iterations: Whole = 3000,
    print_cost: bool = False,
    *,
    seed: Whole | None = 1,
    callback: Callback | None = None,
) -> tuple[Parameters, list[Array]]:
    """LINEAR -> RELU -> LINEAR -> SIGMOID, trained by gradient descent."""
    n_x, n_h, n_y = layers_dims
    parameters = initialize_parameters(n_x, n_h, n_y, seed=seed, dtype=X.dtype)
    return descend(X, Y, parameters, learning_rate, num_iterations, print_cost, callback)


def L_layer_model(
    X: Array,
    Y: Array,
    layers_dims: Sizes,
    learning_rate: Real = 0.0075,
    num_iterations: Whole = 3000,
    print_cost: bool = False,
    *,
    seed: Whole | None = 1,
    activations: AnyActivation | Sequence[AnyActivation] = "relu",
    output: AnyActivation | None = None,
    callback: Callback | None = None,
) -> tuple[Parameters, list[Array]]:
    """(LINEAR -> RELU) x (L - 1) -> LINEAR -> SIGMOID, trained by gradient descent."""
    parameters = initialize_parameters_deep(layers_dims, seed=seed, dtype=X.dtype)
    return descend(X, Y, parameters, learning_rate, num_iterations, print_cost, callback, activations, output)


def descend(
    X: Array,
    Y: Array,
    parameters: Parameters,
    learning_rate: Real,
    num_iterations: Whole,
    print_cost: bool,
    callback: Callback | None,
    activations: AnyActivation | Sequence[AnyActivation] = "relu",
    output: AnyActivation | None = None,
) -> tuple[Parameters, list[Array]]:
    """num_iterations times: forward, cost (recorded every 100th iteration), backward, update.

    The cost before the last update is printed and passed to the callback as well.
    """
    costs = []
    softmax = _is_softmax(len(parameters) // 2, activations, output)
    loss = "categorical_cross_entropy" if softmax else "binary_cross_entropy"
    for i in range(num_iterations):
        AL, caches = L_model_forward(X, parameters, activations=activations, output=output)
        cost = compute_cost(AL, Y, loss)
        grads = L_model_backward(AL, Y, caches)
        parameters = update_parameters(parameters, grads, learning_rate)
        if i % 100 == 0:
            costs.append(cost)
        shown = i % 100 == 0 or i == num_iterations - 1
        if shown and print_cost:
            print(f"Cost after iteration {i}: {cost}")
        if callback is not None:
            callback(i, cost if shown else None)
    return parameters, costs
