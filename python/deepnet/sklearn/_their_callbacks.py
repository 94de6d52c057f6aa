"""scikit-learn's callback protocol (1.9): one task for a fit, and in it one for each epoch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from deepnet.network import History, Network


class TheirCallbacks:
    """A callback of ours that calls those of ``estimator.set_callbacks``; True from one ends the run."""

    def __init__(self, estimator: Any, X: Any, y: Any, epochs: int, is_stopping: Callable[[], bool]) -> None:
        self._estimator, self._data, self._epochs = estimator, {"X": X, "y": y}, epochs
        self._is_stopping = is_stopping
        self._fit = estimator._init_callback_context(max_subtasks=epochs)
        self._fit.call_on_fit_task_begin(estimator=estimator, **self._data)
        self._begin()

    def _begin(self) -> None:
        self._epoch = self._fit.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def __call__(self, net: Network, history: History) -> bool:
        """End the task of this epoch, and begin that of the next, if there is one."""
        stop = self._epoch.call_on_fit_task_end(
            estimator=self._estimator,
            **self._data,
            reconstruction_attributes=lambda: {"network_": copy.deepcopy(net)},
        )
        if not (stop or self._is_stopping() or history.epochs == self._epochs):
            self._begin()
        return bool(stop)

    def finish(self, net: Network) -> None:
        """End the task of the fit."""
        self._fit.call_on_fit_task_end(
            estimator=self._estimator,
            **self._data,
            reconstruction_attributes=lambda: {"network_": copy.deepcopy(net)},
        )
