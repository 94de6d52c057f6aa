"""Ctrl-C during training, which ends within 0.2 s of work, after a complete update, in a usable network."""

import copy
import signal
import threading

import numpy as np
import pytest

import deepnet
from interrupts import work_after_ctrl_c
from problems import assert_same_bits, parameters_of, problem, sgd

pytestmark = pytest.mark.usefixtures("ctrl_c_is_heard")

NETS = {  # layers, examples, batch size: from a microsecond to a second for a step
    "tiny": ([8, 32, 16, 1], 320, 32),
    "medium": ([64, 256, 256, 1], 2560, 256),
    "wide": ([1024, 2048, 2048, 1], 600, 300),
    "one long step": ([512, 1024, 1024, 1], 20000, 20000),
}


@pytest.mark.parametrize(
    ("name", "threads"),
    [
        *((name, threads) for name in list(NETS)[:3] for threads in (1, 2)),
        *(pytest.param("one long step", threads, marks=pytest.mark.slow) for threads in (1, 2)),
    ],
)
def test_ctrl_c_stops_a_fit(name, threads):
    dims, m, batch_size = NETS[name]
    X, Y = problem(dims[0], m)
    net = deepnet.Network(dims, seed=0)
    run = {"epochs": 10**9, "batch_size": batch_size, "threads": threads}
    work = [work_after_ctrl_c(lambda: net.fit(X, Y, **run), 0.15, threads) for _ in range(3)]
    assert min(work) < 0.2
    assert all(np.isfinite(p).all() for p in net.parameters.values())
    assert np.isfinite(net.train_on_batch(X[:, :batch_size], Y[:, :batch_size]))


@pytest.mark.parametrize("callbacks", [[], [lambda *_: None]], ids=["in one call", "by epochs"])
def test_the_last_update_is_whole(callbacks):
    """A second network that takes the same steps one by one passes through exactly these weights."""
    X, Y = problem(256, 256)
    net = deepnet.Network([256, 512, 512, 1], seed=0)
    other = copy.deepcopy(net)
    run = {"epochs": 10**9, "batch_size": 256, "optimizer": sgd(0.01), "callbacks": callbacks}
    work_after_ctrl_c(lambda: net.fit(X, Y, **run), 0.1)
    reached = net.parameters["W1"]
    for _ in range(5000):
        if np.array_equal(other.parameters["W1"], reached):
            break
        other.train_on_batch(X, Y, optimizer=sgd(0.01))
    assert_same_bits(net, parameters_of(other))


@pytest.mark.parametrize("what", ["predict", "evaluate", "loss_and_grads"])
def test_ctrl_c_stops_what_changes_nothing(what):
    X, Y = problem(1000, 8000)
    net = deepnet.Network([1000, 3000, 3000, 1], seed=0)
    before = parameters_of(net)
    call = {
        "predict": lambda: net.predict(X),
        "evaluate": lambda: net.evaluate(X, Y),
        "loss_and_grads": lambda: net.loss_and_grads(X, Y),
    }[what]
    assert min(work_after_ctrl_c(call, 0.1) for _ in range(3)) < 0.2
    assert_same_bits(net, before)
    assert net.predict(X[:, :1]).shape == (1, 1)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_hundred_interrupts_at_random_moments():
    random = np.random.default_rng(0)
    late = 0
    problems = [problem(dims[0], m) for dims, m, _ in NETS.values()]
    for i in range(100):
        dims, _, batch_size = list(NETS.values())[i % 3]
        X, Y = problems[i % 3]
        net = deepnet.Network(dims, seed=0)
        run = {"epochs": 10**9, "batch_size": batch_size, "callbacks": [[], [lambda *_: None]][i % 2]}
        late += work_after_ctrl_c(lambda: net.fit(X, Y, **run), random.uniform(0.001, 0.1)) > 0.2  # noqa: B023  called at once
        assert net.fit(X, Y, epochs=1, batch_size=batch_size).epochs == 1
    assert late <= 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["native", "numpy", "custom loss"])
def test_interrupts_at_random_moments_leave_no_network_locked(kind):
    """20,000 interrupts of short calls, by a handler that raises; then any thread can train each network."""
    X, Y = problem(3, 12)
    with deepnet.use_backend("numpy" if kind == "numpy" else "native"):
        nets = [deepnet.Network([3, 4, 1], seed=i) for i in range(20)]
    own = deepnet.losses.Loss(
        "fourth", "(A - Y)^4", lambda A, Y, _: (A - Y) ** 4, lambda A, Y, _: 4 * (A - Y) ** 3
    )
    loss = own if kind == "custom loss" else None
    calls = [
        lambda net: net.fit(X, Y, epochs=2, batch_size=5, loss=loss),
        lambda net: net.train_on_batch(X, Y, loss=loss),
        lambda net: setattr(net, "optimizer", deepnet.SGD(0.01)),
        lambda net: copy.deepcopy(net),
    ]

    class Alarm(Exception):
        """Raised by the handler."""

    def ring(*_):
        raise Alarm

    def trained_by_another_thread(net):
        errors = []

        def work():
            try:
                net.fit(X, Y, epochs=1, batch_size=12, loss=loss)
                net.train_on_batch(X, Y, loss=loss)
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return not errors

    wanted = 20_000 if kind == "native" else 2_000
    interrupts, rng = 0, np.random.default_rng(0)
    delays = iter(rng.uniform(2e-6, 3e-4, 10 * wanted))
    before = signal.signal(signal.SIGALRM, ring)
    try:
        while interrupts < wanted:
            for net in nets:
                try:
                    signal.setitimer(signal.ITIMER_REAL, next(delays))
                    while True:
                        for call in calls:
                            call(net)
                except Alarm:
                    interrupts += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert trained_by_another_thread(nets[interrupts // 20 % 20])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert all(trained_by_another_thread(net) for net in nets)
    assert all(np.isfinite(p).all() for net in nets for p in net.parameters.values())
