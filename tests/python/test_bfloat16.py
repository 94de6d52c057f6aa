"""Networks that compute with bfloat16: bounds of products, the reference, bits, and what keeps the setting.

bfloat16 has 8 bits of precision, so rounding a number to it changes it by at most u = 2^-8 of itself. Both
operands of a product are rounded, and the product of two such numbers is exact in float32. A sum of k
products is rounded in float32, at most k + 2 times per term (AMX adds two chains), by 2^-24 each. So a
computed sum differs from the exact one by at most ((1 + u)^2 (1 + (k + 2) 2^-23) - 1) sum |a b|.
"""

import copy
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

import deepnet
from deepnet import backends
from deepnet.reference.bfloat16 import rounded
from problems import assert_same_bits, distance, parameters_of, problem

CONFIG = backends.native.config()
WAYS = [*CONFIG["bfloat16_built"], CONFIG["isas_built"][-1]]  # values of DEEPNET_ISA; the last is portable
SUPPORTED = {*CONFIG["bfloat16_supported"], *CONFIG["isas_supported"]}
U, U32 = 2.0**-8, 2.0**-24


def bound(k, roundings=2):
    """The bound above, as a share of the sum of |a b|; without rounded operands `roundings` is 0."""
    return (1 + U) ** roundings * (1 + (k + 2) * 2 * U32) - 1


def network(dims, activation="relu", output="identity", **options):
    net = deepnet.Network(dims, activation, output, compute="bfloat16", seed=1, **options)
    random = np.random.default_rng(7)
    for p in list(net.parameters.values())[1::2]:
        p[...] = random.standard_normal(p.shape) / 4
    return net


def in_numpy(net):
    """Return the NumPy engine's network with the same settings, seed and parameters."""
    with deepnet.use_backend("numpy"):
        return copy.deepcopy(net)


# --- products -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("m", [1, 31, 33])
@pytest.mark.parametrize(("k", "n"), [(1, 65), (31, 33), (33, 1), (65, 31), (300, 64)])
def test_products_meet_the_bound(backend, k, n, m):
    """Of one layer, whose operands both engines know: the prediction, dW, and db, which is not rounded."""
    net = network([k, n])
    X, _ = problem(k, m)
    Y = np.random.default_rng(3).standard_normal((n, m)).astype(np.float32)
    W, b = (net.parameters[key].astype(np.float64) for key in ("W1", "b1"))
    exact, size = W @ X + b, np.abs(W) @ np.abs(X)
    A = net.predict(X)
    assert (np.abs(A - exact) <= bound(k) * size + 2 * U32 * np.abs(exact)).all()
    operands = rounded(net.parameters["W1"]).astype(np.float64), rounded(X).astype(np.float64)
    own = operands[0] @ operands[1] + b  # the operands of every way
    own_size = np.abs(operands[0]) @ np.abs(operands[1]) + np.abs(b)
    assert (np.abs(A - own) <= bound(k + 1, 0) * own_size).all()
    _, grads = net.loss_and_grads(X, Y, loss="mean_squared_error")
    dZ = 2 * (A.astype(np.float64) - Y) / n
    size = np.abs(dZ) @ np.abs(X.T) / m
    assert (np.abs(grads["dW1"] - dZ @ X.T / m) <= (bound(m) + 8 * U32) * size).all()
    db, size = dZ.mean(axis=1, keepdims=True), np.abs(dZ).mean(axis=1, keepdims=True)
    assert (np.abs(grads["db1"] - db) <= bound(m + 8, 0) * size).all()


def test_rounding_is_to_nearest_even_and_keeps_nan():
    ties = np.array([0x3F808000, 0x3F818000, 0x3F808001, 0x7F7FFFFF, 0x80000001], np.uint32).view(np.float32)
    expected = np.array([0x3F800000, 0x3F820000, 0x3F810000, 0x7F800000, 0x80000000], np.uint32)
    np.testing.assert_array_equal(rounded(ties).view(np.uint32), expected)
    kept = np.array([np.inf, -np.inf, 0.0, -0.0, 1.5], np.float32)
    np.testing.assert_array_equal(rounded(kept).view(np.uint32), kept.view(np.uint32))
    assert np.isnan(rounded(np.array([0x7F800001, 0xFFFFFFFF], np.uint32).view(np.float32))).all()
    net = network([6, 1])  # the extension's rounding, seen through W = 1
    net.parameters["W1"][...] = np.eye(6, dtype=np.float32)[:1]
    net.parameters["b1"][...] = 0
    X = np.zeros((6, 8), np.float32)
    X[0, :3] = ties[:3]
    np.testing.assert_array_equal(net.predict(X)[0, :3].view(np.uint32), expected[:3])


# --- training -----------------------------------------------------------------------------------------------

RUNS = [  # dims, activation, output, options of the network, m
    ([33, 65, 31, 3], "relu", "softmax", {}, 97),
    ([5, 31, 1], "relu", "sigmoid", {"dropout": 0.3, "input_dropout": 0.2, "l2": 0.01}, 33),
    ([40, 64, 32], "tanh", "identity", {"dropout": 0.3}, 64),
    ([12, 20, 20, 2], "gelu", "sigmoid", {"input_scale": 0.5}, 31),
    ([7, 33, 4], "leaky_relu", "identity", {}, 1),
]


@pytest.mark.parametrize(("dims", "activation", "output", "options", "m"), RUNS)
def test_gradients_are_those_of_the_reference(dims, activation, output, options, m):
    """The operands of later layers may be rounded the other way: by u, in each product, of A and of dZ."""
    net = network(dims, activation, output, **options)
    X, Y = problem(dims[0], m, dims[-1])
    Y = np.eye(dims[-1])[np.arange(m) % dims[-1]].T if output == "softmax" else Y
    twin = in_numpy(net)
    allowed = 2 * len(dims) * U
    value, grads = net.loss_and_grads(X, Y)
    expected_value, expected = twin.loss_and_grads(X, Y)
    assert abs(value - expected_value) <= allowed * abs(expected_value)
    for key, grad in grads.items():
        assert np.linalg.norm(grad - expected[key]) <= allowed * np.linalg.norm(expected[key]), key
    np.testing.assert_allclose(net.predict(X), twin.predict(X), rtol=allowed, atol=allowed)
    for each in (net, twin):  # dropout, with the same masks
        each.train_on_batch(X, Y, optimizer=deepnet.SGD(0.1))
    moved = distance(net, list(twin.parameters.values()))
    assert moved <= allowed


@pytest.mark.parametrize(
    "activation", ["relu", *(a for a in deepnet.ACTIVATIONS if a not in ("relu", "softmax"))]
)
def test_every_activation(activation):
    net = network([9, 33, 20, 2], activation)
    X, Y = problem(9, 40, 2)
    _, grads = net.loss_and_grads(X, Y)
    _, expected = in_numpy(net).loss_and_grads(X, Y)
    norms = [(np.linalg.norm(grads[key] - expected[key]), np.linalg.norm(expected[key])) for key in grads]
    assert all(error <= 8 * U * size for error, size in norms)


@pytest.mark.parametrize("optimizer", list(deepnet.OPTIMIZERS))
def test_every_optimizer(optimizer):
    """All ways have the same optimizers: fits end with about the same loss, and below the first."""
    net = network([9, 33, 1], "tanh", "sigmoid")
    X, Y = problem(9, 70)
    twin, run = in_numpy(net), {"epochs": 4, "batch_size": 32, "optimizer": optimizer, "seed": 2}
    losses, expected = net.fit(X, Y, **run).loss, twin.fit(X, Y, **run).loss
    np.testing.assert_allclose(losses, expected, rtol=8 * U)
    assert losses[-1] < losses[0]


def test_sparse_and_dense_examples_agree():
    X = sparse.random(70, 90, 0.1, random_state=0, format="csc", dtype=np.float32)
    Y = problem(1, 90)[1]
    nets = [network([70, 40, 33, 1], output="sigmoid", input_dropout=0.2) for _ in range(3)]
    run = {"epochs": 2, "batch_size": 40, "seed": 0, "optimizer": deepnet.Adam()}
    for net, x in zip(nets[:2], (X, X.toarray()), strict=True):
        net.fit(x, Y, **run)
    assert distance(nets[0], list(nets[1].parameters.values())) <= 8 * U
    np.testing.assert_allclose(nets[2].predict(X), nets[2].predict(X.toarray()), atol=2 * U)
    value, _ = nets[2].loss_and_grads(X, Y)
    np.testing.assert_allclose(value, in_numpy(nets[2]).loss_and_grads(X, Y)[0], rtol=2 * U)


@pytest.mark.slow
def test_digits_are_learnt_as_well():
    digits = deepnet.io.load_digits()
    scores = []
    for compute in (None, "bfloat16"):
        net = deepnet.Network([64, 64, 10], output="softmax", compute=compute, input_scale=1 / 16, seed=0)
        X, Y = (part.reshape(len(part), -1).T for part in (digits.train_x, digits.train_y))
        net.fit(X, Y.ravel(), epochs=30, optimizer=deepnet.Adam(0.002), seed=0)
        test = net.predict(digits.test_x.reshape(len(digits.test_x), -1).T)
        scores.append(np.mean(test.argmax(axis=0) == digits.test_y.ravel()))
    assert min(scores) > 0.95
    assert abs(scores[0] - scores[1]) <= 3 * np.sqrt(2 * 0.05 * 0.95 / len(digits.test_x))  # three sigma


# --- bits ---------------------------------------------------------------------------------------------------


def test_bits_depend_neither_on_threads_nor_on_the_batch():
    X, Y = problem(300, 1300, 3)
    first, second, many = (network([300, 97, 65, 3], output="sigmoid") for _ in range(3))
    run = {"epochs": 2, "batch_size": 1100, "optimizer": deepnet.Momentum(0.1), "seed": 4}
    first.fit(X, Y, threads=1, **run)
    second.fit(X, Y, threads=2, **run)
    deepnet.fit_many([many], X, Y, **run)
    for other in (second, many):
        assert_same_bits(other, parameters_of(first))
    whole = first.predict(X, threads=2)
    for part in (slice(0, 1), slice(5, 8), slice(31, 64), slice(9, 209), slice(1, 900)):
        for threads in (1, 2, 3):
            np.testing.assert_array_equal(first.predict(X[:, part], threads=threads), whole[:, part])
    halves = [first.loss_and_grads(X[:, :640], Y[:, :640], threads=threads) for threads in (1, 2)]
    assert halves[0][0] == halves[1][0]
    for key, grad in halves[0][1].items():
        np.testing.assert_array_equal(grad, halves[1][1][key])


def test_weights_may_change_between_calls():
    net = network([40, 33, 2])
    net.parameters["b2"][...] = 0
    X, _ = problem(40, 20)
    before = net.predict(X)
    net.parameters["W1"][...] *= 2
    net.parameters["b1"][...] *= 2
    np.testing.assert_array_equal(net.predict(X) / 2, before)


def test_training_sees_weights_that_changed_between_calls():
    X, Y = problem(70, 20)
    net, fresh = network([70, 40, 1], output="sigmoid"), network([70, 40, 1], output="sigmoid")
    net.train_on_batch(X, Y)
    for name, of in (("W1", np.s_[39, 69]), ("W2", np.s_[0, 3]), ("b1", np.s_[...])):
        net.parameters[name][of] += 0.5
    fresh.parameters = net.parameters
    assert net.train_on_batch(X, Y) == fresh.train_on_batch(X, Y)
    assert_same_bits(net, parameters_of(fresh))


# --- the setting --------------------------------------------------------------------------------------------


def test_copies_files_and_pickles_keep_it(tmp_path):
    net = network([3, 4, 1])
    X, _ = problem(3, 5)
    net.save(tmp_path / "net.safetensors")
    assert deepnet.describe(tmp_path / "net.safetensors")["networks"][0]["compute"] == "bfloat16"
    copies = [
        *(copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))),
        deepnet.load(tmp_path / "net.safetensors"),
        deepnet.Network.from_parameters(dict(net.parameters), output="identity", compute="bfloat16"),
        net.astype("float32", compute=net.compute),
    ]
    for other in copies:
        assert other.compute == "bfloat16"
        assert repr(other) == "<Network 3-4-1 (relu, identity): float32, 21 parameters, compute='bfloat16'>"
        np.testing.assert_array_equal(other.predict(X), net.predict(X))
    assert net.astype("float64").compute is None
    assert net.predict(X).dtype == net.parameters["W1"].dtype == np.float32
    with pytest.raises(AttributeError, match=r"^compute of a network cannot be changed: net.astype"):
        net.compute = None


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")  # two epochs suffice here
def test_estimators_keep_it(tmp_path):
    X, y = np.random.default_rng(0).standard_normal((60, 4)), np.arange(60) % 2
    model = deepnet.sklearn.MLPClassifier((8,), max_iter=2, compute="bfloat16", random_state=0)
    fitted = clone(model).fit(X, y)
    assert fitted.get_params()["compute"] == fitted.network_.compute == "bfloat16"
    assert fitted.network_.dtype == np.float32
    fitted.save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(deepnet.load(tmp_path / "model.safetensors").predict(X), fitted.predict(X))
    with pytest.raises(ValueError, match=r"^compute is 'bfloat16', but the line searches of solver='lbfgs'"):
        model.set_params(solver="lbfgs").fit(X, y)
    table = deepnet.sklearn.TabularClassifier(
        hidden_layer_sizes=(8,), max_epochs=2, n_estimators=1, compute="bfloat16", random_state=0
    )
    assert [net.compute for net in table.fit(X, y).networks_] == ["bfloat16"]


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"compute": "auto"}, ValueError, "compute is 'auto', but must be 'bfloat16' or None"),
        (
            {"compute": np.float16},
            TypeError,
            "compute is <class 'numpy.float16'>, but must be 'bfloat16' or None",
        ),
        (
            {"compute": "bfloat16", "dtype": "float64"},
            ValueError,
            "compute is 'bfloat16', but dtype is float64: bfloat16 is for float32 networks",
        ),
    ],
)
def test_bad_settings(options, kind, words):
    with pytest.raises(kind) as caught:
        deepnet.Network([3, 1], **options)
    assert str(caught.value) == words


# --- the ways -----------------------------------------------------------------------------------------------


def run(way, *command):
    environment = {**os.environ, "DEEPNET_ISA": way, "DEEPNET_BACKEND": "native"}
    arguments = [sys.executable, *map(str, command)]
    return subprocess.run(arguments, capture_output=True, text=True, env=environment, check=True).stdout


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_every_way_passes_these_tests(way):
    if way not in SUPPORTED:
        pytest.skip(f"this CPU does not have {way}")
    if way in (CONFIG["bfloat16"], os.environ.get("DEEPNET_ISA")):
        pytest.skip("the other tests of this process use it")
    chosen = "(products and native) or bits_depend or gradients_are"
    output = run(
        way, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, "-m", "not slow", __file__
    )
    assert " passed" in output


PROGRAM = """
import hashlib, numpy as np, deepnet
rng = np.random.default_rng(0)
X = rng.standard_normal((70, 300)).astype(np.float32)
net = deepnet.Network([70, 64, 33, 2], compute="bfloat16", seed=0)
net.fit(X, X[:2] > 0, epochs=2, batch_size=100, seed=0)
print(hashlib.sha256(b"".join(p.tobytes() for p in net.parameters.values())).hexdigest())
"""


@pytest.mark.slow
@pytest.mark.skipif(not {"avx512", "avx2"} <= SUPPORTED, reason="this CPU lacks avx512 or avx2")
def test_the_portable_way_has_the_same_bits_with_vectors_of_any_width():
    assert run("avx512", "-c", PROGRAM) == run("avx2", "-c", PROGRAM)


TILES = """
import ctypes, sys, numpy as np, deepnet
def permitted():  # arch_prctl(ARCH_GET_XCOMP_PERM)
    mask = ctypes.c_uint64()
    assert ctypes.CDLL(None).syscall(158, 0x1022, ctypes.byref(mask)) == 0
    return bool(mask.value >> 18 & 1)
before = permitted()
deepnet.Network([3, 1], seed=0).predict(np.ones((3, 1), np.float32))
net = deepnet.Network([3, 1], compute="bfloat16", seed=0)
assert permitted() == before
net.predict(np.ones((3, 1), np.float32))
print(permitted())
"""


@pytest.mark.slow
@pytest.mark.skipif("amx" not in SUPPORTED, reason="this CPU does not have AMX")
def test_the_use_of_tiles_is_asked_for_by_the_first_network_that_needs_it():
    assert run("avx512", "-c", TILES) == "False\n"
    assert run("amx", "-c", TILES) == "True\n"
