"""Losses that the caller computes: forward, backward, apply_gradients; and copy_from, with both backends."""

import copy
import threading

import numpy as np
import pytest

import deepnet
from deepnet import Adam, Network
from problems import assert_same_bits, parameters_of

pytestmark = pytest.mark.usefixtures("backend")
RNG = np.random.default_rng(0)
OUTPUTS = {  # output: its loss, and the slope of it
    "identity": ("mean_squared_error", lambda A, Y: {"dA": 2 * (A - Y) / len(A)}),
    "gelu": ("mean_squared_error", lambda A, Y: {"dA": 2 * (A - Y) / len(A)}),  # whose slope needs Z
    "sigmoid": ("binary_cross_entropy", lambda A, Y: {"dZ": A - Y}),
    "softmax": ("categorical_cross_entropy", lambda A, Y: {"dA": -Y / A}),
}


def network(output="identity", dtype="float64", **settings):
    return Network([4, 9, 7, 3], "tanh", output, dtype=dtype, seed=0, **settings)


def examples(m):
    Y = RNG.uniform(0.1, 1, size=(3, m))
    return RNG.normal(size=(4, m)), Y / Y.sum(axis=0)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("m", [1, 37, 1100])  # the last one is of several chunks in loss_and_grads
def test_gradients_from_a_slope_are_those_of_the_loss(output, dtype, m):
    net, (X, Y) = network(output, dtype, l2=0.1, l1=0.01), examples(m)
    name, slope = OUTPUTS[output]
    _, expected = net.loss_and_grads(X, Y, loss=name)
    AL = net.forward(X)
    np.testing.assert_array_equal(AL, net.predict(X))
    d = slope(AL.astype(np.float64), Y)
    grads = net.backward(**d)
    # One rounding of the slope, and the sums and products of 3 layers behind it: far below 100 units in the
    # last place of what is summed.
    for key, grad in grads.items():
        scale = np.abs(expected[key]).max() + 1
        np.testing.assert_allclose(grad, expected[key], rtol=0, atol=100 * np.finfo(dtype).eps * scale)
    again = net.backward(X, **d, out=copy.deepcopy(grads))
    assert list(again) == list(grads) == ["dW1", "db1", "dW2", "db2", "dW3", "db3"]
    assert {key: g.tobytes() for key, g in again.items()} == {key: g.tobytes() for key, g in grads.items()}
    value, written = net.loss_and_grads(X, Y, loss=name, out=again)
    assert written is again
    assert value == net.evaluate(X, Y, loss=name)
    assert {key: g.tobytes() for key, g in again.items()} == {k: g.tobytes() for k, g in expected.items()}


def test_a_step_by_hand_is_train_on_batch():
    """Adam divides by the size of a gradient, so rounding errors stay rounding errors of the rate."""
    X, Y = examples(20)
    optimizer = Adam(deepnet.schedules.ExponentialDecay(0.01, 0.9), clip_norm=0.5)
    net, twin = network(l2=0.1), network(l2=0.1)
    net.optimizer = twin.optimizer = optimizer
    for step in range(6):
        if step % 2:
            net.train_on_batch(X, Y)
        else:
            net.apply_gradients(net.backward(dA=2 * (net.forward(X) - Y) / 3))
        twin.train_on_batch(X, Y)
    for key, p in net.parameters.items():
        np.testing.assert_allclose(p, twin.parameters[key], rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "optimizer", [deepnet.SGD(0.1, clip_value=0.2), "adam", deepnet.AdamW(0.1), "rmsprop"]
)
def test_the_extension_updates_as_numpy_does(optimizer):
    grads = {f"d{key}": RNG.normal(size=p.shape) for key, p in network().parameters.items()}
    nets = []
    for backend in ("native", "numpy"):
        with deepnet.use_backend(backend):
            nets.append(network())
        for factor in (1, -0.5, 3):
            nets[-1].apply_gradients(
                {k: np.asfortranarray(factor * g) for k, g in grads.items()}, optimizer=optimizer
            )
    for key, p in nets[0].parameters.items():
        np.testing.assert_allclose(p, nets[1].parameters[key], rtol=0, atol=1e-14 * 100)


@pytest.mark.parametrize("optimizer", [deepnet.SGD(0.1), "adam", Adam(0.01, clip_norm=0.5)])
def test_an_update_reads_gradients_in_any_layout(optimizer):
    def reversed_rows(g):
        return g[::-1].copy()[::-1]

    def spread(g):
        return np.repeat(np.repeat(g, 2, axis=0), 3, axis=1)[::2, ::3]

    def wide(g):
        return np.hstack([g, g])[:, : g.shape[1]]

    grads = {f"d{key}": RNG.normal(size=p.shape) for key, p in network().parameters.items()}
    expected = network()
    expected.apply_gradients(grads, optimizer=optimizer)
    for layout in (np.asfortranarray, reversed_rows, spread, wide):
        net = network()
        net.apply_gradients({key: layout(g) for key, g in grads.items()}, optimizer=optimizer)
        assert_same_bits(net, expected.parameters)


def test_gradients_in_the_memory_of_the_parameters():
    net, expected = network(), network()
    W2 = net.parameters["W2"]
    grads = {f"d{key}": p.copy() for key, p in net.parameters.items()}
    grads["dW2"] = W2[::-1]  # each row of W is updated from one that may have been updated already
    expected.apply_gradients({key: g.copy() for key, g in grads.items()}, optimizer=deepnet.SGD(0.1))
    net.apply_gradients(grads, optimizer=deepnet.SGD(0.1))
    assert_same_bits(net, expected.parameters)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_threads_changes_no_bit(threads):
    net = Network([30, 200, 200, 3], "relu", "identity", seed=0)
    X, d = RNG.normal(size=(30, 900)), RNG.normal(size=(3, 900))
    expected = net.backward(X, dA=d, threads=2)
    AL = net.forward(X, threads=threads)
    np.testing.assert_array_equal(AL, net.predict(X))
    for key, grad in net.backward(dA=d).items():
        np.testing.assert_array_equal(grad, expected[key])


def test_slopes_and_outputs_of_any_form():
    net = Network([4, 5, 1], output="identity", seed=0)
    X, d = RNG.normal(size=(4, 6)).astype(np.float32), RNG.normal(size=6)
    expected = net.backward(X, dZ=d)
    for same in (d[None], d[:, None], np.asfortranarray(d[None]), np.repeat(d, 2)[::2], d.astype(">f8")):
        for key, grad in net.backward(np.asfortranarray(X), dZ=same).items():
            np.testing.assert_array_equal(grad, expected[key])
    out = np.empty((6, 1), np.float32).T
    assert net.forward(X, out) is out
    np.testing.assert_array_equal(out, net.predict(X))
    np.testing.assert_array_equal(net.forward(2 * X, input_scale=0.5), out)


def test_a_forward_pass_serves_one_backward():
    net, (X, Y) = network(), examples(5)
    with pytest.raises(RuntimeError, match=r"has not kept a forward pass: call net.forward\(X\) before each"):
        net.backward(dA=Y)
    net.forward(X)
    with pytest.raises(ValueError, match="dA has another number of columns than the X of the last"):
        net.backward(dA=Y[:, :3])
    net.backward(dA=Y)
    with pytest.raises(RuntimeError, match="not kept a forward pass"):
        net.backward(dZ=Y)
    net.forward(X)
    net.train_on_batch(X, Y)
    with pytest.raises(RuntimeError, match="the network was trained after"):
        net.backward(dZ=Y)
    net.forward(X)
    failures = []

    def elsewhere():
        try:
            net.backward(dA=Y)
        except RuntimeError as error:
            failures.append(str(error))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert "by another thread" in failures[0]
    net.backward(dA=Y)  # the pass is still this thread's


def test_bad_arguments_are_named_and_change_nothing():
    net, (X, Y) = network(dtype="float32"), examples(5)
    before = parameters_of(net)
    grads = net.backward(X, dA=Y)
    ones = {key: np.ones_like(grad) for key, grad in grads.items()}
    bad = [
        (lambda: net.backward(X), TypeError, "neither of dA and dZ given"),
        (lambda: net.backward(X, dA=Y, dZ=Y), TypeError, "both of dA and dZ given"),
        (lambda: net.backward(X, dA=Y[:2]), ValueError, r"dA has shape \(2, 5\), but must be \(3, 5\)"),
        (lambda: net.backward(X, dZ=Y.astype(int)), TypeError, "dZ is int64, but must be float32 or"),
        (lambda: net.backward(X, dZ=[1.0]), TypeError, "dZ is a list"),
        (lambda: net.backward(X[:3], dA=Y), ValueError, "X has 3 rows, but the network has 4 inputs"),
        (lambda: net.backward(X, dA=Y, out={}), ValueError, "out lacks 'dW1'"),
        (lambda: net.loss_and_grads(X, Y, out={}), ValueError, "out lacks 'dW1'"),
        (lambda: net.loss_and_grads(X, Y, out={**grads, "db1": net.parameters["b1"]}), ValueError, "b1"),
        (lambda: net.loss_and_grads(X, grads["dW3"][:, :5], out=grads), ValueError, "shares memory with Y"),
        (
            lambda: net.loss_and_grads(X, Y, sample_weight=ones["dW3"][0, :5], out=ones),
            ValueError,
            "shares memory with sample_weight",
        ),
        (lambda: net.backward(X, dA=Y, out=[]), TypeError, "out is a list"),
        (
            lambda: net.backward(X, dA=Y, out={**grads, "db3": net.parameters["b3"]}),
            ValueError,
            "shares memory",
        ),
        (lambda: net.backward(X, dA=Y, out={**grads, "dW2": grads["dW2"].T}), ValueError, "C-contiguous"),
        (
            lambda: net.backward(X, da=Y),
            TypeError,
            "unknown argument of Network.backward 'da': did you mean 'dA'",
        ),
        (lambda: net.forward(X, outt=1), TypeError, "unknown argument of Network.forward 'outt'"),
        (lambda: net.forward(X, threads=0), ValueError, "threads is 0"),
        (lambda: net.apply_gradients(list(grads)), TypeError, "grads is a list"),
        (
            lambda: net.apply_gradients((0.1, grads)),
            TypeError,
            r"returns the loss and the gradients, use grads\[1\]",
        ),
        (lambda: net.apply_gradients({**grads, "dW1": Y}), ValueError, r"dW1 has shape \(3, 5\)"),
        (
            lambda: net.apply_gradients(grads, lr=0.1),
            TypeError,
            "learning_rate is a setting of the optimizer",
        ),
        (lambda: net.apply_gradients(grads, optimizer=3), TypeError, "optimizer is 3"),
        (lambda: net.copy_from(net.parameters), TypeError, "but must be a Network"),
        (
            lambda: net.copy_from(Network([4, 3])),
            ValueError,
            "other has the layers 4-3, but this network has 4-9",
        ),
        (lambda: net.copy_from(net, 1.5), ValueError, "tau is 1.5, but must be"),
        (lambda: net.copy_from(net, "1"), TypeError, "tau is '1', but must be a number"),
    ]
    for call, kind, message in bad:
        with pytest.raises(kind, match=message):
            call()
    for value, shown in ((np.nan, "nan"), (1e39, "1e.39, beyond the range of float32")):
        broken = {key: g.astype(np.float64) for key, g in grads.items()}
        broken["dW2"][3, 1] = value
        with pytest.raises(
            FloatingPointError, match=rf'grads\["dW2"\]\[3, 1\] is {shown}: no update was made'
        ):
            net.apply_gradients(broken)
    assert_same_bits(net, before)


def test_copy_from_blends():
    net, other = network(), Network([4, 9, 7, 3], output="softmax", dtype="float64", seed=5)
    single = other.astype("float32")
    for tau in (0, 0.005, 1):
        before = parameters_of(net)
        blended, rounded = copy.deepcopy(net), copy.deepcopy(net)
        blended.copy_from(other, tau)
        rounded.copy_from(single, tau)
        for key, p in before.items():
            expected = p + tau * (other.parameters[key] - p)
            if tau == 1:
                expected = other.parameters[key]
            np.testing.assert_array_equal(blended.parameters[key], expected)
            np.testing.assert_allclose(rounded.parameters[key], expected, rtol=0, atol=1e-6)
    net.copy_from(other)
    assert_same_bits(net, other.parameters)
    net.train_on_batch(np.ones((4, 2)), np.ones((3, 2)))
    assert (net.parameters["W3"] != other.parameters["W3"]).any()


def test_two_networks_that_blend_each_other():
    nets = [network(), Network([4, 9, 7, 3], "tanh", "identity", dtype="float64", seed=5)]
    lowest, highest = (
        extreme(*(net.parameters["W2"] for net in nets)) for extreme in (np.minimum, np.maximum)
    )
    lowest, highest = lowest - 1e-12, highest + 1e-12  # rounding errors of 600 blends at most

    def blend(net, other):
        for _ in range(300):
            net.copy_from(other, 0.4)
            net.predict(np.ones((4, 5)))

    threads = [threading.Thread(target=blend, args=pair) for pair in (nets, nets[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    for net in nets:
        assert ((lowest <= net.parameters["W2"]) & (net.parameters["W2"] <= highest)).all()


def test_a_network_in_training_is_not_updated():
    net, (X, Y) = network(), examples(6)
    grads, seen = net.backward(X, dA=Y), []

    def in_the_run(net, history):
        for change in (lambda: net.apply_gradients(grads), lambda: net.copy_from(network())):
            with pytest.raises(RuntimeError, match="being trained"):
                change()
        AL = net.forward(X)  # reads only
        seen.append((net.predict(X) == AL).all() and len(net.backward(dA=Y)) == 6)

    net.fit(X, Y, epochs=2, callbacks=[in_the_run])
    assert seen == [True, True]


def test_sparse_inputs():
    sparse = pytest.importorskip("scipy.sparse")
    X = np.where(RNG.uniform(size=(4, 40)) < 0.5, RNG.normal(size=(4, 40)), 0)
    net, d = network(), RNG.normal(size=(3, 40))
    expected = net.backward(X, dA=d)
    for key, grad in net.backward(sparse.csc_matrix(X), dA=d).items():
        np.testing.assert_allclose(grad, expected[key], rtol=0, atol=1e-14)
    AL = net.forward(sparse.csr_matrix(X))
    np.testing.assert_allclose(AL, net.predict(X), rtol=0, atol=1e-14)


def test_custom_parts_may_be_used():
    bump = deepnet.Activation("bump", lambda Z: np.exp(-Z * Z), lambda dA, Z: -2 * Z * np.exp(-Z * Z) * dA)

    class Signs(deepnet.optimizers.Optimizer):
        def update(self, p, g, slots, rate, t):
            p -= p.dtype.type(rate) * np.sign(g)

    net = Network([4, 9, 3], [bump, "identity"], seed=0)
    X, Y = examples(8)
    _, expected = net.loss_and_grads(X, Y)
    grads = net.backward(dA=2 * (net.forward(X) - Y) / 3)
    for key, grad in grads.items():
        np.testing.assert_allclose(grad, expected[key], rtol=0, atol=1e-5)
    before = parameters_of(net)
    net.apply_gradients(grads, optimizer=Signs(0.5))
    np.testing.assert_array_equal(
        net.parameters["W2"], before["W2"] - np.float32(0.5) * np.sign(grads["dW2"])
    )


def test_a_deep_copy_is_independent():
    """It shares only what is never changed."""

    class Mine(Network):
        notes = None

    net = Mine([4, 9, 3], seed=0, l2=0.1, dropout=0.2, input_scale=0.5)
    net.optimizer, net.notes, net.class_names = Adam(0.1), {"seen": [1]}, ["a", "b", "c"]
    X, Y = examples(8)
    net.train_on_batch(X, Y)
    other = copy.deepcopy(net)
    assert type(other) is Mine
    assert_same_bits(other, net.parameters)
    assert (other.optimizer, other.layers, other.class_names) == (net.optimizer, net.layers, net.class_names)
    other.notes["seen"].append(2)
    other.train_on_batch(X, Y)
    other.input_scale = 1.0
    assert net.notes == {"seen": [1]}
    assert net.input_scale == 0.5
    assert (net.parameters["W1"] != other.parameters["W1"]).any()
