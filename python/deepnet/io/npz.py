"""Data sets in .npz files, which are not trusted: sizes are checked before anything is allocated.

NumPy's own reader evaluates headers as Python, warns, raises errors of a dozen types, and stops before the
checksum of a member. So the format is read here: a zip archive of .npy members, stored or deflated.
"""

from __future__ import annotations

import math
import os
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from deepnet._files import open_regular, quoted, read_into
from deepnet._numbers import whole
from deepnet.io.dataset import (
    MAX_CLASSES,
    DataError,
    Dataset,
    Skipped,
    check_classes,
    check_size,
    hold_out,
)

# The list of members is read at once; one of 1 MB has some 15,000.
MAX_DIRECTORY = 2**20
MAX_HEADER = 10_000  # of a member, as in NumPy
MAX_TEXT = 4096  # bytes of a label
MAX_RATIO = 1032  # deflate compresses no better

# The arrays that are read, with the names that are understood, in lower case.
_NAMES = {
    "train_x": ("train_x", "x_train"),
    "train_y": ("train_y", "y_train"),
    "test_x": ("test_x", "x_test"),
    "test_y": ("test_y", "y_test"),
    "classes": ("classes",),
}


def load_npz(path: str | os.PathLike[str], *, seed: int = 1) -> Dataset:
    """Read a data set from an ``.npz`` file. Nothing in the file is executed (no pickles).

    Parameters
    ----------
    path : str or path
        The file. It holds ``train_x`` of shape (m, ...), uint8 images or finite floats, and ``train_y``
        with m labels: whole numbers or text. ``test_x`` and ``test_y`` are optional; without them a fifth of
        the rows is held out. ``classes``, also optional, names the classes 0, 1, 2, ...; without it, the
        distinct labels of ``train_y`` are the classes. Keras's names (``x_train``, ...) and capitals are
        understood.
    seed : int
        Chooses which rows are held out.

    Returns
    -------
    Dataset
        Members that are not read are listed in ``skipped``.

    Raises
    ------
    DataError
        If the file is damaged or its arrays do not fit. The message names file and array: ``digits.npz:
        train_y has the label 7, but classes names 2, numbered from 0``.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     arrays = {"train_x": np.zeros((10, 3)), "train_y": np.repeat([0, 1], 5)}
    ...     np.savez(f"{folder}/rows.npz", classes=["cat", "dog"], **arrays)
    ...     data = load_npz(f"{folder}/rows.npz")
    >>> data.classes, data.train_x.shape, data.test_x.shape
    (('cat', 'dog'), (8, 3), (2, 3))
    """
    seed = whole("seed", seed, 0)
    try:
        arrays, skipped = _read(path)
        return _dataset(arrays, skipped, seed)
    except DataError as error:
        raise DataError(f"{os.fspath(path)}: {error}") from error.__cause__


def _dataset(arrays: dict[str, NDArray[Any]], skipped: tuple[Skipped, ...], seed: int) -> Dataset:
    train_x, labels = arrays["train_x"], {"train_y": arrays["train_y"].ravel()}
    if "test_y" in arrays:
        labels["test_y"] = arrays["test_y"].ravel()
    for name in ("train_x", "test_x"):
        x = arrays.get(name)
        if x is not None and not _is_finite(x):
            raise DataError(f"{name} has nan or infinite values")
    numbers, classes = _numbered(labels, arrays.get("classes"))
    train_y = numbers["train_y"]
    check_classes(train_y, classes, "train_y")
    scale = 255.0 if train_x.dtype == np.uint8 else 1.0
    if "test_x" in arrays:
        return Dataset(train_x, train_y, arrays["test_x"], numbers["test_y"], classes, scale, skipped)
    kept, held = hold_out(train_y, seed=seed)
    if not len(held):
        raise DataError("has one row per class; none could be held out")
    x, y = train_x[held], train_y[held]
    return Dataset(train_x[kept], train_y[kept], x, y, classes, scale, skipped)


def _is_finite(x: NDArray[Any]) -> bool:
    """True if all values are finite; scans a part at a time, to save memory and answer Ctrl-C."""
    rows = max(1, 2**22 * len(x) // x.size)
    return x.dtype.kind != "f" or all(
        np.isfinite(x[start : start + rows]).all() for start in range(0, len(x), rows)
    )


# --- labels ------------------------------------------------------------------------------------------------


def _numbered(
    labels: Mapping[str, NDArray[Any]], names: NDArray[Any] | None
) -> tuple[dict[str, NDArray[np.intp]], tuple[str, ...]]:
    """The labels as indices into the classes, and the names of the classes."""
    for name, y in labels.items():
        _check_labels(name, y)
    if names is not None and not any(y.dtype.kind in "US" for y in labels.values()):
        return _indices(labels, len(names)), tuple(map(_text, names))
    distinct = {name: np.unique(y, return_inverse=True) for name, y in labels.items()}
    n_most = max(len(values) for values, _ in distinct.values())
    if n_most > MAX_CLASSES:
        raise DataError(f"the labels have {n_most} distinct values, but may have {MAX_CLASSES}")
    classes = tuple(map(_text, distinct["train_y"][0] if names is None else names))
    index = {text: number for number, text in enumerate(classes)}
    numbers = {}
    for name, (values, inverse) in distinct.items():
        texts = [_text(value) for value in values]
        for text in texts:
            if text not in index:
                origin = "train_y" if names is None else "classes"
                raise DataError(f"{name} has the label {quoted(text)}, which {origin} lacks")
        numbers[name] = np.array([index[text] for text in texts], np.intp)[inverse]
    return numbers, classes


def _check_labels(name: str, y: NDArray[Any]) -> None:
    """Raise a DataError unless the labels are text or whole numbers."""
    must = "labels must be whole numbers or text"
    if y.dtype.kind not in "iufbUS":
        raise DataError(f"{name} is of {y.dtype}, but {must}")
    if y.dtype.kind == "f":
        largest = min(2.0**63, float(np.finfo(y.dtype).max))
        with np.errstate(invalid="ignore"):  # a signalling nan
            if not ((y == np.floor(y)) & (np.abs(y) <= largest)).all():
                raise DataError(f"{name} has fractions, nan, inf or numbers beyond 64 bits, but {must}")


def _indices(labels: Mapping[str, NDArray[Any]], n_classes: int) -> dict[str, NDArray[np.intp]]:
    for name, y in labels.items():
        outside = y[(y < 0) | (y >= n_classes)]
        if len(outside):
            raise DataError(
                f"{name} has the label {_text(outside[0])}, but classes names {n_classes}, numbered from 0"
            )
    return {name: y.astype(np.intp) for name, y in labels.items()}


def _text(label: Any) -> str:
    """The name of a class: text that can be printed, and numbers without a fraction."""
    if isinstance(label, bytes):
        return label.decode("utf-8", "backslashreplace")
    return label.encode("utf-8", "backslashreplace").decode() if isinstance(label, str) else str(int(label))


# --- the file ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Member:
    """A .npy member of the archive, as its header describes it."""

    info: zipfile.ZipInfo
    start: int  # of the elements, in bytes
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool

    @property
    def n_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


class _Archive:
    """The archive's file; zipfile reads the list of members by one call, whose size is limited."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.limit: float = MAX_DIRECTORY
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size > self.limit:
            raise zipfile.BadZipFile(f"its list of members takes {size} bytes")
        return self._file.read(size)


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, NDArray[Any]], tuple[Skipped, ...]]:
    """The arrays by the names in _NAMES, and the members that were left out."""
    try:
        with open_regular(path) as opened, zipfile.ZipFile(file := _Archive(opened)) as archive:
            file.limit = math.inf
            _check_directory(opened, archive)
            found, skipped = _find(archive)
            members = {name: _header(archive, name, info) for name, info in found.items()}
            _check_shapes(members)
            # Sorting and numbering labels takes a few temporary arrays, and a name some 100 bytes.
            n_bytes = sum(
                m.n_bytes if name.endswith("x") else 4 * m.n_bytes + 100 * math.prod(m.shape)
                for name, m in members.items()
            )
            check_size(n_bytes, "the data", "use fewer rows")
            return {name: _array(archive, name, member) for name, member in members.items()}, skipped
    except DataError:
        raise
    except MemoryError:
        raise DataError("does not fit into the memory that is free") from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}") from error
    except Exception as error:  # zipfile answers damaged archives with a dozen types of error
        raise DataError(f"cannot be read as an .npz file: {_reason(error)}") from error


def _check_directory(file: BinaryIO, archive: zipfile.ZipFile) -> None:
    """Raise an error where damage hides members, which zipfile does not notice: by their count and names."""
    file.seek(-22 - len(archive.comment), os.SEEK_END)
    n_members = int.from_bytes(file.read(12)[10:], "little")
    if n_members != len(archive.infolist()):
        raise DataError(f"is damaged: it has {n_members} members, but lists {len(archive.infolist())}")
    for info in archive.infolist():
        with _opened(archive, quoted(info.filename.removesuffix(".npy"))[1:-1], info):
            pass


def _find(archive: zipfile.ZipFile) -> tuple[dict[str, zipfile.ZipInfo], tuple[Skipped, ...]]:
    found: dict[str, zipfile.ZipInfo] = {}
    others = []
    for info in archive.infolist():
        given = info.filename.removesuffix(".npy")
        name = next((key for key, names in _NAMES.items() if given.lower() in names), None)
        if name is None:
            others.append(given)
        elif name in found:
            raise DataError(f"has both {quoted(found[name].filename)} and {quoted(info.filename)}")
        else:
            found[name] = info
    missing = [name for name in ("train_x", "train_y") if name not in found]
    if missing or ("test_x" in found) != ("test_y" in found):
        wanted = " and ".join(missing) or "one of test_x and test_y"
        present = sorted([*found, *others])
        more = ", ..." if len(present) > 10 else ""
        listed = ", ".join(quoted(name)[1:-1] for name in present[:10]) + more
        raise DataError(f"lacks {wanted}; it has {listed or 'no arrays'}")
    return found, tuple(Skipped(quoted(name)[1:-1], "not an array that is read") for name in others)


_KEYS = {
    "descr": re.compile(r"'descr'\s*:\s*'([<>|=]?[biufcSU]\d{1,5})'"),
    "fortran_order": re.compile(r"'fortran_order'\s*:\s*(True|False)"),
    "shape": re.compile(r"'shape'\s*:\s*\(([\dL,\s]{0,200})\)"),
}


def _header(archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> _Member:
    with _opened(archive, name, info) as file:
        start = file.read(12)
        size, lead = (4, 12) if start[6:7] in (b"\x02", b"\x03") else (2, 10)
        length = int.from_bytes(start[8 : 8 + size], "little")
        if start[:6] != b"\x93NUMPY" or start[6:7] not in (b"\x01", b"\x02", b"\x03") or length > MAX_HEADER:
            raise DataError(f"{name} is not an array in the format .npy")
        text = (start[lead:] + file.read(length - len(start[lead:]))).decode("latin1")
    if re.search(r"'descr'\s*:\s*'\|?O", text):
        raise DataError(f"{name} holds Python objects (a pickle), which are not loaded")
    matches = {key: pattern.search(text) for key, pattern in _KEYS.items()}
    values = {key: match[1] for key, match in matches.items() if match}
    rest = text
    for match in matches.values():
        rest = rest.replace(match[0], "", 1) if match else rest
    if len(values) < len(_KEYS) or not re.fullmatch(r"\{[,\s]*\}\s*", rest):
        raise DataError(f"{name} has a header that does not describe a plain array: {quoted(text.strip())}")
    try:
        dtype = np.dtype(values["descr"])
        shape = tuple(int(n.strip().rstrip("L")) for n in values["shape"].split(",") if n.strip())
    except (TypeError, ValueError):
        raise DataError(f"{name} has a damaged header: {quoted(text.strip())}") from None
    member = _Member(info, lead + length, shape, dtype, values["fortran_order"] == "True")
    if dtype.kind in "US" and dtype.itemsize > MAX_TEXT:
        raise DataError(f"{name} is of {dtype}, but text may take up to {MAX_TEXT} bytes")
    if not dtype.itemsize or info.file_size != member.start + member.n_bytes:
        raise DataError(f"{name} is of {dtype} and shape {quoted(shape)}, which does not match its size")
    return member


def _check_shapes(members: Mapping[str, _Member]) -> None:
    for split in ("train", "test"):
        if f"{split}_x" not in members:
            continue
        x, y = members[f"{split}_x"], members[f"{split}_y"]
        if x.dtype != np.uint8 and x.dtype.kind != "f":
            raise DataError(f"{split}_x is of {x.dtype}, but must be uint8 or floating")
        n_labels = math.prod(y.shape)
        is_list = len(y.shape) in (1, 2) and n_labels == max(y.shape)
        if is_list and len(x.shape) == 2 and n_labels == x.shape[1] != x.shape[0]:
            raise DataError(f"{split}_x has shape {x.shape}: examples must be its rows; save {split}_x.T")
        if len(x.shape) < 2 or not x.n_bytes:
            raise DataError(f"{split}_x has shape {quoted(x.shape)}, but must have (examples, ...)")
        if not is_list or n_labels != x.shape[0]:
            raise DataError(
                f"{split}_y has shape {quoted(y.shape)}, but {split}_x has {x.shape[0]} rows, which need one "
                "label each"
            )
    train, test = members["train_x"], members.get("test_x", members["train_x"])
    if (train.shape[1:], train.dtype) != (test.shape[1:], test.dtype):
        of = [f"{x.shape[1:]} {x.dtype}" for x in (test, train)]
        raise DataError(f"rows of test_x are {of[0]}, those of train_x are {of[1]}")
    classes = members.get("classes")
    if classes:
        n_names = max(classes.shape, default=0)
        is_list = classes.shape == (n_names,) and classes.dtype.kind in "USiub"
        if not is_list or not 0 < n_names <= MAX_CLASSES:
            raise DataError(
                f"classes is of {classes.dtype} and shape {quoted(classes.shape)}, but must be a list of up "
                f"to {MAX_CLASSES} names"
            )


def _array(archive: zipfile.ZipFile, name: str, member: _Member) -> NDArray[Any]:
    """The elements; the member is read to its end, where zipfile compares its checksum."""
    array = np.empty(member.n_bytes, np.uint8)
    with _opened(archive, name, member.info) as file:
        file.read(member.start)
        read_into(file, array)
        file.read(1)
    order = member.shape[::-1] if member.is_fortran else member.shape
    if member.dtype.kind == "U" and (array.view(member.dtype.byteorder + "u4") > sys.maxunicode).any():
        raise DataError(f"{name} is damaged: its text has characters beyond Unicode")
    elements = array.view(member.dtype).reshape(order)
    return elements.T if member.is_fortran else elements


def _reason(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text if len(text) <= 160 else f"{text[:160]}..."  # zipfile quotes names of up to 64 KB


@contextmanager
def _opened(archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    """Open a member; every error of zipfile, now or while it is read, becomes a DataError that names it."""
    if info.flag_bits & 1:
        raise DataError(f"{name} is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"{name} is compressed by method {info.compress_type}, which NumPy does not write")
    if info.file_size > MAX_RATIO * info.compress_size + 1024:
        raise DataError(f"{name} is damaged: {info.compress_size} bytes cannot expand to {info.file_size}")
    try:
        with archive.open(info) as file:
            yield file
    except (DataError, MemoryError):
        raise
    except Exception as error:  # zlib.error, BadZipFile, EOFError, NotImplementedError, struct.error, ...
        raise DataError(f"{name} is damaged: {_reason(error)}") from error
