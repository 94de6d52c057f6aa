"""What the extension takes by itself: the calls that must not pay for a check in Python."""

import numpy as np
import pytest

import deepnet

native = deepnet.backends.native


def trained():
    parameters = deepnet.initialize_parameters_deep([3, 4, 1])
    X = np.random.default_rng(0).standard_normal((3, 6))
    return X, parameters, *deepnet.L_model_forward(X, parameters)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int32, np.int64, np.longlong])
@pytest.mark.parametrize("shape", [(1, 6), (6,)])
def test_integer_labels_are_taken_as_they_are(dtype, shape):
    _, _, AL, caches = trained()
    Y = np.array([[0, 1, 1, 0, 1, 0]])
    as_given = Y.astype(dtype).reshape(shape)
    assert native.compute_cost(AL, as_given) == native.compute_cost(AL, Y.astype(float))
    grads = native.L_model_backward(AL, as_given, caches, None, True, None)
    for name, expected in native.L_model_backward(AL, Y.astype(float), caches, None, True, None).items():
        np.testing.assert_array_equal(grads[name], expected)


def test_labels_may_be_strided_integers():
    _, _, AL, _ = trained()
    Y = np.array([0, 9, 1, 9, 1, 9, 0, 9, 1, 9, 0, 9])[::2]
    assert native.compute_cost(AL, Y) == native.compute_cost(AL, np.array([[0.0, 1, 1, 0, 1, 0]]))


@pytest.mark.parametrize(
    "Y",
    [np.array([[0, 1, 2, 0, 1, 0]]), np.array([[0, 1, -1, 0, 1, 0]]), np.zeros((6, 1), int), None, [0, 1]],
)
def test_other_labels_are_left_to_the_checks(Y):
    _, _, AL, _ = trained()
    assert native.compute_cost(AL, Y) is None


def test_plain_calls_are_taken():
    X, parameters, AL, caches = trained()
    assert native.L_model_forward(X, parameters, "tanh", None) is not None
    assert native.L_model_forward(X, parameters, ["tanh", "identity"], None) is not None
    grads = native.L_model_backward(AL, np.ones((1, 6)), tuple(caches), None, False, None)
    assert native.update_parameters(parameters, grads, 0.1, parameters) is parameters
    assert native.activation_forward(X, "leaky_relu") is not None
