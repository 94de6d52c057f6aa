"""The estimators for tables: what they read, what they learn, and what they refuse."""

import copy
import re
import time

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")
import pandas as pd
import polars as pl
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.metrics import get_scorer
from sklearn.utils.estimator_checks import parametrize_with_checks

import deepnet
from deepnet.network.training import Examples
from deepnet.sklearn import TabularClassifier, TabularRegressor, _tabular, cross_validate
from deepnet.sklearn._columns import Column, Encoder
from deepnet.sklearn._linear import PENALTIES, Linear
from deepnet.sklearn._recipe import Objective

SMALL = {"n_estimators": 2, "hidden_layer_sizes": (16,), "max_epochs": 30, "random_state": 0}

STOCHASTIC = {
    "check_sample_weight_equivalence_on_dense_data": "each network holds out some rows and takes the others "
    "in random batches: a row given twice does not fall in the same ones as a row of weight 2"
}


@parametrize_with_checks(
    [TabularClassifier(**SMALL), TabularRegressor(**SMALL)], expected_failed_checks=lambda _: STOCHASTIC
)
def test_check(estimator, check):
    check(estimator)


# --- a table with everything --------------------------------------------------------------------------------


def mixed(rows=240, seed=0):
    """A frame of numbers, strings, bools and categories with holes, and labels that need most of them."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "income": rng.lognormal(10, 3, rows),
            "age": rng.integers(18, 90, rows),
            "city": rng.choice(["Bonn", "Kiel", "Ulm", "Jena"], rows),
            "member": rng.random(rows) < 0.5,
            "size": pd.Categorical(rng.choice(["s", "m", "l"], rows)),
        }
    )
    score = (np.log(frame["income"]) > 10) * 1 + (frame["city"] == "Bonn") * 1 + frame["member"] * 1
    frame.loc[::7, "income"] = np.nan
    frame.loc[::11, "city"] = None
    frame.loc[::13, "size"] = None
    return frame, np.where(score >= 2, "yes", "no")


def test_mixed_columns_are_learnt_from_and_unscaled():
    frame, y = mixed(600)
    model = TabularClassifier(hidden_layer_sizes=(64, 64), random_state=0).fit(frame[:400], y[:400])
    assert model.score(frame[400:], y[400:]) > 0.85  # with a seventh of the incomes missing
    np.testing.assert_allclose(model.predict_proba(frame).sum(axis=1), 1, rtol=1e-12)


def test_frames_of_pandas_and_polars_and_arrays_of_objects_give_the_same_bits():
    frame, y = mixed()
    expected = TabularClassifier(**SMALL).fit(frame, y).predict_proba(frame)
    in_polars = pl.DataFrame(
        {name: frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in frame}
    )
    in_polars = in_polars.with_columns(pl.col("size").cast(pl.Categorical))
    objects = frame.astype(object).to_numpy()
    nullable = frame.convert_dtypes()
    for table in (in_polars, objects, objects.tolist(), nullable):
        model = TabularClassifier(**SMALL).fit(table, y)
        np.testing.assert_array_equal(model.predict_proba(table), expected)
    assert list(model.feature_names_in_) == list(frame.columns)


def test_the_order_of_rows_in_a_prediction_and_their_number_do_not_matter():
    frame, y = mixed()
    model = TabularClassifier(**SMALL).fit(frame, y)
    p = model.predict_proba(frame)
    np.testing.assert_array_equal(model.predict_proba(frame[::-1])[::-1], p)
    np.testing.assert_array_equal(model.predict_proba(frame[5:6]), p[5:6])


def test_an_unseen_category_counts_as_missing():
    frame, y = mixed()
    model = TabularClassifier(**SMALL).fit(frame, y)
    unseen, missing = frame.copy(), frame.copy()
    unseen["city"], missing["city"] = "Rom", None
    np.testing.assert_array_equal(model.predict_proba(unseen), model.predict_proba(missing))


def test_numbers_can_be_categories():
    rng = np.random.default_rng(0)
    X = np.c_[rng.integers(0, 8, 300), rng.normal(size=300)].astype(float)
    y = np.isin(X[:, 0], [1, 4, 6]).astype(int)
    frame = pd.DataFrame(X, columns=["code", "noise"])
    given = [([0], X), ([True, False], X), (["code"], frame), (["code", np.int64(0)], frame)]
    scores = [
        TabularClassifier(**SMALL, categorical_features=named).fit(table, y).predict_proba(table)
        for named, table in given
    ]
    for p in scores:
        assert ((p[:, 1] > 0.5) == y).mean() > 0.98
        np.testing.assert_array_equal(p, scores[0])


# --- the encoding -------------------------------------------------------------------------------------------


def encoded(values, categorical, most=8, pieces=0):
    columns = [Column("x", np.asarray(values, object if categorical else float), categorical)]
    encoder = Encoder.fitted(columns, most, pieces)
    return encoder, encoder.encoded(columns)


def clipped(x):
    return x / np.sqrt(1 + (np.asarray(x) / 3) ** 2)


def test_numbers_are_centred_by_the_median_and_scaled_by_the_quartiles():
    _, table = encoded([0, 1, 2, 3, 1e30], categorical=False)  # median 2, quartiles 1 and 3
    np.testing.assert_allclose(table[:, 0], [*clipped([-1, -0.5, 0, 0.5]), 3], rtol=1e-6)


def test_a_number_with_equal_quartiles_is_scaled_by_half_its_range_and_a_constant_becomes_0():
    _, table = encoded([5, 5, 5, 5, 5, 5, 9], categorical=False)
    np.testing.assert_allclose(table[:, 0], [0] * 6 + [clipped(2)], rtol=1e-6)
    np.testing.assert_array_equal(encoded([4, 4, 4], categorical=False)[1], np.zeros((3, 1)))


def test_missing_numbers_become_the_median_and_are_marked():
    _, table = encoded([1, np.nan, 3, 5, 3, 3], categorical=False)
    np.testing.assert_allclose(table[:, 0], clipped([-1, 0, 0, 1, 0, 0]), rtol=1e-6)
    np.testing.assert_allclose(table[:, 1], clipped([0, 2, 0, 0, 0, 0]), rtol=1e-6)
    assert encoded([np.nan, np.nan], categorical=False)[1].tolist() == [[0, 0], [0, 0]]


def test_categories_have_a_column_each_and_two_share_one():
    """0 and 1, and -1 and 1, with 0 where missing; then as numbers: a column of mostly 0 is scaled by 2."""
    encoder, table = encoded(["b", "a", "c", None, "d", "e", None, "f"], categorical=True)
    assert encoder.width == 6
    expected = np.zeros((8, 6))
    expected[[0, 1, 2, 4, 5, 7], [1, 0, 2, 3, 4, 5]] = clipped(2)
    np.testing.assert_allclose(table, expected, rtol=1e-6)
    _, table = encoded(["b", "a", None, "b", None], categorical=True)  # quartiles 0 and 1
    np.testing.assert_allclose(table, clipped([[1], [-1], [0], [1], [0]]), rtol=1e-6)


def test_many_categories_are_hashed_the_same_in_every_process():
    names = [f"city {i}" for i in range(50)]
    encoder, table = encoded(names, categorical=True, most=8)
    assert encoder.width == 8
    assert (np.count_nonzero(table > 1, axis=1) == 1).all()
    assert encoder.columns[0].codes["city 7"] == 2
    unseen = encoder.encoded([Column("x", np.array(["city 99"], object), categorical=True)])
    missing = encoder.encoded([Column("x", np.array([None], object), categorical=True)])
    np.testing.assert_array_equal(unseen, missing)


def test_categories_have_a_column_each_unless_they_take_too_much_memory(monkeypatch):
    frame = pd.DataFrame({"city": [f"city {i % 100}" for i in range(200)]})
    y, settings = np.arange(200) % 2, SMALL | {"max_epochs": 1}
    assert TabularClassifier(**settings).fit(frame, y)._encoder.width == 100
    assert TabularClassifier(**settings, max_categories=80).fit(frame, y)._encoder.width == 80
    monkeypatch.setattr(_tabular, "MOST_CELLS", 200 * 70)
    assert TabularClassifier(**settings).fit(frame, y)._encoder.width == 70
    monkeypatch.setattr(_tabular, "MOST_CELLS", 1)
    assert TabularClassifier(**settings).fit(frame, y)._encoder.width == 64


def test_pieces_are_linear_between_quantiles():
    encoder, _ = encoded(np.arange(9.0), categorical=False, pieces=2)  # 0 to 4, 4 to 8
    assert encoder.width == 3
    np.testing.assert_array_equal(encoder.narrow, [0])
    raw = np.array(list(encoder.columns[0].encoded(np.array([-1.0, 2, 4, 6, 99]))))[1:]
    np.testing.assert_allclose(raw, [[0, 0.5, 1, 1, 1], [0, 0, 0, 0.5, 1]])


# --- training -----------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bits_for_any_number_of_threads():
    X, y = load_wine(return_X_y=True)
    p = [
        TabularClassifier(**SMALL | {"n_estimators": 3}, n_threads=n).fit(X, y).predict_proba(X)
        for n in (1, 2, 3)
    ]
    np.testing.assert_array_equal(p[1], p[0])
    np.testing.assert_array_equal(p[2], p[0])


def test_the_parameters_are_those_of_the_last_best_epoch():
    X, y = load_breast_cancer(return_X_y=True)
    model = TabularClassifier(**SMALL).fit(X, y)
    for epoch, errors in zip(model.best_epochs_, model.validation_errors_, strict=True):
        assert len(errors) == 30
        assert epoch == 1 + max(i for i, e in enumerate(errors) if e == min(errors))


def test_every_second_network_gets_the_pieces():
    X, y = load_wine(return_X_y=True)
    for settings, expected in (
        ({}, [13, 13 * 9, 13]),
        ({"n_pieces": 0}, [13] * 3),
        ({"n_pieces": 2}, [13, 39, 13]),
    ):
        model = TabularClassifier(**SMALL | {"n_estimators": 3}, **settings).fit(X, y)
        assert [net.layer_dims[0] for net in model.networks_] == expected
        assert model.score(X, y) > 0.9


def test_every_row_is_held_out_once_by_five_networks_and_classes_alike():
    y = np.array([0] * 40 + [1] * 10)
    folds = TabularClassifier(n_estimators=5)._folds(y, np.arange(50), np.random.RandomState(0))
    assert sorted(np.concatenate(folds)) == list(range(50))
    assert [np.bincount(y[rows]).tolist() for rows in folds] == [[8, 2]] * 5


@pytest.mark.slow
def test_small_tables_are_learnt_from():
    X, y = load_wine(return_X_y=True)
    assert TabularClassifier(random_state=0).fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.93
    X, y = load_diabetes(return_X_y=True)
    assert TabularRegressor(random_state=0).fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.4


def test_several_targets_and_their_spread():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    Y = np.c_[X[:, 0] * 1000, X[:, 1] - X[:, 2], np.full(200, 7.0)]
    model = TabularRegressor(**SMALL).fit(X, Y)
    mean, spread = model.predict(X, return_std=True)
    assert mean.shape == spread.shape == Y.shape
    assert (spread[:, :2] > 0).any()
    np.testing.assert_array_equal(mean[:, 2], 7.0)
    assert (mean.min(axis=0) >= Y.min(axis=0)).all()
    assert (mean.max(axis=0) <= Y.max(axis=0)).all()


def test_the_spread_of_one_network_is_refused():
    X, y = load_wine(return_X_y=True)
    model = TabularRegressor(**SMALL | {"n_estimators": 1}).fit(X, y)
    with pytest.raises(ValueError, match="return_std=True needs several networks"):
        model.predict(X, return_std=True)


@pytest.mark.filterwarnings("error")
def test_numbers_beyond_the_range_of_their_scale_are_encoded_as_the_limit():
    small, one, largest = np.linspace(0, 1e-300, 9), np.ones(9), np.full(9, np.finfo(float).max)
    columns = [Column("", values, categorical=False) for values in (small, one, largest)]
    encoder = Encoder.fitted(columns, 10, 0)
    for sign in (1, -1):
        far = np.array([sign * 1e300, sign * np.finfo(float).max])
        encoded = encoder.encoded([column._replace(values=far) for column in columns])
        np.testing.assert_array_equal(encoded, [[3 * sign, 0, 0]] * 2)


def test_rows_of_weight_0_change_nothing():
    X, y = load_wine(return_X_y=True)
    weights = np.ones(len(y))
    weights[::3] = 0
    changed = X.copy()
    changed[::3] = 1e6
    a = TabularClassifier(**SMALL).fit(X, y, sample_weight=weights).predict_proba(X)
    b = TabularClassifier(**SMALL).fit(changed, y, sample_weight=weights).predict_proba(X)
    np.testing.assert_array_equal(a, b)
    a = TabularRegressor(**SMALL).fit(X, y, sample_weight=weights).predict(X)
    b = TabularRegressor(**SMALL).fit(changed, np.where(weights, y, 1e6), sample_weight=weights).predict(X)
    np.testing.assert_array_equal(a, b)


def test_balanced_classes_are_the_weights_that_they_stand_for():
    X, y = load_wine(return_X_y=True)
    X, y = X[:140], y[:140]
    count = np.bincount(y)
    weights = (len(y) / (len(count) * count))[y]
    a = TabularClassifier(**SMALL, class_weight="balanced").fit(X, y).predict_proba(X)
    b = TabularClassifier(**SMALL).fit(X, y, sample_weight=weights).predict_proba(X)
    np.testing.assert_array_equal(a, b)


class _Clock:
    """time.monotonic, a second later with each call."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1.0
        return self.now


def test_a_time_budget_ends_with_the_best_so_far(monkeypatch):
    """One thread and a clock that counts its calls: each epoch takes a second."""
    X, y = load_wine(return_X_y=True)
    monkeypatch.setattr(time, "monotonic", _Clock())
    model = TabularClassifier(**SMALL, n_threads=1, max_seconds=20).fit(X, y)
    monkeypatch.undo()
    epochs = [len(errors) for errors in model.validation_errors_]
    assert all(1 <= n < 30 for n in epochs)
    assert sum(epochs) <= 22  # each network ends with the epoch in which its time does
    assert max(epochs) - min(epochs) <= 2
    assert model.score(X, y) > 0.4


def test_the_time_of_a_fold_begins_with_its_first_network(monkeypatch):
    """One thread: by the time the last of five folds begins, the budget of the first is over long ago."""
    X, y = load_wine(return_X_y=True)
    model = TabularClassifier(**SMALL, max_seconds=20, linear=False)
    monkeypatch.setattr(time, "monotonic", _Clock())
    fitted = cross_validate(model, X, y, n_threads=1, return_estimator=True)["estimator"]
    monkeypatch.undo()
    for model in fitted:
        epochs = [len(errors) for errors in model.validation_errors_]
        assert 10 <= sum(epochs) <= 22
        assert max(epochs) - min(epochs) <= 2


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        (TabularClassifier, "neg_log_loss"),
        (TabularClassifier, lambda model, X, y: model.score(X, y)),
        (TabularRegressor, "neg_mean_absolute_error"),
    ],
)
def test_any_score_chooses_the_best_epoch(kind, rule):
    """The scorer gets the rows held out as they came, and its best score is that of the network's epoch."""
    frame, y = mixed(120)
    y = y if kind is TabularClassifier else frame["age"].to_numpy(float)
    model = kind(**SMALL | {"max_epochs": 10}, scoring=rule, linear=False).fit(frame, y)
    rng = np.random.RandomState(0)
    used = np.arange(len(y))
    groups = np.searchsorted(np.unique(y), y) if kind is TabularClassifier else np.zeros(len(y), int)
    scorer = get_scorer(rule) if isinstance(rule, str) else rule
    for i, held_out in enumerate(kind(**SMALL)._folds(groups, used, rng)):
        alone = copy.copy(model)
        alone.networks_ = model.networks_[i : i + 1]
        score = scorer(alone, frame.iloc[held_out], y[held_out])
        errors = model.validation_errors_[i]
        assert -score == pytest.approx(min(errors), rel=1e-6)
        assert errors[model.best_epochs_[i] - 1] == min(errors)


def test_the_default_score_is_accuracy_and_an_int_is_one_layer():
    X, y = load_wine(return_X_y=True)
    default = TabularClassifier(**SMALL | {"hidden_layer_sizes": 16}).fit(X, y)
    named = TabularClassifier(**SMALL, scoring="accuracy").fit(X, y)
    np.testing.assert_array_equal(named.predict_proba(X), default.predict_proba(X))
    np.testing.assert_allclose(named.validation_errors_, np.array(default.validation_errors_) - 1)
    linear = TabularClassifier(**SMALL | {"hidden_layer_sizes": ()}).fit(X, y)
    assert linear.networks_[0].layer_dims == (13, 3)
    assert linear.score(X, y) > 0.9


def test_training_stops_after_epochs_without_a_better_score():
    X, y = load_diabetes(return_X_y=True)
    model = TabularRegressor(**SMALL, n_iter_no_change=2).fit(X, y)
    for errors, best in zip(model.validation_errors_, model.best_epochs_, strict=True):
        assert len(errors) in (best + 2, 30)
    assert min(map(len, model.validation_errors_)) < 30


def test_callbacks_see_each_network_and_end_its_training():
    X, y = load_wine(return_X_y=True)
    seen = {}

    def look(net, history):
        seen.setdefault(id(net), []).append(history.validation_metrics["error"][-1])
        return history.epochs == 4

    model = TabularClassifier(**SMALL, callbacks=[look]).fit(X, y)
    assert sorted(seen.values()) == sorted(model.validation_errors_)
    assert [len(errors) for errors in model.validation_errors_] == [4, 4]
    patient = deepnet.callbacks.EarlyStopping(monitor="validation_error", mode="min", patience=3)
    model = TabularClassifier(**SMALL, callbacks=[patient]).fit(X, y)
    assert min(map(len, model.validation_errors_)) < 30


def test_verbose_shows_a_bar(capsys):
    pytest.importorskip("rich")
    X, y = load_wine(return_X_y=True)
    TabularClassifier(**SMALL | {"max_epochs": 3}, verbose=True).fit(X, y)
    shown = capsys.readouterr().out
    assert re.search(r"network 2/2 .* loss \d\.\d+  error \(0\.\d+\) .*rows/s", shown.replace("\n", " "))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (
            ["1", "2", "3.5", "4", "?"],
            "the column 'age': strings that are nearly all numbers, others such as '?',",
        ),
        (["1", "2", "3.5", "4", "5"], "the column 'age': strings that are all numbers are taken"),
        (["1", "2", "3"] * 6 + ["?", ""], "nearly all numbers, others such as '?', '',"),
        (["10115", "80331", "50667", "20095"] * 5, "name them in categorical_features"),
    ],
)
def test_numbers_that_are_strings_are_warned_of(cells, expected):
    frame, y = mixed(100)
    frame["age"] = cells * (100 // len(cells))
    model = TabularClassifier(**SMALL | {"max_epochs": 2})
    with pytest.warns(UserWarning, match=re.escape(expected)) as warned:
        model.fit(frame, y)
    assert [w.filename for w in warned] == [__file__]
    declared = frame.astype({"age": "category"})
    model.fit(declared, y)  # without a warning, which would be an error
    clone(model).set_params(categorical_features=["age"]).fit(frame, y)
    for others in (["0", "1"], ["02134", "10115", "80331", "50667"], ["1", "2", "3", "S", "M", "L", "1_0"]):
        model.fit(frame.assign(age=(others * 50)[:100]), y)


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ({"n_estimator": 3}, "did you mean 'n_estimators'?"),
        ({"max_iter": 3}, "did you mean 'max_epochs'?"),
        ({"alpha": 0.1}, "did you mean 'weight_decay'?"),
        ({"early_stopping": True}, "did you mean 'n_iter_no_change'?"),
        ({"n_jobs": 2}, "did you mean 'n_threads'?"),
        ({"something": 1}, "known are n_estimators, hidden_layer_sizes"),
    ],
)
@pytest.mark.parametrize("kind", [TabularClassifier, TabularRegressor])
def test_arguments_that_do_not_exist(kind, arguments, advice):
    (name,) = arguments
    with pytest.raises(TypeError, match=re.escape(f"unknown argument of {kind.__name__} '{name}': {advice}")):
        kind(**arguments)


# --- the linear model ---------------------------------------------------------------------------------------


def test_a_linear_table_is_the_linear_models_and_another_is_not():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 6))
    line, crossed = X @ rng.normal(size=6) + rng.normal(size=200), 3 * X[:, 0] * X[:, 1]
    settings = SMALL | {"hidden_layer_sizes": (64,), "max_epochs": 60}
    for kind, targets in ((TabularRegressor, (line, crossed)), (TabularClassifier, (line > 0, crossed > 0))):
        shares = [kind(**settings).fit(X, y).linear_share_ for y in targets]
        assert shares[0] > 0.5 > shares[1]


@pytest.mark.parametrize("kind", [TabularClassifier, TabularRegressor])
def test_predictions_have_the_share_of_the_linear_model(kind):
    X, y = load_wine(return_X_y=True)
    model = kind(**SMALL | {"max_epochs": 5}).fit(X, y)
    assert 0 < model.linear_share_ <= 1
    predict = "predict_proba" if kind is TabularClassifier else "predict"
    whole, share = getattr(model, predict)(X), model.linear_share_
    model.linear_share_ = 1.0
    alone = getattr(model, predict)(X)
    model.linear_ = None
    np.testing.assert_allclose(whole, share * alone + (1 - share) * getattr(model, predict)(X), atol=1e-12)
    for settings in ({"linear": False}, {"validation_fraction": 0}):
        without = kind(**SMALL | {"max_epochs": 5}, **settings).fit(X, y)
        assert (without.linear_, without.linear_share_) == (None, 0)


def test_large_tables_have_no_linear_model(monkeypatch):
    X, y = load_wine(return_X_y=True)
    monkeypatch.setattr(_tabular, "MOST_ROWS", len(X))
    assert TabularClassifier(**SMALL | {"max_epochs": 1}).fit(X, y).linear_ is not None
    monkeypatch.setattr(_tabular, "MOST_ROWS", len(X) - 1)
    assert TabularClassifier(**SMALL | {"max_epochs": 1}).fit(X, y).linear_ is None


@pytest.mark.parametrize("classes", [True, False])
def test_the_linear_model_minimises_the_loss_with_the_penalty(classes):
    """The gradient of the float64 model is below L-BFGS's bound; float32 rounds weights by 6e-8 of them."""
    X, y = load_wine(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    w = np.random.default_rng(0).uniform(0.5, 2, len(y)).astype(np.float32)
    Y = y.reshape(1, -1) if classes else ((y - y.mean()) / y.std()).reshape(1, -1)
    used = np.arange(0, len(y), 2)
    loss = deepnet.LOSSES["sparse_categorical_cross_entropy" if classes else "mean_squared_error"]
    kind = (3, "softmax", Objective(loss)) if classes else (1, "identity", Objective(loss, scale=2.0))
    line = Linear(Examples(X.T, Y, w, used), [used[:20], used[20:40]], *kind, threads=1)
    for penalty, net in zip(PENALTIES, line._path(used), strict=True):
        A = net.predict(X[used].T).astype(np.float64)
        dZ = (A - (np.eye(3)[y[used]].T if classes else Y[:, used])) * w[used]
        W = net.parameters["W1"].astype(np.float64)
        gradient = np.c_[dZ @ X[used] + penalty * W, dZ.sum(axis=1)] / w[used].sum()
        rounding = 1e-6 * (penalty + np.abs(X[used]).sum())  # of float32, in the weights and the outputs
        assert np.abs(gradient).max() <= 1e-4 + rounding / w[used].sum()


# --- bad input ----------------------------------------------------------------------------------------------

FRAME, LABELS = mixed(60)


def with_column(name, values):
    return FRAME.assign(**{name: values})


ODD = np.array([1.5, "x"] * 30, object)
FIT = {  # X, y, settings, message
    "inf": (with_column("age", np.r_[np.inf, np.ones(59)]), LABELS, {}, r"the column 'age' is inf in row 0"),
    "mixed": (with_column("age", ODD), LABELS, {}, r"the column 'age' mixes float and str, such as 'x'"),
    "dates": (with_column("age", pd.Timestamp("2020-01-01")), LABELS, {}, r"the column 'age' is datetime64"),
    "lists": (with_column("age", [[1]] * 60), LABELS, {}, r"the column 'age' holds list, such as \[1\]"),
    "y longer": (FRAME, [*LABELS, "no"], {}, "y has 61 entries, but X has 60 rows"),
    "one class": (FRAME, ["no"] * 60, {}, "y has only one class, 'no'"),
    "a missing label": (FRAME, [*LABELS[:-1], None], {}, "y is None in row 59, but every row needs a label"),
    "a nan label": (FRAME, np.array([np.nan, *LABELS[1:]], object), {}, "y is nan in row 0"),
    "an NA label": (FRAME, pd.Series([pd.NA, *LABELS[1:]], dtype="string"), {}, "y is <NA> in row 0"),
    "mixed labels": (FRAME, np.array([*LABELS[:-1], 1], object), {}, "y mixes str and int, such as"),
    "groups": (FRAME.groupby("age"), LABELS, {}, "X is a DataFrameGroupBy, but must be a frame"),
    "a lazy frame": (pl.LazyFrame({"age": [1, 2]}), LABELS, {}, r"X is a LazyFrame, .*: X.collect\(\)"),
    "a negative weight": (FRAME, LABELS, {"class_weight": {"no": 1, "yes": -1}}, "the weight -1, but"),
    "no weight": (FRAME, LABELS, {"class_weight": {"no": 0, "yes": 0}}, "class_weight is 0 for the classes"),
    "no rows": (FRAME[:0], LABELS[:0], {}, r"0 sample\(s\)"),
    "no columns": (FRAME[[]], LABELS, {}, r"0 feature\(s\)"),
    "columns of classes": (FRAME, np.c_[LABELS, LABELS], {}, "y has 2 columns"),
    "no such column": (FRAME, LABELS, {"categorical_features": ["town"]}, "categorical_features has 'town'"),
    "no such number": (FRAME, LABELS, {"categorical_features": [5]}, "categorical_features has 5"),
    "a short mask": (FRAME, LABELS, {"categorical_features": [True]}, "a mask of 1 columns, but X has 5"),
    "layers": (FRAME, LABELS, {"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes must be > 0"),
    "activation": (FRAME, LABELS, {"activation": "relo"}, "'activation' parameter.* Did you mean 'relu'"),
    "scorer": (FRAME, LABELS, {"scoring": "acuracy"}, "scoring is 'acuracy', .* did you mean 'accuracy'"),
    "score": (FRAME, LABELS, {"scoring": lambda *_: "good"}, "scoring: the scorer returned 'good'"),
    "no rows to score": (
        FRAME,
        LABELS,
        {"scoring": "roc_auc", "validation_fraction": 0},
        "scoring needs rows to validate with, but validation_fraction is 0",
    ),
    "patience without rows": (
        FRAME,
        LABELS,
        {"n_iter_no_change": 3, "validation_fraction": 0},
        "n_iter_no_change needs rows",
    ),
    "callbacks": (FRAME, LABELS, {"callbacks": [3]}, r"callbacks\[0\] is 3"),
    "seconds": (FRAME, LABELS, {"max_seconds": 0}, "'max_seconds' parameter"),
}


@pytest.mark.parametrize("case", FIT)
def test_fit_refuses(case):
    X, y, settings, message = FIT[case]
    model = TabularClassifier(**SMALL)
    with pytest.raises((ValueError, TypeError), match=message):
        clone(model).set_params(**settings).fit(X, y)
    model.fit(FRAME, LABELS)
    before = model.predict_proba(FRAME)
    with pytest.raises((ValueError, TypeError), match=message):
        model.set_params(**settings).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(FRAME), before)  # it is what it was


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (-np.ones(60), "sample_weight[0] is -1, but weights must be 0 or more"),
        (np.zeros(60), "zero"),
        (np.ones(59), "sample_weight.shape == (59,)"),
        (np.full(60, np.nan), "NaN"),
    ],
)
def test_fit_refuses_weights(weights, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        TabularClassifier(**SMALL).fit(FRAME, LABELS, sample_weight=weights)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (FRAME.drop(columns="city"), "city"),
        (FRAME[FRAME.columns[::-1]], "must be in the same order"),
        (
            FRAME.assign(age="old"),
            "the column 'age' held numbers in fit, but holds categories now, such as 'old'",
        ),
        (FRAME.assign(age=np.inf), "the column 'age' is inf in row 0"),
        (FRAME.assign(city=1.5), "but holds numbers or bools now, such as 1.5"),
        (FRAME.assign(city=True), "the column 'city' held strings in fit, such as 'Bonn', but holds numbers"),
        (FRAME.assign(member="yes"), "held numbers or bools in fit, such as False, but holds strings now"),
    ],
)
def test_predict_refuses(table, message):
    model = TabularClassifier(**SMALL).fit(FRAME, LABELS)
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        model.predict(table)


@pytest.mark.parametrize("missing", [None, np.nan])
def test_a_column_that_was_all_missing_in_fit_may_hold_anything_later(missing):
    model = TabularClassifier(**SMALL).fit(FRAME.assign(age=missing), LABELS)
    expected = model.predict_proba(FRAME.assign(age=missing))
    np.testing.assert_array_equal(model.predict_proba(FRAME.assign(age="old")), expected)


def test_a_regressor_refuses_targets_that_are_not_finite():
    for bad, message in (
        (np.nan, "y is nan in row 0, but every row needs a target"),
        (np.inf, "y contains inf"),
    ):
        with pytest.raises(ValueError, match=message):
            TabularRegressor(**SMALL).fit(FRAME, np.r_[bad, np.ones(59)])


def test_a_network_that_diverges_is_left_out_and_all_of_them_are_an_error():
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(FloatingPointError, match="try a smaller learning rate"):
        TabularRegressor(**SMALL, learning_rate=1e30, validation_fraction=0).fit(X, y)


def test_an_interrupt_leaves_the_estimator_as_it_was(monkeypatch):
    """Raised while the second epoch is validated, where Ctrl-C may well come."""
    X, y = load_wine(return_X_y=True)
    model, calls = TabularClassifier(**SMALL).fit(X, y), []
    before = model.predict_proba(X)

    def interrupted(*_):
        calls.append(None)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return 0.5

    monkeypatch.setattr(model, "_error", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X[:, :3], y)
    monkeypatch.undo()
    np.testing.assert_array_equal(model.predict_proba(X), before)
