"""Slopes by differences: how far they can be trusted, and how gradients compare with them.

Each entry theta has a step of its own, h = epsilon max(1, |theta|). The central difference
D(h) = (f(theta + h) - f(theta - h)) / 2h is off by h^2 f''' / 6 and by what rounding does to f, divided by h;
epsilon = eps^(1/3) makes the two about alike. And a kink of f within the step, as relu makes them, spoils D
by up to half the jump of the slope.

An entry that does not agree with D is therefore looked at more closely, at theta + k h / 4, k = -4, ..., 4:

    R = the largest difference of fourth order, of five    T = |D(h) - D(h/2)|

Where f is smooth, R is h^4 f'''' / 256, nothing; a kink or rounding that makes an error e in D makes
R >= 0.28 e h, wherever in the step it lies. T is h^2 f''' / 8. So 4 R / h + 2 T, the doubt about D, bounds
all three, and is small where D is good: gradients are wrong by what is beyond it.
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
# The course's. With the step above and third derivatives as large as first ones, a right gradient has 4e-11.
LIMIT = 1e-7
# A doubt of more than this share of the slope, or of its array's typical slope, leaves nothing to compare.
MOST_DOUBT = 0.1
# A cost that is rougher than this share of itself, or of 1, is so because of more than rounding.
MOST_ROUNDING = 1024 * EPS

Index = tuple[int, ...]

_WITHIN = np.array([-0.75, -0.5, -0.25, 0.25, 0.5, 0.75])


@dataclass(slots=True)
class Compared:
    """Gradients beside differences, at the entries that were not left out."""

    indices: list[Index]
    analytic: Array
    numeric: Array
    doubt: Array
    left_out: int
    is_rounding: bool  # what was left out was too small to be seen, and nothing else

    def is_mostly_hidden(self) -> bool:
        """Whether more than rounding has left half of the entries out, or more of them."""
        return not self.is_rounding and self.left_out >= len(self.indices)

    def is_right(self) -> bool:
        """Whether what is beyond doubt is within the limit."""
        with np.errstate(invalid="ignore"):
            excess = np.maximum(np.abs(self.analytic - self.numeric) - self.doubt, 0)
        both = float(np.linalg.norm(self.analytic) + np.linalg.norm(self.numeric))
        return bool(np.linalg.norm(excess) <= LIMIT * both)  # False for nan


def compared(
    subject: Subject, key: str, gradient: Array, indices: Sequence[Index], epsilon: float, cost: float
) -> Compared:
    """Compare a gradient's entries with differences."""
    analytic = np.array([gradient[index] for index in indices], dtype=np.float64)
    near = np.empty((len(indices), 9))  # the costs around each entry, once they are asked for
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
        # Rounding may leave no trace by chance: it is as large as elsewhere, and a unit of the cost at least.
        elsewhere = np.median(rough) if again.size else 0.0
        rough = np.maximum(rough, np.minimum(elsewhere, 16 * EPS * np.maximum(1, level)))
        rough = np.maximum(rough, EPS * level)
        half = (near[again, 6] - near[again, 2]) / step[again]
        doubt, left_out = margin.copy(), np.zeros(len(indices), bool)
        doubt[again] = 4 * rough / step[again] + 2 * np.abs(numeric[again] - half)
        is_wrong = np.isfinite(doubt) & ~(np.abs(analytic - numeric) <= doubt)
        left_out[again] = ~(is_wrong[again] | (doubt[again] <= MOST_DOUBT * scale[again]))
        is_rounding = bool((rough <= MOST_ROUNDING * np.maximum(1, level))[left_out[again]].all())
    kept = np.flatnonzero(~left_out)
    return Compared(
        [indices[i] for i in kept.tolist()],
        analytic[kept],
        numeric[kept],
        doubt[kept],
        len(indices) - len(kept),
        is_rounding,
    )


def _costs(subject: Subject, p: Array, index: Index, moves: Array) -> list[float]:
    """The costs with one entry moved; it is put back."""
    theta, costs = float(p[index]), []
    try:
        for move in moves:
            p[index] = theta + move
            costs.append(subject.cost())
    finally:
        p[index] = theta
    return costs


def relative_error(analytic: Array, numeric: Array) -> float:
    """||g - n|| / (||g|| + ||n||): inf where something is not finite, nan where there is nothing."""
    if not analytic.size:
        return math.nan
    if not (np.isfinite(analytic).all() and np.isfinite(numeric).all()):
        return math.inf
    both = float(np.linalg.norm(analytic) + np.linalg.norm(numeric))
    return float(np.linalg.norm(analytic - numeric)) / both if both else 0.0


def one_ratio(c: Compared) -> float | None:
    """What the differences must be multiplied by to give the gradients, if it is one number for them all."""
    square = float(c.numeric @ c.numeric)
    if c.analytic.size < 2 or not np.isfinite(c.analytic).all() or not 0 < square < math.inf:
        return None
    ratio = float(c.analytic @ c.numeric) / square
    rest = float(np.linalg.norm(c.analytic - ratio * c.numeric))
    allowed = 10 * LIMIT * float(np.linalg.norm(c.analytic)) + abs(ratio) * float(np.linalg.norm(c.doubt))
    return ratio if rest <= allowed else None
