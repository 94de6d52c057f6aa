"""Files that are not trusted: regular files only, quoted safely, and replaced whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import reprlib
import stat
from collections.abc import Iterable
from typing import IO, Any, BinaryIO

from . import _system

Path = str | os.PathLike[str]

# Bytes read, hashed or written between two looks for Ctrl-C: some 10 ms from a disk.
CHUNK = 2**24

_QUOTE = reprlib.Repr()
_QUOTE.maxstring = _QUOTE.maxother = 80


def quoted(value: object) -> str:
    r"""Quote what a file says, for a message: control characters escaped, and shortened.

    >>> quoted("W1\n" + "x" * 1000)
    "'W1\\nxxx...xxx'"
    """
    return _QUOTE.repr(value)


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading; anything else than a regular file is a ValueError.

    A FIFO would block the caller, and a device may never end.
    """
    opener = lambda name, flags: os.open(name, flags | _system.UNBLOCKED)  # noqa: E731  nothing to document
    file = open(path, "rb", opener=opener)  # noqa: SIM115  the caller closes it
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ValueError("is not a regular file")
    return file


def read_into(file: IO[bytes], buffer: Any) -> None:
    """Fill a contiguous array from a file; an end before that is an EOFError."""
    view, done = memoryview(buffer).cast("B"), 0
    while done < len(view):
        count = file.readinto(view[done : done + CHUNK])  # type: ignore[attr-defined]  # IO lacks it, files have it
        if not count:
            raise EOFError(f"ends {len(view) - done} bytes early")
        done += count


def chunks(buffer: Any) -> Iterable[memoryview]:
    """The bytes of a contiguous array, a chunk at a time."""
    view = memoryview(buffer).cast("B")
    for start in range(0, len(view), CHUNK):
        yield view[start : start + CHUNK]


def replace(path: Path, content: Iterable[Any]) -> None:
    """Write a file whole, or leave an existing one as it was.

    A new file is written beside the target and takes its name, mode and (where permitted) owner when it is
    complete and on the disk. Links are followed. If the process is killed, the unfinished file stays as
    ``.<name>.<8 hex digits>.part``, which the next call for the same target removes. Concurrent calls for one
    target wait for each other. On Windows they do not, and the unfinished file has another name each time
    and is not removed; nor can a file be replaced that a process has open.

    Parameters
    ----------
    path : str or path
    content : iterable of bytes or contiguous arrays
        Written one after the other.

    Raises
    ------
    ValueError
        If there is something of that name that is not a regular file.
    OSError
        With the name of the target, whatever file the failure is about. If only the folder could not be
        written to the disk, the new file is there already.
    """
    target = os.path.realpath(path)
    try:
        folder, name = os.path.split(target)
        old = _regular_or_none(path, target)
        handle, beside = _system.create_beside(folder, name)
        try:
            with open(handle, "wb", buffering=0) as file:
                for part in content:
                    for piece in chunks(part):
                        while piece:
                            piece = piece[file.write(piece) :]
                if old:
                    _system.keep_owner(handle, old)
                os.fsync(handle)
                if not _system.RENAMES_OPEN_FILES:
                    file.close()
                os.replace(beside, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(beside)
            raise
        _system.sync_folder(folder)
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), os.fspath(path)) from error


def _regular_or_none(path: Path, target: str) -> os.stat_result | None:
    try:
        status = os.stat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{os.fspath(path)}: is not a regular file, and is not replaced")
    return status
