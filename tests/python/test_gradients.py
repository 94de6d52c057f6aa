"""Backward is the derivative of forward: central differences through whole networks, in float64."""

import numpy as np
import pytest

import deepnet
from deepnet import ACTIVATIONS
from networks import network

pytestmark = pytest.mark.usefixtures("backend")

# Some have kinks, at 0 or at -3 and 3; with the seeds below, no step moves a Z across one.
HIDDEN = [name for name, entry in ACTIVATIONS.items() if not entry.whole_columns]


def cost_at(theta, shapes, X, Y, activations):
    parameters, start = {}, 0
    for key, shape in shapes.items():
        size = int(np.prod(shape))
        parameters[key] = theta[start : start + size].reshape(shape)
        start += size
    AL, caches = deepnet.L_model_forward(X, parameters, activations=activations)
    loss = "categorical_cross_entropy" if activations[-1] == "softmax" else "binary_cross_entropy"
    return float(deepnet.compute_cost(AL, Y, loss)), AL, caches


@pytest.mark.parametrize(("units", "output"), [(1, "sigmoid"), (3, "sigmoid"), (3, "softmax")])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_gradients_equal_central_differences(hidden, units, output):
    """||grad - numeric|| / (||grad|| + ||numeric||) < 1e-7, the course's measure, parameters and input."""
    X, Y, parameters = network([5, 4, 3, units], 7, seed=3)
    shapes = {key: p.shape for key, p in parameters.items()}
    if output == "softmax":
        Y = np.eye(units)[:, np.arange(7) % units]
    names = [hidden, hidden, output]
    theta = np.concatenate([p.ravel() for p in parameters.values()])
    _, AL, caches = cost_at(theta, shapes, X, Y, names)
    h = 1e-5
    kinks = {"relu": [0], "leaky_relu": [0], "elu": [0], "selu": [0], "hard_swish": [-3, 3]}.get(hidden, [])
    for kink in kinks:
        assert min(np.abs(Z - kink).min() for _, Z in caches[:-1]) > 100 * h
    grads = deepnet.L_model_backward(AL, Y, caches)
    analytic = np.concatenate(
        [grads[f"d{key}"].ravel() for key in shapes] + [grads["dA0"].ravel() / X.shape[1]]
    )

    point = np.concatenate([theta, X.ravel()])
    numeric = np.empty_like(point)
    for i in range(point.size):
        ends = []
        for step in (h, -h):
            moved = point.copy()
            moved[i] += step
            ends.append(
                cost_at(moved[: theta.size], shapes, moved[theta.size :].reshape(X.shape), Y, names)[0]
            )
        numeric[i] = (ends[0] - ends[1]) / (2 * h)
    norm = np.linalg.norm
    assert norm(analytic - numeric) / (norm(analytic) + norm(numeric)) < 1e-7


def test_dA_carries_no_1_over_m():
    """The course's convention: dA is m times the derivative of the cost, dW and db are the derivative."""
    X, Y, parameters = network([4, 1], 2)
    both = deepnet.L_model_backward(
        *(lambda AL, caches: (AL, Y, caches))(*deepnet.L_model_forward(X, parameters))
    )
    AL, caches = deepnet.L_model_forward(X[:, :1], parameters)
    one = deepnet.L_model_backward(AL, Y[:, :1], caches)
    np.testing.assert_allclose(both["dA0"][:, :1], one["dA0"], rtol=1e-14)
