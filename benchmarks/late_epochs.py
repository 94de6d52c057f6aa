"""How long a late epoch of training takes, relative to an early one.

    python benchmarks/late_epochs.py [--epochs 100] [--rounds 15] [--optimizer adam] [--batch 64 8]

Handwritten digits, 64-256-256-10, relu, every optimizer, both dtypes, one thread. Late in training most
gradients are tiny and many units are off; if their moments became subnormal numbers, each operation on them
would take 100 cycles. Epochs of a trained and a fresh network run in turns, in one process. Prints the median
and the quartiles; fails if a median exceeds 1.1.
"""

import argparse
import statistics
import sys
import time

import numpy as np
from sklearn.datasets import load_digits

import deepnet
from report import spread

LIMIT = 1.1
# Rates with which each optimizer learns the digits and drives the loss to 0.
OPTIMIZERS = {
    "sgd": deepnet.SGD(0.1),
    "momentum": deepnet.Momentum(0.1),
    "nesterov": deepnet.Nesterov(0.1),
    "rmsprop": deepnet.RMSprop(0.01),
    "adagrad": deepnet.Adagrad(0.01),
    "adam": deepnet.Adam(0.01),
    "adamw": deepnet.AdamW(0.01, weight_decay=1.0),
}


class Job:
    """A network and its optimizer's memory, trained epoch by epoch on the same batches."""

    def __init__(self, optimizer, dtype, batch):
        table, self.y = load_digits(return_X_y=True)
        self.X = np.asarray(table.T / 16, dtype=dtype)
        self.optimizer, self.batch = optimizer, batch
        self.net = deepnet.Network([64, 256, 256, 10], "relu", "softmax", dtype=dtype, seed=1)

    def epoch(self):
        """Train for an epoch; return the seconds of the processor, which other processes affect least."""
        begin = time.process_time()
        for first in range(0, self.y.size, self.batch):
            part = slice(first, first + self.batch)
            self.net.train_on_batch(self.X[:, part], self.y[part], optimizer=self.optimizer)
        return time.process_time() - begin


def ratios(optimizer, dtype, batch, epochs, rounds):
    """The time of a late epoch divided by that of a second epoch, in every round."""
    late = Job(optimizer, dtype, batch)
    for _ in range(epochs):
        late.epoch()
    found = []
    for _ in range(rounds):
        early = Job(optimizer, dtype, batch)
        early.epoch()
        before, took, after = early.epoch(), late.epoch(), early.epoch()
        found.append(took / np.mean([before, after]))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--optimizer", nargs="+", choices=OPTIMIZERS, default=list(OPTIMIZERS))
    parser.add_argument("--no-limit", action="store_true", help="report a slowdown without failing")
    parser.add_argument("--batch", type=int, nargs="+", default=[64])
    options = parser.parse_args()
    deepnet.set_num_threads(1)
    slow = []
    for name in options.optimizer:
        for dtype in ("float32", "float64"):
            for batch in options.batch:
                values = ratios(OPTIMIZERS[name], dtype, batch, options.epochs, options.rounds)
                print(
                    f"{name}, {dtype}, batches of {batch}: {spread(values)} times an early epoch", flush=True
                )
                if statistics.median(values) > LIMIT and not options.no_limit:
                    slow.append(f"{name}, {dtype}, batches of {batch}")
    if slow:
        sys.exit(f"slower than {LIMIT} times an early epoch: {'; '.join(slow)}")


if __name__ == "__main__":
    main()
