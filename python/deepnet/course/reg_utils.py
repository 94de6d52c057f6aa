"""Regularization, week 1 of *Improving Deep Neural Networks*: one import for `reg_utils` and its notebook.

Three layers, relu, relu, sigmoid, on the football data; the notebook's own functions are here, too.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from deepnet._numbers import real
from deepnet.activations import Array
from deepnet.caches import Callback, Parameters, Real, Sizes, Whole
from deepnet.plotting import plot_decision_boundary

from ._datasets import load_2D_dataset, load_planar_dataset
from ._datasets import load_cat_dataset as load_dataset
from ._initialize import drawn
from ._optimizers import update_parameters_with_gd as update_parameters
from ._prediction import predict, predict_dec, relu, sigmoid
from ._regularization import (
    backward_propagation_with_dropout,
    backward_propagation_with_regularization,
    compute_cost_with_regularization,
    forward_propagation_with_dropout,
)
from ._three_layers import (
    Cache,
    backward,
    descend,
    forward_propagation,
    training,
)
from .init_utils import compute_loss as compute_cost

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
    """W_l = N(0, 1) / sqrt(n_{l-1}), b_l = 0.

    Parameters
    ----------
    layer_dims : sequence of int
        Units of each layer, from the input.
    seed : int or None
        For the same draws as ``np.random.seed(seed)``, leaving NumPy's global state alone; None: unseeded.
    dtype : dtype
        float64 or float32; draws are rounded from float64.

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
    Seed 3; :func:`deepnet.course.dnn_app_utils.initialize_parameters_deep` has the same scale and seed 1.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> initialize_parameters([4, 2])["W1"].round(4)
    array([[ 0.8943,  0.2183,  0.0482, -0.9317],
           [-0.1387, -0.1774, -0.0414, -0.3135]])
    """
    return drawn("layer_dims", layer_dims, lambda fan_in: 1 / np.sqrt(fan_in), seed, dtype)


def backward_propagation(X: Array, Y: Array, cache: Cache) -> Parameters:
    """Backward propagation through the three layers; names in upper case, 1/m in dW and db alone.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        The input that `forward_propagation` was given.
    Y : ndarray of bool, integers or floats, shape (n_3, m)
        Labels in [0, 1]; for one output unit also (m,) or (m, 1).
    cache : tuple of 12 ndarray
        From `forward_propagation`.

    Returns
    -------
    gradients : dict of ndarray
        ``dZ3, dW3, db3, dA2, dZ2, dW2, db2, dA1, dZ1, dW1, db1``.

    Raises
    ------
    ValueError
        If shapes do not fit, for example ``cache, layer 1: W has 4 columns, but X has 5 rows``, or the cache
        is another, for example ``cache must be (z1, a1, W1, b1, ...), but has 2 entries instead of 12``.
    TypeError
        If arrays mix float32 and float64, or are of another dtype.

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
    """Train n_x-20-3-1 by gradient descent, without regularisation or with one of two.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        One column per example. Its dtype is that of the whole run.
    Y : ndarray of bool, integers or floats, shape (1, m)
        Labels in [0, 1]; also (m,) or (m, 1).
    learning_rate : float
    num_iterations : int
        Steps, each over all examples.
    print_cost : bool
        Print the cost every 10000 iterations.
    lambd : float
        L2 regularisation; 0: none.
    keep_prob : float
        Probability of keeping a unit; 1: no dropout. Not beside lambd.
    callback : callable, optional
        Called after every step as ``callback(iteration, cost)``; the cost of every 1000th iteration, else
        None. The course plots the costs, this function plots nothing.

    Returns
    -------
    parameters : dict of ndarray
        ``W1``, ``b1``, ..., ``W3``, ``b3``.

    Raises
    ------
    ValueError
        If shapes do not fit, for example ``Y has shape (1, 4), but the network (1 output, 3 examples) has
        (1, 3)``, a number is out of range, or both regularisations are asked for.
    TypeError
        If X is not float32 or float64.

    Notes
    -----
    The published costs of all three runs on the football data are reproduced.
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
            "leave lambd at 0 or keep_prob at 1"
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
