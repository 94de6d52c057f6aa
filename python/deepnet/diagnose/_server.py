"""The process that runs submissions: it imports deepnet once, and forks a child for each submission.

``python -m deepnet.diagnose._server`` reads one line of JSON, the jobs and the limits, from standard input,
and writes one line for each job that is done to standard output. It ends when standard input does.

A child tells in shared memory what it is about to run. If it dies there, or stays there for too long, another
child goes on without that statement or function.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from os import _exit  # a submission may replace os._exit
from typing import Any

from . import FUNCTIONS
from ._child import Place, Step, work
from ._isolation import adopt_orphans, end_with_parent, leave_network, tasks_of_user

MOST_STATEMENTS_LEFT_OUT = 3
MOST_BYTES = 2**24  # of a report
MOST_OPEN = 1024  # files of the server
TICK = 0.1  # seconds between two looks at the clock; results wake the server at once

# What many submissions import, and takes long to import.
_PRELOADED = {"matplotlib": "matplotlib.pyplot", "h5py": "h5py", "scipy": "scipy", "PIL": "PIL.Image"}
_PRELOADED |= {"sklearn": "sklearn", "pandas": "pandas"}


@dataclass
class Job:
    """A submission, and what earlier children of it found."""

    number: int
    target: str
    started: float = 0.0
    without: list[int] = field(default_factory=list)  # statements
    lost: list[tuple[str, str]] = field(default_factory=list)  # functions, and what they did
    notes: list[str] = field(default_factory=list)


@dataclass
class Child:
    """A process that works on a job."""

    job: Job
    pid: int
    results: int  # the file descriptor
    mark: bytes  # at the start of the report: what a submission writes there is passed over
    place: Place
    folder: str
    received: bytearray = field(default_factory=bytearray)


def _encoded(answer: dict[str, Any]) -> bytes:
    """Return a line of JSON; what cannot be encoded, such as half a character, becomes a question mark."""
    return json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _write(descriptor: int, text: bytes) -> None:
    while text:
        text = text[os.write(descriptor, text) :]


# --- children -----------------------------------------------------------------------------------------------


def _start(job: Job, settings: dict[str, Any]) -> Child:
    place, folder = Place(), tempfile.mkdtemp(prefix="deepnet-diagnose-")
    mark = os.urandom(16).hex().encode()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        os.set_blocking(reading, False)
        return Child(job, pid, reading, mark, place, folder)
    code = 1
    try:
        os.setsid()
        end_with_parent()
        os.closerange(3, writing)  # the pipes of others, and that to whoever asked
        os.closerange(writing + 1, MOST_OPEN)
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        os.chdir(folder)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        lost = [name for name, _ in job.lost]
        answer = work(job.target, settings, job.without, lost, place, writing)
        _write(writing, mark + _encoded(answer))
        code = 0
    except BaseException as error:
        with contextlib.suppress(BaseException):
            text = f"{type(error).__name__}: {error}"[:500]
            _write(writing, mark + _encoded({"problem": f"a bug of deepnet: {text}"}))
    finally:
        _exit(code)  # threads of the submission would keep the process from ending otherwise


def _end(child: Child, active: dict[int, Child]) -> int | None:
    """End a child with all that it started; return its wait status."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child.pid, signal.SIGKILL)
    status = None
    with contextlib.suppress(ChildProcessError):
        status = os.waitpid(child.pid, 0)[1]
    for _ in range(1000):  # orphans, which were adopted; a new one may start while others are ended
        orphans = _children() - active.keys()
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
        if not orphans:
            break
    os.close(child.results)
    child.place.close()
    shutil.rmtree(child.folder, ignore_errors=True)
    return status


def _children() -> set[int]:
    """Return the processes whose parent this one is; none where the system has no /proc."""
    found, own = set(), os.getpid()
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            if name.isdecimal():
                with contextlib.suppress(OSError, IndexError, ValueError):
                    with open(f"/proc/{name}/stat", "rb") as file:
                        parent = int(file.read().rpartition(b")")[2].split()[1])
                    if parent == own:
                        found.add(int(name))
    return found


def _receive(child: Child) -> bool | None:
    """Read what has come; return True if it is complete, False if no more will come."""
    while True:
        try:
            part = os.read(child.results, 2**16)
        except BlockingIOError:
            return None
        child.received += part
        if child.received.endswith(b"\n") and child.mark in child.received:
            return True
        if not part or len(child.received) > MOST_BYTES:
            return False


# --- jobs ---------------------------------------------------------------------------------------------------


def _parsed(received: bytearray) -> dict[str, Any] | None:
    """Return the answer of a child; None if the submission wrote in between."""
    try:
        answer = json.loads(received)
    except ValueError:
        return None
    is_answer = isinstance(answer, dict) and {"report", "fate", "unreadable", "problem"} & answer.keys()
    return answer if is_answer else None


def serve(request: dict[str, Any], send: Callable[[dict[str, Any]], None]) -> None:
    """Work on all jobs, and send what came of each."""
    settings: dict[str, Any] = request["settings"]
    waiting = [Job(number, target) for number, target in enumerate(request["targets"])][::-1]
    active: dict[int, Child] = {}
    try:
        while waiting or active:
            while waiting and len(active) < request["workers"]:
                job = waiting.pop()
                job.started = job.started or time.monotonic()
                child = _start(job, settings)
                active[child.pid] = child
            ready = select.select([0, *(child.results for child in active.values())], [], [], TICK)[0]
            if 0 in ready and not os.read(0, 1):
                return  # whoever asked is gone
            for child in list(active.values()):
                state = _receive(child) if child.results in ready else None
                fate = _overdue(child, settings) if state is None else None
                if state is None and fate is None:
                    continue
                step = child.place.now()
                del active[child.pid]
                status = _end(child, active)
                answer = _parsed(child.received.rpartition(child.mark)[2]) if state else None
                if answer is not None and "fate" not in answer:
                    send(_answer(child.job, answer))
                elif _goes_on(
                    child.job, step, fate or (answer or {}).get("fate") or _death(status), settings
                ):
                    waiting.append(child.job)
                else:
                    send(_answer(child.job, {}))
    finally:
        for child in list(active.values()):
            _end(child, {})


def _overdue(child: Child, settings: dict[str, Any]) -> str | None:
    """Return what to say of a child that takes too long, or None."""
    now, step = time.monotonic(), child.place.now()
    if now - child.job.started > settings["time"]:
        return f"was running when the time limit of {settings['time']:g} s was reached"
    if step is not None:
        most = settings["statement_time" if step.kind == "statement" else "function_time"]
        if now - step.since > most:
            if step.is_running:
                return f"did not end within {most:.2g} s"
            return f"returned what the check could not look at within {most:.2g} s"
    return None


def _death(status: int | None) -> str:
    if status is not None and os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        with contextlib.suppress(ValueError):
            return f"crashed the process ({signal.Signals(number).name})"
        return f"crashed the process (signal {number})"
    return "ended the process"


def _goes_on(job: Job, step: Step | None, fate: str, settings: dict[str, Any]) -> bool:
    """Note what a child that is gone did; return whether another child should go on without that."""
    has_time: bool = time.monotonic() - job.started < settings["time"]
    if step is not None and step.kind == "function":
        job.lost.append((step.name, fate))
        if not has_time:
            job.notes.append("the other functions were not checked, for lack of time")
        return has_time
    number, _, place = ("0 the code" if step is None else step.name).partition(" ")
    if number == "0":  # no statement of the file: a package that it is in, say
        job.notes.append(f"{place} {fate}")
        return False
    job.notes.append(f"{place} {fate}, and was skipped")
    job.without.append(int(number))
    return has_time and len(job.without) <= MOST_STATEMENTS_LEFT_OUT


def _answer(job: Job, answer: dict[str, Any]) -> dict[str, Any]:
    answer["number"] = job.number
    answer["lost"] = [*job.lost, *answer.pop("broken", [])]
    answer["notes"] = job.notes + answer.get("notes", [])
    answer["seconds"] = time.monotonic() - job.started
    return answer


# --- start --------------------------------------------------------------------------------------------------


def _preload(targets: list[str], folder: str) -> None:
    """Import the large packages that several submissions name: each child would, again and again."""
    counts = dict.fromkeys(_PRELOADED, 0)
    for target in targets:
        with contextlib.suppress(OSError, ValueError):
            path = os.path.join(folder, target)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    text = file.read(2**20)
                for name in counts:
                    counts[name] += bool(re.search(rb"\b(?:import|from) +" + name.encode(), text))
    for name, count in counts.items():
        if count > 1:
            with contextlib.suppress(Exception):
                __import__(_PRELOADED[name])


def _line_of(descriptor: int) -> bytes:
    """Read up to the end of a line, and nothing behind it: the end of the input is looked for later."""
    line = bytearray()
    while not line.endswith(b"\n"):
        part = os.read(descriptor, 1)
        if not part:
            break
        line += part
    return bytes(line)


def main() -> None:
    """Read the request, and serve it."""
    is_cut_off = leave_network()
    adopt_orphans()
    request = json.loads(_line_of(0))
    answers = os.dup(1)
    os.dup2(2, 1)  # what packages print is no answer

    def send(answer: dict[str, Any]) -> None:
        _write(answers, _encoded(answer))

    settings = request["settings"]
    settings["functions"] = FUNCTIONS[settings["course"]]
    settings["tasks"] = tasks_of_user()
    _preload(request["targets"], settings["folder"])
    sys.dont_write_bytecode = True
    send({"is_cut_off": is_cut_off})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    serve(request, send)


if __name__ == "__main__":
    main()
