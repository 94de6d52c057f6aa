"""Networks from ONNX graphs: what a graph computes of its input, as layers.

Each tensor is followed from the input on. It is a constant; or an elementwise function of some linear map of
the outputs of layers, `_Signal`; or, for what deepnet does not have, the reason why. An activation may be
one operator or several: what counts are its values, see `_matching`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from deepnet._extras import needs
from deepnet._files import Path, open_regular, quoted
from deepnet.activations import ACTIVATIONS, Array
from deepnet.network import Network

from ._chain import Chain
from ._matching import GRID, TOLERANCE, difference, matching, no_match

with needs("onnx", "from_onnx"):
    import onnx
    from onnx import helper, inliner, numpy_helper
    from onnx.reference import ReferenceEvaluator

_CURVES = """
    Abs Add And Celu Clip Div Elu Equal Erf Exp Gelu Greater GreaterOrEqual HardSigmoid HardSwish LeakyRelu
    Less LessOrEqual Log Max Min Mish Mul Neg Not Or Pow Reciprocal Relu Selu Sigmoid Sign Softplus Softsign
    Sqrt Sub Sum Swish Tanh ThresholdedRelu Where
"""
_SHAPES = "Cast Concat Gather Identity Slice Squeeze Unsqueeze"
_ELEMENTWISE = frozenset(_CURVES.split())
_AFFINE = {"Add", "Div", "Mul", "Neg", "Sub", "Sum"}
_OF_SHAPES = {"Add", "Div", "Mul", "Sub", *_SHAPES.split()}
_OF_CONSTANTS = {"Constant", "DequantizeLinear", "Reshape", "Transpose", *_SHAPES.split(), *_ELEMENTWISE}
_UNCHANGED = {"Dropout", "Identity", "ZipMap"}
_MOST_STEPS = 200  # operators that make up one activation


class _Layer(NamedTuple):
    W: Array  # (n, n_prev)
    b: Array | None
    activation: str


@dataclass(frozen=True, eq=False, slots=True)
class _Root:
    """scale * (M u) + c, of the outputs u of the layers, or of the inputs; None: not there."""

    layers: tuple[_Layer, ...] = ()
    input_scale: float = 1.0
    width: int | None = None
    scale: Array | None = None  # (n,)
    M: Array | None = None  # (n, n_prev)
    c: Array | None = None  # (n,)


@dataclass(frozen=True, eq=False, slots=True)
class _Signal:
    """An elementwise function of a root: the root itself, or what a node makes of other such functions."""

    root: _Root
    node: Any = None
    operands: tuple[Any, ...] = ()  # signals and constants
    steps: int = 0
    # Factor and summand, if the function is a number times the root plus a number; those that come before it.
    affine: tuple[float, float] | None = (1.0, 0.0)
    earlier: tuple[tuple[float, float], ...] = ((1.0, 0.0),)


class _Sizes:
    """Numbers computed from the shape of the data."""


class _Refused(NamedTuple):
    """What deepnet does not have: the number of the node in the graph, and the message."""

    number: int
    message: str


class _UnsupportedError(Exception):
    """Ends the reading of a node."""


def from_onnx(path: Path) -> Network:
    """Read a graph; see :func:`deepnet.exchange.from_onnx`."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path is {path!r}, but must be the name of a file, or a pathlib.Path")
    try:
        return _Reader(_model(path)).network()
    except (ValueError, EOFError) as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None


def _model(path: Path) -> Any:
    from google.protobuf.message import DecodeError

    with open_regular(path) as file:
        content = file.read()
    try:
        model = onnx.load_model_from_string(content)
        folder = os.path.dirname(os.path.realpath(path))
        onnx.external_data_helper.load_external_data_for_model(model, folder)
        onnx.checker.check_model(model)
        if model.functions:
            model = inliner.inline_local_functions(model)
    except DecodeError:
        raise ValueError("is not an ONNX file") from None
    except (onnx.checker.ValidationError, UnicodeDecodeError, RuntimeError) as error:
        raise ValueError(f"is not a valid ONNX model: {_line(error)}") from None
    return model


class _Reader:
    """Follows the tensors of one graph."""

    def __init__(self, model: Any) -> None:
        self._graph = model.graph
        self._properties = {entry.key: entry.value for entry in model.metadata_props}
        self._dtype = np.dtype(np.float32)
        self._rows = {-1, 0, 1}  # first sizes that stand for the examples
        self._opsets = {entry.domain: entry.version for entry in model.opset_import}
        self._values: dict[str, Any] = {tensor.name: _array(tensor) for tensor in self._graph.initializer}
        self._most = 2**16 + sum(array.size for array in self._values.values())  # numbers in a constant
        for entry in self._graph.input:
            if entry.name not in self._values:
                self._values[entry.name] = _Signal(_Root(width=_columns(entry)))
                self._rows |= {dimension.dim_value for dimension in entry.type.tensor_type.shape.dim[:1]}
        for number, node in enumerate(self._graph.node):
            results = self._results(number, node)
            self._values |= {name: result for name, result in zip(node.output, results, strict=False) if name}

    def network(self) -> Network:
        """Return the network of the first output that is one."""
        outputs = [self._values.get(entry.name) for entry in self._graph.output]
        signals = [value for value in outputs if isinstance(value, _Signal) and _has_layers(value)]
        if not signals:
            refused = [value for value in outputs if isinstance(value, _Refused)]
            raise ValueError(
                min(refused).message if refused else "has no layer: no MatMul or Gemm with weights"
            )
        try:
            root = self._closed(signals[0])
            if root.M is not None or root.scale is not None or root.c is not None:
                root = self._activated(root, "identity")
        except _UnsupportedError as error:
            raise ValueError(str(error)) from None
        chain = Chain()
        chain.scale("the input", root.input_scale)
        for layer in root.layers:
            chain.linear(
                "a layer",
                layer.W.astype(self._dtype),
                None if layer.b is None else layer.b.astype(self._dtype),
            )
            chain.activation("a layer", layer.activation)
        net = chain.network()
        net.class_names = self._class_names()
        return net

    def _class_names(self) -> list[str] | None:
        """Return the names of the classes that to_onnx wrote."""
        if "deepnet_model" not in self._properties or "classes" not in self._properties:
            return None
        names = json.loads(self._properties["classes"])
        is_names = isinstance(names, list) and all(isinstance(name, str) for name in names)
        return names if is_names else None  # the classes of an estimator may be numbers

    def _results(self, number: int, node: Any) -> Iterator[Any]:
        """Return the values of a node's outputs; all but the first are unknown."""
        operands = [self._values.get(name) if name else None for name in node.input]
        refused = [value for value in operands if isinstance(value, _Refused)]
        try:
            first = min(refused) if refused else self._value(node, operands)
        except _UnsupportedError as error:
            first = _Refused(number, str(error))
        except Exception as error:  # an attribute or shape that does not go with the operator
            first = _Refused(number, f"{_named(node)} cannot be read: {_line(error)}")
        yield first
        for name in node.output[1:]:
            yield _Refused(
                number, f"{_named(node)} has the output {quoted(name)}, which deepnet does not have"
            )

    def _value(self, node: Any, operands: Sequence[Any]) -> Any:
        kind, signals = node.op_type, [value for value in operands if isinstance(value, _Signal)]
        if node.domain not in ("", "ai.onnx", "ai.onnx.ml"):
            raise _UnsupportedError(f"{_named(node)} is one of the domain {quoted(node.domain)}, not of ONNX")
        if kind in ("Shape", "Size") and signals:
            return _Sizes()
        if any(isinstance(value, _Sizes) for value in operands) and not signals and kind in _OF_SHAPES:
            return _Sizes()
        if not signals and kind in _OF_CONSTANTS and not any(isinstance(value, _Sizes) for value in operands):
            return self._folded(node, operands)
        if not signals or (signals[0] is not operands[0] and kind not in (*_ELEMENTWISE, "Concat")):
            raise _UnsupportedError(
                f"{_named(node)} does not take the data as its first input, as a layer does"
            )
        handler: Callable[[Any, Sequence[Any]], Any] | None = getattr(self, f"_{kind}", None)
        if handler is not None:
            return handler(node, operands)
        if kind in _UNCHANGED:
            return signals[0]
        if kind in _ELEMENTWISE:
            return self._elementwise(node, operands)
        raise _UnsupportedError(
            f"{_named(node)} is not one that deepnet has: from_onnx reads MatMul, Gemm, sums and products "
            "with constants, activations and BatchNormalization"
        )

    # --- nodes of constants ---------------------------------------------------------------------------------

    def _folded(self, node: Any, operands: Sequence[Any]) -> Any:
        arrays = [value for value in operands if value is not None]
        if node.op_type in _ELEMENTWISE:
            size = np.prod(np.broadcast_shapes(*(array.shape for array in arrays)), dtype=float)
        elif node.op_type == "Gather":
            size = float(arrays[0].size) * arrays[1].size
        else:
            size = float(sum(array.size for array in arrays))
        if size > self._most:  # a small file could fill the memory
            raise _UnsupportedError(f"{_named(node)} makes up to {size:.0f} numbers of constants")
        return self._run(node, operands)

    def _run(self, node: Any, operands: Sequence[Any]) -> Any:
        if node.op_type == "Gelu":  # the evaluator has none
            return _gelu(operands[0], _attributes(node).get("approximate", b"none") == b"tanh")
        given = {name: value for name, value in zip(node.input, operands, strict=True) if name}
        with np.errstate(all="ignore"):
            return ReferenceEvaluator(node, opsets=self._opsets).run(None, given)[0]

    # --- elementwise functions ------------------------------------------------------------------------------

    def _elementwise(self, node: Any, operands: Sequence[Any]) -> _Signal:
        signals = [value for value in operands if isinstance(value, _Signal)]
        constants = [value for value in operands if isinstance(value, np.ndarray)]
        if any(value.size > 1 for value in constants):
            return self._by_unit(node, operands)
        root = signals[0].root
        if any(signal.root is not root for signal in signals):
            raise _UnsupportedError(
                f"{_named(node)} combines two parts of the network, but deepnet's are chains"
            )
        operands = [_number(value) if isinstance(value, np.ndarray) else value for value in operands]
        steps = 1 + max(signal.steps for signal in signals)
        if steps > _MOST_STEPS:
            raise _UnsupportedError(
                f"{_named(node)} ends a chain of {steps} operators without weights between them"
            )
        signal = _Signal(root, node, tuple(operands), steps, None)
        affine = None
        if node.op_type in _AFFINE and all(entry.affine is not None for entry in signals):
            at_0, at_1, at_2 = (float(value) for value in self._at(signal, np.array([0.0, 1.0, 2.0])))
            if at_1 != at_0 and np.isclose(at_2 - at_1, at_1 - at_0):  # a product of two has another form
                affine = at_1 - at_0, at_0
        earlier = dict.fromkeys(pair for entry in signals for pair in entry.earlier)
        return replace(signal, affine=affine, earlier=tuple({**earlier, affine: None} if affine else earlier))

    def _after(self, signal: _Signal, factor: float, summand: float, points: Array) -> Array:
        """Return the function's values where factor times the root plus summand is at these points."""
        return self._at(signal, (points - summand) / factor)

    def _at(self, signal: _Signal, points: Array) -> Array:
        """Return the function's values at these values of the root."""
        known: dict[int, Array] = {}

        def value(entry: Any) -> Any:
            if not isinstance(entry, _Signal):
                return entry
            if entry.node is None:
                return points
            if id(entry) not in known:
                known[id(entry)] = self._run(entry.node, [value(operand) for operand in entry.operands])
            return known[id(entry)]

        return np.asarray(value(signal), np.float64) * np.ones(points.shape)

    def _by_unit(self, node: Any, operands: Sequence[Any]) -> _Signal:
        """Add or multiply by one number for each unit."""
        kind = node.op_type
        if kind not in ("Add", "Sub", "Mul", "Div") or (
            kind == "Div" and not isinstance(operands[0], _Signal)
        ):
            raise _UnsupportedError(
                f"{_named(node)} has a constant for each unit, which no activation of deepnet supports"
            )
        (signal,) = (value for value in operands if isinstance(value, _Signal))
        (constant,) = (value for value in operands if not isinstance(value, _Signal))
        units = np.reshape(constant, -1) if constant.size == np.shape(constant)[-1] else None
        root = self._closed(signal)
        if units is None or root.width not in (None, len(units)):
            raise _UnsupportedError(
                f"{_named(node)} has a constant of shape {np.shape(constant)} for {root.width or 'unknown'} "
                "units"
            )
        if kind in ("Mul", "Div"):
            return _Signal(_scaled(root, units if kind == "Mul" else 1 / units, None))
        if kind == "Sub" and isinstance(operands[1], _Signal):
            return _Signal(_scaled(root, -np.ones_like(units), units))
        return _Signal(_scaled(root, None, units if kind == "Add" else -units))

    def _Concat(self, node: Any, operands: Sequence[Any]) -> _Signal:
        """Pass the probability of the second of two classes, beside which stands that of the first."""
        if len(operands) == 2 and all(isinstance(value, _Signal) for value in operands):
            first, second = operands
            if first.root is second.root and first.root.width == 1:
                sums = self._at(first, GRID) + self._at(second, GRID)
                if difference(sums, np.ones(GRID.shape)) <= TOLERANCE:
                    probability: _Signal = second
                    return probability
        raise _UnsupportedError(f"{_named(node)} joins columns other than 1 - p and p")

    def _Softmax(self, node: Any, operands: Sequence[Any]) -> _Signal:
        (signal,) = operands
        axis = _attributes(node).get("axis", -1 if self._opsets.get("", 0) >= 13 else 1)
        if axis not in (1, -1):
            raise _UnsupportedError(
                f"{_named(node)} has axis={axis}, but deepnet's softmax is one over the units"
            )
        return _Signal(self._activated(self._closed(signal), "softmax"))

    # --- shapes and types -----------------------------------------------------------------------------------

    def _Cast(self, node: Any, operands: Sequence[Any]) -> _Signal:
        if helper.tensor_dtype_to_np_dtype(_attributes(node)["to"]).kind != "f":
            raise _UnsupportedError(f"{_named(node)} makes other numbers than floats of the data")
        signal: _Signal = operands[0]
        return signal

    def _Flatten(self, node: Any, operands: Sequence[Any]) -> _Signal:
        axis = _attributes(node).get("axis", 1)
        if axis != 1:
            raise _UnsupportedError(f"{_named(node)} has axis={axis}, but examples have axis 0")
        signal: _Signal = operands[0]
        return signal

    def _Squeeze(self, node: Any, operands: Sequence[Any]) -> _Signal:
        """Pass what makes a vector of the only output of each example."""
        signal: _Signal = operands[0]
        rest = operands[1:]
        given = rest[0] if rest else np.array(_attributes(node).get("axes", []), np.int64)
        axes = given.reshape(-1).tolist() if isinstance(given, np.ndarray) else None
        if axes not in ([1], [-1]) or signal.root.width != 1:
            raise _UnsupportedError(
                f"{_named(node)} removes the axes {axes} of {signal.root.width or 'unknown'} units"
            )
        return signal

    def _Reshape(self, node: Any, operands: Sequence[Any]) -> _Signal:
        """Pass what makes rows of the inputs, or leaves rows as they are."""
        signal: _Signal = operands[0]
        shape = operands[1]
        given = shape.reshape(-1).tolist() if isinstance(shape, np.ndarray) else None
        width = signal.root.width
        of_inputs = not signal.root.layers and signal.root.M is None
        fits = given is None if of_inputs else False
        if given is not None and len(given) > 1 and given[0] in self._rows:
            rest = [n for n in given[1:] if n > 0]
            fits = fits or width in (None, int(np.prod(rest))) or (of_inputs and -1 in given[1:])
        if given == [-1] and width == 1:
            fits = True
        if not fits:
            raise _UnsupportedError(
                f"{_named(node)} changes the rows of {width or 'unknown'} units to {given}"
            )
        return signal

    # --- linear maps ----------------------------------------------------------------------------------------

    def _MatMul(self, node: Any, operands: Sequence[Any]) -> _Signal:
        return self._linear(node, operands[0], np.transpose(self._matrix(node, operands[1])), None)

    def _Gemm(self, node: Any, operands: Sequence[Any]) -> _Signal:
        attributes = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0} | _attributes(node)
        if attributes["transA"]:
            raise _UnsupportedError(f"{_named(node)} has transA=1, but examples are rows")
        W = self._matrix(node, operands[1])
        W = W if attributes["transB"] else W.T
        b = operands[2] if len(operands) > 2 else None
        if b is not None:
            b = np.broadcast_to(np.reshape(b, -1), W.shape[:1])
            b = b if attributes["beta"] == 1 else b * attributes["beta"]
        return self._linear(node, operands[0], W if attributes["alpha"] == 1 else W * attributes["alpha"], b)

    def _matrix(self, node: Any, weights: Any) -> Array:
        if not isinstance(weights, np.ndarray) or weights.ndim != 2:
            given = (
                f"of shape {weights.shape}" if isinstance(weights, np.ndarray) else "computed from the data"
            )
            raise _UnsupportedError(f"{_named(node)} has weights {given}, but a layer has a constant matrix")
        if weights.dtype == np.float64:
            self._dtype = weights.dtype
        return weights

    def _linear(self, node: Any, signal: _Signal, W: Array, b: Array | None) -> _Signal:
        root = self._closed(signal)
        if root.width not in (None, W.shape[1]):
            raise _UnsupportedError(
                f"{_named(node)} has weights for {W.shape[1]} inputs, but there are {root.width}"
            )
        if root.M is not None:
            root = self._activated(root, "identity")
        c = b
        if root.c is not None:
            c = W @ root.c if b is None else W @ root.c + b
        M = W if root.scale is None else W * root.scale
        return _Signal(_Root(root.layers, root.input_scale, len(W), None, M, c))

    def _BatchNormalization(self, node: Any, operands: Sequence[Any]) -> _Signal:
        attributes = _attributes(node)
        if attributes.get("training_mode"):
            raise _UnsupportedError(f"{_named(node)} is in training mode")
        _, gain, shift, mean, variance = operands
        factor = gain / np.sqrt(variance + attributes.get("epsilon", 1e-5))
        return _Signal(_scaled(self._closed(operands[0]), factor, shift - mean * factor))

    def _Scaler(self, node: Any, operands: Sequence[Any]) -> _Signal:
        """Subtract and multiply, as scikit-learn's StandardScaler is written."""
        attributes, root = _attributes(node), self._closed(operands[0])
        factor, offset = (np.array(attributes.get(name, [])) for name in ("scale", "offset"))
        if len(factor) < 2:
            factor = np.broadcast_to(factor if factor.size else 1.0, (root.width or len(offset),))
        return _Signal(_scaled(root, factor, -offset * factor if offset.size else None))

    # --- layers ---------------------------------------------------------------------------------------------

    def _closed(self, signal: _Signal) -> _Root:
        """Return a signal as a root: its function becomes part of the linear map, or an activation."""
        root = signal.root
        if signal.node is None:
            return root
        if signal.affine is not None:
            return _with_numbers(root, *signal.affine)
        for factor, summand in signal.earlier:
            name = matching(partial(self._after, signal, factor, summand))
            if name:
                return self._activated(_with_numbers(root, factor, summand), name)
        count = len(_nodes_of(signal))
        what = _named(signal.node) + (
            f", with the {count - 1} before it since the last weights," if count > 1 else ""
        )
        raise _UnsupportedError(f"{what} {no_match(partial(self._at, signal), signal.node.op_type)}")

    def _activated(self, root: _Root, activation: str) -> _Root:
        """Return the outputs of one more layer."""
        M = root.M
        if M is None:
            if root.width is None or not root.layers:
                raise _UnsupportedError(f"the graph begins with {activation}, before any weights")
            M = np.diag(np.ones(root.width) if root.scale is None else root.scale)
        layer = _Layer(M, root.c, activation)
        return _Root((*root.layers, layer), root.input_scale, len(M))


def _with_numbers(root: _Root, factor: float, summand: float) -> _Root:
    """Multiply all units by a number, then add another."""
    if factor != 1:
        if root.M is None and not root.layers and root.scale is None and root.c is None:
            root = replace(root, input_scale=root.input_scale * factor)
        else:
            root = _scaled(root, np.full(_width(root), factor), None)
    return _scaled(root, None, np.full(_width(root), summand)) if summand else root


def _width(root: _Root) -> int:
    if root.width is None:
        raise _UnsupportedError("the graph does not say how many inputs there are, where it adds to each")
    return root.width


def _scaled(root: _Root, factor: Array | None, summand: Array | None) -> _Root:
    """Multiply each unit, then add to it."""
    width = root.width
    for units in (factor, summand):
        if units is not None:
            width = width or len(units)
            if len(units) != width:
                raise _UnsupportedError(f"{len(units)} numbers belong to {width} units")
    scale, M, c = root.scale, root.M, root.c
    if factor is not None:
        if M is None:
            scale = factor if scale is None else scale * factor
        else:
            M = M * factor[:, np.newaxis]
        c = None if c is None else c * factor
    if summand is not None:
        c = summand if c is None else c + summand
    return replace(root, width=width, scale=scale, M=M, c=c)


def _has_layers(signal: _Signal) -> bool:
    return bool(signal.root.layers) or signal.root.M is not None


def _nodes_of(signal: _Signal) -> dict[int, Any]:
    """Return the nodes that a function is made of, the last one first."""
    found, waiting = dict[int, Any](), [signal]
    while waiting:
        entry = waiting.pop(0)
        if entry.node is not None and id(entry) not in found:
            found[id(entry)] = entry.node
            waiting += [operand for operand in entry.operands if isinstance(operand, _Signal)]
    return found


def _gelu(Z: Array, by_tanh: bool) -> Array:
    if by_tanh:
        inner: Array = np.sqrt(2 / np.pi) * (Z + 0.044715 * Z**3)
        return np.asarray(Z / 2 * (1 + np.tanh(inner)))
    return ACTIVATIONS["gelu"].forward(Z)


def _array(tensor: Any) -> Array:
    try:
        array: Array = numpy_helper.to_array(tensor)
    except Exception as error:  # an unknown type, or data whose size does not match the shape
        raise ValueError(f"the tensor {quoted(tensor.name)} cannot be read: {_line(error)}") from None
    return array


def _number(constant: Array) -> Array:
    """Return a constant of one number as such, floats in float64."""
    number = constant.reshape(())
    return number if number.dtype.kind in "biu" else number.astype(np.float64)


def _columns(entry: Any) -> int | None:
    """Return the number of inputs that the type of the data tells: the product of all sizes but the first."""
    sizes = [dimension.dim_value for dimension in entry.type.tensor_type.shape.dim][1:]
    return int(np.prod(sizes)) if sizes and all(sizes) else None


def _attributes(node: Any) -> dict[str, Any]:
    return {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}


def _line(error: Exception) -> str:
    """Return the first line of a message that may quote the file."""
    return repr(str(error).partition("\n")[0][:200])[1:-1]


def _named(node: Any) -> str:
    where = f"node {quoted(node.name)}" if node.name else f"its output is {quoted(node.output[0])}"
    return f"the operator {quoted(node.op_type)[1:-1]} ({where})"
