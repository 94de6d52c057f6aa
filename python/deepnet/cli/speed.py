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
    """How many times NumPy's time is deepnet's.

    For a Network's step, the median; for the step-by-step functions, median and 10th and 90th percentile; and
    the largest difference of their answers.
    """

    network: float
    median: float
    low: float
    high: float
    rounds: int
    difference: float


def measure(
    X: NDArray[Any], Y: NDArray[Any], parameters: dict[str, NDArray[Any]], learning_rate: float
) -> Speed:
    """Time one training step (of the functions: forward, backward with dA0, update), in turns."""
    with needs("cli", "timing NumPy on one thread"):
        from threadpoolctl import threadpool_limits

    def step(functions: ModuleType) -> Callable[[], dict[str, NDArray[Any]]]:
        def run() -> dict[str, NDArray[Any]]:
            AL, caches = functions.L_model_forward(X, parameters)
            grads = functions.L_model_backward(AL, Y, caches)
            return {"AL": AL, **grads, **functions.update_parameters(parameters, grads, learning_rate)}

        return run

    net = deepnet.Network.from_parameters(parameters)
    net.optimizer = deepnet.SGD(learning_rate)

    def networks() -> float:
        return net.train_on_batch(X, Y, threads=1)

    ours, numpys = step(deepnet), step(reference)
    expected = numpys()
    networks()
    difference = max(
        _difference(ours(), expected),
        _difference(net.parameters, {key: expected[key] for key in parameters}),
    )
    if not difference <= TOLERANCE:
        raise RuntimeError(f"deepnet bug: its training step differs from NumPy's by {difference:.1e}")
    with threadpool_limits(limits=1, user_api="blas"):
        repeats = max(1, round(0.004 / max(_seconds(numpys, 3), 1e-9)))
        turns, ratios, of_network = [ours, numpys, networks], list[float](), list[float]()
        end = time.perf_counter() + SECONDS
        while len(ratios) < 5 or (time.perf_counter() < end and len(ratios) < 101):
            turns = turns[1:] + turns[:1]
            times = {side: _seconds(side, repeats) for side in turns}
            ratios.append(times[numpys] / times[ours])
            of_network.append(times[numpys] / times[networks])
    low, median, high = np.percentile(ratios, [10, 50, 90]).tolist()
    return Speed(float(np.median(of_network)), median, low, high, len(ratios), difference)


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
