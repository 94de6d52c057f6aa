"""Looking up an entry by its name, with an error that suggests the nearest one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

Entry = TypeVar("Entry")


def find(
    kind: str,
    name: Any,
    known: Mapping[str, Entry],
    *,
    also: tuple[str, ...] = (),
    synonyms: Mapping[str, str] = MappingProxyType({}),
) -> Entry:
    """Return the entry called `name`; a ValueError lists the known names and the nearest match.

    `also` lists further names that the caller accepts, `synonyms` names of entries in other libraries. A
    prefix ("he") and initials ("mse") match, too.

    >>> find("fruit", "aple", {"apple": 1, "pear": 2}, also=("any",))
    Traceback (most recent call last):
    ValueError: unknown fruit 'aple': did you mean 'apple'? Known are any, apple, pear
    """
    try:
        return known[name]
    except (KeyError, TypeError):
        pass
    names = [*also, *known]
    match = nearest(str(name), names, synonyms)
    hint = f"did you mean {match!r}? Known" if match else "known"
    raise ValueError(f"unknown {kind} {name!r}: {hint} are {', '.join(names)}")


def nearest(
    name: str,
    names: Iterable[str],
    synonyms: Mapping[str, str] = MappingProxyType({}),
    cutoff: float = 0.6,
    short: bool = True,
) -> str | None:
    """Return the one of `names` that is most like `name`, if any is like it.

    `short`: names that begin with `name`, or abbreviate to it, are like it.

    >>> nearest("mse", ["huber", "mean_squared_error"])
    'mean_squared_error'
    """
    import difflib  # imported here, since it takes longer to import than the modules that use this

    given, names = name.lower(), list(names)
    if given in synonyms:
        return synonyms[given]
    lower = {other.lower(): other for other in reversed(names)}
    close = difflib.get_close_matches(given, lower, n=1, cutoff=cutoff)
    if close:
        return lower[close[0]]
    if not short:
        return None
    longer = (
        other
        for other in names
        if given and (other.startswith(given) or given == "".join(word[0] for word in other.split("_")))
    )
    return next(longer, None)


def a(value: object) -> str:
    """Name the type of a value, with its article: "a list", "an int"."""
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeioAEIO' or name == 'ndarray' else 'a'} {name}"
