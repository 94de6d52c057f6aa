"""What Adam, penalties and dropout cost deepnet, relative to a step of plain gradient descent.

    python benchmarks/recipe_cost.py [--threads 1 2] [--rounds 15]

The steps run in turns, in one process, after their answers were checked. Prints the median and the quartiles.
"""

import argparse
import time

import numpy as np

import check_answers
from contenders import deepnet_network
from report import spread, threads_of
from tasks import RECIPES, RecipeTask

STEPS = 30  # per turn, about 30 ms


def seconds(job):
    begin = time.perf_counter()
    job.run(STEPS)
    return (time.perf_counter() - begin) / STEPS


def ratios(threads, rounds):
    """For each recipe, its time divided by that of plain gradient descent, in every round."""
    jobs = {}
    for recipe in RECIPES:
        task = RecipeTask(recipe, threads)
        jobs[recipe] = deepnet_network.recipes(task)
        jobs[recipe].run(1)
        check_answers.check("recipes", task, jobs[recipe].result())
    sgd, *others = jobs
    found = {recipe: [] for recipe in others}
    for _ in range(rounds):
        for recipe in others:
            before, took, after = (seconds(jobs[name]) for name in (sgd, recipe, sgd))
            found[recipe].append(took / np.mean([before, after]))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    for threads in options.threads:
        for recipe, values in ratios(threads, options.rounds).items():
            print(f"{threads_of(threads)}, {recipe}: {spread(values)} times a step of SGD")


if __name__ == "__main__":
    main()
