"""`deepnet demo`: load, train, look, compare; told line by line."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from deepnet import Network, backends, io, plotting
from deepnet.caches import Parameters
from deepnet.cli import speed
from deepnet.cli.terminal import abridged, draw_costs, printable, progress_bar, say
from deepnet.cli.training import (
    Plan,
    layer_sizes,
    network,
    plan_for,
    predict,
    some_batch,
    train,
)
from deepnet.io import Dataset

MOST_SKIPPED = 10  # files named one by one; the rest are counted
MOST_MISLABELED = 40


def run(
    console: Console,
    path: Path | None,
    hidden: tuple[int, ...] | None,
    epochs: int | None,
    learning_rate: float | None,
    *,
    seed: int,
    size: int,
    output: Path,
) -> None:
    """The whole demo; a setting that is None is chosen to suit the data."""
    data, name = _load(console, path, size, seed)
    plan = plan_for(data)
    plan = replace(
        plan,
        hidden=hidden or plan.hidden,
        epochs=epochs or plan.epochs,
        learning_rate=learning_rate or plan.learning_rate,
    )
    sizes = "-".join(map(str, layer_sizes(data, plan)))
    steps = f"batches of {plan.batch_size}" if plan.batch_size else "all rows at once"
    say(
        console,
        "Network",
        f"{sizes}: relu, then sigmoid; rate {plan.learning_rate:g}, {steps}, seed {seed}",
    )

    net = network(data, plan, seed)
    costs = _train(console, data, plan, net, seed)
    in_training = np.mean(predict(data.train_x, data, net) == data.train_y)
    predicted = predict(data.test_x, data, net)
    right = predicted == data.test_y
    accuracy = f"{right.mean():.4f} on {len(right)} held-out rows"
    say(
        console,
        "Accuracy",
        f"[bold]{accuracy}[/bold] ({np.sum(~right)} wrong), {in_training:.4f} in training",
    )
    unit = "epoch" if plan.batch_size else "iteration"
    draw_costs(console, costs, unit)

    _compare(console, data, plan, network(data, plan, seed).parameters)
    title = f"{name}, {sizes}: accuracy {accuracy}"
    _save_pictures(console, data, costs, predicted, output, title=title, x_label=unit)


def _load(console: Console, path: Path | None, size: int, seed: int) -> tuple[Dataset, str]:
    if path is None:
        data, name = io.load_digits(seed=seed), "Handwritten digits"
    else:
        with progress_bar(console, transient=True) as progress:
            task = progress.add_task("Reading", total=None, note="files")

            def on_image(done: int, total: int) -> None:
                progress.update(task, completed=done, total=total)

            data, name = (
                io.load(path, size=size, seed=seed, on_image=on_image),
                "/".join(path.resolve().parts[-2:]),
            )
    rows = f"{len(data.train_y):,} rows to train on, {len(data.test_y):,} held out"
    say(console, "Data", f"{printable(path or name)}: {rows}; {data.n_features:,} features each")
    say(console, "Classes", abridged(data.classes))
    if data.skipped:
        n = len(data.skipped)
        files = "1 file that is no usable image" if n == 1 else f"{n} files that are no usable images"
        say(console, "Skipped", f"[yellow]{files}[/yellow]")
        for file in data.skipped[:MOST_SKIPPED]:
            say(console, "", f"{printable(file.path)}: {printable(file.reason)}")
        if len(data.skipped) > MOST_SKIPPED:
            say(console, "", f"and {len(data.skipped) - MOST_SKIPPED} more")
    return data, name


def _train(console: Console, data: Dataset, plan: Plan, net: Network, seed: int) -> list[float]:
    with progress_bar(console) as progress:
        task = progress.add_task("Training", total=plan.epochs, note="")

        def on_steps(done: int, total: int) -> None:
            progress.update(task, completed=done * plan.epochs // total)

        costs = train(data, plan, net, seed, on_steps)
        progress.update(task, note=f"cost {costs[-1]:.4f}")
        return costs


def _compare(console: Console, data: Dataset, plan: Plan, parameters: Parameters) -> None:
    if backends.backend_name() != "native":
        say(console, "Speed", "this run was on the NumPy backend: nothing to compare it with")
        return
    X, Y = some_batch(data, plan)
    with console.status("Timing one training step, in turns with NumPy"):
        result = speed.measure(X, Y, parameters, plan.learning_rate)
    ratio = f"[bold]{result.network:.1f}x[/bold] the NumPy reference, {X.shape[1]} rows per training step"
    steps = f"step by step {result.median:.1f}x, 80 % of {result.rounds} rounds {result.low:.1f}x to"
    agree = f"same answers to {result.difference:.0e}"
    say(console, "Speed", f"{ratio} ({steps} {result.high:.1f}x; one thread; {agree})")


def _save_pictures(
    console: Console,
    data: Dataset,
    costs: Sequence[float],
    predicted: NDArray[np.intp],
    output: Path,
    *,
    title: str,
    x_label: str,
) -> None:
    """A picture of the run and, where rows are images, one of those that are mislabeled."""
    rows, right = data.test_x, predicted == data.test_y
    order = np.random.default_rng(0).permutation(len(rows))  # or they may be all of the first class
    wrong = order[~right[order]]
    is_image = rows.ndim == 3 or (rows.ndim == 4 and rows.shape[3] == 3)
    few = wrong[:6] if is_image else wrong[:0]
    shown = np.concatenate([order[right[order]][: 24 - len(few)], few]) if is_image else few
    names = [name if len(name) <= 12 else f"{name[:11]}…" for name in data.classes]
    titles = [
        names[p] if p == y else f"{names[p]}, is {names[y]}"
        for p, y in zip(predicted, data.test_y, strict=True)
    ]
    plotting.save_training_picture(
        output,
        costs,
        rows[shown],
        [titles[i] for i in shown],
        [bool(right[i]) for i in shown],
        title=title,
        x_label=x_label,
    )
    say(console, "Wrote", printable(output))
    file = output.with_name(f"{output.stem}-mislabeled.png")
    if is_image and len(wrong):
        some = wrong[:MOST_MISLABELED]
        heading = f"{len(wrong)} of {len(right)} held-out images are predicted wrong"
        heading += f"; {len(some)} of them" if len(some) < len(wrong) else ""
        plotting.save_image_grid(file, rows[some], [titles[i] for i in some], title=heading)
        say(console, "", f"{printable(file)} (those it got wrong)")
    else:
        file.unlink(missing_ok=True)  # an earlier run's would pass for this one's
