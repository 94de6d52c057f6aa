"""Ready-made callbacks for :meth:`deepnet.Network.fit`, which takes any function of ``(net, history)``."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ._arguments import advised
from ._names import nearest
from ._numbers import flag, is_number, real, whole
from .activations import Array
from .network import History, Network

Monitor = str | Callable[[Network, History], float] | None


_MODES = {"loss": "min", "accuracy": "max"}  # which is better
_KNOWN = ["loss", "accuracy", "validation_loss", "validation_accuracy"]


@dataclass(slots=True)
class _Record:
    """The best value of a monitored quantity in a run, and how long ago it was."""

    best: float = math.inf
    best_epoch: int = 0
    waiting_since: int = 0
    parameters: list[Array] = field(default_factory=list)  # of the best epoch


class _Plateau:
    """Watches a monitored quantity of one run, or of those of several networks at once."""

    def __init__(self, monitor: Monitor, mode: str | None, patience: int, min_delta: float) -> None:
        if not (monitor is None or callable(monitor) or isinstance(monitor, str)):
            raise TypeError(
                f"monitor is {monitor!r}, but must be a name, such as 'validation_loss', or a function of "
                "(net, history)"
            )
        if mode not in (None, "min", "max"):
            raise ValueError(f"mode is {mode!r}, but must be 'min' or 'max', which is better")
        if isinstance(monitor, str) and mode is None:
            mode = _MODES.get(monitor.removeprefix("validation_"))
            if mode is None:
                match = nearest(monitor.replace("val_", "validation_"), _KNOWN, cutoff=0.8)
                hint = f"did you mean {match!r}?" if match else "add mode='max' or mode='min'"
                raise ValueError(f"monitor is {monitor!r}: {hint}")
        self.monitor = monitor
        self.mode, self._sign = mode, -1 if mode == "max" else 1
        self.patience = whole("patience", patience, 1)
        self.min_delta = real("min_delta", min_delta, low=0)
        self._records = dict[int, _Record]()  # by the id of the network, until its run ends

    def __repr__(self) -> str:
        settings = (f"{name}={value!r}" for name, value in vars(self).items() if not name.startswith("_"))
        return f"{type(self).__name__}({', '.join(settings)})"

    def _record(self, net: Network, history: History) -> _Record:
        if history.epochs == 1:  # a new run
            self._records[id(net)] = _Record()
        return self._records.setdefault(id(net), _Record())

    def finish(self, net: Network) -> None:
        """Forget the run."""
        self._records.pop(id(net), None)

    def _improves(self, record: _Record, net: Network, history: History) -> bool:
        """Note the last epoch's value, and return whether it is the best so far; nan and inf never are."""
        value = self._sign * self._value(net, history)
        if not (math.isfinite(value) and value < record.best - self.min_delta):
            return False
        record.best, record.best_epoch = value, history.epochs
        record.waiting_since = history.epochs
        return True

    def _is_out_of_patience(self, record: _Record, history: History) -> bool:
        if history.epochs - record.waiting_since < self.patience:
            return False
        if record.best_epoch == 0:
            raise FloatingPointError(
                f"{self._name(history)} was nan or infinite after each of {history.epochs} epochs, so none "
                "is the best: see history, or monitor something else"
            )
        return True

    def _name(self, history: History) -> str:
        if self.monitor is None:
            return "validation_loss" if history.validation_loss else "loss"
        return str(getattr(self.monitor, "__name__", self.monitor))

    def _value(self, net: Network, history: History) -> float:
        if callable(self.monitor):
            value: Any = self.monitor(net, history)
            if not is_number(value):
                raise TypeError(f"monitor returned {value!r}, but must return a number")
            return float(value)
        name, curves = self._name(history), history.curves()
        if name not in curves:
            metric = name.removeprefix("validation_")
            needed = ["metrics"] * (metric not in {"loss", *history.metrics})
            needed += ["validation_data"] * (metric != name and not history.validation_loss)
            raise ValueError(
                f"monitor is {name!r}, but this run records {' and '.join(curves)} only"
                + (f": give fit {' and '.join(needed)}" if needed else "")
            )
        return curves[name][-1]


class EarlyStopping(_Plateau):
    """Stop when the monitored quantity has not improved for some epochs, and restore the best parameters.

    Parameters
    ----------
    patience : int
        The number of epochs in a row without improvement that ends the run.
    min_delta : float
        An improvement is more than this better than the best value so far.
    restore_best : bool
        Leave the network with the parameters of its best epoch, however the run ends: the default. False:
        with those of the last epoch.
    monitor : str or callable, optional
        "loss", "validation_loss", the name of a metric of fit, such as "accuracy", or its name for the
        validation examples, "validation_accuracy". Or a function of (net, history) that returns a number.
        By default the validation loss, or the loss without validation. Values of nan and inf are never best.
    mode : {"min", "max"}, optional
        Whether less or more is better. Needed for metrics other than accuracy; "min" by default for
        functions.

    Raises
    ------
    ValueError
        For example ``patience is -1, but must be 1 or more``. From fit, if the quantity is not recorded:
        ``monitor is 'validation_accuracy', but this run records loss only: give fit metrics and
        validation_data``.
    TypeError
        For example ``restore_best is 'no', but must be True or False``.
    FloatingPointError
        From fit, if every value was nan or infinite until patience ran out.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(2, 100))
    >>> net = deepnet.Network([2, 4, 1], seed=0)
    >>> stop = deepnet.callbacks.EarlyStopping(patience=2, min_delta=0.01)
    >>> net.fit(X, X[0] > 0, epochs=1000, batch_size=10, seed=0, callbacks=[stop]).epochs < 1000
    True
    """

    @advised
    def __init__(
        self,
        patience: int = 5,
        min_delta: float = 0.0,
        restore_best: bool = True,
        *,
        monitor: Monitor = None,
        mode: str | None = None,
    ) -> None:
        super().__init__(monitor, mode, patience, min_delta)
        self.restore_best = flag("restore_best", restore_best)

    def __call__(self, net: Network, history: History) -> bool:
        """Look at the last epoch; True stops the run."""
        record = self._record(net, history)
        if self._improves(record, net, history) and self.restore_best:
            record.parameters = [p.copy() for p in net.parameters.values()]
        return self._is_out_of_patience(record, history)

    def finish(self, net: Network) -> None:
        """Restore the best parameters."""
        record = self._records.get(id(net), _Record())
        if record.parameters:
            for p, best in zip(net.parameters.values(), record.parameters, strict=True):
                np.copyto(p, best)
        super().finish(net)


class ReduceLROnPlateau(_Plateau):
    """Reduce the learning rate whenever the monitored quantity has not improved for some epochs.

    Parameters
    ----------
    monitor, mode, patience, min_delta
        As in :class:`EarlyStopping`; each reduction restarts the count.
    factor : float
        The rate is multiplied by it; more than 0, and less than 1.
    min_rate : float
        The rate is not reduced below it.

    Raises
    ------
    ValueError
        For example ``factor is 2, but must be more than 0 and less than 1``. From fit, if the optimizer's
        learning rate is a schedule, which would go on from step to step.
    TypeError
        For example ``patience is 1.5, but must be a whole number``.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(2, 100))
    >>> net = deepnet.Network([2, 4, 1], seed=0)
    >>> reduce = deepnet.callbacks.ReduceLROnPlateau(patience=2, factor=0.5, min_delta=0.01)
    >>> run = {"epochs": 200, "batch_size": 10, "optimizer": deepnet.SGD(0.1), "callbacks": [reduce]}
    >>> history = net.fit(X, X[0] > 0, **run)
    >>> history.learning_rate < 0.1
    True
    """

    @advised
    def __init__(
        self,
        monitor: Monitor = None,
        factor: float = 0.1,
        patience: int = 5,
        *,
        mode: str | None = None,
        min_delta: float = 0.0,
        min_rate: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, patience, min_delta)
        self.factor = real("factor", factor, above=0, below=1)
        self.min_rate = real("min_rate", min_rate, low=0)

    def __call__(self, net: Network, history: History) -> None:
        """Look at the last epoch, and reduce the rate if patience has run out."""
        if callable(net.optimizer.learning_rate):
            raise ValueError("learning_rate is a schedule, but ReduceLROnPlateau needs a number to reduce")
        record = self._record(net, history)
        if not self._improves(record, net, history) and self._is_out_of_patience(record, history):
            assert history.learning_rate is not None
            history.learning_rate = max(history.learning_rate * self.factor, self.min_rate)
            record.waiting_since = history.epochs
