"""Checkpoints: a run that goes on from one ends with the bits of a run that was never interrupted."""

import csv
import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

import deepnet
from deepnet import callbacks, schedules
from deepnet.callbacks import CSVLogger, EarlyStopping, JSONLinesLogger, ModelCheckpoint, ReduceLROnPlateau
from networks import Unchanged
from problems import assert_same_bits, parameters_of, problem

SCHEMA = Draft202012Validator(
    json.loads((Path(__file__).parents[2] / "docs" / "model_file.schema.json").read_text())
)
X, Y = problem(6, 40)
EPOCHS = 6
RUN = {"epochs": EPOCHS, "batch_size": 16, "seed": 3}


class Killed(Exception):
    pass


def killed_in(epoch):
    def callback(net, history):
        if history.epochs == epoch:
            raise Killed

    return callback


def network(dtype="float32", **options):
    layers = [6, deepnet.Dense(8, "tanh", dropout=0.2, l2=1e-3), deepnet.Dense(1, "sigmoid")]
    return deepnet.Network(layers, input_dropout=0.1, seed=1, dtype=dtype, **options)


def curves(history):
    return history.curves(), history.learning_rate


def run(net, *more, **options):
    return net.fit(X, Y, **RUN | {"callbacks": more} | options)


def killed(path, epoch, net=None, *more, **options):
    """Train until this epoch, whose checkpoint is not written; return the path of the last one."""
    checkpoint = ModelCheckpoint(path)
    with pytest.raises(Killed):
        run(net or network(), checkpoint, *more, killed_in(epoch), **options)
    return checkpoint.latest()


RATES = {
    "SGD": deepnet.SGD(0.1),
    "Momentum": deepnet.Momentum(0.05, clip_norm=0.1),
    "Adam": deepnet.Adam(schedules.OneCycle(0.05), weight_decay=0.01),
    "Adagrad": deepnet.Adagrad(schedules.StepDecay(0.1, every=4)),
}


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", RATES)
def test_a_run_that_was_killed_ends_with_the_same_bits(name, dtype, tmp_path, backend):
    """In each epoch: optimizer's memory, schedule, shuffles, dropout and history go on."""
    options = {"optimizer": RATES[name], "validation_data": np.arange(8), "metrics": ["accuracy"]}
    whole = network(dtype)
    expected = run(whole, **options)
    for epoch in range(2, EPOCHS + 1):
        latest = killed(tmp_path / "run", epoch, network(dtype), **options)
        net = network(dtype, input_scale=1.0)
        history = run(net, resume_from=latest, **options)
        assert curves(history) == curves(expected)
        assert_same_bits(net, parameters_of(whole))
    assert os.listdir(tmp_path) == ["run"]


@pytest.mark.parametrize("epoch", range(3, 12))
def test_callbacks_remember_what_they_saw(epoch, tmp_path):
    """Rates that were reduced and patience go on; after early stopping the best is restored again."""
    options = {"optimizer": deepnet.Adam(0.3), "epochs": 40, "validation_data": np.arange(8)}
    own = lambda: (ReduceLROnPlateau(patience=1, factor=0.5), EarlyStopping(patience=4))  # noqa: E731
    whole = network()
    expected = run(whole, *own(), **options)
    assert 4 < expected.epochs < 40
    assert expected.learning_rate < 0.3
    path = tmp_path / "run"
    with pytest.raises(Killed):
        run(network(), *own(), ModelCheckpoint(path), killed_in(min(epoch, expected.epochs)), **options)
    net = network()
    history = run(net, *own(), ModelCheckpoint(path), resume_from=path, **options)
    assert curves(history) == curves(expected)
    assert_same_bits(net, parameters_of(whole))
    again = network()
    assert curves(run(again, *own(), ModelCheckpoint(path), resume_from=path, **options)) == curves(expected)
    assert_same_bits(again, parameters_of(whole))


class Halving:
    """Halves the rate after every third epoch of a run; a callback of a user."""

    seen = 0

    def __call__(self, net, history):
        self.seen += 1
        if self.seen % 3 == 0:
            history.learning_rate /= 2

    def get_state(self, net):
        return {"seen": self.seen, "more": [None, (1.5, float("nan")), np.arange(3)]}

    def set_state(self, net, state):
        assert state["more"][1][0] == 1.5
        assert state["more"][2].tolist() == [0, 1, 2]
        self.seen = state["seen"]


@pytest.mark.parametrize("epoch", range(2, EPOCHS + 1))
def test_callbacks_of_users_may_remember_something(epoch, tmp_path):
    whole, net, path = network(), network(), tmp_path / "run"
    expected = run(whole, Halving())
    with pytest.raises(Killed):
        run(network(), Halving(), ModelCheckpoint(path), killed_in(epoch))
    assert curves(run(net, Halving(), resume_from=path)) == curves(expected)
    assert_same_bits(net, parameters_of(whole))


def test_the_seed_of_a_checkpoint_is_taken_where_none_is_given(tmp_path):
    whole, net = network(), network()
    run(whole)
    run(net, resume_from=killed(tmp_path / "run", 3), seed=None)
    assert_same_bits(net, parameters_of(whole))


def test_more_epochs_make_a_run_longer(tmp_path):
    whole, net, path = network(), network(), tmp_path / "run"
    run(whole, epochs=9)
    run(network(), ModelCheckpoint(path), EarlyStopping(20, restore_best=False))
    run(net, EarlyStopping(20, restore_best=False), ModelCheckpoint(path), resume_from=path, epochs=9)
    assert_same_bits(net, parameters_of(whole))
    assert_same_bits(deepnet.load(path), parameters_of(whole))


def test_the_checkpoint_is_a_network_with_its_optimizer(tmp_path):
    net = network()
    run(net, ModelCheckpoint(tmp_path / "run"), optimizer=deepnet.Adam(0.01, beta2=0.99))
    loaded = deepnet.load(tmp_path / "run")
    assert_same_bits(loaded, parameters_of(net))
    assert (loaded.optimizer, loaded.layers) == (deepnet.Adam(0.01, beta2=0.99), net.layers)
    SCHEMA.validate(deepnet.describe(tmp_path / "run"))


def test_custom_losses_and_optimizers_go_on_too(tmp_path):
    class Heavy(deepnet.optimizers.Optimizer):
        slots = 1

        def update(self, p, g, slots, rate, t):
            slots[0][...] = 0.9 * slots[0] + g / t
            p -= p.dtype.type(rate) * slots[0]

    options = {"optimizer": Heavy(0.1)}
    whole, net = network(), network()
    run(whole, **options)
    run(net, resume_from=killed(tmp_path / "run", 4, **options), **options)
    assert_same_bits(net, parameters_of(whole))


# --- which checkpoints there are ----------------------------------------------------------------------------


def test_every_and_keep_say_which_checkpoints_there_are(tmp_path):
    checkpoint = ModelCheckpoint(tmp_path / "run.net", every=3, keep=2)
    assert checkpoint.latest() is None
    run(network(), checkpoint, epochs=10)
    assert sorted(os.listdir(tmp_path)) == ["run-10.net", "run-9.net"]
    assert checkpoint.latest() == str(tmp_path / "run-10.net")
    assert ModelCheckpoint(tmp_path / "none" / "run", keep=2).latest() is None
    whole, net = network(), network()
    run(whole, epochs=12)
    run(net, checkpoint, epochs=12, resume_from=tmp_path / "run-9.net")
    assert_same_bits(net, parameters_of(whole))
    assert sorted(os.listdir(tmp_path)) == ["run-10.net", "run-12.net"]


def test_the_best_epoch_has_a_file_of_its_own(tmp_path):
    checkpoint, stop = ModelCheckpoint(tmp_path / "run.net", every=100, monitor="loss"), EarlyStopping(9)
    net = network()
    history = run(net, stop, checkpoint, epochs=20, optimizer=deepnet.SGD(1.5))
    assert 1 < np.argmin(history.loss) < 19
    assert sorted(os.listdir(tmp_path)) == ["run-best.net", "run.net"]
    assert_same_bits(deepnet.load(tmp_path / "run-best.net"), parameters_of(net))


# --- what does not fit --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batch_size": 20}, "has batch_size 16, but this one 20"),
        ({"seed": 4}, "has seed 3, but seed is 4"),
        ({"shuffle": False}, "has shuffle True, but this one False"),
        (
            {"optimizer": deepnet.SGD(0.2)},
            r"has optimizer SGD\(learning_rate=0\.01\), but this one SGD\(learning_rate=0\.2\)",
        ),
        ({"loss": "mean_squared_error"}, "has loss .* but this one"),
        ({"input_scale": 0.5}, r"has input_scale 1\.0, but this one 0\.5"),
        ({"examples": np.arange(30)}, "has examples 40, but this one 30"),
        ({"metrics": ["accuracy"]}, "has metrics"),
        ({"validation_data": np.arange(5)}, "has validation examples None, but this one 5"),
        ({"epochs": 2}, "has 3 epochs already, but epochs is 2"),
        ({"callbacks": [EarlyStopping()]}, "has the callbacks none, but this one EarlyStopping"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(changes, words, tmp_path):
    path, net = killed(tmp_path / "run", 4), network()
    with Unchanged(net.parameters), pytest.raises(ValueError, match=f"^resume_from: {path}: .*{words}"):
        run(net, **{"callbacks": [ModelCheckpoint(path)], "resume_from": path} | changes)
    assert net.optimizer == deepnet.SGD()


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    path = killed(tmp_path / "run", 4)
    with pytest.raises(ValueError, match=r"has layer_dims \[6, 8, 1\], but this one \[6, 1\]"):
        run(deepnet.Network([6, 1]), resume_from=path)


def test_what_is_no_checkpoint_is_refused(tmp_path):
    network().save(tmp_path / "net")
    network().save(tmp_path / "with optimizer", optimizer=True)
    for name in ("net", "with optimizer"):
        with pytest.raises(ValueError, match=r"is no checkpoint: callbacks\.ModelCheckpoint writes them"):
            run(network(), resume_from=tmp_path / name)
    with pytest.raises(FileNotFoundError):
        run(network(), resume_from=tmp_path / "nowhere")
    with pytest.raises(TypeError, match=r"^resume_from: path is 3,"):
        run(network(), resume_from=3)


def test_a_missing_folder_is_found_before_the_first_epoch(tmp_path):
    net = network()
    with Unchanged(net.parameters), pytest.raises(FileNotFoundError, match="nowhere"):
        run(net, ModelCheckpoint(tmp_path / "nowhere" / "run"))


def test_a_custom_activation_is_refused_before_the_first_epoch(tmp_path):
    own = deepnet.Activation("own", np.sin, lambda dA, Z: dA * np.cos(Z))
    net = deepnet.Network([6, 3, 1], own)
    with Unchanged(net.parameters), pytest.raises(ValueError, match="custom activation 'own'"):
        run(net, ModelCheckpoint(tmp_path / "run"))


def test_one_checkpoint_is_of_one_network(tmp_path):
    nets = [network(), network()]
    with pytest.raises(ValueError, match="one ModelCheckpoint cannot follow two networks"):
        deepnet.fit_many(nets, X, Y, **RUN, callbacks=[ModelCheckpoint(tmp_path / "run")], threads=2)
    each = [{"callbacks": [ModelCheckpoint(tmp_path / str(i))]} for i in range(2)]
    deepnet.fit_many(nets, X, Y, **RUN, each=each)
    for i, net in enumerate(nets):
        assert_same_bits(deepnet.load(tmp_path / str(i)), parameters_of(net))


@pytest.mark.parametrize("keep", [1, 2])
def test_a_full_disk_ends_the_run_and_leaves_the_last_checkpoint(keep, tmp_path, monkeypatch):
    checkpoint = ModelCheckpoint(tmp_path / "run", keep=keep)

    def fills_the_disk(net, history):
        def no_space(*_):
            raise OSError(28, "No space left on device")

        if history.epochs == 3:
            monkeypatch.setattr("os.fsync", no_space)

    with pytest.raises(OSError, match=r"No space left on device: '.*run") as caught:
        run(network(), fills_the_disk, checkpoint)
    monkeypatch.undo()
    assert caught.value.errno == 28
    whole, net = network(), network()
    run(whole)
    run(net, checkpoint, resume_from=checkpoint.latest())
    assert_same_bits(net, parameters_of(whole))


def test_estimators_save_their_network(tmp_path):
    from deepnet.sklearn import MLPRegressor

    model = MLPRegressor(
        hidden_layer_sizes=(4,), max_iter=3, callbacks=[ModelCheckpoint(tmp_path / "run")], random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X.T, Y.ravel())
    assert_same_bits(deepnet.load(tmp_path / "run"), parameters_of(model.network_))
    with pytest.raises(ValueError, match="run has estimator 'MLPRegressor', but this one None"):
        run(deepnet.Network([6, 4, 1]), resume_from=tmp_path / "run")


# --- SIGTERM ------------------------------------------------------------------------------------------------

PROGRAM = """
import os, signal, sys
import numpy as np, deepnet
sys.path.insert(0, {folder!r})
import test_checkpoints as t

def asks(net, history):
    if history.epochs == 3:
        os.kill(os.getpid(), signal.SIGTERM)

{handler}
t.run(t.network(), t.ModelCheckpoint(sys.argv[1], every=100, on_sigterm=True), asks)
print("still here", signal.getsignal(signal.SIGTERM))
"""


@pytest.mark.slow
@pytest.mark.parametrize("handler", ["", "signal.signal(signal.SIGTERM, lambda *_: print('asked'))"])
def test_sigterm_writes_a_checkpoint_and_then_does_what_it_does(handler, tmp_path):
    program = PROGRAM.format(folder=os.path.dirname(__file__), handler=handler)
    result = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "run")], check=False, capture_output=True, text=True
    )
    assert result.returncode == (0 if handler else -signal.SIGTERM), result.stderr
    assert result.stdout.splitlines()[:1] == (["asked"] if handler else [])
    whole, net = network(), network()
    run(whole)
    history = run(net, ModelCheckpoint(tmp_path / "run"), resume_from=tmp_path / "run")
    assert history.epochs == EPOCHS
    assert_same_bits(net, parameters_of(whole))


def test_the_handler_of_sigterm_is_restored_whatever_happens(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Killed):
        run(network(), ModelCheckpoint(tmp_path / "run", on_sigterm=True), killed_in(2))
    assert signal.getsignal(signal.SIGTERM) is before


# --- the optimizer in a file --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RATES)
def test_single_batches_go_on_after_a_file(name, tmp_path, backend):
    rate = RATES[name]
    optimizer = deepnet.Adam(0.01) if name == "Adam" else rate  # OneCycle needs a length
    net = network()
    net.optimizer = optimizer
    for _ in range(3):
        net.train_on_batch(X, Y)
    net.save(tmp_path / "net", optimizer=True)
    loaded = deepnet.load(tmp_path / "net")
    assert loaded.optimizer == optimizer
    for _ in range(3):
        assert loaded.train_on_batch(X, Y) == net.train_on_batch(X, Y)
    assert_same_bits(loaded, parameters_of(net))


def test_a_network_saved_in_a_callback_has_its_optimizer(tmp_path):
    net, whole = network(), network()
    run(net, lambda net, history: net.save(tmp_path / "net", optimizer=True), optimizer="adam", epochs=2)
    run(whole, optimizer="adam", epochs=2)
    loaded = deepnet.load(tmp_path / "net")
    assert_same_bits(loaded, parameters_of(whole))
    assert loaded._default_engine()[0].optimizer_state(loaded._default_engine()[1])[0] == 6


def test_without_it_the_optimizer_is_a_new_one(tmp_path):
    net = network()
    run(net, optimizer="adam")
    net.save(tmp_path / "net")
    assert deepnet.load(tmp_path / "net").optimizer == deepnet.SGD()


# --- records ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [CSVLogger, JSONLinesLogger])
def test_the_record_of_a_run_that_goes_on_has_each_epoch_once(kind, tmp_path):
    options = {"validation_data": np.arange(8), "metrics": ["accuracy"]}
    path, record = tmp_path / "run", tmp_path / "record"
    with pytest.raises(Killed):
        run(network(), ModelCheckpoint(path, every=2), kind(record), killed_in(4), **options)
    history = run(network(), ModelCheckpoint(path, every=2), kind(record), resume_from=path, **options)
    with record.open(newline="") as file:
        rows = list(csv.DictReader(file)) if kind is CSVLogger else [json.loads(line) for line in file]
    assert [int(row["epoch"]) for row in rows] == list(range(1, EPOCHS + 1))
    for name, curve in history.curves().items():
        assert [float(row[name]) for row in rows] == curve
    run(network(), kind(record), epochs=1)
    assert len(record.read_text().splitlines()) == (2 if kind is CSVLogger else 1)


def test_json_has_no_nan(tmp_path):
    record = tmp_path / "record"
    run(network(), JSONLinesLogger(record), epochs=1, metrics=[not_a_number])
    assert json.loads(record.read_text())["not_a_number"] is None


def not_a_number(AL, Y):
    return float("nan")


def test_tensorboard_gets_each_curve(tmp_path):
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import RecordWriter  # noqa: F401  the format of the file

    history = run(network(), callbacks.TensorBoard(tmp_path / "run"), metrics=["accuracy"])
    (name,) = os.listdir(tmp_path / "run")
    content, values = (tmp_path / "run" / name).read_bytes(), {}
    while content:
        length = int.from_bytes(content[:8], "little")
        for value in Event.FromString(content[12 : 12 + length]).summary.value:
            values.setdefault(value.tag, []).append(value.simple_value)
        content = content[16 + length :]
    assert values["loss"] == [np.float32(loss) for loss in history.loss]
    assert {"loss", "accuracy", "learning_rate"} <= values.keys()
