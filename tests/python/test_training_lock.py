"""Who may train a network: one call at a time, and nothing that interrupts or forks leaves it locked."""

import os
import pickle
import random
import signal
import subprocess
import sys
import textwrap
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


FORKS = """
import os, sys, warnings, threading
import numpy as np
import deepnet
warnings.simplefilter("ignore", DeprecationWarning)  # Python warns when a process with threads forks
X = np.random.default_rng(0).standard_normal((8, 64)).astype(np.float32)
Y = X[:1] > 0
net = deepnet.Network([8, 32, 16, 1], seed=0)
parent, states = os.getpid(), []
run = {"epochs": 3, "batch_size": 8, "seed": 1, "threads": 2}

def every_call(net):
    refused = 0
    for call in (lambda: net.fit(X, Y, **run), lambda: net.train_on_batch(X, Y)):
        try:
            call()
        except RuntimeError as error:
            refused += "being trained" in str(error)
    assert np.isfinite(net.predict(X)).all() and np.isfinite(net.evaluate(X, Y))
    assert np.isfinite(net.loss_and_grads(X, Y)[0])
    return refused

def fork(expected_refusals):
    pid = os.fork()
    if pid == 0:
        try:
            assert every_call(net) == expected_refusals
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(3)
        return True
    states.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    return False

def end():
    '''What is left of the run that the child returned into must be as good as the parent's.'''
    assert every_call(net) == 0
    if os.getpid() != parent:
        os._exit(0)
"""


def run_forks(program, expected):
    ended = subprocess.run(
        [sys.executable, "-c", FORKS + textwrap.dedent(program) + "\nprint(states)\n"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"{expected}\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forks_in_callbacks():
    run_forks(
        """
        for _ in range(40):
            net.fit(X, Y, callbacks=[lambda net, history: fork(2) and None], **run)
            end()
        """,
        [0] * 120,
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forks_in_progress_reports():
    run_forks(
        """
        for _ in range(5):
            forked = []
            def report(done, steps):
                if not forked:
                    forked.append(done)
                    fork(2)
            net.fit(X, Y, epochs=10**4, batch_size=8, threads=2, progress=report)
            end()
        """,
        [0] * 5,
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forks_beside_another_threads_training_and_prediction():
    run_forks(
        """
        stop = threading.Event()
        def forever(call):
            while not stop.is_set():
                call()
        other = [
            threading.Thread(target=forever, args=(lambda: net.fit(X, Y, **run),)),
            threading.Thread(target=forever, args=(lambda: net.predict(X),)),
        ]
        for thread in other:
            thread.start()
        for _ in range(60):
            if fork(0):
                end()
        stop.set()
        for thread in other:
            thread.join()
        """,
        [0] * 60,
    )
