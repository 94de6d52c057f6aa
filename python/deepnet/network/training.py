"""Training runs: epochs on an engine; after each its validation, metrics, callbacks and progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from deepnet._numbers import real
from deepnet._validation import labels
from deepnet._validation.custom import loss_data
from deepnet._validation.examples import first_not_finite, inputs
from deepnet._validation.sparse import is_sparse
from deepnet._validation.weights import heaviest
from deepnet.activations import Array
from deepnet.backends import answered, calls_loss, is_native
from deepnet.engine_errors import NonFinite
from deepnet.optimizers import Rate
from deepnet.plan import Plan
from deepnet.schedules import Schedule, rates

from .examples import Examples as Examples
from .history import History
from .metrics import Metric
from .parameters import copy_into, parameter_keys
from .progress import Show, shown

EPOCHS_PER_CALL = 2**20  # the native call returns two numbers per epoch
RATES_PER_CALL, MOST_RATES = 2**16, 2**22  # given to a call, and checked before a run
LOOK_SECONDS = 0.05  # with `look_after`: after Ctrl-C, the record misses epochs of so long at most
SECONDS_PER_CALL = 0.2  # a progress bar shows losses that are at most this old
MOST_SHUFFLED = 2**32 - 1
PREDICTED_AT_ONCE = 2**12  # examples whose X is copied

Calls = Generator[dict[str, Any], Any, None]


@dataclass(frozen=True, slots=True)
class Origin:
    """What a checkpoint has of the fit of an estimator, besides what it has of every run."""

    facts: dict[str, Any] = field(default_factory=dict)  # as JSON; a fit that goes on must have the same
    random: dict[str, Any] | None = None  # the state of the random numbers at its beginning


@dataclass(frozen=True, slots=True)
class Run:
    """The checked arguments of one call of fit."""

    examples: Examples
    validation: Examples | None
    learning_rate: Rate
    epochs: int
    batch_size: int
    shuffle: bool
    seed: int
    threads: int
    input_scale: float
    metrics: dict[str, Metric]
    callbacks: Sequence[Callable[[Any, History], object]]
    progress: Any
    # Instead of all examples in the engine's order: the numbers of those that the next epochs take, uint32
    # (epochs, examples per epoch), by the number of epochs. Called once for each call of the engine.
    order: Callable[[int], Array] | None = None
    examples_per_epoch: int = 0  # with `order`
    rate_unit: float = 1.0  # messages name the learning rate times this
    # How many epochs may pass until the callbacks must look; one by default.
    look_after: Callable[[], int] | None = None
    first_epoch: int = 0  # above 0: continues training, with the optimizer's memory, after so many epochs
    together: Any = None  # a Together of deepnet.distributed, if several processes train
    origin: Origin | None = Origin()  # None: no other run can go on from a checkpoint of this one

    @property
    def batches(self) -> int:
        """Batches per epoch."""
        return -(-self.examples_in_epoch // self.batch_size)

    @property
    def examples_in_epoch(self) -> int:
        """The examples of an epoch, of all processes."""
        if self.together is not None:
            return int(self.together.m)
        return self.examples_per_epoch or self.examples.m

    @property
    def steps(self) -> int:
        """Updates planned."""
        return self.epochs * self.batches

    @property
    def rate(self) -> Rate:
        """A number, or a schedule that knows the length of this run."""
        rate = self.learning_rate
        return rate.over(self.steps, self.epochs) if isinstance(rate, Schedule) else rate

    @property
    def validation_examples(self) -> int:
        """The examples to validate with, of all processes."""
        if self.validation is None:
            return 0
        return self.validation.m if self.together is None else int(self.together.validation_m)

    def epochs_per_call(self) -> int:
        """Return how many epochs a native call may take: with a schedule, it is given a rate per step."""
        return max(1, RATES_PER_CALL // self.batches) if callable(self.rate) else EPOCHS_PER_CALL

    def rates(self, rate: Rate, first_epoch: int, epochs: int, dtype: np.dtype[Any]) -> Array:
        """Return the learning rate of each step of these epochs, or the single rate of all."""
        if not callable(rate):
            return np.array([rate])
        first_epoch += self.first_epoch
        return rates(rate, first_epoch * self.batches, epochs * self.batches, self.batches, dtype)

    def check_rates(self, dtype: np.dtype[Any]) -> None:
        """Ask a schedule for its first rates, up to MOST_RATES: a late failure would waste the run."""
        rate, step = self.rate, self.epochs_per_call()
        end = min(self.epochs, MOST_RATES // self.batches + 1) if callable(rate) else 0
        for first in range(0, end, step):
            self.rates(rate, first, min(step, self.epochs - first), dtype)


class RunCallback:
    """A callback that also sees the run itself: its beginning, and each epoch after all callbacks."""

    def refusal_of_two(self) -> str:
        """Return why this cannot follow two networks, "" if it can."""
        return ""

    def begin(self, training: Training) -> None:
        """Prepare for a run, whose first epoch has not begun."""

    def after_callbacks(self, training: Training, rate: float | None, stopped: bool) -> bool:
        """See the run between two epochs; True ends it.

        `rate`, if a callback has set one, is that of all updates to come. `stopped`: a callback has ended the
        run.
        """
        return False


@dataclass(frozen=True, slots=True)
class Resumed:
    """What a run that goes on from a checkpoint starts with, besides its history."""

    parameters: list[Array]
    updates: int  # of the optimizer's state
    slots: list[Array]
    rate: float | None  # that a callback has set
    stopped: bool  # by a callback, after the last epoch of the history
    callbacks: list[Any]  # the state of each, None for those without

    def restore(self, training: Training, hold: Any) -> None:
        """Give the network its parameters and the optimizer's state."""
        for p, value in zip(training.engine.parameters(), self.parameters, strict=True):
            copy_into(p, value)
        if self.updates:
            plan = training.prepared_plan
            answered(training.engine.set_optimizer_state(hold, plan, self.updates, self.slots))


@dataclass(frozen=True, slots=True)
class Training:
    """A network, the engine and the plan it is trained with, its run and the record of it."""

    net: Any
    engine: Any
    plan: Plan
    prepared_plan: Any  # as the engine takes it
    run: Run
    history: History
    name: str = ""  # of one network of many, before an error that names no argument
    resumed: Resumed | None = None

    def calls(self, threads: int, show: Show | None = None, *, labels_are_checked: bool = False) -> Calls:
        """Yield the options of each call of the engine's fit, and get its result, which may be NonFinite.

        In between come validation, metrics and callbacks, which may change the examples: so the labels are
        checked before each call, the first one too unless `labels_are_checked`. At the end, whatever it is,
        every callback's ``finish(net)`` is called; their exceptions are chained.
        """
        try:
            self._begin()
            yield from self._calls(threads, show, labels_are_checked)
        finally:
            _finish(self.run.callbacks, self.net)
        if self.run.together is not None:
            self.run.together.share()  # a callback may have restored earlier ones

    @property
    def is_all_native(self) -> bool:
        """Whether only the extension computes, without custom parts."""
        return is_native(self.engine) and not calls_loss(self.engine, self.plan.loss)

    def given(self, examples: Examples) -> tuple[Any, Any, Array | None]:
        """Return X, Y and the weights as the engine takes them."""
        return examples.given_to(self.engine, self.plan.loss)

    def _begin(self) -> None:
        """Prepare the callbacks for the run, and give them what they knew where it goes on."""
        callbacks: Sequence[Any] = self.run.callbacks
        for callback in callbacks:
            if isinstance(callback, RunCallback):
                callback.begin(self)
        if self.resumed is not None:
            for callback, state in zip(callbacks, self.resumed.callbacks, strict=True):
                if state is not None:
                    callback.set_state(self.net, state)

    def _calls(self, threads: int, show: Show | None, labels_are_checked: bool) -> Calls:
        run, history, dtype, together = self.run, self.history, self.net.dtype, self.run.together
        seeing: list[Any] = [callback for callback in run.callbacks if isinstance(callback, RunCallback)]
        rate, most = run.rate, run.epochs_per_call()
        watched = bool(run.callbacks or run.metrics or run.validation or together)
        at_once, stop, native = (1 if watched or show else most), False, is_native(self.engine)
        set_rate: float | None = None  # by a callback
        if self.resumed is not None:
            set_rate, stop = self.resumed.rate, self.resumed.stopped
            rate = rate if set_rate is None else set_rate
        while history.epochs < run.epochs and not stop:
            begin = time.perf_counter()
            if run.look_after is not None and show is None:
                at_once = min(most, self._epochs_of(LOOK_SECONDS), run.look_after())
            count = min(at_once, run.epochs - history.epochs)
            step_rates = run.rates(rate, history.epochs, count, dtype)
            if not (native or labels_are_checked):
                self._check_examples(run.examples)
            options = {
                "epochs": count,
                "first_epoch": run.first_epoch + history.epochs,
                "steps_before": history.epochs * run.batches,
                "batch_size": run.batch_size,
                "learning_rates": step_rates,
                "shuffle": run.shuffle,
                "seed": run.seed,
                "threads": threads,
                "input_scale": run.input_scale,
                "chosen": run.examples.chosen,
                "check_labels": native and not labels_are_checked,
            }
            if run.order is not None:
                options["order"] = run.order(count)
            if together is not None:
                options["together"] = together
            result = yield options
            if result is None:
                self._check_examples(run.examples)
            self._note(result, step_rates)
            labels_are_checked = False
            if not watched and time.perf_counter() - begin < SECONDS_PER_CALL:
                at_once = min(2 * at_once, most)
            self._measure(threads)
            if show is not None:
                show(history.epochs * run.batches)
            last = history.learning_rate = float(step_rates[-1])
            if together is not None:
                together.before_callbacks()
            for callback in run.callbacks:
                answer = callback(self.net, history)
                stop |= isinstance(answer, (bool, np.bool_)) and bool(answer)
            if together is not None and together.rank > 0:
                stop, history.learning_rate = together.decided(stop, last)
            if history.learning_rate != last:
                rate = set_rate = real("history.learning_rate", history.learning_rate, low=0, dtype=dtype)
            stopped = stop
            for callback in seeing:
                stop |= callback.after_callbacks(self, set_rate, stopped)
            if together is not None and together.rank == 0:
                together.decided(stop, last if set_rate is None else set_rate)

    def _epochs_of(self, seconds: float) -> int:
        """Return how many epochs take so long, judged by the last; at least one."""
        last = self.history.seconds[-1:]
        return max(1, int(seconds / max(last[0], 1e-9))) if last else 1

    def _note(self, result: Any, step_rates: Array) -> None:
        """Append the losses and seconds of a call, and raise its error."""
        run, history = self.run, self.history
        first = history.epochs
        bad = result if isinstance(result, NonFinite) else None
        losses, seconds = answered(result) if bad is None else (bad.losses, bad.seconds)
        history.loss += [float(loss) for loss in losses]
        history.seconds += [float(duration) for duration in seconds]
        if bad is not None:
            epoch = bad.epoch - run.first_epoch
            step = (epoch - first) * run.batches + bad.batch
            where = f"in epoch {epoch + 1} of {run.epochs}, batch {bad.batch + 1} of {run.batches}"
            rate = float(step_rates[min(step, len(step_rates) - 1)]) * run.rate_unit
            changed = first + step > 0 or run.first_epoch > 0
            error = explained(
                bad, where, rate, self.engine.parameters(), run.examples, run.input_scale, trained=changed
            )
            raise error if run.together is None else run.together.raised_by_all(error)  # which have this loss

    def _measure(self, threads: int) -> None:
        """Append the validation loss and the metrics of this epoch."""
        run, history, engine = self.run, self.history, self.engine
        if run.validation is not None:
            (X, Y, weights), chosen = self.given(run.validation), run.validation.chosen
            if not is_native(engine):
                self._check_examples(run.validation)
            loss = engine.evaluate(X, Y, weights, self.prepared_plan, run.input_scale, threads, chosen)
            if loss is None:
                self._check_examples(run.validation)
            loss = answered(loss)
            if run.together is not None:
                loss = run.together.mean(loss, run.validation.m)
            history.validation_loss.append(loss)
            if not np.isfinite(loss):  # one that overflowed may pass; bad examples stay
                entry = bad_entry(run.validation, engine.parameters()[0].dtype, run.input_scale)
                if entry is not None:
                    where = f"after epoch {history.epochs} of {run.epochs}"
                    raise FloatingPointError(f"the validation loss is {loss} {where}: validation's {entry}")
        parts = [(run.examples, history.metrics)]
        parts += [(run.validation, history.validation_metrics)] if run.validation is not None else []
        for examples, curves in parts if run.metrics else ():
            AL, Y = self._predictions(examples, threads)
            if run.together is not None:
                AL, Y = run.together.joined(AL), run.together.joined(Y)
            for name, metric in run.metrics.items():
                curves.setdefault(name, []).append(metric(AL, Y))

    def _check_examples(self, examples: Examples) -> None:
        """Raise the error of examples that callbacks have made invalid: of a sparse X, or of labels."""
        shape = self.net.layer_dims[-1], examples.Y.shape[1]
        try:
            X = inputs(examples.X, self.net.layer_dims[0])
            if is_sparse(X) and X is not examples.X:
                raise ValueError("the indices of X do not increase in each column any more")
            labels.check("Y", examples.Y, shape, self.plan.loss)
            if examples.data is not None:
                loss_data(examples.data, self.plan.loss, shape[1], self.net.dtype)
        except ValueError as error:
            where = f"after epoch {self.history.epochs} of {self.run.epochs}"
            whose = "validation_data: " if examples is self.run.validation else ""
            raise ValueError(f"{self.name}{where}: {whose}{error}") from None

    def _predictions(self, examples: Examples, threads: int) -> tuple[Array, Array]:
        """Return A_L and Y; of chosen examples without a copy of their X as a whole."""
        X, Y, _, chosen = examples[:4]
        settings = self.run.input_scale, threads
        if chosen is None:
            return answered(self.engine.predict(X, None, *settings)), Y
        AL = np.empty((self.net.layer_dims[-1], len(chosen)), self.net.dtype)
        for first in range(0, len(chosen), PREDICTED_AT_ONCE):
            part = slice(first, first + PREDICTED_AT_ONCE)
            AL[:, part] = answered(self.engine.predict(X[:, chosen[part]], None, *settings))
        return AL, Y[:, chosen]


def train(training: Training, hold: Any) -> None:
    """Train one network, which `hold` reserves, with all threads of the run."""
    run = training.run
    rows_per_step = run.examples_in_epoch / run.batches
    with shown(run.progress, run.steps, training.history, rows_per_step) as show:
        drive(training, hold, training.calls(run.threads, show, labels_are_checked=True), show)


def drive(training: Training, hold: Any, calls: Calls, show: Show | None) -> None:
    """Call the engine's fit as `calls` asks for; `show` gets the number of steps completed."""
    engine, plan, run = training.engine, training.prepared_plan, training.run
    X, Y, weights = training.given(run.examples)
    result: Any = None
    try:
        while True:
            options = calls.send(result)
            done = options["steps_before"]
            report = None if show is None else lambda steps, done=done: show(done + steps)
            try:
                result = engine.fit(hold, X, Y, weights, plan, options, report)
            except NonFinite as bad:
                result = bad
            except BaseException as error:
                calls.throw(error)
    except StopIteration:
        pass
    finally:
        calls.close()


def _finish(callbacks: Sequence[Any], net: Any) -> None:
    """Call every ``finish(net)``, also after one that raises; Python chains their exceptions."""
    if callbacks:
        try:
            finish = getattr(callbacks[0], "finish", None)
            if callable(finish):
                finish(net)
        finally:
            _finish(callbacks[1:], net)


def bad_entry(examples: Examples, dtype: np.dtype[Any], scale: float) -> str | None:
    """Name the first entry of X or Y that is nan or inf in this dtype."""
    X, Y, _, chosen, names = examples[:5]
    found = first_not_finite("X", X, dtype, scale, chosen, names)
    return found or first_not_finite("Y", Y, dtype, 1.0, chosen)


def largest_parameter(arrays: Sequence[Array]) -> str | None:
    """Name the largest of W1, b1, ..., WL, bL if it is the likely cause of an overflow."""
    largest = [float(max(p.max(), -p.min())) for p in arrays]
    i = int(np.argmax(largest))
    if largest[i] < 1e6:
        return None
    row, column = np.unravel_index(int(np.argmax(np.abs(arrays[i]))), arrays[i].shape)
    name = parameter_keys(len(arrays) // 2)[i]
    return f"{name}[{row}, {column}] is {arrays[i][row, column]:g}"


def explained(
    bad: NonFinite,
    where: str,
    rate: float,
    parameters: Iterable[Array],
    examples: Examples,
    scale: float,
    *,
    trained: bool = True,
) -> FloatingPointError:
    """Return the error that says what was not finite, where, and the likeliest reason.

    The examples are searched only now. If the loss is finite, the update would not have been. `trained`: the
    parameters may have become large by updates with this rate.
    """
    if bad.updated:
        return FloatingPointError(
            f"the loss is {bad.loss} before this update, which was made: the l2 or l1 penalty of such large "
            "weights overflows; start from smaller ones"
        )
    arrays = list(parameters)
    what = f"the loss is {bad.loss} {where}"
    if np.isfinite(bad.loss):
        what = f"the update is not finite, though the loss is {bad.loss:g}, {where}"
    if not all(np.isfinite(p).all() for p in arrays):
        return FloatingPointError(
            f"{what}: the parameters hold nan or inf already (net.parameters): start from new ones"
        )
    kept = "The parameters are those before the update that went wrong"
    entry = bad_entry(examples, arrays[0].dtype, scale)
    if entry is not None:
        return FloatingPointError(f"{what}: {entry}. {kept}")
    heavy = heaviest(examples.weights, examples.chosen)
    if heavy is not None:
        return FloatingPointError(f"{what}: {heavy}. {kept}")
    remedy = f"try a smaller learning rate than {rate:g}" if rate else "start from smaller ones"
    large = largest_parameter(arrays)
    if large is not None:
        and_rate = f", and {remedy}" if rate and trained else ""
        return FloatingPointError(f"{what}. {kept}. {large}: start from smaller ones{and_rate}")
    return FloatingPointError(f"{what}. {kept}: {remedy}, or scale X first")
