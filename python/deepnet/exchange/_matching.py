"""Which of deepnet's activations a function is: both are evaluated and compared.

Other programs write the same activation in many forms, as one operator or as several, with settings of their
own. Their values tell more than their names.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from deepnet._names import nearest
from deepnet.activations import ACTIVATIONS, Array

# Multiples of 1/8, exact in every type, with the places where formulas change: 0 and -3 and 3.
GRID = np.arange(-160, 161) / 8
# The constants of a graph are float32, with errors of 2^-24 of their values, and a form has up to 64
# roundings.
TOLERANCE = 64 * 2.0**-24


def difference(values: Array, expected: Array) -> float:
    """Return the largest difference, in units of the expected value or of 1, whichever is larger."""
    return float(np.max(np.abs(values - expected) / np.maximum(1, np.abs(expected))))


def matching(function: Callable[[Array], Array]) -> str | None:
    """Return the name of the activation that an elementwise function is, if it is one."""
    values = _values(function)
    if values is not None:
        for entry in _ELEMENTWISE:
            if difference(values, entry.forward(GRID)) <= TOLERANCE:
                return entry.name
    return None


def no_match(function: Callable[[Array], Array], name: str) -> str:
    """Say that no activation is this function of another library, and which one may have been meant."""
    message, values = "computes none of deepnet's activations", _values(function)
    known = {entry.name: entry for entry in _ELEMENTWISE}
    meant = nearest(name, known, cutoff=0.75, short=False)
    if meant is None and values is not None:
        inner = np.abs(GRID) <= 4
        differences = {
            name: np.abs(values - entry.forward(GRID))[inner].max() for name, entry in known.items()
        }
        closest = min(differences, key=differences.__getitem__)
        meant = closest if differences[closest] < 0.05 else None
    if meant is None:
        return f"{message}: {', '.join(ACTIVATIONS)}"
    return f"{message}; its {meant} is {known[meant].formula.partition(';')[0]}"


_ELEMENTWISE = [entry for entry in ACTIVATIONS.values() if not entry.whole_columns]


def _values(function: Callable[[Array], Array]) -> Array | None:
    with np.errstate(all="ignore"):
        values = np.asarray(function(GRID), np.float64)
    return values if values.shape == GRID.shape and np.isfinite(values).all() else None
