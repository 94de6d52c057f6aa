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
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.table import Column
    columns = (
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[note]}", table_column=Column(no_wrap=True, overflow="ellipsis")),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    # A new console, since the one that rich shares keeps the width that the terminal had at first.
    with Progress(*columns, console=Console()) as bar:
        task = bar.add_task("", total=steps, epoch="", note="")

        def show(done: int) -> None:
            held_out = {"loss": history.validation_loss, **history.validation_metrics}
            note = "  ".join(
                f"{name} {_last(curve)}{_last(held_out.get(name, []), ' (', ')')}"
                for name, curve in {"loss": history.loss, **history.metrics}.items()
            )
            epoch = min(history.epochs + 1, history.planned_epochs)
            bar.update(task, completed=done, epoch=f"{epoch}/{history.planned_epochs}", note=note)

        show(0)
        yield show


def _last(curve: list[float], before: str = "", after: str = "") -> str:
    return f"{before}{curve[-1]:.4g}{after}" if curve else ""
