"""What a model computes, as arrays: the scaling of its inputs, its networks and its classes, for C."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from deepnet._validation.arrays import a
from deepnet.activations import ACTIVATIONS, Array
from deepnet.network import Network

from ._models import Layer, layers_of, pipeline_steps, refuse_scaled_table

if TYPE_CHECKING:  # imports scikit-learn
    from ._c_tables import Combination, Encoding

PART = 2**20  # numbers of a layer at once


@dataclass(frozen=True, slots=True)
class Scaling:
    """(x - center) * factor, with one number for all inputs or one for each."""

    center: Array | None
    factor: Array

    def then(self, center: Any, factor: Any) -> Scaling:
        """Return this scaling, followed by another."""
        both = self.center
        if center is not None:
            moved = np.asarray(center, np.float64) / self.factor
            both = moved if both is None else both + moved
        factor = self.factor if factor is None else self.factor * np.asarray(factor, np.float64)
        return Scaling(both, np.asarray(factor))


UNSCALED = Scaling(None, np.array(1.0))


@dataclass(frozen=True, slots=True)
class CModel:
    """Networks, the mean of whose outputs is the model's: of the same layers, or those of a table."""

    title: str
    scaling: Scaling | None
    networks: list[list[Layer]]
    is_exp: bool  # the outputs are the exponentials of the networks'
    classes: list[str] | None  # of which the outputs choose one
    labels: Array | None  # those classes as the estimator returns them
    in_rows: bool  # examples are rows of X
    encoding: Encoding | None = None  # of a table
    combination: Combination | None = None  # instead of the mean

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return self.width if self.encoding is None else len(self.encoding.parts)

    @property
    def width(self) -> int:
        """The number of numbers that the networks take; some take the first of them only."""
        return max(int(layers[0].W.shape[1]) for layers in self.networks)

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return len(self.networks[0][-1].b)

    @property
    def dims(self) -> list[tuple[int, ...]]:
        """The units of each layer of each network, from the input."""
        return [(layers[0].W.shape[1], *(len(layer.b) for layer in layers)) for layers in self.networks]

    def rounded(self, dtype: np.dtype[Any]) -> CModel:
        """Return the model with all numbers as they are in `dtype`; one beyond its range is a ValueError."""
        networks = list[list[Layer]]()
        for layers in self.networks:
            networks.append([])
            for number, layer in enumerate(layers, start=1):
                W, b = (
                    _rounded(f"{letter}{number}", p, dtype) for letter, p in (("W", layer.W), ("b", layer.b))
                )
                networks[-1].append(Layer(W, b, layer.activation))
        scaling = self.scaling
        if scaling is not None:
            center = (
                None if scaling.center is None else _rounded("the mean of the scaler", scaling.center, dtype)
            )
            factor = _rounded("the factor of the inputs", scaling.factor, dtype)
            scaling = Scaling(center, factor)
        of_table: dict[str, Any] = {}
        if self.encoding is not None and self.combination is not None:
            as_written = partial(_rounded, dtype=dtype)
            of_table = {
                "encoding": self.encoding.rounded(as_written),
                "combination": self.combination.rounded(as_written),
            }
        return replace(self, scaling=scaling, networks=networks, **of_table)

    def scaled(self, X: Array) -> Array:
        """Return the inputs of the networks for X (n_0, m)."""
        if self.encoding is not None:
            return self.encoding.scaled(self.encoding.values(X))
        if self.scaling is None:
            return X
        X = X if self.scaling.center is None else X - self.scaling.center.reshape(-1, 1)
        return X * self.scaling.factor.reshape(-1, 1)

    def parts(self, X: Array) -> Iterator[Array]:
        """Yield X (n_0, m) in parts of some columns, for which every layer takes little memory."""
        width = max(1, PART // max(map(max, self.dims)))
        for first in range(0, X.shape[1], width):
            yield X[:, first : first + width]

    def predict(self, X: Array) -> Array:
        """Return the outputs (n_L, m) for X (n_0, m), in the dtype of X."""
        inputs, outputs = self.scaled(X), list[Array]()
        for layers in self.networks:
            A = inputs[: layers[0].W.shape[1]]
            for layer in layers:
                Z = layer.W.astype(X.dtype) @ A + layer.b.astype(X.dtype)[:, np.newaxis]
                A = ACTIVATIONS[layer.activation].forward(Z)
            outputs.append(A)
        return self.combined(outputs)

    def combined(self, outputs: list[Array]) -> Array:
        """Return the model's outputs (n_L, m) of those of the networks."""
        total: Any = 0 if self.combination is None else self.combination.constant
        for k, A in enumerate(outputs):
            if self.combination is not None:
                total = total + self.combination.term(k, A)
            else:
                total = total + (np.exp(A) if self.is_exp else A)
        result: Array = total if self.combination is not None else total / len(outputs)
        return result

    def choices(self, A: Array) -> Array:
        """Return the number of the class that each column of outputs stands for."""
        return np.asarray(A[0] > 0.5, np.intp) if len(A) == 1 else A.argmax(axis=0)


def _rounded(label: str, array: Array, dtype: np.dtype[Any]) -> Array:
    with np.errstate(over="ignore"):
        result = np.asarray(array).astype(dtype)
    bad = ~np.isfinite(result)
    if bad.any():
        at = np.unravel_index(int(np.argmax(bad)), bad.shape)
        index = f"[{', '.join(map(str, at))}]" if at else ""
        value = np.asarray(array)[at]
        if np.isfinite(value):
            raise ValueError(
                f"{label}{index} is {value:g}, beyond the range of {dtype}: dtype='float64' holds it"
            )
        raise ValueError(f"{label}{index} is {value}, but parameters must be finite")
    return result


# --- from networks and estimators ---------------------------------------------------------------------------


def described(model: Any) -> CModel:
    """Return what a network or a fitted estimator computes."""
    if isinstance(model, Network):
        layers = layers_of(model)
        scaling = None if model.input_scale == 1 else UNSCALED.then(None, model.input_scale)
        output = layers[-1].activation
        choosing = output == ("softmax" if len(layers[-1].b) > 1 else "sigmoid")
        count = max(2, len(layers[-1].b))
        names = model.class_names or [str(i) for i in range(count)]
        classes = list(names) if choosing else None
        return CModel("Network", scaling, [layers], False, classes, None, in_rows=False)
    return _estimator(model)


def _estimator(model: Any) -> CModel:
    steps, last = pipeline_steps(model)
    scaling: Scaling | None = None
    for name, step in steps:
        scaling = (scaling or UNSCALED).then(*_center_and_factor(name, step))
    if "deepnet.sklearn" in sys.modules:  # else there can be no estimator
        from sklearn.utils.validation import check_is_fitted

        from deepnet.sklearn import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor

        if isinstance(last, (TabularClassifier, TabularRegressor)):
            refuse_scaled_table(steps, last)
            check_is_fitted(last)
            return _tabular(last)
        if isinstance(last, (MLPClassifier, MLPRegressor)):
            check_is_fitted(last)
            members = [member.network_ for member in vars(last).get("estimators_", [last])]
            networks, scale = [layers_of(net) for net in members], members[0].input_scale
            scaling = scaling if scale == 1 else (scaling or UNSCALED).then(None, scale)
            classes, labels = None, None
            if isinstance(last, MLPClassifier) and not last._labels.multilabel:
                labels = last.classes_
                classes = [str(label) for label in labels.tolist()]
            title = type(last).__name__
            return CModel(
                title, scaling, networks, last.out_activation_ == "exp", classes, labels, in_rows=True
            )
    best = getattr(model, "best_estimator_", None)
    hint = ": give its best_estimator_" if best is not None else ""
    raise TypeError(
        f"model is {a(last)}, but must be a deepnet.Network, a fitted MLPClassifier, MLPRegressor, "
        "TabularClassifier or TabularRegressor of deepnet.sklearn, or a pipeline of scalers and one of the "
        f"first two{hint}"
    )


def _tabular(model: Any) -> CModel:
    from ._c_tables import of_estimator

    encoding, combination, nets = of_estimator(model)
    networks = list[list[Layer]]()
    for layers in map(layers_of, nets):
        first, width = layers[0], layers[0].W.shape[1]
        if width == len(encoding.order):  # else it takes the first columns, which are in their old order
            first = Layer(np.ascontiguousarray(first.W[:, encoding.order]), first.b, first.activation)
        networks.append([first, *layers[1:]])
    labels = getattr(model, "classes_", None)
    classes = None if labels is None else [str(label) for label in labels.tolist()]
    return CModel(
        *(type(model).__name__, None, networks, False, classes, labels),
        in_rows=True,
        encoding=encoding,
        combination=combination,
    )


def _center_and_factor(name: str, step: Any) -> tuple[Any, Any]:
    """Return what a fitted scaler of scikit-learn subtracts, and what it then multiplies by."""
    from sklearn import preprocessing as scalers
    from sklearn.utils.validation import check_is_fitted

    if not getattr(step, "clip", False):
        if isinstance(step, scalers.StandardScaler):
            check_is_fitted(step)
            return step.mean_ if step.with_mean else None, None if step.scale_ is None else 1 / step.scale_
        if isinstance(step, scalers.RobustScaler):
            check_is_fitted(step)
            return step.center_, None if step.scale_ is None else 1 / step.scale_
        if isinstance(step, scalers.MaxAbsScaler):
            check_is_fitted(step)
            return None, 1 / step.scale_
        if isinstance(step, scalers.MinMaxScaler):
            check_is_fitted(step)
            return -step.min_ / step.scale_, step.scale_
    clips = " that clips" if getattr(step, "clip", False) else ""
    raise ValueError(
        f"the step {name!r} of the pipeline is a {type(step).__name__}{clips}, but only StandardScaler, "
        "MinMaxScaler, MaxAbsScaler and RobustScaler, without clip, can be exported"
    )
