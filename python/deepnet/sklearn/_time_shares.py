"""How long each of several networks may train, of the time for all."""

from __future__ import annotations

import time

import numpy as np


class TimeShares:
    """The seconds that each network may take, of those for all: networks in a row share what is left."""

    def __init__(self, seconds: float | None, begin: float, networks: int, threads: int) -> None:
        self._end = None if seconds is None else begin + float(seconds)
        self._waiting, self._threads = networks, min(networks, threads)
        self._of_each: float | None = None

    def give_each_its_own(self) -> None:
        """Divide the time that is left evenly, since other fits may be trained between the networks."""
        if self._end is not None:
            rounds = -(-self._waiting // self._threads)
            self._of_each = max(0.0, self._end - time.monotonic()) / rounds

    def until(self, begun: float) -> float:
        """Return the time at which a network that has begun must end."""
        if self._end is None:
            return np.inf
        if self._of_each is not None:
            return begun + self._of_each
        rounds = -(-self._waiting // self._threads)
        self._waiting -= 1
        return begun + max(0.0, self._end - begun) / rounds
