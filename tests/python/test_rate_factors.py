"""Plans with a learning rate of their own for each W and b, and with learnt scales of the features."""

from dataclasses import replace

import numpy as np
import pytest

import deepnet
from deepnet.engine_errors import NonFinite
from deepnet.losses import find_loss
from deepnet.plan import LayerPlan, Plan
from problems import assert_same_bits, examples, fit, network, parameters_of, problem

pytestmark = pytest.mark.usefixtures("backend")

ADAM = deepnet.Adam(beta2=0.95)
PLAN = Plan(find_loss("binary_cross_entropy"), ADAM)
RATES = (0.5, 0.1), (2.0, 0.0)
KINDS = [deepnet.SGD(), deepnet.Momentum(), deepnet.Momentum(rate_inside=True), ADAM, deepnet.AdamW()]


# --- factors of the rate ------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", KINDS, ids=repr)
def test_each_parameter_learns_at_its_own_rate(optimizer):
    """As in a network trained at that rate as a whole; one batch, since others see all parameters."""
    data, plan = examples(), replace(PLAN, optimizer=optimizer, rates=RATES)
    net = network()
    before = parameters_of(net)
    fit(net, plan, data, batch_size=90, rates=(0.1,))
    for key, factor in zip(before, np.ravel(RATES), strict=True):
        alone = network()
        fit(alone, replace(plan, rates=()), data, batch_size=90, rates=(0.1 * factor,))
        np.testing.assert_allclose(net.parameters[key], alone.parameters[key], rtol=1e-13, atol=1e-16)
        assert np.array_equal(net.parameters[key], before[key]) == (factor == 0)


# --- scales of the features ---------------------------------------------------------------------------------

SCALED = replace(PLAN, rates=RATES, feature_rate=3.0)


def scaled_by_hand(net, X, Y, optimizer, rates, feature_rate, steps):
    """Train U, s and the rest with the optimizer's formula; W1 = U diag(s)."""
    U, *rest = [p.copy() for p in net.parameters.values()]
    s = np.ones((1, U.shape[1]))
    learnt = [U, *rest, s]
    slots = [[np.zeros_like(p) for _ in range(optimizer.slots)] for p in learnt]
    factors = [*np.ravel(rates), feature_rate]
    twin = network()
    for t, rate in enumerate(steps, start=1):
        twin.parameters = dict(zip(twin.parameters, [U * s, *rest], strict=True))
        dW, *grads = twin.loss_and_grads(X, Y)[1].values()
        grads = [dW * s, *grads, (dW * U).sum(axis=0, keepdims=True)]
        for i, (p, g, slot, factor) in enumerate(zip(learnt, grads, slots, factors, strict=True)):
            if i in (0, 2):
                p -= rate * factor * optimizer.weight_decay * p
            optimizer.update(p, g, slot, rate * factor, t)
    return [U * s, *rest], s


@pytest.mark.parametrize("optimizer", KINDS, ids=repr)
def test_scales_of_the_features_are_learnt_as_a_layer_of_their_own_would_be(optimizer):
    X, Y, _ = examples()
    net, steps = network(), [0.05, 0.02, 0.1, 0.03, 0.05]
    expected, s = scaled_by_hand(net, X, Y, optimizer, RATES, 3.0, steps)
    assert np.abs(s - 1).max() > 0.01  # they matter
    plan = replace(SCALED, optimizer=optimizer)
    fit(net, plan, (X, Y, None), batch_size=90, shuffle=False, epochs=5, rates=steps)
    for p, q in zip(net.parameters.values(), expected, strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-10, atol=1e-13)


def test_scales_are_kept_from_call_to_call():
    data, whole, parts = examples(), network(), network()
    fit(whole, SCALED, data, epochs=4)
    for epoch in range(4):
        fit(parts, SCALED, data, first_epoch=epoch)
    assert_same_bits(parts, parameters_of(whole))
    fit(parts, SCALED, data)  # a run of its own begins with scales of 1
    other = deepnet.Network.from_parameters(whole.parameters, "tanh")
    fit(other, SCALED, data)
    assert_same_bits(parts, parameters_of(other))


def test_weights_that_were_assigned_in_between_are_learnt_from():
    data, net = examples(), network()
    fit(net, SCALED, data)
    net.parameters["W1"] = np.full((5, 6), 0.25)
    fit(net, SCALED, data, first_epoch=1, rates=(0.0,))
    np.testing.assert_array_equal(net.parameters["W1"], np.full((5, 6), 0.25))
    fit(net, SCALED, data, first_epoch=1)
    assert 0 < np.abs(net.parameters["W1"] - 0.25).max() < 0.2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads_and_chunks_change_no_bit(dtype):
    """A batch of 1,500 examples has several chunks, and a layer of 200 units several blocks."""
    found = []
    for threads in (1, 2, 3):
        net = deepnet.Network([130, 200, 1], "tanh", dtype=dtype, seed=0)
        X, Y = problem(130, 1500, dtype=np.float64)
        fit(net, SCALED, (X, Y, None), batch_size=1500, epochs=3, threads=threads)
        found.append(parameters_of(net))
    for other in found[1:]:
        for key, p in other.items():
            np.testing.assert_array_equal(p, found[0][key])


def test_an_update_that_is_not_finite_is_taken_back_with_the_scales():
    """The parameters are those before it, and training goes on from there as if it had not been tried."""
    X, Y, _ = examples()
    bad = X.copy()
    bad[0, 50] = np.inf
    net, other = network(), network()
    with pytest.raises(NonFinite):
        fit(net, SCALED, (bad, Y, None), batch_size=30, shuffle=False)
    fit(other, SCALED, (X[:, :30], Y[:, :30], None), batch_size=30, shuffle=False)
    assert_same_bits(net, parameters_of(other))
    for each in (net, other):
        fit(each, SCALED, (X, Y, None), first_epoch=1)
    assert_same_bits(net, parameters_of(other))


def test_what_scales_do_not_go_with_is_refused():
    for changes in (
        {"layers": (LayerPlan(l2=0.1), LayerPlan())},
        {"optimizer": deepnet.Adam(clip_norm=1.0)},
        {"optimizer": deepnet.Adam(clip_value=1.0)},
    ):
        with pytest.raises(ValueError, match="feature_rate goes with neither"):
            replace(SCALED, **changes)
    replace(SCALED, layers=(LayerPlan(dropout=0.1), LayerPlan(l2=0.1)))
