"""How much longer a training step on two threads takes while another process spins on one of the CPUs."""

import signal
import subprocess
import sys

from crew import DEEPNET
from machine import usable_cpus

CONTENDERS = (DEEPNET, "torch_eager")
SECONDS = 0.1  # of a turn in quiet: longer than a time slice of the scheduler


class Neighbour:
    """A process that spins on one CPU while the `with` block runs."""

    def __init__(self, cpu):
        spin = f"import os\nos.sched_setaffinity(0, {{{cpu}}})\nwhile True: pass"
        self._process = subprocess.Popen([sys.executable, "-c", spin])
        self._process.send_signal(signal.SIGSTOP)

    def __enter__(self):
        self._process.send_signal(signal.SIGCONT)

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGSTOP)

    def close(self):
        self._process.kill()
        self._process.wait()


def compare(crew, task, rounds):
    """Seconds per step by contender, in quiet and beside the neighbour, turn about."""
    able, _, refused = crew.prepare("steps", task)
    able = [worker for worker in able if worker.contender in CONTENDERS]
    repeats = {worker: worker.ask("calibrate", SECONDS, 1) for worker in able}
    neighbour = Neighbour(usable_cpus()[-1])
    quiet, busy = ({worker.name: [] for worker in able} for _ in range(2))
    try:
        for _ in range(rounds):
            for worker in able:
                quiet[worker.name].append(worker.ask("turn", repeats[worker]))
                with neighbour:
                    busy[worker.name].append(worker.ask("turn", repeats[worker]))
    finally:
        neighbour.close()
    return {"quiet": quiet, "busy": busy, "refused": refused}
