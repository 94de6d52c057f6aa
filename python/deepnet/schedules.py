"""Learning rates that change during training.

A schedule is any function from a position, counted from 0, to a learning rate. The schedules of this module
count updates or epochs, as their setting `per` says; a function counts updates unless its attribute `per` is
"epoch". Schedules take a number and return a number, or take an array of positions and return as many rates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, overload

import numpy as np

from ._immutable import immutable
from ._numbers import flag, real, whole
from .activations import Array

__all__ = [
    "CosineDecay",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LogCosine",
    "OneCycle",
    "Schedule",
    "StepDecay",
    "rates",
]

UNITS = ("step", "epoch")
Unit = Literal["step", "epoch"]


class Schedule:
    """A learning rate for each position; the base class of the schedules of this module.

    Attributes
    ----------
    per : {"step", "epoch"}
        What positions count: updates or epochs.
    """

    __slots__ = ()
    per: Unit  # the last field of each subclass

    @overload
    def __call__(self, position: float) -> float: ...
    @overload
    def __call__(self, position: Array) -> Array: ...
    def __call__(self, position: float | Array) -> float | Array:
        """Return the rate at a position as a float, or the rates at an array of positions as float64.

        Positions are finite numbers, 0 or more, whole or not. A position gives the same bits alone and in an
        array.
        """
        given = np.asarray(position)
        if given.dtype.kind not in "iuf":
            raise TypeError(f"position is {position!r}, but must be a number, or an array of numbers")
        positions = np.atleast_1d(given.astype(np.float64))
        good = np.isfinite(positions) & (positions >= 0)
        if not good.all():
            raise ValueError(f"position is {positions[~good][0]:g}, but must be finite, and 0 or more")
        with np.errstate(all="ignore"):  # a rate that overflows becomes inf, which `rates` refuses
            rates = self._rates(positions)
        alone = given.ndim == 0 and not isinstance(position, np.ndarray)
        return float(rates[0]) if alone else rates.reshape(given.shape)

    def over(self, steps: int, epochs: int) -> Schedule:
        """Return the schedule for a run of this many updates; one without a length gets the run's."""
        return self

    def _rates(self, positions: Array) -> Array:
        raise NotImplementedError

    def _set(self, **checked: Any) -> None:
        """Store settings as Python numbers; check `per`."""
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.per not in UNITS:
            raise ValueError(f"per is {self.per!r}, but must be 'step' or 'epoch'")


def _known(length: int | None) -> int:
    if length is None:
        raise ValueError("length is None, which only Network.fit can fill in, from its run: give a length")
    return length


# --- rates that fall by a factor ----------------------------------------------------------------------------


@immutable("schedule")
@dataclass(frozen=True, slots=True)
class StepDecay(Schedule):
    """Multiply the rate by `factor` after every so many steps: ``initial * factor ** floor(n / every)``.

    Parameters
    ----------
    initial : float
        The rate at position 0; 0 or more.
    every : int
        How many positions have the same rate; 1 or more.
    factor : float
        More than 0.
    per : {"step", "epoch"}
        What positions n count.

    Raises
    ------
    ValueError
        For example ``factor is 0, but must be more than 0``.
    TypeError
        For example ``every is 2.5, but must be a whole number``.

    Notes
    -----
    PyTorch's ``StepLR``. Source: K. He, X. Zhang, S. Ren and J. Sun, *Deep residual learning for image
    recognition*, CVPR 2016, who divide the rate by 10 when the error stops falling.

    Examples
    --------
    >>> rate = deepnet.schedules.StepDecay(0.5, every=10, factor=0.5, per="epoch")
    >>> rate(9), rate(10), rate(25)
    (0.5, 0.25, 0.125)
    """

    initial: float
    every: int
    factor: float = 0.1
    per: Unit = field(default="step", kw_only=True)

    def __post_init__(self) -> None:
        self._set(
            initial=real("initial", self.initial, low=0),
            every=whole("every", self.every, 1),
            factor=real("factor", self.factor, above=0),
        )

    def _rates(self, positions: Array) -> Array:
        return self.initial * np.power(self.factor, np.floor(positions / self.every))


@immutable("schedule")
@dataclass(frozen=True, slots=True)
class ExponentialDecay(Schedule):
    """Multiply the rate by `factor` at every step: ``initial * factor ** n``.

    Parameters
    ----------
    initial : float
        The rate at position 0; 0 or more.
    factor : float
        More than 0; 0.99 lowers the rate by 1 % each time.
    per : {"step", "epoch"}
        What positions n count.

    Raises
    ------
    ValueError
        For example ``initial is -1, but must be 0 or more``.
    TypeError
        For example ``factor is '0.9', but must be a number``.

    Notes
    -----
    PyTorch's ``ExponentialLR``. Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 2,
    where the factor is 0.95 and n counts epochs.

    Examples
    --------
    >>> rate = deepnet.schedules.ExponentialDecay(1.0, 0.5, per="epoch")
    >>> rate(np.arange(4))
    array([1.   , 0.5  , 0.25 , 0.125])
    """

    initial: float
    factor: float
    per: Unit = field(default="step", kw_only=True)

    def __post_init__(self) -> None:
        self._set(
            initial=real("initial", self.initial, low=0),
            factor=real("factor", self.factor, above=0),
        )

    def _rates(self, positions: Array) -> Array:
        return self.initial * np.power(self.factor, positions)


@immutable("schedule")
@dataclass(frozen=True, slots=True)
class InverseTimeDecay(Schedule):
    """Divide the rate by a number that grows linearly: ``initial / (1 + decay * n / every)``.

    Parameters
    ----------
    initial : float
        The rate at position 0; 0 or more.
    decay : float
        0 or more.
    every : float
        The denominator grows by `decay` every so many positions; more than 0.
    staircase : bool
        Use ``floor(n / every)`` instead of ``n / every``: the rate stays the same for `every` positions.
    per : {"step", "epoch"}
        What positions n count; the course counts epochs.

    Raises
    ------
    ValueError
        For example ``every is 0, but must be more than 0``.
    TypeError
        For example ``decay is None, but must be a number``.

    Notes
    -----
    The course's ``update_lr``, and with ``every=1000, staircase=True`` its ``schedule_lr_decay``. Source:
    A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 2.

    Examples
    --------
    >>> rate = deepnet.schedules.InverseTimeDecay(0.5, decay=1.0, per="epoch")
    >>> rate(0), rate(1), rate(4)
    (0.5, 0.25, 0.1)
    >>> steps = deepnet.schedules.InverseTimeDecay(0.5, 0.3, every=100, staircase=True, per="epoch")
    >>> steps(99) == steps(0), steps(100)
    (True, 0.3846153846153846)
    """

    initial: float
    decay: float
    every: float = 1.0
    staircase: bool = False
    per: Unit = field(default="step", kw_only=True)

    def __post_init__(self) -> None:
        self._set(
            initial=real("initial", self.initial, low=0),
            decay=real("decay", self.decay, low=0),
            every=real("every", self.every, above=0),
            staircase=flag("staircase", self.staircase),
        )

    def _rates(self, positions: Array) -> Array:
        times = positions / self.every
        return self.initial / (1 + self.decay * (np.floor(times) if self.staircase else times))


# --- rates that follow half a cosine ------------------------------------------------------------------------


def _half_cosine(start: float, end: float, remaining: Array) -> Array:
    """Return `start` where 1 remains, `end` where 0 remains, and half a cosine between.

    end + (start - end) (1 + cos(pi (1 - remaining))) / 2, written as the square of a sine, which stays
    accurate where the cosine is close to -1 and 1 + cos cancels.
    """
    fall: Array = np.square(np.sin(np.pi / 2 * remaining))
    return start * fall + end * (1 - fall)


@immutable("schedule")
@dataclass(frozen=True, slots=True)
class CosineDecay(Schedule):
    """Lower the rate along half a cosine, after a linear warm-up, once or repeatedly.

    Parameters
    ----------
    initial : float
        The rate at the start of the cosine; 0 or more.
    length : int, optional
        How many positions the cosine takes, after the warm-up; 1 or more. By default the rest of the run of
        :meth:`deepnet.Network.fit`.
    minimum : float
        The rate at the end of the cosine and after it; from 0 to `initial`.
    warmup : int
        How many positions come before the cosine; their rates climb evenly to `initial`, from
        ``initial / (warmup + 1)``.
    restarts : bool
        Start the cosine again at `initial` whenever it ends.
    growth : int
        With restarts: each cycle is this many times as long as the one before; 1 or more.
    per : {"step", "epoch"}
        What positions n count.

    Raises
    ------
    ValueError
        For example ``minimum is 0.2, but must be 0.1, which is initial, or less``.
    TypeError
        For example ``length is 2.5, but must be a whole number``.

    Notes
    -----
    With t = n - warmup: ``initial * (n + 1) / (warmup + 1)`` where t < 0, then
    ``minimum + (initial - minimum) * (1 + cos(pi * t / length)) / 2``; with restarts, t counts from the start
    of its cycle, and length is that cycle's.

    PyTorch's ``CosineAnnealingLR``, ``CosineAnnealingWarmRestarts`` and, for the warm-up,
    ``LinearLR(start_factor=1 / (warmup + 1), total_iters=warmup)``. Sources: I. Loshchilov and F. Hutter,
    *SGDR: stochastic gradient descent with warm restarts*, ICLR 2017; P. Goyal et al., *Accurate, large
    minibatch SGD*, 2017, for the warm-up.

    Examples
    --------
    >>> rate = deepnet.schedules.CosineDecay(0.25, length=4, warmup=1)
    >>> rate(np.arange(7)).round(3)
    array([0.125, 0.25 , 0.213, 0.125, 0.037, 0.   , 0.   ])
    >>> cycles = deepnet.schedules.CosineDecay(1.0, length=2, restarts=True, growth=2)
    >>> cycles(np.arange(7)).round(3)
    array([1.   , 0.5  , 1.   , 0.854, 0.5  , 0.146, 1.   ])
    """

    initial: float
    length: int | None = None
    minimum: float = 0.0
    warmup: int = 0
    restarts: bool = False
    growth: int = 1
    per: Unit = field(default="step", kw_only=True)

    def __post_init__(self) -> None:
        self._set(
            initial=real("initial", self.initial, low=0),
            length=None if self.length is None else whole("length", self.length, 1),
            minimum=real("minimum", self.minimum, low=0),
            warmup=whole("warmup", self.warmup, 0),
            restarts=flag("restarts", self.restarts),
            growth=whole("growth", self.growth, 1),
        )
        if self.minimum > self.initial:
            raise ValueError(
                f"minimum is {self.minimum:g}, but must be {self.initial:g}, which is initial, or less"
            )
        if self.restarts and self.length is None:
            raise ValueError("restarts is True, but length is None: cycles need a length")
        if self.growth != 1 and not self.restarts:
            raise ValueError(f"growth is {self.growth}, but only cycles grow: restarts=True")

    def over(self, steps: int, epochs: int) -> CosineDecay:
        """Return the schedule with a length: by default what the warm-up leaves of such a run."""
        if self.length is not None:
            return self
        return replace(self, length=max(1, (steps if self.per == "step" else epochs) - self.warmup))

    def _rates(self, positions: Array) -> Array:
        length, t = _known(self.length), np.maximum(positions - self.warmup, 0)
        if self.restarts:
            begin, cycle = self._cycle(t, length)
            remaining = (cycle - (t - begin)) / cycle
        else:
            remaining = np.maximum(length - t, 0) / length
        rates = _half_cosine(self.initial, self.minimum, remaining)
        climb = self.initial * ((positions + 1) / (self.warmup + 1))
        return np.where(positions < self.warmup, climb, rates)

    def _cycle(self, t: Array, length: int) -> tuple[Array, Array]:
        """Return where the cycle of each t begins, and its length.

        Cycle k begins at ``length * (growth^k - 1) / (growth - 1)``. The logarithm that gives k may be off by
        one at the beginning of a cycle; comparing with the beginnings, which are whole numbers, is exact.
        """
        g, first = float(self.growth), float(length)
        if self.growth == 1:
            return np.floor(t / first) * first, np.full_like(t, first)
        k = np.floor(np.log1p(t / first * (g - 1)) / np.log(g))

        def begin(k: Array) -> Array:
            return first * ((np.power(g, k) - 1) / (g - 1))

        k -= begin(k) > t
        k += begin(k + 1) <= t
        return begin(k), first * np.power(g, k)


@immutable("schedule")
@dataclass(frozen=True, slots=True)
class OneCycle(Schedule):
    """Climb to a high rate and fall to a very low one, each along half a cosine.

    Parameters
    ----------
    maximum : float
        The highest rate; 0 or more.
    length : int, optional
        How many positions the whole cycle takes; 1 or more. After it the rate stays the same. By default the
        whole run of :meth:`deepnet.Network.fit`.
    warmup_share : float
        The share of the cycle that climbs; from 0 to 1.
    start_divisor : float
        The climb starts at ``maximum / start_divisor``; 1 or more.
    end_divisor : float
        The fall ends at ``maximum / start_divisor / end_divisor``; 1 or more.
    per : {"step", "epoch"}
        What positions n count.

    Raises
    ------
    ValueError
        For example ``warmup_share is 1.5, but must be from 0 to 1``.
    TypeError
        For example ``length is 2.5, but must be a whole number``.

    Notes
    -----
    The top is at ``n = warmup_share * length - 1``, the end at ``n = length - 1``, as in PyTorch's
    ``OneCycleLR``. Source: L. Smith and N. Topin, *Super-convergence: very fast training of neural networks
    using large learning rates*, 2018.

    Examples
    --------
    >>> rate = deepnet.schedules.OneCycle(1.0, length=10)
    >>> rate(0), rate(2), rate(9)
    (0.04, 1.0, 4e-06)
    """

    maximum: float
    length: int | None = None
    warmup_share: float = 0.3
    start_divisor: float = 25.0
    end_divisor: float = 1e4
    per: Unit = field(default="step", kw_only=True)

    def __post_init__(self) -> None:
        self._set(
            maximum=real("maximum", self.maximum, low=0),
            length=None if self.length is None else whole("length", self.length, 1),
            warmup_share=real("warmup_share", self.warmup_share, low=0, high=1),
            start_divisor=real("start_divisor", self.start_divisor, low=1),
            end_divisor=real("end_divisor", self.end_divisor, low=1),
        )

    def over(self, steps: int, epochs: int) -> OneCycle:
        """Return the schedule with a length: by default that of such a run."""
        if self.length is not None:
            return self
        return replace(self, length=max(1, steps if self.per == "step" else epochs))

    def _rates(self, positions: Array) -> Array:
        length = _known(self.length)
        low, top, end = self.maximum / self.start_divisor, self.warmup_share * length - 1, length - 1
        # No position lies within an empty phase; dividing by 1 there avoids 0 / 0.
        climbing = np.maximum(top - positions, 0) / (top if top > 0 else 1)
        falling = np.minimum(np.maximum(end - positions, 0) / (end - top if end > top else 1), 1)
        return np.where(
            positions <= top,
            _half_cosine(low, self.maximum, climbing),
            _half_cosine(self.maximum, low / self.end_divisor, falling),
        )


@immutable("schedule")
@dataclass(frozen=True, slots=True)
class LogCosine(Schedule):
    """Cosine cycles from 0 to `maximum` and back, each twice as long as the one before.

    Parameters
    ----------
    maximum : float
        The highest rate; 0 or more.
    length : int, optional
        How many positions the cycles take; by default those of the run. The rate stays at 0 afterwards.
    cycles : int
        1 to 30.
    per : {"step", "epoch"}
        What positions n count.

    Raises
    ------
    ValueError
        For example ``cycles is 0, but must be 1 or more``.
    TypeError
        For example ``maximum is '0.1', but must be a number``.

    Notes
    -----
    ``maximum * (1 - cos(2 pi log2(1 + (2 ** cycles - 1) * n / length))) / 2``. Source: D. Holzmüller, L.
    Grinsztajn and I. Steinwart, *Better by default: strong pre-tuned MLPs and boosted trees on tabular data*,
    NeurIPS 2024, with four cycles.

    Examples
    --------
    >>> rate = deepnet.schedules.LogCosine(1.0, length=30, cycles=4)
    >>> [round(rate(n), 3) for n in (0, 1, 2, 4, 6, 14, 30)]
    [0.0, 0.93, 0.0, 0.93, 0.0, 0.0, 0.0]
    """

    maximum: float
    length: int | None = None
    cycles: int = 4
    per: Unit = field(default="step", kw_only=True)

    def __post_init__(self) -> None:
        self._set(
            maximum=real("maximum", self.maximum, low=0),
            length=None if self.length is None else whole("length", self.length, 1),
            cycles=whole("cycles", self.cycles, 1, 30),
        )

    def over(self, steps: int, epochs: int) -> LogCosine:
        """Return the schedule with a length: by default that of such a run."""
        if self.length is not None:
            return self
        return replace(self, length=max(1, steps if self.per == "step" else epochs))

    def _rates(self, positions: Array) -> Array:
        share = np.minimum(positions / _known(self.length), 1)
        turns = np.log2(1 + (2**self.cycles - 1) * share)
        rates: Array = self.maximum * (1 - np.cos(2 * np.pi * turns)) / 2
        return rates


# --- the rates of a stretch of training ---------------------------------------------------------------------


def rates(
    schedule: float | Schedule | Callable[[int], float],
    first_step: int,
    count: int,
    steps_per_epoch: int = 1,
    dtype: Any = np.float64,
) -> Array:
    """Compute the learning rates of `count` updates, and check each of them.

    Parameters
    ----------
    schedule : float or callable
        A number; a schedule of this module, called once for all positions; or any function of a position,
        called once for each update, or for each epoch if its attribute `per` is "epoch".
    first_step : int
        How many updates came before; 0 or more.
    count : int
        How many rates to compute; 0 or more.
    steps_per_epoch : int
        How many updates make an epoch; 1 or more.
    dtype : dtype
        float32 or float64: the rates must be finite in it.

    Returns
    -------
    rates : ndarray of float64, shape (count,)

    Raises
    ------
    ValueError
        If a rate is negative, not finite or beyond the dtype:
        ``learning_rate schedule halved gave nan for step 7, but must be finite``.
    TypeError
        If a rate is not a number: ``learning_rate schedule halved gave None for step 7, but must be a
        number``.

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
        raise ValueError(f"learning_rate schedule {_name(schedule)} has per={unit!r}, not 'step' or 'epoch'")
    steps = np.arange(first, first + count)
    positions, repeated = np.unique(steps // per_epoch if unit == "epoch" else steps, return_counts=True)
    if isinstance(schedule, Schedule):
        values = schedule(positions)
        if not ((values >= 0) & (values <= np.finfo(kind).max)).all():
            _each(schedule, lambda i: values[i], positions, unit, kind)
    else:
        values = _each(schedule, lambda i: _call(schedule, int(positions[i]), unit), positions, unit, kind)
    return np.repeat(values, repeated)


def _each(
    schedule: object, value: Callable[[int], Any], positions: Array, unit: str, dtype: np.dtype[Any]
) -> Array:
    """Return the values of all positions; an error names the first that is not a rate."""
    name, result = f"learning_rate schedule {_name(schedule)}", np.empty(len(positions))
    for i, position in enumerate(positions):
        result[i] = real(name, value(i), low=0, dtype=dtype, said=f"gave {{}} for {unit} {position}")
    return result


def _call(schedule: Callable[[int], Any], position: int, unit: str) -> Any:
    try:
        return schedule(position)
    except Exception as error:
        error.add_note(f"raised by the learning_rate schedule {_name(schedule)} for {unit} {position}")
        raise


def _name(schedule: object) -> str:
    return str(getattr(schedule, "__name__", None) or repr(schedule))
