"""The description of one layer, with its options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._immutable import immutable
from .activations import Activation, Array, entry_of


@immutable("layer")
@dataclass(frozen=True, slots=True, repr=False)
class Dense:
    """A fully connected layer.

    Parameters
    ----------
    units : int
    activation : str or Activation, optional
        A name from :data:`deepnet.ACTIVATIONS`. By default relu, and sigmoid for the last layer.
    dropout : float
        The share of the outputs dropped at each training step, from 0 to less than 1; the others are scaled
        by 1 / (1 - dropout), so predictions need no scaling (inverted dropout). Not for the last layer.
    l2, l1 : float
        Penalty ``l2 / 2 sum(W^2) + l1 sum(|W|)``, added to the loss; the course's `lambd` is ``l2 * m``.
    initializer : str or callable, optional
        As in :class:`deepnet.Network`; by default the network's.

    Raises
    ------
    ValueError
        From the network, for example ``layer_dims[1].dropout is 1, but must be from 0 to less than 1``.

    Notes
    -----
    Source for dropout: N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov, *Dropout*,
    JMLR 2014.

    Examples
    --------
    >>> deepnet.Network([784, deepnet.Dense(256, "relu", dropout=0.1, l2=1e-4), deepnet.Dense(10, "softmax")])
    <Network 784-256-10 (relu, softmax): float32, 203530 parameters>
    """

    units: int
    activation: str | Activation | None = None
    dropout: float = 0.0
    l2: float = 0.0
    l1: float = 0.0
    initializer: Any = None


def layer_outputs(net: Any, X: Array) -> list[Array]:
    """Compute the activations of each layer of a network, (n_l, m), for inputs X (n_0, m) that are scaled."""
    outputs, A = list[Array](), X
    for number, layer in enumerate(net.layers, start=1):
        Z = net.parameters[f"W{number}"] @ A + net.parameters[f"b{number}"]
        A = entry_of(layer.activation).forward(Z)
        outputs.append(A)
    return outputs
