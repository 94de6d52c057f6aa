"""Graphs that deepnet writes, run by ONNX Runtime: networks, estimators, tables and pipelines."""

import itertools
import json
import os
import warnings

import numpy as np
import pytest
from exported_networks import (
    ELEMENTWISE,
    OWN_ERROR,
    THEIR_ERROR,
    bound,
    largest_terms,
    outputs_of,
    random_network,
)

import deepnet
from deepnet import ACTIVATIONS

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

CASES = [*itertools.product(ELEMENTWISE, ACTIVATIONS, ["float32", "float64"])]  # hidden, output, dtype


@pytest.fixture
def path(tmp_path):
    return os.fspath(tmp_path / "model.onnx")


# --- networks -----------------------------------------------------------------------------------------------


def check_random_networks(seeds, path):
    for seed in seeds:
        hidden, output, dtype = CASES[seed % len(CASES)]
        net, X = random_network(seed, hidden, output, dtype)
        deepnet.to_onnx(net, path)
        A, theirs = net.predict(X), outputs_of(path, X.T)["output"].T
        assert theirs.dtype == A.dtype
        apart = np.abs(theirs.astype(np.float64) - A)
        assert (apart <= bound(net, X)).all(), (seed, net)
        assert apart.max() <= 1e-6 * max(1, largest_terms(net, X)), (seed, net)


def test_random_networks_agree(path):
    check_random_networks(range(0, 1000, 29), path)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_a_thousand_random_networks_agree(path):
    check_random_networks(range(1000), path)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_an_activation_is_exact_for_every_z(name, dtype, path):
    """Relative to each result, from 1e-30 to 80 on both sides; gelu in float32 relative to Z."""
    net = deepnet.Network([1, 1], [name], initializer="zeros", dtype=dtype)
    net.parameters["W1"][...] = 1
    deepnet.to_onnx(net, path)
    tiny = np.geomspace(1e-30, 1, 301)
    Z = np.concatenate([np.linspace(-80, 80, 6401), tiny, -tiny]).astype(dtype)[:, np.newaxis]
    theirs = outputs_of(path, Z)["output"].astype(np.float64)
    Z = Z.astype(np.float64)
    A = ACTIVATIONS[name].forward(Z)
    u = np.finfo(dtype).eps / 2
    allowed = (OWN_ERROR + THEIR_ERROR) * u * np.abs(A) + 4 * np.finfo(dtype).tiny
    if name == "gelu":  # by Erf, 1 + erf; else e^(-Z^2 / 2), where Z^2 is rounded
        allowed += 2 * u * np.abs(Z) if dtype == "float32" else u * Z**2 * np.abs(A)
    assert (np.abs(theirs - A) <= allowed).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_an_activation_of_extreme_z(name, dtype, path):
    net = deepnet.Network([1, 1], [name], initializer="zeros", dtype=dtype)
    net.parameters["W1"][...] = 1
    deepnet.to_onnx(net, path)
    largest = np.finfo(dtype).max / 2
    Z = np.array([np.nan, np.inf, -np.inf, largest, -largest, 1e4, -1e4], dtype)[:, np.newaxis]
    np.testing.assert_allclose(
        outputs_of(path, Z)["output"], net.predict(Z.T).T, rtol=32 * np.finfo(dtype).eps, atol=0
    )


def test_the_file_says_what_it_is(path):
    net = deepnet.Network([4, 5, 3], "gelu", "softmax", seed=1)
    deepnet.to_onnx(net, path)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
    assert (model.producer_name, model.producer_version) == ("deepnet", deepnet.__version__)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(metadata["layer_dims"]) == [4, 5, 3]
    assert json.loads(metadata["activations"]) == ["gelu", "softmax"]
    for entry, columns in ((model.graph.input[0], 4), (model.graph.output[0], 3)):
        rows, units = entry.type.tensor_type.shape.dim
        assert (rows.dim_param, units.dim_value) == ("batch", columns)
    for rows in (0, 1, 7):
        assert outputs_of(path, np.ones((rows, 4), np.float32))["output"].shape == (rows, 3)


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_names_of_classes_become_labels(output, path):
    net = deepnet.Network([3, 1 if output == "sigmoid" else 4], output=output, seed=1)
    net.class_names = ["nö", "yes"] if output == "sigmoid" else ["a", "b", "c", "d"]
    deepnet.to_onnx(net, path)
    X = np.random.default_rng(0).normal(size=(3, 50)).astype(np.float32)
    out, A = outputs_of(path, X.T), net.predict(X)
    numbers = (A[0] > 0.5).astype(int) if output == "sigmoid" else A.argmax(axis=0)
    assert out["label"].tolist() == [net.class_names[i] for i in numbers]
    assert list(out) == ["output", "label"]
    assert deepnet.from_onnx(path).class_names == net.class_names


def test_the_network_stays_as_it_was_and_the_file_is_replaced(path):
    net = deepnet.Network([4, 5, 3], seed=1)
    before = [p.copy() for p in net.parameters.values()]
    deepnet.to_onnx(net, path)
    net.parameters["W1"][...] = 2  # what has been written does not change
    assert onnx.numpy_helper.to_array(onnx.load(path).graph.initializer[0]).tolist() == before[0].tolist()
    deepnet.to_onnx(net, path)
    assert (onnx.numpy_helper.to_array(onnx.load(path).graph.initializer[0]) == 2).all()
    assert os.listdir(os.path.dirname(path)) == ["model.onnx"]


def test_a_custom_activation_is_refused_and_an_old_file_kept(path):
    deepnet.to_onnx(deepnet.Network([1, 1]), path)
    with open(path, "rb") as file:
        old = file.read()
    bump = deepnet.Activation("bump", lambda Z: Z * np.exp(-Z * Z), lambda dA, Z: dA)
    with pytest.raises(
        ValueError, match=r"^layer 1 has the custom activation 'bump', a function in Python: "
    ):
        deepnet.to_onnx(deepnet.Network([2, 3, 1], bump), path)
    with open(path, "rb") as file:
        assert file.read() == old


@pytest.mark.parametrize("model", [3, None, "model.onnx", deepnet.Network, np.eye(2)])
def test_other_objects_are_refused(model, path):
    with pytest.raises(TypeError, match=r"^model is an? \w+, but must be a deepnet.Network, "):
        deepnet.to_onnx(model, path)


def test_what_is_no_path_is_refused():
    with pytest.raises(TypeError, match=r"^path is 3, but must be the name of a file"):
        deepnet.to_onnx(deepnet.Network([1, 1]), 3)


def test_a_wrong_argument_gets_advice(path):
    with pytest.raises(TypeError, match="unknown argument of to_onnx 'filename': did you mean 'path'"):
        deepnet.to_onnx(deepnet.Network([1, 1]), filename=path)


def test_names_are_loaded_when_they_are_used():
    assert {"exchange", "from_onnx", "to_onnx"} <= set(dir(deepnet))


# --- estimators ---------------------------------------------------------------------------------------------

sklearn = pytest.importorskip("sklearn")

from sklearn import preprocessing as scalers  # noqa: E402  scikit-learn may be missing
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402

from deepnet.sklearn import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor  # noqa: E402

TABLE = np.random.default_rng(0).normal(size=(120, 3))


def fitted(estimator, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of too few epochs
        return estimator.fit(X, y)


def bound_of(estimator, X):
    """The bound of the members' mean: that of a member at most."""
    members = vars(estimator).get("estimators_", [estimator])
    return np.max([bound(member.network_, X.T.astype(member.network_.dtype)) for member in members], axis=0).T


THREE = np.digitize(TABLE[:, 0], [-0.5, 0.5])
LABELS = {
    "bools": TABLE[:, 0] > 0,
    "two words": np.where(TABLE[:, 0] > 0, "yes", "no"),
    "numbers": THREE - 1,
    "floats": THREE * 2.0,
    "bytes of numbers": THREE.astype(np.uint8),
    "words": np.array(["klein", "groß", "中"], object)[THREE],
    "columns": np.stack([TABLE[:, 0] > 0, TABLE[:, 1] > 0], axis=1).astype(int),
}


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("labels", LABELS)
def test_a_classifier_with_its_labels(labels, dtype, members, path):
    settings = {"max_iter": 3, "n_estimators": members, "dtype": dtype, "random_state": 0}
    model = fitted(MLPClassifier((4,), "tanh", **settings), TABLE, LABELS[labels])
    deepnet.to_onnx(model, path)
    X = TABLE.astype(dtype)
    out, p = outputs_of(path, X), model.predict_proba(X)
    apart = np.abs(out["probabilities"] - p)
    assert (apart <= bound_of(model, X) + 4 * np.finfo(dtype).eps).all()
    sure = np.abs(np.sort(p)[:, -1] - np.sort(p)[:, -2]) > 1e-5 if labels != "columns" else ...
    np.testing.assert_array_equal(out["label"][sure], model.predict(X)[sure])
    assert out["label"].shape == model.predict(X).shape
    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    if labels != "columns":
        assert json.loads(metadata["classes"]) == model.classes_.tolist()


@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_a_regressor(loss, targets, members, path):
    y = np.abs(TABLE[:, :targets]).round()
    settings = {"max_iter": 3, "n_estimators": members, "input_scale": 0.5, "random_state": 0}
    model = fitted(MLPRegressor(loss, (4,), **settings), TABLE, y[:, 0] if targets == 1 else y)
    deepnet.to_onnx(model, path)
    expected, given = model.predict(TABLE), outputs_of(path, TABLE)["prediction"]
    assert given.shape == expected.shape
    # exp multiplies the relative error of its result by that of its argument, of size 1 here.
    allowed = bound_of(model, TABLE).max(axis=1).reshape([-1] + [1] * (expected.ndim - 1))
    assert (np.abs(given - expected) <= 4 * (1 + np.abs(expected)) * allowed).all()


@pytest.mark.parametrize(
    "scaler",
    [
        scalers.StandardScaler(),
        scalers.StandardScaler(with_mean=False),
        scalers.StandardScaler(with_std=False),
        scalers.MinMaxScaler((-1, 1), clip=True),
        scalers.MaxAbsScaler(),
        scalers.RobustScaler(),
        "passthrough",
    ],
    ids=repr,
)
def test_a_pipeline_scales_in_the_graph(scaler, path):
    X = TABLE * [1, 100, 1e4] + [0, 1e3, 1e6]
    model = fitted(
        make_pipeline(scaler, MLPRegressor(hidden_layer_sizes=(4,), max_iter=3, random_state=0)),
        X,
        TABLE[:, 0],
    )
    deepnet.to_onnx(model, path)
    beyond = 1.5 * X  # outside of what was seen
    scaled = beyond if scaler == "passthrough" else model[0].transform(beyond)
    allowed = bound_of(model[-1], scaled)[:, 0]
    assert (np.abs(outputs_of(path, beyond)["prediction"] - model.predict(beyond)) <= allowed).all()


def test_models_without_a_graph(path):
    def mlp():
        return MLPRegressor(hidden_layer_sizes=(2,), max_iter=1)

    steps = [
        (mlp(), NotFittedError, "not fitted yet"),
        (make_pipeline(scalers.StandardScaler(), mlp()), NotFittedError, "not fitted yet"),
        (
            fitted(make_pipeline(scalers.PolynomialFeatures(), mlp()), TABLE, TABLE[:, 0]),
            ValueError,
            "the step 'polynomialfeatures' of the pipeline is a PolynomialFeatures, but only StandardScaler",
        ),
        (LogisticRegression(), TypeError, "model is a LogisticRegression, but must be a deepnet.Network"),
        (
            fitted(GridSearchCV(mlp(), {"alpha": [0.1]}, cv=2), TABLE, TABLE[:, 0]),
            TypeError,
            "model is a GridSearchCV, .* one of them: give its best_estimator_",
        ),
        (
            fitted(MLPClassifier((2,), max_iter=1), TABLE, THREE.astype(np.uint64) + 2**63),
            ValueError,
            "the class 9223372036854775810 is larger than ONNX's int64 can be",
        ),
    ]
    for model, error, message in steps:
        with pytest.raises(error, match=message):
            deepnet.to_onnx(model, path)
    assert not os.path.exists(path)


# --- tables -------------------------------------------------------------------------------------------------

pd = pytest.importorskip("pandas")


def mixed_table(rows):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "size": rng.lognormal(5, 3, rows),
            "holes": np.where(rng.random(rows) < 0.2, np.nan, rng.normal(size=rows)),
            "colour": rng.choice(["red", "green", "blüe"], rows),
            "pair": rng.choice(["left", "right"], rows),
            "many": rng.choice(list("abcdefghijklmnop"), rows),
            "flag": rng.random(rows) < 0.5,
            "code": rng.integers(0, 4, rows),
            "numbers": rng.integers(0, 40, rows) / 4,
            "constant": np.full(rows, 3.0),
            "empty": np.full(rows, np.nan),
            "label_": rng.normal(size=rows),
        }
    )
    frame.loc[::7, "colour"] = None
    return frame


def inputs_of(path, frame):
    """The inputs of a graph for a frame, as docs/exchange.md makes them."""
    import onnxruntime

    given = {}
    for entry in onnxruntime.InferenceSession(path).get_inputs():
        column = frame[entry.name]
        is_text = entry.type == "tensor(string)"
        values = column.astype(object).where(column.notna(), "") if is_text else column.astype(float)
        given[entry.name] = values.to_numpy(object if is_text else float)[:, np.newaxis]
    return given


def allowed_of(model, frame):
    """Return the bound of the outputs; their inputs, the encoded table in float32, are off by u."""
    columns = model._read(frame, reset=False)
    tables = {table.shape[1]: table for table in model._inputs(model._encoder.encoded(columns))}
    nets = [*model.networks_, *([] if model.linear_ is None else [model.linear_])]
    return np.max([2 * bound(net, tables[net.layer_dims[0]].T) for net in nets], axis=0).T


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("kind", [TabularClassifier, TabularRegressor])
def test_a_table_of_numbers_categories_and_holes(kind, linear, path):
    frame = mixed_table(150)
    is_classifier = kind is TabularClassifier
    y = frame[["holes", "size"]].fillna(0)
    if is_classifier:
        y = np.where(frame["size"] > 150, "large", "small")
    options = {"max_epochs": 2, "max_categories": 8, "categorical_features": ["code", "numbers"]}
    model = fitted(kind(3, (6,), **options, linear=linear, random_state=0), frame, y)
    assert (model.linear_share_ > 0) == linear
    assert len({net.layer_dims[0] for net in model.networks_}) == 2  # with pieces and without
    deepnet.to_onnx(model, path)
    asked = mixed_table(40)
    asked.loc[3, ["many", "pair", "colour"]] = "unseen", None, "unseen"
    asked.loc[4, ["numbers", "size", "holes"]] = 1000.25, np.nan, 1e300
    out, allowed = outputs_of(path, inputs_of(path, asked)), allowed_of(model, asked)
    if is_classifier:
        p = model.predict_proba(asked)
        assert (np.abs(out["probabilities"] - p) <= 2 * allowed).all()
        sure = np.abs(p[:, 0] - 0.5) > 1e-5
        assert sure.sum() > 30
        np.testing.assert_array_equal(out["label"][sure], model.predict(asked)[sure])
    else:
        assert (np.abs(out["prediction"] - model.predict(asked)) <= allowed * model._scale * (1 + 1e-6)).all()
    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    assert json.loads(metadata["feature_names"]) == list(frame)


def test_a_table_of_numbers_is_one_input(path):
    X = TABLE.copy()
    X[::5, 1] = np.nan
    model = fitted(TabularRegressor(2, (6,), max_epochs=2, random_state=0), X, TABLE[:, 0])
    deepnet.to_onnx(model, path)
    allowed = allowed_of(model, X)[:, 0] * model._scale * (1 + 1e-6)
    assert (np.abs(outputs_of(path, X)["prediction"] - model.predict(X)) <= allowed).all()


def test_columns_without_a_graph(path):
    y = TABLE[:, 0]
    words = np.where(y > 0, b"a", b"b").astype(object)
    cases = [
        ({"label": np.where(y > 0, "a", "b")}, "the column 'label' cannot be an input of a graph"),
        (
            {"x": np.where(y > 0, 2**53 + 1, 1)},
            "the column 'x' has the category 9007199254740993, which float64",
        ),
        ({"x": words}, "the column 'x' has categories of bytes, such as b'a'"),
    ]
    for columns, message in cases:
        frame = pd.DataFrame(columns)
        options = {"max_epochs": 1, "categorical_features": list(frame)}
        model = fitted(TabularRegressor(1, (2,), **options), frame, y)
        with pytest.raises(ValueError, match=message):
            deepnet.to_onnx(model, path)
    scaled = make_pipeline(scalers.StandardScaler(), TabularRegressor(1, (2,), max_epochs=1))
    with pytest.raises(
        ValueError, match="the pipeline scales columns for a TabularRegressor, which does that"
    ):
        deepnet.to_onnx(fitted(scaled, TABLE, y), path)
