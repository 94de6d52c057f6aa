"""A folder with one sub-folder of images per class, as photographs usually lie on a disk."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepnet._numbers import flag, whole
from deepnet.io.dataset import DataError, Dataset, Skipped, check_classes, check_size, hold_out
from deepnet.io.images import MAX_SIZE, UnreadableImage, load_image

OnImage = Callable[[int, int], None]

# Last words of the names of folders that hold a part of the data, in lower case, without "set".
_SPLITS = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "validation": ("val", "valid", "validation"),
}


def load_folder(
    path: str | os.PathLike[str],
    *,
    size: int = 64,
    seed: int = 1,
    on_image: OnImage | None = None,
    follow_links: bool = False,
) -> Dataset:
    """Read a folder of images whose sub-folders are the classes.

    Folders ``train`` and ``test`` in it, each with the classes inside, are the split. Without ``test``, a
    folder ``validation`` is held out; without both, a fifth of each class at random. Capitals and names like
    ``training_set``, ``seg_train`` or ``val`` are understood. A folder that holds only one folder of
    such folders, as archives do, stands for that one. Hidden files are ignored. Whatever else is not used,
    such as folders without images, is listed in ``skipped``.

    Parameters
    ----------
    path : str or path
        The folder. The classes are the names of its sub-folders with images, sorted.
    size : int
        Images are stretched to size x size pixels, 1 to 16384.
    seed : int
        Chooses which images are held out.
    on_image : callable, optional
        Called with (files read, files in all) after each file.
    follow_links : bool
        Whether symbolic links that lead out of the folder are followed.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If there are fewer than two classes with usable images, or a folder cannot be listed: ``photos/cat
        cannot be read: Permission denied``.
    ValueError, TypeError
        If a setting is unusable: ``size is -4, but must be 1 or more``.

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
    size, seed = whole("size", size, 1, MAX_SIZE), whole("seed", seed, 0)
    root = Path(path)
    reader = _Reader(root, size, on_image, flag("follow_links", follow_links))
    train_root, test_root = reader.split()
    train = reader.classes_in(train_root)
    if not train:
        raise DataError(
            f"{train_root} has no sub-folders with files; give each class a folder with its images"
        )
    test = reader.classes_in(test_root) if test_root else {}
    reader.expect([*train.values(), *test.values()])

    images, numbers = reader.read(train)
    present = [bool((numbers == number).any()) for number in range(len(train))]
    classes = [name for name, has_images in zip(train, present, strict=True) if has_images]
    if not classes:
        found = ", ".join([*map(repr, list(train)[:3]), *["..."] * (len(train) > 3)])
        raise DataError(
            f"{train_root} has no usable images in its sub-folders ({found}); give each class a folder with "
            "its images"
        )
    y = (np.cumsum(present) - 1)[numbers]
    check_classes(y, classes, str(train_root))
    if test_root:
        test_images, test_numbers = reader.read(test)
        names = [list(test)[number] for number in np.unique(test_numbers)]
        if unknown := [name for name in names if name not in classes]:
            raise DataError(f"{test_root / unknown[0]} is a class without training images")
        if not names:
            raise DataError(f"{test_root} has no usable images; remove it to hold out a part of {train_root}")
        index = np.array([classes.index(name) if name in classes else 0 for name in test])
        x_y = images, y, test_images, index[test_numbers]
    else:
        kept, held = hold_out(y, seed=seed)
        if not len(held):
            raise DataError(f"{train_root} has one image per class; none could be held out")
        x_y = images[kept], y[kept], images[held], y[held]
    return Dataset(*x_y, tuple(classes), 255.0, tuple(reader.skipped))


def _split_of(folder: Path) -> str | None:
    """Return which part of the data a folder holds by its name: the last word but "set", or all of it."""
    words = [word.removesuffix("set") for word in re.split(r"[\W_]+", folder.name.lower())]
    words = [word for word in words if word]
    names = {"".join(words), *words[-1:]}
    return next((part for part, known in _SPLITS.items() if names & {*known}), None)


class _Reader:
    """Lists folders and reads their images; notes what is skipped."""

    def __init__(self, root: Path, size: int, on_image: OnImage | None, follow_links: bool) -> None:
        self.skipped: dict[Skipped, None] = {}
        self._root, self._size, self._on_image = root, size, on_image
        self._follow_links, self._inside = follow_links, os.path.realpath(root)
        self._done = self._total = 0

    def split(self) -> tuple[Path, Path | None]:
        """The folders with the training and the held-out classes; None: to be held out at random."""
        parts: dict[str, Path] = {}
        others, named = list[Path](), list[Path]()
        root = self._descend(self._root, stop=("test", "validation"))
        for entry in self._visible(root):
            part = _split_of(entry)
            if part is None or not self._is_split(entry):
                others.append(entry)
                named += [entry] if part and os.path.isdir(entry) else []
            elif part in parts:
                raise DataError(f"{parts[part]} and {entry} both look like the {part} data; rename one")
            else:
                parts[part] = entry
        if "train" not in parts:
            if parts:
                found = ", ".join(folder.name for folder in parts.values())
                raise DataError(f"{root} has {found}, but no folder train")
            if len(named) > 1 and len(named) == sum(map(os.path.isdir, others)):
                raise DataError(f"{named[0]} has no sub-folders; give each class a folder with its images")
            return root, None
        for entry in others:
            self._skip(entry, f"not in the folder {parts['train'].name}")
        if "test" in parts and "validation" in parts:
            self._skip(parts["validation"], f"not used, {parts['test'].name} is held out")
        test = parts.get("test", parts.get("validation"))
        return self._descend(parts["train"]), None if test is None else self._descend(test)

    def _descend(self, folder: Path, stop: tuple[str, ...] = ()) -> Path:
        """Return the one folder that a folder holds, if it holds others, and so on; __MACOSX is ignored."""
        while True:
            entries = self._visible(folder)
            inside = [entry for entry in entries if os.path.isdir(entry) and entry.name != "__MACOSX"]
            if len(inside) != 1 or not self._is_split(inside[0]) or _split_of(inside[0]) in stop:
                return folder
            for entry in entries:
                if entry != inside[0]:
                    self._skip(entry, f"not in the folder {inside[0].name}")
            folder = inside[0]

    def _is_split(self, folder: Path) -> bool:
        """True if the folder holds folders: a class of that name would hold images."""
        return os.path.isdir(folder) and any(map(os.path.isdir, self._visible(folder)))

    def classes_in(self, root: Path) -> dict[str, list[Path]]:
        """The files of each sub-folder that has any."""
        classes = {}
        for folder in self._visible(root):
            if not os.path.isdir(folder):
                self._skip(folder, "not in the folder of a class")
                continue
            files = []
            for entry in self._visible(folder):
                if os.path.isdir(entry):
                    self._skip(entry, "a folder inside the folder of a class")
                else:
                    files.append(entry)
            if not files:
                self._skip(folder, "a folder without images")
            elif folder.name != os.fsencode(folder.name).decode("utf-8", "replace"):
                shown = os.fsencode(folder).decode("utf-8", "backslashreplace")
                raise DataError(f"{shown} is not valid UTF-8, so it cannot name a class; rename the folder")
            else:
                classes[folder.name] = files
        return classes

    def expect(self, files: Sequence[Sequence[Path]]) -> None:
        """Announce the files of all classes."""
        self._total = sum(map(len, files))
        n_bytes = self._total * self._size * self._size * 3
        check_size(n_bytes, f"{self._root} ({self._total} files)", "choose a smaller size")

    def read(self, classes: dict[str, list[Path]]) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
        """The usable images, and for each the number of its class."""
        n_files = sum(map(len, classes.values()))
        images = np.empty((n_files, self._size, self._size, 3), dtype=np.uint8)
        numbers = np.empty(n_files, dtype=np.intp)
        count = 0
        for number, files in enumerate(classes.values()):
            before = count
            for file in files:
                try:
                    images[count] = load_image(file, self._size)
                except UnreadableImage as error:
                    self._skip(file, str(error))
                else:
                    numbers[count] = number
                    count += 1
                self._done += 1
                if self._on_image:
                    self._on_image(self._done, self._total)
            if count == before:
                self._skip(files[0].parent, "a folder without usable images")
        return images[:count], numbers[:count]

    def _visible(self, folder: Path) -> list[Path]:
        """The entries of a folder, sorted by name, without hidden ones and links that lead out."""
        try:
            entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
        except OSError as error:
            raise DataError(f"{folder} cannot be read: {error.strerror or error}") from error
        return [entry for entry in entries if self._is_allowed(entry)]

    def _is_allowed(self, entry: Path) -> bool:
        if self._follow_links or not entry.is_symlink():
            return True
        if os.path.commonpath([self._inside, os.path.realpath(entry)]) == self._inside:
            return True
        self._skip(entry, "a link that leads out of the folder")
        return False

    def _skip(self, entry: Path, reason: str) -> None:
        self.skipped[Skipped(str(entry), reason)] = None  # once, though folders are listed more than once
