"""Networks on both backends: attributes, initial weights, parameters, copies, options and predictions."""

import copy
import gc
import pickle
import threading

import numpy as np
import pytest

import deepnet
from deepnet import INITIALIZERS, LOSSES, backends
from networks import LAYOUTS, REPEATING, Unchanged, laid_out, network
from problems import assert_same_bits, parameters_of, problem

pytestmark = pytest.mark.usefixtures("backend")

U = {np.dtype(np.float32): 2.0**-24, np.dtype(np.float64): 2.0**-53}


# --- attributes and initial weights -------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_attributes_of_a_network(dtype):
    net = deepnet.Network(np.array([3, 5, 2]), "tanh", "identity", dtype=dtype, seed=1)
    assert net.layer_dims == (3, 5, 2)
    assert net.activations == ("tanh", "identity")
    assert net.dtype == dtype
    assert {key: p.shape for key, p in net.parameters.items()} == {
        "W1": (5, 3),
        "b1": (5, 1),
        "W2": (2, 5),
        "b2": (2, 1),
    }
    assert all(p.dtype == dtype for p in net.parameters.values())
    assert repr(net) == f"<Network 3-5-2 (tanh, identity): {dtype}, 32 parameters>"
    assert net.optimizer == deepnet.SGD(0.01)
    assert deepnet.Network([3, 5, 2], ["relu", "tanh"]).activations == ("relu", "tanh")
    assert deepnet.Network([3, 5, 2]).activations == ("relu", "sigmoid")


def test_the_same_seed_gives_the_same_weights_in_both_dtypes():
    single, double = (deepnet.Network([4, 30, 1], dtype=dtype, seed=3) for dtype in ("float32", np.float64))
    for key, p in double.parameters.items():
        np.testing.assert_array_equal(single.parameters[key], p.astype(np.float32))
    other, another = deepnet.Network([4, 30, 1]), deepnet.Network([4, 30, 1])
    assert not np.array_equal(other.parameters["W1"], another.parameters["W1"])
    assert not single.parameters["b1"].any()


VARIANCES = {
    "zeros": 0,
    "he_normal": 2 / 200,
    "he_uniform": 2 / 200,
    "glorot_normal": 2 / 500,
    "glorot_uniform": 2 / 500,
    "lecun_normal": 1 / 200,
    "lecun_uniform": 1 / 200,
    "normal": 0.01**2,
    "orthogonal": 1 / 300,  # 200 orthonormal columns of 300
}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_an_initializer_has_its_variance(name):
    """The variance of 60,000 draws is within 3 %: 5 times its standard error."""
    W = deepnet.Network([200, 300, 1], initializer=name, dtype="float64", seed=0).parameters["W1"]
    assert abs(W.var() - VARIANCES[name]) <= 0.03 * VARIANCES[name]
    if "uniform" in name:
        assert np.abs(W).max() <= np.sqrt(3 * VARIANCES[name])


def test_first_weights_are_those_of_glorot_drawn_layer_by_layer():
    net = deepnet.Network([20, 30, 30, 1], ["relu", "tanh", "sigmoid"], seed=0, dtype="float64")
    rng = np.random.default_rng(0)
    for layer, shape in enumerate([(30, 20), (30, 30), (1, 30)], start=1):
        W = INITIALIZERS["glorot_uniform"](rng, *shape)
        np.testing.assert_array_equal(net.parameters[f"W{layer}"], W)


def test_an_initializer_may_be_a_function():
    net = deepnet.Network([3, 4, 1], initializer=lambda rng, n, n_prev: np.full((n, n_prev), n + n_prev))
    assert (net.parameters["W1"] == 7).all()
    assert (net.parameters["W2"] == 5).all()


def test_the_lists_of_losses_agree():
    assert backends.native.loss_names() == list(LOSSES)
    assert {entry.native for entry in deepnet.OPTIMIZERS.values()} == {*backends.native.optimizer_names()}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_the_slope_of_a_loss_is_its_derivative(loss):
    """Central difference: error O(h^2) with h = eps^(1/3). No |Z - Y| is a kink: 0, or delta = 1."""
    Z = np.linspace(-4, 4, 33).reshape(3, 11)
    Y = np.linspace(0, 1, 33).reshape(3, 11)
    h = np.cbrt(np.finfo(float).eps)
    assert np.abs(np.abs(Z - Y) - [[[0]], [[1]]]).min() > 100 * h
    for unit in np.eye(3):
        step = h * unit[:, np.newaxis]
        ends = [loss.value(z, Y, loss.parameter).sum(axis=0) for z in (Z + step, Z - step)]
        slope = loss.derivative(Z, Y, loss.parameter)[unit == 1][0]
        np.testing.assert_allclose(slope, (ends[0] - ends[1]) / (2 * h), atol=1e-8)


# --- parameters ---------------------------------------------------------------------------------------------


def test_parameters_are_views_that_may_be_written_and_outlive_the_network():
    net = deepnet.Network([3, 5, 1], seed=0)
    X = problem(3)[0]
    parameters = net.parameters
    parameters["W1"][...] = 0
    parameters["W2"][...] = 0
    parameters["b2"][...] = 1
    np.testing.assert_allclose(net.predict(X), 1 / (1 + np.exp(-1)), rtol=1e-6)
    assert net.parameters is parameters
    del net
    gc.collect()
    [deepnet.Network([3, 5, 1]) for _ in range(50)]  # would take the memory, were it free
    assert (parameters["W1"] == 0).all()
    parameters["W1"][...] = 3
    assert (parameters["b2"] == 1).all()


def test_the_courses_functions_take_a_networks_parameters():
    X, Y = problem(5, 30)
    net = deepnet.Network([5, 7, 1], seed=0)
    AL, caches = deepnet.L_model_forward(X, net.parameters)
    np.testing.assert_allclose(net.predict(X), AL, rtol=1e-5)
    _, grads = net.loss_and_grads(X, Y)
    expected = deepnet.L_model_backward(AL, Y, caches)
    for key, grad in grads.items():
        np.testing.assert_allclose(grad, expected[key], rtol=0, atol=1e-6)
    stepped = copy.deepcopy(net)
    own = {f"d{key}": p for key, p in stepped.parameters.items()} | {"dA1": np.empty_like(caches[0][1])}
    deepnet.L_model_backward(AL, Y, caches, compute_dA0=False, out=own)
    for key, grad in grads.items():
        np.testing.assert_allclose(stepped.parameters[key[1:]], grad, rtol=0, atol=1e-6)
    stepped = copy.deepcopy(net)
    stepped.train_on_batch(X, Y, optimizer=deepnet.SGD(0.5))
    out = net.parameters
    assert deepnet.update_parameters(net.parameters, expected, 0.5, out=net.parameters) is out
    for key, p in net.parameters.items():
        np.testing.assert_allclose(p, stepped.parameters[key], rtol=0, atol=1e-6)


@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if layout not in REPEATING])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_from_parameters_has_a_copy_of_them(layout, dtype):
    X, _, parameters = network([5, 4, 2], 9, dtype=dtype, layout=layout)
    with Unchanged(parameters):
        net = deepnet.Network.from_parameters(parameters, "tanh")
        assert net.dtype == dtype
        assert_same_bits(net, parameters)
        expected, _ = deepnet.L_model_forward(X, parameters, activations="tanh")
        np.testing.assert_allclose(net.predict(X), expected, rtol=100 * U[net.dtype])
        net.parameters["W1"][...] = 0
    other = deepnet.Network.from_parameters(parameters, ["identity", "relu"], dtype="float32")
    assert (other.dtype, other.activations) == (np.float32, ("identity", "relu"))
    other.parameters = parameters
    assert_same_bits(other, {key: p.astype(np.float32) for key, p in parameters.items()})


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda net: pickle.loads(pickle.dumps(net)),
}


class Named(deepnet.Network):
    """A subclass with another attribute."""

    name = ""


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_is_an_independent_equal_network(kind):
    X, Y = problem()
    net = Named([6, 5, 1], "tanh", dtype="float64", seed=2)
    net.name = "first"
    net.fit(X, Y, epochs=2, batch_size=10, optimizer=deepnet.SGD(0.3))
    before = parameters_of(net)
    other = COPIES[kind](net)
    assert (type(other), other.name, repr(other)) == (Named, "first", repr(net))
    assert other.optimizer == deepnet.SGD(0.3)
    np.testing.assert_array_equal(other.predict(X), net.predict(X))
    other.train_on_batch(X, Y)
    assert_same_bits(net, before)
    assert not np.array_equal(other.parameters["W1"], before["W1"])


@pytest.mark.parametrize("loss", [None, pytest.param("custom", marks=pytest.mark.slow)])
def test_a_copy_is_never_torn_by_an_update(loss, tmp_path):
    """With X = 0 and b = 0 each update multiplies every weight by the same number, so all stay equal."""
    if loss == "custom":
        loss = deepnet.losses.Loss("square", "A^2", lambda A, Y, _: A * A, lambda A, Y, _: 2 * A)
    net = deepnet.Network([500, 300, 1], "identity", "identity", initializer="zeros")
    net.parameters.update(W1=np.ones((300, 500)), W2=np.ones((1, 300)))
    X, Y, done = np.zeros((500, 1), np.float32), np.zeros((1, 1)), threading.Event()
    net.optimizer = deepnet.SGD(0.1, weight_decay=1e-4)

    def train():
        while not done.is_set():
            net.train_on_batch(X, Y, loss=loss)

    def saved(net):
        net.save(tmp_path / "net")
        return deepnet.load(tmp_path / "net")

    thread, seen = threading.Thread(target=train), set()
    thread.start()
    try:
        for way in (*COPIES.values(), lambda net: net.astype("float64"), saved):
            for _ in range(40):
                other = way(net)
                values = np.unique(np.concatenate([other.parameters[key].ravel() for key in ("W1", "W2")]))
                assert len(values) == 1
                seen.add(float(values[0]))
    finally:
        done.set()
        thread.join()
    assert len(seen) > 20


# --- options ------------------------------------------------------------------------------------------------


def test_a_scale_belongs_to_the_network(tmp_path):
    X, Y = problem()
    pixels = (np.abs(X) * 60).astype(np.uint8)
    net = deepnet.Network([6, 5, 1], seed=0)
    assert net.input_scale == 1
    net.fit(pixels, Y, epochs=2, batch_size=10, input_scale=1 / 255)
    assert net.input_scale == 1 / 255
    expected = net.predict(pixels, input_scale=1 / 255)
    assert not np.array_equal(net.predict(pixels, input_scale=1.0), expected)
    assert net.input_scale == 1 / 255
    net.save(tmp_path / "net")
    for same in (
        deepnet.load(tmp_path / "net"),
        *(way(net) for way in COPIES.values()),
        net.astype("float32"),
    ):
        assert same.input_scale == 1 / 255
        np.testing.assert_array_equal(same.predict(pixels), expected)
        assert same.evaluate(pixels, Y) == net.evaluate(pixels, Y, input_scale=1 / 255)
        assert same.loss_and_grads(pixels, Y)[0] == net.evaluate(pixels, Y)
    assert deepnet.gradient_check(net, pixels, Y).passed
    other = deepnet.Network.from_parameters(net.parameters, input_scale=1 / 255)
    np.testing.assert_array_equal(other.predict(pixels), expected)
    assert other.train_on_batch(pixels, Y) == net.train_on_batch(pixels, Y)
    other.input_scale = 0.5
    net.fit(pixels, Y, epochs=0, batch_size=10, input_scale=0.5)
    assert net.input_scale == 0.5
    for wrong in (0, np.nan):
        with pytest.raises(ValueError, match="input_scale is"):
            net.input_scale = wrong
        with pytest.raises(ValueError, match="input_scale is"):
            deepnet.Network([6, 1], input_scale=wrong)
        with pytest.raises(ValueError, match="input_scale is"):
            net.fit(pixels, Y, epochs=1, batch_size=10, input_scale=wrong)
    assert net.input_scale == 0.5


def test_a_loaded_network_drops_by_its_seed(tmp_path):
    X, Y = problem()
    deepnet.Network([6, 20, 1], dropout=0.5, seed=0).save(tmp_path / "net")

    def losses(seed):
        net = deepnet.load(tmp_path / "net", seed=seed)
        return [net.train_on_batch(X, Y) for _ in range(4)]

    assert losses(3) == losses(3)
    assert len({tuple(losses(seed)) for seed in (3, 4, None, None)}) == 4
    with pytest.raises(ValueError, match="seed is -1"):
        deepnet.load(tmp_path / "net", seed=-1)


def test_a_network_from_parameters_takes_options():
    X, Y = problem(5, 30)
    parameters = deepnet.initialize_parameters_deep([5, 8, 1])
    options = {"dropout": 0.5, "l2": 0.1, "l1": 0.01, "input_dropout": 0.2, "input_scale": 0.5}

    def made(seed=3):
        return deepnet.Network.from_parameters(parameters, "tanh", **options, seed=seed)

    net = made()
    assert net.layers == (
        deepnet.Dense(8, "tanh", dropout=0.5, l2=0.1, l1=0.01),
        deepnet.Dense(1, "sigmoid", l2=0.1, l1=0.01),
    )
    assert (net.input_dropout, net.input_scale) == (0.2, 0.5)
    new = deepnet.Network([5, 8, 1], "tanh", **options, dtype="float64")
    new.parameters = parameters
    assert net.evaluate(X, Y) == new.evaluate(X, Y)

    def losses(net):
        return [net.train_on_batch(X, Y) for _ in range(3)]

    assert losses(net) == losses(made())
    assert losses(made(4)) != losses(made())
    for name, value in (("dropout", 1), ("l2", -1), ("input_dropout", 2), ("seed", -1)):
        with pytest.raises(ValueError, match=f"{name} is {value}"):
            deepnet.Network.from_parameters(parameters, **{name: value})


def test_a_star_import_has_networks():
    names = {}
    exec("from deepnet import *", names)
    for name in (
        "Network",
        "History",
        "load",
        "Dense",
        "Adam",
        "callbacks",
        "L_model_forward",
        "gradient_check",
    ):
        assert names[name] is getattr(deepnet, name)
    assert set(deepnet.__all__) <= set(names)


# --- prediction ---------------------------------------------------------------------------------------------


def same(actual, expected):
    """Bit for bit; BLAS rounds by the layout."""
    tolerance = 0 if backends.backend_name() == "native" else 1e-5
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "uint8"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_data_of_any_layout_and_type_give_the_same(layout, kind, dtype):
    net = deepnet.Network([6, 7, 2], "tanh", dtype=dtype, seed=0)
    X = laid_out((100 * np.abs(problem()[0])).astype(kind), layout)
    Y = problem(outputs=2)[1]
    plain = np.ascontiguousarray(X, dtype) * net.dtype.type(1 / 255)
    with Unchanged(X, Y):
        same(net.predict(X, input_scale=1 / 255), net.predict(plain))
        same(net.evaluate(X, Y, input_scale=1 / 255), net.evaluate(plain, Y))
        loss, grads = net.loss_and_grads(X, Y, input_scale=1 / 255)
        expected_loss, expected = net.loss_and_grads(plain, Y)
        same(loss, expected_loss)
        for key, grad in grads.items():
            same(grad, expected[key])


def test_data_on_a_disk_and_at_odd_addresses(tmp_path):
    X, Y = problem()
    net = deepnet.Network([6, 5, 1], seed=0)
    expected = net.predict(X), net.evaluate(X, Y)
    X.tofile(tmp_path / "X")
    on_disk = np.memmap(tmp_path / "X", np.float32, mode="r", shape=X.shape)
    odd = np.frombuffer(b"x" + X.tobytes(), np.uint8)[1:].view(np.float32).reshape(X.shape)
    odd_Y = np.frombuffer(b"x" + Y.astype(float).tobytes(), np.uint8)[1:].view(float).reshape(Y.shape)
    assert not odd.flags.aligned
    for x, y in [(on_disk, Y), (odd, odd_Y)]:
        np.testing.assert_array_equal(net.predict(x), expected[0])
        assert net.evaluate(x, y) == expected[1]


@pytest.mark.parametrize("layout", ["C", "Fortran", "reversed", "sliced", "odd strides"])
def test_a_prediction_is_written_where_it_is_wanted(layout):
    X = problem()[0]
    net = deepnet.Network([6, 4, 3], "tanh", seed=0)
    out = laid_out(np.zeros((3, 100), np.float32), layout)
    assert net.predict(X, out) is out
    np.testing.assert_array_equal(out, net.predict(X))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dims", [[17, 64, 64, 1], [6, 3], [40, 70, 33, 2]])
def test_an_example_has_the_same_bits_alone(dims, dtype):
    X = problem(dims[0], 130, dtype=dtype)[0]
    with backends.use_backend("native"):  # the twin's BLAS rounds as it likes
        net = deepnet.Network(dims, "tanh", dtype=dtype, seed=0)
    together = net.predict(X)
    for i in range(X.shape[1]):
        np.testing.assert_array_equal(net.predict(X[:, i : i + 1]), together[:, i : i + 1])
    np.testing.assert_array_equal(net.predict(X[:, 40:99]), together[:, 40:99])
