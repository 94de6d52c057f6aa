"""Compare training and prediction with bfloat16: deepnet, its own float32, PyTorch and onnxruntime.

    python benchmarks/bfloat16.py [--net wide mid ...] [--threads 1] [--rounds 9] [--smoke]

Each contender runs in a process of its own, in turns, and its answers are checked before it is timed. The
table has times in ms and, as medians and quartiles over the rounds, how many times as long as deepnet with
bfloat16 the others take.
"""

import argparse
import sys

import numpy as np

from processes import DEEPNET, Workers, usable_cpus
from tasks import NETS, Task

OWN = "deepnet_bfloat16"
STEPS = (DEEPNET, OWN, "torch_autocast", "torch_autocast_compiled", "torch_pure_bfloat16")
PREDICTIONS = (DEEPNET, OWN, "onnx_runtime")
# At least so many times as fast, on one thread with AMX: as autocast, the faster way, and as own float32.
GOALS = {"wide": (2.2, 4.5), "mid": (2.5, 4.0), "mnist": (3.0, 2.5), "tabular": (4.0, 2.0)}
PREDICTED = "wide", 4096
GOAL_OF_PREDICTION = 2.0  # as fast as onnxruntime


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", nargs="*", choices=NETS, default=list(GOALS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.1, help="approximate length of a turn")
    parser.add_argument("--smoke", action="store_true", help="only check that everything runs")
    options = parser.parse_args()
    if options.smoke:
        options.net, options.rounds, options.seconds = ["tiny"], 2, 0.005
    return options


def compare(part, contenders, task, options):
    """Return seconds per repeat of each contender by round, in the order of the contenders' names."""
    with Workers(contenders, usable_cpus()[-options.threads :]) as workers:
        for contender, reason in workers.absent.items():
            print(f"without {contender}: {reason}", file=sys.stderr)
        # As in compare_libraries.py: the fixed cost of a call counts as much as in a short training run.
        least = 10 if part == "bfloat16_steps" else 1
        measured = workers.compare(part, task, options.rounds, options.seconds, least=least)
    for name, reason in measured["refused"].items():
        print(f"without {name}: {reason}", file=sys.stderr)
    return measured["seconds"]


def table(title, seconds, goals):
    own = np.array(seconds["deepnet, bfloat16"])
    print(f"\n{title}\n\n| | ms | times deepnet's, bfloat16 | quartiles | goal |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, taken in seconds.items():
        low, median, high = np.quantile(np.array(taken) / own, [0.25, 0.5, 0.75])
        goal = goals.get(name, "")
        print(f"| {name} | {1000 * np.median(taken):.3g} | {median:.2f} | {low:.2f} to {high:.2f} | {goal} |")


def main():
    options = arguments()
    for net in options.net:
        task = Task(net, NETS[net][1], "float32", options.threads)
        autocast, float32 = GOALS.get(net, ("", ""))
        goals = {"deepnet": float32, "PyTorch, autocast": autocast, "torch.compile, autocast": autocast}
        units = "-".join(map(str, task.units))
        title = f"A training step of {net}, {units} ({task.m}), {options.threads} thread(s)"
        table(title, compare("bfloat16_steps", STEPS, task, options), goals)
    net, m = ("tiny", 32) if options.smoke else PREDICTED
    seconds = compare("bfloat16_predict", PREDICTIONS, Task(net, m, "float32", options.threads), options)
    table(f"Prediction of {m} rows of {net}", seconds, {"onnxruntime": GOAL_OF_PREDICTION})


if __name__ == "__main__":
    main()
