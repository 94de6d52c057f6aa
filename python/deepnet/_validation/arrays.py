"""Checks of single arrays.

Every function takes the label by which the user knows the array. It returns an ndarray (not a subclass),
aligned and in native byte order, and copies only what is not so already. Advice in messages uses the last
word of the label as an expression: for ``caches[0]: W`` it is about ``W``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from deepnet._names import a as a
from deepnet.activations import Array

Shape = tuple[int, ...]
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def counted(n: int, noun: str) -> str:
    """Write "1 row", "2 rows", "2 entries"."""
    if n == 1:
        return f"1 {noun}"
    return f"{n} {noun.removesuffix('y')}ies" if noun.endswith("ry") else f"{n} {noun}s"


def expression(label: str) -> str:
    """Return the expression that advice about the array uses: the last word of its label."""
    return label.rsplit(" ", 1)[-1]


def has_examples(name: str) -> bool:
    """Whether the array has a column per example: not W, b and their gradients."""
    return not name.removeprefix("d").startswith(("W", "b"))


def anything(label: str, value: Any, rows: int | None = None) -> Array:
    """Accept arrays of any dtype and shape; for anything else, say how to make an array with these rows."""
    if type(value) is np.ndarray:
        return value
    name = expression(label)
    kind = type(value).__name__
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{label} is a masked array, but a network cannot skip entries: fill them, as in {name}.filled(0)"
        )
    if isinstance(value, np.matrix):
        raise TypeError(f"{label} is an np.matrix, for which * is the matrix product: np.asarray({name})")
    if isinstance(value, np.ndarray):
        return np.asarray(value)
    if value is None:
        raise TypeError(
            f"{label} is None, but must be a NumPy array; does the function that made it return it?"
        )
    if type(value).__module__.startswith("pandas"):
        columns = " with one column per example" if has_examples(name) else ""
        way_out = _from_pandas(name, value, rows)
        raise TypeError(f"{label} is a pandas {kind}, but must be a NumPy array{columns}: {way_out}")
    way_out = f": {name}.toarray()" if hasattr(value, "toarray") else ""
    converted = _converted(value)
    if not way_out and converted is not None and converted.ndim:
        way_out = f": np.array({name}, dtype=np.float64)"
    raise TypeError(f"{label} is {a(value)}, but must be a NumPy array{way_out}")


def _converted(value: Any) -> Array | None:
    """Return an array of numbers, or None if the value cannot be converted."""
    try:
        return np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None


def _from_pandas(name: str, value: Any, rows: int | None) -> str:
    """Return code that makes an array of numbers with one column per example."""
    shape = np.shape(value)
    dtype = "" if np.asarray(value).dtype.kind in "fiub" else "np.float64"
    selected = ""
    if dtype and len(shape) == 2 and _converted(value) is None:
        selected = '.select_dtypes("number")'  # leaves out columns of words
    transposed = ""
    if len(shape) == 1 and has_examples(name):  # df.iloc[0] is one example, df["column"] one feature of many
        transposed = (
            ".reshape(-1, 1)" if rows is not None and rows > 1 and shape == (rows,) else ".reshape(1, -1)"
        )
    elif len(shape) == 2 and has_examples(name) and (shape[0] != rows or shape[1] == rows):
        transposed = ".T"
    return f"{name}{selected}.to_numpy({dtype}){transposed}"


def directly_usable(array: Array) -> Array:
    """Copy an array that is misaligned or byte-swapped; return any other as it is."""
    if array.flags.aligned and array.dtype.isnative:
        return array
    return array.astype(array.dtype.newbyteorder("="))


def floats(label: str, value: Any) -> Array:
    """Accept float32 and float64 of any shape with at least one element."""
    array = anything(label, value)
    if array.dtype.newbyteorder("=") not in FLOATS:
        name = expression(label)
        way_out = (
            f"{name}.real.astype(np.float64)" if array.dtype.kind == "c" else f"{name}.astype(np.float64)"
        )
        if array.dtype == np.uint8:
            way_out += f", or {name} / 255 for pixels"
        raise TypeError(f"{label} is {array.dtype}, but must be float32 or float64: {way_out}")
    if array.size == 0:
        what = "zero examples" if array.ndim == 2 and array.shape[1] == 0 else "zero units"
        raise ValueError(f"{label} has shape {array.shape}: {what}")
    return directly_usable(array)


def matrix(label: str, value: Any) -> Array:
    """Accept float matrices: one row per unit, one column per example or per unit of the previous layer."""
    array = floats(label, value)
    if array.ndim != 2:
        hint = _into_two_dimensions(expression(label), array.ndim)
        raise ValueError(f"{label} has shape {array.shape}, but must have two dimensions{hint}")
    return array


def _into_two_dimensions(name: str, ndim: int) -> str:
    row, column = f"{name}.reshape(1, -1)", f"{name}.reshape(-1, 1)"
    if ndim == 1 and name == "AL":
        return f": {row} is one output unit"
    if ndim == 1 and has_examples(name):
        return f": {column} is one example, {row} one feature of many examples"
    if ndim == 1:
        return f": {row} is one unit, {column} are the units of one input"
    if ndim > 2 and name in ("X", "A", "A_prev"):
        return f": {name}.reshape(len({name}), -1).T makes one column per example"
    return ""


def bias(label: str, value: Any, W_label: str, W: Array) -> Array:
    """Accept the (n, 1) column that belongs to W."""
    b, shape = floats(label, value), (W.shape[0], 1)
    if b.shape == shape:
        return b
    way_out = f", one row per unit: {expression(label)}.reshape(-1, 1)" if b.size == W.shape[0] else ""
    rows = counted(W.shape[0], "row")
    raise ValueError(f"{label} has shape {b.shape}, but {W_label} has {rows}: must be {shape}{way_out}")


def shaped(label: str, value: Any, shape: Shape, why: str) -> Array:
    """Accept float arrays of exactly this shape; `why` says where the shape comes from."""
    array = floats(label, value)
    if array.shape != shape:
        transposed = array.ndim == 2 and array.shape[::-1] == shape
        hint = f"; transposed? {expression(label)}.T" if transposed else ""
        if array.ndim == 1 and shape in ((1, array.size), (array.size, 1)):
            hint = f"; {expression(label)}.reshape{(1, -1) if shape[0] == 1 else (-1, 1)}"
        raise ValueError(f"{label} has shape {array.shape}, but must be {shape}: {why}{hint}")
    return array


def one_dtype(arrays: dict[str, Array]) -> None:
    """Refuse a mix of float32 and float64; the first array has the expected dtype."""
    (first, reference), *others = arrays.items()
    for label, array in others:
        if array.dtype != reference.dtype:
            raise TypeError(
                f"{label} is {array.dtype}, but {first} is {reference.dtype}: use one dtype, "
                f"as in {expression(label)}.astype(np.{reference.dtype})"
            )


def probabilities(name: str, array: Array) -> None:
    """Refuse entries outside [0, 1], but not nan; reductions allocate nothing as large as the array."""
    if bool(np.fmin.reduce(array, axis=None) >= 0) and bool(np.fmax.reduce(array, axis=None) <= 1):
        return
    bad = (array < 0) | (array > 1)
    if bad.any():
        where = np.unravel_index(int(np.argmax(bad)), array.shape)
        index = ", ".join(str(i) for i in where)
        raise ValueError(f"{name}[{index}] is {array[where]}, but probabilities must lie in [0, 1]")
