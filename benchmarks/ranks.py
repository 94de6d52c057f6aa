"""The throughput of ranks of MPI beside that of as many threads of one process.

    python benchmarks/ranks.py [--ranks 2] [--seconds 2]

Each contender is measured in turn, several times. For the ranks also the share of the time in which they add
up, as seen by rank 0: the wait for the slower rank is a part of it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import deepnet
from deepnet.distributed import MPICommunicator

NETWORKS = {  # layers, output, and examples of each rank in a batch
    "784-256-128-10": ([784, 256, 128, 10], "softmax", 512),
    "1024x4-1": ([1024, 1024, 1024, 1024, 1], "sigmoid", 256),
}
BATCHES, ROUNDS = 8, 5


class Timed:
    """A communicator that measures the time in its sums."""

    def __init__(self, comm: MPICommunicator) -> None:
        self._comm, self.seconds = comm, 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._comm, name)

    def allreduce_(self, array: np.ndarray) -> None:
        """Add up."""
        begin = time.perf_counter()
        self._comm.allreduce_(array)
        self.seconds += time.perf_counter() - begin


def examples_per_second(name: str, ranks: int, seconds: float, comm: Any = None) -> float:
    """Train for about so long; return the examples of all ranks per second."""
    dims, output, of_rank = NETWORKS[name]
    size = of_rank * ranks
    own = of_rank if comm else size
    rng = np.random.default_rng(0)
    X = rng.random((dims[0], own * BATCHES), np.float32)
    Y = rng.integers(0, max(dims[-1], 2), own * BATCHES)
    net = deepnet.Network(dims, output=output, seed=0)
    options: dict[str, Any] = {"batch_size": size, "optimizer": "adam", "shuffle": False}
    options |= {"comm": comm, "threads": 1} if comm else {"threads": ranks}
    first = net.fit(X, Y, epochs=2, **options).seconds[-1]
    if comm:
        comm.seconds = 0.0
        first = comm.allgather(first)[0]
    history = net.fit(X, Y, epochs=max(2, round(seconds / first)), **options)
    return size * BATCHES / float(np.median(history.seconds))


def main() -> None:
    """Measure, and print a line for each network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        comm = Timed(deepnet.distributed.mpi())
        begin = time.perf_counter()
        rate = examples_per_second(options.job, options.ranks, options.seconds, comm)
        share = comm.seconds / (time.perf_counter() - begin)
        if comm.rank == 0:
            print(json.dumps([rate, share]))
        return
    mpiexec = shutil.which("mpiexec", path=Path(sys.executable).parent) or "mpiexec"
    for name in NETWORKS:
        of_ranks, of_threads, shares = list[float](), list[float](), list[float]()
        for _ in range(ROUNDS):
            command = [mpiexec, "-n", str(options.ranks), sys.executable, __file__, "--job", name]
            command += ["--ranks", str(options.ranks), "--seconds", str(options.seconds)]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            rate, share = json.loads(said)
            of_ranks.append(rate)
            shares.append(share)
            of_threads.append(examples_per_second(name, options.ranks, options.seconds))
        ratio = np.median(of_ranks) / np.median(of_threads)
        print(
            f"{name}: {options.ranks} ranks {np.median(of_ranks):,.0f} examples/s, as many threads "
            f"{np.median(of_threads):,.0f}: ratio {ratio:.2f}; {np.median(shares):.0%} of the time adds up"
        )


if __name__ == "__main__":
    main()
