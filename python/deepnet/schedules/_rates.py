"""The rates of a stretch of training, from whatever says what they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from deepnet._numbers import real, whole
from deepnet.activations import Array

from ._schedule import UNITS, Schedule


def rates(
    schedule: float | Schedule | Callable[[int], float],
    first_step: int,
    count: int,
    steps_per_epoch: int = 1,
    dtype: Any = np.float64,
) -> Array:
    """Compute the learning rates of `count` updates, each of them checked.

    Parameters
    ----------
    schedule : float or callable
        A number; a schedule of this module, asked once for all; or any function of a position, asked once
        for each update, or for each epoch if its attribute `per` is "epoch".
    first_step : int
        How many updates came before; 0 or more.
    count : int
        How many are wanted; 0 or more.
    steps_per_epoch : int
        How many make an epoch; 1 or more.
    dtype : dtype
        float32 or float64: what has to have room for the rates.

    Returns
    -------
    rates : ndarray of float64, shape (count,)

    Raises
    ------
    ValueError
        If a rate is negative, not finite or beyond the dtype:
        ``learning_rate schedule halved gave nan for step 7, but must be finite``.
    TypeError
        If one is no number: ``learning_rate schedule halved gave None for step 7, but must be a number``.

    Examples
    --------
    >>> deepnet.schedules.rates(lambda step: 0.5 ** step, first_step=2, count=3)
    array([0.25  , 0.125 , 0.0625])
    >>> halved = deepnet.schedules.ExponentialDecay(1.0, 0.5, per="epoch")
    >>> deepnet.schedules.rates(halved, first_step=0, count=6, steps_per_epoch=2)
    array([1.  , 1.  , 0.5 , 0.5 , 0.25, 0.25])
    """
    first, count = whole("first_step", first_step, 0), whole("count", count, 0)
    per_epoch, kind = whole("steps_per_epoch", steps_per_epoch, 1), np.dtype(dtype)
    if not callable(schedule):
        return np.full(count, real("learning_rate", schedule, low=0, dtype=kind))
    unit = getattr(schedule, "per", "step")
    if unit not in UNITS:
        raise ValueError(
            f"learning_rate schedule {_name(schedule)} counts per {unit!r}, not 'step' or 'epoch'"
        )
    steps = np.arange(first, first + count)
    positions, repeated = np.unique(steps // per_epoch if unit == "epoch" else steps, return_counts=True)
    if isinstance(schedule, Schedule):
        values = schedule(positions)
        if not _all_good(values, kind):
            _each(schedule, lambda i: values[i], positions, unit, kind)
    else:
        values = _each(schedule, lambda i: _asked(schedule, int(positions[i]), unit), positions, unit, kind)
    return np.repeat(values, repeated)


def _each(
    schedule: object, value: Callable[[int], Any], positions: Array, unit: str, dtype: np.dtype[Any]
) -> Array:
    """The values of all positions; an error names the first that is no rate."""
    name, result = f"learning_rate schedule {_name(schedule)}", np.empty(len(positions))
    for i, position in enumerate(positions):
        result[i] = real(name, value(i), low=0, dtype=dtype, said=f"gave {{}} for {unit} {position}")
    return result


def _asked(schedule: Callable[[int], Any], position: int, unit: str) -> Any:
    try:
        return schedule(position)
    except Exception as error:
        error.add_note(f"raised by the learning_rate schedule {_name(schedule)} for {unit} {position}")
        raise


def _all_good(values: Array, dtype: np.dtype[Any]) -> bool:
    return bool(((values >= 0) & (values <= np.finfo(dtype).max)).all())


def _name(schedule: object) -> str:
    return str(getattr(schedule, "__name__", None) or repr(schedule))
