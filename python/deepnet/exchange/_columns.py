"""The columns of a table as numbers, in a graph: what deepnet.sklearn's Encoder does, for ONNX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from deepnet.sklearn._columns import CLIPPED_AT, MISSING, Categories, Encoder, Numbers

from ._graph import STRING, Graph, Value, columns, joined

_LARGE = 1e30  # scaled numbers beyond it are CLIPPED_AT to the last digit, and their squares finite


class _Blocks:
    """Encoded columns in any order, each with its column of the table and its number among those of it."""

    def __init__(self) -> None:
        self._values: list[Value] = []
        self._keys: list[tuple[int, int]] = []

    def add(self, value: Value, keys: Sequence[tuple[int, int]]) -> None:
        """Add a block of columns, float64."""
        if keys:
            self._values.append(value)
            self._keys += keys

    def table(self) -> Value:
        """Return the columns in their order."""
        table, order = joined(self._values), sorted(range(len(self._keys)), key=self._keys.__getitem__)
        return table if order == [*range(len(order))] else columns(table, order)


def encoded(graph: Graph, encoder: Encoder, names: Sequence[str] | None) -> Value:
    """Add the inputs, and return the encoded table, float32 (rows, width)."""
    parts, blocks = encoder.columns, _Blocks()
    if all(isinstance(part, Numbers) for part in parts):
        _add_numbers(blocks, graph.input("X", np.float64, len(parts)), dict(enumerate(parts)))
    else:
        names = names or [f"x{j}" for j in range(len(parts))]
        inputs = [graph.input(name, _type_of(name, part), 1) for name, part in zip(names, parts, strict=True)]
        numeric = {j: part for j, part in enumerate(parts) if isinstance(part, Numbers)}
        if numeric:
            _add_numbers(blocks, joined([inputs[j] for j in numeric]), numeric)
        for j, (x, part) in enumerate(zip(inputs, parts, strict=True)):
            if isinstance(part, Categories):
                _add_categories(blocks, x, j, part)
    scaled = (blocks.table() - encoder.center) * encoder.factor
    scaled = graph.node("Min", graph.node("Max", scaled, -_LARGE), _LARGE)
    ratio = scaled / CLIPPED_AT
    return (scaled / graph.node("Sqrt", ratio * ratio + 1)).to(np.float32)


def _type_of(name: str, part: Any) -> Any:
    """Return the type of the input for a column: strings, or numbers, among them bools."""
    if isinstance(part, Numbers):
        return np.float64
    for category in part.codes:
        if isinstance(category, bytes):
            raise ValueError(
                f"the column {name!r} has categories of bytes, such as {category!r}, but ONNX has strings: "
                "fit the estimator to those"
            )
        if not isinstance(category, str) and float(category) != category:
            raise ValueError(
                f"the column {name!r} has the category {category!r}, which float64 cannot hold: fit the "
                "estimator to strings"
            )
    return np.float64 if part.codes and not isinstance(next(iter(part.codes)), str) else STRING


def _add_numbers(blocks: _Blocks, x: Value, parts: Mapping[int, Any]) -> None:
    """Add columns of numbers, one of x for each part: filled, their pieces, whether missing."""
    graph, at = x.graph, {j: i for i, j in enumerate(parts)}
    missing = graph.node("IsNaN", x, dtype=bool)
    filled = graph.node(
        "Where", missing, np.array([part.fill for part in parts.values()]), x, dtype=np.float64
    )
    blocks.add(filled, [(j, 0) for j in parts])
    pieces = [
        (j, k, low, high)
        for j, part in parts.items()
        if part.edges is not None
        for k, (low, high) in enumerate(pairwise(part.edges.tolist()), start=1)
    ]
    if pieces:
        low, high = (np.array([piece[i] for piece in pieces]) for i in (2, 3))
        inside = (columns(filled, [at[j] for j, *_ in pieces]) - low) / (high - low)
        inside = graph.node("Min", graph.node("Max", inside, 0.0), 1.0)
        blocks.add(inside, [(j, k) for j, k, *_ in pieces])
    holed = [j for j, part in parts.items() if part.had_missing]
    if holed:
        flags = columns(missing, [at[j] for j in holed]).to(np.float64)
        blocks.add(flags, [(j, len(parts[j].wide) - 1) for j in holed])


def _add_categories(blocks: _Blocks, x: Value, column: int, part: Categories) -> None:
    """Add a column of categories: of those with one code, whether it is one of them."""
    if not part.codes:
        return
    graph, codes = x.graph, [*part.codes.values()]
    width = max(part.width, max(codes) + 1)
    if x.dtype == STRING:
        numbers = graph.node(
            "LabelEncoder",
            x,
            dtype=np.int64,
            domain="ai.onnx.ml",
            keys_strings=[*part.codes],
            values_int64s=codes,
            default_int64=MISSING,
        )
        flags = graph.node("Equal", numbers, np.arange(width).reshape(1, -1), dtype=bool).to(np.float64)
    else:
        known = np.array([float(category) for category in part.codes]).reshape(1, -1)
        flags = graph.node("Equal", x, known, dtype=bool).to(np.float64)
        if codes != [*range(width)]:
            flags = graph.node("MatMul", flags, np.eye(width)[codes])
    if len(codes) == 2:
        flags = graph.node("MatMul", flags, np.array([[-1.0], [1.0]]))
    blocks.add(flags, [(column, i) for i in range(len(part.wide))])
