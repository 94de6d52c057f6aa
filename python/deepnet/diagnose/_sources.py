"""The functions to check: from modules, namespaces, lists of functions, classes and objects."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def functions_of(source: Any, known: Iterable[str], names: Mapping[str, str] | None) -> dict[str, Any]:
    """Return the functions under the course's names; `names` maps these to the learner's."""
    renamed = dict(names or {})
    unknown = sorted(set(renamed) - set(known))
    if unknown:
        raise ValueError(f"names has {', '.join(map(repr, unknown))}, which the course does not have")
    find = _finder(source)
    found = {}
    for name in known:
        function = find(renamed.get(name, name))
        if callable(function):
            found[name] = function
        elif name in renamed:
            raise ValueError(f"names says that {name} is {renamed[name]!r}, which is not there")
    return found


def in_order(function: Callable[..., Any], arguments: tuple[str, ...]) -> tuple[Callable[..., Any], str]:
    """Return a function that takes the course's arguments in the course's order, and a remark, or "".

    A function with the course's names in another order, or with some of them only, gets them by name.
    """
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return function, ""
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = [key for key, p in parameters.items() if p.kind in by_name]
    required = [key for key in names if parameters[key].default is inspect.Parameter.empty]
    if len(names) != len(parameters) or not required or not set(required) <= set(arguments):
        return function, ""
    taken = [key for key in names if key in arguments]
    if taken == list(arguments[: len(taken)]) and len(required) <= len(taken):
        is_short = len(taken) < len(arguments)
        if not is_short or len(names) > len(taken):
            return function, ""

    @functools.wraps(function)
    def call(*given: Any) -> Any:
        passed = dict(zip(arguments, given, strict=False))
        return function(**{key: passed[key] for key in taken if key in passed})

    own = ", ".join(names)
    return call, f"It takes ({own}), where the course's has ({', '.join(arguments)})"


def _finder(source: Any) -> Callable[[str], Any]:
    """Return a function that finds what has a name in `source`, or None."""
    if isinstance(source, (str, os.PathLike)):
        raise TypeError(
            f"source is {source!r}, a name: a file or notebook is checked by deepnet.diagnose.diagnose_file"
        )
    if isinstance(source, Mapping):
        return lambda name: source.get(name)
    if isinstance(source, (list, tuple, set, frozenset)):
        for item in source:
            if not callable(item) or not hasattr(item, "__name__"):
                raise TypeError(f"the list has {item!r}, which is no function with a name")
        by_name = {item.__name__: item for item in source}
        return by_name.get
    if callable(source) and hasattr(source, "__name__") and not isinstance(source, type):
        only = {source.__name__: source}
        return only.get
    return lambda name: getattr(source, name, None)
