"""Measure the memory that a fit uses beyond the data, which are memory-mapped from a large file.

    python benchmarks/memory.py [--gigabytes 4] [--batch 1024] [--folder FOLDER]

Prints JSON. The file is sparse and takes no space on the disk. Only anonymous memory counts: the operating
system can drop the pages of the file at any time. Linux only.
"""

import argparse
import json
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

import deepnet

UNITS = (784, 64, 1)  # small, so that reading takes longer than computing


def anonymous_bytes():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise OSError("this kernel does not report RssAnon")


class Peak(threading.Thread):
    """Sample the anonymous memory every millisecond while native code runs, and keep the maximum."""

    def __init__(self):
        super().__init__(daemon=True)
        self.bytes = anonymous_bytes()
        self._done = threading.Event()

    def run(self):
        while not self._done.wait(0.001):
            self.bytes = max(self.bytes, anonymous_bytes())

    def stop(self):
        self._done.set()
        self.join()
        return self.bytes


def bound(batch):
    """Parameters x (2 + slots of the optimizer, 0 for SGD) + activations of a batch + 64 MB."""
    parameters = sum(k * n + n for k, n in pairwise(UNITS))
    return 4 * (2 * parameters + batch * sum(UNITS)) + 64 * 2**20


def measure(path, gigabytes, batch):
    count = int(gigabytes * 2**30) // UNITS[0]
    with path.open("wb") as file:
        file.truncate(count * UNITS[0])
    X = np.memmap(path, np.uint8, "r", shape=(count, UNITS[0]))
    Y = np.ones((count, 1), np.float32)
    peak = Peak()
    before = peak.bytes
    peak.start()
    begin = time.perf_counter()
    net = deepnet.Network(UNITS, seed=1)
    net.fit(X.T, Y.T, epochs=1, batch_size=batch, optimizer=deepnet.SGD(0.01), input_scale=1 / 255, seed=1)
    seconds = time.perf_counter() - begin
    return {
        "data": X.nbytes,
        "batch": batch,
        "seconds": seconds,
        "before": before,
        "beyond": peak.stop() - before,
        "bound": bound(batch),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=4)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--folder", type=Path, help="for the file (default: the system's temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        print(json.dumps(measure(Path(folder) / "images", options.gigabytes, options.batch)))


if __name__ == "__main__":
    main()
