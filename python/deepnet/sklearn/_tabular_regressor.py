"""The regressor for tables as they come."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import check_array, column_or_1d

from deepnet._arguments import advised
from deepnet.activations import Array
from deepnet.losses import Loss, find_loss

from . import _members
from ._docstrings import TABULAR, documented
from ._labels import check_numbers, check_targets
from ._perceptron import parameters_of
from ._tabular import Tabular, Targets, check_length


@documented(
    TABULAR,
    outputs="predictions",
    linear="ridge regression",
    error="the mean squared error of the rows held out, in units of the\n        targets' variance",
    error_of_default="mean squared error",
)
class TabularRegressor(RegressorMixin, Tabular):
    """A regressor for tables as they come: numbers, categories and missing values, nothing scaled.

    Parameters
    ----------
    <parameters>

    Attributes
    ----------
    <attributes>

    <notes>
    Targets are standardised for the networks. Predictions stay within the range of the targets of `fit`.

    Examples
    --------
    >>> from deepnet.sklearn import TabularRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2))
    >>> model = TabularRegressor(max_epochs=64, random_state=0).fit(X, X[:, 0] * X[:, 1])
    >>> model.score(X, X[:, 0] * X[:, 1]) > 0.9
    True
    >>> mean, spread = model.predict(X[:3], return_std=True)
    """

    @advised
    def __init__(
        self,
        n_estimators: int = 5,
        hidden_layer_sizes: Any = (256, 256, 256),
        *,
        activation: str = "mish",
        learning_rate: float = 0.07,
        max_epochs: int = 256,
        batch_size: int = 256,
        dropout: float = 0.15,
        weight_decay: float = 0.0,
        validation_fraction: float = 0.2,
        scoring: Any = None,
        n_iter_no_change: int | None = None,
        max_seconds: float | None = None,
        categorical_features: Any = None,
        max_categories: int = 1024,
        n_pieces: int = 8,
        linear: bool = True,
        n_threads: int | None = None,
        compute: str | None = None,
        random_state: Any = None,
        callbacks: Any = None,
        verbose: bool | int = False,
    ) -> None:
        self.__dict__.update(parameters_of(locals()))

    def _learn_targets(self, y: Any, rows: int, used: Array) -> Targets:
        check_numbers(y, "TabularClassifier")
        y = check_array(
            y,
            ensure_2d=False,
            dtype=np.float64,
            input_name="y",
            estimator=self,
            ensure_all_finite="allow-nan",
        )
        check_targets(y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        check_length(y, rows)
        self._is_1d = y.ndim == 1
        columns = y.reshape(rows, -1)
        known = columns[used]
        self._mean, scale = known.mean(axis=0), known.std(axis=0)
        self._scale = np.where(scale > 0, scale, 1.0)
        self._range = known.min(axis=0), known.max(axis=0)
        Y = ((columns - self._mean) / self._scale).T.astype(np.float32)
        return Targets(np.ascontiguousarray(Y), np.zeros(len(y), np.intp))

    def _unscaled(self, outputs: Array) -> Array:
        """Return targets within the range of those of fit."""
        with np.errstate(over="ignore"):
            targets: Array = np.clip(outputs * self._scale + self._mean, *self._range)
        return targets

    def _output(self) -> tuple[int, str, Loss]:
        return len(self._mean), "identity", find_loss("mean_squared_error")

    def _error(self, A: Array, Y: Array, weights: Array | None) -> float:
        return float(np.average(np.square(A - Y).mean(axis=0), weights=weights))

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Compute the target of each row: the networks' mean, with the linear model's share.

        Parameters
        ----------
        X : frame, array or list of rows, (rows, columns)
            With the columns of `fit`. A category that was not seen there counts as missing.
        return_std : bool
            Return the standard deviation of the networks' predictions, too; it needs several networks.

        Returns
        -------
        y : ndarray of float64, (rows,), or (rows, targets)
        std : ndarray, of the same shape
            With `return_std`.

        Raises
        ------
        ValueError, TypeError
            For example ``the column 'age' held numbers in fit, but holds categories now, such as 'old'``.
        """
        outputs, linear = self._outputs(X)
        if return_std and len(outputs) == 1:
            raise ValueError(_members.ONE_NETWORK)
        each = self._unscaled(outputs)
        mean, spread = each.mean(axis=0), each.std(axis=0)
        if linear is not None:
            mean = self._mixed(mean, self._unscaled(linear))
        if self._is_1d:
            mean, spread = mean[:, 0], spread[:, 0]
        return (mean, spread) if return_std else mean
