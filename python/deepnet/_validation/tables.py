"""Frames and series of pandas and polars as arrays: their values, without names and index.

A row of a frame is an example, so a frame of shape (m, n) becomes an array (n, m), as the network reads it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from deepnet._numbers import is_number
from deepnet.activations import Array

from .arrays import a, anything, counted

LIBRARIES = ("pandas", "polars")
INPUTS = tuple(map(np.dtype, ("float32", "float64", "float16", "uint8")))  # those that the engine reads
READ = (*INPUTS, *map(np.dtype, ("bool", "int8", "int32", "int64")))  # those that it reads as labels
READ_BY_PANDAS = (".csv", ".csv.gz", ".csv.bz2", ".csv.xz", ".csv.zip")
NAMED = 6  # columns that a message names


def is_table(value: Any) -> bool:
    """Return whether this is an object of pandas or polars, such as a frame or a series."""
    return any(cls.__module__.partition(".")[0] in LIBRARIES for cls in type(value).__mro__)


def check_holds_values(name: str, value: Any) -> None:
    """Raise a TypeError for an object of pandas or polars that is not data, such as a GroupBy."""
    kind = type(value)
    if is_table(value) and not (hasattr(kind, "to_numpy") and (hasattr(kind, "dtype") or is_frame(value))):
        way_out = f": {name}.collect()" if is_frame(value) else ""
        raise TypeError(f"{name} is {a(value)}, but must be a frame, a series or an array{way_out}")


def no_data(value: Any) -> str | None:
    """Return the code that reads or converts what is no table yet, "" if there is none; None for other data.

    It is for ``X``: a path, a dict, a set, a generator, a single number.
    """
    if isinstance(value, (str, os.PathLike)):
        path = os.fsdecode(value)
        if path.endswith((".npy", ".npz")):
            return "np.load(X)" + ('["X"]' if path.endswith(".npz") else "")
        return "pandas.read_csv(X)" if path.endswith(READ_BY_PANDAS) else ""
    if hasattr(value, "files") and "X" in value:  # an open .npz file
        return 'X["X"]'
    if isinstance(value, Mapping) and not hasattr(value, "tocsc"):
        if hasattr(value.get("data"), "shape"):  # what sklearn.datasets returns
            return 'X["data"]'
        return "pandas.DataFrame(X)" if _are_columns(value) else ""
    if isinstance(value, Iterator):
        return "list(X)"
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], Mapping):
        return "pandas.DataFrame(X)"
    return "" if isinstance(value, (set, frozenset)) or value is None or np.isscalar(value) else None


def _are_columns(value: Mapping[Any, Any]) -> bool:
    """Return whether a dict has columns of the same length."""
    shapes = [np.shape(column) for column in value.values() if not isinstance(column, (str, Mapping))]
    return len(shapes) == len(value) and len({shape[:1] for shape in shapes}) == 1 and len(shapes[0]) == 1


def is_frame(value: Any) -> bool:
    """Return whether this is a table with columns."""
    return is_table(value) and hasattr(type(value), "columns")  # asking a LazyFrame itself is slow


def inputs(X: Any, units: int) -> Array:
    """Return the values of a frame, or for a network with one input of a series, as X (n_0, m)."""
    check_holds_values("X", X)
    if not is_frame(X):
        numbers = _numbers(X) if units == 1 else None
        return anything("X", X, units) if numbers is None else numbers.reshape(1, -1)
    m, n = X.shape
    if n != units:
        turned = "X.T" if hasattr(X, "T") else "X.transpose()"
        transposed = f"; one row per example: {turned}?" if m == units else ""
        if not transposed:
            _check_columns(X)
        columns = counted(n, "column")
        raise ValueError(f"X has {columns}, but the network has {counted(units, 'input')}{transposed}")
    if m == 0:
        raise ValueError(f"X has shape {X.shape}: zero examples")
    return _values(X)


def labels(name: str, value: Any) -> Any:
    """Return numbers of a series as an array (m,), those of a frame as one (n, m); anything else as it is."""
    if not is_table(value):
        return value
    check_holds_values(name, value)
    if is_frame(value):
        columns = [_numbers(column, of_labels=True) for _, column in _columns(value)]
        if not columns or any(column is None for column in columns):
            return value
        stacked: Array = np.stack(columns)  # type: ignore[arg-type]  # no column is None, see above
        return stacked if stacked.dtype in READ else stacked.astype(np.float64)
    numbers = _numbers(value, of_labels=True)
    return value if numbers is None else numbers


def names(X: Any) -> list[Any] | None:
    """Return the names of the columns of a frame, None for other data."""
    return list(X.columns) if is_frame(X) else None


def _columns(frame: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (name, series) of each column; names may be the same."""
    for j, name in enumerate(frame.columns):
        yield name, frame.iloc[:, j] if hasattr(frame, "iloc") else frame.to_series(j)


def _values(frame: Any) -> Array:
    """Return the values of a frame of numbers as (columns, rows), in place if they are one array already."""
    kinds = {str(dtype).lower() for dtype in frame.dtypes}
    if len(kinds) == 1 and kinds <= set(map(str, INPUTS)):
        values: Array = frame.to_numpy()
        if values.dtype in INPUTS:  # else some are missing
            return values.T
    values = np.empty(frame.shape[::-1], np.float64)
    for j, (_, column) in enumerate(_columns(frame)):
        numbers = _numbers(column)
        if numbers is None:
            _check_columns(frame)
        values[j] = numbers
    return values


def _check_columns(frame: Any) -> None:
    """Raise the error that names the columns that do not hold numbers."""
    bad = [(name, column) for name, column in _columns(frame) if _numbers(column) is None]
    if not bad:
        return
    name, column = bad[0]
    entry = next((entry for entry in column.to_list() if not _is_number(entry)), column.to_list()[0])
    others = [repr(other) for other, _ in bad[1:NAMED]] + (["..."] if len(bad) > NAMED else [])
    also = f" (so do {', '.join(others)})" if others else ""
    way_out = "it must be converted, a time to days for example"
    if isinstance(entry, str) or _is_category(column.dtype):
        way_out = (
            "deepnet.sklearn.TabularClassifier and TabularRegressor take such columns; a Network needs them "
            "encoded, as sklearn.preprocessing.OneHotEncoder does"
        )
    dropped = [other for other, _ in bad]
    drop = f"X.drop(columns={dropped!r})" if hasattr(frame, "iloc") else f"X.drop({dropped!r})"
    kind = str(column.dtype).partition("(")[0]
    raise TypeError(
        f"the column {name!r} of X holds {kind}, such as {entry!r}{also}, but must hold numbers: "
        f"{way_out}, or left out, as in {drop}"
    )


def _numbers(series: Any, *, of_labels: bool = False) -> Array | None:
    """Return a series of numbers or bools as an array that the engine reads, missing ones as nan; else None.

    Categories that are numbers count as such in labels only.
    """
    dtype = series.dtype
    if _is_category(dtype) and not of_labels:
        return None
    values: Array = series.to_numpy()
    if values.dtype == object:
        kind = getattr(dtype, "kind", "O")
        if kind in "biuf" and hasattr(series, "isna"):  # pandas' numbers with NA
            return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
        if not all(map(_is_number, values)):
            return None
        return np.array([np.nan if _is_missing(value) else value for value in values], np.float64)
    if values.dtype.kind not in "biuf":
        return None
    if values.dtype in (np.int16, np.uint16, np.uint32):
        return values.astype(np.int64)
    return np.asarray(values) if values.dtype in READ else values.astype(np.float64)


def _is_category(dtype: Any) -> bool:
    return str(dtype).lower().startswith(("category", "categorical", "enum"))


def _is_number(value: Any) -> bool:
    return is_number(value) or isinstance(value, (bool, np.bool_)) or _is_missing(value)


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ == "NAType"
