"""The process in which one contender works, on its own CPUs and with its own thread pools.

crew.py starts it and asks for one thing at a time: `prepare`, `calibrate`, `turn` (see the functions).

    python benchmarks/worker.py CONTENDER FILE_DESCRIPTOR CPU...
"""

import ctypes
import importlib
import os
import signal
import sys
import time
from multiprocessing.connection import Connection


class Bench:
    """What the parent may ask for."""

    def __init__(self, contender, threads):
        # Imported here, when the affinity is set: libraries size their pools as they are imported.
        self.contender = importlib.import_module(f"contenders.{contender}")
        if hasattr(self.contender, "start"):
            self.contender.start(threads)
        self.job = None

    def introduce(self):
        """Name and versions."""
        return self.contender.NAME, self.contender.versions()

    def prepare(self, part, task):
        """Build what `part` of the benchmark runs; None if the contender has no such part.

        Otherwise the result of having run once, which the parent judges, and a note of what was chosen.
        """
        self.job = None  # the last one's memory is free before the next one takes its own
        build = getattr(self.contender, part, None)
        self.job = build and build(task)
        if self.job is None:
            return None
        self.job.run(1)
        return self.job.result(), self.job.note

    def calibrate(self, seconds, least):
        """How many repeats take about so long, `least` or more."""
        repeats = 1
        while True:
            took = _timed(self.job.run, repeats)
            if took > seconds / 4:
                return max(least, round(repeats * seconds / took))
            repeats *= 4

    def turn(self, repeats):
        """Seconds per repeat, after a few that bring code and data back into the caches."""
        self.job.run(1 + repeats // 10)
        return _timed(self.job.run, repeats) / repeats

    def peak(self, dtype, threads):
        """FLOP/s of multiply-adds alone: the best of some trials, each a third of a millisecond long."""
        return max(self.contender.peak(dtype, threads) for _ in range(12))


def _timed(run, repeats):
    start = time.perf_counter()
    run(repeats)
    return time.perf_counter() - start


def die_with_parent():
    """A frozen process would not notice that its parent was killed. Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1: PR_SET_PDEATHSIG


def main():
    """Answer (True, value) or (False, reason) until the parent hangs up."""
    die_with_parent()
    contender, descriptor, *cpus = sys.argv[1:]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(cpu) for cpu in cpus})
    with Connection(int(descriptor)) as parent:
        try:
            bench = Bench(contender, len(cpus))
        except ImportError as error:
            parent.send((False, f"not installed: {error}"))
            return
        parent.send((True, bench.introduce()))
        while True:
            try:
                command, *arguments = parent.recv()
            except EOFError:
                return
            try:
                parent.send((True, getattr(bench, command)(*arguments)))
            except Exception as error:
                parent.send((False, f"{type(error).__name__}: {error}"))


if __name__ == "__main__":
    main()
