"""Weights of examples and classes, in training and validation; label smoothing; class numbers as targets."""

import dataclasses
import functools
import pickle
import re
import tracemalloc

import numpy as np
import pytest

import deepnet
from deepnet import LOSSES, losses
from deepnet._validation.weights import example_weights
from problems import USABLE_LOSSES, problem, targets_for

pytestmark = pytest.mark.usefixtures("backend")

RTOL = 1e-12  # float64; a few hundred roundings


def network(outputs, output="sigmoid", **settings):
    return deepnet.Network([6, 5, outputs], "tanh", output, dtype="float64", seed=0, **settings)


def prepared(loss, outputs=3, m=40):
    random = np.random.default_rng(2)
    return (
        network(outputs, loss.activation or "identity"),
        random.standard_normal((6, m)),
        targets_for(loss, outputs, m, random),
    )


@pytest.mark.parametrize("name", USABLE_LOSSES)
def test_an_example_counts_as_often_as_its_weight_says(name):
    """Weights 0, 1, 2, ... are the data with each example so many times; the mean is still over m."""
    loss = LOSSES[name]
    net, X, Y = prepared(loss)
    m = X.shape[1]
    times = np.arange(m) % 4
    repeated = np.repeat(np.arange(m), times)
    share = len(repeated) / m
    expected, expected_grads = net.loss_and_grads(X[:, repeated], Y[..., repeated], loss=loss)
    for weights in (
        times,
        times.astype(np.float32),
        times.astype(np.uint8)[np.newaxis],
        np.repeat(times, 2)[::2],
    ):
        value, grads = net.loss_and_grads(X, Y, loss=loss, sample_weight=weights)
        assert value == pytest.approx(expected * share, rel=RTOL)
        assert net.evaluate(X, Y, loss=loss, sample_weight=weights) == pytest.approx(value, rel=RTOL)
        for key, grad in grads.items():
            np.testing.assert_allclose(grad, expected_grads[key] * share, rtol=RTOL, atol=1e-14)


def test_penalties_are_not_weighted():
    X, Y = problem(6, 30, dtype=np.float64)
    plain, held = network(1), network(1, l2=0.3)
    none = np.zeros(30)
    assert plain.evaluate(X, Y, sample_weight=none) == 0
    added = 0.15 * sum(np.sum(np.square(p)) for key, p in held.parameters.items() if key[0] == "W")
    assert held.evaluate(X, Y, sample_weight=none) == pytest.approx(added, rel=RTOL)


@pytest.mark.parametrize("train", ["fit", "train_on_batch"])
def test_weights_reach_the_updates_in_any_order(train):
    """A run in which half of the examples weigh nothing is one with their labels turned round, too."""
    X, Y = problem(6, 64, dtype=np.float64)
    weights = np.arange(64) % 2
    nets = network(1), network(1), network(1)
    labels = Y, np.where(weights, Y, 1 - Y), 1 - Y
    for net, y in zip(nets, labels, strict=True):
        if train == "fit":
            net.fit(
                X, y, epochs=3, batch_size=10, sample_weight=weights, seed=1, optimizer=deepnet.Adam(0.01)
            )
        else:
            net.train_on_batch(X, y, sample_weight=weights, optimizer=deepnet.Adam(0.01))
    first, same, other = (net.parameters["W1"] for net in nets)
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_weights_of_classes():
    X, Y = problem(6, 50, dtype=np.float64)
    net = network(1)
    ones = int(Y.sum())
    by_class = np.where(Y[0] == 1, 3.0, 0.5)
    expected = net.evaluate(X, Y, sample_weight=by_class)
    for y in (Y, Y[0], Y.T, Y.astype(bool), Y.astype(float)):
        assert net.evaluate(X, y, class_weight={0: 0.5, 1: 3}) == expected
    assert net.evaluate(X, Y, class_weight={np.int64(1): np.float32(3)}) == net.evaluate(
        X, Y, sample_weight=np.where(Y[0] == 1, 3.0, 1.0)
    )
    balanced = np.where(Y[0] == 1, 50 / (2 * ones), 50 / (2 * (50 - ones)))
    assert net.evaluate(X, Y, class_weight="balanced") == net.evaluate(X, Y, sample_weight=balanced)
    own = np.linspace(0, 2, 50)
    assert net.evaluate(X, Y, class_weight={1: 3.0, 0: 0.5}, sample_weight=own) == net.evaluate(
        X, Y, sample_weight=by_class * own
    )


def test_classes_of_columns_and_of_numbers():
    """One-hot columns of any output, and whole numbers that one unit is to predict."""
    X = problem(6, 30)[0].astype(float)
    classes = np.arange(30) % 3
    weights = np.array([1.0, 2.0, 5.0])[classes]
    net = network(3)
    y = np.eye(3)[:, classes]
    assert net.evaluate(X, y, class_weight={2: 5, 1: 2}) == net.evaluate(X, y, sample_weight=weights)
    counted = network(1, "identity")
    numbers = np.array([0, 4, 9])[classes]
    assert counted.evaluate(X, numbers, class_weight={4: 2, 9: 5}) == counted.evaluate(
        X, numbers, sample_weight=weights
    )
    uneven = np.where(np.arange(30) < 20, 0, 7)
    assert counted.evaluate(X, uneven, class_weight="balanced") == counted.evaluate(
        X, uneven, sample_weight=np.where(uneven, 1.5, 0.75)
    )


RUN = {"epochs": 2, "batch_size": 10}


def test_the_validation_loss_has_weights_of_its_own_and_those_of_the_classes():
    """By hand: sum(w_j class_weight[y_j] loss_j) / m, with the loss of each example alone."""
    X, Y = problem(6, 30)
    x, y, w = X[:, :9], Y[:, :9], np.linspace(0, 2, 9)
    net = network(1)
    classes = {0: 3.0, 1: 0.5}

    def weighted(weights):
        each = [net.evaluate(x[:, j : j + 1], y[:, j : j + 1]) for j in range(9)]
        return pytest.approx(np.mean(weights * each), rel=1e-6)

    of_class = np.where(y[0], 0.5, 3.0)
    history = net.fit(X, Y, **RUN, sample_weight=np.linspace(0, 1, 30), validation_data=(x, y))
    assert history.validation_loss[-1] == net.evaluate(x, y)
    history = net.fit(X, Y, **RUN, validation_data=(x, y, w))
    assert history.validation_loss[-1] == weighted(w)
    history = net.fit(X, Y, **RUN, class_weight=classes, validation_data=(x, y))
    assert history.validation_loss[-1] == weighted(of_class)
    history = net.fit(X, Y, **RUN, class_weight=classes, validation_data=(x, y, w))
    assert history.validation_loss[-1] == weighted(w * of_class)
    ones = int(Y.sum())  # "balanced" counts the labels to train on
    of_class = np.where(y[0], 30 / (2 * ones), 30 / (2 * (30 - ones)))
    history = net.fit(X, Y, **RUN, class_weight="balanced", validation_data=(x, y))
    assert history.validation_loss[-1] == weighted(of_class)


def test_balanced_weights_of_validation_examples():
    """Of one class only, of a class that is not trained, and of labels that exclude none."""
    X = problem(6, 40)[0]
    classes = np.where(np.arange(40) < 10, 0, 2)
    net = deepnet.Network([6, 3], output="softmax", seed=0, dtype="float64")
    history = net.fit(X, classes, **RUN, class_weight="balanced", validation_data=(X[:, :6], np.full(6, 2)))
    expected = net.evaluate(X[:, :6], np.full(6, 2)) * 40 / (2 * 30)
    assert history.validation_loss[-1] == pytest.approx(expected, rel=RTOL)
    history = net.fit(X, classes, **RUN, class_weight={2: 5.0}, validation_data=(X[:, :6], np.ones(6, int)))
    assert history.validation_loss[-1] == pytest.approx(net.evaluate(X[:, :6], np.ones(6, int)), rel=RTOL)
    net = deepnet.Network([6, 2], seed=0, dtype="float64")
    Y = np.zeros((2, 40))
    Y[0, :10] = Y[1, :20] = 1
    y = np.array([[1.0, 0.0], [0.0, 1.0]])
    history = net.fit(X, Y, **RUN, class_weight="balanced", validation_data=(X[:, :2], y))
    weights = np.array([40 / 20 * 1, 40 / 60 * 1])  # row 0 has 10 ones, row 1 has 20
    expected = net.evaluate(X[:, :2], y, sample_weight=weights)
    assert history.validation_loss[-1] == pytest.approx(expected, rel=RTOL)


def test_a_split_balances_the_classes_that_are_trained_on():
    X, _ = problem(6, 40)
    Y = np.repeat([0, 1, 1], [24, 8, 8])
    net, other = network(1), network(1)
    history = net.fit(X, Y, **RUN, seed=3, class_weight="balanced", validation_split=0.2)
    part = X[:, :32], Y[:32]
    expected = other.fit(*part, **RUN, seed=3, class_weight="balanced", validation_data=(X[:, 32:], Y[32:]))
    assert (history.loss, history.validation_loss) == (expected.loss, expected.validation_loss)


def test_a_split_takes_the_last_examples_with_their_weights():
    X, Y = problem(6, 30)
    w = np.linspace(0.5, 2, 30)
    net, other = network(1), network(1)
    history = net.fit(X, Y, **RUN, seed=3, sample_weight=w, validation_split=0.2)
    expected = other.fit(
        X[:, :24],
        Y[:, :24],
        **RUN,
        seed=3,
        sample_weight=w[:24],
        validation_data=(X[:, 24:], Y[:, 24:], w[24:]),
    )
    assert (history.loss, history.validation_loss) == (expected.loss, expected.validation_loss)
    for fraction, count in ((1e-9, 1), (0.5, 15), (1 - 1e-9, 29)):
        history = net.fit(X, Y, **RUN, validation_split=fraction)
        assert history.validation_loss[-1] == net.evaluate(X[:, -count:], Y[:, -count:])


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"validation_split": 0}, ValueError, "validation_split is 0"),
        ({"validation_split": 1}, ValueError, "validation_split is 1"),
        ({"validation_split": "half"}, TypeError, "validation_split is 'half'"),
        (
            {"validation_split": 0.5, "validation_data": (1, 2)},
            ValueError,
            "validation_data and validation_split",
        ),
        ({"validation_data": (1,)}, TypeError, "validation_data.*1 entry"),
        ({"validation_data": (1, 2, 3, {}, 5)}, TypeError, "validation_data.*5 entries"),
        (
            {"validation_data": (np.ones((6, 3)), np.ones(3), np.ones(2))},
            ValueError,
            r"validation_data: sample_weight has shape \(2,\), but must be \(3,\)",
        ),
        (
            {"validation_data": (np.ones((6, 3)), np.ones(3), np.array([1, np.nan, 1]))},
            ValueError,
            r"validation_data: sample_weight\[1\] is nan",
        ),
    ],
)
def test_validation_that_cannot_be(options, error, words):
    X, Y = problem(6, 30)
    with pytest.raises(error, match=words):
        network(1).fit(X, Y, **RUN, **options)
    with pytest.raises(ValueError, match=r"validation_split is 0\.5, but X has 1 example"):
        network(1).fit(X[:, :1], Y[:, :1], **RUN, validation_split=0.5)


def test_the_loss_of_an_epoch_is_weighted_too():
    X, Y = problem(6, 30)
    net, weights = network(1), np.linspace(0, 2, 30)
    expected = net.evaluate(X, Y, sample_weight=weights)
    history = net.fit(X, Y, epochs=1, batch_size=30, sample_weight=weights)
    assert history.loss[0] == pytest.approx(expected, rel=RTOL)


# --- labels -------------------------------------------------------------------------------------------------

SMOOTHED = [name for name in USABLE_LOSSES if "cross_entropy" in name]


@pytest.mark.parametrize("name", SMOOTHED)
def test_smoothed_labels_are_those_of_the_formula(name):
    """Y (1 - s) + s / classes, where a sigmoid output has two; the plain loss of such labels is the same."""
    net, X, Y = prepared(LOSSES[name])
    smooth = getattr(losses, name)(label_smoothing=0.2)
    columns = np.eye(3)[:, Y] if LOSSES[name].takes_classes else Y
    labels = columns * 0.8 + 0.2 / (2 if name.startswith("binary") else 3)
    plain = "categorical_cross_entropy" if LOSSES[name].takes_classes else name
    expected, expected_grads = net.loss_and_grads(X, labels, loss=plain)
    value, grads = net.loss_and_grads(X, Y, loss=smooth)
    assert value == pytest.approx(expected, rel=RTOL)
    assert value != net.evaluate(X, Y, loss=name)
    for key, grad in grads.items():
        np.testing.assert_allclose(grad, expected_grads[key], rtol=1e-11, atol=1e-14)
    assert net.evaluate(X, Y, loss=getattr(losses, name)()) == net.evaluate(X, Y, loss=name)


CLASSES = [name for name in USABLE_LOSSES if LOSSES[name].takes_classes]  # of networks with a softmax output


@pytest.mark.parametrize("kind", [np.int8, np.int64, np.uint8, np.float32, np.float64])
def test_numbers_of_classes_are_one_hot_columns(kind):
    """By their shape, where no loss is named; of any type that holds them."""
    for name in CLASSES:
        check_classes(*prepared(LOSSES[name]), kind)


def check_classes(net, X, Y, kind):
    columns = np.eye(3)[:, Y]
    expected = net.evaluate(X, columns)
    assert expected == net.evaluate(X, columns, loss="categorical_cross_entropy")
    for y in (Y, Y[np.newaxis], Y[:, np.newaxis]):
        assert net.evaluate(X, y.astype(kind)) == pytest.approx(expected, rel=RTOL)
    assert net.evaluate(X[:, :1], columns[:, 0]) == net.evaluate(X[:, :1], columns[:, :1])
    assert net.evaluate(X[:, :3], Y[:3, np.newaxis]) == net.evaluate(
        X[:, :3], Y[:3]
    )  # three of three classes
    weighted = net.evaluate(X, Y, class_weight={0: 2.0, 2: 0.5})
    assert weighted == pytest.approx(net.evaluate(X, columns, class_weight={0: 2.0, 2: 0.5}), rel=RTOL)
    history = net.fit(X, Y, epochs=2, batch_size=9, validation_data=(X, Y), sample_weight=np.arange(len(Y)))
    assert history.validation_loss[-1] == net.evaluate(X, Y)
    assert net.train_on_batch(X, Y) == pytest.approx(history.validation_loss[-1], rel=RTOL)


def test_losses_with_a_setting():
    """Against the formulas, written out: the mean over two outputs and m examples."""
    net, X, Y = prepared(LOSSES["mean_squared_error"], outputs=2)
    error = net.predict(X) - Y
    size = np.abs(error)
    assert net.evaluate(X, Y) == pytest.approx(np.mean(error**2), rel=RTOL)
    for delta in (0.5, 1.0, 3.0):
        expected = np.mean(np.where(size <= delta, error**2 / 2, delta * size - delta**2 / 2))
        assert net.evaluate(X, Y, loss=losses.huber(delta)) == pytest.approx(expected, rel=RTOL)
    for q in (0.1, 0.5, 0.9):
        expected = np.mean(np.where(error < 0, q * size, (1 - q) * size))
        assert net.evaluate(X, Y, loss=losses.quantile(q)) == pytest.approx(expected, rel=RTOL)
    counts = np.random.default_rng(0).poisson(2, Y.shape)
    Z = net.predict(X)
    expected = np.mean(np.exp(Z) - counts * Z)
    assert net.evaluate(X, counts, loss="poisson") == pytest.approx(expected, rel=RTOL)


def test_data_may_lack_a_class():
    X = problem(6, 20)[0]
    net, zeros = deepnet.Network([6, 1], seed=0), np.zeros(20)
    assert net.evaluate(X, zeros, class_weight={0: 2.0, 1: 5.0}) == 2 * net.evaluate(X, zeros)
    net.train_on_batch(X, zeros, class_weight={0: 2.0, 1: 5.0})
    net.fit(X, zeros, epochs=1, batch_size=5, class_weight={1: 5.0})
    net.fit(X, zeros, epochs=1, batch_size=5, class_weight="balanced")
    fit = functools.partial(net.fit, epochs=1, batch_size=5)
    for call in (net.train_on_batch, net.loss_and_grads, net.evaluate, fit):
        with pytest.raises(ValueError, match="class_weight has the key 2, but the classes are 0, 1"):
            call(X, zeros, class_weight={2: 1.0})


@pytest.mark.parametrize("key", [1, True, 1.0, np.int8(1), np.bool_(True), np.float32(1)])
def test_a_key_that_equals_a_class_is_that_class(key):
    X, Y = problem(6, 50)
    net = network(1)
    expected = net.evaluate(X, Y, sample_weight=np.where(Y[0] == 1, 3.0, 1.0))
    for y in (Y, Y.astype(bool), Y.astype(np.float32)):
        assert net.evaluate(X, y, class_weight={key: 3}) == expected


def test_classes_may_be_negative():
    X, Y = problem(6, 50)
    net, signs = network(1, "tanh"), 2 * Y.astype(int) - 1
    expected = net.evaluate(X, signs, sample_weight=np.where(Y[0] == 1, 3.0, 0.5))
    assert net.evaluate(X, signs, class_weight={-1: 0.5, 1: 3}) == expected


def test_balanced_labels_of_several_outputs():
    """As scikit-learn's compute_sample_weight: each output balanced by itself, and the weights multiplied."""
    X = problem(6, 8)[0]
    Y = np.array([[0, 0, 0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1], [0, 1, 0, 1, 0, 1, 0, 0]])
    first = np.where(Y[0] == 1, 8 / (2 * 5), 8 / (2 * 3))
    third = np.where(Y[2] == 1, 8 / (2 * 3), 8 / (2 * 5))
    net = network(3)
    expected = net.evaluate(X, Y, sample_weight=first * third)
    assert net.evaluate(X, Y, class_weight="balanced") == pytest.approx(expected, rel=RTOL)


@pytest.mark.parametrize("keys", [{"malignant": 2.0, "benign": 0.5}, {"malignant": 2.0}])
def test_advice_about_words_as_keys_runs(keys):
    X, Y = problem(6, 50)
    net = network(1)
    with pytest.raises(TypeError, match="class_weight has the key 'malignant'") as caught:
        net.evaluate(X, Y, class_weight=keys)
    advice = re.search(r"class_weight=(\{.*\})", str(caught.value))[1]
    weights = np.where(Y[0] == 1, 2.0, keys.get("benign", 1.0))
    assert net.evaluate(X, Y, class_weight=eval(advice)) == net.evaluate(X, Y, sample_weight=weights)


def test_balanced_weights_need_four_bytes_an_example():
    m = 2_000_000
    Y = (np.arange(m) % 3).reshape(1, m)
    tracemalloc.start()
    try:
        weights = example_weights(None, "balanced", Y, np.dtype(np.float32), 3)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert weights.nbytes == 4 * m
    assert most < 4 * m + 24 * 2**20  # parts of 2^18 labels


@pytest.mark.parametrize(
    "weights", [{"class_weight": {0: 1e30, 1: 1e30}}, {"sample_weight": np.r_[np.ones(49), 1e30]}]
)
def test_weights_that_overflow_are_blamed(weights):
    X, Y = problem(6, 50)
    net = deepnet.Network([6, 5, 1], seed=0)
    with pytest.raises(FloatingPointError, match=r"example \d+ has the weight 1e\+30"):
        net.fit(X, Y, epochs=3, batch_size=10, shuffle=False, **weights)
    net = deepnet.Network([6, 5, 1], seed=0)
    net.train_on_batch(X, Y, **weights)
    with pytest.raises(FloatingPointError, match=r"example \d+ has the weight 1e\+30"):
        net.train_on_batch(X, Y, **weights)


@pytest.mark.parametrize("name", ["binary_cross_entropy", "mean_squared_error"])
def test_a_loss_with_signed_weights_turns_gradients_around(name):
    loss = dataclasses.replace(LOSSES[name], signed_weights=True)
    net, X, Y = prepared(loss)
    weights = np.where(np.arange(X.shape[1]) % 2, 1.0, -0.5)
    parts = [
        net.loss_and_grads(X, Y, loss=name, sample_weight=weights * sign * (weights * sign > 0))
        for sign in (1, -1)
    ]
    value, grads = net.loss_and_grads(X, Y, loss=loss, sample_weight=weights)
    assert value == pytest.approx(parts[0][0] - parts[1][0], rel=RTOL)
    for key, grad in grads.items():
        np.testing.assert_allclose(grad, parts[0][1][key] - parts[1][1][key], rtol=RTOL, atol=1e-14)
    net.fit(X, Y, loss=loss, sample_weight=weights, epochs=1, seed=0)
    assert pickle.loads(pickle.dumps(loss)) == loss
    assert "signed_weights=True" in repr(loss)
    for bad in (-np.inf, np.nan):
        with pytest.raises(ValueError, match=r"sample_weight\[0\] is .*, but must be finite in float64$"):
            net.evaluate(X, Y, loss=loss, sample_weight=np.full(X.shape[1], bad))
