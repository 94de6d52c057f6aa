"""What the updates of week 2 share: the step along a direction, and the check of their dicts.

The layers need not chain, as they must for :func:`deepnet.update_parameters`: the course's own tests have
arrays that do not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from deepnet._validation.arrays import a, matrix, one_dtype, shaped
from deepnet._validation.structures import listed
from deepnet.activations import Array
from deepnet.caches import Parameters, Real

from . import _network


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
    arrays = {key: parameters[key] for key in keys}
    arrays |= {f"{name}: d{key}": other[f"d{key}"] for name, other in others.items() for key in keys}
    if not _all_plain(arrays, keys):
        checked = {key: matrix(key, parameters[key]) for key in keys}
        for label, array in arrays.items():
            if ": d" in label:
                key = label.split(": d")[1]
                checked[label] = shaped(label, array, checked[key].shape, f"the shape of {key}")
        one_dtype(checked)


def _all_plain(arrays: dict[str, Array], keys: list[str]) -> bool:
    """What most calls are, seen fast: matrices of floats, of one dtype, every dict in the same shapes."""
    first = arrays[keys[0]]
    values = list(arrays.values())
    shapes = [getattr(value, "shape", None) for value in values]
    return (
        all(type(value) is np.ndarray and value.ndim == 2 for value in values)
        and first.dtype in (np.float32, np.float64)
        and all(value.dtype == first.dtype for value in values)
        and shapes == shapes[: len(keys)] * (len(values) // len(keys))
    )
