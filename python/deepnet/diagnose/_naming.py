"""Names a mistake: the lecture's function with each known mistake runs on the same probes.

A mistake explains some of the differences if its own differences are among them and the results agree to
rounding, on every probe. A function may have several mistakes that affect different parts. If something is
left, every two known mistakes are made together. If something is left still, the odd arguments, which two
right functions may treat differently, are left out of account.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product
from typing import Any

import numpy as np

from ._comparison import Difference, compare, differs
from ._running import Outcome, Probe, run
from ._stages import Course, Stage, variants_of
from ._values import as_array
from .catalogue import Mistake, known_mistakes
from .catalogue.mistake import Edit, compiled, edited, source_of

Key = tuple[int, str, str]  # probe, "part" or the kind of difference, part
Observe = Callable[[Callable[..., Any]], list[Outcome]]


@dataclass(frozen=True, eq=False)
class Pair:
    """Two mistakes made together, in one of the lecture's functions."""

    variant: str
    edits: tuple[tuple[Mistake, tuple[Edit, ...]], ...]
    function: Callable[..., Any]


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


@cache
def injected_pairs(course: Course, function: str) -> tuple[Pair, ...]:
    """Return the lecture's function with every two mistakes that can be made together, the first two ways."""
    stage, pairs = course.stages[function], []
    for one, two in combinations(known_mistakes(course.name, function), 2):
        for first, second in product(one.ways()[:2], two.ways()[:2]):
            for variant in variants_of(stage):
                text = source_of(course.lecture, variant)
                both = edited(text, (*first, *second)) or edited(text, (*second, *first))
                if both is not None:
                    edits = ((one, first), (two, second))
                    pairs.append(Pair(variant, edits, compiled(both, course.lecture, variant)))
    return tuple(pairs)


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
    everything = keyed(differences, probes)
    usual = {key: d for key, d in everything.items() if probes[key[0]].severity == "wrong"}
    given = course, stage, probes, expected, actual
    found, left = _named(*given, everything, observe, keep=keep)
    if any(d.severity != "style" for d in left) and 0 < len(usual) < len(everything):
        of_usual, left_of_usual = _named(*given, usual, observe, keep=keep, only_usual=True)
        if of_usual and not any(d.severity != "style" for d in left_of_usual):
            odd = [d for key, d in everything.items() if key not in usual and key[1] not in ("fault", "part")]
            return of_usual, [*left_of_usual, *odd]
    return found, left


def _named(
    course: Course,
    stage: Stage,
    probes: Sequence[Probe],
    expected: Sequence[Outcome],
    actual: Sequence[Outcome],
    everything: dict[Key, Difference],
    observe: Observe,
    *,
    keep: bool,
    only_usual: bool = False,
) -> tuple[list[tuple[Mistake, list[Difference]]], list[Difference]]:
    """Do what `name` does; `only_usual` with the probes that are not odd."""
    left = dict(everything)

    def counts(key: Key) -> bool:
        """Whether it would show: not where the learner's may raise, or returns less and may do so."""
        i, kind, part = key
        if only_usual and probes[i].severity != "wrong":
            return False
        fault = actual[i].fault
        if fault is not None:
            return not (probes[i].may_raise and fault.kind != "form")
        return kind != "part" or part in actual[i].parts or not part.startswith(stage.optional or ("\0",))

    def counted(seen: tuple[list[Outcome], dict[Key, Difference]]) -> Any:
        outcomes, made = seen
        return outcomes, {key: d for key, d in made.items() if counts(key)}

    def made_by(function: Callable[..., Any]) -> tuple[list[Outcome], dict[Key, Difference]]:
        outcomes = observe(function)
        made = [
            d for p, e, o in zip(probes, expected, outcomes, strict=True) for d in compare(stage, p, e, o)
        ]
        return outcomes, keyed(made, probes)

    def seen(function: Callable[..., Any]) -> tuple[list[Outcome], dict[Key, Difference]]:
        if not keep:
            return made_by(function)
        key = (stage, function, id(probes), id(expected))
        if key not in _seen:
            _seen[key] = made_by(function)
        return _seen[key]

    candidates = []
    for mistake, function in injected(course, stage.function):
        outcomes, made = counted(seen(function))
        fits = made and made.keys() <= everything.keys() and not _elsewhere(made, everything)
        fits = fits and all(
            (d.kind == "dtype") == (everything[key].kind == "dtype") for key, d in made.items()
        )
        if fits and _agree(stage, made, outcomes, actual):
            candidates.append((mistake, set(made)))
    found = []
    while candidates and left:
        mistake, keys = max(candidates, key=lambda candidate: len(candidate[1] & left.keys()))
        explained = keys & left.keys()
        if not explained:
            break
        found.append((mistake, [left.pop(key) for key in sorted(explained)]))
    values = [i for i, kind, _ in left if kind == "part"]
    if keep and values and stage.kind == "values" and _may_be_two(left):
        first = min(values)  # one probe tells most pairs apart; an error may come from anything
        for pair in injected_pairs(course, stage.function):
            if not _is_like(stage, probes[first], actual[first], pair):
                continue
            outcomes, made = counted(made_by(pair.function))
            if made.keys() == everything.keys() and _agree(stage, made, outcomes, actual):
                shares = []
                for mistake, edits in pair.edits:
                    text = edited(source_of(course.lecture, pair.variant), edits) or ""
                    _, alone = counted(made_by(compiled(text, course.lecture, pair.variant)))
                    if alone:  # else it only shows where the learner's may raise
                        shares.append((mistake, _share(everything, alone)))
                return shares, []
    return found, list(left.values())


def _may_be_two(left: dict[Key, Difference]) -> bool:
    """Whether something is left that known mistakes make: more than a remark, and no result of odd form."""
    forms = [d for d in left.values() if d.kind == "fault" and d.actual.kind == "form"]
    return not forms and any(d.severity != "style" for d in left.values())


_done: dict[tuple[Pair, int], Outcome] = {}


def _is_like(stage: Stage, probe: Probe, actual: Outcome, pair: Pair) -> bool:
    """Whether two mistakes together do the same as the learner's function on one of the stage's probes."""
    key = (pair, id(probe))
    if key not in _done:
        _done[key] = run(pair.function, probe, stage.arguments, stage.read)
    mine = _done[key]
    if mine.fault is not None or actual.fault is not None:
        return _same_fault(mine, actual)
    return all(
        part in actual.parts and _same(stage, value, actual.parts[part])
        for part, value in mine.parts.items()
        if not part.startswith(("dA", "dZ"))  # which may be missing
    )


def _share(everything: dict[Key, Difference], made: dict[Key, Difference]) -> list[Difference]:
    """Return the differences that one of two mistakes makes, or all if it makes others by itself."""
    return [everything[key] for key in sorted(made.keys() & everything.keys())] or list(everything.values())


def _agree(
    stage: Stage, made: dict[Key, Difference], outcomes: Sequence[Outcome], actual: Sequence[Outcome]
) -> bool:
    for i, kind, part in made:
        mine, theirs = outcomes[i], actual[i]
        if kind == "fault":
            if not _same_fault(mine, theirs):
                return False
        elif kind == "part":
            if (part in mine.parts) != (part in theirs.parts):
                return False
            if part in mine.parts and not _same(stage, mine.parts[part], theirs.parts[part]):
                return False
        elif kind == "written" and not _same(stage, mine.written[part][1], theirs.written[part][1]):
            return False
    return True


def _same_fault(mine: Outcome, theirs: Outcome) -> bool:
    """Whether both raise the same; the message of a KeyError is the key, others depend on the wording."""
    if mine.fault is None or theirs.fault is None or mine.fault.kind != theirs.fault.kind:
        return False
    return mine.fault.kind != "KeyError" or mine.fault.message == theirs.fault.message


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
