"""The callback that keeps the best epoch of a network for a table."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property

import numpy as np

from deepnet._arguments import advised
from deepnet.activations import Array
from deepnet.network import History, Network
from deepnet.network.training import Examples

from ._time_shares import TimeShares


class BestEpoch:
    """A callback that validates after each epoch and remembers the parameters of the last best one."""

    of_all_ranks = True  # where several processes train

    @advised
    def __init__(
        self,
        error: Callable[[Array, Array, Array | None], float],
        examples: Examples,
        held_out: Array,
        patience: int | None,
        shares: TimeShares,
    ) -> None:
        self._error, self._shares, self._until = error, shares, np.nan
        self._patience = np.inf if patience is None else patience
        X, Y, weights = examples[:3]
        self._table, self._held_out = X.T, held_out
        self._Y, self._weights = Y[:, held_out], None if weights is None else weights[held_out]
        self.parameters: list[Array] | None = None
        self.epoch, self.errors = 0, list[float]()

    def __call__(self, net: Network, history: History) -> bool:
        now = time.monotonic()
        if history.epochs == 1:
            self._until = self._shares.until(now - history.seconds[0])
        if not len(self._held_out):
            self.epoch = history.epochs
            return now > self._until
        error = self._error(net.predict(self._rows.T, threads=1), self._Y, self._weights)
        if np.isfinite(error) and (not self.epoch or error <= self.errors[self.epoch - 1]):
            if self.parameters is None:
                self.parameters = [np.empty_like(p) for p in net.parameters.values()]
            for copied, p in zip(self.parameters, net.parameters.values(), strict=True):
                copied[...] = p
            self.epoch = history.epochs
        self.errors.append(error)
        history.validation_metrics.setdefault("error", []).append(error)
        return now > self._until or history.epochs - self.epoch >= self._patience

    @cached_property
    def _rows(self) -> Array:
        return np.ascontiguousarray(self._table[self._held_out])

    def get_state(self, net: Network) -> tuple[list[Array] | None, int, list[float]]:
        """Return what it remembers."""
        return self.parameters, self.epoch, self.errors

    def set_state(self, net: Network, state: tuple[list[Array] | None, int, list[float]]) -> None:
        """Take what `get_state` returned."""
        self.parameters, self.epoch, self.errors = state

    def finish(self, net: Network) -> None:
        """Free the copy of the rows held out: of many networks, few are trained at a time."""
        vars(self).pop("_rows", None)

    def outputs(self, net: Network) -> Array | None:
        """Return what the network with its best parameters says about the rows held out, if it has any."""
        return net.predict(self._table[self._held_out].T, threads=1) if self.epoch else None
