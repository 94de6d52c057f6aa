"""``net.parameters``: every way of writing to it changes the network at once; it keeps its arrays."""

import copy
import pickle

import numpy as np
import pytest

import deepnet
from deepnet import backends
from problems import assert_same_bits, parameters_of, problem

pytestmark = pytest.mark.usefixtures("backend")

X, Y = problem(3, 20)
SHAPES = {"W1": (5, 3), "b1": (5, 1), "W2": (1, 5), "b2": (1, 1)}


def network(dtype="float32"):
    return deepnet.Network([3, 5, 1], dtype=dtype, seed=0)


def values(seed=1, dtype=np.float32):
    rng = np.random.default_rng(seed)
    return {key: rng.standard_normal(shape).astype(dtype) for key, shape in SHAPES.items()}


def set_items(parameters, new):
    for key, value in new.items():
        parameters[key] = value


def ior(parameters, new):
    parameters |= new


WRITES = {
    "items": set_items,
    "in place": lambda parameters, new: [np.copyto(parameters[key], value) for key, value in new.items()],
    "update": lambda parameters, new: parameters.update(new),
    "update by name": lambda parameters, new: parameters.update(**new),
    "update by pairs": lambda parameters, new: parameters.update(list(new.items())),
    "|=": ior,
}


@pytest.mark.parametrize("way", WRITES)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_written_predicts_trains_and_is_saved(way, kind, dtype, tmp_path):
    net, new = network(dtype), values(dtype=kind)
    views = dict(net.parameters)
    WRITES[way](net.parameters, new)
    expected = deepnet.Network.from_parameters(new, dtype=dtype)
    assert all(net.parameters[key] is view for key, view in views.items())
    np.testing.assert_array_equal(net.predict(X), expected.predict(X))
    assert net.evaluate(X, Y) == expected.evaluate(X, Y)
    net.save(tmp_path / "net")
    assert_same_bits(deepnet.load(tmp_path / "net"), expected.parameters)
    for other in (copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net)), net.astype(dtype)):
        assert_same_bits(other, expected.parameters)
    assert deepnet.gradient_check(net, X, Y).passed
    assert net.train_on_batch(X, Y) == expected.train_on_batch(X, Y)
    assert_same_bits(net, expected.parameters)


def test_the_courses_loop_trains_the_network():
    """Written as the notebook has it, and in place; both take the steps of train_on_batch."""
    net, in_place, other = network(), network(), network()
    for _ in range(3):
        for trained, out in ((net, None), (in_place, in_place.parameters)):
            AL, caches = deepnet.L_model_forward(X, trained.parameters)
            grads = deepnet.L_model_backward(AL, Y, caches)
            trained.parameters = deepnet.update_parameters(trained.parameters, grads, 0.5, out=out)
        other.train_on_batch(X, Y, optimizer=deepnet.SGD(0.5))
    for key, p in other.parameters.items():
        np.testing.assert_allclose(net.parameters[key], p, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(net.parameters[key], in_place.parameters[key])


def test_arithmetic_with_items():
    net, before = network(), values()
    net.parameters = before
    net.parameters["W1"] -= 0.5
    net.parameters["W2"] = net.parameters["W2"] * 2
    net.parameters["b1"] = net.parameters["b1"]
    np.testing.assert_array_equal(net.parameters["W1"], before["W1"] - np.float32(0.5))
    np.testing.assert_array_equal(net.parameters["W2"], before["W2"] * 2)
    np.testing.assert_array_equal(net.parameters["b1"], before["b1"])


def test_values_that_lie_in_the_network_itself():
    net = deepnet.Network([4, 4, 4], seed=0)
    old = copy.deepcopy(net.parameters)
    net.parameters.update(W1=net.parameters["W2"], W2=net.parameters["W1"])
    assert_same_bits(net, old | {"W1": old["W2"], "W2": old["W1"]})
    net.parameters["W1"] = net.parameters["W1"].T
    np.testing.assert_array_equal(net.parameters["W1"], old["W2"].T)


@pytest.mark.parametrize(
    ("key", "value", "error", "words"),
    [
        ("W3", np.ones((1, 1)), ValueError, "no 'W3'.*W1, b1, ..., W2, b2"),
        (0, np.ones((1, 1)), ValueError, "no 0"),
        ("W1", None, TypeError, "W1 is None"),
        ("W1", 0.0, TypeError, "W1 is a float"),
        ("W1", [[0.0]], TypeError, "W1 is a list"),
        ("W1", np.ones((5, 3), int), TypeError, "W1 is int64"),
        ("W1", np.ones((5, 3), complex), TypeError, "W1 is complex128"),
        ("W1", np.ones((3, 5)), ValueError, r"W1 has shape \(3, 5\), but must be \(5, 3\).*transposed"),
        ("b1", np.ones(5), ValueError, r"b1 has shape \(5,\), but must be \(5, 1\).*reshape\(-1, 1\)"),
        ("W1", np.ones((1, 3)), ValueError, r"W1 has shape \(1, 3\), but must be \(5, 3\)"),
    ],
)
def test_items_that_the_network_has_no_room_for(key, value, error, words):
    net = network()
    before, good = parameters_of(net), np.ones((1, 5))
    for write in (
        lambda: net.parameters.__setitem__(key, value),
        lambda: net.parameters.update({"W2": good, key: value}),
        lambda: ior(net.parameters, {"W2": good, key: value}),
    ):
        with pytest.raises(error, match=words):
            write()
        assert_same_bits(net, before)
    if key not in net.parameters:
        with pytest.raises(error, match=words):
            net.parameters.setdefault(key, value)


@pytest.mark.parametrize(
    "remove",
    [
        lambda p: p.__delitem__("W1"),
        lambda p: p.pop("W1"),
        lambda p: p.pop("W9", None),
        lambda p: p.popitem(),
        lambda p: p.clear(),
    ],
)
def test_no_array_can_be_removed(remove):
    net = network()
    before = dict(net.parameters)
    with pytest.raises(TypeError, match="parameters cannot lose"):
        remove(net.parameters)
    assert list(net.parameters) == list(SHAPES)
    assert all(net.parameters[key] is p for key, p in before.items())


def test_arrays_share_the_networks_memory_when_their_dict_is_gone():
    net = network()
    W1 = net.parameters["W1"]
    net.parameters["W1"] = values()["W1"]
    np.testing.assert_array_equal(W1, values()["W1"])
    assert net.parameters["W1"] is W1
    net.parameters["W1"] = W1
    np.testing.assert_array_equal(W1, values()["W1"])


VIEWS = {  # of W1, through which a caller may change it
    "the array": lambda net: net.parameters["W1"],
    "a part": lambda net: net.parameters["W1"][1:, :2],
    "a transposed array": lambda net: net.parameters["W1"].T,
    "a view of another type": lambda net: net.parameters["W1"].view(np.matrix),
    "a flat iterator": lambda net: net.parameters["W1"].flat,
    "a memoryview": lambda net: np.asarray(memoryview(net.parameters["W1"])),
    "the dict": lambda net: net.parameters,
    "a copy of the dict": lambda net: copy.copy(net.parameters),
}


@pytest.mark.parametrize("examples", [1, 2, 4, 5])
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_prediction_sees_what_was_written_through_a_view(view, dtype, examples):
    """Also after many predictions in a row, which read a copy of the weights if nothing can change them."""
    net = deepnet.Network([30, 40, 20, 3], seed=0, dtype=dtype)
    x = np.random.default_rng(1).standard_normal((30, examples)).astype(dtype)

    def predicts_well():
        expected = deepnet.Network.from_parameters(copy.deepcopy(net.parameters), dtype=dtype).predict(x)
        return all((net.predict(x) == expected).all() for _ in range(8))

    assert predicts_well()
    held = VIEWS[view](net)
    assert predicts_well()
    for number in (0.5, -0.25):
        before = net.predict(x)
        target = held["W1"] if isinstance(held, dict) else held
        target[:] = number
        del target
        assert not (net.predict(x) == before).all()
        assert predicts_well()
    target = held["W1"] if isinstance(held, dict) else held
    target[:] = 0.125  # the last write before the view is given up
    del target, held
    assert predicts_well()


def test_predictions_follow_each_change_of_the_network(tmp_path):
    net, x = deepnet.Network([30, 40, 20, 1], seed=0), np.ones((30, 1), np.float32)
    other = deepnet.Network([30, 40, 20, 1], seed=1)
    other.save(tmp_path / "other")
    labels = np.ones((1, 1))
    changes = [
        lambda: net.train_on_batch(x, labels),
        lambda: net.fit(x, labels, epochs=1),
        lambda: net.fit(x, labels, epochs=1, optimizer=deepnet.Adam()),
        lambda: net.apply_gradients(net.loss_and_grads(x, labels)[1], optimizer=deepnet.SGD(0.1)),
        lambda: net.copy_from(other, tau=0.5),
        lambda: net.parameters.update(W1=-net.parameters["W1"]),
        lambda: setattr(net, "parameters", {key: 2 * p for key, p in net.parameters.items()}),
        lambda: net.copy_from(deepnet.load(tmp_path / "other")),
    ]
    for change in changes:
        for _ in range(8):
            before = net.predict(x)
        change()
        expected = pickle.loads(pickle.dumps(net)).predict(x)
        assert not (before == expected).all()
        assert all((net.predict(x) == expected).all() for _ in range(8))


def test_it_is_a_dict_to_read_and_its_copies_are_plain_ones():
    net = network()
    parameters = net.parameters
    assert isinstance(parameters, dict)
    assert parameters is net.parameters
    assert parameters.setdefault("W1", None) is parameters["W1"]
    assert repr(parameters) == repr(dict(parameters))
    for shallow in (copy.copy(parameters), parameters.copy(), parameters | {}, {} | parameters):
        assert type(shallow) is dict
        assert shallow["W1"] is parameters["W1"]
    for deep in (copy.deepcopy(parameters), pickle.loads(pickle.dumps(parameters))):
        assert type(deep) is dict
        assert not np.may_share_memory(deep["W1"], parameters["W1"])
        assert_same_bits(net, deep)
        deep["W9"] = deep.pop("W1")
    nested = copy.deepcopy({"a": parameters, "b": parameters})
    assert nested["a"] is nested["b"]


def test_the_extension_takes_it_as_it_takes_a_dict():
    """Without a second call with a checked copy, which costs a small network half of its speed."""
    net, native = network("float64"), backends.native
    x = X.astype(float)
    AL, caches = native.L_model_forward(x, net.parameters, "relu", None)
    grads = native.L_model_backward(AL, Y.astype(float), caches, None, True, None)
    assert native.update_parameters(net.parameters, grads, 0.1, None) is not None
    assert native.update_parameters(net.parameters, grads, 0.1, net.parameters) is net.parameters
    other = copy.deepcopy(net)
    assert native.update_parameters(net.parameters, grads, 0.1, other.parameters) is other.parameters

    class Transposed(dict):
        """A subclass whose items differ from its storage, which must not be read directly."""

        def __getitem__(self, key):
            return 2 * super().__getitem__(key)

    odd = Transposed(net.parameters)
    expected = deepnet.L_model_forward(x, {key: 2 * p for key, p in net.parameters.items()})[0]
    np.testing.assert_array_equal(deepnet.L_model_forward(x, odd)[0], expected)
