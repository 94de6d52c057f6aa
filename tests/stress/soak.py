"""Mixed work for a long time: every round gives the bits of the first one, and memory stays what it was."""

import copy
import os
import pickle
import random
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np

import deepnet
from children import run_child
from leaks import memory

MOST_GROWTH = 32 * 2**20  # bytes, in whatever time
X = np.random.default_rng(0).normal(size=(20, 500)).astype(np.float32)
Y = X[0] * X[1] > 0


def plan(short):
    seconds = float(os.environ.get("DEEPNET_SOAK_SECONDS", 20 if short else 7200))
    return [partial(run_child, "soak", "mixed", seconds, seed) for seed in range(2)]


def trained(**options):
    net = deepnet.Network([20, 32, 16, 1], dropout=0.1, seed=1)
    net.fit(X, Y, epochs=3, batch_size=32, optimizer=deepnet.Adam(0.01), seed=2, **options)
    return net


def on_threads():
    return trained(threads=random.randint(1, 3)).predict(X)


def with_validation():
    return trained(validation_data=(X, Y), metrics=["accuracy"]).predict(X)


def side_by_side():
    networks = [deepnet.Network([20, 32, 16, 1], dropout=0.1, seed=1) for _ in range(3)]
    deepnet.fit_many(networks, X, Y, epochs=3, batch_size=32, optimizer=deepnet.Adam(0.01), seed=2)
    return networks[-1].predict(X)


def from_a_file():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.safetensors"
        trained().save(path)
        return deepnet.load(path).predict(X)


def from_a_copy():
    return pickle.loads(pickle.dumps(copy.deepcopy(trained()))).predict(X)


def beside_other_threads():
    outputs = []
    threads = [threading.Thread(target=lambda: outputs.append(on_threads())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outputs) == 3
    assert all(np.array_equal(outputs[0], output) for output in outputs[1:])
    return outputs[0]


def after_an_error():
    net = trained()
    for wrong in (X[:3], X[:, :0], X.astype(str), None):
        try:
            net.predict(wrong)
        except (TypeError, ValueError):
            continue
        raise AssertionError(f"{wrong!r} was taken")
    return net.predict(X)


WORK = (
    on_threads,
    with_validation,
    side_by_side,
    from_a_file,
    from_a_copy,
    beside_other_threads,
    after_an_error,
)


def mixed(result, seconds, seed):
    """Do one kind of work after the other, in random order, until the time is over."""
    random.seed(seed)
    expected = trained().predict(X)
    for work in WORK * 3:
        work()
    before, files = memory()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        work = random.choice(WORK)
        result.trial(work.__name__.replace("_", " "))
        if not np.array_equal(work(), expected):
            result.fault("wrong results", f"{work.__name__}: other bits than the first time")
    after, files_after = memory()
    if after - before > MOST_GROWTH or files_after != files:
        result.fault(
            "wrong results", f"{after - before} bytes and {files_after - files} files more than before"
        )
