"""Keras's Sequential of Dense layers as a network, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deepnet._extras import needs
from deepnet._validation.arrays import a
from deepnet.activations import Array
from deepnet.network import Network

from ._chain import Chain, checked_network, network_of_weights
from ._matching import matching, no_match

_NAMES = {"identity": "linear", "hard_swish": "hard_silu"}  # Keras's, where they differ


def from_keras(model: Any, activations: Any, output: Any) -> Network:
    """Convert; see :func:`deepnet.exchange.from_keras`."""
    if isinstance(model, (list, tuple)):
        return network_of_weights(_pairs(model), activations, output, "a list of weights")
    with needs("keras", "from_keras"):
        import keras
    if not _is(model, keras.Sequential):
        raise TypeError(
            f"model is {a(model)}, but must be a keras.Sequential, or the list of model.get_weights()"
        )
    if activations is not None or output is not None:
        raise TypeError("activations and output belong to a list of weights, but a Sequential has its own")
    chain = Chain()
    for i, layer in enumerate(model.layers):
        _add(chain, f"model.layers[{i}], {type(layer).__name__} {layer.name!r},", layer)
    return chain.network()


def _is(layer: Any, kind: Any) -> bool:
    """Return whether a layer or model is of this class and computes what the class does."""
    return isinstance(layer, kind) and type(layer).call is kind.call


def _add(chain: Chain, where: str, layer: Any) -> None:
    from keras import layers

    if _is(layer, layers.Dense):
        if not layer.built:
            raise ValueError(f"{where} has no weights before its first use: give the model a keras.Input")
        arrays = [np.asarray(array) for array in layer.get_weights()]
        chain.linear(where, arrays[0].T, arrays[1] if layer.use_bias else None)
        chain.activation(where, _activation(where, layer.activation))
    elif isinstance(layer, layers.Dropout):
        chain.dropout(where, layer.rate)
    elif isinstance(layer, layers.Rescaling) and not np.any(layer.offset) and np.ndim(layer.scale) == 0:
        chain.scale(where, layer.scale)
    elif isinstance(layer, layers.Softmax):
        if layer.axis not in (1, -1):
            raise ValueError(
                f"{where} has axis={layer.axis}, but deepnet's softmax is one over the units: axis=-1"
            )
        chain.activation(where, "softmax")
    elif isinstance(layer, (layers.Flatten, layers.InputLayer)):
        pass
    elif layer.weights:
        raise ValueError(
            f"{where} is not a layer of deepnet: Dense, Dropout, Flatten, Rescaling or an activation"
        )
    else:
        chain.activation(where, _activation(where, getattr(layer, "activation", layer)))


def _activation(where: str, function: Any) -> str:
    """Return the activation that a function or layer of Keras is."""
    import keras

    own_name = getattr(function, "__name__", type(function).__name__)
    if own_name == "softmax":
        return "softmax"

    def values(z: Array) -> Array:
        given = keras.ops.convert_to_tensor(z, "float32")
        return np.asarray(keras.ops.convert_to_numpy(function(given)), np.float64)

    try:
        name = matching(values)
    except Exception as error:  # what a layer of another kind says of a vector depends on Keras's backend
        raise ValueError(f"{where} is not an activation: {error}") from None
    if name is None:
        raise ValueError(f"{where} {no_match(values, own_name)}")
    return name


def _pairs(arrays: Sequence[Any]) -> list[tuple[Array, Array | None]]:
    """Return W (n, n_prev) and b (n,) of each layer; a matrix begins one, and a vector is its bias."""
    pairs = list[tuple[Array, Array | None]]()
    for i, given in enumerate(arrays):
        array = np.asarray(given)
        if array.ndim == 2:
            pairs.append((array.T, None))
        elif array.ndim == 1 and pairs and pairs[-1][1] is None:
            pairs[-1] = pairs[-1][0], array
        else:
            raise ValueError(
                f"model[{i}] has shape {array.shape}, but weights (n_prev, n) and biases (n,) come in turn"
            )
    return pairs


def to_keras(net: Any) -> Any:
    """Convert; see :func:`deepnet.exchange.to_keras`."""
    net = checked_network(net)
    with needs("keras", "to_keras"):
        import keras
        from keras import layers
    dtype = net.dtype.name
    stack: list[Any] = [keras.Input((net.layer_dims[0],), dtype=dtype)]
    if net.input_scale != 1:
        stack.append(layers.Rescaling(net.input_scale, dtype=dtype))
    if net.input_dropout:
        stack.append(layers.Dropout(net.input_dropout, dtype=dtype))
    for layer in net.layers:
        name = str(layer.activation)
        is_leaky = name == "leaky_relu"  # Keras's function of that name has the slope 0.2
        stack.append(layers.Dense(layer.units, "linear" if is_leaky else _NAMES.get(name, name), dtype=dtype))
        if is_leaky:
            stack.append(layers.LeakyReLU(0.01, dtype=dtype))
        if layer.dropout:
            stack.append(layers.Dropout(layer.dropout, dtype=dtype))
    model = keras.Sequential(stack)
    arrays = [*net.parameters.values()]
    model.set_weights([array.T if i % 2 == 0 else array[:, 0] for i, array in enumerate(arrays)])
    return model
