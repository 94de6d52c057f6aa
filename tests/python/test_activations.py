"""Every activation, on both backends: values, slopes, saturation, layouts and names."""

import numpy as np
import pytest

import deepnet
from deepnet import ACTIVATIONS, backends, reference
from deepnet.activations import find_activation, layer_activations
from networks import network

pytestmark = pytest.mark.usefixtures("backend")

DTYPES = [np.float32, np.float64]
SELU, SELU_LEFT = 1.0507009873554805, 1.7580993408473769  # its two slopes at 0
ELEMENTWISE = [
    name for name, entry in ACTIVATIONS.items() if not entry.whole_columns
]  # the others: test_softmax.py


def forward(name, Z):
    """Apply the activation with a layer of W = 1 and b = 0, the public function that takes every name."""
    one, zero = np.ones((1, 1), Z.dtype), np.zeros((1, 1), Z.dtype)
    return deepnet.linear_activation_forward(Z.reshape(1, -1), one, zero, name)[0].reshape(Z.shape)


def backward(name, dA, Z):
    m = Z.size
    one, zero = np.ones((1, 1), Z.dtype), np.zeros((1, 1), Z.dtype)
    cache = ((np.zeros((1, m), Z.dtype), one, zero), Z.reshape(1, -1))
    return deepnet.linear_activation_backward(dA.reshape(1, -1), cache, name)[0].reshape(Z.shape)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_backward_is_the_derivative_of_forward(name):
    """Central difference in float64; error O(h^2) with h = eps^(1/3), so about eps^(2/3)."""
    Z = np.linspace(-4, 4, 33) + 1 / 64  # 33 leaves a tail on every vector width; never exactly 0
    h = np.cbrt(np.finfo(float).eps)
    numeric = (forward(name, Z + h) - forward(name, Z - h)) / (2 * h)
    np.testing.assert_allclose(
        backward(name, np.ones_like(Z), Z), numeric, rtol=0, atol=50 * np.finfo(float).eps ** (2 / 3)
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_agrees_with_the_reference_in_float64(name, dtype):
    """Forward: 4 ulp (8 u) for each of the two. Slope: 16 u of dA, since its terms cancel, most in mish."""
    u, tiny = np.finfo(dtype).eps / 2, np.finfo(dtype).smallest_subnormal
    Z = np.concatenate([np.linspace(-20, 20, 1001), np.geomspace(1e-12, 1e-2, 99)]).astype(dtype)
    dA = np.linspace(-3, 3, Z.size).astype(dtype)
    exact_Z, exact_dA = Z.astype(np.float64), dA.astype(np.float64)
    np.testing.assert_allclose(
        forward(name, Z), reference.activation_forward(exact_Z, name), rtol=16 * u, atol=2 * tiny
    )
    dZ = reference.activation_backward(exact_dA, exact_Z, name)
    assert np.all(np.abs(backward(name, dA, Z) - dZ) <= 16 * u * np.abs(exact_dA))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_extremes_give_limits_without_warnings(name, dtype):
    biggest = np.finfo(dtype).max
    Z = np.array([-np.inf, -biggest, -1000, -0.0, 0.0, 1000, biggest, np.inf], dtype)
    bent, ones = [0, 0, 0, 0, 0, 1000, biggest, np.inf], np.ones(8, dtype)
    with np.errstate(over="ignore"):
        selu = np.where(Z > 0, ones * SELU * Z, ones * -SELU_LEFT * (Z < 0))
    limits = {
        "identity": Z,
        "relu": [0, 0, 0, 0, 0, 1000, biggest, np.inf],
        "leaky_relu": np.where(Z > 0, Z, Z * Z.dtype.type(0.01)),
        "elu": [-1, -1, -1, 0, 0, 1000, biggest, np.inf],
        "selu": selu,
        "gelu": bent,
        "silu": bent,
        "mish": bent,
        "softplus": [0, 0, 0, np.log(2), np.log(2), 1000, biggest, np.inf],
        "hard_swish": bent,
        "sigmoid": [0, 0, 0, 0.5, 0.5, 1, 1, 1],
        "tanh": [-1, -1, -1, 0, 0, 1, 1, 1],
    }
    slopes = {
        "identity": np.ones(8),
        "relu": [0, 0, 0, 0, 0, 1, 1, 1],
        "leaky_relu": np.where(Z > 0, 1, Z.dtype.type(0.01)),
        "elu": [0, 0, 0, 1, 1, 1, 1, 1],
        "selu": [0, 0, 0, SELU_LEFT, SELU_LEFT, SELU, SELU, SELU],
        "gelu": [0, 0, 0, 0.5, 0.5, 1, 1, 1],
        "silu": [0, 0, 0, 0.5, 0.5, 1, 1, 1],
        "mish": [0, 0, 0, 0.6, 0.6, 1, 1, 1],
        "softplus": [0, 0, 0, 0.5, 0.5, 1, 1, 1],
        "hard_swish": [0, 0, 0, 0.5, 0.5, 1, 1, 1],
        "sigmoid": [0, 0, 0, 0.25, 0.25, 0, 0, 0],
        "tanh": [0, 0, 0, 1, 1, 0, 0, 0],
    }
    np.testing.assert_array_equal(reference.activation_forward(Z, name), np.array(limits[name], dtype))
    finite = slice(1, -1)  # through a layer, 0 * inf is nan
    np.testing.assert_array_equal(forward(name, Z[finite]), np.array(limits[name], dtype)[finite])
    np.testing.assert_array_equal(backward(name, np.ones_like(Z), Z), np.array(slopes[name], dtype))


def test_sigmoid_keeps_its_digits_far_below_zero():
    A, _ = deepnet.sigmoid(np.array([-700.0, -100.0]))
    np.testing.assert_allclose(A, np.exp([-700.0, -100.0]), rtol=1e-15)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_nan_stays_nan_and_where_it_was(name):
    """Backward, too: nan in Z is nan in A and so in dA, and a slope of 0 must not hide it."""
    Z = np.array([1.0, np.nan, 0.5])
    expected = [False, True, False]
    np.testing.assert_array_equal(np.isnan(forward(name, Z)), expected)
    np.testing.assert_array_equal(np.isnan(backward(name, Z, Z)), expected)
    np.testing.assert_array_equal(np.isnan(backward(name, Z, np.ones(3))), expected)


@pytest.mark.parametrize("number", [float, np.float32, np.float64])
@pytest.mark.parametrize("name", ["sigmoid", "relu"])
def test_the_pairs_of_the_course_take_a_number_and_give_one(name, number):
    Z = number(0.5)
    A, cache = getattr(deepnet, name)(Z)
    dZ = getattr(deepnet, f"{name}_backward")(number(2), cache)
    kind = np.float64 if number is float else number
    assert cache is Z
    assert type(A) is type(dZ) is kind
    np.testing.assert_allclose(A, getattr(reference, name)(np.array(0.5))[0], rtol=1e-6)
    np.testing.assert_allclose(dZ, getattr(reference, f"{name}_backward")(np.array(2.0), np.array(0.5)), 1e-6)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1, "Z is an int,"),
        (True, "Z is a bool,"),
        (np.int64(1), "Z is an int64,"),
        (np.float16(1), "Z is float16,"),
    ],
)
def test_numbers_that_are_no_floats_are_refused_as_arrays_of_them_are(number, words):
    with pytest.raises(TypeError, match=words):
        deepnet.sigmoid(number)


def test_relu_has_no_slope_at_zero():
    Z, dA = np.array([[0.0, -0.0, 5e-324]]), np.array([[3.0, 3.0, 3.0]])
    np.testing.assert_array_equal(deepnet.relu_backward(dA, Z), [[0.0, 0.0, 3.0]])


def test_the_extension_has_the_same_activations(backend):
    """Names an entry that either language lacks."""
    if backend == "native":
        assert sorted(backends.native.activation_names()) == sorted(ACTIVATIONS)
    else:
        assert [entry.name for entry in ACTIVATIONS.values()] == list(ACTIVATIONS)


@pytest.mark.parametrize("name", ["gelu", "silu", "mish", "elu", "softplus"])
def test_the_left_side_keeps_its_digits(name, backend):
    """Where the literal formula cancels or underflows: within 16 u of a series or an asymptote."""
    u = np.finfo(float).eps / 2
    far, near = np.array([-700.0, -735.0]), np.array([-1e-9, -1e-15])
    slope = {"elu": 1, "gelu": 0.5, "silu": 0.5, "mish": 0.6}
    if name in slope:
        np.testing.assert_allclose(
            forward(name, near), slope[name] * near, rtol=1e-8 if name == "elu" else 2e-9
        )
    if name in ("silu", "mish"):  # z e^z, of which e^z alone is subnormal
        root = np.exp(far / 2)
        np.testing.assert_allclose(forward(name, far), far * root * root, rtol=16 * u)
    if name == "softplus":
        np.testing.assert_allclose(forward(name, far[:1]), np.exp(far[:1]), rtol=16 * u)
    if name == "gelu":  # z phi(z) / |z| (1 - 1 / z^2 + 3 / z^4 - ...)
        z = np.array([-30.0])  # its square is exact
        series = 1 - z**-2 + 3 * z**-4 - 15 * z**-6 + 105 * z**-8 - 945 * z**-10 + 10395 * z**-12
        expected = -np.exp(-z * z / 2) / np.sqrt(2 * np.pi) * series
        np.testing.assert_allclose(forward(name, z), expected, rtol=32 * u)


def test_an_entry_in_one_place_is_enough_in_python(monkeypatch):
    """An added entry has a name, appears in messages, and works in every function of the NumPy backend."""
    cube = deepnet.Activation("cube", lambda Z: Z**3, lambda dA, Z: dA * 3 * Z**2, "A = Z^3")
    monkeypatch.setitem(ACTIVATIONS, "cube", cube)
    X, Y, parameters = network([3, 4, 1], 5)
    with deepnet.use_backend("numpy"):
        AL, caches = deepnet.L_model_forward(X, parameters, activations="cube")
        grads = deepnet.L_model_backward(AL, Y, caches)
        net = deepnet.Network.from_parameters(parameters, activations="cube", output="sigmoid")
    Z = parameters["W1"] @ X + parameters["b1"]
    np.testing.assert_array_equal(caches[1][0][0], Z**3)
    dA0 = parameters["W1"].T @ (grads["dA1"] * 3 * Z**2)
    np.testing.assert_allclose(grads["dA0"], dA0, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(net.predict(X), AL, rtol=1e-14)
    with pytest.raises(ValueError, match=r"did you mean 'cube'\?.*softmax, cube"):
        find_activation("cub")


def test_an_unknown_name_lists_the_known_ones_and_the_nearest():
    with pytest.raises(ValueError, match=r"unknown activation 'Rleu': did you mean 'relu'\?.*tanh, sigmoid"):
        find_activation("Rleu")
    with pytest.raises(ValueError, match="unknown activation 3: known are identity, relu"):
        find_activation(3)


def test_names_are_spelt_out_per_layer():
    assert layer_activations(1, "relu") == ("sigmoid",)
    assert layer_activations(3, "tanh", "identity") == ("tanh", "tanh", "identity")
    assert layer_activations(2, ["tanh", "relu"]) == ("tanh", "relu")
