"""Losses that are not finite: the error, and the parameters that remain."""

import copy
import tracemalloc

import numpy as np
import pytest

import deepnet
from deepnet._validation.examples import first_not_finite
from deepnet._validation.labels import PART
from networks import Unchanged
from problems import assert_same_bits, parameters_of, problem, sgd

pytestmark = pytest.mark.usefixtures("backend")

X, Y = problem(6, 20)
Y2 = problem(6, 20, 3)[1]
NAN = X.copy()
NAN[2, 7] = np.nan
FIT = {"epochs": 1, "batch_size": 5}


def test_a_run_that_diverges_keeps_the_last_finite_parameters():
    """Another network takes its steps one by one: the loss of step k is nan, that of step k - 1 is not."""
    net = deepnet.Network([6, 5, 3], "relu", "identity", seed=0)
    other = copy.deepcopy(net)
    with pytest.raises(FloatingPointError) as caught:
        net.fit(X, Y2, epochs=1000, batch_size=20, optimizer=sgd(30.0))
    message = str(caught.value)
    assert "of 1000, batch 1 of 1. The parameters are those before the update that went wrong" in message
    assert "try a smaller learning rate than 30" in message
    epoch = int(message.split("in epoch ")[1].split(" ")[0])
    assert all(np.isfinite(p).all() for p in net.parameters.values())
    for _ in range(epoch - 1):
        last = parameters_of(other)
        other.train_on_batch(X, Y2, optimizer=sgd(30.0))
    if all(np.isfinite(p).all() for p in other.parameters.values()):
        last = parameters_of(other)
    with pytest.raises(FloatingPointError):
        other.train_on_batch(X, Y2, optimizer=sgd(30.0))
    assert_same_bits(net, last)


def explosive(batches, bad, size=20):
    """A network of zeros, and data that leave it so but for one batch: its update makes b2 infinite."""
    net = deepnet.Network([6, 5, 3], "relu", "identity", initializer="zeros")
    x, y = np.tile(X, batches), np.zeros((3, size * batches), np.float32)
    y[:, size * bad : size * (bad + 1)] = 1e15
    return net, x, y, {"batch_size": size, "optimizer": sgd(1e30), "shuffle": False}


@pytest.mark.parametrize("bad", [0, 1, 62, 63, 64, 65, 126, 127, 128])
def test_the_last_finite_parameters_are_kept_whenever_it_happens(bad):
    net, x, y, run = explosive(bad + 3, bad)
    with pytest.raises(
        FloatingPointError, match=rf"batch {bad + 2} of {bad + 3}.*try a smaller learning rate"
    ):
        net.fit(x, y, epochs=1, **run)
    assert not any(p.any() for p in net.parameters.values())


@pytest.mark.parametrize("epochs", [1, 3])
@pytest.mark.parametrize("batches", [1, 5, 64, 65])
def test_the_last_finite_parameters_are_kept_at_the_end_of_an_epoch(batches, epochs):
    net, x, y, run = explosive(batches, batches - 1)
    with pytest.raises(FloatingPointError, match="try a smaller learning rate"):
        net.fit(x, y, epochs=epochs, callbacks=[lambda *_: None], **run)
    assert not any(p.any() for p in net.parameters.values())


def test_bad_data_are_named():
    net = deepnet.Network([6, 4, 1], seed=0)
    with pytest.raises(
        FloatingPointError, match=r"the loss is nan in epoch 1 of 3, batch 1 of 1: X\[2, 7\] is nan"
    ):
        net.fit(NAN, Y, epochs=3, batch_size=50)
    for x in (np.asfortranarray(NAN), NAN.astype(np.float16), np.repeat(NAN, 2, axis=0)[::2]):
        before = parameters_of(net)
        with pytest.raises(FloatingPointError, match=r"X\[2, 7\] is nan"):
            net.train_on_batch(x, Y)
        assert_same_bits(net, before)
    huge = X.astype(float)
    huge[1, 3] = 1e200
    with pytest.raises(FloatingPointError, match=r"X\[1, 3\] is 1e\+200, beyond the range of float32"):
        net.train_on_batch(huge, Y)
    linear = deepnet.Network([6, 3], "relu", "identity", seed=0)
    bad = Y2.astype(float)
    bad[2, 5] = -np.inf
    with pytest.raises(FloatingPointError, match=r"the loss is inf .*: Y\[2, 5\] is -inf"):
        linear.train_on_batch(X, bad)


def test_bad_parameters_are_named():
    net = deepnet.Network([6, 4, 1], seed=0)
    net.parameters["W1"][0, 0] = np.nan
    for call in (lambda: net.fit(X, Y, **FIT), lambda: net.train_on_batch(X, Y)):
        with pytest.raises(
            FloatingPointError, match=r"the parameters hold nan or inf already \(net.parameters\)"
        ):
            call()
    assert np.isnan(net.evaluate(X, Y))


@pytest.mark.parametrize("key", ["W1", "b2"])
def test_large_parameters_are_named(key):
    """Before the first update the learning rate has no part in it; later it may have."""
    net = deepnet.Network([6, 4, 3], "relu", "identity", seed=0)
    net.parameters[key][2, 0] = -1e30
    named = rf"those before the update that went wrong. {key}\[2, 0\] is -1e\+30: start from smaller ones"
    with pytest.raises(FloatingPointError, match=rf"in epoch 1 of 1, batch 1 of 4.*{named}$"):
        net.fit(X, Y2, shuffle=False, **FIT)
    with pytest.raises(FloatingPointError, match=rf"{named}, and try a smaller learning rate than 0.01$"):
        net.train_on_batch(X, Y2)


# --- gradients and penalties that overflow ------------------------------------------------------------------


def steep(scale, dtype="float32"):
    """A unit that says 0, where `scale` is right."""
    net = deepnet.Network([2, 1], output="identity", initializer="zeros", dtype=dtype)
    return net, np.array([[1.0, 1.0], [-2.0, -2.0]]), np.array([[scale, scale]])


def test_gradients_are_clipped_to_a_norm_however_large_they_are():
    """Their squares are beyond the range of float32."""
    for factor in (1.0, 1e10, 1e19):
        net, x, y = steep(3e18)
        loss = net.train_on_batch(x * factor, y, optimizer=deepnet.SGD(1.0, clip_norm=2.0))
        assert np.isfinite(loss)
        W = net.parameters["W1"][0].astype(float)
        b = float(net.parameters["b1"][0, 0])
        g = np.array([factor, -2 * factor, 1.0])
        np.testing.assert_allclose([*W, b], 2 * g / np.linalg.norm(g), rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.filterwarnings("ignore:row . of X has values of size:UserWarning")
def test_no_update_has_the_direction_of_an_infinite_gradient(dtype):
    largest = float(np.finfo(dtype).max)
    net, x, y = steep(np.sqrt(largest) / 4, dtype)
    x = x * (np.sqrt(largest) / 4) * 16
    before = parameters_of(net)
    for optimizer in (deepnet.SGD(0.1, clip_norm=1.0), deepnet.Adam(clip_norm=1.0)):
        with pytest.raises(FloatingPointError, match="which was not made"):
            net.train_on_batch(x, y, optimizer=optimizer)
        assert_same_bits(net, before)
        with pytest.raises(FloatingPointError, match="in epoch 1 of 3, batch 1 of 1"):
            net.fit(x, y, epochs=3, batch_size=2, optimizer=optimizer)
        assert_same_bits(net, before)


def test_a_penalty_that_overflows_is_named():
    net = deepnet.Network([6, 1], l2=1e-3, seed=0)
    net.parameters["W1"][...] = 1e25
    before = parameters_of(net)
    x, y = np.zeros((6, 3)), np.zeros(3)
    with Unchanged(x, y), pytest.raises(FloatingPointError, match="the loss is inf before this update") as e:
        net.train_on_batch(x, y)
    made = any((p != q).any() for p, q in zip(net.parameters.values(), before.values(), strict=True))
    assert ("which was made" in str(e.value)) == made
    assert all(np.isfinite(p).all() for p in net.parameters.values())


@pytest.mark.parametrize("shape", [(2, 1_500_000), (1_500_000, 2), (3000, 1000)])
@pytest.mark.parametrize("turned", [False, True])
def test_the_search_for_an_entry_needs_little_memory(shape, turned):
    array = np.zeros(shape, np.float16).T if turned else np.zeros(shape, np.float16)
    at = array.shape[0] - 1, array.shape[1] - 2
    array[at] = np.inf
    tracemalloc.start()
    try:
        found = first_not_finite("X", array, np.dtype(np.float64), 1.0)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == f"X[{at[0]}, {at[1]}] is inf"
    assert most < 40 * PART
