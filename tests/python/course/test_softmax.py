"""softmax as the output of the step-by-step functions, with its cross-entropy, on both backends."""

import re

import numpy as np
import pytest

import deepnet
from deepnet import reference
from networks import LAYOUTS, Unchanged, laid_out, network

pytestmark = pytest.mark.usefixtures("backend")

DTYPES = [np.float32, np.float64]


def one_hot(classes, m):
    return np.eye(classes)[:, np.arange(m) % classes]


def identity_layer(Z):
    """Return a cache with W = 1 and b = 0, so that the layer's dA_prev is dZ."""
    n, m = Z.shape
    return (np.zeros((n, m), Z.dtype), np.eye(n, dtype=Z.dtype), np.zeros((n, 1), Z.dtype)), Z


def bounds(Z, dA):
    """Return bounds of the errors of A and dZ in units of u, as in tests/cpp/test_columns.cpp."""
    A, S = reference.activation_forward(Z, "softmax"), 0
    distance = Z.max(axis=0) - Z
    relative = distance + (A * distance).sum(axis=0) + 4 * 1.1 + len(Z)
    S, S_error = (np.abs(dA) * A).sum(axis=0), (np.abs(dA) * A * relative).sum(axis=0)
    of_dZ = A * (len(Z) * S + (2 + relative) * (np.abs(dA) + S) + S_error)
    return A * relative, of_dZ


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("n", "m"), [(1, 5), (3, 1), (10, 70), (40, 3000)])
def test_a_layer_agrees_with_the_reference(n, m, layout, dtype):
    random = np.random.default_rng(n)
    Z = laid_out((5 * random.standard_normal((n, m))).astype(dtype), layout)
    dA = laid_out(random.standard_normal((n, m)).astype(dtype), layout)
    one, zero = np.eye(n, dtype=dtype), np.zeros((n, 1), dtype)
    with Unchanged(Z, dA):
        A, cache = deepnet.linear_activation_forward(Z, one, zero, "softmax")
        dZ, _, _ = deepnet.linear_activation_backward(dA, identity_layer(Z), "softmax")
    exact_Z, exact_dA = Z.astype(np.float64), dA.astype(np.float64)
    u, of_reference = np.finfo(dtype).eps / 2, np.finfo(np.float64).eps
    of_A, of_dZ = bounds(exact_Z, exact_dA)
    assert cache.activation == "softmax"
    assert A.dtype == dZ.dtype == dtype
    tiny = 2 * np.finfo(dtype).smallest_subnormal
    expected = reference.activation_forward(exact_Z, "softmax")
    assert np.all(np.abs(A - expected) <= (u + of_reference) * of_A + tiny)
    expected = reference.activation_backward(exact_dA, exact_Z, "softmax")
    assert np.all(np.abs(dZ - expected) <= (u + of_reference) * of_dZ + tiny)


@pytest.mark.parametrize("dtype", DTYPES)
def test_whole_networks_agree_with_the_reference(dtype):
    X, _, parameters = network([20, 30, 10], 200, dtype=dtype)
    Y = one_hot(10, 200)
    AL, caches = deepnet.L_model_forward(X, parameters, activations="tanh", output="softmax")
    grads = deepnet.L_model_backward(AL, Y, caches)
    np.testing.assert_allclose(AL.sum(axis=0), 1, rtol=10 * np.finfo(dtype).eps)
    assert [cache.activation for cache in caches] == ["tanh", "softmax"]
    exact = {key: p.astype(np.float64) for key, p in parameters.items()}
    AL64, caches64 = reference.L_model_forward(
        X.astype(np.float64), exact, activations="tanh", output="softmax"
    )
    tolerance = {np.float32: 1e-5, np.float64: 1e-12}[dtype]
    np.testing.assert_allclose(AL, AL64, rtol=tolerance)
    for key, expected in reference.L_model_backward(AL64, Y, caches64).items():
        np.testing.assert_allclose(grads[key], expected, rtol=0, atol=tolerance * np.abs(expected).max())
    cost = deepnet.compute_cost(AL, Y, "categorical_cross_entropy")
    assert cost.dtype == dtype
    np.testing.assert_allclose(cost, -np.log(AL64[Y == 1]).mean(), rtol=tolerance)


def test_examples_do_not_know_each_other(backend):
    X, _, parameters = network([17, 20, 5], 41)
    together, _ = deepnet.L_model_forward(X, parameters, output="softmax")
    alone = [deepnet.L_model_forward(X[:, i : i + 1], parameters, output="softmax")[0] for i in range(41)]
    np.testing.assert_allclose(np.hstack(alone), together, rtol=0 if backend == "native" else 1e-13)


def test_a_saturated_column_has_a_finite_gradient_and_cost():
    one = {"W1": np.array([[1000.0], [-1000.0], [0.0]]), "b1": np.zeros((3, 1))}
    AL, caches = deepnet.L_model_forward(np.array([[1.0, 1.0]]), one, output="softmax")
    np.testing.assert_array_equal(AL, [[1, 1], [0, 0], [0, 0]])
    grads = deepnet.L_model_backward(AL, np.array([[1, 0], [0, 1], [0, 0]]), caches)
    np.testing.assert_array_equal(grads["db1"], [[0.5], [-0.5], [0]])
    right = deepnet.compute_cost(AL, np.array([[1, 1], [0, 0], [0, 0]]), "categorical_cross_entropy")
    assert str(right) == "0.0"
    assert deepnet.compute_cost(AL, one_hot(3, 2), "categorical_cross_entropy") == np.inf


def test_labels_may_be_smoothed():
    AL = np.full((4, 3), 0.25)
    Y = 0.9 * one_hot(4, 3) + 0.1 / 4
    np.testing.assert_allclose(
        deepnet.compute_cost(AL, Y, "categorical_cross_entropy"), np.log(4), rtol=1e-15
    )


def test_a_hidden_softmax_is_refused_with_the_reason():
    X, Y, parameters = network([3, 4, 4, 2], 5)
    for activations, where in [
        ("softmax", "activations"),
        (["relu", "softmax", "sigmoid"], "activations[1]"),
    ]:
        with pytest.raises(ValueError, match=re.escape(f"{where} is 'softmax', but a hidden layer")):
            deepnet.L_model_forward(X, parameters, activations=activations)
    with pytest.raises(ValueError, match=r"activations='relu', output='softmax'"):
        deepnet.L_model_forward(X, parameters, activations="softmax")
    AL, caches = deepnet.L_model_forward(X, parameters)
    caches[0].activation = "softmax"
    with pytest.raises(ValueError, match="is 'softmax', but a hidden layer"):
        deepnet.L_model_backward(AL, Y, caches)
    with pytest.raises(ValueError, match="is 'softmax', but a hidden layer"):
        deepnet.Network([3, 4, 2], "softmax")


def test_labels_that_do_not_add_up_to_1_are_refused():
    X, _, parameters = network([3, 4, 2], 5)
    AL, caches = deepnet.L_model_forward(X, parameters, output="softmax")
    Y = one_hot(2, 5)
    Y[:, 3] = 1
    words = r"Y\[:, 3\].* 2, .* 1 "
    with pytest.raises(ValueError, match=words):
        deepnet.L_model_backward(AL, Y, caches)
    with pytest.raises(ValueError, match=words):
        deepnet.compute_cost(AL, Y, "categorical_cross_entropy")
    with pytest.raises(ValueError, match=words):
        deepnet.L_layer_model(X, Y, [3, 4, 2], output="softmax")
    with pytest.raises(ValueError, match="output='sigmoid'"):
        deepnet.compute_cost(np.ones((1, 2)), np.array([1, 0]), "categorical_cross_entropy")
    assert np.isfinite(deepnet.compute_cost(AL, Y))  # the binary one takes several classes at once


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_cost_of_a_softmax_output_must_be_named(dtype):
    X, _, parameters = network([3, 40, 30], 50, dtype=dtype)
    Y = one_hot(30, 50)
    AL, _ = deepnet.L_model_forward(X, parameters, output="softmax")
    with pytest.raises(
        ValueError, match=r"loss.*AL.*Y.*\"categorical_cross_entropy\".*\"binary_cross_entropy\""
    ):
        deepnet.compute_cost(AL, Y)
    with pytest.raises(ValueError, match="loss"):
        deepnet.compute_cost(AL, Y.astype(int))
    named = [deepnet.compute_cost(AL, Y, f"{kind}_cross_entropy") for kind in ("categorical", "binary")]
    assert named[0] < named[1]
    sigmoids, _ = deepnet.L_model_forward(X, parameters)
    assert deepnet.compute_cost(sigmoids, Y) == deepnet.compute_cost(sigmoids, Y, "binary_cross_entropy")
    assert deepnet.compute_cost(AL[:1], Y[:1]) > 0  # a single row cannot come from softmax
    assert deepnet.compute_cost(AL, 1 - Y) > 0  # several classes per example


def test_an_unknown_cost_lists_the_known_ones():
    with pytest.raises(
        ValueError, match=r"unknown loss 'categorical': did you mean 'categorical_cross_entropy'\?"
    ):
        deepnet.compute_cost(np.ones((1, 2)), np.array([1, 0]), "categorical")


def test_a_model_learns_three_classes(capsys):
    random = np.random.default_rng(0)
    labels = np.arange(150) % 3
    X = np.array([[2.0, -2, 0], [0, 0, 3]])[:, labels] + 0.3 * random.standard_normal((2, 150))
    Y = np.eye(3)[:, labels]
    parameters, costs = deepnet.L_layer_model(
        X, Y, [2, 8, 3], learning_rate=0.5, num_iterations=201, activations="tanh", output="softmax"
    )
    assert costs[-1] < costs[0] / 10
    p = deepnet.predict(X, Y, parameters, activations="tanh", output="softmax")
    np.testing.assert_array_equal(p.sum(axis=0), 1)
    printed = re.fullmatch(r"Accuracy: (\S+)\n", capsys.readouterr().out)
    np.testing.assert_allclose(float(printed[1]), np.mean(p.argmax(axis=0) == labels), rtol=1e-12)
    assert float(printed[1]) > 0.97


def test_the_models_and_their_twins_agree():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(2, 40)), np.eye(3)[:, rng.integers(0, 3, 40)]
    run = {"num_iterations": 150, "learning_rate": 0.1, "output": "softmax"}
    parameters, costs = deepnet.L_layer_model(X, Y, [2, 8, 3], **run)
    expected, expected_costs = reference.L_layer_model(X, Y, [2, 8, 3], **run)
    np.testing.assert_allclose(costs, expected_costs, rtol=1e-12)
    for key, p in parameters.items():
        np.testing.assert_allclose(p, expected[key], rtol=1e-9, atol=1e-12)
        p *= 0.05  # no output is above a half now
    np.testing.assert_array_equal(
        deepnet.predict(X, Y, parameters, output="softmax"),
        reference.predict(X, Y, parameters, output="softmax"),
    )
