"""Who may train a network: one call at a time, and nothing that interrupts leaves it locked."""

import pickle
import random
import signal
import threading

import numpy as np
import pytest

import deepnet
from deepnet.engine_errors import Busy, NonFinite
from deepnet.losses import Loss
from problems import problem


class Alarm(Exception):
    """Raised by the signal handler, wherever Python is."""


@pytest.fixture
def alarms():
    def ring(*_):
        raise Alarm

    before = signal.signal(signal.SIGALRM, ring)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def trains_on_another_thread(net, X, Y):
    losses = []
    thread = threading.Thread(target=lambda: losses.append(net.train_on_batch(X, Y)))
    thread.start()
    thread.join()
    return len(losses) == 1


def interrupt(net, X, Y, count):
    """Interrupt tiny trainings at random moments; after each, another thread must be able to train."""
    draw = random.Random(0)
    rung = 0
    calls = [
        lambda: net.fit(X, Y, epochs=1, batch_size=8),
        lambda: net.fit(X, Y, epochs=2, batch_size=8, callbacks=[lambda *_: None]),
        lambda: net.train_on_batch(X, Y),
    ]
    while rung < count:
        try:
            signal.setitimer(signal.ITIMER_REAL, draw.uniform(2e-6, 3e-4))
            try:
                while True:
                    calls[rung % 3]()
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except Alarm:
            rung += 1
        assert trains_on_another_thread(net, X, Y), rung


@pytest.mark.parametrize("kind", ["native", "custom activation"])
def test_interrupts_at_random_moments_leave_a_network_free(alarms, kind):
    X, Y = problem(4, 32)
    cube = deepnet.Activation("cube", lambda Z: Z**3, lambda dA, Z: 3 * Z * Z * dA)
    net = deepnet.Network([4, 6, 1], cube if kind != "native" else "relu", seed=0)
    interrupt(net, X, Y, 300)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_20000_interrupts_leave_a_network_free(alarms):
    X, Y = problem(4, 32)
    interrupt(deepnet.Network([4, 6, 1], seed=0), X, Y, 20_000)


@pytest.mark.parametrize("loss", ["default", "custom"])
def test_a_callback_cannot_train_the_network_of_its_run(loss):
    X, Y = problem(4, 32)
    net = deepnet.Network([4, 6, 1], seed=0)
    chosen = None
    if loss == "custom":
        chosen = Loss("own", "", lambda A, Y, _: (A - Y) ** 2, lambda A, Y, _: 2 * (A - Y))
    refused = []

    def train_again(net, history):
        for call in (
            lambda: net.fit(X, Y, epochs=1, batch_size=8),
            lambda: net.train_on_batch(X, Y),
            lambda: net.train_on_batch(X, Y, loss=chosen),
        ):
            with pytest.raises(Busy, match="being trained"):
                call()
            refused.append(call)
        assert net.evaluate(X, Y) > 0

    net.fit(X, Y, epochs=2, batch_size=8, loss=chosen, callbacks=[train_again])
    assert len(refused) == 6
    assert net.train_on_batch(X, Y) > 0


@pytest.mark.filterwarnings("ignore:row . of X has values of size:UserWarning")
def test_a_kept_traceback_holds_no_network():
    X, Y = problem(4, 32)
    net = deepnet.Network([4, 6, 1], seed=0)
    with pytest.raises(FloatingPointError) as kept:
        net.fit(X * 1e30, Y, epochs=5, batch_size=8, optimizer=deepnet.SGD(1e30))
    assert trains_on_another_thread(net, X, Y)
    assert kept.value is not None


@pytest.mark.parametrize(
    "train",
    [
        lambda net, X, Y: net.fit(X, Y, epochs=5, batch_size=8),
        lambda net, X, Y: net.train_on_batch(X, Y),
    ],
)
def test_a_signal_while_the_error_of_a_loss_is_made_is_what_the_caller_sees(train, monkeypatch):
    def interrupted(*_):
        raise Alarm

    X, Y = problem(4, 32)
    net = deepnet.Network([4, 6, 1], seed=0)
    monkeypatch.setattr(NonFinite, "__init__", interrupted)
    with pytest.raises(Alarm):
        train(net, X * np.nan, Y)
    monkeypatch.undo()
    assert trains_on_another_thread(net, X, Y)


def test_engine_errors_survive_a_pickle():
    bad = pickle.loads(pickle.dumps(NonFinite(np.inf, 3, 5, True, False, [1.0])))
    assert (bad.loss, bad.epoch, bad.batch, bad.updated, bad.recovered) == (np.inf, 3, 5, True, False)
    assert bad.losses == [1.0]
    assert isinstance(pickle.loads(pickle.dumps(Busy())), RuntimeError)
