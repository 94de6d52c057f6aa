"""The three-layer network of the second course: relu, relu, sigmoid.

The notebooks of *Improving Deep Neural Networks* write their networks out: Z1, A1, Z2, ... in one tuple of
twelve. Here the step-by-step functions of the first course compute; this module converts between their caches
and the tuple.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from deepnet import _validation as check
from deepnet import plotting
from deepnet._validation import labels
from deepnet._validation.arrays import a, anything, matrix, probabilities, shaped
from deepnet._validation.structures import layer_arrays, network_parameters, not_a_cache
from deepnet.activations import Array
from deepnet.caches import Callback, LayerCache, Parameters
from deepnet.course import step_by_step
from deepnet.course.step_by_step import linear_backward, relu_backward

Cache = tuple[Array, ...]
NAMES = [f"{kind}{layer}" for layer in (1, 2, 3) for kind in "Wb"]
CACHE_12 = "(z1, a1, W1, b1, z2, a2, W2, b2, z3, a3, W3, b3)"
CACHE_14 = "(Z1, D1, A1, W1, b1, Z2, D2, A2, W2, b2, Z3, A3, W3, b3)"
Masks = tuple[Array | None, Array | None]


# --- activations without caches -----------------------------------------------------------------------------


def sigmoid(x: Any) -> Any:
    """Sigmoid, 1 / (1 + exp(-x)), without a cache.

    Parameters
    ----------
    x : ndarray of float32 or float64, any shape, or a float

    Returns
    -------
    s : ndarray, shape of x; for a float a NumPy scalar

    Raises
    ------
    TypeError
        If x is not floating-point: ``x is int64, but must be float32 or float64: x.astype(np.float64)``.

    Notes
    -----
    :func:`deepnet.sigmoid` of the first course returns ``(A, cache)``.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    return step_by_step.sigmoid(check.elements("x", x))[0]


def relu(x: Any) -> Any:
    """Rectified linear unit, max(0, x), without a cache.

    Parameters
    ----------
    x : ndarray of float32 or float64, any shape, or a float

    Returns
    -------
    s : ndarray, shape of x; for a float a NumPy scalar

    Raises
    ------
    TypeError
        If x is not floating-point: ``x is int64, but must be float32 or float64: x.astype(np.float64)``.

    Notes
    -----
    :func:`deepnet.relu` of the first course returns ``(A, cache)``.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> relu(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """
    return step_by_step.relu(check.elements("x", x))[0]


# --- forward ------------------------------------------------------------------------------------------------


def has_three_layers(parameters: Any, function: str) -> None:
    """Refuse networks of another depth."""
    if isinstance(parameters, Mapping) and len(parameters) != len(NAMES):
        layers = len(network_parameters(parameters)) // 2  # reports any other mistake first
        raise ValueError(
            f"parameters has {layers} layers, but {function} is for three: deepnet.L_model_forward takes any "
            "number"
        )


def forward_propagation(X: Array, parameters: Parameters) -> tuple[Array, Cache]:
    """Forward propagation: LINEAR -> RELU -> LINEAR -> RELU -> LINEAR -> SIGMOID.

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
        If shapes do not chain, for example ``W2 has 4 columns, but layer 1 has 5 units``, or there are not
        three layers.
    TypeError
        If arrays mix float32 and float64, or have another dtype.

    Notes
    -----
    :func:`deepnet.L_model_forward`, with its caches in one tuple. The tuple does not contain X, so
    `backward_propagation` takes it as an argument.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, weeks 1 and 2.

    Examples
    --------
    >>> parameters = deepnet.initialize_parameters_deep([2, 4, 3, 1])
    >>> a3, cache = forward_propagation(np.ones((2, 5)), parameters)
    >>> a3.shape, len(cache), cache[9] is a3
    ((1, 5), 12, True)
    """
    has_three_layers(parameters, "forward_propagation")
    a3, caches = step_by_step.L_model_forward(X, parameters)
    return a3, packed(a3, caches)


def packed(A3: Array, caches: list[LayerCache]) -> Cache:
    """Return Z, A, W, b of each layer in one tuple; a layer's A is the A_prev of the next."""
    A = [*(linear_cache[0] for linear_cache, _ in caches[1:]), A3]
    return tuple(array for ((_, W, b), Z), A_l in zip(caches, A, strict=True) for array in (Z, A_l, W, b))


def unpacked(cache: Any, form: str = CACHE_12) -> tuple[Cache, Masks]:
    """Return the tuple of twelve, and the dropout masks of a tuple of fourteen."""
    length = 14 if form == CACHE_14 else 12
    if not isinstance(cache, (tuple, list)) or len(cache) != length:
        raise not_a_cache("cache", cache, form, length)
    if length == 12:
        return tuple(cache), (None, None)
    return (cache[0], *cache[2:6], *cache[7:]), (cache[1], cache[6])


# --- backward -----------------------------------------------------------------------------------------------


def backward(X: Array, Y: Any, cache: Any, *, form: str = CACHE_12, keep_prob: float = 1.0) -> Parameters:
    """Return the gradients dZ3, dW3, db3, dA2, dZ2, dW2, db2, dA1, dZ1, dW1, db1, under upper-case names.

    Only dW and db contain 1/m, as in `L_model_backward`. The first step differs from it: dZ3 is A3 - Y, which
    in exact arithmetic equals dAL * s (1 - s). The mask of relu is A > 0.
    """
    (_, A1, W1, b1, _, A2, W2, b2, _, A3, W3, b3), masks = twelve, _ = unpacked(cache, form)
    try:
        grads = {"dZ3": A3 - labels.check("Y", Y, A3.shape, None, of="the output", dtype=A3.dtype)}
        dA2, grads["dW3"], grads["db3"] = linear_backward(grads["dZ3"], (A2, W3, b3))
        grads["dA2"] = dropped(dA2, masks[1], keep_prob)
        grads["dZ2"] = relu_backward(grads["dA2"], A2)
        dA1, grads["dW2"], grads["db2"] = linear_backward(grads["dZ2"], (A1, W2, b2))
        grads["dA1"] = dropped(dA1, masks[0], keep_prob)
        grads["dZ1"] = relu_backward(grads["dA1"], A1)
        _, grads["dW1"], grads["db1"] = linear_backward(grads["dZ1"], (X, W1, b1))
    except (AttributeError, TypeError, ValueError):
        _check_cache(X, Y, twelve, masks)
        raise
    return grads


def dropped(A: Array, D: Array | None, keep_prob: float) -> Array:
    """Return A * D / keep_prob in the dtype of A: activations after dropout, or their gradients."""
    if D is None:
        return A
    if np.shape(D) != A.shape:
        raise ValueError("D does not fit")  # replaced by the message of _check_cache
    with np.errstate(all="ignore"):  # inf and nan pass silently, as they do in the extension
        result: Array = np.multiply(A, D, dtype=A.dtype) / keep_prob
    return result


def _check_cache(X: Any, Y: Any, cache: Cache, masks: Masks) -> None:
    """Raise an error that names the array at fault and its layer."""
    name, A_prev = "X", X
    for layer, D in zip((1, 2, 3), (*masks, None), strict=True):
        Z, A, W, b = cache[4 * layer - 4 : 4 * layer]
        A_prev, W, b = layer_arrays(f"cache, layer {layer}: ", name, A_prev, W, b)
        shape, why = (W.shape[0], A_prev.shape[1]), f"(rows of W{layer}, columns of X)"
        name, A_prev = f"A{layer}", shaped(f"cache: A{layer}", A, shape, why)
        shaped(f"cache: Z{layer}", Z, shape, why)
        if D is not None and anything(f"cache: D{layer}", D).shape != shape:
            raise ValueError(f"cache: D{layer} has shape {D.shape}, but must be {shape}: {why}")
    labels.check("Y", Y, A_prev.shape, None, of="A3", dtype=A_prev.dtype)


def lower_case(grads: Parameters, m: int) -> Parameters:
    """Rename and scale gradients as init_utils and opt_utils do: dz and da contain 1/m."""
    return {
        key if key[1] in "Wb" else key.lower(): gradient if key[1] in "Wb" else gradient / m
        for key, gradient in grads.items()
    }


# --- cost ---------------------------------------------------------------------------------------------------


def cross_entropy(name: str, A: Array, Y: Any) -> Any:
    """Return the mean cross-entropy as a number; messages call the output `name`."""
    try:
        cost = step_by_step.compute_cost(A, Y, "binary_cross_entropy")[()]
    except (TypeError, ValueError):
        A = matrix(name, A)
        probabilities(name, A)
        labels.check("Y", Y, A.shape, None, of=name, dtype=A.dtype)
        raise
    return cost


# --- prediction ---------------------------------------------------------------------------------------------


def predict(X: Array, y: Array, parameters: Parameters) -> Array:
    """Predict 1 where a3 > 0.5, else 0, and print the accuracy.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        One column per example.
    y : array-like of numbers, shape (1, m)
        Labels; also (m,) or (m, 1), or anything that broadcasts to p, such as ``[1]``.
    parameters : dict of ndarray
        ``W1``, ``b1``, ..., ``b3`` of a trained network.

    Returns
    -------
    p : ndarray of int, shape (1, m)

    Raises
    ------
    ValueError
        If shapes do not fit, for example ``W1 has 4 columns, but X has 5 rows``.
    TypeError
        If arrays mix float32 and float64, or have another dtype.

    Notes
    -----
    Prints the mean of p == y. :func:`deepnet.predict` of the first course takes any depth and returns floats.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> one = np.array([[1.0]])
    >>> parameters = {f"{kind}{l}": one if kind == "W" else 0 * one for l in (1, 2, 3) for kind in "Wb"}
    >>> predict(np.array([[-2.0, 3.0]]), np.array([[0, 0]]), parameters)
    Accuracy: 0.5
    array([[0, 1]])
    """
    a3, _ = forward_propagation(X, parameters)
    y = labels.compared("y", y, a3.shape)
    p: Array = (a3 > 0.5).astype(int)
    print("Accuracy: " + str(np.mean(p == y)))
    return p


def predict_dec(parameters: Parameters, X: Array) -> Array:
    """Predict True where a3 > 0.5, for `plot_decision_boundary`. The parameters come first.

    Parameters
    ----------
    parameters : dict of ndarray
        ``W1``, ``b1``, ..., ``b3`` of a trained network.
    X : ndarray of float32 or float64, shape (n_x, m)
        One column per example.

    Returns
    -------
    predictions : ndarray of bool, shape (1, m)

    Raises
    ------
    ValueError
        If shapes do not fit, for example ``W1 has 4 columns, but X has 5 rows``.
    TypeError
        If arrays mix float32 and float64, or have another dtype, or the arguments are swapped.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> one = np.array([[1.0]])
    >>> parameters = {f"{kind}{l}": one if kind == "W" else 0 * one for l in (1, 2, 3) for kind in "Wb"}
    >>> predict_dec(parameters, np.array([[-2.0, 3.0]]))
    array([[False,  True]])
    """
    if isinstance(X, Mapping):
        raise TypeError(
            f"X is {a(X)}, but must be a NumPy array: predict_dec(parameters, X) takes them in this order"
        )
    predictions: Array = forward_propagation(X, parameters)[0] > 0.5
    return predictions


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
    """Train as two notebooks do, with a cost every 1000 steps, printed every `print_every` (0: never)."""
    for i in range(num_iterations):
        a3, cache = forward(X, parameters)
        cost = cost_of(a3, Y, parameters) if i % 1000 == 0 else None
        grads = backward_of(X, Y, cache)
        step_by_step.update_parameters(parameters, grads, learning_rate, out=parameters)
        if print_every and i % print_every == 0:
            print(f"Cost after iteration {i}: {cost}")
        if callback is not None:
            callback(i, cost)
    return parameters


def training(X: Any, Y: Any, units: tuple[int, ...], learning_rate: Any, num_iterations: Any) -> Any:
    """Check the arguments of a training run; layers_dims are the rows of X, then `units`."""
    X = matrix("X", X)
    return check.training(X, Y, (X.shape[0], *units), learning_rate, num_iterations)


def plot_decision_boundary(model: Any, X: Array, y: Array) -> None:
    """Colour the plane by a model's predictions, draw the examples on it, and show it.

    Draws into the current axes, whose limits may be set before.

    Parameters
    ----------
    model : callable
        Takes points, one per row, float64 (k, 2), and returns k predictions, in any shape:
        ``lambda x: predict_dec(parameters, x.T)``.
    X : ndarray, shape (2, m)
        The examples.
    y : ndarray of m labels
        Their colours.

    Raises
    ------
    ImportError
        If Matplotlib is not installed.
    ValueError
        If X does not have two rows, or the number of labels or predictions differs from the number of points:
        ``X has shape (3, 2), but a plane has two features: must be (2, m)``.

    See Also
    --------
    deepnet.plotting.plot_decision_boundary : Also draws networks and estimators, into given axes.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.
    """
    plotting.plot_decision_boundary(model, X, y)
