"""What `deepnet train` does with tables, arrays and images, from the data to a scored model."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import deepnet
from deepnet import io
from deepnet._extras import needs
from deepnet.cli import training
from deepnet.cli.endings import Failure, of_the_input
from deepnet.cli.models import Model, class_scores, number_scores, numbered, score_line
from deepnet.cli.output import Output
from deepnet.cli.reading import Table, kind_of, listed, read_table
from deepnet.cli.targets import CLASSIFICATION, Target, column_called, split, target_of
from deepnet.cli.terminal import abridged, counted, printable, progress_bar
from deepnet.distributed import Communicator, OneProcess, mpi
from deepnet.io import DataError, Dataset
from deepnet.network.advice import shared

HELD_OUT = 0.2
# Epochs of a table: fewer for many rows, since what counts is the number of updates.
MOST_EPOCHS, LEAST_EPOCHS, ROWS_AT_MOST_EPOCHS = 256, 16, 5000
MOST_SKIPPED = 5  # files that are named


@dataclass(frozen=True)
class Settings:
    """The options of the commands that train."""

    target: str | None = None
    task: str | None = None
    drop: Sequence[str] = ()
    has_header: bool | None = None
    validation: float | None = None
    epochs: int | None = None
    seconds: float | None = None
    seed: int = 1
    size: int = 32
    comm: Communicator = field(default_factory=OneProcess)


@dataclass
class Learned:
    """A trained model with the data that was held out, and what it says of them."""

    model: Model
    path: Path
    task: str
    target: str  # the column, or "class" of images and arrays
    trained_on: int
    X: Any = None  # of the examples held out, as the model takes them; None if there are none
    y: NDArray[Any] = field(default_factory=lambda: np.array([]))
    table: Table | None = None  # of the rows held out
    images: NDArray[Any] | None = None  # held out
    curves: Any = None  # what plot_learning_curves takes
    seconds: float = 0.0
    stopped: bool = False  # by Ctrl-C
    scores: dict[str, float] = field(default_factory=dict)
    predicted: NDArray[Any] = field(default_factory=lambda: np.array([]))
    p: NDArray[Any] | None = None
    facts: dict[str, str] = field(default_factory=dict)  # for the report
    advice: list[str] = field(default_factory=list)

    def score(self) -> None:
        """Predict the examples held out, and score the predictions."""
        if self.X is None:
            return
        self.predicted, self.p = self.model.outputs(self.X)
        if self.task == CLASSIFICATION and self.p is not None:
            self.scores = class_scores(self.p, numbered(self.y, self.model.classes))
        else:
            self.scores = number_scores(self.predicted, self.y)


@dataclass(frozen=True)
class Rows:
    """A table that is ready for training: features, target and the split."""

    table: Table  # the features of all rows with a target
    target: Target
    train: NDArray[np.intp]
    test: NDArray[np.intp]


def load_rows(out: Output, path: Path, settings: Settings) -> Rows:
    """Read a table, and say what is in it."""
    if settings.target is None:
        raise DataError(f"{path} is a table: name the column to predict with --target")
    table = read_table(path, settings.has_header)
    if not table.has_header:
        out.note(f"the first line holds values, so the columns are called {table.names[0]}, ...")
    target = target_of(table, settings.target, settings.task)
    dropped = {column_called(table, name) for name in settings.drop}
    if target.name in dropped:
        raise DataError(f"--drop names the target {target.name!r}")
    different = [
        name for name in table.names if name not in {target.name, *dropped} and _is_name(table, name)
    ]
    if different:
        out.note(f"left out, since their text differs in every row: {listed(different)}")
    names = [name for name in table.names if name not in {target.name, *dropped, *different}]
    if not names:
        raise DataError(f"{path} has no column beside the target {target.name!r} to learn from")
    count = len(table)
    out.say(
        "Data",
        f"{printable(path)}: {counted(count, 'row')}, {counted(len(names), 'column')}: {abridged(names)}",
    )
    if len(target.rows) < count:
        out.note(f"left out, since they have no target: {counted(count - len(target.rows), 'row')}")
    out.say("Target", f"{printable(target.name)}: {target.task}, since {printable(_why(target))}")
    fraction = HELD_OUT if settings.validation is None else settings.validation
    train, test = split(target, fraction, settings.seed)
    features = table.select(names).take(target.rows)
    out.result(
        data=str(path), target=target.name, task=target.task, columns=names, rows=count, held_out=len(test)
    )
    return Rows(features, target, train, test)


def _why(target: Target) -> str:
    other = "regression" if target.task == CLASSIFICATION else "classification"
    has_choice = target.why != "--task" and target.values.dtype.kind in "iuf"
    return target.why + (f" (for {other}: --task {other})" if has_choice else "")


def _is_name(table: Table, name: str) -> bool:
    """Return whether a column of strings has another one in each row: names, from which nothing is learnt."""
    values = table.column(name)
    if values.dtype != object:
        return False
    present = [value for value in values if value is not None]
    return len(present) > 20 and isinstance(present[0], str) and len(set(present)) == len(present)


def tabular(task: str, **parameters: Any) -> Any:
    """Create an estimator for a table."""
    with needs("sklearn", "training on tables"):
        import sklearn  # noqa: F401  only whether it is installed
    from deepnet.sklearn import TabularClassifier, TabularRegressor

    kind: Any = TabularClassifier if task == CLASSIFICATION else TabularRegressor
    return kind(**parameters)


def epochs_for(rows: int) -> int:
    """Return how many epochs suit a table."""
    return min(MOST_EPOCHS, max(LEAST_EPOCHS, MOST_EPOCHS * ROWS_AT_MOST_EPOCHS // max(rows, 1)))


@contextmanager
def ticking(out: Output, estimator: Any, task: str = "Training") -> Iterator[None]:
    """Show a bar while an estimator is fitted; it counts the epochs of all its networks."""
    total = estimator.n_estimators * estimator.max_epochs
    with progress_bar(out.console) as progress:
        bar = progress.add_task(task, total=total, note="epochs")

        def tick(net: Any, history: Any) -> None:
            progress.update(bar, advance=1, note=f"epochs, loss {history.loss[-1]:.4f}")

        estimator.callbacks = [tick]
        try:
            yield
            progress.update(
                bar, completed=total, note=f"epochs of {counted(estimator.n_estimators, 'network')}"
            )
        finally:
            estimator.callbacks = None


def fit_rows(out: Output, rows: Rows, settings: Settings, **parameters: Any) -> Learned:
    """Train on a table, and score what was held out."""
    target, train = rows.target, rows.train
    chosen = {"max_epochs": settings.epochs or epochs_for(len(train)), "max_seconds": settings.seconds}
    chosen |= {"random_state": settings.seed} | parameters
    estimator = tabular(target.task, **chosen)
    sizes = "-".join(map(str, estimator.hidden_layer_sizes))
    out.say(
        "Model",
        f"{type(estimator).__name__}: {counted(estimator.n_estimators, 'network')} with hidden layers "
        f"{sizes}, {counted(estimator.max_epochs, 'epoch')}, seed {settings.seed}; "
        f"{counted(len(train), 'row')} to train on, {len(rows.test):,} held out",
    )
    begin = time.monotonic()
    with of_the_input(), ticking(out, estimator):
        estimator.fit(rows.table.take(train).frame, target.values[train], comm=settings.comm)
    learned = learned_of(rows, estimator, settings)
    learned.seconds = time.monotonic() - begin
    return learned


def learned_of(rows: Rows, estimator: Any, settings: Settings) -> Learned:
    """Return a fitted estimator with its score."""
    target, table, test = rows.target, rows.table, rows.test
    model = Model(estimator, table.path, {})
    learned = Learned(model, table.path, target.task, target.name, len(rows.train), curves=estimator)
    if len(test):
        learned.table = table.take(test)
        learned.X, learned.y = learned.table.frame, target.values[test]
        learned.score()
        twice = shared(table.take(rows.train).rows(), learned.table.rows())
        learned.advice = [] if twice is None else [twice]
    learned.facts = {
        "model": f"{type(estimator).__name__}, {counted(len(estimator.networks_), 'network')}",
        "columns": ", ".join(table.names),
        "seed": str(settings.seed),
    }
    return learned


# --- images and arrays --------------------------------------------------------------------------------------


def load_examples(out: Output, path: Path, settings: Settings) -> Dataset:
    """Read a folder of images or the arrays of an .npz file, and say what is in it."""
    given = {"--target": settings.target, "--drop": settings.drop, "--validation": settings.validation}
    name = next((name for name, value in given.items() if value not in (None, ())), None)
    if settings.task not in (None, CLASSIFICATION):
        name = "--task"
    if name:
        raise DataError(
            f"{name} is for tables, but {path} is {'a folder' if path.is_dir() else 'a file of arrays'}, "
            "which has its classes and its examples to hold out (a part named test, or else a fifth)"
        )
    with progress_bar(out.console, transient=True) as progress:
        bar = progress.add_task("Reading", total=None, note="files")

        def on_image(done: int, total: int) -> None:
            progress.update(bar, completed=done, total=total)

        data = io.load(path, size=settings.size, seed=settings.seed, on_image=on_image)
    counts = f"{len(data.train_y):,} {training.called(data)} to train on, {len(data.test_y):,} held out"
    out.say("Data", f"{printable(path)}: {counts}; {data.n_features:,} values each")
    out.say("Target", f"{CLASSIFICATION}: {abridged(data.classes)}")
    for skipped in data.skipped[:MOST_SKIPPED]:
        out.note(f"skipped {skipped.path}: {skipped.reason}")
    if len(data.skipped) > MOST_SKIPPED:
        out.note(f"skipped {len(data.skipped) - MOST_SKIPPED} more")
    rows = len(data.train_y) + len(data.test_y)
    out.result(data=str(path), task=CLASSIFICATION, rows=rows, held_out=len(data.test_y))
    out.result(classes=list(data.classes))
    return data


class Stopwatch:
    """A callback that ends a run when its time is over."""

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    def __call__(self, net: deepnet.Network, history: deepnet.History) -> bool:
        """Return whether the run ends."""
        return self._end is not None and time.monotonic() > self._end


def fit_examples(out: Output, path: Path, data: Dataset, settings: Settings) -> Learned:
    """Train a network on images or arrays, and score what was held out."""
    recipe = training.recipe_for(data)
    features = training.Features(data.train_x)
    X, Y = training.training_examples(data, recipe, features)
    net = training.network(data, recipe, len(X), settings.seed)
    epochs = settings.epochs or recipe.epochs
    out.say(
        "Model",
        f"network {'-'.join(map(str, net.layer_dims))}: relu, dropout {recipe.dropout:g}, then "
        f"{net.activations[-1]}; AdamW, {counted(epochs, 'epoch')}, seed {settings.seed}{features.shrunk}"
        + ("; images and their mirror images" if recipe.mirrored else ""),
    )
    begin = time.monotonic()
    with progress_bar(out.console) as progress:
        bar = progress.add_task("Training", total=epochs, note="epochs")

        def on_steps(done: int, total: int) -> None:
            progress.update(bar, completed=done * epochs // total)

        comm = settings.comm
        own = slice(comm.rank, None, comm.size)
        try:
            history = net.fit(
                X[:, own],
                Y.reshape(1, -1)[:, own],
                epochs=epochs,
                batch_size=training.BATCH,
                optimizer=deepnet.AdamW(deepnet.schedules.OneCycle(recipe.learning_rate)),
                seed=settings.seed,
                validation_data=(features(data.test_x)[:, own], data.test_y[own]),
                metrics=["accuracy"],
                callbacks=[Stopwatch(settings.seconds)],
                progress=on_steps,
                advise=True,
                comm=comm,
            )
        except FloatingPointError as error:
            raise Failure(f"the training of {path} failed: {error}") from None
        progress.update(bar, completed=epochs, note=f"epochs, loss {history.loss[-1]:.4f}")
    learned = learned_network(path, data, net, features, history, settings)
    learned.seconds = time.monotonic() - begin
    return learned


def learned_network(
    path: Path,
    data: Dataset,
    net: deepnet.Network,
    features: training.Features,
    history: deepnet.History,
    settings: Settings,
) -> Learned:
    """Return a trained network that takes the examples as stored, with its score."""
    whole = training.taking_rows(net, features, data)
    model = Model(whole, path, {})
    learned = Learned(model, path, CLASSIFICATION, "class", len(data.train_y), curves=history)
    learned.X, learned.y = model.inputs(data.test_x), np.array(data.classes)[data.test_y]
    learned.images = data.test_x if training.is_image(data.train_x) else None
    learned.score()
    learned.facts = {"model": repr(whole)[1:-1], "seed": str(settings.seed)}
    learned.advice = history.advice
    return learned


# --- both ---------------------------------------------------------------------------------------------------


def with_ranks(out: Output, settings: Settings) -> Settings:
    """Return the settings for training with the other ranks of an MPI job, of which rank 0 speaks."""
    comm = mpi()
    if comm.rank > 0:
        out.hush()
    elif comm.size == 1:
        out.note("--mpi has one process: start several by mpiexec -n 2 deepnet train ... --mpi")
    return replace(settings, comm=comm)


def learn(out: Output, path: Path, settings: Settings) -> Learned:
    """Train on whatever lies at the path."""
    if kind_of(path) == "table":
        return fit_rows(out, load_rows(out, path, settings), settings)
    return fit_examples(out, path, load_examples(out, path, settings), settings)


def no_better_than_guessing(learned: Learned) -> list[str]:
    """Return the advice about a model that says nothing about the examples held out, if it does not."""
    scores, said = learned.scores, ""
    if scores and learned.task == CLASSIFICATION and scores["accuracy"] <= scores["guessing"]:
        said = "is right as often as one that always predicts the most frequent class"
    elif scores and learned.task != CLASSIFICATION and scores["r2"] <= 0:
        said = "is as far off as one that always predicts the mean"
    reason = "the columns may not tell the target, or the training was too short"
    return [f"on the examples held out, the model {said}: {reason}"] if said else []


def save(out: Output, learned: Learned, output: Path) -> None:
    """Write the model, and say how good it is."""
    learned.advice += no_better_than_guessing(learned)
    for text in learned.advice:
        out.note(text)
    if learned.scores:
        out.say("Score", score_line(learned.scores) + f" of {len(learned.y):,} held out")
    target = None if learned.model.is_network else learned.target  # images and arrays have no column
    learned.model.model.save(output, metrics=learned.scores or None, target=target)
    out.say("Saved", f"{printable(output)} ({output.stat().st_size / 1e6:.1f} MB)")
    out.result(
        model=str(output), scores=learned.scores, advice=learned.advice, seconds=round(learned.seconds, 3)
    )
