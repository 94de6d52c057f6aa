"""All known mistakes. To add one, add an entry to one of the modules; the tests inject and diagnose it."""

from . import activations, layers, networks, second_course, training
from .mistake import Mistake as Mistake

MISTAKES: dict[str, tuple[Mistake, ...]] = {
    "c1w4": (*activations.MISTAKES, *layers.MISTAKES, *networks.MISTAKES, *training.MISTAKES),
    "c2": second_course.MISTAKES,
}


def known_mistakes(course: str, function: str) -> tuple[Mistake, ...]:
    """Return the mistakes of one function."""
    return tuple(mistake for mistake in MISTAKES[course] if mistake.function == function)
