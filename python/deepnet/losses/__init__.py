"""Losses by name, and the functions that set what some can be told.

To add one: write its entry in `_losses` and its twin in ``cpp/kernels/losses.h``; a test names whatever is
missing. The functions of `_settings` make others of them: ``deepnet.losses.huber(delta=2.0)`` goes wherever
``"huber"`` does.
"""

from ._losses import LOSSES as LOSSES
from ._losses import Loss as Loss
from ._losses import find_loss as find_loss
from ._losses import loss_for as loss_for
from ._settings import binary_cross_entropy as binary_cross_entropy
from ._settings import categorical_cross_entropy as categorical_cross_entropy
from ._settings import huber as huber
from ._settings import quantile as quantile
from ._settings import sparse_categorical_cross_entropy as sparse_categorical_cross_entropy

__all__ = [
    "LOSSES",
    "Loss",
    "binary_cross_entropy",
    "categorical_cross_entropy",
    "find_loss",
    "huber",
    "loss_for",
    "quantile",
    "sparse_categorical_cross_entropy",
]
