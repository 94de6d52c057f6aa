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
def shown(progress: Any, steps: int, history: History, rows_per_step: float) -> Iterator[Show | None]:
    """Yield the function to call with the number of completed steps, of `steps`; None for no progress."""

    def describe() -> tuple[str, str]:
        held_out = {"loss": history.validation_loss, **history.validation_metrics}
        curves = {name: list[float]() for name in held_out} | {"loss": history.loss, **history.metrics}
        note = "  ".join(
            f"{name}{_last(curve, ' ')}{_last(held_out.get(name, []), ' (', ')')}"
            for name, curve in curves.items()
        )
        epoch = min(history.epochs + 1, history.planned_epochs)
        return f"epoch {epoch}/{history.planned_epochs}", note

    with shown_as(progress, steps, describe, "fit", rows_per_step) as show:
        yield show


@contextmanager
def shown_as(
    progress: Any,
    steps: int,
    describe: Callable[[], tuple[str, str]],
    name: str,
    rows_per_step: float = 0,
) -> Iterator[Show | None]:
    """Do the same with what `describe` returns before and after the bar; `name`: of the user's function."""
    if progress is None or progress is False:
        yield None
    elif callable(progress):
        yield lambda done: progress(done, steps)
    else:
        with _bar(steps, describe, name, rows_per_step) as show:
            yield show


@contextmanager
def _bar(
    steps: int, describe: Callable[[], tuple[str, str]], name: str, rows_per_step: float
) -> Iterator[Show]:
    with needs("cli", f"{name}(progress=True)"):
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.table import Column
    columns = (
        TextColumn("{task.fields[where]}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[note]}", table_column=Column(no_wrap=True, overflow="ellipsis")),
        TextColumn("{task.fields[speed]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    # A new console, since the one that rich shares keeps the width that the terminal had at first.
    with Progress(*columns, console=Console()) as bar:
        task, begin = bar.add_task("", total=steps, where="", note="", speed=""), time.perf_counter()

        def show(done: int) -> None:
            where, note = describe()
            rows = done * rows_per_step / max(time.perf_counter() - begin, 1e-9)
            bar.update(
                task, completed=done, where=where, note=note, speed=f"{rows:,.0f} rows/s" if rows else ""
            )

        show(0)
        yield show


def _last(curve: list[float], before: str = "", after: str = "") -> str:
    return f"{before}{curve[-1]:.4g}{after}" if curve else ""
