"""What the ready schedules have in common: positions in, rates out, and the checks of their settings."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np

from deepnet.activations import Array

UNITS = ("step", "epoch")
Unit = Literal["step", "epoch"]


class Schedule:
    """A learning rate for each position; the schedules of this module are its kinds.

    Attributes
    ----------
    per : {"step", "epoch"}
        What positions count: updates, or epochs.
    """

    __slots__ = ()
    per: Unit  # each kind's own last field

    @overload
    def __call__(self, position: float) -> float: ...
    @overload
    def __call__(self, position: Array) -> Array: ...
    def __call__(self, position: float | Array) -> float | Array:
        """Give the rate at a position, as a float, or the rates at an array of them, as float64.

        Positions are finite numbers, 0 or more, whole or not. The same position has the same bits alone and
        in an array.
        """
        given = np.asarray(position)
        if given.dtype.kind not in "iuf":
            raise TypeError(f"position is {position!r}, but must be a number, or an array of numbers")
        positions = np.atleast_1d(given.astype(np.float64))
        good = np.isfinite(positions) & (positions >= 0)
        if not good.all():
            raise ValueError(f"position is {positions[~good][0]:g}, but must be finite, and 0 or more")
        with np.errstate(all="ignore"):  # inf speaks for itself
            rates = self._rates(positions)
        alone = given.ndim == 0 and not isinstance(position, np.ndarray)
        return float(rates[0]) if alone else rates.reshape(given.shape)

    def over(self, steps: int, epochs: int) -> Schedule:
        """Return the same schedule for a run of so many updates, which gives it a length if it has none."""
        return self

    def _rates(self, positions: Array) -> Array:
        raise NotImplementedError

    def _set(self, **settings: Any) -> None:
        """Put plain numbers of Python in the place of what was given."""
        for name, value in settings.items():
            object.__setattr__(self, name, value)
        if self.per not in UNITS:
            raise ValueError(f"per is {self.per!r}, but must be 'step' or 'epoch'")


def known(length: int | None) -> int:
    """Refuse a length that no run has given yet."""
    if length is None:
        raise ValueError(
            "length is None, for which fit takes that of its run; nobody else knows one: give it"
        )
    return length
