"""The same results as scikit-learn's MLPs for every parameter that both have: to rounding, in float64.

Both draw the same random numbers, so first weights, splits and orders are equal; the order of sums differs.
"""

import warnings

import numpy as np
import pytest

theirs = pytest.importorskip("sklearn.neural_network", reason="needs scikit-learn")
from sklearn.datasets import load_diabetes, load_digits
from sklearn.preprocessing import StandardScaler

import deepnet
import deepnet.sklearn as ours

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore:Got `batch_size`", "ignore:batch_size is"
)

RTOL = 1e-10  # thousands of steps, each with some 1e-16
DIGITS, DIGIT = load_digits(return_X_y=True)
DIGITS = StandardScaler().fit_transform(DIGITS)[:500]
DIGIT = DIGIT[:500]
DIABETES, PROGRESSION = load_diabetes(return_X_y=True)
DIABETES = StandardScaler().fit_transform(DIABETES)
PROGRESSION = (PROGRESSION - PROGRESSION.mean()) / PROGRESSION.std()
BOTH = np.stack([PROGRESSION, PROGRESSION**2], axis=1)
SEVERAL = np.stack([DIGIT % 2, DIGIT % 3 == 0, DIGIT > 5], axis=1).astype(int)


def pair(kind, settings):
    common = {"random_state": 3, "max_iter": 20, **settings}
    return getattr(theirs, kind)(**common), getattr(ours, kind)(**common, dtype="float64")


def assert_equal(expected, found, rtol=RTOL):
    for name in ("coefs_", "intercepts_"):
        for p, q in zip(getattr(expected, name), getattr(found, name), strict=True):
            np.testing.assert_allclose(q, p, rtol=rtol, atol=rtol * np.abs(p).max(), err_msg=name)
    np.testing.assert_allclose(found.loss_, expected.loss_, rtol=rtol)
    names = ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_")
    assert [getattr(found, name) for name in names] == [getattr(expected, name) for name in names]
    for name in ("loss_curve_", "validation_scores_", "best_loss_", "best_validation_score_"):
        assert hasattr(found, name) == hasattr(expected, name)
        value = getattr(expected, name, None)
        if value is None:
            assert getattr(found, name, None) is None
        else:
            np.testing.assert_allclose(getattr(found, name), value, rtol=rtol, err_msg=name)


SETTINGS = {
    "defaults": {},
    "penalty": {"alpha": 1.0},
    "two layers": {"hidden_layer_sizes": (20, 10), "batch_size": 64},
    "one number": {"hidden_layer_sizes": 7},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "identity": {"activation": "identity"},
    "tanh": {"activation": "tanh"},
    "logistic": {"activation": "logistic"},
    "large batches": {"batch_size": 10**6},
    "no shuffle": {"shuffle": False},
    "adam": {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-3},
    "early": {"early_stopping": True, "validation_fraction": 0.2, "n_iter_no_change": 2, "tol": 1e-2},
    "early, no shuffle": {"early_stopping": True, "shuffle": False},
    "stops": {"tol": 0.2, "n_iter_no_change": 1},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.05},
    "plain sgd": {"solver": "sgd", "learning_rate_init": 0.05, "momentum": 0, "alpha": 0},
    "heavy ball": {"solver": "sgd", "learning_rate_init": 0.05, "nesterovs_momentum": False},
    "all momentum": {"solver": "sgd", "learning_rate_init": 1e-4, "momentum": 1.0},
    "invscaling": {
        "solver": "sgd",
        "learning_rate": "invscaling",
        "learning_rate_init": 0.05,
        "power_t": 0.3,
    },
    "adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.05,
        "tol": 0.1,
        "n_iter_no_change": 1,
        "max_iter": 60,
    },
    "lbfgs": {"solver": "lbfgs", "max_iter": 8},
}


WEIGHTED = ["defaults", "penalty", "early", "plain sgd", "heavy ball", "lbfgs"]


@pytest.mark.parametrize(
    ("case", "weighted"), [*((case, False) for case in SETTINGS), *((case, True) for case in WEIGHTED)]
)
@pytest.mark.parametrize("task", ["classes", "two classes", "regression"])
def test_same_results(task, case, weighted):
    kind, X, y = {
        "classes": ("MLPClassifier", DIGITS, DIGIT),
        "two classes": ("MLPClassifier", DIGITS, np.where(DIGIT > 4, "high", "low")),
        "regression": ("MLPRegressor", DIABETES, PROGRESSION),
    }[task]
    weights = {"sample_weight": np.random.default_rng(0).integers(0, 4, len(y))} if weighted else {}
    expected, found = pair(kind, SETTINGS[case])
    expected.fit(X, y, **weights)
    found.fit(X, y, **weights)
    assert_equal(expected, found)
    answers, theirs_say = found.predict(X), expected.predict(X)
    if kind == "MLPRegressor":
        np.testing.assert_allclose(answers, theirs_say, rtol=1e-9, atol=1e-9)
        return
    np.testing.assert_array_equal(answers, theirs_say)
    np.testing.assert_array_equal(found.classes_, expected.classes_)
    np.testing.assert_allclose(found.predict_proba(X), expected.predict_proba(X), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(
        found.predict_log_proba(X), expected.predict_log_proba(X), rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("alpha", [0.0, 1.0])
@pytest.mark.parametrize("task", ["labels", "targets", "counts", "several counts"])
def test_several_outputs_and_counts(task, alpha, solver):
    settings = {"alpha": alpha, "solver": solver, "max_iter": 8}
    if task == "labels":
        kind, X, y = "MLPClassifier", DIGITS, SEVERAL
    else:
        kind, X, y = "MLPRegressor", DIABETES, BOTH
    if "counts" in task:
        y = np.round(np.abs(BOTH if task == "several counts" else PROGRESSION))
        settings["loss"] = "poisson"
    expected, found = pair(kind, settings)
    # Their loss of several targets has another share of the penalty than its gradient. For ours, that of the
    # weights after the epoch is taken. A step of Adam changes a weight, of some 0.1, by about 1e-3.
    loosely = task == "targets" and alpha and solver != "lbfgs"
    assert_equal(expected.fit(X, y), found.fit(X, y), 0.02 if loosely else RTOL)
    np.testing.assert_allclose(found.predict(X), expected.predict(X), rtol=1e-8, atol=1e-9)


def test_partial_fit_and_warm_start_go_on_as_theirs_do():
    for settings in ({}, {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.5}):
        expected, found = pair("MLPClassifier", {**settings, "warm_start": True})
        for _ in range(3):
            for part in (slice(0, 200), slice(150, 500)):
                for model in (expected, found):
                    model.partial_fit(DIGITS[part], DIGIT[part], classes=np.arange(10))
                assert_equal(expected, found)
        for model in (expected, found):
            model.fit(DIGITS, DIGIT)
        assert_equal(expected, found)
        for model in (expected, found):
            model.partial_fit(DIGITS, DIGIT)
        assert_equal(expected, found)


@pytest.mark.slow
def test_float32_learns_the_same_to_within_noise():
    """Mean accuracy of ten splits: the difference is below two standard errors of the differences."""
    from sklearn.model_selection import train_test_split

    differences = []
    for seed in range(10):
        X, X_test, y, y_test = train_test_split(DIGITS, DIGIT, random_state=seed, stratify=DIGIT)
        models = (kind.MLPClassifier(random_state=seed, max_iter=60) for kind in (theirs, ours))
        a, b = (model.fit(X, y).score(X_test, y_test) for model in models)
        differences.append(b - a)
    error = max(np.std(differences, ddof=1) / np.sqrt(10), 1e-3)
    assert abs(np.mean(differences)) < 2 * error


def test_the_lines_of_verbose_are_theirs(capsys, monkeypatch):
    monkeypatch.setattr("deepnet.sklearn._epochs.find_spec", lambda name: None)  # no rich
    expected, found = pair(
        "MLPClassifier", {"verbose": True, "early_stopping": True, "n_iter_no_change": 1, "max_iter": 30}
    )
    with warnings.catch_warnings():
        expected.fit(DIGITS, DIGIT)
        wanted = capsys.readouterr().out
        found.fit(DIGITS, DIGIT)
    assert capsys.readouterr().out == wanted
    assert "Stopping" in wanted


@pytest.mark.parametrize("each", [False, True], ids=["for all layers", "for each layer"])
def test_a_custom_activation(each):
    own = deepnet.Activation("own_tanh", np.tanh, lambda dA, Z: dA * (1 - np.tanh(Z) ** 2))
    settings = {"hidden_layer_sizes": (20, 10), "random_state": 3, "max_iter": 20}
    expected = theirs.MLPClassifier(**settings, activation="tanh").fit(DIGITS, DIGIT)
    found = ours.MLPClassifier(**settings, activation=[own, own] if each else own, dtype="float64")
    assert_equal(expected, found.fit(DIGITS, DIGIT))
    np.testing.assert_array_equal(found.predict(DIGITS), expected.predict(DIGITS))
