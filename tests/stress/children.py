"""Child processes that run a part of the trials, and what is counted of them."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
FAULTS = ("crashes", "aborts", "hangs", "foreign exceptions", "lost files", "wrong results")
HANGS = 1200  # seconds; far more than any part takes, but a soak


class Result:
    """What a part counts: its trials, faults with an example of each, and other outcomes."""

    def __init__(self):
        self.counts, self.outcomes, self.examples = Counter(), Counter(), []

    def trial(self, outcome=None):
        self.counts["trials"] += 1
        if outcome:
            self.outcomes[outcome] += 1

    def fault(self, kind, example):
        assert kind in FAULTS
        self.counts[kind] += 1
        if len(self.examples) < 5:
            self.examples.append(f"{kind}: {example}")

    def ended(self, code, text):
        """Count a process that ended by a signal, which is a negative code, or by an exception."""
        if code:
            kind = "foreign exceptions" if code > 0 else "aborts" if code == -signal.SIGABRT else "crashes"
            self.fault(kind, f"exit code {code}: {text}")


def run_child(module, function, *arguments, preload=None, limit=HANGS):
    """Call a function of a module of this folder in a new process; it takes a Result before its arguments.

    A process that takes longer than `limit` seconds is counted as a hang.
    """
    program = (
        f"import json, sys, children, {module}\nresult = children.Result()\n"
        f"{module}.{function}(result, *json.loads(sys.argv[1]))\nprint(json.dumps(vars(result)))"
    )
    variables = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]),
        "OPENBLAS_NUM_THREADS": "1",
    }
    if preload:
        variables["LD_PRELOAD"] = str(preload)
    result = Result()
    try:
        ended = subprocess.run(
            [sys.executable, "-X", "faulthandler", "-c", program, json.dumps(arguments)],
            env=variables,
            capture_output=True,
            text=True,
            timeout=limit,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        result.fault("hangs", f"{module}.{function}{arguments} took over {limit} s")
        return vars(result)
    if ended.returncode == 0:
        return json.loads(ended.stdout.splitlines()[-1])
    result.ended(ended.returncode, f"{module}.{function}{arguments}\n{ended.stderr[-2000:]}")
    return vars(result)


def room():
    """A folder for files that are written a thousand times: in memory, where the system has such a place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
