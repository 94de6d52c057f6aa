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

from ._failures import busy, non_finite_loss
from ._history import History
from ._progress import shown

if TYPE_CHECKING:
    from ._network import Network

EPOCHS_PER_CALL = 2**20  # the native call returns two numbers per epoch
SECONDS_PER_CALL = 0.2  # for progress alone, which is told within a call, too: its losses are that fresh
MOST_SHUFFLED = 2**32 - 1


@dataclass(slots=True)
class Run:
    """The data and options of one fit, checked."""

    X: Array
    Y: Array
    options: dict[str, Any]
    epochs: int
    validation: tuple[Array, Array] | None
    callbacks: Sequence[Callable[[Network, History], object]]
    progress: Any

    @property
    def batches(self) -> int:
        size: int = self.options["batch_size"]
        return -(-int(self.X.shape[1]) // size)


def checked_run(
    net: Network,
    X: Any,
    Y: Any,
    *,
    epochs: Any,
    batch_size: Any,
    optimizer: Any,
    loss: Any,
    shuffle: Any,
    seed: Any,
    validation_data: Any,
    callbacks: Any,
    progress: Any,
    threads: Any,
    input_scale: Any,
) -> Run:
    """Everything about a run, before its first step."""
    units, outputs = net.layer_dims[0], net.layer_dims[-1]
    chosen = option.loss(loss, net.activations[-1])
    X = check.inputs(X, units)
    m = X.shape[1]
    Y = check.targets(Y, outputs, m, chosen)
    given = option.seed(seed)
    options = {
        "batch_size": min(option.whole("batch_size", batch_size, 1), m),
        "learning_rate": option.optimizer(optimizer, net.dtype).learning_rate,
        "loss": option.loss_id(chosen),
        "shuffle": option.flag("shuffle", shuffle),
        "seed": _fresh_seed() if given is None else given,
        "threads": 0 if threads is None else option.thread_count(threads),
        "input_scale": option.input_scale(input_scale),
    }
    if options["shuffle"] and m > MOST_SHUFFLED:
        raise ValueError(f"X has {m} examples, and {MOST_SHUFFLED} can be shuffled: shuffle=False")
    validation = None
    if validation_data is not None:
        vX, vY = check.validation_pair(validation_data)
        try:
            vX = check.inputs(vX, units)
            validation = vX, check.targets(vY, outputs, vX.shape[1], chosen)
        except (TypeError, ValueError) as error:
            raise type(error)(f"validation_data: {error}") from None
    return Run(
        X,
        Y,
        options,
        option.whole("epochs", epochs, 0, 2**62),
        validation,
        option.callbacks(callbacks),
        option.progress(progress),
    )


def _fresh_seed() -> int:
    return int(np.random.SeedSequence().generate_state(1, np.uint64)[0])


def train(net: Network, run: Run) -> History:
    """Run the epochs; the parameters change in place."""
    history = History(planned_epochs=run.epochs)
    with shown(run.progress, history, run.epochs * run.batches) as show:
        looked_on = bool(run.callbacks) or run.validation is not None
        at_once = EPOCHS_PER_CALL if show is None and not looked_on else 1
        stop = False
        while history.epochs < run.epochs and not stop:
            begin = time.perf_counter()
            _epochs(net, run, history, min(at_once, run.epochs - history.epochs), show)
            if not looked_on and time.perf_counter() - begin < SECONDS_PER_CALL:
                at_once = min(2 * at_once, EPOCHS_PER_CALL)
            if run.validation is not None:
                settings = [run.options[name] for name in ("loss", "input_scale", "threads")]
                value = net._engine.evaluate(*run.validation, *settings)
                history.validation_loss.append(net._answered(value))
            if show is not None:
                show(history.epochs * run.batches)
            for callback in run.callbacks:
                answer = callback(net, history)
                stop |= isinstance(answer, (bool, np.bool_)) and bool(answer)
    return history


def _epochs(
    net: Network, run: Run, history: History, count: int, show: Callable[[int], object] | None
) -> None:
    """The next epochs in one native call."""
    done = history.epochs * run.batches
    report = None if show is None else lambda steps: show(done + steps)
    options = run.options | {"epochs": count, "first_epoch": history.epochs}
    try:
        losses, seconds, failure = net._answered(net._engine.fit(run.X, run.Y, options, report))
    except RuntimeError as error:
        if str(error) != "busy":
            raise
        raise busy() from None
    if failure is not None:
        epoch, batch, loss, _ = failure
        where = f"in epoch {epoch + 1} of {run.epochs}, batch {batch + 1} of {run.batches}"
        raise non_finite_loss(
            loss,
            where,
            options["learning_rate"],
            net._views,
            run.X,
            run.Y,
            options["input_scale"],
        )
    history.loss += losses.tolist()
    history.seconds += seconds.tolist()
