"""Slopes by finite differences: how accurate they are, and how gradients compare with them.

Each entry theta has its own step, h = epsilon max(1, |theta|). The central difference
D(h) = (f(theta + h) - f(theta - h)) / 2h has the error h^2 f''' / 6, plus the rounding errors of f divided
by h; epsilon = eps^(1/3) balances the two. In addition, a kink of f within the step, as relu makes them,
changes D by up to half the jump of the slope.

An entry that does not agree with D is therefore measured again, at theta + k h / 4, k = -4, ..., 4:

    R = the largest of the five fourth-order differences    T = |D(h) - D(h/2)|

Where f is smooth, R = h^4 f'''' / 256 is negligible; a kink or rounding that makes an error e in D makes
R >= 0.28 e h, wherever in the step it lies. T is h^2 f''' / 8. So the uncertainty of D, 4 R / h + 2 T, bounds
all three errors and is small where D is accurate: a gradient is wrong by what exceeds it.

Two cases remain. A change of the cost that its rounding errors hide shows nothing: if the gradient and D both
predict such a change over the step, the entry is left out. And where kinks of several layers coincide, the
cost may even be smooth but have another slope than the gradient: a leaky_relu at 0 behind another, with a
negative weight between them, has the slope 0.01 on both sides, but the product of the slopes at 0 is 0.0001.
An array that is wrong is therefore compared again at nearby parameters (see _check).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepnet.activations import Array

from ._subject import Subject

EPS = float(np.finfo(np.float64).eps)
EPSILON = EPS ** (1 / 3)
# The course's. With this step, and third derivatives as large as first ones, a right gradient has 4e-11.
LIMIT = 1e-7
# An uncertainty above this share of the slope, or of its array's typical slope, leaves nothing to compare.
MOST_UNCERTAIN = 0.1
# A cost that is rougher than this share of itself, or of 1, is rough because of more than rounding.
MOST_ROUNDING = 1024 * EPS
# The rounding error of a cost: about this many units in the last place of a cost of its usual size.
ROUNDING = 16 * EPS

Index = tuple[int, ...]

_WITHIN = np.array([-0.75, -0.5, -0.25, 0.25, 0.5, 0.75])


@dataclass(slots=True)
class Compared:
    """Gradients beside differences, at the entries that were not left out."""

    indices: list[Index]
    analytic: Array
    numeric: Array
    uncertainty: Array
    at_kink: Array  # True for entries whose step contains a kink
    left_out: int
    is_rounding: bool  # all entries that were left out have slopes too small to be seen

    def is_mostly_hidden(self) -> bool:
        """Return True if kinks have left out at least half of the entries."""
        return not self.is_rounding and self.left_out >= len(self.indices)

    def is_right(self) -> bool:
        """Return True if what exceeds the uncertainty is within the limit."""
        return bool(np.linalg.norm(self._excess()) <= self._allowed())  # False for nan

    def may_be_at_kinks(self) -> bool:
        """Return True if the array is wrong, in a way that kinks can cause."""
        return not self.is_right() and bool(np.isfinite(self.analytic).all())

    def is_wrong_only_at_kinks(self) -> bool:
        """Return True if the array is wrong, but would be right without the entries at visible kinks."""
        smooth = self._excess()[~self.at_kink]
        return not self.is_right() and bool(np.linalg.norm(smooth) <= self._allowed())

    def _excess(self) -> Array:
        with np.errstate(invalid="ignore"):
            excess: Array = np.maximum(np.abs(self.analytic - self.numeric) - self.uncertainty, 0)
        return excess

    def _allowed(self) -> float:
        return LIMIT * float(np.linalg.norm(self.analytic) + np.linalg.norm(self.numeric))


def compared(
    subject: Subject,
    key: str,
    gradient: Array,
    indices: Sequence[Index],
    epsilon: float,
    cost: float,
    usual_cost: float,
) -> Compared:
    """Compare a gradient's entries with differences of the cost; see `usual_cost` for the last argument."""
    analytic = np.array([gradient[index] for index in indices], dtype=np.float64)
    near = np.empty((len(indices), 9))  # the costs around each entry; all nine only where they are needed
    near[:, 4] = cost
    p = subject.parameters[key]
    theta = np.array([p[index] for index in indices], dtype=np.float64)
    step = epsilon * np.maximum(1, np.abs(theta))
    with np.errstate(all="ignore"):  # a cost that is not finite nearby leaves an entry out
        for i, index in enumerate(indices):
            near[i, ::8] = _costs(subject, p, index, step[i] * np.array([-1.0, 1.0]))
        numeric = (near[:, 8] - near[:, 0]) / ((theta + step) - (theta - step))
        finite = numeric[np.isfinite(numeric)]
        typical = math.sqrt(float(np.square(finite).mean())) if finite.size else 0.0
        scale = np.maximum(np.abs(numeric), typical)
        margin = LIMIT / 4 * scale
        again = np.flatnonzero(~(np.abs(analytic - numeric) <= margin))
        for i in again.tolist():
            near[i, [1, 2, 3, 5, 6, 7]] = _costs(subject, p, indices[i], step[i] * _WITHIN)
        level = np.abs(near[again]).max(axis=1)
        rough = np.abs(np.diff(near[again], n=4)).max(axis=1)
        # Rounding may by chance leave no trace: assume as much as elsewhere, and at least a unit of the cost.
        elsewhere = np.median(rough) if again.size else 0.0
        rough = np.maximum(rough, np.minimum(elsewhere, ROUNDING * np.maximum(1, level)))
        rough = np.maximum(rough, EPS * np.maximum(level, usual_cost))
        half = (near[again, 6] - near[again, 2]) / step[again]
        uncertainty = margin.copy()
        uncertainty[again] = 4 * rough / step[again] + 2 * np.abs(numeric[again] - half)
        gap = np.abs(analytic[again] - numeric[again])
        rounding = ROUNDING * np.maximum(level, usual_cost)
        change = step[again] * np.maximum(np.abs(analytic[again]), np.abs(numeric[again]))
        differs = np.isfinite(uncertainty[again]) & ~(gap <= uncertainty[again])
        is_invisible = change <= rounding
        is_certain = uncertainty[again] <= MOST_UNCERTAIN * scale[again]
        left_out, at_kink = np.zeros((2, len(indices)), bool)
        left_out[again] = np.where(differs, is_invisible, ~is_certain)
        at_kink[again] = (rough > 4 * rounding) & (rough > 1e-4 * gap * step[again])
        is_rounding = (rough <= MOST_ROUNDING * np.maximum(1, level)) | is_invisible
    kept = np.flatnonzero(~left_out)
    return Compared(
        [indices[i] for i in kept.tolist()],
        analytic[kept],
        numeric[kept],
        uncertainty[kept],
        at_kink[kept],
        len(indices) - len(kept),
        bool(is_rounding[left_out[again]].all()),
    )


def _costs(subject: Subject, p: Array, index: Index, moves: Array) -> list[float]:
    """Return the costs with one entry moved, and put the entry back."""
    theta, costs = float(p[index]), []
    try:
        for move in moves:
            p[index] = theta + move
            costs.append(subject.cost())
    finally:
        p[index] = theta
    return costs


def usual_cost(subject: Subject, cost: float) -> float:
    """Return the size of the cost that its rounding errors are proportional to.

    A cost near 0 comes from larger numbers that cancel, such as 1 and a probability that rounds to 1. Their
    size shows in the cost of untrained parameters, all 0. It counts up to 1, since larger costs are often
    sums of squares, whose rounding errors shrink with them.
    """
    kept = {key: p.copy() for key, p in subject.parameters.items()}
    try:
        for p in subject.parameters.values():
            p.fill(0)
        with np.errstate(all="ignore"):
            untrained = abs(subject.cost())
    except (ArithmeticError, ValueError):  # some functions have no cost there
        untrained = math.nan
    finally:
        for key, p in subject.parameters.items():
            p[...] = kept[key]
    return max(abs(cost), min(untrained, 1.0)) if math.isfinite(untrained) else abs(cost)


def relative_error(analytic: Array, numeric: Array) -> float:
    """Return ||g - n|| / (||g|| + ||n||): inf if a number is not finite, nan without numbers."""
    if not analytic.size:
        return math.nan
    if not (np.isfinite(analytic).all() and np.isfinite(numeric).all()):
        return math.inf
    both = float(np.linalg.norm(analytic) + np.linalg.norm(numeric))
    return float(np.linalg.norm(analytic - numeric)) / both if both else 0.0


def shared_ratio(c: Compared) -> float | None:
    """Return the factor between differences and gradients, if it is the same for all entries."""
    square = float(c.numeric @ c.numeric)
    if c.analytic.size < 2 or not np.isfinite(c.analytic).all() or not 0 < square < math.inf:
        return None
    ratio = float(c.analytic @ c.numeric) / square
    rest = float(np.linalg.norm(c.analytic - ratio * c.numeric))
    allowed = 10 * LIMIT * float(np.linalg.norm(c.analytic))
    return ratio if rest <= allowed + abs(ratio) * float(np.linalg.norm(c.uncertainty)) else None


def single_ratio(c: Compared) -> float | None:
    """Return the factor between difference and gradient of an array of one entry."""
    if c.analytic.size != 1 or not np.isfinite(c.analytic).all() or not 0 < abs(c.numeric[0]) < math.inf:
        return None
    return float(c.analytic[0] / c.numeric[0])
