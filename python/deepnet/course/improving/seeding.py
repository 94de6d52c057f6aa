"""The random numbers of np.random.seed(k), without touching the caller's generator."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from deepnet import _validation as check

_of_thread = threading.local()


def seeded(seed: Any) -> np.random.RandomState:
    """Return a generator that draws as NumPy's global one does after ``np.random.seed(seed)``.

    None gives an unseeded one. The next call in the same thread reseeds it. Making a RandomState takes
    0.2 ms, mostly to collect entropy that the seed then replaces; reseeding takes 2 us, and the course seeds
    in every iteration.
    """
    check.initialization(seed, np.float64)
    if seed is None:
        return np.random.RandomState()
    if not hasattr(_of_thread, "random"):
        _of_thread.random = np.random.RandomState()
    random: np.random.RandomState = _of_thread.random
    random.seed(seed)
    return random
