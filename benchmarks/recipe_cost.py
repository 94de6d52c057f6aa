"""What an optimizer, penalties and dropout cost deepnet: steps of each recipe in turns with plain ones.

python benchmarks/recipe_cost.py [--threads 1 2] [--rounds 15]
"""

import argparse
import time

import numpy as np

import judge
from contenders import deepnet_fit
from report import spread
from tasks import RECIPES, RecipeTask

STEPS = 30  # of a turn: some 30 ms


def seconds(job):
    begin = time.perf_counter()
    job.run(STEPS)
    return (time.perf_counter() - begin) / STEPS


def ratios(threads, rounds):
    """How many times a plain step each recipe's takes, round by round; answers are checked beforehand."""
    jobs = {}
    for recipe in RECIPES:
        task = RecipeTask(recipe, threads)
        jobs[recipe] = deepnet_fit.recipes(task)
        jobs[recipe].run(1)
        judge.check("recipes", task, jobs[recipe].result())
    plain, *others = jobs
    found = {recipe: [] for recipe in others}
    for _ in range(rounds):
        for recipe in others:
            found[recipe].append(
                seconds(jobs[recipe]) / np.mean([seconds(jobs[plain]), seconds(jobs[plain])])
            )
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    for threads in options.threads:
        for recipe, values in ratios(threads, options.rounds).items():
            print(f"{threads} thread{'s' * (threads > 1)}, {recipe}: {spread(values)} times a step of SGD")


if __name__ == "__main__":
    main()
