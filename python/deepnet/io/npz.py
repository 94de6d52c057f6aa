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
        ``classes``, names as text or bytes, or the labels are the names.
    seed : int
        Chooses which rows are held out.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If the file is no such file; the message names the array at fault.
    """
    arrays = _read(path)
    missing = [name for name in ("train_x", "train_y") if name not in arrays]
    if missing or ("test_x" in arrays) != ("test_y" in arrays):
        wanted = " and ".join(missing) or "one of test_x and test_y"
        raise DataError(f"{path} lacks {wanted}; it has {', '.join(sorted(arrays)) or 'no arrays'}")

    train_x, train_y = _pair(arrays, "train")
    classes = _classes(arrays.get("classes"), train_y)
    check_classes(train_y, classes, str(path))
    if "test_x" in arrays:
        test_x, test_y = _pair(arrays, "test")
        if test_x.shape[1:] != train_x.shape[1:] or test_x.dtype != train_x.dtype:
            of = [f"{x.shape[1:]} {x.dtype}" for x in (test_x, train_x)]
            raise DataError(f"rows of test_x are {of[0]}, those of train_x are {of[1]}")
        if test_y.max() >= len(classes):
            raise DataError(f"test_y has the label {test_y.max()}, but there are {len(classes)} classes")
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


def _pair(arrays: dict[str, NDArray[Any]], split: str) -> tuple[NDArray[Any], NDArray[np.intp]]:
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
    if labels.dtype.kind not in "iufb" or (labels != np.floor(labels)).any() or (labels < 0).any():
        raise DataError(f"{split}_y should hold the labels 0, 1, 2, ...")
    return x, labels.astype(np.intp)


def _classes(names: NDArray[Any] | None, labels: NDArray[np.intp]) -> tuple[str, ...]:
    if names is None:
        return tuple(str(label) for label in range(labels.max() + 1))
    text = [
        name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names.ravel()
    ]
    if labels.max() >= len(text):
        raise DataError(f"train_y has the label {labels.max()}, but classes names {len(text)}")
    return tuple(text)
