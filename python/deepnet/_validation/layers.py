"""The layers of a network: sizes, activations, dropout, penalties and initializers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from deepnet._numbers import real
from deepnet.activations import ACTIVATIONS, Activation, entry_of
from deepnet.layers import Dense
from deepnet.plan import LayerPlan

from . import layer_dims as checked_dims
from .options import initializer as checked_initializer
from .structures import layer_entries


class Stack(NamedTuple):
    """The checked layers of a network: one entry each, and one more size, that of the input."""

    dims: tuple[int, ...]
    activations: tuple[Activation, ...]
    plans: tuple[LayerPlan, ...]  # empty if no layer has dropout or a penalty
    initializers: tuple[Any, ...]
    input_dropout: float


def share(name: str, value: Any) -> float:
    """Accept numbers from 0 to less than 1."""
    number = real(name, value, low=0)
    if number >= 1:
        raise ValueError(f"{name} is {value}, but must be from 0 to less than 1")
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
    """Accept layers as sizes, with options for all of them, or as Dense objects with their own options."""
    shared = {
        "dropout": share("dropout", dropout),
        "l2": real("l2", l2, low=0),
        "l1": real("l1", l1, low=0),
    }
    first = share("input_dropout", input_dropout)
    as_dense = isinstance(layer_dims, (list, tuple)) and any(isinstance(entry, Dense) for entry in layer_dims)
    if as_dense:
        given = [name for name, value in shared.items() if value]
        given += ["activation"] * (activation is not None) + ["output"] * (output is not None)
        if given:
            option = "activation" if given[0] == "output" else given[0]
            raise ValueError(f"{given[0]} is given, but each Dense layer has its own {option}: set it there")
        layers = _dense_layers(layer_dims)
        sizes = [layer_dims[0], *(layer.units for layer in layers)]
    else:
        sizes = layer_dims
    dims = checked_dims("layer_dims", sizes)
    count = len(dims) - 1
    if as_dense:
        chosen = activations([layer.activation for layer in layers], None, count, "layers' activations")
        plans = tuple(_layer_plan(i, layer, i == count) for i, layer in enumerate(layers, start=1))
        starts = [initializer if layer.initializer is None else layer.initializer for layer in layers]
    else:
        chosen = activations("relu" if activation is None else activation, output, count, "activation")
        hidden = LayerPlan(**shared)
        plans = (hidden,) * (count - 1) + (hidden._replace(dropout=0.0),)
        starts = [initializer] * count
    if chosen[-1].whole_columns and dims[-1] == 1:
        raise ValueError(
            f"the output is {chosen[-1].name!r} of 1 unit, which is always 1; for one unit: output='sigmoid'"
        )
    return Stack(
        dims,
        chosen,
        plans if any(any(plan) for plan in plans) else (),
        tuple(map(checked_initializer, starts)),
        first,
    )


def activations(value: Any, output: Any, layers: int, label: str) -> tuple[Activation, ...]:
    """Return one activation per layer, built-in or custom."""
    chosen = []
    for entry in map(entry_of, layer_entries(value, output, layers, label)):
        known = ACTIVATIONS.get(entry.name)
        if known is not None and known != entry:
            raise ValueError(
                f"a custom activation has the name of the built-in {entry.name!r}: give it another name"
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
            f"{name}.dropout is {layer.dropout}, but the last layer must have none: it is the prediction"
        )
    return plan
