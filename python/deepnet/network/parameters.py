"""The mapping ``net.parameters``: views of a network's memory, to which assignments are copied."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Self

import numpy as np

from deepnet._validation.arrays import shaped
from deepnet._validation.structures import listed
from deepnet.activations import Array

COPIED_AT_ONCE = 2**22  # numbers; about 10 ms


class NetworkParameters(dict[str, Array]):
    """The course's dict ``W1``, ``b1``, ..., ``WL``, ``bL`` of one network, whose arrays are never replaced.

    Assigning an item copies its values into the network; other keys are refused, and so is removal. A deep
    copy and a pickle are plain dicts of copies, taken between two updates if another thread trains.
    """

    __slots__ = ("__weakref__", "_snapshot")

    def __init__(
        self, keys: Sequence[str], arrays: Sequence[Array], snapshot: Callable[[], Sequence[Array]]
    ) -> None:
        super().__init__(zip(keys, arrays, strict=True))
        self._snapshot = snapshot

    def __missing__(self, key: Any) -> NoReturn:
        raise KeyError(self._lacks(key))

    def _lacks(self, key: Any) -> str:
        last = len(self) // 2
        return f"parameters has no {key!r}: this network has W1, b1, ..., W{last}, b{last}"

    def __setitem__(self, key: str, value: Array) -> None:
        self.update({key: value})

    def update(self, *mappings: Any, **values: Any) -> None:
        """Copy these values into the network; all are checked first."""
        checked = {key: self._checked(key, value) for key, value in dict(*mappings, **values).items()}
        for key, value in checked.items():
            if value is not self[key]:
                self[key][...] = value

    def _checked(self, key: Any, value: Any) -> Array:
        if key not in self:
            raise ValueError(self._lacks(key))
        if value is self[key]:  # as in net.parameters["W1"] -= step
            return self[key]
        array = shaped(key, value, self[key].shape, "the network's")
        return array.copy() if any(np.may_share_memory(array, p) for p in self.values()) else array

    def __ior__(self, values: Any) -> Self:  # type: ignore[override, misc]  # fewer types than dict's
        self.update(values)
        return self

    def setdefault(self, key: str, default: Any = None) -> Array:
        """Return the item, which is there already; other keys are refused."""
        return self[key] if key in self else self._checked(key, default)

    def _refuse_removal(self, *keys: Any) -> NoReturn:
        what = listed(keys) if keys else "its entries"
        raise TypeError(f"parameters cannot lose {what}: a network keeps every W and b; assign instead")

    __delitem__ = pop = popitem = clear = _refuse_removal

    def __copy__(self) -> dict[str, Array]:
        return dict(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Array]:
        return dict(zip(self, self._snapshot(), strict=True))

    def __reduce_ex__(self, protocol: Any) -> Any:
        return dict, (copy.deepcopy(self),)


def copy_into(target: Array, values: Array) -> None:
    """Copy some rows at a time: Ctrl-C must not wait for the largest networks."""
    step = max(1, COPIED_AT_ONCE // target.shape[1])
    for first in range(0, len(target), step):
        target[first : first + step] = values[first : first + step]


def parameter_keys(layers: int) -> list[str]:
    """Return W1, b1, ..., WL, bL."""
    return [f"{kind}{layer}" for layer in range(1, layers + 1) for kind in "Wb"]
