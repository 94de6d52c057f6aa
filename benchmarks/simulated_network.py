"""What `deepnet.distributed.plan` computes, beside training over a network that is simulated.

    python benchmarks/simulated_network.py [--nodes 4] [--seconds 1]

One rank trains on this machine, with one thread. The others are like it: the sum of an array is the array
times their number, once the messages of an allreduce by halves have gone through a link of given latency and
bandwidth. Printed are the examples per second of a rank, divided by those of a process that trains alone.
"""

import argparse
import math
import time
from typing import Any

import numpy as np

import deepnet
from deepnet.distributed import plan

NETWORKS = {  # layers, output, and examples of each rank in a batch
    "784-256-128-10": ([784, 256, 128, 10], "softmax", 512),
    "1024x4-1": ([1024, 1024, 1024, 1024, 1], "sigmoid", 256),
}
LINKS = {"10 Gbit/s, 50 us": (10.0, 50e-6), "1 Gbit/s, 200 us": (1.0, 200e-6)}
BATCHES, ROUNDS = 8, 5


class Link:
    """The communicator of rank 0, among ranks that do all that it does."""

    rank = 0

    def __init__(self, size: int, gigabits: float, latency: float) -> None:
        self.size, self._bytes_per_second, self._latency = size, gigabits * 1e9 / 8, latency
        self._free = 0.0  # the time from which nothing is sent

    def _sent(self, count: int) -> float:
        """Return when the messages of a sum of so many bytes will have arrived."""
        now = max(time.perf_counter(), self._free)
        for step in range(round(math.log2(self.size))):  # halves are sent, then quarters, ...; then all back
            now += 2 * (self._latency + count / 2 ** (step + 1) / self._bytes_per_second)
        self._free = now
        return now

    def _wait(self, array: np.ndarray, until: float) -> None:
        while time.perf_counter() < until:
            pass
        array *= self.size

    def allreduce_(self, array: np.ndarray) -> None:
        """Add up."""
        self._wait(array, self._sent(array.nbytes))

    def bcast_(self, array: np.ndarray, root: int) -> None:
        """Do nothing: the others have the array."""

    def allgather(self, value: Any) -> list[Any]:
        """Return the same value for each."""
        return [value] * self.size

    def barrier(self) -> None:
        """Do nothing."""

    def abort(self, message: str) -> None:
        """Return at once, since this is the only process."""


class Overlapping(Link):
    """The same with sums that begin while gradients are computed."""

    def iallreduce_(self, array: np.ndarray) -> "Begun":
        """Begin to add up."""
        return Begun(self, array)


class Begun:
    """A sum that has begun."""

    def __init__(self, link: Link, array: np.ndarray) -> None:
        self._link, self._array, self._until = link, array, link._sent(array.nbytes)

    def wait(self) -> None:
        """Return when it is there."""
        self._link._wait(self._array, self._until)


def examples_per_second(name: str, seconds: float, comm: Link | None) -> float:
    """Return those of one rank, or of a process that trains alone."""
    dims, output, of_rank = NETWORKS[name]
    rng = np.random.default_rng(0)
    X = rng.random((dims[0], of_rank * BATCHES), np.float32)
    Y = rng.integers(0, max(dims[-1], 2), of_rank * BATCHES)
    net = deepnet.Network(dims, output=output, seed=0)
    options: dict[str, Any] = {"batch_size": of_rank * (comm.size if comm else 1), "comm": comm, "threads": 1}
    first = net.fit(X, Y, epochs=2, shuffle=False, optimizer=deepnet.SGD(1e-6), **options).seconds[-1]
    epochs = max(2, round(seconds / first))
    history = net.fit(X, Y, epochs=epochs, shuffle=False, optimizer=deepnet.SGD(1e-6), **options)
    return of_rank * BATCHES / float(np.median(history.seconds))


def main() -> None:
    """Measure, and print a line for each network and link."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nodes", type=int, default=4, help="a power of 2")
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement")
    options = parser.parse_args()
    deepnet.set_num_threads(1)
    for name, (dims, output, of_rank) in NETWORKS.items():
        net = deepnet.Network(dims, output=output)
        flops = 6 * sum(p.size for p in net.parameters.values())
        for link, (gigabits, latency) in LINKS.items():
            found = list[tuple[float, ...]]()
            for _ in range(ROUNDS):
                alone = examples_per_second(name, options.seconds, None)
                network = options.nodes, gigabits, latency
                rates = [
                    examples_per_second(name, options.seconds, Link(*network)),
                    examples_per_second(name, options.seconds, Overlapping(*network)),
                ]
                expected = plan(
                    net,
                    of_rank * options.nodes,
                    options.nodes,
                    gigabits,
                    latency=latency,
                    flops=flops * alone,
                ).efficiency
                found.append((expected, rates[0] / alone, rates[1] / alone))
            expected, after, overlapped = np.median(found, axis=0)
            print(
                f"{name}, {options.nodes} nodes, {link}: efficiency {after:.2f}, plan says {expected:.2f} "
                f"({after / expected - 1:+.0%}); with overlap {overlapped:.2f}"
            )


if __name__ == "__main__":
    main()
