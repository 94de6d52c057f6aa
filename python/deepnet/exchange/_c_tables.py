"""Tables for C: what an estimator does with the columns, and with the outputs of its networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from deepnet.activations import Array
from deepnet.sklearn._columns import CLIPPED_AT, MISSING, Categories, Numbers

Rounded = Callable[[str, Array], Array]  # the numbers of an array with this label as the code has them
FAR = 1e9  # scaled numbers beyond it are CLIPPED_AT to the last digit, also in float64
MOST_SHOWN = 20  # categories in the comment


@dataclass(frozen=True, slots=True)
class Encoding:
    """The inputs of the networks from the columns of a table: first those that all networks take.

    A column is one input of the code: a number, nan where it is missing, or the number of a category.
    """

    names: list[str]
    parts: tuple[Numbers | Categories, ...]
    order: Array  # of the encoded columns
    center: Array  # of each, in this order
    factor: Array
    read: Callable[[Any], Array]  # returns the inputs (m, columns) of a table

    def rounded(self, rounded: Rounded) -> Encoding:
        """Return the encoding with rounded numbers."""
        parts = list[Numbers | Categories]()
        for name, part in zip(self.names, self.parts, strict=True):
            if isinstance(part, Numbers):
                edges = None if part.edges is None else rounded(f"the pieces of {name!r}", part.edges)
                if edges is not None and not (np.diff(edges) > 0).all():
                    raise ValueError(
                        f"the column {name!r} has values of which {edges.dtype} makes one: subtract a number "
                        "from the column first, or dtype='float64'"
                    )
                fill: Any = rounded(f"the median of {name!r}", np.array(part.fill))[()]
                part = replace(part, fill=fill, edges=edges)
            parts.append(part)
        center, factor = rounded("the center", self.center), rounded("the factor", self.factor)
        return replace(self, parts=tuple(parts), center=center, factor=factor)

    def categories(self) -> dict[str, list[Any] | None]:
        """Return the categories of each column, None for one of numbers."""
        codes = [getattr(part, "codes", None) for part in self.parts]
        pairs = zip(self.names, codes, strict=True)
        return {name: None if code is None else [*code] for name, code in pairs}

    def values(self, X: Array) -> Array:
        """Return the encoded columns before they are scaled, (width, m), for inputs X (columns, m)."""
        encoded = list[Array]()
        for x, part in zip(X, self.parts, strict=True):
            if isinstance(part, Numbers):
                encoded += [np.asarray(column, X.dtype) for column in part.encoded(x)]
            elif len(part.codes) == 2:
                encoded.append(np.where(x == 0, -1, np.where(x == 1, 1, 0)).astype(X.dtype))
            else:
                encoded += [(x == i).astype(X.dtype) for i in range(part.width)]
        table: Array = np.array(encoded)[self.order]
        return table

    def scaled(self, values: Array) -> Array:
        """Return these encoded columns as the networks take them."""
        center, factor = (p.reshape(-1, 1).astype(values.dtype) for p in (self.center, self.factor))
        largest = np.finfo(values.dtype).max
        with np.errstate(over="ignore"):
            d = np.clip(np.clip(values - center, -largest, largest) * factor, -FAR, FAR)
        third = d / values.dtype.type(CLIPPED_AT)
        result: Array = d / np.sqrt(1 + third * third)
        return result

    def error(self, values: Array, u: float) -> Array:
        """Return how far rounding may move each scaled column, whose values have been found with it, too."""
        center, factor = np.abs(self.center).reshape(-1, 1), np.abs(self.factor).reshape(-1, 1)
        moved: Array = 5 * u * (np.abs(values) + center) * factor + 8 * u * np.abs(self.scaled(values))
        return moved

    def filled(self, X: Array) -> Array:
        """Return inputs without nan, of which C has no literal."""
        fills = np.array([getattr(part, "fill", MISSING) for part in self.parts])
        filled: Array = np.where(np.isnan(X), fills[:, np.newaxis], X)
        return filled

    def examples(self, spread: Array) -> Array:
        """Return inputs (columns, m) for numbers from -2 to 2: within the usual range, and all categories."""
        X, at = np.empty_like(spread), np.argsort(self.order)
        first = 0
        for j, part in enumerate(self.parts):
            if isinstance(part, Numbers):
                factor = self.factor[at[first]]
                X[j] = self.center[at[first]] + spread[j] / (factor if factor else 1.0)
            else:
                X[j] = (np.arange(spread.shape[1]) + j) % (len(part.codes) + 1) + MISSING
            first += len(part.wide)
        return X

    # --- C ------------------------------------------------------------------------------------------------

    def lines(self, name: Callable[[str], str]) -> Iterator[str]:
        """Yield a line for each input; `name` writes a name of the user for a comment of C."""
        for j, (column, part) in enumerate(zip(self.names, self.parts, strict=True)):
            if isinstance(part, Numbers):
                yield f"input[{j}]: {name(column)}, a number, NAN where it is missing"
                continue
            shown = [f"{i} {name(str(value))}" for i, value in enumerate([*part.codes][:MOST_SHOWN])]
            more = [f"and so on to {len(part.codes) - 1}"] if len(part.codes) > MOST_SHOWN else []
            yield f"input[{j}]: {name(column)}, {', '.join(shown + more)}, others where missing or new"

    def statements(self, add: Callable[[str, Array], str], number: Callable[[Any], str], form: str) -> str:
        """Return statements that write x from input; `form` is that of an entry, "{}" for a float."""
        add("center", self.center)
        add("factor", self.factor)
        lines, at, first = list[str](), np.argsort(self.order), 0

        def entry(i: str, value: str) -> str:
            return f"x[{i}] = {form.format(f'encoded({value}, {i})')};"

        for j, part in enumerate(self.parts):
            places = [int(at[first + k]) for k in range(len(part.wide))]
            first += len(part.wide)
            if isinstance(part, Numbers):
                lines.append(f"v = input[{j}] != input[{j}] ? {number(part.fill)} : input[{j}];")
                lines.append(entry(str(places[0]), "v"))
                if part.edges is not None:
                    edges, start = add(f"edges{j}", part.edges), places[1]
                    piece = f"piece(v, {edges}[i], {edges}[i + 1])"
                    lines.append(
                        f"for (i = 0; i < {len(part.edges) - 1}; ++i) {entry(f'{start} + i', piece)}"
                    )
                if part.had_missing:
                    lines.append(entry(str(places[-1]), f"input[{j}] != input[{j}] ? 1.0f : 0.0f"))
            elif len(part.codes) == 2:
                value = f"input[{j}] == 0.0f ? -1.0f : input[{j}] == 1.0f ? 1.0f : 0.0f"
                lines.append(entry(str(places[0]), value))
            elif places:
                value = f"input[{j}] == (float)i ? 1.0f : 0.0f"
                lines.append(f"for (i = 0; i < {part.width}; ++i) {entry(f'{places[0]} + i', value)}")
        declared = "float v;\n" if any(isinstance(part, Numbers) for part in self.parts) else ""
        return declared + "\n".join(lines) + "\n"

    def functions(self, number: Callable[[Any], str]) -> str:
        """Return the functions that the statements call."""
        largest = number(self.center.dtype.type(np.finfo(self.center.dtype).max))
        text = f"""\
/* Column i of the encoded table, scaled, and clipped smoothly to -3 and 3. */
static float encoded(float value, size_t i) {{
  float d = value - center[i], t;
  if (d > {largest}) d = {largest};
  if (d < -{largest}) d = -{largest};
  d *= factor[i];
  if (d > 1.0e9f) d = 1.0e9f;
  if (d < -1.0e9f) d = -1.0e9f;
  t = d / 3.0f;
  return d / sqrtf(1.0f + t * t);
}}
"""
        if any(isinstance(part, Numbers) and part.edges is not None for part in self.parts):
            text += """
/* Where v is between two numbers: 0 up to the lower one, 1 from the higher one on. */
static float piece(float v, float low, float high) {
  const float p = (v - low) / (high - low);
  return p < 0.0f ? 0.0f : p > 1.0f ? 1.0f : p;
}
"""
        return text


@dataclass(frozen=True, slots=True)
class Combination:
    """A sum of the networks' outputs with weights; of a regression each within the range of the targets."""

    weights: Array  # of each network
    constant: Any  # added to each output
    scale: Array | None = None  # of a regression: targets from outputs, and their range
    shift: Array | None = None
    low: Array | None = None
    high: Array | None = None

    def rounded(self, rounded: Rounded) -> Combination:
        """Return the combination with rounded numbers."""
        of_targets = {name: rounded(f"the {name} of the targets", p) for name, p in self._of_targets()}
        weights = rounded("the weights of the networks", self.weights)
        return Combination(weights, rounded("a constant", np.array(self.constant))[()], **of_targets)

    def _of_targets(self) -> Iterator[tuple[str, Array]]:
        for name in ("scale", "shift", "low", "high") if self.scale is not None else ():
            yield name, getattr(self, name)

    def term(self, k: int, A: Array) -> Array:
        """Return what network k adds with its outputs A (n_L, m)."""
        if self.scale is not None:
            assert self.shift is not None
            A = np.clip(A * _column(self.scale) + _column(self.shift), _column(self.low), _column(self.high))
        result: Array = self.weights[k] * A
        return result

    def error(self, k: int, A: Array, error: Array, u: float) -> Array:
        """Return how far rounding may move that term, whose outputs are wrong by an error."""
        if self.scale is not None:
            assert self.shift is not None
            scaled = np.abs(A * _column(self.scale))
            error = error * np.abs(_column(self.scale)) + 3 * u * (scaled + np.abs(_column(self.shift)))
        count = len(self.weights) + 2
        moved: Array = abs(self.weights[k]) * error + count * u * (
            np.abs(self.term(k, A)) + abs(self.constant)
        )
        return moved

    # --- C ------------------------------------------------------------------------------------------------

    def statements(
        self, add: Callable[[str, Array], str], number: Callable[[Any], str], k: int, n: int
    ) -> str:
        """Return statements that add the outputs of network k, which are in each, to the n outputs."""
        value = "each[i]"
        if self.scale is not None:
            for name, p in self._of_targets() if k == 0 else ():
                add(f"target_{name}", p)
            value = "target(each[i], i)"
        start = f"output[i] = {number(self.constant)} +" if k == 0 else "output[i] +="
        return f"for (i = 0; i < {n}; ++i) {start} {number(self.weights[k])} * {value};\n"

    def functions(self) -> str:
        """Return the functions that the statements call."""
        if self.scale is None:
            return ""
        return """\
/* Target i from an output, within the range of the targets of training. */
static float target(float a, size_t i) {
  const float t = a * target_scale[i] + target_shift[i];
  return t < target_low[i] ? target_low[i] : t > target_high[i] ? target_high[i] : t;
}
"""


def _column(p: Any) -> Array:
    column: Array = np.reshape(p, (-1, 1))
    return column


def of_estimator(model: Any) -> tuple[Encoding, Combination, list[Any]]:
    """Return what a fitted estimator of tables computes: its encoding, and of which networks what."""
    encoder, narrow = model._encoder, model._encoder.narrow
    names = getattr(model, "feature_names_in_", None)
    names = [f"X[:, {j}]" for j in range(len(encoder.columns))] if names is None else list(map(str, names))
    for name, part in zip(names, encoder.columns, strict=True):
        if isinstance(part, Categories) and len(part.codes) > part.width:
            raise ValueError(
                f"the column {name!r} has {len(part.codes)} categories, more than max_categories="
                f"{part.width}, which then share columns by the hash of their names: C code has no such hash"
            )
    wide = np.setdiff1d(np.arange(encoder.width), narrow)
    parts = encoder.columns
    if all(net.layer_dims[0] == len(narrow) for net in model.networks_):  # none takes the pieces
        parts = tuple(replace(p, edges=None) if isinstance(p, Numbers) else p for p in parts)
        wide = wide[:0]
    columns = np.concatenate([narrow, wide]).astype(np.intp)  # of the encoder
    order = columns if len(wide) else np.arange(len(columns))

    def read(X: Any) -> Array:
        table = model._read(X, reset=False)
        encoder.check(table)
        inputs = np.empty((len(table[0].values), len(table)))
        for j, (column, part) in enumerate(zip(table, parts, strict=True)):
            if isinstance(part, Categories):
                inputs[:, j] = [part.codes.get(value, MISSING) for value in column.values.tolist()]
            else:
                inputs[:, j] = np.nan if column.categorical else column.values
        return inputs

    center, factor = encoder.center[columns], encoder.factor[columns]
    encoding = Encoding(names, parts, order, center, factor, read)
    share, smoothing = model.linear_share_, float(getattr(model, "label_smoothing", 0.0))
    networks, weights = [*model.networks_], [(1 - share) / len(model.networks_)] * len(model.networks_)
    constant, of_targets = 0.0, {}
    if hasattr(model, "classes_"):
        if model.linear_ is not None:
            networks.append(model.linear_)
            weights.append(share * (1 - smoothing))
            constant = share * smoothing / len(model.classes_)
    else:
        if model.linear_ is not None:
            networks.append(model.linear_)
            weights.append(share)
        low, high = model._range
        of_targets = {"scale": model._scale, "shift": model._mean, "low": low, "high": high}
    return encoding, Combination(np.array(weights), constant, **of_targets), networks
