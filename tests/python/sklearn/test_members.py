"""Estimators of several networks: each has the bits that it has alone, and their mean is predicted."""

import copy
import pickle
import re

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs scikit-learn")
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler

from deepnet.callbacks import EarlyStopping
from deepnet.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_wine(return_X_y=True)
X = StandardScaler().fit_transform(X)
NAMES = np.array(["red", "rose", "white"])[y]
SEVERAL = np.stack([y > 0, y > 1], axis=1).astype(int)
SETTINGS = {
    "hidden_layer_sizes": (8,),
    "learning_rate_init": 0.01,
    "max_iter": 30,
    "random_state": 0,
    "n_estimators": 3,
}
TASKS = {  # kind, y
    "classes": (MLPClassifier, NAMES),
    "two classes": (MLPClassifier, NAMES == "red"),
    "labels": (MLPClassifier, SEVERAL),
    "target": (MLPRegressor, y.astype(float)),
    "targets": (MLPRegressor, SEVERAL * 2.5),
}
OPTIONS = {
    "defaults": {},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 3},
    "a scorer": {"early_stopping": lambda model, X, y: model.score(X, y), "n_iter_no_change": 3},
    "dropout": {"dropout": 0.2, "dtype": "float32"},
    "lbfgs": {"solver": "lbfgs"},
}


def assert_same_network(found, expected):
    for name in ("coefs_", "intercepts_"):
        for p, q in zip(getattr(found, name), getattr(expected, name), strict=True):
            np.testing.assert_array_equal(p, q)
    assert found.n_iter_ == expected.n_iter_
    assert found.loss_ == expected.loss_
    for name in ("loss_curve_", "validation_scores_", "best_validation_score_", "stopped_"):
        assert getattr(found, name, None) == getattr(expected, name, None)


def folds_of(model, y):
    """The rows that each network learns from, drawn as fit draws them."""
    rng = np.random.RandomState(model.random_state)
    rng.randint(2**31 - 1, size=model.n_estimators)
    kind = StratifiedKFold if isinstance(model, MLPClassifier) and y.ndim == 1 else KFold
    return list(kind(model.n_estimators, shuffle=True, random_state=rng).split(X, y))


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("task", TASKS)
def test_each_network_is_the_one_trained_alone(task, options):
    kind, targets = TASKS[task]
    weights = np.random.default_rng(0).integers(1, 3, len(y)) if options == "defaults" else None
    model = kind(**SETTINGS, **OPTIONS[options]).fit(X, targets, weights)
    assert len({member.random_state for member in model.estimators_}) == 3
    for member in model.estimators_:
        assert_same_network(clone(member).fit(X, targets, weights), member)
    bagged = kind(**SETTINGS, **OPTIONS[options], bagging="kfold").fit(X, targets, weights)
    for member, (rows, _) in zip(bagged.estimators_, folds_of(bagged, targets), strict=True):
        part = None if weights is None else weights[rows]
        assert_same_network(clone(member).fit(X[rows], targets[rows], part), member)


def test_balanced_weights_are_those_of_the_own_rows():
    model = MLPClassifier(**SETTINGS, class_weight="balanced", bagging="kfold").fit(X, NAMES)
    for member, (rows, _) in zip(model.estimators_, folds_of(model, NAMES), strict=True):
        assert_same_network(clone(member).fit(X[rows], NAMES[rows]), member)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("bagging", [None, "kfold"])
def test_the_mean_is_predicted(task, bagging):
    kind, targets = TASKS[task]
    model = kind(**SETTINGS, bagging=bagging).fit(X, targets)
    method = "predict_proba" if kind is MLPClassifier else "predict"
    answers = [getattr(member, method)(X) for member in model.estimators_]
    np.testing.assert_allclose(getattr(model, method)(X), np.mean(answers, axis=0), rtol=1e-14, atol=1e-15)
    if kind is MLPRegressor:
        mean, std = model.predict(X, return_std=True)
        np.testing.assert_array_equal(mean, model.predict(X))
        np.testing.assert_allclose(std, np.std(answers, axis=0), rtol=1e-12, atol=1e-14)
    elif task == "labels":
        np.testing.assert_array_equal(model.predict(X), np.mean(answers, axis=0) > 0.5)
    else:
        expected = model.classes_[np.mean(answers, axis=0).argmax(axis=1)]
        np.testing.assert_array_equal(model.predict(X), expected)
    assert hasattr(model, "oof_") == (bagging is not None)
    if bagging:
        for answer, (_, test) in zip(answers, folds_of(model, targets), strict=True):
            np.testing.assert_allclose(model.oof_[test], answer[test], rtol=1e-12, atol=1e-14)


def test_predictions_of_counts_are_averaged_not_their_logarithms():
    model = MLPRegressor("poisson", **SETTINGS).fit(X, y)
    answers = [member.predict(X) for member in model.estimators_]
    np.testing.assert_allclose(model.predict(X), np.mean(answers, axis=0), rtol=1e-14)


def test_sparse_tables_give_the_bits_of_dense_ones():
    for bagging in (None, "kfold"):
        model = MLPClassifier(**SETTINGS, bagging=bagging)
        dense, rows = clone(model).fit(X, y), clone(model).fit(sparse.csr_array(X), y)
        for a, b in zip(dense.estimators_, rows.estimators_, strict=True):
            np.testing.assert_array_equal(a.coefs_[0], b.coefs_[0])


def test_what_the_attributes_mean():
    model = MLPClassifier(**SETTINGS, early_stopping=True, n_iter_no_change=1).fit(X, y)
    members = model.estimators_
    assert model.n_iter_ == max(member.n_iter_ for member in members)
    assert model.t_ == sum(member.t_ for member in members)
    assert model.loss_ == np.mean([member.loss_ for member in members])
    assert model.stopped_ == all(member.stopped_ for member in members)
    assert (model.n_layers_, model.n_outputs_, model.out_activation_) == (3, 3, "softmax")
    for name in ("network_", "coefs_", "loss_curve_", "validation_scores_"):
        with pytest.raises(
            AttributeError, match=rf"3 networks: estimators_\[0\].{name} is that of the first"
        ):
            getattr(model, name)
    with pytest.raises(ValueError, match=r"has 3 networks: estimators_\[0\].to_sklearn()"):
        model.to_sklearn()
    np.testing.assert_allclose(
        members[0].to_sklearn().predict_proba(X), members[0].predict_proba(X), rtol=1e-10
    )


def test_warm_start_and_partial_fit_go_on_with_each_network():
    model = MLPClassifier(**SETTINGS | {"max_iter": 5}, warm_start=True).fit(X, y)
    alone = [clone(member).fit(X, y) for member in model.estimators_]
    for settings in ({"max_iter": 7}, {"max_iter": 4}):
        model.set_params(**settings).fit(X, y)
        for member, other in zip(model.estimators_, alone, strict=True):
            assert_same_network(other.set_params(**settings).fit(X, y), member)
    model = MLPRegressor(**SETTINGS)
    alone = None
    for part in (slice(0, 100), slice(50, 178)):
        model.partial_fit(X[part], y[part])
        alone = alone or [clone(member) for member in model.estimators_]
        for member, other in zip(model.estimators_, alone, strict=True):
            assert_same_network(other.partial_fit(X[part], y[part]), member)
    with pytest.raises(ValueError, match="n_estimators is 2, but the last fit was of 3 networks"):
        model.set_params(n_estimators=2).partial_fit(X, y)
    assert not hasattr(model.set_params(bagging="kfold"), "partial_fit")


def test_one_network_and_several_follow_each_other():
    model = MLPRegressor(**SETTINGS, bagging="kfold").fit(X, y)
    model.set_params(n_estimators=1, bagging=None).fit(X, y)
    assert not hasattr(model, "estimators_")
    assert not hasattr(model, "oof_")
    expected = MLPRegressor(**SETTINGS | {"n_estimators": 1}).fit(X, y)
    assert_same_network(model, expected)
    assert not hasattr(model.set_params(n_estimators=2).fit(X, y), "network_")


def test_copies():
    model = MLPRegressor(**SETTINGS, bagging="kfold").fit(X, y)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict(X), model.predict(X))
        np.testing.assert_array_equal(other.oof_, model.oof_)
        other.estimators_[0].coefs_[0][...] = 0
    assert model.estimators_[0].coefs_[0].any()


def test_given_validation_rows_are_those_of_all_networks():
    model = MLPClassifier(**SETTINGS, early_stopping=True, bagging="kfold")
    model.fit(X[20:], y[20:], X_val=X[:20], y_val=y[:20])
    for member in model.estimators_:
        assert member.score(X[:20], y[:20]) == member.best_validation_score_


def test_callbacks_see_every_network():
    seen = set()
    stop = EarlyStopping(patience=2, min_delta=100.0)
    model = MLPRegressor(**SETTINGS, callbacks=[lambda net, history: seen.add(net), stop]).fit(X, y)
    assert seen == {member.network_ for member in model.estimators_}
    assert model.n_iter_ == 3


def test_threads_change_no_bit():
    models = [MLPClassifier(**SETTINGS, bagging="kfold", n_threads=n).fit(X, y) for n in (1, 2)]
    np.testing.assert_array_equal(*(model.predict_proba(X) for model in models))


class Fails:
    """A callback that fails for the network that comes second, whatever the others do."""

    def __init__(self, error):
        self.error, self.networks = error, []

    def __call__(self, net, history):
        if net not in self.networks:
            self.networks.append(net)
        if self.networks.index(net) == 1 and history.epochs > 1:
            raise self.error


@pytest.mark.parametrize("error", [RuntimeError("no more"), FloatingPointError("no more"), KeyboardInterrupt])
@pytest.mark.parametrize("warm", [False, True])
def test_a_failure_leaves_everything_as_it_was(error, warm):
    model = MLPRegressor(**SETTINGS, warm_start=warm)
    if warm:
        model.fit(X, y)
    before = vars(model).copy()
    predicted = model.predict(X) if warm else None
    records = [vars(member).copy() for member in before.get("estimators_", [])]
    before["callbacks"] = model.callbacks = [Fails(error)]
    with pytest.raises(error if isinstance(error, type) else type(error)):
        model.fit(X, y)
    assert vars(model) == before
    if warm:
        np.testing.assert_array_equal(model.predict(X), predicted)
        assert [vars(member) for member in model.estimators_] == records


def test_bad_settings_and_data():
    for settings, message in [
        ({"n_estimators": 0}, "The 'n_estimators' parameter"),
        ({"bagging": "rows"}, "The 'bagging' parameter"),
        ({"n_estimators": 1, "bagging": "kfold"}, "bagging is 'kfold', which needs two networks or more"),
        ({"n_estimators": 179, "bagging": "kfold"}, "n_estimators is 179, but bagging='kfold' needs as many"),
    ]:
        with pytest.raises(ValueError, match=re.escape(message)):
            MLPRegressor(**SETTINGS | settings).fit(X, y)
    weights = np.zeros(len(y))
    weights[0] = 1
    with pytest.raises(ValueError, match="zero for all rows that a network is trained on"):
        MLPRegressor(**SETTINGS, bagging="kfold").fit(X, y, weights)
    with pytest.raises(ValueError, match="return_std=True needs several networks"):
        MLPRegressor(**SETTINGS | {"n_estimators": 1}).fit(X, y).predict(X, return_std=True)
    with pytest.raises(FloatingPointError, match=r"estimators_\[0\]: the loss is"):
        MLPRegressor(**SETTINGS | {"solver": "sgd", "learning_rate_init": 1e30}).fit(X, y)


def test_a_class_that_one_network_does_not_see():
    few = np.r_[np.zeros(20, int), np.ones(20, int), [2]]
    with pytest.warns(UserWarning, match="least populated class"):
        model = MLPClassifier(**SETTINGS, bagging="kfold").fit(X[:41], few)
    assert model.predict_proba(X).shape == (len(X), 3)
    assert model.oof_.shape == (41, 3)
