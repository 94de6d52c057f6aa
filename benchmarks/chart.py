"""The chart of the training steps: what share of the machine's multiply-adds each contender makes use of.

python benchmarks/chart.py RESULTS.json PICTURE.png
"""

import json
import sys
from pathlib import Path

import numpy as np

from report import DEEPNET, net_of, shares

# deepnet's stands out, and the rest can be told apart without red and green.
COLOURS = {
    DEEPNET: "#c2410c",
    "NumPy lecture code": "#9ca3af",
    "PyTorch": "#2563eb",
    "PyTorch, backward by hand": "#93b4f5",
    "torch.compile": "#1e3a8a",
    "JAX": "#0f9b8e",
    "scikit-learn": "#d4a017",
}
INK = "#374151"


def panel(axes, rows, title):
    """One row of dots per net, of the shares in percent."""
    for y, row in enumerate(rows):
        medians = {name: 100 * np.median(shares(row, name)) for name in row["seconds"]}
        axes.plot([min(medians.values()), max(medians.values())], [y, y], color="#e5e7eb", lw=2, zorder=1)
        for name, share in medians.items():
            ours = name == DEEPNET
            size, colour = 90 if ours else 42, COLOURS.get(name, INK)
            axes.scatter(share, y, s=size, color=colour, edgecolor="white", lw=0.8, zorder=3 if ours else 2)
        axes.text(125, y, f"{medians[DEEPNET]:.0f} %", va="center", color=COLOURS[DEEPNET])
    axes.set_xscale("log")
    axes.set_xlim(0.05, 300)
    axes.set_xticks([0.1, 1, 10, 100], ["0.1 %", "1 %", "10 %", "100 %"])
    axes.axvline(100, color=INK, lw=0.8, ls=":", zorder=0)
    axes.set_yticks(range(len(rows)), [net_of(row) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_title(title, loc="left", color=INK)
    axes.tick_params(which="both", length=0, colors=INK)
    axes.grid(axis="x", color="#f3f4f6", zorder=0)
    for side in axes.spines.values():
        side.set_visible(False)


def draw(results, path):
    """A panel per number of threads, float32 (float64 if that is all there is)."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    steps = results["steps"]
    dtype = "float32" if any(row["dtype"] == "float32" for row in steps) else "float64"
    rows = [row for row in steps if row["dtype"] == dtype]
    settings = sorted({row["threads"] for row in rows})
    longest = max(sum(row["threads"] == n for row in rows) for n in settings)
    figure, panels = plt.subplots(
        1,
        len(settings),
        figsize=(2.5 + 4.5 * len(settings), 1.6 + 0.42 * longest),
        sharey=True,
        squeeze=False,
    )
    for axes, n in zip(panels[0], settings, strict=True):
        title = f"{n} thread{'s' if n > 1 else ''}"
        panel(axes, [row for row in rows if row["threads"] == n], title)
    columns = 4 if len(settings) > 1 else 3
    names = list(dict.fromkeys(name for row in rows for name in row["seconds"]))
    dots = [plt.Line2D([], [], marker="o", ls="", color=COLOURS.get(name, INK), label=name) for name in names]
    figure.suptitle(
        f"A training step, {dtype}: share of the machine's multiply-adds",
        x=0.01,
        ha="left",
        color=INK,
        weight="bold",
    )
    figure.legend(handles=dots, loc="lower left", ncols=columns, frameon=False, labelcolor=INK)
    figure.tight_layout(rect=(0, 0.04 * -(-len(names) // columns), 1, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
