"""Slopes and gradients that callers compute themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from deepnet.activations import Array

from .arrays import a, anything, counted, floats, shaped
from .sparse import is_sparse
from .structures import items

NO_PASS = {
    1: "the network has not kept a forward pass: call net.forward(X) before each net.backward({}=...), "
    "or net.backward(X, {}=...)",
    3: "the last net.forward was called by another thread: net.backward(X, {}=...)",
    4: "the network was trained after net.forward(X): call it again, or net.backward(X, {}=...)",
}


def slope(name: str, value: Any, outputs: int, m: int | None) -> Array:
    """Accept the derivative of a loss, (n_L, m), of any float type; m None: of any number of examples."""
    array = anything(name, value)
    if array.dtype.kind != "f" or array.dtype.itemsize > 8:
        raise TypeError(f"{name} is {array.dtype}, but must be float32 or float64: {name}.astype(np.float32)")
    expected = f"({outputs}, {'m' if m is None else m})"
    if outputs == 1 and array.ndim == 1:
        array = array.reshape(1, -1)
    elif outputs == 1 and array.ndim == 2 and array.shape[1] == 1 and m in (None, len(array)):
        array = array.T
    if array.ndim != 2 or len(array) != outputs or array.shape[1] != (array.shape[1] if m is None else m):
        raise ValueError(f"{name} has shape {array.shape}, but must be {expected}: one row per output")
    if array.shape[1] == 0:
        raise ValueError(f"{name} has shape {array.shape}: zero examples")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def no_pass(name: str, why: int) -> Exception:
    """Return the error for a backward step without its forward pass; `why` is the engine's answer."""
    if why == 2:
        return ValueError(f"{name} has another number of columns than the X of the last net.forward(X)")
    return RuntimeError(NO_PASS[why].format(name, name))


def gradients(grads: Any, parameters: Mapping[str, Array]) -> dict[str, Array]:
    """Accept a gradient for each parameter, in either float type; they are converted to the network's."""
    if not isinstance(grads, Mapping):
        hint = ""
        if isinstance(grads, tuple) and len(grads) == 2 and isinstance(grads[1], Mapping):
            hint = ": loss_and_grads returns the loss and the gradients, use grads[1]"
        raise TypeError(f"grads is {a(grads)}, but must be a dict with dW1, db1, ..., dWL, dbL{hint}")
    grads, checked = items(grads), {}
    for key, p in parameters.items():
        if f"d{key}" not in grads:
            raise ValueError(f"grads lacks 'd{key}'")
        array = shaped(f"d{key}", grads[f"d{key}"], p.shape, f"the shape of {key}")
        with np.errstate(over="ignore"):
            checked[f"d{key}"] = array.astype(p.dtype, copy=False)
    return checked


def gradients_to_write(
    out: Any, views: Callable[[], Mapping[str, Array]], read: Mapping[str, Any]
) -> dict[str, Array] | None:
    """Accept None, or a dict of gradients to overwrite: apart from each other and from what is read.

    `views()` are the parameters; `read` has arrays, sparse matrices and None.
    """
    if out is None:
        return None
    if not isinstance(out, dict):
        raise TypeError(f"out is {a(out)}, but must be a dict of gradients, from an earlier call")
    seen: dict[str, Array] = {
        name: array.data if is_sparse(array) else array for name, array in read.items() if array is not None
    }
    parameters = views()
    seen |= parameters
    out, checked = items(out), {}
    for key, p in parameters.items():
        name = f"d{key}"
        if name not in out:
            raise ValueError(f"out lacks {name!r}")
        label = f"out[{name!r}]"
        array = floats(label, out[name])
        fitting = array is out[name] and array.dtype == p.dtype and array.shape == p.shape
        if not (fitting and array.flags.c_contiguous and array.flags.writeable):
            raise ValueError(f"{label} must be a writable C-contiguous array of {p.dtype}, shape {p.shape}")
        for other, values in seen.items():
            if np.may_share_memory(array, values):
                raise ValueError(f"{label} shares memory with {other}")
        seen[label] = checked[name] = array
    return checked


def not_finite(grads: Mapping[str, Array], parameters: Mapping[str, Array]) -> FloatingPointError:
    """Return the error that names the first gradient that is nan or infinite."""
    for key, p in parameters.items():
        with np.errstate(over="ignore"):
            good = np.isfinite(np.asarray(grads[f"d{key}"]).astype(p.dtype))
        if not good.all():
            i, j = np.unravel_index(int(np.argmin(good)), good.shape)
            entry = grads[f"d{key}"][i, j]
            beyond = f", beyond the range of {p.dtype}" if np.isfinite(entry) else ""
            return FloatingPointError(f'grads["d{key}"][{i}, {j}] is {entry}{beyond}: no update was made')
    count = counted(len(grads), "array")
    return FloatingPointError(f"the norm of the gradients, {count}, is not finite: no update was made")


def no_network(value: Any) -> TypeError:
    """Return the error for something that is not a network."""
    hint = ": net.parameters = parameters copies a dict" if isinstance(value, Mapping) else ""
    return TypeError(f"other is {a(value)}, but must be a Network{hint}")
