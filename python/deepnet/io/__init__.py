"""Data from disk: images in folders, arrays in .npz files, and scikit-learn's digits."""

import os
from pathlib import Path

from deepnet.io.dataset import DataError, Dataset, Skipped, as_columns, as_targets, hold_out
from deepnet.io.digits import load_digits
from deepnet.io.folder import OnImage, load_folder
from deepnet.io.images import UnreadableImage, load_image
from deepnet.io.npz import load_npz

__all__ = [
    "DataError",
    "Dataset",
    "Skipped",
    "UnreadableImage",
    "as_columns",
    "as_targets",
    "hold_out",
    "load",
    "load_digits",
    "load_folder",
    "load_image",
    "load_npz",
]


def load(
    path: str | os.PathLike[str], *, size: int = 64, seed: int = 1, on_image: OnImage | None = None
) -> Dataset:
    """Read a folder of images (:func:`load_folder`) or an ``.npz`` file (:func:`load_npz`).

    Parameters
    ----------
    path : str or path
        The folder, or the file.
    size, on_image
        For a folder, as in :func:`load_folder`.
    seed : int
        Chooses which examples are held out where none are set apart.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If there is nothing of that name, or it cannot be used: ``photos.csv is neither a folder of images nor
        an .npz file``.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/rows.npz", train_x=np.zeros((10, 3)), train_y=np.repeat([0, 1], 5))
    ...     data = load(f"{folder}/rows.npz")
    >>> len(data.train_y), len(data.test_y)
    (8, 2)
    """
    if not os.path.exists(path):
        raise DataError(f"{path} does not exist")
    if Path(path).is_dir():
        return load_folder(path, size=size, seed=seed, on_image=on_image)
    if Path(path).suffix.lower() == ".npz":
        return load_npz(path, seed=seed)
    raise DataError(f"{path} is neither a folder of images nor an .npz file")
