"""How long calls take with the default number of threads, relative to one thread.

    python benchmarks/threads.py [--net 100-100-1 ...] [--batch 32 ...] [--job fit ...] [--rounds 5] [--busy]

Both run the same work on networks of their own in one process, after 0.1 s of warm-up, and must give the same
bits. A round is four turns: one thread, the default twice, one thread. So each network has one turn after the
other's, which leaves it out of the cache, and one after its own. Prints the median and the quartiles of the
ratio. Fails if the default is more than 5 % slower: cases whose upper quartile exceeds the limit are measured
five times more, with new networks and after all others, and the median of these medians counts. The course's
functions always run on one thread: their ratios show the error of the measurement. With --busy, another
process computes on one of the cores meanwhile, and the limit is 20 %.
"""

import argparse
import contextlib
import itertools
import math
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
SECONDS, MOST_SECONDS, WARM_UP = 4e-3, 6.0, 0.1  # of a turn at least, of a case at most, before it
REPEATS = 5  # of a case that may be above the limit
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


def measure(case, rounds):
    """The time with the default number of threads divided by that with one, in every round; prints a line."""
    units, m, kind = case
    one, default = (Job(kind, units, m, threads) for threads in (1, DEFAULT))
    times, took, end = 1, 0.0, time.perf_counter() + 2 * WARM_UP
    while took < SECONDS or time.perf_counter() < end:
        if took < SECONDS:
            times = 2 * times if took else 1
        took = seconds(one, times)
        seconds(default, times)
        for ours, theirs in zip(one.result(), default.result(), strict=True):
            if not np.array_equal(ours, theirs):
                sys.exit(f"{name(case)}: the bits depend on the threads")
    ratios, begin = [], time.perf_counter()
    while len(ratios) < rounds and (len(ratios) < 3 or time.perf_counter() - begin < MOST_SECONDS):
        turns = [seconds(job, times) for job in (one, default, default, one)]
        ratios.append((turns[1] + turns[2]) / (turns[0] + turns[3]))
    print(f"{name(case)}: {spread(ratios)}", flush=True)
    return ratios


def name(case):
    units, m, kind = case
    return f"{network(units, m)}, {kind}"


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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", nargs="+", default=NETS, metavar="UNITS")
    parser.add_argument("--batch", nargs="+", type=int, default=BATCHES)
    parser.add_argument("--job", nargs="+", choices=JOBS, default=JOBS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--busy", action="store_true", help="while another process keeps one core busy")
    parser.add_argument("--smoke", action="store_true", help="a few cells, only whether they run")
    options = parser.parse_args()
    nets, batches, rounds = options.net, options.batch, options.rounds
    if options.smoke:
        nets, batches, rounds = nets[:4:3], batches[2:4], 1
    limit = math.inf if options.smoke else BUSY_LIMIT if options.busy else LIMIT
    nets = [tuple(map(int, net.split("-"))) for net in nets]
    print(f"Time with {DEFAULT} threads, the default, over that with one thread")
    with busy_core() if options.busy else contextlib.nullcontext():
        cases = itertools.product(nets, batches, options.job)
        ratios = {case: measure(case, rounds) for case in cases}
        suspects = [case for case in ratios if np.percentile(ratios[case], 75) > limit]
        again = [[statistics.median(measure(case, rounds)) for case in suspects] for _ in range(REPEATS)]
    medians = {case: statistics.median(of_case) for case, of_case in ratios.items()}
    for case, *of_case in zip(suspects, *again, strict=True):
        print(f"{name(case)}: {medians[case]:.2f} at first, then {spread(of_case)} with new networks")
        medians[case] = statistics.median(of_case)
    slow = [name(case) for case, median in medians.items() if median > limit]
    print(f"{len(medians)} medians, {min(medians.values()):.2f} to {max(medians.values()):.2f}")
    print(f"above {limit}: {', '.join(slow) or 'none'}")
    if slow:
        sys.exit(1)


if __name__ == "__main__":
    main()
