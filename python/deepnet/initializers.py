"""Initial weights by name: one entry each. Biases start at zero.

An entry, or any function like it, takes ``(rng, n, n_prev)`` and returns W of shape (n, n_prev). Draws are
made in float64 and then rounded, so a network has the same first weights in float32 and float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .activations import ACTIVATIONS, Activation, Array

Draw = Callable[["np.random.Generator", int, int], Array]  # a name only: numpy.random takes 20 ms to import

_HE = "K. He, X. Zhang, S. Ren and J. Sun, Delving deep into rectifiers, ICCV 2015"
_GLOROT = "X. Glorot and Y. Bengio, Understanding the difficulty of training deep networks, AISTATS 2010"
_LECUN = "Y. LeCun, L. Bottou, G. Orr and K.-R. Müller, Efficient BackProp, 1998"


@dataclass(frozen=True, slots=True)
class Initializer:
    """A named way to draw the weights W (n, n_prev) of a layer."""

    name: str
    formula: str
    draw: Draw
    source: str

    def __call__(self, rng: np.random.Generator, n: int, n_prev: int) -> Array:
        """Draw W."""
        return self.draw(rng, n, n_prev)


def _normal(variance: Callable[[int, int], float]) -> Draw:
    return lambda rng, n, n_prev: rng.standard_normal((n, n_prev)) * np.sqrt(variance(n, n_prev))


def _uniform(variance: Callable[[int, int], float]) -> Draw:
    def draw(rng: np.random.Generator, n: int, n_prev: int) -> Array:
        limit = np.sqrt(3 * variance(n, n_prev))  # U(-a, a) has variance a^2 / 3
        return rng.uniform(-limit, limit, (n, n_prev))

    return draw


def _he(n: int, n_prev: int) -> float:
    return 2 / n_prev


def _glorot(n: int, n_prev: int) -> float:
    return 2 / (n + n_prev)


def _lecun(n: int, n_prev: int) -> float:
    return 1 / n_prev


INITIALIZERS: dict[str, Initializer] = {
    entry.name: entry
    for entry in (
        Initializer(
            "zeros", "W = 0: every unit of a layer stays like every other", lambda _, *n: np.zeros(n), "-"
        ),
        Initializer("he_normal", "N(0, 2 / n_prev)", _normal(_he), _HE),
        Initializer("he_uniform", "U(-a, a), a = sqrt(6 / n_prev)", _uniform(_he), _HE),
        Initializer("glorot_normal", "N(0, 2 / (n + n_prev))", _normal(_glorot), _GLOROT),
        Initializer("glorot_uniform", "U(-a, a), a = sqrt(6 / (n + n_prev))", _uniform(_glorot), _GLOROT),
        Initializer("lecun_normal", "N(0, 1 / n_prev)", _normal(_lecun), _LECUN),
        Initializer("lecun_uniform", "U(-a, a), a = sqrt(3 / n_prev)", _uniform(_lecun), _LECUN),
    )
}


def initializer_for(name: str, activation: str | Activation) -> Initializer:
    """Return the entry called `name`; "auto" is he_normal before a rectifier, else glorot_uniform.

    >>> initializer_for("auto", "relu").name, initializer_for("auto", "tanh").name
    ('he_normal', 'glorot_uniform')
    """
    if name == "auto":
        entry = activation if isinstance(activation, Activation) else ACTIVATIONS[activation]
        name = "he_normal" if entry.is_rectifier else "glorot_uniform"
    try:
        return INITIALIZERS[name]
    except (KeyError, TypeError):
        pass
    import difflib  # only for this message

    nearest = difflib.get_close_matches(str(name).lower(), INITIALIZERS, n=1)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    raise ValueError(f"unknown initializer {name!r}: {hint}Known are auto, {', '.join(INITIALIZERS)}")
