"""A linear model beside the networks of a table, and its share in the predictions.

On small tables, logistic or ridge regression may be better than networks, or err elsewhere. Its penalty and
its share are those with the least squared error in the rows that the networks hold out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from deepnet.activations import Array
from deepnet.network import Network
from deepnet.network.training import Examples
from deepnet.optimizers import SGD
from deepnet.plan import LayerPlan, Plan

from ._lbfgs import minimise
from ._recipe import Objective

MOST_ROWS = 10_000  # of more, networks learn what is linear, too
PENALTIES = (100.0, 10.0, 1.0)  # times half the sum of W^2, beside the sum of the losses
SHARES = np.linspace(0, 1, 11)
STEPS = {"maxiter": 200, "maxfun": 400, "gtol": 1e-4}  # of L-BFGS, for each penalty


def smoothed(p: Array, smoothing: float) -> Array:
    """Return probabilities or labels (n_L, rows) as networks trained with this label smoothing have them."""
    result: Array = (1 - smoothing) * p + smoothing / len(p)
    return result


class Linear:
    """A linear model of all rows of a table, and what such models without a fold say about its rows.

    Parameters
    ----------
    examples : Examples
        X (columns, rows), Y and the weights; `chosen` has the rows to learn from.
    folds : list of ndarray of int
        The rows that each network holds out.
    outputs, activation, objective
        Of the networks.
    threads : int
    """

    def __init__(
        self,
        examples: Examples,
        folds: Sequence[Array],
        outputs: int,
        activation: str,
        objective: Objective,
        threads: int,
    ) -> None:
        self._examples, self._folds = examples, folds
        self._kind, self._threads = (outputs, activation), threads
        self._smoothing = objective.loss.label_smoothing
        self._objective = replace(objective, loss=replace(objective.loss, label_smoothing=0.0))
        used: Any = examples.chosen
        of_folds = [
            [
                smoothed(net.predict(examples.X.T[fold].T, threads=threads), self._smoothing)
                for net in self._path(np.setdiff1d(used, fold))
            ]
            for fold in folds
        ]
        of_penalties = list(zip(*of_folds, strict=True))
        best = int(np.argmin([self._error(held_out) for held_out in of_penalties]))
        self._held_out = of_penalties[best]
        self.network = list(self._path(used, PENALTIES[: best + 1]))[-1]

    def _path(self, rows: Array, penalties: Sequence[float] = PENALTIES) -> Iterator[Network]:
        """Yield the model of these rows for each penalty, each found from the one before."""
        X, Y, weights = self._examples[:3]
        part = np.ascontiguousarray(X.T[rows]).T, Y[:, rows], None if weights is None else weights[rows]
        outputs, activation = self._kind
        net = Network([len(X), outputs], [activation], initializer="zeros", dtype=np.float64, seed=0)
        loss, scale = self._objective.loss, self._objective.scale
        for penalty in penalties:
            plan = Plan(loss, SGD(), (LayerPlan(l2=penalty * scale),), normalized=True)
            minimise(net, part, plan, scale, self._threads, STEPS)
            yield net.astype(np.float32)

    def _error(self, held_out: Sequence[Array | None]) -> float:
        """Return the sum of the squared errors of these outputs (n_L, rows) for the folds, where known."""
        total, (_, Y, weights) = 0.0, self._examples[:3]
        for fold, A in zip(self._folds, held_out, strict=True):
            if A is not None:
                targets = Y[:, fold] if Y.dtype.kind == "f" else np.eye(len(A))[Y[0, fold]].T
                targets = smoothed(targets, self._smoothing)
                squares = np.square(A - targets).sum(axis=0)
                total += float(squares.sum() if weights is None else squares @ weights[fold])
        return total

    def share(self, outputs: Sequence[Array | None]) -> float:
        """Return its best share beside the networks' outputs (n_L, rows) for the folds, where known."""
        errors = [
            self._error(
                [
                    None if A is None else (1 - share) * A + share * own
                    for A, own in zip(outputs, self._held_out, strict=True)
                ]
            )
            for share in SHARES
        ]
        return float(SHARES[int(np.argmin(errors))])
