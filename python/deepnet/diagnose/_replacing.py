"""A learner's functions call each other: these calls are led to other functions for a while."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ._running import code_of


def bare(function: Any) -> Any:
    """Return the function of a method or partial."""
    function = getattr(function, "func", function)
    return getattr(function, "__func__", function)


@contextlib.contextmanager
def replaced(
    functions: Mapping[str, Callable[..., Any]], by: Mapping[str, Callable[..., Any]]
) -> Iterator[None]:
    """Replace functions in the globals of all, and methods on their objects; put them back at the end."""
    undo: list[tuple[Any, str, Any, bool]] = []
    scopes = {id(f.__globals__): f.__globals__ for f in map(bare, functions.values()) if _has_globals(f)}
    owners = {id(f.__self__): f.__self__ for f in functions.values() if hasattr(f, "__self__")}
    try:
        for name, new in by.items():
            old = functions.get(name)
            if old is None:
                continue
            for scope in scopes.values():
                for key in [key for key, value in list(scope.items()) if value is old]:
                    undo.append((scope, key, old, True))
                    scope[key] = new
            for owner in owners.values():
                with contextlib.suppress(AttributeError, TypeError):
                    if bare(getattr(owner, name, None)) is bare(old):
                        had = name in vars(owner)
                        undo.append((owner, name, vars(owner).get(name), had))
                        setattr(owner, name, staticmethod(new) if isinstance(owner, type) else new)
        yield
    finally:
        for holder, key, value, had in reversed(undo):
            if isinstance(holder, dict):
                holder[key] = value
            elif had:
                setattr(holder, key, value)
            else:
                delattr(holder, key)


def tolerant(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return one of the lecture's functions that ignores arguments which only the learner's has."""
    known = inspect.signature(function).parameters

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        return function(*args[: len(known)], **{key: o for key, o in options.items() if key in known})

    return call


def _has_globals(function: Any) -> bool:
    return isinstance(getattr(function, "__globals__", None), dict)


def called_by(function: Any) -> set[str]:
    """Return the names that a function, and those defined in it, look up."""
    code = code_of(function)
    if code is None:
        return set()
    names, todo = set(), [code]
    while todo:
        code = todo.pop()
        names |= set(code.co_names)
        todo += [constant for constant in code.co_consts if hasattr(constant, "co_names")]
    return names
