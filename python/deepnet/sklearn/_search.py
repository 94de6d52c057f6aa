"""Cross-validation and grid search: all candidates and folds are trained side by side."""

from __future__ import annotations

import time
from collections.abc import Mapping
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context, clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection import GridSearchCV, ParameterGrid, check_cv
from sklearn.model_selection._validation import (
    _aggregate_score_dicts,
    _insert_error_scores,
    _normalize_score_results,
    _warn_or_raise_about_fit_failures,
)
from sklearn.utils import Bunch, indexable
from sklearn.utils._param_validation import Interval
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import _check_method_params

from deepnet._arguments import advised
from deepnet._validation import options as option

from . import _ranks
from ._epochs import has_bar
from ._estimator import Parameters
from ._labels import check_cells
from ._many_fits import Scoring, check, fit_and_score
from ._reading import check_are_data
from ._scoring import warn_of_two_classes

_NOT_OURS = ("n_jobs", "pre_dispatch")


class GridSearch(Parameters, GridSearchCV):
    """A search for the best parameters that trains all candidates on all folds side by side.

    It has the parameters and results of scikit-learn's GridSearchCV, with `n_threads` in place of `n_jobs`.
    All networks are trained in this process, those of an MLP on one copy of the data, each on one thread, so
    that no process needs to be started and no thread waits for another.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor or Pipeline
        A pipeline must end with one of the four. Its transformers are fitted once for each fold and each of
        their settings; before a tabular estimator, once for each fit.
    param_grid : dict of list, or list of such dicts
        The values to try of each parameter.
    scoring : str, callable, list, tuple or dict, optional
        One scorer or several; ``estimator.score`` by default.
    n_threads : int, optional
        The most networks trained at once; :func:`deepnet.get_num_threads` by default. The estimator's own
        `n_threads` is for the refit.
    refit : bool, str or callable
        Fit the best candidate to all rows: with several scorers the name of the one that decides, or a
        function of `cv_results_` that returns the best index.
    cv : int, splitter or iterable, optional
        The folds; 5 by default, stratified for a classifier.
    verbose : int
        Above 0: show a progress bar, if `rich` is installed.
    error_score : "raise" or float
        The score where a fit fails, for example since its loss becomes nan; the others go on, and a
        FitFailedWarning says so.
    return_train_score : bool
        Also score the rows that were trained on.
    comm : deepnet.distributed.Communicator, optional
        Its ranks divide the fits of the search, and each gets all results; every rank gives the same rows and
        grid. The best candidate is fitted to all rows by each rank.

    Attributes
    ----------
    cv_results_ : dict of ndarray
        As in scikit-learn. Fit times are those of the network on its thread.
    best_estimator_, best_score_, best_params_, best_index_, scorer_, n_splits_, refit_time_, multimetric_
        As in scikit-learn.

    Raises
    ------
    TypeError
        From `fit`, for other estimators: ``estimator is a LogisticRegression, but must be an estimator of
        deepnet.sklearn, or a pipeline that ends with one: ...``.
    ValueError
        From `fit`, if the table or the grid does not fit.

    Notes
    -----
    Scores are those of GridSearchCV with the same estimator, to the last bit, if its `random_state` is an
    int. Of a pipeline and of the tabular estimators, the transformed rows of a few folds exist at a time.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from deepnet.sklearn import GridSearch, MLPClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), MLPClassifier(max_iter=1000, random_state=0))
    >>> grid = {"mlpclassifier__hidden_layer_sizes": [(10,), (50,)], "mlpclassifier__alpha": [1e-4, 1.0]}
    >>> search = GridSearch(model, grid).fit(X, y)
    >>> bool(search.best_score_ > 0.95)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **{key: rule for key, rule in GridSearchCV._parameter_constraints.items() if key not in _NOT_OURS},
        "n_threads": [None, Interval(Integral, 1, option.MOST_THREADS, closed="both")],
        "comm": "no_validation",
    }

    @advised
    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        scoring: Any = None,
        n_threads: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        comm: Any = None,
    ) -> None:
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            refit=refit,
            cv=cv,
            verbose=verbose,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.n_threads = n_threads
        self.comm = comm

    @_ranks.checking_on_all
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Train and score every candidate on every fold, and fit the best one to all rows.

        Parameters
        ----------
        X : array-like, frame or sparse matrix, shape (m, n_features)
        y : array-like, shape (m,) or (m, n_outputs)
        **params
            `sample_weight`, for a pipeline with the name of the last step and two underscores before it, and
            `groups` for the splitter.

        Returns
        -------
        self
        """
        comm = _ranks.checked(self.comm)
        X, y, scorers, refit_metric, routed, folds, candidates = _ranks.met(
            comm, lambda: self._prepared(X, y, params)
        )
        folds = _ranks.of_first(comm, folds)
        self.n_splits_ = len(folds)
        scoring = Scoring(scorers, routed.scorer.score, self.error_score, self.return_train_score, keep=False)
        out = fit_and_score(
            self.estimator,
            candidates,
            folds,
            X,
            y,
            routed.estimator.fit,
            scoring,
            self.n_threads,
            has_bar(self.verbose),
            comm,
        )
        _warn_or_raise_about_fit_failures(out, self.error_score)
        if callable(self.scoring):
            _insert_error_scores(out, self.error_score)
        results = self._format_results(candidates, self.n_splits_, out)

        self.multimetric_ = isinstance(out[0]["test_scores"], dict)
        if callable(self.scoring) and self.multimetric_:  # its names are known only now
            self._check_refit_for_multimetric(out[0]["test_scores"])
            refit_metric = self.refit
        if self.refit or not self.multimetric_:
            self.best_index_ = self._select_best_index(self.refit, refit_metric, results)
            if not callable(self.refit):
                self.best_score_ = results[f"mean_test_{refit_metric}"][self.best_index_]
            self.best_params_ = results["params"][self.best_index_]
        if self.refit:
            best = clone(self.estimator).set_params(**clone(self.best_params_, safe=False))
            begin = time.perf_counter()
            self.best_estimator_ = best.fit(X, y, **routed.estimator.fit)
            self.refit_time_ = time.perf_counter() - begin
            if hasattr(best, "feature_names_in_"):
                self.feature_names_in_ = best.feature_names_in_
        self.scorer_ = scorers._scorers if isinstance(scorers, _MultimetricScorer) else scorers
        self.cv_results_ = results
        return self

    def _prepared(self, X: Any, y: Any, params: Any) -> tuple[Any, ...]:
        """Return the checked arguments, scorers, parameters by receiver, folds and candidates."""
        check(self.estimator)
        if getattr(self, "_skl_callbacks", None):
            raise ValueError("scikit-learn's callbacks follow one fit at a time, but GridSearch has many")
        check_are_data(X, y)
        scorers, refit_metric = self._get_scorers()
        X, y = indexable(X, y)
        if is_classifier(self.estimator):
            check_cells(y)  # before the splitter sorts them
            warn_of_two_classes(self.scoring, y)
        routed = self._get_routed_params_for_fit(_check_method_params(X, params=params))
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        folds = list(cv.split(X, y, **routed.splitter.split))
        return X, y, scorers, refit_metric, routed, folds, list(ParameterGrid(self.param_grid))


@advised
def cross_validate(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    groups: Any = None,
    scoring: Any = None,
    cv: Any = None,
    n_threads: int | None = None,
    verbose: int = 0,
    params: Mapping[str, Any] | None = None,
    return_train_score: bool = False,
    return_estimator: bool = False,
    return_indices: bool = False,
    error_score: Any = np.nan,
) -> dict[str, Any]:
    """Score an estimator by cross-validation, with the networks of all folds trained side by side.

    The parameters and the result are those of ``sklearn.model_selection.cross_validate``, with `n_threads` in
    place of `n_jobs`.

    Parameters
    ----------
    estimator, scoring, cv, n_threads, verbose, error_score
        As in :class:`GridSearch`.
    X : array-like, frame or sparse matrix, shape (m, n_features)
    y : array-like, shape (m,) or (m, n_outputs)
    groups : array-like, shape (m,), optional
        For splitters that keep the rows of a group together.
    params : dict, optional
        Of `fit`: `sample_weight`, for a pipeline with the name of the last step and two underscores before
        it.
    return_train_score, return_estimator, return_indices : bool
        What else to return.

    Returns
    -------
    results : dict of ndarray
        One entry for each fold: ``test_score``, or ``test_<name>`` of several scorers, ``fit_time`` and
        ``score_time``; if asked for, ``train_score``, ``estimator`` and ``indices``.

    Raises
    ------
    TypeError, ValueError
        As from ``GridSearch.fit``.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.preprocessing import scale
    >>> from deepnet.sklearn import MLPClassifier, cross_validate
    >>> X, y = load_wine(return_X_y=True)
    >>> model = MLPClassifier(max_iter=500, random_state=0)
    >>> results = cross_validate(model, scale(X), y, scoring=["accuracy", "neg_log_loss"])
    >>> bool(results["test_accuracy"].mean() > 0.9)
    True
    """
    check(estimator)
    check_are_data(X, y)
    X, y = indexable(X, y)
    if is_classifier(estimator):
        check_cells(y)
        warn_of_two_classes(scoring, y)
    cv = check_cv(cv, y, classifier=is_classifier(estimator))
    scorers = check_scoring(estimator, scoring=scoring, raise_exc=error_score == "raise")
    routed = _routed(estimator, cv, scorers, groups, dict(params or {}))
    folds = list(cv.split(X, y, **routed.splitter.split))
    how = Scoring(scorers, routed.scorer.score, error_score, return_train_score, keep=return_estimator)
    count = None if n_threads is None else option.thread_count(n_threads)
    out = fit_and_score(estimator, [{}], folds, X, y, routed.estimator.fit, how, count, has_bar(verbose))
    _warn_or_raise_about_fit_failures(out, error_score)
    if callable(scoring):
        _insert_error_scores(out, error_score)
    results = _aggregate_score_dicts(out)
    kept = ("fit_time", "score_time", *(["estimator"] if return_estimator else []))
    answer = {name: results[name] for name in kept}
    if return_indices:
        train, test = zip(*folds, strict=True)
        answer["indices"] = {"train": train, "test": test}
    for kind in ("test", *(["train"] if return_train_score else [])):
        for name, scores in _normalize_score_results(results[f"{kind}_scores"]).items():
            answer[f"{kind}_{name}"] = scores
    return answer


def _routed(estimator: Any, cv: Any, scorers: Any, groups: Any, params: dict[str, Any]) -> Any:
    """Return which parameters the splitter, the estimator and the scorer get."""
    from sklearn import get_config

    if not get_config()["enable_metadata_routing"]:
        split = {"split": {"groups": groups}}
        return Bunch(splitter=Bunch(**split), estimator=Bunch(fit=params), scorer=Bunch(score={}))
    if groups is not None:
        raise ValueError("groups belongs in params if metadata routing is on: params={'groups': groups}")
    router = MetadataRouter(owner="cross_validate")
    for part, method in ("splitter", "split"), ("estimator", "fit"), ("scorer", "score"):
        receiver = {"splitter": cv, "estimator": estimator, "scorer": scorers}[part]
        router.add(**{part: receiver}, method_mapping=MethodMapping().add(caller="fit", callee=method))
    return process_routing(router, "fit", **params)
