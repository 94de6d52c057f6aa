"""Training with the step-by-step functions, in mini-batches, on data that is bytes until its batch comes."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import deepnet
from deepnet.caches import Parameters
from deepnet.course import dnn_app_utils
from deepnet.io import DataError, Dataset, as_columns, as_targets

Batch = tuple[NDArray[Any], NDArray[Any]]


@dataclass(frozen=True)
class Plan:
    """How to train: sizes of the hidden layers, and the steps of gradient descent."""

    hidden: tuple[int, ...]
    learning_rate: float
    epochs: int
    batch_size: int | None  # None: all rows at once, as the course does


def plan_for(data: Dataset) -> Plan:
    """Settings that suit the data; for a few images of two classes, those that the course published."""
    if data.n_features < 1024:
        return Plan((64, 32), learning_rate=0.3, epochs=60, batch_size=32)
    if len(data.classes) > 2:
        return Plan((64, 32), learning_rate=0.03, epochs=40, batch_size=64)
    if len(data.train_y) > 512:
        return Plan((20, 7, 5), learning_rate=0.0075, epochs=40, batch_size=64)
    return Plan((20, 7, 5), learning_rate=0.0075, epochs=2500, batch_size=None)


def layer_sizes(data: Dataset, plan: Plan) -> list[int]:
    """The units of each layer, from the features to one sigmoid unit per class, or one for two classes."""
    return [data.n_features, *plan.hidden, len(data.classes) if len(data.classes) > 2 else 1]


def initial_parameters(data: Dataset, plan: Plan, seed: int) -> Parameters:
    """The weights that training starts from, as the course's application draws them."""
    return dnn_app_utils.initialize_parameters_deep(layer_sizes(data, plan), seed=seed)


def batches(data: Dataset, plan: Plan, seed: int) -> Iterator[list[Batch] | Iterator[Batch]]:
    """For each epoch, its batches (X, Y); the rows are shuffled anew each time."""
    m = len(data.train_y)
    if plan.batch_size is None or plan.batch_size >= m:
        whole = _batch(data, np.arange(m))
        while True:
            yield [whole]
    random = np.random.default_rng(seed)
    while True:
        order = random.permutation(m)
        parts = np.split(order, range(plan.batch_size, m, plan.batch_size))
        yield (_batch(data, rows) for rows in parts)


def _batch(data: Dataset, rows: NDArray[np.intp]) -> Batch:
    X = as_columns(data.train_x[rows], data.scale)
    return X, as_targets(data.train_y[rows], len(data.classes))


def train(
    data: Dataset, plan: Plan, parameters: Parameters, seed: int, on_epoch: Callable[[float], None]
) -> list[float]:
    """Train `parameters` in place; returns the mean cost of each epoch, taken before its updates."""
    costs: list[float] = []
    for _, epoch in zip(range(plan.epochs), batches(data, plan, seed), strict=False):
        total = 0.0
        for X, Y in epoch:
            AL, caches = deepnet.L_model_forward(X, parameters)
            total += float(deepnet.compute_cost(AL, Y)) * X.shape[1]
            grads = deepnet.L_model_backward(AL, Y, caches, compute_dA0=False)
            deepnet.update_parameters(parameters, grads, plan.learning_rate, out=parameters)
        costs.append(total / len(data.train_y))
        if math.isnan(costs[-1]):
            raise DataError(f"the cost became nan in epoch {len(costs)}; try a smaller --learning-rate")
        on_epoch(costs[-1])
    return costs


def predict(rows: NDArray[Any], data: Dataset, parameters: Parameters) -> NDArray[np.intp]:
    """The class of each row, a few rows at a time."""
    parts = []
    for start in range(0, len(rows), 256):
        X = as_columns(rows[start : start + 256], data.scale)
        AL, _ = deepnet.L_model_forward(X, parameters)
        parts.append(AL[0] > 0.5 if len(AL) == 1 else AL.argmax(axis=0))
    return np.concatenate(parts).astype(np.intp)
