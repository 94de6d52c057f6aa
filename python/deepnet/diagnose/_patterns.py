"""The most telling fact about the differences of an unknown mistake, or the numbers behind a known one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import numpy as np

from ._comparison import Difference
from ._running import Probe
from ._stages import Stage
from ._values import arrays_in, as_array

MOST_COMPARED = 24  # differences; all of one mistake look alike
CLOSE = 1e-9  # of ratios: far above rounding, far below every quantity that a ratio may be
POWERS = (
    (1, "{}"),
    (-1, "1 / {}"),
    (2, "({})^2"),
    (-2, "1 / ({})^2"),
    (0.5, "root of {}"),
    (-0.5, "1 / root of {}"),
)
KNOWN_RATIOS = {-1.0: "the sign is reversed", 2.0: "twice too large", 0.5: "half as large as it should be"}

CONDITIONS: dict[str, Callable[[Any], Any]] = {
    "= 0": lambda v: v == 0,
    "> 0": lambda v: v > 0,
    "< 0": lambda v: v < 0,
    "= 1": lambda v: v == 1,
    "<= 0": lambda v: v <= 0,
    ">= 0": lambda v: v >= 0,
}


def pattern_of(
    stage: Stage, differences: Sequence[Difference], probes: Sequence[Probe], shown: Difference
) -> str:
    """Return what the differences have in common, in numbers of the one shown; "" if nothing was found."""
    if shown.kind in ("fault", "again"):  # what else differs is not said
        differences = [d for d in differences if d.kind == shown.kind]
    differences = [shown, *(d for d in differences if d is not shown)][:MOST_COMPARED]
    compared = [d for d in differences if d.kind in ("shape", "values") and as_array(d.actual) is not None]
    facts = [_shapes(compared), _ratio(compared), _values(stage, compared), _places(stage, compared)]
    facts += [_layers(compared, probes), _probes(differences, probes)]
    return "; ".join(fact for fact in facts if fact)


def _shapes(differences: Sequence[Difference]) -> str:
    for d in differences:
        e, a = d.expected, np.asarray(d.actual)
        if d.kind != "shape":
            continue
        if a.ndim == 2 and e.ndim == 2 and a.shape == e.shape[::-1]:
            same = np.allclose(a.T, e, equal_nan=True)
            return (
                f"{d.part} is {'the transpose' if same else 'shaped as the transpose'} of what it should be"
            )
        if a.ndim == 1 and e.ndim == 2 and a.size == e.size:
            return f"{d.part} has one axis instead of two"
        if a.ndim == 0 or a.size == 1:
            return f"{d.part} is a single number"
        if e.ndim == 2 and a.shape == (1, int(d.probe.numbers.get("the number of examples", -1))):
            return f"{d.part} has one entry per example"
        return f"{d.part} has shape {a.shape} instead of {e.shape}"
    return ""


def _ratio(differences: Sequence[Difference]) -> str:
    """One ratio for all entries of a probe, the same or a quantity of the probe."""
    ratios: dict[str, list[tuple[Probe, float]]] = {}
    for d in differences:
        if d.kind != "values":
            return ""
        e, a = d.expected.astype(float), np.asarray(d.actual, float)
        used = np.abs(e) > 1e-6
        if not used.any() or not np.all(np.isfinite(a)):
            continue
        r = a[used] / e[used]
        alone = r.size < 2 and len(differences) < 2  # any two numbers have a ratio
        if alone or np.any(a[~used] != 0) or np.ptp(r) > CLOSE * max(1, np.abs(r).max()):
            return ""
        ratios.setdefault(d.part, []).append((d.probe, float(r.flat[0])))
    pairs = [pair for of_part in ratios.values() for pair in of_part]
    if not pairs:
        return ""
    values = np.array([ratio for _, ratio in pairs])
    where = _listed(sorted(ratios))
    for quantity in pairs[0][0].numbers:
        for exponent, words in POWERS:
            right = np.array([(p.numbers.get(quantity) or np.nan) ** exponent for p, _ in pairs])
            if np.allclose(values, right, rtol=CLOSE, atol=0) and np.ptp(values) > 0:
                return f"{where}: constant ratio {values[0]:.4g} = {words.format(quantity)}"
    for above, below in permutations(pairs[0][0].numbers, 2):
        right = np.array([p.numbers.get(above, np.nan) / (p.numbers.get(below) or np.nan) for p, _ in pairs])
        if np.allclose(values, right, rtol=CLOSE, atol=0) and np.ptp(values) > 0:
            return f"{where}: constant ratio {values[0]:.4g} = {above} / {below}"
    if np.ptp(values) <= CLOSE * np.abs(values).max():
        ratio = float(values[0])
        if abs(ratio) < CLOSE:
            return f"{where}: always 0"
        for known, words in KNOWN_RATIOS.items():
            if abs(ratio - known) < CLOSE:
                return f"{where}: constant ratio {ratio:.4g}: {words}"
        if abs(ratio - np.log10(np.e)) < CLOSE:
            return f"{where}: constant ratio 0.4343 = log10(e)"
        return f"{where}: constant ratio {ratio:.6g}"
    if all(d.expected.size == 1 for d in differences):
        return ""
    return f"{where}: a ratio that is constant in each call"


def _values(stage: Stage, differences: Sequence[Difference]) -> str:
    """The result is something else that is at hand, or differs from the right one by it."""
    found: set[str] | None = None
    for d in differences:
        if d.kind != "values" or d.expected.size == 1:  # one number fits many facts
            continue
        e, a = d.expected.astype(float), np.asarray(d.actual, float)
        facts = set()
        if e.ndim == 2 and e.shape[0] == e.shape[1] > 1 and np.allclose(a, e.T):
            facts.add("the result is transposed, which square layers hide")
        with np.errstate(all="ignore"):
            rest = a - e
        if np.all(np.isfinite(rest)) and np.ptp(rest) <= CLOSE * max(1, np.abs(rest).max()):
            facts.add("the difference is the same for all entries")
        if not np.all(np.isfinite(a)):
            facts.add("the result has nan or inf")
        for name, value in zip(stage.arguments, d.probe.args, strict=False):
            for path, array in arrays_in(value, name):
                fits = array.ndim == a.ndim and all(
                    n in (1, k) for n, k in zip(array.shape, a.shape, strict=True)
                )
                if array.dtype.kind == "f" and fits and a.size > 1:
                    if array.shape == a.shape and np.array_equal(a, array):
                        facts.add(f"{d.part} equals {path}, which was given")
                    elif np.allclose(rest, array):
                        facts.add(f"{d.part} is too large by {path}")
                    elif np.allclose(rest, -array):
                        facts.add(f"{d.part} is too small by {path}")
        found = facts if found is None else found & facts
    return "; ".join(sorted(found or ()))


def _places(stage: Stage, differences: Sequence[Difference]) -> str:
    """All entries that differ have something in common: the sign of Z, the label."""
    common: set[str] | None = None
    for d in differences:
        if d.where is None or d.where.all():
            return ""
        facts = set()
        for name, value in zip(stage.arguments, d.probe.args, strict=False):
            label = "Z" if name == "cache" and isinstance(value, np.ndarray) else name
            for path, array in arrays_in(value, label):
                if array.shape == d.where.shape:
                    short = "Z" if re.fullmatch(r"cache\[1\]", path) else path
                    facts |= {f"{short} {c}" for c, test in CONDITIONS.items() if test(array)[d.where].all()}
        common = facts if common is None else common & facts
    if not common:
        return ""
    return f"only where {min(common, key=lambda fact: (len(fact), fact))}"


def _layers(differences: Sequence[Difference], probes: Sequence[Probe]) -> str:
    """One layer only, the hidden layers, the output layer; counted from the end on the way back."""
    layers: set[str] = set()
    for d in differences:
        match = re.fullmatch(r"(?:d?[WbAZ]|caches, layer )(\d+).*", d.part)
        if match is None or "the number of layers" not in d.probe.numbers:
            return ""
        L, l = int(d.probe.numbers["the number of layers"]), int(match[1]) + d.part.startswith("dA")
        if L > 2:
            layers.add("the output layer" if l == L else "layer 1" if l == 1 else "the layers between")
    if not layers or len(layers) == 3:
        return ""
    if layers == {"layer 1", "the layers between"}:
        return "only the hidden layers"
    return "only " + " and ".join(sorted(layers))


def _probes(differences: Sequence[Difference], probes: Sequence[Probe]) -> str:
    """Only calls of one kind differ."""
    kinds = {d.probe.only for d in differences}
    if len(kinds) == 1 and "" not in kinds:
        return f"only {kinds.pop()}"
    square = [d.probe for d in differences if d.kind == "values"]
    if square and len(square) == len(differences) and len({id(p) for p in square}) < len(probes):
        shapes = [{a.shape for _, a in arrays_in(p.args, "") if a.ndim == 2} for p in square]
        if all(any(rows == columns > 1 for rows, columns in of_probe) for of_probe in shapes):
            return "silent where a matrix is square"
    return ""


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
