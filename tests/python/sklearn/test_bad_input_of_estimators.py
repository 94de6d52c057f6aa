"""Bad input: an error that names the column or the argument, and an estimator that is what it was before."""

import re
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer_names
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import deepnet
import deepnet.sklearn
from advice import advice_in
from deepnet.sklearn import (
    GridSearch,
    MLPClassifier,
    MLPRegressor,
    TabularClassifier,
    TabularRegressor,
    cross_validate,
)

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
    advice = message.rpartition(": ")[2]
    assert advice == "make_pipeline(StandardScaler(), MLPClassifier())"
    model = eval(
        advice, {"make_pipeline": make_pipeline, **vars(deepnet.sklearn), "StandardScaler": StandardScaler}
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*of size")
        model.set_params(mlpclassifier__max_iter=2).fit(table, y)
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


QUICK = {"hidden_layer_sizes": (2,), "random_state": 0}
FITS = {  # the parameter that is the scorer, and an estimator with this scorer
    "early_stopping": lambda kind, scorer: kind(
        **QUICK, max_iter=3, early_stopping=scorer, validation_fraction=0.3
    ),
    "scoring": lambda kind, scorer: kind(**QUICK, max_epochs=3, n_estimators=2, linear=False, scoring=scorer),
}
KINDS = [
    (MLPClassifier, "early_stopping"),
    (MLPRegressor, "early_stopping"),
    (TabularClassifier, "scoring"),
    (TabularRegressor, "scoring"),
]


def test_the_advice_for_several_classes_runs():
    model = FITS["early_stopping"](MLPClassifier, "roc_auc")
    with pytest.raises(ValueError, match=r"^early_stopping is 'roc_auc', which cannot") as raised:
        model.fit(X, y)
    assert advice_in(str(raised.value)) == ["early_stopping='roc_auc_ovr'"]
    model.set_params(early_stopping="roc_auc_ovr").fit(X, y)


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_a_scorer_that_always_gives_nan_is_an_error(kind, name):
    def scorer(model, X, y):
        return np.nan

    model = FITS[name](kind, scorer)
    with pytest.raises(ValueError, match=f"^{name}: the scorer returned nan after each of the 3 epochs"):
        model.fit(X, y)
    assert not hasattr(model, "n_features_in_")
    calls = []

    def at_first(model, X, y):
        calls.append(model)
        return np.nan if len(calls) == 1 else -len(calls)

    model = FITS[name](kind, at_first).set_params(n_estimators=1).fit(X, y)
    if name == "scoring":
        assert model.best_epochs_ == [2]
    else:
        assert model.best_validation_score_ == -2


def test_a_scorer_that_always_gives_nan_ends_partial_fit():
    model = MLPRegressor(
        hidden_layer_sizes=(2,), early_stopping=lambda model, X, y: np.nan, n_iter_no_change=1, random_state=0
    )
    model.partial_fit(X, y)
    with pytest.raises(ValueError, match="returned nan after each of the 2 epochs"):
        model.partial_fit(X, y)


def test_networks_without_any_score_keep_their_last_epoch():
    """The first of two networks has no score, on whichever thread it is."""
    seen = {}

    def scorer(model, X, y):
        return np.nan if seen.setdefault(len(X), len(seen)) == 0 else 0.5

    with pytest.warns(RuntimeWarning, match="nan after every epoch of 1 of 2 networks"):
        model = FITS["scoring"](TabularRegressor, scorer).fit(X[:56], y[:56])  # folds of 12 and of 11 rows
    assert sorted(model.best_epochs_) == [0, 3]


def message_of(model):
    try:
        model.fit(X[:, :3], y)
    except ValueError as error:
        return str(error)
    return "none"


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_every_name_of_a_scorer_works_or_names_the_parameter(kind, name):
    """With three classes; where there is a variant for several classes, its advice runs."""
    advised = set()
    for scorer in get_scorer_names():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            message = message_of(FITS[name](kind, scorer))
            begins = f"{name} is {scorer!r}, which cannot score the rows held out: ", f"{name}: ", "none"
            assert message.startswith(begins)
            for code in (code for code in advice_in(message) if code.startswith(name)):
                assert message_of(FITS[name](kind, scorer).set_params(**eval(f"dict({code})"))) == "none"
                advised.add(scorer)
    if "Classifier" in kind.__name__:
        assert advised >= {"roc_auc", "f1", "precision", "recall", "jaccard"}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, name)
        for kind, _ in KINDS
        for name in dict.fromkeys(name for other, _ in KINDS for name in other().get_params())
        if name not in kind().get_params()
    ],
)
def test_a_parameter_of_another_estimator(kind, name):
    """The error, also of set_params, names a parameter to use instead or an estimator that has it."""
    with pytest.raises(TypeError) as raised:
        kind(**{name: 1})
    message = str(raised.value)
    meant = re.search(r"did you mean '(\w+)'\?$", message)
    owners = re.search(rf"'{name}': {name} is a parameter of (\w+)(?: and (\w+))?$", message)
    if meant:
        assert meant[1] in kind().get_params()
    else:
        for owner in filter(None, owners.groups()):
            assert name in getattr(deepnet.sklearn, owner)().get_params()
    with pytest.raises(ValueError, match=r"^Invalid parameter .* for estimator") as raised:
        kind().set_params(**{name: 1})
    assert str(raised.value).lower().endswith(message.partition("': ")[2].lower())


def test_unknown_parameters_in_grids_and_searches():
    with pytest.raises(ValueError, match=r"Did you mean 'learning_rate_init'\?$"):
        GridSearch(MLPClassifier(), {"lr": [0.1]}).fit(X, y)
    with pytest.raises(ValueError, match=r"Did you mean 'n_threads'\?$"):
        GridSearch(MLPClassifier(), {}).set_params(n_jobs=2)
    with pytest.raises(ValueError, match=r"Did you mean 'alpha'\?$"):
        GridSearch(MLPClassifier(), {}).set_params(estimator__l2=2)


NO_TABLES = {  # X, and what its advice needs
    "a dict": {"a": [1.0, 2.0], "b": [0.5, 0.1]},
    "a dict of no columns": {"a": 1, "b": 2},
    "what load_wine returns": load_wine(),
    "records": [{"a": 1.0, "b": 2.0}, {"a": 2.0, "b": 0.0}],
    "a file": "table.csv",
    "a path": Path("table.csv"),
    "an array's file": "table.npy",
    "a word": "wine",
    "bytes": b"1,2",
    "a set": {1, 2},
    "rows to come": (row for row in [[1.0, 2.0], [3.0, 4.0]]),
    "nothing": None,
    "a number": 3.5,
}


@pytest.mark.parametrize("case", NO_TABLES)
def test_an_X_that_is_no_table(case, tmp_path, monkeypatch):
    """Its error names what it is, and the code in it makes a table."""
    given = NO_TABLES[case]
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}).to_csv("table.csv", index=False)
    np.save("table.npy", np.ones((2, 2)))
    fits = [kind().fit for kind, _ in KINDS]
    fits += [GridSearch(MLPClassifier(), {}).fit, partial(cross_validate, MLPClassifier())]
    messages = set()
    for fit in fits:
        with pytest.raises(
            TypeError, match=r"^X is .*, but must be a frame, an array or a list of rows"
        ) as raised:
            fit(given, y)
        messages.add(str(raised.value))
    (message,) = messages
    code = advice_in(message)
    assert bool(code) == (
        case not in ("a dict of no columns", "a word", "bytes", "a set", "nothing", "a number")
    )
    if code:
        table = eval(code[0], {"pandas": pd, "np": np, "X": given})
        labels = load_wine().target if "wine" in case else [0.0, 1.0]
        TabularRegressor(**QUICK, max_epochs=1, n_estimators=1).fit(table, labels)


@pytest.mark.parametrize(("kind", "_"), KINDS)
def test_a_y_that_is_none(kind, _):
    frame = FRAME.assign(price=y)
    with pytest.raises(TypeError, match=r"^y is 'price', but must be a series, an array") as raised:
        kind().fit(frame, "price")
    names = {"X": frame}
    exec(str(raised.value).rpartition(": ")[2], names)
    np.testing.assert_array_equal(names["y"], y)
    assert "price" not in frame
    for bad in ({"price": y}, iter(y), 3):
        with pytest.raises(TypeError, match=r"^y is .*, but must be a series"):
            kind().fit(FRAME, bad)


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
        (partial(MLPClassifier, max_epochs=3), "MLPClassifier 'max_epochs': did you mean 'max_iter'?"),
        (partial(MLPClassifier, scoring="r2"), "MLPClassifier 'scoring': did you mean 'early_stopping'?"),
        (
            partial(MLPClassifier, max_seconds=3),
            "'max_seconds': max_seconds is a parameter of TabularClassifier and TabularRegressor",
        ),
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
    weighted = replace(deepnet.LOSSES["mean_squared_error"], name="own", data=("w",))
    with pytest.raises(ValueError, match="loss 'own' needs loss_data, which only"):
        MLPRegressor(weighted, max_iter=1).fit(X, y)


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
