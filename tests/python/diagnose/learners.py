"""Learners for the tests: the lecture's functions, some of them replaced by edited ones."""

import textwrap

from deepnet.diagnose._checks import COURSES
from deepnet.diagnose.catalogue.mistake import edited, source_of


def learner(course, edits):
    """Return the course's functions as one learner's module; `edits` maps functions to new source text."""
    chosen = COURSES[course]
    scope = dict(vars(chosen.lecture))
    for text in edits.values():
        exec(compile(textwrap.dedent(text), "<learner>", "exec"), scope)
    # All functions must look each other up in this scope, so that they call the edited ones.
    names = [
        name
        for name, f in vars(chosen.lecture).items()
        if getattr(f, "__module__", "") == chosen.lecture.__name__
    ]
    for name in names:
        if name not in edits:
            exec(compile(source_of(chosen.lecture, name), "<learner>", "exec"), scope)
    return {name: scope[name] for name in chosen.stages}


def with_mistake(course, mistake, way=0):
    """Return the source text of the function with a mistake, by function."""
    stage = COURSES[course].stages[mistake.function]
    edits = mistake.ways()[way]
    for variant in stage.variants or (mistake.function,):
        text = edited(source_of(COURSES[course].lecture, variant), edits)
        if text is not None:
            return {mistake.function: text.replace(f"def {variant}(", f"def {mistake.function}(")}
    raise AssertionError(mistake)
