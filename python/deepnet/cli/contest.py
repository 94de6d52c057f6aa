"""`deepnet bench`: an epoch of a few standard networks, beside NumPy and what else is installed.

All train networks of the same shape with plain SGD on the same examples, and take turns, so that other load
hits all alike; each round gives one ratio. Each library uses its own threads, as many as deepnet.
"""

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

import deepnet

LEAST_ROUNDS, MOST_ROUNDS = 3, 31
LEAST_ROWS = 2048  # of an epoch
RATE = 0.01


@dataclass(frozen=True)
class Task:
    """A network and how it is trained."""

    name: str
    sizes: tuple[int, ...]
    batch: int
    rows: int


TASKS = (
    Task("small table", (16, 32, 32, 1), 32, LEAST_ROWS),
    Task("digits", (64, 128, 10), 64, LEAST_ROWS),
    Task("MNIST", (784, 256, 128, 10), 128, LEAST_ROWS),
)


@dataclass(frozen=True)
class Outcome:
    """The time of an epoch of one library, and divided by deepnet's: median and 80 % of the rounds."""

    task: str
    library: str
    seconds: float
    ratio: float
    low: float
    high: float
    rounds: int


Epoch = Callable[[], object]


def examples(task: Task) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Return rows and labels."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((task.rows, task.sizes[0]), np.float32)
    return X, rng.integers(0, max(2, task.sizes[-1]), task.rows)


def contenders(task: Task, threads: int) -> Iterator[tuple[str, Epoch]]:
    """Yield the libraries that are installed, deepnet first, and a function that trains for an epoch."""
    X, y = examples(task)
    output = "sigmoid" if task.sizes[-1] == 1 else "softmax"

    def of_deepnet(backend: str) -> Epoch:
        with deepnet.use_backend(backend):
            net = deepnet.Network(list(task.sizes), output=output, seed=0)
        optimizer = deepnet.SGD(RATE)
        return lambda: net.fit(
            X.T, y, epochs=1, batch_size=task.batch, optimizer=optimizer, seed=0, threads=threads
        )

    yield "deepnet", of_deepnet(deepnet.backend_name())
    if deepnet.backend_name() == "native":
        yield "NumPy", of_deepnet("numpy")
    if find_spec("sklearn"):
        yield "scikit-learn", _of_scikit_learn(task, X, y)
    if find_spec("torch"):
        yield "PyTorch", _of_torch(task, X, y)


def _of_scikit_learn(task: Task, X: Any, y: Any) -> Epoch:
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        task.sizes[1:-1],
        solver="sgd",
        learning_rate_init=RATE,
        momentum=0,
        alpha=0,
        batch_size=task.batch,
        random_state=0,
    )
    model.partial_fit(X, y, classes=np.unique(y))
    return lambda: model.partial_fit(X, y)


def _of_torch(task: Task, X: Any, y: Any) -> Epoch:
    import torch
    from torch import nn

    layers: list[Any] = []
    for n_prev, n in zip(task.sizes[:-1], task.sizes[1:], strict=True):
        layers += [nn.Linear(n_prev, n), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    is_binary = task.sizes[-1] == 1
    loss: Any = nn.BCEWithLogitsLoss() if is_binary else nn.CrossEntropyLoss()
    inputs, labels = torch.from_numpy(X), torch.from_numpy(y)
    targets = labels.float()[:, None] if is_binary else labels

    def epoch() -> None:
        order = torch.randperm(task.rows)
        for first in range(0, task.rows, task.batch):
            chosen = order[first : first + task.batch]
            optimizer.zero_grad()
            loss(model(inputs[chosen]), targets[chosen]).backward()
            optimizer.step()

    return epoch


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """Give every library so many threads."""
    with ExitStack() as stack:
        if find_spec("threadpoolctl"):
            from threadpoolctl import threadpool_limits

            stack.enter_context(threadpool_limits(threads, user_api="blas"))
        if find_spec("torch"):
            import torch

            before = torch.get_num_threads()
            torch.set_num_threads(threads)
            stack.callback(torch.set_num_threads, before)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield


def measured(task: Task, seconds: float, threads: int) -> list[Outcome]:
    """Time an epoch of each library, in turns, for about so many seconds."""
    with limited(threads):
        epochs = dict(contenders(task, threads))
        times: dict[str, list[float]] = {name: [] for name in epochs}
        for epoch in epochs.values():
            epoch()  # to warm up
        end = time.perf_counter() + seconds
        while len(times["deepnet"]) < LEAST_ROUNDS or (
            time.perf_counter() < end and len(times["deepnet"]) < MOST_ROUNDS
        ):
            for name, epoch in epochs.items():
                start = time.perf_counter()
                epoch()
                times[name].append(time.perf_counter() - start)
    own = np.array(times["deepnet"])
    outcomes = []
    for name, taken in times.items():
        low, median, high = np.percentile(np.array(taken) / own, [10, 50, 90]).tolist()
        seconds_of = float(np.median(taken))
        outcomes.append(Outcome(task.name, name, seconds_of, median, low, high, len(taken)))
    return outcomes
