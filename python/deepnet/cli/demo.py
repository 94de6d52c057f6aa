"""`deepnet demo`: load, train, look, compare; reported line by line."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from deepnet import Network, backends, io, plotting
from deepnet.cli import speed, training
from deepnet.cli.terminal import abridged, displayable, draw_costs, printable, progress_bar, say
from deepnet.io import Dataset

MOST_SKIPPED = 10  # files named one by one; the rest are counted
MOST_MISLABELED = 40
IN_PICTURE = 24
TIMED_ROWS = 2048  # rows of the epoch that is timed: NumPy must finish in a moment


def run(
    console: Console,
    path: Path | None,
    hidden: tuple[int, ...] | None,
    epochs: int | None,
    learning_rate: float | None,
    *,
    seed: int,
    size: int,
    follow_links: bool,
    output: Path,
) -> None:
    """Run the whole demo; a setting that is None is chosen to suit the data."""
    data, name = _load(console, path, size, seed, follow_links)
    recipe = training.recipe_for(data)
    recipe = replace(
        recipe,
        hidden=hidden or recipe.hidden,
        epochs=epochs or recipe.epochs,
        learning_rate=learning_rate or recipe.learning_rate,
    )
    features = training.Features(data.train_x)
    X, Y = training.training_examples(data, recipe, features)
    net = training.network(data, recipe, len(X), seed)
    sizes = "-".join(map(str, net.layer_dims))
    say(
        console,
        "Network",
        f"{sizes}: relu, dropout {recipe.dropout:g}, then {net.activations[-1]}; AdamW, rate "
        f"{recipe.learning_rate:g}, batches of {training.BATCH}, seed {seed}"
        + features.shrunk
        + ("; images and their mirror images" if recipe.mirrored else ""),
    )

    costs = _train(console, net, X, Y, recipe, seed)
    in_training = np.mean(training.predict(net, X) == Y)
    predicted = training.predict(net, features(data.test_x))
    right = predicted == data.test_y
    accuracy = f"{right.mean():.4f} on {len(right)} held-out {training.called(data)}"
    say(
        console,
        "Accuracy",
        f"[bold]{accuracy}[/bold] ({np.sum(~right)} wrong), {in_training:.4f} in training",
    )
    _compare_with_guessing(console, data, float(right.mean()))
    draw_costs(console, costs, "epoch")

    _compare_speed(console, data, X, Y, recipe, seed)
    title = f"{name}, {sizes}: accuracy {accuracy}"
    _save_pictures(console, data, costs, predicted, output, title=title)


def _compare_with_guessing(console: Console, data: Dataset, accuracy: float) -> None:
    """Report the best score of always predicting one class, and whether the network is clearly better."""
    shares = np.bincount(data.test_y, minlength=len(data.classes)) / len(data.test_y)
    guess = float(shares.max())
    error = math.sqrt(guess * (1 - guess) / len(data.test_y))
    text = f"{guess:.4f} by always predicting {printable(data.classes[int(shares.argmax())])}"
    if error:
        distance = (accuracy - guess) / error
        side = "above" if distance >= 0 else "below"
        text += f"; the network is {abs(distance):.1f} standard errors {side} that"
        if distance < 3:
            text += ": [yellow]not clearly better than guessing[/yellow]"
    say(console, "Guessing", text)


def _load(
    console: Console, path: Path | None, size: int, seed: int, follow_links: bool
) -> tuple[Dataset, str]:
    if path is None:
        data, name = io.load_digits(seed=seed), "Handwritten digits"
    else:
        with progress_bar(console, transient=True) as progress:
            task = progress.add_task("Reading", total=None, note="files")

            def on_image(done: int, total: int) -> None:
                progress.update(task, completed=done, total=total)

            data = io.load(path, size=size, seed=seed, on_image=on_image, follow_links=follow_links)
        name = "/".join(path.resolve().parts[-2:])
    counts = f"{len(data.train_y):,} {training.called(data)} to train on, {len(data.test_y):,} held out"
    say(console, "Data", f"{printable(path or name)}: {counts}; {data.n_features:,} features each")
    say(console, "Classes", abridged(data.classes))
    if data.skipped:
        n = len(data.skipped)
        say(console, "Skipped", f"[yellow]{n} {'file or folder' if n == 1 else 'files and folders'}[/yellow]")
        for file in data.skipped[:MOST_SKIPPED]:
            say(console, "", f"{printable(file.path)}: {printable(file.reason)}")
        if len(data.skipped) > MOST_SKIPPED:
            say(console, "", f"and {len(data.skipped) - MOST_SKIPPED} more")
    return data, name


def _train(
    console: Console,
    net: Network,
    X: NDArray[np.float32],
    Y: NDArray[np.intp],
    recipe: training.Recipe,
    seed: int,
) -> list[float]:
    with progress_bar(console) as progress:
        task = progress.add_task("Training", total=recipe.epochs, note="")

        def on_steps(done: int, total: int) -> None:
            progress.update(task, completed=done * recipe.epochs // total)

        costs = training.train(net, X, Y, recipe, seed, on_steps)
        progress.update(task, note=f"cost {costs[-1]:.4f}")
        return costs


def _compare_speed(
    console: Console,
    data: Dataset,
    X: NDArray[np.float32],
    Y: NDArray[np.intp],
    recipe: training.Recipe,
    seed: int,
) -> None:
    if backends.backend_name() != "native":
        say(console, "Speed", "this run was on the NumPy backend: nothing to compare it with")
        return
    rows = np.random.default_rng(0).permutation(len(Y))[:TIMED_ROWS]
    X, Y = np.ascontiguousarray(X[:, rows]), Y[rows]
    once = replace(recipe, epochs=1)

    def train() -> float:
        return training.train(training.network(data, recipe, len(X), seed), X, Y, once, seed, threads=1)[0]

    with console.status("Timing an epoch, in turns with NumPy"):
        result = speed.measure(train)
    say(
        console,
        "Speed",
        f"[bold]{result.median:.1f}x[/bold] the NumPy reference: an epoch of this training on {len(Y):,} "
        f"examples, one thread each (80 % of {result.rounds} rounds {result.low:.1f}x to {result.high:.1f}x; "
        f"same loss to {result.difference:.0e})",
    )


def _proportional(right: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Choose up to IN_PICTURE random examples, right and wrong in true proportion, right ones first."""
    order = np.random.default_rng(0).permutation(len(right))  # or they may be all of the first class
    count = min(IN_PICTURE, len(right))
    n_wrong = round(count * float(np.mean(~right)))
    return np.concatenate([order[right[order]][: count - n_wrong], order[~right[order]][:n_wrong]])


def _save_pictures(
    console: Console,
    data: Dataset,
    costs: Sequence[float],
    predicted: NDArray[np.intp],
    output: Path,
    *,
    title: str,
) -> None:
    """Save a picture of the run and, if rows are images, one of those that are predicted wrong."""
    rows, right = data.test_x, predicted == data.test_y
    shown = _proportional(right) if training.is_image(rows) else np.empty(0, np.intp)
    names = [name if len(name) <= 12 else f"{name[:11]}…" for name in map(displayable, data.classes)]
    captions = [
        names[p] if p == y else f"{names[p]}?\nis {names[y]}"
        for p, y in zip(predicted, data.test_y, strict=True)
    ]
    plotting.save_training_picture(
        output,
        costs,
        rows[shown],
        [captions[i] for i in shown],
        [bool(right[i]) for i in shown],
        title=displayable(title)
        + ("\ngreen: correct; red: wrong, with the true class" if len(shown) else ""),
    )
    say(console, "Wrote", printable(output))
    wrong = np.flatnonzero(~right)
    file = mislabeled_path(output)
    if training.is_image(rows) and len(wrong):
        some = np.random.default_rng(0).permutation(wrong)[:MOST_MISLABELED]
        heading = f"{len(wrong)} of {len(right)} held-out images are predicted wrong"
        heading += f"; {len(some)} are shown" if len(some) < len(wrong) else ""
        plotting.save_image_grid(file, rows[some], [captions[i] for i in some], title=heading)
        say(console, "", f"{printable(file)} (the wrong predictions)")
    else:
        file.unlink(missing_ok=True)  # one of an earlier run would seem to belong to this one


def mislabeled_path(output: Path) -> Path:
    """Where the picture of the wrong predictions goes."""
    return output.with_name(f"{output.stem}-mislabeled.png")
