"""Any network, dtype, activation and layout of each array: the backend agrees with the reference in float64.

Kernels: |C - R| <= 16 u (|A| |B| + |b|) for each entry. Higham's bound, k u, is reached only where all terms
and so their roundings are equal; the tests use it for numbers repeated at stride 0.
Whole networks: 1e-12 in float64 and 1e-5 in float32, relative to the norm of the same quantity without
cancellation, since a sum near zero cannot be more accurate than its terms.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import deepnet
from deepnet import ACTIVATIONS, reference
from networks import LAYOUTS, REPEATING, Unchanged, laid_out, network

SETTINGS = settings(
    max_examples=60,
    deadline=None,  # the first call in a process is slow
    suppress_health_check=[
        HealthCheck.function_scoped_fixture
    ],  # the backend stays the same for all examples
)
DTYPES = [np.float32, np.float64]
TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}

HIDDEN = sorted(name for name, entry in ACTIVATIONS.items() if not entry.whole_columns)
KINKS = {"relu": [0], "leaky_relu": [0], "selu": [0], "hard_swish": [-3, 3]}

dtypes = st.sampled_from(DTYPES)
layouts = st.lists(st.sampled_from(LAYOUTS), min_size=1, max_size=17)  # in turn, one per array
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 70)  # past one panel of 32 and its tails


def kernel_bound(magnitude, terms, dtype, layouts):
    factor = max(16, terms + 2) if {*layouts} & {*REPEATING} else 16
    return factor * np.finfo(dtype).eps / 2 * magnitude


def exact(arrays):
    return {key: array.astype(np.float64) for key, array in arrays.items()}


@SETTINGS
@given(n=sizes, k=st.integers(1, 300), m=sizes, dtype=dtypes, layouts=layouts, seed=seeds)
def test_linear_forward(backend, n, k, m, dtype, layouts, seed):
    A, _, parameters = network([k, n], m, seed=seed, dtype=dtype, layout=layouts)
    W, b = parameters["W1"], parameters["b1"]
    with Unchanged(A, W, b):
        Z, _ = deepnet.linear_forward(A, W, b)
    expected, _ = reference.linear_forward(*(x.astype(np.float64) for x in (A, W, b)))
    magnitude = np.abs(W).astype(np.float64) @ np.abs(A) + np.abs(b)
    assert np.all(np.abs(Z - expected) <= kernel_bound(magnitude, k, dtype, layouts))


@SETTINGS
@given(n=sizes, k=sizes, m=st.integers(1, 300), dtype=dtypes, layouts=layouts, seed=seeds)
def test_linear_backward(backend, n, k, m, dtype, layouts, seed):
    A, _, parameters = network([k, n], m, seed=seed, dtype=dtype, layout=layouts)
    W, b = parameters["W1"], parameters["b1"]
    dZ = laid_out(np.random.default_rng(seed).standard_normal((n, m)).astype(dtype), layouts[-1])
    with Unchanged(dZ, A, W, b):
        results = deepnet.linear_backward(dZ, (A, W, b))
    A, W, b, dZ = (x.astype(np.float64) for x in (A, W, b, dZ))
    magnitudes = reference.linear_backward(np.abs(dZ), (np.abs(A), np.abs(W), b))
    for result, expected, magnitude in zip(
        results, reference.linear_backward(dZ, (A, W, b)), magnitudes, strict=True
    ):
        assert np.all(np.abs(result - expected) <= kernel_bound(magnitude, max(n, m), dtype, layouts))


@st.composite
def networks(draw):
    """1 to 8 layers of any widths, one activation per layer."""
    layers = draw(st.integers(1, 8))
    return {
        "dims": draw(st.lists(st.integers(1, 40), min_size=layers + 1, max_size=layers + 1)),
        "m": draw(st.integers(1, 40)),
        "activations": [
            *draw(st.lists(st.sampled_from(HIDDEN), min_size=layers - 1, max_size=layers - 1)),
            "sigmoid",
        ],
    }


def steepest(name):
    """Return the largest slope if it exceeds 1: 1.13 for gelu, 1.76 for selu."""
    Z = np.linspace(-10, 10, 2001)
    return max(1.0, np.abs(reference.activation_backward(np.ones_like(Z), Z, name)).max())


def magnitudes(AL, Y, caches):
    """Run backward on absolute values, which gives each gradient without cancellation.

    The error that is allowed in Z, relative to 1 + |Z|, reaches dW through A_prev, which may be smaller.
    """
    dZ = AL + Y  # AL - Y, behind a sigmoid
    result = {}
    for layer in range(len(caches), 0, -1):
        (A_prev, W, b), _ = caches[layer - 1]
        A_prev = np.abs(A_prev)
        if layer > 1:
            before = caches[layer - 2]
            A_prev = A_prev + steepest(before.activation) * (1 + np.abs(before[1]))
        dA, dW, db = reference.linear_backward(dZ, (A_prev, np.abs(W), b))
        result |= {f"dA{layer - 1}": dA, f"dW{layer}": dW, f"db{layer}": db}
        if layer > 1:
            dZ = dA * steepest(caches[layer - 2].activation)
    return result


@SETTINGS
@given(net=networks(), dtype=dtypes, layouts=layouts, seed=seeds)
def test_whole_networks(backend, net, dtype, layouts, seed):
    X, Y, parameters = network(net["dims"], net["m"], seed=seed, dtype=dtype, layout=layouts)
    names, tolerance = net["activations"], TOLERANCE[dtype]
    X64, parameters64 = X.astype(np.float64), exact(parameters)
    AL64, caches64 = reference.L_model_forward(X64, parameters64, activations=names)
    for (_, Z), name in zip(caches64, names, strict=True):
        for kink in KINKS.get(name, []):  # a Z within rounding of it may fall on either side
            assume(np.abs(Z - kink).min() > 10 * tolerance * max(1.0, np.abs(Z).max()))
        assume(name != "sigmoid" or np.abs(Z).max() < 12)  # A stays short of 1 in float32

    with Unchanged(X, Y, parameters):
        AL, caches = deepnet.L_model_forward(X, parameters, activations=names)
        cost = deepnet.compute_cost(AL, Y)
        grads = deepnet.L_model_backward(AL, Y, caches)
        updated = deepnet.update_parameters(parameters, grads, 0.1)

    def close(result, expected, magnitude):
        assert result.dtype == dtype
        assert np.abs(result - expected).max() <= tolerance * np.abs(magnitude).max()

    close(AL, AL64, AL64)
    # From the same AL: near 1, the logarithm of 1 - AL makes much of AL's last bit.
    cost64 = reference.compute_cost(AL.astype(np.float64), Y.astype(np.float64))
    close(cost, cost64, 1 + np.abs(caches64[-1][1]))
    for (_, Z), (_, Z64) in zip(caches, caches64, strict=True):
        close(Z, Z64, 1 + np.abs(Z64))
    expected = reference.L_model_backward(AL64, Y.astype(np.float64), caches64)
    scale = magnitudes(AL64, Y.astype(np.float64), caches64)
    assert list(grads) == list(expected)
    for key, grad in grads.items():
        close(grad, expected[key], scale[key])
    for key, p in reference.update_parameters(parameters64, expected, 0.1).items():
        close(updated[key], p, np.abs(parameters64[key]) + scale[f"d{key}"])


@SETTINGS
@given(net=networks(), dtype=dtypes, layouts=layouts, grad_layouts=layouts, seed=seeds)
def test_an_update_of_any_layouts(backend, net, dtype, layouts, grad_layouts, seed):
    """New arrays, `out` and an update in place give the same numbers."""
    _, _, parameters = network(net["dims"], 1, seed=seed, dtype=dtype, layout=layouts)
    _, _, grads = network(net["dims"], 1, seed=seed + 1, dtype=dtype, layout=grad_layouts)
    grads = {f"d{key}": grad for key, grad in grads.items()}
    with Unchanged(parameters, grads):
        updated = deepnet.update_parameters(parameters, grads, 0.3)
    expected = reference.update_parameters(exact(parameters), exact(grads), float(dtype(0.3)))
    for key, p in updated.items():  # one rounding of the product, one of the difference
        bound = np.finfo(dtype).eps * (np.abs(parameters[key]) + np.abs(grads[f"d{key}"]))
        assert p.dtype == dtype
        assert np.all(np.abs(p - expected[key]) <= bound)
    given_out = {key: np.full(p.shape, np.nan, dtype) for key, p in parameters.items()}
    in_place = {key: np.array(p, order="C") for key, p in parameters.items()}
    assert deepnet.update_parameters(parameters, grads, 0.3, out=given_out) is given_out
    assert deepnet.update_parameters(in_place, grads, 0.3, out=in_place) is in_place
    for key, p in updated.items():
        np.testing.assert_array_equal(given_out[key], p)
        np.testing.assert_array_equal(in_place[key], p)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_changes_no_bit(backend, layout, dtype):
    """Strides do not change results; only NumPy's BLAS may sum in another order."""
    X, Y, parameters = network([33, 20, 3], 35, dtype=dtype, layout=layout)
    plain = {key: np.ascontiguousarray(p) for key, p in parameters.items()}
    AL, caches = deepnet.L_model_forward(X, parameters)
    AL_plain, caches_plain = deepnet.L_model_forward(np.ascontiguousarray(X), plain)
    grads, grads_plain = (
        deepnet.L_model_backward(a, Y, c) for a, c in ((AL, caches), (AL_plain, caches_plain))
    )
    slack = 0 if backend == "native" else 64 * np.finfo(dtype).eps
    np.testing.assert_allclose(AL, AL_plain, rtol=slack, atol=slack)
    for key, grad in grads.items():
        np.testing.assert_allclose(grad, grads_plain[key], rtol=slack, atol=slack)


def test_examples_do_not_know_each_other(backend):
    """Alone or in a batch, each example has the same prediction, in the extension bit for bit."""
    X, _, parameters = network([17, 20, 9, 1], 41)
    together, _ = deepnet.L_model_forward(X, parameters)
    alone = [deepnet.L_model_forward(X[:, i : i + 1], parameters)[0] for i in range(41)]
    slack = 0 if backend == "native" else 1e-14
    np.testing.assert_allclose(np.hstack(alone), together, rtol=slack)


@pytest.mark.parametrize("container", [list, tuple])
@pytest.mark.parametrize(("first", "second"), [("native", "numpy"), ("numpy", "native")])
def test_caches_of_one_backend_work_with_the_other(first, second, container):
    with deepnet.use_backend(first):
        X, Y, parameters = network([5, 4, 3, 2], 7)
        AL, caches = deepnet.L_model_forward(X, parameters, activations="tanh")
        expected = deepnet.L_model_backward(AL, Y, caches)
    with deepnet.use_backend(second):
        grads = deepnet.L_model_backward(AL, Y, container(caches))
    for key, grad in grads.items():
        np.testing.assert_allclose(grad, expected[key], rtol=1e-12, atol=1e-15)
