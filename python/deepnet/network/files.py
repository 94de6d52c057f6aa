"""Networks in files: the settings that go into one, and what :func:`deepnet.load` reads from it.

The format itself is :mod:`deepnet.io.model_file`.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from deepnet._files import quoted
from deepnet.activations import Array
from deepnet.layers import Dense
from deepnet.plan import LayerPlan

SETTINGS = {"input_dropout": 0.0, "input_scale": 1.0}  # of the whole network; the default is not written


class Saved(NamedTuple):
    """The contents of a file."""

    layers: Sequence[int | Dense]
    settings: Mapping[str, Any]  # keyword arguments of Network
    parameters: dict[str, Array]


def save(net: Any, path: str | os.PathLike[str]) -> None:
    """Write the layers of a network with their options, its settings and its parameters."""
    from deepnet.io.model_file import ModelFile, write_model  # only here: most programs never save

    for number, (layer, name) in enumerate(zip(net.layers, net.activations, strict=True), start=1):
        if not isinstance(layer.activation, str):
            raise ValueError(
                f"layer {number} has the custom activation {name!r}, and a file holds only names: save "
                "net.parameters, and assign them to a Network created as this one was"
            )
    extra: dict[str, Any] = {}
    options = [_options(layer) for layer in net.layers]
    if any(options):
        extra["layers"] = options
    extra |= {name: getattr(net, name) for name, default in SETTINGS.items() if getattr(net, name) != default}
    parameters = copy.deepcopy(net.parameters)  # of one moment, if another thread trains
    write_model(_checked(path), ModelFile(net.layer_dims, net.activations, net.dtype.name, parameters, extra))


def _options(layer: Dense) -> dict[str, float]:
    values = {name: getattr(layer, name) for name in LayerPlan._fields}
    return {name: value for name, value in values.items() if value}


def read(path: str | os.PathLike[str]) -> Saved:
    """Read what `save` wrote; creating the network checks the settings."""
    from deepnet.io.model_file import read_model

    model = read_model(_checked(path))
    unknown = [name for name in model.extra if name != "layers" and name not in SETTINGS]
    if unknown:  # ignoring them would compute something else
        raise ValueError(
            f"{os.fspath(path)}: holds settings that this deepnet does not know: {quoted(unknown)[1:-1]}"
        )
    count = len(model.activations)
    options = model.extra.get("layers", [{}] * count)
    try:
        if not isinstance(options, list) or [type(option) for option in options] != [dict] * count:
            raise ValueError(f"layers is {quoted(options)}, but must be a list of {count} objects")
        layers = zip(model.layer_dims[1:], model.activations, options, strict=True)
        stack: list[int | Dense] = [
            model.layer_dims[0],
            *(Dense(n, name, **option) for n, name, option in layers),
        ]
    except (TypeError, ValueError) as error:
        raise invalid(path, error) from None
    settings = {name: model.extra[name] for name in SETTINGS if name in model.extra}
    return Saved(stack, settings | {"dtype": model.dtype}, model.arrays)


def invalid(path: str | os.PathLike[str], error: Exception) -> ValueError:
    """Return the error for a file whose settings `error` refuses."""
    return ValueError(f"{os.fspath(path)}: the settings do not describe a valid network: {str(error)[:300]}")


def _checked(path: str | os.PathLike[str]) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path is {path!r}, but must be the name of a file, or a pathlib.Path")
    return os.fsdecode(path)
