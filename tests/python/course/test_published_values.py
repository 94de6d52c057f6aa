"""The numbers that the course publishes for its own exercises: draws, inputs and outputs."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import deepnet
from deepnet.course import dnn_app_utils

pytestmark = pytest.mark.usefixtures("backend")


def close(actual, expected):
    """To the eight decimals that the course prints."""
    assert_allclose(actual, expected, rtol=0, atol=6e-9)


def draws(seed, *shapes):
    random = np.random.RandomState(seed)
    return [random.randn(*shape) for shape in shapes]


def test_initialize_parameters():
    parameters = deepnet.initialize_parameters(3, 2, 1)
    assert list(parameters) == ["W1", "b1", "W2", "b2"]
    close(parameters["W1"], [[0.01624345, -0.00611756, -0.00528172], [-0.01072969, 0.00865408, -0.02301539]])
    close(parameters["W2"], [[0.01744812, -0.00761207]])
    close(parameters["b1"], np.zeros((2, 1)))
    close(parameters["b2"], np.zeros((1, 1)))


def test_initialize_parameters_deep():
    parameters = deepnet.initialize_parameters_deep([5, 4, 3])
    close(parameters["W1"][0], [0.01788628, 0.0043651, 0.00096497, -0.01863493, -0.00277388])
    close(parameters["W1"][3], [-0.00404677, -0.0054536, -0.01546477, 0.00982367, -0.01101068])
    close(parameters["W2"][2], [-0.00768836, -0.00230031, 0.00745056, 0.01976111])


def test_initialize_parameters_deep_of_the_application():
    (W1,) = draws(1, (4, 5))
    parameters = dnn_app_utils.initialize_parameters_deep((5, 4, 3))
    np.testing.assert_array_equal(parameters["W1"], W1 * (1 / np.sqrt(5)))


def test_linear_forward():
    A, W, b = draws(1, (3, 2), (1, 3), (1, 1))
    Z, _ = deepnet.linear_forward(A, W, b)
    close(Z, [[3.26295337, -1.23429987]])


@pytest.mark.parametrize(
    ("activation", "expected"), [("sigmoid", [[0.96890023, 0.11013289]]), ("relu", [[3.43896131, 0.0]])]
)
def test_linear_activation_forward(activation, expected):
    A_prev, W, b = draws(2, (3, 2), (1, 3), (1, 1))
    A, _ = deepnet.linear_activation_forward(A_prev, W, b, activation=activation)
    close(A, expected)


def test_L_model_forward_with_one_hidden_layer():
    X, *arrays = draws(1, (4, 2), (3, 4), (3, 1), (1, 3), (1, 1))
    AL, caches = deepnet.L_model_forward(X, dict(zip(["W1", "b1", "W2", "b2"], arrays, strict=True)))
    close(AL, [[0.17007265, 0.2524272]])
    assert len(caches) == 2


def test_L_model_forward_with_two_hidden_layers():
    X, *arrays = draws(6, (5, 4), (4, 5), (4, 1), (3, 4), (3, 1), (1, 3), (1, 1))
    names = ["W1", "b1", "W2", "b2", "W3", "b3"]
    AL, caches = deepnet.L_model_forward(X, dict(zip(names, arrays, strict=True)))
    close(AL, [[0.03921668, 0.70498921, 0.19734387, 0.04728177]])
    assert len(caches) == 3


@pytest.mark.parametrize(("Y", "cost"), [([[1, 1, 0]], 0.27977656), ([[1, 1, 1]], 0.41493160)])
def test_compute_cost(Y, cost):
    result = deepnet.compute_cost(np.array([[0.8, 0.9, 0.4]]), np.array(Y))
    assert result.shape == ()
    close(result, cost)


def test_linear_backward():
    dZ, *cache = draws(1, (1, 2), (3, 2), (1, 3), (1, 1))
    dA_prev, dW, db = deepnet.linear_backward(dZ, tuple(cache))
    close(dA_prev, [[0.51822968, -0.19517421], [-0.40506361, 0.15255393], [2.37496825, -0.89445391]])
    close(dW, [[-0.10076895, 1.40685096, 1.64992505]])
    close(db, [[0.50629448]])


@pytest.mark.parametrize(
    ("activation", "dA_prev", "dW", "db"),
    [
        (
            "sigmoid",
            [[0.11017994, 0.01105339], [0.09466817, 0.00949723], [-0.05743092, -0.00576154]],
            [[0.10266786, 0.09778551, -0.01968084]],
            [[-0.05729622]],
        ),
        (
            "relu",
            [[0.44090989, 0.0], [0.37883606, 0.0], [-0.2298228, 0.0]],
            [[0.44513824, 0.37371418, -0.10478989]],
            [[-0.20837892]],
        ),
    ],
)
def test_linear_activation_backward(activation, dA_prev, dW, db):
    """In this cache Z is not W A + b."""
    dA, A, W, b, Z = draws(2, (1, 2), (3, 2), (1, 3), (1, 1), (1, 2))
    results = deepnet.linear_activation_backward(dA, ((A, W, b), Z), activation=activation)
    for result, expected in zip(results, (dA_prev, dW, db), strict=True):
        close(result, expected)


@pytest.mark.parametrize("container", [tuple, list])
def test_L_model_backward(container):
    """In this exercise AL lies outside (0, 1), and Z does not belong to A."""
    AL, A1, W1, b1, Z1, A2, W2, b2, Z2 = draws(
        3, (1, 2), (4, 2), (3, 4), (3, 1), (3, 2), (3, 2), (1, 3), (1, 1), (1, 2)
    )
    caches = container([((A1, W1, b1), Z1), ((A2, W2, b2), Z2)])
    grads = deepnet.L_model_backward(AL, np.array([[1, 0]]), caches)
    assert list(grads) == ["dA1", "dW2", "db2", "dA0", "dW1", "db1"]
    close(
        grads["dW1"],
        [
            [0.41010002, 0.07807203, 0.13798444, 0.10502167],
            [0.0, 0.0, 0.0, 0.0],
            [0.05283652, 0.01005865, 0.01777766, 0.0135308],
        ],
    )
    close(grads["db1"], [[-0.22007063], [0.0], [-0.02835349]])
    close(grads["dA1"], [[0.12913162, -0.44014127], [-0.14175655, 0.48317296], [0.01663708, -0.05670698]])


def test_update_parameters():
    shapes = {"W1": (3, 4), "b1": (3, 1), "W2": (1, 3), "b2": (1, 1)}
    parameters = dict(zip(shapes, draws(2, *shapes.values()), strict=True))
    grads = {f"d{key}": array for key, array in zip(shapes, draws(3, *shapes.values()), strict=True)}
    updated = deepnet.update_parameters(parameters, grads, 0.1)
    close(updated["W1"][0], [-0.59562069, -0.09991781, -2.14584584, 1.82662008])
    close(updated["b1"], [[-0.04659241], [-1.28888275], [0.53405496]])
    close(updated["W2"], [[-0.55569196, 0.0354055, 1.32964895]])
    close(updated["b2"], [[-0.84610769]])
