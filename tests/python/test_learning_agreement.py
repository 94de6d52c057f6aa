"""Every activation with every loss and optimizer: the engines against the formulas, within derived bounds."""

import numpy as np
import pytest

import deepnet
from deepnet import ACTIVATIONS, LOSSES, OPTIMIZERS, backends
from problems import (
    ELEMENTWISE,
    USABLE_LOSSES,
    distance,
    is_smooth,
    plan_of,
    pre_activations,
    targets_for,
    twin_of,
)

U = {"float32": 2.0**-24, "float64": 2.0**-53}
DIMS, M = [5, 4, 3], 37  # 37: a panel of examples and a rest, in both dtypes


def prepared(activation, loss, dtype):
    """Return a network, X and Y, from the first seed that avoids kinks (see is_smooth)."""
    output = loss.activation or activation
    for seed in range(1000):
        random = np.random.default_rng(seed)
        net = deepnet.Network(DIMS, [activation, output], dtype=dtype, seed=seed)
        net.parameters["b1"][...] = random.standard_normal((4, 1)) / 4
        X = random.standard_normal((DIMS[0], M)).astype(dtype)
        Y = targets_for(loss, DIMS[-1], M, random).astype(int if loss.takes_classes else dtype)
        if is_smooth(net, X, Y, loss, 1e-3):
            return net, X, Y
    raise AssertionError("no seed keeps all Z away from the kinks")


def bounds(net, X, Y, loss, u):
    """Bounds on the rounding errors of the loss and of dW1, db1, dW2, db2 against exact arithmetic.

    With slopes up to L = 2, curvatures up to 2 and |g(0)| <= 1, which hold for each activation between its
    kinks, |A| <= S = 2 (|W| S_before + |b|) + 1, and a relative error of k u in each of its parts moves A by
    k u S. The slope of the loss moves by at most c times that (c = 2 but for poisson, whose is e^Z), and
    dZ_{l-1} = W^T dZ g'(Z) by (2 + 2 S) |W|^T of what dZ does. k counts the roundings in a chain: the two
    products forward, the two backward, and 16 for the functions (at most 4 ulp each, and conversions).
    """
    W1, b1, W2, b2 = (np.abs(p).astype(float) for p in net.parameters.values())
    *_, Z, _ = pre_activations(net, X)
    S0 = np.abs(X).astype(float)
    S1 = 2 * (W1 @ S0 + b1) + 1
    S2 = 2 * (W2 @ S1 + b2) + 1
    errors = 0 if loss.takes_classes else np.abs(Y)
    curvature = np.exp(Z) if loss.name == "poisson" else 2.0
    T2 = curvature * (S2 + errors) + 2
    T1 = (2 + 2 * S1) * (W2.T @ T2)
    k = sum(DIMS) + sum(DIMS[1:]) + M + 16
    value = (T2 * (S2 + errors)).sum() / M
    grads = [T1 @ S0.T, T1.sum(axis=1, keepdims=True), T2 @ S1.T, T2.sum(axis=1, keepdims=True)]
    return k * u * value, [k * u * bound / M for bound in grads]


@pytest.mark.parametrize("dtype", U)
@pytest.mark.parametrize("loss", USABLE_LOSSES)
@pytest.mark.parametrize("activation", ELEMENTWISE)
def test_the_loss_and_its_gradients_agree_with_the_formulas(activation, loss, dtype, backend):
    """Compared with the NumPy engine in float64, whose errors double the bound of float64 networks."""
    loss = LOSSES[loss]
    net, X, Y = prepared(activation, loss, dtype)
    plan, y = plan_of(net, loss), np.atleast_2d(Y)
    expected, expected_grads = twin_of(net).loss_and_grads(X, y, None, plan, 1.0, 0)
    value_bound, grad_bounds = bounds(net, X, y, loss, U[dtype] + U["float64"])
    value, grads = net.loss_and_grads(X, Y, loss=loss)
    assert abs(value - expected) <= value_bound
    assert abs(net.evaluate(X, Y, loss=loss) - expected) <= value_bound
    for (key, grad), exact, bound in zip(grads.items(), expected_grads.values(), grad_bounds, strict=True):
        assert (np.abs(grad - exact) <= bound).all(), key
        assert grad.any()


def steps_of(optimizer, start, gradients, rate):
    """The parameters after these gradients, in long double, and the sum of the sizes of all that was added.

    The sizes come from the same formulas with |g| for g: what may cancel in them does not.
    """
    parameters = [np.array(p, np.longdouble) for p in start]
    sizes = [np.abs(p) for p in parameters]
    memory, sized = ([[np.zeros_like(p) for _ in range(optimizer.slots)] for p in sizes] for _ in range(2))
    for t, grads in enumerate(gradients, start=1):
        for i, g in enumerate(np.asarray(grad, np.longdouble) for grad in grads):
            before = parameters[i].copy()
            optimizer.update(parameters[i], g, memory[i], rate, t)
            step = np.zeros_like(g)
            optimizer.update(step, np.abs(g), sized[i], rate, t)
            sizes[i] += np.abs(step) + np.abs(before - parameters[i])
    return parameters, sizes


OF_EACH = {name: kind(0.05) for name, kind in OPTIMIZERS.items()} | {
    "adamw": deepnet.AdamW(0.05, weight_decay=0)
}


@pytest.mark.parametrize("dtype", U)
@pytest.mark.parametrize("loss", USABLE_LOSSES)
@pytest.mark.parametrize("activation", ELEMENTWISE)
def test_an_update_agrees_with_the_formula(activation, loss, dtype):
    """Three steps of the extension: each takes the gradient that the network tells beforehand.

    A step rounds at most 20 times (Adam: beta, 1 - beta and their products for both averages, root, sum,
    quotient, rate, difference), what it remembers 6 times a step: 3 (20 + 6) < 80 times u of the sizes.
    """
    loss = LOSSES[loss]
    with backends.use_backend("native"):
        first, X, Y = prepared(activation, loss, dtype)
    start = [p.copy() for p in first.parameters.values()]
    for name, optimizer in OF_EACH.items():
        first.parameters = dict(zip(first.parameters, start, strict=True))
        first.train_on_batch(
            X, Y, optimizer=deepnet.SGD(0.0), loss=loss
        )  # replaces the state of another optimizer
        gradients = []
        for _ in range(3):
            gradients.append(list(first.loss_and_grads(X, Y, loss=loss)[1].values()))
            first.train_on_batch(X, Y, loss=loss, optimizer=optimizer)
        expected, sizes = steps_of(optimizer, start, gradients, 0.05)
        for p, exact, size in zip(first.parameters.values(), expected, sizes, strict=True):
            assert (np.abs(p - exact) <= 80 * U[dtype] * size).all(), name
        assert not np.array_equal(first.parameters["W2"], start[2])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_decay_and_clipping_come_before_the_formula(optimizer, backend):
    """W shrinks by rate * weight_decay, b does not; then the formula takes the gradient that was cut."""
    kind = OPTIMIZERS[optimizer]
    cases = [{"weight_decay": 0.3}, {"clip_value": 0.01}, {"clip_norm": 0.02}, {"clip_norm": 1e6}]
    for settings in cases:
        net, X, Y = prepared("tanh", LOSSES["mean_squared_error"], "float64")
        start = [p.copy() for p in net.parameters.values()]
        grads = list(net.loss_and_grads(X, Y)[1].values())
        net.train_on_batch(X, Y, optimizer=kind(0.05, **settings))
        decay = settings.get("weight_decay", getattr(kind(), "weight_decay", 0.0))
        if "clip_value" in settings:
            grads = [np.clip(g, -0.01, 0.01) for g in grads]
        elif "clip_norm" in settings:
            norm = np.sqrt(sum((g * g).sum() for g in grads))
            grads = [g * min(1, settings["clip_norm"] / (norm + 1e-6)) for g in grads]
        shrunk = [p * (1 - 0.05 * decay) if i % 2 == 0 else p for i, p in enumerate(start)]
        expected, sizes = steps_of(kind(0.05), shrunk, [grads], 0.05)
        for p, exact, size in zip(net.parameters.values(), expected, sizes, strict=True):
            assert (np.abs(p - exact) <= 200 * U["float64"] * size).all(), settings


EVERYTHING = {
    "dropout": {"dropout": 0.3, "input_dropout": 0.1},
    "penalties": {"l2": 0.01, "l1": 0.001},
    "both": {"dropout": 0.3, "input_dropout": 0.1, "l2": 0.01, "l1": 0.001},
}


@pytest.mark.parametrize("loss", USABLE_LOSSES)
@pytest.mark.parametrize("options", EVERYTHING)
def test_a_whole_run_is_the_same_on_both_backends(options, loss):
    """Two epochs of shuffled batches with everything at once; 14 steps lose some digits of 15, 10 remain."""
    loss = LOSSES[loss]
    random = np.random.default_rng(1)
    X, Y = random.standard_normal((6, 100)), targets_for(loss, 3, 100, random)
    runs = []
    for backend in ("native", "numpy"):
        with backends.use_backend(backend):
            net = deepnet.Network(
                [6, 9, 8, 3],
                "tanh",
                loss.activation or "identity",
                dtype="float64",
                seed=3,
                **EVERYTHING[options],
            )
            history = net.fit(
                X,
                Y,
                epochs=2,
                batch_size=16,
                optimizer=deepnet.Nesterov(lambda step: 0.1 / (1 + step), weight_decay=0.01, clip_norm=1.0),
                loss=loss,
                sample_weight=np.linspace(0, 2, 100),
                seed=4,
                validation_data=(X, Y),
            )
        runs.append((net, history))
    (net, history), (other, expected) = runs
    assert distance(net, other.parameters.values()) <= 1e-10
    np.testing.assert_allclose(history.loss, expected.loss, rtol=1e-10)
    np.testing.assert_allclose(history.validation_loss, expected.validation_loss, rtol=1e-10)


def test_every_optimizer_is_tested():
    assert {*ELEMENTWISE, "softmax"} >= {*ACTIVATIONS}
    assert {LOSSES[name].activation for name in {*LOSSES} - {*USABLE_LOSSES}} <= {"softmax"}
    assert OF_EACH.keys() == OPTIMIZERS.keys()
