"""Initialization, week 1 of *Improving Deep Neural Networks*: one import for `init_utils` and its notebook.

Three layers, relu, relu, sigmoid, on circles; the notebook's own functions are here, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deepnet.activations import Array
from deepnet.caches import Callback, Parameters, Real, Whole
from deepnet.plotting import plot_decision_boundary

from ._datasets import load_cat_dataset
from ._datasets import load_circles as load_dataset
from ._initialize import (
    initialize_parameters_he,
    initialize_parameters_random,
    initialize_parameters_zeros,
)
from ._optimizers import update_parameters_with_gd as update_parameters
from ._prediction import predict, predict_dec, relu, sigmoid
from ._three_layers import (
    Cache,
    backward,
    cross_entropy,
    descend,
    forward_propagation,
    lower_case,
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


def backward_propagation(X: Array, Y: Array, cache: Cache) -> Parameters:
    """Backward propagation through the three layers; names in lower case, 1/m in dz and da.

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
        ``dz3, dW3, db3, da2, dz2, dW2, db2, da1, dz1, dW1, db1``.

    Raises
    ------
    ValueError
        If shapes do not fit, for example ``cache, layer 1: W has 4 columns, but X has 5 rows``, or the cache
        is another, for example ``cache must be (z1, a1, W1, b1, ...), but has 2 entries instead of 12``.
    TypeError
        If arrays mix float32 and float64, or are of another dtype.

    Notes
    -----
    dz3 = (a3 - Y) / m; dW_l = dz_l a_{l-1}^T; db_l = row sums of dz_l; da_{l-1} = W_l^T dz_l;
    dz_l = da_l where a_l > 0, else 0. dz and da are 1/m of those in `reg_utils`, and of the dA of
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
        Labels in [0, 1]; for one output unit also (m,) or (m, 1).

    Returns
    -------
    loss : NumPy scalar in the dtype of a3

    Raises
    ------
    ValueError
        If shapes do not fit, or a probability or label is outside [0, 1], for example
        ``a3[0, 2] is 1.5, but probabilities must lie in [0, 1]``.
    TypeError
        If a3 is not float32 or float64.

    Notes
    -----
    A saturated and right prediction costs nothing and a wrong one inf, as with the course's ``np.nansum``.
    Only where a3 itself is nan do they differ: the course counts it as 0, here the loss is nan.
    The `compute_cost` of `reg_utils` is this function.

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
        Labels in [0, 1]; also (m,) or (m, 1).
    learning_rate : float
    num_iterations : int
        Steps, each over all examples.
    print_cost : bool
        Print the cost every 1000 iterations.
    initialization : {"he", "random", "zeros"}
    callback : callable, optional
        Called after every step as ``callback(iteration, cost)``; cost is None where none is recorded. The
        course plots the costs, this function plots nothing.

    Returns
    -------
    parameters : dict of ndarray
        ``W1``, ``b1``, ..., ``W3``, ``b3``.

    Raises
    ------
    ValueError
        If shapes do not fit, for example ``Y has shape (1, 4), but the network (1 output, 3 examples) has
        (1, 3)``, or the initialisation is unknown.
    TypeError
        If X is not float32 or float64.

    Notes
    -----
    The published costs of "zeros" and "he" are reproduced. Those of "random" are chaotic: they start at inf
    and differ in the third digit from one machine to the next.

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
