"""The activations: one entry each, and the only list of them in Python.

Names in error messages, the choices of the command line, the tables in the documentation and the tests are
derived from :data:`ACTIVATIONS`. To add one: write its entry here and its twin in
``cpp/kernels/activations.h``; a test names whatever is missing.

Each entry works on any shape and keeps the dtype, and nan stays nan. backward: the kinks select, as the
course does: relu passes 0 where Z <= 0, whatever dA is, and dA elsewhere, even where Z is nan. The smooth
ones multiply, so an infinite dA at a saturated Z, where the slope is 0, gives nan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from . import _curves
from ._curves import Array as Array
from ._names import find

_COURSE = "A. Ng, deeplearning.ai, Neural Networks and Deep Learning"


@dataclass(frozen=True, slots=True)
class Activation:
    """An activation: A from Z, and dZ from dA and Z.

    The step-by-step functions take one wherever they take a name. It runs in NumPy, the linear parts of the
    network in C++.

    Parameters
    ----------
    name : str
        For messages; in an entry of :data:`deepnet.ACTIVATIONS` the name that the functions take.
    forward : callable
        ``A = forward(Z)`` for Z of shape (n, m), float32 or float64; A has the same shape and dtype.
    backward : callable
        ``dZ = backward(dA, Z)``: dA times the derivative at Z, where the function goes element by element.
    formula, source : str, optional
        For readers.
    is_probability : bool
        Whether A lies in [0, 1], as the cross-entropy needs it of an output.
    is_rectifier : bool
        Whether about half of A is cut, which initial weights make up for.
    whole_columns : bool
        Whether an element of A depends on its whole column, as in softmax: such an activation is for the last
        layer alone.

    Raises
    ------
    TypeError
        If the name is no str or a function is not callable, for example ``forward is 3, but must be a
        function: A = forward(Z)``.

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
    is_rectifier: bool = False
    whole_columns: bool = False

    def __post_init__(self) -> None:
        """Check what a user may have mixed up."""
        if not isinstance(self.name, str):
            raise TypeError(f"name is {self.name!r}, but must be a str")
        for what, form in (("forward", "A = forward(Z)"), ("backward", "dZ = backward(dA, Z)")):
            function = getattr(self, what)
            if not callable(function):
                raise TypeError(f"{what} is {function!r}, but must be a function: {form}")


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
            is_rectifier=True,
        ),
        Activation(
            "leaky_relu",
            _curves.leaky_relu,
            _curves.leaky_relu_backward,
            "A = Z where Z > 0, else 0.01 Z; dA/dZ = 1 or 0.01 (also at Z = 0)",
            "A. Maas, A. Hannun and A. Ng, ICML 2013",
            is_rectifier=True,
        ),
        Activation(
            "elu",
            _curves.elu,
            _curves.elu_backward,
            "A = Z where Z > 0, else exp(Z) - 1; dA/dZ = 1 or exp(Z)",
            "D.-A. Clevert, T. Unterthiner and S. Hochreiter, ICLR 2016",
            is_rectifier=True,
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
            is_rectifier=True,
        ),
        Activation(
            "silu",
            _curves.silu,
            _curves.silu_backward,
            "A = Z s, s = sigmoid(Z); dA/dZ = s (1 + Z (1 - s)). Also called swish",
            "S. Elfwing, E. Uchibe and K. Doya, Neural Networks 107, 2018",
            is_rectifier=True,
        ),
        Activation(
            "mish",
            _curves.mish,
            _curves.mish_backward,
            "A = Z w, w = tanh(log(1 + exp(Z))); dA/dZ = w + Z sigmoid(Z) (1 - w^2)",
            "D. Misra, BMVC 2020",
            is_rectifier=True,
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
            is_rectifier=True,
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


AnyActivation = (
    str | Activation
)  # what the step-by-step functions take: a name, or an activation of one's own


def find_activation(name: str) -> Activation:
    """Return the entry called `name`; a ValueError lists the known names and the nearest match."""
    return find("activation", name, ACTIVATIONS)


def entry_of(activation: AnyActivation) -> Activation:
    """Return the activation itself: the entry of a known name, or an object as it is."""
    return activation if isinstance(activation, Activation) else ACTIVATIONS[activation]


Named = TypeVar("Named", bound=AnyActivation)


def layer_activations(
    layers: int, activations: Named | Sequence[Named], output: Named | None = None
) -> tuple[Named | str, ...]:
    """Spell out one activation per layer: a single one is for the hidden layers, `output` for the last.

    >>> layer_activations(3, "relu")
    ('relu', 'relu', 'sigmoid')
    >>> layer_activations(2, ["tanh", "identity"])
    ('tanh', 'identity')
    """
    if isinstance(activations, (str, Activation)):
        return (activations,) * (layers - 1) + ("sigmoid" if output is None else output,)
    return tuple(activations)
