"""Optimization methods, week 2 of *Improving Deep Neural Networks*: `opt_utils_v1a` and its notebook.

Three layers, relu, relu, sigmoid, on moons, in mini-batches; the notebook's own functions are here, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from deepnet import _validation as check
from deepnet._names import find
from deepnet._numbers import real, whole
from deepnet.activations import Array
from deepnet.caches import Callback, Parameters, Real, Sizes, Whole
from deepnet.plotting import plot_decision_boundary

from ._batch_descent import Run, descend_in_batches
from ._datasets import load_2D_dataset
from ._datasets import load_moons as load_dataset
from ._initialize import drawn
from ._mini_batches import random_mini_batches, schedule_lr_decay, update_lr
from ._optimizers import (
    initialize_adam,
    initialize_velocity,
    update_parameters_with_adam,
    update_parameters_with_gd,
    update_parameters_with_momentum,
)
from ._prediction import predict, predict_dec, relu, sigmoid
from ._random import seeded
from ._three_layers import cross_entropy, forward_propagation
from ._versions import find_version
from .init_utils import backward_propagation

__all__ = [
    "backward_propagation",
    "compute_cost",
    "forward_propagation",
    "initialize_adam",
    "initialize_parameters",
    "initialize_velocity",
    "load_2D_dataset",
    "load_dataset",
    "load_params_and_grads",
    "model",
    "plot_decision_boundary",
    "predict",
    "predict_dec",
    "random_mini_batches",
    "relu",
    "schedule_lr_decay",
    "sigmoid",
    "update_lr",
    "update_parameters_with_adam",
    "update_parameters_with_gd",
    "update_parameters_with_momentum",
]


def load_params_and_grads(seed: Whole = 1) -> tuple[Array, ...]:
    """Draw parameters and gradients of two layers, which do not chain, to try the updates with.

    Parameters
    ----------
    seed : int
        For the same draws as ``np.random.seed(seed)``, leaving NumPy's global state alone.

    Returns
    -------
    W1, b1, W2, b2, dW1, db1, dW2, db2 : ndarray of float64
        Of shapes (2, 3), (2, 1), (3, 3), (3, 1), twice.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 2.

    Examples
    --------
    >>> W1, b1, W2, b2, dW1, db1, dW2, db2 = load_params_and_grads()
    >>> b1.round(4)
    array([[ 1.7448],
           [-0.7612]])
    """
    random = seeded(seed)
    return tuple(random.randn(*shape) for shape in ((2, 3), (2, 1), (3, 3), (3, 1)) * 2)


def initialize_parameters(
    layer_dims: Sizes, *, seed: Whole | None = 3, dtype: Any = np.float64
) -> Parameters:
    """W_l = sqrt(2 / n_{l-1}) N(0, 1), b_l = 0.

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
    The `initialize_parameters_he` of `init_utils`.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 2.

    Examples
    --------
    >>> initialize_parameters([2, 4, 1])["W2"].round(4)
    array([[-0.031 , -0.3374, -0.929 ,  0.6255]])
    """
    return drawn("layer_dims", layer_dims, lambda fan_in: float(np.sqrt(2 / fan_in)), seed, dtype)


def compute_cost(a3: Array, Y: Array, *, version: str = "2021") -> Any:
    """Cross-entropy cost, summed over the examples: -sum(Y log a3 + (1 - Y) log(1 - a3)).

    Parameters
    ----------
    a3 : ndarray of float32 or float64, shape (n_3, m)
        Probabilities in [0, 1].
    Y : ndarray of bool, integers or floats, shape (n_3, m)
        Labels in [0, 1]; for one output unit also (m,) or (m, 1).
    version : {"2021", "2020", "2018", "2017"}
        2018 and before divide by m: `opt_utils` instead of `opt_utils_v1a`.

    Returns
    -------
    cost : NumPy scalar in the dtype of a3

    Raises
    ------
    ValueError
        If shapes do not fit, or a probability or label is outside [0, 1], for example
        ``a3[0, 2] is 1.5, but probabilities must lie in [0, 1]``.
    TypeError
        If a3 is not float32 or float64.

    Notes
    -----
    A saturated and right prediction costs nothing; the course's ``np.sum`` has nan there.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 2.

    Examples
    --------
    >>> a3, Y = np.array([[0.5, 0.5, 1.0]]), np.array([[0, 1, 1]])
    >>> print(compute_cost(a3, Y).round(6), compute_cost(a3, Y, version="2018").round(6))
    1.386294 0.462098
    """
    mean = cross_entropy("a3", a3, Y)
    return mean if find_version(version).cost_is_a_mean else a3.dtype.type(mean * a3.shape[1])


OPTIMIZERS = ("gd", "momentum", "adam")


def model(
    X: Array,
    Y: Array,
    layers_dims: Sizes,
    optimizer: str,
    learning_rate: Real = 0.0007,
    mini_batch_size: Whole = 64,
    beta: Real = 0.9,
    beta1: Real = 0.9,
    beta2: Real = 0.999,
    epsilon: Real = 1e-8,
    num_epochs: Whole | None = None,
    print_cost: bool = True,
    decay: Callable[[float, int, Real], Any] | None = None,
    decay_rate: Real = 1,
    *,
    version: str = "2021",
    callback: Callback | None = None,
) -> Parameters:
    """Train three layers in mini-batches by gradient descent, with momentum, or by Adam.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        One column per example. Its dtype is that of the whole run.
    Y : ndarray of bool, integers or floats, shape (n_3, m)
        Labels in [0, 1]; for one output unit also (m,) or (m, 1).
    layers_dims : sequence of int
        Units of the input and of three layers: ``[2, 5, 2, 1]``.
    optimizer : {"gd", "momentum", "adam"}
    learning_rate : float
    mini_batch_size : int
    beta : float
        For momentum.
    beta1, beta2, epsilon : float
        For Adam.
    num_epochs : int, optional
        5000 if not given, in versions before 2021 10000.
    print_cost : bool
        Print the cost every 1000 epochs, and the learning rate if it decays.
    decay : callable, optional
        ``decay(learning_rate, i, decay_rate)``, with the first rate, is the rate after epoch i: `update_lr`
        or `schedule_lr_decay`. Asked for all epochs before the first.
    decay_rate : float
    version : {"2021", "2020", "2018", "2017"}
        2018 and before show the cost of an epoch's last mini-batch, later ones the mean of the epoch; 2017
        has Adam's epsilon inside the root.
    callback : callable, optional
        Called after every epoch as ``callback(epoch, cost)``; the cost of every 100th epoch, else None. The
        course plots the costs, this function plots nothing.

    Returns
    -------
    parameters : dict of ndarray
        ``W1``, ``b1``, ..., ``W3``, ``b3``.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is out of range or the optimizer is unknown, for example
        ``unknown optimizer 'sgd': gd, momentum or adam``.
    TypeError
        If X is not float32 or float64.

    Notes
    -----
    The batches of epoch i are those of ``random_mini_batches(X, Y, mini_batch_size, seed=11 + i)``. The
    published costs on the moons are reproduced, in all versions.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 2.

    Examples
    --------
    >>> X, Y = np.array([[-1.5, -0.5, 0.5, 1.5]]), np.array([[0, 0, 1, 1]])
    >>> parameters = model(X, Y, [1, 8, 4, 1], "adam", learning_rate=0.01, num_epochs=1001)
    Cost after epoch 0: 0.439550
    Cost after epoch 1000: 0.0097...
    """
    chosen = find_version(version)
    find("optimizer", optimizer, dict.fromkeys(OPTIMIZERS))
    if decay is not None and not callable(decay):
        raise TypeError(f"decay is {decay!r}, but must be a function such as update_lr")
    epochs = chosen.epochs if num_epochs is None else whole("num_epochs", num_epochs, 0)
    X, Y, dims, rate, _ = check.training(X, Y, layers_dims, learning_rate, epochs)
    if len(dims) != 4:
        raise ValueError(f"layers_dims has {len(dims)} entries, but must have 4: the input and three layers")
    run = Run(
        optimizer=optimizer,
        learning_rate=rate,
        mini_batch_size=whole("mini_batch_size", mini_batch_size, 1),
        beta=real("beta", beta, low=0, below=1),
        beta1=real("beta1", beta1, low=0, below=1),
        beta2=real("beta2", beta2, low=0, below=1),
        epsilon=real("epsilon", epsilon, low=0),
        epochs=epochs,
        print_cost=print_cost,
        decay=decay,
        decay_rate=decay_rate,
        version=chosen,
        callback=callback,
    )
    return descend_in_batches(X, Y, dims, initialize_parameters(dims, dtype=X.dtype), run)
