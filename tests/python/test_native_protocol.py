"""Arguments that the extension takes directly, without a check in Python, and those that it declines."""

import dataclasses
import sys
import threading
import time

import numpy as np
import pytest

import deepnet
from deepnet import LOSSES
from deepnet._validation import labels
from deepnet._validation.weights import example_weights
from deepnet.plan import Plan

native = deepnet.backends.native

BINARY = "binary_cross_entropy"


def trained():
    parameters = deepnet.initialize_parameters_deep([3, 4, 1])
    X = np.random.default_rng(0).standard_normal((3, 6))
    return X, parameters, *deepnet.L_model_forward(X, parameters)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int8, np.int32, np.int64, np.longlong, "f4", "f8"])
@pytest.mark.parametrize("shape", [(1, 6), (6,), (6, 1)])
def test_labels_of_other_types_and_shapes_are_taken_as_they_are(dtype, shape):
    _, _, AL, caches = trained()
    Y = np.array([[0, 1, 1, 0, 1, 0]])
    as_given = Y.astype(dtype).reshape(shape)
    assert native.compute_cost(AL, as_given, BINARY) == native.compute_cost(AL, Y.astype(float), BINARY)
    grads = native.L_model_backward(AL, as_given, caches, None, True, None)
    for name, expected in native.L_model_backward(AL, Y.astype(float), caches, None, True, None).items():
        np.testing.assert_array_equal(grads[name], expected)


def test_labels_may_be_strided_integers():
    _, _, AL, _ = trained()
    Y = np.array([0, 9, 1, 9, 1, 9, 0, 9, 1, 9, 0, 9])[::2]
    expected = native.compute_cost(AL, np.array([[0.0, 1, 1, 0, 1, 0]]), BINARY)
    assert native.compute_cost(AL, Y, BINARY) == expected


@pytest.mark.parametrize(
    "Y",
    [
        np.array([[0, 1, 2, 0, 1, 0]]),
        np.array([[0, 1, -1, 0, 1, 0]]),
        np.array([0, 1, np.nan, 0, 1, 0]),
        np.array([0, 1, np.inf, 0, 1, 0], np.float32),
        np.zeros((6, 2), int),
        np.zeros((2, 3), int),
        np.zeros((5, 1), int),
        np.zeros(6, ">f8"),
        None,
        [0, 1],
    ],
)
def test_other_labels_are_left_to_the_checks(Y):
    _, _, AL, _ = trained()
    assert native.compute_cost(AL, Y, BINARY) is None


PLAN = deepnet.backends.prepared(None, Plan(LOSSES["binary_cross_entropy"]))


def engine():
    return native.EngineFloat32([3, 4, 1], ["relu", "sigmoid"], False)


def follows(Y, loss):
    try:
        labels.check("Y", Y, (2, 4), loss)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("loss", LOSSES.values(), ids=lambda loss: loss.name)
def test_an_engine_and_the_checks_have_the_same_rule_for_labels(loss):
    taker = native.EngineFloat64([3, 2], [loss.activation or "tanh"], False)
    plan = deepnet.backends.prepared(taker, Plan(loss))
    for entry in (0, 0.5, 1, 1.5, 2, -1, np.nan, np.inf):
        for Y in (np.full((2, 4), entry, float), np.full((2, 4), [[entry], [1 - entry]], float)):
            given = Y[:1] if loss.takes_classes else Y
            taken = taker.evaluate(np.ones((3, 4)), given, None, plan, 1.0, 0) is not None
            assert taken == follows(given, loss), given


@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "uint8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_engine_takes_data_as_they_are(kind, order):
    X, Y = np.ones((3, 6), kind, order), np.ones((1, 6), bool)
    out = np.empty((6, 1), np.float32).T[:, ::-1]
    assert engine().predict(X, out, 1.0, 0) is out
    assert engine().train_on_batch(X, Y, None, PLAN, 0.1, 0, 1.0, 0) == engine().evaluate(
        X, Y[0], None, PLAN, 1.0, 0
    )
    assert engine().evaluate(X, Y.T, None, PLAN, 1.0, 0) == engine().evaluate(X, Y, None, PLAN, 1.0, 0)
    assert engine().loss_and_grads(X[:, ::2], Y[:, ::2], None, PLAN, 1.0, 0) is not None


@pytest.mark.parametrize(
    ("X", "Y"),
    [
        (np.ones((4, 6)), np.ones((1, 6))),
        (np.ones((3, 6), int), np.ones((1, 6))),
        (np.ones((3, 6), ">f4"), np.ones((1, 6))),
        (np.ones((3, 0)), np.ones((1, 0))),
        (np.ones(3), np.ones((1, 1))),
        ([[1.0]] * 3, np.ones((1, 1))),
        (np.ones((3, 6)), np.ones((5, 1))),
        (np.ones((3, 6)), np.ones((3, 2))),
        (np.ones((3, 6)), np.ones((1, 6), "u2")),
        (np.ones((3, 6)), np.full((1, 6), 1.5)),
        (np.ones((3, 6)), np.full((1, 6), np.nan)),
        (np.ones((3, 6)), None),
    ],
)
def test_an_engine_leaves_other_data_to_the_checks(X, Y):
    net = engine()
    assert net.train_on_batch(X, Y, None, PLAN, 0.1, 0, 1.0, 0) is None
    assert net.evaluate(X, Y, None, PLAN, 1.0, 0) is None
    assert net.loss_and_grads(X, Y, None, PLAN, 1.0, 0) is None
    assert not any(p.any() for p in net.parameters())


@pytest.mark.parametrize("weights", [np.ones(5), np.ones((5, 1)), np.ones(6, "u2"), [1.0] * 6])
def test_an_engine_leaves_other_weights_to_the_checks(weights):
    X, Y = np.ones((3, 6)), np.ones((1, 6))
    assert engine().evaluate(X, Y, weights, PLAN, 1.0, 0) is None
    for taken in (np.ones(6), np.ones((6, 1))):
        assert engine().evaluate(X, Y, taken, PLAN, 1.0, 0) == engine().evaluate(X, Y, None, PLAN, 1.0, 0)


CLASS_WEIGHTS = ["balanced", {}, {0: 3}, {np.int64(1): 0.3, False: 2.0}, {1.0: np.float32(0.3), 0: 0}]


@pytest.mark.parametrize("class_weight", CLASS_WEIGHTS, ids=repr)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_class_weights_are_those_of_the_checks(class_weight, dtype):
    rng = np.random.default_rng(0)
    numbers, own = rng.integers(0, 2, 9), rng.uniform(0, 2, 9)
    X = rng.normal(size=(3, 9))
    taker = getattr(native, f"Engine{dtype.title()}")
    for outputs, loss, Y in (
        (1, BINARY, numbers),
        (1, BINARY, numbers[:, None].astype(bool)),
        (3, "categorical_cross_entropy", np.eye(3, dtype=np.float32)[numbers].T),
        (3, "sparse_categorical_cross_entropy", numbers[None].astype(float)),
        (3, BINARY, np.array([numbers, 1 - numbers, numbers * 0])),  # not one-hot: each row by itself
    ):
        if Y.shape == (3, 9) and loss == BINARY and class_weight != "balanced":
            continue
        net = taker([3, outputs], [LOSSES[loss].activation], False)
        plan = deepnet.backends.prepared(net, Plan(LOSSES[loss]))
        for given in (None, own, own[:, None].astype(np.float32)):
            checked = labels.check("Y", Y, (outputs, 9), LOSSES[loss])
            weights = example_weights(given, class_weight, checked, np.dtype(dtype), max(outputs, 2))
            expected = net.evaluate(X, Y, weights, plan, 1.0, 0)
            assert net.evaluate(X, Y, (given, class_weight), plan, 1.0, 0) == expected


@pytest.mark.parametrize(
    "class_weight",
    [
        "balance",
        {2: 1.0},
        {-1: 1.0},
        {0.5: 1.0},
        {0: -1.0},
        {0: np.nan},
        {0: 1e39},
        {"0": 1.0},
        {0: "1"},
        [1, 2],
    ],
    ids=repr,
)
def test_other_class_weights_are_left_to_the_checks(class_weight):
    Y = np.array([0, 1, 1, 0, 1, 0])
    assert engine().evaluate(np.ones((3, 6)), Y, (None, class_weight), PLAN, 1.0, 0) is None
    assert engine().evaluate(np.ones((3, 6)), Y / 2, (None, {0: 1.0}), PLAN, 1.0, 0) is None
    with pytest.raises((TypeError, ValueError), match="class_weight"):
        deepnet.Network([3, 1]).evaluate(np.ones((3, 6)), Y, class_weight=class_weight)


def test_negative_weights_are_for_losses_that_allow_them():
    X, Y, weights = np.ones((3, 6)), np.ones((1, 6)), np.linspace(-1, 1, 6)
    signed = dataclasses.replace(LOSSES[BINARY], signed_weights=True)
    plan = deepnet.backends.prepared(None, Plan(signed))
    assert engine().evaluate(X, Y, weights, PLAN, 1.0, 0) is None
    assert engine().evaluate(X, Y, weights, plan, 1.0, 0) is not None
    for bad in (np.full(6, -np.inf), np.full(6, np.nan), np.full(6, -1e39)):
        assert engine().evaluate(X, Y, bad, plan, 1.0, 0) is None


def test_labels_beyond_float32_are_left_to_the_checks():
    AL = np.full((1, 2), 0.5, np.float32)
    assert native.compute_cost(AL, np.array([1e39, 0]), BINARY) is None
    assert native.compute_cost(AL, np.array([1e38, 0]), BINARY) is not None


NUMBERS = [
    1,
    0.5,
    np.float64(0.5),
    np.float32(0.5),
    np.float16(0.5),
    np.int8(1),
    np.uint64(1),
    np.longdouble(0.5),
]


@pytest.mark.parametrize("rate", [*NUMBERS, *map(np.array, NUMBERS)], ids=repr)
def test_learning_rates_of_any_type_are_taken(rate):
    parameters = {"W1": np.ones((2, 2)), "b1": np.ones((2, 1))}
    grads = {f"d{key}": value / 3 for key, value in parameters.items()}
    updated = native.update_parameters(parameters, grads, rate, None)
    np.testing.assert_array_equal(updated["W1"], parameters["W1"] - float(rate) * grads["dW1"])


@pytest.mark.parametrize(
    "rate",
    [True, np.True_, np.array(True), 1j, np.complex64(1), "1", None, [1.0], np.ones(1), np.inf, 10**309],
    ids=repr,
)
def test_other_learning_rates_are_left_to_the_checks(rate):
    parameters = {"W1": np.ones((2, 2)), "b1": np.ones((2, 1))}
    grads = {f"d{key}": value for key, value in parameters.items()}
    assert native.update_parameters(parameters, grads, rate, None) is None


def test_plain_calls_are_taken():
    X, parameters, AL, caches = trained()
    assert native.L_model_forward(X, parameters, "tanh", None) is not None
    assert native.L_model_forward(X, parameters, ["tanh", "identity"], None) is not None
    grads = native.L_model_backward(AL, np.ones((1, 6)), tuple(caches), None, False, None)
    assert native.update_parameters(parameters, grads, 0.1, parameters) is parameters
    assert native.activation_forward(X, "leaky_relu") is not None


@pytest.mark.parametrize("backend", ["native", "numpy"])
@pytest.mark.parametrize("bits", [np.random.MT19937, np.random.PCG64])
def test_shuffle_is_that_of_random_state(backend, bits):
    """The same order, and the generator goes on with the same numbers."""
    rng, expected = (np.random.RandomState(bits(5)) for _ in range(2))
    with deepnet.use_backend(backend):
        for count in [*range(10), 63, 64, 65, 1797, 70_000]:
            order, wanted = np.arange(count, dtype=np.uint32), np.arange(count)
            for _ in range(2):
                deepnet.backends.shuffle(rng, order)
                expected.shuffle(wanted)
            np.testing.assert_array_equal(order, wanted)
            assert rng.randint(2**31) == expected.randint(2**31)


def test_shuffle_declines_what_it_cannot_use_and_changes_nothing():
    bits, read_only = np.random.MT19937(5), np.arange(9, dtype=np.uint32)
    capsule = bits.capsule  # a pointer into `bits`, which it does not keep
    read_only.flags.writeable = False
    good = np.arange(9, dtype=np.uint32)
    for order in [read_only, np.arange(9), np.arange(18, dtype=np.uint32)[::2], good.reshape(3, 3), [1, 2]]:
        before = np.array(order)
        assert native.shuffle_as_numpy(capsule, order) is None
        np.testing.assert_array_equal(order, before)
    for generator in [None, 5, deepnet]:
        assert native.shuffle_as_numpy(generator, good) is None
    np.testing.assert_array_equal(good, np.arange(9))
    assert native.shuffle_as_numpy(capsule, good)
    assert good.tolist() != list(range(9))


def _calls_with_arrays_in_dicts():
    """Calls that read or write the arrays of a dict, and the array of that dict to look at."""
    rng = np.random.default_rng(0)
    net = deepnet.Network([50, 100, 100, 1], output="identity", seed=0)
    X, Y = rng.standard_normal((50, 500)).astype(np.float32), np.ones((1, 500), np.float32)
    grads = net.backward(X, dA=Y)
    parameters = deepnet.initialize_parameters_deep([50, 100, 1], dtype="float32")
    AL, caches = deepnet.L_model_forward(X, parameters)
    written = deepnet.L_model_backward(AL, Y, caches)
    new = deepnet.update_parameters(parameters, written, 0.1)
    return {
        "loss_and_grads": (lambda: net.loss_and_grads(X, Y, out=grads), grads, "dW2"),
        "backward": (lambda: net.backward(X, dA=Y, out=grads), grads, "dW2"),
        "apply_gradients": (lambda: net.apply_gradients(grads), grads, "dW2"),
        "L_model_forward": (lambda: deepnet.L_model_forward(X, parameters), parameters, "W1"),
        "L_model_backward": (lambda: deepnet.L_model_backward(AL, Y, caches, out=written), written, "dW1"),
        "update_parameters": (lambda: deepnet.update_parameters(parameters, written, 0.1), written, "dW1"),
        "update_parameters, out=": (
            lambda: deepnet.update_parameters(parameters, written, 0.1, out=new),
            new,
            "W1",
        ),
    }


@pytest.mark.parametrize("name", _calls_with_arrays_in_dicts())
def test_arrays_in_a_dict_are_kept_while_a_call_uses_them(name):
    """Else another thread that removes a key during the call, which has no GIL, would free its memory."""
    call, arrays, key = _calls_with_arrays_in_dicts()[name]
    call()
    idle, done = sys.getrefcount(arrays[key]), threading.Event()

    def work():
        while not done.is_set():
            call()

    thread = threading.Thread(target=work)
    thread.start()
    deadline, seen = time.monotonic() + 20, idle
    while seen <= idle and time.monotonic() < deadline:
        seen = sys.getrefcount(arrays[key])
        time.sleep(0)
    done.set()
    thread.join()
    assert seen > idle
