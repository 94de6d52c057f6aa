"""The extension at shapes that take every path of cpp/nn/multiply.h and cpp/kernels/gemm.h.

They cover each blocking of a product, inputs read in place and packed, and both orders of X and W; results
are compared with the reference in float64.

|C - R| <= 16 u |A| |B| for each entry, as in test_agreement.py. Sums of numbers of random sign stay below it
whatever their length: the partial sum after j terms is of order sqrt(j), so the roundings of k terms add up
to about u k, and |A| |B| is about k. Measured: 6 u.
"""

import numpy as np
import pytest

import deepnet
from deepnet import reference
from networks import laid_out, network

pytestmark = pytest.mark.slow

DTYPES = [np.float32, np.float64]

# Units, units before, examples. The depth of one part is 512 floats or 256 doubles, a part of the input 512
# KB, a block of the result 32 KB, and up to 24 rows count as few; see multiply.h for why.
SHAPES = {
    "k in two parts": (37, 513, 65),
    "k in two parts, of float64 alone": (50, 257, 40),
    "k in three parts or five, columns in several": (25, 1030, 330),
    "columns in several parts, result beyond the caches": (100, 300, 3000),
    "whole panels of columns in several parts": (36, 128, 2048),
    "few rows, large input": (24, 5000, 209),
    "few rows, large input of whole panels": (20, 4100, 224),
    "few rows, many examples": (13, 300, 3001),
    "one row": (1, 2000, 301),
    "one example": (65, 1100, 1),
    "one unit before": (30, 1, 5000),
    "examples in several blocks of the loss and the activations": (2, 3, 70001),
}
LAYOUTS = ["C", "Fortran", "reversed", "sliced"]


def draw(random, *shape, dtype, layout="C"):
    return laid_out(random.standard_normal(shape).astype(dtype), layout)


def assert_close(result, expected, magnitude):
    """`magnitude` is what `expected` would be if nothing cancelled."""
    bound = 16 * np.finfo(result.dtype).eps / 2 * magnitude
    assert np.all(np.abs(result - expected) <= bound)


@pytest.fixture(autouse=True)
def _native():
    with deepnet.use_backend("native"):
        yield


@pytest.fixture(params=SHAPES.values(), ids=SHAPES)
def shape(request):
    return request.param


def layer(shape, dtype, X_layout, W_layout):
    """Return X, W, b and dZ of one layer, and the same in float64."""
    units, before, examples = shape
    random = np.random.default_rng(0)
    X = draw(random, before, examples, dtype=dtype, layout=X_layout)
    W = draw(random, units, before, dtype=dtype, layout=W_layout)
    b = draw(random, units, 1, dtype=dtype)
    dZ = draw(random, units, examples, dtype=dtype)
    arrays = X, W, b, dZ
    return arrays, tuple(array.astype(np.float64) for array in arrays)


@pytest.mark.parametrize("W_layout", LAYOUTS[:2])
@pytest.mark.parametrize("X_layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_products(shape, dtype, X_layout, W_layout):
    """All three products: W X + b, dZ X^T and W^T dZ."""
    (X, W, b, dZ), (X64, W64, b64, dZ64) = layer(shape, dtype, X_layout, W_layout)
    Z, cache = deepnet.linear_forward(X, W, b)
    assert_close(Z, W64 @ X64 + b64, np.abs(W64) @ np.abs(X64) + np.abs(b64))
    gradients = reference.linear_backward(dZ64, (X64, W64, b64))
    magnitudes = reference.linear_backward(np.abs(dZ64), (np.abs(X64), np.abs(W64), b64))
    for triple in zip(deepnet.linear_backward(dZ, cache), gradients, magnitudes, strict=True):
        assert_close(*triple)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_block_is_activated_once_and_whole(shape, dtype):
    """A = g(Z) and dZ = dA g'(Z), computed block by block, equal those of the whole Z."""
    (X, W, b, dA), _ = layer(shape, dtype, "C", "C")
    A, cache = deepnet.linear_activation_forward(X, W, b, "relu")
    Z = deepnet.linear_forward(X, W, b)[0]
    np.testing.assert_array_equal(cache[1], Z)
    np.testing.assert_array_equal(A, deepnet.relu(Z)[0])
    dZ = deepnet.relu_backward(dA, Z)
    together = deepnet.linear_activation_backward(dA, cache, "relu")
    for result, expected in zip(together, deepnet.linear_backward(dZ, cache[0]), strict=True):
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("X_layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_no_cut_changes_a_bit(shape, dtype, X_layout):
    """A single example is one part of one panel; among many it takes part in every blocking."""
    (X, W, b, _), _ = layer(shape, dtype, X_layout, "Fortran")
    Z = deepnet.linear_forward(X, W, b)[0]
    examples = X.shape[1]
    for first in sorted({0, examples // 2, examples - 1}):
        alone = deepnet.linear_forward(X[:, first : first + 1], W, b)[0]
        np.testing.assert_array_equal(alone, Z[:, first : first + 1])


@pytest.mark.parametrize("dtype", DTYPES)
def test_whole_network(dtype):
    """A large input, a wide layer and a narrow one: dA passes between layers block by block."""
    X, Y, parameters = network([1300, 300, 20, 1], 700, dtype=dtype)
    AL, caches = deepnet.L_model_forward(X, parameters, activations="tanh", output="sigmoid")
    grads = deepnet.L_model_backward(AL, Y, caches)
    parameters64 = {key: p.astype(np.float64) for key, p in parameters.items()}
    names = ["tanh", "tanh", "sigmoid"]
    AL64, caches64 = reference.L_model_forward(X.astype(np.float64), parameters64, activations=names)
    expected = reference.L_model_backward(AL64, Y.astype(np.float64), caches64)
    tolerance = {np.float32: 1e-5, np.float64: 1e-13}[dtype]
    np.testing.assert_allclose(AL, AL64, rtol=tolerance)
    for key, grad in grads.items():
        assert np.abs(grad - expected[key]).max() <= tolerance * np.abs(expected[key]).max(), key
