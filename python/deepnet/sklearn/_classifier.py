"""The classifier."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target

from deepnet.activations import Array

from . import _recipe
from ._labels import Labels
from ._perceptron import Perceptron, Targets, Validation, _is_stochastic


class MLPClassifier(ClassifierMixin, Perceptron):
    """A classifier with the parameters and results of scikit-learn's MLPClassifier, on deepnet's engine.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int
        Units of each hidden layer.
    activation : str or sequence of str
        Of the hidden layers: a name from :data:`deepnet.ACTIVATIONS`, or "logistic"; or one for each layer.
    solver : {"adam", "sgd", "lbfgs"}
        As in scikit-learn. "lbfgs" takes all rows at once, and ignores dropout and callbacks.
    alpha : float
        Weight of the L2 penalty, ``alpha / 2 sum(W^2)``, of which each batch has its share: the loss of a
        batch is (sum of w loss + penalty) / (sum of w), with the sample weights w.
    batch_size : int or "auto"
        "auto" means min(200, rows).
    learning_rate : {"constant", "invscaling", "adaptive"}
        With solver="sgd": "invscaling" divides the rate after each epoch by the `power_t`-th power of the
        rows seen; "adaptive" divides it by 5 where training would stop, until it is 1e-6.
    learning_rate_init, power_t, momentum, nesterovs_momentum, beta_1, beta_2, epsilon
        Settings of "sgd" and "adam".
    max_iter : int
        Epochs at most; with "lbfgs", iterations.
    shuffle : bool
        Draw a new order of the rows for each epoch.
    random_state : int, RandomState or None
        For the first weights, the validation split, the orders and dropout: the same numbers as
        scikit-learn's.
    tol, n_iter_no_change : float
        Training stops after more than `n_iter_no_change` epochs in a row without an improvement by `tol`: of
        the loss, or of the validation score if `early_stopping` is used.
    verbose : bool or int
        Show a progress bar with loss, score, rows per second and time left. Without the package `rich`, print
        a line for each epoch as scikit-learn does.
    warm_start : bool
        `fit` goes on from the weights of the last fit.
    early_stopping : bool, str or callable
        True: hold out a `validation_fraction` of the rows, score them after each epoch by accuracy, stop when
        the score no longer improves, and keep the weights of the best epoch. A scorer's name or a scorer: the
        same with this score.
    validation_fraction : float
    max_fun : int
        With "lbfgs": evaluations of the loss at most.
    dropout : float or sequence of float
        The fraction of each hidden layer's units dropped in each training step; or one for each layer.
    optimizer : str or Optimizer, optional
        One of deepnet's instead of `solver` and its settings, for example ``deepnet.AdamW(schedule)``, see
        :mod:`deepnet.schedules`.
    class_weight : dict, "balanced" or None
        How much the rows of each class count; multiplied by `sample_weight`.
    callbacks : list of callable, optional
        Each is called after each epoch as ``callback(network, history)``; True ends training. Callbacks of
        scikit-learn 1.9 are set by `set_callbacks`.
    n_threads : int, optional
        :func:`deepnet.get_num_threads` by default. Results do not depend on it.
    dtype : {"float32", "float64"}, optional
        Of the weights and the arithmetic. By default float64 for "lbfgs" and for fits of up to 16,384
        numbers, which then give scikit-learn's results to the last digits, else float32, about 1.6
        times as fast.

    Attributes
    ----------
    network_ : Network
        The trained :class:`deepnet.Network`, which takes ``X.T``.
    classes_ : ndarray
        The class of each column of `predict_proba`.
    coefs_, intercepts_ : list of ndarray
        Weights (n_{l-1}, n_l) and biases (n_l,) of each layer: views, which may be written to.
    loss_, best_loss_ : float
    loss_curve_ : list of float
        Mean loss of each epoch, penalty included.
    validation_scores_, best_validation_score_
        None without validation.
    n_iter_, t_ : int
        Epochs of the last fit, and rows seen in all.
    stopped_ : bool
        True if training has stopped before `max_iter`. With `early_stopping`, `partial_fit` then does
        nothing.
    n_features_in_, feature_names_in_, n_layers_, n_outputs_, out_activation_
        As in scikit-learn.

    Raises
    ------
    ValueError, TypeError
        From the methods, if an argument does not fit; the estimator then is what it was before.
    FloatingPointError
        From `fit`, if the loss becomes nan or infinite: ``the loss is nan in epoch 3 of 200, batch 2 of 8.
        ...``

    Notes
    -----
    Weights and biases start from Glorot's uniform distribution. Arrays of float64, float32, float16 and uint8
    are read in place and not copied, a ``numpy.memmap`` too. A pickle does not hold the optimizer's memory.

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
        n_threads: int | None = None,
        dtype: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dropout = dropout
        self.optimizer = optimizer
        self.class_weight = class_weight
        self.callbacks = callbacks
        self.n_threads = n_threads
        self.dtype = dtype

    @property
    def classes_(self) -> Array:
        """The class of each column of :meth:`predict_proba`."""
        labels: Labels | None = vars(self).get("_labels")
        if labels is None:
            raise AttributeError("MLPClassifier has no classes_ before fit")
        return labels.classes

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
    ) -> Self:
        """Train.

        Parameters
        ----------
        X : array-like, frame or sparse matrix, shape (m, n_features)
        y : array-like, shape (m,), or (m, n_outputs) of 0 and 1 for classes that do not exclude each other
            Labels of any type.
        sample_weight : array-like, shape (m,), optional
            How much each row counts; normalised within each batch.
        X_val, y_val, sample_weight_val : optional
            Rows to validate with, instead of a `validation_fraction` of X. Without `early_stopping`, they are
            only scored.

        Returns
        -------
        self
        """
        return self._train(X, y, sample_weight, (X_val, y_val, sample_weight_val), incremental=False)

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

    def _learn_targets(self, y: Any, *, incremental: bool, first: bool) -> Any:
        y = _one_column(y)
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
        y = _one_column(y)
        self._labels.check(y, same=False)
        return y

    def _targets(self, y: Any) -> Targets:
        return Targets(self._labels.encode(y), y)

    def _weights(self, sample_weight: Array | None, y: Any, *, incremental: bool) -> Array | None:
        if self.class_weight is None:
            return sample_weight
        if incremental and self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all rows at once, but partial_fit sees some: give the "
                "weights of sklearn.utils.class_weight.compute_class_weight as a dict"
            )
        by_class: Array = compute_sample_weight(self.class_weight, y)
        return by_class if sample_weight is None else by_class * sample_weight

    def _objective(self, Y: Array, weights: Array | None) -> _recipe.Objective:
        return _recipe.classification(self._labels.activation)

    def _output(self) -> tuple[int, str, str]:
        activation = self._labels.activation
        return self._labels.outputs, activation, {"sigmoid": "logistic"}.get(activation, activation)

    def _strata(self, targets: Targets) -> Any:
        return targets.Y[0] if self._labels.outputs == 1 else None

    def _own_score(self, A: Array, validation: Validation) -> float:
        return self._labels.accuracy(A, validation.targets.Y, validation.weights)

    def predict(self, X: Any) -> Any:
        """Return the most probable class of each row.

        Parameters
        ----------
        X : array-like, frame or sparse matrix, shape (m, n_features)

        Returns
        -------
        y : ndarray, shape (m,); (m, n_outputs) if y had several columns
        """
        A = self._outputs(X)
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
        A = self._outputs(X)
        if A.shape[1] > 1:
            return A
        p = np.empty((len(A), 2), A.dtype)
        p[:, 1] = A[:, 0]
        np.subtract(1, A[:, 0], out=p[:, 0])
        return p

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithm of :meth:`predict_proba`."""
        p = self.predict_proba(X)
        return np.log(p, out=p)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _one_column(y: Any) -> Any:
    return column_or_1d(y, warn=True) if getattr(y, "ndim", 1) == 2 and y.shape[1] == 1 else y
