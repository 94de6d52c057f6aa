"""Networks too large to keep a copy: an update that makes parameters non-finite is undone."""

import copy
import sys

import numpy as np
import pytest

import deepnet
from memory import KILOBYTES, run
from problems import assert_same_bits, parameters_of, problem

pytestmark = pytest.mark.slow

UNITS = [1500, 2500, 2000, 1]  # 35 MB of float32
X, Y = problem(UNITS[0], 96)


def network(**options):
    return deepnet.Network(UNITS, seed=0, **options)


OPTIMIZERS = {
    "sgd": deepnet.SGD(0.1),
    "momentum": deepnet.Momentum(0.01, weight_decay=1e-3),
    "adam": deepnet.Adam(1e-3, clip_norm=0.1),
    "clipped": deepnet.RMSprop(1e-3, clip_value=1e-3),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_they_learn_as_the_reference_does(name):
    """Two steps; RMSprop and Adam turn the roundings of small gradients into updates of another sign."""
    optimizer = OPTIMIZERS[name]
    net = network(l2=1e-4, dropout=0.25)
    with deepnet.use_backend("numpy"):
        twin = copy.deepcopy(net)
    assert type(twin._engine) is deepnet.reference.Engine
    run_options = {"epochs": 1, "batch_size": 48, "optimizer": optimizer, "shuffle": False, "seed": 5}
    start = parameters_of(net)
    first, second = (n.fit(X, Y, **run_options).loss[0] for n in (net, twin))
    assert first == pytest.approx(second, rel=1e-4)
    for key, p in net.parameters.items():
        moved, difference = p - start[key], p - twin.parameters[key]
        assert np.linalg.norm(difference) < 0.02 * np.linalg.norm(moved)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_bits_know_no_threads(name):
    nets = [network(l1=1e-6) for _ in range(2)]
    for threads, net in enumerate(nets, start=1):
        net.fit(X, Y, epochs=1, batch_size=50, optimizer=OPTIMIZERS[name], seed=1, threads=threads)
    assert_same_bits(nets[0], nets[1].parameters)


@pytest.mark.parametrize("optimizer", [deepnet.SGD(1e30), deepnet.Momentum(1e30)])
@pytest.mark.parametrize("bad", [0, 1, 2])
def test_an_update_that_would_not_be_finite_is_not_made(bad, optimizer):
    net = deepnet.Network(UNITS, output="identity", initializer="zeros")
    y = np.zeros((1, 96))
    y[:, 32 * bad : 32 * (bad + 1)] = 1e15
    words = rf"the update is not finite, though the loss is .*, in epoch 1 of 2, batch {bad + 1} of 3\. The"
    with pytest.raises(FloatingPointError, match=words):
        net.fit(X, y, epochs=2, batch_size=32, optimizer=optimizer, shuffle=False)
    assert not any(p.any() for p in net.parameters.values())
    with pytest.raises(FloatingPointError, match="before this update, which was not made"):
        net.train_on_batch(X, y, optimizer=optimizer)
    assert not any(p.any() for p in net.parameters.values())
    assert net.train_on_batch(X, Y, optimizer=deepnet.SGD(0.1)) > 0


def test_an_update_that_tells_of_an_infinite_penalty_is_not_made():
    net = network(l2=1e-3)
    net.parameters["W1"][0, 0] = 1e25
    before = parameters_of(net)
    for call in (
        lambda: net.fit(np.zeros_like(X), Y, epochs=1, batch_size=48),
        lambda: net.train_on_batch(np.zeros_like(X), Y),
    ):
        with pytest.raises(FloatingPointError, match="the loss is inf"):
            call()
        assert_same_bits(net, before)


def test_memory_of_an_optimizer_with_more_is_given_back():
    """Else SGD after Adam would take twice the parameters more."""
    loss = run(
        KILOBYTES
        + f"""
X, Y = np.ones(({UNITS[0]}, 8), np.float32), np.ones(8)
net = deepnet.Network({UNITS}, seed=0)
net.fit(X, Y, epochs=1, batch_size=8, optimizer="adam", threads=1)
with_adam = kilobytes("RssAnon")
net.fit(X, Y, epochs=1, batch_size=8, optimizer=deepnet.SGD(0.1), threads=1)
print(with_adam - kilobytes("RssAnon"))
"""
    )
    assert int(loss) > 60_000


def test_parameters_that_are_bad_from_the_start_are_named():
    net = network()
    net.parameters["W2"][3, 4] = np.nan
    before = parameters_of(net)
    with pytest.raises(FloatingPointError, match=r"the parameters hold nan or inf already"):
        net.fit(X, Y, epochs=1, batch_size=48)
    assert_same_bits(net, before)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/status")
@pytest.mark.parametrize(("optimizer", "slots"), [("SGD(0.1)", 0), ("Adam(1e-3, clip_norm=1.0)", 2)])
def test_their_training_takes_the_memory_it_may(optimizer, slots):
    """2 + slots times the parameters, the activations of a chunk and 64 MB."""
    loss = run(
        KILOBYTES
        + f"""
units, m = {UNITS}, 600
X, Y = np.ones((units[0], m), np.float32), np.ones((1, m), np.float32)
deepnet.Network([2, 1]).fit(np.ones((2, 4)), np.ones(4), epochs=1, batch_size=2)  # whatever comes once
parameters = 4 * sum(a * b + b for a, b in zip(units, units[1:]))
activations = 4 * 512 * 2 * sum(units)
limit = 1024 * kilobytes("VmData") + (2 + {slots}) * parameters + activations + 64 * 2**20
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
net = deepnet.Network(units, seed=0)
print(net.fit(X, Y, epochs=1, batch_size=m, optimizer=deepnet.{optimizer}, threads=1).loss[0])
"""
    )
    assert 0 < float(loss) < 10
