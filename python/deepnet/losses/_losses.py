"""Losses by name: one entry each, and the only list of them in Python.

Each is a sum or mean over the outputs of one example, averaged over the examples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from deepnet._names import find
from deepnet._numbers import real
from deepnet.activations import ACTIVATIONS, Array

LABEL_RULES = ("numbers", "counts", "probabilities", "shares", "classes")
_DEFAULT_RULES = {"sigmoid": "probabilities", "softmax": "shares"}

Terms = Callable[[Array, Array, float], Array]


@dataclass(frozen=True, slots=True)
class Loss:
    """What is minimised: terms (n_L, m), whose column sums are the losses of the examples, and their slope.

    ``value(Z, Y, parameter)`` and ``derivative(Z, Y, parameter)``, which is dZ, where `activation` is named;
    else ``value(A, Y, parameter)`` and ``derivative(A, Y, parameter)``, which is dA. Y is what :meth:`labels`
    makes of the user's.

    Parameters
    ----------
    name, formula, source : str
        What it is called, how it is written, and where it comes from.
    value : callable
        The terms, in the shape (n_L, m) and dtype of what it is given.
    derivative : callable
        Their slope, likewise.
    activation : str, optional
        The output that it is for, and is combined with; any but softmax if not given.
    label_rule : {"numbers", "counts", "probabilities", "shares", "classes"}, optional
        Labels that the loss accepts: any numbers; numbers from 0; numbers in [0, 1]; numbers in [0, 1] that
        sum to 1 for each example; class numbers from 0 to n_L - 1 instead of one row per output. By default
        "probabilities" for a sigmoid output, "shares" for softmax and "numbers" for all others.
    parameter : float
        Handed to both functions.
    label_smoothing : float
        How much of each label is shared among the classes; from 0 to less than 1.

    Raises
    ------
    ValueError
        For example ``label_smoothing is 1, but must be from 0 to less than 1``.
    TypeError
        For example ``value is 3, but must be a function of (A, Y, parameter), or of Z where an activation is
        named``.

    Examples
    --------
    >>> own = deepnet.losses.Loss(
    ...     "fourth_power",
    ...     "(A - Y)^4",
    ...     lambda A, Y, _: (A - Y) ** 4,
    ...     lambda A, Y, _: 4 * (A - Y) ** 3,
    ... )
    >>> net = deepnet.Network([2, 1], output="identity", initializer="zeros")
    >>> net.evaluate(np.ones((2, 3)), np.full(3, 2.0), loss=own)
    16.0
    """

    name: str
    formula: str
    value: Terms
    derivative: Terms
    source: str = "-"
    activation: str | None = None
    label_rule: str = ""
    parameter: float = 1.0
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        for name in ("value", "derivative"):
            if not callable(getattr(self, name)):
                form = "of (A, Y, parameter), or of Z where an activation is named"
                raise TypeError(f"{name} is {getattr(self, name)!r}, but must be a function {form}")
        rule = self.label_rule or _DEFAULT_RULES.get(self.activation or "", "numbers")
        object.__setattr__(self, "label_rule", find("label_rule", rule, dict.fromkeys(LABEL_RULES, rule)))
        smoothing = real("label_smoothing", self.label_smoothing, low=0, below=1)
        object.__setattr__(self, "label_smoothing", smoothing)
        if smoothing and self.activation in (None, "identity"):
            raise ValueError(f"label_smoothing is for labels that are classes, which {self.name!r} has not")

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles of those in the list name their functions, most of which no pickle can hold."""
        settings = self.name, self.parameter, self.label_smoothing
        if self.name in LOSSES and _known(*settings) == self:
            return _known, settings
        return Loss, tuple(getattr(self, entry.name) for entry in fields(self))

    @property
    def takes_classes(self) -> bool:
        """True if Y holds class numbers instead of one row per output."""
        return self.label_rule == "classes"

    def labels(self, Y: Array, outputs: int, dtype: Any) -> Array:
        """Y (n_L, m) as the formulas have it: one row per class, smoothed."""
        if self.takes_classes:
            Y = np.arange(outputs)[:, np.newaxis] == Y.reshape(1, -1)
        Y = Y.astype(dtype)
        classes = 2 if self.activation == "sigmoid" else outputs
        smoothing = Y.dtype.type(self.label_smoothing)
        return Y if smoothing == 0 else Y * (1 - smoothing) + smoothing / classes


def _binary_cross_entropy(Z: Array, Y: Array, _: float) -> Array:
    terms: Array = np.maximum(Z, 0) - Z * Y + np.log1p(np.exp(-np.abs(Z)))
    return terms


def _softmax_cross_entropy(Z: Array, Y: Array, _: float) -> Array:
    below = Z - Z.max(axis=0)
    terms: Array = Y * (np.log(np.exp(below).sum(axis=0)) - below)
    return terms


def _softmax_slope(Z: Array, Y: Array, _: float) -> Array:
    e = np.exp(Z - Z.max(axis=0))
    dZ: Array = e / e.sum(axis=0) * Y.sum(axis=0) - Y
    return dZ


def _huber(A: Array, Y: Array, delta: float) -> Array:
    size = np.abs(A - Y)
    terms: Array = np.where(size <= delta, size * size / 2, delta * (size - delta / 2)) / A.dtype.type(len(A))
    return terms


def _quantile(A: Array, Y: Array, q: float) -> Array:
    return (A - Y) * _quantile_slope(A, Y, q)


def _quantile_slope(A: Array, Y: Array, q: float) -> Array:
    error = A - Y
    slope: Array = np.where(error > 0, A.dtype.type(1 - q), np.where(error < 0, A.dtype.type(-q), error))
    slope /= A.dtype.type(len(A))
    return slope


_COURSE = "A. Ng, deeplearning.ai, Neural Networks and Deep Learning, week 4"
_SOFTMAX = "J. S. Bridle, Probabilistic interpretation of feedforward classification network outputs, 1990"

LOSSES: dict[str, Loss] = {
    entry.name: entry
    for entry in (
        Loss(
            "binary_cross_entropy",
            "-sum(Y log A + (1 - Y) log(1 - A)) = sum(max(Z, 0) - Z Y + log(1 + e^-|Z|)); dZ = A - Y",
            _binary_cross_entropy,
            lambda Z, Y, _: ACTIVATIONS["sigmoid"].forward(Z) - Y,
            f"{_COURSE}; the form that is finite for every finite Z: TensorFlow, "
            "sigmoid_cross_entropy_with_logits",
            activation="sigmoid",
        ),
        Loss(
            "categorical_cross_entropy",
            "-sum(Y log A); Y one row per class, whose columns sum to 1; dZ = A - Y",
            _softmax_cross_entropy,
            _softmax_slope,
            _SOFTMAX,
            activation="softmax",
        ),
        Loss(
            "sparse_categorical_cross_entropy",
            "-log A of the class Y, a whole number from 0 on; dZ = A - (1 for the class, else 0)",
            _softmax_cross_entropy,
            _softmax_slope,
            _SOFTMAX,
            activation="softmax",
            label_rule="classes",
        ),
        Loss(
            "mean_squared_error",
            "sum((A - Y)^2) / n_L; dA = 2 (A - Y) / n_L",
            lambda A, Y, _: np.square(A - Y) / A.dtype.type(len(A)),
            lambda A, Y, _: 2 * (A - Y) / A.dtype.type(len(A)),
            "C. F. Gauss, Theoria motus corporum coelestium, 1809",
        ),
        Loss(
            "huber",
            "e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2), of e = A - Y; mean over the outputs",
            _huber,
            lambda A, Y, delta: np.clip(A - Y, -delta, delta) / A.dtype.type(len(A)),
            "P. J. Huber, Robust estimation of a location parameter, Annals of Mathematical Statistics, 1964",
        ),
        Loss(
            "poisson",
            "e^Z - Y Z, where Z is the logarithm of the rate; mean over the outputs; dZ = (e^Z - Y) / n_L",
            lambda Z, Y, _: (np.exp(Z) - Y * Z) / Z.dtype.type(len(Z)),
            lambda Z, Y, _: (np.exp(Z) - Y) / Z.dtype.type(len(Z)),
            "P. McCullagh and J. A. Nelder, Generalized Linear Models, 1983",
            activation="identity",
            label_rule="counts",
        ),
        Loss(
            "quantile",
            "q (Y - A) where Y > A, else (1 - q) (A - Y); mean over the outputs",
            _quantile,
            _quantile_slope,
            "R. Koenker and G. Bassett, Regression quantiles, Econometrica, 1978",
            parameter=0.5,
        ),
    )
}


def _known(name: str, parameter: float, label_smoothing: float) -> Loss:
    return replace(LOSSES[name], parameter=parameter, label_smoothing=label_smoothing)


def find_loss(name: str) -> Loss:
    """Return the entry called `name`; a ValueError lists the known names and the nearest match.

    >>> find_loss("mean_square_error")
    Traceback (most recent call last):
    ValueError: unknown loss 'mean_square_error': did you mean 'mean_squared_error'? Known are ...
    """
    return find("loss", name, LOSSES)


def loss_for(output: str) -> Loss:
    """Return the loss that suits an output activation where none is asked for.

    >>> loss_for("sigmoid").name, loss_for("identity").name
    ('binary_cross_entropy', 'mean_squared_error')
    """
    rule = _DEFAULT_RULES.get(output)
    suited = (loss for loss in LOSSES.values() if loss.activation == output and loss.label_rule == rule)
    return next(suited, LOSSES["mean_squared_error"])
