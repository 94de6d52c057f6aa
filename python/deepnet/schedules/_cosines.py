"""Rates that follow half a cosine, down or up and down."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from deepnet._numbers import flag, real, whole
from deepnet.activations import Array

from ._schedule import Schedule, Unit, known


def _half_cosine(start: float, end: float, remaining: Array) -> Array:
    """Go from `start`, where 1 remains, to `end`, where 0 does.

    end + (start - end) (1 + cos(pi (1 - remaining))) / 2, as the square of a sine, which has all its digits
    even where the cosine comes so near to -1 that 1 + cos has lost them.
    """
    fall: Array = np.square(np.sin(np.pi / 2 * remaining))
    return start * fall + end * (1 - fall)


@dataclass(frozen=True, slots=True)
class CosineDecay(Schedule):
    """Let the rate fall along half a cosine, after a linear warm-up, once or again and again.

    Parameters
    ----------
    initial : float
        The rate where the cosine starts; 0 or more.
    length : int, optional
        How many positions the cosine takes, after those of the warm-up; 1 or more. If not given, what
        :meth:`deepnet.Network.fit` has left of its run.
    minimum : float
        Where it ends, and the rate ever after; from 0 to `initial`.
    warmup : int
        How many positions come before the cosine; their rates climb evenly to `initial`, from
        ``initial / (warmup + 1)``.
    restarts : bool
        Start the cosine anew at `initial` whenever it has ended.
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
    ``minimum + (initial - minimum) * (1 + cos(pi * t / length)) / 2``, and with restarts t counts from the
    start of its cycle, and length is that cycle's.

    PyTorch's ``CosineAnnealingLR`` as far as the cosine goes, ``CosineAnnealingWarmRestarts`` and, for the
    warm-up, ``LinearLR(start_factor=1 / (warmup + 1), total_iters=warmup)``. Sources: I. Loshchilov and
    F. Hutter, *SGDR: stochastic gradient descent with warm restarts*, ICLR 2017; P. Goyal et al., *Accurate,
    large minibatch SGD*, 2017, for the warm-up.

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
            raise ValueError("restarts is True, but length is None: cycles need one")
        if self.growth != 1 and not self.restarts:
            raise ValueError(f"growth is {self.growth}, but only cycles grow: restarts=True")

    def over(self, steps: int, epochs: int) -> CosineDecay:
        """Return this, with the length that is left of such a run after the warm-up."""
        if self.length is not None:
            return self
        return replace(self, length=max(1, (steps if self.per == "step" else epochs) - self.warmup))

    def _rates(self, positions: Array) -> Array:
        length, t = known(self.length), np.maximum(positions - self.warmup, 0)
        if self.restarts:
            begin, cycle = self._cycle(t, length)
            remaining = (cycle - (t - begin)) / cycle
        else:
            remaining = np.maximum(length - t, 0) / length
        rates = _half_cosine(self.initial, self.minimum, remaining)
        climb = self.initial * ((positions + 1) / (self.warmup + 1))
        return np.where(positions < self.warmup, climb, rates)

    def _cycle(self, t: Array, length: int) -> tuple[Array, Array]:
        """Where the cycle of each t begins, and how long it is.

        Cycle k begins at ``length * (growth^k - 1) / (growth - 1)``. The logarithm that gives k may be off by
        one at a begin; beginnings themselves are whole numbers, and decide.
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


@dataclass(frozen=True, slots=True)
class OneCycle(Schedule):
    """Climb to a high rate and fall to a very low one, each along half a cosine.

    Parameters
    ----------
    maximum : float
        The highest rate; 0 or more.
    length : int, optional
        How many positions the whole cycle takes; 1 or more. After it, the rate stays where it ended. If not
        given, the whole run of :meth:`deepnet.Network.fit`.
    warmup_share : float
        The share of them that goes into the climb; from 0 to 1.
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
        """Return this, with the length of such a run."""
        if self.length is not None:
            return self
        return replace(self, length=max(1, steps if self.per == "step" else epochs))

    def _rates(self, positions: Array) -> Array:
        length = known(self.length)
        low, top, end = self.maximum / self.start_divisor, self.warmup_share * length - 1, length - 1
        # A phase without extent is never between its ends; 1 stands in for its length.
        climbing = np.maximum(top - positions, 0) / (top if top > 0 else 1)
        falling = np.minimum(np.maximum(end - positions, 0) / (end - top if end > top else 1), 1)
        return np.where(
            positions <= top,
            _half_cosine(low, self.maximum, climbing),
            _half_cosine(self.maximum, low / self.end_divisor, falling),
        )
