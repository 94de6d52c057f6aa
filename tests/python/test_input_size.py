"""The warning about inputs that are not scaled, when it comes and when it does not."""

import warnings

import numpy as np
import pandas
import polars
import pytest

import deepnet
from advice import advice_in

Y = np.arange(400) % 2
X = np.random.default_rng(0).normal(size=(3, 400))


def fit(X, Y=Y, **options):
    return deepnet.Network([len(X), 2, 1], seed=0).fit(X, Y, epochs=1, batch_size=100, **options)


def with_one(size, row=1):
    large = X.copy()
    large[row] *= size
    return large


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (with_one(1000), r"row 1 of X has values of size above 100, "),
        (X + np.array([[0], [0], [2000]]), r"row 2 of X has values of size above 100, "),
        (X * 1e-3, r"all rows of X have values of size below 0\.01"),
        ((X * 1e30).astype(np.float32), "size above 100"),
    ],
)
def test_inputs_far_from_unit_size_are_named_and_the_advice_runs(inputs, words):
    with pytest.warns(UserWarning, match=words) as caught:
        fit(inputs, optimizer=deepnet.SGD(0.0))
    (warning,) = caught
    assert warning.filename == __file__
    (code,) = advice_in(str(warning.message))
    names = {"X": inputs.astype(np.float64), "np": np}
    exec(code, names)
    fit(names["X"])  # warnings are errors in these tests


@pytest.mark.parametrize("library", [pandas, polars])
@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (with_one(1000), r"the column 'b' of X has values of size above 100, "),
        (X * 1e-3, r"all columns of X have values of size below 0\.01"),
    ],
)
def test_columns_of_frames_are_named_and_the_advice_runs(inputs, words, library):
    frame = library.DataFrame(dict(zip("abc", inputs, strict=True)))
    net = deepnet.Network([3, 2, 1], seed=0)
    with pytest.warns(UserWarning, match=words) as caught:
        net.fit(frame, Y, epochs=1)
    (code,) = advice_in(str(caught[0].message))
    names = {"X": frame, "polars": polars}
    exec(code, names)
    deepnet.fit_many([net], names["X"], Y, epochs=1)  # warnings are errors in these tests
    with pytest.warns(UserWarning, match=words):
        deepnet.fit_many([net], frame, Y, epochs=1)


def test_pixels_get_the_advice_to_scale_them():
    pixels = np.random.default_rng(0).integers(0, 256, size=(9, 400), dtype=np.uint8)
    with pytest.warns(UserWarning, match="input_scale=1 / 255"):
        fit(pixels)
    fit(pixels, input_scale=1 / 255)
    deepnet.Network([9, 2, 1], input_scale=1 / 255).fit(pixels, Y, epochs=1, batch_size=100)


@pytest.mark.parametrize(
    "inputs", [X, X * 10, X * 0.05, with_one(50), with_one(0), X * 0, X + 3, (X > 0).astype(np.float16)]
)
def test_usual_inputs_raise_no_warning(inputs):
    fit(inputs)


def test_nothing_is_changed_where_the_warning_is_an_error():
    net = deepnet.Network([3, 2, 1], seed=0)
    before = {key: p.copy() for key, p in net.parameters.items()}
    with pytest.raises(UserWarning):
        net.fit(with_one(1000), Y, epochs=1, batch_size=100, optimizer="adam")
    assert all((net.parameters[key] == p).all() for key, p in before.items())
    assert net.optimizer == deepnet.SGD()


def test_custom_loops_are_not_measured():
    deepnet.Network([3, 2, 1], seed=0).train_on_batch(with_one(1000), Y)


def test_sizes_beyond_all_floats_are_large():
    with pytest.warns(UserWarning, match="row 0 of X has values of size above 100"):
        deepnet._validation.examples.warn_of_size(np.full((2, 3), 1e200), 1.0, stacklevel=1)


def test_few_examples_are_read_however_large_the_data():
    class Counting(np.ndarray):
        """Notes the shape of what is converted."""

    seen = []
    data = np.lib.stride_tricks.as_strided(np.ones(1), (5, 10**9), (0, 0)).view(Counting)
    Counting.astype = lambda self, *args, **options: seen.append(self.shape) or np.asarray(self).astype(*args)
    deepnet._validation.examples.warn_of_size(data, 1.0, stacklevel=1)
    assert seen == [(5, 256)]


def test_all_of_sorted_inputs_are_measured():
    fit(np.tile(np.linspace(0, 2 * np.pi, 100_000), (3, 1)), np.zeros((1, 100_000)))
    with pytest.warns(UserWarning, match="size above 100"):
        fit(np.tile(np.linspace(0, 1000, 100_000), (3, 1)), np.zeros((1, 100_000)))


def test_folds_of_one_table_have_the_same_warning():
    table = with_one(1000)
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        for fold in np.array_split(np.arange(100), 5):
            fit(table[:, fold], Y[fold])
    assert len(shown) == 1


def test_pixels_that_are_scaled_and_tables_of_bytes_get_other_advice():
    counts = (X > 0).astype(np.uint8)
    counts[1] = 200
    with pytest.warns(UserWarning, match="row 1 of X.*std"):
        fit(counts)
    with pytest.warns(UserWarning, match="all rows.*std"):
        fit(counts[:1].repeat(3, axis=0), input_scale=1 / 255)


# --- a square X ---------------------------------------------------------------------------------------------

SQUARE = X[:, :3]
AMBIGUOUS = r"X has shape \(3, 3\), and its columns are taken as the examples. .* its rows: X.T"


@pytest.mark.parametrize("labels", [Y[:3], Y[:3, np.newaxis], pandas.Series(Y[:3])])
def test_a_square_array_is_ambiguous(labels):
    with pytest.warns(UserWarning, match=AMBIGUOUS) as caught:
        fit(SQUARE, labels)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match=AMBIGUOUS) as caught:
        deepnet.fit_many([deepnet.Network([3, 1])], X, Y, each=[{"X": SQUARE, "Y": labels}], epochs=1)
    assert caught[0].filename == __file__


def test_labels_in_a_row_and_frames_are_not_ambiguous():
    fit(SQUARE, Y[:3].reshape(1, -1))
    deepnet.Network([3, 3]).fit(SQUARE, np.eye(3), epochs=1)
    fit(pandas.DataFrame(SQUARE.T), Y[:3])
    fit(X[:1, :1], Y[:1])
