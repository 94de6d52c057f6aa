"""One estimator with several settings on several folds: all trained side by side on one table, and scored."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from numbers import Number
from traceback import format_exception
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection._validation import _score
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params, _num_samples

from deepnet._validation.arrays import a
from deepnet.activations import Array
from deepnet.distributed.together import dealt
from deepnet.network import History
from deepnet.network.many import train_many
from deepnet.network.training import Training
from deepnet.threads import get_num_threads

from ._epochs import each_warning_once
from ._estimator import Estimator
from ._lbfgs import side_by_side
from ._members import Learning, end

PER_THREAD = (
    4  # networks of other tables are added until each thread has so many: the last of them waits little
)


@dataclass
class Fit:
    """One setting on one fold."""

    estimator: Any  # one of ours, or a pipeline that ends with one
    train: Array
    test: Array
    error: Exception | None = None
    seconds: float = 0.0
    learning: Learning | None = None
    trainings: list[Training] = field(default_factory=list)

    @property
    def net(self) -> Any:
        """The estimator of networks."""
        return self.estimator[-1] if isinstance(self.estimator, Pipeline) else self.estimator


@dataclass
class Scoring:
    """How fits are scored, and what counts where one fails."""

    scorer: Any
    params: Mapping[str, Any]  # of the scorer
    error_score: Any
    on_train: bool
    keep: bool  # the estimators

    @property
    def kept_errors(self) -> Any:
        """Of fits: those that do not end the others."""
        return () if self.error_score == "raise" else Exception

    def of(self, fit: Fit, X: Any, y: Any) -> dict[str, Any]:
        """Return the scores of a fit that has ended, as scikit-learn's `_fit_and_score` does."""
        result: dict[str, Any] = {"fit_error": None, "fit_time": fit.seconds, "score_time": 0.0}
        if fit.error is not None:
            result["fit_error"] = "".join(format_exception(fit.error))
            names = self.scorer._scorers if isinstance(self.scorer, _MultimetricScorer) else None
            failed = self.error_score if names is None else dict.fromkeys(names, self.error_score)
            result["test_scores"] = result["train_scores"] = failed
        else:
            begin = time.perf_counter()
            result["test_scores"] = self._of_rows(fit, X, y, fit.test)
            result["score_time"] = time.perf_counter() - begin
            if self.on_train:
                result["train_scores"] = self._of_rows(fit, X, y, fit.train)
        if not self.on_train:
            result.pop("train_scores", None)
        if self.keep:
            result["estimator"] = fit.estimator
        return result

    def _of_rows(self, fit: Fit, X: Any, y: Any, rows: Array) -> Any:
        params = _check_method_params(X, params=self.params, indices=rows)
        part = _safe_split(fit.estimator, X, y, rows)
        return _score(fit.estimator, *part, self.scorer, params, self.error_score)


def fit_and_score(
    estimator: Any,
    candidates: Sequence[Mapping[str, Any]],
    folds: Sequence[tuple[Array, Array]],
    X: Any,
    y: Any,
    fit_params: Mapping[str, Any],
    scoring: Scoring,
    threads: Any,
    progress: bool,
    comm: Any = None,
) -> list[dict[str, Any]]:
    """Return the results for each candidate, and for each fold within a candidate.

    The ranks of `comm` divide the fits.
    """
    pairs = [(settings, i) for settings in candidates for i in range(len(folds))]
    rest = estimator, pairs, folds, X, y, fit_params, scoring
    if comm is None or comm.size == 1:
        return _of_pairs(*rest, threads, progress)
    shown = progress and comm.rank == 0

    def of_rank(own: list[int], count: int) -> list[dict[str, Any]]:
        return _of_pairs(estimator, [pairs[i] for i in own], *rest[2:], count, shown)

    return dealt(comm, len(pairs), of_rank, threads or 0)


def _of_pairs(
    estimator: Any,
    pairs: Sequence[tuple[Mapping[str, Any], int]],
    folds: Sequence[tuple[Array, Array]],
    X: Any,
    y: Any,
    fit_params: Mapping[str, Any],
    scoring: Scoring,
    threads: Any,
    progress: bool,
) -> list[dict[str, Any]]:
    """Return the results of pairs of settings and the number of a fold."""
    error_score = scoring.error_score
    if error_score != "raise" and not isinstance(error_score, Number):
        raise ValueError(f"error_score is {error_score!r}, but must be 'raise' or a number")
    fits, tables = list[Fit](), dict[Any, list[Fit]]()
    numbers = np.arange(_num_samples(X), dtype=np.uint32 if _num_samples(X) < 2**32 else np.int64)
    folds = [(numbers[np.asarray(train)], numbers[np.asarray(test)]) for train, test in folds]
    for settings, i in pairs:
        one = clone(estimator).set_params(**clone(dict(settings), safe=False))
        check(one)
        fits.append(Fit(one, *folds[i]))
        key: tuple[Any, ...] = (type(fits[-1].net),)
        if not fits[-1].net._one_table:
            key = (len(fits),)
        elif isinstance(one, Pipeline) and len(one) > 1:
            key += (i, *_of_transformers(one, settings))
        tables.setdefault(key, []).append(fits[-1])
    weights = _sample_weight(estimator, fit_params)
    count = get_num_threads() if threads is None else threads
    results = dict[int, dict[str, Any]]()
    with each_warning_once():
        for part in _parts(list(tables.values()), PER_THREAD * count):
            _train(part, X, y, weights, scoring.kept_errors, count, progress)
            results |= {id(fit): scoring.of(fit, X, y) for of_table in part for fit in of_table}
            for fit in [fit for of_table in part for fit in of_table]:
                fit.estimator = None  # it has been scored
    return [results[id(fit)] for fit in fits]


def check(estimator: Any) -> None:
    """Refuse an estimator that cannot be trained side by side with others."""
    net = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    if not isinstance(net, Estimator):
        where = "a pipeline that ends with " if isinstance(estimator, Pipeline) else ""
        raise TypeError(
            f"estimator is {where}{a(net)}, but must be an estimator of deepnet.sklearn, or a pipeline that "
            "ends with one: others are for GridSearchCV and cross_validate of sklearn.model_selection"
        )


def _of_transformers(pipeline: Pipeline, settings: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield those settings that change more than the last step."""
    last = pipeline.steps[-1][0]
    for name, value in sorted(settings.items()):
        if name.partition("__")[0] != last:
            yield name, id(value)  # the grid keeps the values alive, and repeats the same ones


def _sample_weight(estimator: Any, params: Mapping[str, Any]) -> Any:
    """Return the sample weights among the parameters of fit, or None; raise a TypeError for any other."""
    names = ["sample_weight"]
    if isinstance(estimator, Pipeline):
        names.append(f"{estimator.steps[-1][0]}__sample_weight")
    for name in params:
        if name not in names:
            raise TypeError(f"{name} was given for fit, which takes {' or '.join(names)} only")
    return next((params[name] for name in names if params.get(name) is not None), None)


def _parts(tables: list[list[Fit]], enough: int) -> Iterator[list[list[Fit]]]:
    """Yield the tables in groups that have enough networks each: few copies of the data exist at a time."""
    part, count = list[list[Fit]](), 0
    for of_table in tables:
        part.append(of_table)
        count += sum(fit.net.n_estimators for fit in of_table)
        if count >= enough:
            yield part
            part, count = [], 0
    if part:
        yield part


def _train(
    tables: list[list[Fit]], X: Any, y: Any, weights: Any, kept: Any, threads: int, progress: bool
) -> None:
    fits = [fit for of_table in tables for fit in of_table]
    try:
        for of_table in tables:
            _prepare(of_table, X, y, weights, kept, threads)
        trainings = [training for fit in fits for training in fit.trainings]
        tolerated = kept or tuple({error for fit in fits for error in fit.net._tolerated})
        histories = iter(train_many(trainings, progress, threads, tolerated))
        begun = [fit for fit in fits if fit.learning is not None]
        ends = [partial(_end, fit, [next(histories) for _ in fit.trainings]) for fit in begun]
        for fit, error in zip(begun, side_by_side(ends, threads), strict=True):
            if error is not None and not isinstance(error, kept):
                raise error
            fit.error = error
    finally:
        for fit in fits:
            if fit.learning is not None:
                fit.learning.close()
            fit.learning, fit.trainings = None, []


def _end(fit: Fit, histories: list[History]) -> None:
    begin = time.perf_counter()
    try:
        end(fit.learning, histories)  # type: ignore[arg-type]  # it has begun
    finally:
        fit.seconds += time.perf_counter() - begin + sum(sum(history.seconds) for history in histories)


def _prepare(fits: list[Fit], X: Any, y: Any, weights: Any, kept: Any, threads: int) -> None:
    """Read the table that these fits have in common, and begin each."""
    begin, first = time.perf_counter(), fits[0]
    whole = first.net._one_table and (not isinstance(first.estimator, Pipeline) or len(first.estimator) == 1)
    steps: list[Any] = []
    try:
        if not whole:
            X, y = _safe_split(first.estimator, X, y, first.train)
            weights = None if weights is None else _safe_indexing(weights, first.train)
        if isinstance(first.estimator, Pipeline) and len(first.estimator) > 1:
            head = first.estimator[:-1]
            X, steps = head.fit_transform(X, y), head.steps
        data = first.net._data_for_all(X, y, weights)
        data.threads = threads
    except kept as error:
        if whole:
            raise  # the fault is in the table
        for fit in fits:
            fit.error = error
        return
    of_table = time.perf_counter() - begin
    for fit in fits:
        begin = time.perf_counter()
        if steps:
            fit.estimator.steps = [*steps, fit.estimator.steps[-1]]
        try:
            fit.net._validate_params()
            learning = fit.net._learn_from(data, fit.train if whole else None)
            fit.trainings, fit.learning = next(learning), learning
        except kept as error:
            fit.error = error
        fit.seconds = time.perf_counter() - begin + (0.0 if whole else of_table)
