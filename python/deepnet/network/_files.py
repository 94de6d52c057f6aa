"""Networks saved and loaded: what of a network goes into a file. The file itself is `io.model_file`."""

from __future__ import annotations

import os
from typing import Any

from deepnet.layers import Dense
from deepnet.plan import LayerPlan

from ._network import Network
from ._owner import ParameterOwner


def save(net: ParameterOwner, path: str | os.PathLike[str]) -> None:
    """Write the layers with their options, and the parameters."""
    from deepnet.io.model_file import ModelFile, write_model  # only here: most programs never save

    layers = net.layers
    for number, (layer, name) in enumerate(zip(layers, net.activations, strict=True), start=1):
        if not isinstance(layer.activation, str):
            raise ValueError(
                f"layer {number} has an activation of your own, {name!r}, and a file holds names alone: save "
                "net.parameters, and give them to a Network that is made as this one was"
            )
    extra: dict[str, Any] = {}
    if any(_options(layer) for layer in layers):
        extra["layers"] = [_options(layer) for layer in layers]
    if net.input_dropout:
        extra["input_dropout"] = net.input_dropout
    write_model(
        _checked(path), ModelFile(net.layer_dims, net.activations, net.dtype.name, net.parameters, extra)
    )


def _options(layer: Dense) -> dict[str, float]:
    values = {name: getattr(layer, name) for name in LayerPlan._fields}
    return {name: value for name, value in values.items() if value}


def load(path: str | os.PathLike[str]) -> Network:
    """Read a network that :meth:`deepnet.Network.save` wrote; it needs the package safetensors.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    net : Network
        One of its own, in its own memory: the same predictions to the last bit. Its optimizer is a new
        network's.

    Raises
    ------
    ValueError
        If the file is cut off, damaged, altered, from a newer deepnet or from another program:
        ``cats.safetensors: W2 has shape (4, 3), but layer_dims make it (3, 4)``.
    OSError
        If there is no such file, or it cannot be read.
    ImportError
        If safetensors is not installed.

    Notes
    -----
    Nothing in a file is executed, whoever wrote it. A checksum of all parameters and settings is compared.
    The format is that of https://github.com/huggingface/safetensors, so other programs read the arrays, too.

    Examples
    --------
    >>> import os, tempfile
    >>> net = deepnet.Network([2, 3, 1], seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     net.save(os.path.join(folder, "net.safetensors"))
    ...     same = deepnet.load(os.path.join(folder, "net.safetensors"))
    >>> same
    <Network 2-3-1 (relu, sigmoid): float32, 13 parameters>
    """
    from deepnet.io.model_file import read_model

    model = read_model(_checked(path))
    unknown = [name for name in model.extra if name not in ("layers", "input_dropout")]
    if unknown:  # settings that this deepnet would leave out, and so compute something else
        raise ValueError(
            f"{os.fspath(path)}: holds settings that this deepnet does not know: {', '.join(unknown)}"
        )
    options = model.extra.get("layers", [{}] * len(model.activations))
    try:
        given = zip(model.layer_dims[1:], model.activations, options, strict=True)
        net = Network(
            [model.layer_dims[0], *(Dense(n, name, **option) for n, name, option in given)],
            input_dropout=model.extra.get("input_dropout", 0.0),
            initializer="zeros",
            dtype=model.dtype,
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"{os.fspath(path)}: its settings are no network's: {error}") from None
    net.parameters = model.arrays
    return net


def _checked(path: str | os.PathLike[str]) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path is {path!r}, but must be the name of a file, or a pathlib.Path")
    return os.fsdecode(path)
