"""Every piece of code in an error message runs as written, and what it is for then works."""
# ruff: noqa: E501  each case stays on one line, as in a table

import ast
import re
from pathlib import Path

import numpy as np
import pandas
import polars
import pytest
import scipy.sparse

import deepnet
from advice import MODULES, follow

pytestmark = pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")

PACKAGE = Path(deepnet.__file__).parent


def show(net, history):
    """A callback."""


def names():
    """What the calls below use."""
    random = np.random.default_rng(0)
    X = random.normal(size=(3, 8))
    parameters = deepnet.initialize_parameters_deep([3, 4, 1], seed=1)
    AL, caches = deepnet.L_model_forward(X, parameters)
    (A_prev, W, b), Z = caches[0]
    return {
        "X": X,
        "Y": np.arange(8) % 2,
        "net": deepnet.Network([3, 4, 1], seed=0),
        "softmax": deepnet.Network([3, 4, 3], output="softmax", seed=0),
        "parameters": parameters,
        "AL": AL,
        "caches": caches,
        "grads": deepnet.L_model_backward(AL, np.arange(8) % 2, caches),
        "A_prev": A_prev,
        "W": W,
        "b": b,
        "Z": Z,
        "table": pandas.DataFrame(X.T, columns=list("abc")),
        "pandas": pandas,
        "polars": polars,
        "scipy": scipy,
        "options": {},
        "show": show,
        "scaled": lambda step: 0.1,
        "layer": deepnet.Dense(4),
        "schedule": deepnet.schedules.StepDecay(0.1, 5),
        "L_layer_model": deepnet.L_layer_model,
    }


PREDICT = "net.predict(X)"
EVALUATE = "net.evaluate(X, Y, **options)"
FIT = "net.fit(X, Y, epochs=1, batch_size=4, **options)"
MANY = "deepnet.fit_many([net, deepnet.Network([3, 1])], X, Y, **options)"
OUT = "net.predict(X, out)"
SIGMOID = "deepnet.sigmoid(Z)"
FORWARD = "deepnet.L_model_forward(X, parameters)"
LINEAR = "deepnet.linear_activation_forward(A_prev, W, b, 'relu')"
COST = "deepnet.compute_cost(AL, Y)"
BACKWARD = "deepnet.L_model_backward(AL, Y, caches, out=out)"
CASES = [  # what is done to the names, and the call that then fails until its advice has been followed
    ("dA = np.ones((1, 8), int)", "net.backward(X, dA=dA)"),
    ("own = deepnet.losses.Loss('own', '-', lambda A, Y, _, w: (A * w, A * w), data=['w']); w = np.ones(8)", "net.evaluate(X, Y, loss=own, **options)"),
    ("own = deepnet.losses.Loss('own', '-', lambda A, Y, _, w: (A * w[0], A), data=['w']); loss_data = {'w': np.ones((8, 2))}", "net.evaluate(X, Y, loss=own, loss_data=loss_data)"),
    ("grads = net.loss_and_grads(X, Y)", "net.apply_gradients(grads)"),
    # X
    ("X = X.T", PREDICT),
    ("X = X[:, 0]", PREDICT),
    ("X = X.T.reshape(8, 3, 1)", PREDICT),
    ("X = X.astype(int)", PREDICT),
    ("X = X.astype(complex)", PREDICT),
    ("X = X > 0", PREDICT),
    ("X = X.astype(np.longdouble)", PREDICT),
    ("X = X.astype('>f8')", PREDICT),
    ("X = X.astype('>i8')", PREDICT),
    ("X = X.astype(str)", PREDICT),
    ("X = X.astype(object)", PREDICT),
    ("X = X.tolist()", PREDICT),
    ("X = X.T.tolist()", PREDICT),
    ("X = np.ma.masked_array(X)", PREDICT),
    ("X = np.asmatrix(X)", PREDICT),
    ("X = scipy.sparse.coo_matrix(X)", PREDICT),
    ("X = scipy.sparse.csr_matrix(X).astype(bool)", PREDICT),
    ("X = scipy.sparse.csr_matrix(X.T)", PREDICT),
    ("X = table", PREDICT),
    ("X = table.T", PREDICT),
    ("X = table.iloc[0]", PREDICT),
    ("X = table.iloc[:1]", PREDICT),
    ("X = table['a']", "deepnet.Network([1, 1]).predict(X)"),
    ("X = table.assign(city='Rome')", PREDICT),
    ("X = table.assign(city='Rome').iloc[0, :3]", PREDICT),
    ("X = table.astype('Float32')", PREDICT),
    ("X = table.astype(object)", PREDICT),
    ("X = polars.DataFrame(X)", PREDICT),
    ("X = polars.Series(X[:, 0])", PREDICT),
    ("X = polars.DataFrame(X.T).lazy()", PREDICT),
    ("X = polars.DataFrame(X.T).with_columns(city=polars.lit('Rome'))", PREDICT),
    ("X = dict(table)", "deepnet.Network([3, 1]).predict(X)"),
    ("X = {name: table[name].to_numpy() for name in table}", PREDICT),
    ("X = {'data': table.to_numpy(), 'target': Y}", PREDICT),
    ("X = table.to_dict('records')", PREDICT),
    ("X = (row for row in X)", PREDICT),
    ("table.to_csv('table.csv', index=False); X = 'table.csv'", PREDICT),
    ("np.save('X.npy', X); X = 'X.npy'", PREDICT),
    ("np.savez('X.npz', X=X, Y=Y); X = 'X.npz'", PREDICT),
    ("np.savez('X.npz', X=X, Y=Y); X = np.load('X.npz')", PREDICT),
    ("X = table.assign(day=pandas.Timestamp('2020-01-01'))", PREDICT),
    # Y
    ("Y = np.array(['cat', 'dog'])[Y]", FIT),
    ("Y = polars.Series(['no', 'yes'] * 4)", FIT),
    ("Y = polars.DataFrame({'y': ['no', 'yes'] * 4})", FIT),
    ("Y = polars.DataFrame({'y': Y}).lazy()", FIT),
    ("Y = pandas.DataFrame({'y': ['no', 'yes'] * 4})", FIT),
    ("Y = pandas.Series(['no', 'yes'] * 4, dtype='category')", FIT),
    ("Y = pandas.DataFrame({'y': Y}, index=range(8)).iloc[:, 0]", FIT),
    ("Y = 2 * Y - 1", FIT),
    ("Y = Y + 1", FIT),
    ("Y = Y.astype(np.int16)", FIT),
    ("Y = Y.astype(object)", FIT),
    ("Y = Y.astype(complex)", FIT),
    ("Y = Y.tolist()", FIT),
    ("Y = (Y * 1.5).astype('m8[s]'); net = deepnet.Network([3, 1], output='identity')", FIT),
    ("Y = np.arange(8) * 0.7; net = deepnet.Network([3, 1], output='identity')", FIT),
    ("Y = np.arange(8).reshape(2, 4) % 2", FIT),
    ("Y = np.arange(8) % 3; net = deepnet.Network([3, 3])", FIT),
    ("Y = np.arange(8) % 3 - 1; net = deepnet.Network([3, 3])", FIT),
    ("Y = np.eye(3)[np.arange(8) % 3]; net = softmax", FIT),
    ("Y = np.eye(3)[np.arange(8) % 3]; net = softmax", FIT.replace("**", "loss='sparse_categorical_cross_entropy', **")),
    ("Y = np.arange(8).reshape(2, 4) % 3; net = softmax", FIT.replace("**", "loss='sparse_categorical_cross_entropy', **")),
    ("Y = np.arange(8) % 3 + 1; net = softmax", FIT),
    ("Y = np.arange(8) % 2 * 4; net = softmax", FIT),
    ("Y = np.arange(24).reshape(3, 8) % 255; net = deepnet.Network([3, 3])", FIT),
    # options
    ("options = {'loss': 'categorical_cross_entropy'}", FIT),
    ("options = {'loss': 'poisson'}", FIT),
    ("options = {'loss': 'huber'}; net = softmax; Y = np.arange(8) % 3", FIT),
    ("options = {'optimizer': deepnet.Adam}", FIT),
    ("options = {'optimizer': 0.1}", FIT),
    ("options = {'optimizer': None}", "net.optimizer = options['optimizer']"),
    ("options = {'callbacks': show}", FIT),
    ("options = {'class_weight': {'malignant': 2.0}}", FIT),
    ("options = {'class_weight': {'malignant': 2.0, 'benign': 1.0}}", FIT),
    ("options = {'class_weight': {1: 2.0}}; net = deepnet.Network([3, 2]); Y = np.ones((2, 8))", EVALUATE),
    ("options = {'loss': 3}", FIT),
    ("options = {'activation': 'softmax'}", "deepnet.Network([3, 4, 1], **options)"),
    ("options = {'output': 'softmax'}", "deepnet.Network([3, 4, 1], **options)"),
    ("options = {'output': 'softmax'}; Y = np.ones((3, 8))", "deepnet.Network([3, 3], **options).evaluate(X, Y)"),
    # many networks
    *((f"options = {{{name!r}: {values}}}", MANY) for name, values in {
        "epochs": [1, 2], "batch_size": (4, 8), "seed": range(2), "optimizer": ["adam", "sgd"], "shuffle": [True, False],
        "loss": ["hinge", "binary_cross_entropy"], "input_scale": [1.0, 0.5], "validation_split": [0.5, 0.25],
    }.items()),
    # out
    ("out = None; out = np.empty((1, 8))", OUT),
    ("out = [0.0] * 8", OUT),
    ("out = np.empty((8, 1), np.float32)", OUT),
    ("out = np.broadcast_to(np.float32(0), (1, 8))", OUT),
    ("out = np.lib.stride_tricks.as_strided(np.zeros(1, np.float32), (1, 8), (4, 0))", OUT),
    ("X = X.astype(np.float32); out = X[:1]", OUT),
    # settings that cannot be changed
    ("pass", "if net.optimizer.learning_rate != 0.1: net.optimizer.learning_rate = 0.1"),
    ("net.optimizer = deepnet.Adam()", "if net.optimizer.beta1 != 0.5: net.optimizer.beta1 = 0.5"),
    ("net.optimizer = deepnet.AdamW(clip_norm=1)", "if net.optimizer.clip_norm: net.optimizer.clip_norm = None"),
    ("pass", "if net.optimizer.learning_rate != schedule: net.optimizer.learning_rate = schedule"),
    ("pass", "if layer.units != 8: layer.units = 8"),
    ("loss = deepnet.losses.huber(2.0)", "if loss.parameter != 3: loss.parameter = 3"),
    ("pass", "if schedule.every != 3: schedule.every = 3"),
    # step by step
    ("Z = Z.astype(int)", SIGMOID),
    ("Z = (Z > 0).astype(np.uint8)", SIGMOID),
    ("Z = Z.astype(complex)", SIGMOID),
    ("Z = Z.tolist()", SIGMOID),
    ("Z = pandas.DataFrame(Z)", SIGMOID),
    ("X = X[:, 0]", FORWARD),
    ("A = X[:, 0]", "deepnet.linear_forward(A, np.ones((1, 3)), np.ones((1, 1)))"),
    ("X = X.T", FORWARD),
    ("A_prev = A_prev.T", LINEAR),
    ("A_prev = A_prev[:, 0]", LINEAR),
    ("A_prev = A_prev.T.reshape(8, 3, 1)", LINEAR),
    ("b = b.ravel()", LINEAR),
    ("b = b.T", LINEAR),
    ("W = W.astype(np.float32)", LINEAR),
    ("b = b.astype(np.float32)", LINEAR),
    ("W = W[0]; b = b[:1]", LINEAR),
    ("AL = AL[0]", COST),
    ("Y = Y.reshape(2, 4)", COST),
    ("Y = np.arange(8) % 3; AL = np.full((3, 8), 1 / 4)", COST),
    ("Y = np.eye(3)[np.arange(8) % 3]; AL = np.full((3, 8), 1 / 4)", COST),
    ("X = X.T", "deepnet.L_layer_model(X, Y, [3, 4, 1], num_iterations=1)"),
    ("parameters = deepnet.L_layer_model(X, Y, [3, 4, 1], num_iterations=1)", FORWARD),
    ("out = {k: np.asfortranarray(g) for k, g in grads.items()}", BACKWARD),
    ("dA = np.ones((8, 4))", "deepnet.sigmoid_backward(dA, Z)"),
    ("dZ = np.ones((8, 4))", "deepnet.linear_backward(dZ, caches[0][0])"),
]  # fmt: skip


def run(setup, call, seen=None):
    given = names()
    exec(setup, MODULES | given, given)
    follow(call, given, seen=seen)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("setup", "call"), CASES)
def test_advice_runs_and_what_it_is_for_then_works(setup, call):
    run(setup, call)


# --- completeness -------------------------------------------------------------------------------------------

CHECKED = [
    *sorted(PACKAGE.glob("_validation/*.py")),
    *(PACKAGE / f"{n}.py" for n in ("_immutable", "losses")),
]
CODE = re.compile(
    r"np\.|deepnet\.|\.T\b|\.reshape|\w=['{\[]|\{(way_out|hint|fresh|advice|transposed)\}|_not_numbers"
)


def raises_with_code():
    """Yield (file, lines) of each raise in the checks whose message may have code in it."""
    for path in CHECKED:
        text = path.read_text()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Raise) and CODE.search(ast.get_source_segment(text, node)):
                yield path, range(node.lineno, node.end_lineno + 1)


def test_all_advice_is_followed_above():
    seen = set()
    for setup, call in CASES:
        run(setup, call, seen)
    missing = [
        f"{path.name}:{lines[0]}"
        for path, lines in raises_with_code()
        if not any((path, line) in seen for line in lines)
    ]
    assert not missing
