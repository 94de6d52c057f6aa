"""A training run: few native calls, or one per epoch where somebody looks on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from deepnet._validation import examples as check
from deepnet._validation import options as option
from deepnet.activations import Array
from deepnet.engine_errors import NonFinite
from deepnet.optimizers import Optimizer
from deepnet.plan import Plan
from deepnet.schedules import Schedule, rates

from ._failures import not_finite
from ._history import History
from ._owner import fresh_seed
from ._progress import shown

if TYPE_CHECKING:
    from ._network import Network

EPOCHS_PER_CALL = 2**20  # the native call returns two numbers per epoch
RATES_PER_CALL, MOST_RATES = 2**16, 2**22
SECONDS_PER_CALL = 0.2  # for progress alone, which is told within a call, too: its losses are that fresh
MOST_SHUFFLED = 2**32 - 1


@dataclass(slots=True)
class Run:
    """The data and options of one fit, checked."""

    X: Array
    Y: Array
    weights: Array | None
    plan: Plan
    options: dict[str, Any]
    epochs: int
    validation: tuple[Array, Array] | None
    callbacks: Sequence[Callable[[Network, History], object]]
    progress: Any

    @property
    def batches(self) -> int:
        size: int = self.options["batch_size"]
        return -(-int(self.X.shape[1]) // size)

    @property
    def rate(self) -> Any:
        """A number, or a schedule that knows how long the run is."""
        rate = self.plan.optimizer.learning_rate
        return rate.over(self.epochs * self.batches, self.epochs) if isinstance(rate, Schedule) else rate

    def epochs_per_call(self) -> int:
        """How many at most: the call returns two numbers for each and may take a rate for each step."""
        return max(1, RATES_PER_CALL // self.batches) if callable(self.rate) else EPOCHS_PER_CALL

    def rates(self, first_epoch: int, epochs: int, dtype: np.dtype[Any]) -> Array:
        """The learning rate of each step of these epochs, or the one of all."""
        if not callable(self.rate):
            return np.array([float(self.rate)])
        return rates(self.rate, first_epoch * self.batches, epochs * self.batches, self.batches, dtype)


def checked_run(
    net: Network,
    X: Any,
    Y: Any,
    *,
    epochs: Any,
    batch_size: Any,
    optimizer: Optimizer,
    loss: Any,
    sample_weight: Any,
    class_weight: Any,
    shuffle: Any,
    seed: Any,
    validation_data: Any,
    callbacks: Any,
    progress: Any,
    threads: Any,
    input_scale: Any,
) -> Run:
    """Everything about a run, before its first step."""
    X, Y, weights, chosen = net._checked(X, Y, loss, sample_weight, class_weight, every_class=True)
    m, given = X.shape[1], option.seed(seed)
    options = {
        "batch_size": min(option.whole("batch_size", batch_size, 1), m),
        "shuffle": option.flag("shuffle", shuffle),
        "seed": fresh_seed() if given is None else given,
        "threads": 0 if threads is None else option.thread_count(threads),
        "input_scale": option.input_scale(input_scale),
    }
    if options["shuffle"] and m > MOST_SHUFFLED:
        raise ValueError(f"X has {m} examples, and {MOST_SHUFFLED} can be shuffled: shuffle=False")
    validation = None
    if validation_data is not None:
        try:
            validation = net._checked(*check.validation_pair(validation_data), chosen)[:2]
        except (TypeError, ValueError) as error:
            raise type(error)(f"validation_data: {error}") from None
    run = Run(
        X,
        Y,
        weights,
        net._plan(chosen, optimizer),
        options,
        option.whole("epochs", epochs, 0, 2**62),
        validation,
        option.callbacks(callbacks),
        option.progress(progress),
    )
    step = run.epochs_per_call()  # a schedule that fails late in a run would waste what came before
    for first in range(0, min(run.epochs, MOST_RATES // run.batches + 1), step) if callable(run.rate) else ():
        run.rates(first, min(step, run.epochs - first), net.dtype)
    return run


def train(net: Network, run: Run, hold: Any) -> History:
    """Run the epochs; the parameters change in place. `hold` is what the engine's begin_training returned."""
    history = History(planned_epochs=run.epochs)
    try:
        with shown(run.progress, history, run.epochs * run.batches) as show:
            _run(net, run, hold, history, show)
    finally:
        for callback in run.callbacks:
            finish = getattr(callback, "finish", None)
            if callable(finish):
                finish(net)
    return history


def _run(net: Network, run: Run, hold: Any, history: History, show: Callable[[int], object] | None) -> None:
    looked_on = bool(run.callbacks) or run.validation is not None
    most = run.epochs_per_call()
    at_once = most if show is None and not looked_on else 1
    stop = False
    while history.epochs < run.epochs and not stop:
        begin = time.perf_counter()
        _epochs(net, run, hold, history, min(at_once, run.epochs - history.epochs), show)
        if not looked_on and time.perf_counter() - begin < SECONDS_PER_CALL:
            at_once = min(2 * at_once, most)
        if run.validation is not None:
            engine, plan = net._engine_for(run.plan)
            settings = run.options["input_scale"], run.options["threads"]
            history.validation_loss.append(
                net._answered(engine.evaluate(*run.validation, None, plan, *settings))
            )
        if show is not None:
            show(history.epochs * run.batches)
        for callback in run.callbacks:
            answer = callback(net, history)
            stop |= isinstance(answer, (bool, np.bool_)) and bool(answer)


def _epochs(
    net: Network,
    run: Run,
    hold: Any,
    history: History,
    count: int,
    show: Callable[[int], object] | None,
) -> None:
    """The next epochs in one native call."""
    done = history.epochs * run.batches
    report = None if show is None else lambda steps: show(done + steps)
    rates_ = run.rates(history.epochs, count, net.dtype)
    options = run.options | {"epochs": count, "first_epoch": history.epochs, "learning_rates": rates_}
    engine, plan = net._engine_for(run.plan)
    try:
        losses, seconds = net._answered(engine.fit(hold, run.X, run.Y, run.weights, plan, options, report))
    except NonFinite as bad:
        step = (bad.epoch - history.epochs) * run.batches + bad.batch
        where = f"in epoch {bad.epoch + 1} of {run.epochs}, batch {bad.batch + 1} of {run.batches}"
        rate = float(rates_[min(step, len(rates_) - 1)])
        raise not_finite(bad.loss, where, rate, net._views, run.X, run.Y, options["input_scale"]) from None
    net._updates += count * run.batches
    history.loss += losses.tolist()
    history.seconds += seconds.tolist()
