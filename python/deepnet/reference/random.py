"""Counter-based random numbers: number i of a stream depends only on the stream and i."""

from __future__ import annotations

from typing import Any

import numpy as np

_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15


def mix(x: int) -> int:
    """The mixing function of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & _MASK
    return x ^ (x >> 31)


def random_bits(stream: int, counter: int) -> int:
    """64 random bits: number `counter` of a stream."""
    return mix((stream + (counter + 1) * _GOLDEN) & _MASK)


def permutation(m: int, seed: int, epoch: int) -> np.ndarray[Any, np.dtype[np.intp]]:
    """The order of m examples in one epoch: Fisher and Yates' shuffle of 0, 1, ...

    Example i is swapped with example j <= i, where j = floor(u (i + 1)) and u in [0, 1) has 64 random bits.

    >>> permutation(5, seed=1, epoch=0).tolist()
    [2, 4, 1, 3, 0]
    """
    stream = mix(random_bits(seed, epoch))
    order = list(range(m))
    for i in range(m - 1, 0, -1):
        j = random_bits(stream, i) * (i + 1) >> 64
        order[i], order[j] = order[j], order[i]
    return np.array(order, dtype=np.intp)


DROPOUT_STREAM = 0xD5090075  # differs from the stream of the examples' order


def dropout_mask(
    units: int, m: int, keep: float, seed: int, step: int, layer: int
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which units of a layer (0: the inputs) dropout keeps for each example of a batch in one step.

    Unit i of example e is kept if number e * units + i of a stream of 32-bit numbers is below keep * 2^32.
    The numbers come from the finaliser of MurmurHash3 (A. Appleby).

    >>> int(dropout_mask(2, 5, 0.5, seed=1, step=0, layer=1).sum())
    5
    """
    stream = mix((random_bits(seed ^ DROPOUT_STREAM, step) + layer) & _MASK)
    low, high = np.uint32(stream & 0xFFFFFFFF), np.uint32(stream >> 32)
    x = (np.arange(m, dtype=np.uint32) * np.uint32(units) + np.arange(units, dtype=np.uint32)[:, None]) * (
        np.uint32(0x9E3779B9)
    ) + low
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = x ^ high
    x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    kept: np.ndarray[Any, np.dtype[np.bool_]] = x ^ (x >> np.uint32(16)) < min(keep * 2**32, 2**32 - 1)
    return kept
