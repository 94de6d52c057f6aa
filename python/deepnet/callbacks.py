"""Ready-made callbacks for :meth:`deepnet.Network.fit`, which takes any function of ``(net, history)``."""

from __future__ import annotations

import math

import numpy as np

from ._numbers import flag, real, whole
from .activations import Array
from .network import History, Network


class EarlyStopping:
    """Stop when the validation loss, or without validation data the loss, has not improved for a while.

    Parameters
    ----------
    patience : int
        How many epochs in a row may pass without improvement.
    min_delta : float
        What counts as improvement: more than this below the best so far.
    restore_best : bool
        Leave the network, however the run ends, with the parameters of its best epoch.

    Raises
    ------
    ValueError
        For example ``patience is -1, but must be 1 or more``.
    TypeError
        For example ``restore_best is 'no', but must be True or False``.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(2, 100))
    >>> net = deepnet.Network([2, 4, 1], seed=0)
    >>> stop = deepnet.callbacks.EarlyStopping(patience=2, min_delta=0.01)
    >>> net.fit(X, X[0] > 0, epochs=1000, batch_size=10, seed=0, callbacks=[stop]).epochs < 1000
    True
    """

    def __init__(self, patience: int = 5, min_delta: float = 0.0, restore_best: bool = True) -> None:
        self.patience = whole("patience", patience, 1)
        self.min_delta = real("min_delta", min_delta, low=0)
        self.restore_best = flag("restore_best", restore_best)
        self._best, self._best_epoch, self._kept = math.inf, 0, list[Array]()

    def __call__(self, net: Network, history: History) -> bool:
        """Look at the last epoch; True stops the run."""
        if history.epochs == 1:  # a new run
            self._best, self._best_epoch = math.inf, 1
        loss = (history.validation_loss or history.loss)[-1]
        if history.epochs == 1 or loss < self._best - self.min_delta:
            self._best, self._best_epoch = loss, history.epochs
            if self.restore_best:
                self._kept = [p.copy() for p in net.parameters.values()]
        return history.epochs - self._best_epoch >= self.patience

    def finish(self, net: Network) -> None:
        """Put the best parameters back."""
        if self._kept:
            for p, best in zip(net.parameters.values(), self._kept, strict=True):
                np.copyto(p, best)
        self._kept = []
