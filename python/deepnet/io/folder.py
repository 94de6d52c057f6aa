"""A folder with one sub-folder of images per class, as photographs usually lie on a disk."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepnet.io.dataset import DataError, Dataset, Skipped, check_classes, check_size, hold_out
from deepnet.io.images import UnreadableImage, load_image

OnImage = Callable[[int, int], None]


def load_folder(
    path: str | os.PathLike[str], *, size: int = 64, seed: int = 1, on_image: OnImage | None = None
) -> Dataset:
    """Read a folder of images whose sub-folders are the classes.

    Folders ``train`` and ``test`` in it, each with the classes inside, are the split; otherwise a fifth
    of every class is held out at random. Hidden files are ignored, other odd files end up in ``skipped``.

    Parameters
    ----------
    path : str or path
        The folder. The classes are the names of its sub-folders, sorted.
    size : int
        Images are stretched to size x size pixels.
    seed : int
        Chooses which images are held out.
    on_image : callable, optional
        Called with (files read, files in all) after each file.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If there are not at least two classes with usable images.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as photos:
    ...     for name in ("cat", "dog"):
    ...         folder = Path(photos, name)
    ...         folder.mkdir()
    ...         for i in range(5):
    ...             Image.new("RGB", (90, 70), (40 * i, 80, 120)).save(folder / f"{name}.{i}.png")
    ...     data = load_folder(photos)
    >>> data.classes, data.train_x.shape
    (('cat', 'dog'), (8, 64, 64, 3))
    """
    root = Path(path)
    train_root = root / "train" if (root / "train").is_dir() else root
    test_root = root / "test" if train_root != root and (root / "test").is_dir() else None

    skipped: list[Skipped] = []
    classes = [folder.name for folder in _visible(train_root) if folder.is_dir()]
    if not classes:
        raise DataError(f"{train_root} has no sub-folders; put the images of each class into one of its own")
    train = _files(train_root, classes, skipped)
    test = _files(test_root, classes, skipped) if test_root else []
    n_files = len(train) + len(test)
    check_size(n_files * size * size * 3, f"{root} ({n_files} files)", "choose a smaller size")

    step = _Steps(n_files, on_image)
    x, y = _read(train, size, skipped, step)
    check_classes(y, classes, str(train_root))
    if test_root:
        test_x, test_y = _read(test, size, skipped, step)
        if not len(test_y):
            raise DataError(f"{test_root} has no usable images; remove it to have some of train held out")
        return Dataset(x, y, test_x, test_y, tuple(classes), 255.0, tuple(skipped))
    kept, held = hold_out(y, seed=seed)
    if not len(held):
        raise DataError(f"{train_root} has one image per class; none could be held out")
    return Dataset(x[kept], y[kept], x[held], y[held], tuple(classes), 255.0, tuple(skipped))


def _visible(folder: Path) -> list[Path]:
    """Everything in a folder, sorted by name, without hidden files."""
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def _files(root: Path, classes: Sequence[str], skipped: list[Skipped]) -> list[tuple[Path, int]]:
    """The files of each class with the class's number; everything that is out of place is noted."""
    files = []
    for entry in _visible(root):
        if not entry.is_dir():
            skipped.append(Skipped(str(entry), "not in the folder of a class"))
        elif entry.name not in classes:
            raise DataError(f"{entry} is a class without training images")
        else:
            label = classes.index(entry.name)
            for file in _visible(entry):
                if file.is_dir():
                    skipped.append(Skipped(str(file), "a folder inside the folder of a class"))
                else:
                    files.append((file, label))
    return files


def _read(
    files: Sequence[tuple[Path, int]], size: int, skipped: list[Skipped], step: "_Steps"
) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    images = np.empty((len(files), size, size, 3), dtype=np.uint8)
    labels = np.empty(len(files), dtype=np.intp)
    count = 0
    for path, label in files:
        try:
            images[count] = load_image(path, size)
        except UnreadableImage as error:
            skipped.append(Skipped(str(path), str(error)))
        else:
            labels[count] = label
            count += 1
        step()
    return images[:count], labels[:count]


class _Steps:
    """Counts files for whoever shows the progress."""

    def __init__(self, total: int, on_image: OnImage | None) -> None:
        self._done, self._total, self._on_image = 0, total, on_image

    def __call__(self) -> None:
        self._done += 1
        if self._on_image:
            self._on_image(self._done, self._total)
