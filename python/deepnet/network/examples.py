"""The examples of a training run: X, Y and weights, checked for a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from deepnet._validation import examples as columns
from deepnet._validation import labels, tables
from deepnet._validation import options as option
from deepnet._validation.custom import loss_data as data_of_loss
from deepnet._validation.weights import example_weights
from deepnet.activations import Array
from deepnet.backends import calls_loss
from deepnet.losses import Loss, Targets

from .once import Once


class Examples(NamedTuple):
    """X (n_0, m), an array or a CSC matrix, Y as the loss takes it, and the examples' weights or None."""

    X: Any
    Y: Array
    weights: Array | None
    chosen: Array | None = None  # the columns that are used, all by default
    names: list[Any] | None = None  # of the columns of a frame, for messages
    data: dict[str, Array] | None = None  # the further arrays of the loss, whose last axis is the examples

    def given_to(self, engine: Any, loss: Loss) -> tuple[Any, Any, Array | None]:
        """X, Y and the weights as this engine takes them for this loss."""
        Y: Any = self.Y
        if calls_loss(engine, loss):
            Y = self.Y, loss, self.data
        elif self.data is not None:
            Y = Targets(self.Y, self.data)
        return self.X, Y, self.weights

    @property
    def m(self) -> int:
        """The number of examples used."""
        return int(self.X.shape[1] if self.chosen is None else len(self.chosen))


@dataclass(frozen=True, slots=True)
class ExamplesFor:
    """Checks examples for a network with so many inputs and outputs."""

    inputs: int
    outputs: int
    activation: str  # of the last layer
    dtype: np.dtype[Any]
    once: Once  # shared by networks that are trained side by side

    def check(
        self,
        X: Any,
        Y: Any,
        loss: Any,
        sample_weight: Any = None,
        class_weight: Any = None,
        loss_data: Any = None,
        *,
        trained: Array | None = None,
        chosen: Array | None = None,
    ) -> tuple[Examples, Loss]:
        """Check examples; `trained` are the labels to train on if these are to validate with."""
        given, X = X, self.once(columns.inputs, X, self.inputs)
        m, Y = X.shape[1], self.once(tables.labels, "Y", Y)
        chosen_loss = option.loss(loss, self.activation, Y, self.outputs, m)
        try:
            Y = self.once(labels.check, "Y", Y, (self.outputs, m), chosen_loss)
        except ValueError as error:
            hint = _if_rows_are_examples(given, Y)
            if not hint:
                raise
            raise ValueError(f"{error}{hint}") from None
        weights = self._weights(chosen_loss, sample_weight, class_weight, Y, trained, chosen)
        data = self.once(data_of_loss, loss_data, chosen_loss, m, self.dtype)
        return Examples(X, Y, weights, chosen, tables.names(given), data), chosen_loss

    def split(
        self, given: tuple[Any, Any, Any, Any, Any, Any], chosen: Any, data: Any, fraction: Any
    ) -> tuple[Examples, Examples | None, Loss]:
        """Check the examples to train on and those to validate with.

        `given` are X, Y, loss, sample_weight, class_weight and loss_data; the others are `examples`,
        `validation_data` and `validation_split` of fit.
        """
        X, Y, loss, sample_weight, class_weight, loss_data = given
        m = self.once(columns.inputs, X, self.inputs).shape[1]
        chosen = self.once(columns.chosen, "examples", chosen, m)
        if fraction is None:
            trained, chosen_loss = self.check(*given, chosen=chosen)
            validation = self._validation(trained, data, chosen_loss, sample_weight, class_weight)
            return trained, validation, chosen_loss
        if data is not None:
            raise ValueError("validation_data and validation_split are both given: leave one out")
        whole, chosen_loss = self.check(X, Y, loss, sample_weight, None, loss_data, chosen=chosen)
        X, Y, weights, _, names, data_of_whole = whole
        first = option.validation_start(fraction, whole.m)
        parts = []
        for part in (slice(None, first), slice(first, None)):
            if chosen is None:
                part_weights = None if weights is None else weights[part]
                part_weights = self._weights(
                    chosen_loss, part_weights, class_weight, Y[:, part], Y[:, :first]
                )
                data_of_part = data_of_whole and {
                    name: array[..., part] for name, array in data_of_whole.items()
                }
                parts.append(Examples(X[:, part], Y[:, part], part_weights, names=names, data=data_of_part))
            else:
                labels_of_first = None if class_weight is None else Y[:, chosen[:first]]
                part_weights = self._weights(
                    chosen_loss, weights, class_weight, Y, labels_of_first, chosen[part]
                )
                parts.append(Examples(X, Y, part_weights, chosen[part], names, data_of_whole))
        return parts[0], parts[1], chosen_loss

    def _validation(
        self, trained: Examples, data: Any, loss: Loss, sample_weight: Any, class_weight: Any
    ) -> Examples | None:
        if data is None:
            return None
        labels = trained.Y
        if trained.chosen is not None and class_weight is not None:
            labels = labels[:, trained.chosen]
        if columns.names_columns(data):
            chosen = self.once(columns.chosen, "validation_data", data, trained.X.shape[1])
            weights = self._weights(loss, sample_weight, class_weight, trained.Y, labels, chosen)
            return trained._replace(weights=weights, chosen=chosen)
        X, Y, sample_weight, loss_data = columns.validation_data(data)
        try:
            return self.check(X, Y, loss, sample_weight, class_weight, loss_data, trained=labels)[0]
        except (TypeError, ValueError) as error:
            raise type(error)(f"validation_data: {error}") from None

    def _weights(
        self,
        loss: Loss,
        sample_weight: Any,
        class_weight: Any,
        Y: Array,
        trained: Array | None,
        chosen: Array | None = None,
    ) -> Array | None:
        if sample_weight is None and class_weight is None:
            return None
        sample_weight = self.once(tables.labels, "sample_weight", sample_weight)
        classes, signed = max(self.outputs, 2), loss.signed_weights
        arguments = sample_weight, class_weight, Y, self.dtype, classes, trained, chosen, signed
        if trained is not None:
            return example_weights(*arguments)
        return self.once(example_weights, *arguments)  # type: ignore[no-any-return]  # of example_weights


def _if_rows_are_examples(X: Any, Y: Any) -> str:
    """Advice for an X whose rows, not its columns, are as many as the labels."""
    rows, columns = X.shape
    if tables.is_table(X) or np.shape(Y)[:1] != (rows,) or columns in np.shape(Y):
        return ""
    return f"; if the rows of X are the examples, use X.T and a network with {columns} inputs"
