"""What is trained on images and arrays: features made of the data, and a network that suits them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import deepnet
from deepnet.io import DataError, Dataset

BATCH = 64
# Images are averaged down to about this many pixels a side. On 2,000 photographs of cats and dogs, 16 pixels
# gave an accuracy of 0.65; 32 pixels took six times as long and gave 0.64.
SIDE = 16
UPDATES = 1500  # some 1 to 5 s


@dataclass(frozen=True)
class Recipe:
    """How to train: sizes of the hidden layers, and AdamW with one cycle of its rate."""

    hidden: tuple[int, ...] = (128,)
    learning_rate: float = 0.001
    epochs: int = 20
    dropout: float = 0.5
    mirrored: bool = False  # each training image twice, once mirrored


def recipe_for(data: Dataset) -> Recipe:
    """Return settings that suit the data. Only photographs are mirrored: a mirrored digit is another sign."""
    mirrored = is_photograph(data.train_x)
    steps = math.ceil(len(data.train_y) * (1 + mirrored) / BATCH)
    return Recipe(
        epochs=min(max(round(UPDATES / steps), 5), 200), dropout=0.5 if mirrored else 0.2, mirrored=mirrored
    )


class Features:
    """Rows as the network takes them: float32 columns, images averaged down, each feature standardised.

    Mean and deviation are those of the training rows. Standardising each photograph by itself as well gained
    nothing, and takes away what tells bright from dark.
    """

    def __init__(self, rows: NDArray[Any]) -> None:
        X = _reduced(rows)
        self._mean = X.mean(axis=1, keepdims=True, dtype=np.float64)
        deviation = X.std(axis=1, keepdims=True, dtype=np.float64)
        self._deviation = np.where(deviation > 0, deviation, 1)
        factor = _factor(rows)
        sides = " x ".join(str(n // factor) for n in rows.shape[1:3])
        self.shrunk = f"; images shrunk to {sides} pixels" if factor > 1 else ""  # for the report

    def __call__(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """Return X of shape (features, examples)."""
        X = _reduced(rows)
        X -= self._mean
        X /= self._deviation
        return np.asarray(X, np.float32)

    def undone(self, W: Any, b: Any, shape: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return W and b of a layer that takes flat rows of this shape as they are stored."""
        W = np.asarray(W, np.float64) / self._deviation.T
        b = np.asarray(b, np.float64) - W @ self._mean
        factor = _factor(np.empty((1, *shape)))
        if factor > 1:
            h, w = (n // factor for n in shape[:2])
            parts = W.reshape(len(W), h, w, -1) / factor**2
            whole = np.zeros((len(W), *shape[:2], parts.shape[-1]))
            whole[:, : h * factor, : w * factor] = parts.repeat(factor, axis=1).repeat(factor, axis=2)
            W = whole.reshape(len(W), -1)
        return W, b


def _reduced(rows: NDArray[Any]) -> Any:
    """Return one column per row, a new array; images are averaged over squares of pixels."""
    m, factor = len(rows), _factor(rows)
    if factor > 1:
        h, w = (n // factor for n in rows.shape[1:3])
        parts = rows[:, : h * factor, : w * factor].reshape(m, h, factor, w, factor, -1)
        return parts.mean(axis=(2, 4), dtype=np.float32).reshape(m, -1).T
    # float64: numbers of a table may be beyond float32 before they are standardised
    return rows.reshape(m, -1).T.astype(np.float32 if rows.dtype == np.uint8 else np.float64)


def _factor(rows: NDArray[Any]) -> int:
    """Return how many pixels a side become one."""
    return max(min(rows.shape[1:3]) // SIDE, 1) if is_image(rows) else 1


def called(data: Dataset) -> str:
    """Return what the examples are called in reports."""
    return "images" if is_image(data.train_x) else "rows"


def is_image(rows: NDArray[Any]) -> bool:
    """True if each row is an image, in grey or in colour."""
    return rows.ndim == 3 or is_photograph(rows)


def is_photograph(rows: NDArray[Any]) -> bool:
    """True if each row is an image in colour."""
    return rows.ndim == 4 and rows.shape[3] == 3


def training_examples(data: Dataset, recipe: Recipe, features: Features) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return X and Y to train on, with the mirrored images if the recipe wants them."""
    X = features(data.train_x)
    if not recipe.mirrored:
        return X, data.train_y
    return np.hstack([X, features(data.train_x[:, :, ::-1])]), np.tile(data.train_y, 2)


def network(data: Dataset, recipe: Recipe, n_features: int, seed: int) -> deepnet.Network:
    """Return an untrained network: relu with dropout, then softmax, or one sigmoid unit for two classes."""
    outputs = len(data.classes) if len(data.classes) > 2 else 1
    return deepnet.Network(
        [n_features, *recipe.hidden, outputs],
        output="sigmoid" if outputs == 1 else "softmax",
        dropout=recipe.dropout,
        seed=seed,
    )


def taking_rows(net: deepnet.Network, features: Features, data: Dataset) -> deepnet.Network:
    """Return the network that takes rows as they are stored: its first layer has the features inside."""
    parameters = {key: np.array(value) for key, value in net.parameters.items()}
    W, b = features.undone(parameters["W1"], parameters["b1"], data.train_x.shape[1:])
    with np.errstate(over="ignore"):
        parameters |= {"W1": (W * data.scale).astype(net.dtype), "b1": b.astype(net.dtype)}
    if not all(np.isfinite(parameters[key]).all() for key in ("W1", "b1")):
        raise DataError("the values of some features are too small or too large for float32: scale them")
    whole = deepnet.Network.from_parameters(parameters, net.activations, input_scale=1 / data.scale)
    whole.class_names = data.classes
    return whole


def train(
    net: deepnet.Network,
    X: NDArray[Any],
    Y: NDArray[Any],
    recipe: Recipe,
    seed: int,
    progress: Callable[[int, int], object] | None = None,
    threads: int | None = None,
) -> list[float]:
    """Train the network and return the mean cost of each epoch, with dropout."""
    try:
        history = net.fit(
            X,
            Y.reshape(1, -1),
            epochs=recipe.epochs,
            batch_size=BATCH,
            optimizer=deepnet.AdamW(deepnet.schedules.OneCycle(recipe.learning_rate)),
            seed=seed,
            progress=progress,
            threads=threads,
        )
    except FloatingPointError as error:
        raise DataError(f"{error}; try a smaller --learning-rate") from None
    return history.loss


def predict(net: deepnet.Network, X: NDArray[Any]) -> NDArray[np.intp]:
    """Return the class of each example."""
    AL = net.predict(X)
    return np.asarray(AL.argmax(axis=0) if len(AL) > 1 else AL[0] > 0.5, np.intp)
