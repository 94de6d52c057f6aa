"""One function on one set of probes: what it did, and how that differs from the nearest right variant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from ._comparison import Difference, compare, differs, worst
from ._naming import Observe, name
from ._running import Outcome, Probe, run
from ._stages import Course, Stage
from ._values import arrays_in, as_array, copied, is_same
from ._wording import finding, listed
from .findings import RANK, Finding

GROUPS = (("fault", "missing", "shape", "values", "dtype", "again"), ("written",), ("shared",), ("remark",))


@cache
def probes_of(stage: Stage) -> tuple[Probe, ...]:
    """Return the stage's probes, made once."""
    return tuple(stage.probes())


def observe(stage: Stage, probes: Sequence[Probe], function: Callable[..., Any]) -> list[Outcome]:
    """Run one of the lecture's functions on all probes."""
    return [run(function, p, stage.arguments, stage.read, args=p.right) for p in probes]


@cache
def right_outcomes(course: Course, stage: Stage, variant: str) -> list[Outcome]:
    """Return what the lecture's function does on the stage's own probes."""
    return observe(stage, probes_of(stage), getattr(course.lecture, variant))


class Examination:
    """The differences between what a function did and what the nearest right variant does.

    `observe` runs one of the lecture's functions on the probes, `call` the learner's on another probe, and
    `right` is the lecture's function. What known mistakes do on the probes is kept where the probes are.
    """

    def __init__(
        self,
        stage: Stage,
        probes: Sequence[Probe],
        actual: Sequence[Outcome],
        expected: Iterable[Sequence[Outcome]],
        observe: Observe,
        more: Sequence[Difference] = (),
        *,
        keep: bool = True,
        call: Callable[[Probe], Outcome] | None = None,
        right: Callable[..., Any] | None = None,
    ) -> None:
        self.keep, self.call, self.right = keep, call, right
        self.stage, self.probes, self.actual, self.observe = stage, probes, actual, observe
        best = None
        for outcomes in expected:
            differences = [
                d for p, e, a in zip(probes, outcomes, actual, strict=True) for d in compare(stage, p, e, a)
            ]
            score = (RANK[worst(differences)] if differences else -1, len(differences))
            if best is None or score < best[0]:
                best = score, outcomes, differences
        assert best is not None
        self.expected, self.differences = best[1], [*best[2], *more]

    @property
    def severe(self) -> list[Difference]:
        """The differences that are more than a remark."""
        return [d for d in self.differences if d.severity != "style"]

    def findings(self, course: Course, *, context: str = "") -> list[Finding]:
        """Return one finding for each known mistake, and one for what is left."""
        if not self.differences:
            return []
        named, left = name(
            course,
            self.stage,
            self.probes,
            self.expected,
            self.actual,
            self.differences,
            self.observe,
            keep=self.keep,
        )
        findings = [
            finding(self.stage, of_mistake, self.probes, mistake, context=context)
            for mistake, of_mistake in named
        ]
        if self.severe:  # then remarks on the same numbers add nothing
            left = [d for d in left if d.severity != "style" or d.kind == "remark"]
        for severities in (("wrong", "fragile"), ("style",)):
            rest = [d for d in left if d.severity in severities]
            for kinds in GROUPS:
                of_kind = [d for d in rest if d.kind in kinds]
                if of_kind:
                    findings.append(
                        finding(self.stage, of_kind, self.probes, context=context, facts=self._facts)
                    )
        return findings

    def _facts(self, d: Difference) -> list[str]:
        """Say which parts are right, and which arguments play no part, of what an unknown mistake does."""
        if d.kind not in ("values", "shape"):
            return []
        facts = []
        outcome = self.actual[[id(p) for p in self.probes].index(id(d.probe))]
        wrong = {other.part for other in self.differences}
        right = [part for part in outcome.parts if part not in wrong and ":" not in part]
        if 0 < len(right) <= 4:
            facts.append(f"{listed(right)} {'are' if len(right) > 1 else 'is'} right")
        return [*facts, *(f"{self.stage.called(path)} plays no part" for path in self._unused(d))]

    def _unused(self, d: Difference) -> Iterator[str]:
        """Yield the arguments whose change changes the right result, but not the learner's."""
        if self.call is None or self.right is None or d.kind != "values":
            return
        stage, probe = self.stage, d.probe
        before = self.call(probe).parts.get(d.part)
        for path in probe.named(stage.arguments):
            args = copied(probe.args)
            for name_, value in zip(stage.arguments, args, strict=False):
                for other, array in arrays_in(value, name_):
                    if other == path:
                        np.multiply(array, 2, out=array, casting="unsafe")
                        np.add(array, 1, out=array, casting="unsafe")
            changed = Probe(args, probe.numbers)
            expected = run(self.right, changed, stage.arguments, stage.read).parts.get(d.part)
            after = self.call(changed).parts.get(d.part)
            if expected is None or after is None or np.shape(expected) != d.expected.shape:
                continue
            is_used = differs(np.asarray(expected), d.expected, stage.operations).any()
            if is_used and is_same(as_array(before), as_array(after)):
                yield path
