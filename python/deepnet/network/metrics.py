"""Scores of predictions, recorded in the history of a training run beside the loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from deepnet._names import find
from deepnet._numbers import is_number
from deepnet._validation.arrays import a
from deepnet.activations import Array
from deepnet.losses import Loss

Metric = Callable[[Array, Array], float]
COLUMNS = 2**20  # examples compared at a time, so that Ctrl-C never waits long


def checked_metrics(value: Any, loss: Loss, output: str) -> dict[str, Metric]:
    """Accept a list of names and functions of (AL, Y); return a function for each name."""
    if not isinstance(value, (list, tuple)):
        raise TypeError(f'metrics is {value!r}, but must be a list such as ["accuracy"]')
    metrics: dict[str, Metric] = {}
    for i, entry in enumerate(value):
        if isinstance(entry, str):
            try:
                find("metric", entry, {"accuracy": accuracy})
            except ValueError as error:
                raise ValueError(f"{error}; or give a function of (AL, Y)") from None
            name, metric = entry, accuracy(loss, output)
        elif callable(entry) and not isinstance(entry, type):
            name = str(getattr(entry, "__name__", type(entry).__name__))
            metric = _one_number(name, entry)
        else:
            raise TypeError(f"metrics[{i}] is {entry!r}, but must be a name or a function of (AL, Y)")
        if name in ("loss", "validation_loss"):
            raise ValueError(f"metrics[{i}] is called {name!r}, like the recorded loss: give it another name")
        if name in metrics:
            raise ValueError(f"metrics[{i}] is another {name!r}: metrics need different names")
        metrics[name] = metric
    return metrics


def accuracy(loss: Loss, output: str) -> Metric:
    """Return the share of right predictions: the most probable class of softmax, each unit of sigmoid."""
    if output == "softmax":
        return lambda AL, Y: _share(
            AL, Y, lambda A, y: A.argmax(axis=0) == (y[0] if loss.takes_classes else y.argmax(axis=0))
        )
    if output == "sigmoid":
        return lambda AL, Y: _share(AL, Y, lambda A, y: (A > 0.5) == (y > 0.5))
    raise ValueError(
        f"metrics has 'accuracy', which is for sigmoid and softmax outputs, but the network's is {output!r}: "
        "give a function of (AL, Y)"
    )


def _share(AL: Array, Y: Array, right: Callable[[Array, Array], Array]) -> float:
    """The mean of right(AL, Y), some columns at a time."""
    count, total = AL.shape[1], 0
    for first in range(0, count, COLUMNS):
        part = right(AL[:, first : first + COLUMNS], Y[:, first : first + COLUMNS])
        total += int(np.count_nonzero(part))
    return total / (count if part.ndim == 1 else AL.size)


def _one_number(name: str, function: Callable[[Array, Array], Any]) -> Metric:
    def metric(AL: Array, Y: Array) -> float:
        result = function(AL, Y)
        number = result[()] if isinstance(result, np.ndarray) and result.ndim == 0 else result
        if not is_number(number):
            raise TypeError(f"metric {name!r} returned {a(result)}, but must return one number")
        return float(number)

    return metric
