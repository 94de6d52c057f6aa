"""The output of the commands: lines with a topic, a progress bar, a curve in braille dots."""

import math
from collections.abc import Sequence

import numpy as np
import plotille
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)


def say(console: Console, topic: str, text: str) -> None:
    """Print one line, with the topic in the margin. The text may use Rich's markup."""
    console.print(f"[cyan]{topic:<9}[/cyan] {text}", soft_wrap=True)


def printable(text: object) -> str:
    """A name from a disk, safe to print by Rich: no control characters and no markup."""
    return escape(displayable(text))


def displayable(text: object) -> str:
    """A text on one line, without control characters and lone surrogates."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))


def abridged(names: Sequence[str], most: int = 10) -> str:
    """List up to `most` names and count the rest.

    >>> abridged(["cat", "dog", "eel"], most=2)
    'cat, dog and 1 more'
    """
    rest = len(names) - most
    return ", ".join(printable(name) for name in names[:most]) + (f" and {rest} more" if rest > 0 else "")


def counted(number: float, noun: str) -> str:
    """Return a number with a noun in its singular or plural.

    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    text = f"{number:,}" if isinstance(number, int) else f"{number:g}"
    return f"{text} {noun}{'' if number == 1 else 's'}"


def progress_bar(console: Console, *, transient: bool = False) -> Progress:
    """A progress bar; its tasks have a field `note`, shown behind the count."""
    return Progress(
        TextColumn("[cyan]{task.description:<9}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        console=console,
        transient=transient,
        disable=transient
        and not console.is_terminal,  # where nothing can be cleared, an empty line would stay
    )


def _round_step(step: float) -> float:
    """Return the least round number that is not below the step: 1, 1.5, 2, 2.5, 3, 4, 5 or 8, times 10^n.

    >>> _round_step(0.33), _round_step(0.0)
    (0.4, 1.0)
    """
    if step <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(step))
    return next(n * power for n in (1, 1.5, 2, 2.5, 3, 4, 5, 8, 10) if n * power >= step)


def draw_costs(console: Console, costs: Sequence[float], unit: str) -> None:
    """Draw the cost curve, unless the terminal cannot show braille."""
    finite = [(i, cost) for i, cost in enumerate(costs, start=1) if np.isfinite(cost)]
    if not finite or not console.encoding.lower().startswith("utf"):
        return
    x, y = zip(*finite, strict=True)
    figure = plotille.Figure()
    figure.width, figure.height = max(20, min(50, (console.width - 24) // 10 * 10)), 8
    figure.origin = False
    figure.x_label, figure.y_label = unit, "cost"
    ticks = figure.width // 10
    figure.set_x_limits(0, -(-len(costs) // ticks) * ticks)
    figure.set_y_limits(0, 8 * _round_step(max(y) / 8))
    figure.x_ticks_fkt = lambda value, _: f"{value:.0f}"
    figure.y_ticks_fkt = lambda value, _: f"{value:.4g}"
    figure.plot(x, y)
    for line in figure.show().splitlines():
        console.print(f"{'':10}{line}", markup=False, soft_wrap=True)
