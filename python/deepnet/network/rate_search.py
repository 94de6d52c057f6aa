"""The search for a learning rate: a short run with a rising rate on a copy of a network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from deepnet._arguments import advised
from deepnet._numbers import real, whole
from deepnet._validation import options as option
from deepnet.activations import Array
from deepnet.losses import Loss
from deepnet.optimizers import Optimizer

from .examples import Examples
from .network import LossData, Network

SMOOTHING = 0.9  # of the moving average of the losses, as in the source
DIVERGED = 4.0  # times the least smoothed loss


@dataclass(frozen=True, slots=True)
class RateSearch:
    """The result of :func:`deepnet.find_learning_rate`.

    Attributes
    ----------
    rates, losses : ndarray of float64
        The rates tried, and the smoothed loss of the batch before the update with each.
    suggestion : float
        A tenth of the rate at which the smoothed loss is least: soon after, it rises.
    """

    rates: Array
    losses: Array
    suggestion: float

    def __repr__(self) -> str:
        low, high = self.rates[0], self.rates[-1]
        return f"<RateSearch of {len(self.rates)} rates from {low:.3g} to {high:.3g}: {self.suggestion:.3g}>"


@advised
def find_learning_rate(
    net: Network,
    X: Array,
    Y: Array,
    *,
    optimizer: Optimizer | str | None = None,
    loss: str | Loss | None = None,
    batch_size: int = 32,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 100,
    seed: int | None = None,
    loss_data: LossData | None = None,
) -> RateSearch:
    """Train a copy of a network with rates that rise from batch to batch, and suggest one.

    Parameters
    ----------
    net : Network
        Stays as it is.
    X, Y, loss, loss_data
        As in :meth:`Network.fit`.
    optimizer : Optimizer or str, optional
        Whose rate is sought, ``net.optimizer`` by default; its learning rate does not matter.
    batch_size : int
        That of the training to come.
    low, high : float
        The first and the last rate, in geometric steps. The search ends early where the loss diverges.
    steps : int
        The number of rates, 10 or more.
    seed : int or None
        For the batches and dropout; None: different on each run.

    Returns
    -------
    search : RateSearch
        ``search.suggestion`` is a rate; ``search.rates`` and ``search.losses`` can be plotted.

    Raises
    ------
    ValueError
        For example ``high is 1e-07, but must be more than 1e-06``, or as from fit.
    TypeError
        For example ``net is None, but must be a Network``.
    FloatingPointError
        If the loss is nan or infinite before three updates.

    Notes
    -----
    Source: L. N. Smith, *Cyclical learning rates for training neural networks*, WACV 2017. The suggestion is
    a start for a schedule or an experiment, not an optimum.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(2, 500))
    >>> net = deepnet.Network([2, 16, 1], seed=0)
    >>> search = deepnet.find_learning_rate(net, X, X[0] * X[1] > 0, optimizer="adam", seed=0)
    >>> 1e-4 < search.suggestion < 1
    True
    """
    if not isinstance(net, Network):
        raise TypeError(f"net is {net!r}, but must be a Network")
    low = real("low", low, above=0)
    high = real("high", high, f"more than {low:g}", above=low)
    count = whole("steps", steps, 10, 2**20)
    size = whole("batch_size", batch_size, 1)
    chosen = net.optimizer if optimizer is None else option.optimizer(optimizer, net.dtype)
    rates = np.geomspace(low, high, count)
    examples, chosen_loss = net._examples_for().check(X, Y, loss, None, None, loss_data)
    trained = _copy(net, option.seed(seed))
    losses, average, best = list[float](), 0.0, np.inf
    for i, (rate, columns) in enumerate(zip(rates, _batches(examples, size, seed), strict=False)):
        batch = examples.X[:, columns], examples.Y[..., columns]
        data = examples.data and {name: array[..., columns] for name, array in examples.data.items()}
        try:
            value = trained.train_on_batch(
                *batch,
                optimizer=replace(chosen, learning_rate=float(rate)),
                loss=chosen_loss,
                loss_data=data,
            )
        except FloatingPointError:
            if i < 3:
                raise
            break
        average = SMOOTHING * average + (1 - SMOOTHING) * value
        losses.append(average / (1 - SMOOTHING ** (i + 1)))
        best = min(best, losses[-1])
        if losses[-1] > DIVERGED * best and i > count // 10:
            break
    rates, found = rates[: len(losses)], np.array(losses)
    return RateSearch(rates, found, max(float(rates[np.argmin(found)]) / 10, low))


def _copy(net: Network, seed: int | None) -> Network:
    """Return a network with the same layers and parameters, whose dropout has this seed."""
    copied = net.astype(net.dtype, compute=net.compute)
    if seed is not None:
        copied._dropout_seed = seed
    return copied


def _batches(examples: Examples, size: int, seed: int | None) -> Any:
    """Yield the columns of one batch after the other, in a new order for each epoch."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(examples.m)
        for first in range(0, examples.m, min(size, examples.m)):
            yield order[first : first + size]
