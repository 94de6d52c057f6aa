"""The updates of week 2: gradient descent, momentum and Adam, each a step of `update_parameters`.

Momentum descends along v instead of the gradient, Adam along v_corrected / (sqrt(s_corrected) + epsilon).
As in the course the entries of the dicts that are given are replaced, by new arrays, and the same dicts are
returned.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from deepnet._numbers import real, whole
from deepnet.caches import Parameters, Real, Whole

from ._steps import adam_step, check_updates, keys_of, moving_average, step_along
from ._versions import find_version


def update_parameters_with_gd(parameters: Parameters, grads: Parameters, learning_rate: Real) -> Parameters:
    """One step of gradient descent: W_l - learning_rate dW_l, b_l likewise.

    Parameters
    ----------
    parameters : dict of ndarray
        ``W1..WL`` and ``b1..bL``. Its entries are replaced by new arrays; the old ones are not written to.
    grads : dict of ndarray
        ``dW1..dWL`` and ``db1..dbL``; other entries are not looked at.
    learning_rate : float

    Returns
    -------
    parameters : dict of ndarray
        The dict that was given.

    Raises
    ------
    ValueError
        If an entry is missing or of the wrong shape, for example ``grads lacks 'db2'``.
    TypeError
        If arrays mix float32 and float64, or are of another dtype.

    Notes
    -----
    Week 1's `update_parameters`, in `init_utils` and `reg_utils`, is this function. Layers need not chain.
    :func:`deepnet.update_parameters` returns a new dict instead, as the course's first half does since 2021.

    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, weeks 1 and 2.

    Examples
    --------
    >>> parameters = {"W1": np.array([[1.0, 2.0]]), "b1": np.array([[0.0]])}
    >>> grads = {"dW1": np.array([[0.5, 0.5]]), "db1": np.array([[1.0]])}
    >>> update_parameters_with_gd(parameters, grads, 0.1)
    {'W1': array([[0.95, 1.95]]), 'b1': array([[-0.1]])}
    """
    check_updates(parameters, grads=grads)
    return step_along(parameters, grads, learning_rate)


def initialize_velocity(parameters: Parameters) -> Parameters:
    """Zeros in the shapes of the gradients, for `update_parameters_with_momentum`.

    Parameters
    ----------
    parameters : dict of ndarray
        ``W1..WL`` and ``b1..bL``.

    Returns
    -------
    v : dict of ndarray
        ``dW1``, ``db1``, ..., ``dWL``, ``dbL``.

    Raises
    ------
    ValueError
        If an entry is missing, for example ``parameters lacks 'b2'``.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 2.

    Examples
    --------
    >>> initialize_velocity({"W1": np.array([[1.0, 2.0]]), "b1": np.array([[3.0]])})
    {'dW1': array([[0., 0.]]), 'db1': array([[0.]])}
    """
    check_updates(parameters)
    return {f"d{key}": np.zeros_like(parameters[key]) for key in keys_of(parameters)}


def update_parameters_with_momentum(
    parameters: Parameters, grads: Parameters, v: Parameters, beta: Real, learning_rate: Real
) -> tuple[Parameters, Parameters]:
    """One step along the moving average of the gradients.

    Parameters
    ----------
    parameters, grads : dict of ndarray
        As in `update_parameters_with_gd`.
    v : dict of ndarray
        From `initialize_velocity` or the step before; its entries are replaced.
    beta : float
        How much of the average remains: from 0, gradient descent, to below 1. It comes before the rate.
    learning_rate : float

    Returns
    -------
    parameters, v : dict of ndarray
        The dicts that were given.

    Raises
    ------
    ValueError
        If an entry is missing or of the wrong shape, or for example ``beta is 1, but must be from 0 to
        less than 1``.
    TypeError
        If arrays mix float32 and float64, or are of another dtype.

    Notes
    -----
    v = beta v + (1 - beta) dW; W = W - learning_rate v.
    Source: B. Polyak, *Some methods of speeding up the convergence of iteration methods*, 1964; A. Ng,
    deeplearning.ai, *Improving Deep Neural Networks*, week 2, for this form.

    Examples
    --------
    >>> parameters = {"W1": np.array([[1.0]]), "b1": np.array([[0.0]])}
    >>> grads, v = {"dW1": np.array([[2.0]]), "db1": np.array([[0.0]])}, initialize_velocity(parameters)
    >>> parameters, v = update_parameters_with_momentum(parameters, grads, v, beta=0.5, learning_rate=0.1)
    >>> v["dW1"], parameters["W1"]
    (array([[1.]]), array([[0.9]]))
    """
    beta = real("beta", beta, low=0, below=1)
    check_updates(parameters, grads=grads, v=v)
    keys = [f"d{key}" for key in keys_of(parameters)]
    average = {key: moving_average(v[key], grads[key], beta) for key in keys}
    step_along(parameters, average, learning_rate)
    v.update(average)
    return parameters, v


def initialize_adam(parameters: Parameters) -> tuple[Parameters, Parameters]:
    """Zeros in the shapes of the gradients, twice, for `update_parameters_with_adam`.

    Parameters
    ----------
    parameters : dict of ndarray
        ``W1..WL`` and ``b1..bL``.

    Returns
    -------
    v, s : dict of ndarray
        ``dW1``, ``db1``, ..., ``dWL``, ``dbL`` each.

    Raises
    ------
    ValueError
        If an entry is missing, for example ``parameters lacks 'b2'``.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 2.

    Examples
    --------
    >>> v, s = initialize_adam({"W1": np.array([[1.0, 2.0]]), "b1": np.array([[3.0]])})
    >>> s
    {'dW1': array([[0., 0.]]), 'db1': array([[0.]])}
    """
    return initialize_velocity(parameters), initialize_velocity(parameters)


def update_parameters_with_adam(
    parameters: Parameters,
    grads: Parameters,
    v: Parameters,
    s: Parameters,
    t: Whole,
    learning_rate: Real = 0.01,
    beta1: Real = 0.9,
    beta2: Real = 0.999,
    epsilon: Real = 1e-8,
    *,
    version: str = "2021",
) -> Any:
    """One step of Adam.

    Parameters
    ----------
    parameters, grads : dict of ndarray
        As in `update_parameters_with_gd`.
    v, s : dict of ndarray
        From `initialize_adam` or the step before; their entries are replaced.
    t : int
        The number of this step, from 1; in the course mini-batches are counted.
    learning_rate : float
    beta1, beta2 : float
        How much of the averages of the gradients and of their squares remains: 0 or more and below 1.
    epsilon : float
        0 or more.
    version : {"2021", "2020", "2018", "2017"}
        2020 and before return three values; 2017 adds epsilon inside the root.

    Returns
    -------
    parameters, v, s : dict of ndarray
        The dicts that were given.
    v_corrected, s_corrected : dict of ndarray
        New dicts; since 2021.

    Raises
    ------
    ValueError
        If an entry is missing or of the wrong shape, or for example ``t is 0, but must be 1 or more``.
    TypeError
        If arrays mix float32 and float64, or are of another dtype.

    Notes
    -----
    v = beta1 v + (1 - beta1) dW; s = beta2 s + (1 - beta2) dW^2; v_corrected = v / (1 - beta1^t),
    s_corrected = s / (1 - beta2^t); W = W - learning_rate v_corrected / (sqrt(s_corrected) + epsilon).
    Version 2017: learning_rate v_corrected / sqrt(s_corrected + epsilon).

    Source: D. Kingma and J. Ba, *Adam*, ICLR 2015; A. Ng, deeplearning.ai, *Improving Deep Neural Networks*,
    week 2.

    Examples
    --------
    >>> parameters = {"W1": np.array([[1.0]]), "b1": np.array([[0.0]])}
    >>> grads, (v, s) = {"dW1": np.array([[2.0]]), "db1": np.array([[3.0]])}, initialize_adam(parameters)
    >>> parameters, v, s, v_corrected, s_corrected = update_parameters_with_adam(parameters, grads, v, s, t=1)
    >>> parameters["W1"], v_corrected["dW1"], s_corrected["dW1"]
    (array([[0.99]]), array([[2.]]), array([[4.]]))
    >>> parameters, v, s = update_parameters_with_adam(parameters, grads, v, s, t=2, version="2018")
    """
    chosen, t = find_version(version), whole("t", t, 1)
    beta1 = real("beta1", beta1, low=0, below=1)
    beta2 = real("beta2", beta2, low=0, below=1)
    epsilon = real("epsilon", epsilon, low=0)
    check_updates(parameters, grads=grads, v=v, s=s)
    keys = [f"d{key}" for key in keys_of(parameters)]
    steps = {
        key: adam_step(grads[key], v[key], s[key], t, beta1, beta2, epsilon, version=chosen) for key in keys
    }
    direction, mean, square, mean_corrected, square_corrected = (
        {key: step[i] for key, step in steps.items()} for i in range(5)
    )
    step_along(parameters, direction, learning_rate)
    v.update(mean)
    s.update(square)
    if chosen.adam_returns == 3:
        return parameters, v, s
    return parameters, v, s, mean_corrected, square_corrected
