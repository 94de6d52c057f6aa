"""A data set in memory: rows as they were stored, and the conversion to the columns that networks take."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from deepnet._numbers import real, whole

# A 64 x 64 RGB image takes 12 KB, so this allows 350,000 of them.
MAX_BYTES = 4 * 2**30
MAX_CLASSES = 100_000


class DataError(ValueError):
    """Data that cannot be used; the message names it and says what to change."""


def mode_of(path: str | os.PathLike[str]) -> int:
    """Return the mode of a file or folder, for the functions of `stat`, or raise a DataError."""
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise DataError(f"{path} cannot be opened: {getattr(error, 'strerror', error)}") from error


@dataclass(frozen=True)
class Skipped:
    """A file or folder that was left out, and why."""

    path: str
    reason: str


@dataclass(frozen=True, repr=False)
class Dataset:
    """Training and held-out rows with their labels.

    Attributes
    ----------
    train_x, test_x : ndarray, shape (m, ...)
        One row per example, as stored: uint8 images of shape (m, h, w) or (m, h, w, 3), or floats.
    train_y, test_y : ndarray of int, shape (m,)
        Indices into ``classes``.
    classes : tuple of str
        Names of the classes.
    scale : float
        Divisor of the stored values: 255 for images of bytes.
    skipped : tuple of Skipped
        Files, folders and arrays that were found but not used.
    """

    train_x: NDArray[Any]
    train_y: NDArray[np.intp]
    test_x: NDArray[Any]
    test_y: NDArray[np.intp]
    classes: tuple[str, ...]
    scale: float = 1.0
    skipped: tuple[Skipped, ...] = ()

    @property
    def n_features(self) -> int:
        """Number of values per example."""
        return int(np.prod(self.train_x.shape[1:]))

    def __repr__(self) -> str:
        counts = f"{len(self.train_y)} to train on, {len(self.test_y)} held out"
        kind = f"shape {self.train_x.shape[1:]}, {self.train_x.dtype}"
        return f"<Dataset of {len(self.classes)} classes: {counts}; {kind}, scale {self.scale:g}>"


def as_columns(rows: NDArray[Any], scale: float = 1.0, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Return rows (m, ...) as the course's X: floats, divided by `scale`, one column per example.

    Parameters
    ----------
    rows : ndarray, shape (m, ...)
        As stored, for example ``data.train_x``.
    scale : float
        More than 0; ``data.scale``.
    dtype : dtype
        The dtype of the network.

    Returns
    -------
    X : ndarray of `dtype`, shape (n_0, m)
        A new array.

    Raises
    ------
    ValueError
        For example ``scale is 0, but must be more than 0``.
    TypeError
        For example ``scale is '255', but must be a number``.

    Examples
    --------
    >>> as_columns(np.array([[0, 255], [51, 102]], dtype=np.uint8), scale=255)
    array([[0. , 0.2],
           [1. , 0.4]])
    """
    flat = rows.reshape(len(rows), -1).astype(dtype)
    flat /= real("scale", scale, above=0)
    return flat.T


def as_targets(labels: NDArray[Any], n_classes: int, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Return labels (m,) as the course's Y: (1, m) for two classes, else one row per class (one-hot).

    Parameters
    ----------
    labels : ndarray of int, shape (m,)
        Indices of classes, from 0 to `n_classes` - 1.
    n_classes : int
        2 or more.
    dtype : dtype
        The dtype of the network.

    Returns
    -------
    Y : ndarray of `dtype`, shape (1, m) or (n_classes, m)

    Raises
    ------
    ValueError
        For example ``labels has 3, but n_classes is 3: must be from 0 to 2``.
    TypeError
        For example ``n_classes is 2.0, but must be a whole number``.

    Examples
    --------
    >>> as_targets(np.array([0, 2, 1]), n_classes=3)
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 1., 0.]])
    """
    n_classes, labels = whole("n_classes", n_classes, 2), np.asarray(labels)
    outside = labels[(labels < 0) | (labels >= n_classes)]
    if outside.size:
        expected = f"must be from 0 to {n_classes - 1}"
        raise ValueError(f"labels has {outside[0]}, but n_classes is {n_classes}: {expected}")
    first = 1 if n_classes == 2 else 0  # of two classes, the one row tells whether it is the second
    return np.asarray(labels == np.arange(first, n_classes)[:, None], dtype=dtype)


def hold_out(
    labels: NDArray[Any], *, fraction: float = 0.2, seed: int = 1
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Split at random: return indices (train, test) with `fraction` of each class in `test`.

    No class loses its last training example.

    Parameters
    ----------
    labels : ndarray, shape (m,)
        The class of each example.
    fraction : float
        From 0 to 1; of each class with two examples or more at least one is held out.
    seed : int
        Seed of the choice.

    Returns
    -------
    train, test : ndarray of int
        In ascending order; together 0, ..., m - 1.

    Raises
    ------
    ValueError
        For example ``fraction is 20, but must be from 0 to 1``; also if ``labels`` is empty.
    TypeError
        For example ``seed is None, but must be a whole number``.

    Examples
    --------
    >>> train, test = hold_out(np.repeat([0, 1], 10), seed=1)
    >>> len(train), len(test)
    (16, 4)
    """
    fraction, random = (
        real("fraction", fraction, low=0, high=1),
        np.random.default_rng(whole("seed", seed, 0)),
    )
    if not len(labels):
        raise ValueError("labels is empty, but must have examples to hold out")
    test = []
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        count = min(max(1, round(fraction * len(members))), len(members) - 1)
        test.append(members[:count])
    chosen = np.zeros(len(labels), dtype=bool)
    chosen[np.concatenate(test)] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def check_classes(labels: NDArray[Any], classes: Sequence[str], where: str) -> None:
    """Raise a DataError unless the training labels belong to two classes or more."""
    present = [classes[label] for label in np.unique(labels)]
    if len(present) < 2:
        found = f"only one class, {present[0]!r}" if present else "no examples"
        raise DataError(f"{where} has {found}; training needs examples of at least two classes")


def check_size(n_bytes: int, where: str, advice: str) -> None:
    """Raise a DataError if the data takes more than MAX_BYTES of memory."""
    if n_bytes > MAX_BYTES:
        limit = f"{MAX_BYTES / 2**30:.0f} GiB"
        raise DataError(f"{where} would take {n_bytes / 2**30:.1f} GiB of memory, over {limit}: {advice}")
