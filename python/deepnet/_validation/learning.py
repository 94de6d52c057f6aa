"""How a network is built and learns: layers, losses, optimizers, and what each example counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from deepnet._names import find
from deepnet._numbers import is_number, is_whole, real
from deepnet.activations import ACTIVATIONS, Activation, Array, entry_of
from deepnet.layers import Dense
from deepnet.optimizers import OPTIMIZERS, Optimizer
from deepnet.plan import LayerPlan

from . import layer_dims as checked_dims
from .arrays import a, anything
from .options import initializer as checked_initializer
from .structures import layer_entries


class Stack(NamedTuple):
    """The layers of a network, checked; one entry each but for the sizes, which begin with the input's."""

    dims: tuple[int, ...]
    activations: tuple[Activation, ...]
    plans: tuple[LayerPlan, ...]  # empty where nothing is done to any layer
    initializers: tuple[Any, ...]
    input_dropout: float


def share(name: str, value: Any) -> float:
    """Accept numbers from 0 to less than 1."""
    number = real(name, value, low=0)
    if number >= 1:
        hint = ": all is dropped" if "dropout" in name else ""
        raise ValueError(f"{name} is {value}, but must be from 0 to less than 1{hint}")
    return number


def stack(
    layer_dims: Any,
    activation: Any,
    output: Any,
    *,
    dropout: Any,
    l2: Any,
    l1: Any,
    input_dropout: Any,
    initializer: Any,
) -> Stack:
    """Layers as sizes with options for all, or as Dense objects with their own."""
    shared = {
        "dropout": share("dropout", dropout),
        "l2": real("l2", l2, low=0),
        "l1": real("l1", l1, low=0),
    }
    first = share("input_dropout", input_dropout)
    own = isinstance(layer_dims, (list, tuple)) and any(isinstance(entry, Dense) for entry in layer_dims)
    if own:
        given = [name for name, value in shared.items() if value]
        given += ["activation"] * (activation != "relu") + ["output"] * (output is not None)
        if given:
            raise ValueError(f"{given[0]} is given, but the layers are Dense and have their own")
        layers = _dense_layers(layer_dims)
        sizes = [layer_dims[0], *(layer.units for layer in layers)]
    else:
        sizes = layer_dims
    dims = checked_dims("layer_dims", sizes)
    count = len(dims) - 1
    if own:
        chosen = activations([layer.activation for layer in layers], None, count, "layers' activations")
        plans = tuple(_layer_plan(i, layer, i == count) for i, layer in enumerate(layers, start=1))
        starts = [initializer if layer.initializer is None else layer.initializer for layer in layers]
    else:
        chosen = activations(activation, output, count, "activation")
        hidden = LayerPlan(**shared)
        plans = (hidden,) * (count - 1) + (hidden._replace(dropout=0.0),)
        starts = [initializer] * count
    if chosen[-1].whole_columns and dims[-1] == 1:
        raise ValueError(f"the output is {chosen[-1].name!r} of 1 unit, which is always 1: sigmoid has one")
    return Stack(
        dims,
        chosen,
        plans if any(any(plan) for plan in plans) else (),
        tuple(checked_initializer(start, g) for start, g in zip(starts, chosen, strict=True)),
        first,
    )


def activations(value: Any, output: Any, layers: int, label: str) -> tuple[Activation, ...]:
    """One entry of the list, or activation of the user's own, per layer."""
    chosen = []
    for entry in map(entry_of, layer_entries(value, output, layers, label)):
        known = ACTIVATIONS.get(entry.name)
        if known is not None and known != entry:
            raise ValueError(
                f"an activation is called {entry.name!r}, as one of deepnet's own: name it otherwise"
            )
        chosen.append(entry if known is None else known)
    return tuple(chosen)


def _dense_layers(entries: Sequence[Any]) -> list[Dense]:
    if isinstance(entries[0], Dense):
        raise ValueError("layer_dims[0] is a Dense layer, but must be the number of inputs")
    for i, entry in enumerate(entries[1:], start=1):
        if not isinstance(entry, Dense):
            raise TypeError(f"layer_dims[{i}] is {entry!r}, but must be a Dense layer like the others")
    defaults = ["relu"] * (len(entries) - 2) + ["sigmoid"]
    return [
        replace(entry, activation=default) if entry.activation is None else entry
        for entry, default in zip(entries[1:], defaults, strict=True)
    ]


def _layer_plan(number: int, layer: Dense, last: bool) -> LayerPlan:
    name = f"layer_dims[{number}]"
    plan = LayerPlan(
        share(f"{name}.dropout", layer.dropout),
        real(f"{name}.l2", layer.l2, low=0),
        real(f"{name}.l1", layer.l1, low=0),
    )
    if last and plan.dropout:
        raise ValueError(
            f"{name}.dropout is {layer.dropout}, but the last layer's outputs are the prediction"
        )
    return plan


def optimizer(value: Any, dtype: np.dtype[Any]) -> Optimizer:
    """Accept an optimizer, or the name of one, whose learning rate the dtype has room for."""
    if isinstance(value, str):
        value = find("optimizer", value, OPTIMIZERS)()
    if not isinstance(value, Optimizer) or type(value) is Optimizer:
        if isinstance(value, type) and issubclass(value, Optimizer) and value is not Optimizer:
            hint = f": {value.__name__}()"
        else:
            hint = f": deepnet.SGD({value!r})" if is_number(value) else ", such as deepnet.SGD(0.01)"
        raise TypeError(f"optimizer is {value!r}, but must be an optimizer{hint}")
    if not callable(value.learning_rate):
        real("learning_rate", value.learning_rate, dtype=dtype)
    epsilon = getattr(value, "epsilon", 1.0)
    if dtype.type(epsilon) == 0:
        raise ValueError(f"epsilon is {epsilon:g}, which {dtype} rounds to 0: a gradient of 0 would be 0 / 0")
    return value


def example_weights(
    sample_weight: Any, class_weight: Any, Y: Array, dtype: np.dtype[Any], classes: int | None
) -> Array | None:
    """How much each example counts, (m,), or None: by `sample_weight`, times `class_weight` of its label.

    Of `classes` any may be absent from Y; None: none may be whose weight is given.
    """
    weights, m = None, Y.shape[1]
    if sample_weight is not None:
        weights = anything("sample_weight", sample_weight)
        if weights.dtype.kind not in "fiub":
            raise TypeError(f"sample_weight is {weights.dtype}, but must be an array of numbers")
        if weights.shape not in ((m,), (1, m)):
            raise ValueError(f"sample_weight has shape {weights.shape}, but must be {(m,)}: one per example")
        given = weights.reshape(m)
        with np.errstate(all="ignore"):
            weights = given.astype(dtype)
        good = np.isfinite(weights) & (weights >= 0)
        if not good.all():
            bad = int(np.argmin(good))
            raise ValueError(
                f"sample_weight[{bad}] is {given[bad]}, but must be finite in {dtype}, and 0 or more"
            )
    if class_weight is not None:
        by_class = _by_class(class_weight, Y, dtype, classes)
        weights = by_class if weights is None else weights * by_class
    return weights


def _by_class(class_weight: Any, Y: Array, dtype: np.dtype[Any], possible: int | None) -> Array:
    present, classes, counts = np.unique(_classes_of(Y), return_inverse=True, return_counts=True)
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(f'class_weight is {class_weight!r}, but must be "balanced" or a dict')
        table = Y.shape[1] / (len(present) * counts)
    elif isinstance(class_weight, dict):
        table = np.ones(len(present))
        for label, weight in class_weight.items():
            if not is_whole(label):
                raise TypeError(f"class_weight has the key {label!r}, but must have numbers of classes")
            if label not in present and (possible is None or not 0 <= label < possible):
                known = ", ".join(map(str, present[:10])) + (", ..." if len(present) > 10 else "")
                raise ValueError(f"class_weight names class {label}, which no example has; Y has {known}")
            table[present == label] = real(f"class_weight[{label}]", weight, low=0)
    else:
        raise TypeError(f'class_weight is {a(class_weight)}, but must be a dict or "balanced"')
    weights: Array = table[classes.reshape(-1)].astype(dtype)
    return weights


def _classes_of(Y: Array) -> Array:
    """The class of each example: 0 or 1, a number, or the row that is 1."""
    if len(Y) > 1:
        good = bool(((Y == 0) | (Y == 1)).all() and (np.count_nonzero(Y, axis=0) == 1).all())
        labels = np.argmax(Y, axis=0)
    else:
        labels = Y.reshape(-1)
        below = (labels >= 0) & (labels < 2**53)  # neither nan nor inf
        good = bool((below & (labels == np.floor(labels))).all())
    if not good:
        raise ValueError(
            "class_weight is given, but Y has labels that are no classes: whole numbers from 0 on, or "
            "columns with a single 1"
        )
    classes: Array = labels.astype(np.intp)
    return classes
