"""The check of every number and flag, with its error messages."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

LARGEST = 2**63 - 1  # the largest 64-bit integer, sys.maxsize
_PLAIN_NUMBERS = frozenset({float, np.float16, np.float32, np.float64, np.int32, np.int64})


def real(
    name: str,
    value: Any,
    must: str = "",
    *,
    low: float = -math.inf,
    above: float = -math.inf,
    high: float = math.inf,
    below: float = math.inf,
    dtype: Any = np.float64,
    said: str = "is {}",
    such_as: str = "",
) -> float:
    """Accept a finite real number of Python or NumPy in [low, high] and above `above`, below `below`.

    In messages, `must` replaces the description of the interval, `said` the words "is ...", and `such_as` is
    a hint about values that are not numbers. The number must be finite in `dtype`.

    >>> real("momentum", 1, low=0, below=1)
    Traceback (most recent call last):
    ValueError: momentum is 1, but must be from 0 to less than 1
    """
    usual = value
    if type(value) is not float:
        entry = value.item() if type(value) is np.ndarray and value.ndim == 0 else value
        if type(entry) in _PLAIN_NUMBERS or (type(entry) is int and abs(entry) < 2**53):
            usual = float(entry)
    if type(usual) is float and abs(usual) < 1e38 and low <= usual <= high and above < usual < below:
        return usual  # in a tenth of the time of what follows
    number = _alone(value)
    if not is_number(number):
        raise TypeError(f"{name} {said.format(repr(value))}, but must be a number{such_as}")
    given = f"{name} {said.format(_shown(number))}"
    if isinstance(number, (float, np.floating)) and not np.isfinite(number):
        raise ValueError(f"{given}, but must be finite")
    try:
        result = float(number)  # a longdouble that is too large becomes inf
    except OverflowError:  # an int too large
        result = math.inf if number > 0 else -math.inf
    largest = float(np.finfo(dtype).max)
    if abs(result) > largest:
        raise ValueError(f"{given}, beyond the range of {np.dtype(dtype)}, which ends at {largest:.3g}")
    if not (low <= result <= high and above < result < below):
        raise ValueError(f"{given}, but must be {must or _interval(low, above, high, below)}")
    return result


def whole(name: str, value: Any, low: int, high: int = LARGEST) -> int:
    """Accept a whole number of Python or NumPy from `low` to `high`.

    >>> whole("epochs", 1.5, 0)
    Traceback (most recent call last):
    TypeError: epochs is 1.5, but must be a whole number
    """
    number = _alone(value)
    if not is_whole(number):
        raise TypeError(f"{name} is {value!r}, but must be a whole number")
    if number < low:
        raise ValueError(f"{name} is {_shown(number)}, but must be {low} or more")
    if number > high:
        raise ValueError(f"{name} is {_shown(number)}, but must be {high} or less")
    return int(number)


def flag(name: str, value: Any) -> bool:
    """Accept True and False.

    >>> flag("shuffle", "no")
    Traceback (most recent call last):
    TypeError: shuffle is 'no', but must be True or False
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} is {value!r}, but must be True or False")
    return bool(value)


def is_number(value: object) -> bool:
    """Return True for real numbers of Python and NumPy, but not for bool."""
    return isinstance(value, (float, np.floating)) or is_whole(value)


def is_whole(value: object) -> bool:
    """Return True for integers of Python and NumPy, but not for bool."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _alone(value: Any) -> Any:
    """Return the element of a 0-d array; return anything else as it is."""
    return value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value


def _shown(number: Any) -> str:
    """Return the number as text; an integer of many digits by its magnitude."""
    if isinstance(number, int) and number.bit_length() > 128:
        return f"about {'-' if number < 0 else ''}1e{number.bit_length() * math.log10(2):.0f}"
    return str(number)


def _interval(low: float, above: float, high: float, below: float) -> str:
    if math.isinf(min(high, below)):
        return f"{low:g} or more" if low > above else f"more than {above:g}"
    end = f"{high:g}" if high < below else f"less than {below:g}"
    if low > above:
        return f"from {low:g} to {end}"
    return f"more than {above:g}{', up to' if high < below else ' and'} {end}"
