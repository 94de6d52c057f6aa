"""Numbers that a learner sets: regularisation, dropout, the averages of the optimizers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def real(
    name: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    above_low: bool = False,
    below_high: bool = False,
) -> float:
    """Accept finite numbers of Python or NumPy from `low` to `high`, with or without these ends."""
    number = value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value
    if not isinstance(number, (int, float, np.integer, np.floating)) or isinstance(number, bool):
        raise TypeError(f"{name} is {value!r}, but must be a number")
    inside = (low < number if above_low else low <= number) and (
        number < high if below_high else number <= high
    )
    if not (inside and math.isfinite(number)):
        ends = [f"{'above ' if above_low else ''}{low:g}{'' if above_low else ' or more'}"] * math.isfinite(
            low
        )
        ends += [
            f"{'below ' if below_high else ''}{high:g}{'' if below_high else ' or less'}"
        ] * math.isfinite(high)
        raise ValueError(f"{name} is {number}, but must be {' and '.join(ends) or 'finite'}")
    return float(number)
