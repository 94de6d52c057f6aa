"""The rows that several fits have in common, and what those make of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from deepnet.activations import Array
from deepnet.network import History, Network


class Data:
    """X as the engine reads it, with y and the weights of all rows: one copy for any number of fits.

    `reader` is the estimator that has read it, and knows the names and the number of its columns; `threads`,
    if not the estimator's own, how many networks are trained at once; `rng` the random numbers of the fit, if
    they are not those of the estimator, and `ranks` the number of processes that divide its networks.
    """

    def __init__(self, X: Any, y: Any, weights: Array | None, reader: Any = None) -> None:
        self.X, self.y, self.weights, self.reader = X, y, weights, reader
        self.threads: int | None = None
        self.rng: Any = None
        self.ranks = 1
        self._made: dict[Hashable, Any] = {}

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return ``make()`` of the first call with this key."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]


class Targets(NamedTuple):
    """The targets of some rows: as the engine takes them, (n_L, m), and as a scorer does."""

    Y: Array
    y: Any


class Validation:
    """The rows to validate with: all of a table, or some.

    As a callback it frees their copy when training ends: of many networks, few are trained at a time.
    """

    def __init__(
        self, table: Any, targets: Targets, weights: Array | None, rows: Array | None = None
    ) -> None:
        self._table, self._rows = table, rows
        self.targets = Targets(columns(targets.Y, rows), taken(targets.y, rows))
        self.weights = taken(weights, rows)

    @cached_property
    def X(self) -> Any:
        """The inputs of these rows."""
        return taken(self._table, self._rows)

    def __call__(self, net: Network, history: History) -> None:
        """Do nothing after an epoch."""

    def finish(self, net: Network) -> None:
        """Free the copy of the rows."""
        vars(self).pop("X", None)


def taken(array: Any, rows: Array | None) -> Any:
    """Return these rows, or all for None; None for None."""
    return array if rows is None or array is None else array[rows]


def columns(Y: Array, rows: Array | None) -> Array:
    """Return the columns for these rows, or all for None."""
    return Y if rows is None else Y[:, rows]


def spread(values: Array, rows: Array | None, count: int) -> Array:
    """Return an array of `count` entries with these values at these rows, and zeros elsewhere."""
    if rows is None:
        return values
    full = np.zeros(count, values.dtype)
    full[rows] = values
    return full
