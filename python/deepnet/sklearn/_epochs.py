"""The look at a network after each epoch: whether training stops, its rate, which weights are best."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from importlib.util import find_spec
from typing import Any

import numpy as np

from deepnet.activations import Array
from deepnet.backends import shuffle
from deepnet.network import History, Network

from ._recipe import Objective

# What an epoch changes of an estimator.
_RECORD = (
    *("n_iter_", "t_", "loss_", "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"),
    *("_best", "_rate", "_no_improvement_count"),
)


class AfterEachEpoch:
    """A callback that keeps an estimator's record as scikit-learn's MLPs do, and stops training by its rules.

    Parameters
    ----------
    estimator
        Its fitted attributes are updated.
    objective : Objective
    examples, batches : int
        Of an epoch.
    score : callable, optional
        Returns the score of the validation examples.
    announce : callable or None
        Takes the lines that scikit-learn prints.
    """

    of_all_ranks = True  # where several processes train

    def __init__(
        self,
        estimator: Any,
        objective: Objective,
        examples: int,
        batches: int,
        score: Callable[[], float] | None,
        announce: Callable[[str], object] | None,
    ) -> None:
        self.estimator, self.objective = estimator, objective
        self.examples, self.batches = examples, batches
        self.score, self.announce = score, announce
        self.stopped, self.seen = False, 0

    def get_state(self, net: Network) -> dict[str, Any]:
        """Return the estimator's record and what the stopping rules remember, for a checkpoint."""
        record = {name: getattr(self.estimator, name) for name in _RECORD}
        return {"record": record, "stopped": self.stopped, "seen": self.seen}

    def set_state(self, net: Network, state: dict[str, Any]) -> None:
        """Go on from what `get_state` returned."""
        for name in _RECORD:
            setattr(self.estimator, name, state["record"][name])
        self.stopped, self.seen = state["stopped"], state["seen"]

    def epochs_until_look(self) -> int:
        """Return how many epochs may pass before one that may be the last or change the learning rate."""
        e = self.estimator
        changes = e.optimizer is None and e.solver == "sgd" and e.learning_rate == "invscaling"
        if self.score is not None or self.announce is not None or self.objective.penalty_share or changes:
            return 1
        return int(min(e.n_iter_no_change - e._no_improvement_count, 2**20)) + 1

    def __call__(self, net: Network, history: History) -> bool:
        """Record the epochs since the last call; True ends the run."""
        for loss in history.loss[self.seen :]:
            self._record(net, history, loss)
        self.seen = history.epochs
        return self.stopped

    def _record(self, net: Network, history: History, loss: float) -> None:
        e = self.estimator
        e.n_iter_ += 1
        e.t_ += self.examples
        e.loss_ = self.objective.reported(loss, self._penalty(net))
        e.loss_curve_.append(e.loss_)
        self._say(f"Iteration {e.n_iter_}, loss = {e.loss_:.8f}")
        if self.score is not None:
            self._validate(net, history, self.score())
        if not e.early_stopping:
            self._count(e.loss_ > e.best_loss_ - e.tol)
            e.best_loss_ = min(e.best_loss_, e.loss_)
        rate = self._next_rate()
        if rate != e._rate:  # only of the solver "sgd"
            e._rate = rate
            history.learning_rate = rate / self.objective.scale

    def _penalty(self, net: Network) -> float:
        """The mean penalty of the epoch's batches, for losses that do not contain it as scikit-learn's do."""
        if self.objective.penalty_share == 0 or self.estimator.alpha == 0:
            return 0.0
        squares = sum(float(np.vdot(W, W)) for W in list(net.parameters.values())[::2])
        return float(self.estimator.alpha) / 2 * squares * self.batches / self.examples

    def _validate(self, net: Network, history: History, score: float) -> None:
        e = self.estimator
        e.validation_scores_.append(score)
        history.validation_metrics.setdefault("score", []).append(score)
        self._say(f"Validation score: {score:f}")
        if e.early_stopping:
            self._count(np.isnan(score) or score < e.best_validation_score_ + e.tol)
        if score > e.best_validation_score_:
            e.best_validation_score_ = score
            if e.early_stopping:
                e._best = [p.copy() for p in net.parameters.values()]

    def _count(self, no_better: bool) -> None:
        self.estimator._no_improvement_count = self.estimator._no_improvement_count + 1 if no_better else 0

    def _next_rate(self) -> float:
        """Return the rate of the next epoch, after a decision whether there is one."""
        e, rate = self.estimator, float(self.estimator._rate)
        by_schedule = e.optimizer is None and e.solver == "sgd"
        if by_schedule and e.learning_rate == "invscaling":
            rate = float(e.learning_rate_init) / (e.t_ + 1) ** e.power_t
        if e._no_improvement_count <= e.n_iter_no_change:
            return rate
        what = "Validation score" if e.early_stopping else "Training loss"
        message = (
            f"{what} did not improve more than tol={e.tol:f} for {e.n_iter_no_change} consecutive epochs."
        )
        if by_schedule and e.learning_rate == "adaptive" and rate > 1e-6:
            e._no_improvement_count = 0
            self._say(f"{message} Setting learning rate to {rate / 5:f}")
            return rate / 5
        too_small = " Learning rate too small." if by_schedule and e.learning_rate == "adaptive" else ""
        self._say(f"{message}{too_small} Stopping.")
        self.stopped = True
        return rate

    def _say(self, line: str) -> None:
        if self.announce is not None:
            self.announce(line)


class each_warning_once:
    """Give each warning of :func:`warn` once, however many networks it is of.

    Those of other threads in the same context, which do not know the caller, are given at the end.
    """

    def __init__(self) -> None:
        self.seen, self.late = set[str](), list[tuple[str, type[Warning]]]()
        self.thread = threading.get_ident()

    def __enter__(self) -> None:
        self._token = _given.set(_given.get() or self)

    def __exit__(self, *_: object) -> None:
        _given.reset(self._token)
        for message, category in self.late:
            warn(message, category)


_given: ContextVar[each_warning_once | None] = ContextVar("given", default=None)


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line that called deepnet or scikit-learn."""
    given = _given.get()
    if given is not None:
        if message in given.seen:
            return
        given.seen.add(message)
        if threading.get_ident() != given.thread:
            given.late.append((message, category))
            return
    frame: Any = sys._getframe(1)
    level = 2
    while frame.f_back is not None and frame.f_globals["__name__"].split(".")[0] in ("deepnet", "sklearn"):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def has_bar(verbose: bool | int) -> bool:
    """Return whether training shows a progress bar: if asked for, and if `rich` is installed."""
    return bool(verbose) and find_spec("rich") is not None


def warn_of_no_convergence(max_iter: int) -> None:
    """Warn that the last epoch was not the end."""
    from sklearn.exceptions import ConvergenceWarning

    warn(
        f"Stochastic Optimizer: Maximum iterations ({max_iter}) reached and the optimization "
        "hasn't converged yet.",
        ConvergenceWarning,
    )


class Orders:
    """The order of the examples in each epoch: shuffled as in scikit-learn, with the same random numbers."""

    def __init__(self, examples: Array, rng: Any | None) -> None:
        self._examples, self._rng = examples.astype(np.uint32), rng  # a copy

    def __call__(self, epochs: int) -> Array:
        """Return the numbers of the examples of the next epochs, one row each."""
        rows = np.empty((epochs, len(self._examples)), np.uint32)
        for row in rows:
            self.skip(1)
            row[...] = self._examples
        return rows

    def skip(self, epochs: int) -> None:
        """Shuffle as for so many epochs, which are done already."""
        if self._rng is not None:
            for _ in range(epochs):
                shuffle(self._rng, self._examples)
