"""Custom losses, optimizers and activations: NumPy computes them, in the network's memory."""

import copy
import math
import pickle
import threading
from dataclasses import dataclass

import numpy as np
import pytest

import deepnet
from deepnet import ACTIVATIONS, LOSSES, OPTIMIZERS, reference
from deepnet.activations import Activation
from deepnet.losses import Loss
from deepnet.optimizers import Adam, Optimizer
from problems import assert_same_bits, parameters_of, problem

pytestmark = pytest.mark.usefixtures("backend")


def fourth_power(A, Y, _):
    return (A - Y) ** 4


def fourth_power_slope(A, Y, _):
    return 4 * (A - Y) ** 3


FOURTH = Loss("fourth_power", "(A - Y)^4", fourth_power, fourth_power_slope)


class SignDescent(Optimizer):
    """p -= rate sign(g): no dataclass, no memory."""

    def update(self, p, g, slots, rate, t):
        p -= p.dtype.type(rate) * np.sign(g)


@dataclass(frozen=True, slots=True)
class HeavyBall(Optimizer):
    """v = friction v + g; p -= rate v, as Momentum, but custom."""

    friction: float = 0.9
    slots = 1

    def update(self, p, g, slots, rate, t):
        (v,) = slots
        v[...] = p.dtype.type(self.friction) * v + g
        p -= p.dtype.type(rate) * v


class Reversed(Adam):
    """A built-in one whose step is another."""

    def update(self, p, g, slots, rate, t):
        p += p.dtype.type(rate) * g


def network(**settings):
    return deepnet.Network([6, 5, 1], "tanh", "identity", seed=0, **{"dtype": "float64"} | settings)


def test_a_custom_loss():
    X, Y = problem(6, 40, dtype=np.float64)
    net = network()
    error = net.predict(X) - Y
    assert net.evaluate(X, Y, loss=FOURTH) == pytest.approx(np.mean(error**4), rel=1e-13)
    _, grads = net.loss_and_grads(X, Y, loss=FOURTH)
    assert grads["db2"].item() == pytest.approx(np.mean(4 * error**3), rel=1e-12)
    weighted = net.evaluate(X, Y, loss=FOURTH, sample_weight=np.arange(40))
    assert weighted == pytest.approx(np.mean(error[0] ** 4 * np.arange(40)), rel=1e-13)
    memory = net.parameters["W1"]
    history = net.fit(
        X,
        Y,
        epochs=40,
        batch_size=20,
        optimizer=deepnet.Adam(0.02),
        loss=FOURTH,
        validation_data=(X, Y),
        seed=1,
    )
    assert history.loss[-1] < history.loss[0] / 4
    assert history.validation_loss[-1] == net.evaluate(X, Y, loss=FOURTH)
    assert net.parameters["W1"] is memory
    before = net.evaluate(X, Y, loss=FOURTH)
    assert net.train_on_batch(X, Y, loss=FOURTH) == before
    assert net.evaluate(X, Y, loss=FOURTH) < before


def test_a_loss_that_belongs_to_an_activation_is_computed_from_Z():
    """The logistic loss of labels -1 and 1 would be refused of a cross-entropy; with `identity` it has Z."""
    logistic = Loss(
        "logistic",
        "log(1 + e^(-Y Z)); dZ = -Y / (1 + e^(Y Z))",
        lambda Z, Y, _: np.logaddexp(0, -Y * Z),
        lambda Z, Y, _: -Y / (1 + np.exp(Y * Z)),
        activation="identity",
    )
    X, Y = problem(6, 40, dtype=np.float64)
    net = network()
    twin = deepnet.Network.from_parameters(net.parameters, ["tanh", "sigmoid"])
    signs = 2.0 * Y - 1
    net.fit(X, signs, epochs=5, batch_size=8, loss=logistic, optimizer=deepnet.SGD(0.1), seed=0)
    twin.fit(X, Y, epochs=5, batch_size=8, optimizer=deepnet.SGD(0.1), seed=0)
    for key, p in twin.parameters.items():
        np.testing.assert_allclose(net.parameters[key], p, rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match="'logistic', which is defined for an identity output"):
        twin.evaluate(X, Y, loss=logistic)


def test_a_built_in_loss_with_other_functions_is_not_the_built_in_one():
    X, Y = problem(6, 40, dtype=np.float64)
    impostor = Loss("huber", "(A - Y)^4", fourth_power, fourth_power_slope)
    assert network().evaluate(X, Y, loss=impostor) == network().evaluate(X, Y, loss=FOURTH)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_custom_optimizer(dtype):
    X, Y = problem(6, 40, dtype=dtype)
    net = network(dtype=dtype)
    start, (_, grads) = parameters_of(net), net.loss_and_grads(X, Y)
    net.train_on_batch(X, Y, optimizer=SignDescent(0.125))
    for key, p in net.parameters.items():
        np.testing.assert_array_equal(p, start[key] - net.dtype.type(0.125) * np.sign(grads[f"d{key}"]))
    net.optimizer = SignDescent(0.01)
    losses = [net.train_on_batch(X, Y) for _ in range(20)]
    assert losses[-1] < losses[0]
    assert net.optimizer.learning_rate == 0.01


def test_its_memory_its_schedule_and_what_all_share():
    """The same as the built-in one of that formula, in fit, in train_on_batch and after a copy."""
    X, Y = problem(6, 40, dtype=np.float64)
    settings = {"weight_decay": 0.1, "clip_norm": 0.3}
    own, built_in = network(), network()
    for net, kind in ((own, HeavyBall), (built_in, deepnet.Momentum)):
        rule = kind(lambda step: 0.1 / (1 + step), 0.8, **settings)
        net.fit(X, Y, epochs=3, batch_size=7, optimizer=rule, seed=2)
        for _ in range(3):
            net.train_on_batch(X, Y)
    for key, p in built_in.parameters.items():
        np.testing.assert_allclose(own.parameters[key], p, rtol=1e-10, atol=1e-13)
    assert pickle.loads(pickle.dumps(HeavyBall(0.1, 0.5))) == HeavyBall(0.1, 0.5)


def test_a_subclass_of_a_built_in_one_takes_its_own_step():
    X, Y = problem(6, 40, dtype=np.float64)
    net = network()
    start, (_, grads) = parameters_of(net), net.loss_and_grads(X, Y)
    net.train_on_batch(X, Y, optimizer=Reversed(0.1))
    np.testing.assert_allclose(net.parameters["W1"], start["W1"] + 0.1 * grads["dW1"], rtol=1e-12)


def test_a_subclass_that_only_sets_defaults_runs_where_the_built_in_one_does():
    @dataclass(frozen=True)
    class Slow(Adam):
        learning_rate: float = 1e-5

    X, Y = problem(6, 40)
    net, other = network(), network()
    net.fit(X, Y, epochs=2, batch_size=9, optimizer=Slow(), seed=0)
    other.fit(X, Y, epochs=2, batch_size=9, optimizer=deepnet.Adam(1e-5), seed=0)
    assert_same_bits(net, other.parameters)
    assert net._fallback is None


def bump_slope(Z):
    return np.exp(-Z * Z) * (1 - 2 * Z * Z)


BUMP = Activation(
    name="bump",
    formula="A = Z e^(-Z^2)",
    forward=lambda Z: Z * np.exp(-Z * Z),
    backward=lambda dA, Z: dA * bump_slope(Z),
    source="-",
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_custom_activation(dtype):
    X, Y = problem(6, 80, dtype=dtype)
    net = deepnet.Network(
        [6, deepnet.Dense(8, BUMP, l2=1e-4), deepnet.Dense(1, "sigmoid")], dtype=dtype, seed=0
    )
    assert isinstance(net._engine, reference.Engine)
    assert net.activations == ("bump", "sigmoid")
    assert net.layers[0] == deepnet.Dense(8, BUMP, l2=1e-4)
    same = deepnet.Network([6, 8, 1], BUMP, l2=0.0, dtype=dtype, seed=0)
    assert same.activations == ("bump", "sigmoid")
    assert_same_bits(same, net.parameters)
    assert deepnet.Network([6, 8, 1], [BUMP, BUMP]).activations == ("bump", "bump")
    assert deepnet.Network([6, 8, 1], "relu", BUMP).activations == ("relu", "bump")
    Z = net.parameters["W1"] @ X + net.parameters["b1"]
    A = net.parameters["W2"] @ (Z * np.exp(-Z * Z)) + net.parameters["b2"]
    np.testing.assert_allclose(net.predict(X), 1 / (1 + np.exp(-A)), rtol=1e-5)
    history = net.fit(X, Y, epochs=50, batch_size=16, optimizer="adam", seed=0)
    assert history.loss[-1] < history.loss[0]
    assert repr(net) == f"<Network 6-8-1 (bump, sigmoid): {dtype}, 65 parameters>"
    other = copy.deepcopy(net)
    np.testing.assert_array_equal(other.predict(X), net.predict(X))
    again = deepnet.Network.from_parameters(net.parameters, BUMP)
    np.testing.assert_array_equal(again.predict(X), net.predict(X))


@pytest.mark.parametrize(
    ("own", "error", "words"),
    [
        ({"value": lambda A, Y, _: np.mean((A - Y) ** 4)}, TypeError, "value of 'mine' returned a float64"),
        ({"value": lambda A, Y, _: None}, TypeError, "value of 'mine' returned a NoneType"),
        ({"value": lambda A, Y, _: ((A - Y) ** 4)[0]}, ValueError, r"value of 'mine' returned shape \(20,\)"),
        ({"derivative": lambda A, Y, _: None}, TypeError, "derivative of 'mine' returned a NoneType"),
        ({"derivative": lambda A, Y, _: A[:1]}, ValueError, r"must return that of A, \(2, 20\)"),
    ],
)
def test_the_results_of_a_custom_loss_are_checked(own, error, words):
    X, Y = problem(6, 20, 2, dtype=np.float64)
    net = deepnet.Network([6, 4, 2], output="identity", dtype="float64", seed=0)
    loss = Loss("mine", "-", **({"value": fourth_power, "derivative": fourth_power_slope} | own))
    before = parameters_of(net)
    for call in (net.train_on_batch, net.loss_and_grads):
        with pytest.raises(error, match=words):
            call(X, Y, loss=loss)
    assert_same_bits(net, before)


def square(A, Y, _):
    return np.square(A - Y) / len(A)


def weighted_square(A, Y, _, weight, power):
    """The terms of `square` times a weight, and their slope; both arrays must be those of the examples."""
    assert (weight.dtype, power.dtype) == (A.dtype, np.int64)
    assert not weight.flags.writeable
    np.testing.assert_array_equal(weight, 2.0 ** power[1])
    return square(A, Y, _) * weight, 2 * (A - Y) / len(A) * weight


SQUARE = Loss("square", "(A - Y)^2 / n_L", square, lambda A, Y, _: 2 * (A - Y) / len(A))
WEIGHTED = Loss("weighted", "weight (A - Y)^2 / n_L", weighted_square, data=("weight", "power"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_loss_may_take_further_arrays_and_return_both_in_one_call(dtype):
    """They follow the examples through batches, shuffles and validation, as weights do: same bits."""
    X, Y = problem(6, 40, 2, dtype=dtype)
    power = np.array([np.zeros(40), np.random.default_rng(0).integers(-2, 3, 40)], np.int64)
    weight, found = 2.0 ** power[1], []
    fits = (
        {"batch_size": 8, "validation_split": 0.3},
        {"batch_size": 7, "examples": np.arange(5, 30), "validation_data": np.arange(30, 40)},
        {"batch_size": 9, "examples": np.arange(40) > 3, "validation_split": 0.3},
        {"batch_size": 40, "validation_data": (X, Y)},
    )
    for options in (
        {"loss": WEIGHTED, "loss_data": {"weight": weight, "power": power}},
        {"loss": SQUARE, "sample_weight": weight},
    ):
        net = deepnet.Network([6, 5, 2], "tanh", output="identity", dtype=dtype, seed=0)
        losses = [net.evaluate(X, Y, **options), net.loss_and_grads(X, Y, **options)[0]]
        losses.append(net.train_on_batch(X, Y, **options))
        rest = options.get("sample_weight"), options.get("loss_data")
        for fit in fits:
            if isinstance(fit.get("validation_data"), tuple):
                fit = fit | {"validation_data": (X, Y, *rest)}
            history = net.fit(X, Y, epochs=2, seed=0, **options, **fit)
            losses += history.loss + history.validation_loss
        found.append((losses, parameters_of(net)))
    (losses, parameters), (expected, expected_parameters) = found
    assert losses == expected
    for key, p in parameters.items():
        np.testing.assert_array_equal(p, expected_parameters[key])


def test_a_loss_with_further_arrays_is_checked_and_pickled():
    X, Y = problem(6, 20, dtype=np.float64)
    net = deepnet.Network([6, 3, 1], "tanh", output="identity", dtype="float64", seed=0)
    data = {"weight": np.ones(20), "power": np.zeros((2, 20), np.int64)}
    assert pickle.loads(pickle.dumps(WEIGHTED)) == WEIGHTED
    assert deepnet.gradient_check(net, X, Y, loss=WEIGHTED, loss_data=data)
    deepnet.find_learning_rate(net, X, Y, loss=WEIGHTED, loss_data=data, steps=10, seed=0)
    nan, huge = np.where(np.arange(20) == 3, np.nan, 1), np.full(20, 1e300)
    for loss, given, error, words in (
        (WEIGHTED, None, ValueError, r"loss 'weighted' needs .*: loss_data={'weight': weight, 'power'"),
        (WEIGHTED, [1], TypeError, "loss_data is a list, but must be a dict of arrays"),
        (WEIGHTED, {"weight": data["weight"]}, ValueError, "loss_data lacks 'power'"),
        (WEIGHTED, data | {"w": 1}, ValueError, "loss_data has 'w', but .* takes 'weight', 'power'"),
        (
            WEIGHTED,
            data | {"power": np.zeros((20, 2))},
            ValueError,
            r"loss_data\['power'\] has .*the examples: .*\.T$",
        ),
        (WEIGHTED, data | {"power": ["a"] * 20}, TypeError, r"loss_data\['power'\] is a list"),
        (WEIGHTED, data | {"weight": np.ones(20, complex)}, TypeError, "is complex128, but must be"),
        (WEIGHTED, data | {"weight": nan}, ValueError, r"loss_data\['weight'\]\[3\] is nan, but"),
        ("mean_squared_error", data, ValueError, "loss_data has 'weight', but .* takes none"),
    ):
        for call in (net.evaluate, net.loss_and_grads, net.train_on_batch, net.fit):
            with pytest.raises(error, match=words):
                call(X, Y, loss=loss, loss_data=given)
    assert net.evaluate(X, Y, loss_data={}) == net.evaluate(X, Y)
    with pytest.raises(ValueError, match="validation_data: loss 'weighted' needs further arrays"):
        net.fit(X, Y, loss=WEIGHTED, loss_data=data, validation_data=(X, Y))
    with pytest.raises(ValueError, match="must be finite in float32"):
        net.astype("float32").evaluate(X, Y, loss=WEIGHTED, loss_data=data | {"weight": huge})
    for wrong, words in (
        (lambda A, Y, _: A, "an ndarray, but"),
        (lambda A, Y, _: (A, A, A), "a tuple of 3, but"),
    ):
        with pytest.raises(TypeError, match=f"value of 'mine' returned {words} must return two arrays"):
            net.evaluate(X, Y, loss=Loss("mine", "-", wrong))
    with pytest.raises(ValueError, match=r"value of 'mine': the derivative returned shape \(20,\)"):
        net.evaluate(X, Y, loss=Loss("mine", "-", lambda A, Y, _: (A, A[0])))
    for names, error in (
        ("weight", TypeError),
        ((1,), TypeError),
        (("a b",), ValueError),
        (("a", "a"), ValueError),
    ):
        with pytest.raises(error, match=r"data (is|has the name)"):
            Loss("mine", "-", weighted_square, data=names)
    AL, caches = deepnet.L_model_forward(X, net.parameters, activations="tanh", output="identity")
    for call in (
        lambda: deepnet.compute_cost(AL, Y, loss=WEIGHTED),
        lambda: deepnet.L_model_backward(AL, Y, caches, loss=WEIGHTED),
    ):
        with pytest.raises(ValueError, match="needs loss_data, which only the methods of Network take"):
            call()


def test_a_custom_optimizer_must_change_in_place():
    class Elsewhere(Optimizer):
        def update(self, p, g, slots, rate, t):
            return p - rate * g

    X, Y = problem(6, 20, dtype=np.float64)
    net = network()
    before = parameters_of(net)
    for call in (net.train_on_batch, lambda *data, **o: net.fit(*data, epochs=1, batch_size=20, **o)):
        with pytest.raises(TypeError, match="update of Elsewhere returned something, but"):
            call(X, Y, optimizer=Elsewhere(0.1))
    assert_same_bits(net, before)


def test_with_them_too_one_thread_trains_at_a_time():
    X, Y = problem(6, 20, dtype=np.float64)
    net = network()
    inside, go_on, ended = threading.Event(), threading.Event(), []

    def waits(net, history):
        inside.set()
        go_on.wait(20)

    run = {"epochs": 1, "batch_size": 20, "loss": FOURTH, "callbacks": [waits]}
    thread = threading.Thread(target=lambda: ended.append(net.fit(X, Y, **run)))
    thread.start()
    assert inside.wait(20)
    for options in ({"loss": FOURTH}, {}):
        with pytest.raises(RuntimeError, match="is being trained by another thread"):
            net.train_on_batch(X, Y, **options)
    go_on.set()
    thread.join()
    assert ended
    net.train_on_batch(X, Y, loss=FOURTH)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_beside_it_the_products_are_the_extensions(dtype):
    """With their bits, which know no batch, and which NumPy's library has not."""
    ramp = Activation(
        "ramp", lambda Z: np.maximum(Z, 0), lambda dA, Z: np.where(Z > 0, dA, 0).astype(Z.dtype)
    )
    X, Y = problem(70, 50, dtype=dtype)
    with deepnet.use_backend("native"):
        net = deepnet.Network([70, 40, 30, 1], ramp, "identity", dtype=dtype, seed=0)
        named = deepnet.Network([70, 40, 30, 1], "relu", "identity", dtype=dtype, seed=0)
        named.parameters = net.parameters
    np.testing.assert_array_equal(net.predict(X), named.predict(X))
    np.testing.assert_array_equal(net.predict(X[:, :1]), net.predict(X)[:, :1])
    (_, grads), (_, expected) = net.loss_and_grads(X, Y), named.loss_and_grads(X, Y)
    u = np.finfo(dtype).eps
    for key, grad in grads.items():
        np.testing.assert_allclose(grad, expected[key], rtol=0, atol=200 * u * np.abs(expected[key]).max())


def test_its_gradient_is_the_slope():
    X, Y = problem(6, 20, dtype=np.float64)
    net = deepnet.Network([6, 4, 3, 1], BUMP, dtype="float64", seed=0)
    _, grads = net.loss_and_grads(X, Y)
    h = math.cbrt(2.0**-52)
    for key, p in net.parameters.items():
        for i in np.ndindex(p.shape):
            before, ends = p[i], []
            for step in (h, -h):
                p[i] = before + step
                ends.append(net.evaluate(X, Y))
            p[i] = before
            assert abs((ends[0] - ends[1]) / (2 * h) - grads[f"d{key}"][i]) < 1e-8


@pytest.mark.parametrize(
    ("own", "error", "words"),
    [
        ({"forward": lambda Z: Z[:1]}, ValueError, r"forward of 'mine' returned shape \(1, 20\)"),
        ({"forward": lambda Z: Z.astype(int)}, TypeError, "forward of 'mine' returned int64"),
        ({"forward": lambda Z: None}, TypeError, "forward of 'mine' returned a NoneType"),
        ({"backward": lambda dA, Z: dA.T}, ValueError, r"backward of 'mine' returned shape \(20, 4\)"),
    ],
)
def test_the_results_of_a_custom_activation_are_checked(own, error, words):
    X, Y = problem(6, 20)
    functions = {"forward": np.tanh, "backward": lambda dA, Z: dA} | own
    net = deepnet.Network([6, 4, 1], Activation("mine", **functions))
    before = parameters_of(net)
    with pytest.raises(error, match=words):
        net.fit(X, Y, epochs=1, batch_size=20)
    if "forward" in own:
        with pytest.raises(error, match=words):
            net.predict(X)
    assert_same_bits(net, before)


def test_the_lists_may_grow(monkeypatch):
    """Entries that a user adds are found by name, and NumPy computes them."""
    X, Y = problem(6, 20, dtype=np.float64)
    monkeypatch.setitem(ACTIVATIONS, "bump", BUMP)
    monkeypatch.setitem(LOSSES, "fourth_power", FOURTH)
    monkeypatch.setitem(OPTIMIZERS, "sign", SignDescent)
    net = deepnet.Network([6, 5, 1], "bump", "identity", dtype="float64", seed=0)
    net.fit(X, Y, epochs=2, batch_size=5, loss="fourth_power", optimizer="sign", seed=0)
    other = deepnet.Network([6, 5, 1], BUMP, "identity", dtype="float64", seed=0)
    other.fit(X, Y, epochs=2, batch_size=5, loss=FOURTH, optimizer=SignDescent(), seed=0)
    assert_same_bits(net, other.parameters)
    assert copy.deepcopy(net).activations == ("bump", "identity")


def test_an_activation_may_not_pass_for_a_built_in_one():
    """What follows from a name, as the loss that suits it, would be wrong. A copy of an entry is the same."""
    same = copy.deepcopy(ACTIVATIONS["sigmoid"])
    net = deepnet.Network([2, deepnet.Dense(1, same)])
    assert net._g[0] is ACTIVATIONS["sigmoid"]
    false = Activation(
        name="sigmoid", formula="A = Z", forward=np.copy, backward=lambda dA, Z: dA.copy(), source="-"
    )
    with pytest.raises(ValueError, match="name of the built-in 'sigmoid'"):
        deepnet.Network([2, deepnet.Dense(1, false)])


@pytest.mark.parametrize("name", LOSSES)
def test_losses_copy_and_pickle(name):
    """Most of their functions have no name for a pickle; those of a custom loss need one."""
    has_setting = name in ("huber", "quantile") or "cross_entropy" in name
    made = getattr(deepnet.losses, name)(0.25) if has_setting else LOSSES[name]
    for loss in (made, FOURTH):
        for other in (copy.copy(loss), copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
            assert other == loss


def test_equal_custom_parts_with_other_attributes_are_told_apart():
    class Scaled(deepnet.optimizers.Optimizer):
        def __init__(self, rate, factor):
            super().__init__(rate)
            self.factor = factor

        def update(self, p, gradient, slots, rate, t):
            p -= p.dtype.type(rate * self.factor) * gradient

    X, Y = np.ones((2, 8)), np.ones((1, 8))
    net = deepnet.Network([2, 1], seed=0)
    for factor in (0.0, 1.0, 5.0):
        before = net.parameters["W1"].copy()
        net.train_on_batch(X, Y, optimizer=Scaled(0.1, factor))
        assert (net.parameters["W1"] == before).all() == (factor == 0)


def test_further_arrays_may_have_any_name():
    def squares(A, Y, _, **arrays):
        assert list(arrays) == ["name", "loss"]
        return (A - Y) ** 2 * arrays["name"], 2 * (A - Y) * arrays["loss"]

    loss = Loss("squares", "name (A - Y)^2", squares, data=("name", "loss"))
    net = deepnet.Network([2, 1], output="identity", initializer="zeros")
    arrays = {"name": np.full(3, 3.0), "loss": np.ones(3)}
    assert net.evaluate(np.ones((2, 3)), np.ones(3), loss=loss, loss_data=arrays) == 3


def smooth_labels(Z, Y, _):
    e = np.exp(Z - Z.max(axis=0))
    p = e / e.sum(axis=0)
    return -Y * np.log(p), p * Y.sum(axis=0) - Y


TRAININGS = {  # outputs, output activation, loss, labels, further settings
    "of A": (2, "gelu", SQUARE, "", {"l2": 0.1}),
    "both at once": (1, "identity", Loss("both", "-", lambda A, Y, _: ((A - Y) ** 2, 2 * A - 2 * Y)), "", {}),
    "of Z": (
        3,
        "softmax",
        Loss(
            "smoothed",
            "-",
            smooth_labels,
            activation="softmax",
            label_rule="classes",
            label_smoothing=0.3,
        ),
        "classes",
        {"dropout": 0.4, "input_dropout": 0.1},
    ),
    "sparse": (2, "identity", SQUARE, "sparse", {}),
}


@pytest.mark.parametrize("kind", TRAININGS)
def test_the_extension_calls_a_loss_as_numpy_does(kind):
    """Rounding errors of three updates, in float64: each entry is a sum of some hundred products."""
    outputs, output, loss, labels, settings = TRAININGS[kind]
    rng, found = np.random.default_rng(0), []
    X, weight = rng.normal(size=(5, 45)), rng.uniform(0.5, 2, 45)
    Y = rng.normal(size=(outputs, 45))
    if labels == "classes":
        Y = rng.integers(0, outputs, 45)
    elif labels == "sparse":
        X = pytest.importorskip("scipy.sparse").csc_matrix(np.where(X > 0, X, 0))
    for backend in ("native", "numpy"):
        with deepnet.use_backend(backend):
            net = deepnet.Network([5, 8, outputs], "tanh", output, dtype="float64", seed=0, **settings)
        options = {"loss": loss, "sample_weight": weight}
        clipped = deepnet.Adam(0.01, clip_norm=0.1)
        numbers = [net.train_on_batch(X, Y, optimizer=clipped, **options) for _ in range(2)]
        history = net.fit(X, Y, epochs=2, batch_size=20, seed=3, optimizer=deepnet.SGD(0.1), **options)
        value, grads = net.loss_and_grads(X, Y, **options)
        assert value == net.evaluate(X, Y, **options)
        assert net._fallback is None
        found.append(np.concatenate([numbers, history.loss, [value], *map(np.ravel, grads.values())]))
    np.testing.assert_allclose(*found, rtol=1e-9, atol=1e-12)


def test_an_error_in_a_loss_changes_nothing_and_ends_the_call():
    X, Y = problem(6, 20, dtype=np.float64)
    net, inner = network(), []

    def raising(A, labels, _):
        with pytest.raises(RuntimeError, match="being trained"):
            net.train_on_batch(X, Y)
        inner.append(net.predict(X))
        raise KeyboardInterrupt if len(inner) % 2 else LookupError

    loss = Loss("raising", "-", raising)
    before = parameters_of(net)
    for call in (net.train_on_batch, lambda X, Y, loss: net.fit(X, Y, epochs=2, batch_size=9, loss=loss)):
        for error in (KeyboardInterrupt, LookupError):
            with pytest.raises(error):
                call(X, Y, loss=loss)
    assert_same_bits(net, before)
    assert len(inner) == 4
    net.train_on_batch(X, Y, loss=SQUARE)


def test_a_loss_that_becomes_infinite_leaves_the_parameters_before_it():
    """Also if it counts its calls, which may not be repeated."""
    X, Y = problem(6, 40, dtype=np.float64)
    net, states = network(), []

    def until_the_sixth(A, Y, _):
        states.append(parameters_of(net))
        slope = np.full_like(A, np.inf) if len(states) == 5 else A - Y
        return (A - Y) ** 2 / 2, slope

    with pytest.raises(FloatingPointError, match="epoch 2 of 3"):
        net.fit(X, Y, epochs=3, batch_size=10, loss=Loss("sixth", "-", until_the_sixth), seed=0)
    assert len(states) == 6
    assert_same_bits(net, states[4])


def test_gradients_are_of_one_state_of_a_network_that_is_trained_meanwhile():
    X, Y = problem(6, 20, dtype=np.float64)
    with deepnet.use_backend("native"):
        net = deepnet.Network([6, 100, 1], "tanh", "identity", dtype="float64", seed=0)
    calls = []

    def trains_once(A, Y, _):
        calls.append(A)
        if len(calls) == 1:
            net.train_on_batch(X, Y, optimizer=deepnet.SGD(0.5))
        return (A - Y) ** 2, 2 * (A - Y)

    loss = Loss("trains", "-", trains_once)
    value, grads = net.loss_and_grads(X, Y, loss=loss)
    assert len(calls) == 2
    again, expected = net.loss_and_grads(X, Y, loss=loss)
    assert value == again
    for key, grad in grads.items():
        np.testing.assert_array_equal(grad, expected[key])
