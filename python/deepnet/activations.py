"""Activations by name: the only list of them in Python.

Error messages, the options of the command line, the tables in the documentation and the tests are derived
from :data:`ACTIVATIONS`. To add an activation, write its entry here and its twin in
``cpp/kernels/activations.h``; a test names whatever is missing.

Each entry takes any shape, keeps the dtype, and maps nan to nan. The backward functions of piecewise linear
activations select, as in the course: relu's returns 0 where Z <= 0, whatever dA is, and dA elsewhere, even
where Z is nan. Those of smooth activations multiply: an infinite dA times a derivative of 0 gives nan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from . import _curves
from ._curves import Array as Array
from ._immutable import immutable
from ._names import find

_COURSE = "A. Ng, deeplearning.ai, Neural Networks and Deep Learning"


@immutable("activation")
@dataclass(frozen=True, slots=True, repr=False)
class Activation:
    """A custom activation: A from Z, and dZ from dA and Z.

    It can be used wherever the name of an activation can. It runs in NumPy, the matrix products in C++.

    Parameters
    ----------
    name : str
        Its name in messages and representations.
    forward : callable
        ``A = forward(Z)`` for Z of shape (n, m), float32 or float64; A has the same shape and dtype.
    backward : callable
        ``dZ = backward(dA, Z)``: for an elementwise function, dA times the derivative at Z.
    formula, source : str, optional
        Documentation.
    is_probability : bool
        True if A lies in [0, 1], as cross-entropies need.
    whole_columns : bool
        True if an element of A depends on its whole column, as in softmax; only for the last layer.

    Raises
    ------
    TypeError
        For example ``forward is 3, but must be a function: A = forward(Z)``.

    Examples
    --------
    >>> def slope(Z):
    ...     return np.exp(-Z * Z) * (1 - 2 * Z * Z)
    >>> bump = deepnet.Activation("bump", lambda Z: Z * np.exp(-Z * Z), lambda dA, Z: dA * slope(Z))
    >>> A, cache = deepnet.linear_activation_forward(np.eye(2), np.eye(2), np.zeros((2, 1)), bump)
    >>> A.round(3), cache.activation.name
    (array([[0.368, 0.   ],
           [0.   , 0.368]]), 'bump')
    """

    name: str
    forward: Callable[[Array], Array]
    backward: Callable[[Array, Array], Array]
    formula: str = "-"
    source: str = "-"
    is_probability: bool = False
    whole_columns: bool = False

    def __post_init__(self) -> None:
        """Check the types."""
        if not isinstance(self.name, str):
            raise TypeError(f"name is {self.name!r}, but must be a str")
        for what, form in (("forward", "A = forward(Z)"), ("backward", "dZ = backward(dA, Z)")):
            function = getattr(self, what)
            if not callable(function):
                raise TypeError(f"{what} is {function!r}, but must be a function: {form}")

    def __repr__(self) -> str:
        known = ACTIVATIONS.get(self.name) is self
        return f"ACTIVATIONS[{self.name!r}]" if known else f"<Activation {self.name!r}>"


ACTIVATIONS: dict[str, Activation] = {
    entry.name: entry
    for entry in (
        Activation("identity", np.copy, lambda dA, Z: np.copy(dA), "A = Z"),
        Activation(
            "relu",
            lambda Z: np.maximum(Z, 0),
            _curves.relu_backward,
            "A = max(0, Z); dA/dZ = 1 where Z > 0, else 0 (also at Z = 0)",
            f"{_COURSE}, week 4; V. Nair and G. Hinton, ICML 2010",
        ),
        Activation(
            "leaky_relu",
            _curves.leaky_relu,
            _curves.leaky_relu_backward,
            "A = Z where Z > 0, else 0.01 Z; dA/dZ = 1 or 0.01 (also at Z = 0)",
            "A. Maas, A. Hannun and A. Ng, ICML 2013",
        ),
        Activation(
            "elu",
            _curves.elu,
            _curves.elu_backward,
            "A = Z where Z > 0, else exp(Z) - 1; dA/dZ = 1 or exp(Z)",
            "D.-A. Clevert, T. Unterthiner and S. Hochreiter, ICLR 2016",
        ),
        Activation(
            "selu",
            _curves.selu,
            _curves.selu_backward,
            "A = 1.0507 Z where Z > 0, else 1.0507 * 1.6733 (exp(Z) - 1); dA/dZ = 1.0507 or 1.7581 exp(Z) "
            "(also at Z = 0)",
            "G. Klambauer, T. Unterthiner, A. Mayr and S. Hochreiter, NIPS 2017",
        ),
        Activation(
            "gelu",
            _curves.gelu,
            _curves.gelu_backward,
            "A = Z P(Z), P the normal distribution, with erfc and not with tanh; dA/dZ = P(Z) + Z P'(Z)",
            "D. Hendrycks and K. Gimpel, arXiv:1606.08415, 2016",
        ),
        Activation(
            "silu",
            _curves.silu,
            _curves.silu_backward,
            "A = Z s, s = sigmoid(Z); dA/dZ = s (1 + Z (1 - s)). Also called swish",
            "S. Elfwing, E. Uchibe and K. Doya, Neural Networks 107, 2018",
        ),
        Activation(
            "mish",
            _curves.mish,
            _curves.mish_backward,
            "A = Z w, w = tanh(log(1 + exp(Z))); dA/dZ = w + Z sigmoid(Z) (1 - w^2)",
            "D. Misra, BMVC 2020",
        ),
        Activation(
            "softplus",
            _curves.softplus,
            _curves.softplus_backward,
            "A = log(1 + exp(Z)); dA/dZ = sigmoid(Z)",
            "C. Dugas, Y. Bengio, F. Bélisle, C. Nadeau and R. Garcia, NIPS 2000",
        ),
        Activation(
            "tanh",
            np.tanh,
            _curves.tanh_backward,
            "A = tanh(Z); dA/dZ = 1 - A^2 = (1 - A) (1 + A)",
            f"{_COURSE}, week 3",
        ),
        Activation(
            "sigmoid",
            _curves.sigmoid,
            _curves.sigmoid_backward,
            "A = 1 / (1 + exp(-Z)); dA/dZ = A (1 - A)",
            f"{_COURSE}, week 2",
            is_probability=True,
        ),
        Activation(
            "hard_swish",
            _curves.hard_swish,
            _curves.hard_swish_backward,
            "A = Z min(max(Z + 3, 0), 6) / 6; dA/dZ = 0 (also at Z = -3), (2 Z + 3) / 6 or 1 (also at Z = 3)",
            "A. Howard et al., Searching for MobileNetV3, ICCV 2019",
        ),
        Activation(
            "softmax",
            _curves.softmax,
            _curves.softmax_backward,
            "A = exp(Z) / sum(exp(Z)) along each column; dZ = A (dA - sum(dA A)). For the last layer",
            "J. Bridle, Probabilistic interpretation of feedforward classification network outputs, 1990",
            is_probability=True,
            whole_columns=True,
        ),
    )
}


AnyActivation = str | Activation  # the name of an activation, or a custom one
_SYNONYMS = {"swish": "silu", "linear": "identity", "logistic": "sigmoid", "hardswish": "hard_swish"}


def find_activation(name: str) -> Activation:
    """Return the entry called `name`; a ValueError lists the known names and the nearest match."""
    return find("activation", name, ACTIVATIONS, synonyms=_SYNONYMS)


def entry_of(activation: AnyActivation) -> Activation:
    """Return the Activation of a known name; an Activation is returned as it is."""
    return activation if isinstance(activation, Activation) else ACTIVATIONS[activation]


Named = TypeVar("Named", bound=AnyActivation)


def layer_activations(
    layers: int, activations: Named | Sequence[Named], output: Named | None = None
) -> tuple[Named | str, ...]:
    """Return one activation per layer: a single one is for all hidden layers, `output` for the last.

    >>> layer_activations(3, "relu")
    ('relu', 'relu', 'sigmoid')
    >>> layer_activations(2, ["tanh", "identity"])
    ('tanh', 'identity')
    """
    if isinstance(activations, (str, Activation)):
        return (activations,) * (layers - 1) + ("sigmoid" if output is None else output,)
    return tuple(activations)
