"""Networks in files: what of a network goes into one, and what is read back.

The format itself is :mod:`deepnet.io.model_file`.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from deepnet._files import quoted
from deepnet._numbers import is_number
from deepnet.layers import Dense
from deepnet.plan import LayerPlan

if TYPE_CHECKING:  # else only where it is used: most programs never save
    from deepnet.io.model_file import ModelFile, NetworkPart

GIVEN = {"metrics", "target"}  # entries of `given`
# Of the whole network; the default is not written.
SETTINGS: dict[str, Any] = {"input_dropout": 0.0, "input_scale": 1.0, "class_names": None, "compute": None}


def save(net: Any, path: str | os.PathLike[str], about: dict[str, Any]) -> None:
    """Write the layers of a network with their options, its settings, its parameters, and what is `given`."""
    from deepnet.io.model_file import NETWORK, ModelFile

    part = described(net)
    parameters = copy.deepcopy(net.parameters)  # of one moment, if another thread trains
    write(path, ModelFile(NETWORK, [part], parameters, about))


def write(path: str | os.PathLike[str], model: ModelFile) -> None:
    """Write a file."""
    from deepnet.io.model_file import write_model

    write_model(checked(path), model)


def described(net: Any) -> NetworkPart:
    """Return what a file says of a network besides its parameters."""
    from deepnet.io.model_file import NetworkPart

    for number, (layer, name) in enumerate(zip(net.layers, net.activations, strict=True), start=1):
        if not isinstance(layer.activation, str):
            raise ValueError(
                f"layer {number} has the custom activation {name!r}, and a file holds only names: save "
                "net.parameters, and assign them to a Network created as this one was"
            )
    settings: dict[str, Any] = {}
    options = [_options(layer) for layer in net.layers]
    if any(options):
        settings["layers"] = options
    given = {name: getattr(net, name) for name, default in SETTINGS.items() if getattr(net, name) != default}
    return NetworkPart(net.layer_dims, net.activations, net.dtype.name, settings | given)


def given(metrics: Mapping[str, float] | None, target: str | None) -> dict[str, Any]:
    """Return the entries of a file for what a user says of a model: none for None."""
    if target is not None and not isinstance(target, str):
        raise TypeError(f"target is {target!r}, but must be a str, the name of what the model predicts")
    about: dict[str, Any] = {} if target is None else {"target": str(target)}
    if metrics is None:
        return about
    if not isinstance(metrics, Mapping):
        raise TypeError(f"metrics is {metrics!r}, but must be a dict of names and numbers")
    for name, value in metrics.items():
        if not isinstance(name, str) or not is_number(value):
            raise TypeError(f"metrics has {name!r}: {value!r}, but must have names and numbers")
    return about | {"metrics": {name: _number(value) for name, value in metrics.items()}}


def _number(value: Any) -> Any:
    number = float(value)
    return number if abs(number) < float("inf") else repr(number)  # JSON has no nan


def _options(layer: Dense) -> dict[str, float]:
    values = {name: getattr(layer, name) for name in LayerPlan._fields}
    return {name: value for name, value in values.items() if value}


def read(path: str | os.PathLike[str]) -> ModelFile:
    """Read a file; what its networks are like is checked where they are created."""
    from deepnet.io.model_file import read_model

    return read_model(checked(path))


def arguments(part: NetworkPart) -> dict[str, Any]:
    """Return the arguments of Network for a network of a file; a ValueError or TypeError says what is wrong.

    Creating the network checks their values.
    """
    unknown = [name for name in part.settings if name != "layers" and name not in SETTINGS]
    if unknown:  # ignoring them would compute something else
        raise ValueError(f"holds settings that this deepnet does not know: {quoted(unknown)[1:-1]}")
    count = len(part.activations)
    options = part.settings.get("layers", [{}] * count)
    if not isinstance(options, list) or [type(option) for option in options] != [dict] * count:
        raise ValueError(f"layers is {quoted(options)}, but must be a list of {count} objects")
    layers = zip(part.layer_dims[1:], part.activations, options, strict=True)
    stack = [part.layer_dims[0], *(Dense(n, name, **option) for n, name, option in layers)]
    given: dict[str, Any] = {"layer_dims": stack, "dtype": part.dtype}
    names = ("input_dropout", "input_scale", "compute")
    return given | {name: part.settings[name] for name in names if name in part.settings}


def refuse_unknown(model: ModelFile, known: set[str], path: str | os.PathLike[str]) -> None:
    """Refuse a file with entries beside `known`: ignoring them would compute something else."""
    unknown = [name for name in model.about if name not in known]
    if unknown:
        names = quoted(unknown)[1:-1]
        raise ValueError(f"{os.fspath(path)}: holds entries that this deepnet does not know: {names}")


def invalid(path: str | os.PathLike[str], error: BaseException, what: str = "network") -> ValueError:
    """Return the error for a file whose description `error` refuses."""
    reason = str(error)[:300] or type(error).__name__
    return ValueError(f"{os.fspath(path)}: the settings do not describe a valid {what}: {reason}")


def checked(path: str | os.PathLike[str]) -> str:
    """Return the name of a file."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path is {path!r}, but must be the name of a file, or a pathlib.Path")
    return os.fsdecode(path)
