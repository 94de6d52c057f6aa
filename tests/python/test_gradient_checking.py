"""Gradient checking: right gradients pass, kinks do not count, and what cannot be checked is said."""

import re

import numpy as np
import pytest

import deepnet
from deepnet import gradient_check, reference
from deepnet.gradient_checking._differences import EPSILON, LIMIT
from networks import Unchanged, network

M = 7
X, Y, PARAMETERS = network([5, 4, 4, 4, 1], M, seed=3)
KEYS = [f"d{key}" for key in PARAMETERS]
RIGHT = (reference.L_model_forward, reference.compute_cost, reference.L_model_backward)


# --- right gradients ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "functions", [RIGHT, (deepnet.L_model_forward, deepnet.compute_cost, deepnet.L_model_backward)]
)
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
    """Biases of 0 and narrow layers: many exact zeros and dead units, where relu has its kink."""
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


def test_functions_may_spoil_what_they_get():
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
    assert "no slope beyond rounding" in repr(result)


# --- kinks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("distance", [0, 0.1, 0.25, 1 / 3, 0.5, 0.9, -0.1, -0.25, -1 / 3, -0.5, -0.9])
def test_a_kink_within_a_step_is_left_out_wherever_it_lies(distance):
    """cost |w0 - kink| + w1^2 + w2^2: a wrong difference, a right gradient, also at the kink itself."""
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
    """A cost of steps is nowhere smooth: nothing is compared, and that is no success."""

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


# --- what cannot be checked ---------------------------------------------------------------------------------


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
            "3 is no function: gradient_check takes",
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
        (lambda: gradient_check((square, double), X, parameters=ONE), TypeError, "X and Y belong to three"),
        (
            lambda: gradient_check(RIGHT, X, parameters=PARAMETERS),
            TypeError,
            "Y is missing: gradient_check takes",
        ),
        (
            lambda: gradient_check((square, double), parameters=ONE, loss="mean_squared_error"),
            TypeError,
            "loss and input_scale are for networks",
        ),
        (lambda: gradient_check(NET, X, Y, parameters=ONE), TypeError, "parameters are for functions"),
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
def test_what_cannot_be_checked_is_said(call, kind, words):
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
    """Its loss can be asked for a few times, then somebody presses Ctrl-C."""

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
