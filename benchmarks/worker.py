"""The process in which one contender runs, on its own CPUs and with its own thread pools.

processes.py starts it and sends one request at a time: the methods of `Requests`.

    python benchmarks/worker.py CONTENDER FILE_DESCRIPTOR CPU...
"""

import ctypes
import importlib
import os
import signal
import sys
import time
from multiprocessing.connection import Connection


class Requests:
    """What the parent process may ask for."""

    def __init__(self, contender, threads):
        # Imported after the CPU affinity is set, because libraries size their thread pools on import.
        self.contender = importlib.import_module(f"contenders.{contender}")
        if hasattr(self.contender, "start"):
            self.contender.start(threads)
        self.job = None

    def introduce(self):
        """Name and versions."""
        return self.contender.NAME, self.contender.versions()

    def prepare(self, part, task):
        """Build the job of a part of the benchmark and run it once; None if the contender has no such part.

        Returns the result, which the parent checks, and a note on the variant that was chosen.
        """
        self.job = None  # frees the previous job's memory first
        build = getattr(self.contender, part, None)
        self.job = build and build(task)
        if self.job is None:
            return None
        self.job.run(1)
        return self.job.result(), self.job.note

    def calibrate(self, seconds, least):
        """The number of repeats that take about this long, at least `least`."""
        repeats = 1
        while True:
            took = _timed(self.job.run, repeats)
            if took > seconds / 4:
                return max(least, round(repeats * seconds / took))
            repeats *= 4

    def turn(self, repeats):
        """Seconds per repeat, after a few repeats that warm up the caches."""
        self.job.run(1 + repeats // 10)
        return _timed(self.job.run, repeats) / repeats

    def peak(self, dtype, threads):
        """FLOP/s of multiply-adds on registers: the best of 12 trials of a third of a millisecond each."""
        return max(self.contender.peak(dtype, threads) for _ in range(12))


def _timed(run, repeats):
    start = time.perf_counter()
    run(repeats)
    return time.perf_counter() - start


def die_with_parent():
    """Ask Linux to kill this process when its parent ends: a stopped process would not notice."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1: PR_SET_PDEATHSIG


def main():
    """Answer each request with (True, value) or (False, reason) until the parent closes the connection."""
    die_with_parent()
    contender, descriptor, *cpus = sys.argv[1:]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(cpu) for cpu in cpus})
    with Connection(int(descriptor)) as parent:
        try:
            requests = Requests(contender, len(cpus))
        except ImportError as error:
            parent.send((False, f"not installed: {error}"))
            return
        parent.send((True, requests.introduce()))
        while True:
            try:
                command, *arguments = parent.recv()
            except EOFError:
                return
            try:
                parent.send((True, getattr(requests, command)(*arguments)))
            except Exception as error:
                parent.send((False, f"{type(error).__name__}: {error}"))


if __name__ == "__main__":
    main()
