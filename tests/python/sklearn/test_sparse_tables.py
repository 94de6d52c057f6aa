"""CSR and CSC matrices: the same results as the dense table, in the memory of a batch."""

import tracemalloc

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")
from scipy import sparse
from sklearn.base import clone

from deepnet.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

TABLE = sparse.random(130, 40, 0.1, "csr", random_state=0)
NUMBERS = np.asarray(TABLE.sum(axis=1)).ravel()
CLASSES = np.digitize(NUMBERS, np.quantile(NUMBERS, [0.3, 0.6]))
WEIGHTS = np.random.default_rng(0).integers(0, 3, 130)
SETTINGS = {
    "defaults": {},
    "early": {"early_stopping": True},
    "in order": {"shuffle": False, "batch_size": 32},
    "dropout": {"dropout": 0.3, "batch_size": 50, "optimizer": "momentum"},
    "float32": {"dtype": "float32", "batch_size": 50},
}


@pytest.mark.parametrize("form", ["csr_array", "csc_matrix"])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("case", SETTINGS)
def test_the_same_bits_as_the_dense_table(case, weights, form):
    table = getattr(sparse, form)(TABLE)
    for kind, y in (MLPClassifier, CLASSES), (MLPRegressor, NUMBERS):
        settings = {"hidden_layer_sizes": (9,), "max_iter": 4, "random_state": 0} | SETTINGS[case]
        expected = kind(**settings).fit(TABLE.toarray(), y, weights)
        found = kind(**settings).fit(table, y, weights)
        for p, q in zip(found.coefs_, expected.coefs_, strict=True):
            np.testing.assert_array_equal(p, q)
        np.testing.assert_allclose(
            found.loss_curve_, expected.loss_curve_, rtol=1e-13
        )  # another order of sums
        np.testing.assert_array_equal(found.predict(table), expected.predict(TABLE.toarray()))
        found.partial_fit(table, y, weights)
        expected.partial_fit(TABLE.toarray(), y, weights)
        np.testing.assert_array_equal(found.coefs_[0], expected.coefs_[0])


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_lbfgs(weights):
    settings = {"hidden_layer_sizes": (9,), "solver": "lbfgs", "max_iter": 5, "alpha": 0.1, "random_state": 0}
    for kind, y in (MLPClassifier, CLASSES), (MLPRegressor, np.c_[NUMBERS, NUMBERS]):
        expected, found = (kind(**settings).fit(table, y, weights) for table in (TABLE.toarray(), TABLE))
        np.testing.assert_allclose(found.coefs_[0], expected.coefs_[0], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found.loss_, expected.loss_, rtol=1e-12)


def test_fit_and_predict_take_the_memory_of_a_part():
    rows, columns = 4000, 5000
    table = sparse.random(rows, columns, 0.001, "csr", random_state=0)
    y = np.arange(rows) % 2
    model = MLPClassifier((2,), max_iter=1, early_stopping=True)
    tracemalloc.start()
    model.fit(table, y).predict_proba(table)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < rows * columns * 4 / 2


def test_an_overflow_is_explained():
    model = MLPRegressor(hidden_layer_sizes=(3,), solver="sgd", learning_rate_init=1e30, dtype="float32")
    with pytest.raises(FloatingPointError, match=r"smaller learning rate than 1e\+30"):
        model.fit(TABLE, NUMBERS)


def test_bad_entries_are_refused():
    bad = TABLE.copy()
    bad.data[3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        MLPRegressor().fit(bad, NUMBERS)


@pytest.mark.parametrize("form", ["csr_array", "csc_matrix"])
def test_damaged_tables_are_refused_and_change_nothing(form):
    good, bad = (getattr(sparse, form)(TABLE.copy()) for _ in range(2))
    bad.indices[20] = 10**6
    model = MLPRegressor(hidden_layer_sizes=(3,), max_iter=2).fit(good, NUMBERS)
    before = model.coefs_[0].copy()
    message = rf"X is a damaged {form[:3].upper()} matrix: X\.indices\[20\] is 1000000"
    for call in (model.predict, lambda X: model.fit(X, NUMBERS), lambda X: model.partial_fit(X, NUMBERS)):
        with pytest.raises(ValueError, match=message):
            call(bad)
    np.testing.assert_array_equal(model.coefs_[0], before)


def test_indices_out_of_order_or_repeated_are_the_same_table():
    halves = sparse.csr_array(
        (np.repeat(TABLE.data / 2, 2), np.repeat(TABLE.indices, 2), TABLE.indptr * 2), TABLE.shape
    )
    model = MLPRegressor(hidden_layer_sizes=(3,), max_iter=3, random_state=0)
    expected, found = (clone(model).fit(X, NUMBERS) for X in (TABLE, halves))
    np.testing.assert_array_equal(found.coefs_[0], expected.coefs_[0])
    assert halves.nnz == 2 * TABLE.nnz
