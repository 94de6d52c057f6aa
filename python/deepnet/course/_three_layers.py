"""The three layers of the second course, as views of the general suite: relu, relu, sigmoid.

The notebooks of *Improving Deep Neural Networks* write their networks out: Z1, A1, Z2, ... in one tuple of
twelve. Here `L_model_forward` computes them, `linear_backward` and `relu_backward` take the gradients back
and :func:`deepnet.update_parameters` makes the steps; this module only packs and unpacks what they exchange.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from deepnet import _validation as check
from deepnet._validation import labels
from deepnet._validation.arrays import anything, matrix, probabilities, shaped
from deepnet._validation.structures import layer_arrays, network_parameters, not_a_cache
from deepnet.activations import Array
from deepnet.caches import Callback, LayerCache, Parameters
from deepnet.losses import LOSSES

from . import _network
from ._activations import relu_backward
from ._layers import linear_backward

Cache = tuple[Array, ...]
NAMES = [f"{kind}{layer}" for layer in (1, 2, 3) for kind in "Wb"]
CACHE_12 = "(z1, a1, W1, b1, z2, a2, W2, b2, z3, a3, W3, b3)"
CACHE_14 = "(Z1, D1, A1, W1, b1, Z2, D2, A2, W2, b2, Z3, A3, W3, b3)"
Masks = tuple[Array | None, Array | None]


# --- forward, and what it keeps -----------------------------------------------------------------------------


def has_three_layers(parameters: Any, function: str) -> None:
    """Refuse networks of another depth, which the general suite takes."""
    if isinstance(parameters, dict) and len(parameters) != len(NAMES):
        layers = len(network_parameters(parameters)) // 2  # whatever else is wrong with it is said first
        raise ValueError(
            f"parameters has {layers} layers, but {function} is the course's, for three: "
            "deepnet.L_model_forward takes any number"
        )


def forward_propagation(X: Array, parameters: Parameters) -> tuple[Array, Cache]:
    """LINEAR -> RELU -> LINEAR -> RELU -> LINEAR -> SIGMOID: `L_model_forward`, its caches in one tuple.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        One column per example.
    parameters : dict of ndarray
        ``W1``, ``b1``, ``W2``, ``b2``, ``W3``, ``b3``, same dtype as X.

    Returns
    -------
    a3 : ndarray, shape (n_3, m)
        Probabilities.
    cache : tuple of 12 ndarray
        ``(z1, a1, W1, b1, z2, a2, W2, b2, z3, a3, W3, b3)``, for `backward_propagation`.

    Raises
    ------
    ValueError
        If shapes do not chain, for example ``W2 has 4 columns, but layer 1 has 5 units``, or the network has
        not three layers.
    TypeError
        If arrays mix float32 and float64, or are of another dtype.

    Notes
    -----
    X is in no place of the cache: that is why `backward_propagation` takes it as an argument.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, weeks 1 and 2.

    Examples
    --------
    >>> parameters = deepnet.initialize_parameters_deep([2, 4, 3, 1])
    >>> a3, cache = forward_propagation(np.ones((2, 5)), parameters)
    >>> a3.shape, len(cache), cache[9] is a3
    ((1, 5), 12, True)
    """
    has_three_layers(parameters, "forward_propagation")
    a3, caches = _network.L_model_forward(X, parameters)
    return a3, packed(a3, caches)


def packed(A3: Array, caches: list[LayerCache]) -> Cache:
    """Z, A, W, b of each layer in one tuple; a layer's A is the next one's A_prev."""
    A = [*(linear_cache[0] for linear_cache, _ in caches[1:]), A3]
    return tuple(array for ((_, W, b), Z), A_l in zip(caches, A, strict=True) for array in (Z, A_l, W, b))


def unpacked(cache: Any, form: str = CACHE_12) -> tuple[Cache, Masks]:
    """The tuple of twelve, and the masks of dropout that a tuple of fourteen holds besides."""
    length = 14 if form == CACHE_14 else 12
    if not isinstance(cache, (tuple, list)) or len(cache) != length:
        raise not_a_cache("cache", cache, form, length)
    if length == 12:
        return tuple(cache), (None, None)
    return (cache[0], *cache[2:6], *cache[7:]), (cache[1], cache[6])


# --- backward -----------------------------------------------------------------------------------------------


def backward(X: Array, Y: Any, cache: Any, *, form: str = CACHE_12, keep_prob: float = 1.0) -> Parameters:
    """The gradients dZ3, dW3, db3, dA2, dZ2, dW2, db2, dA1, dZ1, dW1, db1, under upper-case names.

    1/m is in dW and db alone, as in `L_model_backward`, from which this differs in its first step: A3 - Y
    itself, instead of dAL * s (1 - s), which it is in exact arithmetic. The mask of relu is A > 0.
    """
    (_, A1, W1, b1, _, A2, W2, b2, _, A3, W3, b3), masks = twelve, _ = unpacked(cache, form)
    try:
        Y = labels.check("Y", Y, A3.shape, LOSSES["binary_cross_entropy"], of="the output", dtype=A3.dtype)
        grads = {"dZ3": A3 - Y}
        dA2, grads["dW3"], grads["db3"] = linear_backward(grads["dZ3"], (A2, W3, b3))
        grads["dA2"] = dropped(dA2, masks[1], keep_prob)
        grads["dZ2"] = relu_backward(grads["dA2"], A2)
        dA1, grads["dW2"], grads["db2"] = linear_backward(grads["dZ2"], (A1, W2, b2))
        grads["dA1"] = dropped(dA1, masks[0], keep_prob)
        grads["dZ1"] = relu_backward(grads["dA1"], A1)
        _, grads["dW1"], grads["db1"] = linear_backward(grads["dZ1"], (X, W1, b1))
    except (AttributeError, TypeError, ValueError):
        _explain(X, Y, twelve, masks)
        raise
    return grads


def dropped(A: Array, D: Array | None, keep_prob: float) -> Array:
    """A * D / keep_prob, in the dtype of A: the activations of a layer with dropout, and their gradients."""
    if D is None:
        return A
    if np.shape(D) != A.shape:
        raise ValueError("D does not fit")  # _explain says how
    with np.errstate(all="ignore"):  # as silent as the extension: inf and nan speak for themselves
        result: Array = np.multiply(A, D, dtype=A.dtype) / keep_prob
    return result


def _explain(X: Any, Y: Any, cache: Cache, masks: Masks) -> None:
    """Raise the error that names the layer at fault; called where something did not fit."""
    name, A_prev = "X", X
    for layer, D in zip((1, 2, 3), (*masks, None), strict=True):
        Z, A, W, b = cache[4 * layer - 4 : 4 * layer]
        A_prev, W, b = layer_arrays(f"cache, layer {layer}: ", name, A_prev, W, b)
        shape, why = (W.shape[0], A_prev.shape[1]), f"(rows of W{layer}, columns of X)"
        name, A_prev = f"A{layer}", shaped(f"cache: A{layer}", A, shape, why)
        shaped(f"cache: Z{layer}", Z, shape, why)
        if D is not None and anything(f"cache: D{layer}", D).shape != shape:
            raise ValueError(f"cache: D{layer} has shape {D.shape}, but must be {shape}: {why}")
    labels.check("Y", Y, A_prev.shape, LOSSES["binary_cross_entropy"], of="A3", dtype=A_prev.dtype)


def lower_case(grads: Parameters, m: int) -> Parameters:
    """Name and scale the gradients as init_utils and opt_utils do: dz and da with 1/m inside."""
    return {
        key if key[1] in "Wb" else key.lower(): gradient if key[1] in "Wb" else gradient / m
        for key, gradient in grads.items()
    }


# --- cost ---------------------------------------------------------------------------------------------------


def cross_entropy(name: str, A: Array, Y: Any) -> Any:
    """The mean cross-entropy as a number: `compute_cost`, whose messages call the output by its `name`."""
    try:
        cost = _network.compute_cost(A, Y)[()]
    except (TypeError, ValueError):
        A = matrix(name, A)
        probabilities(name, A)
        labels.check("Y", Y, A.shape, LOSSES["binary_cross_entropy"], of=name, dtype=A.dtype)
        raise
    return cost


# --- training on all examples -------------------------------------------------------------------------------


def descend(
    X: Array,
    Y: Array,
    parameters: Parameters,
    learning_rate: float,
    num_iterations: int,
    forward: Callable[[Array, Parameters], tuple[Array, Cache]],
    cost_of: Callable[[Array, Array, Parameters], Any],
    backward_of: Callable[[Array, Array, Cache], Parameters],
    *,
    print_every: int,
    callback: Callback | None,
) -> Parameters:
    """The loop of two notebooks: a cost every 1000 iterations, printed every `print_every` (0: never)."""
    for i in range(num_iterations):
        a3, cache = forward(X, parameters)
        cost = cost_of(a3, Y, parameters) if i % 1000 == 0 else None
        grads = backward_of(X, Y, cache)
        _network.update_parameters(parameters, grads, learning_rate, out=parameters)
        if print_every and i % print_every == 0:
            print(f"Cost after iteration {i}: {cost}")
        if callback is not None:
            callback(i, cost)
    return parameters


def training(X: Any, Y: Any, units: tuple[int, ...], learning_rate: Any, num_iterations: Any) -> Any:
    """Check a run of these notebooks: X, Y, layers_dims with the rows of X before `units`, rate and steps."""
    X = matrix("X", X)
    return check.training(X, Y, (X.shape[0], *units), learning_rate, num_iterations)
