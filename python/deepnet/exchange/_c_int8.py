"""Networks in int8: how their numbers are rounded, and what the C code then computes, in NumPy.

Weights are whole steps of one size per unit. Inputs and hidden units are whole steps, from -128 to 127, of
one size per layer, around a zero point. Sums are exact, in int32. A sum times the unit's scale is a float
again, so the activation is that of the float code: a few float operations for each unit are little beside the
products, also without a floating-point unit, and a fixed-point multiplier would need a table of each
activation, with another rounding. Source: B. Jacob et al., *Quantization and training of neural networks for
efficient integer-arithmetic-only inference*, CVPR 2018, with floats between the layers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from deepnet.activations import ACTIVATIONS, Array

from ._c_model import CModel
from ._models import Layer

LOW, HIGH = -128, 127
LARGEST_WEIGHT = 127  # symmetric: the range has no -128
LARGEST_BIAS = 2**30  # half of what an int32 holds; the products may take the other half
SMALLEST_STEP, LARGEST_STEP = 2.0**-100, 2.0**100  # 1 / step is a float32 of normal size

# The largest slope of each activation, and of softmax for the largest change of an input.
SLOPES = {
    **dict.fromkeys(("identity", "relu", "leaky_relu", "elu", "softplus", "tanh"), 1.0),
    "selu": 1.7581,
    "gelu": 1.1290,
    "silu": 1.0999,
    "mish": 1.0885,
    "hard_swish": 1.5,
    "sigmoid": 0.25,
    "softmax": 0.5,
}
# Need no function of math.h, nor a sum after a product: every machine computes the same.
REPRODUCIBLE = {"identity", "relu", "leaky_relu", "hard_swish"}


@dataclass(frozen=True, slots=True)
class Steps:
    """Whole numbers for floats: x is (q - zero) steps, with `per_unit` steps to 1."""

    per_unit: np.float32
    zero: int

    @classmethod
    def of_range(cls, low: float, high: float) -> Steps:
        """Return the steps for a range, which is extended to 0, so that 0 is a whole step."""
        low, high = min(0.0, low), max(0.0, high)
        step = max((high - low) / (HIGH - LOW), SMALLEST_STEP)
        zero = int(np.clip(np.round(LOW - low / step), LOW, HIGH))
        return cls(np.float32(1 / step), zero)

    @property
    def step(self) -> float:
        """The size of a step."""
        return 1 / float(self.per_unit)

    def count(self, x: Array) -> Array:
        """Return the number of steps for each x as the C code does it, in float64: products are fast."""
        with np.errstate(over="ignore"):
            q = (x.astype(np.float32) * self.per_unit).astype(np.float64)
        inside = np.clip(q, LOW - self.zero, HIGH - self.zero)
        rounded: Array = self.zero + np.trunc(inside + np.copysign(0.5, inside))
        return rounded


@dataclass(frozen=True, slots=True)
class Int8Layer:
    """A layer: whole weights, the sum for inputs of 0, the size of its steps, and those of the outputs."""

    W: Array
    bias: Array
    scale: Array
    activation: str
    steps: Steps | None  # None: the last layer


@dataclass(frozen=True, slots=True)
class Int8Network:
    """The layers of one network, and the steps of its inputs."""

    steps: Steps
    layers: list[Int8Layer]


def quantized(model: CModel, X: Array) -> list[Int8Network]:
    """Return the model's networks in int8, with the ranges that X (n_0, m) has in each layer."""
    networks = []
    for layers in model.networks:
        inputs, *hidden = _steps(model, layers, X)
        found, before = list[Int8Layer](), inputs
        for number, (layer, after) in enumerate(zip(layers, [*hidden, None], strict=True), start=1):
            found.append(_layer(number, layer, before, after))
            before = after or before
        networks.append(Int8Network(inputs, found))
    return networks


def _steps(model: CModel, layers: list[Layer], X: Array) -> list[Steps]:
    """Return the steps of the inputs, and of each layer but the last."""
    lows, highs = np.full((2, len(layers)), [[np.inf], [-np.inf]])
    for part in model.parts(X):
        A = model.scaled(part.astype(np.float64))
        for number, layer in enumerate(layers):
            lows[number] = np.minimum(lows[number], A.min())  # nan stays nan
            highs[number] = np.maximum(highs[number], A.max())
            inputs = A[: layer.W.shape[1]]  # some networks take the first of all inputs only
            Z = layer.W.astype(np.float64) @ inputs + layer.b[:, np.newaxis]
            A = ACTIVATIONS[layer.activation].forward(Z)
    for number, size in enumerate(np.maximum(highs, -lows).tolist()):
        if not size <= LARGEST_STEP:
            what = f"outputs of layer {number}" if number else "scaled inputs"
            raise ValueError(
                f"calibration makes {what} as large as {size:.3g}, but int8 goes up to {LARGEST_STEP:.3g}: "
                "dtype='float64' goes further"
            )
    return [Steps.of_range(low, high) for low, high in zip(lows.tolist(), highs.tolist(), strict=True)]


def _layer(number: int, layer: Layer, before: Steps, after: Steps | None) -> Int8Layer:
    W, b = layer.W.astype(np.float64), layer.b.astype(np.float64)
    step = np.maximum(np.abs(W).max(axis=1) / LARGEST_WEIGHT, np.abs(b) / before.step / LARGEST_BIAS)
    step = np.where(step > 0, step, 1.0)
    whole = np.rint(W / step[:, np.newaxis]).astype(np.int64)
    bias = np.rint(b / (step * before.step)).astype(np.int64) - before.zero * whole.sum(axis=1)
    scale = step * before.step
    if scale.max() > LARGEST_STEP:
        i = int(scale.argmax())
        raise ValueError(
            f"W{number}[{i}] or b{number}[{i}] has values too large for int8, for inputs as large as the "
            "calibration's: dtype='float64' holds them"
        )
    largest = np.abs(bias) + np.abs(whole).sum(axis=1) * -LOW
    if largest.max() >= 2**31:
        raise ValueError(
            f"layer {number} has {layer.W.shape[1]} inputs, and a sum of their products could exceed int32: "
            "dtype='float32' has no such limit"
        )
    return Int8Layer(whole, bias, scale.astype(np.float32), layer.activation, after)


def predict(model: CModel, networks: list[Int8Network], X: Array) -> tuple[Array, Array]:
    """Return what the C code computes for X (n_0, m) of float32, and by how much a machine may differ.

    Libraries differ in the last digits of exp. Where an activation is that near to the middle between two
    steps, they may take the one or the other, and the layers that follow see a difference of 1.
    """
    u = float(np.finfo(np.float32).eps) / 2
    total, total_error = np.zeros((2, model.outputs, X.shape[1]))
    outputs = list[Array]()
    inputs, inputs_error = model.scaled(X), np.zeros((model.width, X.shape[1]))
    if model.encoding is not None:  # sqrt rounds
        inputs_error = model.encoding.error(model.encoding.values(X), u)
    for k, network in enumerate(networks):
        width = network.layers[0].W.shape[1]
        A: Any = inputs[:width]
        error: Any = inputs_error[:width]
        steps = network.steps
        for layer in network.layers:
            q = steps.count(A)
            q_error = np.maximum(steps.count(A + error) - q, q - steps.count(A - error))
            scale = layer.scale[:, np.newaxis]
            W = layer.W.astype(np.float64)
            Z = (W @ q + layer.bias[:, np.newaxis]).astype(np.float32) * scale
            error = (np.abs(W) @ q_error) * scale.astype(np.float64) * SLOPES[layer.activation]
            with np.errstate(over="ignore"):
                A = ACTIVATIONS[layer.activation].forward(Z)
            # 16 u for the functions of math.h, and that of Z for those that round their argument.
            if layer.steps is None or layer.activation not in REPRODUCIBLE:
                error = error + 16 * u * np.abs(A) + 4 * u * np.abs(Z) * SLOPES[layer.activation]
            if layer.activation == "softmax":
                error = error + len(A) * u * A
            steps = layer.steps or steps
        outputs.append(A)
        if model.combination is not None:
            total_error = total_error + model.combination.error(k, A, error, u)
            continue
        if model.is_exp:
            A, error = np.exp(A), np.exp(A) * (np.expm1(error) + 16 * u)
        total, total_error = total + A, total_error + error
    if model.combination is not None:
        return model.combined(outputs).astype(np.float32), total_error
    count = len(networks)
    mean = total / count
    return mean.astype(np.float32), total_error / count + count * u * np.abs(mean)
