"""Every public function with every rank and memory layout of its arrays, compared with C-ordered copies."""

import numpy as np
import pytest

import deepnet
from deepnet import reference
from deepnet.course.improving import gc_utils, init_utils, opt_utils, reg_utils
from layouts import LAYOUTS, plain
from networks import Unchanged, network

pytestmark = pytest.mark.usefixtures("backend")

DTYPES = [np.float32, np.float64]


SHAPES = [(), (1,), (37,), (1, 5), (5, 1), (6, 7), (33, 65), (3, 4, 5), (1, 40, 1), (2, 3, 2, 5)]


def normal(shape, dtype, seed=0):
    return np.asarray(np.random.default_rng(seed).standard_normal(shape), dtype)


def assert_close(actual, expected, dtype):
    assert type(actual) is np.ndarray
    assert actual.dtype == dtype
    assert actual.shape == expected.shape
    bound = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(actual, expected, rtol=bound, atol=bound)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_activations(layout, dtype):
    pairs = [(layout, layout), (layout, "C"), ("C", layout)]
    cases = [(shape, *pair) for shape in SHAPES for pair in pairs]
    cases += [((37,), z, layout) for z in LAYOUTS]
    for shape, z, g in cases:
        Z, dA = LAYOUTS[z](normal(shape, dtype)), LAYOUTS[g](normal(shape, dtype, 1))
        with Unchanged(Z, dA):
            for name in ("sigmoid", "relu"):
                A, cache = getattr(deepnet, name)(Z)
                assert cache is Z
                assert_close(A, getattr(reference, name)(plain(Z))[0], dtype)
                dZ = getattr(deepnet, f"{name}_backward")(dA, Z)
                assert_close(dZ, getattr(reference, f"{name}_backward")(plain(dA), plain(Z)), dtype)
                assert A.flags.c_contiguous
                assert dZ.flags.c_contiguous
                assert not any(np.may_share_memory(new, given) for new in (A, dZ) for given in (Z, dA))
        np.testing.assert_array_equal(init_utils.sigmoid(Z), deepnet.sigmoid(Z)[0])
        np.testing.assert_array_equal(reg_utils.relu(Z), deepnet.relu(Z)[0])


def each_layout(arrays, layout):
    """Yield the arrays with one of them in the layout, for each of them, and with all in it."""
    for name in [*arrays, None]:
        yield {key: LAYOUTS[layout](A) if name in (key, None) else A for key, A in arrays.items()}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("n", "before", "m"), [(1, 1, 1), (4, 3, 1), (1, 5, 7), (5, 1, 6), (35, 20, 40)])
def test_one_layer(n, before, m, layout, dtype):
    shapes = {"A": (before, m), "W": (n, before), "b": (n, 1), "Z": (n, m), "dZ": (n, m)}
    arrays = {key: normal(shape, dtype, i) for i, (key, shape) in enumerate(shapes.items())}
    for given in each_layout(arrays, layout):
        A, W, b, Z, dZ = given.values()
        exact = [plain(array) for array in given.values()]
        with Unchanged(given):
            assert_close(deepnet.linear_forward(A, W, b)[0], reference.linear_forward(*exact[:3])[0], dtype)
            expected = reference.linear_activation_forward(*exact[:3], "relu")[0]
            assert_close(deepnet.linear_activation_forward(A, W, b, "relu")[0], expected, dtype)
            for actual, expected in zip(
                deepnet.linear_backward(dZ, (A, W, b)),
                reference.linear_backward(exact[4], exact[:3]),
                strict=True,
            ):
                assert_close(actual, expected, dtype)
            for actual, expected in zip(
                deepnet.linear_activation_backward(dZ, ((A, W, b), Z), "sigmoid"),
                reference.linear_activation_backward(exact[4], (exact[:3], exact[3]), "sigmoid"),
                strict=True,
            ):
                assert_close(actual, expected, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("dims", "m"), [([3, 1], 1), ([3, 4, 2], 5), ([17, 34, 1], 40)])
def test_whole_networks(dims, m, layout, dtype):
    X, Y, parameters = network(dims, m, dtype=dtype)
    AL, caches = reference.L_model_forward(X, parameters)
    grads = reference.L_model_backward(AL, Y, caches)
    for given in each_layout({"X": X, "Y": Y, "AL": AL} | parameters | grads, layout):
        laid_out = {key: given[key] for key in parameters}
        exact = {key: plain(array) for key, array in given.items()}
        exact_parameters = {key: exact[key] for key in parameters}
        steps = {key: given[key] for key in grads}
        with Unchanged(given):
            expected, expected_caches = reference.L_model_forward(exact["X"], exact_parameters)
            actual, caches = deepnet.L_model_forward(given["X"], laid_out)
            assert_close(actual, expected, dtype)
            cost = deepnet.compute_cost(given["AL"], given["Y"])
            assert_close(cost, reference.compute_cost(exact["AL"], exact["Y"]), dtype)
            actual = deepnet.L_model_backward(given["AL"], given["Y"], caches)
            for key, g in reference.L_model_backward(exact["AL"], exact["Y"], expected_caches).items():
                assert_close(actual[key], g, dtype)
            updated = deepnet.update_parameters(laid_out, steps, 0.1)
            for key, p in reference.update_parameters(exact_parameters, exact, 0.1).items():
                assert_close(updated[key], p, dtype)


LABEL_DTYPES = [bool, np.int8, np.uint8, np.int64, np.float16, np.float32, np.float64]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(1, 9), (9,), (9, 1), (3, 9)])
def test_labels(shape, layout, capsys):
    units = shape[0] if len(shape) == 2 and shape[1] == 9 else 1
    X, _, parameters = network([4, units], 9)
    AL, caches = deepnet.L_model_forward(X, parameters)
    for dtype in LABEL_DTYPES:
        Y = LAYOUTS[layout]((normal(shape, float) > 0).astype(dtype))
        exact = plain(Y).astype(float).reshape(units, 9)
        with Unchanged(Y):
            assert_close(deepnet.compute_cost(AL, Y), reference.compute_cost(AL, exact), float)
            grads = deepnet.L_model_backward(AL, Y, caches)
            np.testing.assert_array_equal(grads["db1"], deepnet.L_model_backward(AL, exact, caches)["db1"])
            p = deepnet.predict(X, Y, parameters)
        right = np.mean(p == exact) if units == 1 else np.sum((p == exact) / exact.size)
        assert float(capsys.readouterr().out.removeprefix("Accuracy: ")) == pytest.approx(right)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_models(layout, capsys):
    X, Y, _ = network([4, 1], 12)
    X, Y = LAYOUTS[layout](X), LAYOUTS[layout](Y)
    for model, dims in (("two_layer_model", (4, 3, 1)), ("L_layer_model", [4, 3, 2, 1])):
        with Unchanged(X, Y):
            parameters, _ = getattr(deepnet, model)(X, Y, dims, num_iterations=3)
        expected, _ = getattr(reference, model)(plain(X), plain(Y), dims, num_iterations=3)
        for key, p in parameters.items():
            assert_close(p, expected[key], np.float64)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_second_course(layout, capsys):
    X, Y, parameters = network([4, 5, 3, 1], 7)
    adam_v, adam_s = opt_utils.initialize_adam(parameters)
    for given in each_layout({"X": X, "Y": Y} | parameters, layout):
        X, Y, p = given["X"], given["Y"], {key: given[key] for key in parameters}
        exact = {key: plain(array) for key, array in given.items()}
        exact_p = {key: exact[key] for key in parameters}
        for module in (init_utils, reg_utils):
            with Unchanged(given):
                a3, cache = module.forward_propagation(X, p)
                grads = module.backward_propagation(X, Y, cache)
            expected_a3, expected_cache = module.forward_propagation(exact["X"], exact_p)
            np.testing.assert_allclose(a3, expected_a3, rtol=1e-13)
            for key, g in module.backward_propagation(exact["X"], exact["Y"], expected_cache).items():
                assert_close(grads[key], g, np.float64)
            module.predict(X, Y, p)
            module.predict_dec(p, X)
        theta, _ = gc_utils.dictionary_to_vector(p)
        np.testing.assert_array_equal(theta, gc_utils.dictionary_to_vector(exact_p)[0])
        assert gc_utils.gradient_check_n(p, grads, X, Y) < 1e-6
        _, dropped = reg_utils.forward_propagation_with_dropout(X, p, keep_prob=0.6)
        assert all(
            np.isfinite(g).all()
            for g in reg_utils.backward_propagation_with_dropout(X, Y, dropped, 0.6).values()
        )
        reg_utils.compute_cost_with_regularization(a3, Y, p, 0.1)
        opt_utils.random_mini_batches(X, Y, 3)
        updated, *_ = opt_utils.update_parameters_with_adam(dict(p), grads, dict(adam_v), dict(adam_s), 1)
        expected, *_ = opt_utils.update_parameters_with_adam(exact_p, grads, dict(adam_v), dict(adam_s), 1)
        for key, array in expected.items():
            assert_close(updated[key], array, np.float64)
