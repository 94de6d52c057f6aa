"""The regressor."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if

from deepnet._validation import labels
from deepnet.activations import Array
from deepnet.losses import Loss

from . import _recipe
from ._perceptron import Perceptron, Targets, Validation, _is_stochastic


class MLPRegressor(RegressorMixin, Perceptron):
    """A regressor with the parameters and results of scikit-learn's MLPRegressor, on deepnet's engine.

    Parameters
    ----------
    loss : {"squared_error", "poisson", "absolute_error", "huber", "quantile"} or Loss
        The first two as in scikit-learn: half the squared error; half the Poisson deviance of counts, whose
        logarithm the network computes. "quantile" is that of the median; :func:`deepnet.losses.quantile` and
        :func:`deepnet.losses.huber` make others.
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
        True: hold out a `validation_fraction` of the rows, score them after each epoch by R^2, stop when the
        score no longer improves, and keep the weights of the best epoch. A scorer's name or a
        scorer: the same with this score.
    validation_fraction : float
    max_fun : int
        With "lbfgs": evaluations of the loss at most.
    dropout : float or sequence of float
        The fraction of each hidden layer's units dropped in each training step; or one for each layer.
    optimizer : str or Optimizer, optional
        One of deepnet's instead of `solver` and its settings, for example ``deepnet.AdamW(schedule)``, see
        :mod:`deepnet.schedules`.
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
        n_threads: int | None = None,
        dtype: Any = None,
    ) -> None:
        self.loss = loss
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
        self.callbacks = callbacks
        self.n_threads = n_threads
        self.dtype = dtype

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
        y : array-like, shape (m,) or (m, n_outputs)
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

    def _learn_targets(self, y: Any, *, incremental: bool, first: bool) -> Any:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if _loss_name(self.loss) == "poisson" and (y < 0).any():
            raise ValueError(f"y has the target {y.min():g}, but loss='poisson' needs counts: 0 or more")
        if isinstance(self.loss, Loss):
            self._check_own_loss(y)
        outputs = y.shape[1] if y.ndim == 2 else 1
        if first:
            self._outputs_of_y = outputs
        elif outputs != self.n_outputs_:
            raise ValueError(f"y has {outputs} columns, but the fitted model has {self.n_outputs_} outputs")
        return y

    def _check_own_loss(self, y: Array) -> None:
        """Refuse losses of classes, and targets that do not follow the rule of the loss."""
        if self.loss.activation not in (None, "identity") or self.loss.takes_classes:
            raise ValueError(
                f"loss is {self.loss.name!r}, which is for classes: MLPClassifier has it already"
            )
        Y = y.reshape(len(y), -1).T
        labels.check("y", Y, Y.shape, self.loss)

    def _known(self, y: Any) -> Any:
        return self._learn_targets(y, incremental=True, first=False)

    def _targets(self, y: Any) -> Targets:
        return Targets(np.asarray(y).reshape(len(y), -1).T, y)

    def _objective(self, Y: Array, weights: Array | None) -> _recipe.Objective:
        return _recipe.regression(self.loss, Y, weights)

    def _output(self) -> tuple[int, str, str]:
        outputs: int = self.__dict__.pop("_outputs_of_y")
        return outputs, "identity", "exp" if _loss_name(self.loss) == "poisson" else "identity"

    def _own_score(self, A: Array, validation: Validation) -> float:
        """R^2, the mean over the outputs; nan if A is not finite."""
        from sklearn.metrics import r2_score

        A = self._predicted(A)
        if not np.isfinite(A).all():
            return np.nan
        return float(r2_score(validation.targets.Y.T, A, sample_weight=validation.weights))

    def _predicted(self, A: Array) -> Array:
        return np.exp(A) if self.out_activation_ == "exp" else A

    def predict(self, X: Any) -> Array:
        """Return the prediction for each row.

        Parameters
        ----------
        X : array-like, frame or sparse matrix, shape (m, n_features)

        Returns
        -------
        y : ndarray, shape (m,), or (m, n_outputs) if y had several columns
        """
        A = self._predicted(self._outputs(X))
        y = A.astype(np.float64, copy=False)
        return y[:, 0] if y.shape[1] == 1 else y

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _loss_name(loss: Any) -> str:
    return loss.name if isinstance(loss, Loss) else str(loss)
