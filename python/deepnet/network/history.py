"""The record of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field


class AdviceWarning(UserWarning):
    """A mistake that a training run shows: what :meth:`deepnet.Network.fit` says with ``advise=True``."""


@dataclass(slots=True)
class History:
    """One entry per epoch; :meth:`deepnet.Network.fit` returns it, and callbacks receive it as it grows.

    Attributes
    ----------
    loss : list of float
        Mean loss of the epoch's batches, each computed before its update.
    validation_loss : list of float
        Mean loss of the validation examples after the epoch; empty without validation.
    metrics, validation_metrics : dict of list of float
        For each metric its values for the training and the validation examples after the epoch.
    seconds : list of float
        Duration of the epoch, without validation, metrics and callbacks.
    planned_epochs : int
        Number of epochs requested; a callback may stop the run earlier.
    error : Exception or None
        Why :func:`deepnet.fit_many` ended the run of this network: a FloatingPointError, if its loss was nan
        or infinite.
    learning_rate : float or None
        The rate of the last update. A callback that assigns another one sets the rate of all updates that
        follow in this run, instead of the optimizer's rate or schedule.
    advice : list of str
        What ``fit(..., advise=True)`` has found.

    Examples
    --------
    >>> History(loss=[0.7, 0.4, 0.25], seconds=[0.5, 0.5, 0.5], planned_epochs=3)
    <History of 3 epochs in 1.5 s: loss 0.7 to 0.25>
    """

    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    planned_epochs: int = 0
    metrics: dict[str, list[float]] = field(default_factory=dict)
    validation_metrics: dict[str, list[float]] = field(default_factory=dict)
    learning_rate: float | None = None
    error: Exception | None = None
    advice: list[str] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        """Number of epochs completed."""
        return len(self.loss)

    def curves(self) -> dict[str, list[float]]:
        """Return every recorded curve by name, those of validation with the prefix ``validation_``."""
        validation = {f"validation_{name}": curve for name, curve in self.validation_metrics.items()}
        named = {"loss": self.loss, "validation_loss": self.validation_loss, **self.metrics, **validation}
        return {name: curve for name, curve in named.items() if curve}

    def __repr__(self) -> str:
        count = f"{self.epochs} epoch{'' if self.epochs == 1 else 's'}"
        if self.epochs < self.planned_epochs:
            count = f"{self.epochs} of {self.planned_epochs} epochs"
        time = f"{sum(self.seconds):.3g} s" + ("" if self.error is None else ", failed")
        curves = [f"{name} {curve[0]:.4g} to {curve[-1]:.4g}" for name, curve in self.curves().items()]
        return f"<History of {count} in {time}{': ' if curves else ''}{', '.join(curves)}>"
