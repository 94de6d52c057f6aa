"""Findings in words: what was given, expected and returned, and three hints."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ._comparison import RANK, Difference, worst
from ._patterns import pattern_of
from ._running import Fault, Probe
from ._stages import Stage
from ._values import arrays_in, as_array, shown
from .catalogue import Mistake
from .findings import Finding, Severity

ORDER = {kind: i for i, kind in enumerate(("fault", "shape", "values", "missing", "dtype", "written"))}
MOST_SHOWN = 30  # numbers in the arrays of "given"


def finding(
    stage: Stage,
    differences: Sequence[Difference],
    probes: Sequence[Probe],
    mistake: Mistake | None = None,
    *,
    context: str = "",
    facts: Callable[[Difference], list[str]] | None = None,
) -> Finding:
    """Describe differences of one function; `context` says when they show, `facts` more about one of them."""
    highest = worst(differences)
    clearest = min((d for d in differences if d.severity == highest), key=_clarity)
    pattern = pattern_of(stage, differences, probes, clearest)
    if facts is not None:
        pattern = "; ".join(filter(None, [pattern, *facts(clearest)]))
    formula = (mistake.formula if mistake else "") or stage.formula(clearest.part)
    message = mistake.explanation if mistake else _message(stage, clearest, differences, pattern)
    if context:
        message = f"{context}: {message}"
    expected, actual = _compared(clearest)
    return Finding(
        stage.function,
        highest,
        mistake.name if mistake else None,
        message,
        _given(stage, clearest),
        expected,
        actual,
        pattern,
        mistake.hints if mistake else _hints(stage, clearest, pattern, formula),
        formula,
    )


def remark(
    stage: Stage, message: str, *, mistake: Mistake | None = None, severity: Severity = "style"
) -> Finding:
    """Return a finding without arrays."""
    hints = mistake.hints if mistake else (message, message, message)
    name = mistake.name if mistake else None
    return Finding(stage.function, severity, name, message, "", "", "", "", hints, stage.formula())


def _clarity(d: Difference) -> tuple[int, bool, int]:
    """Sort key: what says most, in a case that is not special, in few numbers."""
    size = sum(a.size for _, a in arrays_in(d.probe.args, ""))
    special = bool(d.probe.only) or (np.size(d.expected) == 1 and len(d.probe.numbers) > 1)
    return ORDER.get(d.kind, len(ORDER)), special, size


def listed(names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(names))
    if len(unique) > 4:
        return ", ".join(unique[:4]) + f" and {len(unique) - 4} more"
    return unique[0] if len(unique) == 1 else ", ".join(unique[:-1]) + " and " + unique[-1]


def _message(stage: Stage, d: Difference, all_: Sequence[Difference], pattern: str) -> str:
    when = f" {d.probe.only}" if d.probe.only and all(o.probe.only == d.probe.only for o in all_) else ""
    if d.kind == "fault":
        fault: Fault = d.actual
        if fault.kind == "form":
            return f"{stage.function}: {fault.message}."
        line = f", in line {fault.line}" if fault.line else ""
        line += f" ({fault.code})" if fault.code else ""
        return f"{stage.function} raises {fault.kind}{when}: {fault.message}{line}."
    parts = listed([o.part for o in all_ if o.kind == d.kind])
    several = len({o.part for o in all_ if o.kind == d.kind}) > 1
    if d.kind == "missing":
        return f"The result has no {parts}."
    if d.kind == "shape":
        return f"{d.part} has shape {np.shape(d.actual)}, but should have {np.shape(d.expected)}{when}."
    if d.kind == "values":
        text = f"{parts} {'are' if several else 'is'} not what the lecture's formula gives{when}"
        return text + (f"; {pattern}." if pattern and pattern != f"only{when}" else ".")
    if d.kind == "dtype":
        was, should = as_array(d.actual), as_array(d.expected)
        assert was is not None and should is not None  # noqa: PT018 -- compared as arrays
        return f"{parts} {'are' if several else 'is'} of dtype {was.dtype}, not {should.dtype}."
    if d.kind == "written":
        return f"The call changes its argument {parts}: the caller's array is not the same afterwards."
    if d.kind == "shared":
        part, _, path = d.part.rpartition(" is ")
        return f"{part} shares its memory with the argument {path}: a change of one changes the other."
    if d.kind == "again":
        return (
            f"A second call with the same arguments gives another {parts}: something is kept between calls."
        )
    return d.part.partition(": ")[2][:1].upper() + d.part.partition(": ")[2][1:] + "."


def _hints(stage: Stage, d: Difference, pattern: str, formula: str) -> tuple[str, str, str]:
    part = d.part or "the result"
    if d.kind == "fault":
        first = (
            f"Call {stage.function} by hand with the arguments shown, and read the last line of the error."
        )
        return first, f"It should return {stage.returns}.", f"Compare each step with the formula: {formula}"
    if d.kind in ("written", "shared", "again"):
        first = f"Print the arguments of {stage.function} before and after a call."
        second = "Which line assigns to an array, or to something outside of the function?"
        return first, second, "Results should be new arrays, made from the arguments alone."
    first = f"Look at how {part} is made in {stage.function}."
    second = f"What differs: {pattern}." if pattern else f"Compute {part} by hand for the numbers shown."
    return first, second, f"Compare each factor, index and axis with the formula: {formula}"


def _given(stage: Stage, d: Difference) -> str:
    lines, room = [], MOST_SHOWN
    for name, value in zip(stage.arguments, d.probe.args, strict=False):
        arrays = list(arrays_in(value, name))
        if not arrays:
            lines.append(f"{name} = {shown(value)}")
            continue
        for path, array in arrays:
            room -= array.size
            text = shown(array) if room >= 0 else f"an array of shape {array.shape}"
            lines.append(f"{path} = " + text.replace("\n", "\n" + " " * (len(path) + 3)))
    return "\n".join(lines[:12]) + ("\n..." if len(lines) > 12 else "")


def _compared(d: Difference) -> tuple[str, str]:
    if d.kind == "fault":
        return "", f"{d.actual.kind}: {d.actual.message}"
    if d.kind == "shape":
        e, a = np.asarray(d.expected), np.asarray(d.actual)
        return f"shape {e.shape}\n{shown(e)}", f"shape {a.shape}\n{shown(a)}"
    if d.kind == "dtype":
        return str(np.asarray(d.expected).dtype), str(np.asarray(d.actual).dtype)
    if d.kind == "missing":
        return shown(d.expected), ""
    if d.kind in ("values", "written", "again"):
        return shown(d.expected), shown(d.actual)
    return "", ""


def by_severity(finding: Finding) -> int:
    """Sort key: the worst first."""
    return -RANK[finding.severity]
