"""Class labels of any type: what the network learns of them, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from deepnet.activations import Array

from ._columns import is_missing


@dataclass(frozen=True)
class Labels:
    """The classes of one column y, or the columns of an indicator matrix, which is sparse or not."""

    classes: Array
    multilabel: bool = False
    sparse: bool = False

    @classmethod
    def of(cls, y: Any) -> Labels:
        """Learn the classes of y."""
        check_cells(y)
        numbers = _distinct(y)
        if numbers is not None and 2 <= len(numbers) <= len(y) // 2:
            return cls(numbers)
        kind = type_of_target(y, input_name="y")
        if kind == "multilabel-indicator":
            return cls(np.arange(y.shape[1]), multilabel=True, sparse=sparse.issparse(y))
        if kind.endswith("multioutput"):
            raise ValueError(
                f"y has {y.shape[1]} columns of classes: multioutput targets need one classifier for each "
                "column, as sklearn.multioutput.MultiOutputClassifier makes them"
            )
        if kind not in ("binary", "multiclass"):
            check_classification_targets(y)  # raises
        classes = np.unique(y)
        if len(classes) < 2:
            raise ValueError(
                f"y has only one class, {classes.tolist()[0]!r}, but a classifier needs two or more"
            )
        return cls(classes)

    @property
    def outputs(self) -> int:
        """The number of the network's outputs: one for two classes."""
        return 1 if len(self.classes) == 2 and not self.multilabel else len(self.classes)

    @property
    def activation(self) -> str:
        """The output activation: softmax for classes of which each example has one."""
        return "sigmoid" if self.outputs == 1 or self.multilabel else "softmax"

    def check(self, y: Any, *, same: bool) -> None:
        """Refuse classes that these are not; `same`: also if one is missing."""
        check_cells(y)
        if self.multilabel or type_of_target(y, input_name="y").startswith("multilabel"):
            columns = y.shape[1] if getattr(y, "ndim", 1) == 2 else 1
            if not self.multilabel or columns != len(self.classes):
                raise ValueError(f"`y` has {columns} columns, but not the classes in `self.classes_`")
            return
        given = unique_labels(y)
        unknown = set(given.tolist()) - set(self.classes.tolist())
        if same and (unknown or len(given) != len(self.classes)):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {self.classes}, `y` has {given}"
            )
        if unknown:
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes}. 'y' has {given}."
            )

    def encode(self, y: Any) -> Array:
        """Return the labels as the network's losses take them: (n_L, m), class numbers (1, m) for softmax.

        Labels of other classes become any.
        """
        if self.multilabel:
            dense = y.toarray() if sparse.issparse(y) else np.asarray(y)
            return np.ascontiguousarray(dense.T, dtype=bool)
        if len(self.classes) == 2:
            return np.asarray(y == self.classes[1]).reshape(1, -1)
        y, last = np.asarray(y), len(self.classes) - 1
        numbers: Array
        if self._are_consecutive and y.dtype == self.classes.dtype:  # a fifth of the time of searchsorted
            numbers = np.clip(y.astype(np.intp) - int(self.classes[0]), 0, last)
        else:
            numbers = np.minimum(np.searchsorted(self.classes, y), last)
        return numbers.reshape(1, -1)

    @property
    def _are_consecutive(self) -> bool:
        """Whether the classes are whole numbers, each one more than the last."""
        kind, size = self.classes.dtype.kind, self.classes.dtype.itemsize
        whole = kind == "i" or (kind == "u" and size < np.dtype(np.intp).itemsize)
        return whole and int(self.classes[-1]) - int(self.classes[0]) == len(self.classes) - 1

    def decode(self, A: Array) -> Any:
        """Return the labels that the outputs A (m, n_L) stand for."""
        if self.multilabel:
            chosen = (A > 0.5).astype(int)
            return sparse.csr_matrix(chosen) if self.sparse else chosen
        if self.outputs == 1:
            return self.classes[(A[:, 0] > 0.5).astype(np.intp)]
        return self.classes[A.argmax(axis=1)]

    def accuracy(self, A: Array, encoded: Array, weights: Array | None) -> float:
        """The share of the outputs A (m, n_L) whose labels are all right; nan if A is not finite."""
        if not np.isfinite(A).all():
            return np.nan
        if self.activation == "softmax":
            right = A.argmax(axis=1) == encoded[0]
        else:
            right = ((A > 0.5) == encoded.T).all(axis=1)
        return float(np.average(right, weights=weights))


def _distinct(y: Any) -> Array | None:
    """Return the distinct values of a column of whole numbers that lie close together, sorted; else None."""
    if type(y) is not np.ndarray or y.ndim != 1 or y.size == 0 or y.dtype.kind not in "biu":
        return None
    lowest, highest = int(y.min()), int(y.max())
    if highest - lowest >= len(y) or highest > np.iinfo(np.intp).max:
        return None
    counts = np.bincount(y.astype(np.intp) - lowest)  # in a tenth of the time of np.unique
    return (np.flatnonzero(counts) + lowest).astype(y.dtype)


def check_numbers(y: Any, classifier: str) -> None:
    """Raise a TypeError if targets of a regressor are words."""
    values = np.asarray(y)
    if values.dtype.kind not in "OUS":
        return
    for value in values.ravel().tolist():
        if isinstance(value, str):
            try:
                float(value)
            except ValueError:
                raise TypeError(
                    f"y holds strings, such as {value!r}, but a regressor needs numbers: {classifier} is for "
                    "classes"
                ) from None


def check_targets(y: Array) -> None:
    """Raise a ValueError if a target of a regressor is nan or infinite."""
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        i = int(np.argwhere(~np.isfinite(y))[0][0])
        raise ValueError(f"y is {y[i]} in row {i}, but every row needs a target: leave such rows out")


def weights_of_classes(class_weight: Any, y: Any) -> Array:
    """Return the weight of each row that `class_weight` says."""
    weights: Array = compute_sample_weight(class_weight, y)
    wrong = weights[~(np.isfinite(weights) & (weights >= 0))]
    if len(wrong):
        raise ValueError(
            f"class_weight gives rows the weight {wrong[0]:g}, but weights must be finite and 0 or more"
        )
    if not weights.any():
        raise ValueError("class_weight is 0 for the classes of all rows, but must be more than 0 for some")
    return weights


def check_cells(y: Any) -> None:
    """Refuse a column of objects with missing labels, or with strings beside other labels."""
    if len(getattr(y, "shape", ())) != 1 or sparse.issparse(y):
        return
    labels = np.asarray(y)
    if labels.dtype != object:
        return
    first_of = dict[bool, int]()
    for i, label in enumerate(labels):
        if is_missing(label):
            raise ValueError(f"y is {label} in row {i}, but every row needs a label: leave such rows out")
        first_of.setdefault(isinstance(label, str), i)
    if len(first_of) == 2:
        other, word = labels[first_of[False]], labels[first_of[True]]
        raise TypeError(
            f"y mixes str and {type(other).__name__}, such as {word!r} and {other!r}, but must hold labels "
            "of one type"
        )
