"""Metrics of a run: accuracy and functions, for training and validation, in the history."""

import numpy as np
import pytest

import deepnet
from problems import problem

pytestmark = pytest.mark.usefixtures("backend")

X, Y = problem(6, 40)
RUN = {"epochs": 3, "batch_size": 10, "seed": 0}


def test_accuracy_of_a_sigmoid_output():
    net = deepnet.Network([6, 5, 1], seed=0)
    history = net.fit(X, Y, **RUN, metrics=["accuracy"], validation_data=(X[:, :9], Y[:, :9]))
    right = (net.predict(X) > 0.5) == Y
    assert history.metrics["accuracy"][-1] == right.mean()
    assert history.validation_metrics["accuracy"][-1] == right[:, :9].mean()
    assert len(history.metrics["accuracy"]) == len(history.validation_metrics["accuracy"]) == 3
    assert all(type(value) is float for value in history.metrics["accuracy"])
    assert f"accuracy {history.metrics['accuracy'][0]:.4g} to" in repr(history)
    assert f"validation_accuracy {history.validation_metrics['accuracy'][0]:.4g} to" in repr(history)


def test_evaluate_returns_metrics_beside_the_loss():
    net = deepnet.Network([6, 5, 1], seed=0)

    def share(AL, Y):
        return float(AL.mean())

    found = net.evaluate(X, Y, metrics=["accuracy", share])
    AL = net.predict(X)
    assert found == {
        "loss": net.evaluate(X, Y),
        "accuracy": float(((AL[0] > 0.5) == np.ravel(Y)).mean()),
        "share": float(AL.mean()),
    }
    assert net.evaluate(X, Y, metrics=[]) == {"loss": net.evaluate(X, Y)}
    assert isinstance(net.evaluate(X, Y), float)
    scaled = net.evaluate(X, Y, metrics=[share], input_scale=0.5)
    assert scaled["share"] == float(net.predict(X, input_scale=0.5).mean())
    for name in ("loss", "validation_loss"):
        share.__name__ = name
        with pytest.raises(ValueError, match=rf"metrics\[0\] is called '{name}'"):
            net.evaluate(X, Y, metrics=[share])


def test_accuracy_of_several_labels_is_that_of_each():
    Y = problem(6, 40, 3)[1]
    net = deepnet.Network([6, 3], seed=0)
    history = net.fit(X, Y, **RUN, metrics=["accuracy"])
    assert history.metrics["accuracy"][-1] == ((net.predict(X) > 0.5) == Y).mean()


@pytest.mark.parametrize("form", ["numbers", "row", "column", "one-hot"])
def test_accuracy_of_classes(form):
    classes = np.argmax(problem(6, 40, 3)[1] + 0.1 * X[:3], axis=0)
    Y = {
        "numbers": classes,
        "row": classes[None],
        "column": classes[:, None],
        "one-hot": np.eye(3)[:, classes],
    }
    net = deepnet.Network([6, 3], output="softmax", seed=0)
    history = net.fit(X, Y[form], **RUN, metrics=["accuracy"], validation_split=0.25)
    right = net.predict(X).argmax(axis=0) == classes
    assert history.metrics["accuracy"][-1] == right[:30].mean()
    assert history.validation_metrics["accuracy"][-1] == right[30:].mean()


def test_functions_get_outputs_and_targets():
    seen = []

    def largest_error(AL, Y):
        seen.append((AL.shape, Y.shape))
        return np.abs(AL - Y).max()

    net = deepnet.Network([6, 5, 1], output="identity", seed=0)
    history = net.fit(X, Y[0], **RUN, metrics=[largest_error], validation_split=0.25)
    expected = np.abs(net.predict(X) - Y)
    assert history.metrics == {"largest_error": history.metrics["largest_error"]}
    assert history.metrics["largest_error"][-1] == expected[:, :30].max()
    assert history.validation_metrics["largest_error"][-1] == expected[:, 30:].max()
    assert set(seen) == {((1, 30), (1, 30)), ((1, 10), (1, 10))}


def test_metrics_change_no_bit_and_count_no_dropout_and_the_scale():
    net, other = (deepnet.Network([6, 5, 1], seed=0, dropout=0.5, input_scale=0.5) for _ in range(2))
    history = net.fit(X, Y, **RUN, metrics=["accuracy"])
    assert other.fit(X, Y, **RUN).loss == history.loss
    assert history.metrics["accuracy"][-1] == ((net.predict(X) > 0.5) == Y).mean()


def test_a_callback_sees_them_and_the_bar_shows_them(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    net, seen = deepnet.Network([6, 5, 1], seed=0), []
    run = RUN | {"metrics": ["accuracy"], "validation_split": 0.25}
    history = net.fit(
        X, Y, **run, callbacks=[lambda n, h: seen.append(len(h.metrics["accuracy"]))], progress=True
    )
    assert seen == [1, 2, 3]
    last, held_out = history.metrics["accuracy"][-1], history.validation_metrics["accuracy"][-1]
    assert f"accuracy {last:.4g} ({held_out:.4g})" in capsys.readouterr().out


def test_the_bar_fits_one_line_of_a_usual_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    run = RUN | {"metrics": ["accuracy"], "validation_split": 0.25}
    deepnet.Network([6, 5, 1], seed=0).fit(X, Y, **run, progress=True)
    assert len(capsys.readouterr().out.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("metrics", "output", "error", "words"),
    [
        ("accuracy", "sigmoid", TypeError, r"metrics is 'accuracy', but must be a list"),
        (["acuracy"], "sigmoid", ValueError, "unknown metric 'acuracy': did you mean 'accuracy'"),
        (["f1"], "sigmoid", ValueError, r"unknown metric 'f1': .*; or give a function of \(AL, Y\)"),
        ([3], "sigmoid", TypeError, r"metrics\[0\] is 3"),
        ([dict], "sigmoid", TypeError, r"metrics\[0\] is <class 'dict'>"),
        (["accuracy", "accuracy"], "sigmoid", ValueError, r"metrics\[1\] is another 'accuracy'"),
        (["accuracy"], "identity", ValueError, "metrics has 'accuracy'.*'identity'"),
    ],
)
def test_metrics_that_cannot_be(metrics, output, error, words):
    with pytest.raises(error, match=words):
        deepnet.Network([6, 1], output=output).fit(X, Y, **RUN, metrics=metrics)


@pytest.mark.parametrize("result", [None, "0.5", np.ones(2), 1j])
def test_a_metric_must_be_a_number(result):
    def metric(AL, Y):
        return result

    with pytest.raises(TypeError, match="metric 'metric' returned"):
        deepnet.Network([6, 1]).fit(X, Y, **RUN, metrics=[metric])
