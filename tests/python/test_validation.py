"""Checks of arguments that the tables of bad input do not reach: parts of large arrays, dtypes, advice."""

import threading

import numpy as np
import pytest
from scipy import sparse

import deepnet
from deepnet import callbacks
from deepnet._validation import by_hand, labels, weights
from deepnet._validation import sparse as sparse_checks
from deepnet.io import model_file
from deepnet.network import values

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


@pytest.mark.parametrize("dtype", [">f4", ">f8", "<f4", "f2"])
def test_slopes_keep_their_type_and_lose_their_byte_order(dtype):
    given = np.arange(3).astype(dtype)
    array = by_hand.slope("dA", given, 1, 3)
    assert array.dtype == given.dtype.newbyteorder("=")
    np.testing.assert_array_equal(array, [[0, 1, 2]])


def test_weights_of_classes_and_examples_are_multiplied_part_by_part(monkeypatch):
    monkeypatch.setattr(weights, "PART", 4)
    Y, given = np.arange(10).reshape(1, 10) % 2, np.arange(1.0, 11)
    product = weights.example_weights(given, {0: 1, 1: 10}, Y, F64, 2)
    np.testing.assert_array_equal(product, given * np.where(Y[0] == 1, 10, 1))
    given[9] = 1e38
    with pytest.raises(ValueError, match=r"sample_weight\[9\] is 1e\+38; times class_weight it is beyond"):
        weights.example_weights(given, {0: 1, 1: 10}, Y, F32, 2)


def test_balanced_weights_of_several_outputs_have_the_type_of_the_network():
    Y = np.array([[0, 1, 1, 1], [0, 0, 1, 1]])
    balanced = weights.example_weights(None, "balanced", Y, F32)
    assert balanced.dtype == F32
    np.testing.assert_allclose(balanced, [2, 2 / 3, 2 / 3, 2 / 3], rtol=1e-6)


def test_labels_are_checked_part_by_part(monkeypatch):
    monkeypatch.setattr(labels, "PART", 4)
    net = deepnet.Network([1, 1])
    Y = np.zeros(10)
    Y[[6, 8]] = 2, 3
    with pytest.raises(ValueError, match=r"Y\[0, 6\] is 2.0, but labels must lie in \[0, 1\]"):
        net.evaluate(np.zeros((1, 10)), Y)


@pytest.mark.parametrize(
    ("Y", "advice"),
    [
        ([0, 1, 2], "3 classes need 3 outputs and output='softmax'; for quantities"),
        ([1, 2, 3], "output='softmax', numbered by np.unique(Y, return_inverse=True)[1]; for quantities"),
        ([1, 2, 1], "for two classes: Y == 2"),
        ([0.5, 1.5, 0.2], "; for quantities use output='identity'"),
    ],
)
def test_advice_for_labels_that_are_not_probabilities(Y, advice):
    with pytest.raises(ValueError, match="but labels must lie in") as caught:
        deepnet.Network([1, 1]).evaluate(np.zeros((1, 3)), np.array(Y))
    assert advice in str(caught.value)
    assert ("numbered by" in str(caught.value)) == ("numbered by" in advice)


@pytest.mark.parametrize(("low", "advice"), [(1, "Y - 1"), (2, "Y - 2"), (-1, "Y + 1")])
def test_advice_for_classes_that_do_not_start_at_0(low, advice):
    net = deepnet.Network([1, 3], output="softmax")
    with pytest.raises(ValueError, match="whole numbers from 0 to 2") as caught:
        net.evaluate(np.zeros((1, 3)), low + np.arange(3))
    assert str(caught.value).endswith(f"; number the classes from 0: {advice}")


def test_an_epsilon_that_the_network_rounds_to_0():
    message = "epsilon is 1e-50, which float32 rounds to 0: a gradient of 0 would be divided by 0"
    X, Y = np.zeros((1, 3)), np.zeros(3)
    with pytest.raises(ValueError, match=message):
        deepnet.Network([1, 1]).fit(X, Y, epochs=1, optimizer=deepnet.Adam(epsilon=1e-50))
    deepnet.Network([1, 1], dtype="float64").fit(X, Y, epochs=1, optimizer=deepnet.Adam(epsilon=1e-50))


def test_classes_are_weighed_among_the_chosen_examples():
    Y, chosen = np.array([[0, 1, 1, 0, 1, 1]]), np.array([0, 1, 2, 4])
    given = np.arange(1.0, 7)
    weighed = weights.example_weights(given, {0: 10, 1: 1}, Y, F64, 2, chosen=chosen)
    np.testing.assert_array_equal(weighed[chosen], [10, 2, 3, 5])
    balanced = weights.example_weights(None, "balanced", Y, F64, 2, chosen=chosen)
    np.testing.assert_allclose(balanced[chosen], [2, 2 / 3, 2 / 3, 2 / 3])


A, W, b, Z = np.ones((2, 3)), np.ones((4, 2)), np.ones((4, 1)), np.ones((4, 3))
CACHE = ((A, W, b), Z)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: deepnet.linear_activation_backward(Z[:2], CACHE, "relu"),
            "dA has shape (2, 3), but must be (4, 3): the shape of Z",
        ),
        (
            lambda: deepnet.linear_backward(Z[:2], (A, W, b)),
            "dZ has shape (2, 3), but must be (4, 3): (rows of W, columns of A_prev)",
        ),
        (
            lambda: deepnet.relu_backward(Z[:2], Z),
            "dA has shape (2, 3), but must be (4, 3): the shape of Z, the cache",
        ),
        (
            lambda: deepnet.L_model_backward(Z[:2], Z[:2], [(*CACHE,)]),
            "AL has shape (2, 3), but must be (4, 3): the shape of the last layer's Z",
        ),
        (
            lambda: deepnet.linear_activation_backward(Z.astype("f4"), CACHE, "relu"),
            "dA is float32, but Z is float64: use one dtype, as in dA.astype(np.float64)",
        ),
        (
            lambda: deepnet.linear_backward(Z.astype("f4"), (A, W, b)),
            "dZ is float32, but W is float64: use one dtype, as in dZ.astype(np.float64)",
        ),
        (
            lambda: deepnet.linear_backward(Z, (A[:1], W, b)),
            "W has 2 columns, but A_prev has 1 row",
        ),
        (
            lambda: deepnet.L_model_forward(np.ones((3, 5)), {"W1": W, "b1": b}),
            "W1 has 2 columns, but X has 3 rows",
        ),
        (
            lambda: deepnet.L_model_forward(np.ones((3, 2)), {"W1": W, "b1": b}),
            "W1 has 2 columns, but X has 3 rows; one column per example: X.T?",
        ),
        (
            lambda: deepnet.L_model_forward(A.astype("f4"), {"W1": W, "b1": b}),
            "W1 is float64, but X is float32: use one dtype, as in W1.astype(np.float32)",
        ),
        (
            lambda: deepnet.compute_cost(Z[:2] * 2, Z[:2]),
            "AL[0, 0] is 2.0, but probabilities must lie in [0, 1]",
        ),
        (
            lambda: deepnet.compute_cost(Z[:2], Z),
            "Y has shape (4, 3), but AL has (2, 3)",
        ),
    ],
)
def test_whole_messages(call, message):
    with pytest.raises((TypeError, ValueError)) as caught:
        call()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("indptr", lambda a: a[:-1], "X.indptr has 3 entries, but must have one more than the 3 columns"),
        ("indices", lambda a: a.astype(float), "X.indices is float64 with shape (3,)"),
        ("data", lambda a: a.reshape(1, -1), "X.data is float64 with shape (1, 3)"),
    ],
)
def test_arrays_of_a_sparse_matrix(name, change, message):
    X = sparse.csc_matrix(np.eye(3))
    setattr(X, name, change(getattr(X, name)))
    with pytest.raises(ValueError, match="X is a damaged CSC matrix: ") as caught:
        sparse_checks.in_order("X", X, "csc")
    assert str(caught.value).endswith(message)


def test_sparse_matrices_of_other_types_and_sizes(monkeypatch):
    X = sparse.csc_matrix(np.diag([1.0, np.inf, np.nan]))
    assert sparse_checks.first_not_finite(X, F64, 1.0, None)[:2] == (1, 1)
    assert sparse_checks.first_not_finite(X, F64, 1.0, np.array([0, 2]))[:2] == (2, 2)
    assert sparse_checks.first_not_finite(X, F64, 1.0, np.array([0])) is None
    X.data = X.data.astype(np.float16)
    assert sparse_checks.in_order("X", X, "csr").dtype == F32
    monkeypatch.setattr(sparse_checks, "MOST_NUMBERS", 2)
    with pytest.raises(ValueError, match="X has 3 numbers, but a sparse matrix may have 2 at most"):
        sparse_checks.in_order("X", X, "csc")


def test_values_of_files():
    arrays = {}
    given = [np.float32(0.5), b"ab", np.dtype("float32"), {"a": (1, float("inf"))}, np.array(["x", "yz"])]
    content = values.encoded(given, arrays, "v")
    same = values.decoded(content, arrays)
    assert same[:4] == [0.5, b"ab", np.dtype("float32"), {"a": (1, float("inf"))}]
    np.testing.assert_array_equal(same[4], given[4])
    with pytest.raises(values.Unsavable, match="a file cannot hold an array of complex128"):
        values.encoded(np.ones(2, complex), {}, "v")
    with pytest.raises(ValueError, match="'1e9' is not nan, inf or -inf"):
        values.decoded({"float": "1e9"}, {})


def test_callbacks_of_one_run(tmp_path):
    logger = callbacks.CSVLogger(tmp_path / "log.csv")
    assert repr(logger) == f"CSVLogger({str(tmp_path / 'log.csv')!r})"
    X, Y = np.zeros((1, 3)), np.zeros(3)
    pair = [deepnet.Network([1, 1]), deepnet.Network([1, 1])]
    with pytest.raises(ValueError, match=r"one CSVLogger cannot follow two networks: .*log\.csv would mix"):
        deepnet.fit_many(pair, X, Y, epochs=1, callbacks=[logger])
    checkpoint = callbacks.ModelCheckpoint(tmp_path / "run", on_sigterm=True)
    errors = []

    def fit():
        try:
            pair[0].fit(X, Y, epochs=1, callbacks=[checkpoint])
        except ValueError as error:
            errors.append(str(error))

    thread = threading.Thread(target=fit)
    thread.start()
    thread.join()
    assert errors == ["on_sigterm=True is for runs in the main thread, which alone gets signals"]


def test_long_lists_are_cut():
    parameters = deepnet.initialize_parameters_deep([2] * 6)
    with pytest.raises(ValueError, match=r"grads lacks ") as caught:
        deepnet.update_parameters(parameters, {}, 0.1)
    assert str(caught.value) == "grads lacks 'dW1', 'db1', 'dW2', 'db2', 'dW3', 'db3' and 4 more"


def test_balanced_weights_beyond_the_range_of_float32():
    """Of 150 outputs, each 1 for one of 10 examples: 5 to the 150th."""
    Y = np.zeros((150, 10))
    Y[:, 3] = 1
    with pytest.raises(ValueError, match="the balanced weight of example 3 is beyond the range of float32"):
        weights.example_weights(None, "balanced", Y, F32)


@pytest.mark.parametrize(
    ("where", "name", "value", "message"),
    [
        ("training", "updates", -1, "updates is -1, but must be a whole number from 0"),
        ("training", "slots", 5, "slot 2 of W1 is missing, or does not have its shape and dtype"),
        ("training", "slots", 1, "Adam has 2 slots, but the file 1"),
        ("run", "facts", 3, "facts is 3, but must be a JSON object"),
        ("run", "rate", "fast", "rate is 'fast', and stopped False"),
    ],
)
def test_checkpoints_whose_parts_contradict_each_other(tmp_path, where, name, value, message):
    X, Y = np.arange(3.0).reshape(1, 3), np.zeros(3)
    checkpoint = callbacks.ModelCheckpoint(tmp_path / "run")
    deepnet.Network([1, 1]).fit(X, Y, epochs=1, optimizer="adam", callbacks=[checkpoint])
    path = checkpoint.latest()
    model = model_file.read_model(path)
    training = model.about["training"]
    (training if where == "training" else training["run"])[name] = value
    model_file.write_model(path, model)
    with pytest.raises(ValueError, match=message):
        deepnet.Network([1, 1]).fit(X, Y, epochs=2, optimizer="adam", resume_from=path)
