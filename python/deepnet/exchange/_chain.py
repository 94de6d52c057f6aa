"""Layers in the order in which another library lists them, and the network that they make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from deepnet._validation.arrays import a
from deepnet.activations import Array
from deepnet.layers import Dense
from deepnet.network import Network

from ._models import refuse_custom


@dataclass(slots=True)
class _Layer:
    W: Array  # (n, n_prev)
    b: Array  # (n,)
    activation: str | None = None
    dropout: float = 0.0


class Chain:
    """Takes linear maps, activations and dropout one after the other; `where` names each in messages."""

    def __init__(self) -> None:
        self._layers: list[_Layer] = []
        self._last_dropout = ""
        self._input_dropout, self._input_scale = 0.0, 1.0

    def linear(self, where: str, W: Any, b: Any = None) -> None:
        """Add a layer with the weights W (n, n_prev), and with the biases b (n,) unless they are None."""
        W = np.asarray(W)
        b = np.zeros(W.shape[:1], W.dtype) if b is None else np.asarray(b)
        if W.ndim != 2 or b.shape != W.shape[:1]:
            raise ValueError(
                f"{where} has weights {W.shape} and biases {b.shape}, but must have (n, n_prev), (n,)"
            )
        if self._layers and W.shape[1] != len(self._layers[-1].b):
            raise ValueError(
                f"{where} takes {W.shape[1]} inputs, but the layer before it has {len(self._layers[-1].b)} "
                "units"
            )
        self._layers.append(_Layer(W, b))
        self._last_dropout = ""

    def activation(self, where: str, name: str) -> None:
        """Give the last layer its activation."""
        if name == "identity":
            return
        if not self._layers:
            raise ValueError(
                f"{where} comes before the first layer of weights, where deepnet has no activation"
            )
        layer = self._layers[-1]
        if layer.activation is not None or self._last_dropout:
            before = self._last_dropout or f"the activation {layer.activation!r}"
            raise ValueError(
                f"{where} follows {before}, but a layer of deepnet is linear, then an activation, then "
                "dropout"
            )
        layer.activation = name

    def dropout(self, where: str, share: float) -> None:
        """Let the last layer drop a share of its outputs, or the inputs if there is none yet."""
        if not share:
            return
        if self._last_dropout or (not self._layers and self._input_dropout):
            raise ValueError(f"{where} follows another dropout, but a layer of deepnet has one")
        if self._layers:
            self._layers[-1].dropout, self._last_dropout = float(share), where
        else:
            self._input_dropout = float(share)

    def scale(self, where: str, factor: float) -> None:
        """Multiply the inputs."""
        if self._layers:
            raise ValueError(f"{where} comes after a layer of weights, but deepnet scales inputs only")
        self._input_scale *= float(factor)

    def network(self) -> Network:
        """Return the network, with the float type of the weights."""
        if not self._layers:
            raise ValueError("model has no layer of weights, but a network has one at least")
        if self._last_dropout:
            raise ValueError(f"{self._last_dropout} comes after the last layer, where deepnet has no dropout")
        dtype = np.result_type(np.float32, *(array for layer in self._layers for array in (layer.W, layer.b)))
        stack = [Dense(len(layer.b), layer.activation or "identity", layer.dropout) for layer in self._layers]
        net = Network(
            [self._layers[0].W.shape[1], *stack],
            input_dropout=self._input_dropout,
            input_scale=self._input_scale,
            initializer="zeros",
            dtype=dtype,
        )
        for number, layer in enumerate(self._layers, start=1):
            net.parameters[f"W{number}"][...] = layer.W
            net.parameters[f"b{number}"][:, 0] = layer.b
        return net


def checked_network(model: Any) -> Network:
    """Accept a network without custom activations."""
    if not isinstance(model, Network):
        raise TypeError(f"net is {a(model)}, but must be a deepnet.Network")
    refuse_custom(model)
    return model


def network_of_weights(weights: list[tuple[Any, Any]], activations: Any, output: Any, what: str) -> Network:
    """Return the network of pairs of W (n, n_prev) and b (n,) or None, and of activations that are given."""
    if activations is None:
        raise ValueError(
            f"model is {what}, which has no activations: give them, such as activations='relu', "
            "output='identity'"
        )
    if not weights:
        raise ValueError(f"model is {what} without weights")
    chain = Chain()
    for number, (W, b) in enumerate(weights, start=1):
        chain.linear(f"layer {number}", W, b)
    net = chain.network()
    return Network.from_parameters(dict(net.parameters), activations, output)
