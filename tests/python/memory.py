"""Programs that look at their own memory."""

import subprocess
import sys

KILOBYTES = """
import resource, sys
import numpy as np
import deepnet

def kilobytes(what):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(what + ":"))
"""


def run(program, *arguments):
    ended = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
