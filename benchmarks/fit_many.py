"""How much faster networks train side by side than one after another.

    python benchmarks/fit_many.py [--networks 16] [--dims 50 100 5] [--threads 2] [--rounds 15] [--smoke]

16 networks 50-100-5 on 2,000 examples, batches of 32, Adam. They are trained in turns, in one process: one
after another with one thread, one after another with the default number of threads, and by
`deepnet.fit_many`. All three must end with the same bits. Prints the median and the quartiles of the ratios
of the times of a round.
"""

import argparse
import time

import numpy as np

import deepnet
from report import spread, threads_of


class Jobs:
    """The networks' data and first weights."""

    def __init__(self, count, dims, epochs):
        random = np.random.default_rng(0)
        self.X = random.standard_normal((dims[0], 2000)).astype(np.float32)
        self.Y = (random.standard_normal((dims[-1], dims[0])) @ self.X).argmax(axis=0)
        self.dims, self.count = dims, count
        self.options = {"epochs": epochs, "batch_size": 32, "optimizer": deepnet.Adam(0.001)}

    def networks(self):
        return [deepnet.Network(self.dims, "relu", "softmax", seed=i) for i in range(self.count)]

    def one_after_another(self, threads):
        """Seconds of training, and the networks."""
        networks = self.networks()
        begin = time.perf_counter()
        for i, net in enumerate(networks):
            net.fit(self.X, self.Y, seed=i, threads=threads, **self.options)
        return time.perf_counter() - begin, networks

    def side_by_side(self, threads):
        networks = self.networks()
        each = [{"seed": i} for i in range(self.count)]
        begin = time.perf_counter()
        deepnet.fit_many(networks, self.X, self.Y, each=each, threads=threads, **self.options)
        return time.perf_counter() - begin, networks


def check(expected, networks):
    """Stop unless all parameters have the same bits."""
    for net, other in zip(expected, networks, strict=True):
        for key, p in net.parameters.items():
            np.testing.assert_array_equal(p, other.parameters[key])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=16)
    parser.add_argument("--dims", type=int, nargs="+", default=[50, 100, 5])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--smoke", action="store_true", help="only whether it runs")
    options = parser.parse_args()
    epochs, rounds = (1, 1) if options.smoke else (options.epochs, options.rounds)
    jobs = Jobs(options.networks, options.dims, epochs)
    ways = {
        "with one thread": lambda: jobs.one_after_another(1),
        f"with the default of {threads_of(deepnet.get_num_threads())}": lambda: jobs.one_after_another(None),
        "side by side": lambda: jobs.side_by_side(options.threads),
    }
    expected = jobs.one_after_another(1)[1]
    for train in ways.values():
        check(expected, train()[1])
    seconds = {name: [] for name in ways}
    for _ in range(rounds):
        for name, train in ways.items():
            seconds[name].append(train()[0])
    *others, together = seconds
    size = "-".join(map(str, options.dims))
    print(f"{options.networks} networks {size} side by side on {threads_of(options.threads)}:")
    for name in others:
        ratios = np.divide(seconds[name], seconds[together])
        print(f"  {spread(ratios)} times the throughput of one after another {name}")


if __name__ == "__main__":
    main()
