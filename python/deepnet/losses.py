"""Losses by name, and functions that make losses with other settings.

With `activation` in an entry, value and derivative are functions of Z, the input of that output activation,
and the derivative is dZ: no loss is taken of a rounded A, so a loss is finite for every finite Z. Without it,
they are functions of A, for any activation but softmax.

Cross-entropies sum over the outputs of one example, so that softmax and sigmoid agree with the course; all
others take the mean over the outputs, as elsewhere. To add a loss, write its entry in `LOSSES` and its twin
in ``cpp/kernels/losses.h``; a test names whatever is missing.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from ._arguments import advised
from ._immutable import immutable
from ._names import find
from ._numbers import flag, real
from .activations import ACTIVATIONS, Array

__all__ = [
    "LOSSES",
    "Loss",
    "binary_cross_entropy",
    "categorical_cross_entropy",
    "find_loss",
    "huber",
    "loss_for",
    "quantile",
    "sparse_categorical_cross_entropy",
]

LABEL_RULES = ("numbers", "counts", "probabilities", "shares", "classes")
_DEFAULT_RULES = {"sigmoid": "probabilities", "softmax": "shares"}

Terms = Callable[..., Any]
_NO_DATA: Mapping[str, Array] = {}


@immutable("loss")
@dataclass(frozen=True, slots=True, repr=False)
class Loss:
    """What training minimises: terms (n_L, m) that sum to the loss of each example, and their derivative.

    With an `activation`: ``value(Z, Y, parameter)`` and ``derivative(Z, Y, parameter)``, which is dZ; without
    one: ``value(A, Y, parameter)`` and ``derivative(A, Y, parameter)``, which is dA. Y is the result of
    :meth:`labels`. Without a `derivative`, ``value`` returns both.

    Parameters
    ----------
    name, formula, source : str
        Its name, its formula as text, and the publication it comes from.
    value : callable
        Returns the terms, in the shape (n_L, m) and dtype of its first argument.
    derivative : callable, optional
        Returns their derivative, in the same shape and dtype. If it is left out, `value` returns a pair, the
        terms and their derivative.
    activation : str, optional
        The output activation that the loss includes; by default any but softmax.
    label_rule : {"numbers", "counts", "probabilities", "shares", "classes"}, optional
        Labels that the loss accepts: any numbers; numbers from 0; numbers in [0, 1]; numbers in [0, 1] that
        sum to 1 for each example; class numbers from 0 to n_L - 1 instead of one row per output. By default
        "probabilities" for a sigmoid output, "shares" for softmax and "numbers" for all others.
    parameter : float
        Passed to both functions.
    label_smoothing : float
        The share s of each label that is spread evenly over the classes; from 0 to less than 1.
    signed_weights : bool
        Accept a `sample_weight` below 0, which turns the gradients of an example around. With advantages as
        weights, ``dataclasses.replace(deepnet.LOSSES["sparse_categorical_cross_entropy"],
        signed_weights=True)`` is the loss of a policy gradient.
    data : tuple of str
        Names of further arrays that the functions need for the examples, such as advantages. The methods of a
        network take them as ``loss_data={"advantage": advantage}``, and the functions get them as arguments
        of these names.

    Raises
    ------
    ValueError
        For example ``label_smoothing is 1, but must be from 0 to less than 1``.
    TypeError
        For example ``value is 3, but must be a function of (A, Y, parameter)``.

    Examples
    --------
    >>> loss = deepnet.losses.Loss(
    ...     "fourth_power",
    ...     "(A - Y)^4",
    ...     lambda A, Y, _: (A - Y) ** 4,
    ...     lambda A, Y, _: 4 * (A - Y) ** 3,
    ... )
    >>> net = deepnet.Network([2, 1], output="identity", initializer="zeros")
    >>> net.evaluate(np.ones((2, 3)), np.full(3, 2.0), loss=loss)
    16.0

    One function for both, which is given the spread of each target:

    >>> def in_spreads(A, Y, _, spread):
    ...     error = (A - Y) / spread
    ...     return error * error, 2 * error / spread
    >>> loss = deepnet.losses.Loss("in_spreads", "((A - Y) / spread)^2", in_spreads, data=("spread",))
    >>> net.evaluate(np.ones((2, 3)), np.full(3, 2.0), loss=loss, loss_data={"spread": np.full(3, 4.0)})
    0.25
    """

    name: str
    formula: str
    value: Terms
    derivative: Terms | None = None
    source: str = "-"
    activation: str | None = None
    label_rule: str = ""
    parameter: float = 1.0
    label_smoothing: float = 0.0
    signed_weights: bool = False
    data: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", _data_names(self.data))
        for name in ("value", "derivative"):
            if not (callable(getattr(self, name)) or (name == "derivative" and self.derivative is None)):
                form = ", ".join(["A" if self.activation is None else "Z", "Y", "parameter", *self.data])
                raise TypeError(f"{name} is {getattr(self, name)!r}, but must be a function of ({form})")
        rule = self.label_rule or _DEFAULT_RULES.get(self.activation or "", "numbers")
        object.__setattr__(self, "label_rule", find("label_rule", rule, dict.fromkeys(LABEL_RULES, rule)))
        smoothing = real("label_smoothing", self.label_smoothing, low=0, below=1)
        object.__setattr__(self, "label_smoothing", smoothing)
        object.__setattr__(self, "signed_weights", flag("signed_weights", self.signed_weights))
        if smoothing and self.activation in (None, "identity"):
            raise ValueError(f"label_smoothing is for losses of classes, but {self.name!r} takes numbers")

    def __repr__(self) -> str:
        if not self.is_listed:
            return f"<Loss {self.name!r}: {self.formula}>"
        if self.signed_weights:
            return f"dataclasses.replace({replace(self, signed_weights=False)!r}, signed_weights=True)"
        if self == LOSSES[self.name]:
            return f"LOSSES[{self.name!r}]"
        smoothed = f"label_smoothing={self.label_smoothing}"
        return f"{self.name}({smoothed if self.label_smoothing else self.parameter})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle a listed loss by its name and settings, since its functions may be lambdas."""
        if self.is_listed:
            return _known, (self.name, self.parameter, self.label_smoothing, self.signed_weights)
        return Loss, tuple(getattr(self, entry.name) for entry in fields(self))

    def with_settings_of(self, other: Loss) -> Loss:
        """Return this loss with the settings of another."""
        return replace(
            self,
            parameter=other.parameter,
            label_smoothing=other.label_smoothing,
            signed_weights=other.signed_weights,
        )

    @property
    def is_listed(self) -> bool:
        """True if this is an entry of :data:`deepnet.LOSSES`, but for its settings."""
        return self.name in LOSSES and LOSSES[self.name].with_settings_of(self) == self

    @property
    def takes_classes(self) -> bool:
        """True if Y holds class numbers instead of one row per output."""
        return self.label_rule == "classes"

    def labels(self, Y: Array, outputs: int, dtype: Any) -> Array:
        """Return Y (n_L, m) for the formulas: one row per class, in `dtype`, with label smoothing."""
        if self.takes_classes:
            Y = np.arange(outputs)[:, np.newaxis] == Y.reshape(1, -1)
        Y = Y.astype(dtype)
        smoothing = Y.dtype.type(self.label_smoothing)
        return Y if smoothing == 0 else Y * (1 - smoothing) + smoothing / (self.smoothed_classes or outputs)

    @property
    def smoothed_classes(self) -> int:
        """The number of classes that label smoothing spreads over, 0 for one per output."""
        return 2 if self.activation == "sigmoid" else 0

    def terms(self, A: Array, Y: Array, data: Mapping[str, Array] = _NO_DATA) -> Array:
        """Return the terms (n_L, m), with an `activation` from Z in place of A; Y is from :meth:`labels`."""
        result = self.value(A, Y, self.parameter, **data)
        terms: Array = result[0] if self.derivative is None else result
        return terms

    def slope(self, A: Array, Y: Array, data: Mapping[str, Array] = _NO_DATA) -> Array:
        """Return the derivative of the terms."""
        if self.derivative is None:
            return self.terms_and_slope(A, Y, data)[1]
        slope: Array = self.derivative(A, Y, self.parameter, **data)
        return slope

    def terms_and_slope(
        self, A: Array, Y: Array, data: Mapping[str, Array] = _NO_DATA
    ) -> tuple[Array, Array]:
        """Return the terms and their derivative."""
        result = self.value(A, Y, self.parameter, **data)
        if self.derivative is None:
            return result  # type: ignore[no-any-return]  # a pair, which deepnet._validation has checked
        return result, self.derivative(A, Y, self.parameter, **data)


@dataclass(frozen=True, slots=True)
class Targets:
    """Labels, and the further arrays of a loss, whose last axis is the examples, too."""

    Y: Array
    data: Mapping[str, Array]

    def __getitem__(self, columns: Any) -> Targets:
        """Return those of some examples."""
        return Targets(self.Y[columns], {name: array[columns] for name, array in self.data.items()})


def _data_names(names: Any) -> tuple[str, ...]:
    if not isinstance(names, (tuple, list)) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"data is {names!r}, but must be a tuple of names, such as ('advantage',)")
    for i, name in enumerate(names):
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ValueError(f"data has the name {name!r}, which cannot be the name of an argument")
        if name in names[:i]:
            raise ValueError(f"data has the name {name!r} twice")
    return tuple(names)


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
            "-log A of the class Y, a whole number from 0; dZ = A - (1 for the class, else 0)",
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


_SYNONYMS = {
    "mae": "quantile",
    "l1": "quantile",
    "l2": "mean_squared_error",
    "log_loss": "binary_cross_entropy",
}


def _known(name: str, parameter: float, label_smoothing: float, signed_weights: bool = False) -> Loss:
    loss = LOSSES[name]
    return replace(loss, parameter=parameter, label_smoothing=label_smoothing, signed_weights=signed_weights)


def find_loss(name: str) -> Loss:
    """Return the loss called `name`; a ValueError lists the known names and the nearest match.

    >>> find_loss("mean_square_error")
    Traceback (most recent call last):
    ValueError: unknown loss 'mean_square_error': did you mean 'mean_squared_error'? Known are ...
    """
    return find("loss", name, LOSSES, synonyms=_SYNONYMS)


def loss_for(output: str) -> Loss:
    """Return the default loss of an output activation.

    >>> loss_for("sigmoid").name, loss_for("identity").name
    ('binary_cross_entropy', 'mean_squared_error')
    """
    rule = _DEFAULT_RULES.get(output)
    suited = (loss for loss in LOSSES.values() if loss.activation == output and loss.label_rule == rule)
    return next(suited, LOSSES["mean_squared_error"])


# --- losses with other settings -----------------------------------------------------------------------------


@advised
def huber(delta: float = 1.0) -> Loss:
    """Make the Huber loss: quadratic up to an error of `delta`, linear beyond.

    Parameters
    ----------
    delta : float
        More than 0; the name "huber" means 1.

    Returns
    -------
    Loss

    Raises
    ------
    ValueError
        For example ``delta is 0, but must be more than 0``.
    TypeError
        For example ``delta is '1', but must be a number``.

    Notes
    -----
    ``e^2 / 2`` where ``|e| <= delta``, else ``delta (|e| - delta / 2)``, of ``e = A - Y``;
    the mean over the outputs.
    Source: P. J. Huber, *Robust estimation of a location parameter*, Annals of Mathematical Statistics, 1964.

    Examples
    --------
    >>> net = deepnet.Network([2, 1], output="identity", initializer="zeros")
    >>> net.evaluate(np.ones((2, 3)), np.full(3, 5.0), loss=deepnet.losses.huber(2.0))
    8.0
    """
    return replace(LOSSES["huber"], parameter=real("delta", delta, above=0))


@advised
def quantile(q: float = 0.5) -> Loss:
    """Make the quantile loss, which is least where a share `q` of the targets lies below the prediction.

    Parameters
    ----------
    q : float
        Between 0 and 1; the name "quantile" means 0.5: half of the absolute error, least at the median.

    Returns
    -------
    Loss

    Raises
    ------
    ValueError
        For example ``q is 1, but must be between 0 and 1``.
    TypeError
        For example ``q is '0.9', but must be a number``.

    Notes
    -----
    q (Y - A) where Y > A, else (1 - q) (A - Y); the mean over the outputs.
    Source: R. Koenker and G. Bassett, *Regression quantiles*, Econometrica, 1978.

    Examples
    --------
    >>> net = deepnet.Network([2, 1], output="identity", initializer="zeros")
    >>> net.evaluate(np.ones((2, 3)), np.full(3, 8.0), loss=deepnet.losses.quantile(0.75))
    6.0
    """
    return replace(LOSSES["quantile"], parameter=real("q", q, "between 0 and 1", above=0, below=1))


@advised
def binary_cross_entropy(label_smoothing: float = 0.0) -> Loss:
    """Make the cross-entropy of a sigmoid output with label smoothing.

    Parameters
    ----------
    label_smoothing : float
        s: labels become Y (1 - s) + s / 2; from 0 to less than 1.

    Returns
    -------
    Loss

    Raises
    ------
    ValueError
        For example ``label_smoothing is 1, but must be from 0 to less than 1``.
    TypeError
        For example ``label_smoothing is '0.1', but must be a number``.

    Notes
    -----
    -sum(Y log A + (1 - Y) log(1 - A)), computed from Z; dZ = A - Y.
    Sources: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4; for label smoothing
    C. Szegedy et al., *Rethinking the Inception architecture*, CVPR 2016.

    Examples
    --------
    >>> net = deepnet.Network([2, 1], initializer="zeros")
    >>> loss = deepnet.losses.binary_cross_entropy(label_smoothing=0.5)
    >>> net.loss_and_grads(np.ones((2, 3)), np.ones(3), loss=loss)[1]["db1"]  # A - Y with Y = 0.75
    array([[-0.25]], dtype=float32)
    """
    return replace(LOSSES["binary_cross_entropy"], label_smoothing=label_smoothing)


@advised
def categorical_cross_entropy(label_smoothing: float = 0.0) -> Loss:
    """Make the cross-entropy of a softmax output with label smoothing, for one row of labels per class.

    Parameters
    ----------
    label_smoothing : float
        s: labels become Y (1 - s) + s / n_L; from 0 to less than 1.

    Returns
    -------
    Loss

    Raises
    ------
    ValueError, TypeError
        As for :func:`binary_cross_entropy`.

    Notes
    -----
    -sum(Y log A), computed from Z; dZ = A - Y where the labels of an example sum to 1.
    Source: J. S. Bridle, *Probabilistic interpretation of feedforward classification network outputs*, 1990.

    Examples
    --------
    >>> net = deepnet.Network([2, 2], output="softmax", initializer="zeros")
    >>> loss = deepnet.losses.categorical_cross_entropy(label_smoothing=0.5)
    >>> _, grads = net.loss_and_grads(np.ones((2, 3)), np.eye(2)[:, [0, 0, 0]], loss=loss)
    >>> grads["db1"]  # A - Y with Y = 0.75 and 0.25
    array([[-0.25],
           [ 0.25]], dtype=float32)
    """
    return replace(LOSSES["categorical_cross_entropy"], label_smoothing=label_smoothing)


@advised
def sparse_categorical_cross_entropy(label_smoothing: float = 0.0) -> Loss:
    """Make the cross-entropy of a softmax output with label smoothing, for class numbers.

    Parameters
    ----------
    label_smoothing : float
        s: the class of an example counts 1 - s + s / n_L, every other s / n_L; from 0 to less than 1.

    Returns
    -------
    Loss

    Raises
    ------
    ValueError, TypeError
        As for :func:`binary_cross_entropy`.

    Notes
    -----
    -log A of the class, computed from Z; dZ = A - (1 for the class, else 0).
    Source: as for :func:`categorical_cross_entropy`.

    Examples
    --------
    >>> net = deepnet.Network([2, 2], output="softmax", initializer="zeros")
    >>> loss = deepnet.losses.sparse_categorical_cross_entropy(label_smoothing=0.5)
    >>> net.loss_and_grads(np.ones((2, 3)), np.zeros(3, int), loss=loss)[1]["db1"]
    array([[-0.25],
           [ 0.25]], dtype=float32)
    """
    return replace(LOSSES["sparse_categorical_cross_entropy"], label_smoothing=label_smoothing)
