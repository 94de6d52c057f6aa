"""Optimization methods, week 2 of *Improving Deep Neural Networks*: `opt_utils` and its notebook's functions.

Three layers, relu, relu, sigmoid, trained on moons in mini-batches.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepnet import _validation as check
from deepnet._names import find
from deepnet._numbers import real, whole
from deepnet._validation.arrays import anything, counted
from deepnet.activations import Array
from deepnet.caches import Callback, Parameters, Real, Sizes, Whole
from deepnet.course.step_by_step import L_model_backward, L_model_forward

from .data_sets import load_2D_dataset
from .data_sets import load_moons as load_dataset
from .gc_utils import dictionary_to_vector, vector_to_dictionary
from .init_utils import backward_propagation, drawn
from .optimizers import (
    adam_step,
    initialize_adam,
    initialize_velocity,
    moving_average,
    update_parameters_with_adam,
    update_parameters_with_gd,
    update_parameters_with_momentum,
)
from .seeding import seeded
from .three_layers import (
    cross_entropy,
    forward_propagation,
    plot_decision_boundary,
    predict,
    predict_dec,
    relu,
    sigmoid,
)
from .versions import Version, find_version

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
        Labels, usually in [0, 1]; for one output unit also (m,) or (m, 1).
    version : {"2021", "2020", "2018", "2017"}
        2018 and earlier divide by m (`opt_utils` instead of `opt_utils_v1a`).

    Returns
    -------
    cost : NumPy scalar in the dtype of a3

    Raises
    ------
    ValueError
        If shapes do not fit, a label is not finite, or a probability is outside [0, 1], for example
        ``a3[0, 2] is 1.5, but probabilities must lie in [0, 1]``.
    TypeError
        If a3 is not float32 or float64.

    Notes
    -----
    A saturated and right prediction costs nothing; the course's ``np.sum`` gives nan there.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 2.

    Examples
    --------
    >>> a3, Y = np.array([[0.5, 0.5, 1.0]]), np.array([[0, 1, 1]])
    >>> print(compute_cost(a3, Y).round(6), compute_cost(a3, Y, version="2018").round(6))
    1.386294 0.462098
    """
    mean = cross_entropy("a3", a3, Y)
    return mean if find_version(version).cost_is_a_mean else a3.dtype.type(mean * a3.shape[1])


# --- mini-batches and learning rates ------------------------------------------------------------------------


def random_mini_batches(
    X: Array, Y: Array, mini_batch_size: Whole = 64, seed: Whole | None = 0
) -> list[tuple[Array, Array]]:
    """Shuffle the examples and cut them into mini-batches.

    Parameters
    ----------
    X : ndarray of any dtype, shape (n_x, m)
        One column per example.
    Y : ndarray of any dtype, shape (n_y, m) or (m,)
    mini_batch_size : int
    seed : int or None
        For the same order as ``np.random.seed(seed)``, leaving NumPy's global state alone; None: unseeded.

    Returns
    -------
    mini_batches : list of (mini_batch_X, mini_batch_Y)
        Of `mini_batch_size` columns each; the last one may be smaller.

    Raises
    ------
    ValueError
        If X and Y have different numbers of examples, for example ``X has 6 columns, but Y has 5``.
    TypeError
        If X or Y is not an array.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 2.

    Examples
    --------
    >>> X, Y = np.arange(10.0).reshape(2, 5), np.array([[0, 1, 0, 1, 0]])
    >>> for mini_batch_X, mini_batch_Y in random_mini_batches(X, Y, mini_batch_size=3):
    ...     print(mini_batch_X[0], mini_batch_Y)
    [2. 0. 1.] [[0 0 1]]
    [3. 4.] [[1 0]]
    """
    X, Y = anything("X", X), anything("Y", Y)
    Y = Y.reshape(1, -1) if Y.ndim == 1 else Y
    for name, array in (("X", X), ("Y", Y)):
        if array.ndim != 2:
            raise ValueError(f"{name} has shape {array.shape}, but must have two dimensions")
    m = X.shape[1]
    if Y.shape[1] != m:
        raise ValueError(f"X has {counted(m, 'column')}, but Y has {Y.shape[1]}")
    size = whole("mini_batch_size", mini_batch_size, 1)
    order = seeded(seed).permutation(m)
    shuffled_X, shuffled_Y = X[:, order], Y[:, order]
    return [(shuffled_X[:, i : i + size], shuffled_Y[:, i : i + size]) for i in range(0, m, size)]


def update_lr(learning_rate0: Real, epoch_num: Whole, decay_rate: Real) -> Any:
    """Rate of an epoch: learning_rate0 / (1 + decay_rate * epoch_num).

    Parameters
    ----------
    learning_rate0 : float
        The first rate.
    epoch_num : int
        0 or more.
    decay_rate : float
        0 or more.

    Returns
    -------
    learning_rate : float

    Raises
    ------
    ValueError
        For example ``decay_rate is -1, but must be 0 or more``.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 2, since 2021.

    Examples
    --------
    >>> update_lr(0.5, epoch_num=4, decay_rate=1)
    0.1
    """
    rate, decay = real("learning_rate0", learning_rate0), real("decay_rate", decay_rate, low=0)
    return rate / (1 + decay * real("epoch_num", epoch_num, low=0))


def schedule_lr_decay(
    learning_rate0: Real, epoch_num: Whole, decay_rate: Real, time_interval: Whole = 1000
) -> Any:
    """Rate of an epoch, in steps: learning_rate0 / (1 + decay_rate * floor(epoch_num / time_interval)).

    Parameters
    ----------
    learning_rate0 : float
        The first rate.
    epoch_num : int
        0 or more.
    decay_rate : float
        0 or more.
    time_interval : int
        Number of epochs with the same rate.

    Returns
    -------
    learning_rate : float

    Raises
    ------
    ValueError
        For example ``time_interval is 0, but must be more than 0``.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 2, since 2021.

    Examples
    --------
    >>> [schedule_lr_decay(0.5, epoch, decay_rate=1, time_interval=100) for epoch in (0, 99, 100)]
    [0.5, 0.5, 0.25]
    """
    interval = real("time_interval", time_interval, above=0)
    passed = math.floor(real("epoch_num", epoch_num, low=0) / interval)
    return update_lr(learning_rate0, passed, decay_rate)


# --- training -----------------------------------------------------------------------------------------------

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
        Labels, usually in [0, 1]; for one output unit also (m,) or (m, 1).
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
        5000 by default, 10000 in versions before 2021.
    print_cost : bool
        Print the cost every 1000 epochs, and the learning rate if it decays.
    decay : callable, optional
        ``decay(learning_rate, i, decay_rate)``, with the initial rate, is the rate after epoch i: `update_lr`
        or `schedule_lr_decay`. Called for all epochs before training starts.
    decay_rate : float
    version : {"2021", "2020", "2018", "2017"}
        2018 and earlier show the cost of an epoch's last mini-batch, later ones the mean of the epoch; 2017
        adds Adam's epsilon inside the root.
    callback : callable, optional
        Called after every epoch as ``callback(epoch, cost)``, with the cost of every 100th epoch, else None.
        The course plots the costs; this function does not.

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
    The batches of epoch i are those of ``random_mini_batches(X, Y, mini_batch_size, seed=11 + i)``. All
    versions reproduce the published costs on the moons.
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
    run = _Run(
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
    return _train(X, Y, dims, initialize_parameters(dims, dtype=X.dtype), run)


@dataclass(frozen=True, slots=True)
class _Run:
    """The settings of `model`."""

    optimizer: str
    learning_rate: float
    mini_batch_size: int
    beta: float
    beta1: float
    beta2: float
    epsilon: float
    epochs: int
    print_cost: bool
    decay: Callable[[float, int, Any], Any] | None
    decay_rate: Any
    version: Version
    callback: Callback | None


def _train(X: Array, Y: Array, dims: tuple[int, ...], parameters: Parameters, run: _Run) -> Parameters:
    """Train, print and call back; return the trained parameters.

    All parameters lie in one vector, and so do their gradients, so that an update takes a few operations on
    the whole vector instead of a few for each W and b.
    """
    theta, _ = dictionary_to_vector(parameters)
    parameters = vector_to_dictionary(theta, layer_dims=dims)  # views of theta
    g, v, s = np.zeros_like(theta), np.zeros_like(theta), np.zeros_like(theta)
    slopes = {f"d{key}": part for key, part in vector_to_dictionary(g, layer_dims=dims).items()}
    out: dict[int, Parameters] = {}  # for each batch size: views of g, and arrays for dA
    rate, t, decayed = run.learning_rate, 0, _decayed(run, X.dtype)
    for epoch in range(run.epochs):
        costs: list[tuple[int, Any]] | None = [] if epoch % 100 == 0 else None
        for x, y in random_mini_batches(X, Y, run.mini_batch_size, 11 + epoch):
            AL, caches = L_model_forward(x, parameters)
            m = x.shape[1]
            if costs is not None:
                costs.append((m, cross_entropy("a3", AL, y)))
            if m not in out:
                out[m] = slopes | {f"dA{i}": np.empty((dims[i], m), X.dtype) for i in range(1, len(dims) - 1)}
            L_model_backward(AL, y, caches, compute_dA0=False, out=out[m])
            t += 1
            direction = g
            if run.optimizer == "momentum":
                direction = v = moving_average(v, g, run.beta)
            elif run.optimizer == "adam":
                settings = (run.beta1, run.beta2, run.epsilon)
                direction, v, s, _, _ = adam_step(g, v, s, t, *settings, version=run.version)
            with np.errstate(all="ignore"):
                theta -= rate * direction
        cost = None if costs is None else _epoch_cost(costs, run.version)
        if decayed:
            rate = decayed[epoch]
        if run.print_cost and epoch % 1000 == 0:
            print(f"Cost after epoch {epoch}: {cost:f}")
            if run.decay is not None:
                print(f"learning rate after epoch {epoch}: {rate:f}")
        if run.callback is not None:
            run.callback(epoch, cost)
    return {key: p.copy() for key, p in parameters.items()}


def _decayed(run: _Run, dtype: Any) -> list[float]:
    """Return the rate after each epoch, all checked before training, so that no epochs are lost."""
    if run.decay is None:
        return []
    return [
        real(
            "decay",
            run.decay(run.learning_rate, epoch, run.decay_rate),
            low=0,
            dtype=dtype,
            said=f"gave {{}} for epoch {epoch}",
        )
        for epoch in range(run.epochs)
    ]


def _epoch_cost(costs: list[tuple[int, Any]], version: Version) -> Any:
    """Return the mean over an epoch's examples or, as the older notebook, the cost of its last mini-batch."""
    if version.cost_is_a_mean:
        return costs[-1][1]
    return sum(m * mean for m, mean in costs) / sum(m for m, _ in costs)
