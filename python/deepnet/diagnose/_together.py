"""A few training steps with the learner's own functions, for mistakes that only show together.

Each function has been found right with the lecture's arguments. What one keeps from an earlier call, or
leaves in its cache for another, shows when they run in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

from ._comparison import Difference, compare
from ._running import Outcome, Probe, run
from ._stages import Course, Stage, draws, labels, network
from ._values import copied
from ._wording import finding
from .findings import Finding

STEPS = 3
Step = tuple[int, str, tuple[Any, ...], Outcome]  # its number, the function, what it got, and what it did
RESULTS = ("AL", "a3", "cost", "dW", "db", "W", "b")
NETWORKS = {"c1w4": (((5, 4, 3, 1), 7), ((3, 2, 1), 4)), "c2": (((4, 5, 3, 1), 7), ((2, 3, 3, 1), 4))}
RATE = 0.4
CHAINS = {
    "c1w4": ("L_model_forward", "compute_cost", "L_model_backward", "update_parameters"),
    "c2": ("forward_propagation", "compute_cost", "backward_propagation", "update_parameters"),
}


def check(course: Course, functions: Mapping[str, Callable[..., Any]]) -> Iterator[Finding]:
    """Yield a finding for the first function whose result differs in a run with all of them."""
    chain = CHAINS[course.name]
    if any(name not in functions for name in chain):
        return
    for units, m in NETWORKS[course.name]:
        own = _steps(course, functions, *_data(units, m))
        for (step, name, _, actual), (_, _, right_args, expected) in zip(
            own, _right_steps(course, units, m), strict=False
        ):
            stage = course.stages[name]
            numbers = {"the number of examples": float(m), "the number of layers": len(units) - 1.0}
            shown = Probe(right_args, numbers)  # not the learner's caches
            differences = [
                d
                for d in compare(stage, shown, expected, actual)
                if d.severity != "style" and d.kind not in ("written", "shared", "remark")
                if d.kind == "fault" or d.part.startswith(RESULTS)
                if not _is_of_a_sum(stage, d, m)
            ]
            if differences:
                when = f"Alone {name} is right, but in step {step} of a run with your own functions it is not"
                yield finding(stage, differences, [shown], context=when)
                return


@cache
def _right_steps(course: Course, units: tuple[int, ...], m: int) -> list[Step]:
    """Return the steps with the lecture's functions."""
    return list(_steps(course, vars(course.lecture), *_data(units, m)))


def _data(units: tuple[int, ...], m: int) -> tuple[Any, Any, Any]:
    """Return X, Y and the first parameters."""
    return draws(m, units[0], m), labels(m), network(units, m)


def _is_of_a_sum(stage: Stage, d: Difference, m: int) -> bool:
    """Whether a cost is the sum over the examples, as in week 2."""
    sums = d.kind == "values" and "compute_cost_as_a_sum" in stage.variants
    return sums and bool(np.allclose(np.asarray(d.actual, float), m * d.expected))


def _steps(course: Course, functions: Mapping[str, Any], X: Any, Y: Any, parameters: Any) -> Iterator[Step]:
    """Run forward, cost, backward and update in turn; yield what each got and did, until one fails."""
    takes_caches = course.name == "c1w4"
    forward, cost, backward, update = CHAINS[course.name]
    for step in range(1, STEPS + 1):
        results: dict[str, Any] = {}
        numbers = {"the number of layers": len(parameters) / 2}

        def call(name: str, *args: Any, results: Any = results, numbers: Any = numbers) -> Outcome:
            def function(*given: Any) -> Any:
                results[name] = functions[name](*given)
                return results[name]

            stage = course.stages[name]
            return run(function, Probe(args, numbers), stage.arguments, stage.read, copies=False)

        outcome = call(forward, X, parameters)
        yield step, forward, (X, parameters), outcome
        if forward not in results or outcome.fault:
            return
        A, caches = results[forward]
        outcome = call(cost, A, Y)
        yield step, cost, (A, Y), outcome
        args = (A, Y, caches) if takes_caches else (X, Y, caches)
        outcome = call(backward, *args)
        yield step, backward, args, outcome
        if outcome.fault:
            return
        grads = results[backward]
        before = copied(parameters)  # which the course's update of the second course changes
        outcome = call(update, parameters, grads, RATE)
        yield step, update, (before, grads, RATE), outcome
        if outcome.fault:
            return
        parameters = {key: value for key, value in outcome.parts.items() if key[:1] in "Wb"}
