"""What a training run was like."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class History:
    """One entry per epoch; :meth:`deepnet.Network.fit` returns it, and callbacks see it grow.

    Attributes
    ----------
    loss : list of float
        Mean loss over the epoch's examples, each taken before the update with its batch.
    validation_loss : list of float
        Mean loss on the validation data after the epoch; empty if there are none.
    seconds : list of float
        What the epoch took, without validation and callbacks.
    planned_epochs : int
        How many were asked for; fewer are done where a callback stops the run.

    Examples
    --------
    >>> History(loss=[0.7, 0.4, 0.25], seconds=[0.5, 0.5, 0.5], planned_epochs=3)
    <History of 3 epochs in 1.5 s: loss 0.7 to 0.25>
    """

    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    planned_epochs: int = 0

    @property
    def epochs(self) -> int:
        """How many epochs were done."""
        return len(self.loss)

    def __repr__(self) -> str:
        count = f"{self.epochs} epoch{'' if self.epochs == 1 else 's'}"
        if self.epochs < self.planned_epochs:
            count = f"{self.epochs} of {self.planned_epochs} epochs"
        named = [("loss", self.loss), ("validation loss", self.validation_loss)]
        curves = [f"{name} {curve[0]:.4g} to {curve[-1]:.4g}" for name, curve in named if curve]
        return f"<History of {count} in {sum(self.seconds):.3g} s{': ' if curves else ''}{', '.join(curves)}>"
