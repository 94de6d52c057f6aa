"""The progress of a training run: a bar on the terminal, or calls of the user's function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from deepnet._extras import needs

from .history import History

Show = Callable[[int], object]  # takes the number of steps completed


@contextmanager
def shown(progress: Any, history: History, steps: int) -> Iterator[Show | None]:
    """Yield the function to call with the number of completed steps, of `steps`; None for no progress."""
    if progress is None or progress is False:
        yield None
    elif callable(progress):
        yield lambda done: progress(done, steps)
    else:
        with _bar(history, steps) as show:
            yield show


@contextmanager
def _bar(history: History, steps: int) -> Iterator[Show]:
    with needs("cli", "fit(progress=True)"):
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.table import Column
    columns = (
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(),
        TextColumn("{task.fields[note]}", table_column=Column(no_wrap=False)),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as bar:
        task = bar.add_task("", total=steps, epoch="", note="")

        def show(done: int) -> None:
            note = "  ".join(f"{name} {curve[-1]:.4g}" for name, curve in history.curves().items())
            epoch = min(history.epochs + 1, history.planned_epochs)
            bar.update(task, completed=done, epoch=f"{epoch}/{history.planned_epochs}", note=note)

        show(0)
        yield show
