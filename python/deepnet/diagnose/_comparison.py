"""The differences between what a function did and what the lecture's function does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._running import Outcome, Probe
from ._stages import Stage
from ._values import Array, as_array
from .findings import RANK, Severity


@dataclass(frozen=True, eq=False)
class Difference:
    """One part that differs on one probe.

    `kind` is "fault", "missing", "shape", "values", "dtype", "written", "shared", "again" or "remark".
    """

    probe: Probe
    part: str
    kind: str
    severity: Severity
    expected: Any = None
    actual: Any = None
    where: Array | None = None


def tolerance(expected: Array, actual: Array, operations: int) -> float:
    """Return what rounding can make of the difference.

    Each of `operations` steps on the way adds at most one unit in the last place of the largest number on
    the way, which in the probes is about that of the result or 1.
    """
    finite = np.abs(expected[np.isfinite(expected)])
    largest = max(1.0, float(finite.max(initial=0.0)))
    dtype = actual.dtype if actual.dtype.kind == "f" else np.dtype(float)
    unit = float(np.finfo(dtype).eps) if dtype.itemsize <= 8 else float(np.finfo(float).eps)
    return operations * unit * largest


def differs(expected: Array, actual: Array, operations: int) -> Array:
    """Return where two arrays of one shape differ by more than rounding; nan equals nan."""
    e, a = expected.astype(float), actual.astype(float)
    with np.errstate(all="ignore"):
        close = (np.abs(a - e) <= tolerance(e, actual, operations)) | (a == e) | (np.isnan(a) & np.isnan(e))
    result: Array = ~close
    return result


def compare(stage: Stage, probe: Probe, expected: Outcome, actual: Outcome) -> Iterator[Difference]:
    """Yield the differences of one call."""
    severity = probe.severity
    if actual.fault is not None:
        allowed = probe.may_raise and actual.fault.kind != "form"
        if expected.fault is None and not allowed:
            yield Difference(probe, "", "fault", severity, None, actual.fault)
        return
    for part, right in expected.parts.items():
        of_part = severity if not part.startswith(stage.lenient or ("\0",)) else "style"
        if part not in actual.parts:
            if not part.startswith(stage.optional or ("\0",)):
                yield Difference(probe, part, "missing", of_part, right)
            continue
        e = as_array(right)
        if e is not None:  # else it is the first of two calls, and has been judged
            yield from _compare_arrays(stage, probe, part, of_part, e, actual.parts[part])
    for part in sorted(actual.parts.keys() - expected.parts.keys()):
        kind, colon, _ = part.partition(": ")
        if colon and kind in ("remark", "fragile"):
            yield Difference(probe, part, "remark", "style" if kind == "remark" else "fragile")
    for path, (before, after) in actual.written.items():
        if path not in expected.written and not path.startswith(stage.may_write or ("\0",)):
            yield Difference(probe, path, "written", severity, before, after)
    for pair in sorted(actual.shared - expected.shared):
        if not pair.rpartition(" is ")[2].startswith(stage.may_write or ("\0",)):
            yield Difference(probe, pair, "shared", "fragile")


def _compare_arrays(
    stage: Stage, probe: Probe, part: str, severity: Severity, e: Array, result: Any
) -> Iterator[Difference]:
    a = as_array(result)
    if a is None:
        yield Difference(probe, part, "values", severity, e, result)
        return
    if a.dtype == e.dtype and np.array_equal(a, e):
        return
    if a.shape != e.shape:
        same = a.size == e.size == 1 and not differs(e.reshape(()), a.reshape(()), stage.operations)
        wrong_shape: Severity = "style" if same and e.ndim == 0 else severity
        yield Difference(probe, part, "shape", wrong_shape, e, a)
        return
    where = differs(e, a, stage.operations)
    if where.any():
        size = np.abs(a.astype(float) - e).max() / max(1e-300, np.abs(e).max()) if e.size else 1.0
        small = a.dtype == e.dtype and np.isfinite(size) and size < 1e-7
        yield Difference(probe, part, "values", "style" if small else severity, e, a, where)
    elif e.dtype.kind == "f" and a.dtype != e.dtype and a.size:
        of_dtype: Severity = "fragile" if a.dtype.kind in "iub" and severity == "wrong" else "style"
        if not (a.dtype.kind in "iub" and np.ndim(e) == 0):
            yield Difference(probe, part, "dtype", of_dtype, e, a)


def worst(differences: Sequence[Difference]) -> Severity:
    """Return the highest severity."""
    return max((d.severity for d in differences), key=RANK.__getitem__, default="style")
