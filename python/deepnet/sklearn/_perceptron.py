"""What classifier and regressor share: parameters, fit and partial_fit, fitted attributes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from numbers import Integral, Real
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.metrics import get_scorer
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor as TheirRegressor
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from deepnet._validation import options as option
from deepnet.activations import ACTIVATIONS, Array
from deepnet.network import Network
from deepnet.network.training import Examples, Run
from deepnet.optimizers import SGD, Optimizer

from . import _lbfgs, _recipe
from ._epochs import AfterEachEpoch, Orders, warn_of_no_convergence
from ._reading import is_usable, table, weights_of
from ._sparse import EngineOfRows, is_sparse, predict
from ._their_callbacks import TheirCallbacks

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # before scikit-learn 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Has no callbacks."""


_OWN_TO_CALLBACKS = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")  # of scikit-learn, kept on failure
SMALL = 2**14  # numbers in a table that is trained on in float64
ACTIVATION_NAMES = {*ACTIVATIONS, *_recipe.ACTIVATION_OF} - {"softmax"}


class Targets(NamedTuple):
    """The targets of some rows: as the engine takes them, (n_L, m), and as a scorer does."""

    Y: Array
    y: Any


class Validation(NamedTuple):
    """The rows to validate with."""

    X: Any
    targets: Targets
    weights: Array | None


def _is_stochastic(estimator: Any) -> bool:
    if estimator.solver == "lbfgs" and estimator.optimizer is None:
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
        )
    return True


class Perceptron(CallbackSupportMixin, BaseEstimator):
    """Base class; the two estimators say what they make of y and of the network's outputs."""

    network_: Network
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    best_loss_: float | None
    _best: list[Array] | None

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **{key: rule for key, rule in TheirRegressor._parameter_constraints.items() if key != "loss"},
        "activation": [StrOptions(ACTIVATION_NAMES), "array-like"],
        "early_stopping": ["boolean", str, callable],
        "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
        "optimizer": [None, str, Optimizer],
        "callbacks": [None, list, tuple],
        "n_threads": [None, Interval(Integral, 1, option.MOST_THREADS, closed="both")],
        "dtype": [None, StrOptions({"float32", "float64"}), type, np.dtype],
    }

    # --- what a subclass defines ----------------------------------------------------------------------------

    def _learn_targets(self, y: Any, *, incremental: bool, first: bool) -> Any:
        raise NotImplementedError

    def _targets(self, y: Any) -> Targets:
        raise NotImplementedError

    def _objective(self, Y: Array, weights: Array | None) -> _recipe.Objective:
        raise NotImplementedError

    def _weights(self, sample_weight: Array | None, y: Any, *, incremental: bool) -> Array | None:
        return sample_weight

    def _output(self) -> tuple[int, str, str]:
        """Return the outputs, their activation, and scikit-learn's name of it."""
        raise NotImplementedError

    def _own_score(self, A: Array, validation: Validation) -> float:
        raise NotImplementedError

    # --- fit ------------------------------------------------------------------------------------------------

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Undo everything if training fails."""
        before = vars(self).copy()
        net = before.get("network_")
        kept = [] if net is None else [p.copy() for p in net.parameters.values()]
        try:
            yield
        except BaseException:
            during = {key: vars(self)[key] for key in _OWN_TO_CALLBACKS if key in vars(self)}
            self.__dict__.clear()
            self.__dict__.update(before | during)
            for p, value in zip([] if net is None else net.parameters.values(), kept, strict=True):
                p[...] = value
            raise

    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, Any, Any],
        incremental: bool,
    ) -> Self:
        with self._all_or_nothing():
            first = not hasattr(self, "network_") or not (self.warm_start or incremental)
            X, y = table(self, X, y, reset=first, **self._reading_options())
            weights = weights_of(sample_weight, X)
            y = self._learn_targets(y, incremental=incremental, first=first)
            weights = self._weights(weights, y, incremental=incremental)
            targets = self._targets(y)
            rng = check_random_state(self.random_state)
            lbfgs = self.solver == "lbfgs" and self.optimizer is None
            if first:
                self._start(X, lbfgs, incremental, rng)
            X_val, y_val, weights_val = validation
            if (X_val is None) != (y_val is None):
                raise ValueError("X_val and y_val belong together, but one of them is None")
            given = None
            if X_val is not None:
                X_val, y_val = table(self, X_val, y_val, reset=False, **self._reading_options())
                given = Validation(X_val, self._targets(self._known(y_val)), weights_of(weights_val, X_val))
            if lbfgs:
                objective = self._objective(targets.Y, weights)
                plan = _recipe.plan(self, objective, SGD())
                examples = Examples(X if is_sparse(X) else X.T, targets.Y, weights)
                _lbfgs.minimise(self, self.network_, examples, plan, objective, self.n_threads or 0)
            else:
                self._descend(X, targets, weights, given, rng, incremental)
        return self

    def _reading_options(self) -> dict[str, Any]:
        return {}

    def _known(self, y: Any) -> Any:
        return y

    def _start(self, X: Any, lbfgs: bool, incremental: bool, rng: Any) -> None:
        """Create the network and the record of a first fit."""
        outputs, activation, self.out_activation_ = self._output()
        dtype = self._network_dtype(X, lbfgs, incremental)
        self.network_ = _recipe.new_network(self, X.shape[1], outputs, activation, dtype, rng)
        self.n_iter_ = self.t_ = 0
        self.n_outputs_, self.n_layers_ = outputs, len(self.network_.layer_dims)
        self._no_improvement_count = 0
        self._is_over = False
        for name in (
            "loss_curve_",
            "validation_scores_",
            "best_validation_score_",
            "best_loss_",
            "_best",
            "_rate",
        ):
            self.__dict__.pop(name, None)
        if not lbfgs:
            self.loss_curve_ = list[float]()

    def _network_dtype(self, X: Any, lbfgs: bool, incremental: bool) -> np.dtype[Any]:
        """Return float32; float64 for line searches, which need it, and for small tables: it is cheap."""
        small = not incremental and X.shape[0] * X.shape[1] <= SMALL
        default = np.float64 if lbfgs or small else np.float32
        return option.float_dtype(default if self.dtype is None else self.dtype)

    def _descend(
        self,
        X: Any,
        targets: Targets,
        weights: Array | None,
        validation: Validation | None,
        rng: Any,
        incremental: bool,
    ) -> None:
        """Train by mini-batches until the stopping rules or the user's callbacks end it."""
        if incremental and self.early_stopping and self._is_over:
            return
        rows = np.arange(X.shape[0])
        if self.early_stopping and validation is None:
            rows, held_out = self._split(rows, targets, weights, rng)
            part = Targets(targets.Y[:, held_out], targets.y[held_out])
            validation = Validation(X[held_out], part, None if weights is None else weights[held_out])
        if self.batch_size == "auto":
            batch_size = min(200, len(rows))
        else:
            if self.batch_size > len(rows):
                warnings.warn(
                    f"batch_size is {self.batch_size}, but there are {len(rows)} rows to train on: clipped",
                    stacklevel=5,
                )
            batch_size = min(int(self.batch_size), len(rows))
        batches = -(-len(rows) // batch_size)
        self._prepare_record(validation is not None)

        objective = self._objective(targets.Y, weights)
        dtype = self.network_.dtype
        continues = incremental and hasattr(self, "_rate")
        if not continues:
            self._rate = float(self.learning_rate_init)
        chosen = _recipe.optimizer(self, objective.scale, self._rate, dtype)
        plan = _recipe.plan(self, objective, chosen)
        score = None if validation is None else self._scorer(validation)
        has_bar = bool(self.verbose) and find_spec("rich") is not None
        announce = print if self.verbose and not has_bar else None
        epochs = 1 if incremental else int(self.max_iter)
        after = AfterEachEpoch(self, objective, len(rows), batches, score, announce)
        callbacks: list[Any] = [
            after,
            *option.callbacks(self.callbacks or []),
            *self._their_callbacks(after, X, targets.y, epochs),
        ]
        reduced = len(rows) < X.shape[0]
        run = Run(
            examples=Examples(X if is_sparse(X) else X.T, targets.Y, weights),
            validation=None,
            learning_rate=chosen.learning_rate,
            epochs=epochs,
            batch_size=batch_size,
            shuffle=False,
            seed=int(rng.randint(2**31 - 1)) if np.any(self.dropout) else 0,
            threads=0 if self.n_threads is None else int(self.n_threads),
            input_scale=1.0,
            metrics={},
            callbacks=callbacks,
            progress=has_bar,
            order=Orders(rows, rng if self.shuffle else None) if self.shuffle or reduced else None,
            examples_per_epoch=len(rows),
            rate_unit=1.0 if self.optimizer is not None or self.solver == "adam" else objective.scale,
            first_epoch=len(self.loss_curve_) if continues else 0,
        )
        self.n_iter_ = 0
        try:
            history = self.network_._train_by(run, plan, EngineOfRows if is_sparse(X) else None)
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=5)
        else:
            if not incremental and not after.stopped and history.epochs == self.max_iter:
                warn_of_no_convergence(self.max_iter)
        self.stopped_ = after.stopped
        self._is_over = incremental and after.stopped
        if self.early_stopping and (after.stopped or not incremental) and self._best is not None:
            for p, best in zip(self.network_.parameters.values(), self._best, strict=True):
                p[...] = best

    def _their_callbacks(self, after: AfterEachEpoch, X: Any, y: Any, epochs: int) -> list[TheirCallbacks]:
        """Return scikit-learn's callbacks as one of ours, if there are any."""
        if not getattr(self, "_skl_callbacks", None):
            return []
        return [TheirCallbacks(self, X, y, epochs, lambda: after.stopped)]

    def _split(self, rows: Array, targets: Targets, weights: Array | None, rng: Any) -> tuple[Array, Array]:
        """Return the rows to train on and those to validate with, as scikit-learn draws them."""
        training, held_out = train_test_split(
            rows, random_state=rng, test_size=self.validation_fraction, stratify=self._strata(targets)
        )
        if len(held_out) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        return training, held_out

    def _strata(self, targets: Targets) -> Any:
        return None

    def _prepare_record(self, validated: bool) -> None:
        """Give the fitted attributes that training appends to their first values, once."""
        record = vars(self)
        self.loss_curve_ = [*record.get("loss_curve_", [])]
        self.best_loss_ = None if self.early_stopping else record.get("best_loss_") or np.inf
        if validated:
            self.validation_scores_ = [*(record.get("validation_scores_") or [])]
            best = record.get("best_validation_score_")
            self.best_validation_score_ = -np.inf if best is None else best
        else:
            self.validation_scores_ = self.best_validation_score_ = None
        self._best = record.get("_best")

    def _scorer(self, validation: Validation) -> Callable[[], float]:
        """Return a function of nothing: the score of the validation rows now."""
        rule = self.early_stopping
        if isinstance(rule, (bool, np.bool_)):
            return lambda: self._own_score(self._forward(validation.X), validation)
        scorer = get_scorer(rule) if isinstance(rule, str) else rule
        settings = {} if validation.weights is None else {"sample_weight": validation.weights}

        def score() -> float:
            value = scorer(self, validation.X, validation.targets.y, **settings)
            if not isinstance(value, Real):
                raise TypeError(f"early_stopping: the scorer returned {value!r}, but must return a number")
            return float(value)

        return score

    # --- use ------------------------------------------------------------------------------------------------

    def _outputs(self, X: Any) -> Array:
        """Return the network's outputs for each row, (m, n_L)."""
        fitted = vars(self)
        net = fitted.get("network_")
        if net is None or "feature_names_in_" in fitted or not is_usable(X, self.n_features_in_):
            check_is_fitted(self)
            X = table(self, X, reset=False)
        return self._forward(X)

    def _forward(self, X: Any) -> Array:
        """Return the same for a table that was checked."""
        net = self.network_
        if is_sparse(X):
            return predict(net, X, self.n_threads)
        A = np.empty((X.shape[0], net.layer_dims[-1]), net.dtype)
        net.predict(X.T, A.T, threads=self.n_threads)
        return A

    @property
    def coefs_(self) -> list[Array]:
        """The weights (n_{l-1}, n_l) of each layer: views of the network's memory."""
        return self._views("coefs_", "W")

    @coefs_.setter
    def coefs_(self, values: Sequence[Array]) -> None:
        self._assign("coefs_", self.coefs_, values)

    @property
    def intercepts_(self) -> list[Array]:
        """The biases (n_l,) of each layer: views of the network's memory."""
        return self._views("intercepts_", "b")

    @intercepts_.setter
    def intercepts_(self, values: Sequence[Array]) -> None:
        self._assign("intercepts_", self.intercepts_, values)

    def _views(self, name: str, letter: str) -> list[Array]:
        net = vars(self).get("network_")
        if net is None:
            raise AttributeError(f"{type(self).__name__} has no {name} before fit")
        arrays = list(net.parameters.values())
        return _Views([W.T for W in arrays[::2]] if letter == "W" else [b[:, 0] for b in arrays[1::2]])

    def _assign(self, name: str, views: list[Array], values: Sequence[Array]) -> None:
        if [np.shape(value) for value in values] != [view.shape for view in views]:
            raise ValueError(
                f"{name} have the shapes {[np.shape(value) for value in values]}, but the network has "
                f"{[view.shape for view in views]}"
            )
        for view, value in zip(views, values, strict=True):
            view[...] = value

    def to_sklearn(self) -> Any:
        """Create a fitted estimator of scikit-learn with the same parameters and predictions.

        Returns
        -------
        model : sklearn.neural_network.MLPClassifier or MLPRegressor
            Without what it does not have, such as dropout and class_weight, which matter in training only.

        Raises
        ------
        ValueError
            If scikit-learn does not have the activations: ``the hidden layers have the activations gelu, but
            ...``.
        sklearn.exceptions.NotFittedError
            Before fit.

        Examples
        --------
        >>> from deepnet.sklearn import MLPRegressor
        >>> X = np.random.default_rng(0).normal(size=(50, 2))
        >>> model = MLPRegressor(solver="lbfgs", random_state=0).fit(X, X[:, 0])
        >>> model.to_sklearn()
        MLPRegressor(random_state=0, solver='lbfgs')
        """
        from ._conversion import to_sklearn

        return to_sklearn(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class _Views(list[Array]):
    """A list of views whose entries are assigned by value, so that they stay the network's."""

    def __setitem__(self, index: Any, value: Any) -> None:
        self[index][...] = value
