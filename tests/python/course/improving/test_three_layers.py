"""The functions for three layers, compared with those for any depth and with the notebooks' formulas."""

import re

import notebook_formulas as course
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import deepnet
from deepnet.course import gc_utils, init_utils, opt_utils, reg_utils
from networks import Unchanged, network

pytestmark = pytest.mark.usefixtures("backend")

DIMS = [4, 5, 3, 1]
DTYPES = [np.float64, np.float32]


def close(actual, expected, dtype=np.float64):
    """Sums of at most 7 numbers of order 1 in three layers have fewer than 100 roundings."""
    assert_allclose(actual, expected, rtol=0, atol=100 * np.finfo(dtype).eps)


def same_dicts(actual, expected, dtype=np.float64):
    assert list(actual) == list(expected)
    for key, value in expected.items():
        assert actual[key].dtype == dtype, key
        close(actual[key], value, dtype)


def in_float64(X, Y, parameters):
    return X.astype(float), Y.astype(float), {key: p.astype(float) for key, p in parameters.items()}


# --- the views ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("module", [init_utils, reg_utils, opt_utils])
def test_forward_propagation_is_L_model_forward_in_one_tuple(module, dtype):
    X, Y, parameters = network(DIMS, 7, dtype=dtype)
    with Unchanged(X, parameters):
        a3, cache = module.forward_propagation(X, parameters)
    AL, _ = deepnet.L_model_forward(X, parameters)
    assert_array_equal(a3, AL)
    assert isinstance(cache, tuple)
    assert cache[9] is a3
    for ours, theirs in zip(cache, course.forward(*in_float64(X, Y, parameters)[::2]), strict=True):
        assert ours.dtype == dtype
        close(ours, theirs, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_backward_propagation_in_both_spellings(dtype):
    X, Y, parameters = network(DIMS, 7, dtype=dtype)
    _, cache = reg_utils.forward_propagation(X, parameters)
    x, y, p = in_float64(X, Y, parameters)
    expected = course.forward(x, p)
    with Unchanged(X, Y, cache):
        same_dicts(reg_utils.backward_propagation(X, Y, cache), course.backward(x, y, expected), dtype)
        lower = init_utils.backward_propagation(X, Y, cache)
        same_dicts(lower, course.lower_case_backward(x, y, expected), dtype)
        same_dicts(opt_utils.backward_propagation(X, Y, cache), lower, dtype)
        right = gc_utils.backward_propagation_n(X, Y.ravel(), cache)
        same_dicts(right, course.backward(x, y, expected), dtype)


def test_L_model_backward_has_the_same_gradients():
    X, Y, parameters = network(DIMS, 7)
    AL, caches = deepnet.L_model_forward(X, parameters)
    general = deepnet.L_model_backward(AL, Y, caches)
    _, cache = reg_utils.forward_propagation(X, parameters)
    three = reg_utils.backward_propagation(X, Y, cache)
    for key in general.keys() - {"dA0"}:
        close(general[key], three[key])


def test_relu_is_masked_by_A_as_in_the_course():
    """If a cache's Z does not belong to its A, the course uses A."""
    X, Y, parameters = network(DIMS, 7)
    cache = list(reg_utils.forward_propagation(X, parameters)[1])
    expected = course.backward(X, Y, cache)
    cache[0], cache[4] = -np.ones_like(cache[0]), np.ones_like(cache[4])
    same_dicts(reg_utils.backward_propagation(X, Y, cache), expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_regularisation_adds_to_the_weights_alone(dtype):
    X, Y, parameters = network(DIMS, 7, dtype=dtype)
    A3, cache = reg_utils.forward_propagation(X, parameters)
    x, y, p = in_float64(X, Y, parameters)
    with Unchanged(X, Y, cache, parameters):
        grads = reg_utils.backward_propagation_with_regularization(X, Y, cache, 0.7)
        cost = reg_utils.compute_cost_with_regularization(A3, Y, parameters, 0.7)
    same_dicts(grads, course.backward(x, y, course.forward(x, p), lambd=0.7), dtype)
    squares = sum(np.sum(p[key] ** 2) for key in ("W1", "W2", "W3"))
    close(cost, float(reg_utils.compute_cost(A3, Y)) + 0.7 / 14 * squares, dtype)
    assert cost.dtype == dtype


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", [int, bool, float])
def test_dropout_forward_and_backward(dtype, kind):
    X, Y, parameters = network(DIMS, 7, dtype=dtype)
    A3, cache = reg_utils.forward_propagation_with_dropout(X, parameters, 0.6)
    random = np.random.RandomState(1)
    masks = [random.rand(n, 7) < 0.6 for n in (5, 3)]
    x, y, p = in_float64(X, Y, parameters)
    expected = course.forward(x, p, masks, 0.6)
    assert_array_equal(cache[1], masks[0])
    assert_array_equal(cache[6], masks[1])
    for ours, theirs in zip((*cache[:1], *cache[2:6], *cache[7:]), expected, strict=True):
        assert ours.dtype == dtype
        close(ours, theirs, dtype)
    assert cache[11] is A3
    other = [*cache]
    other[1], other[6] = (mask.astype(kind) for mask in masks)
    grads = reg_utils.backward_propagation_with_dropout(X, Y, other, 0.6)
    same_dicts(grads, course.backward(x, y, expected, masks=masks, keep_prob=0.6), dtype)


def test_keep_prob_1_drops_nothing_and_other_seeds_drop_others():
    X, _, parameters = network(DIMS, 7)
    A3, _ = reg_utils.forward_propagation(X, parameters)
    assert_array_equal(reg_utils.forward_propagation_with_dropout(X, parameters, 1)[0], A3)
    first, again, other = (
        reg_utils.forward_propagation_with_dropout(X, parameters, seed=seed)[0] for seed in (1, 1, 2)
    )
    assert_array_equal(first, again)
    assert (first != other).any()


# --- costs, and outputs that are exactly 0 or 1 -------------------------------------------------------------


def test_the_costs():
    A, Y = np.array([[0.8, 0.9, 0.4]]), np.array([[1, 1, 0]])
    mean = -np.mean(np.log([0.8, 0.9, 0.6]))
    for cost in (init_utils.compute_loss, reg_utils.compute_cost):
        close(cost(A, Y), mean)
    for version, factor in (("2017", 1), ("2018", 1), ("2020", 3), ("2021", 3)):
        close(opt_utils.compute_cost(A, Y, version=version), factor * mean)


@pytest.mark.parametrize("cost", [init_utils.compute_loss, reg_utils.compute_cost, opt_utils.compute_cost])
def test_saturated_outputs(cost):
    assert cost(np.array([[1.0, 0.0]]), np.array([[1, 0]])) == 0
    assert cost(np.array([[1.0, 0.0]]), np.array([[1, 1]])) == np.inf
    assert np.isnan(cost(np.array([[np.nan, 0.5]]), np.array([[1, 1]])))


def test_a_saturated_network_keeps_its_gradient():
    X, parameters = np.array([[1.0, -1.0]]), {f"W{i}": np.array([[60.0]]) for i in (1, 2, 3)}
    parameters |= {f"b{i}": np.array([[0.0]]) for i in (1, 2, 3)}
    a3, cache = init_utils.forward_propagation(X, parameters)
    assert_array_equal(a3, [[1, 0.5]])
    assert_array_equal(reg_utils.backward_propagation(X, [[0, 1]] * np.array(1), cache)["dZ3"], [[1, -0.5]])


# --- updates ------------------------------------------------------------------------------------------------


def gradients(parameters, seed=5):
    random = np.random.default_rng(seed)
    return {f"d{key}": random.standard_normal(p.shape).astype(p.dtype) for key, p in parameters.items()}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "update", [init_utils.update_parameters, reg_utils.update_parameters, opt_utils.update_parameters_with_gd]
)
def test_an_update_goes_into_the_dict_and_not_into_its_arrays(update, dtype):
    _, _, parameters = network(DIMS, 7, dtype=dtype)
    grads, before = gradients(parameters), dict(parameters)
    with Unchanged(grads, list(before.values())):
        assert update(parameters, grads, 0.1) is parameters
    for key, p in before.items():
        assert parameters[key] is not p
        assert parameters[key].dtype == dtype
        close(parameters[key], p - 0.1 * grads[f"d{key}"], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_momentum(dtype):
    _, _, parameters = network(DIMS, 7, dtype=dtype)
    v, expected_v, expected = opt_utils.initialize_velocity(parameters), {}, dict(parameters)
    for step in range(3):
        grads = gradients(parameters, step)
        result = opt_utils.update_parameters_with_momentum(parameters, grads, v, 0.9, 0.1)
        assert result[0] is parameters
        assert result[1] is v
        expected_v = {k: 0.9 * expected_v.get(k, 0) + 0.1 * g for k, g in grads.items()}
        expected = {k: p - 0.1 * expected_v[f"d{k}"] for k, p in expected.items()}
    same_dicts(v, expected_v, dtype)
    same_dicts(parameters, expected, dtype)


@pytest.mark.parametrize("version", ["2017", "2018", "2020", "2021", 2021])
def test_adam(version):
    _, _, parameters = network(DIMS, 7)
    v, s = opt_utils.initialize_adam(parameters)
    expected = {key: (p, 0.0, 0.0) for key, p in parameters.items()}
    for t in (1, 2, 3):
        grads = gradients(parameters, t)
        result = opt_utils.update_parameters_with_adam(
            parameters, grads, v, s, t, 0.02, 0.8, 0.9, 1e-3, version=version
        )
        assert len(result) == (5 if version in ("2021", 2021) else 3)
        assert all(ours is given for ours, given in zip(result, (parameters, v, s), strict=False))
        for key, (p, v_, s_) in expected.items():
            g, inside = grads[f"d{key}"], version == "2017"
            expected[key] = course.adam(p, g, v_, s_, t, 0.02, 0.8, 0.9, 1e-3, inside=inside)
    for key, (p, v_, s_) in expected.items():
        close(parameters[key], p)
        close(v[f"d{key}"], v_)
        close(s[f"d{key}"], s_)
        if len(result) == 5:
            close(result[3][f"d{key}"], v_ / (1 - 0.8**3))
            close(result[4][f"d{key}"], s_ / (1 - 0.9**3))


def test_mini_batches_are_the_columns_in_the_courses_order():
    X, Y = np.arange(20.0).reshape(2, 10), np.arange(10)
    order = np.random.RandomState(7).permutation(10)
    batches = opt_utils.random_mini_batches(X, Y, 4, seed=7)
    assert [x.shape[1] for x, _ in batches] == [4, 4, 2]
    assert_array_equal(np.hstack([x for x, _ in batches]), X[:, order])
    assert_array_equal(np.hstack([y for _, y in batches]), [order])
    assert len(opt_utils.random_mini_batches(X, Y, 5)) == 2  # no empty batch at the end


# --- what does not fit --------------------------------------------------------------------------------------


def refused(error, words, function, *arguments, **options):
    with Unchanged(*arguments), pytest.raises(error, match=re.escape(words)):
        function(*arguments, **options)


@pytest.mark.parametrize("module", [init_utils, reg_utils])
def test_labels_outside_0_and_1_follow_the_formulas(module):
    X, Y, parameters = network(DIMS, 7)
    Y = np.random.default_rng(5).normal(0, 2, Y.shape)
    A3, cache = module.forward_propagation(X, parameters)
    formula = course.lower_case_backward if module is init_utils else course.backward
    grads = module.backward_propagation(X, Y, cache)
    for key, expected in formula(X, Y, course.forward(X, parameters)).items():
        np.testing.assert_allclose(grads[key], expected, rtol=1e-10, atol=1e-13)
    cost = -np.mean(Y * np.log(A3) + (1 - Y) * np.log(1 - A3))
    assert init_utils.compute_loss(A3, Y) == pytest.approx(cost, rel=1e-13)
    assert reg_utils.compute_cost_with_regularization(A3, Y, parameters, 0) == pytest.approx(cost, rel=1e-13)
    assert opt_utils.compute_cost(A3, Y) == pytest.approx(7 * cost, rel=1e-13)
    assert gc_utils.forward_propagation_n(X, Y, parameters)[0] == pytest.approx(cost, rel=1e-13)
    trained = module.model(X, Y, num_iterations=3, print_cost=False)
    assert all(np.isfinite(p).all() for p in trained.values())


def test_errors_of_the_propagations():
    X, Y, parameters = network(DIMS, 7)
    _, cache = reg_utils.forward_propagation(X, parameters)
    two = deepnet.initialize_parameters(4, 3, 1)
    for function in (init_utils.forward_propagation, reg_utils.forward_propagation_with_dropout):
        refused(ValueError, "W1 has 4 columns, but X has 3 rows", function, X[:3], parameters)
        refused(ValueError, "parameters has 2 layers, but forward_propagation", function, X, two)
        broken = parameters | {"W2": np.ones((3, 4))}
        refused(ValueError, "W2 has 4 columns, but layer 1 has 5 units", function, X, broken)
        renamed = {key.replace("b2", "c2"): p for key, p in parameters.items()}
        refused(ValueError, "parameters lacks 'b2'", function, X, renamed)
    for function in (init_utils.backward_propagation, reg_utils.backward_propagation):
        refused(ValueError, "cache, layer 1: W has 4 columns, but X has 3 rows", function, X[:3], Y, cache)
        refused(ValueError, "instead of 12", function, X, Y, cache[:2])
        refused(TypeError, "cache must be (z1, a1, W1,", function, X, Y, None)
        refused(ValueError, "Y has shape (1, 6), but", function, X, Y[:, :6], cache)
        refused(ValueError, "Y[0, 0] is inf, but labels must be finite", function, X, Y + np.inf, cache)
        refused(TypeError, "X is a list", function, X.tolist(), Y, cache)
        swapped = (*cache[:5], cache[5][:2], *cache[6:])
        refused(ValueError, "cache: A2 has shape (2, 7), but must be (3, 7)", function, X, Y, swapped)
        mixed = (*cache[:2], cache[2].astype(np.float32), *cache[3:])
        refused(TypeError, "use one dtype", function, X, Y, mixed)


def test_errors_of_the_regularisations():
    X, Y, parameters = network(DIMS, 7)
    A3, cache = reg_utils.forward_propagation_with_dropout(X, parameters)
    backward = reg_utils.backward_propagation_with_dropout
    for keep_prob in (0, 1.5, -1, np.nan):
        refused(ValueError, f"keep_prob is {keep_prob}, but must be", backward, X, Y, cache, keep_prob)
    refused(TypeError, "keep_prob is '1'", backward, X, Y, cache, "1")
    narrow = (cache[0], cache[1][:, :3], *cache[2:])
    refused(ValueError, "cache: D1 has shape (5, 3), but must be (5, 7)", backward, X, Y, narrow, 0.5)
    refused(ValueError, "instead of 14", backward, X, Y, cache[:12], 0.5)
    cost = reg_utils.compute_cost_with_regularization
    refused(ValueError, "lambd is -1, but must be 0 or more", cost, A3, Y, parameters, -1)
    refused(ValueError, "A3[0, 0] is", cost, A3 + 1, Y, parameters, 1)
    refused(ValueError, "takes one regularisation", reg_utils.model, X, Y, lambd=0.1, keep_prob=0.9)


def test_errors_of_the_updates():
    _, _, parameters = network(DIMS, 7)
    grads, (v, s) = gradients(parameters), opt_utils.initialize_adam(parameters)
    lacking = {key: g for key, g in grads.items() if key != "db2"}
    turned = grads | {"dW2": grads["dW2"].T}
    gd, adam = opt_utils.update_parameters_with_gd, opt_utils.update_parameters_with_adam
    momentum = opt_utils.update_parameters_with_momentum
    refused(ValueError, "grads lacks 'db2'", gd, parameters, lacking, 0.1)
    refused(ValueError, "grads: dW2 has shape (5, 3), but must be (3, 5)", gd, parameters, turned, 0.1)
    refused(ValueError, "v lacks 'db2'", momentum, parameters, grads, lacking, 0.9, 0.1)
    refused(ValueError, "beta is 1", momentum, parameters, grads, v, 1, 0.1)
    refused(ValueError, "learning_rate is nan", momentum, parameters, grads, v, 0.9, np.nan)
    refused(ValueError, "t is 0, but must be 1 or more", adam, parameters, grads, v, s, 0)
    refused(ValueError, "s: dW2 has shape", adam, parameters, grads, v, turned, 1)
    refused(ValueError, "unknown version '2019'", adam, parameters, grads, v, s, 1, version="2019")
    refused(ValueError, "parameters lacks 'b2'", gd, {"W1": v["dW1"], "b1": 0, "W2": 0, "c": 0}, grads, 1)
    single = {key: g.astype(np.float32) for key, g in grads.items()}
    refused(TypeError, "use one dtype", gd, parameters, single, 0.1)


def test_errors_of_the_rest():
    X, Y, parameters = network(DIMS, 7)
    refused(
        TypeError,
        "predict_dec(parameters, X) takes them in this order",
        init_utils.predict_dec,
        X,
        parameters,
    )
    for update in (init_utils.update_parameters, opt_utils.update_parameters_with_gd):
        refused(TypeError, "parameters is a NoneType, but must be a dict", update, None, {}, 0.1)
    _, cache = gc_utils.forward_propagation_n(X, Y, parameters)
    grads, check = gc_utils.backward_propagation_n(X, Y, cache), gc_utils.gradient_check_n
    refused(ValueError, "theta has 3 numbers", gc_utils.vector_to_dictionary, np.zeros((3, 1)))
    refused(
        ValueError,
        "gradients lacks 'db3'",
        gc_utils.gradients_to_vector,
        dict(list(grads.items())[3:]) | {"dW3": X},
    )
    refused(ValueError, "dW2 has shape", check, parameters, grads | {"dW2": grads["dW2"].T}, X, Y)
    single = {key: p.astype(np.float32) for key, p in parameters.items()}
    refused(TypeError, "must be float64", check, single, grads, X, Y)
    batches = opt_utils.random_mini_batches
    refused(ValueError, "X has 7 columns, but Y has 6", batches, X, Y[:, :6])
    refused(ValueError, "mini_batch_size is 0", batches, X, Y, 0)
    refused(ValueError, "decay_rate is -1", opt_utils.update_lr, 0.1, 1, -1)
    refused(
        ValueError,
        "unknown initialization 'xavier': \"zeros\"",
        init_utils.model,
        X,
        Y,
        initialization="xavier",
    )
    refused(ValueError, "unknown optimizer 'sgd'", opt_utils.model, X, Y, DIMS, "sgd")
    refused(ValueError, "layers_dims has 3 entries, but must have 4", opt_utils.model, X, Y, [4, 3, 1], "gd")
