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
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

import deepnet
from deepnet.distributed import MPICommunicator

NETWORKS = {  # layers, output, and examples of each rank in a batch
    "784-256-128-10": ([784, 256, 128, 10], "softmax", 512),
    "1024x4-1": ([1024, 1024, 1024, 1024, 1], "sigmoid", 256),
}
# The sums begin when all gradients of a step are there, or some; or each rank reads those of the others.
WAYS = ("afterwards", "overlapped", "in shared memory")
BATCHES, ROUNDS = 8, 5


class Timed:
    """A communicator that measures the time that the program waits for its sums."""

    def __init__(self, comm: MPICommunicator, way: str) -> None:
        self._comm, self.seconds, self.shares_memory = comm, 0.0, way == "in shared memory"
        if way == "overlapped":
            self.iallreduce_ = self._begun

    def __getattr__(self, name: str) -> Any:
        if name == "iallreduce_":
            raise AttributeError(name)
        return getattr(self._comm, name)

    def _timed(self, call: Callable[[], Any]) -> Any:
        begin = time.perf_counter()
        result = call()
        self.seconds += time.perf_counter() - begin
        return result

    def allreduce_(self, array: np.ndarray) -> None:
        """Add up."""
        self._timed(lambda: self._comm.allreduce_(array))

    def barrier(self) -> None:
        """Wait for the others, before and while adding up in shared memory."""
        self._timed(self._comm.barrier)

    def _begun(self, array: np.ndarray) -> Any:
        pending = self._timed(lambda: self._comm.iallreduce_(array))
        return SimpleNamespace(wait=lambda: self._timed(pending.wait))


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
    parser.add_argument("--job", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        name, way = options.job
        comm = Timed(deepnet.distributed.mpi(), way)
        begin = time.perf_counter()
        rate = examples_per_second(name, options.ranks, options.seconds, comm)
        share = comm.seconds / (time.perf_counter() - begin)
        if comm.rank == 0:
            print(json.dumps([rate, share]))
        return
    mpiexec = shutil.which("mpiexec", path=Path(sys.executable).parent) or "mpiexec"
    for name in NETWORKS:
        of_ranks, of_threads = {way: list[tuple[float, float]]() for way in WAYS}, list[float]()
        for _ in range(ROUNDS):
            for way in WAYS:
                command = [mpiexec, "-n", str(options.ranks), sys.executable, __file__, "--job", name, way]
                command += ["--ranks", str(options.ranks), "--seconds", str(options.seconds)]
                said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                of_ranks[way].append(json.loads(said))
            of_threads.append(examples_per_second(name, options.ranks, options.seconds))
        alone = float(np.median(of_threads))
        print(f"{name}: {options.ranks} threads {alone:,.0f} examples/s")
        for way, found in of_ranks.items():
            rate, share = np.median(found, axis=0)
            print(
                f"  {options.ranks} ranks, sums {way}: {rate:,.0f} examples/s, ratio {rate / alone:.2f}; "
                f"{share:.0%} of the time waits for sums"
            )


if __name__ == "__main__":
    main()
