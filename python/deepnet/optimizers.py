"""How gradients become updates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class SGD:
    """Stochastic gradient descent: after each batch, ``W -= learning_rate * dW`` and b likewise.

    Parameters
    ----------
    learning_rate : float
        Finite, 0 or more.

    Raises
    ------
    ValueError
        For example ``learning_rate is -1, but must be 0 or more``.
    TypeError
        If it is no number.

    Notes
    -----
    Source: H. Robbins and S. Monro, *A stochastic approximation method*, Annals of Mathematical Statistics,
    1951.

    Examples
    --------
    >>> deepnet.SGD(0.1)
    SGD(learning_rate=0.1)
    """

    learning_rate: float = 0.01

    def __post_init__(self) -> None:
        rate = learning_rate(self.learning_rate)
        if rate < 0:
            raise ValueError(f"learning_rate is {self.learning_rate}, but must be 0 or more")
        object.__setattr__(self, "learning_rate", rate)


def learning_rate(value: Any, dtype: Any = np.float64) -> float:
    """Accept finite real numbers, of Python or NumPy, which dtype has room for; negative ones climb."""
    number = value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value
    if not isinstance(number, (int, float, np.integer, np.floating)) or isinstance(number, bool):
        raise TypeError(f"learning_rate is {value!r}, but must be a number")
    if isinstance(number, (float, np.floating)) and not np.isfinite(number):
        raise ValueError(f"learning_rate is {number}, but must be finite")
    try:
        rate = float(number)  # inf where a longdouble is too large
    except OverflowError:  # an int too large
        rate = math.inf
    largest = float(np.finfo(dtype).max)
    if abs(rate) > largest:
        name = np.dtype(dtype).name
        raise ValueError(f"learning_rate is beyond the range of {name}, which ends at {largest:.3g}")
    return rate
