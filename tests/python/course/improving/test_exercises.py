"""The numbers that the second course publishes for its own exercises: draws, inputs and outputs."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from deepnet.course import gc_utils, init_utils, opt_utils, reg_utils

pytestmark = pytest.mark.usefixtures("backend")

NAMES = ["W1", "b1", "W2", "b2", "W3", "b3"]


def close(actual, expected, atol=6e-9):
    """To the eight decimals that the course prints."""
    assert_allclose(actual, expected, rtol=0, atol=atol)


def draws(seed, *shapes):
    random = np.random.RandomState(seed)
    return [random.randn(*shape) for shape in shapes]


def network(seed, *shapes):
    """X, where its shape comes first, and the parameters of three layers."""
    *X, W1, b1, W2, b2, W3, b3 = draws(seed, *shapes)
    return *X, dict(zip(NAMES, (W1, b1, W2, b2, W3, b3), strict=True))


SMALL = [(2, 3), (2, 1), (3, 2), (3, 1), (1, 3), (1, 1)]
Y5 = np.array([[1, 1, 0, 1, 0]])


# --- initialisation -----------------------------------------------------------------------------------------


def test_initialize_parameters_zeros():
    parameters = init_utils.initialize_parameters_zeros([3, 2, 1])
    assert {key: p.shape for key, p in parameters.items()} == {
        "W1": (2, 3),
        "b1": (2, 1),
        "W2": (1, 2),
        "b2": (1, 1),
    }
    assert not any(p.any() for p in parameters.values())


def test_initialize_parameters_random():
    parameters = init_utils.initialize_parameters_random([3, 2, 1])
    close(parameters["W1"], [[17.88628473, 4.36509851, 0.96497468], [-18.63492703, -2.77388203, -3.54758979]])
    close(parameters["W2"], [[-0.82741481, -6.27000677]])
    assert not parameters["b1"].any()


@pytest.mark.parametrize("initialize", [init_utils.initialize_parameters_he, opt_utils.initialize_parameters])
def test_initialize_parameters_he(initialize):
    parameters = initialize([2, 4, 1])
    W1 = [[1.78862847, 0.43650985], [0.09649747, -1.8634927], [-0.2773882, -0.35475898]]
    close(parameters["W1"], [*W1, [-0.08274148, -0.62700068]])
    close(parameters["W2"], [[-0.03098412, -0.33744411, -0.92904268, 0.62552248]])


def test_initialize_parameters_of_the_regularisation():
    (W1,) = draws(3, (4, 5))
    assert_allclose(reg_utils.initialize_parameters([5, 4])["W1"], W1 / np.sqrt(5), rtol=4e-16)


# --- regularisation -----------------------------------------------------------------------------------------


def test_compute_cost_with_regularization():
    (parameters,) = network(1, *SMALL)
    A3 = np.array([[0.40682402, 0.01629284, 0.16722898, 0.10118111, 0.40682402]])
    cost = reg_utils.compute_cost_with_regularization(A3, Y5, parameters, lambd=0.1)
    close(cost, 1.7864859451590758)


def test_backward_propagation_with_regularization():
    X, parameters = network(1, (3, 5), *SMALL)
    A3, cache = reg_utils.forward_propagation(X, parameters)
    close(A3, [[0.40682402, 0.01629284, 0.16722898, 0.10118111, 0.40682402]])
    grads = reg_utils.backward_propagation_with_regularization(X, Y5, cache, lambd=0.7)
    dW1 = [[-0.25604646, 0.12298827, -0.28297129], [-0.17706303, 0.34536094, -0.4410571]]
    close(grads["dW1"], dW1)
    close(grads["dW2"], [[0.79276486, 0.85133918], [-0.0957219, -0.01720463], [-0.13100772, -0.03750433]])
    close(grads["dW3"], [[-1.77691347, -0.11832879, -0.09397446]])


def test_forward_propagation_with_dropout():
    X, parameters = network(1, (3, 5), *SMALL)
    A3, cache = reg_utils.forward_propagation_with_dropout(X, parameters, keep_prob=0.7)
    close(A3, [[0.36974721, 0.00305176, 0.04565099, 0.49683389, 0.36974721]])
    assert len(cache) == 14


def test_backward_propagation_with_dropout():
    """The exercise's cache is that of a forward pass with keep_prob 0.5; the gradients take 0.8.

    It is printed to eight decimals: A3, W3 and W2, all below 1, are 5e-9 off. dA1 sums three products of all
    of them, over 0.8^2: 3 * 3 * 5e-9 / 0.64.
    """
    X, parameters = network(1, (3, 5), *SMALL)
    A3, cache = reg_utils.forward_propagation_with_dropout(X, parameters)
    close(A3, [[0.32266394, 0.49683389, 0.00348883, 0.49683389, 0.32266394]])
    assert_array_equal(cache[1], [[1, 0, 1, 1, 1], [1, 1, 1, 1, 0]])
    assert_array_equal(cache[6], [[1, 0, 1, 0, 1], [0, 1, 0, 1, 1], [0, 0, 1, 0, 0]])
    grads = reg_utils.backward_propagation_with_dropout(X, Y5, cache, keep_prob=0.8)
    dA1 = [[0.36544439, 0, -0.00188233, 0, -0.17408748], [0.65515713, 0, -0.00337459, 0, 0]]
    rounded = 9 * 5e-9 / 0.64
    close(grads["dA1"], dA1, rounded)
    dA2 = [[0.58180856, 0, -0.00299679, 0, -0.27715731], [0, 0.53159854, 0, 0.53159854, -0.34089673]]
    close(grads["dA2"], [*dA2, [0, 0, -0.00292733, 0, 0]], rounded)


# --- gradient checking --------------------------------------------------------------------------------------


def test_gradient_check_of_one_number():
    assert gc_utils.forward_propagation(2, 4) == 8
    assert gc_utils.backward_propagation(3, 4) == 3
    difference = gc_utils.gradient_check(2, 4)
    assert_allclose(difference, 2.919335883291695e-10, rtol=1e-6)  # rounding of J, the same everywhere


@pytest.fixture
def checked():
    """X, Y and parameters of the exercise; its Y has one dimension."""
    X, parameters = network(1, (4, 3), (5, 4), (5, 1), (3, 5), (3, 1), (1, 3), (1, 1))
    return X, np.array([1, 1, 0]), parameters


def test_gradient_check_n(checked):
    """The difference is 1.19e-7 because rounding moves each J by an ulp or two, on every machine in its way.

    An ulp of J, 1.1e-16 J, is 1.1e-9 J of a derivative when the points are 2e-7 apart; the norm over 47 of
    them is below 47^(1/2) 4 ulp, and the two norms in the denominator above 5.
    """
    X, Y, parameters = checked
    J, cache = gc_utils.forward_propagation_n(X, Y, parameters)
    right = gc_utils.backward_propagation_n(X, Y, cache)
    noise = np.sqrt(47) * 4 * np.finfo(float).eps * float(J) / 2e-7
    size = np.linalg.norm(gc_utils.gradients_to_vector(right))
    difference = gc_utils.gradient_check_n(parameters, right, X, Y)
    assert_allclose(difference, 1.1890913023330276e-07, rtol=0, atol=noise / (2 * size))
    planted = gc_utils.backward_propagation_n(X, Y, cache, version="handed out")
    difference = gc_utils.gradient_check_n(parameters, planted, X, Y)
    assert_allclose(difference, 0.2850931567761623, rtol=0, atol=noise / size)


def test_vectors_and_dictionaries(checked):
    _, _, parameters = checked
    theta, keys = gc_utils.dictionary_to_vector(parameters)
    assert theta.shape == (47, 1)
    assert keys == ["W1"] * 20 + ["b1"] * 5 + ["W2"] * 15 + ["b2"] * 3 + ["W3"] * 3 + ["b3"]
    back = gc_utils.vector_to_dictionary(theta)
    assert list(back) == NAMES
    for key, p in parameters.items():
        assert_array_equal(back[key], p)
    grads = {f"d{key}": p for key, p in reversed(parameters.items())} | {"dZ1": np.zeros((9, 9))}
    assert_array_equal(gc_utils.gradients_to_vector(grads), theta)


# --- optimisation -------------------------------------------------------------------------------------------


@pytest.fixture
def updates():
    """Parameters and gradients of the exercise, whose layers do not chain."""
    arrays = opt_utils.load_params_and_grads()
    names = ["W1", "b1", "W2", "b2"]
    parameters = dict(zip(names, arrays[:4], strict=True))
    return parameters, {f"d{name}": array for name, array in zip(names, arrays[4:], strict=True)}


def test_update_parameters_with_gd(updates):
    parameters = opt_utils.update_parameters_with_gd(*updates, 0.01)
    close(parameters["W1"], [[1.63535156, -0.62320365, -0.53718766], [-1.07799357, 0.85639907, -2.29470142]])
    close(parameters["b1"], [[1.74604067], [-0.75184921]])
    W2 = [[0.32171798, -0.25467393, 1.46902454], [-2.05617317, -0.31554548, -0.3756023]]
    close(parameters["W2"], [*W2, [1.1404819, -1.09976462, -0.1612551]])
    close(parameters["b2"], [[-0.88020257], [0.02561572], [0.57539477]])


def test_update_parameters_with_momentum(updates):
    parameters, grads = updates
    v = opt_utils.initialize_velocity(parameters)
    parameters, v = opt_utils.update_parameters_with_momentum(
        parameters, grads, v, beta=0.9, learning_rate=0.01
    )
    close(parameters["W1"], [[1.62544598, -0.61290114, -0.52907334], [-1.07347112, 0.86450677, -2.30085497]])
    W2 = [[0.31930698, -0.24990073, 1.4627996], [-2.05974396, -0.32173003, -0.38320915]]
    close(parameters["W2"], [*W2, [1.13444069, -1.0998786, -0.1713109]])
    close(parameters["b2"], [[-0.87809283], [0.04055394], [0.58207317]])
    close(v["dW1"], [[-0.11006192, 0.11447237, 0.09015907], [0.05024943, 0.09008559, -0.06837279]])
    close(v["db2"], [[0.02344157], [0.16598022], [0.07420442]])


def test_update_parameters_with_adam_as_the_table_of_2017(updates):
    parameters, grads = updates
    v, s = opt_utils.initialize_adam(parameters)
    parameters, v, s = opt_utils.update_parameters_with_adam(parameters, grads, v, s, t=2, version="2017")
    close(parameters["W1"], [[1.63178673, -0.61919778, -0.53561312], [-1.08040999, 0.85796626, -2.29409733]])
    close(parameters["b1"], [[1.75225313], [-0.75376553]])
    W2 = [[0.32648046, -0.25681174, 1.46954931], [-2.05269934, -0.31497584, -0.37661299]]
    close(parameters["W2"], [*W2, [1.14121081, -1.09245036, -0.16498684]])
    close(parameters["b2"], [[-0.88529978], [0.03477238], [0.57537385]])
    close(v["dW1"][0, 0], -0.11006192)


@pytest.mark.parametrize(("version", "W1"), [("2017", 1.63949493), ("2021", 1.63942428)])
def test_update_parameters_with_adam_as_the_tests_of_2021(updates, version, W1):
    parameters, grads = updates
    v, s = opt_utils.initialize_adam(parameters)
    parameters, *_ = opt_utils.update_parameters_with_adam(
        parameters, grads, v, s, 2, 0.02, 0.8, 0.888, 1e-2, version=version
    )
    close(parameters["W1"][0, 0], W1)


def test_random_mini_batches():
    X, Y = draws(1, (12288, 148), (1, 148))
    batches = opt_utils.random_mini_batches(X, Y < 0.5, 64)
    assert [x.shape for x, _ in batches] == [(12288, 64), (12288, 64), (12288, 20)]
    assert [y.shape for _, y in batches] == [(1, 64), (1, 64), (1, 20)]
    close(batches[0][0][0, :3], [0.90085595, -0.7612069, 0.2344157])


def test_learning_rates_fall():
    assert_allclose(opt_utils.update_lr(0.5, epoch_num=2, decay_rate=1), 0.16666666666666666, rtol=1e-15)
    decayed = [opt_utils.schedule_lr_decay(0.5, epoch, 0.3, time_interval=100) for epoch in (10, 100)]
    assert_allclose(decayed, [0.5, 0.3846153846153846], rtol=1e-15)
