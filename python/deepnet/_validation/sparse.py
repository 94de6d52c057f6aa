"""Sparse X: SciPy's CSC and CSR matrices, which are recognised without importing SciPy.

The engine takes a CSC matrix (n_0, m), one column per example, with int32 indices that increase in each
column. The rows of a CSR table (m, n_0) are the columns of its transpose, in the same memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from deepnet.activations import Array

MOST_NUMBERS = 2**31 - 1  # SciPy gives larger matrices wider indices


def is_sparse(value: Any) -> bool:
    """Return whether this is a CSC or CSR matrix or array."""
    form = None if type(value) is np.ndarray else getattr(value, "format", None)
    return isinstance(form, str) and form in ("csc", "csr")


def in_order(label: str, X: Any, form: str) -> Any:
    """Return a matrix in the form "csc" or "csr", its indices in order and without repetition.

    It is X itself if nothing needs to change. An X whose arrays contradict each other is a ValueError.
    """
    damage = _damage(label, X)
    if damage is not None:
        raise ValueError(f"{label} is a damaged {X.format.upper()} matrix: {damage}")
    if X.nnz > MOST_NUMBERS:
        raise ValueError(f"{label} has {X.nnz} numbers, but a sparse matrix may have {MOST_NUMBERS} at most")
    if X.dtype == np.float16:  # of which SciPy can select no rows
        X = X.astype(np.float32)
    X = X.asformat(form)
    if not _is_ordered(X):
        X = X.copy()
        X.sum_duplicates()
    if X.indices.dtype != np.int32 or not all(a.flags.c_contiguous for a in (X.data, X.indices, X.indptr)):
        X = X.copy()
        X.data, X.indices, X.indptr = X.data.copy(), X.indices.astype(np.int32), X.indptr.astype(np.int32)
    return X


def _damage(label: str, X: Any) -> str | None:
    """Say where the arrays of a matrix contradict each other."""
    by_columns = X.format == "csc"
    runs, entries = X.shape[::-1] if by_columns else X.shape
    run, entry = ("column", "row") if by_columns else ("row", "column")
    arrays = {name: np.asarray(getattr(X, name)) for name in ("data", "indices", "indptr")}
    for name, array in arrays.items():
        if array.ndim != 1 or (name != "data" and array.dtype.kind not in "iu"):
            return f"{label}.{name} is {array.dtype} with shape {array.shape}"
    data, indices, begins = arrays.values()
    if len(begins) != runs + 1:
        return f"{label}.indptr has {len(begins)} entries, but must have one more than the {runs} {run}s"
    steps = np.diff(begins)
    if begins[0] != 0 or (steps < 0).any():
        i = 0 if begins[0] != 0 else int(np.argmax(steps < 0)) + 1
        return f"{label}.indptr[{i}] is {begins[i]}, but it must begin with 0 and never decrease"
    if begins[-1] > min(len(data), len(indices)):
        return (
            f"{label}.indptr ends with {begins[-1]}, but {label}.data has {len(data)} and "
            f"{label}.indices {len(indices)} entries"
        )
    used = indices[: begins[-1]]
    if used.size and (used.min() < 0 or used.max() >= entries):
        i = int(np.argmax((used < 0) | (used >= entries)))
        return f"{label}.indices[{i}] is {used[i]}, but {label} has {entries} {entry}s: 0 to {entries - 1}"
    return None


def _is_ordered(X: Any) -> bool:
    """Return whether the indices of each column (of CSC) or row increase; SciPy's flag may be out of date."""
    count = int(X.indptr[-1])
    increases = np.ones(count + 1, bool)
    np.greater(X.indices[1:count], X.indices[: max(count - 1, 0)], out=increases[1:count])
    increases[X.indptr] = True
    return bool(increases.all())


def first_not_finite(
    X: Any, dtype: np.dtype[Any], scale: float, chosen: Array | None
) -> tuple[int, int, Any] | None:
    """Return row, column and value of the first number that is not finite in this dtype, of a CSC matrix."""
    with np.errstate(all="ignore"):
        places = np.flatnonzero(~np.isfinite(X.data[: X.indptr[-1]].astype(dtype) * dtype.type(scale)))
    columns = np.searchsorted(X.indptr, places, side="right") - 1
    if chosen is not None:
        seen = np.isin(columns, chosen)
        places, columns = places[seen], columns[seen]
    if not places.size:
        return None
    return int(X.indices[places[0]]), int(columns[0]), X.data[places[0]]
