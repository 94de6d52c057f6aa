"""Dropout and penalties: the fraction that is dropped, where nothing is, and what penalties add to a loss."""

import numpy as np
import pytest

import deepnet
from deepnet import backends
from deepnet.reference.random import dropout_mask
from networks import Unchanged
from problems import assert_same_bits, options, parameters_of, problem, twin_of

pytestmark = pytest.mark.usefixtures("backend")


def dropped_inputs(share, m=1, *, hidden=False, steps=1, units=5000):
    """What the units of a layer count in each step: 0 or 1 / (1 - share).

    A linear network of zeros predicts 0, and its targets are 1: the slope of the last W, m examples together,
    is -2 / m times the sum of what the units before it count, which are 1 where nothing is dropped. The
    parameters are set to 0 again after each step, of rate m / 2.
    """
    if hidden:
        net = deepnet.Network([1, units, 1], "identity", "identity", dropout=share, dtype="float64", seed=0)
    else:
        net = deepnet.Network([units, 1], "relu", "identity", input_dropout=share, dtype="float64", seed=0)
    X, found = np.ones((net.layer_dims[0], m)), []
    for _ in range(steps):
        for p in net.parameters.values():
            p[...] = 0
        if hidden:
            net.parameters["b1"][...] = 1
        net.train_on_batch(X, np.ones(m), optimizer=deepnet.SGD(m / 2))
        found.append(list(net.parameters.values())[-2][0].copy())
    return np.array(found)


@pytest.mark.parametrize("hidden", [True, False])
@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.8, 0.99])
def test_so_many_are_dropped_and_the_others_scaled_up(share, hidden):
    """4 steps of 5000 units: the count is within 5 standard deviations, sqrt(n share (1 - share)), and 1."""
    found = dropped_inputs(share, hidden=hidden, steps=4)
    count = np.count_nonzero(found == 0)
    assert abs(count - found.size * share) <= 5 * np.sqrt(found.size * share * (1 - share)) + 1
    np.testing.assert_allclose(found[found != 0], 1 / (1 - share), rtol=1e-14)


def test_examples_and_steps_and_neighbours_are_dropped_apart():
    """Of pairs that are independent, a quarter are dropped together: 5 standard deviations of 5000 pairs."""
    first, second = dropped_inputs(0.5, steps=2) == 0
    spread = 5 * np.sqrt(5000 * 3 / 16)
    assert abs(np.count_nonzero(first & second) - 1250) < spread
    assert abs(np.count_nonzero(first[1:] & first[:-1]) - 1250) < spread
    both = dropped_inputs(0.5, m=2)[0]
    assert {*both.round(12).tolist()} == {0.0, 2.0, 4.0}  # of two examples none, one or both
    assert abs(np.count_nonzero(both == 0) - 1250) < spread
    assert abs(np.count_nonzero(np.isclose(both, 2)) - 2500) < 5 * np.sqrt(5000 / 4)


def test_the_masks_are_those_of_the_reference():
    """As dropout_mask has it, by number of unit and example; both backends, whatever the batch's place."""
    net = deepnet.Network(
        [70, 1], "relu", "identity", input_dropout=0.4, dtype="float64", initializer="zeros"
    )
    m, seed = 90, 7
    X = np.eye(70)[:, np.arange(m) % 70]  # each example has one input that is not 0
    twin = twin_of(net)
    plan = net._plan(deepnet.LOSSES["mean_squared_error"], deepnet.SGD(1.0))
    run = options((1.0,), batch_size=m, seed=seed, shuffle=False)
    twin.fit(twin.begin_training(), X, np.ones((1, m)), None, plan, run, None)
    net.fit(X, np.ones(m), epochs=1, batch_size=m, seed=seed, shuffle=False, optimizer=deepnet.SGD(1.0))
    kept = dropout_mask(70, m, 0.6, seed, 0, 0)[np.arange(m) % 70, np.arange(m)]
    by_input = np.bincount(np.arange(m) % 70, kept / 0.6 * 2 / m, 70)
    np.testing.assert_allclose(net.parameters["W1"][0], by_input, rtol=1e-13)
    np.testing.assert_allclose(twin.parameters()[0][0], by_input, rtol=1e-13)


def test_predictions_losses_and_gradients_drop_nothing():
    X, Y = problem(6, 50, 2)
    plain, dropping = (
        deepnet.Network([6, 9, 8, 2], dropout=share, input_dropout=share, seed=0) for share in (0.0, 0.6)
    )
    for _ in range(2):
        np.testing.assert_array_equal(dropping.predict(X), plain.predict(X))
        assert dropping.evaluate(X, Y) == plain.evaluate(X, Y)
        expected = plain.loss_and_grads(X, Y)
        loss, grads = dropping.loss_and_grads(X, Y)
        assert loss == expected[0]
        for key, grad in grads.items():
            np.testing.assert_array_equal(grad, expected[1][key])
    before = parameters_of(dropping)
    history = dropping.fit(X, Y, epochs=1, batch_size=50, optimizer=deepnet.SGD(0.0), validation_data=(X, Y))
    assert_same_bits(dropping, before)
    assert history.validation_loss == [plain.evaluate(X, Y)]
    assert history.loss != history.validation_loss


def test_runs_with_dropout_repeat_by_their_seeds():
    X, Y = problem(6, 60)

    def trained(seed, train):
        net = deepnet.Network([6, 9, 1], dropout=0.5, seed=seed)
        train(net)
        return net.parameters["W1"].tobytes()

    def fit(net):
        net.fit(X, Y, epochs=2, batch_size=20, seed=5)

    def step(net):
        for _ in range(3):
            net.train_on_batch(X, Y)

    for train in (fit, step):
        assert trained(1, train) == trained(1, train)
        assert trained(1, train) != trained(2, train)
    assert trained(None, step) != trained(None, step)


def test_optimizers_that_take_turns_do_not_drop_the_same():
    """A new optimizer begins with step 1, but not with the units that were dropped at the first."""
    net = deepnet.Network([500, 1], "relu", "identity", input_dropout=0.5, initializer="zeros", seed=0)
    seen = set()
    for optimizer in [deepnet.SGD(1.0), deepnet.Momentum(1.0)] * 3:
        net.parameters["W1"][...] = 0
        net.parameters["b1"][...] = 0
        net.train_on_batch(np.ones((500, 1)), np.ones(1), optimizer=optimizer)
        seen.add((net.parameters["W1"] == 0).tobytes())
    assert len(seen) == 6


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("dims", "m", "batch_size"), [([6, 40, 30, 2], 100, 32), ([20, 70, 2], 1500, 1300), ([5, 9, 2], 90, 90)]
)
def test_the_number_of_threads_changes_no_bit(dims, m, batch_size, dtype):
    X, Y = problem(dims[0], m, 2, dtype=dtype)
    found = set()
    for threads in (1, 2, 3):
        net = deepnet.Network(
            dims, "tanh", dropout=0.3, input_dropout=0.2, l2=0.01, l1=0.01, dtype=dtype, seed=0
        )
        history = net.fit(
            X,
            Y,
            epochs=3,
            batch_size=batch_size,
            optimizer=deepnet.Adam(0.01, clip_norm=0.5),
            sample_weight=np.linspace(0, 2, m),
            seed=1,
            threads=threads,
        )
        found.add(b"".join(p.tobytes() for p in net.parameters.values()) + np.array(history.loss).tobytes())
    assert len(found) == 1


def test_what_is_dropped_learns_nothing():
    """The slope of the cost with these masks, by central differences of the reference's own forward pass."""
    net = deepnet.Network(
        [4, 7, 6, 2], "tanh", "identity", dropout=0.4, input_dropout=0.3, dtype="float64", seed=0
    )
    X, Y = problem(4, 20, 2, dtype=np.float64)
    with backends.use_backend("numpy"):
        twin = twin_of(net)
    plan = net._plan(deepnet.LOSSES["mean_squared_error"])
    masks = twin._masks(plan, 20, seed=3, step=0)
    _, grads = twin._loss_and_grads(X, Y, None, plan, 1.0, masks)
    h = np.cbrt(2.0**-52)
    for p, grad in zip(twin.parameters(), grads, strict=True):
        for i in np.ndindex(p.shape):
            before, ends = p[i], []
            for step in (h, -h):
                p[i] = before + step
                ends.append(twin._loss_and_grads(X, Y, None, plan, 1.0, masks, loss_only=True)[0])
            p[i] = before
            assert abs((ends[0] - ends[1]) / (2 * h) - grad[i]) < 1e-8


# --- penalties ----------------------------------------------------------------------------------------------


def test_l2_is_the_courses_lambd_over_m():
    """cost + lambd / (2 m) sum(W^2), whose gradient is dW + lambd / m W; biases are free."""
    m, lambd = 50, 0.7
    X, Y = problem(6, m)
    plain, held = (deepnet.Network([6, 5, 1], l2=l2, dtype="float64", seed=0) for l2 in (0.0, lambd / m))
    for net in (plain, held):
        net.parameters["b1"][...] = 0.5
    W = {key: p for key, p in plain.parameters.items() if key[0] == "W"}
    added = lambd / (2 * m) * sum(np.sum(np.square(p)) for p in W.values())
    assert held.evaluate(X, Y) - plain.evaluate(X, Y) == pytest.approx(added, rel=1e-12)
    _, grads = plain.loss_and_grads(X, Y)
    loss, with_penalty = held.loss_and_grads(X, Y)
    assert loss == held.evaluate(X, Y)
    for key, grad in grads.items():
        expected = grad + lambd / m * W[key[1:]] if key[1] == "W" else grad
        np.testing.assert_allclose(with_penalty[key], expected, rtol=1e-12, atol=1e-16)
    before = parameters_of(held)
    returned = held.train_on_batch(X, Y, optimizer=deepnet.SGD(0.3))
    assert returned == pytest.approx(loss, rel=1e-14)
    for key, p in held.parameters.items():
        np.testing.assert_allclose(p, before[key] - 0.3 * with_penalty[f"d{key}"], rtol=1e-12, atol=1e-15)


def test_l1_pulls_each_weight_to_zero_alike():
    X, Y = problem(6, 50)
    plain, held = (deepnet.Network([6, 5, 1], l1=l1, dtype="float64", seed=0) for l1 in (0.0, 0.02))
    for net in (plain, held):
        net.parameters["W1"][0, :3] = 0.0, -0.0, 1e-300
    added = 0.02 * sum(np.abs(p).sum() for key, p in plain.parameters.items() if key[0] == "W")
    assert held.evaluate(X, Y) - plain.evaluate(X, Y) == pytest.approx(added, rel=1e-12)
    grads, with_penalty = (net.loss_and_grads(X, Y)[1] for net in (plain, held))
    for key, grad in grads.items():
        expected = grad + 0.02 * np.sign(plain.parameters[key[1:]]) if key[1] == "W" else grad
        np.testing.assert_allclose(with_penalty[key], expected, rtol=1e-12, atol=1e-16)


def test_penalties_of_single_layers():
    X, Y = problem(6, 50)
    net = deepnet.Network(
        [6, deepnet.Dense(5, "tanh"), deepnet.Dense(1, "sigmoid", l2=0.1)], dtype="float64", seed=0
    )
    plain = deepnet.Network([6, 5, 1], "tanh", dtype="float64", seed=0)
    assert_same_bits(net, plain.parameters)
    added = 0.05 * np.sum(np.square(plain.parameters["W2"]))
    assert net.evaluate(X, Y) - plain.evaluate(X, Y) == pytest.approx(added, rel=1e-12)
    assert net.layers == (deepnet.Dense(5, "tanh"), deepnet.Dense(1, "sigmoid", l2=0.1))
    with Unchanged(X, Y):
        net.fit(X, Y, epochs=1, batch_size=50)


def test_decay_is_not_the_penalty():
    """Decoupled: it comes beside the step of Adam, which a penalty would go through, and no loss has it."""
    X, Y = problem(6, 50)
    nets = [deepnet.Network([6, 5, 1], "tanh", dtype="float64", seed=0, l2=l2) for l2 in (0.0, 0.0, 0.1)]
    rules = [deepnet.Adam(0.01), deepnet.AdamW(0.01, weight_decay=0.1), deepnet.Adam(0.01)]
    start = parameters_of(nets[0])
    losses = [net.train_on_batch(X, Y, optimizer=rule) for net, rule in zip(nets, rules, strict=True)]
    assert losses[0] == losses[1] < losses[2]
    plain, decayed, held = (net.parameters for net in nets)
    np.testing.assert_allclose(decayed["W1"], plain["W1"] - 0.001 * start["W1"], rtol=1e-10)
    np.testing.assert_array_equal(decayed["b1"], plain["b1"])
    assert not np.allclose(held["W1"], decayed["W1"], rtol=1e-4)
