"""The regressor."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if

from deepnet._arguments import advised
from deepnet._validation import labels
from deepnet._validation.custom import without_data
from deepnet.activations import Array
from deepnet.losses import Loss

from . import _members, _recipe
from ._data import Targets, Validation
from ._docstrings import PERCEPTRON, documented
from ._labels import check_numbers, check_targets
from ._perceptron import Perceptron, _is_stochastic, parameters_of


@documented(PERCEPTRON, score="R^2", oof="as `predict` returns it")
class MLPRegressor(RegressorMixin, Perceptron):
    """A regressor with the parameters and results of scikit-learn's MLPRegressor, on deepnet's engine.

    Parameters
    ----------
    loss : {"squared_error", "poisson", "absolute_error", "huber", "quantile"} or Loss
        The first two as in scikit-learn: half the squared error; half the Poisson deviance of counts, whose
        logarithm the network computes. "quantile" is that of the median; :func:`deepnet.losses.quantile` and
        :func:`deepnet.losses.huber` make others.
    <parameters>

    Attributes
    ----------
    <attributes>

    <notes>

    Examples
    --------
    >>> from deepnet.sklearn import MLPRegressor
    >>> X = np.random.default_rng(0).normal(size=(300, 2))
    >>> model = MLPRegressor(hidden_layer_sizes=(32,), max_iter=1000, random_state=0).fit(X, X[:, 0] ** 2)
    >>> model.score(X, X[:, 0] ** 2) > 0.95
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **Perceptron._parameter_constraints,
        "loss": [StrOptions({"squared_error", "absolute_error", "poisson", "huber", "quantile"}), Loss],
    }

    @advised
    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: Any = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: Any = 0.0,
        optimizer: Any = None,
        callbacks: Any = None,
        n_estimators: int = 1,
        bagging: str | None = None,
        input_scale: float = 1.0,
        n_threads: int | None = None,
        dtype: Any = None,
        compute: str | None = None,
    ) -> None:
        self.__dict__.update(parameters_of(locals()))

    @available_if(_is_stochastic)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train for one epoch on these rows.

        Parameters
        ----------
        X, y, sample_weight, X_val, y_val, sample_weight_val
            As in :meth:`fit`.

        Returns
        -------
        self
        """
        return self._train(X, y, sample_weight, (X_val, y_val, sample_weight_val), incremental=True)

    # --- targets and outputs --------------------------------------------------------------------------------

    def _reading_options(self) -> dict[str, Any]:
        return {"y_numeric": True}

    def _read(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        X, y = super()._read(X, y, reset=reset)
        check_numbers(y, "MLPClassifier")
        check_targets(y)  # those that were objects, such as None
        return X, y

    def _learn_targets(self, y: Any, *, incremental: bool, first: bool) -> Any:
        if _loss_name(self.loss) == "poisson" and (y < 0).any():
            raise ValueError(f"y has the target {y.min():g}, but loss='poisson' needs counts: 0 or more")
        if isinstance(self.loss, Loss):
            self._check_own_loss(y)
        outputs = y.shape[1] if y.ndim == 2 else 1
        if first:
            self.n_outputs_ = outputs
        elif outputs != self.n_outputs_:
            raise ValueError(f"y has {outputs} columns, but the fitted model has {self.n_outputs_} outputs")
        return y

    def _check_own_loss(self, y: Array) -> None:
        """Refuse losses of classes or with further arrays, and targets that do not follow the loss's rule."""
        without_data(self.loss)
        if self.loss.activation not in (None, "identity") or self.loss.takes_classes:
            raise ValueError(
                f"loss is {self.loss.name!r}, which is for classes: MLPClassifier has it already"
            )
        Y = y.reshape(len(y), -1).T
        labels.check("y", Y, Y.shape, self.loss)

    def _known(self, y: Any) -> Any:
        return self._learn_targets(y, incremental=True, first=False)

    def _take_kind_of(self, other: Any) -> None:
        self.n_outputs_ = other.n_outputs_

    def _kind_of_targets(self) -> Hashable:
        return ()

    def _targets(self, y: Any) -> Targets:
        return Targets(np.asarray(y).reshape(len(y), -1).T, y)

    def _objective(self, Y: Array, weights: Array | None) -> _recipe.Objective:
        return _recipe.regression(self.loss, Y, weights)

    def _output(self) -> tuple[int, str, str]:
        return self.n_outputs_, "identity", "exp" if _loss_name(self.loss) == "poisson" else "identity"

    def _own_score(self, A: Array, validation: Validation) -> float:
        """R^2, the mean over the outputs; nan if A is not finite."""
        from sklearn.metrics import r2_score

        A = self._predicted(A)
        if not np.isfinite(A).all():
            return np.nan
        return float(r2_score(validation.targets.Y.T, A, sample_weight=validation.weights))

    def _predicted(self, A: Array) -> Array:
        return np.exp(A) if self.out_activation_ == "exp" else A

    def _answer(self, A: Array) -> Array:
        y = A.astype(np.float64, copy=False)
        return y[:, 0] if y.shape[1] == 1 else y

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Return the prediction for each row.

        Parameters
        ----------
        X : array-like, frame or sparse matrix, shape (m, n_features)
        return_std : bool
            Also return how much the networks differ; with `n_estimators` of 2 or more.

        Returns
        -------
        y : ndarray, shape (m,), or (m, n_outputs) if y had several columns
        std : ndarray, of the same shape, only if `return_std`
            The standard deviation of the networks' predictions. It says how sure they are of their mean; the
            noise in y is not part of it.

        Raises
        ------
        ValueError
            For example ``return_std=True needs several networks, but n_estimators was 1 in fit``.

        Examples
        --------
        >>> from deepnet.sklearn import MLPRegressor
        >>> X = np.linspace(-1, 1, 100)[:, np.newaxis]
        >>> model = MLPRegressor(n_estimators=5, learning_rate_init=0.01, random_state=0).fit(X, X[:, 0] ** 2)
        >>> mean, std = model.predict([[0.0], [5.0]], return_std=True)
        >>> bool(std[1] > 10 * std[0])
        True
        """
        X = self._checked(X)
        y = self._answer(self._response(X))
        if not return_std:
            return y
        members = vars(self).get("estimators_")
        if members is None:
            raise ValueError(_members.ONE_NETWORK)
        return y, self._answer(_members.spread(members, X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _loss_name(loss: Any) -> str:
    return loss.name if isinstance(loss, Loss) else str(loss)
