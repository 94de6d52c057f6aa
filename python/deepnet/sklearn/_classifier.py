"""The classifier."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target

from deepnet._arguments import advised
from deepnet.activations import Array

from . import _recipe
from ._data import Data, Targets, Validation, spread, taken
from ._docstrings import PERCEPTRON, documented
from ._labels import Labels, check_cells, weights_of_classes
from ._perceptron import Perceptron, _is_stochastic, parameters_of


@documented(PERCEPTRON, score="accuracy", oof="as `predict_proba` returns it")
class MLPClassifier(ClassifierMixin, Perceptron):
    """A classifier with the parameters and results of scikit-learn's MLPClassifier, on deepnet's engine.

    Parameters
    ----------
    <parameters>
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
    >>> from deepnet.sklearn import MLPClassifier
    >>> X = np.random.default_rng(0).normal(size=(300, 2))
    >>> y = np.where(X[:, 0] * X[:, 1] > 0, "same", "different")
    >>> model = MLPClassifier((16, 8), learning_rate_init=0.01, max_iter=500, random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.95
    True
    >>> model.network_
    <Network 2-16-8-1 (relu, relu, sigmoid): float64, 193 parameters>
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **Perceptron._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
    }

    _labels: Labels

    @advised
    def __init__(
        self,
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
        class_weight: Any = None,
        callbacks: Any = None,
        n_estimators: int = 1,
        bagging: str | None = None,
        input_scale: float = 1.0,
        n_threads: int | None = None,
        dtype: Any = None,
        compute: str | None = None,
    ) -> None:
        self.__dict__.update(parameters_of(locals()))

    @property
    def classes_(self) -> Array:
        """The class of each column of :meth:`predict_proba`."""
        labels: Labels | None = vars(self).get("_labels")
        if labels is None:
            raise AttributeError("MLPClassifier has no classes_ before fit")
        return labels.classes

    @available_if(_is_stochastic)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        classes: Any = None,
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
        classes : array-like, optional
            All classes that there will be; needed in the first call.

        Returns
        -------
        self
        """
        self._classes_to_come = classes
        try:
            return self._train(X, y, sample_weight, (X_val, y_val, sample_weight_val), incremental=True)
        finally:
            del self._classes_to_come

    # --- labels and outputs ---------------------------------------------------------------------------------

    def _read(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        check_cells(y)
        return super()._read(X, y, reset=reset)

    def _learn_targets(self, y: Any, *, incremental: bool, first: bool) -> Any:
        if incremental:
            classes = self._classes_to_come
            if first and classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            if first:
                multilabel = type_of_target(y, input_name="y").startswith("multilabel")
                self._labels = Labels.of(y) if multilabel else Labels.of(np.unique(classes))
            elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
                raise ValueError(
                    f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                    f"{self.classes_!r}"
                )
        elif first:
            self._labels = Labels.of(y)
            return y
        self._labels.check(y, same=not incremental)
        return y

    def _known(self, y: Any) -> Any:
        self._labels.check(y, same=False)
        return y

    def _targets(self, y: Any) -> Targets:
        return Targets(self._labels.encode(y), y)

    def _take_kind_of(self, other: Any) -> None:
        self._labels = other._labels

    def _kind_of_targets(self) -> Hashable:
        return self._labels.multilabel, *self._labels.classes.tolist()

    def _weights_of(self, data: Data, rows: Array | None, incremental: bool) -> Array | None:
        if self.class_weight is None:
            return data.weights
        if incremental and self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all rows at once, but partial_fit sees some: give the "
                "weights of sklearn.utils.class_weight.compute_class_weight as a dict"
            )

        def weights() -> tuple[Array, Array | None]:
            by_class = spread(
                weights_of_classes(self.class_weight, taken(data.y, rows)), rows, data.y.shape[0]
            )
            return by_class if data.weights is None else by_class * data.weights, rows

        # The rows are kept, so that no others get their id.
        return data.once(("weights", id(rows), repr(self.class_weight)), weights)[0]  # type: ignore[no-any-return]

    def _objective(self, Y: Array, weights: Array | None) -> _recipe.Objective:
        return _recipe.classification(self._labels.activation)

    def _output(self) -> tuple[int, str, str]:
        activation = self._labels.activation
        return self._labels.outputs, activation, {"sigmoid": "logistic"}.get(activation, activation)

    def _strata(self, targets: Targets) -> Any:
        return targets.Y[0] if self._labels.outputs == 1 else None

    def _own_score(self, A: Array, validation: Validation) -> float:
        return self._labels.accuracy(A, validation.targets.Y, validation.weights)

    def _answer(self, A: Array) -> Array:
        """Return the probability of each class."""
        if A.shape[1] > 1:
            return A
        p = np.empty((len(A), 2), A.dtype)
        p[:, 1] = A[:, 0]
        np.subtract(1, A[:, 0], out=p[:, 0])
        return p

    def predict(self, X: Any) -> Any:
        """Return the most probable class of each row.

        Parameters
        ----------
        X : array-like, frame or sparse matrix, shape (m, n_features)

        Returns
        -------
        y : ndarray, shape (m,); (m, n_outputs) if y had several columns
        """
        A = self._response(self._checked(X))
        return self._labels.decode(A)

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like, frame or sparse matrix, shape (m, n_features)

        Returns
        -------
        p : ndarray, shape (m, n_classes)
        """
        return self._answer(self._response(self._checked(X)))

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithm of :meth:`predict_proba`."""
        p = self.predict_proba(X)
        return np.log(p, out=p)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
