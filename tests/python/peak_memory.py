"""The memory that reading a file takes."""

import contextlib
import tracemalloc
from types import SimpleNamespace


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
