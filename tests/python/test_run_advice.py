"""What a run is told with advise=True: every rule is provoked, and healthy runs are told nothing."""

import re
import warnings
from contextlib import contextmanager

import numpy as np
import pytest

import deepnet
from deepnet.network.advice import RULES, shared
from problems import assert_same_bits, parameters_of

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(6, 200)).astype(np.float32)
Y = (X[0] * X[1] > 0).astype(np.uint8)
LABELS_OF_A_COIN = np.arange(200) % 2  # nothing in X tells them


@contextmanager
def told():
    """Record the advice in a block, and no other warnings."""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", deepnet.AdviceWarning)
        yield given


def advice_of(net, X=X, Y=Y, **options):
    """Return what a run is told, each also by a warning."""
    with told() as given:
        history = net.fit(X, Y, **{"epochs": 10, "seed": 0} | options, advise=True)
    assert [str(warning.message) for warning in given] == history.advice
    assert all(warning.filename == __file__ for warning in given)
    return history.advice


def network(*hidden, seed=1, **options):
    return deepnet.Network([6, *hidden, 1], seed=seed, **options)


def with_large_weights():
    net = network(*[32] * 8)
    for number in range(1, 9):
        net.parameters[f"W{number}"] *= 4
    return net


def without_life():
    net = network(8, 16)
    net.parameters["b2"][:12] = -50
    return net


def repeated():
    return np.concatenate([X, X[:, :20]], axis=1), np.concatenate([Y, Y[:20]])


UNEVEN = X * np.array([1e-3, 1, 1, 1, 1, 30], np.float32)[:, np.newaxis]
PROVOKED = {
    "nothing_learnt": (
        lambda: advice_of(network(8, initializer="zeros"), Y=LABELS_OF_A_COIN),
        r"the loss is 0\.69.* after 10 epochs, that of outputs that do not depend on X, 0\.6931 \(ln 2\)",
    ),
    "dead_units": (
        lambda: advice_of(without_life()),
        r"12 of 16 units of layer 2 are 0 for all examples, and learn nothing any more \(dead relu\)",
    ),
    "unscaled_inputs": (
        lambda: advice_of(network(8), UNEVEN, optimizer="adam"),
        r"input 5 has values 41,000 times as far apart as those of input 0: ",
    ),
    "exploding_gradients": (
        lambda: advice_of(with_large_weights(), optimizer=deepnet.SGD(1e-9)),
        r"gradients grow [\d,]+ times from the last layer back to the first",
    ),
    "rate_too_large": (
        lambda: advice_of(network(16, 16), optimizer=deepnet.SGD(5.0)),
        r"the loss .*: try a learning rate ten times smaller \(0\.5 instead of 5\)",
    ),
    "rate_too_small": (
        lambda: advice_of(network(16), optimizer=deepnet.SGD(1e-5)),
        r"the loss falls slowly .*: try a learning rate ten times larger \(0\.0001 instead of 1e-05\)",
    ),
    "overfitting": (
        lambda: advice_of(
            network(64, 64), Y=LABELS_OF_A_COIN, epochs=60, optimizer=deepnet.Adam(0.01), validation_split=0.3
        ),
        r"the validation loss was best after epoch \d+ .* the network learns the examples by heart",
    ),
    "shared_examples": (
        lambda: advice_of(network(8), *repeated(), validation_split=0.1),
        "20 of 22 validation examples are also in the training data",
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_every_rule_is_provoked(name):
    run, message = PROVOKED[name]
    found = run()
    assert [text for text in found if re.match(message, text)], found


# --- healthy runs -------------------------------------------------------------------------------------------


def data_of(name):
    """Return X (n, m) of standardised features, or pixels from 0 to 1, and Y."""
    datasets = pytest.importorskip("sklearn.datasets")
    bunch = getattr(datasets, f"load_{name}")()
    order = np.random.default_rng(1).permutation(len(bunch.data))
    rows, y = bunch.data[order], bunch.target[order]
    rows = rows / 16 if name == "digits" else (rows - rows.mean(axis=0)) / rows.std(axis=0)
    if name == "diabetes":
        y = ((y - y.mean()) / y.std()).reshape(1, -1)
    return rows.T.astype(np.float32), y


@pytest.mark.parametrize("name", ["wine", "breast_cancer", "diabetes", "digits"])
@pytest.mark.parametrize(
    "seed", [0, pytest.param(1, marks=pytest.mark.slow), pytest.param(2, marks=pytest.mark.slow)]
)
def test_healthy_runs_are_told_nothing(name, seed):
    X, Y = data_of(name)
    output = {"diabetes": "identity", "breast_cancer": "sigmoid"}.get(name, "softmax")
    outputs = 1 if output != "softmax" else int(Y.max()) + 1
    net = deepnet.Network([len(X), 32, outputs], output=output, seed=seed)
    assert advice_of(net, X, Y, epochs=100, seed=seed, validation_split=0.2) == []


# --- the runs are the same ----------------------------------------------------------------------------------


def test_the_parameters_are_those_of_a_run_without(backend):
    plain, advised = network(8), network(8)
    plain.fit(X, Y, epochs=3, seed=0, optimizer="adam")
    advice_of(advised, epochs=3, optimizer="adam")
    assert_same_bits(advised, parameters_of(plain))


def test_a_run_that_fails_is_told_why():
    net = network(32, 32)
    with told() as given, pytest.raises(FloatingPointError):
        net.fit(UNEVEN, Y, seed=0, optimizer=deepnet.SGD(1e6), advise=True)
    assert any("times as far apart" in str(warning.message) for warning in given)


def test_examples_that_are_named_and_sparse_ones():
    sparse = pytest.importorskip("scipy.sparse")
    places = np.arange(0, 200, 2)
    assert advice_of(network(8), examples=places, validation_data=np.arange(1, 200, 2), epochs=2) == []
    assert advice_of(network(8), sparse.csc_matrix(X), examples=places, epochs=2) == []
    found = advice_of(network(8), examples=places, validation_data=places[:10], epochs=2)
    assert len(found) == 1
    assert "10 of 10 validation examples" in found[0]


def test_columns_of_a_frame_are_named():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(UNEVEN.T, columns=list("abcdef"))
    (text,) = advice_of(network(8), frame, epochs=2, optimizer="adam")
    assert text.startswith("the column 'f' has values ")


def test_estimators_take_it_as_a_callback():
    sklearn = pytest.importorskip("deepnet.sklearn")
    callback = deepnet.callbacks.Advise()
    model = sklearn.MLPClassifier((8,), callbacks=[callback], max_iter=2, random_state=0, n_estimators=2)
    with told() as given:
        model.fit(UNEVEN.T, Y)
    assert ["times as far apart" in str(warning.message) for warning in given] == [True, True]


def test_few_equal_examples_are_chance():
    assert shared([1, 2, 3, 4] * 25, [1, 2, 3]) is None  # of few values
    assert shared(range(1000), [5, *range(2000, 2500)]) is None
    assert shared(range(1000), [5, 6, *range(2000, 2100)]).startswith("2 of 102 validation examples")
