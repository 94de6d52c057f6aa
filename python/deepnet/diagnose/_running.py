"""One call of a function on one probe: what came back, what it raised, and what it changed.

A learner's function may do anything. Its exceptions become part of the outcome, its prints and plots are
dropped, and NumPy's global generator is put back as it was.
"""

from __future__ import annotations

import contextlib
import io
import linecache
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ._values import Array, arrays_in, copied, is_same
from .findings import Severity

_seed = np.random.seed
SEED = 20170808  # of NumPy's global generator before each call


@dataclass(frozen=True, eq=False)
class Probe:
    """Arguments to call a function with, and what they are good for.

    `numbers` are quantities that a ratio of results may turn out to be. A difference that only shows on
    probes of a lower `severity` has that severity; where `may_raise`, an exception is no mistake. `only` says
    what is special, ``"with one example"``. `right` are the arguments for the lecture's function, where
    `args` contain something in the learner's own form.
    """

    args: tuple[Any, ...]
    numbers: Mapping[str, float] = field(default_factory=dict)
    severity: Severity = "wrong"
    may_raise: bool = False
    only: str = ""
    right: tuple[Any, ...] | None = None

    def named(self, names: tuple[str, ...]) -> Mapping[str, Array]:
        """Return all arrays among the arguments."""
        if names not in self._named:
            self._named[names] = _named(self.args, names)
        return self._named[names]

    _named: dict[tuple[str, ...], dict[str, Array]] = field(default_factory=dict, init=False)


@dataclass(frozen=True)
class Fault:
    """An exception in a function, or a result of the wrong form (then `kind` is "form")."""

    kind: str
    message: str
    line: int | None = None
    code: str = ""


class WrongForm(Exception):
    """A result that does not have the parts it should have; the message says what it is."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a call did: the named parts of its result, or a fault.

    `written` has the arguments that the call wrote into, before and after; `shared` the parts that are an
    argument, or a view of one.
    """

    parts: Mapping[str, Any]
    fault: Fault | None = None
    written: Mapping[str, tuple[Array, Array]] = field(default_factory=dict)
    shared: frozenset[str] = frozenset()


Reader = Callable[[Any, tuple[Any, ...], Probe], dict[str, Any]]


def run(
    function: Callable[..., Any],
    probe: Probe,
    names: tuple[str, ...],
    read: Reader,
    *,
    args: tuple[Any, ...] | None = None,
    calls: int = 1,
    copies: bool = True,
) -> Outcome:
    """Call a function with copies of the arguments, `calls` times, and read the last result.

    Without `copies` it gets the arguments themselves.

    The caller has called `quiet`.
    """
    given = probe.args if args is None else args
    result, fault, passed = None, None, copied(given)
    held: dict[str, Array] = {}
    for _ in range(calls):
        passed = copied(given) if copies else given
        held = _named(passed, names)
        _seed(SEED)  # the course draws from the global generator
        try:
            result = function(*passed)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit, and whatever else the learner's code raises
            fault = _fault(error, function)
            break
    parts: dict[str, Any] = {}
    if fault is None:
        try:
            parts = read(result, passed, probe)
        except WrongForm as error:
            fault = Fault("form", str(error))
        except Exception as error:  # raised by the methods of an object that it returned
            fault = Fault("form", f"its result cannot be read: {type(error).__name__}")
    before = _named(given, names) if args is not None else probe.named(names)
    written = {path: (before[path], a) for path, a in held.items() if not is_same(before[path], a)}
    shared = frozenset() if fault else frozenset(_shared(parts, held))
    return Outcome(parts, fault, written, shared)


def _named(args: tuple[Any, ...], names: tuple[str, ...]) -> dict[str, Array]:
    """All arrays among the arguments."""
    return dict(pair for name, value in zip(names, args, strict=False) for pair in arrays_in(value, name))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No prints, plots and warnings, and the state of NumPy's global generator is put back."""
    state = np.random.get_state()  # noqa: NPY002  learners draw from the global generator
    pyplot = sys.modules.get("matplotlib.pyplot")
    figures = list(pyplot.get_fignums()) if pyplot else []
    show = pyplot.show if pyplot else None
    if pyplot:
        pyplot.show = lambda *args, **options: None  # type: ignore[attr-defined]  # a module, typed as such
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                yield
    finally:
        np.random.set_state(state)  # noqa: NPY002  as above
        if pyplot:
            pyplot.show = show  # type: ignore[attr-defined]  # as above
            for number in set(pyplot.get_fignums()) - set(figures):
                pyplot.close(number)


def code_of(function: Any) -> Any:
    """The code object of a function, method or partial, or None."""
    function = getattr(function, "func", function)
    function = getattr(function, "__func__", function)
    function = getattr(function, "__wrapped__", function)
    return getattr(function, "__code__", None)


def _fault(error: BaseException, function: Any) -> Fault:
    """The exception, and the last line of the learner's own file that it passed."""
    code = code_of(function)
    line, text = None, ""
    trace = error.__traceback__
    while trace is not None:
        if code is not None and trace.tb_frame.f_code.co_filename == code.co_filename:
            line = trace.tb_lineno
            text = linecache.getline(code.co_filename, line, trace.tb_frame.f_globals).strip()
        trace = trace.tb_next
    try:
        message = str(error)
    except Exception:
        message = ""
    return Fault(type(error).__name__, message if len(message) <= 200 else message[:197] + "...", line, text)


def _shared(parts: Mapping[str, Any], inputs: Mapping[str, Array]) -> Iterator[str]:
    """The parts of the result that share memory with an argument: ``dZ is dA``.

    The arguments own their memory, so an array that owns its own shares it only if it is an argument.
    """
    paths = {id(array): path for path, array in inputs.items()}
    for part, value in parts.items():
        if not isinstance(value, np.ndarray) or part.startswith("cache"):
            continue
        if id(value) in paths:
            yield f"{part} is {paths[id(value)]}"
        elif not value.flags.owndata:
            for path, array in inputs.items():
                if np.may_share_memory(value, array):
                    yield f"{part} is {path}"
                    break
