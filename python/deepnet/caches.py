"""The cache of one layer between forward and backward propagation, and types used in signatures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .activations import AnyActivation, Array, layer_activations

Parameters = dict[str, Array]
LinearCache = tuple[Array, Array, Array]

# Types of arguments: tuples or lists; numbers of Python or NumPy.
AnyLinearCache = LinearCache | list[Array]
AnyLayerCache = tuple[AnyLinearCache, Array] | list[Any]
Real = float | np.floating[Any] | np.integer[Any]
Whole = int | np.integer[Any]
Sizes = Sequence[Whole] | Array
Callback = Callable[[int, Array | None], object]  # called with the iteration and, if recorded, its cost


class LayerCache(tuple[LinearCache, Array]):
    """The course's cache of one layer, ``((A_prev, W, b), Z)``, with the name of its activation.

    It is a tuple of two, so code for the course's caches can use it, and plain tuples can replace it.

    Attributes
    ----------
    activation : str, Activation or None
        The activation that made ``A`` from ``Z``; None if unknown.

    Examples
    --------
    >>> cache = LayerCache((("A_prev", "W", "b"), "Z"))
    >>> cache.activation = "relu"
    >>> linear_cache, Z = cache
    >>> linear_cache, Z, cache.activation
    (('A_prev', 'W', 'b'), 'Z', 'relu')
    """

    activation: AnyActivation | None = None


def remembered_activations(caches: Sequence[AnyLayerCache]) -> tuple[AnyActivation, ...]:
    """Return the activation of each layer; plain tuples have the course's: relu, ..., relu, sigmoid."""
    defaults = layer_activations(len(caches), "relu")
    known = (getattr(cache, "activation", None) for cache in caches)
    return tuple(default if name is None else name for name, default in zip(known, defaults, strict=True))
