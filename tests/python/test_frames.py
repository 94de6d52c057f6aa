"""Frames and series of pandas and polars as data of a network: their values, with a row per example."""

import re

import numpy as np
import pandas
import polars
import pytest

import deepnet
from deepnet._validation.examples import inputs
from deepnet.network.many import prepared
from networks import Unchanged
from problems import assert_same_bits

pytestmark = pytest.mark.usefixtures("backend")

TABLE = np.random.default_rng(0).normal(size=(12, 3))
Y = np.arange(12) % 2
COUNTS = np.arange(36).reshape(12, 3) % 7


def network(outputs=1, output="sigmoid", **options):
    return deepnet.Network([3, outputs], output=output, seed=1, **options)


FRAMES = {  # frames, and the same values as an array
    "pandas": (pandas.DataFrame(TABLE), TABLE),
    "pandas float32": (pandas.DataFrame(TABLE.astype(np.float32)), TABLE.astype(np.float32)),
    "pandas with an index": (pandas.DataFrame(TABLE, index=np.arange(12)[::-1]), TABLE),
    "pandas with one name for all": (pandas.DataFrame(TABLE, columns=list("aaa")), TABLE),
    "pandas Float64": (pandas.DataFrame(TABLE).astype("Float64"), TABLE),
    "pandas objects": (pandas.DataFrame(TABLE).astype(object), TABLE),
    "pandas integers": (pandas.DataFrame(COUNTS), COUNTS),
    "pandas bytes": (pandas.DataFrame(COUNTS.astype(np.uint8)), COUNTS),
    "pandas mixed": (
        pandas.DataFrame({"z": COUNTS[:, 0], "y": COUNTS[:, 1] > 3, "x": COUNTS[:, 2].astype(np.uint16)}),
        np.column_stack([COUNTS[:, 0], COUNTS[:, 1] > 3, COUNTS[:, 2]]),
    ),
    "polars": (polars.DataFrame(TABLE), TABLE),
    "polars by column": (polars.DataFrame(dict(zip("zyx", TABLE.T, strict=True))), TABLE),
    "polars mixed": (
        polars.DataFrame({"z": COUNTS[:, 0], "y": COUNTS[:, 1] > 3, "x": COUNTS[:, 2].astype(np.float32)}),
        np.column_stack([COUNTS[:, 0], COUNTS[:, 1] > 3, COUNTS[:, 2]]),
    ),
}
SERIES = [
    pandas.Series,
    polars.Series,
    lambda y: pandas.Series(y, index=np.arange(len(y))[::-1]),
    lambda y: pandas.Series(y, dtype="Int64"),
    lambda y: pandas.Series(y.astype(object)),
    lambda y: pandas.Series(y, dtype="uint16"),
    lambda y: pandas.Series(y, dtype="uint64"),
    lambda y: polars.Series(y, dtype=polars.UInt16),
    lambda y: pandas.DataFrame({"y": y}),
    lambda y: polars.DataFrame({"y": y}),
    lambda y: pandas.Series(y, dtype="category"),
    pandas.Categorical,
    pandas.Index,
]


@pytest.mark.parametrize("name", FRAMES)
def test_all_methods_read_a_frame_by_rows(name):
    frame, table = FRAMES[name]
    X = np.ascontiguousarray(table.T).astype(np.float64)
    X = X.astype(np.float32) if table.dtype == np.float32 else X
    nets = [network(), network()]
    for net, data in zip(nets, (X, frame), strict=True):
        net.fit(data, Y, epochs=2, batch_size=5, seed=2, validation_data=(data, Y))
        net.train_on_batch(data, Y)
    assert_same_bits(nets[0], nets[1].parameters)
    net = nets[0]
    np.testing.assert_array_equal(net.predict(frame), net.predict(X))
    np.testing.assert_array_equal(net.predict(frame, np.empty((1, 12), np.float32)), net.predict(X))
    assert net.evaluate(frame, Y, metrics=["accuracy"]) == net.evaluate(X, Y, metrics=["accuracy"])
    for key, g in net.loss_and_grads(frame, Y)[1].items():
        np.testing.assert_array_equal(g, net.loss_and_grads(X, Y)[1][key])


@pytest.mark.parametrize("made", SERIES)
def test_labels_and_weights_may_be_series(made):
    X = TABLE.T
    assert network().evaluate(X, made(Y)) == network().evaluate(X, Y)
    assert network().evaluate(X, Y, sample_weight=made(Y)) == network().evaluate(X, Y, sample_weight=Y)
    three = np.arange(12) % 3
    assert network(3, "softmax").evaluate(X, made(three)) == network(3, "softmax").evaluate(X, three)


@pytest.mark.parametrize("library", [pandas, polars])
def test_a_frame_of_one_hot_rows(library):
    one_hot = np.eye(3, dtype=bool)[np.arange(12) % 3]
    net = network(3, "softmax")
    assert net.evaluate(TABLE.T, library.DataFrame(one_hot)) == net.evaluate(TABLE.T, one_hot.T)
    mixed = library.DataFrame(
        {"a": one_hot[:, 0], "b": one_hot[:, 1].astype("u1"), "c": one_hot[:, 2].astype("i1")}
    )
    assert net.evaluate(TABLE.T, mixed) == net.evaluate(TABLE.T, one_hot.T)


@pytest.mark.parametrize("made", [pandas.Series, pandas.Index, polars.Series])
def test_columns_may_be_chosen_by_series(made):
    numbers, others = np.array([0, 2, 5, 7]), np.array([1, 3])
    mask = np.isin(np.arange(12), numbers)
    nets = [network() for _ in range(3)]
    losses = [
        net.fit(TABLE.T, Y, epochs=2, seed=0, examples=chosen, validation_data=validation).validation_loss
        for net, chosen, validation in zip(
            nets, (numbers, made(numbers), made(mask)), (others, made(others), made(others)), strict=True
        )
    ]
    assert losses[0] == losses[1] == losses[2]


def test_a_series_is_the_one_feature_of_many_examples():
    net = deepnet.Network([1, 1], seed=0)
    for series in (pandas.Series(TABLE[:, 0]), polars.Series(TABLE[:, 0])):
        np.testing.assert_array_equal(net.predict(series), net.predict(TABLE[:, :1].T))


def test_a_frame_of_one_array_is_not_copied():
    for kind in ("float64", "float32", "float16", "uint8"):
        frame = pandas.DataFrame(TABLE.astype(kind))
        assert np.shares_memory(inputs(frame, 3), frame.to_numpy())
        assert inputs(frame, 3).dtype == kind


def test_many_networks_share_what_is_read():
    frame, nets = FRAMES["pandas mixed"][0], [network() for _ in range(3)]
    trainings = prepared(nets, frame, pandas.Series(Y), None, {"epochs": 1})
    assert len({id(training.run.examples.X) for training in trainings}) == 1


@pytest.mark.parametrize(
    "column", ["words", "category", "numbers as categories", "enum", "words and numbers"]
)
def test_columns_that_are_not_numbers_are_named(column):
    columns = {
        "words": pandas.Series(["Rome", "Lima", None] * 4),
        "category": pandas.Series(["Rome", "Lima", None] * 4, dtype="category"),
        "numbers as categories": pandas.Series([1, 2, 3] * 4, dtype="category"),
        "enum": polars.Series(["Rome", "Lima", None] * 4, dtype=polars.Enum(["Rome", "Lima"])),
        "words and numbers": pandas.Series([1, "Lima", 3] * 4, dtype=object),
    }
    library = polars if column == "enum" else pandas
    frame = library.DataFrame({"a": TABLE[:, 0], "place": columns[column], "c": TABLE[:, 2]})
    with pytest.raises(TypeError, match=r"the column 'place' of X holds \w+, such as .*TabularClassifier"):
        network().predict(frame)


NOT_DATA = [
    pandas.DataFrame(TABLE).groupby(Y),
    pandas.Series(TABLE[:, 0]).groupby(Y),
    pandas.DataFrame(TABLE).rolling(3),
    pandas.Timestamp("2020-01-01"),
    polars.DataFrame(TABLE).group_by("column_0"),
    polars.LazyFrame(TABLE),
    polars.col("a"),
]


@pytest.mark.parametrize("value", NOT_DATA, ids=lambda value: type(value).__name__)
def test_objects_without_values_are_named(value):
    net = network()
    expected = f"is an? {type(value).__name__}, but must be a frame, a series or an array"
    with Unchanged(net.parameters):
        with pytest.raises(TypeError, match=f"^X {expected}"):
            net.predict(value)
        with pytest.raises(TypeError, match=f"^X {expected}"):
            net.fit(value, Y)
        with pytest.raises(TypeError, match=f"^Y {expected}"):
            net.fit(TABLE.T, value)
        with pytest.raises(TypeError, match=f"^sample_weight {expected}"):
            net.fit(TABLE.T, Y, sample_weight=value)


def test_a_list_of_lists_is_no_list_of_columns():
    with pytest.raises(TypeError, match="examples is a list of entries of different lengths, but must be an"):
        network().fit(TABLE.T, Y, examples=[[1, 2], [1, 2, 3]])


def test_missing_numbers_are_nan():
    holes = TABLE.copy()
    holes[4, 1] = np.nan
    frames = [
        pandas.DataFrame(holes),
        pandas.DataFrame(holes).astype("Float64"),
        polars.DataFrame(holes, nan_to_null=True),
        pandas.DataFrame(holes).astype(object).replace({np.nan: None}),
    ]
    expected = network().predict(holes.T)
    for frame in frames:
        np.testing.assert_array_equal(network().predict(frame), expected)
        with pytest.raises(FloatingPointError, match=r"row 4 of the column .* of X is nan"):
            network().fit(frame, Y, epochs=1)
        with pytest.raises(ValueError, match=r"row 4 of the column .* of X is nan, but must be finite"):
            network().predict(frame, check_finite=True)


# --- rows that are examples ---------------------------------------------------------------------------------


def test_rows_of_an_array_are_not_taken_for_examples():
    net = network()
    for call in (lambda: net.predict(TABLE), lambda: net.fit(TABLE, Y), lambda: net.evaluate(TABLE, Y)):
        with Unchanged(TABLE), pytest.raises(ValueError, match=r"X has 12 rows, .* 3 inputs; .*: X\.T"):
            call()


@pytest.mark.parametrize("labels", [Y, Y.reshape(-1, 1), np.eye(2)[Y], Y.tolist()])
def test_a_network_made_for_the_number_of_rows(labels):
    net = deepnet.Network([12, 2], output="softmax")
    words = r"Y has shape .*use X\.T and a network with 3 inputs"
    if isinstance(labels, list):
        words = "Y is a list"
    with pytest.raises((ValueError, TypeError), match=words):
        net.fit(TABLE, labels)
    with pytest.raises(ValueError, match=r"has \(2, 3\)$"):
        net.fit(TABLE, Y[:5])


# --- finite values ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
def test_check_finite_names_the_entry(value):
    X = TABLE.T.copy()
    X[2, 7] = value
    net = network()
    assert net.predict(X).shape == (1, 12)
    out = np.full((1, 12), 7, np.float32)
    with pytest.raises(ValueError, match=rf"X\[2, 7\] is {re.escape(str(value))}.*, but must be"):
        net.predict(X, out, check_finite=True)
    assert (out == 7).all()
    np.testing.assert_array_equal(
        net.predict(TABLE.T, check_finite=True), net.predict(TABLE.T, check_finite=False)
    )


def test_check_finite_looks_at_the_outputs():
    net = network(output="identity")
    net.parameters["b1"][0] = np.inf
    with pytest.raises(ValueError, match=r"AL\[0, 0\] is inf, though X is finite: the parameters"):
        net.predict(TABLE.T, check_finite=True)
    with pytest.raises(TypeError, match="check_finite is 1, but must be True or False"):
        net.predict(TABLE.T, check_finite=1)


# --- defaults -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda net, X: net.fit(X, Y, epochs=1),
        lambda net, X: net.fit(X, Y, epochs=1, examples=range(6)),
        lambda net, X: net.fit(X, Y, epochs=1, validation_split=0.5),
        lambda net, X: net.fit(X, Y, epochs=1, examples=range(6), validation_split=0.5),
        lambda net, X: net.fit(X, Y, epochs=1, examples=range(6, 12), validation_data=range(6)),
        lambda net, X: net.fit(TABLE.T, Y, epochs=1, validation_data=(X, Y)),
        lambda net, X: net.train_on_batch(X, Y),
        lambda net, X: net.train_on_batch(X, Y, loss="binary_cross_entropy"),
    ],
)
@pytest.mark.parametrize("library", [pandas, polars])
def test_training_names_the_column_of_an_entry_that_is_nan(call, library):
    values = TABLE.copy()
    values[1, 2] = np.nan
    frame = library.DataFrame({"ash": values[:, 0], "hue": values[:, 1], "colour": values[:, 2]})
    with pytest.raises(FloatingPointError, match=r"row 1 of the column 'colour' of X is nan"):
        call(network(), frame)


def test_epochs_and_batch_size_have_defaults():
    nets = [network(), network()]
    history = nets[0].fit(TABLE.T, Y, seed=0)
    assert history.epochs == 100
    nets[1].fit(TABLE.T, Y, epochs=100, batch_size=32, seed=0)
    assert_same_bits(nets[0], nets[1].parameters)
