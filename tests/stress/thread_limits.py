"""No more threads: where the system starts none, fewer do the work, with the same bits."""

import os
import resource
from functools import partial

import numpy as np

import deepnet
from children import run_child

X = np.random.default_rng(0).normal(size=(64, 2048)).astype(np.float32)
Y = X[0] > 0
STACK = 8 * 2**20  # what a thread takes of the addresses, by default


def plan(short):
    return [partial(run_child, "thread_limits", "refused", part) for part in range(10 if short else 300)]


def train(threads):
    net = deepnet.Network([64, 64, 1], seed=0)
    net.fit(X, Y, epochs=2, batch_size=512, seed=0, threads=threads)
    return net.predict(X)


def refused(result, part):
    """Leave addresses for fewer stacks than threads, down to none."""
    expected = train(1)
    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    room = size + part % 4 * STACK + STACK // 2
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
