"""deepnet.sklearn against scikit-learn: fit and predict_proba of the MLPClassifiers, and the grid searches.

    python benchmarks/sklearn_estimators.py [--rounds 7] [--search-rounds 3] [--sparse-rounds 5] [--smoke]

GridSearch must have the scores of GridSearchCV with the same estimator, bit by bit; sklearn_scores.py
compares the scores of the estimators. A sparse table must give the same losses. Then both are timed in turns:
fit and predict_proba on one thread each, the searches on two, the sparse table on one and on two. Each line
has the median and the quartiles of the ratios of a round, scikit-learn's time over ours, and the goal.
"""

from __future__ import annotations

import argparse
import time
import warnings
from functools import partial

import numpy as np
from scipy import sparse
from sklearn import neural_network as theirs
from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import deepnet.sklearn as ours
from report import duration, spread

GOALS = {(100,): 8, (64, 64): 8, (256, 256): 4}  # of fit, by hidden layers
ROWS = {1: (300, 20), 10_000: (2, 3)}  # of predict_proba: calls in a row, and the goal
GRID = {"hidden_layer_sizes": [(32,), (64,), (100,), (64, 64)], "alpha": [1e-4, 1e-2, 1.0]}
SEARCH_GOAL = 12
SPARSE_GOAL = 3  # of fit


def problems():
    """Yield name, X, y and the epochs to time."""
    X, y = load_digits(return_X_y=True)
    yield "digits", X, y, 10
    X, y = make_classification(20_000, 50, n_informative=20, n_classes=5, random_state=0)
    yield "20,000 x 50, 5 classes", X, y, 2


def texts(documents, terms):
    """Return a CSR table like TF-IDF's, some 100 terms a document by Zipf's law, and its four classes."""
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, terms + 1)
    rows = [np.unique(rng.choice(terms, 150, p=shares / shares.sum())) for _ in range(documents)]
    ends = np.cumsum([0, *map(len, rows)])
    table = sparse.csr_matrix((rng.random(ends[-1]), np.concatenate(rows), ends), (documents, terms))
    return table, rng.integers(0, 4, documents)


# --- answers ------------------------------------------------------------------------------------------------


def same_search(X, y, epochs):
    """Stop unless the scores of every candidate and fold are equal."""
    model = ours.MLPClassifier(max_iter=epochs, random_state=0)
    found, expected = (
        search(model, GRID, refit=False).fit(X, y).cv_results_ for search in (ours.GridSearch, GridSearchCV)
    )
    for fold in range(5):
        np.testing.assert_array_equal(found[f"split{fold}_test_score"], expected[f"split{fold}_test_score"])


def same_losses(X, y):
    """Stop unless both learn the same from a sparse table."""
    models = (kind.MLPClassifier(max_iter=2, random_state=0) for kind in (theirs, ours))
    expected, found = (model.fit(X, y).loss_curve_ for model in models)
    np.testing.assert_allclose(found, expected, rtol=1e-3)  # float32 against float64


# --- times --------------------------------------------------------------------------------------------------


def in_turns(calls, rounds, clock=time.perf_counter):
    """Return the times of several functions, one row for each."""
    times = np.empty((len(calls), rounds))
    for i in range(rounds):
        for call, of_call in zip(calls, times, strict=True):
            begin = clock()
            call()
            of_call[i] = clock() - begin
    return times


def report(what, times, goal, per=1):
    before, after = (duration(median / per) for median in np.median(times, axis=1))
    print(
        f"  {what}: {before} and {after}, {spread(times[0] / times[1])} times as fast (goal: {goal})",
        flush=True,
    )


def repeated(call, count):
    return lambda: [call() for _ in range(count)]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7, help="of dense tables; 0 leaves them out")
    parser.add_argument("--search-rounds", type=int, default=3, help="0 leaves the searches out")
    parser.add_argument("--sparse-rounds", type=int, default=5, help="0 leaves the sparse table out")
    parser.add_argument("--cpu-time", action="store_true", help="of fit and predict_proba: less disturbed")
    parser.add_argument("--smoke", action="store_true", help="only whether it runs")
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.rounds, arguments.search_rounds, arguments.sparse_rounds = 1, 1, 1
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    warnings.simplefilter("ignore", ConvergenceWarning)
    if arguments.rounds:
        time_dense(arguments, clock)
    if arguments.search_rounds:
        time_searches(arguments)
    if arguments.sparse_rounds:
        time_sparse(arguments, clock)


def time_dense(arguments, clock):
    for name, X, y, epochs in problems():
        print(f"{name}, one thread each:")
        X = StandardScaler().fit_transform(X)
        for hidden, goal in GOALS.items():
            settings = {"hidden_layer_sizes": hidden, "max_iter": epochs, "random_state": 0}
            models = theirs.MLPClassifier(**settings), ours.MLPClassifier(**settings, n_threads=1)
            times = in_turns([partial(model.fit, X, y) for model in models], arguments.rounds, clock)
            report(f"an epoch of fit, hidden {hidden}", times, goal, epochs)
    X, y = load_digits(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    models = theirs.MLPClassifier(max_iter=3).fit(X, y), ours.MLPClassifier(max_iter=3, n_threads=1).fit(X, y)
    for rows, (count, goal) in ROWS.items():
        table = np.resize(X, (rows, X.shape[1]))
        calls = [repeated(partial(model.predict_proba, table), count) for model in models]
        report(f"predict_proba of {rows:,} rows", in_turns(calls, arguments.rounds, clock), goal, count)


def time_searches(arguments):
    X, y = load_digits(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    epochs = 2 if arguments.smoke else 200
    same_search(X, y, epochs)
    settings = {"max_iter": epochs, "random_state": 0}
    searches = (
        GridSearchCV(theirs.MLPClassifier(**settings), GRID, n_jobs=2),
        ours.GridSearch(ours.MLPClassifier(**settings), GRID, n_threads=2),
    )
    times = in_turns([partial(search.fit, X, y) for search in searches], arguments.search_rounds)
    print("digits, two processes and two threads:")
    report("a search over 12 candidates and 5 folds, with refit", times, SEARCH_GOAL)


def time_sparse(arguments, clock):
    documents, terms, epochs = (400, 2_000, 1) if arguments.smoke else (8_000, 31_000, 3)
    X, y = texts(documents, terms)
    same_losses(X, y)
    for threads in 1, 2:
        settings = {"max_iter": epochs, "random_state": 0}
        models = theirs.MLPClassifier(**settings), ours.MLPClassifier(**settings, n_threads=threads)
        with threadpool_limits(threads):
            times = in_turns([partial(model.fit, X, y) for model in models], arguments.sparse_rounds, clock)
        print(f"a sparse table, {documents:,} x {terms:,}, threads {threads}:")
        report("an epoch of fit, hidden (100,)", times, SPARSE_GOAL, epochs)


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
