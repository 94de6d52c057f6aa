"""What classifier and regressor share: parameters, fit and partial_fit, fitted attributes."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor as TheirRegressor
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from deepnet._validation import options as option
from deepnet.activations import ACTIVATIONS, Activation, Array
from deepnet.network import Network
from deepnet.network.training import Examples, Run
from deepnet.optimizers import SGD, Optimizer

from . import _lbfgs, _members, _ranks, _recipe, _resuming
from ._data import Data, Targets, Validation, columns, taken
from ._epochs import AfterEachEpoch, Orders, each_warning_once, has_bar, warn, warn_of_no_convergence
from ._estimator import Estimator
from ._members import Learning
from ._reading import is_usable, table, warn_of_size, weights_of
from ._resuming import Start
from ._scoring import only_nan, score_of
from ._their_callbacks import TheirCallbacks

if TYPE_CHECKING:
    from deepnet.distributed import Communicator

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # before scikit-learn 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]  # older scikit-learn has none
        """Has no callbacks."""


_OWN_TO_CALLBACKS = ("_callback_fit_ctx", "_skl_callbacks_to_teardown")  # of scikit-learn, kept on failure
SMALL = 2**14  # numbers in a table that is trained on in float64
ACTIVATION_NAMES = {*ACTIVATIONS, *_recipe.ACTIVATION_OF} - {"softmax"}


# Of a fit; removed where a new one starts.
FITTED = (
    *("network_", "loss_curve_", "validation_scores_", "best_validation_score_", "best_loss_", "_best"),
    *("_rate", "estimators_", "oof_", "loss_", "n_iter_", "t_", "stopped_"),
)
OF_ONE_NETWORK = {
    *("network_", "coefs_", "intercepts_"),
    *("loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"),
}


def _is_stochastic(estimator: Any) -> bool:
    if estimator.solver == "lbfgs" and estimator.optimizer is None:
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
        )
    if estimator.bagging is not None:
        raise AttributeError("partial_fit is not available with bagging, which divides all rows into folds")
    return True


def parameters_of(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of an __init__, of its locals()."""
    return {name: value for name, value in arguments.items() if name not in ("self", "__class__")}


class Perceptron(Estimator, CallbackSupportMixin, BaseEstimator):
    """Base class; the two estimators say what they make of y and of the network's outputs."""

    _one_table = True

    network_: Network
    estimators_: list[Any]
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    best_loss_: float | None
    _best: list[Array] | None

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **{key: rule for key, rule in TheirRegressor._parameter_constraints.items() if key != "loss"},
        "activation": [StrOptions(ACTIVATION_NAMES), Activation, "array-like"],
        "early_stopping": ["boolean", str, callable],
        "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
        "optimizer": [None, str, Optimizer],
        "callbacks": [None, list, tuple],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "bagging": [None, StrOptions({"kfold"})],
        "input_scale": [Interval(Real, None, None, closed="neither")],
        "n_threads": [None, Interval(Integral, 1, option.MOST_THREADS, closed="both")],
        "dtype": [None, StrOptions({"float32", "float64"}), type, np.dtype],
        "compute": [None, StrOptions({"bfloat16"})],
    }

    # --- what a subclass defines ----------------------------------------------------------------------------

    @abstractmethod
    def _learn_targets(self, y: Any, *, incremental: bool, first: bool) -> Any: ...

    def _take_kind_of(self, other: Any) -> None:
        """Take what another estimator has learnt of the targets."""
        raise NotImplementedError

    def _take_columns_of(self, other: Any) -> None:
        """Take what another estimator has learnt of the table."""
        for name in ("n_features_in_", "feature_names_in_"):
            if name in vars(other):
                setattr(self, name, getattr(other, name))

    @abstractmethod
    def _kind_of_targets(self) -> Hashable:
        """Return what `_targets` depends on besides y."""

    @abstractmethod
    def _targets(self, y: Any) -> Targets: ...

    @abstractmethod
    def _objective(self, Y: Array, weights: Array | None) -> _recipe.Objective: ...

    def _weights_of(self, data: Data, rows: Array | None, incremental: bool) -> Array | None:
        """Return the weight of every row of the data, of which only `rows` matter."""
        return data.weights

    @abstractmethod
    def _output(self) -> tuple[int, str, str]:
        """Return the outputs, their activation, and scikit-learn's name of it."""

    @abstractmethod
    def _own_score(self, A: Array, validation: Validation) -> float: ...

    def _predicted(self, A: Array) -> Array:
        """Return what the network's outputs (m, n_L) stand for."""
        return A

    @abstractmethod
    def _answer(self, A: Array) -> Array:
        """Return what the user gets for that, of one network or the mean of several."""

    @classmethod
    @cache
    def _get_param_names(cls) -> list[str]:
        return super()._get_param_names()  # type: ignore[no-any-return]  # inspect.signature takes 0.2 ms

    # --- fit ------------------------------------------------------------------------------------------------

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Undo everything if training fails."""
        before = vars(self).copy()
        net = before.get("network_")
        kept = [] if net is None else [p.copy() for p in net.parameters.values()]
        scale = 1.0 if net is None else net.input_scale
        try:
            yield
        except BaseException:
            during = {key: vars(self)[key] for key in _OWN_TO_CALLBACKS if key in vars(self)}
            self.__dict__.clear()
            self.__dict__.update(before | during)
            for p, value in zip([] if net is None else net.parameters.values(), kept, strict=True):
                p[...] = value
            if net is not None:
                net.input_scale = scale
            raise

    @_ranks.checking_on_all
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        resume_from: str | os.PathLike[str] | None = None,
        comm: Communicator | None = None,
    ) -> Self:
        """Train.

        Parameters
        ----------
        X : array-like, frame or sparse matrix, shape (m, n_features)
        y : array-like, shape (m,) or (m, n_outputs)
            Targets; for a classifier labels of any type, or columns of 0 and 1 for classes that do not
            exclude each other.
        sample_weight : array-like, shape (m,), optional
            How much each row counts; normalised within each batch.
        X_val, y_val, sample_weight_val : optional
            Rows to validate with, instead of a `validation_fraction` of X. Without `early_stopping`, they are
            only scored.
        resume_from : str or path, optional
            A checkpoint of :class:`deepnet.callbacks.ModelCheckpoint`. With the same data and parameters as
            in the fit that wrote it, this one ends with the same bits as that would have; `max_iter` may be
            larger. The estimator forgets what it has learnt before. For one network, without
            `solver="lbfgs"`.
        comm : deepnet.distributed.Communicator, optional
            Several processes train together, ``deepnet.distributed.mpi()`` for example. Each gives the same
            rows and parameters, and ends with the whole fit, which is that of one process but for rounding:
            of one network each trains on its share of every batch, of several networks each trains some.
            `random_state` is that of rank 0. The callbacks of one network are called on rank 0 only, those
            of several on the rank of each. Not with `solver="lbfgs"`.

        Returns
        -------
        self

        Examples
        --------
        >>> import os, tempfile
        >>> from deepnet.callbacks import ModelCheckpoint
        >>> from deepnet.sklearn import MLPRegressor
        >>> X = np.random.default_rng(0).normal(size=(50, 2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     checkpoint = ModelCheckpoint(os.path.join(folder, "fit.safetensors"))
        ...     model = MLPRegressor(max_iter=300, random_state=0, callbacks=[checkpoint])
        ...     model = model.fit(X, X[:, 0], resume_from=checkpoint.latest())  # None: from the beginning
        """
        validation = X_val, y_val, sample_weight_val
        return self._train(
            X, y, sample_weight, validation, incremental=False, resume_from=resume_from, comm=comm
        )

    def _train(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, Any, Any],
        incremental: bool,
        resume_from: Any = None,
        comm: Any = None,
    ) -> Self:
        comm = _ranks.checked(comm)
        rng = _ranks.random_numbers(comm, self.random_state)
        with self._all_or_nothing(), each_warning_once():
            if resume_from is not None:
                self._forget()

            def begin() -> Learning:
                if comm is not None and self.solver == "lbfgs" and self.optimizer is None:
                    raise ValueError(
                        "comm needs the solver 'sgd' or 'adam', or an optimizer, but solver is 'lbfgs'"
                    )
                table, targets = self._read(X, y, reset=self._is_first(incremental))
                warn_of_size(self, table)
                data = Data(table, targets, weights_of(sample_weight, table))
                data.rng = rng
                return self._learn(data, None, validation, incremental, resume_from)

            learning, trainings = _ranks.begun(comm, begin)
            try:
                histories = _ranks.trained(
                    comm, trainings, self.n_estimators == 1, has_bar(self.verbose), self.n_threads
                )
            except BaseException as error:
                with suppress(StopIteration):
                    learning.throw(error)
            else:
                with suppress(StopIteration):
                    learning.send(histories)
        return self

    def _is_first(self, incremental: bool) -> bool:
        """Return whether a fit starts from new weights."""
        fitted = "network_" if self.n_estimators == 1 else "estimators_"
        return fitted not in vars(self) or not (self.warm_start or incremental)

    def _read(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        """Return X and y checked; `reset`: learn the names and the number of the columns."""
        X, y = table(self, X, y, reset=reset, **self._reading_options())
        return X, column_or_1d(y, warn=True) if getattr(y, "ndim", 1) == 2 and y.shape[1] == 1 else y

    def _data_for_all(self, X: Any, y: Any, weights: Any) -> Data:
        reader = type(self)(input_scale=self.input_scale)
        X, y = reader._read(X, y, reset=True)
        warn_of_size(reader, X)
        return Data(X, y, weights_of(weights, X), reader)

    def _learn_from(self, data: Data, rows: Array | None) -> Learning:
        self._take_columns_of(data.reader)
        return self._learn(data, rows)

    def _learn(
        self,
        data: Data,
        rows: Array | None,
        validation: tuple[Any, Any, Any] = (None, None, None),
        incremental: bool = False,
        resume_from: Any = None,
    ) -> Learning:
        """Fit to some rows of the data, all by default; the caller trains the networks.

        The generator yields the trainings and takes their histories; it does what comes before and after.
        """
        _members.check(self)
        first = self._is_first(incremental)
        y = self._learn_targets(taken(data.y, rows), incremental=incremental, first=first)
        X_val, y_val, weights_val = validation
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val belong together, but one of them is None")
        given = None
        if X_val is not None:
            X_val, y_val = self._read(X_val, y_val, reset=False)
            given = Validation(X_val, self._targets(self._known(y_val)), weights_of(weights_val, X_val))
        new = first and not incremental
        start = _resuming.start(self, given, is_new=new, resume_from=resume_from, rng=data.rng)
        if first:
            self._forget()
        if self.n_estimators == 1:
            yield from self._learn_one(data, rows, given, start, incremental)
        else:
            yield from _members.learn(self, data, rows, y, given, start.rng, incremental)

    def _forget(self) -> None:
        for name in FITTED:
            self.__dict__.pop(name, None)

    def _learn_one(
        self, data: Data, rows: Array | None, validation: Validation | None, start: Start, incremental: bool
    ) -> Learning:
        """Fit one network, whose kind of targets is known."""
        weights = self._weights_of(data, rows, incremental)
        if weights is not None and rows is not None and not weights[rows].any():
            raise ValueError("sample_weight is zero for all rows that a network is trained on")
        targets = data.once(("targets", self._kind_of_targets()), lambda: self._targets(data.y))
        lbfgs = self.solver == "lbfgs" and self.optimizer is None
        count = data.X.shape[0] if rows is None else len(rows)
        if "network_" not in vars(self):
            self._start((count, data.X.shape[1]), lbfgs, incremental, start.rng)
        self.network_.input_scale = self.input_scale
        objective = self._objective(columns(targets.Y, rows), taken(weights, rows))
        if lbfgs:
            yield []
            X, Y, w = taken(data.X, rows), columns(targets.Y, rows), taken(weights, rows)
            examples = Examples(X.T, Y, w)
            plan = _recipe.plan(self, objective, SGD())
            _lbfgs.fit(self, self.network_, examples, plan, objective, self.n_threads or 0)
        elif incremental and self.early_stopping and self._is_over:
            yield []
        else:
            rows = np.arange(count) if rows is None else rows
            yield from self._descend(
                data.X, rows, targets, weights, objective, validation, start, incremental
            )

    def _reading_options(self) -> dict[str, Any]:
        return {}

    def _known(self, y: Any) -> Any:
        return y

    def _start(self, shape: tuple[int, int], lbfgs: bool, incremental: bool, rng: Any) -> None:
        """Create the network and the record of a first fit."""
        outputs, activation, self.out_activation_ = self._output()
        dtype = self._network_dtype(shape, lbfgs, incremental)
        self.network_ = _recipe.new_network(self, shape[1], outputs, activation, dtype, rng)
        self.n_iter_ = self.t_ = 0
        self.n_outputs_, self.n_layers_ = outputs, len(self.network_.layer_dims)
        self._no_improvement_count = 0
        self._is_over = False
        if not lbfgs:
            self.loss_curve_ = list[float]()

    def _network_dtype(self, shape: tuple[int, int], lbfgs: bool, incremental: bool) -> np.dtype[Any]:
        """Return float32; float64 for line searches, which need it, and for small tables: it is cheap."""
        if lbfgs and self.compute is not None:
            raise ValueError(
                f"compute is {self.compute!r}, but the line searches of solver='lbfgs' need float64"
            )
        small = not incremental and shape[0] * shape[1] <= SMALL
        default = np.float64 if lbfgs or (small and self.compute is None) else np.float32
        return option.float_dtype(default if self.dtype is None else self.dtype)

    def _descend(
        self,
        X: Any,
        rows: Array,
        targets: Targets,
        weights: Array | None,
        objective: _recipe.Objective,
        validation: Validation | None,
        start: Start,
        incremental: bool,
    ) -> Learning:
        """Train by mini-batches until the stopping rules or the user's callbacks end it."""
        rng = start.rng
        if self.early_stopping and validation is None:
            rows, held_out = self._split(rows, targets, rng)
            validation = Validation(X, targets, weights, held_out)
        if self.batch_size == "auto":
            batch_size = min(200, len(rows))
        else:
            if self.batch_size > len(rows):
                warn(f"batch_size is {self.batch_size}, but there are {len(rows)} rows to train on: clipped")
            batch_size = min(int(self.batch_size), len(rows))
        batches = -(-len(rows) // batch_size)
        self._prepare_record(validation is not None)

        dtype = self.network_.dtype
        continues = incremental and hasattr(self, "_rate")
        if not continues:
            self._rate = float(self.learning_rate_init)
        chosen = _recipe.optimizer(self, objective.scale, self._rate, dtype)
        plan = _recipe.plan(self, objective, chosen)
        score = None if validation is None else self._scorer(validation)
        announce = print if self.verbose and not has_bar(self.verbose) else None
        epochs = 1 if incremental else int(self.max_iter)
        after = AfterEachEpoch(self, objective, len(rows), batches, score, announce)
        freed: list[Any] = [] if validation is None else [validation]
        others: list[Any] = [
            *option.callbacks(self.callbacks or []),
            *self._their_callbacks(after, X, targets.y, epochs),
        ]
        reduced = len(rows) < X.shape[0]
        orders = Orders(rows, rng if self.shuffle else None)
        run = Run(
            examples=Examples(X.T, targets.Y, weights),
            validation=None,
            learning_rate=chosen.learning_rate,
            epochs=epochs,
            batch_size=batch_size,
            shuffle=False,
            seed=int(rng.randint(2**31 - 1)) if np.any(self.dropout) else 0,
            threads=0 if self.n_threads is None else int(self.n_threads),
            input_scale=self.network_.input_scale,
            metrics={},
            callbacks=[after, *freed, *others],
            progress=has_bar(self.verbose),
            order=orders if self.shuffle or reduced else None,
            examples_per_epoch=len(rows),
            rate_unit=1.0 if self.optimizer is not None or self.solver == "adam" else objective.scale,
            look_after=None if others else after.epochs_until_look,
            first_epoch=len(self.loss_curve_) if continues else 0,
            origin=start.origin,
        )
        self.n_iter_ = 0
        training = start.resumed(self.network_._by(run, plan), orders.skip)
        try:
            (history,) = yield [training]
        except KeyboardInterrupt:
            warn("Training interrupted by user.")
        else:
            if history.error is not None:
                raise history.error
            scores = self.validation_scores_ if self.early_stopping else None
            if scores and np.isnan(scores).all() and (after.stopped or not incremental):
                raise only_nan("early_stopping", len(scores))
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

    def _split(self, rows: Array, targets: Targets, rng: Any) -> tuple[Array, Array]:
        """Return the rows to train on and those to validate with, as scikit-learn draws them."""
        strata = self._strata(targets)
        training, held_out = train_test_split(
            rows,
            random_state=rng,
            test_size=self.validation_fraction,
            stratify=None if strata is None else strata[rows],
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
        score = score_of("early_stopping", rule, also="a bool, ")

        def of_rows() -> float:
            self._trusted = validation.X
            value = score(self, validation.X, validation.targets.y, validation.weights)
            del self._trusted
            return value

        return of_rows

    # --- use ------------------------------------------------------------------------------------------------

    def _checked(self, X: Any) -> Any:
        """Return X as the engine reads it, of a fitted estimator."""
        fitted = vars(self)
        if X is fitted.get("_trusted", self):  # while training: rows of the table, which has no names
            return X
        is_fitted = "network_" in fitted or "estimators_" in fitted
        if not is_fitted or "feature_names_in_" in fitted or not is_usable(X, self.n_features_in_):
            check_is_fitted(self)
            return table(self, X, reset=False)
        return X

    def _response(self, X: Any) -> Array:
        """Return what the network or the mean of several says about each row of a checked table, (m, n_L)."""
        members = vars(self).get("estimators_")
        return self._predicted(self._forward(X)) if members is None else _members.mean(members, X)

    def _forward(self, X: Any) -> Array:
        """Return the network's outputs for each row of a checked table, (m, n_L)."""
        net = self.network_
        A = np.empty((X.shape[0], net.layer_dims[-1]), net.dtype)
        net.predict(X.T, A.T, threads=self.n_threads)
        return A

    @property
    def coefs_(self) -> list[Array]:
        """The weights ``(n_{l-1}, n_l)`` of each layer, views of the network's memory."""
        return self._views("coefs_", "W")

    @coefs_.setter
    def coefs_(self, values: Sequence[Array]) -> None:
        self._assign("coefs_", self.coefs_, values)

    @property
    def intercepts_(self) -> list[Array]:
        """The biases ``(n_l,)`` of each layer, views of the network's memory."""
        return self._views("intercepts_", "b")

    @intercepts_.setter
    def intercepts_(self, values: Sequence[Array]) -> None:
        self._assign("intercepts_", self.intercepts_, values)

    def _views(self, name: str, letter: str) -> list[Array]:
        net = vars(self).get("network_")
        if net is None:
            raise AttributeError(name)  # __getattr__ says more
        arrays = list(net.parameters.values())
        return _Views([W.T for W in arrays[::2]] if letter == "W" else [b[:, 0] for b in arrays[1::2]])

    def __getattr__(self, name: str) -> Any:
        """Say where those attributes are that several networks do not have together."""
        kind, members = type(self).__name__, vars(self).get("estimators_")
        if name not in OF_ONE_NETWORK:
            raise AttributeError(f"{kind!r} object has no attribute {name!r}")
        if members is None:
            raise AttributeError(f"{kind} has no {name} before fit")
        raise AttributeError(
            f"{kind} has {len(members)} networks: estimators_[0].{name} is that of the first"
        )

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
            ...``. With `n_estimators` of 2 or more.
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
