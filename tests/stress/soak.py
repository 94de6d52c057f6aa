"""Mixed work for a long time: every round gives the bits of the first one, and memory stays what it was.

DEEPNET_SOAK_SECONDS sets how long. With DEEPNET_SOAK_LOG=file, each process adds a line to it every minute,
so that a run that is broken off can be counted, too.
"""

import copy
import json
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
from children import HANGS, run_child
from leaks import memory

MOST_GROWTH = 32 * 2**20  # bytes, in whatever time
LONGEST_ROUND = 1  # second; of a longer round, no more is counted: the process may have been stopped
X = np.random.default_rng(0).normal(size=(20, 500)).astype(np.float32)
Y = X[0] * X[1] > 0


def plan(short):
    seconds = float(os.environ.get("DEEPNET_SOAK_SECONDS", 20 if short else 7200))
    limit = 4 * seconds + HANGS
    return [partial(run_child, "soak", "mixed", seconds, seed, limit=limit) for seed in range(2)]


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


def in_the_course():
    parameters, _ = deepnet.L_layer_model(X, Y[None, :], [20, 8, 1], num_iterations=5)
    return deepnet.L_model_forward(X, parameters)[0]


def with_a_custom_loss():
    def squares(A, Y, _):
        return (A - Y) ** 2, 2 * (A - Y)

    net = deepnet.Network([20, 16, 1], dtype="float64", seed=1)
    net.fit(X, Y, epochs=2, loss=deepnet.losses.Loss("squares", "(A - Y)^2", squares), seed=2)
    return net.predict(X)


def with_an_error_in_a_callback():
    def fail(net, history):
        raise RuntimeError("as the test wants it")

    net = deepnet.Network([20, 32, 16, 1], seed=1)
    try:
        net.fit(X, Y, epochs=3, callbacks=[fail], seed=2)
    except RuntimeError:
        return net.predict(X)
    raise AssertionError("the error of the callback was lost")


def step_by_step():
    net = deepnet.Network([20, 16, 1], seed=1)
    for start in range(0, 500, 50):
        batch = slice(start, start + 50)
        net.train_on_batch(X[:, batch], Y[batch], optimizer="adam")
    return net.predict(X)


WORK = (
    on_threads,
    with_validation,
    side_by_side,
    from_a_file,
    from_a_copy,
    beside_other_threads,
    after_an_error,
    in_the_course,
    with_a_custom_loss,
    with_an_error_in_a_callback,
    step_by_step,
)


def mixed(result, seconds, seed):
    """Do one kind of work after the other, in random order, until the time is over."""
    random.seed(seed)
    expected = {work: work() for work in WORK}
    for work in WORK * 3:
        work()
    before, files = memory()
    active, logged, most, most_files = 0.0, 0.0, 0, 0
    while active < seconds:
        started = time.monotonic()
        work = random.choice(WORK)
        result.trial(work.__name__.replace("_", " "))
        if not np.array_equal(work(), expected[work]):
            result.fault("wrong results", f"{work.__name__}: other bits than the first time")
        active += min(time.monotonic() - started, LONGEST_ROUND)
        if active - logged >= 60 or active >= seconds:
            logged = active
            after, files_after = memory()
            most, most_files = max(most, after - before), max(most_files, files_after - files)
            log(seed, active, result, after - before, files_after - files)
    if most > MOST_GROWTH or most_files:
        result.fault("wrong results", f"{most} bytes and {most_files} files more than before")


def log(seed, active, result, grown, files):
    if path := os.environ.get("DEEPNET_SOAK_LOG"):
        line = {
            "process": seed,
            "time": time.strftime("%H:%M:%S"),
            "active": round(active),
            "cpu": round(time.process_time()),
            "trials": result.counts["trials"],
            "faults": sum(n for kind, n in result.counts.items() if kind != "trials"),
            "examples": result.examples,
            "bytes": grown,
            "files": files,
        }
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
