"""Random networks with arrays in many memory layouts, and a check that a call changes no argument."""

import copy
from itertools import cycle, pairwise

import numpy as np

REPEATING = ["broadcast", "broadcast rows", "one number"]  # the first column, row or number, at stride 0
LAYOUTS = ["C", "Fortran", "reversed", "sliced", "read-only", "odd strides", *REPEATING]


def laid_out(array, layout):
    """Return the same values with other strides; layouts of REPEATING repeat some of them.

    "odd strides" sets the strides of dimensions of size 1, which have no meaning and may have any value.
    """
    if layout == "C":
        return np.ascontiguousarray(array)
    if layout == "Fortran":
        return np.asfortranarray(array)
    if layout == "reversed":
        return np.ascontiguousarray(array[::-1, ::-1])[::-1, ::-1]
    if layout == "sliced":
        gap = np.nan if array.dtype.kind == "f" else 1
        wide = np.full((2 * array.shape[0], 3 * array.shape[1]), gap, array.dtype)
        wide[::2, 1::3] = array
        return wide[::2, 1::3]
    if layout == "read-only":
        array = array.copy()
        array.flags.writeable = False
        return array
    if layout == "odd strides":
        array = np.ascontiguousarray(array)
        strides = [
            s if n > 1 else odd for n, s, odd in zip(array.shape, array.strides, (-13, 10**9), strict=True)
        ]
        return np.lib.stride_tricks.as_strided(array, strides=strides)
    rows, columns = {"broadcast": (None, 1), "broadcast rows": (1, None), "one number": (1, 1)}[layout]
    return np.broadcast_to(array[:rows, :columns].copy(), array.shape)


def network(layer_dims, m, *, seed=0, dtype=np.float64, layout="C"):
    """Return X, Y and parameters; weights N(0, 1/n) keep Z of order one in any depth, biases are not zero.

    Layouts, where there are several, go to W1, b1, ..., WL, bL and X in turn.
    """
    random = np.random.default_rng(seed)
    layouts = cycle([layout] if isinstance(layout, str) else layout)

    def draw(*shape):
        return laid_out(random.standard_normal(shape).astype(dtype), next(layouts))

    parameters = {}
    for layer, (before, units) in enumerate(pairwise(layer_dims), start=1):
        W = random.standard_normal((units, before)) / np.sqrt(before)
        parameters[f"W{layer}"] = laid_out(W.astype(dtype), next(layouts))
        parameters[f"b{layer}"] = laid_out(
            (random.standard_normal((units, 1)) / 4).astype(dtype), next(layouts)
        )
    Y = (random.random((layer_dims[-1], m)) < 0.5).astype(dtype)
    return draw(layer_dims[0], m), Y, parameters


def arrays_in(value):
    """Yield every array in nested dicts, lists and tuples."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict):
        yield from arrays_in(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from arrays_in(item)


class Unchanged:
    """``with Unchanged(inputs):`` fails if the block writes to an array or replaces one in a dict."""

    def __init__(self, *values):
        self._values = values

    def __enter__(self):
        self._arrays = list(arrays_in(self._values))
        self._bytes = [array.tobytes() for array in self._arrays]
        self._copy = copy.deepcopy([list(v) for v in self._values if isinstance(v, dict)])

    def __exit__(self, *exception):
        after = list(arrays_in(self._values))
        assert [id(array) for array in after] == [id(array) for array in self._arrays]
        assert [array.tobytes() for array in after] == self._bytes
        assert [list(v) for v in self._values if isinstance(v, dict)] == self._copy
