"""Names a mistake: the lecture's function with each known mistake runs on the same probes.

A mistake explains some of the differences if its own differences are among them and the results agree to
rounding, on every probe. A function may have several mistakes, as long as they affect different parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ._comparison import Difference, compare, differs
from ._running import Outcome, Probe
from ._stages import Course, Stage
from ._values import as_array
from .catalogue import Mistake, known_mistakes

Key = tuple[int, str, str]  # probe, "part" or the kind of difference, part
Observe = Callable[[Callable[..., Any]], list[Outcome]]


def keyed(differences: Sequence[Difference], probes: Sequence[Probe]) -> dict[Key, Difference]:
    """Return the differences by probe and part."""
    number = {id(probe): i for i, probe in enumerate(probes)}
    kinds = {"missing": "part", "shape": "part", "values": "part", "dtype": "part"}
    return {(number[id(d.probe)], kinds.get(d.kind, d.kind), d.part): d for d in differences}


_seen: dict[tuple[Any, ...], tuple[list[Outcome], dict[Key, Difference]]] = {}


@cache
def injected(course: Course, function: str) -> tuple[tuple[Mistake, Callable[..., Any]], ...]:
    """Return the lecture's function with each known mistake, each way to make it."""
    stage = course.stages[function]
    return tuple(
        (mistake, made)
        for mistake in known_mistakes(course.name, function)
        for made in mistake.injected(course.lecture, stage.variants)
    )


def name(
    course: Course,
    stage: Stage,
    probes: Sequence[Probe],
    expected: Sequence[Outcome],
    actual: Sequence[Outcome],
    differences: Sequence[Difference],
    observe: Observe,
    *,
    keep: bool,
) -> tuple[list[tuple[Mistake, list[Difference]]], list[Difference]]:
    """Return the mistakes found with the differences that each explains, and those that none explains.

    `keep` what the known mistakes do, as `probes` and `expected` are kept, too.
    """
    left = keyed(differences, probes)
    candidates = []
    for mistake, function in injected(course, stage.function):
        key = (stage, function, id(probes), id(expected))
        if key not in _seen:
            outcomes = observe(function)
            made = [
                d for p, e, o in zip(probes, expected, outcomes, strict=True) for d in compare(stage, p, e, o)
            ]
            seen = outcomes, keyed(made, probes)
            if keep:
                _seen[key] = seen
        else:
            seen = _seen[key]
        outcomes, made_by = seen
        fits = made_by and made_by.keys() <= left.keys() and not _elsewhere(made_by, left)
        if fits and _agree(stage, made_by, outcomes, actual):
            candidates.append((mistake, set(made_by)))
    found = []
    while candidates and left:
        mistake, keys = max(candidates, key=lambda candidate: len(candidate[1] & left.keys()))
        explained = keys & left.keys()
        if not explained:
            break
        found.append((mistake, [left.pop(key) for key in sorted(explained)]))
    return found, list(left.values())


def _agree(
    stage: Stage, made: dict[Key, Difference], outcomes: Sequence[Outcome], actual: Sequence[Outcome]
) -> bool:
    for i, kind, part in made:
        mine, theirs = outcomes[i], actual[i]
        if kind == "fault":
            if mine.fault is None or theirs.fault is None or mine.fault.kind != theirs.fault.kind:
                return False
        elif kind == "part":
            if (part in mine.parts) != (part in theirs.parts):
                return False
            if part in mine.parts and not _same(stage, mine.parts[part], theirs.parts[part]):
                return False
        elif kind == "written" and not _same(stage, mine.written[part][1], theirs.written[part][1]):
            return False
    return True


def _same(stage: Stage, mine: Any, theirs: Any) -> bool:
    a, b = as_array(mine), as_array(theirs)
    if a is None or b is None:
        return a is b
    if a.shape != b.shape or (a.dtype.kind in "iub") != (b.dtype.kind in "iub"):
        return False
    return not np.any(differs(a, b, stage.operations))


def _elsewhere(made: dict[Key, Difference], all_: dict[Key, Difference]) -> bool:
    """Whether a part that the mistake affects differs on another probe, too."""
    affected = {(kind, part) for _, kind, part in made if kind == "part"}
    return any((kind, part) in affected and (i, kind, part) not in made for i, kind, part in all_)
