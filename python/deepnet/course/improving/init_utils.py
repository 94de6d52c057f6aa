"""Initialization, week 1 of *Improving Deep Neural Networks*: `init_utils` and its notebook's functions.

Three layers, relu, relu, sigmoid, on circles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from deepnet import _validation as check
from deepnet.activations import Array
from deepnet.caches import Callback, Parameters, Real, Sizes, Whole
from deepnet.reference.step_by_step import draw_parameters

from .data_sets import load_cat_dataset
from .data_sets import load_circles as load_dataset
from .optimizers import update_parameters_with_gd as update_parameters
from .three_layers import (
    Cache,
    backward,
    cross_entropy,
    descend,
    forward_propagation,
    lower_case,
    plot_decision_boundary,
    predict,
    predict_dec,
    relu,
    sigmoid,
    training,
)

__all__ = [
    "backward_propagation",
    "compute_loss",
    "forward_propagation",
    "initialize_parameters_he",
    "initialize_parameters_random",
    "initialize_parameters_zeros",
    "load_cat_dataset",
    "load_dataset",
    "model",
    "plot_decision_boundary",
    "predict",
    "predict_dec",
    "relu",
    "sigmoid",
    "update_parameters",
]


def initialize_parameters_zeros(layers_dims: Sizes, *, dtype: Any = np.float64) -> Parameters:
    """Initialise with W_l = 0, b_l = 0: all units of a layer stay equal, and the network learns nothing.

    Parameters
    ----------
    layers_dims : sequence of int
        Units of each layer, from the input.
    dtype : dtype
        float64 or float32.

    Returns
    -------
    parameters : dict of ndarray
        ``W1..WL`` with shapes (n_l, n_{l-1}) and ``b1..bL`` with shapes (n_l, 1).

    Raises
    ------
    ValueError
        If a size is below 1, for example ``layers_dims[1] is 0: zero units``.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> initialize_parameters_zeros([3, 1])
    {'W1': array([[0., 0., 0.]]), 'b1': array([[0.]])}
    """
    return drawn("layers_dims", layers_dims, lambda fan_in: 0.0, 3, dtype)


def initialize_parameters_random(
    layers_dims: Sizes, *, seed: Whole | None = 3, dtype: Any = np.float64
) -> Parameters:
    """Initialise with W_l = 10 N(0, 1), b_l = 0, which is far too large, as the notebook shows.

    Parameters
    ----------
    layers_dims : sequence of int
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
        If a size is below 1, for example ``layers_dims[1] is 0: zero units``.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> initialize_parameters_random([3, 2, 1])["W2"].round(4)
    array([[-0.8274, -6.27  ]])
    """
    return drawn("layers_dims", layers_dims, lambda fan_in: 10.0, seed, dtype)


def initialize_parameters_he(
    layers_dims: Sizes, *, seed: Whole | None = 3, dtype: Any = np.float64
) -> Parameters:
    """Initialise with W_l = sqrt(2 / n_{l-1}) N(0, 1), b_l = 0, which suits relu.

    Parameters
    ----------
    layers_dims : sequence of int
        Units of each layer, from the input. (Other modules of the course call it ``layer_dims``, pylessons
        ``layer_dimension``.)
    seed, dtype
        As in :func:`deepnet.initialize_parameters`; pylessons draws unseeded.

    Returns
    -------
    parameters : dict of ndarray
        ``W1..WL`` with shapes (n_l, n_{l-1}) and ``b1..bL`` with shapes (n_l, 1).

    Raises
    ------
    ValueError
        If a size is below 1, for example ``layers_dims[1] is 0: zero units``.

    Notes
    -----
    Source: K. He, X. Zhang, S. Ren and J. Sun, *Delving deep into rectifiers*, ICCV 2015; A. Ng,
    deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> initialize_parameters_he([2, 4, 1])["W2"].round(4)
    array([[-0.031 , -0.3374, -0.929 ,  0.6255]])
    """
    return drawn("layers_dims", layers_dims, lambda fan_in: float(np.sqrt(2 / fan_in)), seed, dtype)


def drawn(
    name: str, layer_dims: Any, scale: Callable[[int], float], seed: Any, dtype: Any = np.float64
) -> Parameters:
    """Return W_l = scale(n_{l-1}) N(0, 1), b_l = 0; messages call the sizes `name`."""
    dims = check.layer_dims(name, layer_dims)
    return draw_parameters(dims, scale, seed, check.initialization(seed, dtype))


def backward_propagation(X: Array, Y: Array, cache: Cache) -> Parameters:
    """Backward propagation through the three layers, with lower-case names and 1/m in dz and da.

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
        ``dz3, dW3, db3, da2, dz2, dW2, db2, da1, dz1, dW1, db1``.

    Raises
    ------
    ValueError
        If shapes do not fit, for example ``cache, layer 1: W has 4 columns, but X has 5 rows``, or it is
        another cache, for example ``cache must be (z1, a1, W1, b1, ...), but has 2 entries instead of 12``.
    TypeError
        If arrays mix float32 and float64, or have another dtype.

    Notes
    -----
    dz3 = (a3 - Y) / m; dW_l = dz_l a_{l-1}^T; db_l = row sums of dz_l; da_{l-1} = W_l^T dz_l;
    dz_l = da_l where a_l > 0, else 0. dz and da are 1/m times those of `reg_utils`, and the dA of
    :func:`deepnet.L_model_backward`; dW and db are the same.

    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> X, Y = np.array([[1.0, -2.0], [0.5, 3.0]]), np.array([[1, 0]])
    >>> a3, cache = forward_propagation(X, initialize_parameters_he([2, 3, 2, 1]))
    >>> gradients = backward_propagation(X, Y, cache)
    >>> list(gradients)
    ['dz3', 'dW3', 'db3', 'da2', 'dz2', 'dW2', 'db2', 'da1', 'dz1', 'dW1', 'db1']
    >>> bool(np.allclose(gradients["dz3"], (a3 - Y) / 2))
    True
    """
    return lower_case(backward(X, Y, cache), X.shape[1])


def compute_loss(a3: Array, Y: Array) -> Any:
    """Cross-entropy loss: -1/m sum(Y log a3 + (1 - Y) log(1 - a3)).

    Parameters
    ----------
    a3 : ndarray of float32 or float64, shape (n_3, m)
        Probabilities in [0, 1].
    Y : ndarray of bool, integers or floats, shape (n_3, m)
        Labels, usually in [0, 1]; for one output unit also (m,) or (m, 1).

    Returns
    -------
    loss : NumPy scalar in the dtype of a3

    Raises
    ------
    ValueError
        If shapes do not fit, a label is not finite, or a probability is outside [0, 1], for example
        ``a3[0, 2] is 1.5, but probabilities must lie in [0, 1]``.
    TypeError
        If a3 is not float32 or float64.

    Notes
    -----
    A saturated and right prediction costs nothing and a wrong one inf, as with the course's ``np.nansum``.
    Where a3 is nan the loss is nan; the course counts it as 0. The `compute_cost` of `reg_utils` is this
    function.

    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> print(compute_loss(np.array([[1.0, 0.0, 0.5]]), np.array([[1, 0, 1]])).round(6))
    0.231049
    >>> print(compute_loss(np.array([[1.0, 0.5]]), np.array([[0, 1]])))
    inf
    """
    return cross_entropy("a3", a3, Y)


INITIALIZATIONS: dict[str, Callable[..., Parameters]] = {
    "zeros": initialize_parameters_zeros,
    "random": initialize_parameters_random,
    "he": initialize_parameters_he,
}


def model(
    X: Array,
    Y: Array,
    learning_rate: Real = 0.01,
    num_iterations: Whole = 15000,
    print_cost: bool = True,
    initialization: str = "he",
    *,
    callback: Callback | None = None,
) -> Parameters:
    """Train n_x-10-5-1 by gradient descent from one of three initialisations.

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
        Print the cost every 1000 iterations.
    initialization : {"he", "random", "zeros"}
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
        (1, 3)``, or `initialization` is unknown.
    TypeError
        If X is not float32 or float64.

    Notes
    -----
    Reproduces the published costs of "zeros" and "he". Those of "random" are chaotic: they start at inf and
    differ in the third digit between machines.

    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> X, Y = np.array([[0.0, 1.0, 2.0, 3.0]]), np.array([[0, 0, 1, 1]])
    >>> parameters = model(X, Y, learning_rate=0.1, num_iterations=1001)
    Cost after iteration 0: 1.315...
    Cost after iteration 1000: 0.011...
    """
    if initialization not in INITIALIZATIONS:
        names = ", ".join(f'"{name}"' for name in INITIALIZATIONS)
        raise ValueError(f"unknown initialization {initialization!r}: {names}")
    X, Y, dims, rate, steps = training(X, Y, (10, 5, 1), learning_rate, num_iterations)
    return descend(
        X,
        Y,
        INITIALIZATIONS[initialization](dims, dtype=X.dtype),
        rate,
        steps,
        forward_propagation,
        lambda a3, y, parameters: compute_loss(a3, y),
        backward_propagation,
        print_every=1000 if print_cost else 0,
        callback=callback,
    )
