"""Labels: one check for all losses, used by Network and by the step-by-step functions.

A loss names its label rule (:attr:`deepnet.losses.Loss.label_rule`); this module holds the rules. Labels are
scanned in parts, so that a check of 10^8 labels needs little memory and answers Ctrl-C between two parts.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from deepnet.activations import Array
from deepnet.losses import Loss

from .arrays import a, anything, counted, directly_usable

DIRECT = tuple(map(np.dtype, ("f4", "f8", "f2", "u1", "?", "i1", "i4", "i8", "longlong")))
PART = 2**18  # labels scanned at a time
SHARE_TOLERANCE = 1e-3  # of a sum of shares: three times 0.333 is good; two classes, or none, are not
MANY = 1000  # more distinct labels than this are quantities, not classes


def check(
    name: str,
    value: Any,
    shape: tuple[int, int],
    loss: Loss | None,
    *,
    of: str = "",
    dtype: np.dtype[Any] | None = None,
) -> Array:
    """Return the labels as an array (n_L, m), or (1, m) for a loss that takes class numbers.

    Parameters
    ----------
    name, value
        The argument.
    shape : (n_L, m)
        Outputs and examples. One output also takes (m,) and (m, 1), one example also (n_L,).
    loss : Loss or None
        Whose rule the labels must follow; None: any finite numbers.
    of : str
        What has that shape, in messages; "the network (...)" by default.
    dtype : dtype, optional
        Convert the labels to it, unless they are class numbers. By default the result is a view of the
        caller's array, whose dtype the engine must be able to read.
    """
    rule = "finite" if loss is None else loss.label_rule
    Y = _numbers(name, value, shape, rule, direct=dtype is None)
    if rule == "classes":
        view = _class_numbers(name, Y, shape)
    else:
        view = _one_row_per_output(name, Y, shape, loss, of)
    _obey(name, view, shape[0], rule, of)
    if dtype is None:
        return view.view()  # keeps its shape if the caller's array gets another
    if rule == "classes":
        return directly_usable(view)
    with np.errstate(over="ignore"):
        converted = directly_usable(view.astype(dtype, copy=False))
    if rule == "finite" and converted is not view:
        _obey(name, converted, shape[0], rule, of)  # beyond the range of float32
    return converted


def compared(name: str, value: Any, shape: tuple[int, int]) -> Array:
    """Return the labels to compare a prediction of this shape with, as in ``np.sum((p == y) / m)``.

    Accepts any array-like of numbers; for one output also (m,), (m, 1), and a single label.
    """
    if value is None or isinstance(value, np.ma.MaskedArray):
        anything(name, value)  # raises
    try:
        y = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} is a list of lists of different lengths, but must be an array") from None
    y = _numbers(name, y, shape, "finite", direct=False)
    if shape[0] == 1 and (y.size == 1 or (y.size == shape[1] and y.shape[-1] == shape[1])):
        return np.broadcast_to(y.reshape(-1), shape)
    return _one_row_per_output(name, y, shape, None, "the prediction")


# --- the kind of array --------------------------------------------------------------------------------------


def _numbers(name: str, value: Any, shape: tuple[int, int], rule: str, *, direct: bool) -> Array:
    """Accept arrays of numbers; `direct`: of a dtype that the engine reads."""
    if type(value) is not np.ndarray:
        given = _as_array(value)
        if given.dtype.kind in "USOT" and given.ndim:
            raise _not_numbers(name, f"np.asarray({name})", given, shape, rule, a(value))
        return _numbers(name, anything(name, value, shape[0]), shape, rule, direct=direct)
    kind = value.dtype.kind
    if kind in "USOT":
        raise _not_numbers(name, name, value, shape, rule, str(value.dtype))
    if kind in "buif" and (not direct or value.dtype in DIRECT):
        return value
    if kind == "c":
        way_out = f": {name}.real"
    elif kind in "ui" or (kind == "b" and not value.dtype.isnative):
        way_out = f": {name}.astype(np.int64)"
    elif kind in "fmM":
        way_out = f": {name}.astype(np.float64)"
    else:
        way_out = ""
    byte_order = "" if value.dtype.isnative else "byte-swapped "
    expected = "bool, int8, int32, int64, uint8 or a float" if direct else "bool, integers or floats"
    native = value.dtype.newbyteorder("=")
    raise TypeError(f"{name} is {byte_order}{native}, but must be {expected}{way_out}")


def _as_array(value: Any) -> Array:
    try:
        return np.asarray(value)
    except ValueError:  # lists of different lengths
        return np.array(None)


def _not_numbers(name: str, array: str, Y: Array, shape: tuple[int, int], rule: str, given: str) -> TypeError:
    """Describe labels that are words, or numbers stored as objects or text; `array` is code for an array."""
    try:
        as_numbers = Y.astype(np.float64)
    except (TypeError, ValueError):
        as_numbers = None
    if as_numbers is not None and (rule in ("numbers", "finite") or _fits(as_numbers, shape, rule)):
        return TypeError(f"{name} is {given}, but labels must be numbers: {array}.astype(np.float64)")
    words, numbers = f"{name} is {given} with entries", "labels must be numbers"
    try:
        count, first = _distinct(Y)
    except TypeError:  # entries that cannot be sorted, such as words and nan
        kinds = " and ".join(sorted({type(entry).__name__ for entry in Y.reshape(-1)[:PART].tolist()}))
        return TypeError(
            f"{words} of {kinds}, but {numbers}: leave out examples without a label, and number the words"
        )
    shown = ", ".join(repr(entry) for entry in first) + (", ..." if count > 3 else "")
    wanted = ""
    if rule == "probabilities" and shape[0] == 1 and count > 2:
        wanted = f"; {count} classes need {count} outputs and output='softmax'"
    elif rule == "classes" and count > shape[0]:
        wanted = f"; {count} classes need {count} outputs"
    return TypeError(f"{words} of {shown}, but {numbers}: np.unique({name}, return_inverse=True)[1]{wanted}")


def _distinct(Y: Array) -> tuple[int, list[Any]]:
    """Return the number of distinct entries and the three smallest; in steps that Ctrl-C can come between."""
    distinct: set[Any] = set()
    for first in range(0, Y.size, PART):
        distinct.update(Y.flat[first : first + PART].tolist())
    return len(distinct), heapq.nsmallest(3, distinct)


# --- the shape ----------------------------------------------------------------------------------------------


def _one_row_per_output(name: str, Y: Array, shape: tuple[int, int], loss: Loss | None, of: str) -> Array:
    units, m = shape
    if Y.shape == shape:
        return Y
    if (units == 1 and Y.shape in ((m,), (m, 1))) or (m == 1 and Y.shape == (units,)):
        return Y.reshape(shape) if Y.ndim == 1 else Y.T
    whose = of or f"the network ({counted(units, 'output')}, {counted(m, 'example')})"
    hint = _into_shape(name, Y, shape, loss, of)
    raise ValueError(f"{name} has shape {Y.shape}, but {whose} has {shape}{hint}")


def _into_shape(name: str, Y: Array, shape: tuple[int, int], loss: Loss | None, of: str) -> str:
    units, m = shape
    if Y.ndim == 2 and Y.shape[::-1] == shape:
        return f"; transposed? {name}.T"
    if Y.size != m or m == 0:
        return ""
    if units == 1:
        return f"; {name}.reshape(1, -1)"
    values = distinct(Y.reshape(1, -1))
    if values is None or len(values) > units or (np.floor(values) != values).any():
        return ""
    index = f"{name}.ravel()" if Y.dtype.kind in "ui" else f"{name}.ravel().astype(int)"
    if not np.isin(values, np.arange(units)).all():
        index = f"np.unique({name}, return_inverse=True)[1].ravel()"
    hint = f"; {units} outputs want one-hot columns: np.eye({units})[:, {index}]"
    if values[-1] <= 1:
        hint += "; labels of 0 and 1 need only 1 output"
    if of == "":
        softmax = loss is not None and loss.activation == "softmax"
        way = "loss='sparse_categorical_cross_entropy'" if softmax else "output='softmax'"
        hint += f"; class numbers go with {way}"
    return hint


def _class_numbers(name: str, Y: Array, shape: tuple[int, int]) -> Array:
    units, m = shape
    view = Y[np.newaxis, :] if Y.shape == (m,) else Y.T if Y.shape == (m, 1) else Y
    if view.shape == (1, m):
        return view
    hint = ""
    if Y.shape == shape:
        hint = "; one-hot columns go with loss='categorical_cross_entropy'"
    elif Y.shape == (m, units):
        hint = f"; one-hot rows: {name}.argmax(axis=1)"
    elif Y.size == m:
        hint = f": {name}.reshape(1, -1)"
    raise ValueError(
        f"{name} has shape {Y.shape}, but class numbers must have shape {(m,)} or {(1, m)}{hint}"
    )


# --- the rules ----------------------------------------------------------------------------------------------

# Whether each label is good; the argument is a part of Y and the number of outputs.
_GOOD: dict[str, Callable[[Array, int], Array]] = {
    "finite": lambda Y, _: np.isfinite(Y),
    "probabilities": lambda Y, _: (Y >= 0) & (Y <= 1),
    "shares": lambda Y, _: (Y >= 0) & (Y <= 1),
    "classes": lambda Y, units: (Y >= 0) & (units > Y) & (np.floor(Y) == Y),
    "counts": lambda Y, _: (Y >= 0) & (np.inf > Y),
}
_EXPECTED = {
    "finite": "labels must be finite",
    "probabilities": "labels must lie in [0, 1]",
    "shares": "labels must lie in [0, 1]",
    "classes": "classes must be whole numbers from 0 to {last}",
    "counts": "counts must be finite, and 0 or more",
}


def _obey(name: str, Y: Array, units: int, rule: str, of: str) -> None:
    """Raise the error that names the first label that breaks the rule."""
    if rule == "numbers":
        return
    for first, part in parts(Y):
        good = _GOOD[rule](part, units)
        if not good.all():
            i, j = np.unravel_index(int(np.argmin(good)), good.shape)
            entry, expected = part[i, j], _EXPECTED[rule].format(last=units - 1)
            hint = _into_range(name, Y, units, rule, of) if np.isfinite(entry) else ""
            index = f"{first + j}" if rule == "classes" else f"{i}, {first + j}"
            raise ValueError(f"{name}[{index}] is {entry}, but {expected}{hint}")
        if rule == "shares":
            _sum_to_one(name, part, first)


def _sum_to_one(name: str, part: Array, first: int) -> None:
    sums = part.sum(axis=0, dtype=np.float64)
    good = np.abs(sums - 1) <= SHARE_TOLERANCE
    if good.all():
        return
    j = int(np.argmin(good))
    hint = "for a single output use output='sigmoid'" if len(part) == 1 else "one-hot columns do"
    raise ValueError(
        f"{name}[:, {first + j}] sums to {sums[j]:g}, but the labels of an example must sum to 1 for a "
        f"softmax output: {hint}; labels that do not exclude each other go with output='sigmoid'"
    )


def _into_range(name: str, Y: Array, units: int, rule: str, of: str) -> str:
    """Advice that turns common codings of classes (-1 and 1; 1 to K) into labels that the rule accepts."""
    values = distinct(Y)
    regression = "; for quantities use output='identity'"
    if values is None:
        return regression
    count, low, high = len(values), values[0], values[-1]
    whole = bool((np.floor(values) == values).all())
    if rule == "probabilities":
        if count == 2:
            return f"; for two classes: {name} == {high:g}"
        if whole and units == 1 and count > 2:
            numbered = f", numbered by np.unique({name}, return_inverse=True)[1]" if low != 0 else ""
            return f"; {count} classes need {count} outputs and output='softmax'{numbered}{regression}"
        if whole and low >= 0 and high <= 255:
            return f"; for pixels: {name} / 255"
        return regression
    if rule == "shares":
        return f"; for one-hot columns: {name} == {high:g}" if count == 2 else ""
    if rule == "classes":
        if count > units:
            return f"; {name} has {count} classes, but {of or 'the network'} has {counted(units, 'output')}"
        if whole and low != 0 and high - low < units:
            shift = f"- {low:g}" if low > 0 else f"+ {-low:g}"
            return f"; number the classes from 0: {name} {shift}"
        return f"; number the classes from 0: np.unique({name}, return_inverse=True)[1]"
    return ""


def _fits(Y: Array, shape: tuple[int, int], rule: str) -> bool:
    """Return whether these numbers follow the rule, whatever their shape."""
    return bool(_GOOD[rule](Y, shape[0]).all())


# --- scans --------------------------------------------------------------------------------------------------


def parts(Y: Array) -> Iterator[tuple[int, Array]]:
    """Yield (number of the first example, its columns and the next ones): about PART labels each."""
    step = max(1, PART // max(1, len(Y)))
    for first in range(0, Y.shape[1], step):
        yield first, Y[:, first : first + step]


def distinct(Y: Array, most: int = MANY) -> Array | None:
    """Return the sorted distinct labels, or None if there are more than `most`, or one is nan or infinite."""
    values: Array | None = None
    for _, part in parts(Y):
        new = np.unique(part)
        values = new if values is None else np.union1d(values, new)
        if len(values) > most:
            return None
    return values if values is not None and np.isfinite(values).all() else None
