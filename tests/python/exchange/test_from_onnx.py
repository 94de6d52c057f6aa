"""Networks from ONNX graphs: those of deepnet, forms that other programs write, and what is refused."""

import os
import warnings

import numpy as np
import pytest
from exported_networks import ELEMENTWISE, bound, outputs_of, random_network

import deepnet
from deepnet import ACTIVATIONS

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402  onnx may be missing

RNG = np.random.default_rng(0)
W1, b1, W2, b2 = (RNG.normal(size=shape).astype(np.float32) for shape in ((5, 4), 5, (3, 5), 3))
CONSTANTS = {"W1": W1, "b1": b1, "W2": W2, "b2": b2, "W1_T": W1.T, "W2_T": W2.T}


@pytest.fixture
def path(tmp_path):
    return os.fspath(tmp_path / "model.onnx")


def node(operator, inputs, output, **attributes):
    return helper.make_node(operator, inputs.split(), output.split(), output.split()[0], **attributes)


def _output(name):
    kind = TensorProto.INT64 if name == "label" else TensorProto.FLOAT
    return helper.make_tensor_value_info(name, kind, ["batch", f"{name} columns"])


def write(path, nodes, outputs="y", shape=("batch", 4), opset=20, **constants):
    """Write a graph of the input x; further numbers and arrays are constants."""
    constants = {
        name: value if isinstance(value, np.ndarray) else np.float32(value)
        for name, value in {**CONSTANTS, **constants}.items()
    }
    used = {name for entry in nodes for name in entry.input}
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [_output(name) for name in outputs.split()],
        [
            numpy_helper.from_array(np.asarray(value), name)
            for name, value in constants.items()
            if name in used
        ],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 3)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)


def check(path, activations, X=None, output="y"):
    """Read the network and compare it with ONNX Runtime; folded numbers round the weights a few times."""
    net = deepnet.from_onnx(path)
    assert net.activations == tuple(activations.split())
    X = RNG.normal(size=(20, 4)).astype(np.float32) if X is None else X
    apart = np.abs(net.predict(X.reshape(len(X), -1).T).T - outputs_of(path, {"x": X})[output])
    assert (apart <= 8 * bound(net, X.reshape(len(X), -1).T).T).all()
    return net


# --- graphs of deepnet --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("output", ACTIVATIONS)
def test_a_network_returns_with_its_bits(output, dtype, path):
    for seed in range(2):
        net, X = random_network(seed, output if output in ELEMENTWISE else "tanh", output, dtype)
        deepnet.to_onnx(net, path)
        same = deepnet.from_onnx(path)
        assert (same.activations, same.layer_dims, same.dtype) == (net.activations, net.layer_dims, net.dtype)
        for key, p in net.parameters.items():
            np.testing.assert_array_equal(same.parameters[key], p)
        np.testing.assert_array_equal(same.predict(X), net.predict(X))


@pytest.mark.parametrize("classes", [2, 3])
def test_a_classifier_returns_as_its_network(classes, path):
    pytest.importorskip("sklearn")
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from deepnet.sklearn import MLPClassifier

    X = RNG.normal(5, 2, size=(60, 3))
    y = np.array(["a", "b", "c"])[np.digitize(X[:, 0], [5, 6][: classes - 1])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of too few epochs
        model = make_pipeline(StandardScaler(), MLPClassifier((4,), max_iter=2, random_state=0)).fit(X, y)
    deepnet.to_onnx(model, path)
    net = deepnet.from_onnx(path)
    p = model.predict_proba(X)
    # (x - mean) / scale, folded into the weights, cancels up to |x| / scale, which is below 10 here.
    np.testing.assert_allclose(net.predict(X.T).T, p[:, -1:] if classes == 2 else p, rtol=1e-12)


# --- forms of other programs --------------------------------------------------------------------------------

LAYER = node("Gemm", "x W1 b1", "z", transB=1)
LAST = node("Gemm", "a W2 b2", "y", transB=1)
HALF, ROOT, ONE = {"half": 0.5}, {"root": 2**0.5}, {"one": 1.0}
FORMS = {
    "relu by Clip": ("relu", [node("Clip", "z zero", "a")], {"zero": 0.0}),
    "relu by Max": ("relu", [node("Max", "zero z", "a")], {"zero": 0.0}),
    "leaky_relu": ("leaky_relu", [node("LeakyRelu", "z", "a", alpha=0.01)], {}),
    "leaky_relu by Where": (
        "leaky_relu",
        [
            node("Less", "z zero", "less"),
            node("Mul", "z hundredth", "left"),
            node("Where", "less left z", "a"),
        ],
        {"zero": 0.0, "hundredth": 0.01},
    ),
    "elu": ("elu", [node("Elu", "z", "a")], {}),
    "selu": ("selu", [node("Selu", "z", "a")], {}),
    "softplus": ("softplus", [node("Softplus", "z", "a")], {}),
    "softplus by Log": (
        "softplus",
        [node("Exp", "z", "e"), node("Add", "e one", "w"), node("Log", "w", "a")],
        ONE,
    ),
    "silu": ("silu", [node("Sigmoid", "z", "s"), node("Mul", "z s", "a")], {}),
    "mish": ("mish", [node("Mish", "z", "a")], {}),
    "mish by Softplus": (
        "mish",
        [node("Softplus", "z", "s"), node("Tanh", "s", "t"), node("Mul", "z t", "a")],
        {},
    ),
    "gelu": ("gelu", [node("Gelu", "z", "a")], {}),
    "gelu by Erf": (
        "gelu",
        [
            node("Div", "z root", "scaled"),
            node("Erf", "scaled", "erf"),
            node("Add", "erf one", "sum"),
            node("Mul", "z sum", "product"),
            node("Mul", "product half", "a"),
        ],
        HALF | ROOT | ONE,
    ),
    "hard_swish": ("hard_swish", [node("HardSwish", "z", "a")], {}),
    "hard_swish by HardSigmoid": (
        "hard_swish",
        [node("HardSigmoid", "z", "s", alpha=1 / 6), node("Mul", "z s", "a")],
        {},
    ),
    "tanh by Sigmoid": (
        "tanh",
        [
            node("Mul", "z two", "double"),
            node("Sigmoid", "double", "s"),
            node("Mul", "s two", "twice"),
            node("Sub", "twice one", "a"),
        ],
        {"two": 2.0} | ONE,
    ),
    "identity": ("identity", [node("Identity", "z", "a")], {}),
}


@pytest.mark.parametrize("form", FORMS)
def test_an_activation_in_the_form_of_another_program(form, path):
    name, nodes, constants = FORMS[form]
    write(path, [LAYER, *nodes, LAST], **constants)
    X = RNG.normal(size=(20, 4)).astype(np.float32)
    net = deepnet.from_onnx(path)
    assert net.activations == (name, "identity")
    # ONNX Runtime's operators are exact to some u of 1, where deepnet's are to some u of the result.
    u = np.finfo(np.float32).eps / 2
    allowed = 2 * bound(net, X.T).T + 8 * u * np.abs(W2).sum(axis=1) * np.maximum(
        1, np.abs(X @ W1.T + b1).max()
    )
    assert (np.abs(net.predict(X.T).T - outputs_of(path, {"x": X})["y"]) <= allowed).all()


def test_matmul_and_add(path):
    """As tf2onnx writes Keras's layers, with a Reshape before them."""
    nodes = [
        node("Reshape", "x rows", "flat"),
        node("MatMul", "flat W1_T", "product"),
        node("Add", "product b1", "z"),
        node("Relu", "z", "a"),
        node("MatMul", "a W2_T", "last"),
        node("Add", "b2 last", "sum"),
        node("Softmax", "sum", "y"),
    ]
    write(path, nodes, shape=("batch", 2, 2), rows=np.array([-1, 4]))
    net = check(path, "relu softmax", RNG.normal(size=(20, 2, 2)).astype(np.float32))
    np.testing.assert_array_equal(net.parameters["W1"], W1)


def test_gemm_with_factors_and_without_biases(path):
    nodes = [
        node("Gemm", "x W1_T b1", "z", alpha=0.5, beta=2.0),
        node("Tanh", "z", "a"),
        node("Gemm", "a W2", "y", transB=1),
    ]
    write(path, nodes)
    net = check(path, "tanh identity")
    np.testing.assert_array_equal(net.parameters["b1"][:, 0], 2 * b1)
    assert not net.parameters["b2"].any()


def test_inputs_are_scaled(path):
    factor, center = np.float32([0.5, 2, 1, 4]), np.float32([1, 2, 3, 4])
    scale = [node("Sub", "x center", "moved"), node("Div", "moved factor", "s")]
    layers = [node("Gemm", "s W1 b1", "z", transB=1), node("Relu", "z", "a"), LAST]
    write(path, [*scale, *layers], center=center, factor=factor)
    assert check(path, "relu identity").input_scale == 1
    scaler = helper.make_node(
        "Scaler", ["x"], ["s"], domain="ai.onnx.ml", offset=center.tolist(), scale=(1 / factor).tolist()
    )
    write(path, [scaler, *layers])
    check(path, "relu identity")
    write(path, [node("Mul", "x number", "s"), *layers], number=0.25)
    assert check(path, "relu identity").input_scale == 0.25


def test_numbers_for_each_unit_become_part_of_the_weights(path):
    write(path, [LAYER, node("Sub", "b1 z", "s"), node("Relu", "s", "a"), LAST])
    check(path, "relu identity")
    write(path, [LAYER, node("Relu", "z", "r"), node("Mul", "r b1", "y")])
    check(path, "relu identity")
    scaler = helper.make_node("Scaler", ["x"], ["s"], domain="ai.onnx.ml", scale=[2.0], offset=[0.5])
    write(path, [scaler, node("Gemm", "s W1 b1", "y", transB=1)])
    check(path, "identity")


def test_a_number_is_added_to_inputs_of_unknown_count(path):
    write(
        path,
        [node("Add", "x half", "s"), node("Gemm", "s W1 b1", "y", transB=1)],
        shape=("batch", "inputs"),
        half=0.5,
    )
    with pytest.raises(ValueError, match="the graph does not say how many inputs there are, where it adds"):
        deepnet.from_onnx(path)


@pytest.mark.parametrize("after", ["z", "a"])
def test_batch_normalization_becomes_part_of_the_weights(after, path):
    parts = {
        name: RNG.uniform(0.5, 2, 5).astype(np.float32) for name in ("gain", "shift", "mean", "variance")
    }
    normalization = node("BatchNormalization", f"{after} gain shift mean variance", "n")
    if after == "z":
        nodes = [LAYER, normalization, node("Sigmoid", "n", "a"), LAST]
    else:
        nodes = [LAYER, node("Sigmoid", "z", "a"), normalization, node("Gemm", "n W2 b2", "y", transB=1)]
    write(path, nodes, **parts)
    check(path, "sigmoid identity")


def test_the_edges_of_a_graph_are_read_over(path):
    nodes = [
        node("Cast", "x", "wide", to=TensorProto.DOUBLE),
        node("Cast", "wide", "same", to=TensorProto.FLOAT),
        node("Flatten", "same", "flat"),
        node("Identity", "flat", "i"),
        node("Gemm", "i W1 b1", "z", transB=1),
        node("Relu", "z", "a"),
        node("Dropout", "a", "d"),
        node("Gemm", "d W2 b2", "sum", transB=1),
        node("Softmax", "sum", "p", axis=1),
        node("ArgMax", "p", "label", axis=1),
        node("Identity", "p", "y"),
    ]
    write(path, nodes, "label y")
    check(path, "relu softmax")


def test_the_probability_of_the_second_of_two_classes_is_the_output(path):
    nodes = [
        LAYER,
        node("Relu", "z", "a"),
        node("Gemm", "a row", "s", transB=1),
        node("Sigmoid", "s", "p"),
        node("Sub", "one p", "rest"),
        node("Concat", "rest p", "y", axis=1),
    ]
    write(path, nodes, row=W2[:1], **ONE)
    net = deepnet.from_onnx(path)
    assert net.layer_dims == (4, 5, 1)
    assert net.activations == ("relu", "sigmoid")


@pytest.mark.parametrize("operator", ["Squeeze", "Reshape"])
def test_a_single_output_may_be_a_vector(operator, path):
    row = node("Gemm", "x row b", "z", transB=1)
    write(path, [row, node(operator, "z axis", "y")], row=W1[:1], b=b1[:1], axis=np.array([-1]))
    assert deepnet.from_onnx(path).layer_dims == (4, 1)
    write(path, [LAYER, node("Squeeze", "z axis", "y")], axis=np.array([1]))
    with pytest.raises(
        ValueError, match=r"the operator Squeeze \(node 'y'\) removes the axes \[1\] of 5 units"
    ):
        deepnet.from_onnx(path)


def test_layers_without_activations_stay_layers(path):
    write(path, [LAYER, node("Gemm", "z W2 b2", "y", transB=1)])
    assert check(path, "identity identity").layer_dims == (4, 5, 3)


def test_weights_are_computed_from_constants(path):
    nodes = [node("Transpose", "W1_T", "W", perm=[1, 0]), node("Gemm", "x W b1", "y", transB=1)]
    write(path, nodes)
    np.testing.assert_array_equal(check(path, "identity").parameters["W1"], W1)


# --- what is refused ----------------------------------------------------------------------------------------

REFUSED = {
    "PRelu": (
        [LAYER, node("PRelu", "z b1", "a"), LAST],
        r"the operator PRelu \(node 'a'\) is not one that deepnet",
    ),
    "another slope": (
        [LAYER, node("LeakyRelu", "z", "a", alpha=0.2), LAST],
        r"the operator LeakyRelu \(node 'a'\) computes none of deepnet's activations; its leaky_relu is "
        r"A = Z where Z > 0, else 0.01 Z",
    ),
    "gelu by tanh": (
        [LAYER, node("Gelu", "z", "a", approximate="tanh"), LAST],
        r"the operator Gelu \(node 'a'\) computes none of deepnet's activations; its gelu is",
    ),
    "two activations": (
        [LAYER, node("Relu", "z", "r"), node("Cos", "r", "a"), LAST],
        r"the operator Cos \(node 'a'\) is not one that deepnet has",
    ),
    "an unknown product": (
        [LAYER, node("Tanh", "z", "t"), node("Mul", "t t", "a"), LAST],
        r"the operator Mul \(node 'a'\), with the 1 before it since the last weights, computes none of",
    ),
    "a residual": (
        [LAYER, node("Relu", "z", "r"), node("Gemm", "r square", "s"), node("Add", "s r", "a"), LAST],
        r"the operator Add \(node 'a'\) combines two parts of the network, but deepnet's are chains",
    ),
    "weights from data": (
        [LAYER, node("MatMul", "z z", "y")],
        r"the operator MatMul \(node 'y'\) has weights computed from the data",
    ),
    "examples as columns": (
        [node("Gemm", "x W1_T", "y", transA=1)],
        r"the operator Gemm \(node 'y'\) has transA=1, but examples are rows",
    ),
    "softmax over examples": (
        [LAYER, node("Softmax", "z", "y", axis=0)],
        r"the operator Softmax \(node 'y'\) has axis=0",
    ),
    "log of softmax": (
        [LAYER, node("LogSoftmax", "z", "y")],
        r"the operator LogSoftmax \(node 'y'\) is not one",
    ),
    "a convolution": (
        [node("Conv", "x kernel", "y")],
        r"the operator Conv \(node 'y'\) is not one that deepnet",
    ),
    "wrong widths": (
        [node("Gemm", "x W2 b2", "y", transB=1)],
        r"the operator Gemm \(node 'y'\) has weights for 5 inputs, but there are 4",
    ),
    "no layer": ([node("Relu", "x", "y")], "has no layer: no MatMul or Gemm with weights"),
    "columns joined": (
        [LAYER, node("Concat", "z z", "a", axis=1), node("Identity", "a", "y")],
        r"the operator Concat \(node 'a'\) joins columns other than 1 - p and p",
    ),
    "an activation first": (
        [node("Tanh", "x", "t"), node("Gemm", "t W1 b1", "y", transB=1)],
        "the graph begins with tanh, before any weights",
    ),
    "whole numbers of the data": (
        [LAYER, node("Cast", "z", "a", to=TensorProto.INT64), LAST],
        r"the operator Cast \(node 'a'\) makes other numbers than floats of the data",
    ),
    "one example of all": (
        [LAYER, node("Flatten", "z", "a", axis=0), LAST],
        r"the operator Flatten \(node 'a'\) has axis=0, but examples have axis 0",
    ),
    "statistics of the batch": (
        [LAYER, node("BatchNormalization", "z b1 b1 b1 b1", "a", training_mode=1), LAST],
        r"the operator BatchNormalization \(node 'a'\) is in training mode",
    ),
    "a threshold for each unit": (
        [LAYER, node("Max", "z b1", "a"), LAST],
        r"the operator Max \(node 'a'\) has a constant for each unit, which no activation",
    ),
    "divided by the data": (
        [LAYER, node("Div", "b1 z", "a"), LAST],
        r"the operator Div \(node 'a'\) has a constant for each unit, which no activation",
    ),
    "numbers for other units": (
        [LAYER, node("Add", "z b2", "a"), LAST],
        r"the operator Add \(node 'a'\) has a constant of shape \(3,\) for 5 units",
    ),
    "another output of a node": (
        [LAYER, node("Dropout", "z", "r mask"), node("Gemm", "mask W2 b2", "y", transB=1)],
        r"the operator Dropout \(node 'r'\) has the output 'mask', which deepnet does not have",
    ),
    "another number of weights": (
        [node("Reshape", "W1_T sevens", "W"), node("MatMul", "x W", "y")],
        r"the operator Reshape \(node 'W'\) cannot be read: ",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_deepnet_does_not_have_is_named(case, path):
    nodes, message = REFUSED[case]
    arrays = {"square": np.eye(5), "kernel": np.ones((1, 4, 1))}
    write(path, nodes, **{name: a.astype(np.float32) for name, a in arrays.items()}, sevens=np.array([7, 7]))
    with pytest.raises(ValueError, match=rf"^{path}: {message}"):
        deepnet.from_onnx(path)


def test_a_tensor_of_an_unknown_type(path):
    write(path, [LAYER, LAST])
    model = onnx.load(path)
    model.graph.node[1].input[0] = "z"
    model.graph.initializer[0].data_type = 49
    with open(path, "wb") as file:
        file.write(model.SerializeToString())
    with pytest.raises(ValueError, match=rf"^{path}: "):
        deepnet.from_onnx(path)


def test_an_operator_of_another_domain_is_another_one(path):
    write(path, [LAYER, helper.make_node("Relu", ["z"], ["a"], "mine", domain="com.mine"), LAST])
    model = onnx.load(path)
    model.opset_import.append(helper.make_opsetid("com.mine", 1))
    onnx.save(model, path)
    with pytest.raises(
        ValueError, match=r"Relu \(node 'mine'\) is one of the domain 'com\.mine', not of ONNX"
    ):
        deepnet.from_onnx(path)


def test_a_small_file_does_not_fill_the_memory(path):
    """Forty times twice the numbers."""
    doubling = [node("Concat", f"c{i} c{i}", f"c{i + 1}", axis=0) for i in range(40)]
    write(path, [*doubling, node("MatMul", "x c40", "y")], c0=np.ones((4, 1), np.float32))
    with pytest.raises(ValueError, match=r"the operator Concat \(node 'c15'\) makes up to 131072 numbers"):
        deepnet.from_onnx(path)


def test_weights_may_be_in_a_file_beside(path):
    write(path, [LAYER, node("Relu", "z", "a"), LAST])
    net = deepnet.from_onnx(path)
    beside = {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 0}
    onnx.save(onnx.load(path), path, **beside)
    np.testing.assert_array_equal(deepnet.from_onnx(path).parameters["W1"], net.parameters["W1"])
    os.unlink(os.path.join(os.path.dirname(path), "weights.bin"))
    with pytest.raises((ValueError, OSError), match=r"weights\.bin"):
        deepnet.from_onnx(path)


def test_means_of_networks_are_refused(path):
    pytest.importorskip("sklearn")
    from deepnet.sklearn import TabularRegressor

    X = RNG.normal(size=(30, 2))
    deepnet.to_onnx(TabularRegressor(2, (2,), max_epochs=1).fit(X, X[:, 0]), path)
    with pytest.raises(ValueError, match=r": the operator "):
        deepnet.from_onnx(path)


def test_files_that_are_none(path, tmp_path):
    with pytest.raises(FileNotFoundError):
        deepnet.from_onnx(path)
    with pytest.raises(TypeError, match="path is 3, but must be the name of a file"):
        deepnet.from_onnx(3)
    for content in (b"", b"\0" * 100, b"PK\3\4 a zip file", os.urandom(50)):
        with open(path, "wb") as file:
            file.write(content)
        with pytest.raises(ValueError, match=rf"^{path}: is not "):
            deepnet.from_onnx(path)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ValueError, match="is not a regular file"):
        deepnet.from_onnx(tmp_path / "fifo")


def test_damaged_files_give_an_error_or_a_network(path):
    """Cut off anywhere, or with one byte changed: no other error than ValueError, and no crash."""
    deepnet.to_onnx(deepnet.Network([3, 4, 2], "silu", "softmax", seed=1), path)
    with open(path, "rb") as file:
        whole = file.read()
    rng = np.random.default_rng(0)
    damaged = [whole[:end] for end in range(0, len(whole), 29)]
    for place, byte in zip(rng.integers(len(whole), size=150), rng.integers(1, 256, 150), strict=True):
        damaged.append(whole[:place] + bytes([whole[place] ^ byte]) + whole[place + 1 :])
    results = {"read": 0, "refused": 0}
    for content in damaged:
        with open(path, "wb") as file:
            file.write(content)
        try:
            deepnet.from_onnx(path)
            results["read"] += 1
        except ValueError as error:
            results["refused"] += str(error).startswith(path)
    assert results["read"] + results["refused"] == len(damaged)
    assert results["refused"] > len(whole) // 29 - 5


# --- files that other programs have written -----------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_scikit_learn_s_classifier_by_skl2onnx(activation, classes, path):
    skl2onnx = pytest.importorskip("skl2onnx")
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X = RNG.normal(2, 3, size=(80, 4)).astype(np.float32)
    y = np.digitize(X[:, 0], [2, 4][: classes - 1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of too few epochs, and of others in skl2onnx
        model = make_pipeline(StandardScaler(), MLPClassifier((5,), activation, max_iter=5)).fit(X, y)
        graph = skl2onnx.to_onnx(model, X)
    with open(path, "wb") as file:
        file.write(graph.SerializeToString())
    p = model.predict_proba(X)
    found = deepnet.from_onnx(path).predict(X.T).T
    np.testing.assert_allclose(found, p[:, -1:] if classes == 2 else p, rtol=0, atol=2e-6)
