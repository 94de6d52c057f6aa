"""Layers whose activation is the user's own: its functions run in NumPy, what is linear on the backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deepnet import _validation as check
from deepnet import reference
from deepnet._validation.own import activation_backward, activation_forward, checked
from deepnet.activations import ACTIVATIONS, Activation, AnyActivation, Array, entry_of
from deepnet.backends import is_built_in, run
from deepnet.caches import AnyLayerCache, LayerCache, Parameters
from deepnet.losses import Loss


def is_own(activation: Any) -> bool:
    """Tell whether this is an object and not a name, or the name of one that a user has added to the list."""
    if isinstance(activation, str):
        return activation in ACTIVATIONS and not is_built_in(ACTIVATIONS[activation])
    return isinstance(activation, Activation)


def holds_own(*activations: Any) -> bool:
    """Tell whether any of these, or of the lists among these, is a user's own."""
    return any(
        holds_own(*given) if isinstance(given, (list, tuple)) else is_own(given) for given in activations
    )


def remembers_own(caches: Any) -> bool:
    """Tell whether a cache among these remembers a user's own."""
    return isinstance(caches, (list, tuple)) and holds_own([getattr(c, "activation", None) for c in caches])


def _linear_forward(A_prev: Array, W: Array, b: Array) -> Array:
    Z: Array = run("linear_forward", check.linear_forward, A_prev, W, b)
    return Z


def _linear_backward(dZ: Array, linear_cache: Any) -> tuple[Array, Array, Array]:
    gradients: tuple[Array, Array, Array] = run("linear_backward", check.linear_backward, dZ, *linear_cache)
    return gradients


def linear_activation_forward(
    A_prev: Array, W: Array, b: Array, activation: AnyActivation
) -> tuple[Array, LayerCache]:
    """One layer, with arguments that are checked."""
    if not is_own(activation):
        layer: tuple[Array, LayerCache] = run(
            "linear_activation_forward", check.linear_activation_forward, A_prev, W, b, activation
        )
        return layer
    Z = _linear_forward(A_prev, W, b)
    cache = LayerCache(((A_prev, W, b), Z))
    cache.activation = activation
    return activation_forward(Z, entry_of(activation)), cache


def linear_activation_backward(
    dA: Array, cache: AnyLayerCache, activation: AnyActivation
) -> tuple[Array, Array, Array]:
    """One layer, with arguments that are checked."""
    if not is_own(activation):
        gradients: tuple[Array, Array, Array] = run(
            "linear_activation_backward", check.linear_activation_backward, dA, cache, activation
        )
        return gradients
    linear_cache, Z = cache
    return _linear_backward(activation_backward(dA, Z, entry_of(activation)), linear_cache)


def L_model_forward(
    X: Array, parameters: Parameters, activations: Any, output: Any
) -> tuple[Array, list[LayerCache]]:
    """Check, and go layer by layer."""
    given = check.L_model_forward(X, parameters, activations, output)
    A, parameters, caches = given["X"], given["parameters"], []
    for layer, activation in enumerate(given["activations"], start=1):
        A, cache = linear_activation_forward(A, parameters[f"W{layer}"], parameters[f"b{layer}"], activation)
        caches.append(cache)
    return A, caches


def L_model_backward(
    AL: Array,
    Y: Array,
    caches: Sequence[AnyLayerCache],
    activations: Any,
    compute_dA0: bool,
    out: Parameters | None,
    loss: str | Loss | None,
) -> Parameters:
    """Check, and go layer by layer."""
    given = check.L_model_backward(AL, Y, caches, activations, compute_dA0, out, loss)
    layers = list(zip(given["caches"], given["activations"], strict=True))
    grads: Parameters = {}
    for layer in range(len(layers), 0, -1):
        cache, activation = layers[layer - 1]
        if layer == len(layers):
            dZ = _output_backward(given["AL"], given["Y"], cache[1], activation, given.get("loss"))
            gradients = _linear_backward(dZ, cache[0])
        else:
            gradients = linear_activation_backward(grads[f"dA{layer}"], cache, activation)
        grads[f"dA{layer - 1}"], grads[f"dW{layer}"], grads[f"db{layer}"] = gradients
    if not given["compute_dA0"]:
        del grads["dA0"]
    return grads if out is None else reference.step_by_step.write_into(out, grads)


def _output_backward(AL: Array, Y: Array, Z: Array, activation: AnyActivation, loss: Loss | None) -> Array:
    entry = entry_of(activation)
    activation = checked(entry) if is_own(activation) else activation
    with np.errstate(all="ignore"):
        return reference.step_by_step.output_backward(AL, Y, Z, activation, loss)


def compute_cost(AL: Array, Y: Array, loss: Loss) -> Array:
    """The cost that is not among the extension's."""
    with np.errstate(all="ignore"):
        return reference.compute_cost(AL, Y, loss)
