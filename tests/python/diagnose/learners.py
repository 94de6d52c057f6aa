"""Learners for the tests: the lecture's functions, some of them replaced by edited ones."""

from functools import cache

from deepnet.diagnose._checks import COURSES
from deepnet.diagnose.catalogue.mistake import edited, source_of

LOOPS = ("two_layer_model", "L_layer_model")  # they take half of the time


@cache
def code(text):
    return compile(text, "<learner>", "exec")


def learner(course, edits, *, loops=False):
    """Return a learner's functions, which call each other; `edits` maps some to their source text.

    Training loops are left out unless they are asked for or edited.
    """
    lecture, stages = COURSES[course].lecture, COURSES[course].stages
    scope = dict(vars(lecture))
    own = [name for name, f in scope.items() if getattr(f, "__module__", "") == lecture.__name__]
    for name in own:
        exec(code(edits[name] if name in edits else source_of(lecture, name)), scope)
    return {name: scope[name] for name in stages if loops or name in edits or name not in LOOPS}


def with_mistake(course, mistake, way=0):
    """Return the source text of the function with a mistake, by function."""
    stage = COURSES[course].stages[mistake.function]
    edits = mistake.ways()[way]
    for variant in stage.variants or (mistake.function,):
        text = edited(source_of(COURSES[course].lecture, variant), edits)
        if text is not None:
            return {mistake.function: text.replace(f"def {variant}(", f"def {mistake.function}(")}
    raise AssertionError(mistake)
