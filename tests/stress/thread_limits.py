"""No more threads: where the system starts none, fewer do the work, with the same bits."""

import os
import resource
from functools import partial

import numpy as np

import deepnet
from children import run_child

X = np.random.default_rng(0).normal(size=(64, 2048)).astype(np.float32)
Y = X[0] > 0
MOST = (
    10 * 8 * 2**20
)  # bytes of addresses: more than the stacks of all threads, each of which takes 8 MB by default


def plan(short):
    parts = 10 if short else 300
    return [partial(run_child, "thread_limits", "refused", part / parts) for part in range(parts)]


def train(threads):
    net = deepnet.Network([64, 64, 1], seed=0)
    net.fit(X, Y, epochs=2, batch_size=512, seed=0, threads=threads)
    return net.predict(X)


def refused(result, share):
    """Leave this share of MOST: addresses for fewer stacks than threads, down to none."""
    expected = train(1)
    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    room = size + int(share * MOST)
    resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))
    for threads in (2, 5, 9):
        result.trial()
        try:
            outputs = train(threads)
        except MemoryError:
            result.outcomes["MemoryError"] += 1
            continue
        started = len(os.listdir("/proc/self/task"))
        result.outcomes["trained by fewer threads" if started < threads else "trained by all threads"] += 1
        if not np.array_equal(outputs, expected):
            result.fault("wrong results", f"other bits with {threads} threads wanted")
