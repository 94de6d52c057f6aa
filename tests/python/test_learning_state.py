"""The state of training: the optimizer's memory, schedules and dropout, and what copies inherit of it."""

import copy
import pickle

import numpy as np
import pytest

import deepnet
from deepnet import Dense, backends, schedules
from problems import assert_same_bits, options, parameters_of, plan_of, problem, twin_of

pytestmark = pytest.mark.usefixtures("backend")

X, Y = problem(6, 60, dtype=np.float64)
COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda net: pickle.loads(pickle.dumps(net)),
}
KINDS = {
    "dropout": lambda: deepnet.Network([6, 9, 8, 1], dropout=0.3, input_dropout=0.1, dtype="float64", seed=0),
    "penalties": lambda: deepnet.Network([6, 9, 1], "sigmoid", l2=0.1, l1=0.01, dtype="float64", seed=0),
    "layers": lambda: deepnet.Network(
        [6, Dense(9, "leaky_relu", dropout=0.5), Dense(1, "sigmoid", l1=0.1)], dtype="float64", seed=0
    ),
    "identity": lambda: deepnet.Network([6, 5, 1], ["identity", "relu"], dtype="float64", seed=0),
}


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_learns_as_the_first(kind, way):
    """With all its options and the optimizer, schedule and all; on the same engine."""
    net = KINDS[kind]()
    net.fit(X, Y, epochs=1, batch_size=20, optimizer="adam", seed=0)
    net.optimizer = deepnet.RMSprop(schedules.ExponentialDecay(0.01, 0.9), weight_decay=0.1, clip_norm=1.0)
    other = COPIES[way](net)
    assert type(other._engine) is type(net._engine)
    assert (other.optimizer, other.layers, other.activations) == (net.optimizer, net.layers, net.activations)
    assert_same_bits(other, net.parameters)
    assert other.evaluate(X, Y) == net.evaluate(X, Y)
    before = parameters_of(net)
    history = other.fit(X, Y, epochs=3, batch_size=20, seed=4)
    assert_same_bits(net, before)
    assert net.fit(X, Y, epochs=3, batch_size=20, seed=4).loss == history.loss
    assert_same_bits(other, net.parameters)


@pytest.mark.parametrize("way", COPIES)
def test_a_copy_has_an_empty_memory(way):
    """It begins where a network with these parameters begins: moments at 0, schedules at step 0."""
    rule = deepnet.Momentum(lambda step: 0.1 / (1 + step)) if way != "pickle" else deepnet.Momentum(0.1)
    net = deepnet.Network([6, 5, 1], dtype="float64", seed=0)
    net.optimizer = rule
    for _ in range(3):
        net.train_on_batch(X, Y)
    other, new = COPIES[way](net), deepnet.Network.from_parameters(net.parameters)
    new.optimizer = rule
    for _ in range(2):
        assert other.train_on_batch(X, Y) == new.train_on_batch(X, Y)
    assert_same_bits(other, new.parameters)
    net.train_on_batch(X, Y)
    assert not np.array_equal(net.parameters["W1"], other.parameters["W1"])


def assert_close(net, parameters):
    """Where NumPy's BLAS, which rounds by the layout, is given a batch and all examples."""
    for key, p in net.parameters.items():
        np.testing.assert_allclose(p, parameters[key], rtol=1e-12, atol=1e-15, err_msg=key)


def test_fit_starts_with_empty_memory_and_train_on_batch_goes_on():
    """Memory: of fit's last epoch goes into the next single batch, of single batches nothing into fit."""
    rule = deepnet.Momentum(0.05, 0.9)
    net, other = (deepnet.Network([6, 5, 1], dtype="float64", seed=0) for _ in range(2))
    other.optimizer = rule
    for _ in range(3):
        net.train_on_batch(X, Y, optimizer=deepnet.Adam(0.1))
    net.parameters = other.parameters
    net.fit(X, Y, epochs=2, batch_size=60, optimizer=rule)
    net.train_on_batch(X, Y)
    for _ in range(3):
        other.train_on_batch(X, Y)
    assert_close(net, other.parameters)
    net.fit(X, Y, epochs=1, batch_size=60)
    again = deepnet.Network.from_parameters(other.parameters)
    again.fit(X, Y, epochs=1, batch_size=60, optimizer=rule)
    assert_close(net, again.parameters)


def test_memory_lives_through_the_epochs_of_a_run_however_they_are_called():
    """A callback makes each epoch a separate call; schedules and Adam's corrections count on."""
    for rate in (0.01, schedules.OneCycle(0.05, length=12), schedules.StepDecay(0.05, 2, 0.5, per="epoch")):
        at_once, one_by_one = (deepnet.Network([6, 5, 1], dropout=0.2, seed=0) for _ in range(2))
        run = {"epochs": 4, "batch_size": 20, "optimizer": deepnet.Adam(rate), "seed": 3}
        history = at_once.fit(X, Y, **run)
        assert one_by_one.fit(X, Y, **run, callbacks=[lambda *_: None]).loss == history.loss
        assert_same_bits(one_by_one, at_once.parameters)


def test_a_schedule_gives_each_step_its_rate():
    """Against the twin, step by step; and a rate of 0 changes nothing."""
    asked = []

    def rate(step):
        asked.append(step)
        return 0.0 if step % 2 else 0.2 / (1 + step)

    net = deepnet.Network([6, 5, 1], dtype="float64", seed=0)
    twin = twin_of(net)
    net.fit(X, Y, epochs=2, batch_size=20, optimizer=deepnet.SGD(rate), seed=1)
    assert {*asked} == {*range(6)}
    rates = [rate(step) for step in range(6)]
    twin.fit(
        twin.begin_training(), X, Y, None, plan_of(net), options(rates, epochs=2, batch_size=20, seed=1), None
    )
    for p, expected in zip(net.parameters.values(), twin.parameters(), strict=True):
        np.testing.assert_allclose(p, expected, rtol=1e-12)
    net.optimizer = deepnet.SGD(lambda step: 0.1 if step == 2 else 0.0)
    changed = []
    for _ in range(4):
        before = parameters_of(net)
        net.train_on_batch(X, Y)
        changed.append(not np.array_equal(before["W1"], net.parameters["W1"]))
    assert changed == [False, False, True, False]


def test_an_optimizer_by_name_and_another_for_one_call():
    net, other = (deepnet.Network([6, 5, 1], dtype="float64", seed=0) for _ in range(2))
    net.fit(X, Y, epochs=1, batch_size=60, optimizer="rmsprop")
    other.fit(X, Y, epochs=1, batch_size=60, optimizer=deepnet.RMSprop())
    assert net.optimizer == deepnet.RMSprop()
    assert_same_bits(net, other.parameters)
    net.train_on_batch(X, Y, optimizer="sgd")
    assert net.optimizer == deepnet.RMSprop()


def test_settings_reach_the_engine():
    """Adam and AdamW share a struct in C++, and a loss its number: what differs must arrive."""
    results = []
    for rule in (
        deepnet.Adam(0.01),
        deepnet.Adam(0.01, 0.8),
        deepnet.Adam(0.01, 0.9, 0.9),
        deepnet.AdamW(0.01),
    ):
        net = deepnet.Network([6, 5, 1], dtype="float64", seed=0)
        net.fit(X, Y, epochs=2, batch_size=20, optimizer=rule, seed=0)
        results.append(net.parameters["W1"].tobytes())
    assert len({*results}) == 4


def test_a_network_stays_with_the_backend_that_made_it():
    net = deepnet.Network([6, 5, 1], dropout=0.2, seed=0)
    engine = type(net._engine)
    with backends.use_backend("numpy"):
        net.fit(X, Y, epochs=1, batch_size=20, optimizer="adam")
        assert type(net._engine) is engine
        assert net._fallback is None


def test_a_schedule_begins_with_its_optimizer():
    """In train_on_batch, after others and after fit, whose updates it counts on."""
    X, Y = problem(6, 20)
    seen = []

    def rate(step):
        seen.append(step)
        return 0.01

    net = deepnet.Network([6, 4, 1], seed=0)
    for _ in range(3):
        net.train_on_batch(X, Y)
    net.optimizer = deepnet.SGD(rate)
    for _ in range(2):
        net.train_on_batch(X, Y)
    assert seen == [0, 1]
    net.fit(X, Y, epochs=2, batch_size=5)
    seen.clear()
    net.train_on_batch(X, Y)
    assert seen == [8]
    net.optimizer = net.optimizer
    net.train_on_batch(X, Y)
    assert seen == [8, 9]
