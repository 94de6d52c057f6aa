"""Fitted MLPs of scikit-learn as ours, and the way back: same parameters, same predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import sklearn.neural_network as theirs
from sklearn.base import is_classifier
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.validation import check_is_fitted

from deepnet.layers import Dense
from deepnet.network import Network

from . import _recipe
from ._classifier import MLPClassifier
from ._labels import Labels
from ._perceptron import Perceptron
from ._regressor import MLPRegressor

# Attributes with the same meaning on both sides.
RECORD = (
    *("n_features_in_", "feature_names_in_", "n_layers_", "n_outputs_", "out_activation_", "n_iter_", "t_"),
    *("loss_", "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"),
    "_no_improvement_count",
)
ACTIVATION_TO = {"identity": "identity", "sigmoid": "logistic", "tanh": "tanh", "relu": "relu"}


def from_sklearn(model: Any) -> MLPClassifier | MLPRegressor:
    """Create our estimator from a fitted one of scikit-learn, which stays as it is.

    Parameters
    ----------
    model : sklearn.neural_network.MLPClassifier or MLPRegressor
        Fitted.

    Returns
    -------
    estimator : MLPClassifier or MLPRegressor
        With the same parameters, weights, record of training, and so the same predictions. It computes in the
        dtype of the weights. `partial_fit` and `warm_start` go on from there, with the optimizer's memory
        empty.

    Raises
    ------
    TypeError
        For example ``model is a LogisticRegression, but must be an MLPClassifier or MLPRegressor of
        scikit-learn``.
    sklearn.exceptions.NotFittedError
        If it is not fitted.

    Examples
    --------
    >>> from sklearn.neural_network import MLPClassifier
    >>> from deepnet.sklearn import from_sklearn
    >>> X = np.random.default_rng(0).normal(size=(100, 3))
    >>> theirs = MLPClassifier(solver="lbfgs", random_state=0).fit(X, X[:, 0] > 0)
    >>> ours = from_sklearn(theirs)
    >>> bool(np.allclose(ours.predict_proba(X), theirs.predict_proba(X)))
    True
    """
    if not isinstance(model, (theirs.MLPClassifier, theirs.MLPRegressor)):
        given = "an estimator of deepnet" if isinstance(model, Perceptron) else f"a {type(model).__name__}"
        raise TypeError(f"model is {given}, but must be an MLPClassifier or MLPRegressor of scikit-learn")
    check_is_fitted(model)
    dtype = np.result_type(*model.coefs_).name
    kind = MLPClassifier if is_classifier(model) else MLPRegressor
    ours = kind(**model.get_params(), dtype=dtype)
    hidden = _recipe.ACTIVATION_OF.get(model.activation, model.activation)
    output = {"logistic": "sigmoid", "exp": "identity"}.get(model.out_activation_, model.out_activation_)
    layers = [Dense(W.shape[1], hidden) for W in model.coefs_[:-1]]
    ours.network_ = Network(
        [model.n_features_in_, *layers, Dense(model.n_outputs_, output)],
        initializer="zeros",
        dtype=dtype,
        seed=0,
    )
    ours.coefs_, ours.intercepts_ = model.coefs_, model.intercepts_
    _copy_record(model, ours)
    if isinstance(ours, MLPClassifier):
        multilabel = model._label_binarizer.y_type_.startswith("multilabel")
        ours._labels = Labels(model.classes_, multilabel, model._label_binarizer.sparse_input_)
    return ours


def to_sklearn(ours: Perceptron) -> Any:
    """Create scikit-learn's estimator from ours, see :meth:`MLPClassifier.to_sklearn`."""
    check_is_fitted(ours)
    if "estimators_" in vars(ours):
        count = len(ours.estimators_)
        raise ValueError(
            f"the estimator has {count} networks: estimators_[0].to_sklearn() converts the first"
        )
    kind = theirs.MLPClassifier if isinstance(ours, MLPClassifier) else theirs.MLPRegressor
    known = {*kind().get_params()}
    hidden = set(ours.network_.activations[:-1]) or {"relu"}
    if len(hidden) > 1 or not hidden <= ACTIVATION_TO.keys():
        raise ValueError(
            f"the hidden layers have the activations {', '.join(ours.network_.activations[:-1])}, but all of "
            f"scikit-learn's have the same, one of {', '.join(sorted(ACTIVATION_TO.values()))}"
        )
    settings = {key: value for key, value in ours.get_params(deep=False).items() if key in known}
    settings["activation"] = ACTIVATION_TO[hidden.pop()]
    settings["early_stopping"] = bool(ours.early_stopping)
    if settings.get("loss", "squared_error") not in ("squared_error", "poisson"):
        settings["loss"] = "poisson" if ours.out_activation_ == "exp" else "squared_error"
    model = kind(**settings)
    model.coefs_ = [W.copy() for W in ours.coefs_]
    model.coefs_[0] *= model.coefs_[0].dtype.type(ours.network_.input_scale)
    model.intercepts_ = [b.copy() for b in ours.intercepts_]
    _copy_record(ours, model)
    if isinstance(ours, MLPClassifier):
        labels = ours._labels
        model.classes_ = labels.classes
        example = np.eye(len(labels.classes), dtype=int) if labels.multilabel else labels.classes
        model._label_binarizer = LabelBinarizer().fit(example)
        model._label_binarizer.sparse_input_ = labels.sparse
    return model


def _copy_record(source: Any, target: Any) -> None:
    for name in RECORD:
        if hasattr(source, name):
            value = getattr(source, name)
            setattr(target, name, [*value] if isinstance(value, list) else value)
