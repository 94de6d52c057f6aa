"""Losses in the step-by-step functions, compared with those of Network, which other tests verify."""

import re

import numpy as np
import pytest

import deepnet
from deepnet import LOSSES, losses
from networks import Unchanged

pytestmark = pytest.mark.usefixtures("backend")

CUBES = losses.Loss("cubes", "-", lambda A, Y, _: abs(A - Y) ** 3, lambda A, Y, _: 3 * (A - Y) * abs(A - Y))
CASES = [  # loss, output, labels
    ("mean_squared_error", "identity", "numbers"),
    ("mean_squared_error", "sigmoid", "numbers"),
    (losses.huber(0.3), "tanh", "numbers"),
    (losses.quantile(0.8), "identity", "numbers"),
    ("poisson", "identity", "counts"),
    ("binary_cross_entropy", "sigmoid", "flags"),
    (losses.binary_cross_entropy(label_smoothing=0.2), "sigmoid", "flags"),
    ("categorical_cross_entropy", "softmax", "columns"),
    ("sparse_categorical_cross_entropy", "softmax", "classes"),
    (losses.sparse_categorical_cross_entropy(label_smoothing=0.1), "softmax", "classes"),
    (CUBES, "tanh", "numbers"),
]


def labels(kind, m=17):
    random = np.random.default_rng(1)
    classes = random.integers(0, 3, m)
    return {
        "numbers": random.normal(size=(3, m)),
        "counts": random.poisson(2.0, size=(3, m)),
        "flags": random.integers(0, 2, size=(3, m)),
        "columns": np.eye(3)[:, classes],
        "classes": classes,
    }[kind]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("loss", "output", "kind"), CASES)
def test_cost_and_gradients_are_those_of_the_network(loss, output, kind, dtype):
    net = deepnet.Network([5, 7, 3], "tanh", output, dtype=dtype, seed=0)
    X, Y = np.random.default_rng(0).normal(size=(5, 17)).astype(dtype), labels(kind)
    value, expected = net.loss_and_grads(X, Y, loss=loss)
    parameters = {key: np.ascontiguousarray(p) for key, p in net.parameters.items()}
    AL, caches = deepnet.L_model_forward(X, parameters, activations="tanh", output=output)
    with Unchanged(X, Y, parameters, AL):
        cost = deepnet.compute_cost(AL, Y, loss)
        grads = deepnet.L_model_backward(AL, Y, caches, loss=loss)
    tolerance = 100 * float(np.finfo(dtype).eps)
    assert cost.dtype == dtype
    assert float(cost) == pytest.approx(value, rel=tolerance)
    for key, grad in expected.items():
        assert grads[key].dtype == dtype
        np.testing.assert_allclose(grads[key], grad, rtol=0, atol=tolerance * np.abs(grad).max())
    shorter = deepnet.L_model_backward(AL, Y, caches, loss=loss, compute_dA0=False)
    assert list(shorter) == [key for key in grads if key != "dA0"]
    np.testing.assert_array_equal(shorter["dW1"], grads["dW1"])


def test_what_does_not_go_together_is_refused():
    X = np.ones((2, 4))
    parameters = deepnet.initialize_parameters_deep([2, 3])
    AL, caches = deepnet.L_model_forward(X, parameters, output="softmax")
    for loss, error, words in [
        ("huber", ValueError, "loss is 'huber', which treats each output separately"),
        ("binary_cross_entropy", ValueError, "which is defined for a sigmoid output, but the network's is"),
        ("hubert", ValueError, "unknown loss 'hubert': did you mean 'huber'?"),
        (3, TypeError, "loss is 3, but must be a name or a Loss"),
    ]:
        with pytest.raises(error, match=re.escape(words)):
            deepnet.L_model_backward(AL, np.zeros(4, int), caches, loss=loss)
    with pytest.raises(ValueError, match=r"Y\[1\] is 3, but classes must be whole numbers from 0 to 2"):
        deepnet.L_model_backward(AL, np.array([0, 3, 1, 1]), caches, loss="sparse_categorical_cross_entropy")
    own = losses.Loss("mine", "-", LOSSES["huber"].value, LOSSES["huber"].derivative, activation="sigmoid")
    with pytest.raises(ValueError, match="loss 'mine' is a function of Z, which compute_cost is not given"):
        deepnet.compute_cost(AL, AL, own)
    with pytest.raises(ValueError, match=r"Y\[0, 1\] is -1, but counts must be"):
        deepnet.compute_cost(AL, np.array([[0, -1, 2, 1]] * 3), "poisson")
