"""Entries by name: the one lookup, and what it says about a name that is not known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

Entry = TypeVar("Entry")


def find(kind: str, name: Any, known: Mapping[str, Entry], *, also: tuple[str, ...] = ()) -> Entry:
    """Return the entry called `name`; a ValueError lists the known names and the nearest match.

    `also` are names that the caller has dealt with before. Near are also beginnings ("he") and initials.

    >>> find("fruit", "aple", {"apple": 1, "pear": 2}, also=("any",))
    Traceback (most recent call last):
    ValueError: unknown fruit 'aple': did you mean 'apple'? Known are any, apple, pear
    """
    try:
        return known[name]
    except (KeyError, TypeError):
        pass
    import difflib  # only for this message: importing it costs more than the modules that look up

    given, names = str(name).lower(), [*also, *known]
    nearest = difflib.get_close_matches(given, names, n=1) or [
        other
        for other in names
        if given and (other.startswith(given) or given == "".join(word[0] for word in other.split("_")))
    ]
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    raise ValueError(f"unknown {kind} {name!r}: {hint}Known are {', '.join(names)}")
