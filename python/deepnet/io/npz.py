"""Arrays in an .npz file: train_x, train_y and, where they are there, test_x, test_y and classes."""

import os
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnet.io.dataset import DataError, Dataset, check_classes, check_size, hold_out


def load_npz(path: str | os.PathLike[str], *, seed: int = 1) -> Dataset:
    """Read a data set from an ``.npz`` file. Nothing in the file is executed (no pickles).

    Parameters
    ----------
    path : str or path
        The file. It holds ``train_x`` (m, ...) of uint8 images or finite floats and ``train_y`` of m labels
        0, 1, 2, ...; ``test_x`` and ``test_y`` alike, or a fifth of the rows is held out;
        ``classes``, names as text or bytes, or the labels are the names, and below m.
    seed : int
        Chooses which rows are held out.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If the file is no such file; the message names the array at fault: ``train_y has the label 7, but
        there are 2 classes``.

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
    arrays = _read(path)
    missing = [name for name in ("train_x", "train_y") if name not in arrays]
    if missing or ("test_x" in arrays) != ("test_y" in arrays):
        wanted = " and ".join(missing) or "one of test_x and test_y"
        raise DataError(f"{path} lacks {wanted}; it has {', '.join(sorted(arrays)) or 'no arrays'}")

    names = _names(arrays["classes"]) if "classes" in arrays else None
    train_x, train_y = _pair(arrays, "train", names)
    classes = tuple(map(str, range(train_y.max() + 1))) if names is None else names
    check_classes(train_y, classes, str(path))
    if "test_x" in arrays:
        test_x, test_y = _pair(arrays, "test", classes)
        if test_x.shape[1:] != train_x.shape[1:] or test_x.dtype != train_x.dtype:
            of = [f"{x.shape[1:]} {x.dtype}" for x in (test_x, train_x)]
            raise DataError(f"rows of test_x are {of[0]}, those of train_x are {of[1]}")
    else:
        kept, held = hold_out(train_y, seed=seed)
        if not len(held):
            raise DataError(f"{path} has one row per class; none could be held out")
        test_x, test_y = train_x[held], train_y[held]
        train_x, train_y = train_x[kept], train_y[kept]
    scale = 255.0 if train_x.dtype == np.uint8 else 1.0
    return Dataset(train_x, train_y, test_x, test_y, classes, scale)


def _read(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            n_bytes = sum(entry.file_size for entry in archive.infolist())
        check_size(n_bytes, str(path), "use fewer rows")
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except DataError:
        raise
    except (OSError, ValueError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read as an .npz file: {reason}") from error


def _pair(
    arrays: dict[str, NDArray[Any]], split: str, classes: tuple[str, ...] | None
) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """The rows and their labels, which are numbers of these classes, or of no more classes than rows."""
    x, y = arrays[f"{split}_x"], arrays[f"{split}_y"]
    if x.ndim < 2 or not x.size:
        raise DataError(f"{split}_x has shape {x.shape}; it should be (examples, ...)")
    if x.dtype != np.uint8 and not np.issubdtype(x.dtype, np.floating):
        raise DataError(f"{split}_x is of {x.dtype}; it should be uint8 or floating")
    if x.dtype != np.uint8 and not np.isfinite(x).all():
        raise DataError(f"{split}_x has nan or infinite values")
    if y.size != len(x) or y.ndim > 2 or y.size != max(y.shape, default=0):
        raise DataError(
            f"{split}_y has shape {y.shape}; {split}_x has {len(x)} rows, one label each is needed"
        )
    labels = y.ravel()
    is_numeric = labels.dtype.kind in "iufb"
    if not is_numeric or not (np.isfinite(labels) & (labels == np.floor(labels)) & (labels >= 0)).all():
        raise DataError(f"{split}_y should hold the labels 0, 1, 2, ...")
    largest = int(labels.max())
    if classes is None and largest >= len(labels):
        raise DataError(
            f"{split}_y has the label {largest}, but {len(labels)} rows: without an array classes that names "
            "them, labels should be 0, 1, 2, ..."
        )
    if classes is not None and largest >= len(classes):
        raise DataError(f"{split}_y has the label {largest}, but there are {len(classes)} classes")
    return x, labels.astype(np.intp)


def _names(classes: NDArray[Any]) -> tuple[str, ...]:
    return tuple(
        name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in classes.ravel()
    )
