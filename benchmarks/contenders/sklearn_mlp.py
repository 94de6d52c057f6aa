"""scikit-learn's MLPClassifier with plain gradient descent: one fit of many iterations.

fit with warm_start continues from the current parameters and checks its input once; partial_fit would check
it in every iteration.
"""

import warnings

import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from tasks import Job

NAME = "scikit-learn"


def versions():
    return {"scikit-learn": sklearn.__version__}


def job(X, Y, parameters, units, learning_rate, batch, shuffle):
    model = MLPClassifier(
        units[1:-1],
        solver="sgd",
        learning_rate_init=learning_rate,
        momentum=0,
        nesterovs_momentum=False,
        alpha=0,
        batch_size=batch,
        shuffle=shuffle,
        tol=0,
        n_iter_no_change=2**62,  # iterations without improvement are counted across calls
        warm_start=True,
        random_state=1,
    )
    labels = Y.ravel().astype(int)
    model.partial_fit(X, labels, classes=[0, 1])  # creates the arrays, which are then replaced
    layers = range(1, len(units))
    model.coefs_ = [np.ascontiguousarray(parameters[f"W{l}"].T) for l in layers]
    model.intercepts_ = [parameters[f"b{l}"][:, 0].copy() for l in layers]

    def run(n):
        before = len(model.loss_curve_)
        model.set_params(max_iter=n)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, labels)
        if len(model.loss_curve_) != before + n:
            raise AssertionError(
                f"scikit-learn stopped after {len(model.loss_curve_) - before} of {n} epochs"
            )

    def result():
        weights = {f"W{l}": model.coefs_[l - 1].T.copy() for l in layers}
        return weights | {f"b{l}": model.intercepts_[l - 1][:, None].copy() for l in layers}

    return Job(run, result)


def steps(task):
    X, Y, parameters = task.data()
    X = np.ascontiguousarray(X.T)
    return job(X, Y, parameters, task.units, task.learning_rate, task.m, shuffle=False)


def fit(task):
    X, Y = task.table()
    if X.dtype == np.uint8:
        X = X.astype(np.float32) / 255
    return job(X, Y, task.parameters(), task.units, task.learning_rate, task.batch, shuffle=True)
