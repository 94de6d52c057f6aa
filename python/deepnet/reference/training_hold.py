"""The locks of the NumPy engine: one call at a time trains a network; updates and copies take turns."""

from __future__ import annotations

import os
import threading
import weakref

from deepnet.engine_errors import Busy

_switching = threading.RLock()
updating = threading.RLock()  # for one update or copy of any NumPy engine; a signal handler may copy, too
if hasattr(os, "register_at_fork"):  # a child must not find a lock taken by a thread that it does not have
    for _lock in (_switching, updating):
        os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


class TrainingHold:
    """Holds an engine for training until the end of its ``with`` block, or until nothing refers to it."""

    def __init__(self) -> None:
        self._thread, self._process = threading.get_ident(), os.getpid()
        self._released = False

    def __enter__(self) -> TrainingHold:
        return self

    def __exit__(self, *exception: object) -> None:
        self._released = True

    def is_valid(self) -> bool:
        """False after the end of the block, and in a child of fork if another thread forked it."""
        if self._process != os.getpid() and self._thread != threading.main_thread().ident:
            return False  # in the child, the thread that forked is the main thread
        return not self._released


class TrainingFlag:
    """Remembers who trains by a weak reference: an interrupt at any moment leaves no hold behind."""

    def __init__(self) -> None:
        self._hold: weakref.ref[TrainingHold] | None = None

    def begin_training(self) -> TrainingHold:
        """Return the hold, or raise Busy."""
        with _switching:
            before = None if self._hold is None else self._hold()
            if before is not None and before.is_valid():
                raise Busy
            hold = TrainingHold()
            self._hold = weakref.ref(hold)
            return hold
