"""Rounding to bfloat16: the upper half of a float32, with 8 bits of precision and the same range."""

from __future__ import annotations

from typing import Any

import numpy as np


def rounded(x: Any) -> Any:
    """Return float32 numbers rounded to the nearest bfloat16, ties to even, as float32; nan stays nan.

    x is an array or a sparse matrix.
    """
    if not isinstance(x, np.ndarray):
        result = x.copy()
        result.data = rounded(x.data)
        return result
    bits = np.ascontiguousarray(x).view(np.uint32)
    nearest = bits + (np.uint32(0x7FFF) + ((bits >> 16) & np.uint32(1)))
    chosen = np.where(np.isnan(x), bits | np.uint32(0x00400000), nearest)
    return (chosen & np.uint32(0xFFFF0000)).view(np.float32)
