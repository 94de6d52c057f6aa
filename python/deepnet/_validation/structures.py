"""Checks of the structures that hold a network's arrays and names: dicts, caches and lists of names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from deepnet.activations import (
    ACTIVATIONS,
    Activation,
    AnyActivation,
    Array,
    find_activation,
    layer_activations,
)
from deepnet.caches import LayerCache

from .arrays import Shape, a, bias, counted, matrix, one_dtype, shaped


def layer_arrays(where: str, A_name: str, A: Any, W: Any, b: Any) -> tuple[Array, Array, Array]:
    """A (n_prev, m), W (n, n_prev), b (n, 1), one dtype."""
    A, W = matrix(where + A_name, A), matrix(where + "W", W)
    if W.shape[1] != A.shape[0]:
        transposed = f"; one column per example: {A_name}.T?" if W.shape[1] == A.shape[1] else ""
        columns, rows = counted(W.shape[1], "column"), counted(A.shape[0], "row")
        raise ValueError(f"{where}W has {columns}, but {A_name} has {rows}{transposed}")
    b = bias(where + "b", b, "W", W)
    one_dtype({where + A_name: A, where + "W": W, where + "b": b})
    return A, W, b


def not_a_cache(label: str, value: Any, form: str, length: int) -> Exception:
    if isinstance(value, (tuple, list)):
        return ValueError(
            f"{label} must be {form}, but has {counted(len(value), 'entry')} instead of {length}"
        )
    return TypeError(f"{label} must be {form}, but is {a(value)}")


def layer_cache(label: str, cache: Any) -> LayerCache:
    """Accept ((A_prev, W, b), Z), a tuple or a LayerCache, and keep the activation it stores."""
    if not isinstance(cache, (tuple, list)) or len(cache) != 2:
        raise not_a_cache(label, cache, "((A_prev, W, b), Z)", 2)
    linear, Z = cache
    if not isinstance(linear, (tuple, list)) or len(linear) != 3:
        raise not_a_cache(f"{label}[0]", linear, "(A_prev, W, b)", 3)
    A_prev, W, b = layer_arrays(f"{label}: ", "A_prev", *linear)
    Z = shaped(f"{label}: Z", Z, (W.shape[0], A_prev.shape[1]), "(rows of W, columns of A_prev)")
    one_dtype({f"{label}: W": W, f"{label}: Z": Z})
    result = LayerCache(((A_prev, W, b), Z))
    result.activation = getattr(cache, "activation", None)
    return result


def layer_caches(caches: Any) -> list[LayerCache]:
    if not isinstance(caches, (tuple, list)):
        raise TypeError(f"caches is {a(caches)}, but must be the list from L_model_forward")
    if not caches:
        raise ValueError("caches is empty: one per layer is needed")
    checked = [layer_cache(f"caches[{i}]", cache) for i, cache in enumerate(caches)]
    for i, (((_, W, _), Z), ((A_prev, _, _), _)) in enumerate(pairwise(checked)):
        if A_prev.shape != Z.shape:
            raise ValueError(
                f"caches[{i + 1}]: A_prev has shape {A_prev.shape}, but caches[{i}]: Z has {Z.shape}"
            )
        one_dtype({f"caches[{i}]: W": W, f"caches[{i + 1}]: A_prev": A_prev})
    return checked


def items(mapping: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return what a mapping of the caller's has now: another thread may change it between two looks."""
    return mapping.copy() if type(mapping) is dict else {key: mapping[key] for key in mapping}


def network_parameters(parameters: Any) -> dict[str, Array]:
    """Accept exactly W1, b1, ..., WL, bL, each layer fitting the one before."""
    if not isinstance(parameters, Mapping):
        hint = ""
        if isinstance(parameters, (tuple, list)) and any(isinstance(part, dict) for part in parameters):
            hint = ": a model returns parameters and costs, use parameters[0]"
        raise TypeError(f"parameters is {a(parameters)}, but must be a dict with W1, b1, ..., WL, bL{hint}")
    parameters = items(parameters)
    kinds = [key[:1] for key in parameters if isinstance(key, str) and key[1:].isdecimal()]
    layers = max(kinds.count("W"), kinds.count("b"))
    expected = [f"{kind}{layer}" for layer in range(1, layers + 1) for kind in "Wb"]
    missing = [key for key in expected if key not in parameters]
    extra = [key for key in parameters if key not in expected]
    if missing or extra or not expected:
        faults = [f"lacks {listed(missing or ['W1', 'b1'])}"] if missing or not expected else []
        faults += [f"has {listed(extra)}, which no layer uses"] if extra else []
        state = "is empty and " if not parameters else ""
        raise ValueError(
            f"parameters {state}{' and '.join(faults)}: it must hold W1, b1, ..., WL, bL exactly"
        )
    checked: dict[str, Array] = {}
    units = None
    for layer in range(1, layers + 1):
        W = matrix(f"W{layer}", parameters[f"W{layer}"])
        if units is not None and W.shape[1] != units:
            columns, before = counted(W.shape[1], "column"), counted(units, "unit")
            raise ValueError(f"W{layer} has {columns}, but layer {layer - 1} has {before}")
        checked |= {f"W{layer}": W, f"b{layer}": bias(f"b{layer}", parameters[f"b{layer}"], f"W{layer}", W)}
        units = W.shape[0]
    one_dtype(checked)
    return checked


def layer_entries(
    activations: AnyActivation | Sequence[AnyActivation],
    output: AnyActivation | None,
    layers: int,
    label: str = "activations",
) -> tuple[AnyActivation, ...]:
    """Return one activation per layer: a known name, or a custom activation."""
    if not isinstance(activations, (str, Activation, list, tuple)):
        raise TypeError(f"{label} is {activations!r}, but must be a name, or a list of one name per layer")
    if not isinstance(activations, (str, Activation)):
        if output is not None:
            raise ValueError(f"output is {output!r}, but {label} already names every layer: leave one out")
        if len(activations) != layers:
            names, verb = counted(len(activations), "name"), "is" if layers == 1 else "are"
            raise ValueError(f"{label} has {names}, but there {verb} {counted(layers, 'layer')}")
    given = layer_activations(layers, activations, output)
    hidden: list[tuple[str, Any]] = [(f"{label}[{i}]", entry) for i, entry in enumerate(given[:-1])]
    if isinstance(activations, (str, Activation)):
        hidden = [(label, activations)]
    for where, activation in hidden:  # even if there is no hidden layer
        elementwise(where, activation)
    return tuple(known_activation(activation) for activation in given)


def known_activation(activation: Any) -> AnyActivation:
    """Accept a known name or a custom activation; return the name of an entry of ACTIVATIONS."""
    if isinstance(activation, Activation):
        return activation.name if ACTIVATIONS.get(activation.name) is activation else activation
    return find_activation(activation).name


def elementwise(label: str, activation: Any) -> None:
    """Refuse softmax in a hidden layer."""
    entry = activation if isinstance(activation, Activation) else find_activation(activation)
    if entry.whole_columns:
        hint = f": {label}='relu', output={entry.name!r}" if "[" not in label else ""
        raise ValueError(
            f"{label} is {entry.name!r}, but a hidden layer cannot have it: its outputs are probabilities, "
            f"which sum to 1 in each example, for the last layer only{hint}"
        )


def writable(
    out: Any, shapes: dict[str, Shape], dtype: np.dtype[Any], inputs: dict[str, Array]
) -> dict[str, Array]:
    """Accept an out that holds exactly these arrays, each writable and sharing memory with no other."""
    if not isinstance(out, Mapping):
        raise TypeError(f"out is {a(out)}, but must be a dict of arrays from an earlier call")
    arrays: dict[str, Array] = items(out)
    missing, extra = (
        [key for key in shapes if key not in arrays],
        [key for key in arrays if key not in shapes],
    )
    if missing or extra:
        faults = [f"lacks {listed(missing)}"] if missing else []
        faults += [f"has {listed(extra)}, which this call does not write"] if extra else []
        raise ValueError(f"out {' and '.join(faults)}")
    others = dict(inputs)
    for key, shape in shapes.items():
        array = arrays[key]
        if type(array) is not np.ndarray or array.dtype != dtype:
            kind = array.dtype if type(array) is np.ndarray else a(array)
            raise TypeError(f"out[{key!r}] is {kind}, but must be an ndarray of {dtype}")
        if array.shape != shape:
            raise ValueError(f"out[{key!r}] has shape {array.shape}, but must be {shape}")
        if not (_has_separate_rows(array) and array.flags.behaved and array.dtype.isnative):
            raise ValueError(
                f"out[{key!r}] must be writable and in C order: out[{key!r}] = out[{key!r}].copy()"
            )
        for label, other in others.items():
            if np.may_share_memory(array, other):
                raise ValueError(
                    f"out[{key!r}] shares memory with {label}, which would be overwritten while in use"
                )
        others[f"out[{key!r}]"] = array
    return arrays


def _has_separate_rows(array: Array) -> bool:
    """Whether each row is contiguous and apart from the others, as in the parameters of a Network."""
    (rows, columns), (row, column), size = array.shape, array.strides, array.itemsize
    if columns == 1:
        return rows == 1 or row == size
    return column == size and (rows == 1 or row >= columns * size)


def listed(names: Sequence[object]) -> str:
    """'a', 'b' and 'c'; long lists are cut."""
    words = [repr(name) for name in names[:6]] + ([f"{len(names) - 6} more"] if len(names) > 6 else [])
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
