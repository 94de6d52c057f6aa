"""How much each example counts: sample_weight and class_weight, as one array of the network's dtype.

Labels and weights are scanned in parts, so that besides the result nothing as large as the data is allocated.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from deepnet._numbers import is_whole, real
from deepnet.activations import Array

from .arrays import a, anything
from .labels import PART, parts

KINDS = "whole numbers, or one-hot columns"


def example_weights(
    sample_weight: Any,
    class_weight: Any,
    Y: Array,
    dtype: np.dtype[Any],
    classes: int | None = None,
    trained: Array | None = None,
    chosen: Array | None = None,
    signed: bool = False,
) -> Array | None:
    """Return the weight of each example, (m,), or None: `sample_weight` times `class_weight` of its label.

    Y holds checked labels. A class below `classes` may be missing from Y; None: any class may. For examples
    to validate with, `trained` holds the labels to train on: "balanced" counts these. If only the `chosen`
    columns are used, those alone count; the others get any weight. `signed`: of a loss that accepts weights
    below 0.
    """
    m = Y.shape[1]
    if chosen is not None and class_weight is not None:
        given = None if sample_weight is None else by_example(sample_weight, m, dtype, signed)[chosen]
        weights_of_all = np.zeros(m, dtype)
        weights_of_all[chosen] = example_weights(
            given, class_weight, Y[:, chosen], dtype, classes, trained, signed=signed
        )
        return weights_of_all
    weights = None if sample_weight is None else by_example(sample_weight, m, dtype, signed)
    if class_weight is None:
        return weights
    by_class = _by_class(class_weight, Y, dtype, classes, Y if trained is None else trained)
    if weights is None:
        return by_class
    for first in range(0, m, PART):
        part = slice(first, first + PART)
        with np.errstate(over="ignore"):
            by_class[part] *= weights[part]
        if not np.isfinite(by_class[part]).all():
            j = first + int(np.argmin(np.isfinite(by_class[part])))
            raise ValueError(
                f"sample_weight[{j}] is {weights[j]:g}; times class_weight it is beyond the range of {dtype}"
            )
    return by_class


def heaviest(weights: Array | None, chosen: Array | None = None) -> str | None:
    """Name the largest weight if it is the likely cause of an overflow: gradients are proportional to it."""
    if weights is None:
        return None
    sizes = np.abs(weights)
    j = int(np.argmax(sizes) if chosen is None else chosen[np.argmax(sizes[chosen])])
    if sizes[j] < 1e6:
        return None
    return f"example {j} has the weight {weights[j]:g}: scale sample_weight and class_weight to a mean of 1"


def by_example(sample_weight: Any, m: int, dtype: np.dtype[Any], signed: bool) -> Array:
    """Return sample_weight as an array of shape (m,)."""
    given = anything("sample_weight", sample_weight)
    if given.dtype.kind not in "fiub":
        raise TypeError(f"sample_weight is {given.dtype}, but must be an array of numbers")
    if given.shape not in ((m,), (1, m), (m, 1)):
        raise ValueError(f"sample_weight has shape {given.shape}, but must be {(m,)}: one per example")
    given, weights = given.reshape(m), np.empty(m, dtype)
    for first in range(0, m, PART):
        part = weights[first : first + PART]
        with np.errstate(all="ignore"):
            part[...] = given[first : first + PART]
        good = np.isfinite(part) if signed else np.isfinite(part) & (part >= 0)
        if not good.all():
            j = first + int(np.argmin(good))
            raise ValueError(
                f"sample_weight[{j}] is {given[j]}, but must be finite in {dtype}"
                f"{'' if signed else ', and 0 or more'}"
            )
    return weights


def _by_class(
    class_weight: Any, Y: Array, dtype: np.dtype[Any], classes: int | None, trained: Array
) -> Array:
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(f"class_weight is {class_weight!r}, but must be 'balanced' or a dict")
    elif not isinstance(class_weight, dict):
        raise TypeError(f"class_weight is {a(class_weight)}, but must be a dict or 'balanced'")
    one_hot = len(Y) > 1
    if one_hot:
        if not all(_binary(part) for labels in (Y, trained) for _, part in parts(labels)):
            raise ValueError(f"class_weight needs classes, but Y holds other numbers than {KINDS}")
        if not (_single(Y) and _single(trained)):
            if isinstance(class_weight, str):
                return _balanced_by_output(Y, dtype, trained)
            raise ValueError(
                "class_weight is a dict, but Y has columns without a single 1: use class_weight='balanced' "
                "or sample_weight"
            )
    known, counts = _counted(trained, one_hot)
    present = known if trained is Y else np.union1d(known, _counted(Y, one_hot)[0])
    if isinstance(class_weight, str):
        table = np.ones(len(present))  # a class that is only validated with counts 1
        table[np.searchsorted(present, known)] = trained.shape[1] / (len(known) * counts)
    else:
        table = _table(class_weight, present, dtype, classes)
    weights = np.empty(Y.shape[1], dtype)
    for first, part in parts(Y):
        labels = part.argmax(axis=0) if one_hot else part[0]
        weights[first : first + part.shape[1]] = table[np.searchsorted(present, labels)]
    return weights


def _single(Y: Array) -> bool:
    """Return whether each column of 0 and 1 has a single 1."""
    return all((np.count_nonzero(part, axis=0) == 1).all() for _, part in parts(Y))


def _binary(part: Array) -> bool:
    return bool(((part == 0) | (part == 1)).all())


def _counted(Y: Array, one_hot: bool) -> tuple[Array, Array]:
    """Return the sorted classes in Y and the number of examples of each."""
    count_of: dict[int, int] = {}
    for _, part in parts(Y):
        labels = part.argmax(axis=0) if one_hot else part[0]
        if labels.dtype.kind == "f" and not ((np.abs(labels) < 2**53) & (labels == np.floor(labels))).all():
            raise ValueError(f"class_weight needs classes, but Y holds other numbers than {KINDS}")
        values, counts = _values_and_counts(labels.astype(np.int64))
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            count_of[value] = count_of.get(value, 0) + count
    present = np.array(sorted(count_of), np.int64)
    return present, np.array([count_of[value] for value in present.tolist()])


def _values_and_counts(labels: Array) -> tuple[Array, Array]:
    low = labels.min()
    if labels.max() - low > 2**16:
        values, counts = np.unique(labels, return_counts=True)
        return values, counts
    counts = np.bincount(labels - low)  # 10 times as fast as sorting
    values = np.flatnonzero(counts)
    return values + low, counts[values]


def _table(class_weight: dict[Any, Any], present: Array, dtype: np.dtype[Any], classes: int | None) -> Array:
    """Return the weight of each class in Y; 1 for a class that the dict leaves out."""
    table = np.ones(len(present))
    for key, weight in class_weight.items():
        label = _class_of(key)
        if label is None:
            raise TypeError(
                f"class_weight has the key {key!r}, but keys must be class numbers"
                f"{_numbered(class_weight, present)}"
            )
        if label not in present and not 0 <= label < (np.inf if classes is None else classes):
            known = sorted({*present.tolist(), *range(classes or 0)})
            shown = ", ".join(map(str, known[:10])) + (", ..." if len(known) > 10 else "")
            raise ValueError(f"class_weight has the key {key!r}, but the classes are {shown}")
        table[present == label] = real(f"class_weight[{key!r}]", weight, low=0, dtype=dtype)
    return table


def _class_of(key: Any) -> int | None:
    """Return the class number that a key equals: 1, True, 1.0 and np.int64(1) are class 1."""
    if is_whole(key) or isinstance(key, (bool, np.bool_)):
        return int(key)
    if isinstance(key, (float, np.floating)) and float(key).is_integer():
        return int(key)
    return None


def _numbered(class_weight: dict[Any, Any], present: Array) -> str:
    """Advice for a dict whose keys are words: the same weights by number."""
    names = [key for key in class_weight if isinstance(key, str)]
    if len(names) != len(class_weight):
        return ""
    if len(names) == len(present):  # np.unique numbers words in sorted order
        by_number = dict(zip(present.tolist(), (class_weight[name] for name in sorted(names)), strict=True))
        return f", in the order of np.unique: class_weight={by_number!r}"
    return f", such as class_weight={{{int(present[-1])}: {class_weight[names[0]]!r}}}"


def _balanced_by_output(Y: Array, dtype: np.dtype[Any], trained: Array) -> Array:
    """Balance each row of Y by itself and multiply, as scikit-learn's compute_sample_weight does."""
    m = trained.shape[1]
    ones = sum(np.count_nonzero(part, axis=1) for _, part in parts(trained))
    with np.errstate(divide="ignore"):
        of_one, of_zero = m / (2 * ones), m / (2 * (m - ones))
    constant = (ones == 0) | (ones == m)  # a row with one class only
    of_one[constant] = of_zero[constant] = 1
    weights = np.empty(Y.shape[1], dtype)
    for first, part in parts(Y):
        with np.errstate(over="ignore"):
            product = np.where(part == 1, of_one[:, np.newaxis], of_zero[:, np.newaxis]).prod(axis=0)
            weights[first : first + part.shape[1]] = product
    if not np.isfinite(weights).all():
        j = int(np.argmin(np.isfinite(weights)))
        raise ValueError(f"the balanced weight of example {j} is beyond the range of {dtype}")
    return weights
