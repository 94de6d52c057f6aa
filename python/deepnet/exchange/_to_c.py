"""Models as C code: the checks, the self-test, the report and the files."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deepnet._distribution import version
from deepnet._files import replace
from deepnet._validation.arrays import a, anything
from deepnet._validation.tables import is_frame
from deepnet.activations import ACTIVATIONS, Array

from . import _c_int8
from ._c_model import CModel, described
from ._c_text import SelfTest, written

DTYPES = ("float32", "float64", "int8")
TESTED = 4  # examples of the self-test, and fewer for many inputs:
TESTED_NUMBERS = 1024
OWN_HEADERS = ("math", "stddef", "stdint")  # that the code includes


@dataclass(frozen=True, slots=True)
class CExport:
    """What :func:`deepnet.to_c` has written.

    Attributes
    ----------
    source, header : pathlib.Path
    name : str
        The prefix of all public names.
    dtype : str
    constants : int
        Bytes of constants, which a linker puts into flash, without the examples of the self-test.
    stack : int
        Bytes of the stack that the buffers of one prediction take.
    difference : float or None
        The largest difference between an output of the C code and the model's, of the examples of
        `test_data`, or else of `calibration`.
    agreement : float or None
        The share of these examples for which both choose the same class.
    score, model_score : float or None
        Accuracy, or R^2 of a model without classes, of the C code and of the model on `test_data`.
    columns : dict or None
        Of a table: the name of each input, and its categories in the order of their numbers, None for an
        input that is a number itself.
    """

    source: Path
    header: Path
    name: str
    dtype: str
    constants: int
    stack: int
    difference: float | None = None
    agreement: float | None = None
    score: float | None = None
    model_score: float | None = None
    columns: dict[str, list[Any] | None] | None = None

    def __str__(self) -> str:
        parts = [
            f"{self.source}: {self.dtype}, {self.constants:,} bytes of constants, {self.stack:,} of stack"
        ]
        if self.agreement is not None:
            parts.append(f"{self.agreement:.2%} of the classes as the model's")
        if self.difference is not None:
            parts.append(f"outputs differ by {self.difference:.2g} at most")
        if self.score is not None:
            parts.append(f"score {self.score:.4f}, the model's {self.model_score:.4f}")
        return "; ".join(parts)


def to_c(
    model: Any,
    path: Any,
    *,
    name: str | None,
    dtype: str,
    calibration: Any,
    test_data: Any,
) -> CExport:
    """Write a model; see :func:`deepnet.to_c`."""
    source, header = _paths(path)
    prefix = _identifier(name, source)
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}, but must be one of {', '.join(map(repr, DTYPES))}")
    kind = np.dtype(np.float64 if dtype == "float64" else np.float32)
    exact = described(model)
    rounded = exact.rounded(kind)
    X = None if calibration is None else _examples("calibration", calibration, exact)
    if dtype == "int8" and X is None:
        raise ValueError(
            "dtype='int8' needs calibration=X, a few hundred examples like those to come: they say which "
            "range the integers of each layer stand for"
        )
    test_X, test_y = _test_data(test_data, exact)
    networks = None if dtype != "int8" or X is None else _c_int8.quantized(rounded, X)
    if networks is None:
        test = _float_test(rounded, kind, _test_inputs(rounded, X))
    else:
        test = _int8_test(rounded, networks, _test_inputs(rounded, X))
    text = written(prefix, header.name, version(), rounded, kind, networks, test)
    replace(header, [text.header.encode()])
    replace(source, [text.source.encode()])
    compared = test_X if test_X is not None else X
    found = {} if compared is None else _compared(exact, rounded, kind, networks, compared, test_y)
    columns = None if exact.encoding is None else exact.encoding.categories()
    return CExport(source, header, prefix, dtype, text.constants, text.stack, **found, columns=columns)


# --- arguments ----------------------------------------------------------------------------------------------


def _paths(path: Any) -> tuple[Path, Path]:
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path is {path!r}, but must be the name of a file, or a pathlib.Path")
    source = Path(path)
    if source.suffix != ".c":
        raise ValueError(f"path is {os.fspath(path)!r}, but must end in .c, as in 'model.c'")
    if source.stem in OWN_HEADERS:
        raise ValueError(
            f"path is {os.fspath(path)!r}, but the code includes <{source.stem}.h>: another name"
        )
    if not source.name.isprintable() or set('"\\') & set(source.name):
        raise ValueError(f"path is {os.fspath(path)!r}, but an #include cannot name that: use letters and _")
    return source, source.with_suffix(".h")


def _identifier(name: Any, source: Path) -> str:
    if name is not None and not isinstance(name, str):
        raise TypeError(f"name is {name!r}, but must be a str")
    found = source.stem if name is None else name
    if re.fullmatch("[A-Za-z][A-Za-z0-9_]*", found):
        return found
    better = re.sub("[^A-Za-z0-9_]+", "_", found).strip("_")
    better = better if re.match("[A-Za-z]", better) else f"net_{better}".rstrip("_")
    raise ValueError(
        f"name is {found!r}{'' if name is not None else ', that of the file'}, but must be a C identifier: "
        f"letters, digits and _, first a letter: name={better!r}"
    )


def _examples(label: str, value: Any, model: CModel) -> Array:
    """Return examples as columns of float32; those of a frame are rows, as everywhere."""
    if model.encoding is not None:
        return _rows_of_a_table(label, value, model.encoding)
    value = value.to_numpy().T if is_frame(value) and not model.in_rows else value
    X = np.asarray(value) if model.in_rows else anything(label, value, model.inputs)
    if X.dtype.kind not in "fiub":
        raise TypeError(f"{label} is {X.dtype}, but must hold numbers")
    expected = f"({'m, ' if model.in_rows else ''}{model.inputs}{'' if model.in_rows else ', m'})"
    one = "row" if model.in_rows else "column"
    if X.ndim != 2 or X.shape[1 if model.in_rows else 0] != model.inputs:
        raise ValueError(f"{label} has shape {X.shape}, but must be {expected}, one {one} per example")
    X = X.T if model.in_rows else X
    if X.shape[1] == 0:
        raise ValueError(f"{label} has shape {X.shape}: zero examples")
    with np.errstate(over="ignore"):
        X = X.astype(np.float32)
    bad = ~np.isfinite(X)
    if bad.any():
        i, j = np.argwhere(bad)[0]
        at = f"{j}, {i}" if model.in_rows else f"{i}, {j}"
        raise ValueError(f"{label}[{at}] is {X[i, j]}, but must be finite in float32")
    return X


def _rows_of_a_table(label: str, value: Any, encoding: Any) -> Array:
    """Return the rows that an estimator takes as columns of the code's inputs."""
    try:
        inputs = encoding.read(value)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{label}: {error}") from None
    with np.errstate(over="ignore"):
        X: Array = inputs.T.astype(np.float32)
    if np.isinf(X).any():
        j, i = np.argwhere(np.isinf(X))[0]
        raise ValueError(f"{label}: the column {encoding.names[j]!r} is {inputs[i, j]:g}, beyond float32")
    return X


def _test_data(value: Any, model: CModel) -> tuple[Array | None, Any]:
    if value is None:
        return None, None
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"test_data is {a(value)}, but must be a pair (X, y)")
    X = _examples("test_data[0]", value[0], model)
    y = np.asarray(value[1])
    count = y.shape[-1] if not model.in_rows and y.ndim == 2 else len(y) if y.ndim else 0
    if count != X.shape[1]:
        raise ValueError(f"test_data has {X.shape[1]} examples in X, but {count} in y")
    return X, y


# --- the self-test ------------------------------------------------------------------------------------------


def _test_inputs(model: CModel, X: Array | None) -> Array:
    """Return examples (n_0, m) that float32 holds: some of X, or else numbers from -2 to 2 before scaling."""
    count = min(TESTED, max(1, TESTED_NUMBERS // model.inputs))
    if X is not None:
        chosen = np.linspace(0, X.shape[1] - 1, min(count, X.shape[1])).astype(np.intp)
        examples = X[:, chosen].astype(np.float64)
        return examples if model.encoding is None else model.encoding.filled(examples)
    # Multiples of the golden ratio are spread evenly, and the same on every machine.
    spread = np.arange(1, model.inputs * count + 1) * 0.6180339887498949 % 1 * 4 - 2
    scaled = np.round(spread, 3).reshape(count, model.inputs).T
    if model.encoding is not None:
        scaled = model.encoding.examples(scaled)
    if model.scaling is not None:
        center = 0.0 if model.scaling.center is None else model.scaling.center.astype(np.float64)
        scaled = (scaled.T / model.scaling.factor.astype(np.float64) + center).T
    with np.errstate(over="ignore"):
        return scaled.astype(np.float32).astype(np.float64)


def _float_test(model: CModel, dtype: np.dtype[Any], X: Array) -> SelfTest:
    with np.errstate(all="ignore"):
        outputs, errors = model.predict(X), np.array([_rounding_error(model, dtype, x) for x in X.T])
        expected = outputs.T.astype(dtype)
    return _finite(SelfTest(X.T.astype(dtype), expected, 0.0), errors)


def _int8_test(model: CModel, networks: list[_c_int8.Int8Network], X: Array) -> SelfTest:
    with np.errstate(all="ignore"):
        outputs, errors = _c_int8.predict(model, networks, X.astype(np.float32))
    return _finite(SelfTest(X.T.astype(np.float32), outputs.T, 0.0), errors.T)


def _finite(test: SelfTest, errors: Array) -> SelfTest:
    """Return the examples with finite outputs, and the tolerance for them."""
    good = np.isfinite(test.inputs).all(axis=1) & np.isfinite(test.outputs).all(axis=1)
    good &= errors.max(axis=1) <= np.finfo(test.inputs.dtype).max  # not if it is nan
    if not good.any():
        raise ValueError(
            "the model has no finite outputs for the examples of the self-test: give calibration=X with "
            "examples for which it has"
        )
    return SelfTest(test.inputs[good], test.outputs[good], float(errors[good].max()))


def _rounding_error(model: CModel, dtype: np.dtype[Any], x: Array) -> Array:
    """Return how far rounding may move each output for one example: to first order, times 2.

    Each number of a layer is computed with a rounding error; the derivatives of the outputs carry it on.
    """
    u, least = float(np.finfo(dtype).eps) / 2, float(np.finfo(dtype).smallest_subnormal)
    total, outputs = np.zeros((2, model.outputs))
    inputs = model.scaled(x.reshape(-1, 1))[:, 0]
    for k, layers in enumerate(model.networks):
        a_prev: Any = inputs[: layers[0].W.shape[1]]
        shift = 0.0 if model.scaling is None or model.scaling.center is None else np.abs(model.scaling.center)
        factor = 1.0 if model.scaling is None else np.abs(model.scaling.factor)
        moved: Any = 0.0 if model.scaling is None else 3 * u * (np.abs(x) + shift) * factor
        if model.encoding is not None:
            values = model.encoding.values(x.reshape(-1, 1))
            moved = model.encoding.error(values, u)[: len(a_prev), 0]
        first, records = moved, []
        for layer in layers:
            W = layer.W.astype(np.float64)
            z = W @ a_prev + layer.b
            count = len(a_prev) + 2
            size = np.abs(W) @ np.abs(a_prev) + np.abs(layer.b)
            if size.max() > np.finfo(dtype).max:  # a sum may overflow on its way to a small one
                return np.full(model.outputs, np.inf)
            z_error = count * u / (1 - count * u) * size + count * least
            A = ACTIVATIONS[layer.activation].forward(z.reshape(-1, 1))[:, 0]
            # 16 u for the functions of math.h; those of z are as exact as z is.
            a_error = 16 * (u * np.abs(A) + least) + 4 * u * np.abs(z) * _c_int8.SLOPES[layer.activation]
            if layer.activation == "softmax":
                a_error = a_error + len(A) * u * A
            records.append((layer, W, z, z_error, a_error))
            a_prev = A
        output, slope = (np.exp(a_prev), np.exp(a_prev)) if model.is_exp else (a_prev, np.ones_like(a_prev))
        error = np.zeros(model.outputs)
        # One column for each output: its derivatives by the units of the layer.
        dA = np.diag(slope)
        for layer, W, z, z_error, a_error in reversed(records):
            dZ = ACTIVATIONS[layer.activation].backward(
                dA, np.repeat(z.reshape(-1, 1), model.outputs, axis=1)
            )
            error += np.abs(dA).T @ a_error + np.abs(dZ).T @ z_error
            dA = W.T @ dZ
        error += np.abs(dA).T @ (first if np.ndim(first) else np.full(len(dA), first))
        if model.is_exp:
            error += 16 * u * output
        if model.combination is not None:
            total += model.combination.error(k, _column(output), _column(error), u)[:, 0]
            continue
        total, outputs = total + error, outputs + np.abs(output)
    if model.combination is not None:
        return np.asarray(2 * total + float(np.finfo(dtype).tiny))
    count = len(model.networks)
    result: Array = 2 * (total / count + (count + 1) * u * outputs / count) + float(np.finfo(dtype).tiny)
    return result


def _column(values: Array) -> Array:
    return values.reshape(-1, 1)


# --- the report ---------------------------------------------------------------------------------------------


def _compared(
    exact: CModel,
    rounded: CModel,
    dtype: np.dtype[Any],
    networks: list[_c_int8.Int8Network] | None,
    X: Array,
    y: Any,
) -> dict[str, float]:
    """Compare the C code with the model, and both with the targets y unless they are None."""
    with np.errstate(all="ignore"):
        A = np.concatenate([exact.predict(part.astype(np.float64)) for part in exact.parts(X)], axis=1)
        if networks is None:
            parts = [rounded.predict(part.astype(dtype)) for part in exact.parts(X)]
        else:
            parts = [_c_int8.predict(rounded, networks, part)[0] for part in exact.parts(X)]
        C = np.concatenate(parts, axis=1)
        found = {"difference": float(np.max(np.abs(C - A)))}
        if exact.classes is not None:
            found["agreement"] = float(np.mean(exact.choices(C) == exact.choices(A)))
    if y is not None:
        found["score"], found["model_score"] = (_score(exact, outputs, y) for outputs in (C, A))
    return found


def _score(model: CModel, A: Array, y: Array) -> float:
    """Return the accuracy, or R^2 of a model without classes."""
    if model.classes is not None:
        chosen = model.choices(A)
        if model.labels is not None:
            return float(np.mean(model.labels[chosen] == y.reshape(-1)))
        numbers = y.argmax(axis=0) if y.ndim == 2 and y.shape[0] == model.outputs > 1 else y.reshape(-1)
        return float(np.mean(chosen == numbers))
    Y = y.reshape(A.shape[1], -1).T if model.in_rows else y.reshape(A.shape)
    Y = Y.astype(np.float64)
    spread = np.square(Y - Y.mean(axis=1, keepdims=True)).sum(axis=1)
    return float(np.mean(1 - np.square(A - Y).sum(axis=1) / spread))
