"""Plans that divide losses and penalties by the weights of a batch; orders of the examples from outside."""

from dataclasses import replace

import numpy as np
import pytest

import deepnet
from deepnet.losses import find_loss
from deepnet.plan import LayerPlan, Plan
from problems import assert_same_bits, examples, fit, network, parameters_of

pytestmark = pytest.mark.usefixtures("backend")

LAYERS = LayerPlan(l2=0.3, l1=0.02), LayerPlan(l2=0.1)
PLAN = Plan(find_loss("binary_cross_entropy"), deepnet.SGD(), LAYERS, normalized=True)


def test_the_objective_is_the_sum_of_losses_and_penalties_over_the_sum_of_weights():
    net, (X, Y, weights) = network(), examples()
    engine, prepared = net._engine_for(PLAN)
    plain, bare = net._engine_for(Plan(PLAN.loss)), net._engine_for(replace(PLAN, normalized=False))
    for w in (weights, None):
        total = X.shape[1] if w is None else w.sum()
        share = X.shape[1] / total
        loss, grads = plain[0].loss_and_grads(X, Y, w, plain[1], 1.0, 1)
        penalised, _ = bare[0].loss_and_grads(X, Y, w, bare[1], 1.0, 1)
        value, found = engine.loss_and_grads(X, Y, w, prepared, 1.0, 1)
        assert value == pytest.approx(loss * share + (penalised - loss) / total, rel=1e-13)
        assert engine.evaluate(X, Y, w, prepared, 1.0, 1) == pytest.approx(value, rel=1e-13)
        for i, (g, expected) in enumerate(zip(found.values(), grads.values(), strict=True)):
            p = engine.parameters()[i]
            l2, l1 = (LAYERS[i // 2].l2, LAYERS[i // 2].l1) if i % 2 == 0 else (0, 0)
            np.testing.assert_allclose(
                g, expected * share + (l2 * p + l1 * np.sign(p)) / total, rtol=1e-11, atol=1e-15
            )


@pytest.mark.parametrize("layers", [LAYERS, ()])
@pytest.mark.parametrize("kind", [deepnet.SGD, deepnet.Momentum, deepnet.Adam])
@pytest.mark.parametrize("clip", [None, 0.05])
def test_each_step_follows_the_gradient_of_its_batch(kind, clip, layers):
    """One epoch of batches, the last one smaller, is the same as one update after the other."""
    plan = replace(PLAN, optimizer=kind(0.1, clip_norm=clip), layers=layers)
    X, Y, weights = examples()
    net, other = network(), network()
    losses = fit(net, plan, (X, Y, weights), rates=(0.1,), shuffle=False)
    engine, prepared = other._engine_for(plan)
    total = 0.0
    for first in range(0, 90, 32):
        part = slice(first, first + 32)
        batch = X[:, part], Y[:, part], weights[part]
        total += engine.train_on_batch(*batch, prepared, 0.1, 0, 1.0, 1) * len(weights[part])
    np.testing.assert_allclose(losses, [total / 90], rtol=1e-13)
    for p, q in zip(net.parameters.values(), other.parameters.values(), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-11, atol=1e-15)


def test_a_batch_without_weight_changes_nothing():
    net, (X, Y, weights) = network(), examples()
    before = parameters_of(net)
    losses = fit(net, PLAN, (X, Y, np.zeros_like(weights)))
    np.testing.assert_array_equal(losses, [0.0])
    assert_same_bits(net, before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads_and_chunks_change_no_bit(dtype):
    """A batch of 1,500 examples has several chunks."""
    found = []
    for threads in (1, 2, 3):
        net = network(dtype)
        X, Y, weights = examples(1500)
        fit(
            net,
            replace(PLAN, optimizer=deepnet.Adam()),
            (X, Y, weights),
            batch_size=1500,
            epochs=3,
            threads=threads,
        )
        found.append(parameters_of(net))
    for other in found[1:]:
        for key, p in other.items():
            np.testing.assert_array_equal(p, found[0][key])


# --- orders -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [16, 200])
def test_an_order_takes_the_examples_it_names(size):
    """The same bits as those examples alone, in that order: a part of them, some twice."""
    X, Y, weights = examples()
    order = np.random.default_rng(3).integers(0, 90, (2, 70), dtype=np.uint32)
    net, other = network(), network()
    plan = replace(PLAN, optimizer=deepnet.Adam())
    losses = fit(net, plan, (X, Y, weights), order=order, epochs=2, batch_size=size)
    for epoch, row in enumerate(order):
        part = X[:, row], Y[:, row], weights[row]
        expected = fit(other, plan, part, shuffle=False, first_epoch=epoch, batch_size=size)
        np.testing.assert_array_equal(losses[epoch : epoch + 1], expected)
    assert_same_bits(net, parameters_of(other))


def test_the_engine_refuses_orders_that_it_cannot_use():
    with deepnet.use_backend("native"):  # indexing by NumPy checks the order
        net, data = network(), examples()
    for order, error in [
        (np.full((1, 5), 90, np.uint32), ValueError),
        (np.zeros((2, 5), np.uint32), ValueError),
        (np.zeros((1, 0), np.uint32), ValueError),
        (np.zeros((1, 5), np.int64), TypeError),
        (np.zeros((1, 10), np.uint32)[:, ::2], TypeError),
    ]:
        with pytest.raises(error, match="order"):
            fit(net, PLAN, data, order=order)


# --- what optimizers do by other libraries' conventions -----------------------------------------------------


@pytest.mark.parametrize("kind", [deepnet.Momentum, deepnet.Nesterov])
def test_momentum_with_the_rate_inside_keeps_the_old_rates_of_old_gradients(kind):
    """As scikit-learn: v = mu v - rate g; p += v, or with Nesterov p += mu v - rate g."""
    X, Y, _ = examples(20)
    net = network()
    p, v = [q.copy() for q in net.parameters.values()], [0.0] * 4
    for rate in (0.5, 0.1, 0.7, 0.0, 0.2):
        grads = list(net.loss_and_grads(X, Y)[1].values())
        net.train_on_batch(X, Y, optimizer=kind(rate, 0.8, rate_inside=True))
        v = [0.8 * old - rate * g for old, g in zip(v, grads, strict=True)]
        ahead = kind is deepnet.Nesterov
        steps = [0.8 * new - rate * g if ahead else new for new, g in zip(v, grads, strict=True)]
        for q, expected, step in zip(net.parameters.values(), p, steps, strict=True):
            np.testing.assert_allclose(q, expected + step, rtol=1e-12, atol=1e-14)
        p = [q.copy() for q in net.parameters.values()]


def test_adam_with_epsilon_hat_adds_it_before_the_correction():
    X, Y, _ = examples(20)
    net, epsilon = network(), 0.1
    p, m, s = [q.copy() for q in net.parameters.values()], [0.0] * 4, [0.0] * 4
    for t in range(1, 20):
        grads = list(net.loss_and_grads(X, Y)[1].values())
        net.train_on_batch(X, Y, optimizer=deepnet.Adam(0.01, epsilon=epsilon, epsilon_hat=True))
        m = [0.9 * old + 0.1 * g for old, g in zip(m, grads, strict=True)]
        s = [0.999 * old + 0.001 * g**2 for old, g in zip(s, grads, strict=True)]
        rate = 0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        for i, q in enumerate(net.parameters.values()):
            p[i] = p[i] - rate * m[i] / (np.sqrt(s[i]) + epsilon)
            np.testing.assert_allclose(q, p[i], rtol=1e-10, atol=1e-14)
