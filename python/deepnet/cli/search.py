"""`deepnet tune`: settings drawn at random until the time is over; those that validate best make the model.

Validation is within the training examples, so the score of those held out stays honest. Candidates for a
table are Tabular estimators, whose networks train side by side and hold out every row in turn. Networks for
images train in rounds of as many as there are threads (`deepnet.fit_many`), with a fifth of the examples to
validate.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import deepnet
from deepnet import io
from deepnet.cli import training
from deepnet.cli.endings import Failure, of_the_input
from deepnet.cli.learning import (
    HELD_OUT,
    Learned,
    Rows,
    Settings,
    Stopwatch,
    epochs_for,
    learned_network,
    learned_of,
    tabular,
    ticking,
)
from deepnet.cli.output import Output
from deepnet.cli.targets import CLASSIFICATION
from deepnet.cli.terminal import counted, printable, progress_bar
from deepnet.io import Dataset

# What is drawn for a table, beside the defaults, which are the first candidate.
TABLE_SPACE: dict[str, list[Any]] = {
    "hidden_layer_sizes": [(64,), (128, 128), (256, 256), (256, 256, 256), (512, 512)],
    "activation": ["relu", "selu", "mish"],
    "learning_rate": [0.01, 0.02, 0.04, 0.07, 0.12],
    "dropout": [0.0, 0.1, 0.15, 0.3],
    "n_pieces": [0, 4, 8, 16],
    "weight_decay": [0.0, 0.01, 0.02],
}
IMAGE_SPACE: dict[str, list[Any]] = {
    "hidden": [(64,), (128,), (256,), (128, 64), (256, 64)],
    "dropout": [0.0, 0.2, 0.5],
    "learning_rate": [0.0003, 0.001, 0.003],
}


@dataclass(frozen=True)
class Candidate:
    """Settings that were tried, and their error in validation."""

    parameters: dict[str, Any]
    error: float
    seconds: float


def drawn(space: dict[str, list[Any]], rng: np.random.Generator) -> dict[str, Any]:
    """Draw one value of each setting."""
    return {name: values[int(rng.integers(len(values)))] for name, values in space.items()}


class Stopped:
    """Ends a search at Ctrl-C, which is raised again only if no settings have been tried with success."""

    def __init__(self, out: Output, tried: list[Candidate]) -> None:
        self._out, self._tried = out, tried
        self.early = False

    def __enter__(self) -> "Stopped":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        self.early = kind is KeyboardInterrupt and any(np.isfinite(entry.error) for entry in self._tried)
        if self.early:
            self._out.note("stopped by Ctrl-C: the best settings so far are kept")
        return self.early


def tell(out: Output, number: int, candidate: Candidate, is_best: bool, measure: str) -> None:
    """Print a candidate."""
    settings = ", ".join(f"{name} {_shown(value)}" for name, value in candidate.parameters.items())
    mark = " [bold]best so far[/bold]" if is_best else ""
    text = (
        f"{measure} {candidate.error:.4f} in {candidate.seconds:.1f} s: {printable(settings or 'defaults')}"
    )
    out.say(f"#{number}", text + mark)


def _shown(value: Any) -> str:
    return "-".join(map(str, value)) if isinstance(value, tuple) else str(value)


def tune_rows(out: Output, rows: Rows, settings: Settings, seconds: float) -> Learned:
    """Search for a table."""
    rng, begin = np.random.default_rng(settings.seed), time.monotonic()
    train, target = rows.train, rows.target
    X, y = rows.table.take(train).frame, target.values[train]
    measure = "error rate" if target.task == CLASSIFICATION else "squared error / variance"
    tried, best, longest = list[Candidate](), None, 0.0
    with Stopped(out, tried) as stopped:
        while not tried or time.monotonic() - begin + longest <= seconds:
            parameters = drawn(TABLE_SPACE, rng) if tried else {}
            left = max(seconds - (time.monotonic() - begin), 0.1)
            given = {"max_epochs": settings.epochs or epochs_for(len(train)), "random_state": settings.seed}
            estimator = tabular(target.task, max_seconds=left, **given, **parameters)
            start = time.monotonic()
            try:
                with of_the_input(), ticking(out, estimator, f"#{len(tried) + 1}"):
                    estimator.fit(X, y)
                pairs = zip(estimator.validation_errors_, estimator.best_epochs_, strict=True)
                error = float(np.mean([errors[epoch - 1] for errors, epoch in pairs]))
            except FloatingPointError:
                error = float("inf")
            taken = time.monotonic() - start
            longest = max(longest, taken)
            is_best = np.isfinite(error) and (best is None or error < best[0])
            if is_best:
                best = error, estimator
            tried.append(Candidate(parameters, error, taken))
            tell(out, len(tried), tried[-1], is_best, measure)
    if best is None:
        raise Failure("the loss became nan or infinite with all settings that were tried")
    _report(out, tried, measure)
    learned = learned_of(rows, best[1], settings)
    learned.seconds, learned.stopped = time.monotonic() - begin, stopped.early
    return learned


def tune_examples(out: Output, path: Path, data: Dataset, settings: Settings, seconds: float) -> Learned:
    """Search for images or arrays."""
    rng, begin = np.random.default_rng(settings.seed), time.monotonic()
    first = training.recipe_for(data)
    first = replace(first, epochs=settings.epochs or first.epochs)
    features = training.Features(data.train_x)
    X, Y = training.training_examples(data, first, features)
    copies = len(Y) // len(data.train_y)
    kept, held = io.hold_out(data.train_y, fraction=HELD_OUT, seed=settings.seed)
    kept = np.concatenate([kept + i * len(data.train_y) for i in range(copies)])
    tried, best, longest = list[Candidate](), None, 0.0
    measure = "error rate"
    with Stopped(out, tried) as stopped:
        while not tried or time.monotonic() - begin + longest <= seconds:
            count = deepnet.get_num_threads()
            chosen: list[dict[str, Any]] = [drawn(IMAGE_SPACE, rng) for _ in range(count)]
            if not tried:
                chosen[0] = {}
            recipes = [replace(first, **parameters) for parameters in chosen]
            networks = [training.network(data, recipe, len(X), settings.seed) for recipe in recipes]
            each = [
                {"optimizer": deepnet.AdamW(deepnet.schedules.OneCycle(recipe.learning_rate))}
                for recipe in recipes
            ]
            start = time.monotonic()
            with progress_bar(out.console) as progress:
                bar = progress.add_task(f"#{len(tried) + 1}-{len(tried) + count}", total=None, note="updates")

                def on_steps(done: int, total: int, bar: Any = bar, progress: Any = progress) -> None:
                    progress.update(bar, completed=done, total=total)

                histories = deepnet.fit_many(
                    networks,
                    X,
                    Y.reshape(1, -1),
                    each=each,
                    examples=kept,
                    validation_data=held,
                    metrics=["accuracy"],
                    epochs=first.epochs,
                    batch_size=training.BATCH,
                    seed=settings.seed,
                    callbacks=[Stopwatch(max(seconds - (start - begin), 0.1))],
                    progress=on_steps,
                )
            taken = time.monotonic() - start
            longest = max(longest, taken)
            for parameters, net, history in zip(chosen, networks, histories, strict=True):
                curve = history.validation_metrics.get("accuracy") or [float("nan")]
                error = 1 - curve[-1] if history.error is None else float("inf")
                is_best = bool(np.isfinite(error)) and (best is None or error < best[0])
                if is_best:
                    best = error, net, history
                tried.append(Candidate(parameters, error, taken))
                tell(out, len(tried), tried[-1], is_best, measure)
    if best is None:
        raise Failure("the loss became nan or infinite with all settings that were tried")
    _report(out, tried, measure)
    learned = learned_network(path, data, best[1], features, best[2], settings)
    learned.seconds, learned.stopped = time.monotonic() - begin, stopped.early
    return learned


def _report(out: Output, tried: list[Candidate], measure: str) -> None:
    best = min(tried, key=lambda candidate: candidate.error)
    gain = f"{measure} in validation {tried[0].error:.4f} with the defaults, {best.error:.4f} at best"
    out.say("Tried", f"{counted(len(tried), 'setting')}: {gain}")
    out.result(
        candidates=[
            {"parameters": candidate.parameters, "error": candidate.error, "seconds": candidate.seconds}
            for candidate in tried
        ],
        best=best.parameters,
    )
