"""The one front door: one check per public function.

Each takes the arguments as the user gave them and returns them plain, by name and in the order of the
extension's parameters, or raises the error that says what was given, what was expected, and the way out.
Single arrays are checked in `arrays`, dicts and caches in `structures`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from deepnet._numbers import flag, is_whole, real, whole
from deepnet.activations import ACTIVATIONS, Activation, Array, entry_of, find_activation
from deepnet.caches import remembered_activations
from deepnet.losses import LOSSES, Loss

from . import costs, labels
from .arrays import (
    a,
    counted,
    floats,
    matrix,
    one_dtype,
    probabilities,
    shaped,
)
from .options import float_dtype
from .own import checked_loss
from .structures import (
    known_activation,
    layer_arrays,
    layer_cache,
    layer_caches,
    layer_entries,
    listed,
    network_parameters,
    not_a_cache,
    writable,
)

Arguments = dict[str, Any]


# --- one layer ----------------------------------------------------------------------------------------------


def activation_forward(Z: Any, name: Any) -> Arguments:
    """Z may have any shape, or be a float."""
    return {"Z": floats("Z", _as_array(Z)), "name": find_activation(name).name}


def activation_backward(dA: Any, Z: Any, name: Any) -> Arguments:
    """Z, the cache, may have any shape, and dA the same."""
    Z = floats("Z", _as_array(Z))
    dA = shaped("dA", _as_array(dA), Z.shape, "the shape of Z, the cache")
    one_dtype({"Z": Z, "dA": dA})
    return {"dA": dA, "Z": Z, "name": find_activation(name).name}


def _as_array(value: Any) -> Any:
    """Floats of Python or NumPy become arrays of no dimension; ints are refused, as integer arrays are."""
    return np.asarray(value) if isinstance(value, (float, np.floating)) else value


def linear_forward(A: Any, W: Any, b: Any) -> Arguments:
    """A (n_prev, m), W (n, n_prev), b (n, 1)."""
    return dict(zip("AWb", layer_arrays("", "A", A, W, b), strict=True))


def linear_activation_forward(A_prev: Any, W: Any, b: Any, activation: Any) -> Arguments:
    """A_prev (n_prev, m), W (n, n_prev), b (n, 1)."""
    A_prev, W, b = layer_arrays("", "A_prev", A_prev, W, b)
    return {"A_prev": A_prev, "W": W, "b": b, "activation": known_activation(activation)}


def linear_cache(cache: Any) -> tuple[Any, Any, Any]:
    """Unpack (A_prev, W, b)."""
    if isinstance(cache, (tuple, list)) and len(cache) == 3:
        return tuple(cache)
    raise not_a_cache("cache", cache, "(A_prev, W, b)", 3)


def linear_backward(dZ: Any, A_prev: Any, W: Any, b: Any) -> Arguments:
    """dZ (n, m) beside linear_forward's cache."""
    A_prev, W, b = layer_arrays("", "A_prev", A_prev, W, b)
    dZ = shaped("dZ", dZ, (W.shape[0], A_prev.shape[1]), "(rows of W, columns of A_prev)")
    one_dtype({"W": W, "dZ": dZ})
    return {"dZ": dZ, "A_prev": A_prev, "W": W, "b": b}


def linear_activation_backward(dA: Any, cache: Any, activation: Any) -> Arguments:
    """dA (n, m) beside linear_activation_forward's cache."""
    cache = layer_cache("cache", cache)
    Z = cache[1]
    dA = shaped("dA", dA, Z.shape, "the shape of Z")
    one_dtype({"Z": Z, "dA": dA})
    return {"dA": dA, "cache": cache, "activation": known_activation(activation)}


# --- the whole network --------------------------------------------------------------------------------------


def L_model_forward(X: Any, parameters: Any, activations: Any, output: Any) -> Arguments:
    """X (n_0, m), and parameters that chain from it."""
    X = matrix("X", X)
    parameters = network_parameters(parameters)
    W1 = parameters["W1"]
    if W1.shape[1] != X.shape[0]:
        transposed = "; one column per example: X.T?" if W1.shape[1] == X.shape[1] else ""
        columns, rows = counted(W1.shape[1], "column"), counted(X.shape[0], "row")
        raise ValueError(f"W1 has {columns}, but X has {rows}{transposed}")
    one_dtype({"X": X} | parameters)
    names = layer_entries(activations, output, len(parameters) // 2)
    return {"X": X, "parameters": parameters, "activations": names, "output": None}


COSTS = ("binary_cross_entropy", "categorical_cross_entropy")


def compute_cost(AL: Any, Y: Any, loss: Any) -> Arguments:
    """AL (n_L, m), probabilities; Y, labels of the same examples."""
    AL = matrix("AL", AL)
    if not isinstance(loss, str) or loss not in COSTS:
        chosen = costs.any_loss(loss)
        if chosen.activation in ("sigmoid", "softmax"):
            probabilities("AL", AL)
            if chosen.name not in LOSSES:
                raise ValueError(f"loss {chosen.name!r} is a function of Z, which compute_cost is not given")
        Y = labels.check("Y", Y, AL.shape, chosen, of="AL", dtype=AL.dtype)
        return {"AL": AL, "Y": Y, "loss": checked_loss(chosen)}
    probabilities("AL", AL)
    return {
        "AL": AL,
        "Y": labels.check("Y", Y, AL.shape, LOSSES[loss], of="AL", dtype=AL.dtype),
        "loss": loss,
    }


def L_model_backward(
    AL: Any, Y: Any, caches: Any, activations: Any, compute_dA0: Any, out: Any, loss: Any = None
) -> Arguments:
    """AL (n_L, m), labels, one cache per layer, each fitting the next; out, if any, an earlier result."""
    compute_dA0 = flag("compute_dA0", compute_dA0)
    caches = layer_caches(caches)
    Z = caches[-1][1]
    AL = shaped("AL", AL, Z.shape, "the shape of the last layer's Z")
    one_dtype({"AL": AL, "Z of the last layer": Z})
    if activations is None:
        names = layer_entries(remembered_activations(caches), None, len(caches), "the caches' activations")
    else:
        names = layer_entries(activations, None, len(caches))
    if loss is not None:
        chosen = costs.loss(loss, entry_of(names[-1]).name)
        loss = checked_loss(chosen)
    else:
        chosen = _cross_entropy(entry_of(names[-1]))
    Y = labels.check("Y", Y, AL.shape, chosen, of="AL", dtype=AL.dtype)
    if out is not None:
        inputs = {"AL": AL, "Y": Y}
        shapes: dict[str, tuple[int, ...]] = {}
        for layer, ((A_prev, W, b), Z) in enumerate(caches, start=1):
            inputs |= {f"caches[{layer - 1}]: {k}": v for k, v in zip("AWbZ", (A_prev, W, b, Z), strict=True)}
            shapes |= {f"dW{layer}": W.shape, f"db{layer}": b.shape}
            if layer > 1 or compute_dA0:
                shapes[f"dA{layer - 1}"] = A_prev.shape
        out = writable(out, shapes, AL.dtype, inputs)
    return {
        "AL": AL,
        "Y": Y,
        "caches": caches,
        "activations": names,
        "compute_dA0": compute_dA0,
        "out": out,
    } | ({} if loss is None else {"loss": loss})


def update_parameters(parameters: Any, grads: Any, learning_rate: Any, out: Any) -> Arguments:
    """grads holds dW and db of every layer (and whatever else); out may be parameters itself."""
    given, parameters = parameters, network_parameters(parameters)
    if not isinstance(grads, dict):
        raise TypeError(f"grads is {a(grads)}, but must be the dict from L_model_backward")
    missing = [f"d{key}" for key in parameters if f"d{key}" not in grads]
    if missing:
        raise ValueError(f"grads lacks {listed(missing)}")
    grads = {
        f"d{k}": shaped(f"d{k}", grads[f"d{k}"], p.shape, f"the shape of {k}") for k, p in parameters.items()
    }
    one_dtype(parameters | grads)
    dtype = parameters["W1"].dtype
    rate = real("learning_rate", learning_rate, dtype=dtype)
    if out is given:
        out = parameters = writable(out, {key: p.shape for key, p in parameters.items()}, dtype, grads)
    elif out is not None:
        if isinstance(out, dict) and all(out.get(key) is p for key, p in parameters.items()):
            raise ValueError(
                "out holds the very arrays of parameters: for an update in place pass out=parameters itself"
            )
        out = writable(out, {key: p.shape for key, p in parameters.items()}, dtype, parameters | grads)
    return {"parameters": parameters, "grads": grads, "learning_rate": rate, "out": out}


# --- training -----------------------------------------------------------------------------------------------


def layer_size(name: str, size: Any) -> None:
    """Accept whole numbers from 1."""
    if not is_whole(size):
        raise TypeError(f"{name} is {size!r}, but must be a whole number of units")
    if size < 1:
        raise ValueError(f"{name} is {size}: " + ("zero units" if size == 0 else "must be 1 or more"))


def layer_dims(name: str, value: Any, length: int | None = None) -> tuple[int, ...]:
    """Two or more layer sizes, each a whole number from 1."""
    if not isinstance(value, (list, tuple, np.ndarray)):
        raise TypeError(f"{name} is {a(value)}, but must be a list such as [12288, 20, 7, 5, 1]")
    for i, size in enumerate(value):
        layer_size(f"{name}[{i}]", size)
    if length is not None and len(value) != length:
        raise ValueError(
            f"{name} has {counted(len(value), 'entry')}, but must have {length}: (n_x, n_h, n_y)"
        )
    if len(value) < 2:
        raise ValueError(
            f"{name} has {counted(len(value), 'entry')}, "
            "but a network needs at least an input and an output size"
        )
    return tuple(int(size) for size in value)


def training(
    X: Any,
    Y: Any,
    layers_dims: Any,
    learning_rate: Any,
    num_iterations: Any,
    *,
    activations: Any = "relu",
    output: Any = None,
    length: int | None = None,
) -> tuple[Array, Array, tuple[int, ...], float, int]:
    """Everything about a training run, before its first step."""
    X = matrix("X", X)
    dims = layer_dims("layers_dims", layers_dims, length)
    if dims[0] != X.shape[0]:
        transposed = "; one column per example: X.T?" if dims[0] == X.shape[1] else ""
        raise ValueError(f"layers_dims[0] is {dims[0]}, but X has {counted(X.shape[0], 'row')}{transposed}")
    last = entry_of(layer_entries(activations, output, len(dims) - 1)[-1])
    if not last.is_probability:
        argument = "output" if isinstance(activations, str) else "activations[-1]"
        possible = " or ".join(repr(name) for name, entry in ACTIVATIONS.items() if entry.is_probability)
        raise ValueError(
            f"{argument} is {last.name!r}, but the cost is the cross-entropy, "
            f"which is defined for outputs in [0, 1]: {possible}"
        )
    rate = real("learning_rate", learning_rate, low=0, dtype=X.dtype)
    steps = whole("num_iterations", num_iterations, 0)
    Y = labels.check("Y", Y, (dims[-1], X.shape[1]), _cross_entropy(last), dtype=X.dtype)
    return X, Y, dims, rate, steps


def _cross_entropy(last: Activation) -> Loss:
    """The cost that the course's functions have for this output."""
    return LOSSES["categorical_cross_entropy" if last.whole_columns else "binary_cross_entropy"]


def predicted_labels(y: Any, AL: Array) -> Array:
    """Labels to compare a prediction with."""
    return labels.check("y", y, AL.shape, LOSSES["binary_cross_entropy"], of="the prediction", dtype=AL.dtype)


def initialization(seed: Any, dtype: Any) -> np.dtype[Any]:
    """Seeds are those of np.random.RandomState, dtypes float32 and float64."""
    if not (seed is None or (is_whole(seed) and 0 <= seed < 2**32)):
        raise ValueError(f"seed is {seed!r}, but must be None or a whole number from 0 to 2**32 - 1")
    return float_dtype(dtype)
