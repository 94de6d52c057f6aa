"""What an estimator's parameters mean: a network with its first weights, a loss, an optimizer, penalties.

scikit-learn's objective of a batch is (sum of w loss + alpha / 2 sum of W^2) / (sum of w): a normalized plan.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import xlogy
from sklearn.utils._param_validation import StrOptions

from deepnet._names import nearest
from deepnet._numbers import is_number, real
from deepnet._validation import options as option
from deepnet.activations import Array
from deepnet.layers import Dense
from deepnet.losses import LOSSES, Loss
from deepnet.network import Network
from deepnet.optimizers import OPTIMIZERS, SGD, Adam, Momentum, Nesterov, Optimizer
from deepnet.plan import LayerPlan, Plan

# scikit-learn's names, where deepnet's differ.
ACTIVATION_OF = {"logistic": "sigmoid"}
LOSS_OF = {"squared_error": "mean_squared_error", "absolute_error": "quantile"}

# Names of other places.
LOSS_FOR = {
    **dict.fromkeys(("mse", "l2", "mean_squared_error"), "squared_error"),
    **dict.fromkeys(("mae", "l1", "mean_absolute_error"), "absolute_error"),
    "pinball": "quantile",
}


@dataclass(frozen=True)
class Objective:
    """The loss that the engine minimises, which is `scale` times scikit-learn's, and how to convert it.

    scikit-learn's gradients are those of sums over the outputs; the engine's losses of regression are means.
    """

    loss: Loss
    scale: float = 1.0
    penalty_share: float = 0.0  # of the penalty, added to what `reported` makes of the engine's loss
    factor: float = 1.0
    constant: float = 0.0

    def reported(self, loss: float, penalty: float) -> float:
        """Return scikit-learn's loss; `penalty` is its penalty."""
        return self.factor * loss + self.penalty_share * penalty + self.constant


def regression(loss: Any, Y: Array, weights: Array | None) -> Objective:
    """Return the objective for targets Y (n_L, m)."""
    if isinstance(loss, Loss):
        return Objective(loss)
    outputs, chosen = len(Y), LOSSES[LOSS_OF.get(loss, loss)]
    # scikit-learn reports half the mean of the squares, with the gradient of half their sum.
    if loss == "squared_error":
        return Objective(chosen, 2 / outputs, penalty_share=1 - 1 / outputs, factor=0.5)
    if loss == "poisson":  # half the deviance
        own = np.average(xlogy(Y, Y) - Y, axis=1, weights=weights).sum()
        return Objective(chosen, 1 / outputs, factor=float(outputs), constant=float(own))
    return Objective(chosen)


def classification(activation: str) -> Objective:
    """Return the objective for an output activation."""
    sigmoid = activation == "sigmoid"
    return Objective(LOSSES["binary_cross_entropy" if sigmoid else "sparse_categorical_cross_entropy"])


# --- the network --------------------------------------------------------------------------------------------


def hidden_sizes(given: Any) -> list[int]:
    """Return the units of each hidden layer."""
    sizes = list(given) if isinstance(given, Iterable) else [given]
    for size in sizes:
        if isinstance(size, (bool, np.bool_)) or not isinstance(size, (int, np.integer)):
            raise TypeError(f"hidden_layer_sizes must be whole numbers, got {sizes}.")
        if size <= 0:
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(size) for size in sizes]


def per_layer(name: str, given: Any, hidden: int) -> list[Any]:
    """Return one entry for each hidden layer, of one for all or of one each."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        return [given] * hidden
    entries = list(given)
    if len(entries) != hidden:
        raise ValueError(f"{name} has {len(entries)} entries, but hidden_layer_sizes has {hidden}")
    return entries


def new_network(estimator: Any, inputs: int, outputs: int, activation: str, dtype: Any, rng: Any) -> Network:
    """Return a network with weights and biases by Glorot and Bengio, drawn in scikit-learn's order."""
    sizes = hidden_sizes(estimator.hidden_layer_sizes)
    names = [
        ACTIVATION_OF.get(name, name) for name in per_layer("activation", estimator.activation, len(sizes))
    ]
    layers = [Dense(n, name) for n, name in zip(sizes, names, strict=True)]
    options = {"dtype": dtype, "compute": estimator.compute, "seed": 0}
    net = Network([inputs, *layers, Dense(outputs, activation)], initializer="zeros", **options)
    arrays = list(net.parameters.values())
    last = names[-1] if names else ""
    for W, b, name in zip(arrays[::2], arrays[1::2], [*names, last], strict=True):
        n, n_prev = W.shape
        bound = np.sqrt((2.0 if name == "sigmoid" else 6.0) / (n_prev + n))
        W[...] = rng.uniform(-bound, bound, (n_prev, n)).T
        b[:, 0] = rng.uniform(-bound, bound, n)
    return net


# --- how it learns ------------------------------------------------------------------------------------------


def optimizer(estimator: Any, scale: float, rate: float, dtype: Any) -> Optimizer:
    """Return the estimator's own optimizer, or that of its solver with the steps for scale 1."""
    if estimator.optimizer is not None:
        return option.optimizer(estimator.optimizer, dtype)
    if estimator.solver == "adam":
        settings = (estimator.beta_1, estimator.beta_2, estimator.epsilon * scale)
        return Adam(rate, *map(float, settings), epsilon_hat=True)
    rate /= scale
    if estimator.momentum == 0:
        return SGD(rate)
    kind = Nesterov if estimator.nesterovs_momentum else Momentum
    below_1 = float(np.nextafter(dtype.type(1), dtype.type(0)))  # deepnet's momentum is less than 1
    return kind(rate, min(float(estimator.momentum), below_1), rate_inside=True)


def plan(estimator: Any, objective: Objective, chosen: Optimizer) -> Plan:
    """Return the plan of the estimator's penalties and dropout."""
    sizes = hidden_sizes(estimator.hidden_layer_sizes)
    shares = [real("dropout", p, low=0, below=1) for p in per_layer("dropout", estimator.dropout, len(sizes))]
    l2 = float(estimator.alpha) * objective.scale
    layers = tuple(LayerPlan(dropout=p, l2=l2) for p in [*shares, 0.0])
    return Plan(objective.loss, chosen, layers, normalized=True)


# --- advice -------------------------------------------------------------------------------------------------


def advice(estimator: Any, message: str) -> str:
    """Return what scikit-learn's message about a parameter should also say, or nothing."""
    found = re.match(r"The '(\w+)' parameter", message)
    name = found[1] if found else ""
    value = getattr(estimator, name, None)
    if name == "solver" and value in OPTIMIZERS:
        return f" As one of deepnet's optimizers: optimizer={value!r}."
    if name == "learning_rate" and is_number(value):
        return f" The rate itself is learning_rate_init={value!r}."
    rules = estimator._parameter_constraints.get(name, ())
    known: set[str] = next((rule.options for rule in rules if isinstance(rule, StrOptions)), set())
    match = (
        nearest(value, sorted(known), LOSS_FOR if name == "loss" else {}) if isinstance(value, str) else None
    )
    return f" Did you mean {match!r}?" if match else ""
