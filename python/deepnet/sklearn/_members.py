"""Estimators of several networks: how they are trained side by side, and what is averaged."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.model_selection import KFold, StratifiedKFold

from deepnet.activations import Array
from deepnet.network import History
from deepnet.network.training import Training
from deepnet.threads import get_num_threads

from ._data import Data, Validation, taken
from ._lbfgs import side_by_side
from ._resuming import Start, random_numbers

# Yields the networks to train, once, and takes their histories.
Learning = Generator[list[Training], list[History], None]


def check(estimator: Any) -> None:
    """Refuse settings that do not go together."""
    if estimator.bagging is not None and estimator.n_estimators == 1:
        raise ValueError(
            f"bagging is {estimator.bagging!r}, which needs two networks or more, but n_estimators is 1"
        )
    if estimator.n_estimators > 1 and getattr(estimator, "_skl_callbacks", None):
        raise ValueError(
            f"scikit-learn's callbacks follow one network, but n_estimators is {estimator.n_estimators}: "
            "use the parameter callbacks"
        )


def learn(
    estimator: Any,
    data: Data,
    rows: Array | None,
    y: Any,
    validation: Validation | None,
    rng: Any,
    incremental: bool,
) -> Learning:
    """Fit every network; `y` has the targets of `rows`, and the estimator has learnt their kind."""
    count = estimator.n_estimators
    members = vars(estimator).get("estimators_", [])
    if not members:
        members = [type(estimator)() for _ in range(count)]
    elif len(members) != count:
        raise ValueError(
            f"n_estimators is {count}, but the last fit was of {len(members)} networks, with which "
            "warm_start and partial_fit go on"
        )
    seeds = rng.randint(2**31 - 1, size=count)
    folds = None if estimator.bagging is None else _folds(estimator, y, rng)
    of_one = {"n_estimators": 1, "bagging": None, "verbose": False}
    settings = estimator.get_params(deep=False) | of_one
    with ExitStack() as stack:
        learnings = list[Learning]()
        for i, (member, seed) in enumerate(zip(members, map(int, seeds), strict=True)):
            stack.enter_context(member._all_or_nothing())
            vars(member).update(settings | {"random_state": seed})
            member._take_columns_of(estimator)
            member._take_kind_of(estimator)
            part = rows if folds is None else _among(rows, folds[i][0])
            own = Start(random_numbers(seed))
            learnings.append(member._learn_one(data, part, validation, own, incremental))
        trainings = [next(learning) for learning in learnings]
        histories = yield [training for of_member in trainings for training in of_member]
        rest = iter(histories)
        of_members = [[next(rest) for _ in of_member] for of_member in trainings]
        ends = [
            partial(end, learning, of_member)
            for learning, of_member in zip(learnings, of_members, strict=True)
        ]
        threads = get_num_threads() if estimator.n_threads is None else int(estimator.n_threads)
        for i, error in enumerate(side_by_side(ends, 1 if histories else threads)):
            if isinstance(error, FloatingPointError):
                raise FloatingPointError(f"estimators_[{i}]: {error}") from None
            if error is not None:
                raise error
    estimator.estimators_ = members
    _summarise(estimator, members)
    if folds is not None:
        estimator.oof_ = _out_of_fold(estimator, data, rows, [test for _, test in folds])


def end(learning: Learning, histories: list[History]) -> None:
    """Give a fit the histories of its networks, and let it end."""
    with suppress(StopIteration):
        learning.send(histories)


def _among(rows: Array | None, places: Array) -> Array:
    """Return the rows at some places of `rows`."""
    return places if rows is None else rows[places]


def _folds(estimator: Any, y: Any, rng: Any) -> list[tuple[Array, Array]]:
    """Return the rows of each network and those that it leaves out; classes are divided evenly."""
    count, rows = estimator.n_estimators, y.shape[0]
    if rows < count:
        raise ValueError(
            f"n_estimators is {count}, but bagging={estimator.bagging!r} needs as many rows, and X has "
            f"n_samples = {rows}"
        )
    kind = StratifiedKFold if is_classifier(estimator) and np.ndim(y) == 1 else KFold
    return list(kind(count, shuffle=True, random_state=rng).split(np.zeros(rows), y))


def _summarise(estimator: Any, members: list[Any]) -> None:
    """Give the estimator those fitted attributes that several networks have together."""
    first = members[0]
    for name in ("n_layers_", "n_outputs_", "out_activation_"):
        setattr(estimator, name, getattr(first, name))
    estimator.n_iter_ = max(member.n_iter_ for member in members)
    estimator.loss_ = float(np.mean([member.loss_ for member in members]))
    if hasattr(first, "stopped_"):
        estimator.t_ = sum(member.t_ for member in members)
        estimator.stopped_ = all(member.stopped_ for member in members)


def _out_of_fold(estimator: Any, data: Data, rows: Array | None, left_out: list[Array]) -> Array:
    """Return for each row what the network without it predicts."""
    answers = [
        estimator._answer(member._response(taken(data.X, _among(rows, test))))
        for member, test in zip(estimator.estimators_, left_out, strict=True)
    ]
    joined = np.concatenate(answers)
    result: Array = np.empty_like(joined)
    result[np.concatenate(left_out)] = joined
    return result


def mean(members: list[Any], X: Any) -> Array:
    """Return the mean of what the networks say about each row, (m, n_L)."""
    total: Array = members[0]._response(X).astype(np.float64)
    for member in members[1:]:
        total += member._response(X)
    return total / len(members)


ONE_NETWORK = "return_std=True needs several networks, but n_estimators was 1 in fit"


def spread(members: list[Any], X: Any) -> Array:
    """Return the standard deviation of what the networks say about each row, (m, n_L)."""
    deviation: Array = np.std([member._response(X) for member in members], axis=0, dtype=np.float64)
    return deviation
