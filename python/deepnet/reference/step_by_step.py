"""Week 4, part 1: an L-layer network, one function per formula, backward beside forward.

Shapes: X (n_0, m), W_l (n_l, n_{l-1}), b_l (n_l, 1), A_l and Z_l (n_l, m), Y and AL (n_L, m).
Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from deepnet.activations import AnyActivation, Array, entry_of, layer_activations
from deepnet.caches import (
    AnyLayerCache,
    AnyLinearCache,
    LayerCache,
    LinearCache,
    Parameters,
    Real,
    Sizes,
    Whole,
    remembered_activations,
)
from deepnet.losses import Loss, find_loss


def initialize_parameters(
    n_x: Whole, n_h: Whole, n_y: Whole, *, seed: Whole | None = 1, dtype: Any = np.float64
) -> Parameters:
    """W1 (n_h, n_x) and W2 (n_y, n_h) = 0.01 N(0, 1); b1 = b2 = 0."""
    return initialize_parameters_deep([n_x, n_h, n_y], seed=seed, dtype=dtype)


def initialize_parameters_deep(
    layer_dims: Sizes, *, seed: Whole | None = 3, dtype: Any = np.float64
) -> Parameters:
    """W_l = 0.01 N(0, 1), drawn layer by layer; b_l = 0."""
    return draw_parameters(layer_dims, lambda fan_in: 0.01, seed, dtype)


def draw_parameters(layer_dims: Sizes, scale: Any, seed: Whole | None, dtype: Any) -> Parameters:
    """W_l = scale(n_{l-1}) N(0, 1); b_l = 0. The draws are the course's, in float64 and then rounded."""
    random = np.random.RandomState(seed)  # leaves NumPy's global generator as it is
    parameters = {}
    for layer, (fan_in, units) in enumerate(pairwise(layer_dims), start=1):
        parameters[f"W{layer}"] = (random.randn(units, fan_in) * scale(fan_in)).astype(dtype)
        parameters[f"b{layer}"] = np.zeros((units, 1), dtype)
    return parameters


def activation_forward(Z: Array, name: AnyActivation) -> Array:
    """A = g(Z)."""
    with np.errstate(all="ignore"):
        return np.asarray(entry_of(name).forward(Z), Z.dtype, order="C")


def activation_backward(dA: Array, Z: Array, name: AnyActivation) -> Array:
    """``dZ = dA * g'(Z)``."""
    with np.errstate(all="ignore"):
        return np.asarray(entry_of(name).backward(dA, Z), Z.dtype, order="C")


def sigmoid(Z: Array) -> tuple[Array, Array]:
    """A = 1 / (1 + exp(-Z)), and Z itself as the cache."""
    return activation_forward(Z, "sigmoid"), Z


def sigmoid_backward(dA: Array, cache: Array) -> Array:
    """``dZ = dA * s (1 - s), s = sigmoid(Z)``."""
    return activation_backward(dA, cache, "sigmoid")


def relu(Z: Array) -> tuple[Array, Array]:
    """A = max(0, Z), and Z itself as the cache."""
    return activation_forward(Z, "relu"), Z


def relu_backward(dA: Array, cache: Array) -> Array:
    """``dZ = dA where Z > 0, else 0``."""
    return activation_backward(dA, cache, "relu")


def linear_forward(A: Array, W: Array, b: Array) -> tuple[Array, LinearCache]:
    """Z = W A + b."""
    return W @ A + b, (A, W, b)


def linear_backward(dZ: Array, cache: AnyLinearCache) -> tuple[Array, Array, Array]:
    """``dA_prev = W^T dZ; dW = dZ A_prev^T / m; db = (row sums of dZ) / m``."""
    A_prev, W, _ = cache
    m = dZ.shape[1]
    return W.T @ dZ, dZ @ A_prev.T / m, dZ.sum(axis=1, keepdims=True) / m


def linear_activation_forward(
    A_prev: Array, W: Array, b: Array, activation: AnyActivation
) -> tuple[Array, LayerCache]:
    """A = g(W A_prev + b)."""
    Z, linear_cache = linear_forward(A_prev, W, b)
    cache = LayerCache((linear_cache, Z))
    cache.activation = activation
    return activation_forward(Z, activation), cache


def linear_activation_backward(
    dA: Array, cache: AnyLayerCache, activation: AnyActivation
) -> tuple[Array, Array, Array]:
    """``dZ = dA * g'(Z)``, then linear_backward."""
    linear_cache, Z = cache
    return linear_backward(activation_backward(dA, Z, activation), linear_cache)


def L_model_forward(
    X: Array,
    parameters: Parameters,
    *,
    activations: AnyActivation | Sequence[AnyActivation] = "relu",
    output: AnyActivation | None = None,
) -> tuple[Array, list[LayerCache]]:
    """A_l = g_l(W_l A_{l-1} + b_l) for l = 1..L, A_0 = X."""
    names = layer_activations(len(parameters) // 2, activations, output)
    A, caches = X, []
    for layer, name in enumerate(names, start=1):
        A, cache = linear_activation_forward(A, parameters[f"W{layer}"], parameters[f"b{layer}"], name)
        caches.append(cache)
    return A, caches


def L_model_backward(
    AL: Array,
    Y: Array,
    caches: Sequence[AnyLayerCache],
    *,
    activations: AnyActivation | Sequence[AnyActivation] | None = None,
    loss: str | Loss | None = None,
    compute_dA0: bool = True,
    out: Parameters | None = None,
    literal: bool = False,
) -> Parameters:
    """dZ_L from AL and Y, then linear_backward and dZ_l = dA_l * g_l'(Z_l) for l = L-1..1."""
    L = len(caches)
    names = remembered_activations(caches) if activations is None else layer_activations(L, activations)
    grads: Parameters = {}
    for layer in range(L, 0, -1):
        linear_cache, Z = caches[layer - 1]
        if layer == L:
            dZ = output_backward(AL, Y, Z, names[-1], loss, literal=literal)
        else:
            dZ = activation_backward(grads[f"dA{layer}"], Z, names[layer - 1])
        grads[f"dA{layer - 1}"], grads[f"dW{layer}"], grads[f"db{layer}"] = linear_backward(dZ, linear_cache)
    if not compute_dA0:
        del grads["dA0"]
    return grads if out is None else write_into(out, grads)


def output_backward(
    AL: Array,
    Y: Array,
    Z: Array,
    activation: AnyActivation,
    loss: str | Loss | None = None,
    *,
    literal: bool = False,
) -> Array:
    """dZ_L = dAL * g'(Z_L), with its limits; AL - Y for softmax. With a loss, its derivative.

    Where a sigmoid has reached exactly 0 or 1 (or so nearly that dAL overflows) the product would be 0 * inf;
    its limit is AL - Y. Softmax with the categorical cross-entropy has the same dZ_L, where columns of Y add
    up to 1. `literal` evaluates the formula without limits.
    """
    if loss is not None:
        chosen = loss if isinstance(loss, Loss) else find_loss(loss)
        y = chosen.labels(Y, len(Z), Z.dtype)
        if chosen.activation is not None:
            return chosen.slope(Z, y)
        return activation_backward(chosen.slope(AL, y), Z, activation)
    dAL = cost_derivative(AL, Y, activation, literal=literal)
    if literal:
        return activation_backward(dAL, Z, activation)
    if activation == "softmax":
        return AL - Y
    dZ = activation_backward(dAL, Z, activation)
    if activation == "sigmoid":
        dZ = np.where((AL == 0) | (AL == 1) | np.isinf(dAL), AL - Y, dZ)
    return dZ


def cost_derivative(AL: Array, Y: Array, activation: AnyActivation, *, literal: bool = False) -> Array:
    """dAL = -(Y / AL - (1 - Y) / (1 - AL)), or -Y / AL behind whole columns; 0/0 is 0 unless `literal`."""
    with np.errstate(all="ignore"):
        hit, miss = Y / AL, (1 - Y) / (1 - AL)
        if not literal:
            hit, miss = np.where(Y == 0, 0, hit), np.where(Y == 1, 0, miss)
        return -hit if entry_of(activation).whole_columns else -(hit - miss)


def compute_cost(AL: Array, Y: Array, loss: str | Loss | None = None, *, literal: bool = False) -> Array:
    """J = -1/m sum(Y log AL + (1 - Y) log(1 - AL)), with 0 log 0 = 0 unless `literal`.

    "categorical_cross_entropy", for softmax: J = -1/m sum(Y log AL). Others: the sum of their terms / m.
    """
    chosen = loss if isinstance(loss, Loss) else find_loss(loss or "binary_cross_entropy")
    Y = chosen.labels(Y, len(AL), AL.dtype)
    if chosen.activation not in ("sigmoid", "softmax"):
        terms = chosen.terms(AL, Y)
        return np.asarray(np.sum(terms, dtype=np.float64) / AL.shape[1], dtype=AL.dtype)
    a, y = AL.astype(np.float64), Y.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        hit, miss = y * np.log(a), (1 - y) * np.log1p(-a)
    if not literal:
        hit, miss = np.where(y == 0, 0, hit), np.where(y == 1, 0, miss)
    terms = hit if chosen.activation == "softmax" else hit + miss
    return np.asarray(0.0 - np.sum(terms) / AL.shape[1], dtype=AL.dtype)  # 0 - 0 is 0; -0 would print


def update_parameters(
    parameters: Parameters, grads: Parameters, learning_rate: Real, *, out: Parameters | None = None
) -> Parameters:
    """W_l - learning_rate dW_l and b_l - learning_rate db_l."""
    rate = float(learning_rate)  # a Python float leaves float32 arrays float32
    new = {key: np.asarray(p - rate * grads["d" + key], order="C") for key, p in parameters.items()}
    return new if out is None else write_into(out, new)


def write_into(out: Parameters, results: Parameters) -> Parameters:
    """Copy each result into the array of the same name in `out`."""
    for key, value in results.items():
        out[key][...] = value
    return out
