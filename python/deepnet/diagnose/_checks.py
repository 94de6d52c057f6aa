"""Every function of a course, checked in the order in which the course introduces them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .findings import Report

FUNCTIONS: dict[str, tuple[str, ...]] = {"c1w4": (), "c2": ()}


def check_functions(
    functions: Mapping[str, Callable[..., Any]], *, course: str = "c1w4", only: Iterable[str] | None = None
) -> Report:
    """Check functions under the course's names."""
    return Report((), tuple(functions), tuple(set(FUNCTIONS[course]) - set(functions)))
