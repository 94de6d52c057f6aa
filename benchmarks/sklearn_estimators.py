"""fit and predict_proba of deepnet.sklearn against scikit-learn's MLPClassifier, in turns, on one thread.

    python benchmarks/sklearn_estimators.py --rounds 5

First, both must score the same: over several splits, the mean accuracies differ by less than two standard
errors of the differences. Then each line has the ratio of the medians: scikit-learn's time over ours.
--cpu-time counts the time of the processor, which other programs disturb less.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
import warnings
from functools import partial

import numpy as np
from sklearn import neural_network as theirs
from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import deepnet.sklearn as ours

HIDDEN = (100,), (64, 64), (256, 256)
WANTED = {(100,): 8, (64, 64): 8, (256, 256): 4}


def problems():
    X, y = load_digits(return_X_y=True)
    yield "digits", X, y, 10
    yield (
        "20,000 x 50, 5 classes",
        *make_classification(20_000, 50, n_informative=20, n_classes=5, random_state=0),
        2,
    )


def same_scores(X, y, seeds):
    """Return the mean accuracies, and the difference in standard errors."""
    scores = []
    for seed in range(seeds):
        X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed, stratify=y)
        scaler = StandardScaler().fit(X_train)
        X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
        models = (kind.MLPClassifier(random_state=seed, max_iter=30) for kind in (theirs, ours))
        scores.append([model.fit(X_train, y_train).score(X_test, y_test) for model in models])
    differences = np.diff(scores, axis=1)
    error = max(differences.std(ddof=1) / np.sqrt(seeds), 1e-4)
    return np.mean(scores, axis=0), float(differences.mean() / error)


def interleaved(calls, rounds, clock):
    """Return the median times of several functions, called in turn."""
    times = [[] for _ in calls]
    for _ in range(rounds):
        for call, of_call in zip(calls, times, strict=True):
            begin = clock()
            call()
            of_call.append(clock() - begin)
    return [statistics.median(of_call) for of_call in times]


def repeated(call, count):
    return lambda: [call() for _ in range(count)]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=10, help="splits for the comparison of scores")
    parser.add_argument("--cpu-time", action="store_true")
    arguments = parser.parse_args()
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    warnings.simplefilter("ignore", ConvergenceWarning)
    bad = False
    for name, X, y, epochs in problems():
        if arguments.seeds > 1:
            means, errors = same_scores(X, y, arguments.seeds)
            bad |= abs(errors) >= 2
            print(
                f"{name}: accuracy {means[0]:.4f} and {means[1]:.4f}, {errors:+.1f} standard errors",
                flush=True,
            )
        X = StandardScaler().fit_transform(X)
        for hidden in HIDDEN:
            settings = {"hidden_layer_sizes": hidden, "max_iter": epochs, "random_state": 0}
            a, b = theirs.MLPClassifier(**settings), ours.MLPClassifier(**settings, n_threads=1)
            calls = [partial(model.fit, X, y) for model in (a, b)]
            before, after = interleaved(calls, arguments.rounds, clock)
            print(
                f"  fit, hidden {hidden}: {1e3 * before / epochs:.2f} and {1e3 * after / epochs:.2f} ms "
                f"per epoch: {before / after:.1f}x (wanted: {WANTED[hidden]}x)",
                flush=True,
            )
        if name != "digits":
            continue
        a, b = theirs.MLPClassifier(max_iter=3), ours.MLPClassifier(max_iter=3, n_threads=1)
        for model in (a, b):
            model.fit(X, y)
        for rows, count, wanted in (1, 300, 20), (10_000, 2, 3):
            table = np.resize(X, (rows, X.shape[1]))
            calls = [repeated(partial(model.predict_proba, table), count) for model in (a, b)]
            before, after = interleaved(calls, arguments.rounds, clock)
            print(
                f"  predict_proba, {rows:,} rows: {1e6 * before / count:.0f} and {1e6 * after / count:.0f} "
                f"us: {before / after:.1f}x (wanted: {wanted}x)",
                flush=True,
            )
    return bad


if __name__ == "__main__":
    with threadpool_limits(1):
        sys.exit(main())
