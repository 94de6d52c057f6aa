"""Ready-made callbacks for :meth:`deepnet.Network.fit`, which takes any function of ``(net, history)``."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from ._arguments import advised
from ._extras import needs
from ._names import nearest
from ._numbers import flag, is_number, real, whole
from .activations import Array
from .network import History, Network, files
from .network.advice import Advise as Advise
from .network.training import RunCallback, Training

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

    def get_state(self, net: Network) -> dict[str, Any]:
        """Return what the run so far has shown, for a checkpoint."""
        record = self._records.get(id(net), _Record())
        return {entry.name: getattr(record, entry.name) for entry in fields(record)}

    def set_state(self, net: Network, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned."""
        self._records[id(net)] = _Record(**state)

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


# --- checkpoints --------------------------------------------------------------------------------------------


class ModelCheckpoint(_Plateau, RunCallback):
    """Write the network and the state of its training to a file, from which a run can go on.

    Parameters
    ----------
    path : str or path
        Each checkpoint replaces the one before it, as a whole: if the process is killed, one of the two is
        there.
    every : int
        The number of epochs from one to the next. The last epoch of a run always writes one.
    keep : int
        How many checkpoints to keep. With 2 or more, "run.safetensors" means "run-1.safetensors",
        "run-2.safetensors" and so on, with the number of the epoch.
    monitor, mode
        As in :class:`EarlyStopping`. If `monitor` is given, the file "run-best.safetensors" has the epoch in
        which the quantity was best; it is checked after every epoch.
    on_sigterm : bool
        When SIGTERM asks the process to end, write a checkpoint at the end of the epoch, and then pass the
        signal on to the previous handler. Otherwise it ends the process at once, in the middle
        of an epoch. For runs in the main thread.

    Raises
    ------
    ValueError
        For example ``every is 0, but must be 1 or more``. From fit, if an activation is custom: ``layer 1 has
        the custom activation 'cube', and a file holds only names: ...``.
    TypeError
        For example ``path is None, but must be the name of a file, or a pathlib.Path``.
    OSError
        From fit, if a checkpoint cannot be written. The one before it is still there.

    Notes
    -----
    A checkpoint holds the parameters, the optimizer with its memory, the seed of shuffling and dropout, the
    history, and what the callbacks of this module remember. Other callbacks may have ``get_state(net)``,
    which returns numbers, strings, lists, dicts and arrays, and ``set_state(net, state)``, which takes them.
    :func:`deepnet.load` reads the network in it.

    In an estimator of :mod:`deepnet.sklearn`, ``fit(..., resume_from=path)`` of `MLPClassifier` and
    `MLPRegressor` goes on from a checkpoint of one network whose fit began with new weights.

    Examples
    --------
    >>> import os, tempfile
    >>> X = np.random.default_rng(0).normal(size=(2, 100))
    >>> run = {"epochs": 20, "batch_size": 10, "optimizer": "adam", "seed": 0}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = deepnet.callbacks.ModelCheckpoint(os.path.join(folder, "run.safetensors"))
    ...     def interrupted(net, history):
    ...         if history.epochs == 7:
    ...             raise KeyboardInterrupt
    ...     net = deepnet.Network([2, 4, 1], seed=0)
    ...     try:
    ...         net.fit(X, X[0] > 0, **run, callbacks=[checkpoint, interrupted])
    ...     except KeyboardInterrupt:
    ...         pass
    ...     history = net.fit(X, X[0] > 0, **run, callbacks=[checkpoint], resume_from=checkpoint.latest())
    >>> history.epochs
    20
    """

    @advised
    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        every: int = 1,
        keep: int = 1,
        monitor: Monitor = None,
        mode: str | None = None,
        on_sigterm: bool = False,
    ) -> None:
        super().__init__(monitor, mode, 1, 0.0)
        self.path = files.checked(path)
        self.every, self.keep = whole("every", every, 1), whole("keep", keep, 1)
        self.on_sigterm = flag("on_sigterm", on_sigterm)
        self._net: Any = None  # while it is trained
        self._written = 0  # the last epoch of which there is a checkpoint
        self._handler: Any = None  # of SIGTERM, before the run
        self._asked_to_end = False

    def __repr__(self) -> str:
        return (
            f"ModelCheckpoint({self.path!r}, every={self.every}, keep={self.keep}, monitor={self.monitor!r})"
        )

    def latest(self) -> str | None:
        """Return the path of the newest checkpoint on the disk, or None: what `resume_from` of fit takes."""
        numbers = self._numbers()
        if self.keep > 1:
            return self._numbered(max(numbers)) if numbers else None
        return self.path if os.path.exists(self.path) else None

    def _numbered(self, number: int | str) -> str:
        stem, suffix = os.path.splitext(self.path)
        return f"{stem}-{number}{suffix}"

    def _numbers(self) -> list[int]:
        """Return the epochs whose checkpoints are on the disk."""
        folder, name = os.path.split(self.path)
        stem, suffix = os.path.splitext(name)
        form = re.compile(rf"{re.escape(stem)}-([1-9][0-9]*){re.escape(suffix)}")
        try:
            found = [form.fullmatch(entry) for entry in os.listdir(folder or ".")]
        except FileNotFoundError:
            return []
        return [int(match[1]) for match in found if match]

    def refusal_of_two(self) -> str:
        """Return why this cannot follow two networks."""
        return f"one ModelCheckpoint cannot follow two networks: {self.path} would be of both"

    def begin(self, training: Training) -> None:
        """Prepare for a run."""
        if self._net is not None:
            raise ValueError(self.refusal_of_two())
        files.described(training.net)  # raises for what a file cannot hold
        os.stat(os.path.join(os.path.dirname(self.path) or ".", ""))  # raises if the folder is missing
        self._net, self._written, self._asked_to_end = training.net, training.history.epochs, False
        if self.on_sigterm:
            if threading.current_thread() is not threading.main_thread():
                raise ValueError("on_sigterm=True is for runs in the main thread, which alone gets signals")
            # None: a handler that Python did not install, and cannot install again.
            self._handler = signal.signal(signal.SIGTERM, self._ask_to_end) or signal.SIG_DFL

    def _ask_to_end(self, *_: object) -> None:
        self._asked_to_end = True

    def __call__(self, net: Network, history: History) -> None:
        """Do nothing yet: other callbacks may still change something."""

    def after_callbacks(self, training: Training, rate: float | None, stopped: bool) -> bool:
        """Write checkpoints of the last epoch where they are due; True ends the run."""
        from .network.checkpoints import checkpoint

        net, history = training.net, training.history
        is_best = self.monitor is not None and self._improves(self._record(net, history), net, history)
        is_last = stopped or history.epochs == training.run.epochs or self._asked_to_end
        is_due = is_last or history.epochs - self._written >= self.every
        if not (is_best or is_due):
            return False
        if is_due:
            self._written = history.epochs
        model = checkpoint(training, rate, stopped)
        if is_due:
            files.write(self.path if self.keep == 1 else self._numbered(history.epochs), model)
            for number in sorted(self._numbers())[: -self.keep] if self.keep > 1 else ():
                with suppress(FileNotFoundError):
                    os.unlink(self._numbered(number))
        if is_best:
            files.write(self._numbered("best"), model)
        return self._asked_to_end

    def finish(self, net: Network) -> None:
        """Forget the run; if SIGTERM has come, send it again to what handles it without this callback."""
        if self._net is not net:
            return
        self._net = None
        super().finish(net)
        handler, self._handler = self._handler, None
        if handler is not None:
            signal.signal(signal.SIGTERM, handler)
            if self._asked_to_end:
                os.kill(os.getpid(), signal.SIGTERM)

    def get_state(self, net: Network) -> dict[str, Any]:
        """Return what the run so far has shown, for a checkpoint."""
        return {"record": super().get_state(net), "written": self._written}

    def set_state(self, net: Network, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned."""
        super().set_state(net, state["record"])
        self._written = state["written"]


# --- records ------------------------------------------------------------------------------------------------


class _Logger(RunCallback, ABC):
    """Writes a line for each epoch; a run that goes on from a checkpoint goes on after its last line."""

    @advised
    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = files.checked(path)
        self._file: Any = None
        self._net: Any = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path!r})"

    def refusal_of_two(self) -> str:
        """Return why this cannot follow two networks."""
        return f"one {type(self).__name__} cannot follow two networks: {self.path} would mix them"

    def begin(self, training: Training) -> None:
        """Open the file."""
        if self._net is not None:
            raise ValueError(self.refusal_of_two())
        mode = "w" if training.resumed is None else "a"
        self._file = open(self.path, mode, encoding="utf-8", newline="")  # noqa: SIM115  finish closes it
        self._net = training.net

    def __call__(self, net: Network, history: History) -> None:
        """Write the line of the last epoch."""
        assert self._file is not None
        rate = {} if history.learning_rate is None else {"learning_rate": history.learning_rate}
        curves = {name: curve[-1] for name, curve in history.curves().items()}
        row = {"epoch": history.epochs, **curves, **rate, "seconds": history.seconds[-1]}
        self._file.write(self._line(row, is_first=self._file.tell() == 0))
        self._file.flush()

    @abstractmethod
    def _line(self, row: dict[str, float], *, is_first: bool) -> str: ...

    def finish(self, net: Network) -> None:
        """Close the file."""
        if self._net is net and self._file is not None:
            self._net = None
            self._file.close()

    def get_state(self, net: Network) -> dict[str, Any]:
        """Return how long the file is, for a checkpoint."""
        return {"bytes": 0 if self._file is None else self._file.tell()}

    def set_state(self, net: Network, state: dict[str, Any]) -> None:
        """Remove the lines of epochs that the run will repeat."""
        assert self._file is not None
        self._file.truncate(min(state["bytes"], self._file.tell()))
        self._file.seek(0, os.SEEK_END)


class CSVLogger(_Logger):
    """Write the history to a CSV file, a line for each epoch as soon as it ends.

    Parameters
    ----------
    path : str or path
        Overwritten by each run; one with `resume_from` goes on in it.

    Raises
    ------
    TypeError
        For example ``path is None, but must be the name of a file, or a pathlib.Path``.
    OSError
        From fit, if the file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> X = np.random.default_rng(0).normal(size=(2, 100))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "run.csv")
    ...     run = {"epochs": 3, "batch_size": 10, "callbacks": [deepnet.callbacks.CSVLogger(path)]}
    ...     history = deepnet.Network([2, 4, 1], seed=0).fit(X, X[0] > 0, **run)
    ...     with open(path) as file:
    ...         lines = file.read().splitlines()
    >>> len(lines), lines[0]
    (4, 'epoch,loss,learning_rate,seconds')
    """

    def _line(self, row: dict[str, float], *, is_first: bool) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if is_first:
            writer.writerow(row)
        writer.writerow(row.values())
        return text.getvalue()


class JSONLinesLogger(_Logger):
    """Write the history to a file, a JSON object for each epoch as soon as it ends; nan and inf are null.

    Parameters
    ----------
    path : str or path
        Overwritten by each run; one with `resume_from` goes on in it.

    Raises
    ------
    TypeError, OSError
        As from :class:`CSVLogger`.

    Examples
    --------
    >>> import json, os, tempfile
    >>> X = np.random.default_rng(0).normal(size=(2, 100))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "run.jsonl")
    ...     run = {"epochs": 3, "batch_size": 10, "callbacks": [deepnet.callbacks.JSONLinesLogger(path)]}
    ...     history = deepnet.Network([2, 4, 1], seed=0).fit(X, X[0] > 0, **run)
    ...     with open(path) as file:
    ...         lines = [json.loads(line) for line in file]
    >>> [line["loss"] for line in lines] == history.loss
    True
    """

    def _line(self, row: dict[str, float], *, is_first: bool) -> str:
        known = {name: value if math.isfinite(value) else None for name, value in row.items()}
        return json.dumps(known, ensure_ascii=False) + "\n"


class TensorBoard:
    """Write the history for TensorBoard, which shows it while the network is trained; needs `tensorboardX`.

    Parameters
    ----------
    folder : str or path
        Of the run. ``tensorboard --logdir`` takes it, or the folder above it for several runs.

    Raises
    ------
    TypeError
        For example ``path is None, but must be the name of a file, or a pathlib.Path``.
    ImportError
        If `tensorboardX` is not installed.

    Notes
    -----
    Each curve is a scalar, "validation_loss" for example. A run that goes on from a checkpoint adds to it.
    """

    @advised
    def __init__(self, folder: str | os.PathLike[str]) -> None:
        with needs("tensorboard", "TensorBoard"):
            import tensorboardX  # type: ignore[import-not-found,import-untyped,unused-ignore]  # optional
        self.folder = files.checked(folder)
        self._new_writer = tensorboardX.SummaryWriter
        self._writers = dict[int, Any]()  # by the id of the network, until its run ends

    def __repr__(self) -> str:
        return f"TensorBoard({self.folder!r})"

    def __call__(self, net: Network, history: History) -> None:
        """Write the values of the last epoch."""
        if id(net) not in self._writers:
            self._writers[id(net)] = self._new_writer(self.folder)
        writer = self._writers[id(net)]
        for name, curve in history.curves().items():
            writer.add_scalar(name, curve[-1], history.epochs)
        if history.learning_rate is not None:
            writer.add_scalar("learning_rate", history.learning_rate, history.epochs)
        writer.flush()

    def finish(self, net: Network) -> None:
        """Close the file."""
        if id(net) in self._writers:
            self._writers.pop(id(net)).close()
