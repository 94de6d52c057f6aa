"""What a disagreement means: the layer to look at first, factors that are well known, and missing masks."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from itertools import pairwise

import numpy as np

from ._differences import LIMIT, Compared

# Ratios are known to some 10 LIMIT, see `shared_ratio`, and the uncertainty of the differences.
SAME = 100 * LIMIT
# A ratio is looked up among the whole numbers up to this: a chance one is there with 2 SAME of it, 2 %.
MOST_EXAMPLES = 1000
MOST_LAYERS = 12  # and among the powers of that number up to this
MOST_NAMES = 4  # that a sentence lists

Ratios = Mapping[str, float]


def explanations(
    found: Mapping[str, Compared],
    right: set[str],
    wrong: list[str],
    ratios: Ratios,
    m: int | None,
    alone: bool,
) -> list[str]:
    """Return sentences about the arrays that are wrong.

    Parameters
    ----------
    found : dict of Compared
        For each of W1, b1, ...
    right, wrong : set and list of str
        Those whose gradients agree, and those that do not; others could not be compared.
    ratios : dict of float
        Gradient divided by slope, of those of `wrong` whose entries have the same.
    m : int or None
        The number of examples, if it is known.
    alone : bool
        The check is of one function, and not of layers.
    """
    if not wrong:
        return []
    common = _shared_factor(ratios) if set(ratios) == set(wrong) else None
    sentences = []
    layers = {} if alone else _layers(found)
    if layers and len(wrong) == len(found) and common is not None:
        sentences.append(_of_all(common, m))
    else:
        sentences += [_place(layers, right, set(wrong))] if layers else []
        by_layer = _grows_by_layer(layers, ratios, m)
        sentences += [by_layer] if by_layer else _of_groups(ratios, wrong, m)
    patterns: dict[str, list[str]] = {}
    for key in wrong:
        patterns.setdefault(_pattern(found[key]), []).append(key)
    return sentences + [f"{_d(keys)} {_is(keys)} {what}" for what, keys in patterns.items() if what]


# --- the layer ----------------------------------------------------------------------------------------------


def _layers(keys: Iterable[str]) -> dict[int, list[str]]:
    """Return the keys W1, b1, ... of each layer; none if there are other keys."""
    layers: dict[int, list[str]] = {}
    for key in keys:
        match = re.fullmatch(r"[Wb]([1-9]\d*)", key)
        if match is None:
            return {}
        layers.setdefault(int(match[1]), []).append(key)
    return layers


def _place(layers: dict[int, list[str]], right: set[str], wrong: set[str]) -> str:
    """Say which is the first wrong layer, counted from the output, and what is to be looked at there."""
    last = max(layers)
    first = max(layer for layer, keys in layers.items() if wrong & set(keys))
    keys = sorted(wrong & set(layers[first]))
    known_right = [i for i in sorted(layers) if i > first and right.issuperset(layers[i])]
    plural = "s" if len(known_right) > 1 else ""
    above = f"layer{plural} {_listed([str(i) for i in known_right])}" if known_right else ""
    others = _d(sorted(right & set(layers[first])))
    if not others and right.issuperset(layers.get(first - 1, [""])):
        others = f"layer {first - 1}"  # which gets its dA from dZ of this one
    if others:
        known = f"{above} and {others}" if above else others
        be = "are" if above else "is"
        what = f"look at how {_d(keys)} {_is(keys)} computed from it"
        return f"{known} {be} right, and so dZ{first} must be: {what}"
    if first == last:
        return (
            f"layer {last}, the output, is wrong already: look at dAL and at the derivative of its activation"
        )
    begin = f"{above} {'are' if plural else 'is'} right: " if above else ""
    return f"{begin}look at dA{first} and at the backward step of the activation of layer {first}"


# --- factors ------------------------------------------------------------------------------------------------


def _shared_factor(ratios: Ratios) -> float | None:
    """Return the ratio of all arrays, if it is the same."""
    values = list(ratios.values())
    return values[0] if values and all(_same(value, values[0]) for value in values) else None


def _same(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=SAME)


def _power(ratio: float, m: int | None) -> int | None:
    """Return the power of the number of examples that this is."""
    if m is None or m < 2 or ratio <= 0:
        return None
    power = round(math.log(ratio) / math.log(m))
    return power if abs(power) <= MOST_LAYERS and _same(ratio, float(m) ** power) else None


def _count(ratio: float) -> int | None:
    """Return the whole number above 2 that a ratio or its inverse is."""
    number = ratio if ratio > 1 else 1 / ratio if ratio > 0 else 0.0
    whole = round(number) if number < MOST_EXAMPLES else 0
    return whole if whole > 2 and _same(number, whole) else None


def _of_all(ratio: float, m: int | None) -> str:
    """Explain one factor of all gradients: the layers are right."""
    if ratio == 0:
        return "all gradients are 0, though the slopes are not: is none of them computed?"
    begin = f"all gradients are {_times(ratio)} the slope"
    power, count = _power(ratio, m), _count(ratio)
    if power == 1:
        return (
            f"{begin}, and {m} is the number of examples: is 1/m missing in dW and db, or twice in the cost?"
        )
    if power == -1:
        return f"{begin}, and {m} is the number of examples: is 1/m in dAL, too, or missing in the cost?"
    for value, reason in _KNOWN_OF_ALL.items():
        if _same(ratio, value):
            return f"{begin}: {reason}"
    if m is None and count is not None:
        where = "missing in dW and db" if ratio > 1 else "in dAL, too, or missing in the cost"
        return f"{begin}: if {count} is the number of examples, is 1/m {where}?"
    return f"{begin}: look at the cost and at dAL, not at the layers"


_KNOWN_OF_ALL = {
    -1.0: "the sign of dAL, or that of the cost, is wrong",
    2.0: "is dAL twice what it should be, or the cost half?",
    0.5: "is dAL half what it should be, or the cost twice?",
    math.log(10): "that is ln 10. Is the logarithm of the cost log10?",
    math.log(2): "that is ln 2. Is the logarithm of the cost log2?",
}


def _of_groups(ratios: Ratios, wrong: list[str], m: int | None) -> list[str]:
    """Explain the factors of some arrays, those of the same factor together."""
    groups: list[list[str]] = []
    for key, ratio in ratios.items():
        group = next((group for group in groups if _same(ratios[group[0]], ratio)), None)
        if group is None:
            groups.append([key])
        else:
            group.append(key)
    found = [_of_group(ratios[group[0]], group, wrong, m) for group in groups]
    return [sentence for sentence in found if sentence]


def _of_group(ratio: float, keys: list[str], wrong: list[str], m: int | None) -> str:
    if ratio == 0:
        return f"{_d(keys)} {_is(keys)} 0, though the slopes are not"
    begin = f"{_d(keys)} {_is(keys)} {_times(ratio)} the slope"
    kinds = {key[0] for key in wrong}
    where = f"d{kinds.pop()}" if len(kinds) == 1 and kinds <= {"W", "b"} else _d(keys)
    power, count = _power(ratio, m), _count(ratio)
    if power is not None and power > 0:
        times = "missing" if power == 1 else f"missing {power} times"
        exactly = str(m) if power == 1 else f"{m}^{power}"
        return f"{begin}, and {exactly} {_is_examples(power)}: is 1/m {times} in {where}?"
    if power is not None and power < 0:
        exactly = str(m) if power == -1 else f"{m}^{-power}"
        once = "once too often" if power == -1 else f"{-power} times too often"
        return f"{begin}, and {exactly} {_is_examples(power)}: is 1/m applied {once}?"
    for value, reason in _KNOWN.items():
        if _same(ratio, value):
            return f"{begin}: {reason}"
    if m is None and count is not None:
        what = f"missing in {where}" if ratio > 1 else "applied once too often"
        return f"{begin}: if {count} is the number of examples, is 1/m {what}?"
    return ""  # the table has it


def _is_examples(power: int) -> str:
    return "is the number of examples" if abs(power) == 1 else "is a power of the number of examples"


_KNOWN = {
    -1.0: "a sign is wrong",
    2.0: "is it added twice, or is a factor of 1/2 missing?",
    0.5: "is a factor of 1/2 too much, or a 2 missing, as the derivative of a square has it?",
}


def _grows_by_layer(layers: dict[int, list[str]], ratios: Ratios, m: int | None) -> str:
    """Explain a 1/m that each layer adds."""
    powers: dict[int, int] = {}
    for layer, keys in layers.items():
        own = {_power(ratios[key], m) for key in keys if key in ratios}
        if len(own) > 1 or None in own:
            return ""
        if own:
            powers[layer] = own.pop() or 0
    wrong = sorted(powers)
    if len(wrong) < 2 or any(powers[i] >= 0 for i in wrong):
        return ""
    steps = {(powers[j] - powers[i]) / (j - i) for i, j in pairwise(wrong)}
    if steps != {1.0}:
        return ""
    return (
        f"each layer further from the output is divided by {m}, the number of examples, once more: 1/m "
        "belongs in dW and db, not in dA or dZ"
    )


# --- patterns -----------------------------------------------------------------------------------------------


def _pattern(c: Compared) -> str:
    """Return what else is seen of one array that is wrong."""
    g, n = c.analytic, c.numeric
    if not np.isfinite(g).all():
        i = int(np.argmin(np.isfinite(g)))
        return f"{g[i]} at [{', '.join(map(str, c.indices[i]))}]"
    if _is_turned(c):
        return "transposed: the entries are the slopes, with rows and columns swapped"
    if ((n == 0) & (g != 0)).any():
        return "not 0 where the slope is exactly 0, as behind relu where Z is negative: look at the mask"
    if g.any() and n.any() and ((g == 0) & (np.abs(n) > c.uncertainty)).any():
        return "exactly 0 at some places where the slope is not: is a mask wrong?"
    if g.size > 2 and g[0] and (g == g[0]).all():
        return "the same in all entries: is the sum over the units, too?"
    return ""


def _is_turned(c: Compared) -> bool:
    """Return whether the gradients are the slopes of the transposed matrix."""
    places = {index: i for i, index in enumerate(c.indices)}
    if not places or len(c.indices[0]) != 2:
        return False
    turned = [places.get(index[::-1]) for index in c.indices]
    if None in turned:
        return False
    rest = np.abs(c.analytic - c.numeric[np.array(turned)]) - c.uncertainty[np.array(turned)]
    return bool(np.linalg.norm(np.maximum(rest, 0)) <= LIMIT * 2 * np.linalg.norm(c.numeric))


# --- words --------------------------------------------------------------------------------------------------


def _d(keys: Iterable[str]) -> str:
    return _listed([f"d{key}" for key in keys])


def _listed(names: list[str]) -> str:
    if not names:
        return ""
    if len(names) > MOST_NAMES:
        return f"{', '.join(names[: MOST_NAMES - 1])} and {len(names) - MOST_NAMES + 1} more"
    return " and ".join([*([", ".join(names[:-1])] if len(names) > 1 else []), names[-1]])


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _times(ratio: float) -> str:
    if 0 < ratio < 1:
        whole = round(1 / ratio)
        if _same(ratio * whole, 1.0):
            return f"1/{whole} of"
    return f"{ratio:.6g} times"
