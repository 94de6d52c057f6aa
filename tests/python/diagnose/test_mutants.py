"""Mistakes that no catalogue has: mutants of the lecture's functions are found at the right function."""

import inspect

import pytest

import deepnet
from deepnet.diagnose._checks import COURSES
from deepnet.diagnose.catalogue.mistake import source_of
from deepnet.reference import step_by_step

from .inputs import are_equal, inputs, results
from .learners import code, learner
from .mutants import mutants

EVERY = {"c1w4": 2, "c2": 12}  # one in so many of the mutants: of 1,020 that change a result


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize(("course", "least"), [("c1w4", 130), ("c2", 60)])
def test_mutants_are_found_at_their_function(course, least):
    cases, changing, elsewhere, count = inputs(course), 0, [], 0
    for name in COURSES[course].stages:
        right = results(learner(course, {}, loops=True)[name], cases[name])
        for _, change, text in mutants(source_of(COURSES[course].lecture, name)):
            count += 1
            functions = learner(course, {name: text})
            if count % EVERY[course] or are_equal(results(functions[name], cases[name]), right):
                continue
            changing += 1
            report = deepnet.diagnose(functions, course=course)
            if {finding.function for finding in report.findings} != {name}:
                elsewhere.append((name, change))
    assert changing >= least
    assert len(elsewhere) <= 0.02 * changing, elsewhere


# Functions of deepnet.reference that the course's call, and those that a mutant of them makes wrong.
CALLED = {
    "activation_forward": {"sigmoid", "relu", "linear_activation_forward"},
    "activation_backward": {
        "sigmoid_backward",
        "relu_backward",
        "linear_activation_backward",
        "L_model_backward",
    },
    "output_backward": {"L_model_backward"},
    "cost_derivative": {"L_model_backward"},
    "draw_parameters": {"initialize_parameters", "initialize_parameters_deep"},
    "initialize_parameters_deep": {"initialize_parameters", "initialize_parameters_deep"},
}


@pytest.mark.slow
@pytest.mark.exhaustive
def test_mutants_of_the_reference_are_found_at_their_function():
    """The reference is another right implementation, which knows nothing of the probes."""
    cases = inputs("c1w4")
    names = [name for name in COURSES["c1w4"].stages if hasattr(step_by_step, name)]

    def functions_with(edits):
        scope = dict(vars(step_by_step))
        for name in sorted({*names, *CALLED}):
            text = edits.get(name, inspect.getsource(getattr(step_by_step, name)))
            exec(code(f"from __future__ import annotations\n{text}"), scope)
        return {name: scope[name] for name in names}

    right = functions_with({})
    right_results = {name: results(right[name], cases[name]) for name in names}
    changing, elsewhere = 0, []
    for name in sorted({*names, *CALLED}):
        for _, change, text in mutants(inspect.getsource(getattr(step_by_step, name))):
            functions = functions_with({name: text})
            if all(are_equal(results(functions[n], cases[n]), right_results[n]) for n in names):
                continue
            changing += 1
            findings = deepnet.diagnose(functions).findings
            found = {f.function for f in findings if f.mistake != "Y not put into the shape of AL"}
            if not found or not found <= CALLED.get(name, {name}):
                elsewhere.append((name, change))
    assert changing >= 110
    assert len(elsewhere) <= 0.02 * changing, elsewhere
