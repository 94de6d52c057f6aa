"""Sparse tables: one batch of rows at a time becomes dense, in the same memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from deepnet.activations import Array
from deepnet.backends import answered
from deepnet.engine_errors import NonFinite
from deepnet.network import Network
from deepnet.plan import Plan

PART = 2**22  # numbers that are dense at a time where the caller leaves the choice


class Rows:
    """The rows of a CSR matrix as columns of dense arrays in a dtype, which share memory."""

    def __init__(self, X: Any, dtype: Any) -> None:
        self.X = X.astype(dtype, copy=False)
        self._memory = np.empty((0, X.shape[1]), dtype)

    def columns(self, rows: Any) -> Array:
        """Return these rows as columns; valid until the next call."""
        part = self.X[rows]
        if len(self._memory) < part.shape[0]:
            self._memory = np.empty(part.shape, self._memory.dtype)
        dense = self._memory[: part.shape[0]]
        part.toarray(out=dense)
        return dense.T

    def parts(self) -> Iterator[tuple[slice, Array]]:
        """Yield all rows: where they are, and as columns."""
        step = max(32, PART // max(1, self.X.shape[1]))
        for first in range(0, self.X.shape[0], step):
            part = slice(first, min(first + step, self.X.shape[0]))
            yield part, self.columns(part)


class EngineOfRows:
    """An engine that trains on a CSR matrix: the same bits as on the dense table."""

    def __init__(self, engine: Any) -> None:
        self._engine, self.parameters = engine, engine.parameters

    def fit(
        self,
        hold: Any,
        X: Any,
        Y: Array,
        weights: Array | None,
        plan: Any,
        options: dict[str, Any],
        report: Any,
    ) -> tuple[Array, Array]:
        """Train as the engine's own `fit` does, with one call of it for each batch."""
        rows, size = Rows(X, self.parameters()[0].dtype), options["batch_size"]
        order = options.get("order")
        if order is None:
            order = np.broadcast_to(np.arange(X.shape[0]), (options["epochs"], X.shape[0]))
        starts, rates = range(0, order.shape[1], size), options["learning_rates"]
        losses, seconds = np.zeros(len(order)), np.zeros(len(order))
        for epoch, examples in enumerate(order):
            for batch, first in enumerate(starts):
                chosen, done = examples[first : first + size], epoch * len(starts) + batch
                one = options | {
                    "epochs": 1,
                    "first_epoch": options["first_epoch"] * len(starts) + done,  # the number of the step
                    "batch_size": len(chosen),
                    "learning_rates": rates[[done if len(rates) > 1 else 0]],
                    "shuffle": False,
                }
                one.pop("order", None)
                w = None if weights is None else weights[chosen]
                data = rows.columns(chosen), np.ascontiguousarray(Y[:, chosen]), w
                try:
                    loss, took = answered(self._engine.fit(hold, *data, plan, one, None))
                except NonFinite as bad:
                    bad.epoch, bad.batch = options["first_epoch"] + epoch, batch
                    raise
                losses[epoch] += loss[0] * len(chosen) / order.shape[1]
                seconds[epoch] += took[0]
                if report is not None:
                    report(done + 1)
        return losses, seconds


def predict(net: Network, X: Any, threads: int | None) -> Array:
    """Return the outputs (m, n_L) for the rows of a CSR matrix."""
    A = np.empty((X.shape[0], net.layer_dims[-1]), net.dtype)
    for part, columns in Rows(X, net.dtype).parts():
        net.predict(columns, A[part].T, threads=threads)
    return A


def loss_and_grads(
    net: Network, X: Any, Y: Array, weights: Array | None, plan: Plan, threads: int
) -> tuple[float, list[Array]]:
    """Return the loss and the gradients of a normalized plan over all rows of a CSR matrix."""
    engine: Any
    engine, prepared = net._engine_for(replace(plan, layers=()))
    total = float(X.shape[0] if weights is None else weights.sum())
    loss, grads = 0.0, [np.zeros_like(p) for p in engine.parameters()]
    for part, columns in Rows(X, net.dtype).parts():
        w = None if weights is None else weights[part]
        share = (columns.shape[1] if w is None else float(w.sum())) / total
        value, parts = answered(
            engine.loss_and_grads(columns, Y[:, part], w, prepared, net.input_scale, threads)
        )
        loss += share * value
        for g, of_part in zip(grads, parts, strict=True):
            g += net.dtype.type(share) * of_part
    for g, W, layer in zip(grads[::2], engine.parameters()[::2], plan.layers, strict=True):
        loss += layer.l2 / 2 / total * float(np.vdot(W, W))
        g += net.dtype.type(layer.l2 / total) * W
    return loss, grads


def is_sparse(X: Any) -> bool:
    """Return whether X is a sparse matrix or array."""
    return bool(sparse.issparse(X))
