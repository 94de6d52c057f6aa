"""Training in mini-batches as the notebook of week 2 does it, on the general suite.

All parameters lie in one vector, and so do their gradients: an update is a few operations on the whole of it
instead of a few for each W and b.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepnet._numbers import real
from deepnet.activations import Array
from deepnet.caches import Callback, Parameters

from . import _network
from ._mini_batches import random_mini_batches
from ._steps import adam_step, moving_average
from ._three_layers import cross_entropy
from ._vectors import dictionary_to_vector, vector_to_dictionary
from ._versions import Version


@dataclass(frozen=True, slots=True)
class Run:
    """What the notebook's model is told besides its data."""

    optimizer: str
    learning_rate: float
    mini_batch_size: int
    beta: float
    beta1: float
    beta2: float
    epsilon: float
    epochs: int
    print_cost: bool
    decay: Callable[[float, int, Any], Any] | None
    decay_rate: Any
    version: Version
    callback: Callback | None


def descend_in_batches(
    X: Array, Y: Array, dims: tuple[int, ...], parameters: Parameters, run: Run
) -> Parameters:
    """Train, print and call back; returns the trained parameters."""
    theta, _ = dictionary_to_vector(parameters)
    parameters = vector_to_dictionary(theta, layer_dims=dims)  # views: they move with theta
    g, v, s = np.zeros_like(theta), np.zeros_like(theta), np.zeros_like(theta)
    slopes = {f"d{key}": part for key, part in vector_to_dictionary(g, layer_dims=dims).items()}
    out: dict[int, Parameters] = {}  # for each size of a batch: the views of g, and room for dA
    rate, t, decayed = run.learning_rate, 0, _decayed(run, X.dtype)
    for epoch in range(run.epochs):
        costs: list[tuple[int, Any]] | None = [] if epoch % 100 == 0 else None
        for x, y in random_mini_batches(X, Y, run.mini_batch_size, 11 + epoch):
            AL, caches = _network.L_model_forward(x, parameters)
            m = x.shape[1]
            if costs is not None:
                costs.append((m, cross_entropy("a3", AL, y)))
            if m not in out:
                out[m] = slopes | {f"dA{i}": np.empty((dims[i], m), X.dtype) for i in range(1, len(dims) - 1)}
            _network.L_model_backward(AL, y, caches, compute_dA0=False, out=out[m])
            t += 1
            direction = g
            if run.optimizer == "momentum":
                direction = v = moving_average(v, g, run.beta)
            elif run.optimizer == "adam":
                settings = (run.beta1, run.beta2, run.epsilon)
                direction, v, s, _, _ = adam_step(g, v, s, t, *settings, version=run.version)
            with np.errstate(all="ignore"):
                theta -= rate * direction
        cost = None if costs is None else _epoch_cost(costs, run.version)
        if decayed:
            rate = decayed[epoch]
        if run.print_cost and epoch % 1000 == 0:
            print(f"Cost after epoch {epoch}: {cost:f}")
            if run.decay is not None:
                print(f"learning rate after epoch {epoch}: {rate:f}")
        if run.callback is not None:
            run.callback(epoch, cost)
    return {key: p.copy() for key, p in parameters.items()}


def _decayed(run: Run, dtype: Any) -> list[float]:
    """The rates after each epoch: one that is none would waste the epochs before it."""
    if run.decay is None:
        return []
    return [
        real(
            "decay",
            run.decay(run.learning_rate, epoch, run.decay_rate),
            low=0,
            dtype=dtype,
            said=f"gave {{}} for epoch {epoch}",
        )
        for epoch in range(run.epochs)
    ]


def _epoch_cost(costs: list[tuple[int, Any]], version: Version) -> Any:
    """The mean over an epoch's examples, or what the older notebook shows: that of its last mini-batch."""
    if version.cost_is_a_mean:
        return costs[-1][1]
    return sum(m * mean for m, mean in costs) / sum(m for m, _ in costs)
