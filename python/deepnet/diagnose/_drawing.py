"""Initialisers: their numbers depend on a generator, which need not be the course's.

Two runs are compared with the lecture's: one as it is, where the function may set the course's seed, and one
in which np.random.seed does nothing, so that only the order and the use of the draws count. Numbers from
another generator are judged by their mean, spread and shape of distribution.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from ._comparison import Difference, compare
from ._examination import probes_of
from ._naming import name
from ._running import Outcome, Probe, run
from ._stages import Course, Stage, variants_of
from ._values import Array, as_array
from ._wording import finding, remark
from .catalogue import known_mistakes
from .findings import Finding

DEVIATIONS = 6  # of a statistic from its expectation: chance exceeds this once in 5e8 draws


@contextlib.contextmanager
def no_seeds() -> Iterator[None]:
    """np.random.seed does nothing; `run` keeps the real one."""
    seed = np.random.seed
    np.random.seed = lambda *args, **options: None
    try:
        yield
    finally:
        np.random.seed = seed


def observed(
    stage: Stage, probes: Sequence[Probe], function: Callable[..., Any], seeds: bool
) -> list[Outcome]:
    """Run an initialiser on all probes."""
    with contextlib.nullcontext() if seeds else no_seeds():
        return [run(function, probe, stage.arguments, stage.read) for probe in probes]


@cache
def right_draws(course: Course, stage: Stage, variant: str, seeds: bool) -> list[Outcome]:
    """Return what one of the lecture's initialisers does on the stage's probes."""
    return observed(stage, probes_of(stage), getattr(course.lecture, variant), seeds)


def check(course: Course, stage: Stage, functions: Mapping[str, Callable[..., Any]]) -> list[Finding]:
    """Return the findings for one initialiser."""
    function, probes = functions[stage.function], probes_of(stage)
    variants = (*variants_of(stage), *stage.tolerated)
    best: tuple[bool, str, list[Outcome], list[Difference]] | None = None
    for seeds in (True, False):
        if best is not None and not best[3]:
            break
        actual = observed(stage, probes, function, seeds)
        for variant in variants:
            expected = right_draws(course, stage, variant, seeds)
            differences = [
                d for p, e, a in zip(probes, expected, actual, strict=True) for d in compare(stage, p, e, a)
            ]
            if best is None or len(differences) < len(best[3]):
                best = seeds, variant, actual, differences
    assert best is not None
    seeds, nearest, actual, differences = best
    if not differences and nearest in stage.tolerated:
        return [remark(stage, stage.tolerated[nearest])]
    if not differences:
        return [] if seeds else _other_draws(course, stage)
    for with_seeds in (seeds, not seeds):
        mine = actual if with_seeds == seeds else observed(stage, probes, function, with_seeds)
        for variant in variants:
            right = right_draws(course, stage, variant, with_seeds)
            made = [d for p, e, a in zip(probes, right, mine, strict=True) for d in compare(stage, p, e, a)]

            def observe(f: Callable[..., Any], with_seeds: bool = with_seeds) -> list[Outcome]:
                return observed(stage, probes, f, with_seeds)

            named, left = name(course, stage, probes, right, mine, made, observe, keep=True)
            if named and not left:
                return [finding(stage, of_mistake, probes, mistake) for mistake, of_mistake in named]
    if all(d.kind == "values" and d.part.startswith("W") for d in differences):
        text = _unlike(stage, probes[-1], actual[-1])
        if not text:
            return _other_draws(course, stage)
        return [finding(stage, differences, probes, context=text)]
    return [finding(stage, differences, probes)]


def _other_draws(course: Course, stage: Stage) -> list[Finding]:
    for mistake in known_mistakes(course.name, stage.function):
        if mistake.name == "other seed":
            return [remark(stage, mistake.explanation, mistake=mistake)]
    return [remark(stage, "The draws are good, but not the course's, which come from its own seed.")]


def _unlike(stage: Stage, probe: Probe, outcome: Outcome) -> str:
    """Say in what the W of a large network are unlike draws of every scale; "" if they are not."""
    texts = []
    for scale in stage.scales:
        text = ""
        for part, value in outcome.parts.items():
            W = as_array(value)
            if part.startswith("W") and W is not None and not text:
                text = _unlike_normal(part, W, scale(W.shape[1]))
        texts.append(text)
    return "" if "" in texts else texts[0]


def _unlike_normal(part: str, W: Array, scale: float) -> str:
    """Compare with N(0, scale^2): the moments of n draws deviate by about 1 / sqrt(n)."""
    n = W.size
    z = W.astype(float).ravel() / scale
    spread, chance = float(np.sqrt(np.mean(z**2))), DEVIATIONS / np.sqrt(n)
    if spread == 0:
        return f"{part} is zero"
    if abs(float(z.mean())) > chance * max(1.0, spread):
        return f"{part} has mean {W.mean():.4g} instead of about 0"
    if abs(spread - 1) > chance:
        return f"{part} has a standard deviation of {W.std():.4g} instead of {scale:.4g}"
    if abs(float(np.mean(z**4)) / 3 - 1) > chance * np.sqrt(96 / 9):
        return f"{part} is not drawn from a normal distribution"
    return ""
