"""How much faster deepnet's training step is than the lecture's in NumPy, measured here and now.

The answers are compared before anything is timed. The two sides take turns, so that whatever else the
machine does hits both, and each round gives one ratio; NumPy's BLAS has one thread, as deepnet has.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

import deepnet
from deepnet import reference
from deepnet._extras import needs

# What rounding may do to a whole network in float64, relative to the largest entry of each array.
TOLERANCE = 1e-12
SECONDS = 1.5


@dataclass(frozen=True)
class Speed:
    """The ratio of NumPy's time to deepnet's: its median and 10th and 90th percentile, and the difference."""

    median: float
    low: float
    high: float
    rounds: int
    difference: float


def measure(
    X: NDArray[Any], Y: NDArray[Any], parameters: dict[str, NDArray[Any]], learning_rate: float
) -> Speed:
    """Time one training step (forward, backward with dA0, update) on both backends, in turns."""
    with needs("cli", "timing NumPy on one thread"):
        from threadpoolctl import threadpool_limits

    def step(functions: ModuleType) -> Callable[[], dict[str, NDArray[Any]]]:
        def run() -> dict[str, NDArray[Any]]:
            AL, caches = functions.L_model_forward(X, parameters)
            grads = functions.L_model_backward(AL, Y, caches)
            return {"AL": AL, **grads, **functions.update_parameters(parameters, grads, learning_rate)}

        return run

    ours, numpys = step(deepnet), step(reference)
    difference = _difference(ours(), numpys())
    if not difference <= TOLERANCE:
        raise RuntimeError(f"deepnet bug: its training step differs from NumPy's by {difference:.1e}")
    with threadpool_limits(limits=1, user_api="blas"):
        repeats = max(1, round(0.004 / max(_seconds(numpys, 3), 1e-9)))
        ratios: list[float] = []
        end = time.perf_counter() + SECONDS
        while len(ratios) < 5 or (time.perf_counter() < end and len(ratios) < 101):
            first, second = (ours, numpys) if len(ratios) % 2 else (numpys, ours)
            times = {first: _seconds(first, repeats), second: _seconds(second, repeats)}
            ratios.append(times[numpys] / times[ours])
    low, median, high = np.percentile(ratios, [10, 50, 90]).tolist()
    return Speed(median, low, high, len(ratios), difference)


def _seconds(run: Callable[[], object], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - start) / repeats


def _difference(results: dict[str, NDArray[Any]], expected: dict[str, NDArray[Any]]) -> float:
    """The largest difference of any array, relative to the largest entry of that array."""
    if results.keys() != expected.keys():
        return np.inf
    tiny = np.finfo(np.float64).tiny
    return max(
        float(np.abs(results[key] - expected[key]).max() / (np.abs(expected[key]).max() + tiny))
        for key in expected
    )
