"""No more threads: where the system starts none, fewer do the work, with the same bits."""

import os
import resource
from functools import partial

import numpy as np

import deepnet
from children import run_child

X = np.random.default_rng(0).normal(size=(64, 2048)).astype(np.float32)
Y = X[0] > 0
# Bytes of addresses that are left: up to more than the stacks of all threads, of 8 MB each.
LEAST, MOST = 4 * 2**20, 80 * 2**20


def plan(short):
    parts = 10 if short else 300
    return [partial(run_child, "thread_limits", "refused", part / parts) for part in range(parts)]


def train(threads):
    net = deepnet.Network([64, 64, 1], seed=0)
    net.fit(X, Y, epochs=2, batch_size=512, seed=0, threads=threads)
    return net.predict(X)


def refused(result, share):
    """Leave this share of the addresses from LEAST to MOST: stacks for fewer threads, down to none.

    With nothing left, the C library itself may end the process, when a thread first uses its own variables.
    """
    expected = train(1)
    with open("/proc/self/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    room = size + LEAST + int(share * (MOST - LEAST))
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
