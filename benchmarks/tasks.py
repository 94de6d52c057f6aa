"""The networks, data and starting parameters that the benchmarks use.

Every process draws the same numbers from the same seed, so a task is sent to another process as its
description alone.
"""

import functools
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

# name: units of each layer, examples in a batch
NETS = {
    "tiny": ((8, 32, 16, 1), 32),
    "rl": ((17, 64, 64, 1), 64),
    "tabular": ((64, 256, 256, 1), 256),
    "mnist": ((784, 256, 128, 1), 128),
    "mid": ((512, 512, 512, 512, 1), 256),
    "wide": ((1024, 1024, 1024, 1024, 1), 256),
    "deep": ((128,) * 20 + (1,), 128),
    "bigbatch": ((100, 100, 100, 1), 10000),
    "cat": ((12288, 20, 7, 5, 1), 209),  # the course's network and number of images
    "house": ((13, 100, 1), 32),
}
# Networks for several classes (softmax output, one-hot labels), trained with other settings than plain SGD:
# the first with each of RECIPES, those of the size of scikit-learn's defaults with Adam.
CLASSES = {
    "classes": ((784, 256, 128, 10), 128),
    "classes5": ((50, 100, 5), 200),
    "digits": ((64, 64, 64, 10), 200),
    "images": ((784, 100, 10), 200),
}
RECIPES = {
    "SGD": {},
    "Adam": {"adam": True},
    "Adam, L2": {"adam": True, "l2": 1e-4},
    "Adam, L2, dropout 0.2": {"adam": True, "l2": 1e-4, "dropout": 0.2},
}
# Whole fit runs. name: network, batch size, batches per epoch, dtype of the features
FITS = {
    "60,000 images": ("mnist", 128, 468, "uint8"),
    "100,000 rows of a table": ("tabular", 256, 391, "float32"),
    "20,000 small rows": ("tiny", 32, 625, "float32"),
}


# What is aimed at: how many times faster than the best rival, the share of the peak, and how many times
# faster two threads are than one.
GOALS = {
    ("steps", "wide"): {"faster": 1.15, "share": 0.8},
    ("steps", "mid"): {"faster": 1.15, "share": 0.85},
    ("steps", "deep"): {"share": 0.85},
    ("steps", "tiny"): {"share": 0.5},
    ("steps", "bigbatch"): {"sharing": 1.8},
    ("recipes", "classes5"): {"sharing": 1.5},
    ("recipes", "digits"): {"sharing": 1.5},
    ("recipes", "images"): {"sharing": 1.5},
    ("predict, 1 thread", "mnist", 1): {"faster": 1.3},
    ("predict, 1 thread", "mid", 1): {"faster": 1.3},
    ("predict, 2 threads", "mnist", 1): {"faster": 1.1},
    ("predict, 2 threads", "mid", 1): {"faster": 1.1},
}


class Job(NamedTuple):
    """What a contender returns for a task: `run(n)` does the work n times, `result()` returns its outcome.

    The outcome is a dict of parameters as in the course (steps, recipes, calls, fit) or the predictions
    (predict), one column per example.
    """

    run: Callable[[int], Any]
    result: Callable[[], Any]
    note: str = ""


class Task(NamedTuple):
    """A network with ReLU hidden layers, a sigmoid output and the cross-entropy loss."""

    net: str
    m: int
    dtype: str
    threads: int

    @property
    def units(self):
        return NETS[self.net][0]

    @property
    def learning_rate(self):
        """Small enough that no network diverges after any number of steps: the curvature grows with n_0."""
        return min(0.05, 0.5 / self.units[0])

    @property
    def flops_of_prediction(self):
        return 2 * self.m * sum(n * k for n, k in pairwise(self.units))

    @property
    def flops_of_step(self):
        """Three products per layer, but the gradient of the input is not needed."""
        return 3 * self.flops_of_prediction - 2 * self.m * self.units[0] * self.units[1]

    def data(self):
        """X, Y and parameters as in the course. Read-only by convention."""
        return _data(self.net, self.m, self.dtype)


class RecipeTask(NamedTuple):
    """One of CLASSES with one of RECIPES, in float32. Dropout applies to the hidden layers."""

    recipe: str
    threads: int
    net: str = "classes"
    dtype = "float32"
    learning_rate = 1e-4

    @property
    def units(self):
        return CLASSES[self.net][0]

    @property
    def m(self):
        return CLASSES[self.net][1]

    @property
    def adam(self):
        return RECIPES[self.recipe].get("adam", False)

    @property
    def l2(self):
        return RECIPES[self.recipe].get("l2", 0.0)

    @property
    def dropout(self):
        return RECIPES[self.recipe].get("dropout", 0.0)

    def data(self):
        """X, one-hot Y and parameters as in the course. Read-only by convention."""
        return _classes(self.net)


class FitTask(NamedTuple):
    """Training on a larger data set in shuffled mini-batches, in float32."""

    name: str
    threads: int

    @property
    def units(self):
        return NETS[FITS[self.name][0]][0]

    @property
    def batch(self):
        return FITS[self.name][1]

    @property
    def batches(self):
        return FITS[self.name][2]

    @property
    def learning_rate(self):
        """Small enough that the loss after an epoch hardly depends on the order of the examples."""
        return min(0.1, 32 / self.units[0])

    def table(self):
        """Features by rows (divide uint8 by 255), and labels as a column. Read-only by convention."""
        return _table(self.name)

    def parameters(self):
        return initial_parameters(self.units, np.float32)


def initial_parameters(units, dtype):
    """He initialization with small random biases: zeros would hide a missing update."""
    rng = np.random.default_rng(1)
    parameters = {}
    for l in range(1, len(units)):
        scale = np.sqrt(2 / units[l - 1])
        parameters[f"W{l}"] = (rng.standard_normal((units[l], units[l - 1])) * scale).astype(dtype)
        parameters[f"b{l}"] = (rng.standard_normal((units[l], 1)) * 0.01).astype(dtype)
    return parameters


@functools.lru_cache(1)
def _data(net, m, dtype):
    X, parameters, rng = _smooth_problem(NETS[net][0], m, dtype)
    Y = (rng.random((NETS[net][0][-1], m)) < 0.5).astype(dtype)
    return X, Y, parameters


@functools.lru_cache(1)
def _classes(net):
    units, m = CLASSES[net]
    X, parameters, rng = _smooth_problem(units, m, "float32")
    return X, np.eye(units[-1], dtype=np.float32)[:, rng.integers(units[-1], size=m)], parameters


def _smooth_problem(units, m, dtype):
    """Parameters, and examples that are not close to a kink of the network."""
    parameters = initial_parameters(units, dtype)
    rng = np.random.default_rng(2)
    X = rng.standard_normal((units[0], m)).astype(dtype)
    redrawn = np.arange(m)
    while len(redrawn):
        redrawn = redrawn[_close_to_a_kink(X[:, redrawn], parameters)]
        X[:, redrawn] = rng.standard_normal((units[0], len(redrawn)))
    return X, parameters, rng


def _close_to_a_kink(X, parameters):
    """Mask of the examples where rounding decides whether the gradient of some ReLU is 0 or 1."""
    A = X.astype(np.float64)
    close = np.zeros(X.shape[1], bool)
    for l in range(1, len(parameters) // 2):
        Z = parameters[f"W{l}"] @ A + parameters[f"b{l}"]
        close |= (np.abs(Z) < 1e-5 * np.sqrt(np.mean(Z * Z))).any(axis=0)
        A = np.maximum(Z, 0)
    return close


@functools.lru_cache(1)
def _table(name):
    net, batch, batches, dtype = FITS[name]
    rng = np.random.default_rng(3)
    shape = (batch * batches, NETS[net][0][0])
    if dtype == "uint8":  # four of five pixels are black, as in handwritten digits
        X = rng.integers(0, 256, shape, np.uint8)
        X *= rng.integers(0, 5, shape, np.uint8) == 0
    else:
        X = rng.standard_normal(shape, np.float32)
    score = X @ rng.standard_normal(shape[1]).astype(np.float32)
    flipped = rng.random(len(X)) < 0.1  # label noise keeps the loss from vanishing
    return X, ((score > np.median(score)) ^ flipped).astype(np.float32)[:, None]
