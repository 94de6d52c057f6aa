"""Networks to Keras's Sequential and back. Weights alone are arrays, and need no Keras."""

import os
import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from exported_networks import ELEMENTWISE, bound, random_network

import deepnet
from deepnet import ACTIVATIONS

RNG = np.random.default_rng(0)
# Keras itself converts PyTorch's tensors in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


# --- weights alone ------------------------------------------------------------------------------------------


def test_a_list_of_weights():
    weights = [RNG.normal(size=shape).astype(np.float32) for shape in ((3, 4), 4, (4, 5), (5, 2), 2)]
    net = deepnet.from_keras(weights, "tanh", "softmax")  # the second layer has no biases
    assert net.layer_dims == (3, 4, 5, 2)
    assert net.dtype == np.float32
    np.testing.assert_array_equal(net.parameters["W1"], weights[0].T)
    np.testing.assert_array_equal(net.parameters["b3"][:, 0], weights[4])
    assert not net.parameters["b2"].any()


def test_lists_that_are_none():
    W, b = np.ones((3, 4)), np.ones(4)
    with pytest.raises(ValueError, match="model is a list of weights, which has no activations: give them"):
        deepnet.from_keras([W, b])
    with pytest.raises(
        ValueError, match=r"model\[0\] has shape \(4,\), but weights \(n_prev, n\) and biases"
    ):
        deepnet.from_keras([b, W], "relu")
    with pytest.raises(ValueError, match=r"model\[2\] has shape \(4,\), but weights"):
        deepnet.from_keras([W, b, b], "relu")
    with pytest.raises(ValueError, match="model is a list of weights without weights"):
        deepnet.from_keras([], "relu")
    with pytest.raises(ValueError, match="layer 2 takes 3 inputs, but the layer before it has 4 units"):
        deepnet.from_keras([W, b, W, b], "relu")


# --- models -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keras():
    """Keras, on PyTorch if no other backend is chosen."""
    if find_spec("keras") is None:
        pytest.skip("Keras is not installed: pip install keras")
    if "KERAS_BACKEND" not in os.environ:
        pytest.importorskip("torch", reason="KERAS_BACKEND is not set, and PyTorch not installed")
        os.environ["KERAS_BACKEND"] = "torch"
    return pytest.importorskip("keras")


def outputs_of(keras, model, X):
    """Return the outputs (n_L, m) for X (n_0, m), computed in the dtype of X."""
    return keras.ops.convert_to_numpy(model(keras.ops.convert_to_tensor(X.T, X.dtype.name))).T


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("output", ACTIVATIONS)
def test_a_network_goes_there_and_back(keras, output, dtype):
    for seed in range(2):
        net, X = random_network(seed, output if output in ELEMENTWISE else "tanh", output, dtype)
        model = deepnet.to_keras(net)
        theirs = outputs_of(keras, model, X)
        assert theirs.dtype == net.dtype
        apart = np.abs(theirs - net.predict(X))
        # Keras multiplies float64 in float32 on PyTorch; its functions are exact to some u of 1 or of Z.
        units = 8 * np.finfo(np.float32).eps * max(1, np.abs(theirs).max())
        assert (apart <= 2 * bound(net.astype(np.float32), X.astype(np.float32)) + units).all()
        same = deepnet.from_keras(model)
        assert (same.activations, same.dtype, same.input_scale) == (
            net.activations,
            net.dtype,
            net.input_scale,
        )
        np.testing.assert_array_equal(same.predict(X), net.predict(X))


def test_layers_of_a_model(keras):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((2, 3)),
            layers.Rescaling(0.5),
            layers.Flatten(),
            layers.Dropout(0.1),
            layers.Dense(5, use_bias=False),
            layers.Activation("silu"),
            layers.Dropout(0.25),
            layers.Dense(4, keras.activations.gelu),
            layers.Dense(4),
            layers.ReLU(),
            layers.Dense(3),
            layers.Softmax(),
        ]
    )
    net = deepnet.from_keras(model)
    assert net.layer_dims == (6, 5, 4, 4, 3)
    assert net.activations == ("silu", "gelu", "relu", "softmax")
    assert [layer.dropout for layer in net.layers] == [0.25, 0, 0, 0]
    assert (net.input_dropout, net.input_scale) == (0.1, 0.5)
    X = RNG.normal(size=(7, 2, 3)).astype(np.float32)
    theirs = keras.ops.convert_to_numpy(model(X))
    np.testing.assert_allclose(net.predict(X.reshape(7, 6).T).T, theirs, rtol=0, atol=1e-6)


def test_layers_that_deepnet_does_not_have(keras):
    layers = keras.layers

    def dense():
        return layers.Dense(4)

    cases = [
        (
            [dense(), layers.LeakyReLU(0.3)],
            r"model\.layers\[1\], LeakyReLU '.*', computes none .* leaky_relu is",
        ),
        ([layers.Dense(4, "exponential")], r"model\.layers\[0\], Dense '.*', computes none of"),
        ([dense(), layers.PReLU()], r"model\.layers\[1\], PReLU '.*', is not a layer of deepnet"),
        (
            [dense(), layers.BatchNormalization()],
            r"model\.layers\[1\], BatchNormalization '.*', is not a layer",
        ),
        (
            [dense(), layers.Rescaling(0.5), dense()],
            r"model\.layers\[1\], Rescaling '.*', comes after a layer of",
        ),
        ([dense(), layers.Dropout(0.5)], r"model\.layers\[1\], Dropout '.*', comes after the last layer"),
        (
            [layers.Dense(4, "relu"), layers.ReLU(), layers.Activation("tanh")],
            r"model\.layers\[1\], ReLU '.*', fol",
        ),
    ]
    for stack, message in cases:
        with pytest.raises(ValueError, match=message):
            deepnet.from_keras(keras.Sequential([keras.Input((3,)), *stack]))
    with pytest.raises(
        ValueError, match=r"model\.layers\[0\], Dense '.*', has no weights before its first use"
    ):
        deepnet.from_keras(keras.Sequential([dense()]))
    inputs = keras.Input((3,))
    with pytest.raises(
        TypeError, match=r"model is a Functional, but must be a keras\.Sequential, or the list"
    ):
        deepnet.from_keras(keras.Model(inputs, dense()(inputs)))
    with pytest.raises(
        TypeError, match="activations and output belong to a list of weights, but a Sequential"
    ):
        deepnet.from_keras(keras.Sequential([keras.Input((3,)), dense()]), "relu")


def test_classes_that_compute_something_else(keras):
    class Doubled(keras.layers.Dense):
        def call(self, x):
            return 2 * super().call(x)

    class Skipping(keras.Sequential):
        def call(self, x, **options):
            return x + super().call(x, **options)

    with pytest.raises(ValueError, match=r"model\.layers\[0\], Doubled '.*', is not a layer of deepnet"):
        deepnet.from_keras(keras.Sequential([keras.Input((3,)), Doubled(3)]))
    with pytest.raises(TypeError, match=r"model is a Skipping, but must be a keras\.Sequential"):
        deepnet.from_keras(Skipping([keras.Input((3,)), keras.layers.Dense(3)]))


def test_networks_that_keras_cannot_have(keras):
    bump = deepnet.Activation("bump", lambda Z: Z * np.exp(-Z * Z), lambda dA, Z: dA)
    with pytest.raises(ValueError, match="layer 1 has the custom activation 'bump'"):
        deepnet.to_keras(deepnet.Network([2, 3, 1], bump))
    with pytest.raises(TypeError, match=r"net is an int, but must be a deepnet\.Network"):
        deepnet.to_keras(3)


def test_the_example_in_the_documentation(keras):
    page = (Path(__file__).parents[3] / "docs" / "exchange.md").read_text()
    (code,) = (
        block for block in re.findall(r"```python\n(.*?)```", page, re.S) if block.startswith("import keras")
    )
    exec(code, {"np": np, "deepnet": deepnet})
    shapes = [
        array.shape for array in deepnet.to_keras(deepnet.Network([3, 8, 1], "gelu", seed=1)).get_weights()
    ]
    assert str(shapes) in deepnet.to_keras.__doc__
