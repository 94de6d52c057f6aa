"""How a network learns: what the engines take besides the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .losses import Loss
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

    def has_custom_loss(self, losses: Sequence[str]) -> bool:
        """Return whether the extension, which has these losses, calls that of the plan in Python."""
        return self.loss.name not in losses or not self.loss.is_listed

    def is_known_to(self, optimizers: Sequence[str]) -> bool:
        """Return whether the extension has this optimizer; it has no custom ones."""
        kind = type(self.optimizer)
        return any(
            issubclass(kind, entry) and (kind.update, kind.slots) == (entry.update, entry.slots)
            for entry in OPTIMIZERS.values()
            if entry.native in optimizers
        )

    def settings(self, losses: Sequence[str], optimizers: Sequence[str]) -> dict[str, Any]:
        """Return the plan in numbers, for the extension."""
        optimizer, loss = self.optimizer, self.loss
        if self.has_custom_loss(losses):
            of_loss = {
                "loss": -1,
                "loss_parameter": 1.0,
                "of_Z": loss.activation is not None,
                "label_rule": loss.label_rule,
                "smoothed_classes": float(loss.smoothed_classes),
            }
        else:
            of_loss = {"loss": losses.index(loss.name), "loss_parameter": loss.parameter}
        return of_loss | {
            "label_smoothing": loss.label_smoothing,
            "signed_weights": loss.signed_weights,
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
