"""The activations as formulas of ONNX operators, for both float types.

ONNX has operators for most of them, but ONNX Runtime's are not exact for small results: its Sigmoid is off
by 1e-8 where the result is less, its Elu and Selu compute exp(Z) - 1. It has Elu, Selu, LeakyRelu, HardSwish,
Erf and Softplus for float32 only. These formulas neither overflow nor cancel, as in :mod:`deepnet._curves`.
What a network 64-256-256-10 takes for 256 rows in ONNX Runtime 1.32, in ms on one thread of a Xeon, the
fastest of 60 runs, by the formula and by the operator: sigmoid 0.48 and 0.35, silu 0.51 and 0.34, elu 0.51
and 0.58, mish 0.60 and 2.2, softplus 0.83 and 2.1. gelu in float32 is by Erf, 0.39 instead of 1.1, with an
error of some u of Z.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from deepnet._curves import _SELU_LEFT, _SELU_SCALE

from ._graph import Value

# (t + 4) Q(t) e^(t^2 / 2) by powers of (t - 4) / (t + 4), Q the normal distribution's upper tail; the
# numbers of MillsConstants<double> in cpp/simd/math.h.
_MILLS = [
    *("0x1.82b4bb8c94dcep-1", "-0x1.373e3a893c28ap-1", "0x1.8c6dbf2cfc2afp-2", "-0x1.7dff2bff68368p-3"),
    *("0x1.eec4cc3e4db85p-5", "-0x1.ee2761048b5e7p-8", "-0x1.c81719d610b82p-9", "0x1.ab825fc3a459bp-10"),
    *("0x1.17a4aebfc01c7p-13", "-0x1.e4a4260ad8c4ep-13", "-0x1.001f43193794ap-19", "0x1.26d0a37c22e03p-15"),
    *("0x1.80c1dea0222a0p-21", "-0x1.8d4bcda0e042bp-18", "-0x1.5210d6172ef2fp-21", "0x1.1238a8ad41541p-20"),
    *("0x1.23d90f695d206p-22", "-0x1.4cc8dd42dff5fp-23", "-0x1.6ed38c82f7cd9p-24", "0x1.c85321fba99d2p-27"),
    *("0x1.510ff60a84cb0p-26", "0x1.07a55f5929c3ap-29", "-0x1.5aa27c5b7d63cp-29", "-0x1.8f4178ebec560p-31"),
]
_FARTHEST = 2000.0  # |Z| from which e^-|Z| is 0; times that, an infinite Z would give nan


def _max(z: Value, other: float | Value) -> Value:
    return z.graph.node("Max", z, other)


def _min(z: Value, other: float | Value) -> Value:
    return z.graph.node("Min", z, other)


def _exp(z: Value) -> Value:
    return z.graph.node("Exp", z)


def _powers(z: Value) -> tuple[Value, Value]:
    """e^z and 1 divided by the larger of the two, so that neither overflows."""
    return _exp(_min(z, 0)), _exp(_min(-z, 0))


def _sigmoid(z: Value) -> Value:
    p, q = _powers(z)
    return p / (p + q)


def _silu(z: Value) -> Value:
    p, q = _powers(z)
    return _max(z, -_FARTHEST) * (p / (p + q))


def _mish(z: Value) -> Value:
    """z n / (n + 2 q^2) with n = p^2 + 2 p q."""
    p, q = _powers(z)
    twice = q + q
    n = p * (p + twice)
    return _max(z, -_FARTHEST) * (n / (n + q * twice))


def _softplus(z: Value) -> Value:
    """max(0, z) + log(1 + e), where (e - (w - 1)) / w puts right what rounding w = 1 + e has lost."""
    e = _exp(-z.graph.node("Abs", z))
    w = e + 1
    return _max(z, 0) + (z.graph.node("Log", w) + (e - (w - 1)) / w)


def _exp_minus_1(z: Value) -> Value:
    """e^z - 1 left of 0 and 0 right of it: tanh(z / 2) (e^z + 1), which does not cancel."""
    left = _min(z, 0)
    return z.graph.node("Tanh", left * 0.5) * (_exp(left) + 1)


def _gelu(z: Value) -> Value:
    graph = z.graph
    if z.dtype == np.float32:
        return _max(z, -40) * 0.5 * (graph.node("Erf", z * math.sqrt(0.5)) + 1)
    t = _min(graph.node("Abs", z), 40)
    ratio = t / (t + 4)
    s = ratio + ratio - 1
    *rest, last = map(float.fromhex, _MILLS)
    series = s * last + rest.pop()
    while rest:
        series = series * s + rest.pop()
    return _max(z, 0) - series * ratio * _exp(t * t * -0.5)


def _hard_swish(z: Value) -> Value:
    z = _max(z, -3)
    return z * (_min(z + 3, 6) / 6)


FORMULAS: dict[str, Callable[[Value], Value]] = {
    "identity": lambda z: z,
    "relu": lambda z: z.graph.node("Relu", z),
    "leaky_relu": lambda z: _max(z, z * 0.01),
    "elu": lambda z: _max(z, 0) + _exp_minus_1(z),
    "selu": lambda z: _max(z, 0) * _SELU_SCALE + _exp_minus_1(z) * _SELU_LEFT,
    "gelu": _gelu,
    "silu": _silu,
    "mish": _mish,
    "softplus": _softplus,
    "tanh": lambda z: z.graph.node("Tanh", z),
    "sigmoid": _sigmoid,
    "hard_swish": _hard_swish,
    "softmax": lambda z: z.graph.node("Softmax", z, axis=1),
}
