"""Files that are not trusted: regular files only, quoted safely, and replaced whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import reprlib
import stat
from collections.abc import Iterable
from typing import IO, Any, BinaryIO

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
    opener = lambda name, flags: os.open(name, flags | os.O_NONBLOCK)  # noqa: E731  nothing to document
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
    target wait for each other.

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
        digits = hashlib.blake2b(os.fsencode(name), digest_size=4).hexdigest()
        beside = os.path.join(folder, f".{_start(name)}.{digits}.part")
        handle = _create_locked(beside)
        try:
            with open(handle, "wb", buffering=0) as file:
                for part in content:
                    for piece in chunks(part):
                        while piece:
                            piece = piece[file.write(piece) :]
                if old:
                    with contextlib.suppress(PermissionError):
                        os.fchown(handle, old.st_uid, old.st_gid)
                    os.fchmod(handle, stat.S_IMODE(old.st_mode))
                os.fsync(handle)
                os.replace(beside, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(beside)
            raise
        _sync_folder(folder)
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), os.fspath(path)) from error


def _start(name: str) -> str:
    """The start of a name, short enough for what is put around it: a name has up to 255 bytes."""
    return os.fsdecode(os.fsencode(name)[:40])


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


def _create_locked(name: str) -> int:
    """Create a file and lock it; one left by a killed process is removed first.

    The lock ends with the process, so it tells a file that is being written from one that was left.
    """
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        try:
            handle, is_new = os.open(name, flags | os.O_CREAT | os.O_EXCL, 0o666), True
        except FileExistsError:
            try:
                handle, is_new = os.open(name, flags | os.O_NONBLOCK), False
            except FileNotFoundError:
                continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if _is_named(handle, name):
                if is_new:
                    return handle
                os.unlink(name)
        except BaseException:
            if is_new:
                with contextlib.suppress(OSError):
                    os.unlink(name)
            os.close(handle)
            raise
        os.close(handle)


def _is_named(handle: int, name: str) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(name))
    except FileNotFoundError:
        return False


def _sync_folder(folder: str) -> None:
    """Write the new name to the disk as well, where the system can do that and lets this user."""
    with contextlib.suppress(PermissionError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            os.close(handle)
