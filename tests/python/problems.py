"""Small data sets and networks to train, and the NumPy twin that says what must come out."""

import numpy as np

import deepnet
from deepnet import reference
from deepnet.losses import find_loss, loss_for


def problem(n=6, m=100, outputs=1, *, seed=0, dtype=np.float32):
    """Return X (n, m) and labels Y (outputs, m) that depend on it."""
    random = np.random.default_rng(seed)
    X = random.standard_normal((n, m)).astype(dtype)
    Y = (random.standard_normal((outputs, n)) @ X > 0).astype(np.uint8)
    return X, Y


def twin_of(net):
    """Return the NumPy engine with the network's parameters, in float64."""
    twin = reference.Engine(net.layer_dims, net._g, np.float64)
    for p, value in zip(twin.parameters(), net.parameters.values(), strict=True):
        p[...] = value
    return twin


def plan_of(net, loss=None, optimizer=None):
    """Return what a network tells its engine, for its twin."""
    loss = loss_for(net.activations[-1]) if loss is None else loss
    return net._plan(find_loss(loss) if isinstance(loss, str) else loss, optimizer or net.optimizer)


def options(rates=(0.01,), **changes):
    """Return what an engine's fit takes beside data and plan."""
    defaults = {
        "epochs": 1,
        "batch_size": 32,
        "learning_rates": np.array(rates, float),
        "shuffle": True,
        "seed": 0,
        "first_epoch": 0,
        "threads": 0,
        "input_scale": 1.0,
    }
    return defaults | changes


def parameters_of(net):
    return {key: p.copy() for key, p in net.parameters.items()}


def assert_same_bits(net, parameters):
    for key, p in net.parameters.items():
        np.testing.assert_array_equal(p, parameters[key], err_msg=key)


def distance(net, expected):
    """The largest difference of any parameter array from its twin, relative to its norm."""
    pairs = zip(net.parameters.values(), expected, strict=True)
    return max(np.linalg.norm(p - e) / max(np.linalg.norm(e), 1e-3) for p, e in pairs)


def sgd(rate):
    return deepnet.SGD(rate)
