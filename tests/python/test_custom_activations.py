"""Custom activations wherever the step-by-step functions take a name, on both backends."""

import copy
import re

import numpy as np
import pytest

import deepnet
from deepnet import ACTIVATIONS
from networks import Unchanged, network

pytestmark = pytest.mark.usefixtures("backend")

TANH = deepnet.Activation("my_tanh", np.tanh, lambda dA, Z: dA * (1 - np.tanh(Z) ** 2))
SIGMOID = deepnet.Activation(
    "my_sigmoid",
    forward=lambda Z: 1 / (1 + np.exp(-Z)),
    backward=lambda dA, Z: dA * np.exp(-Z) / (1 + np.exp(-Z)) ** 2,
    is_probability=True,
)


def like(forward=np.tanh, backward=lambda dA, Z: dA):
    return deepnet.Activation("mine", forward, backward)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("custom", "named"),
    [
        ({"activations": TANH}, {"activations": "tanh"}),
        ({"activations": TANH, "output": SIGMOID}, {"activations": "tanh"}),
        ({"activations": "tanh", "output": SIGMOID}, {"activations": "tanh"}),
        ({"activations": ["relu", TANH, "sigmoid"]}, {"activations": ["relu", "tanh", "sigmoid"]}),
        ({"activations": (TANH, "relu", SIGMOID)}, {"activations": ["tanh", "relu", "sigmoid"]}),
    ],
)
def test_a_network_with_custom_activations_equals_one_with_built_in_ones(custom, named, dtype):
    """The same formulas: what differs are roundings, some dozen u of what is summed."""
    X, Y, parameters = network([5, 7, 4, 2], 9, dtype=dtype)
    with Unchanged(X, Y, parameters):
        AL, caches = deepnet.L_model_forward(X, parameters, **custom)
        grads = deepnet.L_model_backward(AL, Y, caches)
    expected_AL, expected_caches = deepnet.L_model_forward(X, parameters, **named)
    expected = deepnet.L_model_backward(expected_AL, Y, expected_caches)
    tolerance = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(AL, expected_AL, rtol=tolerance)
    assert AL.dtype == dtype
    assert list(grads) == list(expected)
    for key, grad in grads.items():
        assert grad.dtype == dtype
        assert grad.flags.c_contiguous
        np.testing.assert_allclose(grad, expected[key], rtol=0, atol=tolerance * np.abs(expected[key]).max())


def test_caches_remember_it_and_a_given_name_goes_before():
    X, Y, parameters = network([3, 4, 1], 5)
    AL, caches = deepnet.L_model_forward(X, parameters, activations=TANH)
    assert [cache.activation for cache in caches] == [TANH, "sigmoid"]
    assert copy.deepcopy(caches)[0].activation == TANH
    from_name = deepnet.L_model_backward(AL, Y, caches, activations="tanh")
    plain = [(linear, Z) for linear, Z in caches]
    from_object = deepnet.L_model_backward(AL, Y, plain, activations=TANH)
    remembered = deepnet.L_model_backward(AL, Y, caches)
    for key, grad in remembered.items():
        np.testing.assert_array_equal(grad, from_object[key])
        np.testing.assert_allclose(grad, from_name[key], rtol=1e-13, atol=1e-15)


def test_out_and_no_dA0_work_as_ever():
    X, Y, parameters = network([3, 4, 1], 5)
    AL, caches = deepnet.L_model_forward(X, parameters, activations=TANH)
    grads = deepnet.L_model_backward(AL, Y, caches, compute_dA0=False)
    out = {key: np.full_like(grad, np.nan) for key, grad in grads.items()}
    arrays = dict(out)
    assert deepnet.L_model_backward(AL, Y, caches, compute_dA0=False, out=out) is out
    for key, grad in grads.items():
        assert out[key] is arrays[key]
        np.testing.assert_array_equal(out[key], grad)


def test_one_layer_and_a_model_take_it(capsys):
    X, Y, parameters = network([3, 1], 40)
    A, cache = deepnet.linear_activation_forward(X, parameters["W1"], parameters["b1"], SIGMOID)
    expected, _ = deepnet.linear_activation_forward(X, parameters["W1"], parameters["b1"], "sigmoid")
    np.testing.assert_allclose(A, expected, rtol=1e-14)
    assert cache.activation is SIGMOID
    for ours, theirs in zip(
        deepnet.linear_activation_backward(A, cache, SIGMOID),
        deepnet.linear_activation_backward(A, cache, "sigmoid"),
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)
    Y = (X[:1] > 0).astype(float)
    trained, costs = deepnet.L_layer_model(
        X, Y, [3, 4, 1], learning_rate=0.5, num_iterations=101, activations=TANH, output=SIGMOID
    )
    _, expected_costs = deepnet.L_layer_model(
        X, Y, [3, 4, 1], learning_rate=0.5, num_iterations=101, activations="tanh"
    )
    np.testing.assert_allclose(costs, expected_costs, rtol=1e-9)
    deepnet.predict(X, Y, trained, activations=TANH, output=SIGMOID)
    assert capsys.readouterr().out.startswith("Accuracy: ")


def test_an_entry_of_the_list_counts_as_its_name(backend):
    X, _, parameters = network([3, 4, 1], 5)
    ours, caches = deepnet.L_model_forward(X, parameters, activations=ACTIVATIONS["gelu"])
    theirs, _ = deepnet.L_model_forward(X, parameters, activations="gelu")
    np.testing.assert_array_equal(ours, theirs)
    assert caches[0].activation == "gelu"


@pytest.mark.parametrize(
    ("custom", "error", "words"),
    [
        (
            like(lambda Z: Z.tolist()),
            TypeError,
            "forward of 'mine' returned a list, but must return a NumPy array",
        ),
        (like(lambda Z: None), TypeError, "returned a NoneType"),
        (like(lambda Z: Z[0]), ValueError, "returned shape (5,), but must return that of Z, (4, 5)"),
        (like(lambda Z: Z.astype(np.float32)), TypeError, "returned float32, but must return float64"),
        (like(backward=lambda dA, Z: dA[:1]), ValueError, "backward of 'mine' returned shape (1, 5)"),
        (like(backward=lambda dA, Z: dA > 0), TypeError, "backward of 'mine' returned bool"),
    ],
)
def test_what_its_functions_return_is_checked(custom, error, words):
    X, Y, parameters = network([3, 4, 1], 5)

    def step():
        AL, caches = deepnet.L_model_forward(X, parameters, activations=custom)
        deepnet.L_model_backward(AL, Y, caches)

    with Unchanged(X, Y, parameters), pytest.raises(error, match=re.escape(words)):
        step()


def test_its_functions_cannot_write_to_what_is_kept_nor_hand_it_out():
    X, _, parameters = network([3, 4, 1], 5)

    def in_place(Z):
        Z *= 2
        return Z

    with pytest.raises(ValueError, match="read-only"):
        deepnet.L_model_forward(X, parameters, activations=like(in_place))
    AL, caches = deepnet.L_model_forward(X, parameters, output=like(lambda Z: Z))
    assert not np.shares_memory(AL, caches[-1][1])
    assert AL.flags.writeable


def test_a_network_takes_it():
    """NumPy computes it; the results agree with the step-by-step functions up to rounding."""
    X, _, parameters = network([3, 4, 1], 5)
    net = deepnet.Network.from_parameters(parameters, activations=TANH, output="sigmoid")
    AL, _ = deepnet.L_model_forward(X, parameters, activations=TANH)
    np.testing.assert_allclose(net.predict(X), AL, rtol=1e-13)


def test_a_network_takes_it_too_and_keeps_what_it_is_given():
    X, Y, _ = network([3, 4, 1], 5)
    custom, built_in = (deepnet.Network([3, 4, 1], g, dtype="float64", seed=0) for g in (TANH, "tanh"))
    np.testing.assert_allclose(custom.predict(X), built_in.predict(X), rtol=1e-13)
    np.testing.assert_allclose(custom.evaluate(X, Y), built_in.evaluate(X, Y), rtol=1e-13)

    def in_place(Z):
        Z *= 2
        return Z

    net = deepnet.Network([3, 4, 1], like(in_place), dtype="float64", seed=0)
    before = {key: p.copy() for key, p in net.parameters.items()}
    with pytest.raises(ValueError, match="read-only"):
        net.fit(X, Y, epochs=1, batch_size=5)
    for key, p in net.parameters.items():
        np.testing.assert_array_equal(p, before[key])


def test_an_output_without_probabilities_is_refused_where_it_must_have_them():
    X, Y, _ = network([3, 1], 5)
    with pytest.raises(ValueError, match="output is 'my_tanh', but the cost is the cross-entropy"):
        deepnet.L_layer_model(X, Y, [3, 1], output=TANH)


def test_a_mixed_up_definition_is_refused():
    with pytest.raises(TypeError, match=re.escape("forward is 3, but must be a function: A = forward(Z)")):
        deepnet.Activation("mine", 3, np.tanh)
    with pytest.raises(TypeError, match="backward is None"):
        deepnet.Activation("mine", np.tanh, None)
    with pytest.raises(TypeError, match="name is 3, but must be a str"):
        deepnet.Activation(3, np.tanh, np.tanh)


def test_a_name_that_a_user_added_is_known_step_by_step(monkeypatch):
    X, Y, parameters = network([5, 7, 4, 2], 9)
    monkeypatch.setitem(ACTIVATIONS, "my_tanh", TANH)
    AL, caches = deepnet.L_model_forward(X, parameters, activations="my_tanh")
    expected, by_object = deepnet.L_model_forward(X, parameters, activations=TANH)
    np.testing.assert_array_equal(AL, expected)
    grads = deepnet.L_model_backward(AL, Y, caches)
    for key, grad in deepnet.L_model_backward(AL, Y, by_object).items():
        np.testing.assert_array_equal(grads[key], grad)
    A, cache = deepnet.linear_activation_forward(X, parameters["W1"], parameters["b1"], "my_tanh")
    dA_prev, _, _ = deepnet.linear_activation_backward(A, cache, "my_tanh")
    assert dA_prev.shape == X.shape
