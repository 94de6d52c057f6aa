"""A network keeps the last plan for the extension: no setting of an earlier call may stay in it."""

import copy

import numpy as np
import pytest

import deepnet
from deepnet import Adam, Momentum, losses
from problems import assert_same_bits, parameters_of

M = 24
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(3, M)), RNG.uniform(0.1, 0.9, size=(2, M))

SETTINGS = {  # each differs from another in one setting
    "default": {},
    "optimizer": {"optimizer": "adam"},
    "learning rate": {"optimizer": Adam(0.02)},
    "beta1": {"optimizer": Adam(0.02, beta1=0.5)},
    "beta2": {"optimizer": Adam(0.02, beta2=0.9)},
    "epsilon": {"optimizer": Adam(0.02, epsilon=1e-2)},
    "epsilon_hat": {"optimizer": Adam(0.02, epsilon=1e-2, epsilon_hat=True)},
    "clip_norm": {"optimizer": Adam(0.02, clip_norm=0.01)},
    "another clip_norm": {"optimizer": Adam(0.02, clip_norm=0.02)},
    "clip_value": {"optimizer": Adam(0.02, clip_value=0.001)},
    "decay": {"optimizer": deepnet.AdamW(0.02, weight_decay=0.1)},
    "another decay": {"optimizer": deepnet.AdamW(0.02, weight_decay=0.2)},
    "momentum": {"optimizer": Momentum(0.02)},
    "rate_inside": {"optimizer": Momentum(0.02, momentum=0.8, rate_inside=True)},
    "schedule": {"optimizer": Momentum(deepnet.schedules.CosineDecay(0.02))},
    "huber": {"loss": losses.huber(0.1)},
    "another delta": {"loss": losses.huber(0.2)},
    "quantile": {"loss": losses.quantile(0.2)},
    "another level": {"loss": losses.quantile(0.7)},
    "loss": {"loss": "huber"},
    "seed": {"seed": 5},
    "order": {"shuffle": False},
    "scale": {"input_scale": 0.5},
    "weights": {"sample_weight": np.linspace(0, 2, M)},
    "examples": {"examples": np.arange(0, M, 2)},
    "batches": {"batch_size": 7},
}
NETWORKS = {
    "plain": {},
    "tanh": {"activation": "tanh"},
    "dropout": {"dropout": 0.3},
    "input dropout": {"input_dropout": 0.2},
    "penalties": {"l2": 0.1, "l1": 0.01},
    "float32": {"dtype": "float32"},
}
SMOOTHED = {
    "default": {},
    "smoothing": {"loss": losses.binary_cross_entropy(0.1)},
    "more smoothing": {"loss": losses.binary_cross_entropy(0.2)},
}


def results(net, setting, start):
    """Train from these parameters: the parameters then, the losses, and what else a plan is made for."""
    net.parameters = start
    net.input_scale = 1.0
    options = {"epochs": 2, "batch_size": 5, "optimizer": "sgd", "seed": 0} | setting
    history = net.fit(X, Y, **options)
    loss = setting.get("loss")
    value, grads = net.loss_and_grads(X, Y, loss=loss)
    net.train_on_batch(X, Y, loss=loss, optimizer="sgd")
    return {"losses": history.loss, "loss": [net.evaluate(X, Y, loss=loss), value], **grads} | parameters_of(
        net
    )


def assert_nothing_stays(fresh, settings):
    """Train with each setting after every other one; a fresh network says what is right."""
    start = parameters_of(fresh)
    expected = {name: results(copy.deepcopy(fresh), setting, start) for name, setting in settings.items()}
    assert len({str(result["losses"]) for result in expected.values()}) == len(settings)  # all have an effect
    net = copy.deepcopy(fresh)
    for before in settings.values():
        for name, setting in settings.items():
            results(net, before, start)
            net._position = copy.copy(fresh._position)  # the place in the stream of dropout
            got = results(net, setting, start)
            for key, right in expected[name].items():
                np.testing.assert_array_equal(got[key], right, err_msg=f"{name} after {before}: {key}")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(options, id=name, marks=() if name == "plain" else pytest.mark.slow)
        for name, options in NETWORKS.items()
    ],
)
def test_a_fit_after_one_with_another_setting_has_the_bits_of_a_fresh_network(options):
    net = deepnet.Network([3, 6, 2], output="identity", seed=1, **{"dtype": "float64"} | options)
    assert_nothing_stays(net, SETTINGS)


def test_label_smoothing_does_not_stay():
    assert_nothing_stays(deepnet.Network([3, 6, 2], seed=1, dtype="float64"), SMOOTHED)


CLASSES = RNG.integers(0, 2, M)
LABELS = [CLASSES, CLASSES[:, None], CLASSES[None], np.eye(2)[CLASSES].T, np.eye(2, dtype=bool)[CLASSES].T]
CALLS = [
    (labels, {} if weights is None else {"sample_weight": weights}, {} if loss is None else {"loss": loss})
    for labels in LABELS
    for weights in (None, np.linspace(0, 2, M), np.arange(M)[:, None], np.ones(M, bool))
    for loss in (None, losses.categorical_cross_entropy(0.1), losses.categorical_cross_entropy(0.3))
    if loss is None or labels.shape == (2, M)
]
WITHOUT_MEMORY = [None, "sgd", deepnet.SGD(0.3), deepnet.SGD(0.1, clip_norm=0.1)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_calls_in_any_order_have_the_bits_of_a_fresh_network(dtype):
    """A copy keeps nothing of earlier calls, so it goes through all checks."""
    net = deepnet.Network([3, 4, 2], output="softmax", seed=0, dtype=dtype)
    rng = np.random.default_rng(1)
    for i in rng.permutation(3 * len(CALLS)) % len(CALLS):
        labels, weights, loss = CALLS[i]
        fresh, other = copy.deepcopy(net), copy.deepcopy(net)
        assert net.evaluate(X, labels, **weights, **loss) == fresh.evaluate(X, labels, **weights, **loss)
        value, grads = net.loss_and_grads(X, labels, **weights, **loss)
        expected, expected_grads = fresh.loss_and_grads(X, labels, **weights, **loss)
        assert value == expected
        assert {key: g.tobytes() for key, g in grads.items()} == {
            key: g.tobytes() for key, g in expected_grads.items()
        }
        optimizer = WITHOUT_MEMORY[rng.integers(len(WITHOUT_MEMORY))]
        given = {"optimizer": optimizer, **weights, **loss}
        other.train_on_batch(X, labels, **given)
        net.train_on_batch(X, labels, **given)
        assert_same_bits(net, other.parameters)


def test_weights_are_checked_in_every_call():
    net = deepnet.Network([3, 4, 2], seed=0)
    for method in (net.train_on_batch, net.evaluate, net.loss_and_grads):
        for _ in range(2):
            method(X, Y, sample_weight=np.ones(M))
            for bad in (-np.ones(M), np.full(M, np.nan), np.ones(M - 1), np.ones(M, complex)):
                with pytest.raises((TypeError, ValueError), match="sample_weight"):
                    method(X, Y, sample_weight=bad)


@pytest.mark.parametrize(("initial", "factor", "steps"), [(0.5, 0.99, 300), (1e-30, 2.0, 100)])
def test_a_schedule_gives_each_call_its_rate(initial, factor, steps):
    """Also where the rates of later steps are beyond the range of float32."""
    schedule = deepnet.schedules.ExponentialDecay(initial, factor)
    net, twin = (deepnet.Network([3, 2], seed=0) for _ in range(2))
    net.optimizer = deepnet.SGD(schedule)
    for step in range(steps):
        net.train_on_batch(X, Y)
        rate = deepnet.schedules.rates(schedule, step, 1)[0]
        twin.train_on_batch(X, Y, optimizer=deepnet.SGD(rate))
    assert_same_bits(net, twin.parameters)
