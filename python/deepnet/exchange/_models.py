"""Models that are written: the layers of a network, and the steps of a pipeline of scikit-learn."""

from __future__ import annotations

import copy
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deepnet.activations import Array
from deepnet.network import Network


@dataclass(frozen=True, slots=True)
class Layer:
    """Weights (n, n_prev), biases (n,) and the name of the activation."""

    W: Array
    b: Array
    activation: str


def refuse_custom(net: Network) -> None:
    """Raise a ValueError for a custom activation, of which other programs know nothing."""
    for number, layer in enumerate(net.layers, start=1):
        if not isinstance(layer.activation, str):
            raise ValueError(
                f"layer {number} has the custom activation {net.activations[number - 1]!r}, a function in "
                "Python: only the activations of deepnet.ACTIVATIONS can be exported"
            )


def layers_of(net: Network) -> list[Layer]:
    """Return the layers with copies of their parameters, without custom activations."""
    refuse_custom(net)
    parameters = list(copy.deepcopy(net.parameters).values())  # of one moment, if another thread trains
    return [
        Layer(W, b[:, 0], name)
        for W, b, name in zip(parameters[::2], parameters[1::2], net.activations, strict=True)
    ]


def pipeline_steps(model: Any) -> tuple[list[tuple[str, Any]], Any]:
    """Return the named steps of a pipeline but the last, and that; of another object only itself."""
    if "sklearn.pipeline" not in sys.modules:
        return [], model
    from sklearn.pipeline import Pipeline

    if not isinstance(model, Pipeline):
        return [], model
    steps = [(name, step) for name, step in model.steps if step is not None and step != "passthrough"]
    return (steps[:-1], steps[-1][1]) if steps else ([], model)


def refuse_scaled_table(steps: Sequence[Any], estimator: Any) -> None:
    """Raise a ValueError if a pipeline has steps before an estimator that prepares columns itself."""
    if steps:
        raise ValueError(
            f"the pipeline scales columns for a {type(estimator).__name__}, which does that itself: only the "
            "estimator can be exported"
        )
