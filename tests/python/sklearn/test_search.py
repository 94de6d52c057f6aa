"""GridSearch and cross_validate: the scores of scikit-learn, from networks that are trained side by side."""

import re
import threading
import tracemalloc
import warnings
from concurrent.futures import Future

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")
import pandas as pd
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, ShuffleSplit
from sklearn.model_selection import cross_validate as their_cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

import deepnet
from deepnet.plan import LayerPlan, Plan
from deepnet.sklearn import (
    GridSearch,
    MLPClassifier,
    MLPRegressor,
    TabularClassifier,
    TabularRegressor,
    _lbfgs,
    cross_validate,
)
from deepnet.sklearn._lbfgs import minimise, side_by_side

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RAW, y = load_wine(return_X_y=True)
X = StandardScaler().fit_transform(RAW)
SETTINGS = {"hidden_layer_sizes": (5,), "learning_rate_init": 0.01, "max_iter": 15, "random_state": 0}
CLASSIFIER, REGRESSOR = MLPClassifier(**SETTINGS), MLPRegressor(**SETTINGS)
SCALED = make_pipeline(StandardScaler(), CLASSIFIER)
WEIGHTS = np.random.default_rng(0).integers(1, 4, len(y)).astype(float)
TWO = ["accuracy", "neg_log_loss"]


def confusion(model, X, y):
    right = model.predict(X) == y
    return {"right": right.mean(), "wrong": (~right).sum()}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if name.endswith("_time"):
            assert np.isfinite(found[name]).all()
        elif name != "params":
            np.testing.assert_array_equal(found[name], value, err_msg=name)


SEARCHES = {  # estimator, grid, options
    "sizes": (CLASSIFIER, {"hidden_layer_sizes": [(3,), (8, 4)], "alpha": [1e-4, 1.0]}, {}),
    "all options": (
        CLASSIFIER,
        [
            {"early_stopping": [True], "validation_fraction": [0.1, 0.3]},
            {"optimizer": [deepnet.AdamW(0.01), "momentum"], "dropout": [0.2]},
            {"class_weight": ["balanced", {0: 2.0, 1: 1.0, 2: 1.0}]},
            {"solver": ["lbfgs", "sgd"], "activation": ["gelu"]},
            {"dtype": ["float32"], "batch_size": [16], "shuffle": [False]},
        ],
        {},
    ),
    "several networks": (CLASSIFIER, {"n_estimators": [1, 3], "bagging": [None]}, {"cv": 3}),
    "bagging": (REGRESSOR, {"n_estimators": [2, 3], "bagging": ["kfold"]}, {"cv": 3}),
    "two scorers": (CLASSIFIER, {"alpha": [1e-4, 1.0]}, {"scoring": TWO, "refit": "neg_log_loss"}),
    "a scorer of several": (CLASSIFIER, {"alpha": [0.1, 1.0]}, {"scoring": confusion, "refit": "wrong"}),
    "a function of the results": (
        REGRESSOR,
        {"alpha": [0.1, 1.0]},
        {"refit": lambda results: results["mean_test_score"].argmin()},
    ),
    "no refit": (REGRESSOR, {"loss": ["huber", "squared_error"]}, {"refit": False, "scoring": "r2"}),
    "another splitter": (REGRESSOR, {"alpha": [0.1]}, {"cv": ShuffleSplit(2, random_state=0)}),
    "a pipeline": (
        SCALED,
        {
            "standardscaler": [StandardScaler(), MinMaxScaler(), "passthrough"],
            "mlpclassifier__alpha": [0.1, 1.0],
        },
        {"cv": 3},
    ),
    "parameters of a transformer": (
        make_pipeline(StandardScaler(), PCA(random_state=0), REGRESSOR),
        {"pca__n_components": [2, 5], "mlpregressor__alpha": [0.1, 1.0]},
        {"cv": 2},
    ),
    "a pipeline of one step": (Pipeline([("net", CLASSIFIER)]), {"net__alpha": [0.1, 1.0]}, {"cv": 2}),
    "steps": (
        Pipeline([("scaler", StandardScaler()), ("net", CLASSIFIER)]),
        {"net": [MLPClassifier(**SETTINGS), MLPClassifier((3,), max_iter=5, random_state=1)]},
        {"cv": 2},
    ),
}


@pytest.mark.filterwarnings("ignore:.*networks learn well from inputs of size 1")
@pytest.mark.parametrize("case", SEARCHES)
def test_the_results_are_those_of_scikit_learn(case):
    estimator, grid, options = SEARCHES[case]
    options = {"return_train_score": True, **options}
    found = GridSearch(estimator, grid, **options).fit(RAW if "pipeline" in case else X, y)
    expected = GridSearchCV(estimator, grid, **options).fit(RAW if "pipeline" in case else X, y)
    assert_same(found.cv_results_, expected.cv_results_)
    assert [*map(str, found.cv_results_["params"])] == [*map(str, expected.cv_results_["params"])]
    for name in ("best_index_", "best_score_", "n_splits_", "multimetric_", "refit_time_", "n_features_in_"):
        assert hasattr(found, name) == hasattr(expected, name)
        if hasattr(expected, name) and name != "refit_time_":
            assert getattr(found, name) == getattr(expected, name)
    assert str(found.scorer_) == str(expected.scorer_)
    if options.get("refit", True):
        np.testing.assert_array_equal(found.predict(X), expected.predict(X))
        assert str(found.best_params_) == str(expected.best_params_)


TABULAR = {"hidden_layer_sizes": 4, "max_epochs": 3, "n_estimators": 2, "n_threads": 1, "random_state": 0}
TABLE = pd.DataFrame(RAW, columns=[f"x{i}" for i in range(RAW.shape[1])]).assign(
    hue=np.where(RAW[:, 10] > 1, "deep", "pale"), x3=np.where(RAW[:, 3] > 25, np.nan, RAW[:, 3])
)
OF_TABLES = {  # estimator, grid
    "classes": (
        TabularClassifier(**TABULAR),
        [{"n_pieces": [0]}, {"class_weight": [{0: 0, 1: 1, 2: 3}]}],
    ),
    "targets": (TabularRegressor(**TABULAR), {"n_estimators": [1, 3], "validation_fraction": [0.2, 0]}),
    "scoring": (
        TabularClassifier(**TABULAR, linear=False),
        {"scoring": ["neg_log_loss"], "n_iter_no_change": [1, None]},
    ),
    "a pipeline": (
        make_pipeline(StandardScaler(), TabularRegressor(**TABULAR)),
        {"standardscaler": [StandardScaler(), "passthrough"], "tabularregressor__dropout": [0.0, 0.5]},
    ),
    "steps": (
        Pipeline([("net", CLASSIFIER)]),
        {"net": [CLASSIFIER, TabularClassifier(**TABULAR)]},
    ),
}


@pytest.mark.parametrize(
    "case", [case if case == "classes" else pytest.param(case, marks=pytest.mark.slow) for case in OF_TABLES]
)
def test_tabular_estimators_have_the_scores_of_scikit_learn(case):
    """Each learns its columns' categories and scales from the rows of its fold alone."""
    estimator, grid = OF_TABLES[case]
    table, labels = (X if isinstance(estimator, Pipeline) else TABLE)[::2], y[::2]
    given = {"sample_weight": WEIGHTS[::2]} if case in ("classes", "targets") else {}
    options = {"cv": 2, "return_train_score": True}
    found, expected = (k(estimator, grid, **options) for k in (GridSearch, GridSearchCV))
    assert_same(
        found.fit(table, labels, **given).cv_results_, expected.fit(table, labels, **given).cv_results_
    )
    np.testing.assert_array_equal(found.predict(table), expected.predict(table))
    assert str(found.best_params_) == str(expected.best_params_)
    if given:
        found, expected = (
            run(estimator, table, labels, cv=2, scoring=["r2"], params=given)
            for run in (cross_validate, their_cross_validate)
        )
        assert_same(found, expected)


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"learning_rate": 1e30, "validation_fraction": 0}, marks=pytest.mark.slow),
        {"activation": "relo"},
    ],
    ids=str,
)
def test_a_tabular_estimator_that_fails_does_not_end_the_others(bad):
    grid = [{name: [value] for name, value in bad.items()}, {"dropout": [0.1]}]
    model = TabularRegressor(**TABULAR)
    found, expected = (kind(model, grid, cv=2) for kind in (GridSearch, GridSearchCV))
    for search in (found, expected):
        with pytest.warns() as warned:
            search.fit(TABLE, y)
        assert any("2 fits failed out of a total of 4" in str(w.message) for w in warned)
    assert_same(found.cv_results_, expected.cv_results_)
    with pytest.raises((FloatingPointError, ValueError, TypeError)) as raised:
        GridSearch(model, grid, cv=2, error_score="raise").fit(TABLE, y)
    assert "fits failed" not in str(raised.value)


def test_a_callback_that_fails_for_one_network_fails_its_fit():
    def fails(net, history):
        raise RuntimeError("no more")

    model = TabularClassifier(**TABULAR)
    grid = {"callbacks": [None, [fails]]}
    with pytest.warns() as warned:
        results = GridSearch(model, grid, cv=2, refit=False).fit(TABLE, y).cv_results_
    assert any("2 fits failed out of a total of 4" in str(w.message) for w in warned)
    np.testing.assert_array_equal(np.isnan(results["mean_test_score"]), [False, True])


@pytest.mark.parametrize("form", ["csr_array", "frame", "list", "float16", "uint8", "polars"])
def test_tables_of_all_kinds(form):
    table = X
    if form == "csr_array":
        table = sparse.csr_array(X * (np.abs(X) > 1))
    elif form == "frame":
        table = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    elif form == "polars":
        polars = pytest.importorskip("polars")
        table = polars.DataFrame(X, schema=[f"x{i}" for i in range(X.shape[1])])
    elif form == "list":
        table = X.tolist()
    else:
        table = (20 * (X + 4)).astype(form)
    grid = {"early_stopping": [True, "accuracy"]}
    found = GridSearch(CLASSIFIER, grid, cv=3).fit(table, y)
    expected = GridSearchCV(CLASSIFIER, grid, cv=3).fit(table, y)
    assert_same(found.cv_results_, expected.cv_results_)
    np.testing.assert_array_equal(found.predict(table), expected.predict(table))
    names = getattr(expected, "feature_names_in_", None)  # of polars, not before scikit-learn 1.8
    np.testing.assert_array_equal(getattr(found, "feature_names_in_", None), names)
    assert names is not None or form != "frame"


def test_labels_that_some_folds_do_not_have():
    order = np.argsort(y, kind="stable")
    names = np.array(["red", "rose", "white"])[y]
    search = [kind(CLASSIFIER, {"alpha": [0.1, 1.0]}, cv=KFold(3)) for kind in (GridSearch, GridSearchCV)]
    found, expected = (s.fit(X[order], names[order]).cv_results_ for s in search)
    assert_same(found, expected)


def test_folds_of_masks_and_of_numbers_from_the_end():
    mask = np.arange(len(y)) % 3 > 0
    folds = [(mask, ~mask), (np.arange(-170, 0, 2), np.arange(-169, 0, 2)), ([0, 70, 150, 70], [1, 71, 151])]
    found, expected = (kind(CLASSIFIER, {}, cv=folds).fit(X, y) for kind in (GridSearch, GridSearchCV))
    assert_same(found.cv_results_, expected.cv_results_)


def test_weights_and_groups():
    groups = np.arange(len(y)) % 6
    options = {"param_grid": {"alpha": [0.1, 1.0]}, "cv": GroupKFold(3)}
    given = {"sample_weight": WEIGHTS, "groups": groups}
    found, expected = (k(CLASSIFIER, **options).fit(X, y, **given) for k in (GridSearch, GridSearchCV))
    assert_same(found.cv_results_, expected.cv_results_)
    np.testing.assert_array_equal(found.predict_proba(X), expected.predict_proba(X))
    grid = {"mlpclassifier__alpha": [0.1, 1.0]}
    given = {"mlpclassifier__sample_weight": WEIGHTS}
    found, expected = (k(SCALED, grid).fit(X, y, **given) for k in (GridSearch, GridSearchCV))
    assert_same(found.cv_results_, expected.cv_results_)


def test_metadata_routing():
    with sklearn.config_context(enable_metadata_routing=True):
        model = clone(CLASSIFIER).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        model.set_params(early_stopping="accuracy")
        found, expected = (
            kind(model, {"alpha": [0.1, 1.0]}).fit(X, y, sample_weight=WEIGHTS)
            for kind in (GridSearch, GridSearchCV)
        )
        assert_same(found.cv_results_, expected.cv_results_)
        found, expected = (
            run(model, X, y, params={"sample_weight": WEIGHTS})
            for run in (cross_validate, their_cross_validate)
        )
        assert_same(found, expected)
        with pytest.raises(ValueError, match="groups belongs in params"):
            cross_validate(model, X, y, groups=y)


@pytest.mark.parametrize("estimator", [CLASSIFIER, REGRESSOR, SCALED], ids=["classes", "targets", "pipeline"])
@pytest.mark.parametrize("scoring", [None, ["r2"], lambda model, X, y: model.score(X, y)])
def test_cross_validate(estimator, scoring):
    scoring = TWO if scoring == ["r2"] and estimator is not REGRESSOR else scoring
    options = {"scoring": scoring, "return_train_score": True, "return_indices": True, "cv": 4}
    found = cross_validate(estimator, X, y, return_estimator=True, **options)
    expected = their_cross_validate(estimator, X, y, return_estimator=True, **options)
    ours, theirs = (results.pop("estimator") for results in (found, expected))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a.predict(X), b.predict(X))
    for kind, parts in expected.pop("indices").items():
        for rows, others in zip(found["indices"][kind], parts, strict=True):
            np.testing.assert_array_equal(rows, others)
    del found["indices"]
    assert_same(found, expected)
    found, expected = (
        run(REGRESSOR, X, y, groups=y, cv=GroupKFold(3), params={"sample_weight": WEIGHTS})
        for run in (cross_validate, their_cross_validate)
    )
    assert_same(found, expected)


def test_threads_change_no_score():
    found = [GridSearch(CLASSIFIER, {"alpha": [0.1, 1.0]}, n_threads=n).fit(X, y) for n in (1, 2, 3)]
    for search in found[1:]:
        assert_same(search.cv_results_, found[0].cv_results_)


def test_a_search_is_an_estimator_of_scikit_learn():
    search = clone(GridSearch(SCALED, {"mlpclassifier__alpha": [0.1]}, n_threads=2)).set_params(cv=2)
    assert "n_jobs" not in search.get_params()
    assert "GridSearch" in search.fit(RAW, y)._repr_html_()
    assert isinstance(search, GridSearchCV)
    assert their_cross_validate(search, RAW, y, cv=2)["test_score"].mean() > 0.5


@pytest.mark.slow
def test_the_data_are_not_copied():
    """Each fold has its own rows of one table; validation rows are copied for those that train."""
    table = np.random.default_rng(0).random((100_000, 40), np.float32)
    targets = table[:, 0]
    model = MLPRegressor(hidden_layer_sizes=(2,), max_iter=1, early_stopping=True, batch_size=5000)
    tracemalloc.start()
    GridSearch(model, {"alpha": [0.1, 1.0]}, cv=10, refit=False, n_threads=2).fit(table, targets)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The numbers of the rows of each fold, and for each fit those that it takes, in their order, and the
    # targets to validate: some 16 bytes, where a row of X has 160.
    numbers = 100_000 * (10 * 12 + 20 * 16)
    assert peak < table.nbytes / 2 + numbers


# --- failures -----------------------------------------------------------------------------------------------


class Fails:
    """A callback or scorer that fails where the penalty is large."""

    def __repr__(self):
        return "Fails()"  # in the names of tests, which must be the same in every process

    def __call__(self, *arguments):
        if len(arguments) == 3 and arguments[0].alpha > 0.5:
            raise RuntimeError("no more")
        return 0.5


@pytest.mark.parametrize(
    "bad",
    [
        {"solver": "sgd", "learning_rate_init": 1e30, "alpha": 0.0},
        {"activation": ["relu", "tanh"]},
        {"alpha": -1.0},
        {"early_stopping": Fails(), "alpha": 1.0},
        {"validation_fraction": 0.999, "early_stopping": True},
    ],
    ids=str,
)
def test_one_that_fails_does_not_end_the_others(bad):
    grid = [{key: [value] for key, value in bad.items()}, {"alpha": [0.1]}]
    found, expected = (kind(REGRESSOR, grid, cv=3) for kind in (GridSearch, GridSearchCV))
    with pytest.warns() as warned:
        found.fit(X, y)
    assert any("3 fits failed out of a total of 6" in str(w.message) for w in warned)
    with pytest.warns():
        expected.fit(X, y)
    assert_same(found.cv_results_, expected.cv_results_)
    assert found.best_index_ == 1
    with pytest.raises((FloatingPointError, ValueError, RuntimeError)) as raised:
        GridSearch(REGRESSOR, grid, cv=3, error_score="raise").fit(X, y)
    assert "fits failed" not in str(raised.value)
    with pytest.raises(ValueError, match="All the 3 fits failed"):
        GridSearch(REGRESSOR, grid[:1], cv=3).fit(X, y)


@pytest.mark.parametrize("error_score", [np.nan, -7.0])
@pytest.mark.parametrize("scoring", ["accuracy", TWO])
def test_a_transformer_that_fails(scoring, error_score):
    model = make_pipeline(PCA(), CLASSIFIER)
    grid = {"pca__n_components": [3, 10**6], "mlpclassifier__alpha": [0.1, 1.0]}
    options = {"scoring": scoring, "refit": False, "error_score": error_score, "cv": 3}
    found, expected = (kind(model, grid, **options) for kind in (GridSearch, GridSearchCV))
    with pytest.warns() as warned:
        found.fit(X, y)
    assert any("6 fits failed out of a total of 12" in str(w.message) for w in warned)
    with pytest.warns():
        expected.fit(X, y)
    assert_same(found.cv_results_, expected.cv_results_)
    with pytest.raises(ValueError, match="n_components"):
        GridSearch(model, grid, cv=3, error_score="raise").fit(X, y)


def test_a_scorer_that_fails():
    fails = make_scorer(lambda y, predicted: 1 / 0)
    for scoring in (fails, {"fails": fails, "accuracy": "accuracy"}):
        options = {"scoring": scoring, "refit": False, "cv": 2}
        found, expected = (k(CLASSIFIER, {"alpha": [0.1]}, **options) for k in (GridSearch, GridSearchCV))
        for search in (found, expected):
            with pytest.warns() as warned:
                search.fit(X, y)
            assert any("Scoring failed" in str(w.message) for w in warned)
        assert_same(found.cv_results_, expected.cv_results_)
        with pytest.raises(ZeroDivisionError):
            GridSearch(CLASSIFIER, {"alpha": [0.1]}, error_score="raise", **options).fit(X, y)


@pytest.mark.parametrize(
    ("scoring", "words"),
    [
        (
            "roc_auc",
            "scoring has 'roc_auc', for two classes, but y has 3: for several there is 'roc_auc_ovr'",
        ),
        (
            ["f1", "recall"],
            "scoring has 'f1' and 'recall', for two classes, but y has 3: for several there are",
        ),
        ({"a": "accuracy", "b": "jaccard"}, "scoring has 'jaccard', for two classes, but y has 3"),
    ],
)
def test_scorers_of_two_classes_are_named(scoring, words):
    """Before scikit-learn's warning of each fold."""
    for run in (
        lambda: cross_validate(CLASSIFIER, X, y, scoring=scoring, cv=2),
        lambda: GridSearch(CLASSIFIER, {}, scoring=scoring, cv=2, refit=False).fit(X, y),
    ):
        with pytest.warns() as warned:
            run()
        assert words in str(warned[0].message)
        assert warned[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        cross_validate(CLASSIFIER, X[y < 2], y[y < 2], scoring=scoring, cv=2)
        cross_validate(CLASSIFIER, X, y, scoring=lambda model, X, y: 1.0, cv=2)


def test_ctrl_c_ends_the_search():
    def interrupt(net, history):
        raise KeyboardInterrupt

    search = GridSearch(CLASSIFIER, {"callbacks": [[interrupt]]})
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    assert not hasattr(search, "cv_results_")


def test_bad_arguments():
    with_nan = X.copy()
    with_nan[3, 2] = np.nan
    search = GridSearch(CLASSIFIER, {"alpha": [0.1]})
    for call, error, message in [
        (lambda: search.fit(with_nan, y), ValueError, r"Not finite: X[:, 2] (nan in row 3)"),
        (lambda: search.fit(X, np.r_[y, 0]), ValueError, "inconsistent numbers of samples"),
        (lambda: search.fit(X, y, weight=WEIGHTS), TypeError, "weight was given for fit, which takes"),
        (lambda: search.fit(X, y, sample_weight=-WEIGHTS), ValueError, "sample_weight["),
        (
            lambda: GridSearch(LogisticRegression(), {"C": [1]}).fit(X, y),
            TypeError,
            "estimator is a LogisticRegression, but must be an estimator of deepnet.sklearn",
        ),
        (
            lambda: cross_validate(make_pipeline(StandardScaler(), LogisticRegression()), X, y),
            TypeError,
            "estimator is a pipeline that ends with a LogisticRegression",
        ),
        (
            lambda: GridSearch(
                Pipeline([("net", CLASSIFIER)]), {"net": [CLASSIFIER, LogisticRegression()]}
            ).fit(X, y),
            TypeError,
            "ends with a LogisticRegression",
        ),
        (
            lambda: GridSearch(CLASSIFIER, {"momentun": [1]}).fit(X, y),
            ValueError,
            "Invalid parameter 'momentun'",
        ),
        (lambda: GridSearch(CLASSIFIER, {}, n_threads=0).fit(X, y), ValueError, "'n_threads' parameter"),
        (lambda: cross_validate(CLASSIFIER, X, y, n_threads=0), ValueError, "threads is 0"),
        (
            lambda: cross_validate(CLASSIFIER, X, y, error_score="nan"),
            ValueError,
            "error_score is 'nan', but must be 'raise' or a number",
        ),
        (lambda: GridSearch(CLASSIFIER, {}, scoring="acc").fit(X, y), ValueError, "'acc'"),
        (lambda: GridSearch(CLASSIFIER, {}, scoring=TWO).fit(X, y), ValueError, "refit"),
        (lambda: GridSearch(CLASSIFIER, {}, cv=1).fit(X, y), ValueError, "The 'cv' parameter"),
    ]:
        with pytest.raises(error, match=re.escape(message)):
            call()


# --- L-BFGS -------------------------------------------------------------------------------------------------


def test_line_searches_run_side_by_side_and_warn_once():
    """Of candidates, folds and members: the scores of GridSearchCV, and the warning at the caller's line."""
    model = MLPClassifier((4,), solver="lbfgs", max_iter=5, random_state=0)
    grid = {"alpha": [1e-3, 1.0], "n_estimators": [1, 2]}
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        found = GridSearch(model, grid, cv=2, n_threads=3, refit=False).fit(X, y).cv_results_
    (warning,) = given
    assert warning.filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = GridSearchCV(model, grid, cv=2, refit=False).fit(X, y).cv_results_
    for fold in range(2):
        name = f"split{fold}_test_score"
        np.testing.assert_array_equal(found[name], expected[name])


def test_ctrl_c_ends_line_searches_on_other_threads(monkeypatch):
    """Raised on the main thread once both workers have begun; each then ends at its next evaluation."""
    begun, ended = threading.Barrier(3), list[None]()

    def endless():
        begun.wait(timeout=30)
        try:
            while True:
                minimise(*arguments)
        except KeyboardInterrupt:
            ended.append(None)
            raise

    net = deepnet.Network([2, 1], ["identity"], dtype="float64", seed=0)
    plan = Plan(deepnet.LOSSES["mean_squared_error"], deepnet.SGD(), (LayerPlan(),), normalized=True)
    arguments = net, (np.ones((2, 3)), np.ones((1, 3)), None), plan, 1.0, 1, {"maxiter": 3}

    def interrupted(future):
        begun.wait(timeout=30)
        raise KeyboardInterrupt

    monkeypatch.setattr(Future, "result", interrupted)
    with pytest.raises(KeyboardInterrupt):
        side_by_side([endless, endless], 2)
    assert len(ended) == 2
    assert _lbfgs._stopped.get() is None
