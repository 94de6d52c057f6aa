"""What the updates of week 2 are made of: averages, the step along a direction, the check of their dicts.

The layers need not chain, as they must for :func:`deepnet.update_parameters`: the course's own tests have
arrays that do not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from deepnet._validation.arrays import FLOATS, a, matrix, one_dtype, shaped
from deepnet._validation.structures import listed
from deepnet.activations import Array
from deepnet.caches import Parameters, Real

from . import _network
from ._versions import Version


def keys_of(parameters: Parameters) -> list[str]:
    """W1, b1, ..., WL, bL."""
    return [f"{kind}{layer}" for layer in range(1, len(parameters) // 2 + 1) for kind in "Wb"]


def step_along(parameters: Parameters, directions: Parameters, learning_rate: Real) -> Parameters:
    """Gradient descent along `directions`, a layer at a time, so that layers need not chain."""
    updated: Parameters = {}
    for layer in range(1, len(parameters) // 2 + 1):
        one = {f"{kind}1": parameters[f"{kind}{layer}"] for kind in "Wb"}
        along = {f"d{kind}1": directions[f"d{kind}{layer}"] for kind in "Wb"}
        new = _network.update_parameters(one, along, learning_rate)
        updated |= {f"{kind}{layer}": new[f"{kind}1"] for kind in "Wb"}
    parameters.update(updated)
    return parameters


def moving_average(v: Array, new: Array, beta: float) -> Array:
    """Beta v + (1 - beta) new, silently where it overflows: inf and nan speak for themselves."""
    with np.errstate(all="ignore"):
        average: Array = beta * v + (1 - beta) * new
    return average


def adam_step(
    g: Array, v: Array, s: Array, t: int, beta1: float, beta2: float, epsilon: float, *, version: Version
) -> tuple[Array, Array, Array, Array, Array]:
    """The direction of one array's step, its new v and s, and both corrected."""
    with np.errstate(all="ignore"):
        v, s = moving_average(v, g, beta1), moving_average(s, g * g, beta2)
        v_corrected, s_corrected = v / (1 - beta1**t), s / (1 - beta2**t)
        if version.epsilon_in_the_root:
            direction = v_corrected / np.sqrt(s_corrected + epsilon)
        else:
            direction = v_corrected / (np.sqrt(s_corrected) + epsilon)
    return direction, v, s, v_corrected, s_corrected


def check_updates(parameters: Any, **others: Any) -> None:
    """Every dict has an array for each of W1, b1, ..., WL, bL, in the same shape and dtype."""
    if not isinstance(parameters, dict):
        raise TypeError(f"parameters is {a(parameters)}, but must be a dict with W1, b1, ..., WL, bL")
    keys = keys_of(parameters) or ["W1", "b1"]
    missing = [key for key in keys if key not in parameters]
    if missing or len(parameters) != len(keys):
        extra = [key for key in parameters if key not in keys]
        faults = [f"lacks {listed(missing)}"] if missing else []
        faults += [f"has {listed(extra)}, which no layer uses"] if extra else []
        raise ValueError(f"parameters {' and '.join(faults)}: it must hold W1, b1, ..., WL, bL exactly")
    for name, other in others.items():
        if not isinstance(other, dict):
            raise TypeError(f"{name} is {a(other)}, but must be a dict with dW1, db1, ..., dWL, dbL")
        absent = [f"d{key}" for key in keys if f"d{key}" not in other]
        if absent:
            raise ValueError(f"{name} lacks {listed(absent)}")
    if not _all_plain(parameters, list(others.values()), keys):
        checked = {key: matrix(key, parameters[key]) for key in keys}
        for name, other in others.items():
            for key in keys:
                label, why = f"{name}: d{key}", f"the shape of {key}"
                checked[label] = shaped(label, other[f"d{key}"], checked[key].shape, why)
        one_dtype(checked)


def _all_plain(parameters: Parameters, others: list[Parameters], keys: list[str]) -> bool:
    """What most calls are, seen fast: matrices of floats, of one dtype, every dict in the same shapes."""
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
