"""Mistakes that no catalogue has: mutants of the lecture's functions are found at the right function."""

import pytest

import deepnet
from deepnet.diagnose._checks import COURSES
from deepnet.diagnose.catalogue.mistake import source_of

from .inputs import are_equal, inputs, results
from .learners import learner
from .mutants import mutants

EVERY = {"c1w4": 1, "c2": 8}  # of the mutants: all 266 that change a result, and one in 8 of 741


@pytest.mark.slow
@pytest.mark.parametrize(("course", "least"), [("c1w4", 240), ("c2", 70)])
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
