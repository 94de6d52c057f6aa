"""Tables from CSV and Parquet files, and images from folders, as the commands take them.

A table is a frame of pandas, or of polars where pandas is missing.
"""

import csv
import io as text_io
import os
import stat
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnet._extras import needs
from deepnet._files import open_regular
from deepnet.io import DataError, UnreadableImage, load_image, mode_of

TABLES = (".csv", ".tsv", ".txt", ".data", ".parquet", ".pq")
MISSING = ("?", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "")
SAMPLE = 2**16  # bytes from which the form of a CSV file is seen
MOST_IMAGES = 10**6
MOST_REASON = 200  # characters of what pandas and polars say, which may quote the file

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Table:
    """A frame, and where it came from."""

    frame: Any
    path: Path
    has_header: bool = True

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [str(name) for name in self.frame.columns]

    def __len__(self) -> int:
        return int(self.frame.shape[0])

    def select(self, names: Sequence[str]) -> "Table":
        """Return the table with these columns only."""
        missing = [name for name in names if name not in self.names]
        if missing:
            hint = f"it has {listed(self.names)}"
            if not self.has_header:
                hint += " (its first line holds values, not names)"
            raise DataError(f"{self.path} lacks the column {missing[0]!r}: {hint}")
        chosen = self.frame[list(names)] if _is_pandas(self.frame) else self.frame.select(list(names))
        return Table(chosen, self.path, self.has_header)

    def take(self, rows: NDArray[Any]) -> "Table":
        """Return the table with these rows, by number, only."""
        chosen = self.frame.iloc[rows] if _is_pandas(self.frame) else self.frame[rows]
        return Table(chosen, self.path, self.has_header)

    def column(self, name: str) -> NDArray[Any]:
        """Return the cells of a column: numbers with nan, or objects with None."""
        series = self.frame[name]
        values = np.asarray(series.to_numpy())
        missing = np.asarray(series.isna() if hasattr(series, "isna") else series.is_null(), bool)
        if values.dtype == object or values.dtype.kind in "US":
            cells = values.astype(object)
            cells[missing] = None
            return cells
        if missing.any() and values.dtype.kind in "iuf":
            values = values.astype(np.float64)
            values[missing] = np.nan
        return values

    def rows(self) -> list[tuple[Any, ...]]:
        """Return the cells of each row."""
        return list(zip(*(self.column(name).tolist() for name in self.names), strict=True))

    def shuffled(self, name: str, order: NDArray[Any]) -> "Table":
        """Return the table with the cells of one column in another order."""
        series = self.frame[name]
        if _is_pandas(self.frame):
            frame = self.frame.assign(**{name: series.array[order]})
        else:
            frame = self.frame.with_columns(series[order])
        return Table(frame, self.path, self.has_header)

    def cells(self, row: int) -> list[str]:
        """Return one row as text."""
        return [_text(self.column(name)[row]) for name in self.names]


def _text(value: Any) -> str:
    if value is None or (isinstance(value, (float, np.floating)) and np.isnan(value)):
        return ""
    return f"{value:.6g}" if isinstance(value, (float, np.floating)) else str(value)


def _is_pandas(frame: Any) -> bool:
    return hasattr(frame, "iloc")


def listed(names: Sequence[object], most: int = 8) -> str:
    """List names, the first ones of many."""
    return ", ".join(map(str, names[:most])) + (f", ... ({len(names)} in all)" if len(names) > most else "")


def kind_of(path: Path) -> str:
    """Return what data this is: "table", "npz" or "images". The path must exist."""
    mode = mode_of(path)
    if stat.S_ISDIR(mode):
        return "images"
    if not stat.S_ISREG(mode):
        raise DataError(f"{path} is neither a folder nor a regular file")
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return "npz"
    if suffix in TABLES:
        return "table"
    raise DataError(f"{path} is none of: a table ({', '.join(TABLES)}), an .npz file, a folder of images")


# --- tables -------------------------------------------------------------------------------------------------


def read_table(path: Path, has_header: bool | None = None) -> Table:
    """Read a CSV or Parquet file; `has_header` is seen from the first line of a CSV file if None."""
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            table = Table(_parquet(path), path)
        else:
            table = _csv(path, has_header)
    except (DataError, MemoryError, ImportError):
        raise
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # of many types, in pandas and polars
        reason = " ".join(str(error).split())[:MOST_REASON] or type(error).__name__
        raise DataError(f"{path} cannot be read: {reason}") from error
    if not len(table) or not table.names:
        raise DataError(f"{path} has no rows")
    return table


def _parquet(path: Path) -> Any:
    if find_spec("pandas") and (find_spec("pyarrow") or find_spec("fastparquet")):
        import pandas as pd

        return pd.read_parquet(path)
    with needs("tables", "reading Parquet files"):
        import polars as pl
    with open_regular(path) as file:
        return pl.read_parquet(file)


def _csv(path: Path, has_header: bool | None) -> Table:
    with open_regular(path) as file:
        start = file.read(SAMPLE)
        is_all = len(start) < SAMPLE
    if b"\0" in start:
        raise DataError(f"{path} is not a text file: it has null characters")
    encoding = "utf-8-sig"
    try:
        text = (start if is_all else start[: start.rfind(b"\n") + 1] or start).decode(encoding)
    except UnicodeDecodeError:
        encoding = "latin-1"
        text = start.decode(encoding)
    lines = [line for line in text.splitlines()[: 20 if is_all else -1] if line.strip()][:20]
    if not lines:
        raise DataError(f"{path} has no rows")
    separator = _separator(lines)
    first = [cell.strip() for cell in next(csv.reader(lines, delimiter=separator, skipinitialspace=True))]
    if has_header is None:
        has_header = not any(_is_number(cell) for cell in first)
    names = [cell or f"column_{j}" for j, cell in enumerate(first, start=1)]
    if not has_header:
        names = [f"column_{j}" for j in range(1, len(first) + 1)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path} has two columns called {twice!r}: give them different names")
    if has_header and is_all and len(lines) == 1:
        raise DataError(f"{path} has no rows")
    return Table(_frame(path, separator, encoding, names, has_header), path, has_header)


def _frame(path: Path, separator: str, encoding: str, names: list[str], has_header: bool) -> Any:
    if find_spec("pandas") is None and find_spec("polars"):
        return _polars(path, separator, encoding, names, has_header)
    with needs("tables", "reading tables"):
        import pandas as pd
    with open_regular(path) as file, warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # rows that are cut
        return pd.read_csv(
            file,
            sep=separator,
            header=None,
            names=names,
            index_col=False,
            skiprows=_line_of_header(path) if has_header else 0,
            skipinitialspace=True,
            na_values=list(MISSING),
            encoding=encoding,
            low_memory=False,
        )


def _line_of_header(path: Path) -> int:
    """Return how many lines end with the header: itself, and empty ones before it."""
    with open_regular(path) as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                return number
    return 0


def _polars(path: Path, separator: str, encoding: str, names: list[str], has_header: bool) -> Any:
    import polars as pl

    with open_regular(path) as file:
        content = file.read().decode(encoding)
    frame = pl.read_csv(
        text_io.BytesIO(content.encode()),
        separator=separator,
        has_header=False,
        skip_lines=_line_of_header(path) if has_header else 0,
        infer_schema=False,
    )
    if len(frame.columns) != len(names):
        raise DataError(f"its first line has {len(names)} cells, but others have {len(frame.columns)}")
    frame.columns = names
    return frame.select(_typed(frame[name].str.strip_chars()) for name in names)


def _typed(text: Any) -> Any:
    """Return a polars series of strings as numbers or bools, if all its cells are."""
    import polars as pl

    text = text.set(text.is_in(list(MISSING)).fill_null(True), None)
    for kind in (pl.Int64, pl.Float64):
        numbers = text.cast(kind, strict=False)
        if numbers.null_count() == text.null_count():
            return numbers
    truths = {"True": True, "False": False, "true": True, "false": False}
    if set(text.drop_nulls().unique().to_list()) <= set(truths):
        return text.replace_strict(truths, return_dtype=pl.Boolean)
    return text


def _separator(lines: list[str]) -> str:
    """Return what separates cells: the sign that gives all lines the same number of cells, and most."""
    best, found = 0, ","
    for sign in ",;\t|":
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=sign, skipinitialspace=True) if row]
        except csv.Error:
            continue
        even = len(set(widths)) == 1
        width = (2 if even else 1) * min(widths) if min(widths) > 1 else 0
        if width > best:
            best, found = width, sign
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.lower() not in ("nan", "inf", "infinity")


# --- images -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Images:
    """Images of one size, as bytes (m, size, size, 3), with their files and those that were left out."""

    rows: NDArray[np.uint8]
    files: list[Path]
    skipped: list[tuple[Path, str]]


def read_images(path: Path, size: int, progress: Progress | None = None) -> Images:
    """Read an image, or all images in a folder and its sub-folders, in the order of their names."""
    files = _files_in(path) if path.is_dir() else [path]
    rows, used, skipped = list[NDArray[np.uint8]](), list[Path](), list[tuple[Path, str]]()
    for number, file in enumerate(files, start=1):
        try:
            rows.append(load_image(file, size))
            used.append(file)
        except UnreadableImage as error:
            skipped.append((file, str(error)))
        if progress is not None:
            progress(number, len(files))
    if not rows:
        reason = f"{skipped[0][0]}: {skipped[0][1]}" if skipped else "it has no files"
        raise DataError(f"{path} has no usable images: {reason}")
    return Images(np.stack(rows), used, skipped)


def _files_in(folder: Path) -> list[Path]:
    found = list[Path]()
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(base, name) for name in sorted(names) if not name.startswith(".")]
        if len(found) > MOST_IMAGES:
            raise DataError(f"{folder} holds more than {MOST_IMAGES:,} files")
    return found
