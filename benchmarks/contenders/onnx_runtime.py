"""onnxruntime, inference only: Gemm and Relu nodes, which it fuses; input and output are bound once."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from tasks import Job

NAME = "onnxruntime"


def versions():
    return {"onnxruntime": onnxruntime.__version__, "onnx": onnx.__version__}


def model_of(parameters, dtype):
    """Row-wise: A @ W.T + b for each layer."""
    kind = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}[dtype]
    layers = len(parameters) // 2
    nodes, constants = [], []
    for l in range(1, layers + 1):
        constants.append(numpy_helper.from_array(parameters[f"W{l}"], f"W{l}"))
        constants.append(numpy_helper.from_array(parameters[f"b{l}"][:, 0].copy(), f"b{l}"))
        nodes.append(helper.make_node("Gemm", [f"A{l - 1}", f"W{l}", f"b{l}"], [f"Z{l}"], transB=1))
        nodes.append(helper.make_node("Relu" if l < layers else "Sigmoid", [f"Z{l}"], [f"A{l}"]))
    first, last = parameters["W1"].shape[1], parameters[f"W{layers}"].shape[0]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("A0", kind, ["m", first])],
        [helper.make_tensor_value_info(f"A{layers}", kind, ["m", last])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def predict(task):
    X, _, parameters = task.data()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = task.threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model_of(parameters, task.dtype).SerializeToString(), options, ["CPUExecutionProvider"]
    )
    rows = np.ascontiguousarray(X.T)
    out = np.empty((task.m, task.units[-1]), task.dtype)
    binding = session.io_binding()
    binding.bind_ortvalue_input("A0", onnxruntime.OrtValue.ortvalue_from_numpy(rows))
    name = session.get_outputs()[0].name
    bound = onnxruntime.OrtValue.ortvalue_from_numpy(out)
    binding.bind_ortvalue_output(name, bound)

    def run(n):
        for _ in range(n):
            session.run_with_iobinding(binding)

    return Job(run, lambda: bound.numpy().T)


bfloat16_predict = predict  # the float32 model: onnxruntime has no bfloat16 Gemm on the CPU
