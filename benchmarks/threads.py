"""How long calls take with the default number of threads, relative to one thread.

    python benchmarks/threads.py [--net 100-100-1 ...] [--batch 32 ...] [--job fit ...] [--rounds 11] [--busy]

Both run the same work on networks of their own in turns, in one process, after 0.1 s of warm-up, and must
give the same bits. Prints the median and the quartiles of the ratio. Fails if the default is more than 5 %
slower, and not by chance: the lower quartile is above the limit, too, in two measurements. With --busy,
another process computes on one of the cores meanwhile, and the limit is 20 %.
"""

import argparse
import contextlib
import multiprocessing
import os
import statistics
import sys
import time

import numpy as np

import deepnet
from report import network, spread

DEFAULT = deepnet.get_num_threads()
LIMIT, BUSY_LIMIT = 1.05, 1.2
SECONDS, MOST_SECONDS, WARM_UP = 4e-3, 6.0, 0.1  # of a turn at least, of a ratio at most, before it
NETS = ("4-8-1", "8-32-16-1", "17-64-64-1", "100-100-1", "256-64-1", "64-256-256-10", "784-128-10")
NETS += ("12288-20-7-5-1", "512-512-512-512-1", "1024-1024-1024-1024-1")
BATCHES = (1, 8, 32, 64, 256, 1024)
STEPS = 4  # of an epoch of fit
OPTIMIZERS = {"fit": deepnet.SGD(1e-6), "fit, Adam": deepnet.Adam(1e-6), "train_on_batch": deepnet.SGD(1e-6)}


class Job:
    """One kind of call; `run` repeats it, and `result` returns what must not depend on the threads."""

    def __init__(self, kind, units, m, threads):
        rng = np.random.default_rng(1)
        examples = m * STEPS if kind.startswith("fit") else m
        self.X = rng.normal(size=(units[0], examples)).astype(np.float32)
        self.Y = (rng.random((units[-1], examples)) < 0.5).astype(np.float32)
        self.net = deepnet.Network(units, "relu", "sigmoid", seed=1)
        self.net.optimizer = OPTIMIZERS.get(kind, deepnet.SGD())
        self.batch, self.threads = m, threads
        self.parameters, self.last = dict(self.net.parameters), None
        self.call = getattr(self, "step" if kind == "course" else kind.partition(",")[0])

    def run(self, times):
        deepnet.set_num_threads(self.threads)
        if self.call == self.fit:
            self.fit(times)
        else:
            for _ in range(times):
                self.call()

    def fit(self, epochs):
        self.net.fit(self.X, self.Y, epochs=epochs, batch_size=self.batch, seed=1)

    def train_on_batch(self):
        self.last = self.net.train_on_batch(self.X, self.Y)

    def predict(self):
        self.last = self.net.predict(self.X)

    def evaluate(self):
        self.last = self.net.evaluate(self.X, self.Y)

    def step(self):
        """A step through the course's functions."""
        AL, caches = deepnet.L_model_forward(self.X, self.parameters)
        grads = deepnet.L_model_backward(AL, self.Y, caches)
        self.parameters = deepnet.update_parameters(self.parameters, grads, 1e-6)

    def result(self):
        return [self.last, *self.net.parameters.values(), *self.parameters.values()]


JOBS = (*OPTIMIZERS, "predict", "evaluate", "course")


def seconds(job, times):
    begin = time.perf_counter()
    job.run(times)
    return time.perf_counter() - begin


def ratios(kind, units, m, rounds):
    """The time with the default number of threads divided by that with one, in every round."""
    one, default = (Job(kind, units, m, threads) for threads in (1, DEFAULT))
    times, took, end = 1, 0.0, time.perf_counter() + 2 * WARM_UP
    while took < SECONDS or time.perf_counter() < end:
        if took < SECONDS:
            times = 2 * times if took else 1
        took = seconds(one, times)
        seconds(default, times)
        for ours, theirs in zip(one.result(), default.result(), strict=True):
            if not np.array_equal(ours, theirs):
                sys.exit(f"{kind}, {network(units, m)}: the bits depend on the threads")
    found, begin = [], time.perf_counter()
    while len(found) < rounds and (len(found) < 3 or time.perf_counter() - begin < MOST_SECONDS):
        before, took, after = seconds(one, times), seconds(default, times), seconds(one, times)
        found.append(took / ((before + after) / 2))
    return found


def compute_forever(cpu):
    os.sched_setaffinity(0, {cpu})
    while True:
        sum(range(1000))


@contextlib.contextmanager
def busy_core():
    """Another process that computes on one of the cores."""
    process = multiprocessing.get_context("spawn").Process(
        target=compute_forever, args=(max(os.sched_getaffinity(0)),), daemon=True
    )
    process.start()
    time.sleep(1)
    try:
        yield
    finally:
        process.kill()


def is_slow(values, limit):
    return np.percentile(values, 25) > limit


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", nargs="+", default=NETS, metavar="UNITS")
    parser.add_argument("--batch", nargs="+", type=int, default=BATCHES)
    parser.add_argument("--job", nargs="+", choices=JOBS, default=JOBS)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--busy", action="store_true", help="while another process keeps one core busy")
    parser.add_argument("--smoke", action="store_true", help="a few cells, only whether they run")
    options = parser.parse_args()
    nets, batches, rounds = options.net, options.batch, options.rounds
    if options.smoke:
        nets, batches, rounds = nets[:4:3], batches[2:4], 1
    limit = BUSY_LIMIT if options.busy else LIMIT
    slow, medians = [], []
    print(f"Time with {DEFAULT} threads, the default, over that with one thread")
    with busy_core() if options.busy else contextlib.nullcontext():
        for net in nets:
            units = [int(n) for n in net.split("-")]
            for m in batches:
                for kind in options.job:
                    values = ratios(kind, units, m, rounds)
                    if is_slow(values, limit) and not options.smoke:
                        values = ratios(kind, units, m, 2 * rounds)
                        slow += [f"{network(units, m)}, {kind}"] if is_slow(values, limit) else []
                    medians.append(statistics.median(values))
                    print(f"{network(units, m)}, {kind}: {spread(values)}", flush=True)
    low, high = min(medians), max(medians)
    print(f"{len(medians)} medians, {low:.2f} to {high:.2f}; above {limit}: {slow or 'none'}")
    if slow:
        sys.exit(1)


if __name__ == "__main__":
    main()
