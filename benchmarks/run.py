"""deepnet beside every library that is installed: training, predictions, neighbours, memory.

    python benchmarks/run.py [--part steps fit ...] [--net mnist ...] [--json FILE] [--report FILE.md]

Each contender works in a process of its own, on as many CPUs as threads (the last ones of those that this
process may use: `taskset -c 3 python benchmarks/run.py` for one), in turns. Answers are checked first
(judge.py), and a wrong one ends the run.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import busy_neighbour
import chart
import report
from crew import CONTENDERS, DEEPNET, Crew
from machine import describe_machine, usable_cpus
from tasks import FITS, NETS, RECIPES, FitTask, RecipeTask, Task

PREDICTIONS = [("rl", 1), ("rl", 64), *((net, m) for net in ("mnist", "mid") for m in (1, 64, 4096))]
CALLS = ("tiny", "rl")
STEPS_OF_A_RUN = 10  # at least: what a call of fit does once counts as it does in a short training run
NEIGHBOURED = ("tabular", "mid")


def steps(crew, options, threads):
    """Training with one batch again and again: deepnet.fit and what comes nearest to it elsewhere."""
    for dtype in options.dtype:
        for net in options.net:
            task = Task(net, NETS[net][1], dtype, threads)
            measured = crew.compare(
                "steps", task, options.rounds, options.seconds, least=STEPS_OF_A_RUN, with_peak=True
            )
            yield {"net": net, "m": task.m, "dtype": dtype, "flops": task.flops_of_step} | measured


def predict(crew, options, threads):
    for net, m in PREDICTIONS[: 1 if options.smoke else None]:
        task = Task(net, m, "float32", threads)
        measured = crew.compare("predict", task, options.rounds, options.seconds, with_peak=True)
        yield {"net": net, "m": m, "dtype": "float32", "flops": task.flops_of_prediction} | measured


def calls(crew, options, threads):
    """One update per call from Python, for those who own the loop."""
    for net in CALLS[: 1 if options.smoke else None]:
        task = Task(net, NETS[net][1], "float32", threads)
        yield {"net": net, "m": task.m, "dtype": "float32"} | crew.compare(
            "calls", task, options.rounds, options.seconds
        )


def recipes(crew, options, threads):
    """Steps with an optimizer that remembers, penalties and dropout, beside plain gradient descent."""
    for recipe in list(RECIPES)[-1 if options.smoke else 0 :]:
        task = RecipeTask(recipe, threads)
        measured = crew.compare("recipes", task, options.rounds, options.seconds, least=STEPS_OF_A_RUN)
        yield {"net": "classes", "m": task.m, "data": recipe} | measured


def fit(crew, options, threads):
    """Whole epochs of shuffled mini-batches; a turn is one epoch at least, so fewer rounds do."""
    for name in list(FITS)[-1 if options.smoke else 0 :]:
        task = FitTask(name, threads)
        measured = crew.compare("fit", task, max(3, options.rounds // 3), options.seconds)
        yield {"net": FITS[name][0], "data": name, "m": task.batch, "batches": task.batches} | measured


def neighbour(crew, options, threads):
    """Two threads of which one shares its core; with one thread there is nothing to share."""
    if threads < 2 or options.smoke:
        return
    for net in NEIGHBOURED:
        task = Task(net, NETS[net][1], "float32", threads)
        yield {"net": net, "m": task.m} | busy_neighbour.compare(crew, task, max(5, options.rounds // 2))


PARTS = {part.__name__: part for part in (steps, recipes, predict, calls, fit, neighbour)}


def memory(options):
    """A process of its own, that what came before does not count."""
    script = Path(__file__).with_name("memory.py")
    command = [sys.executable, script, "--gigabytes", "0.05" if options.smoke else "4"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def measure(options):
    cpus = usable_cpus()
    results = {"machine": describe_machine(), "versions": {}, "absent": {}, "rounds": options.rounds}
    results |= {part: [] for part in PARTS}
    for threads in options.threads:
        if threads > len(cpus):
            print(f"{threads} threads: left out, {len(cpus)} CPU may be used", file=sys.stderr)
            continue
        with Crew(options.contender, cpus[-threads:]) as crew:
            for worker in crew.workers:
                results["versions"] |= worker.versions
            results["absent"] |= crew.absent
            for part in (part for part in PARTS if part in options.part):
                for row in PARTS[part](crew, options, threads):
                    results[part].append({"threads": threads} | row)
                    print(report.progress(part, results[part][-1]), file=sys.stderr, flush=True)
    if "memory" in options.part:
        results["memory"] = memory(options)
    return results


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    everything = [*PARTS, "memory"]
    parser.add_argument("--part", nargs="+", choices=everything, default=everything)
    parser.add_argument("--net", nargs="+", choices=NETS, default=list(NETS), help="of the training steps")
    parser.add_argument("--dtype", nargs="+", choices=("float32", "float64"), default=["float32", "float64"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--contender", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.03, help="of a turn, about")
    parser.add_argument("--smoke", action="store_true", help="only whether everything runs")
    parser.add_argument("--json", type=Path, help="where every round goes")
    parser.add_argument("--report", type=Path, help="where the tables go, and a chart to images/ beside it")
    options = parser.parse_args()
    if options.smoke:
        options.net, options.threads, options.rounds, options.seconds = ["tiny"], [1], 3, 0.005
    options.contender = [DEEPNET, *(name for name in options.contender if name != DEEPNET)]
    return options


def main():
    """Measure, print the report, and write what was asked for."""
    # Both slow a current OpenBLAS down where they are set, and every process that is started inherits them.
    os.environ.pop("OPENBLAS_CORETYPE", None)
    os.environ.pop("OPENBLAS_L2_SIZE", None)
    options = arguments()
    results = measure(options)
    print(report.markdown(results))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(results, indent=1))
    if options.report:
        report.write(results, options.report)
        if results["steps"]:
            chart.draw(results, options.report.parent / "images" / "performance.png")


if __name__ == "__main__":
    main()
