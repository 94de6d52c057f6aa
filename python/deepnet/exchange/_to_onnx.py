"""Models as ONNX graphs: networks, and estimators with what they learnt of columns and classes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deepnet._files import Path
from deepnet._validation.arrays import a
from deepnet.activations import Array
from deepnet.network import Network, files

from ._graph import STRING, Graph, Value, columns, joined
from ._models import layers_of, pipeline_steps, refuse_scaled_table
from ._operators import FORMULAS

Scaling = Callable[[Value], Value]


def to_onnx(model: Any, path: Path) -> None:
    """Write a model; see :func:`deepnet.exchange.to_onnx`."""
    path = files.checked(path)
    graph, properties = Graph(), dict[str, Any]()
    if isinstance(model, Network):
        x = graph.input("X", model.dtype, model.layer_dims[0])
        A = _outputs(x, model)
        graph.output(A, "output", model.layer_dims[-1])
        if model.class_names is not None:
            properties["classes"] = model.class_names
            _chosen(graph, _class_numbers(graph, A, model.layer_dims[-1]), np.array(model.class_names))
        nets = [model]
    else:
        nets = _estimator(graph, properties, model)
    properties |= {
        "layer_dims": nets[0].layer_dims,
        "activations": nets[0].activations,
        "deepnet_model": type(model).__name__,
    }
    metadata = {key: text if isinstance(text, str) else json.dumps(text) for key, text in properties.items()}
    graph.write(path, f"{model!r}", metadata)


# --- networks -----------------------------------------------------------------------------------------------


def _outputs(x: Value, net: Network, name: str = "") -> Value:
    """Return the outputs of a network, of the network's type."""
    graph = x.graph
    graph.scope(name)
    A = x.to(net.dtype)
    if net.input_scale != 1:
        A = A * net.input_scale
    prefix = f"{name}/" if name else ""
    for number, layer in enumerate(layers_of(net), start=1):
        W, b = (
            graph.constant(p, name=f"{prefix}{key}{number}") for key, p in (("W", layer.W), ("b", layer.b))
        )
        graph.scope(f"{prefix}layer{number}")
        A = FORMULAS[layer.activation](graph.node("Gemm", A, W, b, transB=1))
    graph.scope("")
    return A


# --- estimators ---------------------------------------------------------------------------------------------


def _estimator(graph: Graph, properties: dict[str, Any], model: Any) -> list[Network]:
    """Add an estimator, perhaps at the end of a pipeline, and return its networks."""
    steps, last = pipeline_steps(model)
    scaling = [_scaler(name, step) for name, step in steps]
    if "deepnet.sklearn" in sys.modules:  # else there can be no estimator
        from sklearn.utils.validation import check_is_fitted

        from deepnet.sklearn._perceptron import Perceptron
        from deepnet.sklearn._tabular import Tabular

        if isinstance(last, (Perceptron, Tabular)):
            check_is_fitted(last)
            names = getattr(model, "feature_names_in_", None)
            if names is not None:
                properties["feature_names"] = [str(name) for name in names]
            if isinstance(last, Perceptron):
                return _perceptron(graph, properties, last, scaling, _features(model, last))
            refuse_scaled_table(steps, last)
            return _tabular(graph, properties, last)
    best = getattr(model, "best_estimator_", None)
    hint = ": give its best_estimator_" if best is not None else ""
    raise TypeError(
        f"model is {a(last)}, but must be a deepnet.Network, a fitted MLPClassifier, MLPRegressor, "
        "TabularClassifier or TabularRegressor of deepnet.sklearn, or a pipeline of scalers and one of "
        f"them{hint}"
    )


def _perceptron(
    graph: Graph, properties: dict[str, Any], model: Any, scaling: Sequence[Scaling], features: int
) -> list[Network]:
    """Add an MLPClassifier or MLPRegressor: one network, or several whose mean is taken in float64."""
    from deepnet.sklearn import MLPClassifier

    members = vars(model).get("estimators_", [model])
    nets = [member.network_ for member in members]
    dtype = np.float64 if scaling else np.result_type(*(net.dtype for net in nets))
    x = graph.input("X", dtype, features)
    for scale in scaling:
        x = scale(x)
    answers = list[Value]()
    for i, net in enumerate(nets):
        A = _outputs(x, net, f"network{i + 1}" if len(nets) > 1 else "")
        answers.append(graph.node("Exp", A) if model.out_activation_ == "exp" else A)
    A = answers[0] if len(nets) == 1 else _mean(answers)
    if isinstance(model, MLPClassifier):
        _labels(graph, properties, A, nets[0].layer_dims[-1], model._labels)
    else:
        _targets(graph, A, model.n_outputs_)
    return nets


def _mean(answers: Sequence[Value]) -> Value:
    total = answers[0].to(np.float64)
    for answer in answers[1:]:
        total = total + answer.to(np.float64)
    return total / len(answers)


def _targets(graph: Graph, A: Value, outputs: int) -> None:
    """Add the output `prediction` with the shape of estimator.predict's."""
    if outputs == 1:
        graph.output(graph.node("Reshape", A, graph.constant([-1], np.int64)), "prediction")
    else:
        graph.output(A, "prediction", outputs)


def _labels(graph: Graph, properties: dict[str, Any], A: Value, outputs: int, labels: Any) -> None:
    """Add the outputs `label` and `probabilities`: what predict and predict_proba return."""
    if labels.multilabel:
        graph.output(graph.node("Greater", A, 0.5, dtype=bool).to(np.int64), "label", outputs)
        graph.output(A, "probabilities", outputs)
        return
    properties["classes"] = labels.classes.tolist()
    _chosen(graph, _class_numbers(graph, A, outputs), labels.classes)
    if outputs == 1:
        A = joined([1 - A, A])
    graph.output(A, "probabilities", len(labels.classes))


def _class_numbers(graph: Graph, A: Value, outputs: int) -> Value:
    """Return the number of the class of each row: that of the largest output, or whether one is above 1/2."""
    if outputs > 1:
        return graph.node("ArgMax", A, axis=1, keepdims=0, dtype=np.int64)
    above = graph.node("Greater", A, 0.5, dtype=bool).to(np.int64)
    return graph.node("Reshape", above, graph.constant([-1], np.int64))


def _chosen(graph: Graph, number: Value, classes: Array) -> None:
    """Add the output `label`: the class of each number, with the type that ONNX has for classes."""
    kind = classes.dtype.kind
    if kind == "u" and classes.max() > np.iinfo(np.int64).max:
        raise ValueError(f"the class {classes.max()} is larger than ONNX's int64 can be")
    types: dict[str, Any] = {"b": bool, "i": np.int64, "u": np.int64, "f": np.float64}  # all others: strings
    table = graph.constant(classes, types.get(kind, STRING), name="classes")
    graph.output(graph.node("Gather", table, number, axis=0), "label")


# --- tables -------------------------------------------------------------------------------------------------


def _tabular(graph: Graph, properties: dict[str, Any], model: Any) -> list[Network]:
    """Add a TabularClassifier or TabularRegressor with what its encoder does with the columns."""
    from deepnet.sklearn import TabularClassifier

    from ._columns import encoded

    nets, names = model.networks_, getattr(model, "feature_names_in_", None)
    wide = encoded(graph, model._encoder, None if names is None else [str(name) for name in names])
    some = model._encoder.narrow
    narrow = wide if len(some) == model._encoder.width else columns(wide, some)
    is_classifier = isinstance(model, TabularClassifier)

    def answer(net: Network, name: str) -> Value:
        return _outputs(narrow if net.layer_dims[0] == len(some) else wide, net, name)

    def targets(A: Value) -> Value:
        """Return the targets that these outputs stand for; of a classifier the outputs."""
        A = A.to(np.float64)
        if is_classifier:
            return A
        lowest, highest = model._range
        return graph.node("Min", graph.node("Max", A * model._scale + model._mean, lowest), highest)

    A = _mean([targets(answer(net, f"network{i}")) for i, net in enumerate(nets, start=1)])
    if model.linear_ is not None:
        line = answer(model.linear_, "linear")
        smoothing = float(getattr(model, "label_smoothing", 0.0))
        if smoothing:
            line = line * (1 - smoothing) + smoothing / len(model.classes_)
        A = A + (targets(line) - A) * model.linear_share_
    if is_classifier:
        axis = graph.constant([1], np.int64)
        sums = graph.node("ReduceSum", A, axis)
        _labels(graph, properties, A / sums, len(model.classes_), model._labels)
    else:
        _targets(graph, A, len(model._mean))
    return list(nets)


# --- pipelines ----------------------------------------------------------------------------------------------


def _features(model: Any, last: Any) -> int:
    return int(getattr(model, "n_features_in_", last.n_features_in_))


def _scaler(name: str, step: Any) -> Scaling:
    """Return what a scaler of scikit-learn does, in its order and in float64."""
    from sklearn import preprocessing as scalers
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(step)
    if isinstance(step, scalers.StandardScaler):
        return _less_and_divided(step.mean_ if step.with_mean else None, step.scale_)
    if isinstance(step, scalers.RobustScaler):
        return _less_and_divided(step.center_, step.scale_)
    if isinstance(step, scalers.MaxAbsScaler) and not getattr(step, "clip", False):
        return _less_and_divided(None, step.scale_)
    if isinstance(step, scalers.MinMaxScaler):
        low, high = map(float, step.feature_range)

        def scale(x: Value) -> Value:
            x = x * step.scale_ + step.min_
            return x.graph.node("Min", x.graph.node("Max", x, low), high) if step.clip else x

        return scale
    raise ValueError(
        f"the step {name!r} of the pipeline is a {type(step).__name__}, but only StandardScaler, "
        "MinMaxScaler, MaxAbsScaler and RobustScaler can be exported; TabularClassifier and "
        "TabularRegressor prepare columns themselves"
    )


def _less_and_divided(center: Any, scale: Any) -> Scaling:
    def result(x: Value) -> Value:
        x = x if center is None else x - center
        return x if scale is None else x / scale

    return result
