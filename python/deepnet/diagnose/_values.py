"""Arguments and results: copied, walked through, and compared byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def copied(value: Any) -> Any:
    """Copy arrays, dicts, lists and tuples; everything else is passed on."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if type(value) is dict:
        return {key: copied(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(copied(item) for item in value)
    return value


def arrays_in(value: Any, name: str) -> Iterator[tuple[str, Array]]:
    """Yield each array with where it is: ``cache[0][1]``, ``parameters['W1']``."""
    if isinstance(value, np.ndarray):
        yield name, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from arrays_in(item, f"{name}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from arrays_in(item, f"{name}[{i}]")


def is_same(before: Any, after: Any) -> bool:
    """Whether two values have the same structure and the same bytes."""
    if isinstance(before, np.ndarray):
        return (
            isinstance(after, np.ndarray)
            and before.shape == after.shape
            and before.dtype == after.dtype
            and before.tobytes() == after.tobytes()
        )
    if isinstance(before, dict):
        return (
            isinstance(after, dict)
            and before.keys() == after.keys()
            and all(is_same(item, after[key]) for key, item in before.items())
        )
    if isinstance(before, (list, tuple)):
        return (
            type(before) is type(after)
            and len(before) == len(after)
            and all(is_same(a, b) for a, b in zip(before, after, strict=True))
        )
    return before is after or bool(before == after)


def as_array(value: Any) -> Array | None:
    """Return an array of numbers, also for a tensor, a list or a number; None for anything else."""
    if isinstance(value, np.ndarray):
        return value if value.dtype.kind in "biuf" else None
    if value is None or isinstance(value, (str, bytes, dict)):
        return None
    try:
        array = np.asarray(value)
    except Exception:  # a tensor on another device, a ragged list, an object of the learner's
        return None
    return array if array.dtype.kind in "biuf" else None


def shown(value: Any, most: int = 24, precision: int = 4) -> str:
    """Print a small array with some digits after the point, and of a large one the shape."""
    array = as_array(value)
    if array is None:
        try:
            text = repr(value)
        except Exception:
            text = f"a {type(value).__name__}"
        return text if len(text) <= 80 else text[:77] + "..."
    if array.size > most:
        return f"an array of shape {array.shape}"
    plain = bool(np.any(np.abs(array.astype(float)) > 0.01))  # else all would be 0.00
    return np.array2string(
        array, precision=precision, suppress_small=plain, separator=", ", max_line_width=100
    )
