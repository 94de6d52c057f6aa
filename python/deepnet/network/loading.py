"""Models from files: :func:`load`, and :func:`describe`, which says what is in one."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from deepnet._arguments import advised
from deepnet._files import quoted
from deepnet._validation import options as option
from deepnet.caches import Whole

from . import files
from .network import Network

if TYPE_CHECKING:
    from deepnet.io.model_file import ModelFile


@advised
def load(path: str | os.PathLike[str], *, seed: Whole | None = None) -> Any:
    """Read a network or an estimator that its ``save`` wrote.

    Parameters
    ----------
    path : str or path
    seed : int or None
        For dropout in :meth:`deepnet.Network.train_on_batch`; None: different on each run.

    Returns
    -------
    model : Network, or an estimator of :mod:`deepnet.sklearn`
        What was saved, with the same predictions to the last bit. A network has the optimizer of a new one,
        unless the file has its own.

    Raises
    ------
    ValueError
        If the file is cut off, damaged, altered, from a newer deepnet or from another program:
        ``cats.safetensors: W2 has shape (4, 3), but layer_dims make it (3, 4)``.
    OSError
        If the file does not exist or cannot be read.
    ImportError
        If the file holds an estimator, and scikit-learn is not installed.

    Notes
    -----
    Nothing in a file is executed. A checksum of all parameters and settings is compared.
    The format is that of https://github.com/huggingface/safetensors, so other programs read the arrays, too;
    docs/model_file.md describes the rest. Files of all former versions of deepnet are read.

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
    number, model = option.seed(seed), files.read(path)
    if not _is_network(model):
        try:
            saving = import_module("deepnet.sklearn._saving")
        except ImportError as error:
            raise ImportError(f"{os.fspath(path)} holds a {quoted(model.kind)}: {error}") from error
        return saving.estimator_of(model, path)
    files.refuse_unknown(model, files.GIVEN | {"training"}, path)
    net = network_of(model, 0, path, number)
    if "training" in model.about:
        from .checkpoints import optimizer_state_of, take_optimizer  # only here: most files have none

        try:
            state = optimizer_state_of(model)
            assert state is not None
            own_seed = net._dropout_seed
            take_optimizer(net, state)
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
            raise files.invalid(path, error) from None
        if number is not None:
            net._dropout_seed = own_seed
    return net


@advised
def describe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what a model file says of itself; the file is checked as by :func:`load`.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    description : dict
        As docs/model_file.md says for the newest format: "kind" ("network", or the class of an estimator),
        "networks" with "layer_dims", "activations", "dtype" and other settings of each, "metrics" and
        "target" if they were given, and so on.

    Raises
    ------
    ValueError, OSError
        As from :func:`load`.

    Examples
    --------
    >>> import os, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "net.safetensors")
    ...     deepnet.Network([2, 3, 1]).save(path, metrics={"accuracy": 0.9})
    ...     description = deepnet.describe(path)
    >>> description["kind"], description["networks"][0]["layer_dims"], description["metrics"]
    ('network', [2, 3, 1], {'accuracy': 0.9})
    """
    return files.read(path).description()


def network_of(model: ModelFile, i: int, path: str | os.PathLike[str], seed: int | None) -> Network:
    """Create network i of a file."""
    part = model.networks[i]
    try:
        net = Network(**files.arguments(part), initializer="zeros", seed=seed)
        net.class_names = part.settings.get("class_names")
    except (TypeError, ValueError) as error:
        raise files.invalid(path, error) from None
    net.parameters = model.parameters(i)
    return net


def _is_network(model: ModelFile) -> bool:
    from deepnet.io.model_file import NETWORK

    return model.kind == NETWORK
