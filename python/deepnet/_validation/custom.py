"""Checks of what the functions of a custom activation or loss return, and of the further arrays of a loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from deepnet.activations import ACTIVATIONS, Activation, Array
from deepnet.losses import LOSSES, Loss

from . import tables
from .arrays import a, anything


def checked(activation: Activation) -> Activation:
    """Return the activation; the results of a custom one are checked."""
    if ACTIVATIONS.get(activation.name) is activation:
        return activation
    return replace(
        activation,
        forward=lambda Z: activation_forward(Z, activation),
        backward=lambda dA, Z: activation_backward(dA, Z, activation),
    )


def checked_loss(loss: Loss) -> Loss:
    """Return the loss; the results of a custom one are checked."""
    known = LOSSES.get(loss.name)
    if known is not None and (known.value, known.derivative) == (loss.value, loss.derivative):
        return loss
    if loss.derivative is None:
        return replace(loss, value=partial(_both, loss))
    return replace(
        loss,
        value=partial(_of_loss, "value", loss),
        derivative=partial(_of_loss, "derivative", loss),
    )


def _of_loss(name: str, loss: Loss, A: Array, Y: Array, parameter: float, /, **data: Array) -> Array:
    result = _called(getattr(loss, name), A, Y, parameter, data)
    return result_of(name, loss, result, [A, Y, *data.values()])


def _both(loss: Loss, A: Array, Y: Array, parameter: float, /, **data: Array) -> tuple[Array, Array]:
    pair = _called(loss.value, A, Y, parameter, data)
    return results_of(loss, pair, [A, Y, *data.values()])


def result_of(name: str, loss: Loss, result: Any, made_from: Sequence[Array]) -> Array:
    """Return what the function `name` of a loss returned, once it fits; `made_from` begins with A or Z."""
    argument = "A" if loss.activation is None else "Z"
    return _result(result, made_from, f"{name} of {loss.name!r}", made_from[0], argument)


def results_of(loss: Loss, pair: Any, made_from: Sequence[Array]) -> tuple[Array, Array]:
    """Return the terms and their derivative, which the value of a loss returned, once they fit."""
    what = f"value of {loss.name!r}"
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        number = f" of {len(pair)}" if isinstance(pair, (tuple, list)) else ""
        raise TypeError(
            f"{what} returned {a(pair)}{number}, but must return two arrays, the terms and their derivative, "
            "since the loss has no function `derivative`"
        )
    argument = "A" if loss.activation is None else "Z"
    terms, slope = (
        _result(array, made_from, f"{what}: {part}", made_from[0], argument)
        for part, array in zip(("the terms", "the derivative"), pair, strict=True)
    )
    return terms, slope


def _called(function: Any, A: Array, Y: Array, parameter: float, data: Mapping[str, Array]) -> Any:
    views = {name: _read_only(array) for name, array in data.items()}
    return function(_read_only(A), _read_only(Y), parameter, **views)


def loss_data(given: Any, loss: Loss, m: int, dtype: np.dtype[Any]) -> dict[str, Array] | None:
    """Return the further arrays of a loss, if any: floats in the network's dtype, others as they are."""
    if given is None and not loss.data:
        return None
    expected = ", ".join(f"{name!r}: {name}" for name in loss.data)
    if given is None:
        raise ValueError(f"loss {loss.name!r} needs further arrays: loss_data={{{expected}}}")
    if not isinstance(given, Mapping):
        example = expected or "'name': array"
        raise TypeError(f"loss_data is {a(given)}, but must be a dict of arrays: {{{example}}}")
    for name in given:
        if name not in loss.data:
            known = ", ".join(map(repr, loss.data)) or "none"
            raise ValueError(f"loss_data has {name!r}, but loss {loss.name!r} takes {known}")
    for name in loss.data:
        if name not in given:
            raise ValueError(f"loss_data lacks {name!r}, which loss {loss.name!r} needs")
    return {name: _per_example(f"loss_data[{name!r}]", given[name], m, dtype) for name in loss.data} or None


def _per_example(name: str, value: Any, m: int, dtype: np.dtype[Any]) -> Array:
    array = anything(name, tables.labels(name, value))
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} is {array.dtype}, but must be an array of numbers or bools")
    if array.ndim == 0 or array.shape[-1] != m:
        hint = f": {name} = {name}.T" if array.ndim == 2 and len(array) == m else ""
        raise ValueError(
            f"{name} has shape {array.shape}, but must be ({m},) or (k, {m}), whose last axis is the "
            f"examples{hint}"
        )
    if array.dtype.kind != "f":
        return array
    with np.errstate(over="ignore"):
        numbers = array.astype(dtype, copy=False)
    good = np.isfinite(numbers)
    if not good.all():
        place = np.unravel_index(int(np.argmin(good)), good.shape)
        where = ", ".join(map(str, place))
        raise ValueError(f"{name}[{where}] is {array[place]}, but must be finite in {dtype}")
    return numbers


def without_data(loss: Loss) -> Loss:
    """Accept a loss that needs no further arrays, for a function that takes none."""
    if loss.data:
        raise ValueError(f"loss {loss.name!r} needs loss_data, which only the methods of Network take")
    return loss


def _read_only(array: Array) -> Array:
    """Return a view that the custom function cannot write to."""
    view = array.view()
    view.flags.writeable = False
    return view


def _result(result: Any, made_from: Sequence[Array], what: str, like: Array, like_name: str) -> Array:
    """Check the result of a custom function; copy it if it shares memory with an argument."""
    if not isinstance(result, np.ndarray):
        raise TypeError(f"{what} returned {a(result)}, but must return a NumPy array of {like.dtype}")
    if result.shape != like.shape:
        raise ValueError(
            f"{what} returned shape {result.shape}, but must return that of {like_name}, {like.shape}"
        )
    if result.dtype != like.dtype:
        raise TypeError(
            f"{what} returned {result.dtype}, but must return {like.dtype}, the dtype of {like_name}"
        )
    shared = any(np.may_share_memory(result, array) for array in made_from)
    return np.array(result, order="C") if shared or not result.flags.aligned else np.ascontiguousarray(result)


def activation_forward(Z: Array, activation: Activation) -> Array:
    """Return A = g(Z)."""
    return _result(activation.forward(_read_only(Z)), [Z], f"forward of {activation.name!r}", Z, "Z")


def activation_backward(dA: Array, Z: Array, activation: Activation) -> Array:
    """Return dZ = dA * g'(Z)."""
    dZ = activation.backward(_read_only(dA), _read_only(Z))
    return _result(dZ, [dA, Z], f"backward of {activation.name!r}", Z, "Z")
