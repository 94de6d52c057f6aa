"""Networks saved and loaded: what of a network goes into a file. The file itself is `io.model_file`."""

from __future__ import annotations

import os

from ._network import Network
from ._owner import ParameterOwner


def save(net: ParameterOwner, path: str | os.PathLike[str]) -> None:
    """Write the layers and the parameters; what they compute with is all that a prediction needs."""
    from deepnet.io.model_file import ModelFile, write_model  # only here: most programs never save

    write_model(_checked(path), ModelFile(net.layer_dims, net.activations, net.dtype.name, net.parameters))


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
    if model.extra:  # settings that this deepnet would leave out, and so compute something else
        raise ValueError(
            f"{os.fspath(path)}: holds settings that this deepnet does not know: {', '.join(model.extra)}"
        )
    return Network.from_parameters(model.arrays, model.activations)


def _checked(path: str | os.PathLike[str]) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path is {path!r}, but must be the name of a file, or a pathlib.Path")
    return os.fsdecode(path)
