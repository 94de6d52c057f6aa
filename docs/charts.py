"""Charts of docs/performance_results.md, drawn by Matplotlib while the site is built.

Each is an SVG within the page. Its text and lines have the colours of the page, in light and in dark mode.
"""

import io
import re
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

SHOWN = re.compile(r"A (training step|prediction), float\d\d, \d threads?")  # the sections that get a chart
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
# Each colour has a contrast of 3 to 1 or more to both grounds; without them, the shapes tell libraries apart.
STYLES = {
    "NumPy lecture code": ("o", "#7a7a7a"),
    "PyTorch": ("s", "#d0570a"),
    "PyTorch, backward by hand": ("D", "#b5742a"),
    "torch.compile": ("^", "#2e8b57"),
    "JAX": ("v", "#a45ac7"),
    "scikit-learn": ("P", "#c2487e"),
    "onnxruntime": ("X", "#3a86c8"),
}
TEXT = "#010203"  # stands for the colour of the page's text


@dataclass
class Table:
    """The times of one table: a row for each network, a column for each library."""

    title: str
    libraries: list[str]
    networks: list[str]
    seconds: list[list[float]]  # one list for each network, deepnet's first


def seconds(cell: str) -> float:
    """Return the time in a cell, such as ``**1.42 ms**``."""
    number, unit = cell.strip("* ").split()
    return float(number.replace(",", "")) * UNITS[unit]


def tables(text: str) -> list[Table]:
    """Return the tables of times below the headings of the second level."""
    found = []
    for section in re.split(r"^## ", text, flags=re.M)[1:]:
        title, _, rest = section.partition("\n")
        if not SHOWN.fullmatch(title):
            continue
        rows = [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in rest.splitlines()
            if line.startswith("|")
        ]
        last = rows[0].index("times faster than the best rival")
        networks = [row[0] for row in rows[2:]]
        times = [[seconds(cell) for cell in row[1:last]] for row in rows[2:]]
        found.append(Table(title, rows[0][1:last], networks, times))
    return found


def description(table: Table) -> str:
    """Return what the chart shows, for those who do not see it."""
    ratios = [
        f"{min(row[1:]) / row[0]:.2f} for {name}"
        for name, row in zip(table.networks, table.seconds, strict=True)
    ]
    return (
        f"{table.title}: the time of each library as a multiple of deepnet's, by network. "
        f"The fastest of the others: {', '.join(ratios)}."
    )


def drawn(table: Table) -> str:
    """Return the chart as an SVG element."""
    names = [
        name.split(" (")[0] + "\n" + name[name.index("(") :].strip("()") + " at once"
        for name in table.networks
    ]
    with mpl.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": table.title, "font.size": 8.5, "font.family": "sans-serif"}
    ):
        figure = Figure(figsize=(4.4, 0.9 + 0.36 * len(names)), layout="constrained")
        axes = figure.subplots()
        rows = range(len(names))
        for row in rows:
            axes.axhline(row, color=TEXT, alpha=0.15, linewidth=0.6, zorder=0)
        axes.axvline(1, color=TEXT, linewidth=1.2)
        for number, library in enumerate(table.libraries[1:]):
            axes.plot(
                [times[number + 1] / times[0] for times in table.seconds],
                rows,
                STYLES[library][0],
                color=STYLES[library][1],
                markersize=5,
                label=library,
            )
        axes.set_xscale("log")
        axes.set_xlim(left=min(0.7, axes.get_xlim()[0]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_yticks(rows, names)
        axes.invert_yaxis()
        axes.set_xlabel("time, as a multiple of deepnet's (line: as fast)", color=TEXT)
        axes.tick_params(which="both", colors=TEXT)
        for side, spine in axes.spines.items():
            spine.set_visible(side == "bottom")
            spine.set_color(TEXT)
        figure.legend(loc="outside upper left", ncols=2, frameon=False, labelcolor=TEXT, handletextpad=0.1)
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    picture = file.getvalue()
    picture = picture[picture.index("<svg") :].replace(TEXT, "currentColor")
    label = description(table).replace('"', "&quot;")
    return re.sub(r"<svg ", f'<svg class="chart" role="img" aria-label="{label}" ', picture, count=1)


def with_charts(text: str) -> str:
    """Return the page with a chart below each heading whose table has one."""
    for table in tables(text):
        element = re.sub(r"\n\s*\n", "\n", drawn(table))
        text = text.replace(f"## {table.title}\n", f"## {table.title}\n\n```{{raw}} html\n{element}```\n", 1)
    return text
