"""Calls with valid arguments, and a table of changes that make them invalid: one case per line."""
# ruff: noqa: E501  each case stays on one line, as in a table

import copy

import numpy as np
import pytest

import deepnet
from networks import Unchanged, network

SIZES = [5, 4, 1]


def good():
    """Return valid arguments of every function by name."""
    X, Y, parameters = network(SIZES, 3)
    with deepnet.use_backend("numpy"):
        AL, caches = deepnet.L_model_forward(X, parameters)
        grads = deepnet.L_model_backward(AL, Y, caches)
    (A_prev, W, b), Z = caches[0]
    names = {"X": X, "Y": Y, "parameters": parameters, "AL": AL, "caches": caches, "grads": grads, "y": Y}
    names |= {"A": A_prev, "A_prev": A_prev, "W": W, "b": b, "Z": Z, "dA": Z + 1, "dZ": Z + 1}
    return copy.deepcopy(names | {"cache": caches[0], "linear_cache": (A_prev, W, b)})


CALLS = {
    "sigmoid": lambda a: deepnet.sigmoid(a["Z"]),
    "relu": lambda a: deepnet.relu(a["Z"]),
    "sigmoid_backward": lambda a: deepnet.sigmoid_backward(a["dA"], a["Z"]),
    "relu_backward": lambda a: deepnet.relu_backward(a["dA"], a["Z"]),
    "linear_forward": lambda a: deepnet.linear_forward(a["A"], a["W"], a["b"]),
    "linear_backward": lambda a: deepnet.linear_backward(a["dZ"], a["linear_cache"]),
    "linear_activation_forward": lambda a: deepnet.linear_activation_forward(
        a["A_prev"], a["W"], a["b"], a.get("activation", "relu")
    ),
    "linear_activation_backward": lambda a: deepnet.linear_activation_backward(
        a["dA"], a["cache"], a.get("activation", "relu")
    ),
    "L_model_forward": lambda a: deepnet.L_model_forward(
        a["X"], a["parameters"], activations=a.get("activations", "relu"), output=a.get("output")
    ),
    "compute_cost": lambda a: deepnet.compute_cost(a["AL"], a["Y"]),
    "L_model_backward": lambda a: deepnet.L_model_backward(
        a["AL"],
        a["Y"],
        a["caches"],
        activations=a.get("activations"),
        compute_dA0=a.get("compute_dA0", True),
        out=a.get("out"),
    ),
    "update_parameters": lambda a: deepnet.update_parameters(
        a["parameters"], a["grads"], a.get("learning_rate", 0.1), out=a.get("out")
    ),
    "predict": lambda a: deepnet.predict(a["X"], a["y"], a["parameters"]),
    "two_layer_model": lambda a: deepnet.two_layer_model(
        a["X"], a["Y"], a.get("dims", (5, 4, 1)), a.get("learning_rate", 0.1), a.get("num_iterations", 2)
    ),
    "L_layer_model": lambda a: deepnet.L_layer_model(
        a["X"],
        a["Y"],
        a.get("dims", SIZES),
        a.get("learning_rate", 0.1),
        a.get("num_iterations", 2),
        activations=a.get("activations", "relu"),
        output=a.get("output"),
    ),
}
# The arrays of each call; "parameters.W2" is an entry, which messages call W2.
FLOATS = {
    "sigmoid": ["Z"],
    "relu": ["Z"],
    "sigmoid_backward": ["dA", "Z"],
    "relu_backward": ["dA", "Z"],
    "linear_forward": ["A", "W", "b"],
    "linear_backward": ["dZ", "linear_cache.0", "linear_cache.1", "linear_cache.2"],
    "linear_activation_forward": ["A_prev", "W", "b"],
    "linear_activation_backward": ["dA", "cache.0.0", "cache.0.1", "cache.0.2", "cache.1"],
    "L_model_forward": ["X", "parameters.W1", "parameters.b1", "parameters.W2", "parameters.b2"],
    "compute_cost": ["AL"],
    "L_model_backward": ["AL", "caches.0.0.0", "caches.1.0.1", "caches.1.0.2", "caches.0.1"],
    "update_parameters": ["parameters.W1", "parameters.b2", "grads.dW2", "grads.db1"],
    "predict": ["X", "parameters.W1"],
    "two_layer_model": ["X"],
    "L_layer_model": ["X"],
}


def replaced(value, path, change):
    """Return `value` with the item at `path` changed; tuples are rebuilt on the way."""
    if not path:
        return change(value)
    key = path[0] if isinstance(value, dict) else int(path[0])
    if isinstance(value, dict):
        return value | {key: replaced(value[key], path[1:], change)}
    items = [replaced(v, path[1:], change) if i == key else v for i, v in enumerate(value)]
    return items if isinstance(value, list) else tuple(items)


def refused(call, arguments, error, *words):
    """Check that the call raises, that the message contains all the words, and that no argument changes."""
    with Unchanged(arguments), pytest.raises(error) as caught:
        CALLS[call](arguments)
    message = str(caught.value)
    for word in words:
        assert word in message
    assert len(message) < 250
    return message


def entry(name, change):
    return lambda a: replaced(a, name.split("."), change)


def without(*names):
    return lambda p: {key: value for key, value in p.items() if key not in names}


ROWS = [  # (call, change, error, words)
    ("linear_forward", entry("W", lambda W: W[:, :4]), ValueError, ["W has 4 columns, but A has 5 rows"]),
    ("linear_forward", entry("A", lambda A: A.T), ValueError, ["W has 5 columns, but A has 3 rows", "A.T?"]),
    ("linear_forward", entry("b", np.ravel), ValueError, ["b has shape (4,)", "(4, 1)", "b.reshape(-1, 1)"]),
    ("linear_forward", entry("b", lambda b: b[:3]), ValueError, ["b has shape (3, 1), but W has 4 rows: must be (4, 1)"]),
    ("linear_activation_forward", entry("A_prev", lambda A: A[:2]), ValueError, ["W has 5 columns, but A_prev has 2 rows"]),
    ("linear_backward", entry("dZ", lambda dZ: dZ.T), ValueError, ["dZ has shape (3, 4), but must be (4, 3)", "transposed?"]),
    ("linear_backward", entry("linear_cache", lambda c: c[:2]), ValueError, ["cache must be (A_prev, W, b), but has 2"]),
    ("linear_backward", entry("linear_cache", lambda c: c[0]), TypeError, ["cache must be (A_prev, W, b)", "ndarray"]),
    ("relu_backward", entry("dA", lambda dA: dA[:, :2]), ValueError, ["dA has shape (4, 2), but must be (4, 3)"]),
    ("linear_activation_backward", entry("dA", lambda dA: dA[:2]), ValueError, ["dA has shape (2, 3), but must be (4, 3)"]),
    ("linear_activation_backward", entry("cache", lambda c: c[0]), ValueError, ["cache must be ((A_prev, W, b), Z)", "3"]),
    ("linear_activation_backward", entry("cache", lambda c: None), TypeError, ["((A_prev, W, b), Z)", "NoneType"]),
    ("linear_activation_backward", entry("cache.0", lambda c: c[:2]), ValueError, ["cache[0] must be (A_prev, W, b)"]),
    ("linear_activation_backward", entry("cache.1", lambda Z: Z[:2]), ValueError, ["Z has shape (2, 3), but must be (4, 3)"]),
    ("linear_activation_forward", lambda a: a | {"activation": "rlu"}, ValueError, ["'rlu'", "did you mean 'relu'?", "tanh"]),
    ("linear_activation_forward", lambda a: a | {"activation": None}, ValueError, ["unknown activation None"]),
    ("linear_activation_backward", lambda a: a | {"activation": "softmux"}, ValueError, ["unknown activation 'softmux'", "did you mean 'softmax'?"]),
    # X and parameters
    ("L_model_forward", entry("X", lambda X: X[:3]), ValueError, ["W1 has 5 columns, but X has 3 rows"]),
    ("L_model_forward", entry("X", lambda X: np.ones((3, 5))), ValueError, ["W1 has 5 columns, but X has 3 rows", "X.T?"]),
    ("L_model_forward", entry("X", lambda X: X[:, 0]), ValueError, ["X.reshape(-1, 1) is one example", "X.reshape(1, -1) one feature"]),
    ("L_model_forward", entry("parameters.W2", np.ravel), ValueError, ["W2 has shape (4,)", "W2.reshape(1, -1) is one unit"]),
    ("L_model_forward", entry("X", lambda X: X[:1]), ValueError, ["W1 has 5 columns, but X has 1 row"]),
    ("L_model_forward", entry("X", lambda X: np.ones((2, 2, 5))), ValueError, ["X has shape (2, 2, 5)", "reshape(len(X), -1).T"]),
    ("L_model_forward", entry("parameters.W2", lambda W: W[:, :3]), ValueError, ["W2 has 3 columns, but layer 1 has 4 units"]),
    ("L_model_forward", entry("parameters.b1", lambda b: b.T), ValueError, ["b1 has shape (1, 4)", "(4, 1)"]),
    ("L_model_forward", entry("parameters", without("b2")), ValueError, ["lacks 'b2'"]),
    ("L_model_forward", entry("parameters", without("W1")), ValueError, ["lacks 'W1'"]),
    ("L_model_forward", entry("parameters", without("W1", "b1")), ValueError, ["lacks 'W1' and 'b1' and has 'W2' and 'b2'"]),
    ("L_model_forward", entry("parameters", lambda p: p | {"gamma": 1}), ValueError, ["has 'gamma', which no layer uses"]),
    ("L_model_forward", entry("parameters", lambda p: p | {("W", 1): 1}), ValueError, ["('W', 1)"]),
    ("L_model_forward", entry("parameters", lambda p: {}), ValueError, ["empty", "W1, b1, ..., WL, bL"]),
    ("L_model_forward", entry("parameters", lambda p: list(p)), TypeError, ["parameters is a list", "dict"]),
    ("L_model_forward", entry("parameters", lambda p: None), TypeError, ["parameters is a NoneType"]),
    ("L_model_forward", entry("parameters", lambda p: (p, [0.7])), TypeError, ["is a tuple", "use parameters[0]"]),
    ("predict", entry("parameters", lambda p: (p, [])), TypeError, ["is a tuple", "use parameters[0]"]),
    ("L_model_forward", lambda a: a | {"activations": "tahn"}, ValueError, ["did you mean 'tanh'?"]),
    ("L_model_forward", lambda a: a | {"activations": ["relu"]}, ValueError, ["1 name, but there are 2 layers"]),
    ("L_model_forward", lambda a: a | {"activations": ["relu", "x"]}, ValueError, ["unknown activation 'x'"]),
    ("L_model_forward", lambda a: a | {"activations": ["relu"] * 2, "output": "tanh"}, ValueError, ["output is 'tanh'"]),
    ("L_model_forward", lambda a: a | {"activations": 3}, TypeError, ["activations is 3"]),
    ("L_model_forward", lambda a: a | {"output": "sigmund"}, ValueError, ["did you mean 'sigmoid'?"]),
    # AL, Y and caches
    ("compute_cost", entry("AL", np.ravel), ValueError, ["AL has shape (3,)", "AL.reshape(1, -1) is one output unit"]),
    ("L_model_backward", entry("AL", np.ravel), ValueError, ["AL has shape (3,), but must be (1, 3)", "AL.reshape(1, -1)"]),
    ("L_model_backward", lambda a: a | {"compute_dA0": 0}, TypeError, ["compute_dA0 is 0, but must be True or False"]),
    ("L_model_backward", lambda a: a | {"compute_dA0": None}, TypeError, ["compute_dA0 is None"]),
    ("compute_cost", entry("AL", lambda AL: AL + 1), ValueError, ["AL[0, 0] is 1.", "probabilities must lie in [0, 1]"]),
    ("L_model_backward", entry("AL", lambda AL: AL.T), ValueError, ["AL has shape (3, 1), but must be (1, 3)", "transposed?"]),
    ("L_model_backward", entry("caches", lambda c: []), ValueError, ["caches is empty"]),
    ("L_model_backward", entry("caches", lambda c: {}), TypeError, ["caches is a dict"]),
    ("L_model_backward", entry("caches", lambda c: c[0]), ValueError, ["caches[0]", "3"]),
    ("L_model_backward", entry("caches.0", lambda c: c[0]), ValueError, ["caches[0] must be ((A_prev, W, b), Z)"]),
    ("L_model_backward", entry("caches.1.1", lambda Z: Z[:, :2]), ValueError, ["caches[1]: Z has shape (1, 2), but must be (1, 3)"]),
    ("L_model_backward", entry("caches.0.0.1", lambda W: W[:, :2]), ValueError, ["caches[0]: W has 2 columns, but A_prev has 5 rows"]),
    ("L_model_backward", entry("caches", lambda c: [c[1], c[1]]), ValueError, ["caches[1]: A_prev has shape (4, 3), but caches[0]: Z has (1, 3)"]),
    ("L_model_backward", lambda a: a | {"activations": ["relu"]}, ValueError, ["1 name, but there are 2 layers"]),
    # parameters and grads
    ("update_parameters", entry("grads", without("dW1", "db2")), ValueError, ["grads lacks 'dW1' and 'db2'"]),
    ("update_parameters", entry("grads", lambda g: None), TypeError, ["grads is a NoneType"]),
    ("update_parameters", entry("grads.dW1", lambda g: g.T), ValueError, ["dW1 has shape (5, 4), but must be (4, 5)", "transposed?"]),
    ("update_parameters", entry("grads.db1", lambda g: g[:, 0]), ValueError, ["db1 has shape (4,), but must be (4, 1)", "; db1.reshape(-1, 1)"]),
    ("update_parameters", entry("parameters.b1", lambda b: np.ones((4, 4))), ValueError, ["b1 has shape (4, 4)", "(4, 1)"]),
    ("update_parameters", lambda a: a | {"learning_rate": 10**400}, ValueError, ["learning_rate is about 1e400, beyond the range of float64"]),
    ("update_parameters", lambda a: a | {"learning_rate": -(10**5000)}, ValueError, ["learning_rate is about -1e5000, beyond the range of float64"]),
    ("update_parameters", lambda a: a | {"learning_rate": np.nan}, ValueError, ["learning_rate is nan"]),
    ("update_parameters", lambda a: a | {"learning_rate": -np.inf}, ValueError, ["learning_rate is -inf"]),
    ("update_parameters", lambda a: a | {"learning_rate": "0.1"}, TypeError, ["learning_rate is '0.1'"]),
    ("update_parameters", lambda a: a | {"learning_rate": True}, TypeError, ["learning_rate is True"]),
    ("update_parameters", lambda a: a | {"learning_rate": 1j}, TypeError, ["learning_rate is 1j"]),
    # whole models
    ("L_layer_model", lambda a: a | {"dims": [100, 4, 1]}, ValueError, ["layers_dims[0] is 100, but X has 5 rows"]),
    ("L_layer_model", lambda a: a | {"dims": [3, 4, 1]}, ValueError, ["layers_dims[0] is 3, but X has 5 rows", "X.T?"]),
    ("L_layer_model", lambda a: a | {"dims": [5, 4, 3]}, ValueError, ["Y has shape (1, 3)", "3 outputs, 3 examples"]),
    ("L_layer_model", lambda a: a | {"dims": [5, 0, 1]}, ValueError, ["layers_dims[1] is 0: zero units"]),
    ("L_layer_model", lambda a: a | {"dims": [5, 4.0, 1]}, TypeError, ["layers_dims[1] is 4.0"]),
    ("L_layer_model", lambda a: a | {"dims": [5]}, ValueError, ["layers_dims has 1 entry,"]),
    ("L_layer_model", lambda a: a | {"dims": 5}, TypeError, ["layers_dims is an int"]),
    ("L_layer_model", lambda a: a | {"output": "tanh"}, ValueError, ["output is 'tanh'", "cross-entropy", "[0, 1]: 'sigmoid'"]),
    ("L_layer_model", lambda a: a | {"output": "identity", "num_iterations": 0}, ValueError, ["output is 'identity'"]),
    ("L_layer_model", lambda a: a | {"activations": ["relu"] * 2}, ValueError, ["activations[-1] is 'relu'", "cross-entropy"]),
    ("L_layer_model", lambda a: a | {"activations": "rleu"}, ValueError, ["did you mean 'relu'?"]),
    ("two_layer_model", lambda a: a | {"dims": (5, 4, 2, 1)}, ValueError, ["layers_dims has 4 entries, but must have 3"]),
    ("two_layer_model", lambda a: a | {"num_iterations": -1}, ValueError, ["num_iterations is -1"]),
    ("two_layer_model", lambda a: a | {"num_iterations": 10.0}, TypeError, ["num_iterations is 10.0"]),
    ("two_layer_model", lambda a: a | {"learning_rate": np.inf}, ValueError, ["learning_rate is inf"]),
    ("two_layer_model", lambda a: a | {"learning_rate": None}, TypeError, ["learning_rate is None"]),
]  # fmt: skip
