"""Regularization, week 1 of *Improving Deep Neural Networks*: `reg_utils` and its notebook's functions.

Three layers, relu, relu, sigmoid, on the football data.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from deepnet import _validation as check
from deepnet._numbers import real
from deepnet._validation.structures import network_parameters
from deepnet.activations import Array
from deepnet.caches import Callback, Parameters, Real, Sizes, Whole
from deepnet.course.step_by_step import linear_activation_forward

from .data_sets import load_2D_dataset, load_planar_dataset
from .data_sets import load_cat_dataset as load_dataset
from .init_utils import compute_loss as compute_cost
from .init_utils import drawn
from .optimizers import update_parameters_with_gd as update_parameters
from .seeding import seeded
from .three_layers import (
    CACHE_14,
    Cache,
    backward,
    cross_entropy,
    descend,
    dropped,
    forward_propagation,
    has_three_layers,
    plot_decision_boundary,
    predict,
    predict_dec,
    relu,
    sigmoid,
    training,
)

__all__ = [
    "backward_propagation",
    "backward_propagation_with_dropout",
    "backward_propagation_with_regularization",
    "compute_cost",
    "compute_cost_with_regularization",
    "forward_propagation",
    "forward_propagation_with_dropout",
    "initialize_parameters",
    "load_2D_dataset",
    "load_dataset",
    "load_planar_dataset",
    "model",
    "plot_decision_boundary",
    "predict",
    "predict_dec",
    "relu",
    "sigmoid",
    "update_parameters",
]


def initialize_parameters(
    layer_dims: Sizes, *, seed: Whole | None = 3, dtype: Any = np.float64
) -> Parameters:
    """Initialise with W_l = N(0, 1) / sqrt(n_{l-1}), b_l = 0.

    Parameters
    ----------
    layer_dims : sequence of int
        Units of each layer, from the input.
    seed, dtype
        As in :func:`deepnet.initialize_parameters`.

    Returns
    -------
    parameters : dict of ndarray
        ``W1..WL`` with shapes (n_l, n_{l-1}) and ``b1..bL`` with shapes (n_l, 1).

    Raises
    ------
    ValueError
        If a size is below 1, for example ``layer_dims[1] is 0: zero units``.

    Notes
    -----
    :func:`deepnet.course.dnn_app_utils.initialize_parameters_deep` has the same scale, but seed 1.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> initialize_parameters([4, 2])["W1"].round(4)
    array([[ 0.8943,  0.2183,  0.0482, -0.9317],
           [-0.1387, -0.1774, -0.0414, -0.3135]])
    """
    return drawn("layer_dims", layer_dims, lambda fan_in: 1 / np.sqrt(fan_in), seed, dtype)


def backward_propagation(X: Array, Y: Array, cache: Cache) -> Parameters:
    """Backward propagation through the three layers, with upper-case names and 1/m in dW and db only.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        The input that `forward_propagation` was given.
    Y : ndarray of bool, integers or floats, shape (n_3, m)
        Labels, usually in [0, 1]; for one output unit also (m,) or (m, 1).
    cache : tuple of 12 ndarray
        From `forward_propagation`.

    Returns
    -------
    gradients : dict of ndarray
        ``dZ3, dW3, db3, dA2, dZ2, dW2, db2, dA1, dZ1, dW1, db1``.

    Raises
    ------
    ValueError
        If shapes do not fit, for example ``cache, layer 1: W has 4 columns, but X has 5 rows``, or it is
        another cache, for example ``cache must be (z1, a1, W1, b1, ...), but has 2 entries instead of 12``.
    TypeError
        If arrays mix float32 and float64, or have another dtype.

    Notes
    -----
    dZ3 = A3 - Y; dW_l = dZ_l A_{l-1}^T / m; db_l = (row sums of dZ_l) / m; dA_{l-1} = W_l^T dZ_l;
    dZ_l = dA_l where A_l > 0, else 0. :func:`deepnet.L_model_backward` returns the same dW, db and dA.

    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> X, Y = np.array([[1.0, -2.0], [0.5, 3.0]]), np.array([[1, 0]])
    >>> A3, cache = forward_propagation(X, initialize_parameters([2, 3, 2, 1]))
    >>> list(backward_propagation(X, Y, cache))
    ['dZ3', 'dW3', 'db3', 'dA2', 'dZ2', 'dW2', 'db2', 'dA1', 'dZ1', 'dW1', 'db1']
    """
    return backward(X, Y, cache)


def compute_cost_with_regularization(A3: Array, Y: Array, parameters: Parameters, lambd: Real) -> Any:
    """Cross-entropy cost plus lambd / (2m) times the sum of the squares of all weights.

    Parameters
    ----------
    A3 : ndarray of float32 or float64, shape (n_3, m)
        Probabilities in [0, 1].
    Y : ndarray of bool, integers or floats, shape (n_3, m)
        Labels, usually in [0, 1]; for one output unit also (m,) or (m, 1).
    parameters : dict of ndarray
        ``W1..WL`` and ``b1..bL``; biases are not regularised.
    lambd : float
        0 or more. (``lambda`` is a keyword of Python.)

    Returns
    -------
    cost : NumPy scalar in the dtype of A3

    Raises
    ------
    ValueError
        If shapes do not fit, or a number is out of range, for example ``lambd is -1, but must be 0 or more``.
    TypeError
        If an array is not float32 or float64.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> parameters = {"W1": np.array([[3.0, 4.0]]), "b1": np.array([[7.0]])}
    >>> cost = compute_cost_with_regularization(np.array([[1.0, 0.0]]), np.array([[1, 0]]), parameters, 0.1)
    >>> print(cost)
    0.625
    """
    lambd = real("lambd", lambd, low=0)
    cost = cross_entropy("A3", A3, Y)
    weights = [W for key, W in network_parameters(parameters).items() if key.startswith("W")]
    squares = sum(np.sum(np.square(W), dtype=np.float64) for W in weights)
    return A3.dtype.type(cost + lambd / (2 * A3.shape[1]) * squares)


def backward_propagation_with_regularization(X: Array, Y: Array, cache: Cache, lambd: Real) -> Parameters:
    """Backward propagation of the regularised cost: adds lambd / m W_l to dW_l.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        The input that `forward_propagation` was given.
    Y : ndarray of bool, integers or floats, shape (n_3, m)
        Labels, usually in [0, 1]; for one output unit also (m,) or (m, 1).
    cache : tuple of 12 ndarray
        From `forward_propagation`.
    lambd : float
        0 or more.

    Returns
    -------
    gradients : dict of ndarray
        ``dZ3, dW3, db3, dA2, dZ2, dW2, db2, dA1, dZ1, dW1, db1``.

    Raises
    ------
    ValueError
        If shapes do not fit, for example ``cache, layer 1: W has 4 columns, but X has 5 rows``.
    TypeError
        If arrays mix float32 and float64, or have another dtype.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> X, Y, parameters = np.array([[1.0, -2.0]]), np.array([[1, 0]]), initialize_parameters([1, 3, 2, 1])
    >>> a3, cache = forward_propagation(X, parameters)
    >>> unregularized = backward_propagation(X, Y, cache)
    >>> regularized = backward_propagation_with_regularization(X, Y, cache, lambd=0.7)
    >>> bool(np.allclose(regularized["dW1"], unregularized["dW1"] + 0.7 / 2 * parameters["W1"]))
    True
    """
    lambd = real("lambd", lambd, low=0)
    gradients = backward(X, Y, cache)
    for layer in (1, 2, 3):
        gradients[f"dW{layer}"] += lambd / X.shape[1] * cache[4 * layer - 2]
    return gradients


def forward_propagation_with_dropout(
    X: Array, parameters: Parameters, keep_prob: Real = 0.5, *, seed: Whole | None = 1
) -> tuple[Array, Cache]:
    """Forward propagation that drops units of both hidden layers, each with probability 1 - keep_prob.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        One column per example.
    parameters : dict of ndarray
        ``W1``, ``b1``, ..., ``W3``, ``b3``, same dtype as X.
    keep_prob : float
        Probability of keeping a unit, above 0 and at most 1. Kept activations are divided by it, which keeps
        their mean.
    seed : int or None
        Draws the numbers that ``np.random.seed(seed)`` gives, without touching NumPy's global state. None:
        different draws on each call.

    Returns
    -------
    A3 : ndarray, shape (n_3, m)
    cache : tuple of 14 ndarray
        ``(Z1, D1, A1, W1, b1, Z2, D2, A2, W2, b2, Z3, A3, W3, b3)``: D is 0 where a unit is dropped for an
        example, else 1; A1 and A2 are the activations after dropout.

    Raises
    ------
    ValueError
        If shapes do not chain, or for example ``keep_prob is 0, but must be more than 0, up to 1``.
    TypeError
        If arrays mix float32 and float64, or have another dtype.

    Notes
    -----
    A_l = relu(Z_l) * D_l / keep_prob. The course seeds each call with 1, so a training run drops the same
    units for the same examples in every iteration, unless `seed` changes.

    Source: N. Srivastava et al., *Dropout*, JMLR 15, 2014; A. Ng, deeplearning.ai, *Improving Deep Neural
    Networks*, week 1.

    Examples
    --------
    >>> parameters = deepnet.initialize_parameters_deep([2, 4, 3, 1])
    >>> A3, cache = forward_propagation_with_dropout(np.ones((2, 5)), parameters, keep_prob=0.7)
    >>> len(cache), cache[1]
    (14, array([[1, 0, 1, 1, 1],
           [1, 1, 1, 1, 1],
           [1, 1, 1, 0, 1],
           [1, 1, 1, 1, 1]]))
    """
    keep_prob = real("keep_prob", keep_prob, above=0, high=1)
    has_three_layers(parameters, "forward_propagation_with_dropout")
    random = seeded(seed)
    A, cache = X, list[Array]()
    try:
        for layer in (1, 2, 3):
            W, b = parameters[f"W{layer}"], parameters[f"b{layer}"]
            A, (_, Z) = linear_activation_forward(A, W, b, "relu" if layer < 3 else "sigmoid")
            cache.append(Z)
            if layer < 3:
                D = (random.rand(*A.shape) < keep_prob).astype(int)
                A = dropped(A, D, keep_prob)
                cache.append(D)
            cache += [A, W, b]
    except (KeyError, TypeError, ValueError):
        check.L_model_forward(X, parameters, "relu", None)  # raises an error that names the layer
        raise
    return A, tuple(cache)


def backward_propagation_with_dropout(X: Array, Y: Array, cache: Cache, keep_prob: Real) -> Parameters:
    """Backward propagation through the units that `forward_propagation_with_dropout` kept.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        The input that the forward pass was given.
    Y : ndarray of bool, integers or floats, shape (n_3, m)
        Labels, usually in [0, 1]; for one output unit also (m,) or (m, 1).
    cache : tuple of 14 ndarray
        From `forward_propagation_with_dropout`; D1 and D2 may be of bool, integers or floats.
    keep_prob : float
        As in the forward pass.

    Returns
    -------
    gradients : dict of ndarray
        ``dZ3, dW3, db3, dA2, dZ2, dW2, db2, dA1, dZ1, dW1, db1``; dA2 and dA1 are masked.

    Raises
    ------
    ValueError
        If shapes do not fit, for example ``cache: D1 has shape (4, 3), but must be (4, 5): (rows of W1,
        columns of X)``.
    TypeError
        If arrays mix float32 and float64, or have another dtype.

    Notes
    -----
    ``dA_l = W_{l+1}^T dZ_{l+1} * D_l / keep_prob``.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> X, parameters = np.ones((2, 5)), deepnet.initialize_parameters_deep([2, 4, 3, 1])
    >>> A3, cache = forward_propagation_with_dropout(X, parameters, keep_prob=0.7)
    >>> gradients = backward_propagation_with_dropout(X, np.array([[1, 0, 1, 1, 0]]), cache, keep_prob=0.7)
    >>> bool(np.all(gradients["dA1"][cache[1] == 0] == 0))
    True
    """
    keep_prob = real("keep_prob", keep_prob, above=0, high=1)
    return backward(X, Y, cache, form=CACHE_14, keep_prob=keep_prob)


def model(
    X: Array,
    Y: Array,
    learning_rate: Real = 0.3,
    num_iterations: Whole = 30000,
    print_cost: bool = True,
    lambd: Real = 0,
    keep_prob: Real = 1,
    *,
    callback: Callback | None = None,
) -> Parameters:
    """Train n_x-20-3-1 by gradient descent, optionally with L2 regularisation or dropout.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        One column per example. Its dtype is that of the whole run.
    Y : ndarray of bool, integers or floats, shape (1, m)
        Labels, usually in [0, 1]; also (m,) or (m, 1).
    learning_rate : float
    num_iterations : int
        Steps, each over all examples.
    print_cost : bool
        Print the cost every 10000 iterations.
    lambd : float
        L2 regularisation; 0: none.
    keep_prob : float
        Probability of keeping a unit; 1: no dropout. Cannot be combined with lambd.
    callback : callable, optional
        Called after every step as ``callback(iteration, cost)``, with the cost of every 1000th iteration,
        else None. The course plots the costs; this function does not.

    Returns
    -------
    parameters : dict of ndarray
        ``W1``, ``b1``, ..., ``W3``, ``b3``.

    Raises
    ------
    ValueError
        If shapes do not fit, for example ``Y has shape (1, 4), but the network (1 output, 3 examples) has
        (1, 3)``, a number is out of range, or both regularisations are given.
    TypeError
        If X is not float32 or float64.

    Notes
    -----
    Reproduces the published costs of all three runs on the football data.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> X, Y = np.array([[0.0, 1.0, 2.0, 3.0]]), np.array([[0, 0, 1, 1]])
    >>> parameters = model(X, Y, num_iterations=1000, lambd=0.1)
    Cost after iteration 0: 0.853...
    >>> p = predict(X, Y, parameters)
    Accuracy: 1.0
    """
    lambd, keep_prob = real("lambd", lambd, low=0), real("keep_prob", keep_prob, above=0, high=1)
    if lambd != 0 and keep_prob != 1:
        raise ValueError(
            f"lambd is {lambd:g} and keep_prob is {keep_prob:g}, but this model takes one regularisation: "
            "set lambd to 0 or keep_prob to 1"
        )
    X, Y, dims, rate, steps = training(X, Y, (20, 3, 1), learning_rate, num_iterations)
    forward, cost_of, backward_of = forward_propagation, _cost, backward_propagation
    if lambd:
        cost_of = partial(compute_cost_with_regularization, lambd=lambd)
        backward_of = partial(backward_propagation_with_regularization, lambd=lambd)
    if keep_prob < 1:
        forward = partial(forward_propagation_with_dropout, keep_prob=keep_prob)
        backward_of = partial(backward_propagation_with_dropout, keep_prob=keep_prob)
    return descend(
        X,
        Y,
        initialize_parameters(dims, dtype=X.dtype),
        rate,
        steps,
        forward,
        cost_of,
        backward_of,
        print_every=10_000 if print_cost else 0,
        callback=callback,
    )


def _cost(a3: Array, Y: Array, parameters: Parameters) -> Any:
    return compute_cost(a3, Y)
