"""Small data sets and networks to train, and the NumPy engine with the expected results."""

import numpy as np

import deepnet
from deepnet import ACTIVATIONS, LOSSES, reference
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
    """Return the plan of a network, for the NumPy engine."""
    loss = loss_for(net.activations[-1]) if loss is None else loss
    return net._plan(find_loss(loss) if isinstance(loss, str) else loss, optimizer or net.optimizer)


def options(rates=(0.01,), **changes):
    """Return the options of an engine's fit."""
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


def network(dtype="float64"):
    """Return a small network for `fit`."""
    return deepnet.Network([6, 5, 1], "tanh", dtype=dtype, seed=0)


def examples(m=90):
    """Return X, Y and weights, some of them 0, for that network."""
    X, Y = problem(6, m, dtype=np.float64)
    return X, Y, np.random.default_rng(1).integers(0, 4, m).astype(float)


def fit(net, plan, data, **changes):
    """Train a network by a plan of the test's own; returns the losses."""
    engine, prepared = net._engine_for(plan)
    with engine.begin_training() as hold:
        return engine.fit(hold, *data, prepared, options(**changes), None)[0]


def parameters_of(net):
    return {key: p.copy() for key, p in net.parameters.items()}


def assert_same_bits(net, parameters):
    for key, p in net.parameters.items():
        np.testing.assert_array_equal(p, parameters[key], err_msg=key)


def distance(net, expected):
    """Return the largest difference of a parameter array from the expected one, relative to its norm."""
    pairs = zip(net.parameters.values(), expected, strict=True)
    return max(np.linalg.norm(p - e) / max(np.linalg.norm(e), 1e-3) for p, e in pairs)


def sgd(rate):
    return deepnet.SGD(rate)


# The losses of this build with an output activation each.
ELEMENTWISE = [name for name, entry in ACTIVATIONS.items() if not getattr(entry, "whole_columns", False)]
USABLE_LOSSES = [name for name, loss in LOSSES.items() if loss.activation in (None, *ACTIVATIONS)]
KINKS = 0.0, 3.0, -3.0  # where the slope of some activation jumps


def targets_for(loss, outputs, m, random):
    """Return labels that follow the rule of the loss."""
    classes = random.integers(outputs, size=m)
    if loss.takes_classes:
        return classes
    if loss.activation == "softmax":
        return np.eye(outputs)[:, classes]
    if loss.activation == "sigmoid":
        return random.integers(2, size=(outputs, m))
    if loss.activation == "identity":
        return random.poisson(2.0, (outputs, m)).astype(float)
    return random.standard_normal((outputs, m))


def pre_activations(net, X):
    """Return Z1, ..., ZL and AL of a network in float64."""
    A, Z = X.astype(float), []
    for W, b, activation in twin_of(net).layers:
        Z.append(W @ A + b)
        A = activation.forward(Z[-1])
    return [*Z, A]


def is_smooth(net, X, Y, loss, margin):
    """Return True if every Z, W and error is further than `margin` from where a slope jumps."""
    *Z, A = pre_activations(net, X)
    places = [np.abs(z - kink).min() for z in Z for kink in KINKS]
    places += [np.abs(p).min() for key, p in net.parameters.items() if key[0] == "W"]
    if loss.activation is None:
        error = np.abs(A - Y)
        places += [error.min(), np.abs(error - loss.parameter).min()]
    return min(places) > margin
