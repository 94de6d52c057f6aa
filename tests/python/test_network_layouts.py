"""Every array that Network takes, in every memory layout and dtype: the bits that C-ordered copies give."""

import numpy as np
import pytest

import deepnet
from deepnet import backends
from layouts import LAYOUTS, plain
from networks import Unchanged

pytestmark = pytest.mark.usefixtures("backend")

DIRECT = [layout for layout in LAYOUTS if layout != "swapped bytes"]
M = 19
RANDOM = np.random.default_rng(0)
X = np.abs(RANDOM.normal(size=(4, M))) * 50
LABELS = {  # outputs, output, Y
    "flags": (1, "sigmoid", RANDOM.integers(0, 2, (1, M))),
    "flags of one dimension": (1, "sigmoid", RANDOM.integers(0, 2, M)),
    "classes": (3, "softmax", RANDOM.integers(0, 3, M)),
    "one-hot": (3, "softmax", np.eye(3)[:, RANDOM.integers(0, 3, M)]),
    "numbers": (2, "identity", RANDOM.integers(-3, 4, (2, M))),
}
FLOATS, WHOLE = ["float16", "float32", "float64"], ["uint8", "int8", "int32", "int64", "longlong"]


def same(actual, expected):
    """Bit for bit; BLAS, which the NumPy engine uses, rounds by the layout."""
    tolerance = 0 if backends.backend_name() == "native" else 1e-5
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


def results(outputs, output, dtype, x, y, weights):
    """What each method returns, and the parameters after training."""
    net = deepnet.Network([4, 5, outputs], "tanh", output, dtype=dtype, seed=0)
    loss, grads = net.loss_and_grads(x, y, sample_weight=weights, input_scale=1 / 255)
    numbers = [
        loss,
        net.evaluate(x, y, sample_weight=weights),
        net.train_on_batch(x, y, sample_weight=weights),
    ]
    numbers += net.fit(x, y, epochs=2, batch_size=7, sample_weight=weights, seed=1, input_scale=1 / 255).loss
    return [np.array(numbers), net.predict(x), *grads.values(), *net.parameters.values()]


@pytest.mark.slow
@pytest.mark.parametrize("layout", DIRECT)
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_data_in_any_layout(dtype, labels, layout):
    outputs, output, Y = LABELS[labels]
    for x_kind, y_kind, w_kind in [
        (dtype, "int64", "float64"),
        ("uint8", "float32", "uint8"),
        ("float16", "float16", "float32"),
        ("float64", "int8", "int64"),
        ("float32", "uint8" if Y.min() >= 0 else "int32", "bool"),
        ("uint8", "bool" if Y.max() == 1 else "longlong", "float16"),
    ]:
        x, y = LAYOUTS[layout](X.astype(x_kind)), LAYOUTS[layout](Y.astype(y_kind))
        weights = LAYOUTS[layout](RANDOM.integers(0, 3, M).astype(w_kind))
        if labels == "one-hot" and layout == "broadcast":
            y = y.astype(y_kind).copy()
            y[1:] = 0  # the first row repeated: more than one class
            y[0] = 1
        with Unchanged(x, y, weights):
            actual = results(outputs, output, dtype, x, y, weights)
        for a, e in zip(
            actual, results(outputs, output, dtype, plain(x), plain(y), plain(weights)), strict=True
        ):
            same(a, e)


@pytest.mark.parametrize("kind", [*FLOATS, *WHOLE])
def test_swapped_bytes_are_refused_by_name(kind):
    net = deepnet.Network([4, 1], seed=0)
    swapped = LAYOUTS["swapped bytes"]
    x, y, weights = X.astype("float32"), LABELS["flags"][2].astype(kind), np.ones(M, kind)
    if kind in FLOATS:
        with pytest.raises(TypeError, match=f"X is byte-swapped {kind}"):
            net.predict(swapped(X.astype(kind)))
    if np.dtype(kind).itemsize > 1:
        with pytest.raises(TypeError, match="Y is byte-swapped"):
            net.evaluate(x, swapped(y))
    same(net.evaluate(x, y, sample_weight=swapped(weights)), net.evaluate(x, y))


@pytest.mark.parametrize("layout", [*DIRECT])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_out_in_any_layout(dtype, layout):
    net = deepnet.Network([4, 5, 3], seed=0, dtype=dtype)
    x = X.astype(dtype)
    out = LAYOUTS[layout](np.zeros((3, M), dtype))
    if layout in ("broadcast", "misaligned", "field of records", "read-only"):
        with Unchanged(out), pytest.raises(ValueError, match=r"out is not|out has entries"):
            net.predict(x, out)
    else:
        assert net.predict(x, out) is out
        same(np.asarray(out), net.predict(x))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parameters_in_any_layout(dtype, layout):
    given = {
        key: LAYOUTS[layout](p.astype(dtype))
        for key, p in deepnet.Network([4, 5, 1], seed=3).parameters.items()
    }
    expected = {key: plain(p) for key, p in given.items()}
    with Unchanged(given):
        nets = [deepnet.Network.from_parameters(given), deepnet.Network([4, 5, 1], dtype=dtype)]
        nets[1].parameters = given
    for net in nets:
        for key, p in net.parameters.items():
            np.testing.assert_array_equal(p, expected[key])


@pytest.mark.parametrize("optimizer", [deepnet.SGD(0.01), deepnet.Adam(clip_norm=0.01)], ids=["SGD", "Adam"])
@pytest.mark.parametrize(
    ("dtype", "n", "m", "units"), [("float32", 1301, 209, 20), ("float64", 2500, 64, 24)], ids=str
)
def test_examples_that_are_read_in_place(dtype, n, m, units, optimizer):
    """A large X of a first layer with few units is packed only if its layout demands it."""
    if backends.backend_name() != "native":
        pytest.skip("BLAS, which the NumPy engine uses, rounds by the layout")
    rng = np.random.default_rng(1)
    wide = rng.normal(size=(n, m + 3)).astype(dtype)
    y = rng.integers(0, 2, (1, m))
    x = wide[:, 2 : m + 2]  # rows that begin anywhere in a cache line
    found = []
    for data, threads in [(np.asfortranarray(x), 1), (x, 1), (x, 2), (np.ascontiguousarray(x), 2)]:
        net = deepnet.Network([n, units, 3, 1], dtype=dtype, seed=0)
        net.optimizer = optimizer
        loss, grads = net.loss_and_grads(data, y)
        steps = [loss, net.evaluate(data, y), net.train_on_batch(data, y), net.train_on_batch(x.copy("F"), y)]
        steps += net.fit(data, y, epochs=2, batch_size=m, threads=threads).loss
        steps += net.fit(data, y, epochs=1, batch_size=m - 1, seed=3, threads=threads).loss
        found.append([np.array(steps), *grads.values(), *net.parameters.values()])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
