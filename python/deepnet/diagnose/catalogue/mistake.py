"""One known mistake: how it is made, and what a learner is told."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

Edit = tuple[str, str]  # text of the lecture's function, and what is written instead


@dataclass(frozen=True)
class Mistake:
    """A known mistake in one function.

    Attributes
    ----------
    function : str
        The course's name of the function.
    name : str
        Short and unique within the function.
    edits : tuple of (str, str), or tuple of such tuples
        What to replace in the text of the lecture's function to make the mistake. Several tuples are several
        ways to make the same mistake.
    explanation : str
        One or two sentences: what the function does, and why that is wrong.
    hints : tuple of three str
        Where to look, what to ask oneself, and nearly the answer; never the corrected line.
    formula : str
        The lecture's formula; by default the function's.
    """

    function: str
    name: str
    edits: tuple[Edit, ...] | tuple[tuple[Edit, ...], ...]
    explanation: str
    hints: tuple[str, str, str]
    formula: str = ""

    def ways(self) -> tuple[tuple[Edit, ...], ...]:
        """Return the edits of each way to make the mistake."""
        several = isinstance(self.edits[0][0], tuple)
        return self.edits if several else (self.edits,)  # type: ignore[return-value]  # by `several`

    def injected(self, lecture: ModuleType, variants: tuple[str, ...] = ()) -> Iterator[Callable[..., Any]]:
        """Yield the lecture's function with the mistake: each way, in each variant that has the text."""
        for edits in self.ways():
            made = False
            for variant in variants or (self.function,):
                text = edited(source_of(lecture, variant), edits)
                if text is not None:
                    made = True
                    yield compiled(text, lecture, variant)
            if not made:
                raise ValueError(f"{self.function}, {self.name!r}: the lecture's function has no such text")


@cache
def source_of(lecture: ModuleType, function: str) -> str:
    """Return the text of one function of the lecture."""
    return textwrap.dedent(inspect.getsource(getattr(lecture, function)))


def edited(text: str, edits: tuple[Edit, ...]) -> str | None:
    """Replace all occurrences of each text, one after the other; None if one does not occur."""
    for old, new in edits:
        if old not in text:
            return None
        text = text.replace(old, new)
    return text


def compiled(text: str, lecture: ModuleType, function: str) -> Callable[..., Any]:
    """Return the function of the text; it calls the lecture's other functions."""
    scope = dict(vars(lecture))
    exec(compile(text, f"<{function}, edited>", "exec"), scope)
    result: Callable[..., Any] = scope[function]
    return result
