"""Checks of arguments that several networks have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Once:
    """Calls a function once for the same arguments, and remembers what it returned.

    Networks that are trained side by side so share what is made of their data. Arguments are the same if they
    are the same object, or equal numbers or strings.
    """

    def __init__(self) -> None:
        self._known: dict[Any, tuple[Any, Any]] = {}

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return ``function(*arguments)``."""
        key = (function, *map(_key, arguments))
        if key not in self._known:
            self._known[key] = arguments, function(*arguments)  # alive, the arguments keep their ids
        return self._known[key][1]


def _key(argument: Any) -> Any:
    if type(argument) in (int, str):
        return argument
    if type(argument) is tuple and all(type(part) is int for part in argument):
        return argument
    return "id", id(argument)  # no tuple of numbers
