"""The solver "lbfgs": SciPy's L-BFGS-B on the native loss and gradients of all examples."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.utils.optimize import _check_optimize_result

from deepnet.activations import Array
from deepnet.backends import answered
from deepnet.network import Network
from deepnet.plan import Plan

from ._epochs import warn
from ._recipe import Objective
from ._sparse import is_sparse, loss_and_grads


def minimise(
    net: Network, examples: tuple[Any, ...], plan: Plan, scale: float, threads: int, options: dict[str, Any]
) -> Any:
    """Train `net` until SciPy stops; return its result, which is of the loss divided by `scale`."""
    parameters = list(net.parameters.values())
    engine: Any
    engine, prepared = net._engine_for(plan)

    def assign(vector: Array) -> None:
        start = 0
        for p in parameters:
            p[...] = vector[start : start + p.size].reshape(p.shape)
            start += p.size

    def loss_and_gradient(vector: Array) -> tuple[float, Array]:
        assign(vector)
        if is_sparse(examples[0]):
            X, Y, weights = examples[:3]
            value, grads = loss_and_grads(net, X, Y, weights, plan, threads)
        else:
            value, grads = answered(engine.loss_and_grads(*examples[:3], prepared, net.input_scale, threads))
        gradient = np.concatenate([g.ravel() for g in grads]).astype(np.float64)
        return value / scale, gradient / scale

    begin = np.concatenate([p.ravel() for p in parameters]).astype(np.float64)
    result = minimize(loss_and_gradient, begin, method="L-BFGS-B", jac=True, options=options)
    assign(result.x)
    return result


def fit(
    estimator: Any, net: Network, examples: tuple[Any, ...], plan: Plan, objective: Objective, threads: int
) -> None:
    """Train the network of an estimator; record loss_ and n_iter_."""
    options = {"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol}
    result = minimise(net, examples, plan, objective.scale, threads, options)
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        estimator.n_iter_ = _check_optimize_result("lbfgs", result, estimator.max_iter)
    for warning in given:
        warn(str(warning.message), warning.category)
    penalty = 0.0
    if objective.penalty_share:
        weight = examples[1].shape[1] if examples[2] is None else float(examples[2].sum())
        squares = sum(float(np.vdot(W, W)) for W in list(net.parameters.values())[::2])
        penalty = estimator.alpha / 2 / weight * squares
    estimator.loss_ = objective.reported(float(result.fun) * objective.scale, penalty)
