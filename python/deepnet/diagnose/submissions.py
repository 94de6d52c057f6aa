"""Files, notebooks and modules, checked in processes of their own, and `assert_correct` for teachers' tests.

The code of a submission is executed. The process in which that happens has a limit of time and of memory, no
network where the system permits that, nothing on standard input, and a temporary folder as current folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import FUNCTIONS, diagnose
from ._text import as_text
from .findings import Finding, Report, by_severity

TIME_LIMIT, MEMORY_LIMIT = 60.0, 1024  # seconds, MB
_SHARE_OF_FUNCTION, _SHARE_OF_STATEMENT = 1 / 12, 1 / 6  # of the time limit; a call takes milliseconds


@dataclass(frozen=True)
class Limits:
    """What a submission may use.

    Attributes
    ----------
    time : float
        Seconds for all of a submission. A twelfth of it is the limit of each call of a function.
    memory : int
        MB, besides what Python and deepnet use.
    run_all : bool
        Also run statements that define nothing, such as the training at the end of a notebook.
    """

    time: float = TIME_LIMIT
    memory: int = MEMORY_LIMIT
    run_all: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """What came of one submission.

    Attributes
    ----------
    target : str
        The file or module.
    report : Report
        Empty if there is a `problem`.
    problem : str or None
        Why nothing could be checked.
    is_readable : bool
        False if there is no such file or module, or it is neither Python nor a notebook.
    notes : tuple of str
        What was skipped, and other remarks.
    seconds : float
    is_cut_off : bool
        Whether the system kept the submission from the network. If not, a hook in Python did.
    """

    target: str
    report: Report
    problem: str | None
    is_readable: bool
    notes: tuple[str, ...]
    seconds: float
    is_cut_off: bool

    @property
    def correct(self) -> bool:
        """True if functions were checked, and nothing wrong was found."""
        return self.problem is None and bool(self.report.checked) and self.report.correct


def diagnose_file(
    target: str | os.PathLike[str],
    *,
    course: str = "c1w4",
    only: Iterable[str] | None = None,
    names: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> Diagnosis:
    """Check the functions of a file in a process of its own; its code is executed there.

    Parameters
    ----------
    target : str or path
        A .py file, a notebook (.ipynb), or the dotted name of a module.
    course, only, names
        As in ``deepnet.diagnose``.
    limits : Limits, optional

    Returns
    -------
    diagnosis : Diagnosis

    Raises
    ------
    ValueError
        If there is no such course or function.
    ChildProcessError
        If the process that runs submissions cannot start; on Windows it never can.

    Examples
    --------
    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "mine.py")
    >>> with open(path, "w") as file:
    ...     _ = file.write("def linear_forward(A, W, b): raise SystemExit")
    >>> deepnet.diagnose.diagnose_file(path).correct
    False
    """
    (found,) = diagnose_files([target], course=course, only=only, names=names, limits=limits)
    return found


def diagnose_files(
    targets: Sequence[str | os.PathLike[str]],
    *,
    course: str = "c1w4",
    only: Iterable[str] | None = None,
    names: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    workers: int = 2,
) -> Iterator[Diagnosis]:
    """Check several submissions, `workers` at a time, and yield what came of each, in their order.

    Parameters and errors are those of :func:`diagnose_file`.
    """
    if sys.platform == "win32":
        raise ChildProcessError(
            "files are run in a forked process, which Windows does not have: use WSL, or import the file and"
            " pass its module to deepnet.diagnose"
        )
    limits = limits or Limits()
    only = None if only is None else list(only)
    known = checked_course(course)
    for name in [*(only or ()), *(names or ())]:
        if name not in known:
            raise ValueError(f"course {course!r} has no function {name!r}; it has {', '.join(known)}")
    settings = {
        "course": course,
        "only": only,
        "names": dict(names or {}),
        "folder": os.getcwd(),
        "run_all": limits.run_all,
        "time": limits.time,
        "function_time": limits.time * _SHARE_OF_FUNCTION,
        "statement_time": limits.time * (0.5 if limits.run_all else _SHARE_OF_STATEMENT),
        "memory": limits.memory << 20,
    }
    texts = [os.fspath(target) for target in targets]
    return _served({"targets": texts, "workers": workers, "settings": settings}, known)


def checked_course(course: str) -> tuple[str, ...]:
    """Return the functions of a course."""
    if course not in FUNCTIONS:
        raise ValueError(f"course is {course!r}, but should be one of {', '.join(map(repr, FUNCTIONS))}")
    return FUNCTIONS[course]


def _served(request: dict[str, Any], known: Sequence[str]) -> Iterator[Diagnosis]:
    """Start the server, and yield what it answers in the order of the targets."""
    early, following = dict[int, Diagnosis](), 0
    server = _start()
    assert server.stdin
    assert server.stdout
    try:
        server.stdin.write(json.dumps(request).encode() + b"\n")
        server.stdin.flush()
        first = server.stdout.readline()
        if not first:
            raise ChildProcessError(f"the process for submissions did not start: code {server.wait()}")
        is_cut_off = json.loads(first)["is_cut_off"]
        while following < len(request["targets"]):
            line = server.stdout.readline()
            if not line:
                raise ChildProcessError(f"the process for submissions ended, with code {server.wait()}")
            answer = json.loads(line)
            target = request["targets"][answer["number"]]
            early[answer["number"]] = _diagnosis(target, answer, request["settings"], known, is_cut_off)
            while following in early:
                yield early.pop(following)
                following += 1
    finally:
        server.stdin.close()  # which ends the server, and its children
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        server.stdout.close()


def _start() -> subprocess.Popen[bytes]:
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "deepnet.diagnose._server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None if os.environ.get("DEEPNET_TRACEBACK") else subprocess.DEVNULL,
        env={**os.environ, **threads, "MPLBACKEND": "Agg"},
        start_new_session=True,  # Ctrl-C is for this process, which ends the other one
        bufsize=0,
    )


def _diagnosis(
    target: str, answer: dict[str, Any], settings: dict[str, Any], known: Sequence[str], is_cut_off: bool
) -> Diagnosis:
    report = _report(answer.get("report"))
    problem, notes = answer.get("unreadable", answer.get("problem")), answer["notes"]
    lost = [_lost(name, fate) for name, fate in answer["lost"]]
    if settings["only"]:  # others are run, too, as they may be called
        notes += [f"{f.function}: {f.message}" for f in lost if f.function not in settings["only"]]
        lost = [finding for finding in lost if finding.function in settings["only"]]
    if problem is None and not lost and "report" not in answer:
        problem = notes.pop() if notes else "the process ended"
    if problem is None and not lost and not report.checked:
        example = (settings["only"] or known)[0]
        problem = f"there is no function with a name of course {settings['course']}, such as {example}"
    if problem is None:
        report = _with(report, [*lost, *_absent(report, settings["only"], lost)], known)
    return Diagnosis(
        target, report, problem, "unreadable" not in answer, tuple(notes), answer["seconds"], is_cut_off
    )


def _report(entries: dict[str, Any] | None) -> Report:
    if entries is None:
        return Report((), (), ())
    findings = [Finding(**{**entry, "hints": tuple(entry["hints"])}) for entry in entries["findings"]]
    return Report(tuple(findings), tuple(entries["checked"]), tuple(entries["missing"]))


def _with(report: Report, findings: Sequence[Finding], known: Sequence[str]) -> Report:
    """Add findings on functions that could not be checked to the end."""
    place = {name: number for number, name in enumerate(known)}
    names = {finding.function for finding in findings}
    return replace(
        report,
        findings=tuple(
            sorted([*report.findings, *findings], key=lambda f: (by_severity(f), place[f.function]))
        ),
        checked=tuple(sorted({*report.checked, *names}, key=place.__getitem__)),
        missing=tuple(name for name in report.missing if name not in names),
    )


def _absent(report: Report, only: Iterable[str] | None, lost: Sequence[Finding] = ()) -> list[Finding]:
    """Return a finding for each function that was asked for and is not there."""
    there = {*report.checked, *(finding.function for finding in lost)}
    hints = ("The function is missing.", "Is it called as in the course?", "Do its lines have syntax errors?")
    return [
        Finding(name, "wrong", None, "It is not there.", "", "", "", "", hints, "")
        for name in only or ()
        if name not in there
    ]


def _lost(name: str, fate: str) -> Finding:
    if "s was reached" in fate or "did not end" in fate:
        hints = (
            "The function takes far too long, or never ends.",
            "Look at its loops: which condition ends each of them?",
            "A while loop needs a variable that changes in its body, a recursion a case without a call.",
        )
    elif fate.startswith("is not there"):
        hints = (
            "The file defines no function of that name.",
            "Is the name spelled as in the file?",
            "Is the object made by a statement that was not run? --run-all runs all of them.",
        )
    elif fate.startswith("cannot be read"):
        hints = (
            "Python cannot read the function: the message says what, and in which line.",
            "Look at the line that is named, and at the one before it.",
            "Each bracket has to be closed, each line with def, if or for ends with a colon, and what follows"
            " it is indented.",
        )
    else:
        hints = (
            "The function ends the whole program.",
            "Look for calls that end a program, and for a recursion without an end.",
            "A function of the course returns its results; it calls neither exit nor code outside of NumPy.",
        )
    return Finding(name, "wrong", None, f"It {fate}.", "", "", "", "", hints, "")


# --- for tests of teachers ----------------------------------------------------------------------------------


def assert_correct(
    submission: Any,
    *,
    course: str = "c1w4",
    only: Iterable[str] | None = None,
    names: Mapping[str, str] | None = None,
    hint: int = 0,
    limits: Limits | None = None,
) -> None:
    """Raise AssertionError with the readable report if a submission has something wrong.

    Parameters
    ----------
    submission : str, path, module, mapping, list of functions, class or object
        A text or a path is a file, or the dotted name of a module, and is run in a process of its own. All
        else is checked in this process.
    course, only, names
        As in ``deepnet.diagnose``.
    hint : {0, 1, 2, 3}
        How many of the three hints of each finding the report has.
    limits : Limits, optional
        For files.

    Raises
    ------
    AssertionError
        If something is wrong, or there is no function of the course to check.

    Examples
    --------
    >>> deepnet.diagnose.assert_correct({"linear_forward": lambda A, W, b: (W @ A - b, (A, W, b))})
    Traceback (most recent call last):
        ...
    AssertionError: ...
    """
    if isinstance(submission, (str, os.PathLike)):
        found = diagnose_file(submission, course=course, only=only, names=names, limits=limits)
        if not found.correct:
            name = Path(found.target).name
            raise AssertionError(f"{name}: {found.problem or as_text(found.report, hint)}")
        return
    only = None if only is None else list(only)
    report = diagnose(submission, course=course, only=only, names=names)
    report = _with(report, _absent(report, only), FUNCTIONS[course])
    if not report.correct or not report.checked:
        raise AssertionError(as_text(report, hint))
