"""Sparse X, SciPy's CSC and CSR matrices: the bits of the dense array; damaged ones are errors."""

import numpy as np
import pytest

import deepnet
from interrupts import work_after_ctrl_c

sparse = pytest.importorskip("scipy.sparse", reason="needs SciPy")

N, M = 60, 90
TABLE = sparse.random(N, M, 0.1, "csc", random_state=0)  # float64
Y = np.random.default_rng(0).integers(0, 3, M)
WEIGHTS = np.random.default_rng(1).uniform(0, 2, M)
OPTIONS = {
    "plain": {},
    "adam": {"optimizer": deepnet.Adam(0.01), "batch_size": 20, "shuffle": True, "sample_weight": WEIGHTS},
    "input_scale": {"input_scale": 0.5, "optimizer": deepnet.Momentum(0.01), "batch_size": 40},
    "chosen": {"examples": np.arange(3, 50), "validation_data": np.arange(50, 90)},
    "split": {"validation_split": 0.3, "batch_size": 7},
}
NETWORKS = {
    "plain": ([N, 20, 3], {}),
    "dropout": ([N, 20, 3], {"input_dropout": 0.3, "dropout": 0.1, "l2": 0.01}),
    "no hidden layer": ([N, 3], {}),
}
RUN = {"epochs": 2, "batch_size": 32, "seed": 3}


def network(layers, dtype="float32", **options):
    return deepnet.Network(layers, output="softmax", seed=1, dtype=dtype, **options)


def everything(X, which, dtype, options):
    """What a network makes of X: losses, parameters, predictions, gradients."""
    layers, settings = NETWORKS[which]
    net = network(layers, dtype, **settings)
    history = net.fit(X, Y, **RUN | options)
    loss, grads = net.loss_and_grads(X, Y)
    results = [history.loss, history.validation_loss, loss, net.evaluate(X, Y, sample_weight=WEIGHTS)]
    results += [net.train_on_batch(X, Y), net.predict(X), net.predict(X[:, :2])]
    return [np.asarray(r) for r in [*results, *grads.values(), *net.parameters.values()]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", OPTIONS)
def test_the_bits_of_the_dense_array(case, dtype):
    for which in NETWORKS:
        expected = everything(TABLE.toarray(), which, dtype, OPTIONS[case])
        for found, want in zip(everything(TABLE, which, dtype, OPTIONS[case]), expected, strict=True):
            np.testing.assert_array_equal(found, want)


@pytest.mark.parametrize("case", OPTIONS)
def test_the_reference_agrees(case):
    """NumPy's and SciPy's products sum in other orders; in float64, ten digits are left after two epochs."""
    native = everything(TABLE, "dropout", "float64", OPTIONS[case])
    with deepnet.use_backend("numpy"):
        reference = everything(TABLE, "dropout", "float64", OPTIONS[case])
    for found, want in zip(native, reference, strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_other_types_are_read_as_they_are(dtype):
    X = (TABLE * 100).astype(dtype)
    net = network([N, 9, 3], input_scale=0.01)
    np.testing.assert_array_equal(net.predict(X), net.predict(X.toarray()))


def test_other_forms_are_converted(backend):
    """CSR, int64 indices, unordered and repeated ones: all are the same X, which is not changed."""
    net = network([N, 9, 3])
    expected = net.predict(TABLE)
    wide = TABLE.copy()
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    order = np.concatenate(
        [np.arange(a, b)[::-1] for a, b in zip(TABLE.indptr, TABLE.indptr[1:], strict=False)]
    )
    backwards = sparse.csc_array((TABLE.data[order], TABLE.indices[order], TABLE.indptr), TABLE.shape)
    halves = sparse.csc_matrix(
        (np.repeat(TABLE.data / 2, 2), np.repeat(TABLE.indices, 2), TABLE.indptr * 2), TABLE.shape
    )
    for X in (TABLE.tocsr(), wide, backwards, halves):
        before = [array.copy() for array in (X.data, X.indices, X.indptr)]
        np.testing.assert_array_equal(net.predict(X), expected)
        assert np.isfinite(net.fit(X, Y, epochs=1, batch_size=32).loss[0])
        for array, copy in zip((X.data, X.indices, X.indptr), before, strict=True):
            np.testing.assert_array_equal(array, copy)
        net = network([N, 9, 3])


def damaged(name, place, value):
    X = TABLE.copy()
    getattr(X, name)[place] = value
    return X


def shortened():
    X = TABLE.copy()
    X.indices = X.indices[:-1]
    return X


CASES = {
    "beyond": (damaged("indices", 7, N), rf"X\.indices\[7\] is {N}, but X has {N} rows: 0 to {N - 1}"),
    "negative": (damaged("indices", -1, -1), r"X\.indices\[539\] is -1"),
    "decreasing": (damaged("indptr", 4, 0), r"X\.indptr\[4\] is 0, but it must begin with 0 and never decr"),
    "late": (damaged("indptr", 0, 1), r"X\.indptr\[0\] is 1, but it must begin with 0"),
    "too long": (damaged("indptr", -1, 10**6), r"X\.indptr ends with 1000000, but X\.data has 540"),
    "short": (shortened(), r"X\.indptr ends with 540, but X\.data has 540 and X\.indices 539 entries"),
}


@pytest.mark.parametrize("case", CASES)
def test_damaged_matrices_are_errors(case, backend):
    X, message = CASES[case]
    net = network([N, 9, 3])
    before = [p.copy() for p in net.parameters.values()]
    calls = [net.predict, lambda X: net.fit(X, Y, **RUN), lambda X: net.train_on_batch(X, Y)]
    for call in [*calls, lambda X: net.evaluate(X, Y)]:
        with pytest.raises(ValueError, match=f"X is a damaged CSC matrix: {message}"):
            call(X)
    for p, q in zip(net.parameters.values(), before, strict=True):
        np.testing.assert_array_equal(p, q)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([10**6], r"X is a damaged CSC matrix: X\.indices\[2\] is 1000000"),
        ([N - 1, 0], "the indices of X do not increase"),
    ],
)
def test_a_callback_that_changes_the_indices_ends_the_run(values, message, backend):
    X = TABLE.copy()

    def damage(net, history):
        X.indices[2 : 2 + len(values)] = values

    with pytest.raises(ValueError, match=f"after epoch 1 of 3: {message}"):
        network([N, 9, 3]).fit(X, Y, epochs=3, batch_size=32, callbacks=[damage])


def test_other_mistakes_are_named(backend):
    net = network([N, 9, 3])
    with pytest.raises(ValueError, match=rf"X has {M} rows, but the network has {N} inputs; .*X\.T"):
        net.predict(TABLE.T)
    with pytest.raises(TypeError, match=r"X is int64, but must be .*X\.astype\(np\.float32\)"):
        net.predict(TABLE.astype(np.int64))
    with pytest.raises(TypeError, match=r"X is bool, but must be .*X\.astype\(np\.uint8\)"):
        net.predict(TABLE.astype(bool))
    with pytest.raises(TypeError, match=r"X is a coo_matrix, but must be .*: X\.tocsc\(\)"):
        net.predict(TABLE.tocoo())
    bad = damaged("data", 100, np.nan)
    row, column = bad.indices[100], np.searchsorted(bad.indptr, 100, side="right") - 1
    with pytest.raises(FloatingPointError, match=rf"X\[{row}, {column}\] is nan"):
        net.fit(bad, Y, **RUN)


def test_a_matrix_without_numbers_is_all_zeros(backend):
    net, X = network([N, 9, 3]), sparse.csc_array((N, M), dtype=np.float32)
    np.testing.assert_array_equal(net.predict(X), net.predict(X.toarray()))
    assert net.evaluate(X, Y) == net.evaluate(X.toarray(), Y)
    with pytest.raises(ValueError, match=r"X has shape \(60, 0\): zero examples"):
        net.predict(X[:, :0])


def test_out_may_not_be_the_memory_of_X():
    X = sparse.csc_matrix(np.ones((N, M), np.float32))
    out = X.data[: 3 * M].reshape(3, M)
    with pytest.raises(ValueError, match="out shares memory with X"):
        network([N, 9, 3]).predict(X, out=out)


def test_many_networks_share_a_sparse_X():
    alone, together = ([network([N, 9, 3]) for _ in range(3)] for _ in range(2))
    each = [{"examples": np.arange(i, 60 + i)} for i in range(3)]
    deepnet.fit_many(together, TABLE, Y, each=each, **RUN, threads=2)
    for net, other, own in zip(alone, together, each, strict=True):
        net.fit(TABLE, Y, **RUN, **own)
        np.testing.assert_array_equal(net.parameters["W1"], other.parameters["W1"])


def test_threads_and_chunks_do_not_matter():
    X = sparse.random(1500, 1300, 0.02, "csc", random_state=1, dtype=np.float32)
    y = np.arange(1300) % 3
    results = []
    for threads in (1, 2, 3):
        net = network([1500, 40, 3])
        net.fit(X, y, epochs=2, batch_size=700, optimizer="adam", seed=0, threads=threads)
        results.append([net.parameters["W1"].copy(), net.predict(X, threads=threads)])
    for found in results[1:]:
        for a, b in zip(found, results[0], strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(net.predict(X[:, 7:9]), results[0][1][:, 7:9])


@pytest.mark.slow
@pytest.mark.usefixtures("ctrl_c_is_heard")
def test_ctrl_c_stops_a_fit():
    X = sparse.random(5000, 2000, 0.01, "csc", random_state=0, dtype=np.float32)
    net = network([5000, 50, 3])
    run = {"epochs": 10**9, "batch_size": 500, "optimizer": "adam", "threads": 1}
    assert work_after_ctrl_c(lambda: net.fit(X, np.arange(2000) % 3, **run), 0.1) < 0.2
    assert all(np.isfinite(p).all() for p in net.parameters.values())
