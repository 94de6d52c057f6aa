"""Training steps through the step-by-step functions, deepnet against the NumPy lecture code.

Both contenders run the same step on the same data in turns, in one process and on one thread; first their
answers are compared. What is reported is the ratio of each pair of rounds: its median, and the quartiles as
the spread.

    python benchmarks/step_by_step.py [--rounds 41] [--net tabular ...]
"""

import argparse
import os
import sys
import time

# Both slow a current OpenBLAS down where they are set; NumPy reads them as it is imported.
os.environ.pop("OPENBLAS_CORETYPE", None)
os.environ.pop("OPENBLAS_L2_SIZE", None)

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

import deepnet
from contenders import deepnet_steps, numpy_lecture

# name: units of each layer, examples, and the ratio that must be reached
NETS = {
    "tiny": ([8, 32, 16, 1], 32, 5.0),
    "rl": ([17, 64, 64, 1], 64, 2.5),
    "tabular": ([64, 256, 256, 1], 256, 1.5),
    "mid": ([512, 512, 512, 512, 1], 256, 1.25),
    "bigbatch": ([100, 100, 100, 1], 10000, 1.5),
    "cat": ([12288, 20, 7, 5, 1], 209, 1.8),
}
TOLERANCE = {np.float32: 1e-4, np.float64: 1e-11}  # of the largest entry of each gradient


def make_task(layer_dims, m, dtype):
    """Random data and He-scaled parameters of one net."""
    rng = np.random.default_rng(1)
    parameters = {}
    for l in range(1, len(layer_dims)):
        W = rng.standard_normal((layer_dims[l], layer_dims[l - 1])) * np.sqrt(2 / layer_dims[l - 1])
        parameters[f"W{l}"] = W.astype(dtype)
        parameters[f"b{l}"] = np.zeros((layer_dims[l], 1), dtype)
    X = rng.standard_normal((layer_dims[0], m)).astype(dtype)
    Y = (rng.random((layer_dims[-1], m)) < 0.5).astype(dtype)
    return X, Y, parameters


def check(task, dtype):
    """Both contenders must give the same gradients, or nothing is timed."""
    X, Y, parameters = task
    _, expected = numpy_lecture.step(X, Y, parameters, 0.01)
    _, grads = deepnet_steps.step(X, Y, parameters, 0.01)
    for name, value in expected.items():
        error = np.abs(grads[name] - value).max() / np.abs(value).max()
        if not error < TOLERANCE[dtype]:
            sys.exit(f"{name} differs by {error:.1e}: not timed")


def seconds(step, task, repeats):
    """Mean time of one step over some repeats, each on the parameters that the one before made."""
    X, Y, parameters = task
    start = time.perf_counter()
    for _ in range(repeats):
        parameters, _ = step(X, Y, parameters, 1e-6)
    return (time.perf_counter() - start) / repeats


def compare(task, rounds):
    """Times of both contenders, round by round in turns."""
    once = seconds(numpy_lecture.step, task, 2)
    repeats = max(1, int(0.1 / once))
    seconds(deepnet_steps.step, task, repeats)
    pairs = []
    for _ in range(rounds):
        pairs.append((seconds(numpy_lecture.step, task, repeats), seconds(deepnet_steps.step, task, repeats)))
    return np.array(pairs)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--net", nargs="*", choices=NETS, default=list(NETS))
    options = parser.parse_args()

    config = deepnet.backends.native.config()
    blas = ", ".join(f"{pool['internal_api']} {pool.get('architecture', '')}" for pool in threadpool_info())
    print(
        f"deepnet {config['version']} ({config['isa']}) and NumPy {np.__version__} ({blas}), one thread each;"
    )
    print(f"median of {options.rounds} interleaved rounds [quartiles]\n")
    print("| net | dtype | NumPy lecture code | deepnet | times faster | wanted |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    with threadpool_limits(1), np.errstate(all="ignore"):
        for name in options.net:
            layer_dims, m, wanted = NETS[name]
            for dtype in (np.float32, np.float64):
                task = make_task(layer_dims, m, dtype)
                check(task, dtype)
                pairs = compare(task, options.rounds)
                low, ratio, high = np.percentile(pairs[:, 0] / pairs[:, 1], [25, 50, 75])
                numpy_time, deepnet_time = np.median(pairs, axis=0) * 1e6
                net = f"{name} {'-'.join(map(str, layer_dims))} ({m})"
                times = f"{numpy_time:.1f} us | {deepnet_time:.1f} us"
                ratios = f"{ratio:.2f} [{low:.2f}, {high:.2f}] | {wanted}"
                print(f"| {net} | {dtype.__name__} | {times} | {ratios} |", flush=True)


if __name__ == "__main__":
    main()
