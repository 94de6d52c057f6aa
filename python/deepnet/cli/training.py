"""What the demo trains: a network that suits the data, on rows that stay as they were stored."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import deepnet
from deepnet.course import dnn_app_utils
from deepnet.io import DataError, Dataset, as_columns, as_targets


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


def network(data: Dataset, plan: Plan, seed: int) -> deepnet.Network:
    """The network as training starts from it, with weights as the course's application draws them."""
    return deepnet.Network.from_parameters(
        dnn_app_utils.initialize_parameters_deep(layer_sizes(data, plan), seed=seed)
    )


def train(
    data: Dataset, plan: Plan, net: deepnet.Network, seed: int, progress: Callable[[int, int], object]
) -> list[float]:
    """Train the network; returns the mean cost of each epoch, taken before its updates."""
    X, Y = _columns(data.train_x), as_targets(data.train_y, len(data.classes), np.uint8)
    try:
        history = net.fit(
            X,
            Y,
            epochs=plan.epochs,
            batch_size=plan.batch_size or X.shape[1],
            optimizer=deepnet.SGD(plan.learning_rate),
            shuffle=plan.batch_size is not None,
            seed=seed,
            progress=progress,
            input_scale=1 / data.scale,
        )
    except FloatingPointError as error:
        raise DataError(f"{error}; try a smaller --learning-rate") from None
    return history.loss


def predict(rows: NDArray[Any], data: Dataset, net: deepnet.Network) -> NDArray[np.intp]:
    """The class of each row."""
    AL = net.predict(_columns(rows), input_scale=1 / data.scale)
    classes: NDArray[np.intp] = AL.argmax(axis=0) if len(AL) > 1 else (AL[0] > 0.5).astype(np.intp)
    return classes


def some_batch(data: Dataset, plan: Plan) -> tuple[NDArray[Any], NDArray[Any]]:
    """X and Y of one batch, as the step-by-step functions take them."""
    rows = slice(plan.batch_size)
    return as_columns(data.train_x[rows], data.scale), as_targets(data.train_y[rows], len(data.classes))


def _columns(rows: NDArray[Any]) -> NDArray[Any]:
    """Rows (m, ...) as a network takes them: a view with one column per example, still to be scaled."""
    if rows.dtype not in (np.float16, np.float32, np.float64, np.uint8):
        rows = rows.astype(np.float64)  # long doubles, and numbers in another machine's byte order
    return rows.reshape(len(rows), -1).T
