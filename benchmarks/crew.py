"""Contenders at work in turns: one process each, and all but the one whose turn it is are frozen.

A process per contender keeps thread pools, environments and memory apart and gives each exactly the CPUs of
the setting; freezing keeps a pool that waits by spinning from taking the time of the next contender.
"""

import contextlib
import os
import signal
import subprocess
import sys
from multiprocessing import Pipe
from pathlib import Path

import judge

DEEPNET = "deepnet_fit"
# Training and inference; deepnet first, and each name is a file of contenders/.
CONTENDERS = (
    DEEPNET,
    "numpy_lecture",
    "torch_eager",
    "torch_by_hand",
    "torch_compiled",
    "jax_jit",
    "sklearn_mlp",
    "onnx_runtime",
)
POOL_SIZES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "DEEPNET_NUM_THREADS")
# Set on some machines; both slow a current OpenBLAS down.
UNWANTED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


class Refused(Exception):
    """A contender cannot do what it was asked for; the text says why."""


class Worker:
    """A contender in its process. It runs only while `ask` waits for it."""

    def __init__(self, contender, cpus):
        ours, theirs = Pipe()
        environment = {name: value for name, value in os.environ.items() if name not in UNWANTED}
        environment |= dict.fromkeys(POOL_SIZES, str(len(cpus)))
        script = Path(__file__).with_name("worker.py")
        self._process = subprocess.Popen(
            [sys.executable, script, contender, str(theirs.fileno()), *map(str, cpus)],
            pass_fds=[theirs.fileno()],
            env=environment,
        )
        theirs.close()
        self._pipe = ours
        self.contender = contender
        try:
            self.name, self.versions = self._answer()
        except BaseException:
            self.close()
            raise

    def ask(self, *request):
        self._process.send_signal(signal.SIGCONT)
        self._pipe.send(request)
        return self._answer()

    def close(self):
        self._pipe.close()
        self._process.kill()  # reaches a frozen process, too
        self._process.wait()

    def _answer(self):
        try:
            fine, value = self._pipe.recv()
        except EOFError:
            raise Refused(f"the process ended with status {self._process.wait()}") from None
        self._process.send_signal(signal.SIGSTOP)
        if not fine:
            raise Refused(value)
        return value


class Crew(contextlib.AbstractContextManager):
    """The workers of one setting; `absent` says who could not be hired, and why."""

    def __init__(self, contenders, cpus):
        self.workers, self.absent = [], {}
        self.cpus = cpus
        for contender in contenders:
            try:
                self.workers.append(Worker(contender, cpus))
            except Refused as reason:
                if contender == DEEPNET:
                    raise
                self.absent[contender] = str(reason)

    def __exit__(self, *_):
        for worker in self.workers:
            worker.close()

    def prepare(self, part, task):
        """Those who take part, answers checked. Returns workers, their notes, and reasons of the others."""
        able, notes, refused = [], {}, {}
        for worker in self.workers:
            try:
                answer = worker.ask("prepare", part, task)
            except Refused as reason:
                if worker.contender == DEEPNET:
                    raise
                refused[worker.name] = str(reason)
                continue
            if answer is None:
                continue
            result, notes[worker.name] = answer
            try:
                judge.check(part, task, result)
            except judge.WrongAnswer as wrong:
                raise SystemExit(f"{worker.name} gave a wrong answer: {wrong}") from None
            able.append(worker)
        return able, {name: note for name, note in notes.items() if note}, refused

    def compare(self, part, task, rounds, seconds, least=1, with_peak=False):
        """Time a task round by round, `least` repeats a turn or more, in an order that changes.

        Returns seconds per repeat by contender, a list each; "peak" is that of the rounds, FLOP/s.
        """
        able, notes, refused = self.prepare(part, task)
        repeats = {worker: worker.ask("calibrate", seconds, least) for worker in able}
        times = {worker.name: [] for worker in able}
        peaks = []
        for i in range(rounds):
            for worker in able if i % 2 == 0 else reversed(able):
                measure_peak = with_peak and worker.contender == DEEPNET
                before = measure_peak and worker.ask("peak", task.dtype, task.threads)
                times[worker.name].append(worker.ask("turn", repeats[worker]))
                if measure_peak:
                    peaks.append((before + worker.ask("peak", task.dtype, task.threads)) / 2)
        return {"seconds": times, "peak": peaks, "notes": notes, "refused": refused}
