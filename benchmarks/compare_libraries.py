"""Compare deepnet with the other libraries that are installed: training, prediction, a busy CPU, memory.

    python benchmarks/compare_libraries.py [--part steps fit ...] [--net mnist ...] [--report FILE.md]

Each contender runs in a process of its own, in turns, on as many CPUs as threads: the last ones that this
process may use (`taskset -c 3 python benchmarks/compare_libraries.py` chooses one). Answers are checked
before anything is timed, and a wrong answer ends the run.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import report
from processes import CONTENDERS, DEEPNET, Workers, usable_cpus
from tasks import CLASSES, FITS, NETS, RECIPES, FitTask, RecipeTask, Task

PREDICTIONS = [("rl", 1), ("rl", 64), *((net, m) for net in ("mnist", "mid") for m in (1, 64, 4096))]
CALLS = ("tiny", "rl")
LEAST_STEPS = 10  # per run: the fixed cost of a call counts as much as in a short training run
BESIDE_BUSY_CPU = ("tabular", "mid")


def steps(workers, options, threads):
    """Training steps on the same batch: deepnet's fit, and the closest equivalent elsewhere."""
    for dtype in options.dtype:
        for net in options.net:
            task = Task(net, NETS[net][1], dtype, threads)
            measured = workers.compare(
                "steps", task, options.rounds, options.seconds, least=LEAST_STEPS, with_peak=True
            )
            yield {"net": net, "m": task.m, "dtype": dtype, "flops": task.flops_of_step} | measured


def recipes(workers, options, threads):
    """Training steps with Adam, penalties and dropout, and with plain gradient descent."""
    tasks = [RecipeTask(recipe, threads) for recipe in RECIPES]
    tasks += [RecipeTask("Adam", threads, net) for net in CLASSES if net != "classes"]
    for task in tasks[-1 if options.smoke else 0 :]:
        measured = workers.compare("recipes", task, options.rounds, options.seconds, least=LEAST_STEPS)
        yield {"net": task.net, "m": task.m, "data": task.recipe} | measured


def predict(workers, options, threads):
    for net, m in PREDICTIONS[: 1 if options.smoke else None]:
        task = Task(net, m, "float32", threads)
        measured = workers.compare("predict", task, options.rounds, options.seconds, with_peak=True)
        yield {"net": net, "m": m, "dtype": "float32", "flops": task.flops_of_prediction} | measured


def calls(workers, options, threads):
    """One update per call from Python, as in a custom training loop."""
    for net in CALLS[: 1 if options.smoke else None]:
        task = Task(net, NETS[net][1], "float32", threads)
        measured = workers.compare("calls", task, options.rounds, options.seconds)
        yield {"net": net, "m": task.m, "dtype": "float32"} | measured


def fit(workers, options, threads):
    """Whole epochs of shuffled mini-batches. A turn takes at least one epoch, so fewer rounds suffice."""
    for name in list(FITS)[-1 if options.smoke else 0 :]:
        task = FitTask(name, threads)
        measured = workers.compare("fit", task, max(3, options.rounds // 3), options.seconds)
        yield {"net": FITS[name][0], "data": name, "m": task.batch, "batches": task.batches} | measured


def busy_cpu(workers, options, threads):
    """Two threads, one of which shares its CPU with a process that spins."""
    if threads < 2 or options.smoke:
        return
    for net in BESIDE_BUSY_CPU:
        task = Task(net, NETS[net][1], "float32", threads)
        contenders, rounds = (DEEPNET, "torch_eager"), max(5, options.rounds // 2)
        yield {"net": net, "m": task.m} | workers.compare_beside_busy_cpu(task, contenders, rounds)


PARTS = {part.__name__: part for part in (steps, recipes, predict, calls, fit, busy_cpu)}


def memory(options):
    """Measured in a process of its own, so that earlier parts do not count."""
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
            print(f"skipped {threads} threads: this process may use {len(cpus)} CPU(s)", file=sys.stderr)
            continue
        with Workers(options.contender, cpus[-threads:]) as workers:
            for worker in workers.workers:
                results["versions"] |= worker.versions
            results["absent"] |= workers.absent
            for part in (part for part in PARTS if part in options.part):
                for row in PARTS[part](workers, options, threads):
                    results[part].append({"threads": threads} | row)
                    print(report.progress(part, results[part][-1]), file=sys.stderr, flush=True)
    if "memory" in options.part:
        results["memory"] = memory(options)
    return results


def describe_machine():
    return {
        "cpu": cpu_model(),
        "cpus": os.cpu_count(),
        "used": usable_cpus(),
        "caches": _caches(),
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "python": platform.python_version(),
    }


def cpu_model():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown")


def _caches():
    """Data caches as Linux lists them, for example ["L1 48K", "L2 2048K", "L3 30720K"]."""
    found = []
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind, level, size = ((folder / name).read_text().strip() for name in ("type", "level", "size"))
        if kind != "Instruction":
            found.append(f"L{level} {size}")
    return found


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    everything = [*PARTS, "memory"]
    parser.add_argument("--part", nargs="+", choices=everything, default=everything)
    parser.add_argument("--net", nargs="+", choices=NETS, default=list(NETS), help="for the training steps")
    parser.add_argument("--dtype", nargs="+", choices=("float32", "float64"), default=["float32", "float64"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--contender", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.03, help="approximate length of a turn")
    parser.add_argument("--smoke", action="store_true", help="only check that everything runs")
    parser.add_argument("--json", type=Path, help="write every round to this file")
    parser.add_argument("--report", type=Path, help="write the tables here, and a chart to images/ beside it")
    options = parser.parse_args()
    if options.smoke:
        options.net, options.threads, options.rounds, options.seconds = ["tiny"], [1], 3, 0.005
    options.contender = [DEEPNET, *(name for name in options.contender if name != DEEPNET)]
    return options


def main():
    """Measure, print the report, and write the requested files."""
    options = arguments()
    results = measure(options)
    print(report.markdown(results))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(results, indent=1))
    if options.report:
        report.write(results, options.report)


if __name__ == "__main__":
    main()
