"""Labels as people have them: each kind is right, or gets advice that runs as written."""

import copy
import re
import tracemalloc

import numpy as np
import pandas
import pytest

import deepnet
from advice import follow
from deepnet import LOSSES, losses
from deepnet._validation import labels
from networks import Unchanged
from problems import assert_same_bits, parameters_of

pytestmark = pytest.mark.usefixtures("backend")

M = 12
TWO, THREE = np.arange(M) % 2, np.arange(M) % 3
X = np.random.default_rng(0).normal(size=(3, M))
ANIMALS = np.array(["cat", "dog", "eel"])


def network(outputs, output):
    return deepnet.Network([3, outputs], output=output, dtype="float64", seed=1)


NETWORKS = {
    "sigmoid": (network(1, "sigmoid"), TWO),
    "softmax": (network(3, "softmax"), THREE),
}
CODINGS = {  # how the classes 0, 1, 2 may be written
    "bool": lambda y: y.astype(bool) if y.max() == 1 else y,
    "int8": lambda y: y.astype(np.int8),
    "int16": lambda y: y.astype(np.int16),
    "uint64": lambda y: y.astype(np.uint64),
    "byte-swapped": lambda y: y.astype(np.dtype(int).newbyteorder()),
    "whole floats": lambda y: y.astype(np.float16),
    "longdouble": lambda y: y.astype(np.longdouble),
    "complex": lambda y: y.astype(complex),
    "object": lambda y: y.astype(object),
    "1 to K": lambda y: y + 1,
    "1.0 to K": lambda y: y + 1.0,
    "-1 to K - 2": lambda y: y - 1,
    "-1 and 1": lambda y: np.where(y == 0, -1, y),
    "any numbers": lambda y: np.array([3, 7, 11])[y],
    "fractions": lambda y: np.array([0.5, 1.5, 2.5])[y],
    "words": lambda y: ANIMALS[y],
    "bytes": lambda y: ANIMALS.astype(bytes)[y],
    "objects": lambda y: ANIMALS.astype(object)[y],
    "list of words": lambda y: ANIMALS[y].tolist(),
    "list": lambda y: y.tolist(),
    "tuple": lambda y: tuple(y.tolist()),
    "digits": lambda y: y.astype(str),
    "digits from 1": lambda y: (y + 1).astype(str),
    "Series": lambda y: pandas.Series(y),
    "Series of words": lambda y: pandas.Series(ANIMALS[y]),
    "Series of strings": lambda y: pandas.Series(ANIMALS[y], dtype="string"),
    "Series of bool": lambda y: pandas.Series(y == 1) if y.max() == 1 else pandas.Series(y, dtype="int8"),
    "nullable Series": lambda y: pandas.Series(y, dtype="Int64"),
    "category": lambda y: pandas.Series(ANIMALS[y], dtype="category"),
    "Categorical": lambda y: pandas.Categorical(ANIMALS[y]),
    "Index": lambda y: pandas.Index(ANIMALS[y]),
    "DataFrame": lambda y: pandas.DataFrame({"label": y}),
    "row": lambda y: y[np.newaxis],
    "column": lambda y: y[:, np.newaxis],
    "column of words": lambda y: ANIMALS[y][:, np.newaxis],
    "three dimensions": lambda y: y.reshape(1, 1, -1),
}


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("output", NETWORKS)
def test_labels_are_right_or_get_advice_that_leads_to_the_same_loss(output, coding):
    net, y = NETWORKS[output]
    expected = net.evaluate(X, y)
    names = {"net": net, "X": X, "Y": CODINGS[coding](y), "found": []}
    follow("found.append(net.evaluate(X, Y))", names)
    assert names["found"] == [expected]


@pytest.mark.parametrize(
    "Y", [THREE, THREE + 1, THREE - 1, ANIMALS[THREE], ANIMALS[THREE].tolist(), pandas.Series(ANIMALS[THREE])]
)
def test_three_classes_for_a_sigmoid_output(Y):
    """The advice names the number of outputs and output='softmax'; both together work."""
    with Unchanged(X), pytest.raises((TypeError, ValueError)) as caught:
        network(1, "sigmoid").evaluate(X, Y)
    outputs = int(re.search(r"need (\d) outputs and output='softmax'", str(caught.value))[1])
    net = network(outputs, "softmax")
    names = {"net": net, "X": X, "Y": Y, "found": []}
    follow("found.append(net.evaluate(X, Y))", names)
    assert names["found"] == [net.evaluate(X, THREE)]


@pytest.mark.parametrize(
    ("Y", "words"),
    [
        (np.eye(3)[THREE], r"transposed\? Y.T"),
        (np.eye(3)[:, THREE] * 2 - 1, "Y == 1"),
        (np.eye(3)[:, THREE] * 255, "Y == 255"),
        (THREE, "np.eye"),
        (THREE + 1, "np.eye"),
    ],
)
def test_rows_of_labels(Y, words):
    net = network(3, "softmax")
    names = {"net": net, "X": X, "Y": Y, "found": []}
    followed = follow("found.append(net.evaluate(X, Y, loss='categorical_cross_entropy'))", names)
    assert re.search(words, "".join(f"transposed? {code}" for code in followed))
    assert names["found"] == [net.evaluate(X, np.eye(3)[:, THREE])]


def test_what_cannot_be_numbered_is_named():
    net = network(1, "sigmoid")
    for Y, error, words in [
        (np.array([np.nan, *ANIMALS[TWO][1:]], dtype=object), TypeError, r"float and str.*without a label"),
        (np.r_[np.nan, TWO[1:]], ValueError, r"Y\[0, 0\] is nan, but labels must lie in"),
        (np.linspace(0, 5, M), ValueError, r"Y\[0, 3\] is 1.36.*output='identity'"),
        (np.full(M, 2), ValueError, r"Y\[0, 0\] is 2, but labels must lie in \[0, 1\]"),
    ]:
        with pytest.raises(error, match=words):
            net.evaluate(X, Y)
    with pytest.raises(ValueError, match="Y has 4 classes, but the network has 3 outputs"):
        network(3, "softmax").evaluate(X, np.arange(M) % 4)


BAD = {  # labels that break each rule
    "numbers": [],
    "counts": [-1.0, np.nan, np.inf],
    "probabilities": [-0.5, 1.5, np.nan, np.inf],
    "shares": [-0.5, 1.5, 0.7, np.nan],
    "classes": [-1.0, 3.0, 0.5, np.nan, np.inf],
}


@pytest.mark.parametrize("name", LOSSES)
def test_both_apis_follow_the_rule_of_the_loss(name):
    """The same labels are refused by Network and by the step-by-step functions."""
    loss = LOSSES[name]
    output = loss.activation or "identity"
    net = network(3, output)
    parameters = {key: np.ascontiguousarray(p) for key, p in net.parameters.items()}
    AL, caches = deepnet.L_model_forward(X, parameters, activations=[output])
    calls = [
        lambda Y: net.evaluate(X, Y, loss=name),
        lambda Y: net.train_on_batch(X, Y, loss=name),
        lambda Y: net.fit(X, Y, epochs=1, batch_size=M, loss=name),
        lambda Y: deepnet.L_model_backward(AL, Y, caches, loss=name),
    ]
    if name != "binary_cross_entropy":  # the course's default, whose formula takes any labels
        calls.append(lambda Y: deepnet.compute_cost(AL, Y, name))
    else:
        calls.pop()
    for entry in BAD[loss.label_rule]:
        Y = THREE.astype(float) if loss.takes_classes else np.eye(3)[:, THREE]
        Y[..., 4] = entry
        for call in calls:
            with pytest.raises(ValueError, match=r"Y\[(0, |:, )?4\]"):
                call(Y)


def test_a_custom_loss_may_name_its_rule():
    def value(A, Y, _):
        return (A - Y) ** 2

    def derivative(A, Y, _):
        return 2 * (A - Y)

    counts = losses.Loss("counts", "-", value, derivative, label_rule="counts")
    net = network(1, "identity")
    with pytest.raises(ValueError, match=r"Y\[0, 0\] is -1, but counts"):
        net.evaluate(X, THREE - 1, loss=counts)
    assert net.evaluate(X, THREE, loss=counts) > 0
    with pytest.raises(ValueError, match=r"unknown label_rule 'count'.*'counts'"):
        losses.Loss("counts", "-", value, derivative, label_rule="count")


# --- labels that change during a run ------------------------------------------------------------------------

FITS = {
    "fit": lambda net, X, Y, **options: net.fit(X, Y, **options),
    "fit_many": lambda net, X, Y, **options: deepnet.fit_many([net, copy.deepcopy(net)], X, Y, **options),
}
WATCHED = [("callback", fit) for fit in FITS] + [("metric", fit) for fit in FITS]
WATCHED += [("validation", fit) for fit in FITS] + [("progress", "fit")]  # fit_many reports every 50 ms


@pytest.mark.parametrize(("who", "fit"), WATCHED)
@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if BAD[loss.label_rule]])
def test_labels_are_checked_again_after_a_callback(name, who, fit):
    """The parameters are those of the last epoch, and the network can be trained again."""
    for entry in BAD[LOSSES[name].label_rule]:
        _change_to(entry, LOSSES[name], who, fit)


def _change_to(entry, loss, who, fit):
    net = network(3, loss.activation or "identity")
    good = THREE.astype(float) if loss.takes_classes else np.eye(3)[:, THREE]
    Y, by_epoch = good.copy(), []
    validation = good.copy() if who == "validation" else None

    def change(*_):
        by_epoch.append(parameters_of(net))
        (Y if validation is None else validation)[..., 4] = entry

    options = {"epochs": 4, "batch_size": 5, "loss": loss, "optimizer": "adam", "seed": 0}
    watch = {
        "callback": {"callbacks": [change]},
        "metric": {"metrics": [lambda AL, Y: change() or 0.5]},
        "progress": {"progress": change},
        "validation": {"callbacks": [change], "validation_data": (X, validation)},
    }[who]
    what = "validation_data: " if who == "validation" else ""
    name = r"networks\[[01]\]: " if fit == "fit_many" else ""
    with pytest.raises(ValueError, match=rf"^{name}after epoch \d of 4: {what}Y\[(0, |:, )?4\]"):
        FITS[fit](net, X, Y, **options, **watch)
    if who in ("callback", "metric") and fit == "fit":
        assert len(by_epoch) == 1
        assert_same_bits(net, by_epoch[0])
    assert np.isfinite(net.fit(X, good, **options).loss).all()


@pytest.mark.parametrize("custom", [False, True])
def test_labels_that_one_network_changes_are_checked_for_the_next(custom):
    Y = THREE.copy()

    def change(net, history):
        Y[7] = 12

    g = deepnet.Activation("square", lambda Z: Z**2, lambda dA, Z: 2 * Z * dA) if custom else "relu"
    networks = [deepnet.Network([3, 4, 3], [g, "softmax"], seed=i) for i in range(3)]
    own = [{"epochs": 2, "callbacks": [change]}, {"epochs": 1}, {"epochs": 1}]
    before = [parameters_of(net) for net in networks]
    words = r"^networks\[[012]\]: after epoch [01] of [12]: Y\[7\] is 12, but classes must be whole numbers"
    with pytest.raises(ValueError, match=words):
        deepnet.fit_many(networks, X, Y, each=own, batch_size=5, threads=1)
    assert any(not np.array_equal(p, before[0][key]) for key, p in networks[0].parameters.items())
    for net, parameters in zip(networks[1:], before[1:], strict=True):
        assert_same_bits(net, parameters)


@pytest.mark.parametrize("fit", FITS)
def test_what_else_callbacks_change_does_not_count(fit):
    """Weights and column numbers are copied, and the shape of the views is their own."""

    def trained(change):
        x, y, weights = X.copy(), THREE.copy(), np.ones(M)
        columns = np.arange(M - 2, dtype=np.uint32)

        def callback(net, history):
            if change:
                weights[:] = np.nan
                columns[:] = 10**6
                x.shape, y.shape = (1, 3 * M), (1, 1, M)

        net = network(3, "softmax")
        options = {"sample_weight": weights, "examples": columns, "validation_data": columns, "seed": 1}
        FITS[fit](net, x, y, epochs=3, batch_size=4, callbacks=[callback], **options)
        return parameters_of(net)

    expected, changed = trained(change=False), trained(change=True)
    for key, p in expected.items():
        np.testing.assert_array_equal(changed[key], p)


# --- scans of many labels -----------------------------------------------------------------------------------


def test_a_scan_looks_at_a_part_at_a_time():
    """Temporaries as large as a part, and between two parts Python answers Ctrl-C."""
    m = 10_000_000
    Y = np.zeros((1, m), np.uint8)
    for rule in ("binary_cross_entropy", "sparse_categorical_cross_entropy", "poisson"):
        tracemalloc.start()
        try:
            labels.check("Y", Y, (1, m), LOSSES[rule])
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert most < 16 * labels.PART


@pytest.mark.parametrize("dtype", ["U", "S", object])
def test_words_are_counted_in_parts(dtype, monkeypatch):
    monkeypatch.setattr(labels, "PART", 4)
    Y = np.array(list("bbbbbaabbdc"), dtype=dtype)
    with pytest.raises(TypeError, match=r"'a', b?'b', b?'c', .*; 4 classes need 4 outputs"):
        deepnet.Network([1, 3], output="softmax").fit(np.zeros((1, len(Y))), Y, epochs=1, batch_size=4)
