"""How a network learns: what the engines take besides the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .losses import LOSSES, Loss
from .optimizers import OPTIMIZERS, SGD, Optimizer


class LayerPlan(NamedTuple):
    """The training options of one layer; see :class:`deepnet.Dense`."""

    dropout: float = 0.0
    l2: float = 0.0
    l1: float = 0.0


_DEFAULT = SGD()


@dataclass(frozen=True, slots=True)
class Plan:
    """A loss, an optimizer and the options of the layers."""

    loss: Loss
    optimizer: Optimizer = _DEFAULT
    layers: tuple[LayerPlan, ...] = ()  # one per layer, or none
    input_dropout: float = 0.0
    # True: losses and penalties of a batch are divided by the sum of its weights. False: the losses by the
    # number of its examples, the penalties by nothing.
    normalized: bool = False
    # What the learning rate of W and of b is multiplied by: one pair per layer, or none.
    rates: tuple[tuple[float, float], ...] = ()
    # Above 0: W1 is learnt as U diag(s), with a scale s of each input, which starts at 1 and whose learning
    # rate is multiplied by this. Both belong to the optimizer's memory; the network has only their product.
    feature_rate: float = 0.0

    def __post_init__(self) -> None:
        penalised = any(layer.l2 or layer.l1 for layer in self.layers[:1])
        optimizer = self.optimizer
        clipped = optimizer.clip_value is not None or optimizer.clip_norm is not None
        if self.feature_rate and (penalised or clipped):
            raise ValueError("feature_rate goes with neither penalties on the first layer nor clipping")

    def is_known_to(self, losses: Sequence[str], optimizers: Sequence[str]) -> bool:
        """Return whether the extension has this loss and optimizer; it has no custom ones."""
        loss, kind = self.loss, type(self.optimizer)
        known = LOSSES.get(loss.name)
        if known is None or loss.name not in losses:
            return False
        if known.with_settings_of(loss) != loss:
            return False
        return any(
            issubclass(kind, entry) and (kind.update, kind.slots) == (entry.update, entry.slots)
            for entry in OPTIMIZERS.values()
            if entry.native in optimizers
        )

    def settings(self, losses: Sequence[str], optimizers: Sequence[str]) -> dict[str, Any]:
        """Return the plan in numbers, for the extension."""
        optimizer = self.optimizer
        return {
            "loss": losses.index(self.loss.name),
            "loss_parameter": self.loss.parameter,
            "label_smoothing": self.loss.label_smoothing,
            "signed_weights": self.loss.signed_weights,
            "optimizer": optimizers.index(optimizer.native),
            "hyper": optimizer.hyper,
            "epsilon": getattr(optimizer, "epsilon", 1.0),
            "epsilon_hat": getattr(optimizer, "epsilon_hat", False),
            "rate_inside": getattr(optimizer, "rate_inside", False),
            "weight_decay": optimizer.weight_decay,
            "clip_value": optimizer.clip_value or 0.0,
            "clip_norm": optimizer.clip_norm or 0.0,
            "normalized": self.normalized,
            "input_dropout": self.input_dropout,
            "layers": [list(map(float, layer)) for layer in self.layers],
            "rates": [tuple(map(float, pair)) for pair in self.rates],
            "feature_rate": float(self.feature_rate),
        }
