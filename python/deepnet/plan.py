"""How a network learns, whatever the data: what the engines are given beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .losses import LOSSES, Loss
from .optimizers import SGD, Optimizer


class LayerPlan(NamedTuple):
    """What is done to one layer while it learns; see :class:`deepnet.Dense`."""

    dropout: float = 0.0
    l2: float = 0.0
    l1: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A loss, an optimizer and what is done to the layers."""

    loss: Loss
    optimizer: Optimizer = SGD()  # noqa: RUF009: it is frozen
    layers: tuple[LayerPlan, ...] = ()  # one per layer, or none
    input_dropout: float = 0.0

    def is_known_to(self, optimizers: list[str]) -> bool:
        """Whether loss and optimizer are among those that the extension has, rather than a user's own."""
        known = LOSSES.get(self.loss.name)
        own = known is None or (known.value, known.derivative) != (self.loss.value, self.loss.derivative)
        return not own and getattr(type(self.optimizer), "native", None) in optimizers

    def settings(self, optimizers: list[str]) -> dict[str, Any]:
        """What the extension is told, in numbers."""
        optimizer = self.optimizer
        return {
            "loss": list(LOSSES).index(self.loss.name),
            "loss_parameter": self.loss.parameter,
            "label_smoothing": self.loss.label_smoothing,
            "optimizer": optimizers.index(optimizer.native),
            "hyper": optimizer.hyper,
            "epsilon": getattr(optimizer, "epsilon", 1.0),
            "weight_decay": optimizer.weight_decay,
            "clip_value": optimizer.clip_value or 0.0,
            "clip_norm": optimizer.clip_norm or 0.0,
            "input_dropout": self.input_dropout,
            "layers": [list(map(float, layer)) for layer in self.layers],
        }
