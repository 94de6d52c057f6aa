"""Inputs and outputs of a network: views of the caller's arrays, which may be too large to copy."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from deepnet._numbers import is_whole
from deepnet.activations import Array

from . import tables
from .arrays import _into_two_dimensions, a, anything, counted
from .labels import PART
from .sparse import first_not_finite as first_not_finite_of_sparse
from .sparse import in_order, is_sparse
from .tables import INPUTS


def inputs(value: Any, units: int) -> Any:
    """Accept X (n_0, m) of a dtype that the engine reads, or a frame (m, n_0) of any numbers.

    X may be sparse; then it becomes a CSC matrix.
    """
    if tables.is_table(value):
        X = tables.inputs(value, units)
    elif is_sparse(value):
        X = value
    elif hasattr(value, "tocsc"):
        raise TypeError(f"X is {a(value)}, but must be a NumPy array or a CSC matrix: X.tocsc()")
    else:
        way_out = tables.no_data(value)
        if way_out:
            raise TypeError(f"X is {a(value)}, but must be a NumPy array or a frame: {way_out}")
        X = anything("X", value, units)
    if X.dtype not in INPUTS:
        raise TypeError(
            f"X is {_kind(X)}, but must be float32, float64, float16 or uint8: {_way_out('X', X)}"
        )
    if X.ndim != 2:
        hint = _into_two_dimensions("X", X.ndim)
        raise ValueError(f"X has shape {X.shape}, but must have two dimensions{hint}")
    if X.shape[0] != units:
        transposed = "; one column per example: X.T?" if X.shape[1] == units else ""
        rows = counted(X.shape[0], "row")
        raise ValueError(f"X has {rows}, but the network has {counted(units, 'input')}{transposed}")
    if X.shape[1] == 0:
        raise ValueError(f"X has shape {X.shape}: zero examples")
    return in_order("X", X, "csc") if is_sparse(X) else X.view()  # its own shape, whatever the caller's gets


SEEN = 256  # examples whose size is measured
SMALL, LARGE = 0.01, 100.0  # sizes that spoil training: see docs/guide.md


def unusual_size(X: Any, scale: float) -> tuple[int, float] | None:
    """Return a row of a dense X, a feature, of very large values, or one if all are very small, and its size.

    The size is the root of the mean square of some hundred examples. On three tables, a single feature of
    size 100 took 0.03 to 0.7 of the test score with SGD or Adam, and more the larger it was; with all of size
    0.01, SGD learned nothing.
    """
    if is_sparse(X):
        return None
    seen = _seen(X)
    if not np.isfinite(seen).all():
        return None  # training says so
    size = np.sqrt(np.einsum("ij,ij->i", seen, seen) / seen.shape[1]) * abs(scale)
    row = int(size.argmax())
    largest = float(size[row])
    return (row, largest) if largest > LARGE or 0 < largest < SMALL else None


def _seen(X: Array) -> Array:
    """Return the examples whose size is measured."""
    count = max(16, min(SEEN, 2**16 // len(X)))
    part: Array = X[:, :: max(1, X.shape[1] // count)][:, :count].astype(np.float64)
    return part


def warn_of_size(X: Any, scale: float, stacklevel: int, given: Any = None) -> None:
    """Warn if a row of X, which was read from `given`, has very large values, or all have very small ones."""
    found = unusual_size(X, scale)
    if found is None:
        return
    row, largest = found
    names = tables.names(given)
    # Without the figure it is the same text for the next fold, too, and Python shows it once.
    what = f"row {row} of X has" if names is None else f"the column {names[row]!r} of X has"
    what = f"{what} values of size above {LARGE:g}"
    if largest < SMALL:
        what = f"all {'rows' if names is None else 'columns'} of X have values of size below {SMALL:g}"
    way_out = "X = (X - X.mean(axis=1, keepdims=True)) / (X.std(axis=1, keepdims=True) + 1e-6)"
    if names is not None:
        way_out = "X = (X - X.mean()) / (X.std() + 1e-6)"
        if not hasattr(given, "iloc"):  # of polars
            way_out = "X = X.select((polars.all() - polars.all().mean()) / (polars.all().std() + 1e-6))"
    if X.dtype == np.uint8 and scale == 1 and np.sqrt(np.median(np.mean(_seen(X) ** 2, axis=1))) > LARGE / 4:
        way_out = "for pixels, input_scale=1 / 255"
    warnings.warn(
        f"{what}, but networks learn well from inputs of size 1 only, "
        f"scaled in the same way to train and to predict: {way_out}",
        stacklevel=stacklevel + 1,
    )


def warn_of_square(X: Any, Y: Any, stacklevel: int) -> None:
    """Warn if X has as many examples as features, and Y does not tell whether they are its columns."""
    if not isinstance(X, np.ndarray) or X.shape[0] != X.shape[1] or len(X) == 1:
        return  # rows are examples in a frame
    if Y.shape in ((len(X),), (len(X), 1)):
        warnings.warn(
            f"X has shape {X.shape}, and its columns are taken as the examples. If they are its rows: X.T; "
            "if not, Y.reshape(1, -1) says so",
            stacklevel=stacklevel + 1,
        )


def finite(X: Any, dtype: np.dtype[Any], scale: float, given: Any) -> None:
    """Raise the error that names the first entry that is nan or infinite; `given` is what X was read from."""
    found = first_not_finite("X", X, dtype, scale, names=tables.names(given))
    if found is not None:
        raise ValueError(f"{found}, but must be finite")


def finite_outputs(AL: Array) -> None:
    """Raise the error that names the first output that is nan or infinite."""
    found = first_not_finite("AL", AL, AL.dtype, 1.0)
    if found is not None:
        raise ValueError(f"{found}, though X is finite: the parameters hold nan or inf, or are too large")


def _kind(array: Array) -> str:
    return str(array.dtype) if array.dtype.isnative else f"byte-swapped {array.dtype.newbyteorder('=')}"


def _way_out(name: str, array: Array) -> str:
    if not array.dtype.isnative:
        return f'{name}.astype({name}.dtype.newbyteorder("="))'
    if array.dtype == bool:
        return f"{name}.astype(np.uint8)" if is_sparse(array) else f"{name}.view(np.uint8)"
    if array.dtype.kind == "c":
        return f"{name}.real"
    return f"{name}.astype(np.float32)"


def chosen(name: str, value: Any, m: int) -> Array | None:
    """Accept None for all m columns of X, their numbers, or an array of m bools; return the numbers."""
    if value is None:
        return None
    expected = "must be an array of column numbers of X, or of bools"
    try:
        given = np.asarray(value) if isinstance(value, (list, range)) else tables.labels(name, value)
    except ValueError:
        raise TypeError(f"{name} is a list of entries of different lengths, but {expected}") from None
    if not isinstance(given, np.ndarray) or isinstance(given, np.ma.MaskedArray):
        raise TypeError(f"{name} is {a(value)}, but {expected}")
    if given.ndim != 1:
        raise ValueError(f"{name} has shape {given.shape}, but {expected}, with one dimension")
    if given.dtype == bool:
        if len(given) != m:
            raise ValueError(f"{name} has {counted(len(given), 'entry')}, but X has {counted(m, 'example')}")
        given = np.flatnonzero(given)
    elif given.dtype.kind not in "iu" and given.size:
        raise TypeError(f"{name} is {given.dtype}, but {expected}")
    if m > 2**32:
        raise ValueError(f"{name} is given, but X has {m} examples, and {2**32} at most have numbers")
    if not given.size:
        raise ValueError(f"{name} names no examples")
    bad = (given < 0) | (given >= m)
    if bad.any():
        i = int(np.argmax(bad))
        raise ValueError(f"{name}[{i}] is {given[i]}, but X has {counted(m, 'column')}: 0 to {m - 1}")
    return np.array(given, dtype=np.uint32)  # a copy, as callbacks may change the caller's array


def names_columns(value: Any) -> bool:
    """Return whether this is an array of columns of X, or a list of them, rather than examples."""
    if isinstance(value, np.ndarray) or tables.is_table(value):
        return len(value.shape) == 1
    return isinstance(value, range) or (isinstance(value, list) and all(map(is_whole, value)))


def validation_data(value: Any) -> tuple[Any, Any, Any, Any]:
    """Accept (X, Y), (X, Y, sample_weight) and (X, Y, sample_weight, loss_data)."""
    if not isinstance(value, (tuple, list)) or len(value) not in (2, 3, 4):
        kind = f"has {counted(len(value), 'entry')}" if isinstance(value, (tuple, list)) else f"is {a(value)}"
        raise TypeError(
            f"validation_data {kind}, but must be (X, Y), (X, Y, sample_weight), or with loss_data as the "
            "fourth, or columns of X"
        )
    X, Y, sample_weight, loss_data = [*value, None, None][:4]
    return X, Y, sample_weight, loss_data


def prediction(
    out: Any,
    shape: tuple[int, int],
    dtype: np.dtype[Any],
    X: Any,
    views: Callable[[], Mapping[str, Array]],
) -> Array | None:
    """Accept None, or an array for A_L: any strides, but apart from X and the parameters, `views()`."""
    if out is None:
        return None
    fresh = f"out=np.empty({shape}, np.{dtype})"
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out is {a(out)}, but must be an ndarray of {dtype}: {fresh}")
    array = np.asarray(out)
    if array.dtype != dtype:
        raise TypeError(f"out is {_kind(array)}, but the network computes in {dtype}: {fresh}")
    if array.shape != shape:
        raise ValueError(f"out has shape {array.shape}, but must be {shape}, one column per example: {fresh}")
    if not array.flags.behaved:
        what = "aligned" if array.flags.writeable else "writable"
        raise ValueError(f"out is not {what}: {fresh}")
    if not _is_apart(array):
        raise ValueError(f"out has entries that share memory, or rows that interleave: {fresh}")
    for name, other in [
        ("X", X.data if is_sparse(X) else X),
        *(("the network's parameters", p) for p in views().values()),
    ]:
        if np.may_share_memory(array, other):
            shares = "shares memory" if _share_memory(array, other) else "is interleaved in memory"
            raise ValueError(f"out {shares} with {name}, but must be a separate array: {fresh}")
    return array


def _is_apart(array: Array) -> bool:
    """Return whether no two entries share memory and rows (or columns) do not interleave."""
    axes = [(abs(s), n) for n, s in zip(array.shape, array.strides, strict=True) if n > 1]
    axes.sort()
    if axes and axes[0][0] < array.itemsize:
        return False
    return len(axes) < 2 or axes[1][0] >= (axes[0][1] - 1) * axes[0][0] + array.itemsize


def _share_memory(first: Array, second: Array) -> bool:
    try:
        return np.shares_memory(first, second, max_work=10_000)  # type: ignore[arg-type]  # NumPy's stub has no int for max_work
    except RuntimeError:  # too hard to tell
        return True


def first_not_finite(
    name: str,
    array: Any,
    dtype: np.dtype[Any],
    scale: float,
    chosen: Array | None = None,
    names: list[Any] | None = None,
) -> str | None:
    """Name the first entry that is nan or infinite, or becomes so in the network's dtype, if there is one.

    `chosen`: the columns to search. `names`: of the frame's columns that the rows were.
    """
    if array.dtype.kind != "f":
        return None
    if is_sparse(array):
        place = first_not_finite_of_sparse(array, dtype, scale, chosen)
        return (
            None if place is None else _not_finite(f"{name}[{place[0]}, {place[1]}]", place[2], dtype, scale)
        )
    if chosen is not None:
        width = max(1, PART // array.shape[0])
        for first in range(0, len(chosen), width):
            columns = np.unique(chosen[first : first + width])
            found = _first_not_finite(name, array[:, columns], dtype, scale, columns, names)
            if found is not None:
                return found
        return None
    return _first_not_finite(name, array, dtype, scale, None, names)


def _first_not_finite(
    name: str,
    array: Array,
    dtype: np.dtype[Any],
    scale: float,
    columns: Array | None,
    names: list[Any] | None = None,
) -> str | None:
    by_columns = abs(array.strides[0]) < abs(array.strides[1])
    rows = array.T if by_columns else array  # in the order of memory
    for i, j, part in _tiles(rows):
        with np.errstate(all="ignore"):
            good = np.isfinite(part.astype(dtype) * dtype.type(scale))
        if not good.all():
            within = np.unravel_index(int(np.argmin(good)), good.shape)
            at = (i + int(within[0]), j + int(within[1]))
            at = at[::-1] if by_columns else at
            column = at[1] if columns is None else columns[at[1]]
            where = f"{name}[{at[0]}, {column}]"
            if names is not None:
                where = f"row {column} of the column {names[at[0]]!r} of {name}"
            return _not_finite(where, array[at], dtype, scale)
    return None


def _not_finite(where: str, entry: Any, dtype: np.dtype[Any], scale: float) -> str:
    beyond = f" times input_scale {scale:g}" if np.isfinite(entry) and scale != 1 else ""
    beyond += f", beyond the range of {dtype}" if np.isfinite(entry) else ""
    return f"{where} is {entry}{beyond}"


def _tiles(array: Array) -> Iterator[tuple[int, int, Array]]:
    """Yield (row, column, tile) of tiles of at most PART entries: whole rows, or parts of a long one."""
    height = max(1, PART // array.shape[1])
    width = min(array.shape[1], PART)
    for i in range(0, array.shape[0], height):
        for j in range(0, array.shape[1], width):
            yield i, j, array[i : i + height, j : j + width]
