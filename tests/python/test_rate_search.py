"""The search for a learning rate."""

import numpy as np
import pytest

import deepnet
from networks import Unchanged
from problems import problem

X, Y = problem(6, 200)


def network(**options):
    return deepnet.Network([6, 8, 1], "tanh", seed=1, **options)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", deepnet.Momentum(3.0)])
def test_the_network_stays_as_it_is_and_the_suggestion_trains_it(optimizer, backend):
    net = network(input_scale=0.5)
    with Unchanged(net.parameters):
        search = deepnet.find_learning_rate(net, X, Y, optimizer=optimizer, seed=0)
    assert (net.optimizer, net._position.batches) == (deepnet.SGD(), 0)
    assert search.rates[0] == 1e-6
    assert len(search.rates) == len(search.losses)
    assert 1e-6 < search.suggestion < search.rates[-1]
    kind = (
        deepnet.OPTIMIZERS["momentum"]
        if isinstance(optimizer, deepnet.Momentum)
        else deepnet.OPTIMIZERS[optimizer]
    )
    before = net.evaluate(X, Y)
    net.fit(X, Y, epochs=20, batch_size=32, optimizer=kind(search.suggestion), seed=0)
    assert net.evaluate(X, Y) < before


def test_the_seed_determines_the_result():
    first, same, other = (deepnet.find_learning_rate(network(), X, Y, seed=seed) for seed in (1, 1, 2))
    assert first.losses.tolist() == same.losses.tolist()
    assert first.losses.tolist() != other.losses.tolist()


def test_a_loss_that_diverges_ends_the_search():
    net = deepnet.Network([6, 8, 1], "relu", "identity", seed=1)
    search = deepnet.find_learning_rate(net, 100 * X, Y, high=1e6, seed=0)
    assert len(search.rates) < 100
    assert np.isfinite(search.losses).all()


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"net": None}, TypeError, "net is None, but must be a Network"),
        ({"high": 1e-7}, ValueError, "high is 1e-07, but must be more than 1e-06"),
        ({"low": 0}, ValueError, "low is 0, but must be"),
        ({"steps": 9}, ValueError, "steps is 9, but must be"),
        ({"batch_size": 0}, ValueError, "batch_size is 0, but must be"),
        ({"X": X[:5]}, ValueError, "X has 5 rows, but the network has 6 inputs"),
        ({"X": X * np.nan}, FloatingPointError, "nan"),
    ],
)
def test_what_does_not_fit_is_named(changes, kind, words):
    with pytest.raises(kind, match=words):
        deepnet.find_learning_rate(**{"net": network(), "X": X, "Y": Y, "seed": 0} | changes)
