"""The losses: one entry each, and the only list of them in Python.

To add one: write its entry here and its twin in ``cpp/kernels/losses.h``; a test names whatever is missing. A
loss that belongs to one output activation names it and is computed from Z, in one stable formula with it; any
other is computed from A and may follow any output. The loss of a batch is the mean over its examples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ._names import find
from .activations import ACTIVATIONS, Array


@dataclass(frozen=True, slots=True)
class Loss:
    """What is minimised: terms (n_L, m), whose column sums are the losses of the examples, and their slope.

    ``value(Z, Y)`` and ``derivative(Z, Y)``, which is dZ, where `activation` is named; else ``value(A, Y)``
    and ``derivative(A, Y)``, which is dA.
    """

    name: str
    formula: str
    value: Callable[[Array, Array], Array]
    derivative: Callable[[Array, Array], Array]
    source: str
    activation: str | None = None

    @property
    def wants_probabilities(self) -> bool:
        """Whether targets must lie in [0, 1]."""
        return self.activation is not None and ACTIVATIONS[self.activation].is_probability


def _binary_cross_entropy(Z: Array, Y: Array) -> Array:
    terms: Array = np.maximum(Z, 0) - Z * Y + np.log1p(np.exp(-np.abs(Z)))
    return terms


LOSSES: dict[str, Loss] = {
    entry.name: entry
    for entry in (
        Loss(
            "binary_cross_entropy",
            "-sum(Y log A + (1 - Y) log(1 - A)) = sum(max(Z, 0) - Z Y + log(1 + e^-|Z|)); dZ = A - Y",
            _binary_cross_entropy,
            lambda Z, Y: ACTIVATIONS["sigmoid"].forward(Z) - Y,
            "A. Ng, deeplearning.ai, Neural Networks and Deep Learning, week 4; the form that is finite for "
            "every finite Z: TensorFlow, sigmoid_cross_entropy_with_logits",
            activation="sigmoid",
        ),
        Loss(
            "mean_squared_error",
            "sum((A - Y)^2) / n_L; dA = 2 (A - Y) / n_L",
            lambda A, Y: np.square(A - Y) / len(A),
            lambda A, Y: 2 * (A - Y) / len(A),
            "C. F. Gauss, Theoria motus corporum coelestium, 1809",
        ),
    )
}


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
    return next((loss for loss in LOSSES.values() if loss.activation == output), LOSSES["mean_squared_error"])
