"""Compare training steps through the course's functions: deepnet and the course's NumPy code.

    python benchmarks/step_by_step.py [--rounds 41] [--net tabular ...] [--readme README.md]

Both run the same step on the same data in turns, in one process and on one thread, after a comparison of
their gradients. Prints each measurement (median times; median ratio and its quartiles), then the table of
README.md. With --readme it also writes the table into that file; without, it lists the rows that differ.
"""

import argparse
import os
import sys
import time
from pathlib import Path

# Both slow a current OpenBLAS down; NumPy reads them when it is imported.
os.environ.pop("OPENBLAS_CORETYPE", None)
os.environ.pop("OPENBLAS_L2_SIZE", None)

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

import deepnet
from compare_libraries import cpu_model
from contenders import numpy_lecture
from report import duration, spread, table_lines
from tasks import NETS, Task

NETWORKS = ("tiny", "rl", "tabular", "mid", "bigbatch", "cat")
DTYPES = ("float32", "float64")
TOLERANCE = {"float32": 1e-4, "float64": 1e-11}  # relative to the largest entry of each gradient
RATE = 1e-6  # so small that any number of steps leaves the network much as it was
HEAD = [["network (examples)", *DTYPES], ["---", "---:", "---:"]]
BEGIN = "<!-- The table is written by: python benchmarks/step_by_step.py --readme README.md -->\n"
END = "\n<!-- end of the table -->"


def step(X, Y, parameters, learning_rate):
    """One training step through deepnet's functions, like numpy_lecture.step."""
    AL, caches = deepnet.L_model_forward(X, parameters)
    grads = deepnet.L_model_backward(AL, Y, caches)
    return deepnet.update_parameters(parameters, grads, learning_rate), grads


def check(data, dtype):
    """Exit unless both give the same gradients and parameters."""
    new, grads = step(*data, RATE)
    expected_new, expected_grads = numpy_lecture.step(*data, RATE)
    for found, expected in ((new, expected_new), (grads, expected_grads)):
        for name, value in expected.items():
            error = np.abs(found[name] - value).max() / np.abs(value).max()
            if not error < TOLERANCE[dtype]:
                sys.exit(f"{name} differs by {error:.1e}: not timed")


def seconds(step_function, data, repeats):
    """Mean processor time of a step, each on the parameters that the previous one returned.

    Everything runs on this thread, and other processes affect processor time less than elapsed time.
    """
    X, Y, parameters = data
    start = time.process_time()
    for _ in range(repeats):
        parameters, _ = step_function(X, Y, parameters, RATE)
    return (time.process_time() - start) / repeats


def compare(data, rounds):
    """Seconds per step of NumPy and of deepnet, one pair per round."""
    repeats = max(1, int(0.1 / seconds(numpy_lecture.step, data, 2)))
    seconds(step, data, repeats)  # warm up
    return np.array(
        [[seconds(function, data, repeats) for function in (numpy_lecture.step, step)] for _ in range(rounds)]
    )


def setting(rounds):
    """One line about the machine and the measurement."""
    config = deepnet.backends.native.config()
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    blas = ", ".join(f"{pool['internal_api']} {pool.get('architecture', '')}" for pool in pools)
    versions = f"deepnet {config['version']} ({config['isa']}), NumPy {np.__version__} ({blas})"
    return f"Medians of {rounds} rounds in turns (processor time), on {cpu_model()} with {versions}."


def measure(nets, rounds):
    """Print the measurements, with quartiles; return the rows of the README's table."""
    print("| network (examples) | dtype | NumPy lecture code | deepnet | times faster |")
    print("| --- | --- | ---: | ---: | ---: |")
    rows = []
    for net in nets:
        units, m = NETS[net]
        row = [f"{'-'.join(map(str, units))} ({m})"]
        for dtype in DTYPES:
            data = Task(net, m, dtype, threads=1).data()
            check(data, dtype)
            times = compare(data, rounds)
            ratios = times[:, 0] / times[:, 1]
            medians = [duration(median) for median in np.median(times, axis=0)]
            print(table_lines([[row[0], dtype, *medians, spread(ratios)]]), flush=True)
            row.append(f"{np.median(ratios):.1f}x")
        rows.append(row)
    return rows


def split_at_table(path):
    """The text before the table, its rows, and the text after it."""
    before, _, rest = path.read_text().partition(BEGIN)
    table, found, after = rest.partition(END)
    if not found:
        sys.exit(f"{path} has no table between the lines {BEGIN.strip()!r} and {END.strip()!r}")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return before, rows[len(HEAD) :], after


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--net", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--readme", type=Path, help="write the table into this file")
    options = parser.parse_args()
    if options.readme and tuple(options.net) != NETWORKS:
        parser.error("--readme needs all networks")

    readme = options.readme or Path(__file__).resolve().parents[1] / "README.md"
    before, old_rows, after = split_at_table(readme)
    with threadpool_limits(1), np.errstate(all="ignore"):
        rows = measure(options.net, options.rounds)
    table = table_lines([*HEAD, *rows]) + f"\n\n{setting(options.rounds)}"
    print(f"\n{table}\n")
    if options.readme:
        readme.write_text(before + BEGIN + table + END + after)
        return
    old = {row[0]: row for row in old_rows}
    for row in rows:
        if row[0] not in old:
            sys.exit(f"{readme.name} has no row for {row[0]}: run this with --readme {readme.name}")
        if row != old[row[0]]:
            print(f"{readme.name} has {' | '.join(old[row[0]])}; here {' | '.join(row)}")


if __name__ == "__main__":
    main()
