"""Initial weights by name. Biases start at zero.

An initializer is a function of ``(rng, n, n_prev)`` that returns W of shape (n, n_prev). Weights are drawn in
float64 and then rounded, so a network has the same initial weights in float32 and float64.

:func:`normal` and :func:`orthogonal` make initializers with another scale. The course's two rules are
"normal", ``randn * 0.01``, and "lecun_normal", ``randn / sqrt(n_prev)``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ._arguments import advised
from ._names import find
from ._numbers import real
from .activations import Array

Draw = Callable[["np.random.Generator", int, int], Array]  # quoted: importing numpy.random takes 20 ms

DRAWN_AT_ONCE = 2**22  # numbers; about 50 ms
PANEL = 64  # columns

_HE = "K. He, X. Zhang, S. Ren and J. Sun, Delving deep into rectifiers, ICCV 2015"
_GLOROT = "X. Glorot and Y. Bengio, Understanding the difficulty of training deep networks, AISTATS 2010"
_LECUN = "Y. LeCun, L. Bottou, G. Orr and K.-R. Müller, Efficient BackProp, 1998"
_COURSE = "A. Ng, deeplearning.ai, Neural Networks and Deep Learning, week 4"
_SAXE = (
    "A. Saxe, J. McClelland and S. Ganguli, Exact solutions to the nonlinear dynamics of learning in deep "
    "linear neural networks, ICLR 2014; F. Mezzadri, How to generate random matrices from the classical "
    "compact groups, Notices of the AMS, 2007"
)


@dataclass(frozen=True, slots=True, repr=False)
class Initializer:
    """A named distribution of the weights W (n, n_prev) of a layer."""

    name: str
    formula: str
    draw: Draw
    source: str

    def __call__(self, rng: np.random.Generator, n: int, n_prev: int) -> Array:
        """Draw W."""
        return self.draw(rng, n, n_prev)

    def __repr__(self) -> str:
        return f"<Initializer {self.name!r}: {self.formula}>"


def _normal(variance: Callable[[int, int], float]) -> Draw:
    def draw(rng: np.random.Generator, n: int, n_prev: int) -> Array:
        deviation = np.sqrt(variance(n, n_prev))
        return _drawn((n, n_prev), lambda count: rng.standard_normal(count) * deviation)

    return draw


def _uniform(variance: Callable[[int, int], float]) -> Draw:
    def draw(rng: np.random.Generator, n: int, n_prev: int) -> Array:
        limit = np.sqrt(3 * variance(n, n_prev))  # U(-a, a) has variance a^2 / 3
        return _drawn((n, n_prev), lambda count: rng.uniform(-limit, limit, count))

    return draw


def _drawn(shape: tuple[int, int], draw: Callable[[int], Array]) -> Array:
    """Draw in parts, which gives the same numbers: Ctrl-C must not wait for the largest networks."""
    W = np.empty(shape)
    flat = W.reshape(-1)
    for first in range(0, W.size, DRAWN_AT_ONCE):
        part = flat[first : first + DRAWN_AT_ONCE]
        part[...] = draw(part.size)
    return W


def _he(n: int, n_prev: int) -> float:
    return 2 / n_prev


def _glorot(n: int, n_prev: int) -> float:
    return 2 / (n + n_prev)


def _lecun(n: int, n_prev: int) -> float:
    return 1 / n_prev


@advised
def normal(scale: float = 0.01) -> Initializer:
    """Make an initializer that draws from N(0, scale^2), whatever the size of the layer.

    Parameters
    ----------
    scale : float
        The standard deviation; more than 0.

    Returns
    -------
    Initializer
        For ``Network(initializer=...)``; the name "normal" means scale 0.01.

    Raises
    ------
    ValueError
        For example ``scale is 0, but must be more than 0``; for zeros use "zeros".
    TypeError
        For example ``scale is None, but must be a number``.

    Notes
    -----
    W = randn(n, n_prev) * scale. Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.
    In a deep network the signal shrinks from layer to layer; he_normal and others preserve it.

    Examples
    --------
    >>> net = deepnet.Network([100, 200, 1], initializer=deepnet.initializers.normal(0.05), seed=0)
    >>> f"{net.parameters['W1'].std():.3f}"
    '0.050'
    """
    scale = real("scale", scale, above=0)
    return Initializer(
        "normal",
        f"N(0, {scale:g}^2)",
        lambda rng, n, n_prev: _drawn((n, n_prev), lambda count: rng.standard_normal(count) * scale),
        _COURSE,
    )


@advised
def orthogonal(gain: float = 1.0) -> Initializer:
    """Make an initializer that draws orthogonal rows or columns, whichever are fewer, of length `gain`.

    Parameters
    ----------
    gain : float
        More than 0; the square root of 2 compensates for relu.

    Returns
    -------
    Initializer
        For ``Network(initializer=...)``; the name "orthogonal" means gain 1.

    Raises
    ------
    ValueError
        For example ``gain is -1, but must be more than 0``.
    TypeError
        For example ``gain is None, but must be a number``.

    Notes
    -----
    Q R = a Gaussian matrix; W = gain Q diag(sign(diag(R))), transposed where n < n_prev. The signs make every
    orthogonal matrix equally likely. W W^T = gain^2 I where n <= n_prev, else W^T W = gain^2 I. About
    4 max(n, n_prev) min(n, n_prev)^2 operations. The last bits depend on the LAPACK library.

    Sources: A. Saxe, J. McClelland and S. Ganguli, *Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks*, ICLR 2014; F. Mezzadri, *How to generate random matrices from the classical
    compact groups*, Notices of the AMS, 2007.

    Examples
    --------
    >>> W = deepnet.initializers.orthogonal(gain=2.0)(np.random.default_rng(0), 3, 5)
    >>> bool(np.allclose(W @ W.T, 4 * np.eye(3)))
    True
    """
    gain = real("gain", gain, above=0)

    def draw(rng: np.random.Generator, n: int, n_prev: int) -> Array:
        W = _orthogonal(_drawn((max(n, n_prev), min(n, n_prev)), rng.standard_normal))
        W *= gain
        return W if n >= n_prev else W.T

    return Initializer("orthogonal", f"orthogonal rows or columns of length {gain:g}", draw, _SAXE)


def _orthogonal(A: Array) -> Array:
    """Return Q of A = Q R, (m, k) with m >= k, where diag(R) is positive; A is overwritten.

    Householder's method in panels of columns, each a call of LAPACK: 3000 x 3000 takes as long as one call,
    but Ctrl-C waits 0.03 s at most, not for seconds. The reflections of a panel are I - V T V^T with
    T^-1 = striu(V^T V) + diag(1 / tau).
    """
    signs, panels = np.empty(A.shape[1]), []
    for first in range(0, A.shape[1], PANEL):
        last = first + PANEL
        h, tau = np.linalg.qr(A[first:, first:last], mode="raw")
        signs[first:last] = np.sign(np.diag(h))
        V = np.tril(h.T, -1)
        np.fill_diagonal(V, 1)
        V[:, tau == 0], tau[tau == 0] = 0, 1  # the last row alone is not reflected
        T = np.linalg.inv(np.triu(V.T @ V, 1) + np.diag(1 / tau))
        _reflect(V, T.T, A[first:, last:])
        panels.append((first, V, T))
    Q: Array = np.eye(*A.shape)
    for first, V, T in reversed(panels):
        _reflect(V, T, Q[first:, first:])
    Q *= signs
    return Q


def _reflect(V: Array, T: Array, A: Array) -> None:
    """A -= V T V^T A, in parts of some 10^8 operations."""
    columns = max(1, 2**25 // V.size)
    for first in range(0, A.shape[1], columns):
        part = A[:, first : first + columns]
        part -= V @ (T @ (V.T @ part))


INITIALIZERS: dict[str, Initializer] = {
    entry.name: entry
    for entry in (
        Initializer("zeros", "W = 0: all units of a layer stay equal", lambda _, *n: np.zeros(n), "-"),
        Initializer("he_normal", "N(0, 2 / n_prev)", _normal(_he), _HE),
        Initializer("he_uniform", "U(-a, a), a = sqrt(6 / n_prev)", _uniform(_he), _HE),
        Initializer("glorot_normal", "N(0, 2 / (n + n_prev))", _normal(_glorot), _GLOROT),
        Initializer("glorot_uniform", "U(-a, a), a = sqrt(6 / (n + n_prev))", _uniform(_glorot), _GLOROT),
        Initializer("lecun_normal", "N(0, 1 / n_prev)", _normal(_lecun), _LECUN),
        Initializer("lecun_uniform", "U(-a, a), a = sqrt(3 / n_prev)", _uniform(_lecun), _LECUN),
        normal(),
        orthogonal(),
    )
}


_SYNONYMS = {
    "xavier": "glorot_uniform",
    "xavier_normal": "glorot_normal",
    "xavier_uniform": "glorot_uniform",
    "kaiming": "he_normal",
    "kaiming_normal": "he_normal",
    "kaiming_uniform": "he_uniform",
}


def find_initializer(name: str) -> Initializer:
    """Return the entry called `name`."""
    return find("initializer", name, INITIALIZERS, synonyms=_SYNONYMS)
