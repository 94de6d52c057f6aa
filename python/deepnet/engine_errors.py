"""The exceptions that an engine raises: the same two from the C++ extension and from NumPy."""

from __future__ import annotations

from typing import Any


class Busy(RuntimeError):
    """Another call trains the network, or this call interrupts one that reads it."""

    def __init__(
        self,
        message: str = (
            "this network is being trained by another thread, or is in use by a call that this one "
            "interrupts: wait for that to end, or train a copy: copy.deepcopy(net)"
        ),
    ) -> None:
        super().__init__(message)


class NonFinite(FloatingPointError):
    """A loss is nan or infinite, or else (then the loss is finite) an update would be.

    Attributes
    ----------
    loss : float
        The mean loss of the batch.
    epoch, batch : int
        The batch, counted from 0; of :meth:`Engine.train_on_batch` both are 0.
    updated : bool
        True if the parameters hold the update of this batch: only its penalty, which the update computes, is
        not finite.
    recovered : bool
        True if the parameters are finite again, as they were before the update that went wrong; False if they
        were not finite when the call began.
    losses, seconds : sequence of float
        The losses and durations of the epochs that the call completed before.
    """

    def __init__(
        self,
        loss: float,
        epoch: int = 0,
        batch: int = 0,
        updated: bool = False,
        recovered: bool = True,
        losses: Any = (),
        seconds: Any = (),
    ) -> None:
        super().__init__(loss, epoch, batch, updated, recovered, losses, seconds)
        self.loss, self.epoch, self.batch = loss, epoch, batch
        self.updated, self.recovered, self.losses, self.seconds = updated, recovered, losses, seconds

    def __str__(self) -> str:
        return f"the loss is {self.loss} in epoch {self.epoch}, batch {self.batch}"
