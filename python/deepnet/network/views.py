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
    """Returns the dict of the parameters' arrays. Both are the same ones as long as somebody holds them.

    Views does not hold them: while no array exists through which the weights could change, the engine may
    copy the weights for predictions.
    """

    __slots__ = ("_arrays", "_held", "_keys", "_new_arrays", "_snapshot")

    def __init__(self, engine: Any, layers: int) -> None:
        self._new_arrays: Callable[[], Sequence[Array]] = engine.parameters
        self._keys, self._snapshot = parameter_keys(layers), partial(snapshot, engine)
        self._held: Callable[[], NetworkParameters | None] = lambda: None
        self._arrays: list[Callable[[], Array | None]] = [lambda: None] * (2 * layers)

    def __call__(self) -> NetworkParameters:
        """Return the dict."""
        held = self._held()
        if held is None:
            pairs = zip(self._arrays, self._new_arrays(), strict=True)
            arrays = [new if (old := ref()) is None else old for ref, new in pairs]
            held = NetworkParameters(self._keys, arrays, self._snapshot)
            self._held, self._arrays = weakref.ref(held), list(map(weakref.ref, arrays))
        return held
