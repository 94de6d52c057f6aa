"""The estimators inside of scikit-learn: searches, pipelines, meta-estimators, frames, copies, callbacks."""

import copy
import os
import pickle
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")
import joblib
import pandas as pd
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import deepnet
from deepnet.sklearn import MLPClassifier, MLPRegressor, from_sklearn

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_wine(return_X_y=True)
X = StandardScaler().fit_transform(X)
SMALL = {"hidden_layer_sizes": (10,), "max_iter": 40, "random_state": 0, "learning_rate_init": 0.01}


def test_metadata_routing():
    with sklearn.config_context(enable_metadata_routing=True):
        model = (
            MLPClassifier(**SMALL).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        )
        scores = sklearn.model_selection.cross_validate(
            model, X, y, params={"sample_weight": np.ones(len(y))}, cv=3, error_score="raise"
        )
    assert scores["test_score"].mean() > 0.9


# --- copies -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [MLPClassifier(**SMALL), MLPRegressor(**SMALL)])
def test_copies_predict_the_same_and_are_independent(model, tmp_path):
    model = clone(model).fit(X, y)
    before = model.predict(X)
    joblib.dump(model, tmp_path / "model")
    others = [joblib.load(tmp_path / "model"), pickle.loads(pickle.dumps(model)), copy.deepcopy(model)]
    for other in others:
        np.testing.assert_array_equal(other.predict(X), before)
        other.coefs_[0][...] = 0
        other.partial_fit(X, y)
    np.testing.assert_array_equal(model.predict(X), before)
    assert not hasattr(clone(model), "network_")
    assert "MLP" in model._repr_html_()


def test_coefs_and_intercepts_are_the_networks():
    model = MLPClassifier(**SMALL).fit(X, y)
    with pytest.raises(AttributeError, match="before fit"):
        MLPClassifier().coefs_  # noqa: B018  raises
    assert not hasattr(MLPClassifier(), "classes_")
    assert [W.shape for W in model.coefs_] == [(13, 10), (10, 3)]
    assert [b.shape for b in model.intercepts_] == [(10,), (3,)]
    model.coefs_ = [np.zeros_like(W) for W in model.coefs_]
    model.intercepts_[1] = [0.0, 1.0, 0.0]
    assert set(model.predict(X)) == {1}
    np.testing.assert_array_equal(model.network_.parameters["b2"][:, 0], [0, 1, 0])
    with pytest.raises(ValueError, match="intercepts_ have the shapes"):
        model.intercepts_ = [np.zeros(3)]


# --- conversion ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "settings", "targets"),
    [
        ("MLPClassifier", {}, y),
        (
            "MLPClassifier",
            {"activation": "logistic", "hidden_layer_sizes": (4, 3)},
            np.where(y > 0, "a", "b"),
        ),
        (
            "MLPClassifier",
            {"activation": "tanh", "early_stopping": True},
            np.stack([y > 0, y > 1], 1).astype(int),
        ),
        ("MLPRegressor", {"solver": "lbfgs"}, y.astype(float)),
        ("MLPRegressor", {"loss": "poisson"}, np.stack([y, y], 1)),
        ("MLPRegressor", {"hidden_layer_sizes": ()}, y.astype(float)),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_there_and_back(kind, settings, targets, dtype):
    import sklearn.neural_network as theirs

    settings = {"max_iter": 20, "random_state": 0, **settings}
    model = getattr(theirs, kind)(**settings).fit(X.astype(dtype), targets)
    ours = from_sklearn(model)
    back = ours.to_sklearn()
    assert back.get_params() == model.get_params()
    rtol = 1e-4 if dtype == "float32" and settings.get("solver") != "lbfgs" else 1e-10
    method = "predict_proba" if kind == "MLPClassifier" else "predict"
    expected = getattr(model, method)(X.astype(dtype))
    for other in (ours, back):
        np.testing.assert_allclose(getattr(other, method)(X.astype(dtype)), expected, rtol=rtol, atol=rtol)
    if kind == "MLPClassifier":
        np.testing.assert_array_equal(back.predict(X), model.predict(X))
    assert ours.loss_ == model.loss_ == back.loss_
    if settings.get("solver") != "lbfgs" and not settings.get("early_stopping"):
        for other in (ours, back):
            other.partial_fit(X, targets)


def test_only_what_can_be_converted_is():
    with pytest.raises(TypeError, match="model is a LogisticRegression"):
        from_sklearn(LogisticRegression())
    with pytest.raises(TypeError, match="model is an estimator of deepnet, but must be an MLPClassifier or"):
        from_sklearn(MLPClassifier())
    with pytest.raises(sklearn.exceptions.NotFittedError):
        from_sklearn(sklearn.neural_network.MLPClassifier())
    with pytest.raises(sklearn.exceptions.NotFittedError):
        MLPClassifier().to_sklearn()
    model = MLPRegressor(**SMALL | {"activation": "gelu"}).fit(X, y)
    with pytest.raises(ValueError, match="have the activations gelu"):
        model.to_sklearn()
    extended = MLPRegressor("huber", **SMALL, dropout=0.1, optimizer="adamw", early_stopping="r2").fit(X, y)
    np.testing.assert_allclose(extended.to_sklearn().predict(X), extended.predict(X), rtol=1e-6)


# --- beyond scikit-learn's ----------------------------------------------------------------------------------


def test_activations_dropout_optimizers_and_losses():
    model = MLPClassifier(
        (12, 8),
        ["gelu", "tanh"],
        dropout=[0.1, 0.2],
        optimizer=deepnet.AdamW(deepnet.schedules.CosineDecay(0.02, 200)),
        max_iter=60,
        random_state=0,
    ).fit(X, y)
    assert model.network_.activations == ("gelu", "tanh", "softmax")
    assert model.score(X, y) > 0.95
    for loss in ("huber", "absolute_error", deepnet.losses.quantile(0.9)):
        high = MLPRegressor(loss, (16,), max_iter=300, learning_rate_init=0.01, random_state=0).fit(X, y)
        assert np.mean(high.predict(X) >= y - 0.3) > 0.8


def test_balanced_classes_are_weighted_ones():
    from sklearn.utils.class_weight import compute_sample_weight

    weights = compute_sample_weight("balanced", y)
    given = MLPClassifier(**SMALL).fit(X, y, weights * 2)
    balanced = MLPClassifier(**SMALL, class_weight="balanced").fit(X, y, np.full(len(y), 2.0))
    np.testing.assert_array_equal(balanced.predict_proba(X), given.predict_proba(X))
    with pytest.raises(ValueError, match="needs all rows at once"):
        MLPClassifier(class_weight="balanced").partial_fit(X, y, classes=[0, 1, 2])


@pytest.mark.parametrize("rule", ["neg_log_loss", "balanced_accuracy", lambda model, X, y: model.score(X, y)])
def test_early_stopping_by_any_score_keeps_the_best_weights(rule):
    X_val, y_val = X[::4], y[::4]
    settings = SMALL | {"max_iter": 200, "n_iter_no_change": 5}
    model = MLPClassifier(**settings, early_stopping=rule).fit(X, y, X_val=X_val, y_val=y_val)
    assert model.stopped_
    assert model.best_validation_score_ == max(model.validation_scores_)
    scorer = sklearn.metrics.get_scorer(rule) if isinstance(rule, str) else rule
    assert scorer(model, X_val, y_val) == pytest.approx(model.best_validation_score_, rel=1e-12)


def test_scorers_get_the_rows_of_a_frame_without_a_warning():
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    named, own = (MLPClassifier(**SMALL, early_stopping=rule).fit(frame, y) for rule in ("accuracy", True))
    assert named.validation_scores_ == own.validation_scores_
    np.testing.assert_array_equal(named.predict(frame), own.predict(frame))


def test_validation_rows_are_scored_without_early_stopping_too():
    model = MLPRegressor(**SMALL).fit(X, y, X_val=X[:20], y_val=y[:20])
    assert len(model.validation_scores_) == model.n_iter_
    assert model.validation_scores_[-1] == pytest.approx(model.score(X[:20], y[:20]), rel=1e-12)


def test_partial_fit_with_early_stopping_ends_with_the_best_weights():
    model = MLPClassifier(**SMALL, early_stopping=True, n_iter_no_change=3)
    for _ in range(300):
        model.partial_fit(X[20:], y[20:], classes=[0, 1, 2], X_val=X[:20], y_val=y[:20])
        if model.stopped_:
            break
    assert model.stopped_
    assert len(model.validation_scores_) == len(model.loss_curve_)
    assert model.score(X[:20], y[:20]) == max(model.validation_scores_)
    before = [W.copy() for W in model.coefs_]
    model.partial_fit(X[20:], y[20:], X_val=X[:20], y_val=y[:20])
    for W, kept in zip(model.coefs_, before, strict=True):
        np.testing.assert_array_equal(W, kept)


def test_callbacks_see_the_network_and_may_stop():
    seen = []

    def look(net, history):
        seen.append((net, history.loss[-1]))
        return history.epochs == 3

    model = MLPClassifier(**SMALL, callbacks=[look]).fit(X, y)
    assert model.n_iter_ == 3
    assert {net for net, _ in seen} == {model.network_}
    np.testing.assert_allclose([loss for _, loss in seen], model.loss_curve_)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"n_iter_no_change": 2, "tol": 0.01},
        {"solver": "sgd", "learning_rate": "adaptive", "n_iter_no_change": 2, "tol": 0.05},
        {"solver": "sgd", "learning_rate": "invscaling"},
        {"n_iter_no_change": np.inf, "dropout": 0.2},
        {"optimizer": deepnet.Adam(deepnet.schedules.CosineDecay(0.02, 200))},
    ],
    ids=str,
)
@pytest.mark.parametrize("targets", [1, 2])
def test_epochs_that_nobody_looks_at_change_nothing(settings, targets):
    """Without a callback, the engine trains several epochs at a time, but none after training should stop."""
    settings, y_ = SMALL | {"max_iter": 100} | settings, np.stack([y, y**2], axis=1)[:, :targets].squeeze()
    calls = []
    watched = MLPRegressor(**settings, callbacks=[lambda net, history: calls.append(1)]).fit(X, y_)
    alone = MLPRegressor(**settings).fit(X, y_)
    assert len(calls) == watched.n_iter_ == alone.n_iter_
    assert alone.loss_curve_ == watched.loss_curve_
    assert (alone.stopped_, alone.t_, alone._rate) == (watched.stopped_, watched.t_, watched._rate)
    for W, other in zip(alone.coefs_, watched.coefs_, strict=True):
        np.testing.assert_array_equal(W, other)


def test_scikit_learns_callbacks():
    pytest.importorskip("sklearn.callback", reason="needs scikit-learn 1.9")
    calls = []

    class Recorder:
        def setup(self, estimator, context):
            calls.append("setup")

        def teardown(self, estimator, context):
            calls.append("teardown")

        def on_fit_task_begin(self, estimator, context):
            calls.append(f"begin {context.task_name}")

        def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
            calls.append(f"end {context.task_name}")
            assert fitted_estimator.network_ is not estimator.network_
            assert fitted_estimator.score(X, y) >= 0
            return context.task_name == "epoch" and context.task_id == 1

    model = MLPClassifier(**SMALL).set_callbacks(Recorder()).fit(X, y)
    assert model.n_iter_ == 2
    epoch = ["begin epoch", "end epoch"]
    assert calls == ["setup", "begin fit", *epoch, *epoch, "end fit", "teardown"]


def test_verbose_shows_a_bar(capsys):
    pytest.importorskip("rich")
    MLPClassifier(**SMALL, verbose=True, early_stopping=True).fit(X, y)
    shown = capsys.readouterr().out
    assert "rows/s" in shown
    assert "score (" in shown


def test_threads_change_no_bit():
    models = [MLPClassifier(**SMALL, n_threads=n).fit(X, y) for n in (1, 2)]
    np.testing.assert_array_equal(*(model.predict_proba(X) for model in models))


# --- data ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, np.uint64])
def test_classes_are_the_distinct_labels_in_their_dtype(dtype):
    X = np.random.default_rng(0).normal(size=(300, 2))
    lowest, highest = (0, 1) if dtype is bool else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    for y in (
        np.resize(np.array([lowest, highest], dtype), 300),
        np.resize(np.array([highest, highest - 1 if highest > 1 else 0], dtype), 300),
        (np.arange(300) % 256).astype(dtype),
    ):
        model = MLPClassifier(**SMALL).fit(X, y)
        np.testing.assert_array_equal(model.classes_, np.unique(y), strict=True)
        assert set(model.predict(X)) <= set(y)


def test_a_fit_to_an_array_forgets_the_names_of_a_frame():
    X = np.random.default_rng(0).normal(size=(30, 2))
    model = MLPClassifier(**SMALL).fit(pd.DataFrame(X, columns=["a", "b"]), X[:, 0] > 0)
    assert model.fit(X, X[:, 0] > 0).n_features_in_ == 2
    assert not hasattr(model, "feature_names_in_")


def test_labels_of_any_type():
    for labels in (["one", "two", "three"], [3.0, -1.0, 2.0], [True, False, True]):
        given = np.array(labels)[y]
        model = MLPClassifier(**SMALL).fit(X, given)
        assert model.score(X, given) > 0.9
        assert model.predict(X).dtype == given.dtype
    series = pd.Series(y, dtype="category").cat.rename_categories(["x", "y", "z"])
    assert MLPClassifier(**SMALL).fit(X, series).score(X, series) > 0.9


@pytest.mark.parametrize("dtype", ["float16", "uint8", "float32", "int64", "bool"])
def test_tables_of_any_type(dtype):
    table = (
        (10 * (X + 4)).astype("uint8")
        if dtype == "uint8"
        else (X > 0 if dtype == "bool" else X).astype(dtype)
    )
    model = MLPRegressor(**SMALL).fit(table, y)
    as_double = MLPRegressor(**SMALL).fit(table.astype(float), y)
    np.testing.assert_array_equal(model.predict(table), as_double.predict(table.astype(float)))


@pytest.mark.filterwarnings("ignore:.*networks learn well from inputs of size 1")
def test_tables_are_not_copied(tmp_path):
    import tracemalloc

    rows = 200_000
    table = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.uint8, (rows, 100))
    table[:] = np.random.default_rng(0).integers(0, 255, table.shape, dtype=np.uint8)
    targets = table[:, 0] / 255
    model = MLPRegressor(hidden_layer_sizes=(2,), max_iter=1, random_state=0)
    tracemalloc.start()
    model.fit(table, targets)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < table.nbytes / 2


def test_frames_of_polars():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"a": X[:, 0], "b": X[:, 1]})
    model = MLPClassifier(**SMALL).fit(frame, polars.Series(y))
    assert list(model.feature_names_in_) == ["a", "b"]
    np.testing.assert_array_equal(
        model.predict(frame), MLPClassifier(**SMALL).fit(X[:, :2], y).predict(X[:, :2])
    )
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame.rename({"a": "c"}))
    with pytest.raises(ValueError, match="Not numbers: the column 'a'"):
        MLPClassifier(**SMALL).fit(polars.DataFrame({"a": ["x"] * len(y)}), y)


# --- interrupts ---------------------------------------------------------------------------------------------


def test_ctrl_c_ends_training_with_a_usable_model():
    """As in scikit-learn: a warning, and the weights of that moment."""

    def interrupt(net, history):
        if history.epochs == 3:
            raise KeyboardInterrupt

    model = MLPClassifier(**SMALL, callbacks=[interrupt])
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(X, y)
    assert model.n_iter_ == len(model.loss_curve_) == 3
    same = MLPClassifier(**SMALL | {"max_iter": 3}).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), same.predict_proba(X))


@pytest.mark.usefixtures("ctrl_c_is_heard")
@pytest.mark.parametrize("solver", ["adam", pytest.param("lbfgs", marks=pytest.mark.slow)])
def test_ctrl_c_during_a_long_epoch(solver):
    """It ends training within the epoch; "lbfgs" passes the interrupt on, as scikit-learn does."""
    table = np.random.default_rng(0).random((50_000, 200), np.float32)
    model = MLPRegressor(hidden_layer_sizes=(500, 500), solver=solver, batch_size=10_000, n_threads=1)
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    expected = (
        pytest.raises(KeyboardInterrupt) if solver == "lbfgs" else pytest.warns(UserWarning, match="interr")
    )
    with expected:
        timer.start()
        model.fit(table, table[:, 0])
        timer.join()
    assert hasattr(model, "network_") == (solver == "adam")


def test_without_scikit_learn_the_error_names_the_command():
    program = "import sys; sys.modules['sklearn'] = None; import deepnet; deepnet.sklearn"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "ImportError: deepnet.sklearn needs scikit-learn: pip install scikit-learn" in ended.stderr
