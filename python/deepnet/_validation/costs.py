"""Choosing the loss: by name, or the default of an output activation."""

from __future__ import annotations

from typing import Any

from deepnet.losses import LOSSES, Loss, find_loss, loss_for


def loss(value: Any, output: str, Y: Any = None, outputs: int = 0, m: int = 0) -> Loss:
    """Accept a loss that fits the output, or its name; None means the default for the output and Y."""
    if value is None:
        chosen = loss_for(output)
        are_classes = outputs > 1 and getattr(Y, "shape", None) in ((m,), (1, m), (m, 1))
        if chosen.activation == "softmax" and are_classes:
            chosen = LOSSES["sparse_categorical_cross_entropy"]
        return chosen
    chosen = any_loss(value)
    of_softmax = output == "softmax" and chosen.activation != "softmax"
    if chosen.activation not in (None, output) or of_softmax:
        fitting = [
            repr(name)
            for name, entry in LOSSES.items()
            if entry.activation == output or (entry.activation is None and output != "softmax")
        ]
        reason = f"which is defined for {_article(chosen.activation)} output, but the network's is {output!r}"
        if chosen.activation is None:
            reason = "which treats each output separately, but the outputs of softmax sum to 1"
        raise ValueError(f"loss is {chosen.name!r}, {reason}: loss={' or '.join(fitting)}")
    return chosen


def any_loss(value: Any) -> Loss:
    """Accept a loss or its name."""
    if not isinstance(value, (str, Loss)):
        raise TypeError(f"loss is {value!r}, but must be a name or a Loss: loss=deepnet.losses.huber(2.0)")
    return value if isinstance(value, Loss) else find_loss(value)


def _article(word: Any) -> str:
    return f"{'an' if str(word)[:1] in 'aeiou' else 'a'} {word}"
