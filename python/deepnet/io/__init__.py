"""Data from disk: images in folders, arrays in .npz files, and scikit-learn's digits."""

import os
import stat

from deepnet.io.dataset import DataError, Dataset, Skipped, as_columns, as_targets, hold_out, mode_of
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
    "mode_of",
]


def load(
    path: str | os.PathLike[str],
    *,
    size: int = 64,
    seed: int = 1,
    on_image: OnImage | None = None,
    follow_links: bool = False,
) -> Dataset:
    """Read a folder of images (:func:`load_folder`) or an ``.npz`` file (:func:`load_npz`).

    Parameters
    ----------
    path : str or path
        The folder or the file.
    size, on_image, follow_links
        For a folder, as in :func:`load_folder`.
    seed : int
        Chooses which examples are held out if the data has no test examples.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If the path does not exist or the data cannot be used: ``photos.csv is neither a folder of images nor
        an .npz file``.
    ValueError, TypeError
        If a setting is unusable: ``size is -4, but must be 1 or more``.

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
    if stat.S_ISDIR(mode_of(path)):
        return load_folder(path, size=size, seed=seed, on_image=on_image, follow_links=follow_links)
    if os.fspath(path).lower().endswith(".npz"):
        return load_npz(path, seed=seed)
    raise DataError(f"{path} is neither a folder of images nor an .npz file")
