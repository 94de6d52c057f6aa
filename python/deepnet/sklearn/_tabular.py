"""Estimators for tables as they come: numbers, categories and missing values, with defaults for all of them.

The recipe is RealMLP-TD-S of D. Holzmueller, L. Grinsztajn and I. Steinwart, *Better by default: strong
pre-tuned MLPs and boosted trees on tabular data*, NeurIPS 2024, on deepnet's engine, for several networks
that are trained side by side.
"""

from __future__ import annotations

import copy
import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from itertools import pairwise
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import _safe_indexing, check_array, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from deepnet._validation import options as option
from deepnet.activations import ACTIVATIONS, Array
from deepnet.losses import Loss
from deepnet.network import History, Network
from deepnet.network.training import Examples, Run, Training
from deepnet.optimizers import AdamW
from deepnet.plan import LayerPlan, Plan
from deepnet.schedules import LogCosine
from deepnet.threads import get_num_threads

from . import _members, _ranks, _recipe
from ._best_epoch import BestEpoch
from ._columns import Column, Encoder, columns_of, taken_for_categories
from ._data import Data
from ._epochs import has_bar, warn
from ._estimator import Estimator
from ._linear import MOST_ROWS, Linear, smoothed
from ._members import Learning
from ._reading import NO_TARGETS, check_are_data, weights_of
from ._scoring import only_nan, score_of
from ._time_shares import TimeShares

if TYPE_CHECKING:
    from deepnet.distributed import Communicator

BIAS_RATE = 0.1  # what the learning rate is multiplied by for biases
FEATURE_RATE = 6.0  # and for the scales of the encoded columns
BETA_2 = 0.95
ROWS_AT_ONCE = 2**14  # encoded for a prediction
FEW, MOST_CELLS = 64, 2**28  # categories that always have columns, and cells of a column's categories: 1 GB


class Targets(NamedTuple):
    """The targets as the engine takes them, (n_L, m), and the group of each row, which folds have alike."""

    Y: Array
    groups: Array


class Tabular(Estimator, BaseEstimator):
    """Base class; the two estimators say what they make of y and of the networks' outputs."""

    _one_table = False  # what is learnt of the columns is that of the fold
    _tolerated = (FloatingPointError,)

    networks_: list[Network]
    linear_: Network | None
    linear_share_: float
    _encoder: Encoder

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS) - {"softmax"})],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 0.5, closed="both")],
        "scoring": [None, str, callable],
        "n_iter_no_change": [None, Interval(Integral, 1, None, closed="left")],
        "max_seconds": [None, Interval(Real, 0, None, closed="neither")],
        "categorical_features": [None, "array-like"],
        "max_categories": [Interval(Integral, 2, None, closed="left")],
        "n_pieces": [Interval(Integral, 0, None, closed="left")],
        "linear": ["boolean"],
        "n_threads": [None, Interval(Integral, 1, option.MOST_THREADS, closed="both")],
        "compute": [None, StrOptions({"bfloat16"})],
        "random_state": ["random_state"],
        "callbacks": [None, list, tuple],
        "verbose": ["boolean", Interval(Integral, 0, None, closed="left")],
    }

    # --- what a subclass defines ----------------------------------------------------------------------------

    @abstractmethod
    def _learn_targets(self, y: Any, rows: int, used: Array) -> Targets:
        """Return the targets y of `rows` rows, and learn from those that are used."""

    def _class_weights(self, weights: Array | None, targets: Targets) -> Array | None:
        return weights

    @abstractmethod
    def _output(self) -> tuple[int, str, Loss]:
        """Return the number of outputs, their activation, and the loss."""

    @abstractmethod
    def _error(self, A: Array, Y: Array, weights: Array | None) -> float:
        """Return the error of the outputs A (n_L, m) that validation looks at."""

    # --- fit ------------------------------------------------------------------------------------------------

    @_ranks.checking_on_all
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, comm: Communicator | None = None) -> Self:
        """Learn from the rows of a table.

        Parameters
        ----------
        X : frame of pandas or polars, array or list of rows, (rows, columns)
            Columns of numbers, or of categories: strings, bools, pandas' and polars' categories. None, nan
            and NA count as missing.
        y : array-like, (rows,)
            The targets.
        sample_weight : array-like, (rows,), optional
            How much each row counts; 0 or more.
        comm : deepnet.distributed.Communicator, optional
            Several processes divide the networks, ``deepnet.distributed.mpi()`` for example. Each gives the
            same rows and parameters, and ends with the whole fit, which has the bits of one process's;
            `random_state` is that of rank 0. Callbacks are called on the rank of their network.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If an argument does not fit: ``the column 'age' mixes int and str, such as 'old', but must hold
            numbers or else categories ...``. The estimator then is what it was before.
        FloatingPointError
            If the loss of every network becomes nan or infinite.
        """
        comm = _ranks.checked(comm)
        data = self._data_for_all(X, y, sample_weight)
        data.rng = _ranks.random_numbers(comm, self.random_state)
        data.ranks = 1 if comm is None else comm.size
        before = vars(self).copy()
        try:
            learning, trainings = _ranks.begun(comm, lambda: self._learn_from(data, None))
            histories = _ranks.trained(comm, trainings, False, has_bar(self.verbose), self.n_threads)
            _members.end(learning, histories)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        return self

    def _data_for_all(self, X: Any, y: Any, weights: Any) -> Data:
        return Data(X, y, weights)

    def _learn_from(self, data: Data, rows: Array | None) -> Learning:
        begin = time.monotonic()
        X, y, sample_weight = data.X, data.y, data.weights
        callbacks = option.callbacks(self.callbacks or [])
        score = None if self.scoring is None else score_of("scoring", self.scoring)
        if self.validation_fraction == 0 and (score or self.n_iter_no_change):
            name = "scoring" if score else "n_iter_no_change"
            raise ValueError(f"{name} needs rows to validate with, but validation_fraction is 0")
        columns = self._read(X, y, reset=True)
        mistake = taken_for_categories(columns)
        if mistake:
            warn(mistake)
        count = len(columns[0].values)
        weights = weights_of(sample_weight, np.empty((count, 1)))
        used = np.arange(count) if weights is None else np.flatnonzero(weights)
        targets = self._learn_targets(y, count, used)
        if count < 2:
            raise ValueError(f"X has 1 sample, n_samples = {count}, but 2 are needed at least")
        weights = self._class_weights(weights, targets)
        used = used if weights is None else np.flatnonzero(weights)
        self._encoder = Encoder.fitted(
            [Column(c.name, c.values[used], c.categorical) for c in columns],
            min(int(self.max_categories), max(FEW, MOST_CELLS // count)),
            int(self.n_pieces),
        )
        tables = self._inputs(self._encoder.encoded(columns))
        rng = check_random_state(self.random_state) if data.rng is None else data.rng
        weights_of_rows = None if weights is None else weights.astype(np.float32)
        threads = data.threads or (get_num_threads() if self.n_threads is None else int(self.n_threads))
        of_rank = -(-int(self.n_estimators) // data.ranks)
        shares = TimeShares(self.max_seconds, begin, of_rank, threads)
        trainings, best = list[Training](), list[BestEpoch]()
        folds = self._folds(targets.groups, used, rng)
        line = self._linear_model(tables[0], targets, weights_of_rows, used, folds, threads)
        for i, held_out in enumerate(folds):
            examples = Examples(tables[i % 2].T, targets.Y, weights_of_rows)
            net = self._new_network(examples.X.shape[0], rng)
            kept = used[~np.isin(used, held_out)]
            error = self._error if score is None else self._minus_score(score, X, y, weights, held_out)
            best.append(BestEpoch(error, examples, held_out, self.n_iter_no_change, shares))
            trainings.append(self._training(net, examples, kept, [best[-1], *callbacks], rng))
        if data.threads:
            shares.give_each_its_own()
        histories = yield trainings
        self._keep(trainings, best, histories)
        self.linear_, self.linear_share_ = None, 0.0
        if line is not None:
            self.linear_share_ = line.share([b.outputs(t.net) for b, t in zip(best, trainings, strict=True)])
            self.linear_ = line.network if self.linear_share_ else None

    def _linear_model(
        self,
        table: Array,
        targets: Targets,
        weights: Array | None,
        used: Array,
        folds: list[Array],
        threads: int,
    ) -> Linear | None:
        """Return the linear model that may have a share in the predictions."""
        if not self.linear or not len(folds[0]) or len(used) > MOST_ROWS:
            return None
        outputs, activation, loss = self._output()
        objective = _recipe.Objective(loss, scale=1.0 if activation == "softmax" else 2 / outputs)
        examples = Examples(table.T, targets.Y, weights, used)
        return Linear(examples, folds, outputs, activation, objective, threads)

    def _inputs(self, table: Array) -> tuple[Array, Array]:
        """Return an encoded table for every second network from the first on, and that for the others."""
        narrow = self._encoder.narrow
        return table if len(narrow) == table.shape[1] else table[:, narrow], table

    def _read(self, X: Any, y: Any = NO_TARGETS, *, reset: bool) -> list[Column]:
        """Return the columns of X, checked against those of fit, or learn their names and number."""
        check_are_data(X, y)
        if getattr(X, "columns", None) is not None and getattr(X, "shape", None) is not None:
            if min(X.shape) == 0:
                what = "feature(s)" if X.shape[1] == 0 else "sample(s)"
                raise ValueError(
                    f"X is a frame with 0 {what} (shape={X.shape}) while a minimum of 1 is required."
                )
            validate_data(self, X, y, reset=reset, skip_check_array=True)
        else:
            X = np.array(X, object) if isinstance(X, (list, tuple)) else X
            X = check_array(X, dtype=None, ensure_all_finite=False, estimator=self, input_name="X")
            validate_data(self, X, y, reset=reset, skip_check_array=True)
        if reset:
            self._category_columns = self._categorical()
        return columns_of(X, self._category_columns)

    def _categorical(self) -> frozenset[int]:
        """Return the numbers of the columns that `categorical_features` names."""
        given = self.categorical_features
        if given is None:
            return frozenset()
        mixed = any(isinstance(entry, str) for entry in given)  # names and numbers: an array has one type
        given = np.asarray(given, object if mixed else None)
        count: int = self.n_features_in_
        if given.dtype == bool:
            if given.shape != (count,):
                raise ValueError(f"categorical_features is a mask of {given.size} columns, but X has {count}")
            return frozenset(np.flatnonzero(given).tolist())
        names = {name: j for j, name in enumerate(getattr(self, "feature_names_in_", ()))}
        found = set()
        for entry in given.tolist():
            j = names.get(entry) if isinstance(entry, str) else entry
            if not isinstance(j, (int, np.integer)) or not 0 <= j < count:
                raise ValueError(
                    f"categorical_features has {entry!r}, which is not a column of X: give names, numbers "
                    f"from 0 to {count - 1}, or a mask"
                )
            found.add(int(j))
        return frozenset(found)

    def _folds(self, groups: Array, used: Array, rng: Any) -> list[Array]:
        """Return the rows that each network holds out: every row in turn, and alike shares of each group."""
        if self.validation_fraction == 0:
            return [np.empty(0, np.intp)] * self.n_estimators
        folds = min(round(1 / self.validation_fraction), len(used))
        found, dealt = list[Array](), used
        for i in range(self.n_estimators):
            if i % folds == 0:
                shuffled = rng.permutation(used)
                dealt = shuffled[np.argsort(groups[shuffled], kind="stable")]
            found.append(dealt[i % folds :: folds])
        return found

    def _new_network(self, inputs: int, rng: Any) -> Network:
        """Create a network in NTK parametrisation: weights of variance 1 / n_prev, and outputs that are 0."""
        outputs, activation, _ = self._output()
        sizes = _recipe.hidden_sizes(self.hidden_layer_sizes)
        dims = [inputs, *sizes, outputs]
        net = Network(
            dims,
            [self.activation] * len(sizes) + [activation],
            initializer="zeros",
            compute=self.compute,
            seed=seed_of(rng),
        )
        draw = np.random.default_rng(seed_of(rng))
        arrays = list(net.parameters.values())
        for W, b in zip(arrays[:-2:2], arrays[1:-2:2], strict=True):
            W[...] = draw.standard_normal(W.shape) / np.sqrt(W.shape[1])
            b[...] = draw.standard_normal(b.shape)
        return net

    def _training(
        self, net: Network, examples: Examples, kept: Array, callbacks: list[Any], rng: Any
    ) -> Training:
        hidden = len(net.layer_dims) - 2
        optimizer = AdamW(
            LogCosine(float(self.learning_rate)), beta2=BETA_2, weight_decay=float(self.weight_decay)
        )
        plan = Plan(
            self._output()[2],
            optimizer,
            layers=(LayerPlan(dropout=float(self.dropout)),) * hidden + (LayerPlan(),),
            normalized=True,
            rates=tuple((1 / float(np.sqrt(n)), BIAS_RATE) for n, _ in pairwise(net.layer_dims)),
            feature_rate=FEATURE_RATE,
        )
        run = Run(
            examples=examples._replace(chosen=kept.astype(np.uint32)),
            validation=None,
            learning_rate=optimizer.learning_rate,
            epochs=int(self.max_epochs),
            batch_size=min(int(self.batch_size), len(kept)),
            shuffle=True,
            seed=seed_of(rng),
            threads=0,
            input_scale=1.0,
            metrics={},
            callbacks=callbacks,
            progress=None,
            origin=None,
        )
        return net._by(run, plan)

    def _keep(self, trainings: list[Training], best: list[BestEpoch], histories: Sequence[History]) -> None:
        """Give the networks the parameters of their best epochs; leave out those that failed at once."""
        failed = [history.error for history in histories if history.error is not None]
        done = [i for i, history in enumerate(histories) if history.error is None or best[i].parameters]
        others = [error for error in failed if not isinstance(error, self._tolerated)]
        if others or not done:
            raise (others or failed)[0]
        if failed:
            warn(
                f"the loss of {len(failed)} of {len(histories)} networks became nan or infinite, of which "
                f"{len(histories) - len(done)} are left out; the first: {failed[0]}",
                RuntimeWarning,
            )
        unscored = [i for i in done if best[i].errors and np.isnan(best[i].errors).all()]
        if unscored and self.scoring is not None:
            if len(unscored) == len(done):
                raise only_nan("scoring", len(best[unscored[0]].errors))
            warn(
                f"scoring: the scorer returned nan after every epoch of {len(unscored)} of {len(done)} "
                "networks, which keep the parameters of their last epoch",
                RuntimeWarning,
            )
        for i in done:
            parameters = best[i].parameters
            if parameters is not None:
                for p, value in zip(trainings[i].net.parameters.values(), parameters, strict=True):
                    p[...] = value
        self.networks_ = [trainings[i].net for i in done]
        self.best_epochs_ = [best[i].epoch for i in done]
        self.validation_errors_ = [best[i].errors for i in done]
        self.loss_curves_ = [histories[i].loss for i in done]

    def _minus_score(
        self, score: Callable[..., float], X: Any, y: Any, weights: Array | None, held_out: Array
    ) -> Callable[..., float]:
        """Return a function of a network: minus the score of the rows held out, of X and y as they came."""
        rows, labels = _safe_indexing(X, held_out), _safe_indexing(y, held_out)
        own = None if weights is None else weights[held_out]

        def error(A: Array, Y: Array, _: Array | None) -> float:
            alone = copy.copy(self)
            alone._trusted = rows, (A.T[np.newaxis].astype(np.float64), None)
            return -score(alone, rows, labels, own)

        return error

    # --- use ------------------------------------------------------------------------------------------------

    def _outputs(self, X: Any) -> tuple[Array, Array | None]:
        """Return what each network says of each row, float64 (networks, rows, n_L), and the linear model."""
        trusted = vars(self).get("_trusted")  # while training: rows held out, and what a network says to them
        if trusted is not None and X is trusted[0]:
            said: tuple[Array, None] = trusted[1]
            return said
        check_is_fitted(self, "networks_")
        columns = self._read(X, reset=False)
        rows = len(columns[0].values)
        outputs = np.empty((len(self.networks_), rows, self.networks_[0].layer_dims[-1]))
        linear = None if self.linear_ is None else np.empty(outputs.shape[1:])
        for first in range(0, rows, ROWS_AT_ONCE):
            part = slice(first, first + ROWS_AT_ONCE)
            table = self._encoder.encoded([Column(c.name, c.values[part], c.categorical) for c in columns])
            narrow, wide = self._inputs(table)
            for A, net in zip(outputs, self.networks_, strict=True):
                inputs = wide if net.layer_dims[0] == wide.shape[1] else narrow
                A[part] = net.predict(inputs.T, threads=self.n_threads).T
            if linear is not None and self.linear_ is not None:
                A = self.linear_.predict(narrow.T, threads=self.n_threads)
                linear[part] = smoothed(A, getattr(self, "label_smoothing", 0.0)).T
        return outputs, linear

    def _mixed(self, mean: Array, linear: Array | None) -> Array:
        """Return the networks' mean with the linear model's share."""
        return mean if linear is None else mean + self.linear_share_ * (linear - mean)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags


def check_length(y: Array, rows: int) -> None:
    if len(y) != rows:
        raise ValueError(f"y has {len(y)} entries, but X has {rows} rows")


def seed_of(rng: Any) -> int:
    return int(rng.randint(2**31 - 1))
