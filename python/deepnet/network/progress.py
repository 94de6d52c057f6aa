"""The progress of a training run: a bar on the terminal, or calls of the user's function."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from deepnet._extras import needs

from .history import History

Show = Callable[[int], object]  # takes the number of steps completed


@contextmanager
def shown(progress: Any, history: History, steps: int, rows_per_step: float) -> Iterator[Show | None]:
    """Yield the function to call with the number of completed steps, of `steps`; None for no progress."""
    if progress is None or progress is False:
        yield None
    elif callable(progress):
        yield lambda done: progress(done, steps)
    else:
        with _bar(history, steps, rows_per_step) as show:
            yield show


@contextmanager
def _bar(history: History, steps: int, rows_per_step: float) -> Iterator[Show]:
    with needs("cli", "fit(progress=True)"):
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.table import Column
    columns = (
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[note]}", table_column=Column(no_wrap=True, overflow="ellipsis")),
        TextColumn("{task.fields[speed]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    # A new console, since the one that rich shares keeps the width that the terminal had at first.
    with Progress(*columns, console=Console()) as bar:
        task, begin = bar.add_task("", total=steps, epoch="", note="", speed=""), time.perf_counter()

        def show(done: int) -> None:
            held_out = {"loss": history.validation_loss, **history.validation_metrics}
            curves = {name: list[float]() for name in held_out} | {"loss": history.loss, **history.metrics}
            note = "  ".join(
                f"{name}{_last(curve, ' ')}{_last(held_out.get(name, []), ' (', ')')}"
                for name, curve in curves.items()
            )
            epoch = min(history.epochs + 1, history.planned_epochs)
            rows = done * rows_per_step / max(time.perf_counter() - begin, 1e-9)
            bar.update(
                task,
                completed=done,
                epoch=f"{epoch}/{history.planned_epochs}",
                note=note,
                speed=f"{rows:,.0f} rows/s" if done else "",
            )

        show(0)
        yield show


def _last(curve: list[float], before: str = "", after: str = "") -> str:
    return f"{before}{curve[-1]:.4g}{after}" if curve else ""
