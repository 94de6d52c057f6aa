"""The updates of week 2: gradient descent, momentum and Adam, each a step of `update_parameters`.

Momentum descends along v instead of the gradient, Adam along v_corrected / (sqrt(s_corrected) + epsilon).
As in the course, the functions replace the entries of the dicts passed in by new arrays, and return these
dicts. Layers need not chain, as they must for :func:`deepnet.update_parameters`: the arrays in the course's
own tests do not.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

import numpy as np

from deepnet._numbers import real, whole
from deepnet._validation.arrays import FLOATS, a, matrix, one_dtype, shaped
from deepnet._validation.structures import listed
from deepnet.activations import Array
from deepnet.caches import Parameters, Real, Whole
from deepnet.course.step_by_step import update_parameters

from .versions import Version, find_version


def update_parameters_with_gd(parameters: Parameters, grads: Parameters, learning_rate: Real) -> Parameters:
    """One step of gradient descent: W_l - learning_rate dW_l, b_l likewise.

    Parameters
    ----------
    parameters : dict of ndarray
        ``W1..WL`` and ``b1..bL``. Its entries are replaced by new arrays.
    grads : dict of ndarray
        ``dW1..dWL`` and ``db1..dbL``; other entries are ignored.
    learning_rate : float

    Returns
    -------
    parameters : dict of ndarray
        The dict passed in.

    Raises
    ------
    ValueError
        If an entry is missing or of the wrong shape, for example ``grads lacks 'db2'``.
    TypeError
        If arrays mix float32 and float64, or have another dtype.

    Notes
    -----
    The `update_parameters` of `init_utils` and `reg_utils` is this function. Layers need not chain.
    :func:`deepnet.update_parameters` returns a new dict instead, as the first course does since 2021.

    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, weeks 1 and 2.

    Examples
    --------
    >>> parameters = {"W1": np.array([[1.0, 2.0]]), "b1": np.array([[0.0]])}
    >>> grads = {"dW1": np.array([[0.5, 0.5]]), "db1": np.array([[1.0]])}
    >>> update_parameters_with_gd(parameters, grads, 0.1)
    {'W1': array([[0.95, 1.95]]), 'b1': array([[-0.1]])}
    """
    _check_updates(parameters, grads=grads)
    return _step_along(parameters, grads, learning_rate)


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
    _check_updates(parameters)
    return {f"d{key}": np.zeros_like(parameters[key]) for key in _keys_of(parameters)}


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
        Weight of the previous average, in [0, 1); 0 is gradient descent. It comes before the rate.
    learning_rate : float

    Returns
    -------
    parameters, v : dict of ndarray
        The dicts passed in.

    Raises
    ------
    ValueError
        If an entry is missing or of the wrong shape, or for example ``beta is 1, but must be from 0 to
        less than 1``.
    TypeError
        If arrays mix float32 and float64, or have another dtype.

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
    _check_updates(parameters, grads=grads, v=v)
    keys = [f"d{key}" for key in _keys_of(parameters)]
    average = {key: moving_average(v[key], grads[key], beta) for key in keys}
    _step_along(parameters, average, learning_rate)
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
        The number of this step, from 1; the course counts mini-batches.
    learning_rate : float
    beta1, beta2 : float
        Weights of the previous averages of the gradients and of their squares, in [0, 1).
    epsilon : float
        0 or more.
    version : {"2021", "2020", "2018", "2017"}
        2020 and earlier return three values; 2017 adds epsilon inside the root.

    Returns
    -------
    parameters, v, s : dict of ndarray
        The dicts passed in.
    v_corrected, s_corrected : dict of ndarray
        New dicts; since 2021.

    Raises
    ------
    ValueError
        If an entry is missing or of the wrong shape, or for example ``t is 0, but must be 1 or more``.
    TypeError
        If arrays mix float32 and float64, or have another dtype.

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
    _check_updates(parameters, grads=grads, v=v, s=s)
    keys = [f"d{key}" for key in _keys_of(parameters)]
    steps = {
        key: adam_step(grads[key], v[key], s[key], t, beta1, beta2, epsilon, version=chosen) for key in keys
    }
    direction, mean, square, mean_corrected, square_corrected = (
        {key: step[i] for key, step in steps.items()} for i in range(5)
    )
    _step_along(parameters, direction, learning_rate)
    v.update(mean)
    s.update(square)
    if chosen.adam_returns == 3:
        return parameters, v, s
    return parameters, v, s, mean_corrected, square_corrected


# --- one step, and its checks -------------------------------------------------------------------------------


def _keys_of(parameters: Mapping[str, Array]) -> list[str]:
    """Return the keys W1, b1, ..., WL, bL."""
    return [f"{kind}{layer}" for layer in range(1, len(parameters) // 2 + 1) for kind in "Wb"]


def _step_along(parameters: Parameters, directions: Parameters, learning_rate: Real) -> Parameters:
    """Update in the given directions, one layer at a time, so that layers need not chain."""
    updated: Parameters = {}
    for layer in range(1, len(parameters) // 2 + 1):
        one = {f"{kind}1": parameters[f"{kind}{layer}"] for kind in "Wb"}
        along = {f"d{kind}1": directions[f"d{kind}{layer}"] for kind in "Wb"}
        new = update_parameters(one, along, learning_rate)
        updated |= {f"{kind}{layer}": new[f"{kind}1"] for kind in "Wb"}
    parameters.update(updated)
    return parameters


def moving_average(v: Array, new: Array, beta: float) -> Array:
    """Return beta v + (1 - beta) new, without warnings where it overflows."""
    with np.errstate(all="ignore"):
        average: Array = beta * v + (1 - beta) * new
    return average


def adam_step(
    g: Array, v: Array, s: Array, t: int, beta1: float, beta2: float, epsilon: float, *, version: Version
) -> tuple[Array, Array, Array, Array, Array]:
    """Return the direction of one array's step, its new v and s, and both corrected."""
    with np.errstate(all="ignore"):
        v, s = moving_average(v, g, beta1), moving_average(s, g * g, beta2)
        v_corrected, s_corrected = v / (1 - beta1**t), s / (1 - beta2**t)
        if version.epsilon_in_the_root:
            direction = v_corrected / np.sqrt(s_corrected + epsilon)
        else:
            direction = v_corrected / (np.sqrt(s_corrected) + epsilon)
    return direction, v, s, v_corrected, s_corrected


def _check_updates(parameters: Any, **others: Any) -> None:
    """Check that every dict has an array for each of W1, b1, ..., WL, bL, of equal shape and dtype."""
    if not isinstance(parameters, MutableMapping):
        raise TypeError(f"parameters is {a(parameters)}, but must be a dict with W1, b1, ..., WL, bL")
    keys = _keys_of(parameters) or ["W1", "b1"]
    missing = [key for key in keys if key not in parameters]
    if missing or len(parameters) != len(keys):
        extra = [key for key in parameters if key not in keys]
        faults = [f"lacks {listed(missing)}"] if missing else []
        faults += [f"has {listed(extra)}, which no layer uses"] if extra else []
        raise ValueError(f"parameters {' and '.join(faults)}: it must hold W1, b1, ..., WL, bL exactly")
    for name, other in others.items():
        if not isinstance(other, Mapping):
            raise TypeError(f"{name} is {a(other)}, but must be a dict with dW1, db1, ..., dWL, dbL")
        absent = [f"d{key}" for key in keys if f"d{key}" not in other]
        if absent:
            raise ValueError(f"{name} lacks {listed(absent)}")
    if not _all_match(parameters, list(others.values()), keys):
        checked = {key: matrix(key, parameters[key]) for key in keys}
        for name, other in others.items():
            for key in keys:
                label, why = f"{name}: d{key}", f"the shape of {key}"
                checked[label] = shaped(label, other[f"d{key}"], checked[key].shape, why)
        one_dtype(checked)


def _all_match(parameters: Mapping[str, Array], others: list[Mapping[str, Array]], keys: list[str]) -> bool:
    """Whether all are matrices of one floating-point dtype with the same shapes: the fast check."""
    dtype = getattr(parameters[keys[0]], "dtype", None)
    if dtype not in FLOATS:
        return False
    for key in keys:
        p = parameters[key]
        if type(p) is not np.ndarray or p.ndim != 2 or p.dtype != dtype or not p.size:
            return False
        for other in others:
            array = other[f"d{key}"]
            if type(array) is not np.ndarray or array.shape != p.shape or array.dtype != dtype:
                return False
    return True
