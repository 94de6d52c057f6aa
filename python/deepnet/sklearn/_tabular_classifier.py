"""The classifier for tables as they come."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import check_array, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions

from deepnet._arguments import advised
from deepnet.activations import Array
from deepnet.losses import Loss, find_loss

from ._docstrings import TABULAR, documented
from ._labels import Labels, check_cells, weights_of_classes
from ._perceptron import parameters_of
from ._tabular import Tabular, Targets, check_length


@documented(
    TABULAR,
    outputs="probabilities",
    linear="logistic regression",
    error="the fraction of the rows held out that are misclassified",
    error_of_default="fraction of misclassified rows",
)
class TabularClassifier(ClassifierMixin, Tabular):
    """A classifier for tables as they come: numbers, categories and missing values, nothing scaled.

    Parameters
    ----------
    <parameters>
    label_smoothing : float
        The share of each label that is spread evenly over the classes.
    class_weight : dict, "balanced" or None
        How much the rows of each class count; multiplied by `sample_weight`.

    Attributes
    ----------
    classes_ : ndarray
        The class of each column of `predict_proba`.
    <attributes>

    <notes>

    Examples
    --------
    >>> import pandas as pd
    >>> from deepnet.sklearn import TabularClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"size": rng.lognormal(10, 2, 200), "colour": rng.choice(["red", "blue"], 200)})
    >>> X.loc[::10, "size"] = None
    >>> y = np.where((X["size"] > 20_000) == (X["colour"] == "red"), "buy", "sell")
    >>> model = TabularClassifier(max_epochs=64, random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.9
    True
    >>> model.predict(pd.DataFrame({"size": [1e6], "colour": ["red"]}))
    array(['buy'], dtype='<U4')
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **Tabular._parameter_constraints,
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    _labels: Labels

    @advised
    def __init__(
        self,
        n_estimators: int = 5,
        hidden_layer_sizes: Any = (256, 256, 256),
        *,
        activation: str = "selu",
        learning_rate: float = 0.04,
        max_epochs: int = 256,
        batch_size: int = 256,
        label_smoothing: float = 0.1,
        dropout: float = 0.0,
        weight_decay: float = 0.0,
        validation_fraction: float = 0.2,
        scoring: Any = None,
        n_iter_no_change: int | None = None,
        max_seconds: float | None = None,
        class_weight: Any = None,
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
        check_cells(y)
        y = check_array(y, ensure_2d=False, dtype=None, input_name="y", estimator=self)
        if y.ndim == 2 and y.shape[1] > 1:
            raise ValueError(f"y has {y.shape[1]} columns, but must be one column of classes")
        y = column_or_1d(y, warn=True)
        check_length(y, rows)
        self._labels = Labels.of(y)
        self.classes_ = self._labels.classes
        numbers = np.searchsorted(self.classes_, y)
        return Targets(numbers.reshape(1, -1), numbers)

    def _class_weights(self, weights: Array | None, targets: Targets) -> Array | None:
        if self.class_weight is None:
            return weights
        of_classes: Array = weights_of_classes(self.class_weight, self.classes_[targets.groups])
        return of_classes if weights is None else weights * of_classes

    def _output(self) -> tuple[int, str, Loss]:
        loss = replace(
            find_loss("sparse_categorical_cross_entropy"), label_smoothing=float(self.label_smoothing)
        )
        return len(self.classes_), "softmax", loss

    def _error(self, A: Array, Y: Array, weights: Array | None) -> float:
        if not np.isfinite(A).all():
            return np.nan
        return float(np.average(A.argmax(axis=0) != Y[0], weights=weights))

    def predict_proba(self, X: Any) -> Array:
        """Compute the probability of each class: the networks' mean, with the linear model's share.

        Parameters
        ----------
        X : frame, array or list of rows, (rows, columns)
            With the columns of `fit`. A category that was not seen there counts as missing.

        Returns
        -------
        p : ndarray of float64, (rows, classes)
            In the order of `classes_`.

        Raises
        ------
        ValueError, TypeError
            For example ``the column 'age' held numbers in fit, but holds categories now, such as 'old'``.
        """
        outputs, linear = self._outputs(X)
        p = self._mixed(outputs.mean(axis=0), linear)
        p /= p.sum(axis=1, keepdims=True)
        return p

    def predict(self, X: Any) -> Array:
        """Return the most probable class of each row.

        Parameters
        ----------
        X : frame, array or list of rows, (rows, columns)
            As for :meth:`predict_proba`.

        Returns
        -------
        y : ndarray, (rows,)
        """
        chosen = self.predict_proba(X).argmax(axis=1)
        labels: Array = self.classes_[chosen]
        return labels
