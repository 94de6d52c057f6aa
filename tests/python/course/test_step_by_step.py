"""Results, caches and keyword arguments of the step-by-step functions, saturation, and labels."""

import copy
import inspect
import pickle
from collections import UserDict
from itertools import pairwise

import numpy as np
import pytest

import deepnet
from deepnet import reference
from deepnet.caches import LayerCache
from deepnet.course import dnn_app_utils
from networks import Unchanged, arrays_in, network

pytestmark = pytest.mark.usefixtures("backend")

DTYPES = [np.float32, np.float64]
SIZES = [5, 4, 3, 2]


def trained_once(dtype=np.float64, **forward):
    X, Y, parameters = network(SIZES, 7, dtype=dtype)
    AL, caches = deepnet.L_model_forward(X, parameters, **forward)
    return X, Y, parameters, AL, caches


# --- what comes back ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(dnn_app_utils.__all__) - {"load_data"}))
def test_the_reference_has_the_same_signatures(name):
    public = inspect.signature(getattr(deepnet, name)).parameters
    twin = dict(inspect.signature(getattr(reference, name)).parameters)
    literal = twin.pop("literal", None)
    assert (literal is not None) == (name in ("compute_cost", "L_model_backward"))
    assert {n: (p.kind, p.default) for n, p in public.items()} == {
        n: (p.kind, p.default) for n, p in twin.items()
    }


@pytest.mark.parametrize("dtype", DTYPES)
def test_shapes_dtypes_order_and_ownership(dtype):
    X, Y, parameters, AL, caches = trained_once(dtype)
    with Unchanged(X, Y, parameters, AL, caches):
        cost = deepnet.compute_cost(AL, Y)
        grads = deepnet.L_model_backward(AL, Y, caches)
        updated = deepnet.update_parameters(parameters, grads, 0.1)
    assert isinstance(cost, np.ndarray)
    assert cost.shape == ()
    keys = ["dA2", "dW3", "db3", "dA1", "dW2", "db2", "dA0", "dW1", "db1"]
    assert list(grads) == keys
    for layer, (before, units) in enumerate(pairwise(SIZES), start=1):
        assert grads[f"dA{layer - 1}"].shape == (before, 7)
        assert grads[f"dW{layer}"].shape == updated[f"W{layer}"].shape == (units, before)
        assert grads[f"db{layer}"].shape == updated[f"b{layer}"].shape == (units, 1)
    for array in arrays_in([AL, cost, grads, updated, [cache[1] for cache in caches]]):
        assert array.dtype == dtype
        assert array.flags.c_contiguous
        assert array.flags.writeable
        assert not any(np.may_share_memory(array, given) for given in arrays_in([X, Y, parameters]))


def test_caches_hold_the_very_arrays_and_unpack_like_the_course():
    X, _, parameters, AL, caches = trained_once()
    assert isinstance(caches, list)
    assert caches[0][0][0] is X
    for layer, cache in enumerate(caches, start=1):
        assert isinstance(cache, LayerCache)
        (_, W, b), Z = cache
        assert W is parameters[f"W{layer}"]
        assert b is parameters[f"b{layer}"]
        A = AL if layer == len(caches) else caches[layer][0][0]
        np.testing.assert_allclose(A, reference.activation_forward(Z, cache.activation), rtol=1e-15)
    assert [cache.activation for cache in caches] == ["relu", "relu", "sigmoid"]
    Z, linear_cache = deepnet.linear_forward(X, parameters["W1"], parameters["b1"])
    assert all(mine is given for mine, given in zip(linear_cache, caches[0][0], strict=True))
    np.testing.assert_array_equal(Z, caches[0][1])


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_a_cache_survives_copying(clone):
    cache = clone(trained_once(activations="tanh")[-1][0])
    assert type(cache) is LayerCache
    assert cache.activation == "tanh"
    assert len(cache) == 2


def test_activations_are_remembered():
    names = ["tanh", "leaky_relu", "identity"]
    _, Y, _, AL, caches = trained_once(activations=names)
    grads = deepnet.L_model_backward(AL, Y, caches)
    plain = [tuple(cache) for cache in caches]
    for key, expected in deepnet.L_model_backward(AL, Y, plain, activations=names).items():
        np.testing.assert_array_equal(grads[key], expected)
    relus = deepnet.L_model_backward(AL, Y, plain)  # plain tuples: relu, relu, sigmoid
    assert not np.allclose(relus["dW1"], grads["dW1"])
    hidden = deepnet.L_model_forward(*network(SIZES, 7)[::2], activations="tanh", output="tanh")[1]
    assert [cache.activation for cache in hidden] == ["tanh"] * 3


@pytest.mark.parametrize("nested", [list, tuple])
def test_a_cache_may_be_lists(nested):
    X, Y, _, AL, caches = trained_once()
    loose = [nested([nested(linear), Z]) for linear, Z in caches]
    np.testing.assert_array_equal(
        deepnet.L_model_backward(AL, Y, loose)["dW1"], deepnet.L_model_backward(AL, Y, caches)["dW1"]
    )
    dA = np.ones_like(caches[0][1])
    one = deepnet.linear_activation_backward(dA, loose[0], "relu")
    np.testing.assert_array_equal(one[1], deepnet.linear_activation_backward(dA, caches[0], "relu")[1])
    np.testing.assert_array_equal(
        deepnet.linear_backward(dA, nested(caches[0][0]))[0], deepnet.linear_backward(dA, caches[0][0])[0]
    )
    assert X.shape == one[0].shape


# --- keyword extras ------------------------------------------------------------------------------------


def test_dA0_can_be_left_out():
    _, Y, _, AL, caches = trained_once()
    full = deepnet.L_model_backward(AL, Y, caches)
    short = deepnet.L_model_backward(AL, Y, caches, compute_dA0=False)
    assert list(short) == [key for key in full if key != "dA0"]
    for key, grad in short.items():
        np.testing.assert_array_equal(grad, full[key])


@pytest.mark.parametrize("compute_dA0", [True, False])
def test_gradients_can_be_written_into_an_earlier_result(compute_dA0):
    _, Y, _, AL, caches = trained_once()
    expected = deepnet.L_model_backward(AL, Y, caches, compute_dA0=compute_dA0)
    out = {key: np.full_like(grad, np.nan) for key, grad in expected.items()}
    arrays = dict(out)
    assert deepnet.L_model_backward(AL, Y, caches, compute_dA0=compute_dA0, out=out) is out
    for key, grad in expected.items():
        assert out[key] is arrays[key]
        np.testing.assert_array_equal(out[key], grad)


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_update_copies_unless_told_where_to_write(dtype):
    _, Y, parameters, AL, caches = trained_once(dtype)
    grads = deepnet.L_model_backward(AL, Y, caches)
    with Unchanged(parameters, grads):
        expected = deepnet.update_parameters(parameters, grads, 0.1)
    assert expected is not parameters
    out = {key: np.empty_like(p) for key, p in parameters.items()}
    with Unchanged(parameters, grads):
        assert deepnet.update_parameters(parameters, grads, 0.1, out=out) is out
    arrays = dict(parameters)
    with Unchanged(grads):
        assert deepnet.update_parameters(parameters, grads, 0.1, out=parameters) is parameters
    for key, value in expected.items():
        assert parameters[key] is arrays[key]
        np.testing.assert_array_equal(out[key], value)
        np.testing.assert_array_equal(parameters[key], value)


def test_parameters_may_be_any_mapping():
    X, Y, parameters = network(SIZES, 7)
    mapping = UserDict(parameters)
    with Unchanged(X, Y, parameters):
        AL, caches = deepnet.L_model_forward(X, mapping)
        grads = deepnet.L_model_backward(AL, Y, caches)
        updated = deepnet.update_parameters(mapping, grads, 0.1)
    assert type(updated) is dict
    for key, p in deepnet.update_parameters(parameters, grads, 0.1).items():
        np.testing.assert_array_equal(updated[key], p)
    assert deepnet.update_parameters(mapping, UserDict(grads), 0.1, out=mapping) is mapping
    for key, p in updated.items():
        assert mapping[key] is parameters[key]
        np.testing.assert_array_equal(mapping[key], p)


@pytest.mark.parametrize("rate", [1, np.float64(0.5), np.float32(0.5), np.array(0.5), np.int64(2)])
def test_a_learning_rate_is_any_real_number_and_leaves_the_dtype_alone(rate):
    parameters = {"W1": np.ones((1, 1), np.float32), "b1": np.ones((1, 1), np.float32)}
    grads = {f"d{key}": value for key, value in parameters.items()}
    updated = deepnet.update_parameters(parameters, grads, rate)["W1"]
    assert updated.dtype == np.float32
    assert updated[0, 0] == 1 - float(rate)


# --- saturation ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_cost_at_exactly_0_and_1_is_its_limit(dtype):
    AL = np.array([[1, 0, 0.5]], dtype)
    half = np.log(2) / 3
    assert float(deepnet.compute_cost(AL, np.array([[1, 0, 1]]))) == pytest.approx(half, rel=1e-6)
    assert float(deepnet.compute_cost(AL, np.array([[0, 0, 1]]))) == np.inf
    assert float(deepnet.compute_cost(AL, np.array([[1, 1, 1]]))) == np.inf
    assert np.isnan(reference.compute_cost(AL, np.array([[1, 0, 1]]), literal=True))
    assert np.isnan(deepnet.compute_cost(np.array([[np.nan, 0.5]], dtype), np.array([[1, 0]])))


def test_the_cost_keeps_its_digits_near_0_and_1():
    AL = np.array([[1e-300]])
    assert float(deepnet.compute_cost(AL, np.array([[0]]))) == pytest.approx(1e-300, rel=1e-12, abs=0)
    assert float(deepnet.compute_cost(AL, np.array([[1]]))) == pytest.approx(300 * np.log(10))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("Z", [-2000.0, -1000.0, 50.0, 1000.0])
@pytest.mark.parametrize("Y", [0, 1])
def test_a_saturated_output_has_the_gradient_of_its_limit(dtype, Z, Y):
    """AL is exactly 0 or 1: dZ = AL - Y, which db shows; the lecture's own formula gives nan."""
    X, W, b = np.ones((1, 1), dtype), np.full((1, 1), Z, dtype), np.zeros((1, 1), dtype)
    AL, caches = deepnet.L_model_forward(X, {"W1": W, "b1": b})
    assert AL[0, 0] == (Z > 0)
    grads = deepnet.L_model_backward(AL, np.array([[Y]]), caches)
    assert grads["db1"][0, 0] == grads["dW1"][0, 0] == (Z > 0) - Y
    literal = reference.L_model_backward(AL, np.array([[Y]], dtype), caches, literal=True)
    assert not np.isfinite(literal["db1"]) or literal["db1"] == 0


def test_the_limit_is_taken_whatever_Z_says():
    cache = ((np.ones((1, 2)), np.ones((1, 1)), np.zeros((1, 1))), np.array([[0.3, 0.3]]))
    grads = deepnet.L_model_backward(np.array([[1.0, 0.0]]), np.array([[0, 0]]), [cache])
    np.testing.assert_array_equal(grads["dA0"], [[1.0, 0.0]])


@pytest.mark.parametrize(("dtype", "Z"), [(np.float32, -95.0), (np.float64, -720.0)])
def test_a_subnormal_output_counts_as_saturated(dtype, Z):
    """Here 1 / AL overflows although AL is not 0, and dAL * A (1 - A) would be infinite."""
    AL, Z = np.array([[np.exp(Z)]], dtype), np.array([[Z]], dtype)
    assert 0 < AL[0, 0] < np.finfo(dtype).tiny
    cache = ((np.ones((1, 1), dtype), np.ones((1, 1), dtype), np.zeros((1, 1), dtype)), Z)
    assert deepnet.L_model_backward(AL, np.array([[1]]), [cache])["db1"][0, 0] == -1


@pytest.mark.parametrize("dtype", DTYPES)
def test_terms_of_0_over_0_count_nothing_at_other_outputs(dtype):
    """dAL = -(Y / AL - (1 - Y) / (1 - AL)) with identity: AL = Y = 1 gives -1, AL = Y = 0 gives 1."""
    AL = np.array([[1, 0]], dtype)
    cache = ((np.ones((1, 2), dtype), np.ones((1, 1), dtype), np.zeros((1, 1), dtype)), AL)
    grads = deepnet.L_model_backward(AL, np.array([[1, 0]]), [cache], activations=["identity"])
    np.testing.assert_array_equal(grads["dA0"], [[-1.0, 1.0]])


def test_outputs_beyond_0_and_1_follow_the_formula():
    AL, Y, Z = np.array([[1.5, -0.5]]), np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    cache = ((np.ones((1, 2)), np.ones((1, 1)), np.zeros((1, 1))), Z)
    s = 1 / (1 + np.exp(-Z))
    expected = -(Y / AL - (1 - Y) / (1 - AL)) * s * (1 - s)
    np.testing.assert_allclose(deepnet.L_model_backward(AL, Y, [cache])["dA0"], expected, rtol=1e-14)


def test_nan_in_one_example_reaches_the_cost_and_the_gradients_but_no_other_example():
    X, Y, parameters = network(SIZES, 7)
    X = X.copy()
    X[2, 3] = np.nan
    AL, caches = deepnet.L_model_forward(X, parameters)
    np.testing.assert_array_equal(np.isnan(AL).all(axis=0), np.arange(7) == 3)
    assert np.isnan(deepnet.compute_cost(AL, Y))
    grads = deepnet.L_model_backward(AL, Y, caches)
    assert np.isnan(grads["db3"]).all()
    np.testing.assert_array_equal(np.isnan(grads["dA2"]).all(axis=0), np.arange(7) == 3)


# --- labels --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 7), (7, 1), (7,)])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32, ">f8", np.longdouble])
def test_labels_of_one_unit_come_in_many_forms(shape, dtype):
    X, Y, parameters = network([5, 4, 1], 7)
    AL, caches = deepnet.L_model_forward(X, parameters)
    given = Y.reshape(shape).astype(dtype)
    with Unchanged(given):
        assert deepnet.compute_cost(AL, given) == deepnet.compute_cost(AL, Y)
        grads = deepnet.L_model_backward(AL, given, caches)
    np.testing.assert_array_equal(grads["dW1"], deepnet.L_model_backward(AL, Y, caches)["dW1"])


def test_one_example_of_several_units_may_be_flat():
    X, Y, parameters = network([5, 3], 1)
    AL, _ = deepnet.L_model_forward(X, parameters)
    assert deepnet.compute_cost(AL, Y[:, 0]) == deepnet.compute_cost(AL, Y)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layers_dims", [[5, 4, 1], [5, 4, 3, 2]])
def test_labels_outside_0_and_1_follow_the_formulas(layers_dims, dtype):
    """As in the course, where the public tests of the models have normal labels."""
    X, _, parameters = network(layers_dims, 9, dtype=dtype)
    Y = np.random.default_rng(3).normal(0, 2, (layers_dims[-1], 9)).astype(dtype)
    AL, caches = deepnet.L_model_forward(X, parameters)
    cost = np.mean(np.sum(-(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)), axis=0))
    tolerance = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(deepnet.compute_cost(AL, Y), cost, rtol=tolerance)
    grads = deepnet.L_model_backward(AL, Y, caches)
    for key, expected in reference.L_model_backward(AL, Y, caches, literal=True).items():
        np.testing.assert_allclose(grads[key], expected, rtol=0, atol=tolerance * np.abs(expected).max())
    whole = np.array([[-1, 1, 2, 0, 3, -4, 1, 0, 255]] * layers_dims[-1])
    assert deepnet.compute_cost(AL, whole) == deepnet.compute_cost(AL, whole.astype(dtype))
