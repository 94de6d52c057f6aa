"""Gradient descent as the course's two models do it: all examples in each step, a cost every hundred."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepnet.activations import AnyActivation, Array, entry_of, layer_activations
from deepnet.backends import backend_name, new_engine, prepared
from deepnet.caches import Callback, Parameters
from deepnet.engine_errors import NonFinite
from deepnet.losses import LOSSES
from deepnet.plan import Plan

from ._network import L_model_backward, L_model_forward, compute_cost, update_parameters

MOST_AT_ONCE = 10_000  # iterations in one native call, which returns two numbers for each


def descend(
    X: Array,
    Y: Array,
    parameters: Parameters,
    learning_rate: float,
    num_iterations: int,
    print_cost: bool,
    callback: Callback | None,
    activations: AnyActivation | Sequence[AnyActivation],
    output: AnyActivation | None,
) -> list[Array]:
    """Train `parameters` in place and return the recorded costs.

    On the engine, whose loss is the lecture's cost, computed from Z so that it stays finite where AL has
    reached 0 or 1; step by step on NumPy, for activations of the user's own, for softmax, and from where the
    engine gave up: when Z is nan or infinite. Also
    for a callback after every step: an engine that is called for one step at a time lays X out anew each
    time, and with the cat images takes twice as long for it as these functions do.
    """
    record = Record([], num_iterations, print_cost, callback, X.dtype)
    done = 0
    names = layer_activations(len(parameters) // 2, activations, output)
    softmax = entry_of(names[-1]).whole_columns
    own = [name for name in names if not isinstance(name, str)]
    if backend_name() == "native" and callback is None and not softmax and not own:
        done = _on_the_engine(X, Y, parameters, learning_rate, [str(name) for name in names], record)
    loss = "categorical_cross_entropy" if softmax else "binary_cross_entropy"
    grads: Parameters | None = None
    for i in range(done, num_iterations):
        AL, caches = L_model_forward(X, parameters, activations=activations, output=output)
        cost = compute_cost(AL, Y, loss) if record.wants(i) else None
        grads = L_model_backward(AL, Y, caches, compute_dA0=False, out=grads)
        update_parameters(parameters, grads, learning_rate, out=parameters)
        record.step(i, cost)
    return record.costs


@dataclass(frozen=True, slots=True)
class Record:
    """What the course keeps, prints and calls back after its steps."""

    costs: list[Array]
    num_iterations: int
    print_cost: bool
    callback: Callback | None
    dtype: Any

    def wants(self, i: int) -> bool:
        return i % 100 == 0 or i == self.num_iterations - 1

    def next_stop(self, i: int) -> int:
        """The end of a call that begins with iteration i: nobody must wait for what is due before it."""
        if self.print_cost:
            return min(-(-i // 100) * 100 + 1, self.num_iterations)
        return min(i + MOST_AT_ONCE, self.num_iterations)

    def step(self, i: int, cost: Any) -> None:
        recorded = np.asarray(cost, self.dtype) if self.wants(i) else None
        if recorded is not None:
            self.costs.append(recorded)
            if self.print_cost:
                print(f"Cost after iteration {i}: {recorded}")
        if self.callback is not None:
            self.callback(i, recorded)


def _on_the_engine(
    X: Array, Y: Array, parameters: Parameters, rate: float, names: Sequence[str], record: Record
) -> int:
    """Train as far as the losses are finite; returns how many iterations that were."""
    W = [p for key, p in parameters.items() if key.startswith("W")]
    engine = new_engine([X.shape[0], *map(len, W)], list(map(entry_of, names)), X.dtype)
    own = dict(zip(parameters, engine.parameters(), strict=True))
    _copy_into(own, parameters)
    plan = prepared(engine, Plan(LOSSES["binary_cross_entropy"]))
    options = {"batch_size": X.shape[1], "learning_rates": np.array([rate])}
    options |= {"shuffle": False, "seed": 0, "first_epoch": 0, "threads": 0, "input_scale": 1.0}
    i = 0
    try:
        while i < record.num_iterations:
            end = record.next_stop(i)
            run = options | {"epochs": end - i}
            diverged = False
            try:
                costs, _ = engine.fit(engine.begin_training(), X, Y, None, plan, run, None)
            except NonFinite as failure:
                costs, diverged = failure.losses, True
            for j, cost in enumerate(costs):
                record.step(i + j, cost)
            i += len(costs)
            if diverged:
                break
    finally:
        _copy_into(parameters, own)
    return i


def _copy_into(target: Parameters, source: Parameters) -> None:
    """Copy the values of one dict's arrays into another's."""
    for key, values in source.items():
        target[key][...] = values
