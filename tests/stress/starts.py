"""The command `deepnet`: interrupted at random moments, and started with little memory."""

import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial

from children import run_child

COMMAND = [sys.executable, "-m", "deepnet_command"]
PARTS = 4


def plan(short):
    interrupts, limits = (5, 2) if short else (50, 13)
    return [
        *(partial(run_child, "starts", "interrupted", interrupts, seed) for seed in range(PARTS)),
        *(partial(run_child, "starts", "in_little_memory", limits, part) for part in range(2)),
    ]


def interrupted(result, times, seed):
    """Ctrl-C within the first second: exit code 130 and no traceback from the command's first line on."""
    draw = random.Random(seed)
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            process = subprocess.Popen(
                [*COMMAND, "demo", "--epochs", "1000000"],
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
            time.sleep(draw.uniform(0, 1))
            process.send_signal(signal.SIGINT)
            errors = process.communicate()[1]
            left = os.listdir(folder)
        result.trial()
        if process.returncode == 130 and "Traceback" not in errors:
            result.outcomes["exit code 130"] += 1
        elif "deepnet_command" not in errors:
            result.outcomes["ended by Python, which was still starting"] += 1
        else:
            result.ended(process.returncode, errors[-1000:])
        if left:
            result.fault("lost files", f"{left} are left behind")


def in_little_memory(result, limits, part):
    """From 24 MB of addresses to 2 GB: the command works, or ends with one line and exit code 2."""
    for number in range(limits):
        size = int(24 * 2**20 * (2 * 2**30 / (24 * 2**20)) ** ((number + part / 2) / limits))
        for arguments in (["info"], ["demo", "--epochs", "1"]):
            with tempfile.TemporaryDirectory() as folder:
                ended = subprocess.run(
                    [*COMMAND, *arguments],
                    cwd=folder,
                    capture_output=True,
                    text=True,
                    preexec_fn=lambda size=size: resource.setrlimit(resource.RLIMIT_AS, (size, size)),
                )
            lines = ended.stderr.count("\n")
            if (ended.returncode, lines) in ((0, 0), (2, 1)):
                result.trial("done" if ended.returncode == 0 else "refused in one line")
            else:
                result.trial()
                code = ended.returncode or 1
                result.ended(code, f"{arguments} with {size} bytes: {ended.stderr[-1000:]}")
