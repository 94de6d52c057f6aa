"""Findings in words: what was given, expected and returned, and three hints."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ._comparison import Difference, worst
from ._patterns import pattern_of
from ._running import Fault, Probe
from ._stages import Stage
from ._values import arrays_in, as_array, shown
from .catalogue import Mistake
from .findings import Finding, Severity

ORDER = {
    kind: i for i, kind in enumerate(("fault", "again", "shape", "values", "missing", "dtype", "written"))
}
MOST_SHOWN = 30  # numbers in the arrays of "given"
MOST_INDENTED = 20  # characters of a name before "="


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
    firsts: dict[tuple[int, str], Difference] = {}
    for d in sorted((d for d in differences if d.severity == highest), key=lambda d: _step(d.part)):
        firsts.setdefault((id(d.probe), d.kind), d)
    clearest = min(firsts.values(), key=_clarity)
    parts = _parts(clearest, differences)
    pattern = pattern_of(stage, differences, probes, clearest)
    if facts is not None:
        pattern = "; ".join(filter(None, [pattern, *facts(clearest)]))
    formula = (mistake.formula if mistake else "") or _formula(stage, parts, pattern)
    message = mistake.explanation if mistake else _message(stage, clearest, differences, parts, pattern)
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
        mistake.hints if mistake else _hints(stage, clearest, message, pattern, formula),
        formula,
    )


def remark(
    stage: Stage, message: str, *, mistake: Mistake | None = None, severity: Severity = "style"
) -> Finding:
    """Return a finding without arrays."""
    hints = mistake.hints if mistake else (message, message, message)
    name = mistake.name if mistake else None
    return Finding(stage.function, severity, name, message, "", "", "", "", hints, stage.formula())


def _clarity(d: Difference) -> tuple[int, bool, bool, int]:
    """Sort key: what says most, in a case that is not special, in few numbers."""
    size = sum(a.size for _, a in arrays_in(d.probe.args, ""))
    special = bool(d.probe.only) or (np.size(d.expected) == 1 and len(d.probe.numbers) > 1)
    blank = d.kind == "values" and not (np.any(d.expected) and np.any(as_array(d.actual)))
    return ORDER.get(d.kind, len(ORDER)), special, blank, size


def _step(part: str) -> tuple[int, int]:
    """Sort key: the order in which the layers' results are computed, on the way forward and back."""
    layer = _layer(part)
    if layer is None:
        return (10**6 if part == "AL" else 0), 0
    if part[0] == "d":
        return -layer, "WbA".index(part[1])
    return layer, int(part.endswith(": Z"))


def _layer(part: str) -> int | None:
    """Return the layer that a result is of, or comes from: dA[l - 1] comes from layer l."""
    match = re.fullmatch(r"d([WbA])(\d+)", part)
    if match:
        return int(match[2]) + (match[1] == "A")
    match = re.fullmatch(r"(?:[Wb]|caches, layer )(\d+)(?:: .*)?", part)
    return int(match[1]) if match else None


def _parts(d: Difference, all_: Sequence[Difference]) -> list[str]:
    """Return what differs like this in the same call, the first result first."""
    return sorted(dict.fromkeys(o.part for o in all_ if o.kind == d.kind and o.probe is d.probe), key=_step)


def _formula(stage: Stage, parts: Sequence[str], pattern: str) -> str:
    """Return the formula of the first part, or of what all of them are made from."""
    kinds = {part[:2] for part in parts}
    if len(kinds & {"dW", "db", "dA"}) > 1 and "ratio" not in pattern and stage.formula():
        return stage.formula()
    return stage.formula(parts[0])


def listed(names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(names))
    if len(unique) > 5:
        return ", ".join(unique[:4]) + f" and {len(unique) - 4} more"
    return unique[0] if len(unique) == 1 else ", ".join(unique[:-1]) + " and " + unique[-1]


def _message(
    stage: Stage, d: Difference, all_: Sequence[Difference], of_call: Sequence[str], pattern: str
) -> str:
    when = f" {d.probe.only}" if d.probe.only and all(o.probe.only == d.probe.only for o in all_) else ""
    if d.kind == "fault":
        fault: Fault = d.actual
        if fault.kind == "form":
            return f"{fault.message[:1].upper()}{fault.message[1:]}."
        line = f", in line {fault.line}" if fault.line else ""
        line += f" ({fault.code})" if fault.code else ""
        return f"It raises {fault.kind}{when}: {fault.message}{line}."
    parts, several = listed(of_call), len(of_call) > 1
    if d.kind == "missing":
        return f"The result has no {parts}."
    if d.kind == "shape":
        return f"{d.part} has shape {np.shape(d.actual)}, but should have {np.shape(d.expected)}{when}."
    if d.kind == "values":
        text = f"{of_call[0]} is not what the lecture's formula gives{when}"
        if several:
            text += f", nor {'are' if len(of_call) > 2 else 'is'} {listed(of_call[1:])}"
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
            f"A second call with the same arguments gives another result ({parts}): something is kept between"
            " calls."
        )
    return d.part.partition(": ")[2][:1].upper() + d.part.partition(": ")[2][1:] + "."


def _hints(stage: Stage, d: Difference, message: str, pattern: str, formula: str) -> tuple[str, str, str]:
    if d.kind == "remark":
        return (message,) * 3
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
    """Print the arguments; of a whole network's, those of the layer whose result is shown."""
    if d.kind in ("remark", "shared"):
        return ""
    lines, room = [], MOST_SHOWN
    for name, value in zip(stage.arguments, d.probe.args, strict=False):
        arrays = list(arrays_in(*_of_layer(value, name, d.part)))
        if not arrays:
            lines.append(f"{name} = {shown(value)}")
            continue
        size = sum(array.size for _, array in arrays)
        room -= size
        if room < 0 and len(arrays) > 1:
            lines.append(f"{name} = {len(list(arrays_in(value, name)))} arrays")
            room += size
            continue
        for path, array in arrays:
            lines.append(_equation(path, shown(array) if room >= 0 else f"an array of shape {array.shape}"))
    return "\n".join(lines)


def _of_layer(value: Any, name: str, part: str) -> tuple[Any, str]:
    """Leave out the other layers of parameters, gradients and caches, where one layer's result is shown."""
    layer = _layer(part)
    if layer is None:
        return value, name
    if isinstance(value, Mapping):
        ends = (part.removeprefix("d"), f"d{part}", part, f"W{layer}", f"b{layer}")
        own = ends[:3] if part[0] in "Wb" else ends
        return {key: item for key, item in value.items() if key in own} or value, name
    if name == "caches" and isinstance(value, (list, tuple)) and layer <= len(value):
        return value[layer - 1], f"{name}[{layer - 1}]"
    return value, name


def _equation(name: str, text: str) -> str:
    if len(name) > MOST_INDENTED and "\n" in text:
        return f"{name} =\n{text}"
    return f"{name} = " + text.replace("\n", "\n" + " " * (len(name) + 3))


def _compared(d: Difference) -> tuple[str, str]:
    if d.kind == "fault":
        return "", f"{d.actual.kind}: {d.actual.message}"
    if d.kind == "shape":
        e, a = np.asarray(d.expected), np.asarray(d.actual)
        return (
            f"{d.part}, shape {e.shape}\n{shown(e)}",
            f"{d.part}, shape {a.shape}\n{shown(a)}",
        )
    if d.kind == "dtype":
        return (
            f"{d.part}, dtype {np.asarray(d.expected).dtype}",
            f"{d.part}, dtype {np.asarray(d.actual).dtype}",
        )
    if d.kind == "missing":
        return _equation(d.part, shown(d.expected)), ""
    if d.kind in ("values", "written", "again"):
        both = [shown(d.expected), shown(d.actual)]
        if both[0] == both[1]:
            both = [shown(d.expected, precision=12), shown(d.actual, precision=12)]
        return _equation(d.part, both[0]), _equation(d.part, both[1])
    return "", ""
