"""The solver "lbfgs": SciPy's L-BFGS-B on the native loss and gradients of all examples."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from deepnet.activations import Array
from deepnet.backends import answered
from deepnet.network import Network
from deepnet.plan import Plan

from ._epochs import warn
from ._recipe import Objective

_stopped: ContextVar[threading.Event | None] = ContextVar("stopped", default=None)


def side_by_side(calls: Sequence[Callable[[], object]], threads: int) -> list[Exception | None]:
    """Call functions that train by :func:`minimise`, each on one thread; return the error of each, or None.

    Within such a function, further ones are called one after another. Ctrl-C ends all of them.
    """
    if len(calls) < 2 or threads < 2 or _stopped.get() is not None:
        return [_error_of(call) for call in calls]
    stopped = threading.Event()
    token = _stopped.set(stopped)
    with ThreadPoolExecutor(min(threads, len(calls))) as pool:
        try:
            futures = [pool.submit(copy_context().run, _error_of, call) for call in calls]
            return [future.result() for future in futures]
        except BaseException:
            stopped.set()
            raise
        finally:
            _stopped.reset(token)


def _error_of(call: Callable[[], object]) -> Exception | None:
    try:
        call()
    except Exception as error:
        return error
    return None


def minimise(
    net: Network, examples: tuple[Any, ...], plan: Plan, scale: float, threads: int, options: dict[str, Any]
) -> Any:
    """Train `net` until SciPy stops; return its result, which is of the loss divided by `scale`."""
    stopped = _stopped.get()
    threads = threads if stopped is None else 1
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
        if stopped is not None and stopped.is_set():
            raise KeyboardInterrupt
        value, grads = answered(engine.loss_and_grads(*examples[:3], prepared, net.input_scale, threads))
        gradient = np.concatenate([g.ravel() for g in grads.values()]).astype(np.float64)
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
    estimator.n_iter_ = min(result.nit, estimator.max_iter)  # SciPy's count may be one more
    if result.status != 0:
        warn(
            f"lbfgs failed to converge after {result.nit} iteration(s): {result.message}. More iterations "
            f"(max_iter={estimator.max_iter}) or scaled columns may help",
            ConvergenceWarning,
        )
    penalty = 0.0
    if objective.penalty_share:
        weight = examples[1].shape[1] if examples[2] is None else float(examples[2].sum())
        squares = sum(float(np.vdot(W, W)) for W in list(net.parameters.values())[::2])
        penalty = estimator.alpha / 2 / weight * squares
    estimator.loss_ = objective.reported(float(result.fun) * objective.scale, penalty)
