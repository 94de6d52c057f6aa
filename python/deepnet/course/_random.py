"""The course's random numbers: those of np.random.seed(k), from a generator that is not the caller's."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from deepnet import _validation as check

_of_thread = threading.local()


def seeded(seed: Any) -> np.random.RandomState:
    """Return the stream that NumPy's global one is after ``np.random.seed(seed)``; None: unseeded.

    It is good until the next call in the same thread. To make a RandomState takes 0.2 ms, most of it for
    entropy that the seed then replaces; to seed one anew takes 2 us, and the course seeds in every iteration.
    """
    check.initialization(seed, np.float64)
    if seed is None:
        return np.random.RandomState()
    if not hasattr(_of_thread, "random"):
        _of_thread.random = np.random.RandomState()
    random: np.random.RandomState = _of_thread.random
    random.seed(seed)
    return random
