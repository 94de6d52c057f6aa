"""How long a step takes right after another library used its threads in the same process.

    python benchmarks/busy_neighbour.py [--net tabular ...] [--rounds 9] [--smoke]

OpenBLAS (through NumPy), PyTorch and JAX keep their threads spinning for a while after each piece of work. A
library multiplies two matrices on all cores, then a step of deepnet with the default number of threads is
timed, again and again. It is compared with steps after as much work on one thread, and with steps on one
thread.
Prints, for each library that is installed, the median and the quartiles of both ratios.
"""

import argparse
import os
import statistics
import time

import numpy as np

import deepnet
from report import network, spread
from tasks import NETS

LIMIT = 1.3
SIZE = 384  # of the matrices: some 100 us on two cores
STEPS, PAUSE = 30, 0.2  # of a block; seconds before it


def openblas():
    """The matrix product of NumPy."""
    a = np.ones((SIZE, SIZE), np.float32)
    return lambda: a @ a


def pytorch():
    """The matrix product of PyTorch."""
    import torch

    a = torch.ones((SIZE, SIZE))
    return lambda: a @ a


def jax():
    """The matrix product of JAX, compiled."""
    import jax

    a = jax.numpy.ones((SIZE, SIZE))
    product = jax.jit(lambda x: x @ x)
    return lambda: product(a).block_until_ready()


NEIGHBOURS = {"OpenBLAS": openblas, "PyTorch": pytorch, "JAX": jax}


def compute_alone(seconds):
    """Keep this thread busy, and no other."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def trainer(name):
    """A step of a network, as a function."""
    units, m = NETS[name]
    rng = np.random.default_rng(1)
    X = rng.normal(size=(units[0], m)).astype(np.float32)
    Y = rng.integers(0, 2, (units[-1], m))
    net = deepnet.Network(units, "relu", "sigmoid", seed=1)
    net.optimizer = deepnet.SGD(1e-6)
    return lambda: net.train_on_batch(X, Y)


def timed(call):
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def measure(name, work, blocks):
    """Seconds per step: after the neighbour, after work on one thread, and on one thread after the neighbour.

    The three take turns in blocks, each with a network of its own, which decides by itself whether to share
    its steps. The neighbour's threads fall asleep before each block.
    """
    threads = deepnet.get_num_threads()
    took = statistics.median(timed(work) for _ in range(20))
    turns = [(work, threads), (lambda: compute_alone(took), threads), (work, 1)]
    steps, medians = [trainer(name) for _ in turns], [[] for _ in turns]
    for block in range(blocks + 2):
        for (before, limit), step, found in zip(turns, steps, medians, strict=True):
            deepnet.set_num_threads(limit)
            time.sleep(PAUSE)
            times = []
            for _ in range(STEPS):
                before()
                times.append(timed(step))
            if block >= 2:
                found.append(statistics.median(times))
    deepnet.set_num_threads(threads)
    return np.array(medians)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", nargs="+", choices=NETS, default=["tabular", "mnist", "mid"])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--smoke", action="store_true", help="only whether it runs")
    options = parser.parse_args()
    nets, rounds = (options.net[:1], 1) if options.smoke else (options.net, options.rounds)
    print(
        f"A step with {deepnet.get_num_threads()} threads right after another library; {os.cpu_count()} CPUs"
    )
    slow = []
    for neighbour, make in NEIGHBOURS.items():
        try:
            work = make()
        except ImportError:
            print(f"{neighbour} is not installed")
            continue
        for name in nets:
            after, alone, one = measure(name, work, rounds)
            what = f"{network(*NETS[name])} after {neighbour}"
            print(
                f"{what}: {spread(after / alone)} of alone, {spread(after / one)} of one thread", flush=True
            )
            if np.median(after / alone) > LIMIT:
                slow.append(what)
    print(f"above {LIMIT} times as slow as alone: {', '.join(slow) or 'none'}")


if __name__ == "__main__":
    main()
