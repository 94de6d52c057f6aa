"""Run the contenders in turns, each in a process of its own, with all other processes stopped.

Separate processes keep thread pools, environments and memory apart, and each one gets exactly the CPUs of the
setting. Stopping the others keeps a thread pool that spins while it waits from taking time from the next
contender.
"""

import contextlib
import os
import signal
import subprocess
import sys
from multiprocessing import Pipe
from pathlib import Path

import check_answers

DEEPNET = "deepnet_network"
# Each name is a file in contenders/; deepnet comes first.
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
OPENBLAS_OVERRIDES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # both slow a current OpenBLAS down
BUSY_CPU_SECONDS = 0.1  # per turn: longer than a time slice of the scheduler


def usable_cpus():
    """The numbers of the CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


class Refused(Exception):
    """A contender cannot do what it was asked; the text says why."""


class Worker:
    """A contender in its process, which runs only while `ask` waits for it."""

    def __init__(self, contender, cpus):
        parent_end, child_end = Pipe()
        environment = {name: value for name, value in os.environ.items() if name not in OPENBLAS_OVERRIDES}
        environment |= dict.fromkeys(POOL_SIZES, str(len(cpus)))
        script = Path(__file__).with_name("worker.py")
        self._process = subprocess.Popen(
            [sys.executable, script, contender, str(child_end.fileno()), *map(str, cpus)],
            pass_fds=[child_end.fileno()],
            env=environment,
        )
        child_end.close()
        self._pipe = parent_end
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
        self._process.kill()  # works on a stopped process, too
        self._process.wait()

    def _answer(self):
        try:
            succeeded, value = self._pipe.recv()
        except EOFError:
            raise Refused(f"the process ended with status {self._process.wait()}") from None
        self._process.send_signal(signal.SIGSTOP)
        if not succeeded:
            raise Refused(value)
        return value


class BusyCpu(contextlib.AbstractContextManager):
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


class Workers(contextlib.AbstractContextManager):
    """A worker for each contender; `absent` says why others did not start."""

    def __init__(self, contenders, cpus):
        self.workers, self.absent = [], {}
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
        """Prepare a task and check the answers. Returns the workers that take part, notes, and refusals."""
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
                check_answers.check(part, task, result)
            except check_answers.WrongAnswer as wrong:
                if worker.contender == DEEPNET:
                    raise SystemExit(f"{worker.name} gave a wrong answer: {wrong}") from None
                refused[worker.name] = f"a wrong answer: {wrong}"
                continue
            able.append(worker)
        return able, {name: note for name, note in notes.items() if note}, refused

    def compare(self, part, task, rounds, seconds, least=1, with_peak=False):
        """Time a task in rounds. Each turn runs `least` or more repeats; the order alternates.

        Returns seconds per repeat for each contender and round; "peak" has the machine's FLOP/s per round.
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

    def compare_beside_busy_cpu(self, task, contenders, rounds):
        """Time training steps in turns, with and without a process that spins on one CPU."""
        able, _, refused = self.prepare("steps", task)
        able = [worker for worker in able if worker.contender in contenders]
        repeats = {worker: worker.ask("calibrate", BUSY_CPU_SECONDS, 1) for worker in able}
        busy_cpu = BusyCpu(usable_cpus()[-1])
        quiet, busy = ({worker.name: [] for worker in able} for _ in range(2))
        try:
            for _ in range(rounds):
                for worker in able:
                    quiet[worker.name].append(worker.ask("turn", repeats[worker]))
                    with busy_cpu:
                        busy[worker.name].append(worker.ask("turn", repeats[worker]))
        finally:
            busy_cpu.close()
        return {"quiet": quiet, "busy": busy, "refused": refused}
