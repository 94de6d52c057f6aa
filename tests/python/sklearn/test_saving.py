"""Estimators in files: what is loaded is what was saved, and what a file cannot hold is named."""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator
from safetensors.numpy import load_file, save_file
from sklearn.exceptions import NotFittedError

import deepnet
from deepnet.io import model_file
from deepnet.schedules import CosineDecay
from deepnet.sklearn import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 3))
NUMBERS = X[:, 0] * X[:, 1]
THREE = np.where(X[:, 0] > 0.5, "猫", np.where(X[:, 1] > 0, "dog", "cow"))
MANY = np.stack([X[:, 0] > 0, X[:, 1] > 0, X[:, 2] > 0], axis=1).astype(int)
TABLE = pd.DataFrame(
    {
        "size": np.where(X[:, 0] > 1, np.nan, X[:, 0]),
        "colour": rng.choice(["red", "blue", None], 60),
        "number": np.char.add("n", np.arange(60).astype(str)),
        "is old": X[:, 1] > 0,
        "code": rng.integers(3, size=60),
    }
)
NAMED = pd.DataFrame(X, columns=["a", "b", "c"])
SHORT = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}
TABULAR = {"hidden_layer_sizes": (4,), "max_epochs": 3, "random_state": 0}
ADAM = deepnet.Adam(CosineDecay(0.01, warmup=2), clip_norm=1.0)

CASES = {
    "two classes": (MLPClassifier(**SHORT, dtype="float32"), X, X[:, 0] > 0),
    "three classes": (MLPClassifier(**SHORT, early_stopping=True, class_weight={"猫": 2.0}), X, THREE),
    "labels": (MLPClassifier(**SHORT, solver="sgd", activation=["selu"], dropout=[0.1]), X, MANY),
    "folds": (MLPClassifier(**SHORT, n_estimators=3, bagging="kfold", optimizer=ADAM), NAMED, THREE),
    "regression": (MLPRegressor(**SHORT, warm_start=True), X, NUMBERS),
    "two targets": (MLPRegressor(deepnet.losses.huber(0.5), **SHORT, n_estimators=2), X, X[:, :2]),
    "poisson": (MLPRegressor("poisson", **SHORT, early_stopping="r2"), X, np.abs(NUMBERS)),
    "line search": (MLPRegressor(**SHORT, solver="lbfgs"), X, NUMBERS),
    "table": (TabularClassifier(3, **TABULAR, categorical_features=["code"], max_categories=8), TABLE, THREE),
    "table of numbers": (TabularRegressor(2, **TABULAR), X, NUMBERS),
    "table, two targets": (TabularRegressor(2, **TABULAR), TABLE, X[:, :2]),
}  # fmt: skip


@pytest.fixture(scope="module")
def fitted():
    """Return a function that fits the estimator of a case, once."""
    done = {}

    def fit(case):
        if case not in done:
            estimator, table, y = CASES[case]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                done[case] = estimator.fit(table, y)
        return done[case]

    return fit


ROOT = Path(__file__).resolve().parents[3]
SCHEMA = Draft202012Validator(json.loads((ROOT / "docs" / "model_file.schema.json").read_text()))


def same(a, b):
    """Return whether two fitted attributes or parameters are the same, networks by their parameters."""
    if isinstance(a, np.ndarray):
        return a.dtype.kind == b.dtype.kind and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, deepnet.Network):
        pairs = zip(a.parameters.values(), b.parameters.values(), strict=True)
        return repr(a) == repr(b) and all(p.tobytes() == q.tobytes() for p, q in pairs)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if type(a).__name__ in ("Labels", "Encoder", "Numbers", "Categories", *(k for k in model_kinds())):
        return type(a) is type(b) and same_attributes(a, b)
    return a == b


def model_kinds():
    return ("MLPClassifier", "MLPRegressor", "TabularClassifier", "TabularRegressor")


def same_attributes(a, b):
    assert vars(a).keys() == vars(b).keys()
    return all(same(value, vars(b)[key]) for key, value in vars(a).items())


@pytest.mark.parametrize("case", CASES)
def test_what_is_loaded_is_what_was_saved(case, fitted, tmp_path):
    """Every attribute is the same, and so are the predictions to the last bit."""
    estimator, table = fitted(case), CASES[case][1]
    estimator.save(tmp_path / "model")
    loaded = deepnet.load(tmp_path / "model")
    assert same_attributes(estimator, loaded)
    assert repr(loaded) == repr(estimator)
    SCHEMA.validate(deepnet.describe(tmp_path / "model"))
    for name in ("predict", "predict_proba"):
        if hasattr(estimator, name):
            assert np.array_equal(getattr(loaded, name)(table), getattr(estimator, name)(table))


def test_training_goes_on_from_a_loaded_estimator(fitted, tmp_path):
    """As it does from a copy, whose optimizer starts with empty memory, too."""
    import pickle

    fitted("regression").save(tmp_path / "model")
    loaded, copied = deepnet.load(tmp_path / "model"), pickle.loads(pickle.dumps(fitted("regression")))
    for estimator in (loaded, copied):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator.fit(X, NUMBERS)
    assert same_attributes(loaded, copied)


@pytest.mark.slow
def test_long_lists_leave_the_header(tmp_path):
    """Classes and categories may be more than a header holds."""
    words = np.array([f"word {i}" for i in range(30_000)])
    estimator = TabularClassifier(1, (2,), max_epochs=1, random_state=0, batch_size=30_000, n_pieces=0)
    estimator.fit(pd.DataFrame({"word": words}), np.arange(30_000) % 700)
    estimator.save(tmp_path / "model")
    loaded = deepnet.load(tmp_path / "model")
    assert same(loaded._encoder, estimator._encoder)
    assert same(loaded.classes_, estimator.classes_)


@pytest.mark.parametrize("value", [np.random.RandomState(0), np.random.default_rng(0)])
def test_parameters_that_a_file_cannot_hold_are_named(value, tmp_path):
    estimator = MLPRegressor(solver="lbfgs", max_iter=1, callbacks=[print], hidden_layer_sizes=())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(X, NUMBERS)
    estimator.random_state = value
    with pytest.warns(UserWarning, match="is not saved: a file cannot hold") as caught:
        estimator.save(tmp_path / "model")
    assert [str(w.message).split()[0] for w in caught] == ["callbacks", "random_state"]
    assert {w.filename for w in caught} == {__file__}
    loaded = deepnet.load(tmp_path / "model")
    assert (loaded.callbacks, loaded.random_state) == (None, None)


def test_what_cannot_be_saved_is_refused(fitted, tmp_path):
    with pytest.raises(NotFittedError):
        MLPClassifier().save(tmp_path / "model")

    class Mine(TabularRegressor):
        pass

    mine = Mine()
    vars(mine).update(vars(fitted("table of numbers")))
    with pytest.raises(TypeError, match="this Mine is a subclass of TabularRegressor: pickle it"):
        mine.save(tmp_path / "model")
    with pytest.raises(TypeError, match=r"^path is 3,"):
        fitted("table").save(3)
    assert not list(tmp_path.iterdir())


def test_metrics_are_saved(fitted, tmp_path):
    fitted("table").save(tmp_path / "model", metrics={"accuracy": 0.75}, target="price")
    description = deepnet.describe(tmp_path / "model")
    assert description["target"] == "price"
    assert (description["kind"], description["metrics"]) == ("TabularClassifier", {"accuracy": 0.75})
    assert len(description["networks"]) == 4  # three networks and the linear model


def test_without_scikit_learn_the_error_says_what_is_missing(fitted, tmp_path):
    fitted("line search").save(tmp_path / "model")
    program = "import sys; sys.modules['sklearn'] = None; import deepnet; deepnet.load(sys.argv[1])"
    result = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "model")], check=False, capture_output=True, text=True
    )
    last = result.stderr.splitlines()[-1]
    assert last.startswith(
        f"ImportError: {tmp_path}/model holds a 'MLPRegressor': deepnet.sklearn needs scikit-learn: pip"
    )


# --- altered files, whose checksum is right -----------------------------------------------------------------


def rewrite(path, change):
    """Change the description or the arrays of a file, and correct its checksum."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    texts, arrays = json.loads(content[8 : 8 + length])["__metadata__"], load_file(path)
    description = json.loads(texts["deepnet"])
    change(description, arrays)
    text = json.dumps(description)
    save_file(arrays, path, {"deepnet": text, "deepnet_checksum": model_file._digest(text, arrays)})


def places_in(content, path=()):
    """Yield the path of every entry of a description."""
    items = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    for key, value in items:
        yield (*path, key)
        yield from places_in(value, (*path, key))


@pytest.mark.slow
@pytest.mark.parametrize("entries", [80, pytest.param(700, marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("case", ["table", "table, two targets", "folds", "two targets"])
def test_any_entry_that_is_replaced_is_refused_or_understood(case, entries, fitted, tmp_path):
    """Entries of the description become null, a number, text, a list, an object, or are missing."""
    path = tmp_path / "model"
    fitted(case).save(path)
    whole, tried, refused = path.read_bytes(), 0, 0
    random = np.random.default_rng(1)
    places = list(places_in(deepnet.describe(path)))
    for place in places:
        for value in (None, -1, "x", [], {}, {"json": "estimator.center"}, "missing"):
            if random.random() > entries / len(places):
                continue
            tried += 1

            def change(description, arrays, place=place, value=value):
                *parents, key = place
                for parent in parents:
                    description = description[parent]
                if value == "missing":
                    del description[key]
                else:
                    description[key] = value

            rewrite(path, change)
            try:
                deepnet.load(path)
                message = f"{path}: "
            except ValueError as error:
                message, refused = str(error), refused + 1
            assert message.startswith(f"{path}: ")
            path.write_bytes(whole)
    assert refused > tried / 10


def first_column(description, arrays):
    description["estimator"]["columns"]["columns"].pop()


def of_another_size(description, arrays):
    for key in list(arrays):
        if key.startswith("networks.0.W1"):
            arrays[key] = arrays[key][:, 1:].copy()
    description["networks"][0]["layer_dims"][0] -= 1


def an_extra_array(description, arrays):
    arrays["networks.7.W1"] = np.zeros(3, np.float32)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda d, a: d.update(kind="Perceptron"),
            "kind is 'Perceptron', but must be 'network' or one of MLP",
        ),
        (lambda d, a: d.update(kind="network"), "must be a list of one network"),
        (lambda d, a: d.pop("estimator"), "estimator"),
        (lambda d, a: d["estimator"]["fitted"].update(predict=3), "'predict' is no attribute"),
        (lambda d, a: d["estimator"]["parameters"].update(depth=3), "depth"),
        (lambda d, a: d["estimator"].update(networks=[0, 1, 9]), "valid TabularClassifier"),
        (lambda d, a: d["estimator"]["labels"].update(classes=3), "classes is 3, but must be an array"),
        (lambda d, a: a.pop("estimator.center"), "'estimator.center' is missing"),
        (first_column, "columns"),
        (of_another_size, "does not fit the columns"),
        (an_extra_array, r"holds 'networks\.7\.W1', which no layer"),
    ],
)
def test_what_does_not_fit_is_named(change, words, fitted, tmp_path):
    path = tmp_path / "model"
    fitted("table").save(path)
    rewrite(path, change)
    with pytest.raises(ValueError, match=f"^{path}: .*{words}"):
        deepnet.load(path)


# --- files of former versions -------------------------------------------------------------------------------

GOLDEN = ROOT / "tests" / "data"


def test_the_golden_table_predicts_as_it_did():
    """What ``TabularClassifier`` predicted when tests/data/table.2.safetensors was written."""
    loaded = deepnet.load(GOLDEN / "table.2.safetensors")
    sizes, colours = [1.1, np.nan, -2.0, 0.5], ["red", "blue", None, "green"]
    table = pd.DataFrame({"size": sizes, "colour": colours})
    assert loaded.predict(table).tolist() == ["buy", "buy", "buy", "sell"]
    expected = [0.9501585647511055, 0.9511129469507099, 0.9928026624743966, 0.05276129708333354]
    # The networks' errors are some 100 units of rounding of float32.
    np.testing.assert_allclose(loaded.predict_proba(table)[:, 0], expected, rtol=1e-5)
