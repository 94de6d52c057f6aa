"""Fits of estimators that go on from a checkpoint end with the bits of a fit that was never interrupted."""

import copy
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import deepnet
from deepnet.callbacks import EarlyStopping, ModelCheckpoint
from deepnet.sklearn import MLPClassifier, MLPRegressor
from deepnet.sklearn._resuming import random_numbers

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(90, 4))
Y = X[:, 0] * X[:, 1] + 0.1 * DRAW.normal(size=90)
LABELS = np.where(Y > 0, "yes", "no")
BASE = {"hidden_layer_sizes": (6, 5), "max_iter": 9, "random_state": 3, "batch_size": 16}
RECORD = [
    *("n_iter_", "t_", "loss_", "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"),
    "stopped_",
]
SETTINGS = {
    "defaults": {},
    "adam, early stopping, dropout": {"early_stopping": True, "dropout": 0.2, "n_iter_no_change": 2},
    "best epoch": {"early_stopping": True, "n_iter_no_change": 3, "learning_rate_init": 0.1},
    "adaptive rate": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.1, "n_iter_no_change": 1},
    "falling rate": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1},
    "no shuffling": {"shuffle": False, "alpha": 0.1},
    "its own optimizer": {"optimizer": deepnet.AdamW(deepnet.schedules.CosineDecay(0.01))},
    "float32, a score": {"dtype": "float32", "early_stopping": "r2"},
}


@pytest.mark.parametrize("seed", [0, 3, np.int64(7), 2**32 - 1])
def test_random_numbers_are_those_of_random_state(seed):
    found, expected = random_numbers(seed), np.random.RandomState(seed)
    a, b = (rng.get_state(legacy=False) for rng in (found, expected))
    np.testing.assert_array_equal(a["state"].pop("key"), b["state"].pop("key"))
    assert a == b
    assert copy.deepcopy(found).normal() == expected.normal()
    with pytest.raises(ValueError, match="Seed must be between"):
        random_numbers(-1)


class Killed(Exception):
    pass


def killed_in(epoch):
    def callback(net, history):
        if history.epochs == epoch:
            raise Killed

    return callback


@pytest.fixture(autouse=True)
def no_warnings_of_max_iter():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def regressor(*callbacks, **settings):
    return MLPRegressor(**BASE | {"callbacks": list(callbacks)} | settings)


def assert_same_fit(model, other):
    for name in RECORD:
        assert getattr(model, name) == getattr(other, name), name
    assert model._rate == other._rate
    for p, q in zip(model.network_.parameters.values(), other.network_.parameters.values(), strict=True):
        assert p.tobytes() == q.tobytes()


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("epoch", [5, pytest.param(2, marks=pytest.mark.slow)])
def test_a_fit_that_goes_on_ends_with_the_same_bits(name, epoch, tmp_path):
    whole = regressor(**SETTINGS[name]).fit(X, Y)
    path = tmp_path / "fit"
    epoch = min(epoch, whole.n_iter_)
    with pytest.raises(Killed):
        regressor(ModelCheckpoint(path), killed_in(epoch), **SETTINGS[name]).fit(X, Y)
    model = regressor(ModelCheckpoint(path), **SETTINGS[name]).fit(X, Y, resume_from=path)
    assert_same_fit(model, whole)
    again = regressor(**SETTINGS[name]).fit(X, Y, resume_from=path)  # from the end
    assert_same_fit(again, whole)


def test_a_classifier_and_its_labels_weights_and_frames(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame, weights = pandas.DataFrame(X, columns=list("abcd")), np.arange(90) % 3
    settings = BASE | {"early_stopping": True, "class_weight": "balanced"}
    whole = MLPClassifier(**settings).fit(frame, LABELS, weights)
    path = tmp_path / "fit"
    callbacks = [ModelCheckpoint(path, every=2), killed_in(6)]
    with pytest.raises(Killed):
        MLPClassifier(**settings, callbacks=callbacks).fit(frame, LABELS, weights)
    model = MLPClassifier(**settings).fit(frame, LABELS, weights, resume_from=path)
    assert_same_fit(model, whole)
    assert model.feature_names_in_.tolist() == list("abcd")
    assert np.array_equal(model.predict(frame), whole.predict(frame))


def test_callbacks_of_the_user_remember_as_in_a_network(tmp_path):
    stop = {"patience": 1, "min_delta": 0.02, "monitor": "loss"}
    whole = regressor(EarlyStopping(**stop), max_iter=100).fit(X, Y)
    path, epoch = tmp_path / "fit", whole.n_iter_ - 1
    with pytest.raises(Killed):
        regressor(EarlyStopping(**stop), ModelCheckpoint(path), killed_in(epoch), max_iter=100).fit(X, Y)
    model = regressor(EarlyStopping(**stop), max_iter=100).fit(X, Y, resume_from=path)
    assert_same_fit(model, whole)
    with pytest.raises(ValueError, match="run has the callbacks EarlyStopping, but this one none"):
        regressor(max_iter=100).fit(X, Y, resume_from=path)


def test_random_numbers_without_a_seed_are_in_the_checkpoint(tmp_path):
    settings = {"random_state": None, "early_stopping": True, "dropout": 0.1}
    checkpoint = ModelCheckpoint(tmp_path / "fit.safetensors", keep=100)
    whole = regressor(checkpoint, **settings).fit(X, Y)
    state = np.random.mtrand._rand.get_state()[1].tobytes()
    model = regressor(**settings).fit(X, Y, resume_from=tmp_path / "fit-3.safetensors")
    assert_same_fit(model, whole)
    assert np.random.mtrand._rand.get_state()[1].tobytes() == state


def test_more_epochs_than_the_fit_that_was_killed(tmp_path):
    whole, short = regressor(max_iter=14), regressor(ModelCheckpoint(tmp_path / "fit"))
    whole.fit(X, Y)
    short.fit(X, Y)
    assert_same_fit(regressor(max_iter=14).fit(X, Y, resume_from=tmp_path / "fit"), whole)


def test_a_fit_that_had_stopped_stays_so(tmp_path):
    settings = {"tol": 10.0, "n_iter_no_change": 2}
    stopped = regressor(ModelCheckpoint(tmp_path / "fit"), **settings).fit(X, Y)
    assert stopped.stopped_
    model = regressor(max_iter=50, **settings).fit(X, Y, resume_from=tmp_path / "fit")
    assert_same_fit(model, stopped)


def test_ctrl_c_is_a_moment_to_go_on_from(tmp_path):
    def interrupted(net, history):
        if history.epochs == 4:
            raise KeyboardInterrupt

    whole = regressor().fit(X, Y)
    with pytest.warns(UserWarning, match="interrupted by user"):
        regressor(ModelCheckpoint(tmp_path / "fit"), interrupted).fit(X, Y)
    assert_same_fit(regressor().fit(X, Y, resume_from=tmp_path / "fit"), whole)


def test_what_an_estimator_knew_before_is_forgotten(tmp_path):
    whole = regressor(ModelCheckpoint(tmp_path / "fit", keep=9)).fit(X, Y)
    model = regressor(warm_start=True, callbacks=None).fit(X + 1, Y)
    assert_same_fit(model.fit(X, Y, resume_from=tmp_path / "fit-5"), whole)


def test_it_is_an_argument_of_fit_for_pipelines_and_clones(tmp_path):
    checkpoint = ModelCheckpoint(tmp_path / "fit")
    model = make_pipeline(StandardScaler(), regressor(checkpoint))
    model.fit(X, Y, mlpregressor__resume_from=checkpoint.latest())  # None
    other = clone(model).fit(X, Y, mlpregressor__resume_from=checkpoint.latest())
    assert_same_fit(other[-1], model[-1])


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("fit") / "fit"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        regressor(ModelCheckpoint(path)).fit(X, Y)
    return path


WRONG = [
    ({"alpha": 0.5}, r"the checkpoint's run has alpha 0\.0001, but this one 0\.5"),
    ({"random_state": 4}, "run has random_state 3, but this one 4"),
    ({"early_stopping": True}, "run has early_stopping False, but this one True"),
    ({"max_iter": 3}, "has 9 epochs already, but epochs is 3"),
    ({"n_estimators": 2}, "resume_from goes on with one network, but n_estimators is 2"),
    ({"solver": "lbfgs"}, "resume_from needs the solver 'sgd' or 'adam', or an optimizer"),
]


@pytest.mark.parametrize(("settings", "message"), WRONG)
def test_another_fit_is_refused(settings, message, path):
    model = regressor(**settings)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.fit(X, Y, resume_from=path)
    assert vars(model).keys() == before.keys()


def test_other_data_and_another_kind_are_refused(path):
    with pytest.raises(ValueError, match="run has examples 90, but this one 80"):
        regressor().fit(X[:80], Y[:80], resume_from=path)
    with pytest.raises(ValueError, match="run has rows of X_val None, but this one 5"):
        regressor().fit(X, Y, X_val=X[:5], y_val=Y[:5], resume_from=path)
    with pytest.raises(ValueError, match="run has estimator 'MLPRegressor', but this one 'MLPClassifier'"):
        MLPClassifier(**BASE).fit(X, LABELS, resume_from=path)
    with pytest.raises(ValueError, match="run has estimator 'MLPRegressor', but this one None"):
        deepnet.Network([4, 6, 5, 1]).fit(X.T, Y > 0, epochs=9, resume_from=path)


def test_files_that_nothing_can_go_on_from(tmp_path):
    fitted = regressor(callbacks=None).fit(X, Y)
    fitted.save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"model: is no checkpoint: callbacks\.ModelCheckpoint writes them"):
        regressor().fit(X, Y, resume_from=tmp_path / "model")
    fitted.set_params(warm_start=True, callbacks=[ModelCheckpoint(tmp_path / "warm")]).fit(X, Y)
    with pytest.raises(ValueError, match=r"is no checkpoint: .* only if the fit began with new weights"):
        regressor().fit(X, Y, resume_from=tmp_path / "warm")
    deepnet.Network([4, 6, 5, 1]).fit(X.T, Y > 0, epochs=1, callbacks=[ModelCheckpoint(tmp_path / "net")])
    with pytest.raises(ValueError, match="run has estimator None, but this one 'MLPRegressor'"):
        regressor().fit(X, Y, resume_from=tmp_path / "net")
    with pytest.raises(TypeError, match="resume_from: path is 3, but must be the name of a file"):
        regressor().fit(X, Y, resume_from=3)
