"""Networks from files: :func:`load`."""

from __future__ import annotations

import os

from deepnet._arguments import advised
from deepnet._validation import options as option
from deepnet.caches import Whole

from . import files
from .network import Network


@advised
def load(path: str | os.PathLike[str], *, seed: Whole | None = None) -> Network:
    """Read a network that :meth:`deepnet.Network.save` wrote.

    Parameters
    ----------
    path : str or path
    seed : int or None
        For dropout in :meth:`deepnet.Network.train_on_batch`; None: different on each run.

    Returns
    -------
    net : Network
        With the same predictions to the last bit, and the optimizer of a new network.

    Raises
    ------
    ValueError
        If the file is cut off, damaged, altered, from a newer deepnet or from another program:
        ``cats.safetensors: W2 has shape (4, 3), but layer_dims make it (3, 4)``.
    OSError
        If the file does not exist or cannot be read.

    Notes
    -----
    Nothing in a file is executed. A checksum of all parameters and settings is compared.
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
    number, saved = option.seed(seed), files.read(path)
    try:
        net = Network(saved.layers, initializer="zeros", seed=number, **saved.settings)
    except (TypeError, ValueError) as error:
        raise files.invalid(path, error) from None
    net.parameters = saved.parameters
    return net
