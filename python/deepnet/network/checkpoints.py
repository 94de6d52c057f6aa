"""Training in files: the optimizer's state, and what else a run of fit needs to go on where it was.

A checkpoint is a model file whose entry "training" has a "run". It is written between two epochs, after the
callbacks; with the same arguments and data, the run that goes on from it ends with the same bits.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from deepnet._files import quoted
from deepnet._numbers import is_number
from deepnet.activations import Array
from deepnet.backends import answered, snapshot
from deepnet.engine_errors import Busy

from . import files
from .history import History
from .parameters import parameter_keys
from .training import Resumed, RunCallback, Training
from .values import Unsavable, decoded, encoded

if TYPE_CHECKING:
    from deepnet.io.model_file import ModelFile

Path = str | os.PathLike[str]
_ESTIMATORS_OWN = "AfterEachEpoch"  # the callback that an estimator adds to those of the user
_TRIES = 100  # at a moment between two updates of another thread


@dataclass(frozen=True, slots=True)
class OptimizerState:
    """An optimizer's memory after so many updates, and where train_on_batch is in its streams."""

    optimizer: Any  # None: a custom one
    updates: int
    slots: list[Array]
    step: int
    batch: int
    dropout_seed: int


# --- writing ------------------------------------------------------------------------------------------------


def with_optimizer(net: Any, engine: Any, plan: Any, given: dict[str, Any] | None = None) -> ModelFile:
    """Return the content of a file: a network with its optimizer, as they are between two updates.

    `plan` is as `engine` takes it, `given` what the user says of the model.
    """
    from deepnet.io.model_file import NETWORK, ModelFile

    part, about = files.described(net), dict(given or {})
    for _ in range(_TRIES):
        before, values, after = engine.optimizer_state(plan), snapshot(engine), engine.optimizer_state(plan)
        if (before and before[0]) == (after and after[0]):
            break
    else:
        raise Busy("the network is being trained by another thread: save it between two runs")
    keys = parameter_keys(len(part.activations))
    arrays = dict(zip(keys, values, strict=True))
    updates, slots = after or (0, [])
    for i, slot in enumerate(slots):
        arrays[f"training.slots.{i // len(keys)}.{keys[i % len(keys)]}"] = slot
    position = net._position
    about["training"] = {
        "optimizer": _or_none(net.optimizer, arrays),
        "updates": updates,
        "slots": len(slots) // len(keys),
        "step": position.updates,
        "batch": position.batches,
        "dropout_seed": net._dropout_seed,
    }
    return ModelFile(NETWORK, [part], arrays, about)


def checkpoint(training: Training, rate: float | None, stopped: bool) -> ModelFile:
    """Return the content of a checkpoint.

    `rate`, if a callback has set one, is that of all updates to come. `stopped`: a callback ended the run.
    """
    net, run, history = training.net, training.run, training.history
    model = with_optimizer(net, training.engine, training.prepared_plan)
    entry, arrays = model.about["training"], model.arrays
    remembering: list[Any] = [callback for callback in run.callbacks if _remembers(callback)]
    entry["step"] = history.epochs * run.batches
    if run.origin is not None:
        random = run.origin.random
        of_estimator = {} if random is None else {"random": encoded(random, arrays, "training.random")}
        entry["run"] = {
            "facts": _facts(training),
            "seed": run.seed,
            "epochs": run.epochs,
            "rate": rate,
            "stopped": stopped,
            **of_estimator,
            "history": encoded(_record_of(history), arrays, "training.history"),
            "callbacks": [
                {
                    "name": type(callback).__name__,
                    "only_sees": isinstance(callback, RunCallback),
                    "state": encoded(callback.get_state(net), arrays, f"training.callbacks.{i}"),
                }
                for i, callback in enumerate(remembering)
            ],
        }
    return model


def _remembers(callback: Any) -> bool:
    return callable(getattr(callback, "get_state", None)) and callable(getattr(callback, "set_state", None))


def _or_none(value: Any, arrays: dict[str, Array]) -> Any:
    """Return a value as a file has it, None for a custom one."""
    try:
        return encoded(value, arrays, "training.optimizer")
    except Unsavable:
        return None


def fact(value: Any) -> Any:
    """Return a value as JSON, or the name of what a file cannot hold."""
    stored = _or_none(value, {})
    return getattr(value, "name", type(value).__name__) if stored is None and value is not None else stored


_RECORD = ("loss", "validation_loss", "seconds", "metrics", "validation_metrics", "learning_rate")


def _record_of(history: History) -> dict[str, Any]:
    return {name: getattr(history, name) for name in _RECORD}


def _facts(training: Training) -> dict[str, Any]:
    """Return what a run must have in common with the one that it goes on with, as JSON."""
    run, plan = training.run, training.plan
    of_estimator = {} if run.origin is None else run.origin.facts
    part = files.described(training.net).description()
    named = [
        (name, part.get(name))
        for name in ("layer_dims", "activations", "dtype", "layers", "input_dropout", "compute")
    ]
    return {
        "estimator": None,
        **of_estimator,
        **dict(named),
        "examples": run.examples_in_epoch,
        "validation examples": None if run.validation is None else run.validation_examples,
        "batch_size": run.batch_size,
        "shuffle": run.shuffle,
        "input_scale": run.input_scale,
        "loss": fact(plan.loss),
        "optimizer": fact(plan.optimizer),
        "metrics": list(run.metrics),
    }


# --- reading ------------------------------------------------------------------------------------------------


def optimizer_state_of(model: ModelFile) -> OptimizerState | None:
    """Return the optimizer of a file, None if it has none; a ValueError says what is wrong with it."""
    entry = model.about.get("training")
    if entry is None:
        return None
    numbers = {name: _count(entry, name) for name in ("updates", "slots", "step", "batch", "dropout_seed")}
    parameters = model.parameters(0)
    slots = []
    for i in range(numbers["slots"]):
        for key, p in parameters.items():
            slot = model.arrays.get(f"training.slots.{i}.{key}")
            if slot is None or slot.shape != p.shape or slot.dtype != p.dtype:
                raise ValueError(f"slot {i} of {key} is missing, or does not have its shape and dtype")
            slots.append(slot)
    optimizer = decoded(entry["optimizer"], model.arrays)
    count = numbers.pop("slots")
    if optimizer is not None and count != optimizer.slots and numbers["updates"]:
        raise ValueError(f"{type(optimizer).__name__} has {optimizer.slots} slots, but the file {count}")
    return OptimizerState(optimizer, slots=slots, **numbers)


def _count(entry: dict[str, Any], name: str) -> int:
    value = entry[name]
    if type(value) is not int or not 0 <= value < 2**64:
        raise ValueError(f"{name} is {quoted(value)}, but must be a whole number from 0")
    return value


def take_optimizer(net: Any, state: OptimizerState) -> None:
    """Give a network the optimizer of a file and its state."""
    if state.optimizer is not None:
        net.optimizer = state.optimizer
        engine, plan = net._default_engine()
        if state.updates:
            with net._engine.begin_training() as hold:
                answered(engine.set_optimizer_state(hold, plan, state.updates, state.slots))
    net._position.updates, net._position.batches = state.step, state.batch
    net._dropout_seed = state.dropout_seed


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that has been read, of a run that another can go on from."""

    name: str  # of the file
    model: ModelFile
    state: OptimizerState
    entry: dict[str, Any]  # of the run

    def restore_random(self, rng: np.random.RandomState) -> None:
        """Give an estimator's random numbers the state in which its fit began."""
        with _explained(self.name):
            state = decoded(self.entry.get("random"), self.model.arrays)
            if state is not None:  # else of Network.fit: `resumed` will say so
                rng.set_state(state)

    def resumed(self, training: Training, *, has_seed: bool) -> Training:
        """Return the training as it goes on from here; nothing is changed yet.

        `has_seed`: fit was given one, which must be that of the checkpoint.
        """
        with _explained(self.name):
            return self._resumed(training, has_seed)

    def _resumed(self, training: Training, has_seed: bool) -> Training:
        run, entry, arrays = training.run, self.entry, self.model.arrays
        _compare(entry["facts"], _facts(training))
        seed = _count(entry, "seed")
        if has_seed and run.seed != seed:
            raise _Other(
                f"the checkpoint's run has seed {seed}, but seed is {run.seed}: give the same, or None"
            )
        history = History(planned_epochs=run.epochs, **decoded(entry["history"], arrays))
        if history.epochs > run.epochs:
            raise _Other(f"has {history.epochs} epochs already, but epochs is {run.epochs}")
        rate, stopped = entry["rate"], entry["stopped"]
        if not (rate is None or is_number(rate)) or not isinstance(stopped, bool):
            raise ValueError(f"rate is {quoted(rate)}, and stopped {quoted(stopped)}")
        # A callback of Network.fit ends the run that it was given to, an estimator's rules any longer one.
        ends = run.epochs == entry["epochs"] or entry["facts"].get("estimator") is not None
        return replace(
            training,
            run=replace(run, seed=seed),
            history=history,
            resumed=Resumed(
                parameters=list(self.model.parameters(0).values()),
                updates=self.state.updates,
                slots=self.state.slots,
                rate=rate,
                stopped=stopped and history.epochs < run.epochs and ends,
                callbacks=_states(entry["callbacks"], run.callbacks, self.model),
            ),
        )


def opened(path: Any) -> Checkpoint:
    """Read the checkpoint that `resume_from` names."""
    try:
        name = files.checked(path)
    except TypeError as error:
        raise TypeError(f"resume_from: {error}") from None
    model = files.read(name)
    with _explained(name):
        state = optimizer_state_of(model) if model.kind == "network" else None
        entry = None if state is None else model.about["training"].get("run")
        if entry is None:
            raise _Other(
                "is no checkpoint: callbacks.ModelCheckpoint writes them during fit, and of an estimator "
                "only if the fit began with new weights"
            )
        assert state is not None
        return Checkpoint(name, model, state, entry)


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Say which file an error is about."""
    try:
        yield
    except _Other as error:
        raise ValueError(f"resume_from: {name}: {error}") from None
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        raise files.invalid(name, error, "checkpoint") from None


class _Other(Exception):
    """A good file, but of another run."""


def _compare(were: Any, are: dict[str, Any]) -> None:
    if not isinstance(were, dict):
        raise ValueError(f"facts is {quoted(were)}, but must be a JSON object")
    for name, value in are.items():
        if were.get(name) != value:
            raise _Other(
                f"the checkpoint's run has {name} {_shown(were.get(name))}, but this one {_shown(value)}"
            )


def _shown(fact: Any) -> str:
    """Return a fact for a message: an optimizer or a loss as it is created."""
    if isinstance(fact, dict) and ("optimizer" in fact or "loss" in fact):
        return repr(decoded(fact, {}))[:200]
    return quoted(fact)


def _states(entries: Any, callbacks: Sequence[Any], model: ModelFile) -> list[Any]:
    """Return the state of each callback, None for those without one in the file.

    Those that only see a run may be others than before; those that change it may not.
    """
    names = [type(callback).__name__ if _remembers(callback) else None for callback in callbacks]
    seeing = [isinstance(callback, RunCallback) for callback in callbacks]
    were = [entry["name"] for entry in entries if not entry["only_sees"]]
    are = [name for name, sees in zip(names, seeing, strict=True) if name is not None and not sees]
    if were != are:
        before, now = (
            ", ".join(name for name in of_run if name != _ESTIMATORS_OWN) or "none" for of_run in (were, are)
        )
        raise _Other(
            f"the checkpoint's run has the callbacks {before}, but this one {now}, of those that remember "
            "something"
        )
    left, states = list(entries), list[Any]()
    for name in names:
        found = next((entry for entry in left if entry["name"] == name), None)
        states.append(None if found is None else decoded(found["state"], model.arrays))
        left = [entry for entry in left if entry is not found]
    return states
