"""The parts that the docstrings of the estimators have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

Class = TypeVar("Class", bound=type)

_PARAMETERS = """\
    hidden_layer_sizes : sequence of int
        Units of each hidden layer.
    activation : str, Activation, or sequence of these
        Of the hidden layers: a name from :data:`deepnet.ACTIVATIONS`, "logistic", or a custom
        :class:`deepnet.Activation`; or one for each layer.
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
        True: hold out a `validation_fraction` of the rows, score them after each epoch by {score}, stop when
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
    callbacks : list of callable, optional
        Each is called after each epoch as ``callback(network, history)``; True ends training. With
        `n_estimators`, they are called for all networks in turn, on the networks' threads. Callbacks of
        scikit-learn 1.9 are set by `set_callbacks`.
    n_estimators : int
        Train so many networks side by side, each with its own first weights, validation split and order of
        the rows, and predict their mean. See `estimators_`.
    bagging : {"kfold"}, optional
        Divide the rows into `n_estimators` folds, of which each network leaves one out. See `oof_`. The
        validation rows of `early_stopping` are some of the other folds' rows.
    input_scale : float
        Every X is multiplied by it, without a copy: 1 / 255 for pixels of 0 to 255.
    n_threads : int, optional
        :func:`deepnet.get_num_threads` by default. Results do not depend on it.
    dtype : {"float32", "float64"}, optional
        Of the weights and the arithmetic. By default float64 for "lbfgs" and for fits of up to 16,384
        numbers, which then give scikit-learn's results to the last digits, else float32, about 1.6
        times as fast.
    compute : {"bfloat16"}, optional
        As in :class:`deepnet.Network`; `dtype` is then float32 by default.
"""

_ATTRIBUTES = """\
    network_ : Network
        The trained :class:`deepnet.Network`, which takes ``X.T``.
    coefs_, intercepts_ : list of ndarray
        Weights (n_{l-1}, n_l) and biases (n_l,) of each layer: views, which may be written to. The first
        weights are those of X times `input_scale`.
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
    estimators_ : list
        With `n_estimators` of 2 or more: the estimators of one network each. They have the weights and the
        record of training (`network_`, `coefs_`, `loss_curve_`, ...), which the estimator itself then does
        not have; its `loss_` is their mean, `n_iter_` their maximum, `t_` their sum, and `stopped_` is True
        if all have stopped. Each has the bits that it would have alone: ``clone(estimators_[0]).fit(X, y)``.
    oof_ : ndarray
        With `bagging`: for each row what the network predicts that was trained without it ("out of fold"),
        {oof}.
    n_features_in_, feature_names_in_, n_layers_, n_outputs_, out_activation_
        As in scikit-learn.
"""

_NOTES = """\
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
    Ctrl-C ends `fit` with a warning and the weights of that moment; with `n_estimators` of 2 or more it
    raises KeyboardInterrupt, and the estimator is what it was before.
"""


PERCEPTRON = {"parameters": _PARAMETERS, "attributes": _ATTRIBUTES, "notes": _NOTES}

TABULAR = {
    "parameters": """\
    n_estimators : int
        Networks trained side by side, each with its own first weights and its own rows to validate with;
        their {outputs} are averaged.
    hidden_layer_sizes : sequence of int
        Units of each hidden layer; an int for one.
    activation : str
        Of the hidden layers: a name from :data:`deepnet.ACTIVATIONS`.
    learning_rate : float
        The highest rate of a schedule of four cycles, :class:`deepnet.schedules.LogCosine`. Each layer's
        weights have it divided by the root of the number of its inputs.
    max_epochs : int
        Epochs of each network. The parameters of the last best one are kept.
    batch_size : int
        Rows of an update.
    dropout : float
        The fraction of the hidden units dropped in each training step.
    weight_decay : float
        AdamW's: before each update, weights lose this times their learning rate.
    validation_fraction : float
        The fraction of the rows, 0 to 0.5, that each network holds out to find its best epoch: the first
        network one fold, the second the next fold, and so on. 0: every network learns from all rows, and its
        last epoch counts.
    scoring : str or callable, optional
        A scorer's name or a scorer, by whose score of the rows held out the best epoch is chosen. By default
        it is that of the least {error_of_default}.
    n_iter_no_change : int, optional
        Stop the training of a network after so many epochs in a row that are worse than its best; by default
        it takes all `max_epochs`, which the learning rate's cycles need.
    max_seconds : float, optional
        Time for `fit`: when a network's share is over, its training ends with the epoch that it is in.
    categorical_features : sequence, optional
        Columns of numbers that are categories: names, numbers, or a mask. Strings, bools and the categories
        of pandas and polars are categories anyway.
    max_categories : int
        A column with more categories than that is hashed to so many columns instead of one for each; to
        fewer, but 64 or more, if they took more than a gigabyte.
    n_pieces : int
        Every second network, from the second on, gets besides each scaled number its piecewise-linear
        encoding in so many pieces, which end at quantiles; 0: none does.
    linear : bool
        On tables of up to 10,000 rows, give {linear} a share in the predictions. Its penalty and
        its share are those with the least squared error in the rows held out.
    n_threads : int, optional
        :func:`deepnet.get_num_threads` by default. Results do not depend on it.
    compute : {"bfloat16"}, optional
        As in :class:`deepnet.Network`.
    random_state : int, RandomState or None
        For the first weights, the rows held out, the orders of the rows and dropout.
    callbacks : list of callable, optional
        Each is called after each epoch of each network as ``callback(network, history)``, on the network's
        thread; True ends the training of this network. ``history.validation_metrics["error"]`` has the errors
        of the rows held out so far.
    verbose : bool
        Show a progress bar with the networks' mean loss and error, rows per second and time left, if
        `rich` is installed.
""",
    "attributes": """\
    networks_ : list of Network
        The trained networks, which take encoded columns.
    linear_ : Network or None
        The linear model, which takes the encoded columns without pieces; None if it has no share.
    linear_share_ : float
        Its share in the predictions, 0 to 1.
    best_epochs_ : list of int
        The epoch, counted from 1, whose parameters each network has.
    validation_errors_ : list of list of float
        Of each network after each epoch: {error}; with `scoring`, minus the score.
    loss_curves_ : list of list of float
        The mean training loss of each network in each epoch.
    n_features_in_, feature_names_in_
        As in scikit-learn.
""",
    "notes": """\
    Raises
    ------
    ValueError, TypeError
        From the methods, if an argument does not fit; the estimator then is what it was before.
    FloatingPointError
        From `fit`, if the loss of every network becomes nan or infinite. If some do, a RuntimeWarning says
        so.

    Notes
    -----
    A number is centred by the median, divided by the distance of the quartiles and smoothly clipped to -3 to
    3; so its unit and outliers do not matter. A missing number becomes the median; where numbers were missing
    in `fit`, one more column says so. A category that was not seen in `fit` counts as missing. All this is
    learnt from the rows given to `fit` and is part of the estimator and its pickle.

    The recipe is RealMLP-TD-S, from D. Holzmüller, L. Grinsztajn and I. Steinwart, *Better by default: strong
    pre-tuned MLPs and boosted trees on tabular data*, NeurIPS 2024, for several networks instead of one.
""",
}


def documented(parts: Mapping[str, str], **differences: str) -> Callable[[Class], Class]:
    """Fill in the parts, which the docstring names in angle brackets, and the differences, in braces."""

    def fill(cls: Class) -> Class:
        text = cls.__doc__ or ""
        for name, part in parts.items():
            text = text.replace(f"    <{name}>\n", part)
        for name, words in differences.items():
            text = text.replace(f"{{{name}}}", words)
        cls.__doc__ = text
        return cls

    return fill
