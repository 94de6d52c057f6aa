"""The progress of a fit: a bar on the terminal, or a function of the user's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from deepnet._extras import needs

from ._history import History

Show = Callable[[int], object]  # with the number of steps that are done


@contextmanager
def shown(progress: Any, history: History, steps: int) -> Iterator[Show | None]:
    """Yield what is to be called with the number of steps done, of `steps`; None if nobody wants to know."""
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
    columns = (
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as bar:
        task = bar.add_task("", total=steps, epoch="", note="")

        def show(done: int) -> None:
            named = [("loss", history.loss), ("validation", history.validation_loss)]
            note = "  ".join(f"{name} {curve[-1]:.4g}" for name, curve in named if curve)
            epoch = min(history.epochs + 1, history.planned_epochs)
            bar.update(task, completed=done, epoch=f"{epoch}/{history.planned_epochs}", note=note)

        show(0)
        yield show
