"""Bad input: an error that names the column or the argument, and an estimator that is what it was before."""

import re
import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

import deepnet
from deepnet.sklearn import GridSearch, MLPClassifier, MLPRegressor, cross_validate

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_wine(return_X_y=True)
X = StandardScaler().fit_transform(X)
FRAME = pd.DataFrame(X[:, :3], columns=["ash", "hue", "flavour"])


def with_entry(value):
    changed = X.copy()
    changed[7, 2] = value
    return changed


def frame_with(column, value):
    changed = FRAME.astype({column: object}) if isinstance(value, str) else FRAME.copy()
    changed.loc[7, column] = value
    return changed


class Raises:
    """A callback or scorer that fails in its second call."""

    def __init__(self):
        self.calls = 0

    def __call__(self, *arguments):
        self.calls += 1
        if self.calls > 1:
            raise RuntimeError("no more")
        return 0.5


FIT = {  # settings, X, y, other arguments, message
    "nan": ({}, with_entry(np.nan), y, {}, r"contains NaN(.|\n)*Not finite: X\[:, 2\] \(nan in row 7\)"),
    "inf": ({}, with_entry(np.inf), y, {}, r"infinity(.|\n)*X\[:, 2\] \(inf in row 7\)"),
    "nan in a frame": ({}, frame_with("hue", np.nan), y, {}, r"the column 'hue' \(nan in row 7\)"),
    "a word in a frame": (
        {},
        frame_with("hue", "red"),
        y,
        {},
        "Not numbers: the column 'hue', such as 'red'",
    ),
    "groups": ({}, FRAME.groupby("hue"), y, {}, "X is a DataFrameGroupBy, but must be a frame"),
    "a class of negative weight": (
        {"class_weight": {0: 1, 1: -2, 2: 1}},
        X,
        y,
        {},
        "class_weight gives rows the weight -2, but weights must be finite and 0 or more",
    ),
    "an empty frame": ({}, FRAME[:0], y[:0], {}, r"Found array with 0 sample\(s\)"),
    "no columns": ({}, FRAME[[]], y, {}, r"0 feature\(s\)"),
    "one class": ({}, X, np.zeros(len(y)), {}, "y has only one class, 0.0"),
    "mixed labels": ({}, X, np.array([1, "a"] * 89, object), {}, "y mixes str and int, such as 'a' and 1"),
    "a missing label": ({}, X, np.array(["a", None] * 89, object), {}, "y is None in row 1"),
    "an NA label": ({}, X, pd.Series(["a", pd.NA] * 89, dtype="string"), {}, "y is <NA> in row 1"),
    "y longer": ({}, X, np.r_[y, 0], {}, r"inconsistent numbers of samples: \[178, 179\]"),
    "nan in y": ({}, X, np.where(y > 0, y, np.nan), {}, "y contains NaN"),
    "several columns of classes": ({}, X, np.c_[y, y], {}, "y has 2 columns of classes"),
    "negative weights": ({}, X, y, {"sample_weight": np.full(len(y), -1.0)}, r"sample_weight\[0\] is -1"),
    "no weight": (
        {},
        X,
        y,
        {"sample_weight": np.zeros(len(y))},
        "zero for all rows|one non-zero",
    ),
    "weights shorter": ({}, X, y, {"sample_weight": np.ones(5)}, r"sample_weight.shape == \(5,\)"),
    "X_val alone": ({}, X, y, {"X_val": X}, "X_val and y_val belong together"),
    "X_val narrower": (
        {},
        X,
        y,
        {"X_val": X[:, :2], "y_val": y},
        "2 features, but MLPClassifier is expecting 13",
    ),
    "y_val of other classes": ({}, X, y, {"X_val": X, "y_val": y + 1}, "classes not in `self.classes_`"),
    "solver": ({"solver": "newton"}, X, y, {}, "The 'solver' parameter of MLPClassifier must be"),
    "alpha": ({"alpha": -1}, X, y, {}, "The 'alpha' parameter"),
    "hidden size": (
        {"hidden_layer_sizes": (3, 0)},
        X,
        y,
        {},
        r"hidden_layer_sizes must be > 0, got \[3, 0\]",
    ),
    "hidden fraction": ({"hidden_layer_sizes": (2.5,)}, X, y, {}, "hidden_layer_sizes must be whole numbers"),
    "activation": ({"activation": "rellu"}, X, y, {}, "The 'activation' parameter"),
    "an activation": ({"activation": ["rellu"]}, X, y, {}, "did you mean 'relu'"),
    "activations": (
        {"activation": ["relu", "tanh"]},
        X,
        y,
        {},
        "activation has 2 entries, but hidden_layer_sizes has 1",
    ),
    "dropout": ({"dropout": [1.0]}, X, y, {}, "dropout is 1.0"),
    "dropout twice": ({"dropout": [0.1, 0.2]}, X, y, {}, "dropout has 2 entries"),
    "optimizer": ({"optimizer": "adamm"}, X, y, {}, "did you mean 'adam'"),
    "scorer": ({"early_stopping": "acuracy"}, X, y, {}, "early_stopping is 'acuracy', but must be a bool"),
    "class_weight": ({"class_weight": "fair"}, X, y, {}, "The 'class_weight' parameter"),
    "threads": ({"n_threads": 0}, X, y, {}, "The 'n_threads' parameter"),
    "dtype": ({"dtype": "float16"}, X, y, {}, "The 'dtype' parameter"),
    "validation rows": (
        {"early_stopping": True, "validation_fraction": 0.1},
        *(X[:9], np.arange(9) % 2, {}, "The validation set is too small|The test_size = 1"),
    ),
    "a scorer that raises": ({"early_stopping": Raises()}, X, y, {}, "no more"),
    "a scorer of words": ({"early_stopping": lambda *_: "good"}, X, y, {}, "the scorer returned 'good'"),
    "a callback that raises": ({"callbacks": [Raises()]}, X, y, {}, "no more"),
    "callbacks": ({"callbacks": [3]}, X, y, {}, r"callbacks\[0\] is"),
}


@pytest.mark.parametrize("case", FIT)
@pytest.mark.parametrize("fitted", [False, True])
def test_fit_refuses_and_leaves_the_estimator_as_it_was(case, fitted):
    settings, table, labels, arguments, message = FIT[case]
    model = MLPClassifier((3,), max_iter=3, random_state=0)
    if fitted:
        model.fit(X, y)
    model.set_params(**settings)
    before = vars(model).copy()
    weights = [p.copy() for p in model.coefs_] if fitted else []
    with pytest.raises((ValueError, TypeError, RuntimeError), match=message):
        model.fit(table, labels, **arguments)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[key] is value for key, value in before.items())
    for p, kept in zip(model.coefs_ if fitted else [], weights, strict=True):
        np.testing.assert_array_equal(p, kept)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_failure_while_training_goes_on_restores_the_weights(method):
    model = MLPRegressor(hidden_layer_sizes=(3,), max_iter=5, warm_start=True, random_state=0).fit(X, y)
    before, curve = model.predict(X), [*model.loss_curve_]
    failing = Raises()
    failing.calls = method == "partial_fit"
    model.set_params(callbacks=[failing])
    with pytest.raises(RuntimeError, match="no more"):
        getattr(model, method)(X, y)
    np.testing.assert_array_equal(model.predict(X), before)
    assert model.loss_curve_ == curve


@pytest.mark.parametrize("kind", ["array", "frame", "fold", "small"])
def test_inputs_that_are_not_scaled(kind):
    """A warning, at the caller's line; the same for each fold, so that Python shows it once."""
    table = np.c_[X[:, :2], X[:, 2] * 1000]
    what = "X[:, 2] has values of size above 100"
    fit = MLPClassifier(max_iter=2).fit
    if kind == "frame":
        table, what = FRAME * [1, 1000, 1], "the column 'hue' has values of size above 100"
    elif kind == "small":
        table, what = X / 1000, "all columns of X have values of size below 0.01"
    elif kind == "fold":
        fit = GridSearch(MLPClassifier(max_iter=2), {}, cv=2).fit
    with pytest.warns(UserWarning, match=re.escape(what)) as warned:
        fit(table, y)
    ((message, filename),) = {(str(w.message), w.filename) for w in warned if "of size" in str(w.message)}
    assert message.endswith("make_pipeline(StandardScaler(), MLPClassifier(...))")
    assert filename == __file__


def test_pixels_are_scaled_without_a_copy():
    pixels = np.random.default_rng(0).integers(0, 256, (120, 30)).astype(np.uint8)
    labels = pixels[:, 0] > 128
    settings = {"hidden_layer_sizes": (8,), "max_iter": 20, "random_state": 0}
    with pytest.warns(UserWarning, match=r"for pixels, MLPClassifier\(input_scale=1 / 255\)$"):
        MLPClassifier(**settings).fit(pixels, labels)
    for solver in ("adam", "lbfgs"):
        model = MLPClassifier(**settings, solver=solver, input_scale=1 / 255).fit(pixels, labels)
        expected = (
            MLPClassifier(**settings, solver=solver).fit(pixels / 255, labels).predict_proba(pixels / 255)
        )
        sparse = clone(model).fit(csr_matrix(pixels), labels)
        for p in (
            model.predict_proba(pixels),
            model.to_sklearn().predict_proba(pixels),
            sparse.predict_proba(csr_matrix(pixels)),
        ):
            np.testing.assert_allclose(p, expected, rtol=1e-9)
    with pytest.raises(ValueError, match="input_scale is 0"):
        model.set_params(input_scale=0).fit(pixels, labels)
    np.testing.assert_array_equal(model.to_sklearn().predict(pixels), model.predict(pixels))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_several_networks_that_do_not_converge_warn_once(solver):
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        MLPClassifier((3,), solver=solver, max_iter=2, n_estimators=3).fit(X, y)
    (warning,) = given
    assert warning.category is ConvergenceWarning
    assert warning.filename == __file__


def test_losses_that_overflow_say_what_to_do():
    model = MLPRegressor(hidden_layer_sizes=(3,), solver="sgd", learning_rate_init=1e30, dtype="float32")
    with pytest.raises(FloatingPointError, match=r"smaller learning rate than 1e\+30"):
        model.fit(X, y)
    assert not hasattr(model, "network_")


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        (
            partial(GridSearch, MLPClassifier(), {}, n_jobs=2),
            "GridSearch 'n_jobs': did you mean 'n_threads'?",
        ),
        (
            partial(cross_validate, MLPClassifier(), X, n_jobs=2),
            "cross_validate 'n_jobs': did you mean 'n_threads'?",
        ),
        (partial(MLPClassifier, lr=0.1), "MLPClassifier 'lr': did you mean 'learning_rate_init'?"),
        (partial(MLPRegressor, epochs=3), "MLPRegressor 'epochs': did you mean 'max_iter'?"),
        (partial(MLPRegressor, hidden_layers=3), "'hidden_layers': did you mean 'hidden_layer_sizes'?"),
        (partial(MLPClassifier, metrics=["accuracy"]), "'metrics': did you mean 'early_stopping'?"),
        (
            partial(MLPClassifier, something=1),
            "'something': known are hidden_layer_sizes, activation, solver",
        ),
    ],
)
def test_arguments_that_do_not_exist(call, advice):
    with pytest.raises(TypeError, match=re.escape(advice)):
        call()


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        ({"loss": "mse"}, "Did you mean 'squared_error'?"),
        ({"loss": "mean_absolute_error"}, "Did you mean 'absolute_error'?"),
        ({"loss": "hubert"}, "Did you mean 'huber'?"),
        ({"activation": "logistc"}, "Did you mean 'logistic'?"),
        ({"solver": "adamw"}, "As one of deepnet's optimizers: optimizer='adamw'."),
        ({"solver": "adamm"}, "Did you mean 'adam'?"),
        ({"learning_rate": 0.01}, "The rate itself is learning_rate_init=0.01."),
        ({"bagging": "kfolds"}, "Did you mean 'kfold'?"),
        ({"alpha": -1.0}, "Got -1.0 instead."),
        ({"loss": 3}, "Got 3 instead."),
    ],
)
def test_what_a_wrong_parameter_should_have_been(settings, advice):
    (name,) = settings
    with pytest.raises(ValueError, match=f"The '{name}' parameter of MLPRegressor") as raised:
        MLPRegressor(**settings).fit(X, y)
    assert str(raised.value).endswith(advice)


def test_poisson_needs_counts():
    with pytest.raises(ValueError, match="y has the target -1, but loss='poisson' needs counts"):
        MLPRegressor("poisson").fit(X, y - 1)


def test_targets_that_are_words_or_missing():
    names = np.array(["low", "high", "mid"])
    with pytest.raises(TypeError, match="y holds strings, such as 'high', but a regressor needs numbers"):
        MLPRegressor().fit(X, names[np.r_[1, y[1:]]])
    targets = y.astype(object)
    targets[7] = None
    with pytest.raises(ValueError, match="y is nan in row 7, but every row needs a target"):
        MLPRegressor().fit(X, targets)


def test_searches_name_a_missing_label():
    labels = pd.Series(["a", None] * 89, dtype=object)
    for fit in GridSearch(MLPClassifier(), {"alpha": [1.0]}).fit, partial(cross_validate, MLPClassifier()):
        with pytest.raises(ValueError, match="y is None in row 1, but every row needs a label"):
            fit(X, labels)


def test_losses_of_regression_only():
    for name in ("binary_cross_entropy", "sparse_categorical_cross_entropy"):
        with pytest.raises(ValueError, match=f"loss is '{name}', which is for classes"):
            MLPRegressor(deepnet.LOSSES[name]).fit(X, y)
    counts = replace(deepnet.LOSSES["mean_squared_error"], name="own", label_rule="counts")
    with pytest.raises(ValueError, match=r"y\[0, 0\] is -1.0, but counts must be"):
        MLPRegressor(counts, max_iter=1).fit(X, y - 1.0)


def test_partial_fit_refuses():
    with pytest.raises(ValueError, match="classes must be passed"):
        MLPClassifier().partial_fit(X, y)
    model = MLPClassifier((3,), random_state=0).partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="is not the same as on last call"):
        model.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match=r"classes not in `self\.classes_`"):
        model.partial_fit(X, y + 1)
    with pytest.raises(ValueError, match="y has 2 columns, but the fitted model has 1"):
        MLPRegressor(hidden_layer_sizes=(3,)).partial_fit(X, y).partial_fit(X, np.c_[y, y])
    assert not hasattr(MLPClassifier(solver="lbfgs"), "partial_fit")


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_predict_refuses(method):
    with pytest.raises(ValueError, match="not fitted"):
        getattr(MLPClassifier(), method)(X)
    call = getattr(MLPClassifier((3,), max_iter=3).fit(X, y), method)
    for table, message in [
        (with_entry(np.nan), r"X\[:, 2\] \(nan in row 7\)"),
        (with_entry(-np.inf), "infinity"),
        (X[:, :4], "X has 4 features, but MLPClassifier is expecting 13"),
        (X[0], "Expected 2D array, got 1D array"),
        (X[:0], r"Found array with 0 sample\(s\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            call(table)
    assert call(X * 1e160).shape[0] == len(X)  # finite, though the sum of the squares is not
    framed = getattr(MLPClassifier((3,), max_iter=3).fit(FRAME, y), method)
    for wrong in (
        FRAME[["hue", "ash", "flavour"]],
        FRAME[["ash", "hue"]],
        FRAME.rename(columns={"ash": "a"}),
    ):
        with pytest.raises(ValueError, match=re.compile("feature names|features")):
            framed(wrong)
