"""Gradients of losses with penalties and weights equal differences of evaluate: 500 random small networks."""

import numpy as np
import pytest

import deepnet
from deepnet import LOSSES, losses
from problems import ELEMENTWISE, USABLE_LOSSES, is_smooth, pre_activations, targets_for

H = 1e-5
MARGIN = 1000 * H


def random_loss(name, random):
    """Return the loss with a random parameter or label smoothing."""
    smoothing = random.choice([0.0, 0.2])
    made = {
        "huber": lambda: losses.huber(random.uniform(0.3, 2)),
        "quantile": lambda: losses.quantile(random.uniform(0.1, 0.9)),
        "binary_cross_entropy": lambda: losses.binary_cross_entropy(smoothing),
        "categorical_cross_entropy": lambda: losses.categorical_cross_entropy(smoothing),
        "sparse_categorical_cross_entropy": lambda: losses.sparse_categorical_cross_entropy(smoothing),
    }
    return made.get(name, lambda: LOSSES[name])()


def random_network(random):
    """Return a random network of 1 to 3 layers with any activations, penalties, loss, data and weights."""
    loss = random_loss(random.choice(USABLE_LOSSES), random)
    depth, outputs = random.integers(1, 4), int(random.integers(1, 4))
    if loss.activation == "softmax":
        outputs += 1
    layers = [
        deepnet.Dense(
            int(random.integers(1, 4)),
            str(random.choice(ELEMENTWISE)),
            l2=random.choice([0.0, 0.1]),
            l1=random.choice([0.0, 0.05]),
        )
        for _ in range(depth)
    ]
    last = loss.activation or str(random.choice(ELEMENTWISE))
    layers[-1] = deepnet.Dense(outputs, last, l2=layers[-1].l2, l1=layers[-1].l1)
    inputs, m = int(random.integers(1, 4)), int(random.integers(1, 8))
    net = deepnet.Network(
        [inputs, *layers],
        initializer="lecun_normal",
        dtype="float64",
        seed=int(random.integers(2**32)),
        input_dropout=random.choice([0.0, 0.5]),  # which gradients ignore
    )
    for b in list(net.parameters.values())[1::2]:
        b[...] = random.standard_normal(b.shape) / 2
    X, Y = random.standard_normal((inputs, m)), targets_for(loss, outputs, m, random)
    weights = random.choice([None, 1]) and random.uniform(0, 2, m)
    return net, X, Y, {"loss": loss, "sample_weight": weights}


def reach(net, X):
    """How far a step of 1 in one parameter moves any Z or A: slopes are at most 2, and |A| <= 2 |Z| + 1."""
    *Z, _ = pre_activations(net, X)
    largest = max(1, np.abs(X).max(), *(2 * np.abs(z).max() + 1 for z in Z))
    behind = [max(1, 2 * np.abs(W).sum(axis=1).max()) for W in list(net.parameters.values())[2::2]]
    return 2 * largest * np.prod(behind)


def numeric_gradient(net, cost):
    slopes = []
    for p in net.parameters.values():
        for i in np.ndindex(p.shape):
            before, ends = p[i], []
            for step in (H, -H):
                p[i] = before + step
                ends.append(cost())
            p[i] = before
            slopes.append((ends[0] - ends[1]) / (2 * H))
    return np.array(slopes)


@pytest.mark.parametrize("part", range(10))
def test_gradients_equal_central_differences(part, backend):
    """||grad - numeric|| / (||grad|| + ||numeric||) < 1e-7, for 50 networks in each part.

    Slopes jump at Z = 0 and +-3 (relu, leaky_relu, selu, hard_swish), at W = 0 (l1), at A = Y (quantile) and
    at |A - Y| = delta (huber). Networks with any of these closer to a jump than a step of h may move them are
    drawn again. So are those whose slope is 0 by the differences themselves, all units being cut, or so small
    beside the cost that the differences, which have an error of 2^-53 cost / h = 1e-11 cost, cannot tell its
    digits.
    """
    random = np.random.default_rng(part)
    checked = 0
    while checked < 50:
        net, X, Y, options = random_network(random)
        if not is_smooth(net, X, Y, options["loss"], MARGIN) or reach(net, X) * H > MARGIN:
            continue
        numeric = numeric_gradient(net, lambda: net.evaluate(X, Y, **options))  # noqa: B023  called at once
        cost, grads = net.loss_and_grads(X, Y, **options)
        if np.linalg.norm(numeric) < 1e-2 * (1 + abs(cost)):
            continue
        grad = np.concatenate([g.ravel() for g in grads.values()])
        norm = np.linalg.norm
        said = f"{net} {options['loss'].name} {net.layers}"
        assert norm(grad - numeric) < 1e-7 * (norm(grad) + norm(numeric)), said
        checked += 1


def test_a_jump_is_seen():
    """The check above would prove nothing if it drew every network again, or none."""
    random = np.random.default_rng(0)
    drawn = [random_network(random) for _ in range(200)]
    smooth = [is_smooth(net, X, Y, options["loss"], MARGIN) for net, X, Y, options in drawn]
    assert 0.3 < np.mean(smooth) < 0.95
    assert np.mean([reach(net, X) * H < MARGIN for net, X, *_ in drawn]) > 0.9
    assert {options["loss"].name for *_, options in drawn} == {*USABLE_LOSSES}
    used = {layer.activation for net, *_ in drawn for layer in net.layers}
    assert used >= {*ELEMENTWISE}
