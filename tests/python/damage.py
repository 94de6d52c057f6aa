"""Damaged files, and the memory that reading them takes."""

import contextlib
import tracemalloc
from types import SimpleNamespace


def mutated(whole, rng):
    """Return the bytes with one to four seeded changes: flips, overwrites, cuts, insertions, repetitions."""
    content = bytearray(whole)
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(len(content))) if content else 0
        length = int(rng.integers(1, 20))
        kind = rng.integers(6)
        if kind == 0 and content:
            content[at] ^= 1 << int(rng.integers(8))
        elif kind == 1 and content:
            content[at] = int(rng.integers(256))
        elif kind == 2:
            content[at : at + length] = rng.bytes(length)
        elif kind == 3:
            del content[at : at + length]
        elif kind == 4:
            content[at:at] = content[at : at + length] * int(rng.integers(1, 4))
        elif kind == 5 and rng.random() < 0.2:
            del content[at:]
    return bytes(content)


@contextlib.contextmanager
def peak_memory():
    """Measure the largest sum of bytes that Python and NumPy allocated within the block."""
    peak = SimpleNamespace(bytes=0)
    tracemalloc.start()
    try:
        yield peak
    finally:
        peak.bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
