"""Looking up an entry by its name, with an error that suggests the nearest one."""

from __future__ import annotations

from collections.abc import Mapping
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
    import difflib  # imported here, since it takes longer to import than the modules that use this

    given, names = str(name).lower(), [*also, *known]
    nearest = (
        [synonyms[given]]
        if given in synonyms
        else difflib.get_close_matches(given, names, n=1)
        or [
            other
            for other in names
            if given and (other.startswith(given) or given == "".join(word[0] for word in other.split("_")))
        ]
    )
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    raise ValueError(f"unknown {kind} {name!r}: {hint}Known are {', '.join(names)}")
