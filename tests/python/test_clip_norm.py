"""Clipping by the norm of gradients so large that float32 has no normal number for their scale."""

import numpy as np
import pytest

import deepnet


@pytest.mark.parametrize("backend", ["native", "numpy"])
@pytest.mark.parametrize("size", [1e20, 1e25, 1e30])
def test_gradients_of_any_finite_norm_are_clipped(backend, size):
    """dW = 2 (0 - Y) X = -2e38, by far the largest gradient, becomes -clip_norm; db is smaller by X."""
    with deepnet.use_backend(backend):
        net = deepnet.Network([1, 1], output="identity", initializer="zeros")
    X, Y = np.array([[size]]), np.array([[1e38 / size]])
    net.train_on_batch(X, Y, optimizer=deepnet.SGD(1.0, clip_norm=1e-3))
    np.testing.assert_allclose(net.parameters["W1"], [[1e-3]], rtol=1e-6)
    np.testing.assert_allclose(net.parameters["b1"], [[1e-3 / size]], rtol=1e-6)
