"""Models as the commands use them: networks and estimators alike, with predictions, scores and their data."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import deepnet
from deepnet.cli.endings import of_the_input
from deepnet.cli.reading import Table
from deepnet.cli.targets import CLASSIFICATION, REGRESSION
from deepnet.io import DataError

MOST_PIXELS = 1024  # a side


@dataclass(frozen=True)
class Model:
    """A network or a fitted estimator, and what its file says."""

    model: Any
    path: Path
    about: dict[str, Any]

    @property
    def is_network(self) -> bool:
        """Whether this is a Network: its examples are columns, those of estimators rows."""
        return isinstance(self.model, deepnet.Network)

    @property
    def task(self) -> str:
        """Classification or regression."""
        if self.is_network:
            last = self.model.activations[-1]
            is_class = self.model.class_names is not None or last in ("sigmoid", "softmax")
            return CLASSIFICATION if is_class else REGRESSION
        return CLASSIFICATION if hasattr(self.model, "predict_proba") else REGRESSION

    @property
    def classes(self) -> list[Any]:
        """The labels of the classes, in the order of the probabilities; none for a regression."""
        if self.task == REGRESSION:
            return []
        if self.is_network:
            outputs = self.model.layer_dims[-1]
            return list(self.model.class_names or map(str, range(max(outputs, 2))))
        found: list[Any] = np.asarray(self.model.classes_).tolist()
        return found

    @property
    def target(self) -> str | None:
        """The name of what it predicts, if the file has one."""
        name = self.about.get("target")
        return name if isinstance(name, str) else None

    @property
    def columns(self) -> list[str] | None:
        """The names of the columns that it was trained on, if they had any."""
        names = getattr(self.model, "feature_names_in_", None)
        return None if names is None else [str(name) for name in names]

    @property
    def n_inputs(self) -> int:
        """The number of columns or inputs."""
        return int(self.model.layer_dims[0] if self.is_network else self.model.n_features_in_)

    @property
    def image_size(self) -> int | None:
        """The side of the square images in colour that it takes, None if it takes others."""
        side = isqrt(self.n_inputs // 3)
        fits = self.is_network and side * side * 3 == self.n_inputs and 1 <= side <= MOST_PIXELS
        return side if fits else None

    def inputs(self, data: Any) -> Any:
        """Return a table, or rows of any shape, as the model takes them."""
        if isinstance(data, Table):
            if self.is_network:
                return np.column_stack([_numbers(data, name) for name in data.names]).T
            return data.frame
        flat = np.asarray(data).reshape(len(data), -1)
        if flat.shape[1] != self.n_inputs:
            what = f"{flat.shape[1]} values in each row, but the model takes {self.n_inputs}"
            raise DataError(f"the data has {what}")
        return flat.T if self.is_network else flat

    def outputs(self, X: Any) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return the predictions (m,) or (m, outputs), and the probabilities (m, classes) of a classifier."""
        with of_the_input():
            if self.is_network:
                A = np.asarray(self.model.predict(X), np.float64)
                if self.task == REGRESSION:
                    return (A[0] if len(A) == 1 else A.T), None
                p = np.column_stack([1 - A[0], A[0]]) if len(A) == 1 else A.T
                return np.array(self.classes)[p.argmax(axis=1)], p
            if self.task == REGRESSION:
                return np.asarray(self.model.predict(X), np.float64), None
            p = np.asarray(self.model.predict_proba(X))
            if p.ndim != 2 or p.shape[1] != len(self.classes):
                raise DataError(f"{self.path} holds a model with several targets, which no command takes")
            return np.asarray(self.model.classes_)[p.argmax(axis=1)], p


def _numbers(table: Table, name: str) -> NDArray[Any]:
    values = table.column(name)
    if values.dtype.kind not in "biuf":
        raise DataError(f"{table.path}: the column {name!r} does not hold numbers, which a network needs")
    return values.astype(np.float32)


def load(path: Path) -> Model:
    """Read a model file; a wrong one is an error of the input."""
    if os.path.isdir(path):
        raise DataError(f"{path} is a folder, but must be a model file")
    try:
        with of_the_input(str(path)):
            return Model(deepnet.load(path), path, deepnet.describe(path))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


# --- scores -------------------------------------------------------------------------------------------------


def numbered(labels: Sequence[Any] | NDArray[Any], classes: Sequence[Any]) -> NDArray[np.intp]:
    """Return the number of the class of each label; labels are compared as text where they differ in type."""
    places = {value: i for i, value in enumerate(classes)}
    texts = {str(value): i for i, value in enumerate(classes)}
    found = [places.get(value, texts.get(_as_text(value), -1)) for value in np.asarray(labels).tolist()]
    if -1 in found:
        strange = np.asarray(labels).tolist()[found.index(-1)]
        known = ", ".join(map(str, classes[:8])) + (", ..." if len(classes) > 8 else "")
        raise DataError(f"the label {strange!r} is none of the model's classes: {known}")
    return np.array(found, np.intp)


def _as_text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def class_scores(p: NDArray[Any], numbers: NDArray[np.intp]) -> dict[str, float]:
    """Return the scores of probabilities, by name; the first decides between models."""
    right = p.argmax(axis=1) == numbers
    said = np.clip(p[np.arange(len(p)), numbers], 1e-15, 1)
    counts = np.bincount(numbers, minlength=p.shape[1])
    scores = {"accuracy": float(right.mean()), "log_loss": float(-np.log(said).mean())}
    if p.shape[1] == 2 and counts.min() > 0:
        scores["roc_auc"] = _roc_auc(p[:, 1], numbers == 1)
    scores["guessing"] = float(counts.max() / len(numbers))
    return scores


def _roc_auc(score: NDArray[Any], positive: NDArray[np.bool_]) -> float:
    """Return the share of pairs of a positive and a negative that are in the right order, ties as half."""
    _, places, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    n = int(positive.sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(score) - n)))


def number_scores(predicted: NDArray[Any], true: NDArray[Any]) -> dict[str, float]:
    """Return the scores of a regression, by name; the first decides between models."""
    errors = np.asarray(predicted, np.float64) - np.asarray(true, np.float64)
    spread = float(np.mean((true - np.mean(true)) ** 2))
    squared = float(np.mean(errors**2))
    r2 = 1 - squared / spread if spread else float("nan")
    return {"r2": r2, "mean_absolute_error": float(np.mean(np.abs(errors))), "rms_error": squared**0.5}


NAMES = {
    "accuracy": "accuracy",
    "log_loss": "log loss",
    "roc_auc": "area under the ROC curve",
    "guessing": "by always predicting the most frequent class",
    "r2": "R2",
    "mean_absolute_error": "mean absolute error",
    "rms_error": "root mean square error",
}


def score_line(scores: dict[str, float]) -> str:
    """Return scores as a line of Rich's markup, the first in bold."""
    (first, value), *rest = scores.items()
    others = ", ".join(f"{NAMES[name]} {score:.4g}" for name, score in rest if name != "guessing")
    text = f"[bold]{NAMES[first]} {value:.4f}[/bold]" + (f", {others}" if others else "")
    guess = scores.get("guessing")
    return text if guess is None else f"{text} ({guess:.4f} {NAMES['guessing']})"
