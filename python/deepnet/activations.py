"""The activations: one entry each, and the only list of them in Python.

Names in error messages, the choices of the command line, the tables in the documentation and the tests are
derived from :data:`ACTIVATIONS`. To add one: write its entry here and its twin in
``cpp/kernels/activations.h``; a test names whatever is missing.

Each entry works on any shape and keeps the dtype. forward never warns, and nan stays nan. backward: the kinks
select, as the course does: relu passes 0 where Z <= 0, whatever dA is, and dA elsewhere, even where Z is nan.
The smooth ones multiply, so an infinite dA at a saturated Z, where the slope is 0, gives nan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_COURSE = "A. Ng, deeplearning.ai, Neural Networks and Deep Learning"


@dataclass(frozen=True, slots=True)
class Activation:
    """An element-wise function: A from Z, and dZ from dA and Z."""

    name: str
    formula: str
    forward: Callable[[Array], Array]
    backward: Callable[[Array, Array], Array]
    source: str
    is_probability: bool = False  # A lies in [0, 1], as the cross-entropy needs it
    is_rectifier: bool = False  # about half of A is cut, which initial weights make up for


def _sigmoid(Z: Array) -> Array:
    e = np.exp(-np.abs(Z))  # in (0, 1]: cannot overflow, whatever the sign of Z
    A: Array = np.where(Z < 0, e, 1) / (1 + e)
    return A


def _sigmoid_backward(dA: Array, Z: Array) -> Array:
    A = _sigmoid(Z)
    dZ: Array = dA * A * (1 - A)
    return dZ


def _relu_backward(dA: Array, Z: Array) -> Array:
    return np.where(Z <= 0, 0, dA)


def _leaky_relu(Z: Array) -> Array:
    return np.where(Z > 0, Z, 0.01 * Z)


def _leaky_relu_backward(dA: Array, Z: Array) -> Array:
    return np.where(Z <= 0, 0.01 * dA, dA)


def _tanh_backward(dA: Array, Z: Array) -> Array:
    A = np.tanh(Z)
    dZ: Array = dA * ((1 - A) * (1 + A))  # 1 - A^2 without cancellation where |A| is near 1
    return dZ


ACTIVATIONS: dict[str, Activation] = {
    entry.name: entry
    for entry in (
        Activation("identity", "A = Z", np.copy, lambda dA, Z: np.copy(dA), "-"),
        Activation(
            "relu",
            "A = max(0, Z); dA/dZ = 1 where Z > 0, else 0 (also at Z = 0)",
            lambda Z: np.maximum(Z, 0),
            _relu_backward,
            f"{_COURSE}, week 4; V. Nair and G. Hinton, ICML 2010",
            is_rectifier=True,
        ),
        Activation(
            "leaky_relu",
            "A = Z where Z > 0, else 0.01 Z; dA/dZ = 1 or 0.01 (also at Z = 0)",
            _leaky_relu,
            _leaky_relu_backward,
            "A. Maas, A. Hannun and A. Ng, ICML 2013",
            is_rectifier=True,
        ),
        Activation(
            "sigmoid",
            "A = 1 / (1 + exp(-Z)); dA/dZ = A (1 - A)",
            _sigmoid,
            _sigmoid_backward,
            f"{_COURSE}, week 2",
            is_probability=True,
        ),
        Activation(
            "tanh",
            "A = tanh(Z); dA/dZ = 1 - A^2 = (1 - A) (1 + A)",
            np.tanh,
            _tanh_backward,
            f"{_COURSE}, week 3",
        ),
    )
}


def find_activation(name: str) -> Activation:
    """Return the entry called `name`; a ValueError lists the known names and the nearest match."""
    try:
        return ACTIVATIONS[name]
    except (KeyError, TypeError):
        pass
    import difflib  # only for this message: importing it costs more than the rest of this module

    nearest = difflib.get_close_matches(str(name).lower(), ACTIVATIONS, n=1)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    raise ValueError(f"unknown activation {name!r}: {hint}Known are {', '.join(ACTIVATIONS)}")


def layer_activations(
    layers: int, activations: str | Sequence[str], output: str | None = None
) -> tuple[str, ...]:
    """Spell out one name per layer: a single name is for the hidden layers, `output` for the last.

    >>> layer_activations(3, "relu")
    ('relu', 'relu', 'sigmoid')
    >>> layer_activations(2, ["tanh", "identity"])
    ('tanh', 'identity')
    """
    if isinstance(activations, str):
        return (activations,) * (layers - 1) + ("sigmoid" if output is None else output,)
    return tuple(activations)
