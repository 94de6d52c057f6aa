"""gradient_check: right gradients pass, kinks and rounding do not count, unusable arguments are named."""

import copy
import re

import numpy as np
import pytest

import deepnet
from deepnet import LOSSES, gradient_check, reference
from deepnet.gradient_checking._differences import EPSILON, LIMIT
from networks import Unchanged, network
from problems import ELEMENTWISE, USABLE_LOSSES, targets_for

M = 7
X, Y, PARAMETERS = network([5, 4, 4, 4, 1], M, seed=3)
KEYS = [f"d{key}" for key in PARAMETERS]
RIGHT = (reference.L_model_forward, reference.compute_cost, reference.L_model_backward)
COURSE = (deepnet.L_model_forward, deepnet.compute_cost, deepnet.L_model_backward)


# --- right gradients ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("functions", [RIGHT, COURSE])
def test_the_course_s_functions_pass(functions):
    with Unchanged([X, Y], PARAMETERS):
        result = gradient_check(functions, X, Y, parameters=PARAMETERS)
    assert result
    assert result.passed
    assert result.wrong == result.unchecked == result.notes == []
    assert list(result.arrays) == KEYS
    assert result.error < LIMIT
    assert all(array.compared == array.size and not array.moved for array in result.arrays.values())
    assert repr(result).startswith("<gradient check: passed; relative error ")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("output", ["sigmoid", "identity"])
@pytest.mark.parametrize("hidden", ["relu", "leaky_relu", "tanh", "sigmoid", "identity"])
def test_networks_pass_and_stay_as_they_are(hidden, output, dtype, backend):
    net = deepnet.Network([5, 4, 3, 2], hidden, output, dtype=dtype, seed=1)
    x, y = X.astype(np.float32), np.vstack([Y, 1 - Y])
    with Unchanged([x, y], net.parameters):
        result = gradient_check(net, x, y)
    assert result.passed, result
    assert result.notes == (
        [] if dtype == "float64" else ["checked in float64, on a copy of the float32 network"]
    )


def test_fresh_networks_of_any_shape_pass():
    """Biases of 0 and narrow layers give many exact zeros and dead units, where relu has its kink."""
    rng = np.random.default_rng(0)
    for seed in range(40):
        dims = rng.integers(1, 7, size=rng.integers(2, 5))
        net = deepnet.Network(dims, output=["sigmoid", "relu"][seed % 2], dtype="float64", seed=seed)
        m = int(rng.integers(1, 60))
        result = gradient_check(net, rng.normal(size=(dims[0], m)), rng.random((dims[-1], m)) < 0.5, sample=8)
        assert result.passed, (seed, result)


def test_loss_and_scale_go_to_the_network():
    net = deepnet.Network([5, 4, 1], "tanh", dtype="float64", seed=1)
    pixels = np.random.default_rng(0).integers(0, 256, (5, M), dtype=np.uint8)
    options = {"loss": "mean_squared_error", "input_scale": 1 / 255}
    assert gradient_check(net, pixels, Y, **options).passed
    slope = gradient_check(net, pixels, Y, **options).worst[0]
    grads = net.loss_and_grads(pixels, Y, **options)[1]
    assert slope.analytic == grads[slope.key][slope.index]


def test_a_sample_is_the_same_for_the_same_seed():
    net = deepnet.Network([20, 30, 1], "tanh", dtype="float64", seed=1)
    x = np.random.default_rng(0).normal(size=(20, M))
    first, same, other = (gradient_check(net, x, Y, sample=10, seed=seed) for seed in (1, 1, 2))
    assert [array.compared for array in first.arrays.values()] == [10, 10, 10, 1]
    assert repr(first) == repr(same) != repr(other)
    assert first.passed
    assert other.passed


def test_any_names_shapes_and_float_types_of_parameters():
    parameters = {
        "tensor": np.arange(1.0, 9).reshape(2, 2, 2),
        "number": np.array(3.0),
        "single": np.ones(2, "f4"),
    }

    def cost(p):
        assert {array.dtype for array in p.values()} == {np.dtype(np.float64)}
        return np.array([[np.sum(p["tensor"] ** 2) * p["number"] + np.exp(p["single"]).sum()]])

    def grads(p):
        return {
            "dtensor": 2 * p["tensor"] * p["number"],
            "dnumber": np.sum(p["tensor"] ** 2),
            "dsingle": np.exp(p["single"]),
        }

    result = gradient_check((cost, grads), parameters=parameters)
    assert result.passed, result
    assert result.notes == ["checked in float64: the parameters are float32"]


def test_functions_may_change_their_arguments():
    def cost(p):
        value = float(np.sum(p["W1"] ** 3))
        p["W1"][...] = np.nan
        p.clear()
        return value

    def grads(p):
        return {"dW1": 3 * np.square(p["W1"], out=p["W1"]), "dA0": None}

    parameters = {"W1": np.random.default_rng(0).normal(size=(3, 2))}
    with Unchanged(parameters):
        assert gradient_check((cost, grads), parameters=parameters).passed


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_the_scale_of_the_cost_does_not_matter(scale):
    def cost(p):
        return scale * float(np.sum(np.sin(p["W1"])))

    def grads(factor):
        return lambda p: {"dW1": factor * scale * np.cos(p["W1"])}

    parameters = {"W1": np.random.default_rng(0).normal(size=(3, 2))}
    assert gradient_check((cost, grads(1)), parameters=parameters).passed
    assert not gradient_check((cost, grads(1 + 1e-6)), parameters=parameters).passed


def test_a_perfect_fit_has_no_slope_and_passes():
    net = deepnet.Network([3, 2], "identity", "identity", dtype="float64", seed=0)
    x = np.eye(3)
    result = gradient_check(net, x, net.predict(x))
    assert result.passed, result


def test_saturated_networks_pass():
    """All gradients are about e^-20, below what rounding does to differences of a cost of order one."""
    parameters = {key: p.copy() for key, p in PARAMETERS.items()}
    parameters["b4"][...] = 20
    result = gradient_check(RIGHT, X, np.ones((1, M)), parameters=parameters)
    assert result.passed, result
    assert "slope smaller than rounding errors" in repr(result)


def random_case(seed):
    """Return a network of any kind, fresh, trained or nearly perfect, with examples that may be all 0."""
    random = np.random.default_rng(seed)
    loss = LOSSES[str(random.choice(USABLE_LOSSES))]
    units = random.integers(1, 5, size=random.integers(1, 4))
    if loss.activation == "softmax":
        units[-1] += 1
    activations = random.choice(ELEMENTWISE, size=units.size).tolist()
    activations[-1] = loss.activation or activations[-1]
    layers = [
        deepnet.Dense(int(n), g, l2=random.choice([0.0, 0.1]), l1=random.choice([0.0, 0.05]))
        for n, g in zip(units, activations, strict=True)
    ]
    inputs, m = int(random.integers(1, 4)), int(random.integers(1, 9))
    net = deepnet.Network([inputs, *layers], dtype=str(random.choice(["float32", "float64"])), seed=seed)
    x = random.standard_normal((inputs, m)) * (random.random(m) < random.choice([0, 0.5, 1]))
    y = targets_for(loss, int(units[-1]), m, random)
    if random.random() < 0.3:
        by_example = y.reshape(-1, m)  # which says so where x is square
        net.fit(x, by_example, epochs=100, batch_size=m, loss=loss, optimizer=deepnet.Adam(0.03), seed=0)
    elif loss.activation is None and random.random() < 0.5:  # a loss of about 1e-4 to 1e-20
        y = net.predict(x).astype(float)
        for p in net.parameters.values():
            p += 10.0 ** -random.uniform(2, 10) * random.standard_normal(p.shape)
    return net, x, y, loss


@pytest.mark.parametrize("part", range(4))
def test_random_networks_pass(part):
    for seed in range(100 * part, 100 * part + 100):
        net, x, y, loss = random_case(seed)
        result = gradient_check(net, x, y, loss=loss)
        assert result.passed, (seed, result)


def test_a_wrong_gradient_of_a_nearly_perfect_network_is_found():
    """The loss is 1e-10, its gradients 1e-6: rounding hides much, but not a factor of 1.01."""
    net = deepnet.Network([5, 4, 2], "tanh", "identity", dtype="float64", seed=1)
    y = net.predict(X) + 1e-5 * np.random.default_rng(0).standard_normal((2, M))
    parameters = dict(net.parameters)

    def moved(p):
        other = copy.deepcopy(net)
        for key, value in other.parameters.items():
            value[...] = p[key]
        return other

    def cost(p):
        return moved(p).evaluate(X, y)

    def grads(p, factor=1.0):
        return {key: factor * grad for key, grad in moved(p).loss_and_grads(X, y)[1].items()}

    assert cost(parameters) < 1e-9
    assert gradient_check((cost, grads), parameters=parameters).passed
    wrong = gradient_check((cost, lambda p: grads(p, 1.01)), parameters=parameters)
    assert wrong.wrong == ["dW1", "db1", "dW2", "db2"]


@pytest.mark.parametrize("bias", [5.0, 15.0, 22.0, 30.0, 36.0])
@pytest.mark.parametrize("functions", [RIGHT, COURSE])
def test_saturated_outputs_pass(functions, bias):
    """The lecture's cost has steps of 1e-16 there, its gradients are down to 1e-16."""
    parameters = {key: p.copy() for key, p in PARAMETERS.items()}
    parameters["b4"][...] = bias
    result = gradient_check(functions, X, np.ones((1, M)), parameters=parameters)
    assert result.passed, result


def test_a_softmax_whose_gradients_vanish_passes():
    """Gradients of 1e-90, where the differences are 0: the cost is 0 however small the step is."""
    net = deepnet.Network([2, 3], "identity", "softmax", dtype="float64", seed=0)
    net.parameters["b1"][...] = [[0], [-200], [-210]]
    x = np.random.default_rng(0).normal(size=(2, 4))
    grads = net.loss_and_grads(x, np.zeros(4, int))[1]
    assert 0 < np.abs(grads["db1"]).max() < 1e-80
    result = gradient_check(net, x, np.zeros(4, int))
    assert result.passed, result
    assert all(array.left_out for array in result.arrays.values())


# --- kinks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("distance", [0, 0.1, 0.25, 1 / 3, 0.5, 0.9, -0.1, -0.25, -1 / 3, -0.5, -0.9])
def test_a_kink_within_a_step_is_left_out_wherever_it_lies(distance):
    """cost |w0 - kink| + w1^2 + w2^2: a wrong difference and a right gradient, also at the kink."""
    w = np.array([0.7, 0.3, -0.2])
    kink = w[0] + distance * EPSILON

    def cost(p):
        return abs(p["w"][0] - kink) + np.sum(p["w"][1:] ** 2)

    def grads(p):
        return {"dw": np.append(1 if p["w"][0] > kink else -1, 2 * p["w"][1:])}

    result = gradient_check((cost, grads), parameters={"w": w})
    assert result.passed, result
    assert (result.arrays["dw"].compared, result.arrays["dw"].left_out) == (2, 1)


def test_a_kink_outside_the_step_hides_nothing():
    w = np.array([0.7])

    def cost(p):
        return abs(p["w"][0] - w[0] - 1.01 * EPSILON)

    assert gradient_check((cost, lambda p: {"dw": np.array([-1.0])}), parameters={"w": w}).passed
    assert gradient_check((cost, lambda p: {"dw": np.array([0.0])}), parameters={"w": w}).wrong == ["dw"]


@pytest.mark.parametrize("hidden", ["relu", "leaky_relu", "selu"])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_examples_that_are_all_0_in_a_fresh_network_pass(hidden, depth):
    """Each Z is at the kink, in every layer, for every example."""
    for seed in range(10):
        net = deepnet.Network([3, *[4] * depth, 2], hidden, "identity", dtype="float64", seed=seed)
        result = gradient_check(net, np.zeros((3, 5)), np.ones((2, 5)))
        assert result.passed, (seed, result)
        assert any(array.moved for array in result.arrays.values())


def test_kinks_of_two_layers_that_cancel_hide_no_mistake():
    """leaky_relu at 0, a negative weight, leaky_relu: slope 0.01 on both sides, 0.0001 by the chain rule."""

    def leaky(z):
        return np.where(z > 0, z, 0.01 * z)

    def slope(z):
        return np.where(z > 0, 1, 0.01)

    def cost(p):
        return float(np.sum(leaky(-leaky(p["w"]))))

    def grads(factor):
        return lambda p: {"dw": -factor * slope(-leaky(p["w"])) * slope(p["w"])}

    parameters = {"w": np.zeros(3)}
    result = gradient_check((cost, grads(1)), parameters=parameters)
    assert result.passed, result
    assert result.arrays["dw"].moved
    assert gradient_check((cost, grads(1.001)), parameters=parameters).wrong == ["dw"]


def test_a_mistake_is_not_excused_by_units_that_are_dead_nearby():
    """The unit dies a few hundred steps from here, where any gradient of 0 is right."""
    w = np.array([10 * EPSILON])

    def cost(p):
        return float(np.sum(np.maximum(p["w"], 0)))

    result = gradient_check((cost, lambda p: {"dw": 1.01 * (p["w"] > 0)}), parameters={"w": w})
    assert result.wrong == ["dw"]


def dead_network():
    """Layer 1 is dead for one example, so Z2 = b2 = 0 there: each entry of b2 lies exactly at a kink."""
    _, _, parameters = network([5, 4, 4, 1], M, seed=3)
    parameters = {key: p if key[0] == "W" else np.zeros_like(p) for key, p in parameters.items()}
    x = X.copy()
    x[:, 0] = -np.linalg.pinv(parameters["W1"]) @ np.ones(4)
    assert (parameters["W1"] @ x[:, 0] < 0).all()
    return x, parameters


def test_an_array_whose_entries_are_all_at_a_kink_is_compared_nearby():
    x, parameters = dead_network()
    with Unchanged([x], parameters):
        result = gradient_check(RIGHT, x, Y, parameters=parameters)
    assert result.passed, result
    assert [key for key, array in result.arrays.items() if array.moved] == ["db2"]

    def wrong(AL, Y, caches):
        grads = reference.L_model_backward(AL, Y, caches)
        return grads | {"db2": grads["db2"] * 2}

    assert gradient_check((*RIGHT[:2], wrong), x, Y, parameters=parameters).wrong == ["db2"]


def test_a_cost_that_ends_nearby_is_compared_where_it_is():
    """All of w is at a kink, and parameters a little further on have no cost at all."""

    def cost(p):
        return np.sum(np.abs(p["w"])) if np.abs(p["w"]).max() <= 2 * EPSILON else np.nan

    result = gradient_check((cost, lambda p: {"dw": np.ones(3)}), parameters={"w": np.zeros(3)})
    assert result.unchecked == ["dw"]


def test_kinks_everywhere_are_not_called_right():
    """A cost of steps is nowhere smooth: nothing is compared, which does not count as success."""

    def cost(p):
        return float(np.sum(np.abs(np.sin(1000 * p["w"] / EPSILON))))

    result = gradient_check(
        (cost, lambda p: {"dw": np.zeros(3)}), parameters={"w": np.array([0.1, 0.2, 0.3])}
    )
    assert not result.passed
    assert result.unchecked == ["dw"]
    assert result.wrong == []
    assert "dw not checked" in repr(result)
    assert "fewer examples, or another epsilon" in repr(result)


# --- unusable arguments -------------------------------------------------------------------------------------


def square(p):
    return np.sum(p["W1"] ** 2)


def double(p):
    return {"dW1": 2 * p["W1"]}


ONE = {"W1": np.ones((2, 3))}
NET = deepnet.Network([5, 1], dtype="float64", seed=0)


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: gradient_check(len), TypeError, "model is <built-in function len>, but must be a network"),
        (
            lambda: gradient_check((square,), parameters=ONE),
            TypeError,
            "but must be a network, (cost, grads)",
        ),
        (
            lambda: gradient_check((square, 3), parameters=ONE),
            TypeError,
            "3 is not a function: gradient_check takes",
        ),
        (
            lambda: gradient_check((square, double)),
            TypeError,
            "parameters is a NoneType, but must be a dict of",
        ),
        (
            lambda: gradient_check((square, double), parameters={}),
            TypeError,
            "parameters is empty, but must be",
        ),
        (
            lambda: gradient_check((square, double), parameters={"W1": np.ones((2, 3), int)}),
            TypeError,
            "W1 is int64, but must be of floats: W1.astype(np.float64)",
        ),
        (
            lambda: gradient_check((square, double), parameters={"W1": [1.0]}),
            TypeError,
            "W1 is a list, but must be a NumPy array",
        ),
        (lambda: gradient_check((square, double), X, parameters=ONE), TypeError, "X and Y are for three"),
        (
            lambda: gradient_check(RIGHT, X, parameters=PARAMETERS),
            TypeError,
            "Y is missing: gradient_check takes",
        ),
        (
            lambda: gradient_check((square, double), parameters=ONE, loss="mean_squared_error"),
            TypeError,
            "loss, input_scale and loss_data are for networks",
        ),
        (lambda: gradient_check(NET, X, Y, parameters=ONE), TypeError, "parameters is for functions"),
        (lambda: gradient_check(NET, X[:3], Y), ValueError, "X has 3 rows, but the network has 5 inputs"),
        (lambda: gradient_check(NET), TypeError, "X is None, but must be a NumPy array"),
        (lambda: gradient_check(NET, X, Y, sample=0), ValueError, "sample is 0, but must be 1 or more"),
        (lambda: gradient_check(NET, X, Y, seed=-1), ValueError, "seed is -1, but must be 0 or more"),
        (
            lambda: gradient_check(NET, X, Y, epsilon=0),
            ValueError,
            "epsilon is 0, but must be finite, and large",
        ),
        (lambda: gradient_check(NET, X, Y, epsilon="1"), TypeError, "epsilon is '1', but must be a number"),
        (
            lambda: gradient_check((lambda p: p["W1"], double), parameters=ONE),
            TypeError,
            "the cost is an array of shape (2, 3), but must be one number",
        ),
        (
            lambda: gradient_check((lambda p: None, double), parameters=ONE),
            TypeError,
            "the cost is a NoneType, but must be one number",
        ),
        (
            lambda: gradient_check((square, lambda p: 2 * p["W1"]), parameters=ONE),
            TypeError,
            "the gradients are an ndarray, but must be a dict with dW1, ...",
        ),
        (
            lambda: gradient_check((lambda p: np.nan, double), parameters=ONE),
            ValueError,
            "the cost is nan: there is nothing to compare",
        ),
        (
            lambda: gradient_check((lambda X, p: X, square, double), X, Y, parameters=ONE),
            TypeError,
            "the first function returned an ndarray, but must return (AL, caches)",
        ),
    ],
)
def test_unusable_arguments_are_named(call, kind, words):
    with pytest.raises(kind, match=re.escape(words)):
        call()


def test_a_cost_with_dropout_is_refused():
    random = np.random.default_rng(0)

    def cost(p):
        return np.sum((random.random(p["W1"].shape) < 0.8) * p["W1"] ** 2)

    with pytest.raises(
        ValueError, match=r"^the cost is .*, and .* when asked again: leave out what is random$"
    ):
        gradient_check((cost, double), parameters={"W1": PARAMETERS["W1"]})


def test_a_cost_in_float32_is_noticed():
    result = gradient_check(
        (lambda p: np.sum(p["W1"].astype(np.float32) ** 2), double), parameters={"W1": PARAMETERS["W1"]}
    )
    assert not result.passed
    assert result.notes == ["the cost is float32, too coarse for so small a step: compute it in float64"]


class Stop(deepnet.Network):
    """Its loss can be computed 20 times, then somebody presses Ctrl-C."""

    left = 20

    def evaluate(self, *args, **kwargs):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().evaluate(*args, **kwargs)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ctrl_c_leaves_the_network_as_it_was(dtype):
    net = Stop([5, 4, 1], dtype=dtype, seed=0)
    with Unchanged(net.parameters), pytest.raises(KeyboardInterrupt):
        gradient_check(net, X, Y)
