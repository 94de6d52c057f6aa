"""Callbacks: stopping early, changing the learning rate, and what a run does when they fail."""

import copy

import numpy as np
import pytest

import deepnet
from deepnet import SGD, schedules
from deepnet.callbacks import EarlyStopping, ReduceLROnPlateau
from problems import assert_same_bits, parameters_of, problem

pytestmark = pytest.mark.usefixtures("backend")

X, Y = problem(6, 40)
NAN = float("nan")


def network(**options):
    return deepnet.Network([6, 5, 1], seed=0, dtype="float64", **options)


def monitored(callback, curve, name="loss"):
    """Call it after epochs with these values, as fit does; return its answers."""
    net, history, answers = network(), deepnet.History(planned_epochs=len(curve), learning_rate=1.0), []
    for value in curve:
        history.loss.append(value if name == "loss" else 0.5)
        if name == "validation_loss":
            history.validation_loss.append(value)
        net.parameters["b1"][...] = history.epochs
        answers.append(callback(net, history))
    return net, history, answers


# --- early stopping -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [NAN, float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["loss", "validation_loss"])
def test_what_is_not_finite_is_never_the_best(bad, name):
    stop = EarlyStopping(patience=3)
    net, _, answers = monitored(stop, [bad, 0.9, 0.5, bad, 0.6, 0.7], name)
    assert answers == [False, False, False, False, False, True]
    stop.finish(net)
    assert (net.parameters["b1"] == 3).all()


def test_patience_counts_epochs_that_are_not_finite():
    stop = EarlyStopping(patience=2)
    net, _, answers = monitored(stop, [0.5, NAN, NAN])
    assert answers == [False, False, True]
    stop.finish(net)
    assert (net.parameters["b1"] == 1).all()


def test_a_run_without_a_best_epoch_is_an_error():
    with pytest.raises(
        FloatingPointError, match="validation_loss was nan or infinite after each of 4 epochs"
    ):
        monitored(EarlyStopping(patience=4), [NAN] * 4, "validation_loss")
    with pytest.raises(FloatingPointError, match="loss was nan or infinite after each of 2 epochs"):
        monitored(ReduceLROnPlateau(patience=2), [NAN] * 2)


def test_the_monitored_quantity():
    run = {"epochs": 50, "batch_size": 40, "optimizer": SGD(0.5)}
    net, seen = network(), []

    def away_from_20(net, history):
        seen.append(net)
        return abs(history.epochs - 20)

    history = net.fit(X, Y, **run, callbacks=[EarlyStopping(3, monitor=away_from_20)])
    assert history.epochs == 23
    assert seen == [net] * 23
    expected = network()
    expected.fit(X, Y, **run | {"epochs": 20})
    assert_same_bits(net, expected.parameters)
    # The validation loss rises where the labels are the opposite; the loss falls.
    opposite = {"validation_data": (X, ~Y.astype(bool))}
    net = network()
    assert net.fit(X, Y, **run, **opposite, callbacks=[EarlyStopping(3)]).epochs == 4
    assert (
        net.fit(X, Y, **run, **opposite, callbacks=[EarlyStopping(3, monitor="validation_loss")]).epochs == 4
    )
    assert net.fit(X, Y, **run, **opposite, callbacks=[EarlyStopping(3, monitor="loss")]).epochs == 50


@pytest.mark.parametrize(
    ("monitor", "mode", "improves"),
    [
        ("accuracy", None, "up"),
        ("validation_accuracy", None, "up"),
        ("accuracy", "min", "down"),
        ("error", "min", "down"),
        ("validation_error", "min", "down"),
        ("validation_error", "max", "up"),
    ],
)
def test_metrics_are_monitored_in_their_direction(monitor, mode, improves):
    """The curve rises to epoch 4 and falls from then on, or the other way round."""
    curve = [0.1, 0.2, 0.3, 0.4, 0.3, 0.2, 0.1, 0.0]
    values = curve if improves == "up" else [-value for value in curve]
    metric = monitor.removeprefix("validation_")
    history = deepnet.History(planned_epochs=8, learning_rate=1.0)
    curves = history.metrics if metric == monitor else history.validation_metrics
    options = {"monitor": monitor, "mode": mode, "patience": 3}
    stop, reduce = EarlyStopping(**options), ReduceLROnPlateau(**options)
    net, stopped, rates = network(), [], []
    for value in values:
        history.loss.append(0.5)
        curves.setdefault(metric, []).append(value)
        net.parameters["b1"][...] = history.epochs
        stopped.append(stop(net, history))
        reduce(net, history)
        rates.append(history.learning_rate)
    assert stopped == [False] * 6 + [True] * 2
    assert rates == [1.0] * 6 + [0.1] * 2
    stop.finish(net)
    assert (net.parameters["b1"] == 4).all()


@pytest.mark.parametrize("kind", [EarlyStopping, ReduceLROnPlateau])
def test_what_cannot_be_monitored(kind):
    run = {"epochs": 2, "batch_size": 40}
    for name, recorded, missing in (
        ("validation_loss", "loss only", "validation_data"),
        ("accuracy", "loss only", "metrics"),
        ("validation_accuracy", "loss only", "metrics and validation_data"),
    ):
        words = f"monitor is '{name}', but this run records {recorded}: give fit {missing}$"
        with pytest.raises(ValueError, match=words):
            network().fit(X, Y, **run, callbacks=[kind(monitor=name)])
    with pytest.raises(ValueError, match="records loss and validation_loss and accuracy and"):
        network().fit(
            X,
            Y,
            **run,
            metrics=["accuracy"],
            validation_split=0.2,
            callbacks=[kind(monitor="f1", mode="max")],
        )
    for wrong, right in (("val_loss", "validation_loss"), ("acuracy", "accuracy")):
        with pytest.raises(ValueError, match=f"monitor is '{wrong}': did you mean '{right}'"):
            kind(monitor=wrong)
    with pytest.raises(ValueError, match="monitor is 'f1': add mode='max' or mode='min'"):
        kind(monitor="f1")
    with pytest.raises(ValueError, match="mode is 'most', but must be 'min' or 'max'"):
        kind(mode="most")
    with pytest.raises(TypeError, match="monitor is 3, but must be a name"):
        kind(monitor=3)
    with pytest.raises(TypeError, match="monitor returned None"):
        network().fit(X, Y, **run, callbacks=[kind(monitor=lambda net, history: None)])
    with pytest.raises(ValueError, match="patience is 0"):
        kind(patience=0)


@pytest.mark.parametrize("array", ["X", "Y"])
@pytest.mark.parametrize("way", ["data", "split"])
def test_bad_validation_examples_are_named(array, way):
    x, y = X.astype(float), Y.astype(float)
    net = deepnet.Network([6, 1], output="identity", seed=0, dtype="float64")
    {"X": x, "Y": y}[array][0, 38] = NAN
    run = {"epochs": 9, "batch_size": 10}
    if way == "data":
        given, where = {"validation_data": (x[:, 30:], y[:, 30:])}, "8"
    else:
        given, where = {"validation_split": 0.25}, "8"
    data = (x, y) if way == "split" else (X, Y)
    words = rf"validation loss is nan after epoch 1 of 9: validation's {array}\[0, {where}\] is nan"
    with pytest.raises(FloatingPointError, match=words):
        net.fit(*data, **run, **given, callbacks=[EarlyStopping(5)])


def test_a_validation_loss_that_only_passes_is_no_error():
    """It overflows in float32 as long as the weights are large."""
    net = deepnet.Network([1, 1], output="identity", initializer="zeros")
    net.parameters["W1"] = np.full((1, 1), 1e20)
    x = np.ones((1, 8), np.float32)

    def shrink(net, history):
        net.parameters["W1"][...] = 0.0

    run = {"epochs": 2, "batch_size": 8, "optimizer": SGD(0.0)}
    history = net.fit(x * 0, np.zeros(8), **run, validation_data=(x, np.ones(8)), callbacks=[shrink])
    assert not np.isfinite(history.validation_loss[0])
    assert np.isfinite(history.validation_loss[1])


# --- the learning rate --------------------------------------------------------------------------------------


def assert_close(net, other):
    """NumPy's BLAS rounds by the layout of a batch."""
    for key, p in other.parameters.items():
        np.testing.assert_allclose(net.parameters[key], p, rtol=1e-12)


def test_a_callback_sets_the_rate_of_the_epochs_that_follow():
    """Against runs by hand: each epoch's updates one by one, all examples in each."""
    net, other, rates = network(), network(), []

    def halve(net, history):
        rates.append(history.learning_rate)
        history.learning_rate = history.learning_rate / 2

    run = {"epochs": 4, "batch_size": 40}
    history = net.fit(X, Y, **run, optimizer=SGD(0.8), callbacks=[halve])
    for rate in (0.8, 0.4, 0.2, 0.1):
        other.train_on_batch(X, Y, optimizer=SGD(rate))
    assert_close(net, other)
    assert rates == [0.8, 0.4, 0.2, 0.1]
    assert history.learning_rate == 0.05
    assert net.optimizer == SGD(0.8)
    assert net.fit(X, Y, **run).learning_rate == 0.8


def test_a_rate_that_is_set_takes_the_place_of_a_schedule():
    schedule = schedules.ExponentialDecay(0.4, 0.5, per="step")
    net, other, seen = network(), network(), []

    def fix(net, history):
        seen.append(history.learning_rate)
        if history.epochs == 2:
            history.learning_rate = 0.3

    net.fit(X, Y, epochs=4, batch_size=20, shuffle=False, optimizer=SGD(schedule), callbacks=[fix])
    for step, rate in enumerate((0.4, 0.2, 0.1, 0.05, 0.3, 0.3, 0.3, 0.3)):
        part = slice(0, 20) if step % 2 == 0 else slice(20, 40)
        other.train_on_batch(X[:, part], Y[:, part], optimizer=SGD(rate))
    np.testing.assert_allclose(seen, [0.2, 0.05, 0.3, 0.3], rtol=1e-15)
    assert_close(net, other)


@pytest.mark.parametrize(
    ("rate", "error"), [("x", TypeError), (-1, ValueError), (NAN, ValueError), (None, TypeError)]
)
def test_a_rate_that_is_none(rate, error):
    def wrong(net, history):
        history.learning_rate = rate

    net = network()
    with pytest.raises(error, match=r"history.learning_rate is"):
        net.fit(X, Y, epochs=2, batch_size=40, callbacks=[wrong])
    assert net.fit(X, Y, epochs=1, batch_size=40).epochs == 1


def test_the_rate_is_reduced_on_a_plateau():
    callback = ReduceLROnPlateau("loss", 0.5, 2, min_rate=0.2)
    net, history, rates = network(), deepnet.History(learning_rate=1.0), []
    for loss in [0.9, 0.8, 0.8, 0.85, 0.9, 0.7, 0.7, NAN, 0.7, 0.7, 0.7, 0.7]:
        history.loss.append(loss)
        callback(net, history)
        rates.append(history.learning_rate)
    assert rates == [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2]
    history = deepnet.History(loss=[0.9], learning_rate=1.0)  # another run
    callback(net, history)
    assert history.learning_rate == 1.0


def test_a_plateau_reduces_the_rate_of_a_run():
    net = network()
    constant = ReduceLROnPlateau(lambda net, history: 1.0, 0.1, 2)
    history = net.fit(X, Y, epochs=6, batch_size=40, optimizer=SGD(1.0), callbacks=[constant])
    assert history.learning_rate == pytest.approx(0.01)
    with pytest.raises(ValueError, match="learning_rate is a schedule, but ReduceLROnPlateau"):
        net.fit(X, Y, epochs=1, batch_size=40, optimizer=SGD(lambda step: 0.1), callbacks=[constant])
    for wrong in ({"factor": 1}, {"factor": 0}, {"min_rate": -1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            ReduceLROnPlateau(**wrong)


def test_the_optimizer_cannot_be_set_during_a_run():
    net, errors = network(), []

    def set_optimizer(net, history):
        with pytest.raises(
            RuntimeError, match=r"net.optimizer cannot be set .*history.learning_rate = 0.001"
        ):
            net.optimizer = SGD(1.0)
        errors.append(net.optimizer)
        history.learning_rate = 0.001  # the advice runs

    history = net.fit(X, Y, epochs=3, batch_size=40, optimizer=SGD(0.5), callbacks=[set_optimizer])
    assert errors == [SGD(0.5)] * 3
    assert history.learning_rate == 0.001
    net.optimizer = SGD(1.0)
    assert net.optimizer == SGD(1.0)


# --- the end of a run ---------------------------------------------------------------------------------------


class Finishing:
    """Fails in `finish`, after noting that it was called."""

    def __init__(self, calls, name, error=None):
        self.calls, self.name, self.error = calls, name, error

    def __call__(self, net, history):
        return False

    def finish(self, net):
        self.calls.append(self.name)
        if self.error:
            raise self.error


@pytest.mark.parametrize("end", [None, ZeroDivisionError("in a callback")])
def test_every_callback_finishes_whatever_the_others_do(end):
    calls, net = [], network()
    best = EarlyStopping(patience=5, monitor=lambda net, history: -1.0 if history.epochs == 1 else 0.0)
    kept = []

    def look(net, history):
        kept.append(parameters_of(net))
        if history.epochs == 3 and end:
            raise end

    first, last = ValueError("first"), RuntimeError("last")
    callbacks = [Finishing(calls, "a", first), best, look, Finishing(calls, "b", last), Finishing(calls, "c")]
    with pytest.raises(RuntimeError, match="last") as caught:
        net.fit(X, Y, epochs=3, batch_size=10, callbacks=callbacks)
    assert calls == ["a", "b", "c"]
    assert_same_bits(net, kept[0])
    assert caught.value.__context__ is first
    assert first.__context__ is end
    assert net.fit(X, Y, epochs=1, batch_size=40).epochs == 1


def test_a_callback_may_predict_and_copy():
    net, seen = network(), []

    def look(net, history):
        seen.append((net.evaluate(X, Y), copy.deepcopy(net).evaluate(X, Y), net.astype("float32").dtype))

    net.fit(X, Y, epochs=2, batch_size=40, callbacks=[look])
    assert len(seen) == 2
    assert all(first == second for first, second, _ in seen)
