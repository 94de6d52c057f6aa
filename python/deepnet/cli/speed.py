"""How much faster the demo's training is than the same training by the NumPy reference, here and now.

Both train a network from the same weights on the same examples for an epoch, on one thread: where other
processes run, a second thread makes NumPy several times slower. They take turns, so that other load hits both
alike, and each round gives one ratio. The losses are compared.
"""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np

import deepnet
from deepnet._extras import needs

# Both sum float32 in different orders, and Adam's first steps are the sign of the gradient, however small.
# The losses of an epoch differed by 1e-7; a wrong gradient changes them by far more than this.
TOLERANCE = 1e-3
SECONDS = 1.5


@dataclass(frozen=True)
class Speed:
    """NumPy's time divided by deepnet's: median, 10th and 90th percentile; and how far the losses differ."""

    median: float
    low: float
    high: float
    rounds: int
    difference: float


def measure(train: Callable[[], float]) -> Speed:
    """Time `train`, which trains a new network on one thread and returns its loss, on both backends."""
    with needs("cli", "timing NumPy on one thread"):
        from threadpoolctl import threadpool_limits

    def seconds(backend: str) -> tuple[float, float]:
        with deepnet.use_backend(backend) if backend == "numpy" else nullcontext():
            start = time.perf_counter()
            loss = train()
            return time.perf_counter() - start, loss

    ratios = list[float]()
    with threadpool_limits(limits=1, user_api="blas"):
        losses = [seconds(backend)[1] for backend in ("native", "numpy")]  # and warm up
        difference = abs(losses[0] - losses[1]) / max(abs(losses[1]), 1e-3)
        if not difference <= TOLERANCE:
            raise RuntimeError(f"deepnet bug: its loss differs from NumPy's by {difference:.1e}")
        end = time.perf_counter() + SECONDS
        while len(ratios) < 3 or (time.perf_counter() < end and len(ratios) < 101):
            turns = ("native", "numpy") if len(ratios) % 2 else ("numpy", "native")
            taken = {backend: seconds(backend)[0] for backend in turns}
            ratios.append(taken["numpy"] / taken["native"])
    low, median, high = np.percentile(ratios, [10, 50, 90]).tolist()
    return Speed(median, low, high, len(ratios), difference)
