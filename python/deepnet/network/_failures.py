"""Words for training that went wrong."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from deepnet._validation.examples import first_not_finite
from deepnet.activations import Array


def not_finite(
    loss: float, where: str, rate: float, parameters: Iterable[Array], X: Array, Y: Array, scale: float
) -> FloatingPointError:
    """Say what the loss became, where, and the likeliest reason; data are looked through only now.

    If the loss is finite, it was an update that would not have been.
    """
    arrays = list(parameters)
    dtype = arrays[0].dtype
    what = f"the loss is {loss} {where}"
    if np.isfinite(loss):
        what = f"the update is not finite, though the loss is {loss:g}, {where}"
    kept = "The parameters are those before the update that went wrong"
    if not all(np.isfinite(p).all() for p in arrays):
        reason = "the parameters hold nan or inf already (net.parameters): start from new ones"
        return FloatingPointError(f"{what}: {reason}")
    entry = first_not_finite("X", X, dtype, scale) or first_not_finite("Y", Y, dtype, 1.0)
    if entry is not None:
        return FloatingPointError(f"{what}: {entry}. {kept}")
    way_out = f"try a smaller learning rate than {rate:g}" if rate else "start from smaller ones"
    return FloatingPointError(f"{what}. {kept}: {way_out}, or scale X first")


def penalty_overflow(loss: float) -> FloatingPointError:
    """Say that the weights have grown too large for a penalty, which is known with the update only."""
    return FloatingPointError(
        f"the loss is {loss} before this update, which was made: the l2 or l1 penalty of such large weights "
        "overflows; start from smaller ones"
    )
