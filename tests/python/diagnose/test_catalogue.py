"""Every known mistake, made in the lecture's functions, is found at its function and called by its name."""

import random

import pytest

import deepnet
from deepnet.diagnose._checks import COURSES
from deepnet.diagnose.catalogue import MISTAKES
from deepnet.diagnose.catalogue.mistake import edited, source_of

from .learners import learner, with_mistake

ENTRIES = [(course, mistake) for course, mistakes in MISTAKES.items() for mistake in mistakes]
IDS = [f"{course}-{mistake.function}-{mistake.name}" for course, mistake in ENTRIES]
PAIRS = {"c1w4": 350, "c2": 150}


def test_the_catalogue_is_large_and_its_names_are_unique():
    assert len({mistake.name for _, mistake in ENTRIES}) >= 150
    assert len({(course, m.function, m.name) for course, m in ENTRIES}) == len(ENTRIES)
    for course, mistake in ENTRIES:
        assert mistake.function in COURSES[course].stages


def test_hints_and_explanations_do_not_give_the_line_away():
    for _, mistake in ENTRIES:
        for text in (mistake.explanation, *mistake.hints):
            assert text.endswith((".", "?")), text
        for edits in mistake.ways():
            for old, _ in edits:
                if len(old) > 12:
                    assert not any(old.strip() in hint for hint in mistake.hints), mistake


@pytest.mark.slow
@pytest.mark.parametrize(("course", "mistake"), ENTRIES, ids=IDS)
def test_a_mistake_is_found_and_named(course, mistake):
    for way in range(len(mistake.ways())):
        report = deepnet.diagnose(learner(course, with_mistake(course, mistake, way)), course=course)
        assert [(f.function, f.mistake) for f in report.findings] == [(mistake.function, mistake.name)]


@pytest.mark.parametrize(
    ("function", "one", "two"),
    [
        ("linear_backward", "dW and db without 1/m", "db without keepdims"),
        ("linear_backward", "dW without 1/m", "1/m in dA_prev, too"),
        ("compute_cost", "negative", "without 1/m"),
        ("L_model_backward", "sign of dAL reversed", "hidden layers get the dA of layer L"),
        ("update_parameters", "added in place of subtracted", "last layer not updated"),
    ],
)
def test_two_mistakes_in_one_function_are_both_named(function, one, two):
    text = source_of(COURSES["c1w4"].lecture, function)
    for name in (one, two):
        mistake = next(m for m in MISTAKES["c1w4"] if (m.function, m.name) == (function, name))
        text = edited(text, mistake.ways()[0]) or edited(text, mistake.ways()[1])
    report = deepnet.diagnose(learner("c1w4", {function: text}))
    assert {(f.function, f.mistake) for f in report.findings} == {(function, one), (function, two)}


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("course", COURSES)
def test_two_mistakes_are_both_reported(course):
    draw = random.Random(1)
    for _ in range(PAIRS[course]):
        one = two = draw.choice(MISTAKES[course])
        while two.function == one.function:
            two = draw.choice(MISTAKES[course])
        edits = with_mistake(course, one) | with_mistake(course, two)
        report = deepnet.diagnose(learner(course, edits), course=course)
        assert {f.function for f in report.findings} == {one.function, two.function}, (one, two)
