"""Mini-batches in the course's order, and the rates that fall from epoch to epoch."""

from __future__ import annotations

import math
from typing import Any

from deepnet._numbers import real, whole
from deepnet._validation.arrays import anything, counted
from deepnet.activations import Array
from deepnet.caches import Real, Whole

from ._random import seeded


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
        Of `mini_batch_size` columns each; the last one has what is left over.

    Raises
    ------
    ValueError
        If X and Y differ in their examples, for example ``X has 6 columns, but Y has 5``.
    TypeError
        If one is no array.

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
        Epochs with one rate.

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
