"""Rates that fall by a factor: at once now and then, a little all the time, or as 1 / n."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from deepnet._numbers import flag, real, whole
from deepnet.activations import Array

from ._schedule import Schedule, Unit


@dataclass(frozen=True, slots=True)
class StepDecay(Schedule):
    """Multiply the rate by `factor` every so many steps: ``initial * factor ** floor(n / every)``.

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
    recognition*, CVPR 2016, whose rate is divided by 10 where the error no longer falls.

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


@dataclass(frozen=True, slots=True)
class ExponentialDecay(Schedule):
    """Multiply the rate by `factor` at every step: ``initial * factor ** n``.

    Parameters
    ----------
    initial : float
        The rate at position 0; 0 or more.
    factor : float
        More than 0; 0.99 takes a hundredth off each time.
    per : {"step", "epoch"}
        What positions n count.

    Raises
    ------
    ValueError
        For example ``initial is -1, but must be 0 or more``.
    TypeError
        If one is no number.

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


@dataclass(frozen=True, slots=True)
class InverseTimeDecay(Schedule):
    """Divide the rate by what grows with time: ``initial / (1 + decay * n / every)``.

    Parameters
    ----------
    initial : float
        The rate at position 0; 0 or more.
    decay : float
        0 or more.
    every : float
        After how many positions the denominator has grown by `decay`; more than 0.
    staircase : bool
        Take ``floor(n / every)`` for ``n / every``: the same rate for `every` positions.
    per : {"step", "epoch"}
        What positions n count; the course counts epochs.

    Raises
    ------
    ValueError
        For example ``every is 0, but must be more than 0``.
    TypeError
        If one is no number.

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
