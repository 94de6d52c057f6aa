"""Tables of any columns as numbers for a network: what is learnt of each column, and how it is encoded.

A column holds numbers or categories; both may be missing. :class:`Encoder` is fitted to the rows of training
and is part of the fitted estimator. It never sees the targets.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from deepnet.activations import Array

MISSING = -1  # the code of a category that is missing or was not seen
CLIPPED_AT = 3.0  # scaled numbers stay within this
LARGEST = float(np.finfo(np.float64).max)
NEARLY_ALL = 0.8, 0.9  # of the different strings of a column, or of its rows: numbers
MOST_OTHERS = 3  # strings that a warning names
NAMED = 5  # columns that a message names


class Column(NamedTuple):
    """One column: its name in messages, and numbers (nan: missing) or categories (None: missing)."""

    name: str
    values: Array
    categorical: bool
    declared: bool = True  # False: categories only since the cells are strings or bools


# --- reading ------------------------------------------------------------------------------------------------


def columns_of(X: Any, categorical: frozenset[int]) -> list[Column]:
    """Return the columns of a frame or of a two-dimensional array; those at `categorical` are categories.

    Raises ValueError or TypeError with the name of the column that is neither.
    """
    names = getattr(X, "columns", None)
    if names is None:
        return [_column(f"X[:, {j}]", X[:, j], None, j in categorical) for j in range(X.shape[1])]
    found = []
    for j, name in enumerate(names):
        series = X.iloc[:, j] if hasattr(X, "iloc") else X[name]
        missing = np.asarray(series.isna() if hasattr(series, "isna") else series.is_null(), bool)
        kind, values = getattr(series.dtype, "kind", None), series.to_numpy()
        is_category = j in categorical or str(series.dtype).lower().startswith(("category", "categorical"))
        if kind in ("i", "u", "f") and values.dtype == object:  # pandas' numbers with NA
            values = np.where(missing, np.nan, values).astype(np.float64)
        found.append(_column(f"the column {name!r}", values, missing, is_category))
    return found


def _column(name: str, values: Array, missing: Array | None, categorical: bool) -> Column:
    kind = values.dtype.kind
    if kind in "iuf" and not categorical:
        return Column(name, _numbers(name, values), categorical=False)
    if kind not in "iufbOUS":
        raise TypeError(
            f"{name} is {values.dtype}, but must hold numbers or else categories (strings, bools): convert "
            "it, for example a time to days"
        )
    cells = values.astype(object)
    if missing is None:
        missing = np.fromiter(map(is_missing, cells), bool, len(cells))
    present = cells[~missing]
    kinds = {_kind_of(kind) for kind in set(map(type, present))}
    if len(kinds) > 1 or not kinds <= {"number", "string", "bool"}:
        listed = " and ".join(sorted({type(v).__name__ for v in present}))
        example = next(v for v in present if _kind_of(type(v)) != "number")
        raise TypeError(
            f"{name} {'mixes' if len(kinds) > 1 else 'holds'} {listed}, such as {example!r}, but must hold "
            "numbers or else categories (strings, bools): convert it; None and nan count as missing"
        )
    if kinds <= {"number"} and not categorical:
        numbers = np.full(len(cells), np.nan)
        numbers[~missing] = present.astype(np.float64)
        return Column(name, _numbers(name, numbers), categorical=False)
    cells[missing] = None
    return Column(name, cells, True, declared=categorical)


def taken_for_categories(columns: Sequence[Column]) -> str | None:
    """Return a warning about columns of strings that are nearly all numbers: a "?" in a file makes them.

    Two numbers only, such as "0" and "1", may well be categories, and so may codes of digits that begin with
    0, as some zip codes do.
    """
    names, others = list[str](), list[str]()  # what is no number
    for column in columns:
        if column.declared:
            continue
        counts = Counter(v for v in column.values if isinstance(v, str))
        is_code = any(v[:1] == "0" and v[1:].isdecimal() for v in counts)
        rest = [v for v in counts if not _is_number(v)]
        numbers = len(counts) - len(rest)
        of_rows = 1 - sum(counts[v] for v in rest) / max(counts.total(), 1)
        nearly_all = numbers >= NEARLY_ALL[0] * len(counts) or of_rows >= NEARLY_ALL[1]
        if numbers > 2 and nearly_all and not is_code:
            names.append(column.name)
            others += [v for v in sorted(rest, key=lambda v: -counts[v]) if v not in others]
    if not names:
        return None
    listed = ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
    few = others[:MOST_OTHERS]
    but = f", others such as {', '.join(map(repr, few))}," if few else ""
    reading = f"read_csv(..., na_values={few!r})" if few else "pd.to_numeric"
    return (
        f"{listed}: strings that are{' nearly' if few else ''} all numbers{but} are taken for categories. "
        f"Convert them, for example by {reading}; if they are categories, name them in categorical_features"
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _kind_of(kind: type) -> str:
    if issubclass(kind, (bool, np.bool_)):
        return "bool"
    if issubclass(kind, (int, float, np.integer, np.floating)):
        return "number"
    return "string" if issubclass(kind, (str, bytes)) else kind.__name__


def is_missing(value: Any) -> bool:
    """Return whether this cell of an object column is None, nan or pandas' NA."""
    if isinstance(value, (float, np.floating)):
        return bool(np.isnan(value))
    return value is None or type(value).__name__ == "NAType"


def _numbers(name: str, values: Array) -> Array:
    numbers: Array = values.astype(np.float64)
    infinite = np.isinf(numbers)
    if infinite.any():
        i = int(np.argmax(infinite))
        raise ValueError(f"{name} is {numbers[i]} in row {i}, but must be finite, or nan where it is missing")
    return numbers


# --- encoding -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Numbers:
    """Numbers, perhaps also piecewise-linear, and whether they are missing if some were in training."""

    fill: float
    had_missing: bool
    edges: Array | None  # of the pieces
    seen: bool  # whether training had any number

    @classmethod
    def fitted(cls, values: Array, pieces: int) -> Numbers:
        missing = np.isnan(values)
        present = values[~missing]
        edges = None
        if pieces and len(present):
            edges = np.unique(np.quantile(present, np.linspace(0, 1, pieces + 1)))
        fill = float(np.median(present)) if len(present) else 0.0
        edges = edges if edges is not None and len(edges) > 2 else None
        return cls(fill, bool(missing.any()), edges, seen=len(present) > 0)

    def encoded(self, values: Array) -> Iterator[Array]:
        """Yield the encoded columns."""
        missing = np.isnan(values)
        filled = np.where(missing, self.fill, values)
        yield filled
        if self.edges is not None:
            for low, high in pairwise(self.edges):
                yield np.clip((filled - low) / (high - low), 0, 1)
        if self.had_missing:
            yield missing.astype(np.float64)

    @property
    def wide(self) -> list[bool]:
        """Whether each encoded column is a piece."""
        pieces = 0 if self.edges is None else len(self.edges) - 1
        return [False] + [True] * pieces + [False] * self.had_missing


@dataclass(frozen=True)
class Categories:
    """One column for each category, one of -1 and 1 for two; many share `width` columns by their hash."""

    codes: dict[Any, int]
    width: int

    @classmethod
    def fitted(cls, values: Array, most: int) -> Categories:
        seen = sorted({v for v in values if v is not None}, key=lambda v: (str(v), repr(v)))
        if len(seen) <= most:
            return cls({v: i for i, v in enumerate(seen)}, len(seen))
        return cls({v: zlib.crc32(repr(v).encode()) % most for v in seen}, most)

    def encoded(self, values: Array) -> Iterator[Array]:
        """Yield the encoded columns."""
        codes = np.fromiter((self.codes.get(v, MISSING) for v in values), np.intp, len(values))
        if len(self.codes) == 2:
            yield np.where(codes == MISSING, 0.0, 2.0 * codes - 1)
            return
        for i in range(self.width):
            yield (codes == i).astype(np.float64)

    @property
    def wide(self) -> list[bool]:
        """Whether each encoded column is a piece: none."""
        return [False] * (1 if len(self.codes) == 2 else self.width)


@dataclass(frozen=True)
class Encoder:
    """What was learnt of a table: of each column its kind and categories, of each encoded one its scale."""

    columns: tuple[Numbers | Categories, ...]
    center: Array
    factor: Array

    @classmethod
    def fitted(cls, columns: Sequence[Column], most_categories: int, pieces: int) -> Encoder:
        """Learn from the rows of training."""
        parts: list[Numbers | Categories] = []
        centers, factors = list[float](), list[float]()
        for column in columns:
            part: Numbers | Categories = (
                Categories.fitted(column.values, most_categories)
                if column.categorical
                else Numbers.fitted(column.values, pieces)
            )
            parts.append(part)
            for x in part.encoded(column.values):
                center, factor = _robust_scale(x)
                centers.append(center)
                factors.append(factor)
        return cls(tuple(parts), np.array(centers), np.array(factors))

    @property
    def width(self) -> int:
        """The number of encoded columns."""
        return len(self.center)

    @property
    def narrow(self) -> Array:
        """The indices of the encoded columns that do not come from the piecewise-linear encoding."""
        return np.flatnonzero([not is_piece for part in self.columns for is_piece in part.wide])

    def check(self, columns: Sequence[Column]) -> None:
        """Raise a TypeError for a column of the other kind than in training, where all may be missing."""
        for column, part in zip(columns, self.columns, strict=True):
            example = next((v for v in column.values if not is_missing(v)), None)
            if example is None:
                continue
            if isinstance(example, np.generic):
                example = example.item()
            if isinstance(part, Numbers):
                if part.seen and column.categorical:
                    raise TypeError(
                        f"{column.name} held numbers in fit, but holds categories now, such as {example!r}"
                    )
            elif part.codes:
                known = next(iter(part.codes))
                before, now = (
                    "strings" if _kind_of(type(v)) == "string" else "numbers or bools"
                    for v in (known, example)
                )
                if before != now:
                    raise TypeError(
                        f"{column.name} held {before} in fit, such as {known!r}, but holds {now} now, "
                        f"such as {example!r}"
                    )

    def encoded(self, columns: Sequence[Column]) -> Array:
        """Return the table as numbers, float32 (rows, width), each within -3 and 3."""
        self.check(columns)
        rows = len(columns[0].values)
        table, at = np.empty((rows, self.width), np.float32), 0
        for column, part in zip(columns, self.columns, strict=True):
            values = column.values
            if isinstance(part, Categories) and not column.categorical:  # numbers where categories were
                values = np.array([None if np.isnan(v) else v for v in values], object)
            elif isinstance(part, Numbers) and column.categorical:  # nothing but None in one of the two
                values = np.full(rows, np.nan)
            for x in part.encoded(values):
                with np.errstate(over="ignore"):
                    distance = np.clip(x - self.center[at], -LARGEST, LARGEST)
                    table[:, at] = _smoothly_clipped(distance * self.factor[at])
                at += 1
        return table


def _robust_scale(x: Array) -> tuple[float, float]:
    """Return the median, and 1 / the distance of the quartiles; where that is 0, 2 / the range or 0."""
    low, first, center, third, high = (float(q) for q in np.quantile(x, [0, 0.25, 0.5, 0.75, 1]))
    spread = third - first or (high - low) / 2
    return center, 1 / spread if spread > 0 and np.isfinite(1 / spread) else 0.0


def _smoothly_clipped(x: Array) -> Array:
    """x / sqrt(1 + (x / 3)^2), which is 3 for large and infinite x."""
    x = np.clip(x, -LARGEST, LARGEST)
    return x / np.hypot(1, x / CLIPPED_AT)
