"""What differs between operating systems: Linux and macOS on the one hand, Windows on the other.

All other modules are the same everywhere, except those of :mod:`deepnet.diagnose` that run learners' files:
they need to fork, and are loaded on Linux and macOS alone.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
import sys
from collections.abc import Sequence

# UNBLOCKED: the flag that opens a FIFO without waiting.
# RENAMES_OPEN_FILES: whether a file may be open while it gets another name.


def usable_cpus() -> Sequence[int]:
    """Return the numbers of the processors that this process may use."""
    if sys.platform != "win32" and hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return range(os.cpu_count() or 1)


if sys.platform == "win32":
    UNBLOCKED = 0
    RENAMES_OPEN_FILES = False

    def create_beside(folder: str, name: str) -> tuple[int, str]:
        """Create a file, of a name that no other call uses; one left by a killed process stays."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_BINARY | os.O_NOINHERIT
        while True:
            beside = os.path.join(folder, f".{name[:40]}.{secrets.token_hex(4)}.part")
            with contextlib.suppress(FileExistsError):
                return os.open(beside, flags, 0o666), beside

    def keep_owner(handle: int, old: os.stat_result) -> None:
        """Do nothing: a new file has the rights that its folder gives."""

    def sync_folder(folder: str) -> None:
        """Do nothing: a folder cannot be opened."""

else:
    import fcntl

    UNBLOCKED = os.O_NONBLOCK
    RENAMES_OPEN_FILES = True

    def create_beside(folder: str, name: str) -> tuple[int, str]:
        """Create a file and lock it; one left by a killed process is removed first.

        The lock ends with the process, so it tells a file that is being written from one that was left.
        """
        start = os.fsdecode(os.fsencode(name)[:40])  # a name has up to 255 bytes
        digits = hashlib.blake2b(os.fsencode(name), digest_size=4).hexdigest()
        beside = os.path.join(folder, f".{start}.{digits}.part")
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
        while True:
            try:
                handle, is_new = os.open(beside, flags | os.O_CREAT | os.O_EXCL, 0o666), True
            except FileExistsError:
                try:
                    handle, is_new = os.open(beside, flags | os.O_NONBLOCK), False
                except FileNotFoundError:
                    continue
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                if _is_named(handle, beside):
                    if is_new:
                        return handle, beside
                    os.unlink(beside)
            except BaseException:
                if is_new:
                    with contextlib.suppress(OSError):
                        os.unlink(beside)
                os.close(handle)
                raise
            os.close(handle)

    def _is_named(handle: int, name: str) -> bool:
        try:
            return os.path.samestat(os.fstat(handle), os.lstat(name))
        except FileNotFoundError:
            return False

    def keep_owner(handle: int, old: os.stat_result) -> None:
        """Give a file the mode and, where permitted, the owner of another."""
        with contextlib.suppress(PermissionError):
            os.fchown(handle, old.st_uid, old.st_gid)
        os.fchmod(handle, stat.S_IMODE(old.st_mode))

    def sync_folder(folder: str) -> None:
        """Write a new name to the disk as well, where the system can do that and lets this user."""
        with contextlib.suppress(PermissionError):
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                    raise
            finally:
                os.close(handle)
