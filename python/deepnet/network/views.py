"""The class Views: the parameters of an engine as one dict, for as long as it is held."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from deepnet.activations import Array
from deepnet.backends import snapshot

from .parameters import NetworkParameters, parameter_keys


class Views:
    """Returns the dict of the parameters' arrays, the same one as long as somebody holds it.

    Views does not hold it: while no array exists through which the weights could change, the engine may copy
    them for predictions.
    """

    __slots__ = ("_arrays", "_held", "_keys", "_snapshot")

    def __init__(self, engine: Any, layers: int) -> None:
        self._arrays: Callable[[], Sequence[Array]] = engine.parameters
        self._keys, self._snapshot = parameter_keys(layers), partial(snapshot, engine)
        self._held: Callable[[], NetworkParameters | None] = lambda: None

    def __call__(self) -> NetworkParameters:
        """Return the dict."""
        held = self._held()
        if held is None:
            held = NetworkParameters(self._keys, self._arrays(), self._snapshot)
            self._held = weakref.ref(held)
        return held
