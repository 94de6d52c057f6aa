"""Every function of a course, checked in the order in which the course introduces them.

A function is run with the lecture's arguments, and with the lecture's functions in place of those of its
helpers that have been found wrong: one mistake is reported once, where it is made. If the results differ
though all its helpers passed, the helpers are replaced one by one before the function itself is blamed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from . import _drawing, _together, _training
from ._c1w4 import COURSE as C1W4
from ._c2 import COURSE as C2
from ._comparison import Difference, compare
from ._examination import Examination, observe, probes_of, right_outcomes
from ._replacing import called_by, replaced, tolerant
from ._running import Outcome, Probe, quiet, run
from ._sources import in_order
from ._stages import Course, Stage, variants_of
from ._values import as_array
from ._wording import finding, remark
from .findings import Finding, Report, by_severity

COURSES = {course.name: course for course in (C1W4, C2)}
FUNCTIONS: dict[str, tuple[str, ...]] = {name: tuple(course.stages) for name, course in COURSES.items()}
TWICE = 2  # probes that are called twice in a row


def known(course: str) -> str:
    """Return the name of a course, or raise ValueError."""
    if course not in COURSES:
        raise ValueError(f"unknown course {course!r}: {', '.join(map(repr, COURSES))}")
    return course


def check_functions(
    functions: Mapping[str, Callable[..., Any]], *, course: str = "c1w4", only: Iterable[str] | None = None
) -> Report:
    """Check functions that have the course's names.

    Parameters
    ----------
    functions : mapping of str to callable
        Any subset of the course's functions.
    course : {"c1w4", "c2"}
    only : iterable of str, optional
        The functions to report on. Those before them are checked, too, as they may be called.

    Returns
    -------
    report : Report
    """
    chosen = COURSES[known(course)]
    wanted = list(chosen.stages) if only is None else [only] if isinstance(only, str) else list(only)
    for group, names in (("only", wanted), ("functions", list(functions))):
        unknown = [key for key in names if key not in chosen.stages]
        if unknown:
            raise ValueError(f"{group} has {unknown[0]!r}, which is not a function of the course {course!r}")
    for key, function in functions.items():
        if not callable(function):
            raise TypeError(f"functions[{key!r}] is {function!r}, but must be callable")
    with quiet():
        findings = Diagnosis(chosen, functions).findings(wanted)
    return Report(
        tuple(f for f in findings if f.function in wanted),
        tuple(key for key in chosen.stages if key in functions and key in wanted),
        tuple(
            key
            for key, stage in chosen.stages.items()
            if key not in functions and key in wanted and not stage.extra
        ),
    )


class Diagnosis:
    """The state of a diagnosis: which functions are broken, and what is known about each."""

    def __init__(self, course: Course, functions: Mapping[str, Callable[..., Any]]) -> None:
        self.course, self.functions = course, dict(functions)
        self.calls: dict[str, Callable[..., Any]] = {}
        self.found: dict[str, list[Finding]] = {}
        for key, function in functions.items():
            stage = course.stages[key]
            self.calls[key], text = in_order(function, stage.arguments)
            if text:
                self.found[key] = [remark(stage, f"{text}.")]
        self.broken: dict[str, Callable[..., Any]] = {}
        self.own_caches: set[str] = set()
        self.wrong_with_own: set[str] = set()  # backward functions that take such caches only

    def findings(self, wanted: Iterable[str]) -> list[Finding]:
        """Check all functions up to the last one wanted; the worst findings first, else as in the course."""
        order = list(self.course.stages)
        last = max((order.index(key) for key in wanted), default=-1)
        for key in order[: last + 1]:
            if key in self.functions:
                self._check(self.course.stages[key])
        chain = _together.CHAINS[self.course.name]
        if all(key in self.found and key not in self.broken for key in chain):
            with replaced(self.functions, self.broken):
                for result in _together.check(self.course, self.calls):
                    self._add(result.function, [result])
        found = [f for key in self.course.stages for f in self.found.get(key, [])]
        return sorted(found, key=by_severity)

    def _add(self, key: str, findings: Iterable[Finding]) -> None:
        findings = list(findings)
        self.found.setdefault(key, []).extend(findings)
        if any(f.severity != "style" for f in findings):
            self.broken[key] = self.right(self.course.stages[key])

    def right(self, stage: Stage) -> Callable[..., Any]:
        """Return the lecture's function: in its first variant, an initialiser in that of a deep network."""
        variant = variants_of(stage)[-1 if stage.kind == "draws" else 0]
        return tolerant(getattr(self.course.lecture, variant))

    def _check(self, stage: Stage) -> None:
        if stage.kind == "draws":
            self._add(stage.function, _drawing.check(self.course, stage, self.calls))
            return
        if stage.function in self.wrong_with_own:
            of_own = self.examine(stage, own=self.calls[stage.forward])
            self._add(stage.function, of_own.findings(self.course))
            forward = self.course.stages[stage.forward]
            self.broken[stage.forward] = self.right(forward)  # the right one takes the lecture's caches
            return
        examination = self.examine(stage)
        if not examination.severe:
            if any(d.kind == "values" for d in examination.differences):
                self.broken[stage.function] = self.right(stage)
            self._add(stage.function, examination.findings(self.course))
            return
        if self.broken and self._is_right_as_it_is(stage, examination):
            return
        if self._has_own_caches(stage, examination):
            return
        remarks_only = all(d.kind == "remark" for d in examination.severe)
        culprit = None if remarks_only else self._at_fault(stage)
        if culprit is not None:
            context = f"{culprit} passes its own probes, but not what {stage.function} calls it with"
            blamed = self.course.stages[culprit]
            self._add(culprit, [finding(blamed, examination.severe, examination.probes, context=context)])
            return
        self._add(stage.function, examination.findings(self.course))

    def examine(
        self,
        stage: Stage,
        *,
        instead: Mapping[str, Callable[..., Any]] | None = None,
        own: Callable[..., Any] | None = None,
    ) -> Examination:
        """Run the learner's function, with others `instead` of its helpers; `own` makes its caches."""
        function = self.calls[stage.function]
        by = {key: f for key, f in self.broken.items() if key != stage.function} | dict(instead or {})

        def call(probe: Probe) -> Outcome:
            with replaced(self.functions, by):
                return run(function, probe, stage.arguments, stage.read)

        if own is None and stage.kind != "training":  # not while functions are replaced: these are kept
            probes = probes_of(stage)
            rights = [right_outcomes(self.course, stage, v) for v in variants_of(stage)]
        with replaced(self.functions, by):
            if stage.kind == "training":
                return _training.examine(self.course, self.functions, stage, function)
            if own is not None:
                assert stage.own_probes is not None
                probes = tuple(stage.own_probes(own))
                rights = [observe(stage, probes, getattr(self.course.lecture, v)) for v in variants_of(stage)]
            actual = [run(function, p, stage.arguments, stage.read) for p in probes]
            again = [
                Difference(d.probe, d.part, "again", d.severity, d.expected, d.actual, d.where)
                for p, once in zip(probes[:TWICE], actual, strict=False)
                if once.fault is None
                for twice in [run(function, p, stage.arguments, stage.read, calls=2)]
                for d in compare(stage, p, once, twice)
            ]
        return Examination(
            stage,
            probes,
            actual,
            rights,
            lambda made: observe(stage, probes, made),
            again,
            keep=own is None,
            call=call if own is None else None,
            right=self.right(stage),
        )

    def _is_right_as_it_is(self, stage: Stage, examination: Examination) -> bool:
        """It is right with its own helpers, and raises with the lecture's, which return another form."""
        if not all(d.kind == "fault" for d in examination.severe):
            return False
        kept, self.broken = self.broken, {}
        try:
            return not self.examine(stage).severe
        finally:
            self.broken = kept

    # --- caches in the learner's own form

    def _has_own_caches(self, stage: Stage, examination: Examination) -> bool:
        """Whether forward and backward functions agree on caches of their own; that is a remark."""
        if stage.function in self.own_caches:
            return True
        backward = self._backward_of(stage)
        if backward is None:
            if stage.function == "L_model_forward" and {d.kind for d in examination.severe} == {"missing"}:
                text = "AL is right. The caches have a form of their own, and no function here takes them."
                self._add(stage.function, [remark(stage, text, severity="fragile")])
                return True
            return False
        kinds = {d.kind if d.part.startswith("cache") else "" for d in examination.severe}
        if not kinds <= {"missing", "values", "shape"}:
            return False
        if not self._works_with_own(backward):
            return kinds == {"missing"} and self._has_own_form(stage, backward)
        if not self.examine(backward).severe:  # it takes both
            named = examination.findings(self.course)
            self._add(stage.function, [replace(f, severity="fragile") for f in named])
            return True
        other_form = any(as_array(d.actual) is None for d in examination.severe)
        self._agree_on_caches(stage, backward, other_form=other_form)
        return True

    def _backward_of(self, stage: Stage) -> Stage | None:
        for other in self.course.stages.values():
            if other.forward == stage.function and other.function in self.functions:
                return other
        return None

    def _works_with_own(self, stage: Stage) -> bool:
        forward = self.calls[stage.forward]
        try:
            return not self.examine(stage, own=forward).severe
        except KeyboardInterrupt:
            raise
        except BaseException:  # the learner's forward function fails on a probe, or returns no cache
            return False

    def _has_own_form(self, forward: Stage, backward: Stage) -> bool:
        """Whether a backward function that is wrong takes the forward function's caches, and no others."""
        if any(outcome.fault is None for outcome in self.examine(backward).actual):
            return False
        try:
            outcomes = self.examine(backward, own=self.calls[forward.function]).actual
        except KeyboardInterrupt:
            raise
        except BaseException:  # as in `_works_with_own`
            return False
        if all(outcome.fault is not None for outcome in outcomes):
            return False
        self.wrong_with_own.add(backward.function)
        text = (
            f"{forward.function} has caches of its own form, which {backward.function} takes. They do not go"
            " together with the course's functions."
        )
        self._add(forward.function, [remark(forward, text)])
        return True

    def _agree_on_caches(self, forward: Stage, backward: Stage, *, other_form: bool) -> None:
        """Note that two functions agree; a cache of the course's form with other numbers concerns both."""
        self.own_caches |= {forward.function, backward.function}
        own = "form" if other_form else "content"
        text = (
            f"{forward.function} and {backward.function} have caches of their own {own}. Together they"
            " are right, but they do not go together with the course's functions."
        )
        for stage in (forward,) if other_form else (forward, backward):
            self._add(stage.function, [remark(stage, text)])

    # --- helpers

    def _at_fault(self, stage: Stage) -> str | None:
        """The helper that passed its own probes, but whose replacement makes the function right."""
        names = called_by(self.functions[stage.function])
        helpers = [
            key
            for key, function in self.functions.items()
            if key != stage.function
            and key not in self.broken
            and key not in self.own_caches
            and (key in names or getattr(function, "__name__", "") in names)
        ]
        if not helpers:
            return None
        right = {key: self.right(self.course.stages[key]) for key in helpers}
        if self.examine(stage, instead=right).severe:
            return None
        for key in helpers:
            if not self.examine(stage, instead={key: right[key]}).severe:
                return key
        return None
