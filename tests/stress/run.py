"""Runs the stress tests and prints their counts; fails unless every fault is counted 0.

    python tests/stress/run.py [--short] [topic ...]

Each topic is a module, whose plan is a list of child processes to run, since some faults end a process.
"""

import argparse
import importlib
import os
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from children import FAULTS

TOPICS = (
    "forks",
    "snapshots",
    "memory_limits",
    "allocations",
    "damaged_files",
    "kills",
    "starts",
    "leaks",
    "thread_limits",
)
OTHERS = ("fuzz", "ranks", "soak")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "topics",
        nargs="*",
        metavar="topic",
        help=f"default: {' '.join(TOPICS)}; there are also {' and '.join(OTHERS)}",
    )
    parser.add_argument("--short", action="store_true", help="a small part of the trials, in a minute or two")
    arguments = parser.parse_args()
    if unknown := set(arguments.topics) - {*TOPICS, *OTHERS}:
        parser.error(f"unknown topics: {' '.join(sorted(unknown))}")
    print(
        f"{'':<14} {'trials':>7}",
        *(f"{fault:>{len(fault) + 1}}" for fault in FAULTS),
        "  outcomes",
        flush=True,
    )
    faults, examples, started = 0, [], time.monotonic()
    for topic in arguments.topics or TOPICS:
        total, notes = Counter(), Counter()
        plan = importlib.import_module(topic).plan(arguments.short)
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            for result in pool.map(lambda child: child(), plan):
                total.update(result["counts"])
                notes.update(result["outcomes"])
                examples += [f"{topic}: {example}" for example in result["examples"]]
        faults += sum(total[fault] for fault in FAULTS)
        outcomes = ", ".join(f"{count} {note}" for note, count in notes.most_common())
        cells = (f"{total[fault]:>{len(fault) + 1}}" for fault in FAULTS)
        print(f"{topic:<14} {total['trials']:>7}", *cells, f"  {outcomes}", flush=True)
    print(f"{faults} faults in {time.monotonic() - started:.0f} s")
    for example in examples[:20]:
        print(f"--- {example}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
