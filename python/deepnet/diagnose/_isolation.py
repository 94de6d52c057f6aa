"""What keeps a learner's code from doing harm: limits of the system, and a hook that refuses some actions.

It guards against mistakes, not against attacks: code that is written to break out can, through C libraries.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
import types
from collections.abc import Iterator
from typing import Any

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
MOST_FILE_BYTES = 2**28  # of a file that is written
MOST_PROCESSES = 64  # and threads, besides those that the user has


def _c_library() -> Any:
    return ctypes.CDLL(None, use_errno=True)


def leave_network() -> bool:
    """Move this process and its children to a network of their own, without any connection.

    Returns
    -------
    is_cut_off : bool
        False where the system does not permit it: the hook of :func:`refuse` is all there is.
    """
    if not sys.platform.startswith("linux"):
        return False
    library, user, group = _c_library(), os.getuid(), os.getgid()
    try:
        if library.unshare(_CLONE_NEWNET) == 0:
            return True
        if library.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
            return False
        for name, line in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(line)
    except (AttributeError, OSError):
        return False
    return True


def adopt_orphans() -> None:
    """Make this process the parent of processes whose own parent ends, so that it can end them."""
    with contextlib.suppress(AttributeError, OSError):
        _c_library().prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_with_parent() -> None:
    """Let the system end this process when its parent ends."""
    with contextlib.suppress(AttributeError, OSError):
        _c_library().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def limit(memory: int, tasks: int | None) -> None:
    """Limit this process: `memory` more bytes than it has now, small files, few processes, no core file.

    `tasks` is how many the user has already; the system counts those of all programs.
    """
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, MOST_FILE_BYTES)
    # Data and not addresses: libraries reserve many gigabytes of addresses that they never use.
    kind = resource.RLIMIT_DATA if sys.platform.startswith("linux") else resource.RLIMIT_AS
    _lower(kind, _data_size() + memory)
    if tasks is not None:
        _lower(resource.RLIMIT_NPROC, tasks + MOST_PROCESSES)


def _lower(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (value, value))


def _data_size() -> int:
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[5]) * resource.getpagesize()
    except OSError:
        return 2**30


def tasks_of_user() -> int | None:
    """Return how many threads this user runs, or None where that cannot be found out."""
    count, user = 0, os.getuid()
    try:
        for name in os.listdir("/proc"):
            if name.isdecimal():
                with contextlib.suppress(OSError):
                    folder = f"/proc/{name}"
                    if os.stat(folder).st_uid == user:
                        count += os.stat(f"{folder}/task").st_nlink - 2
    except OSError:
        return None
    return count


# --- the hook -----------------------------------------------------------------------------------------------

_PROCESSES = {
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.exec",
    "os.system",
    "subprocess.Popen",
    "pty.spawn",
}
_NETWORK = {"socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"}
_CHANGES = {  # the events whose first arguments are paths of what is changed, and how many those are
    **dict.fromkeys(["os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod", "os.chown"], 1),
    **dict.fromkeys(["os.utime", "os.setxattr", "os.removexattr", "shutil.rmtree"], 1),
    **dict.fromkeys(["os.rename", "os.link", "os.symlink", "shutil.move"], 2),
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def refuse(folder: str) -> None:
    """Refuse other processes, the network, signals to others, and changes of files outside `folder`.

    What is refused raises PermissionError in the code that tried it. The hook stays as long as the process.
    """
    inside = (os.path.realpath(folder) + os.sep, "/dev/null/", "/dev/tty/", "/dev/shm/")
    realpath, fspath, getpid = os.path.realpath, os.fspath, os.getpid
    is_busy = False

    def is_inside(path: Any) -> bool:
        if isinstance(path, int):  # a file that is open already
            return True
        return (realpath(os.fsdecode(fspath(path))) + os.sep).startswith(inside)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal is_busy
        if is_busy:
            return
        if event == "open":
            path, _, flags = arguments
            if path is None or not (isinstance(flags, int) and flags & _WRITING):
                return
            is_busy = True
            try:
                allowed = is_inside(path)
            finally:
                is_busy = False
            if not allowed:
                raise PermissionError(f"files outside the temporary folder are not changed: {path!r}")
        elif event in _PROCESSES:
            raise PermissionError("a submission may not start other processes")
        elif event in _NETWORK:
            raise PermissionError("a submission may not use the network")
        elif event in ("os.kill", "os.killpg"):
            if arguments[0] != getpid():
                raise PermissionError("a submission may not send signals to other processes")
        elif event in _CHANGES:
            is_busy = True
            try:
                allowed = all(is_inside(path) for path in arguments[: _CHANGES[event]])
            finally:
                is_busy = False
            if not allowed:
                raise PermissionError(f"files outside the temporary folder are not changed: {arguments[0]!r}")

    sys.addaudithook(hook)


# --- what the code must not change for others ---------------------------------------------------------------


_pairs = zip  # a name that no submission replaces


class Kept:
    """The functions of modules as they were, to put back what a learner's code replaced."""

    def __init__(self, modules: list[types.ModuleType]) -> None:
        self._modules = [(module.__name__, vars(module)) for module in modules]
        self.keep()

    def keep(self) -> None:
        """Take what the modules have now as that to put back."""
        self._were = [dict(now) for _, now in self._modules]

    def restore(self) -> list[str]:
        """Put back what was replaced or removed; return the names.

        Runs after each call of a learner's function, and without builtins, which may be replaced as well.
        """
        changed: list[str] = []
        for (module, now), were in _pairs(self._modules, self._were):
            try:
                is_same = were == now  # compares 1,400 pointers, in C
            except ValueError:  # an array took a place
                is_same = False
            if not is_same:
                for name, value in were.items():
                    if now.get(name, self) is not value:
                        now[name] = value
                        changed += [f"{module}.{name}"]
        return changed


@contextlib.contextmanager
def keep_settings() -> Iterator[None]:
    """Put back after a block the settings of NumPy and Python that it changed."""
    import gc
    import warnings

    import numpy as np

    errors, printing = np.geterr(), np.get_printoptions()
    depth, is_collecting = sys.getrecursionlimit(), gc.isenabled()
    try:
        with warnings.catch_warnings():
            yield
    finally:
        np.seterr(**errors)
        np.set_printoptions(**printing)
        sys.setrecursionlimit(depth)
        sys.setprofile(None)
        signal.setitimer(signal.ITIMER_REAL, 0)
        if is_collecting:
            gc.enable()
