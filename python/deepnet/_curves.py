"""Formulas of the activations in NumPy, forward next to backward, free of cancellation and overflow.

:mod:`deepnet.activations` names them and their sources. The dtype stays the same.
"""

# NumPy's operators return Any for mypy:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def relu_backward(dA: Array, Z: Array) -> Array:
    return np.where(Z <= 0, 0, dA)


def leaky_relu(Z: Array) -> Array:
    return np.where(Z > 0, Z, 0.01 * Z)


def leaky_relu_backward(dA: Array, Z: Array) -> Array:
    return np.where(Z <= 0, 0.01 * dA, dA)


def elu(Z: Array) -> Array:
    return np.where(Z > 0, Z, np.expm1(np.minimum(Z, 0)))


def elu_backward(dA: Array, Z: Array) -> Array:
    return np.where(Z > 0, dA, dA * np.exp(np.minimum(Z, 0)))


_SELU_SCALE = 1.0507009873554804934193349852946
_SELU_LEFT = 1.7580993408473768599402175208123  # scale * alpha


def selu(Z: Array) -> Array:
    return np.where(Z > 0, _SELU_SCALE * Z, _SELU_LEFT * np.expm1(np.minimum(Z, 0)))


def selu_backward(dA: Array, Z: Array) -> Array:
    return dA * np.where(Z > 0, Z.dtype.type(_SELU_SCALE), _SELU_LEFT * np.exp(np.minimum(Z, 0)))


_erfc = np.frompyfunc(math.erfc, 1, 1)


def _halves(x: Array) -> tuple[Array, Array]:
    """Return x^2 as a sum of two: the exact square of the upper half of x, and the rest."""
    high = x.astype(np.float32).astype(np.float64)
    return high * high, (x - high) * (x + high)


def _normal(Z: Array) -> tuple[Array, Array, Array]:
    """|Z|, at most 40, the probability Q that a normal variate is larger, and its density, in float64.

    Q = erfc(|Z| / sqrt 2) / 2. What rounding that argument or Z^2 loses counts Z^2 times as much in the
    result, so squares come in two parts, and Q is put right by e^(argument^2 - Z^2 / 2).
    """
    t = np.minimum(np.abs(Z).astype(np.float64), 40)
    x = t / math.sqrt(2)
    (x_square, x_rest), (t_square, t_rest) = _halves(x), _halves(t)
    gap = (x_square - t_square / 2) + (x_rest - t_rest / 2)
    Q = np.asarray(_erfc(x), np.float64) / 2 * np.exp(gap)
    return t, Q, np.exp(-t_square / 2) * np.exp(-t_rest / 2) / math.sqrt(2 * math.pi)


def gelu(Z: Array) -> Array:
    t, Q, _ = _normal(Z)
    return (np.maximum(Z, 0) - t * Q).astype(Z.dtype)


def gelu_backward(dA: Array, Z: Array) -> Array:
    t, Q, density = _normal(Z)
    left = Q - t * density
    return dA * np.where(Z < 0, left, 1 - left).astype(Z.dtype)


def _root_of_e(Z: Array) -> tuple[Array, Array]:
    """|Z|, at most 1600, and e^(-|Z| / 2), whose square times Z has digits where e^-|Z| is subnormal."""
    t = np.minimum(np.abs(Z), 1600)
    return t, np.exp(-t / 2)


def silu(Z: Array) -> Array:
    t, h = _root_of_e(Z)
    return np.where(Z < 0, -t * h * h, Z) / (1 + h * h)


def silu_backward(dA: Array, Z: Array) -> Array:
    t, h = _root_of_e(Z)
    e = h * h
    left = (1 - t / (1 + e)) * h * h / (1 + e)  # s (1 + Z (1 - s)); on the right 1 minus that of -Z
    return dA * np.where(Z < 0, left, 1 - left)


def mish(Z: Array) -> Array:
    t, h = _root_of_e(Z)
    e = h * h
    left = -t * h * h * ((e + 2) / (e * (e + 2) + 2))
    return np.where(Z < 0, left, Z * ((1 + 2 * e) / (1 + 2 * e + 2 * e * e)))


def mish_backward(dA: Array, Z: Array) -> Array:
    t, h = _root_of_e(Z)
    e = h * h
    d_left, d_right = e * (e + 2) + 2, 1 + 2 * e + 2 * e * e
    left = ((e + 2) - 4 * t * (1 + e) / d_left) / d_left * h * h
    right = ((1 + 2 * e) + 4 * t * (1 + e) * e * e / d_right) / d_right
    return dA * np.where(Z < 0, left, right)


def softplus(Z: Array) -> Array:
    return np.maximum(Z, 0) + np.log1p(np.exp(-np.abs(Z)))


def softplus_backward(dA: Array, Z: Array) -> Array:
    return dA * sigmoid(Z)


def tanh_backward(dA: Array, Z: Array) -> Array:
    A = np.tanh(Z)
    return dA * ((1 - A) * (1 + A))  # 1 - A^2 without cancellation where |A| is near 1


def sigmoid(Z: Array) -> Array:
    e = np.exp(-np.abs(Z))  # in (0, 1]: cannot overflow, whatever the sign of Z
    return np.where(Z < 0, e, 1) / (1 + e)


def sigmoid_backward(dA: Array, Z: Array) -> Array:
    A = sigmoid(Z)
    return dA * A * (1 - A)


def hard_swish(Z: Array) -> Array:
    inner = np.clip(Z, -3, 3)
    return np.where(Z >= 3, Z, inner * (inner + 3) / 6)


def hard_swish_backward(dA: Array, Z: Array) -> Array:
    return np.where(Z <= -3, 0, np.where(Z >= 3, dA, dA * ((2 * Z + 3) / 6)))


def softmax(Z: Array) -> Array:
    e = np.exp(Z - np.max(Z, axis=0))
    return e / np.sum(e, axis=0)


def softmax_backward(dA: Array, Z: Array) -> Array:
    A = softmax(Z)
    return A * (dA - np.sum(dA * A, axis=0))
