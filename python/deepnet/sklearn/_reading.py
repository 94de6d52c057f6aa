"""The caller's tables: read in place where the engine can, and errors that name the column."""

from __future__ import annotations

from numbers import Number
from typing import Any

import numpy as np
from sklearn.utils.validation import _check_sample_weight, validate_data

from deepnet._validation.arrays import a
from deepnet._validation.examples import LARGE, SMALL, unusual_size
from deepnet._validation.sparse import in_order, is_sparse
from deepnet._validation.tables import check_holds_values, no_data
from deepnet.activations import Array

from ._columns import NAMED
from ._epochs import warn

KINDS = [np.float64, np.float32, np.float16, np.uint8]  # which the engine reads; others become the first
_QUICK = np.dtype(np.float64), np.dtype(np.float32)
MOST_QUICK = 2**22  # numbers


def is_usable(X: Any, features: int) -> bool:
    """Return whether X is a table of finite floats with so many columns; False if that takes long to tell."""
    if type(X) is not np.ndarray or X.dtype not in _QUICK or X.ndim != 2 or X.shape[1] != features:
        return False
    return X.size > 0 and _is_finite(X)


def _is_finite(X: Array) -> bool:
    """Return whether all floats are finite; False if that takes long to tell."""
    return X.size <= MOST_QUICK and bool(np.isfinite(X).all())


def _is_plain(X: Any, y: Any) -> bool:
    """Return whether X is an array of finite floats, and y one of as many numbers: nothing is to convert."""
    if type(X) is not np.ndarray or type(y) is not np.ndarray or X.dtype not in _QUICK:
        return False
    if X.ndim != 2 or y.ndim != 1 or X.size == 0 or len(X) != len(y):
        return False
    return (y.dtype.kind in "biu" or (y.dtype in _QUICK and _is_finite(y))) and _is_finite(X)


def warn_of_size(estimator: Any, X: Any) -> None:
    """Warn if a column of a dense table has very large values, or all have very small ones."""
    found = unusual_size(X.T, estimator.input_scale)
    if found is None:
        return
    column, size = found
    names = getattr(estimator, "feature_names_in_", None)
    what = f"X[:, {column}] has" if names is None else f"the column {names[column]!r} has"
    if size < SMALL:
        what = "all columns of X have"
    bound = f"below {SMALL:g}" if size < SMALL else f"above {LARGE:g}"
    kind = type(estimator).__name__
    advice = f"make_pipeline(StandardScaler(), {kind}())"
    if X.dtype == np.uint8:
        advice = f"for pixels, {kind}(input_scale=1 / 255)"
    warn(f"{what} values of size {bound}, but networks learn well from inputs of size 1 only: {advice}")


NO_TARGETS = "no_validation"  # scikit-learn's word for it; None would be missing targets


def check_are_data(X: Any, y: Any = NO_TARGETS) -> None:
    """Raise a TypeError for an X or y that is something else than data, such as the name of a file."""
    check_holds_values("X", X)
    way_out = no_data(X)
    if way_out is not None:
        hint = f": {way_out}" if way_out else ""
        raise TypeError(f"X is {_named(X)}, but must be a frame, an array or a list of rows{hint}")
    if y is NO_TARGETS or y is None or no_data(y) is None:
        return
    columns = [] if getattr(X, "columns", None) is None or not hasattr(X, "pop") else [*X.columns]
    hint = f": y = X.pop({y!r})" if isinstance(y, str) and y in columns else ""
    raise TypeError(f"y is {_named(y)}, but must be a series, an array or a list of targets{hint}")


def _named(value: Any) -> str:
    return repr(value) if value is None or isinstance(value, (str, bytes, Number)) else a(value)


def table(estimator: Any, X: Any, y: Any = NO_TARGETS, *, reset: bool, **options: Any) -> Any:
    """Return X, or X and y, checked and converted; `reset`: learn the names and the number of the columns."""
    check_are_data(X, y)
    if getattr(X, "columns", None) is not None and X.shape[1] == 0:
        raise ValueError(f"X is a frame with 0 feature(s) (shape={X.shape}), but 1 is needed at least")
    if reset and _is_plain(X, y):  # what scikit-learn's checks find out in 0.4 ms
        vars(estimator).pop("feature_names_in_", None)
        estimator.n_features_in_ = X.shape[1]
        return X, y
    given = {} if isinstance(y, str) else {"y": y, "multi_output": True, **options}
    try:
        read = validate_data(estimator, X, accept_sparse=["csr", "csc"], dtype=KINDS, reset=reset, **given)
        return (_by_rows(read[0]), read[1]) if given else _by_rows(read)
    except ValueError as error:
        where = _bad_columns(X)
        if where is None:
            raise
        raise type(error)(f"{error}\n{where}") from None


def _bad_columns(X: Any) -> str | None:
    """Name the columns of a frame or array that are not numeric or not finite."""
    columns = getattr(X, "columns", None)
    if columns is None:
        if not isinstance(X, np.ndarray) or X.ndim != 2 or X.dtype.kind != "f" or not X.size:
            return None
        named = {f"X[:, {j}]": X[:, j] for j in np.flatnonzero(~np.isfinite(X).all(axis=0))[:NAMED]}
    else:
        named = {f"the column {name!r}": np.asarray(X[name]) for name in columns}
    words, holes = [], []
    for name, column in named.items():
        try:
            finite = np.isfinite(column.astype(np.float64))
        except (TypeError, ValueError):
            words.append(f"{name}, such as {_not_a_number(column)!r}")
            continue
        if not finite.all():
            i = int(np.argmin(finite))
            holes.append(f"{name} ({column[i]} in row {i})")
    if words:
        return f"Not numbers: {_listed(words)}. sklearn.preprocessing.OneHotEncoder makes columns of classes."
    return f"Not finite: {_listed(holes)}." if holes else None


def _not_a_number(column: Array) -> Any:
    """Return the first entry that is not a number."""
    for entry in column.tolist():
        try:
            float(entry)
        except (TypeError, ValueError):
            return entry
    return column[0]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")


def weights_of(sample_weight: Any, X: Any) -> Array | None:
    """Return the weight of each row, float64, or None."""
    if sample_weight is None:
        return None
    weights: Array = _check_sample_weight(sample_weight, X, dtype=np.float64)
    if (weights < 0).any():
        i = int(np.argmin(weights))
        raise ValueError(f"sample_weight[{i}] is {weights[i]:g}, but weights must be 0 or more")
    if not weights.any():
        raise ValueError("sample_weight is zero for all rows, but must be more than 0 for some")
    return weights


def _by_rows(X: Any) -> Any:
    """Return a sparse X in CSR form, as its transpose is what the engine reads."""
    return in_order("X", X, "csr") if is_sparse(X) else X
