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


def number(
    name: str, value: Any, *, low: float = 0.0, high: float = np.inf, beyond: float = -np.inf
) -> float:
    """Accept finite real numbers from `low` to `high` and above `beyond`."""
    if not is_number(value):
        raise TypeError(f"{name} is {value!r}, but must be a number")
    try:
        result = float(value)
    except OverflowError:  # an int too large
        result = np.inf
    if not np.isfinite(result):
        raise ValueError(f"{name} is {value}, but must be finite")
    if result <= beyond:
        raise ValueError(f"{name} is {value}, but must be more than {beyond:g}")
    if result < low:
        raise ValueError(f"{name} is {value}, but must be {low:g} or more")
    if result > high:
        raise ValueError(f"{name} is {value}, but must be {high:g} or less")
    return result


def whole(name: str, value: Any, low: int) -> int:
    """Accept whole numbers of Python or NumPy, `low` or more."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}, but must be a whole number")
    if value < low:
        raise ValueError(f"{name} is {value}, but must be {low} or more")
    return int(value)


def is_number(value: Any) -> bool:
    """Tell real numbers of Python and NumPy, which bool is not."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def known(length: int | None) -> int:
    """Refuse a length that no run has given yet."""
    if length is None:
        raise ValueError(
            "length is None, for which fit takes that of its run; nobody else knows one: give it"
        )
    return length


def flag(name: str, value: Any) -> bool:
    """Accept True and False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} is {value!r}, but must be True or False")
    return bool(value)
