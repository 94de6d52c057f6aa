"""Arguments that a function or class does not have: the error suggests the right one.

Most are misspelt, come from other libraries (``lr``), or belong to another function (``Network(epochs=5)``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from inspect import signature
from typing import Any, TypeVar

from ._names import nearest
from ._numbers import is_number

F = TypeVar("F", bound=Callable[..., Any])

# deepnet's names, and those of other libraries for them. Of several the first that the function has is meant.
_FOREIGN = {
    "learning_rate initial": "lr eta learning_rate_init initial_learning_rate",
    "rho l2 learning_rate": "alpha",
    "every learning_rate": "step_size",
    "maximum": "max_lr",
    "length": "total_steps decay_steps t_max t_0",
    "factor": "gamma",
    "min_rate": "min_lr",
    "beta1": "betas",
    "epsilon": "eps",
    "l2 weight_decay": "l2_regularization kernel_regularizer lambd",
    "epochs": "max_iter n_iter num_epochs n_epochs iterations",
    "batch_size": "batch bs minibatch",
    "loss": "criterion loss_function loss_fn objective",
    "optimizer": "solver optim",
    "progress": "verbose",
    "callbacks": "early_stopping",
    "seed": "random_state rng",
    "threads": "n_jobs workers num_workers",
    "validation_data": "val_data eval_set validation",
    "validation_split": "validation_fraction val_split test_size",
    "X": "data inputs features",
    "Y": "labels targets target",
    "layer_dims": "layers layer_sizes hidden_layer_sizes sizes hidden",
    "units": "n_units out_features size",
    "activation": "nonlinearity act",
    "initializer scale": "kernel_initializer init weight_init std stddev sigma",
    "dropout": "drop dropout_rate p",
    "parameters": "weights params",
    "patience": "n_iter_no_change",
    "min_delta": "tol",
    "path": "filename file filepath",
}
_MEANT = {name: ours.split() for ours, theirs in _FOREIGN.items() for name in theirs.split()}
# The same for estimators, which have scikit-learn's names.
_OF_ESTIMATORS = {
    "learning_rate_init learning_rate": "lr eta learning_rate_init initial_learning_rate",
    "max_iter max_epochs": "epochs max_epochs max_iter n_iter num_epochs n_epochs iterations",
    "alpha weight_decay": "alpha weight_decay l2 l2_regularization kernel_regularizer lambd",
    "batch_size": "batch bs minibatch",
    "hidden_layer_sizes": "hidden layers layer_sizes layer_dims units n_units",
    "n_iter_no_change": "early_stopping patience",
    "tol": "min_delta",
    "validation_fraction": "validation_split val_split test_size",
    "scoring early_stopping": "metric metrics scorer scoring eval_metric",
    "max_seconds": "time_limit timeout max_time time_budget",
    "categorical_features": "cat_features categorical_columns cat_cols",
    "n_estimators": "n_models n_networks n_ens",
    "optimizer solver": "optimizer optim",
    "random_state": "seed rng",
    "verbose": "progress verbosity",
    "n_threads": "threads n_jobs workers num_workers",
}
_MEANT_IN_ESTIMATORS = {
    name: ours.split() for ours, theirs in _OF_ESTIMATORS.items() for name in theirs.split()
}
# Which estimators have a parameter that another one does not have.
_ESTIMATORS = {
    "TabularClassifier and TabularRegressor": "categorical_features linear max_categories max_epochs "
    "max_seconds n_pieces scoring weight_decay",
    "TabularClassifier": "label_smoothing",
    "MLPClassifier and TabularClassifier": "class_weight",
    "MLPClassifier and MLPRegressor": "alpha bagging beta_1 beta_2 dtype early_stopping epsilon input_scale "
    "learning_rate_init max_fun max_iter momentum nesterovs_momentum optimizer power_t shuffle solver tol "
    "warm_start",
    "MLPRegressor": "loss",
}
_ESTIMATORS_WITH = {name: owner for owner, names in _ESTIMATORS.items() for name in names.split()}
_CODE = {
    "betas": "beta1=0.9, beta2=0.999",
    "early_stopping": "callbacks=[deepnet.callbacks.EarlyStopping()]",
    "verbose": "progress=True",
}
# Whose argument it is, of those that are given to the wrong function.
_ARGUMENTS = {
    "Network.fit": "epochs batch_size optimizer loss sample_weight class_weight shuffle metrics callbacks "
    "progress validation_data validation_split",
    "Network": "activation output dropout l2 l1 initializer seed",
    "Network.fit, Network.predict and Network.evaluate": "threads",
}
_SETTINGS = {
    "SGD": "learning_rate weight_decay clip_value clip_norm",
    "Momentum": "momentum",
    "Adam": "beta1 beta2 epsilon",
}
_OWNERS = {name: owner for owner, names in (_ARGUMENTS | _SETTINGS).items() for name in names.split()}


# What other libraries call a property or method of a network, and the code for it here.
_ATTRIBUTES = {
    "print(net)": "summary",
    "net.predict(X)": "predict_proba predict_log_proba decision_function transform predict_on_batch",
    "net.predict(X).argmax(axis=0)": "predict_classes",
    'net.evaluate(X, Y, metrics=["accuracy"])': "score",
    "net.evaluate(X, Y)": "test_on_batch",
    "net.train_on_batch(X, Y)": "partial_fit train_step",
    "net.fit(X, Y, epochs=10, batch_size=32)": "train",
    "net.loss_and_grads(X, Y)": "gradients compute_gradients",
    "net.apply_gradients(net.loss_and_grads(X, Y)[1])": "step apply_gradient update",
    "target.copy_from(net, tau=0.005) moves another network, the target": "soft_update polyak_update "
    "update_target",
    "deepnet.fit_many([net], X, Y)": "fit_many",
    "the loss is an argument of net.fit and net.evaluate": "loss",
    "net.layers[0].dropout": "dropout",
    "net.layers[0].l2": "l2",
    "net.layers[0].l1": "l1",
    "len(net.layers)": "n_layers num_layers",
    "net.optimizer": "optimiser",
    "the optimizer, loss and metrics are arguments of net.fit": "compile",
    'net.parameters, a dict of "W1", "b1" and so on': "weights trainable_weights trainable_variables "
    "variables get_weights state_dict named_parameters coefs_ coef_ intercepts_ intercept_ W b biases bias",
    "net.parameters = parameters": "set_weights load_state_dict",
    "deepnet.load(path)": "load load_weights load_model",
    "net.save(path)": "save_weights dump",
    "sum(p.size for p in net.parameters.values())": "count_params",
    "net.layer_dims": "n_layers_ n_outputs_ n_features_in_ input_shape output_shape layer_sizes",
    "net.activations": "out_activation_ activation",
    "net.fit returns a history: history.loss": "history loss_curve_ loss_ best_loss_ validation_scores_",
    "the number of epochs is history.epochs, of the history that net.fit returns": "n_iter_",
    "net.optimizer.learning_rate": "learning_rate lr",
    "net.astype(np.float64)": "to double float half",
    "copy.deepcopy(net)": "copy clone clone_model",
    "deepnet.sklearn.MLPClassifier, which numbers classes itself": "classes_",
    "deepnet.sklearn.MLPClassifier": "get_params set_params",
    "dropout is active in training only, and never in net.predict": "eval",
}
_CODE_FOR = {name: code for code, names in _ATTRIBUTES.items() for name in names.split()}


class _Elsewhere:
    """An attribute whose reading raises an AttributeError that says what to write instead.

    One of the same name in a class that comes later, such as a mix-in, is read as usual.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        later = owner.__mro__[owner.__mro__.index(ForeignAttributes) + 1 :]
        if any(self.name in vars(cls) for cls in later):
            return getattr(super(ForeignAttributes, owner if instance is None else instance), self.name)
        raise AttributeError(f"{owner.__name__} has no attribute {self.name!r}: {_CODE_FOR[self.name]}")


class ForeignAttributes:
    """Base of Network with the attributes of :data:`_ATTRIBUTES`, which do not exist but say what does.

    A ``__getattr__`` would take 25 ns for each attribute that exists: 5 % of the smallest prediction.
    """

    vars().update({name: _Elsewhere(name) for name in _CODE_FOR})

    def __dir__(self) -> list[str]:
        exist = set(vars(self)).union(
            *(vars(cls) for cls in type(self).__mro__ if cls is not ForeignAttributes)
        )
        return [name for name in super().__dir__() if name not in _CODE_FOR or name in exist]


def advised(function: F) -> F:
    """Decorate a function: an argument that it does not have raises a TypeError that suggests one.

    The call takes 0.2 us longer; :func:`unknown_argument` makes the error for functions that cannot wait.

    >>> advised(lambda units: units)(unit=3)
    Traceback (most recent call last):
    TypeError: unknown argument of <lambda> 'unit': did you mean 'units'?
    """
    known = frozenset(signature(function).parameters)

    @wraps(function)
    def call(*args: Any, **arguments: Any) -> Any:
        if not known.issuperset(arguments):
            raise unknown_argument(function, arguments)
        return function(*args, **arguments)

    return call  # type: ignore[return-value]  # wraps keeps the signature


def unknown_argument(function: Callable[..., Any], arguments: Mapping[str, Any]) -> TypeError:
    """Return the error for the first of these arguments that the function does not have."""
    name = function.__qualname__.removesuffix(".__init__").rpartition("<locals>.")[2]
    parameters = signature(function).parameters
    wrong = next(key for key in arguments if key not in parameters)
    known = [key for key, p in parameters.items() if p.kind is not p.VAR_KEYWORD and key != "self"]
    hint = advice(wrong, arguments[wrong], known)
    return TypeError(f"unknown argument of {name} {wrong!r}: {hint or 'known are ' + ', '.join(known)}")


def advice(wrong: str, value: Any, known: Sequence[str], exactly: bool = False) -> str:
    """Say what to write instead of a name, given with this value, that is not `known`; "" if unclear.

    `exactly`: only if the name is a known one with a letter or two changed, or one of another library.
    """
    if "n_threads" in known:
        meant = [name for name in _MEANT_IN_ESTIMATORS.get(wrong.lower(), []) if name in known]
        match = meant[0] if meant else nearest(wrong, known, cutoff=0.75)
        if match:
            return f"did you mean {match!r}?"
        other = nearest(wrong, _ESTIMATORS_WITH, cutoff=0.85, short=False)
        return f"{other} is a parameter of {_ESTIMATORS_WITH[other]}" if other else ""
    meant = _MEANT.get(wrong.lower(), [wrong])
    here = next((name for name in meant if name in known), None)
    if here and wrong in _CODE:
        is_off = value is None or (is_number(value) and not value) or value is False
        return f"{here} is off by default: leave it out" if is_off else f"use {_CODE[wrong]}"
    elsewhere = None if here else next((name for name in meant if name in _OWNERS), None)
    if elsewhere and not exactly and (near := nearest(wrong, known, cutoff=0.9, short=False)):
        return f"did you mean {near!r}?"
    if not (here or elsewhere):
        here = nearest(wrong, known, cutoff=0.85 if exactly else 0.6, short=not exactly)
        elsewhere = None if here else nearest(wrong, _OWNERS, cutoff=0.85 if exactly else 0.8, short=False)
    if elsewhere:
        return _elsewhere(elsewhere, _CODE.get(wrong, ""), value, known)
    return f"did you mean {here!r}?" if here else ""


def _elsewhere(name: str, arguments: str, value: Any, known: Sequence[str]) -> str:
    owner = _OWNERS[name]
    if owner in _ARGUMENTS:
        return f"{name} is an argument of {owner}"
    usable = is_number(value) and math.isfinite(value) and value > 0
    code = f"deepnet.{owner}({arguments or f'{name}={value if usable else 0.1}'})"
    if "learning_rate" in known:
        return f"{name} is a setting of another optimizer: {code}"
    target = "optimizer=" if {"X", "optimizer"} <= set(known) else "net.optimizer = "
    return f"{name} is a setting of the optimizer: {target}{code}"
