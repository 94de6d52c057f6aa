"""Tabular estimators as C code: numbers, holes and categories in, the estimator's predictions out."""

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn (extra sklearn)")
pd = pytest.importorskip("pandas", reason="needs pandas")

from c_programs import SANITIZERS, Program, needs_gcc, rounding_bound  # noqa: E402

import deepnet  # noqa: E402
from deepnet.exchange import _c_int8  # noqa: E402
from deepnet.exchange._c_model import described  # noqa: E402
from deepnet.sklearn import TabularClassifier, TabularRegressor  # noqa: E402

COLOURS = ["red", "blue", 'gr*/een ??/ "x" /*']
SETTINGS = {"n_estimators": 3, "hidden_layer_sizes": (7, 5), "max_epochs": 6, "random_state": 0}
ALONE = {"n_estimators": 1, "linear": False}


def table(rows, seed=0):
    """Return a frame with all that an encoder knows, and holes."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "size": rng.lognormal(3, 1, rows),
            "age": rng.integers(18, 80, rows).astype(float),
            "colour": rng.choice(COLOURS, rows),
            "member": rng.choice([True, False], rows),
            "constant": np.ones(rows),
        }
    )
    frame.loc[::7, "size"] = np.nan
    frame.loc[::9, "colour"] = None
    return frame


@pytest.fixture(scope="module")
def models():
    frame = table(160)
    large = frame["size"].fillna(20) > 20
    numbers = np.column_stack([frame["age"] * 3 - frame["size"].fillna(9), frame["age"] > 30])
    return {
        "classes": TabularClassifier(**SETTINGS).fit(frame, np.where(large, "large", "small")),
        "targets": TabularRegressor(**SETTINGS).fit(frame, numbers),
        "narrow": TabularRegressor(**SETTINGS | {"n_estimators": 1, "linear": False}).fit(
            frame, numbers[:, 0]
        ),
    }


def said(model, X):
    """Return what an estimator says, (outputs, m)."""
    A = model.predict_proba(X) if hasattr(model, "classes_") else model.predict(X)
    return A.T if A.ndim == 2 else A[np.newaxis]


def bound(model, X, dtype):
    """Return how far rounding may move the outputs: of the estimator, in float32, and of the code."""
    u = np.finfo(dtype).eps / 2
    encoder, columns = model._encoder, model._read(X, reset=False)
    encoded = encoder.encoded(columns).astype(np.float64).T
    raw = np.array([part for c, p in zip(columns, encoder.columns, strict=True) for part in unscaled(c, p)])
    center, factor = np.abs(encoder.center)[:, np.newaxis], np.abs(encoder.factor)[:, np.newaxis]
    E = 5 * u * (np.abs(raw) + center) * factor + 8 * u * 3 + np.finfo(np.float32).eps * 3
    total = 0
    for net in [*model.networks_, *([model.linear_] if model.linear_ else [])]:
        some = slice(None) if net.layer_dims[0] == encoder.width else encoder.narrow
        total = total + rounding_bound(net, encoded[some], np.float32, E[some])
    scale = getattr(model, "_scale", np.ones(1))[:, np.newaxis]
    size = np.abs(getattr(model, "_mean", np.ones(1)))[:, np.newaxis] + 3 * scale
    return 2 * total * scale + 20 * np.finfo(np.float32).eps * size


def unscaled(column, part):
    """Yield the encoded columns of one column, before they are scaled."""
    values = column.values
    if column.categorical and not hasattr(part, "codes"):
        values = np.full(len(values), np.nan)
    yield from part.encoded(values)


@needs_gcc
@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_the_code_says_what_the_estimator_says(dtype, models, tmp_path):
    new = table(120, seed=1)
    new.loc[3, "colour"] = "never seen"
    new["member"] = new["member"].astype(object)
    new.loc[5, ["size", "age", "member", "constant"]] = None
    reports = [
        deepnet.to_c(model, tmp_path / f"{name}.c", dtype=dtype, calibration=new)
        for name, model in models.items()
    ]
    program = Program(reports)
    for report, model in zip(reports, models.values(), strict=True):
        inputs = described(model).encoding.read(new)
        assert np.isnan(inputs[5, 0])
        assert inputs[3, 2] == -1
        A, classes = program(report.name, inputs.T)
        expected, tolerance = said(model, new), bound(model, new, dtype)
        assert (np.abs(A - expected) <= tolerance).all(), report.name
        assert np.abs(tolerance / np.abs(expected).max()).max() < 1e-3  # so that the bound says something
        if classes is not None:
            sure = np.abs(expected[0] - expected[1]) > 2 * tolerance.max()
            assert sure.any()
            assert (model.classes_[classes] == model.predict(new))[sure].all()


@needs_gcc
@pytest.mark.parametrize(
    "name", ["narrow", *(pytest.param(name, marks=pytest.mark.slow) for name in ("classes", "targets"))]
)
def test_int8_computes_what_the_report_says(name, models, tmp_path):
    frame, model = table(160), models[name]
    report = deepnet.to_c(model, tmp_path / "net.c", dtype="int8", calibration=frame)
    exact = described(model)
    X = exact.encoding.read(frame).T.astype(np.float32)
    A, _ = Program([report])(report.name, X)
    rounded = exact.rounded(np.dtype(np.float32))
    expected, error = _c_int8.predict(rounded, _c_int8.quantized(rounded, X), X)
    assert (np.abs(A - expected) <= error).all()
    assert report.difference < 0.05 * np.ptp(said(model, frame))
    assert report.agreement is None or report.agreement > 0.9


@needs_gcc
@pytest.mark.slow
def test_whatever_the_inputs_the_outputs_are_within_their_range(models, tmp_path):
    extremes = [np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45, 0.5, -1]
    X = np.array(np.meshgrid(*[extremes] * 2)).reshape(2, -1)
    X = np.concatenate([X, X[::-1], X[:1]]).astype(np.float32)
    reports = [deepnet.to_c(model, tmp_path / f"{name}.c") for name, model in models.items()]
    program = Program(reports, flags=SANITIZERS)
    for report, model in zip(reports, models.values(), strict=True):
        A, _ = program(report.name, X)
        low, high = getattr(model, "_range", (np.zeros(2), np.ones(2)))
        slack = 1e-5 * (1 + np.abs(high))
        assert ((low - slack)[:, np.newaxis] <= A).all()
        assert ((high + slack)[:, np.newaxis] >= A).all()


def test_the_header_and_the_report_list_the_inputs(models, tmp_path):
    report = deepnet.to_c(models["classes"], tmp_path / "net.c")
    text = report.header.read_text()
    assert ' * input[0]: "size", a number, NAN where it is missing\n' in text
    assert ' * input[3]: "member", 0 "False", 1 "True", others where missing or new\n' in text
    assert "#define NET_INPUTS 5\n" in text
    blue, green, red = sorted(COLOURS)
    assert report.columns["colour"] == [blue, green, red]
    assert report.columns["size"] is None
    many = pd.DataFrame({"code": [f"{i:02}" for i in range(30)] * 2})
    model = TabularClassifier(1, (3,), max_epochs=1).fit(many, np.arange(60) % 2)
    deepnet.to_c(model, tmp_path / "many.c")
    assert '19 "19", and so on to 29, others' in (tmp_path / "many.h").read_text()


@needs_gcc
def test_rows_that_all_lack_a_number_are_a_self_test(models, tmp_path):
    frame = table(20).assign(size=np.nan)
    report = deepnet.to_c(models["targets"], tmp_path / "net.c", calibration=frame)
    Program([report])(report.name, np.zeros((5, 1)))


def test_what_c_cannot_do_is_refused(tmp_path):
    path, rows = tmp_path / "net.c", np.arange(60)
    few = {"max_epochs": 1, "hidden_layer_sizes": (3,), "random_state": 0}
    names = pd.DataFrame({"name": [f"n{i}" for i in range(60)]})
    hashed = TabularRegressor(1, max_categories=8, **few).fit(names, rows)
    with pytest.raises(ValueError, match=r"'name' has 60 categories, more than max_categories=8, which then"):
        deepnet.to_c(hashed, path)
    times = pd.DataFrame({"time": 1.7e9 + rows})
    stamped = TabularRegressor(2, **few).fit(times, rows)
    with pytest.raises(ValueError, match="the column 'time' has values of which float32 makes one"):
        deepnet.to_c(stamped, path)
    report = deepnet.to_c(stamped, path, dtype="float64", test_data=(times, rows))
    assert report.score == report.model_score
    with pytest.raises(TypeError, match=r"test_data\[0\]: the column 'time' held numbers in fit, but holds"):
        deepnet.to_c(stamped, path, dtype="float64", test_data=(times.assign(time="now"), rows))
