"""Arguments that training and prediction refuse: the error, and that nothing has changed."""

import contextlib
import copy
import itertools
import threading

import numpy as np
import pandas as pd
import pytest

import deepnet
from deepnet import backends
from deepnet.callbacks import EarlyStopping
from networks import Unchanged
from problems import assert_same_bits, parameters_of, problem, sgd

pytestmark = pytest.mark.usefixtures("backend")

X, Y = problem(6, 20)
Y2 = problem(6, 20, 3)[1]
NAN = X.copy()
NAN[2, 7] = np.nan
FIT = {"epochs": 1, "batch_size": 5}

CREATE = [  # arguments, options, error, words
    (([3],), {}, ValueError, "layer_dims has 1 entry, but a network needs at least an input and an output"),
    (([3, 0, 1],), {}, ValueError, r"layer_dims\[1\] is 0: zero units"),
    (([3, 2.0, 1],), {}, TypeError, r"layer_dims\[1\] is 2.0"),
    ((5,), {}, TypeError, "layer_dims is an int"),
    (([10**6, 10**9, 10**6],), {}, MemoryError, r"2e\+15 parameters"),
    (([3, 1], "rleu"), {}, ValueError, "did you mean 'relu'"),
    (([3, 1], "relu", "softmix"), {}, ValueError, "unknown activation 'softmix': did you mean 'softmax'"),
    (([3, 4, 1], ["relu"]), {}, ValueError, "activation has 1 name, but there are 2 layers"),
    (
        ([3, 1], ["relu"], "tanh"),
        {},
        ValueError,
        "output is 'tanh', but activation already names every layer",
    ),
    (([3, 1], 3), {}, TypeError, "activation is 3"),
    (([3, 1],), {"dtype": "float16"}, TypeError, "dtype is 'float16', but must be float32 or float64"),
    (([3, 1],), {"dtype": None}, TypeError, "dtype is None"),
    (([3, 1],), {"dtype": "nonsense"}, TypeError, "dtype is 'nonsense'"),
    (([3, 1],), {"seed": -1}, ValueError, "seed is -1, but must be 0 or more"),
    (([3, 1],), {"seed": 1.5}, TypeError, "seed is 1.5"),
    (([3, 1],), {"initializer": "he"}, ValueError, "unknown initializer 'he'.*zeros"),
    (([3, 1],), {"initializer": 3}, TypeError, "initializer is 3"),
    (([3, 1],), {"initializer": lambda *_: np.ones(3)}, ValueError, r"returned shape \(3,\), but W1 must be"),
    (([3, 1],), {"initializer": lambda *_: "W"}, TypeError, "initializer returned a str"),
]


@pytest.mark.parametrize(("arguments", "options", "error", "words"), CREATE)
def test_networks_that_cannot_be(arguments, options, error, words):
    with pytest.raises(error, match=words):
        deepnet.Network(*arguments, **options)


EVERYWHERE = [  # X, Y, error, words
    (X.T, Y, ValueError, r"X has 20 rows, but the network has 6 inputs; one column per example: X\.T\?"),
    (X[:4], Y, ValueError, "X has 4 rows, but the network has 6 inputs"),
    (X[:, 0], Y, ValueError, r"X has shape \(6,\), but must have two dimensions: X.reshape\(-1, 1\)"),
    (X[:, :0], Y[:, :0], ValueError, r"X has shape \(6, 0\): zero examples"),
    (X.astype(int), Y, TypeError, r"X is int64, but must be float32, float64, float16 or uint8: X.astype"),
    (X > 0, Y, TypeError, r"X is bool, .*: X.view\(np.uint8\)"),
    (X.astype(complex), Y, TypeError, "X is complex128, .*: X.real"),
    (X.astype(object), Y, TypeError, "X is object"),
    (
        X.astype(">f4"),
        Y,
        TypeError,
        r'X is byte-swapped float32, .*: X.astype\(X.dtype.newbyteorder\("="\)\)',
    ),
    (X.tolist(), Y, TypeError, "X is a list"),
    (None, Y, TypeError, "X is None"),
    (
        pd.DataFrame(X),
        Y,
        ValueError,
        r"X has 20 columns, but the network has 6 inputs; one row per example: X.T",
    ),
    (pd.Series(X[:, 0]), Y, TypeError, r"X is a pandas Series, .*: X.to_numpy\(\).reshape\(-1, 1\)"),
    (
        pd.DataFrame(X.T, columns=list("abcdef")).assign(b="Rome", f="Lima"),
        Y,
        TypeError,
        r"the column 'b' of X holds .*'Rome' \(so do 'f'\).*Tabular.*X.drop\(columns=\['b', 'f'\]\)",
    ),
    (np.ma.array(X, mask=X > 0), Y, TypeError, "X is a masked array"),
]
TARGETS = [
    (
        X,
        Y[:, :19],
        ValueError,
        r"Y has shape \(1, 19\), but the network \(1 output, 20 examples\) has \(1, 20\)",
    ),
    (X, Y.astype("uint16"), TypeError, r"Y is uint16, .*: Y.astype\(np.int64\)"),
    (X, Y.astype(complex), TypeError, "Y is complex128"),
    (X, Y * 2, ValueError, r"Y\[0, \d+\] is 2, but labels must lie in \[0, 1\]"),
    (
        X,
        Y * 2.0 - 1,
        ValueError,
        r"is -1.0, but labels must lie in \[0, 1\]; for two classes: Y == 1",
    ),
    (X, np.where(Y, np.nan, 0), ValueError, r"Y\[0, \d+\] is nan, but labels"),
    (X, None, TypeError, "Y is None"),
    (X, pd.Series(Y[0, :19]), ValueError, r"Y has shape \(19,\)"),
    (X, pd.Series(Y[0]).map({0: "no", 1: "yes"}), TypeError, "Y is a Series with entries of 'no', 'yes'"),
    (X, pd.Series(Y[0]).where(Y[0] == 1, None), ValueError, r"Y\[0, \d+\] is nan"),
]


def calls(x, y):
    net = deepnet.Network([6, 4, 1], seed=0)
    yield net, lambda: net.fit(x, y, **FIT)
    yield net, lambda: net.train_on_batch(x, y)
    yield net, lambda: net.evaluate(x, y)
    yield net, lambda: net.loss_and_grads(x, y)


@pytest.mark.parametrize(("x", "y", "error", "words"), EVERYWHERE + TARGETS)
def test_data_that_do_not_fit(x, y, error, words):
    for net, call in calls(x, y):
        before = parameters_of(net)
        with pytest.raises(error, match=words):
            call()
        assert_same_bits(net, before)
        with pytest.raises(error, match=f"validation_data: .*{words}"):
            net.fit(X, Y, **FIT, validation_data=(x, y))
        assert_same_bits(net, before)


@pytest.mark.parametrize(("x", "_", "error", "words"), EVERYWHERE)
def test_inputs_that_do_not_fit(x, _, error, words):
    with pytest.raises(error, match=words):
        deepnet.Network([6, 4, 1]).predict(x)


FITS = [
    ({"epochs": -1}, ValueError, "epochs is -1, but must be 0 or more"),
    ({"epochs": 1.0}, TypeError, "epochs is 1.0, but must be a whole number"),
    ({"batch_size": 0}, ValueError, "batch_size is 0, but must be 1 or more"),
    ({"batch_size": None}, TypeError, "batch_size is None"),
    (
        {"optimizer": 0.1},
        TypeError,
        r"optimizer is 0.1, but must be an optimizer: optimizer=deepnet.SGD\(0.1\)",
    ),
    ({"optimizer": []}, TypeError, r"deepnet.SGD\(0.01\)"),
    ({"optimizer": deepnet.SGD(1e39)}, ValueError, r"learning_rate is 1e\+39, beyond the range of float32"),
    (
        {"loss": "mse"},
        ValueError,
        "unknown loss 'mse': did you mean 'mean_squared_error'. Known are",
    ),
    ({"shuffle": 1}, TypeError, "shuffle is 1, but must be True or False"),
    ({"seed": 2**64}, ValueError, "seed is 18446744073709551616"),
    ({"seed": "a"}, TypeError, "seed is 'a'"),
    ({"validation_data": X}, TypeError, r"validation_data is an ndarray, but must be \(X, Y\)"),
    ({"validation_data": (X,)}, TypeError, "validation_data has 1 entry"),
    ({"callbacks": print}, TypeError, r"callbacks is one function.*callbacks=\[print\]"),
    ({"callbacks": [3]}, TypeError, r"callbacks\[0\] is 3"),
    ({"callbacks": None}, TypeError, "callbacks is a NoneType"),
    ({"progress": 3}, TypeError, "progress is 3"),
    ({"threads": 0}, ValueError, "threads is 0, but must be 1 or more"),
    ({"threads": -1}, ValueError, "threads is -1"),
    ({"threads": 10**6}, ValueError, "but must be 1024 or less"),
    ({"threads": 1.5}, TypeError, "threads is 1.5"),
    ({"input_scale": "255"}, TypeError, "input_scale is '255'"),
    ({"input_scale": 0}, ValueError, "input_scale is 0, but must be finite and not 0"),
    ({"input_scale": np.nan}, ValueError, "input_scale is nan"),
]


@pytest.mark.parametrize(("options", "error", "words"), FITS)
def test_options_of_fit(options, error, words):
    net = deepnet.Network([6, 4, 1], seed=0)
    before = parameters_of(net)
    with pytest.raises(error, match=words):
        net.fit(X, Y, **(FIT | options))
    assert_same_bits(net, before)
    assert net.optimizer == sgd(0.01)
    if options.keys() <= {"threads", "input_scale", "loss", "optimizer"}:
        with pytest.raises(error, match=words):
            net.train_on_batch(X, Y, **options)
    if options.keys() <= {"threads", "input_scale"}:
        for call in (lambda: net.predict(X, **options), lambda: net.evaluate(X, Y, **options)):
            with pytest.raises(error, match=words):
                call()


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: deepnet.SGD(-0.1), ValueError, "learning_rate is -0.1, but must be 0 or more"),
        (lambda: deepnet.SGD(np.inf), ValueError, "learning_rate is inf"),
        (lambda: deepnet.SGD("0.1"), TypeError, "learning_rate is '0.1'"),
        (lambda: deepnet.SGD(10**400), ValueError, "beyond the range of float64"),
        (lambda: EarlyStopping(patience=0), ValueError, "patience is 0"),
        (lambda: EarlyStopping(min_delta=-1), ValueError, "min_delta is -1"),
    ],
)
def test_settings_that_make_no_sense(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_cross_entropy_wants_a_sigmoid():
    net = deepnet.Network([6, 3], "relu", "tanh")
    with pytest.raises(ValueError, match="defined for a sigmoid output, but the network's is 'tanh'"):
        net.fit(X, Y2, **FIT, loss="binary_cross_entropy")
    assert net.fit(X, Y2 * 5.0 - 9, **FIT).epochs == 1


def test_labels_where_one_hot_columns_are_wanted():
    net = deepnet.Network([6, 3])
    with pytest.raises(ValueError, match=r"3 outputs want one-hot columns: np.eye\(3\)\[:, Y.ravel\(\)\]"):
        net.fit(X, np.arange(20) % 3, **FIT)


A = np.zeros((3, 20), np.float32)
OUTS = [
    (A.astype(float), TypeError, "out is float64, but the network computes in float32"),
    (A.tolist(), TypeError, "out is a list"),
    (A.T, ValueError, r"out has shape \(20, 3\), but must be \(3, 20\)"),
    (np.broadcast_to(np.float32(0), A.shape), ValueError, "out is not writable"),
    (np.lib.stride_tricks.as_strided(A, A.shape, (0, 4)), ValueError, "entries that share memory"),
    (np.lib.stride_tricks.as_strided(A, A.shape, (4, 4)), ValueError, "entries that share memory"),
    (np.lib.stride_tricks.as_strided(A, A.shape, (4 * 19, 4)), ValueError, "entries that share memory"),
    (np.lib.stride_tricks.as_strided(A, A.shape, (4, 8)), ValueError, "entries that share memory"),
]


@pytest.mark.parametrize(("out", "error", "words"), OUTS)
def test_where_no_prediction_can_be_written(out, error, words):
    net = deepnet.Network([6, 3])
    with Unchanged(X), pytest.raises(error, match=words):
        net.predict(X, out)
    x = X.copy()
    with Unchanged(x), pytest.raises(ValueError, match="out shares memory with X"):
        net.predict(x, x[:3])
    both = np.empty((6, 40), np.float32)
    with pytest.raises(ValueError, match=r"out is interleaved .* X.*np.empty\(\(3, 20\), np.float32"):
        net.predict(both[:, ::2], both[:3, 1::2])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_every_layout_of_out_is_written_like_a_new_array_or_refused(outputs, dtype):
    """All pairs of strides of up to 8 elements, forwards and backwards: no entry is written twice."""
    x = X[:, :4].astype(dtype)
    net = deepnet.Network([6, outputs], seed=0, dtype=dtype)
    expected, size, written = net.predict(x), np.dtype(dtype).itemsize, 0
    for row, column in itertools.product(range(-8, 9), repeat=2):
        memory = np.full(256, 7, dtype)
        out = np.lib.stride_tricks.as_strided(memory[128:], (outputs, 4), (row * size, column * size))
        addresses = {row * i + column * j for i in range(outputs) for j in range(4)}
        if len(addresses) < 4 * outputs:
            with pytest.raises(ValueError, match="share memory, or rows that interleave"):
                net.predict(x, out)
            assert (memory == 7).all()
            continue
        with contextlib.suppress(ValueError):  # rows that interleave
            net.predict(x, out)
            np.testing.assert_array_equal(out, expected)
            written += 1
    assert written >= 64


def test_parameters_of_another_shape_or_type_are_refused():
    net = deepnet.Network([6, 4, 1])
    with pytest.raises(ValueError, match="parameters are those of a network 6-4-1, but this one is 6-1"):
        deepnet.Network([6, 1]).parameters = net.parameters
    with pytest.raises(TypeError, match="W1 is int64"):
        deepnet.Network.from_parameters({"W1": np.ones((1, 2), int), "b1": np.ones((1, 1))})


# --- several threads ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_network_is_trained_by_one_thread_at_a_time():
    with backends.use_backend("native"):  # the twin's training is Python, which others may interrupt anywhere
        net = deepnet.Network([6, 40, 1], seed=0)
    x, y = np.tile(X, 10000), np.tile(Y, 10000)
    started = threading.Event()
    run = {"epochs": 3, "batch_size": 1, "progress": lambda done, total: started.set()}
    thread = threading.Thread(target=net.fit, args=(x, y), kwargs=run)
    thread.start()
    started.wait()  # some 50 ms into the first epoch, which takes longer
    try:
        for call in (lambda: net.train_on_batch(X, Y), lambda: net.fit(X, Y, **FIT)):
            with pytest.raises(RuntimeError, match=r"trained by another thread.*copy.deepcopy\(net\)"):
                call()
        assert copy.deepcopy(net).fit(X, Y, **FIT).epochs == 1
        assert net.predict(X).shape == (1, 20)
    finally:
        thread.join()
    assert net.fit(X, Y, **FIT).epochs == 1


def test_a_callback_may_not_fit_the_network_that_is_being_fitted():
    net = deepnet.Network([6, 4, 1], seed=0)
    for call in (lambda n, h: n.fit(X, Y, **FIT), lambda n, h: n.train_on_batch(X, Y)):
        with pytest.raises(RuntimeError, match="being trained"):
            net.fit(X, Y, **FIT, callbacks=[call])
    assert net.fit(X, Y, **FIT).epochs == 1


def test_many_threads_predict_at_once():
    net = deepnet.Network([6, 100, 100, 1], seed=0)
    expected = net.predict(X)
    wrong = []

    def predict():
        for _ in range(200):
            if not np.array_equal(net.predict(X), expected):
                wrong.append(1)

    threads = [threading.Thread(target=predict) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
