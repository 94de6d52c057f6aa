"""A network that trains itself, in NumPy: what the engine in C++ is measured against, and stands in for it.

    A_0 = X;  Z_l = W_l A_{l-1} + b_l;  A_l = g_l(Z_l)
    dZ_L from the loss;  dZ_{l-1} = W_l^T dZ_l * g'(Z_{l-1})
    dW_l = dZ_l A_{l-1}^T / m;  db_l = (row sums of dZ_l) / m
    W_l -= rate dW_l;  b_l -= rate db_l

It trusts its input, as everything in this folder does; the checks are in :mod:`deepnet.network`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from deepnet.activations import ACTIVATIONS, Array
from deepnet.losses import LOSSES

from .random import permutation

Failure = tuple[int, int, float, bool]
SECONDS_BETWEEN_REPORTS = 0.05
_silent = np.errstate(all="ignore")  # inf and nan speak for themselves


class Engine:
    """W_l (n_l, n_{l-1}) and b_l (n_l, 1) of every layer, zeros at first, and what is done with them.

    Losses go by their place in ``LOSSES``. X counts `scale` times. `threads` is the extension's: here NumPy
    decides.
    """

    def __init__(self, units: Sequence[int], names: Sequence[str], dtype: Any = np.float64) -> None:
        self.dtype = np.dtype(dtype)
        self.layers = [
            (np.zeros((n, n_prev), dtype), np.zeros((n, 1), dtype), ACTIVATIONS[name])
            for (n_prev, n), name in zip(pairwise(units), names, strict=True)
        ]

    def parameters(self) -> list[Array]:
        """W1, b1, ..., WL, bL: the arrays themselves."""
        return [array for W, b, _ in self.layers for array in (W, b)]

    @_silent
    def predict(self, X: Array, out: Array | None, scale: float, threads: int) -> Array:
        """A_L."""
        A = self._forward(self._numbers(X, scale))[0][-1]
        if out is None:
            return np.ascontiguousarray(A)
        out[...] = A
        return out

    @_silent
    def evaluate(self, X: Array, Y: Array, loss: int, scale: float, threads: int) -> float:
        """The mean loss."""
        return self._loss_and_grads(self._numbers(X, scale), self._numbers(Y), loss, loss_only=True)[0]

    @_silent
    def loss_and_grads(
        self, X: Array, Y: Array, loss: int, scale: float, threads: int
    ) -> tuple[float, list[Array]]:
        """The mean loss, and [dW1, db1, ..., dWL, dbL]."""
        return self._loss_and_grads(self._numbers(X, scale), self._numbers(Y), loss)

    @_silent
    def train_on_batch(self, X: Array, Y: Array, rate: float, loss: int, scale: float, threads: int) -> float:
        """One update; the mean loss before it. If that is not finite: no update, and a FloatingPointError."""
        value, grads = self.loss_and_grads(X, Y, loss, scale, threads)
        if not np.isfinite(value):
            raise FloatingPointError("nan" if np.isnan(value) else "inf")
        self._update(grads, rate)
        return value

    @_silent
    def fit(
        self, X: Array, Y: Array, options: dict[str, Any], report: Callable[[int], object] | None
    ) -> tuple[Array, Array, Failure | None]:
        """Epochs of batches: their losses and seconds, and (epoch, batch, loss, bad from the start) of a loss
        that is not finite, with the parameters left as they were before the update that went wrong.
        """
        epochs, size, m = options["epochs"], options["batch_size"], X.shape[1]
        losses, seconds = np.zeros(epochs), np.zeros(epochs)
        steps, reported, last_finite = 0, time.perf_counter(), list[Array]()
        for i, epoch in enumerate(range(options["first_epoch"], options["first_epoch"] + epochs)):
            begin = time.perf_counter()
            order = (
                permutation(m, options["seed"], epoch) if options["shuffle"] and size < m else np.arange(m)
            )
            for batch, first in enumerate(range(0, m, size)):
                chosen = order[first : first + size]
                x, y = self._numbers(X[:, chosen], options["input_scale"]), self._numbers(Y[:, chosen])
                value, grads = self._loss_and_grads(x, y, options["loss"])
                if not np.isfinite(value):
                    return losses, seconds, (epoch, batch, value, not self._restore(last_finite))
                if self._is_finite():
                    last_finite = [p.copy() for p in self.parameters()]
                self._update(grads, options["learning_rate"])
                losses[i] += value * x.shape[1] / m
                steps += 1
                if report is not None and time.perf_counter() - reported > SECONDS_BETWEEN_REPORTS:
                    report(steps)
                    reported = time.perf_counter()
            seconds[i] = time.perf_counter() - begin
        if steps and not self._is_finite():  # the last update's doing; no loss tells
            return losses, seconds, (epoch, batch, np.nan, not self._restore(last_finite))
        return losses, seconds, None

    def _is_finite(self) -> bool:
        return all(np.isfinite(p).all() for p in self.parameters())

    def _restore(self, last_finite: list[Array]) -> bool:
        """Go back to the last finite parameters, unless these are; False: there were none."""
        if self._is_finite():
            return True
        for p, before in zip(self.parameters(), last_finite, strict=bool(last_finite)):
            p[...] = before
        return bool(last_finite)

    def _numbers(self, array: Array, scale: float = 1.0) -> Array:
        numbers = array.astype(self.dtype)
        return numbers if scale == 1 else numbers * self.dtype.type(scale)

    def _forward(self, X: Array) -> tuple[list[Array], list[Array]]:
        A, Z = [X], []
        for W, b, activation in self.layers:
            Z.append(W @ A[-1] + b)
            A.append(activation.forward(Z[-1]))
        return A, Z

    def _loss_and_grads(
        self, X: Array, Y: Array, loss_id: int, *, loss_only: bool = False
    ) -> tuple[float, list[Array]]:
        loss = list(LOSSES.values())[loss_id]
        m = X.shape[1]
        A, Z = self._forward(X)
        result = A[-1] if loss.activation is None else Z[-1]
        value = float(np.sum(loss.value(result, Y), dtype=np.float64)) / m
        if loss_only:
            return value, []
        d = loss.derivative(result, Y)
        dZ = self.layers[-1][2].backward(d, Z[-1]) if loss.activation is None else d
        grads: list[Array] = []
        for layer in range(len(self.layers), 0, -1):
            grads = [dZ @ A[layer - 1].T / m, dZ.sum(axis=1, keepdims=True) / m, *grads]
            if layer > 1:
                W, activation = self.layers[layer - 1][0], self.layers[layer - 2][2]
                dZ = activation.backward(W.T @ dZ, Z[layer - 2])
        return value, grads

    def _update(self, grads: list[Array], rate: float) -> None:
        for p, grad in zip(self.parameters(), grads, strict=True):
            p -= self.dtype.type(rate) * grad
