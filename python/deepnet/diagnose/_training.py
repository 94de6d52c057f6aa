"""Training loops: started from the lecture's parameters, and compared after a few iterations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from ._examination import Examination, probes_of
from ._replacing import replaced, tolerant
from ._running import Outcome, Probe, run
from ._stages import Course, Stage
from ._values import as_array, copied

INITIALIZERS = ("initialize_parameters", "initialize_parameters_deep")
DEEP = (9, 8, 7, 6, 1)
SMALL = 0.03  # root mean square of weights: 0.01 N(0, 1) has 0.01, N(0, 1) / sqrt(9) has 0.33
START = "fragile: the weights of a deep network start as 0.01 N(0, 1)"


def examine(
    course: Course, functions: Mapping[str, Callable[..., Any]], stage: Stage, function: Callable[..., Any]
) -> Examination:
    """Run a loop from the lecture's parameters; its own where it does not call an initialiser by name."""
    lecture, probes = course.lecture, probes_of(stage)
    right = getattr(lecture, stage.function)
    start, called = _start(stage, function), []

    def fixed(f: Callable[..., Any]) -> Callable[..., Any]:
        def initialize(*args: Any, **options: Any) -> Any:
            called.append(True)
            return tolerant(f)(*args, **options)

        return initialize

    application = lecture.initialize_parameters_deep_of_the_application
    by = dict(zip(INITIALIZERS, (fixed(lecture.initialize_parameters), fixed(application)), strict=True))
    with replaced(functions, {key: f for key, f in by.items() if key in functions}):
        actual = [run(function, p, stage.arguments, stage.read) for p in probes]
    expected = _right(stage, right, probes) if called else _from_own_start(stage, probes, function, lecture)
    if start:
        actual[0] = _remarked(actual[0])
    return Examination(
        stage,
        probes,
        actual,
        [expected],
        lambda made: _with_start(stage, probes, made, small=True),
        keep=bool(called),
    )


@cache
def _right(stage: Stage, function: Callable[..., Any], probes: tuple[Probe, ...]) -> list[Outcome]:
    return _with_start(stage, probes, function, small=False)


def _remarked(outcome: Outcome) -> Outcome:
    parts = {**outcome.parts, START: np.array(True)}
    return Outcome(parts, outcome.fault, outcome.written, outcome.shared)


def _start(stage: Stage, function: Callable[..., Any]) -> bool:
    """Whether the weights of a deep network start far too small."""
    if stage.function != "L_layer_model":
        return False
    X, Y = np.ones((DEEP[0], 3)), np.array([[0, 1, 1]])
    outcome = run(function, Probe((X, Y, DEEP, 0.1, 0)), stage.arguments, stage.read)
    weights = [as_array(value) for part, value in outcome.parts.items() if part.startswith("W")]
    sizes = [float(np.sqrt(np.mean(W**2))) for W in weights if W is not None and W.size]
    return bool(sizes) and 0 < max(sizes) < SMALL


def _with_start(
    stage: Stage, probes: Sequence[Probe], function: Callable[..., Any], *, small: bool
) -> list[Outcome]:
    """Run one of the lecture's loops; one that starts from small weights is noted, and started anew."""
    from .lecture import c1w4

    is_small = small and _start(stage, function)
    scope = {"initialize_parameters_deep": c1w4.initialize_parameters_deep, stage.function: function}
    with replaced(scope, {"initialize_parameters_deep": c1w4.initialize_parameters_deep_of_the_application}):
        outcomes = [run(function, p, stage.arguments, stage.read) for p in probes]
    if is_small:
        outcomes[0] = _remarked(outcomes[0])
    return outcomes


def _from_own_start(
    stage: Stage, probes: Sequence[Probe], function: Callable[..., Any], lecture: Any
) -> list[Outcome]:
    """Start the lecture's loop from the parameters that a run of no iterations returns."""
    outcomes = []
    for probe in probes:
        *args, _ = probe.args
        outcome = run(function, Probe((*args, 0)), stage.arguments, stage.read)
        first = {key: value for key, value in outcome.parts.items() if key[:1] in "Wb"}
        right = getattr(lecture, stage.function)
        functions = {stage.function: right}
        by = {}
        if outcome.fault is None and first:
            for key in (*INITIALIZERS, "initialize_parameters_deep_of_the_application"):
                functions[key] = getattr(lecture, key)
                by[key] = lambda *args, first=first: copied(first)
        with replaced(functions, by):
            expected = run(right, probe, stage.arguments, stage.read)
        if expected.fault is not None:  # what it returned are no parameters
            expected = run(right, probe, stage.arguments, stage.read)
        outcomes.append(expected)
    return outcomes
