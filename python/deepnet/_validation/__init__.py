"""The checks of the step-by-step functions, one per public function.

A check takes the arguments as the user gave them. It returns them by name, in the order of the extension's
parameters and in a form that the extension can use, or raises an error that says what was given, what was
expected, and how to mend it. Single arrays are checked in `arrays`, labels in `labels`, dicts and caches in
`structures`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from deepnet._numbers import flag, is_whole, real, whole
from deepnet.activations import ACTIVATIONS, Activation, Array, entry_of, find_activation
from deepnet.caches import remembered_activations
from deepnet.losses import LOSSES, Loss

from . import labels, options
from .arrays import (
    a,
    counted,
    floats,
    matrix,
    one_dtype,
    probabilities,
    shaped,
)
from .custom import checked_loss, without_data
from .options import float_dtype
from .structures import (
    items,
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
    return {"Z": elements("Z", Z), "name": find_activation(name).name}


def activation_backward(dA: Any, Z: Any, name: Any) -> Arguments:
    """Z, the cache, may have any shape, and dA the same."""
    Z = elements("Z", Z)
    dA = shaped("dA", elements("dA", dA), Z.shape, "the shape of Z, the cache")
    one_dtype({"Z": Z, "dA": dA})
    return {"dA": dA, "Z": Z, "name": find_activation(name).name}


def elements(label: str, value: Any) -> Array:
    """Accept floats of any shape: Python and NumPy numbers, too, but no ints, as integer arrays are refused.

    The extension reads arrays of one and two dimensions with any strides, others in C order.
    """
    array = floats(label, np.asarray(value) if isinstance(value, (float, np.floating)) else value)
    return array if array.ndim == 2 else np.asarray(array, order="C")


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


_COSTS = (None, "binary_cross_entropy", "categorical_cross_entropy")


def compute_cost(AL: Any, Y: Any, loss: Any) -> Arguments:
    """AL (n_L, m), probabilities; Y, labels of the same examples."""
    AL = matrix("AL", AL)
    if not (loss is None or isinstance(loss, str)) or loss not in _COSTS:
        chosen = without_data(options.any_loss(loss))
        if chosen.activation in ("sigmoid", "softmax"):
            probabilities("AL", AL)
            if chosen.name not in LOSSES:
                raise ValueError(f"loss {chosen.name!r} is a function of Z, which compute_cost is not given")
        Y = labels.check("Y", Y, AL.shape, chosen, of="AL", dtype=AL.dtype)
        return {"AL": AL, "Y": Y, "loss": checked_loss(chosen)}
    probabilities("AL", AL)
    rule = LOSSES[loss] if loss == "categorical_cross_entropy" else None
    Y = labels.check("Y", Y, AL.shape, rule, of="AL", dtype=AL.dtype)
    if loss is None and _look_like_softmax(AL, Y):
        raise ValueError(
            "loss is not given, and the columns of AL and of Y sum to 1, as those of a softmax output and "
            'its labels do: "categorical_cross_entropy" is the cost of a softmax output, '
            '"binary_cross_entropy" that of independent outputs'
        )
    return {"AL": AL, "Y": Y, "loss": loss or "binary_cross_entropy"}


def _look_like_softmax(AL: Array, Y: Array) -> bool:
    """Whether all columns of both sum to 1, those of AL to rounding: independent outputs hardly ever do."""
    rounding = (len(AL) + 16) * float(np.finfo(AL.dtype).eps)
    return len(AL) > 1 and all(
        bool(np.all(np.abs(np.sum(A, axis=0, dtype=np.float64) - 1) <= most))
        for A, most in ((AL, rounding), (Y, labels.SHARE_TOLERANCE))
    )


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
    chosen: Loss | None
    if loss is not None:
        chosen = without_data(options.loss(loss, entry_of(names[-1]).name))
        loss = checked_loss(chosen)
    else:
        chosen = _label_rule(entry_of(names[-1]))
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
    """grads holds dW and db of every layer, and possibly more; out may be parameters itself."""
    given, parameters = parameters, network_parameters(parameters)
    if not isinstance(grads, Mapping):
        raise TypeError(f"grads is {a(grads)}, but must be the dict from L_model_backward")
    grads = items(grads)
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
        if isinstance(out, Mapping) and all(out.get(key) is p for key, p in parameters.items()):
            raise ValueError("out holds the arrays of parameters: for an update in place pass out=parameters")
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
    """Check all arguments of a training run before its first step."""
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
    network = f"the network ({counted(dims[-1], 'output')}, {counted(X.shape[1], 'example')})"
    Y = labels.check("Y", Y, (dims[-1], X.shape[1]), _label_rule(last), of=network, dtype=X.dtype)
    return X, Y, dims, rate, steps


def _label_rule(output: Activation) -> Loss | None:
    """The loss whose label rule holds for the default cost; None: any finite label, as in the course."""
    return LOSSES["categorical_cross_entropy"] if output.whole_columns else None


def initialization(seed: Any, dtype: Any) -> np.dtype[Any]:
    """Seeds are those of np.random.RandomState, dtypes float32 and float64."""
    if not (seed is None or (is_whole(seed) and 0 <= seed < 2**32)):
        raise ValueError(f"seed is {seed!r}, but must be None or a whole number from 0 to 2**32 - 1")
    return float_dtype(dtype)
