"""What all four estimators have in common: scikit-learn's tools take them, and bad input changes nothing."""

import pickle
import re

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")
import joblib
import pandas as pd
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_wine
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.feature_selection import RFE
from sklearn.inspection import permutation_importance
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from deepnet.sklearn import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, NUMBERS = load_wine(return_X_y=True)
ROWS = np.random.default_rng(0).permutation(len(X))[:89]
X, NUMBERS = StandardScaler().fit_transform(X)[ROWS][:, [0, 1, 2, 6, 9, 12]], NUMBERS[ROWS]
WORDS = np.array(["barolo", "grignolino", "barbera"])[NUMBERS]
FRAME = pd.DataFrame(X, columns=["alcohol", "acid", "ash", "phenols", "colour", "proline"])

_MLP = {"hidden_layer_sizes": (8,), "max_iter": 30, "learning_rate_init": 0.02, "random_state": 0}
_TABLE = {"hidden_layer_sizes": (8,), "max_epochs": 20, "n_estimators": 2, "random_state": 0}
MODELS = {
    "MLPClassifier": MLPClassifier(**_MLP),
    "MLPRegressor": MLPRegressor(**_MLP),
    "TabularClassifier": TabularClassifier(**_TABLE),
    "TabularRegressor": TabularRegressor(**_TABLE),
}
IS_MLP = {name: name.startswith("MLP") for name in MODELS}


@pytest.fixture(params=MODELS)
def name(request):
    return request.param


@pytest.fixture
def model(name):
    return clone(MODELS[name])


@pytest.fixture
def y(model):
    return WORDS if is_classifier(model) else NUMBERS.astype(float)


# --- scikit-learn's tools -----------------------------------------------------------------------------------


def test_grid_search_over_a_pipeline(model, y):
    pipeline = make_pipeline(StandardScaler(), model)
    grid = {f"{type(model).__name__.lower()}__hidden_layer_sizes": [(4,), (8, 4)]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    assert search.best_score_ > 0.4
    assert search.predict(X).shape == y.shape


def test_column_transformer(model, y):
    frame = FRAME.assign(kind=np.where(X[:, 0] > 0, "strong", "light"))
    columns = make_column_transformer((OneHotEncoder(), ["kind"]), remainder="passthrough")
    assert make_pipeline(columns, model).fit(frame, y).score(frame, y) > 0.5


@pytest.mark.slow
def test_cross_validation_in_two_processes(model, y):
    alone = cross_val_score(model, X, y, cv=2)
    np.testing.assert_array_equal(cross_val_score(model, X, y, cv=2, n_jobs=2), alone)


def test_calibration_and_voting(model, y):
    if not is_classifier(model):
        assert VotingRegressor([("a", model), ("b", clone(model))]).fit(X, y).score(X, y) > 0.5
        return
    assert CalibratedClassifierCV(model, cv=2).fit(X, y).score(X, y) > 0.7
    votes = VotingClassifier([("a", model), ("b", clone(model))], voting="soft").fit(X, y)
    assert votes.score(X, y) > 0.7


def test_recursive_elimination_by_permutation_importance(model, y):
    def importance(fitted):
        part = X[:, : fitted.n_features_in_]
        return permutation_importance(fitted, part, y, n_repeats=2, random_state=0)["importances_mean"]

    selection = RFE(model, n_features_to_select=4, importance_getter=importance).fit(X, y)
    assert selection.support_.sum() == 4


def test_set_output_gives_frames_whose_columns_are_checked(model, y):
    pipeline = make_pipeline(StandardScaler(), model).set_output(transform="pandas").fit(FRAME, y)
    assert list(pipeline[-1].feature_names_in_) == list(FRAME)
    for wrong in (FRAME[FRAME.columns[::-1]], FRAME.rename(columns={"ash": "a"}), FRAME[["ash"]]):
        with pytest.raises(ValueError, match=r"feature names|features"):
            pipeline[-1].predict(wrong)


def test_copies(model, y, tmp_path):
    fitted = model.fit(X, y)
    joblib.dump(fitted, tmp_path / "model")
    for other in (
        joblib.load(tmp_path / "model"),
        pickle.loads(pickle.dumps(fitted)),
        clone(model).fit(X, y),
    ):
        np.testing.assert_array_equal(other.predict(X), fitted.predict(X))
    assert not [key for key in vars(clone(model)) if key.endswith("_")]
    assert type(model).__name__ in model._repr_html_()


# --- bad input ----------------------------------------------------------------------------------------------


class Raises:
    """A callback or scorer that fails in its second call."""

    def __init__(self):
        self.calls = 0

    def __call__(self, *arguments):
        self.calls += 1
        if self.calls > 1:
            raise RuntimeError("no more")
        return 0.5


def with_column(values):
    return FRAME.assign(ash=values)


def score_rule(name):
    return "early_stopping" if IS_MLP[name] else "scoring"


ODD = np.array([1.5, "x", None, 2] * 23, object)[: len(X)]
HOLES = np.where(np.arange(len(X)) == 7, np.nan, X[:, 2])
BAD = {  # of a name and targets: X, y, other arguments of fit, settings, message
    "inf": lambda n, y: (with_column(np.r_[np.inf, HOLES[1:7], X[7:, 2]]), y, {}, {}, "'ash'.*inf"),
    "mixed types": lambda n, y: (with_column(ODD), y, {}, {}, "the column 'ash'"),
    "empty frame": lambda n, y: (FRAME[:0], y[:0], {}, {}, r"0 sample\(s\)"),
    "no columns": lambda n, y: (FRAME[[]], y, {}, {}, r"0 feature\(s\)"),
    "y longer": lambda n, y: (FRAME, [*y, y[0]], {}, {}, r"y has 90 entries|\[89, 90\]"),
    "a missing target": lambda n, y: (
        *(FRAME, np.array([*y[:-1], None], object), {}, {}),
        "y is (None|nan) in row 88, but every row needs a (label|target)",
    ),
    "negative weight": lambda n, y: (
        *(FRAME, y, {"sample_weight": np.r_[np.ones(88), -1]}, {}),
        r"sample_weight\[88\] is -1",
    ),
    "no weight": lambda n, y: (
        FRAME,
        y,
        {"sample_weight": np.zeros(89)},
        {},
        "sample_weight is zero|non-zero",
    ),
    "weights shorter": lambda n, y: (FRAME, y, {"sample_weight": np.ones(5)}, {}, "sample_weight"),
    "a scorer that raises": lambda n, y: (FRAME, y, {}, {score_rule(n): Raises()}, "no more"),
    "a scorer's name": lambda n, y: (FRAME, y, {}, {score_rule(n): "f2"}, f"{score_rule(n)} is 'f2'"),
    "a metric": lambda n, y: (
        *(FRAME, y, {}, {score_rule(n): r2_score}),
        rf"{score_rule(n)} is the metric r2_score, .*make_scorer\(r2_score\)",
    ),
    "a callback that raises": lambda n, y: (FRAME, y, {}, {"callbacks": [Raises()]}, "no more"),
    "no callback": lambda n, y: (FRAME, y, {}, {"callbacks": [3]}, r"callbacks\[0\] is 3"),
    "a parameter": lambda n, y: (FRAME, y, {}, {"activation": "rellu"}, "Did you mean 'relu'"),
}
BAD_CLASSES = {
    "one class": (np.full(89, "a"), "y has only one class, 'a'"),
    "mixed labels": (np.array(["a", 1] * 45, object)[:89], "y mixes str and int"),
    "columns of classes": (np.c_[WORDS, WORDS], "y has 2 columns of classes|y has 2 columns"),
}


def is_refused(model, fitted_to, X, y, arguments, message):
    """Check that fit raises, and that the estimator is what it was, with the same predictions."""
    before = vars(model).copy()
    expected = None if fitted_to is None else model.predict(fitted_to)
    with pytest.raises((ValueError, TypeError, RuntimeError), match=f"(?s){message}"):
        model.fit(X, y, **arguments)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[key] is value for key, value in before.items())
    if fitted_to is not None:
        np.testing.assert_array_equal(model.predict(fitted_to), expected)


@pytest.mark.parametrize("case", BAD)
def test_fit_refuses_and_changes_nothing(case, name, model, y):
    table, targets, arguments, settings, message = BAD[case](name, y)
    is_refused(model.set_params(**settings), None, table, targets, arguments, message)
    model = clone(MODELS[name]).fit(FRAME, y).set_params(**BAD[case](name, y)[3])
    is_refused(model, FRAME, table, targets, arguments, message)


@pytest.mark.parametrize("case", BAD_CLASSES)
@pytest.mark.parametrize("name", [name for name in MODELS if "Classifier" in name], indirect=True)
def test_classifiers_refuse_labels_and_change_nothing(case, model, y):
    labels, message = BAD_CLASSES[case]
    is_refused(model.fit(FRAME, y), FRAME, FRAME, labels, {}, message)


@pytest.mark.parametrize("name", [name for name in MODELS if "Regressor" in name], indirect=True)
def test_regressors_refuse_words_and_change_nothing(model, y):
    message = r"y holds strings, such as '\w+', but a regressor needs numbers: \w+Classifier is for classes"
    is_refused(model.fit(FRAME, y), FRAME, FRAME, WORDS, {}, message)


def test_missing_numbers_are_named_or_learnt_from(name, model, y):
    holes = with_column(HOLES)
    if IS_MLP[name]:
        is_refused(model.fit(FRAME, y), FRAME, holes, y, {}, re.escape("the column 'ash' (nan in row 7)"))
        with pytest.raises(ValueError, match=re.escape("the column 'ash' (nan in row 7)")):
            model.predict(holes)
    else:
        assert model.fit(holes, y).predict(holes).shape == y.shape
