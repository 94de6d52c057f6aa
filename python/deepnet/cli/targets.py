"""What is to be predicted: the column of the target, and whether it holds classes or numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnet.cli.reading import Table, listed
from deepnet.io import DataError, hold_out

CLASSIFICATION, REGRESSION = "classification", "regression"
MOST_NUMBERED = 20  # whole numbers of so many values are classes, unless --task says otherwise
STRATA = 10  # of the numbers of a regression


@dataclass(frozen=True)
class Target:
    """A column, the task that it makes, and why."""

    name: str
    task: str
    values: NDArray[Any]  # of the rows that have one
    rows: NDArray[np.intp]  # those rows
    why: str


def column_called(table: Table, given: str) -> str:
    """Return the column that a name, or a number from 1 or from -1 on backwards, stands for."""
    names = table.names
    if given in names:
        return given
    try:
        number = int(given)
    except ValueError:
        number = 0
    if 1 <= number <= len(names):
        return names[number - 1]
    if -len(names) <= number <= -1:
        return names[number]
    hint = f"it has {listed(names)}"
    if not table.has_header:
        hint += "; its first line was read as values (if it holds names: --header)"
    raise DataError(f"{table.path} has no column {given!r}: {hint}")


def target_of(table: Table, given: str, task: str | None) -> Target:
    """Return the target of a table; the task is seen from its values if None."""
    name = column_called(table, given)
    values = table.column(name)
    if values.dtype.kind in "mM":
        raise DataError(f"the target {name!r} holds times: convert them to numbers first")
    missing = np.array([value is None for value in values]) if values.dtype == object else values != values
    rows = np.flatnonzero(~missing)
    values = values[rows]
    if len(rows) < 2:
        raise DataError(
            f"the target {name!r} has values in {len(rows)} of {len(table)} rows, but must have at least two"
        )
    found = np.unique(values.astype(str) if values.dtype == object else values)
    if len(found) < 2:
        raise DataError(f"the target {name!r} has one value only, {found[0]}: there is nothing to predict")
    is_number = values.dtype.kind in "iuf"
    if is_number and not np.isfinite(values).all():
        raise DataError(f"the target {name!r} has infinite values")
    is_whole = is_number and bool(np.all(values == np.round(values))) and bool(np.all(np.abs(values) < 2**53))
    if task is None:
        few = len(found) <= MOST_NUMBERED
        task = REGRESSION if is_number and not (is_whole and few) else CLASSIFICATION
        what = "numbers" if is_number and not is_whole else "whole numbers" if is_number else "names"
        why = f"{name!r} has {len(found):,} different {what}"
    else:
        why = "--task"
    if task == REGRESSION:
        if not is_number:
            raise DataError(f"the target {name!r} has values such as {found[0]}, which are not numbers")
        return Target(name, task, values.astype(np.float64), rows, why)
    if len(found) > max(2, len(rows) // 2):
        raise DataError(
            f"the target {name!r} has {len(found)} different values in {len(rows)} rows, too many for classes"
        )
    if is_whole:
        values = values.astype(np.int64)  # 5.0 beside missing cells is 5
    elif values.dtype == object and len({type(value) for value in values}) > 1:
        values = values.astype(str)
    elif values.dtype == object:
        values = np.array(values.tolist())
    return Target(name, task, values, rows, why)


def split(target: Target, fraction: float, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the places of the values to train on and of those held out: an equal share of each class.

    Numbers are held out equally from each tenth of their range of ranks.
    """
    count = len(target.values)
    if not fraction:
        return np.arange(count), np.array([], np.intp)
    strata = target.values
    if target.task == REGRESSION:
        ranks = np.empty(count, np.intp)
        ranks[np.argsort(target.values, kind="stable")] = np.arange(count)
        strata = ranks * min(STRATA, max(1, count // 5)) // count
    train, test = hold_out(strata, fraction=fraction, seed=seed)
    if not len(test):
        raise DataError(f"{count} rows are too few to hold some out: --validation 0 trains on all")
    return train, test
