"""The work of a child process: it runs a submission, checks its functions, and sends the report."""

from __future__ import annotations

import builtins
import functools
import json
import math
import mmap
import os
import signal
import struct
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from os import _exit
from time import monotonic
from typing import Any

import numpy as np

from . import check_functions
from ._checks import COURSES
from ._isolation import Kept, keep_settings, limit, refuse
from ._loading import Loaded, Run, described, functions_in, load, named
from ._reading import SourceError

_len = len  # what runs between the calls of a submission uses nothing that it may have replaced

MOST_NAMES = 5  # in a note
CLOSE = 0.75  # the likeness of names from which on one may stand for the other


@dataclass(frozen=True)
class Step:
    """What a child does, or did last: a statement or a function, since when, and whether it still runs."""

    kind: str
    name: str
    since: float
    is_running: bool


class Place:
    """Where a child is: shared memory, written by the child and read by the server."""

    _HEAD = struct.Struct("dI?")
    _MOST = 400  # bytes of a text
    _ALL = _HEAD.size + _MOST

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)

    def enter(self, kind: str, name: str) -> bytes:
        """Say that a step begins; return what to give to :meth:`leave`."""
        before = self._memory[: self._ALL]
        text = f"{kind} {name}".encode("utf-8", "replace")[: self._MOST]
        step = self._HEAD.pack(monotonic(), _len(text), True) + text
        self._memory[: _len(step)] = step  # at once: the process may end at any time
        return before

    def leave(self, before: bytes) -> None:
        """Say that the step ended; one that it was within goes on."""
        _, _, was_running = self._HEAD.unpack_from(before)
        if was_running:
            self._memory[: self._ALL] = before
        else:
            _, length, _ = self._HEAD.unpack_from(self._memory)
            self._HEAD.pack_into(self._memory, 0, monotonic(), length, False)

    def now(self) -> Step | None:
        """Return the step; None before the first."""
        since, length, is_running = self._HEAD.unpack_from(self._memory)
        if not length:
            return None
        text = self._memory[self._HEAD.size : self._HEAD.size + min(length, self._MOST)]
        kind, _, name = text.decode("utf-8", "replace").partition(" ")
        return Step(kind, name, since, is_running)

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()


class Guard:
    """Puts back what a submission replaced, and looks whether the report can still be sent."""

    def __init__(self, results: int) -> None:
        self._kept = Kept([np, np.linalg, np.random, builtins, json, math, os, signal, time])
        self._results, self._depth = results, 0
        self.replaced = dict[str, None]()

    def enter(self) -> None:
        """Begin a call of a function; what the check itself has replaced for a while stays."""
        if self._depth == 0:
            self._kept.keep()
        self._depth += 1

    def leave(self) -> None:
        """End it."""
        self._depth -= 1
        if self._depth == 0:
            self.put_back()

    def put_back(self) -> None:
        """Put back what was replaced: after each statement and each call of the submission."""
        names = self._kept.restore()
        self.replaced.update(dict.fromkeys(names))
        try:
            os.fstat(self._results)
        except OSError:  # it was closed: the server sees who did that
            _exit(1)


def work(
    target: str,
    settings: dict[str, Any],
    without: Sequence[int],
    lost: Sequence[str],
    place: Place,
    results: int,
) -> dict[str, Any]:
    """Run a submission and its check.

    Parameters
    ----------
    target : str
    settings : dict
        Those of the request.
    without : sequence of int
        Statements to leave out.
    lost : sequence of str
        Functions that are not checked, since they ended earlier processes; others get the right ones.
    place : Place
        Where to tell what runs.
    results : int
        The file that the report goes to.

    Returns
    -------
    answer : dict
        "notes" and one of "report", "unreadable" and "fate": what the function that ran last did.
    """
    os.environ["TMPDIR"] = os.getcwd()
    tempfile.tempdir = None
    limit(settings["memory"], settings["tasks"])
    refuse(os.getcwd())
    _no_input()
    guard = Guard(results)

    def begin(number: int, where: str) -> None:
        guard.put_back()
        place.enter("statement", f"{number} {where}")

    try:
        with keep_settings():
            nowhere = place.enter("statement", "0 the code")
            loaded = load(target, settings["folder"], Run(settings["run_all"], without, begin))
            guard.put_back()
            place.leave(nowhere)
        answer = _checked(loaded, settings, lost, place, guard)
    except SourceError as error:
        return {"notes": [], "unreadable": str(error)}
    names = list(guard.replaced)[:MOST_NAMES]
    undone = [f"replaces {', '.join(names)}, which is undone for the check"] if names else []
    return answer | {"notes": [*loaded.notes, *undone, *_other_names(loaded, settings)]}


def _other_names(loaded: Loaded, settings: dict[str, Any]) -> list[str]:
    """Return a note for each function of the course that the learner seems to have under another name."""
    absent = [
        name
        for name in settings["only"] or settings["functions"]
        if name not in loaded.namespace and name not in settings["names"]
    ]
    notes = []
    for key, value in loaded.namespace.items():
        if _file_of(value) in loaded.files and key not in settings["functions"]:
            for name in get_close_matches(key, absent, 1, CLOSE):
                notes.append(f"{name} is not there. Is it {key}? --map {name}={key}")
    return notes


def _file_of(value: Any) -> str | None:
    """Return the file of a function, or None."""
    code = getattr(value, "__code__", None)
    return getattr(code, "co_filename", None)


def _checked(
    loaded: Loaded, settings: dict[str, Any], lost: Sequence[str], place: Place, guard: Guard
) -> dict[str, Any]:
    place.leave(place.enter("check", "0 the check"))
    there = {name: key for name, key in settings["names"].items() if callable(named(loaded, key))}
    others = [name for name in settings["functions"] if name in there or name not in settings["names"]]
    functions = functions_in(loaded, others, there)
    lecture = COURSES[settings["course"]].lecture
    for name in functions.keys() & set(lost):
        _put(loaded.namespace, functions.pop(name), getattr(lecture, name))
    broken = {
        name: f"is not there under the name {key}"
        for name, key in settings["names"].items()
        if name not in there
    } | {
        name: f"cannot be read: {loaded.unreadable[theirs]}"
        for name in settings["functions"]
        for theirs in [settings["names"].get(name, name)]
        if name not in functions and theirs in loaded.unreadable
    }
    for name in broken:
        loaded.namespace.setdefault(settings["names"].get(name, name), getattr(lecture, name))
    watched = {name: _watched(name, function, place, guard) for name, function in functions.items()}
    for name, function in functions.items():
        _put(loaded.namespace, function, watched[name])
    try:
        report = check_functions(watched, course=settings["course"], only=settings["only"])
        return {"report": asdict(report), "broken": list(broken.items())}
    except BaseException as error:
        files = {frame.filename for frame in traceback.extract_tb(error.__traceback__)}
        if not files & loaded.files and not isinstance(error, MemoryError):
            raise
        return {"fate": f"made the check fail: {described(error)}"}


def _put(namespace: dict[str, Any], old: Any, new: Any) -> None:
    """Let the functions of a namespace call another function in place of one."""
    for key in [key for key, value in namespace.items() if value is old]:
        namespace[key] = new


def _watched(name: str, function: Callable[..., Any], place: Place, guard: Guard) -> Callable[..., Any]:
    """Wrap a learner's function: the server knows when it runs, and all that it raises is an Exception."""

    @functools.wraps(function, updated=())
    def call(*arguments: Any, **options: Any) -> Any:
        guard.enter()
        before = place.enter("function", name)
        try:
            return function(*arguments, **options)
        except (Exception, SystemExit):
            raise
        except BaseException as error:
            raise RuntimeError(f"{type(error).__name__}: {error}") from error
        finally:
            guard.leave()
            place.leave(before)

    call.func = function  # type: ignore[attr-defined]  # like partial: leads to its globals
    if hasattr(function, "__self__"):
        call.__self__ = function.__self__  # type: ignore[attr-defined]  # a function may have it
    return call


def _no_input() -> None:
    import getpass

    def refused(*_: Any, **__: Any) -> str:
        raise RuntimeError("input() was called, but nobody is there to answer")

    builtins.input = getpass.getpass = refused
