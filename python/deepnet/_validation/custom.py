"""Checks of what the functions of a custom activation or loss return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from deepnet.activations import ACTIVATIONS, Activation, Array
from deepnet.losses import LOSSES, Loss

from .arrays import a


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
    return replace(
        loss,
        value=lambda A, Y, parameter: _of_loss("value", loss, A, Y, parameter),
        derivative=lambda A, Y, parameter: _of_loss("derivative", loss, A, Y, parameter),
    )


def _of_loss(name: str, loss: Loss, A: Array, Y: Array, parameter: float) -> Array:
    result = getattr(loss, name)(_read_only(A), _read_only(Y), parameter)
    argument = "A" if loss.activation is None else "Z"
    return _result(result, [A, Y], f"{name} of {loss.name!r}", A, argument)


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
    return np.array(result, order="C") if shared else np.ascontiguousarray(result)


def activation_forward(Z: Array, activation: Activation) -> Array:
    """Return A = g(Z)."""
    return _result(activation.forward(_read_only(Z)), [Z], f"forward of {activation.name!r}", Z, "Z")


def activation_backward(dA: Array, Z: Array, activation: Activation) -> Array:
    """Return dZ = dA * g'(Z)."""
    dZ = activation.backward(_read_only(dA), _read_only(Z))
    return _result(dZ, [dA, Z], f"backward of {activation.name!r}", Z, "Z")
