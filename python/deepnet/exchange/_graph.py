"""Writes ONNX graphs: values that can be calculated with, which become nodes and constants of a graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from deepnet._distribution import version
from deepnet._extras import needs
from deepnet._files import Path, replace
from deepnet.activations import Array

with needs("onnx", "to_onnx"):
    import onnx
    from onnx import helper, numpy_helper

# The operators of ONNX 1.12 (2022): newer ones would add nothing here, and ask for newer programs.
OPSET = 17
LABELS_OPSET = 3  # of ai.onnx.ml, whose LabelEncoder numbers strings
IR_VERSION = 8
MOST_BYTES = 2**31 - 2**20  # of a file: protobuf's limit, less the graph itself

RESERVED = ("output", "label", "probabilities", "prediction")  # names of outputs

STRING = np.dtype(object)  # stands for strings


class Value:
    """A tensor of the graph. Numbers become constants of its type."""

    __slots__ = ("dtype", "graph", "name")

    def __init__(self, graph: Graph, name: str, dtype: Any) -> None:
        self.graph, self.name, self.dtype = graph, name, np.dtype(dtype)

    def __add__(self, other: Operand) -> Value:
        return self.graph.node("Add", self, other)

    def __sub__(self, other: Operand) -> Value:
        return self.graph.node("Sub", self, other)

    def __rsub__(self, other: float) -> Value:
        return self.graph.node("Sub", self.graph.constant(other, self.dtype), self)

    def __mul__(self, other: Operand) -> Value:
        return self.graph.node("Mul", self, other)

    def __truediv__(self, other: Operand) -> Value:
        return self.graph.node("Div", self, other)

    def __neg__(self) -> Value:
        return self.graph.node("Neg", self)

    def to(self, dtype: Any) -> Value:
        """Convert."""
        if self.dtype == np.dtype(dtype):
            return self
        return self.graph.node("Cast", self, dtype=dtype, to=_element_type(dtype))


Operand = Value | float | Array


class Graph:
    """Collects nodes, constants, inputs and outputs."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._numbers: dict[tuple[np.dtype[Any], float], Value] = {}  # each is written once
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._taken: set[str] = set()
        self._scope = ""

    def input(self, name: str, dtype: Any, columns: int) -> Value:
        """Return an input of one row per example."""
        if name in self._taken or name in ("", *RESERVED):
            raise ValueError(
                f"the column {name!r} cannot be an input of a graph: its name is empty, that of another "
                f"column, or one of {', '.join(RESERVED)}; rename it and fit the estimator again"
            )
        self._taken.add(name)
        self._inputs.append(helper.make_tensor_value_info(name, _element_type(dtype), ["batch", columns]))
        return Value(self, name, dtype)

    def output(self, value: Value, name: str, *columns: int) -> None:
        """Declare a value as an output: (batch, columns), or (batch,) without `columns`."""
        self._nodes.append(helper.make_node("Identity", [value.name], [name], f"{name}/Identity"))
        shape = ["batch", *columns]
        self._outputs.append(helper.make_tensor_value_info(name, _element_type(value.dtype), shape))

    def scope(self, name: str) -> None:
        """Let the names of what is added from here on begin with `name`."""
        self._scope = f"{name}/" if name else ""

    def constant(self, value: Any, dtype: Any = None, name: str = "") -> Value:
        """Return a constant of this type, that of the array by default."""
        while name in self._taken:
            name += "_"
        dtype = np.asarray(value).dtype if dtype is None else np.dtype(dtype)
        if not np.ndim(value) and not name and dtype.kind == "f":
            key = (dtype, float(value))
            if key not in self._numbers:
                self._numbers[key] = self._stored(value, dtype, f"number_{len(self._numbers)}")
            return self._numbers[key]
        return self._stored(value, dtype, name or self._unused("constant"))

    def _stored(self, value: Any, dtype: np.dtype[Any], name: str) -> Value:
        if dtype == STRING or dtype.kind == "U":
            texts = [str(text).encode() for text in np.ravel(value)]
            tensor = helper.make_tensor(name, onnx.TensorProto.STRING, np.shape(value), texts)
            dtype = STRING
        else:
            tensor = numpy_helper.from_array(
                np.ascontiguousarray(value, dtype).reshape(np.shape(value)), name
            )
        self._constants[name] = tensor
        return Value(self, name, dtype)

    def node(
        self, operator: str, *operands: Operand, dtype: Any = None, domain: str = "", **attributes: Any
    ) -> Value:
        """Add a node. Its result has the type of the first operand, unless another is given."""
        first = operands[0]
        assert isinstance(first, Value)
        values = [op if isinstance(op, Value) else self._operand(op, first) for op in operands]
        name = self._unused(operator)
        names = [value.name for value in values]
        self._nodes.append(helper.make_node(operator, names, [name], name, domain=domain, **attributes))
        return Value(self, name, first.dtype if dtype is None else dtype)

    def _operand(self, value: Any, first: Value) -> Value:
        """Return a constant beside `first`: indices and tables keep their type, numbers take its type."""
        return self.constant(value, None if np.ndim(value) else first.dtype)

    def _unused(self, operator: str) -> str:
        name = f"{self._scope}{operator}_{len(self._nodes) + len(self._constants)}"
        while name in self._taken:
            name += "_"
        return name

    def write(self, path: Path, description: str, metadata: Mapping[str, str]) -> None:
        """Check the graph, and write it whole or leave the file that was there."""
        size = sum(len(tensor.raw_data) for tensor in self._constants.values())
        if size > MOST_BYTES:
            raise ValueError(
                f"the parameters take {size} bytes, but an ONNX file holds up to {MOST_BYTES}: "
                "net.astype(np.float32) halves those of a float64 network"
            )
        graph = helper.make_graph(
            self._nodes, "deepnet", self._inputs, self._outputs, list(self._constants.values())
        )
        used = {node.domain for node in self._nodes}
        opsets = [helper.make_opsetid("", OPSET)]
        if "ai.onnx.ml" in used:
            opsets.append(helper.make_opsetid("ai.onnx.ml", LABELS_OPSET))
        model = helper.make_model(
            graph,
            opset_imports=opsets,
            ir_version=IR_VERSION,
            producer_name="deepnet",
            producer_version=version(),
            doc_string=description,
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model, full_check=True)
        replace(path, [model.SerializeToString()])


def joined(values: Sequence[Value], axis: int = 1) -> Value:
    """Put columns beside each other."""
    return values[0] if len(values) == 1 else values[0].graph.node("Concat", *values, axis=axis)


def columns(value: Value, chosen: Iterable[int]) -> Value:
    """Choose columns by number."""
    return value.graph.node("Gather", value, np.array(list(chosen), np.int64), axis=1)


def _element_type(dtype: Any) -> Any:
    dtype = np.dtype(dtype)
    return onnx.TensorProto.STRING if dtype == STRING else helper.np_dtype_to_tensor_dtype(dtype)
