"""The folder of a report: report.html with its pictures inside, and the pictures as files.

The page needs nothing from elsewhere: no script, no font, no request.
"""

import base64
import html
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import deepnet
from deepnet import plotting
from deepnet._extras import needs
from deepnet._files import replace
from deepnet.cli.learning import Learned
from deepnet.cli.models import NAMES, class_scores, number_scores, numbered
from deepnet.cli.targets import CLASSIFICATION

PAGE = "report.html"
PICTURES = ("curves", "confusion", "calibration", "residuals", "mistakes", "importance", "first-layer")
MISTAKES = 12
IMAGES = 24
ROWS_PERMUTED, ROUNDS = 1000, 3
MOST_BARS = 20
MOST_COLUMNS = 12  # of a table of mistakes

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #333; max-width: 60em; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; } img { max-width: 100%; }
table { border-collapse: collapse; font-size: 0.9em; } th { border-bottom: 1px solid #ccc; }
td, th { text-align: left; padding: 0.2em 0.8em 0.2em 0; } .wide { overflow-x: auto; }
"""


def write(learned: Learned, folder: Path) -> list[Path]:
    """Write the page and its pictures; return their files."""
    with needs("plot", "a report"):
        import matplotlib  # noqa: F401  only whether it is installed
    folder.mkdir(exist_ok=True)
    for name in PICTURES:  # one of an earlier report would seem to belong to this one
        (folder / f"{name}.png").unlink(missing_ok=True)
    parts, files = [_head(learned)], list[Path]()
    for name, title, text, picture in _sections(learned):
        parts.append(f"<h2>{html.escape(title)}</h2>")
        if picture:
            file = folder / f"{name}.png"
            replace(file, [picture])
            files.append(file)
            code = base64.b64encode(picture).decode()
            parts.append(f'<p><img alt="{html.escape(title)}" src="data:image/png;base64,{code}"></p>')
        parts.append(text)
    title = html.escape(f"{learned.target}: {learned.path.name}")
    page = (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )
    replace(folder / PAGE, [page.encode("utf-8", "replace")])
    return [folder / PAGE, *files]


def _head(learned: Learned) -> str:
    facts = {
        "data": str(learned.path),
        "target": f"{learned.target} ({learned.task})",
        "trained on": f"{learned.trained_on:,} examples" if learned.trained_on else "",
        "held out": f"{len(learned.y):,} examples" if learned.X is not None else "none",
        **learned.facts,
        "training took": f"{learned.seconds:.1f} s" if learned.seconds else "",
        "made by": f"deepnet {deepnet.__version__}",
    }
    rows = [(key, value) for key, value in facts.items() if value]
    scores = [(NAMES[key], f"{value:.4g}") for key, value in learned.scores.items()]
    text = f"<h1>{html.escape(learned.target)}</h1>{_table(None, rows)}"
    text += f"<h2>Scores of the examples held out</h2>{_table(None, scores)}" if scores else ""
    items = "".join(f"<li>{html.escape(said)}</li>" for said in learned.advice)
    return text + (f"<h2>Advice</h2><ul>{items}</ul>" if items else "")


def _table(head: list[str] | None, rows: Any) -> str:
    lines = ["<tr>" + "".join(f"<th>{html.escape(name)}</th>" for name in head) + "</tr>"] if head else []
    for row in rows:
        lines.append("<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>")
    return f'<div class="wide"><table>{"".join(lines)}</table></div>'


def _sections(learned: Learned) -> Iterator[tuple[str, str, str, bytes]]:
    """Yield name, title, text and picture of each part."""
    model, X, y = learned.model.model, learned.X, learned.y
    if learned.curves is not None:
        yield (
            *("curves", "Learning curves"),
            "<p>The loss falls while the model learns. Where validation gets worse as training gets better, "
            "the model overfits.</p>",
            _picture(lambda ax: plotting.plot_learning_curves(learned.curves, ax)),
        )
    if X is None:
        return
    if learned.task == CLASSIFICATION:
        labels = numbered(y, learned.model.classes)
        known = labels if learned.model.is_network else np.asarray(model.classes_)[labels]
        side = min(9.0, max(4.2, 0.45 * len(learned.model.classes)))
        yield (
            *("confusion", "Confusion matrix"),
            "<p>Each row is a true class, each column a prediction.</p>",
            _picture(lambda ax: plotting.plot_confusion_matrix(model, X, known, ax), (side, side)),
        )
        yield (
            *("calibration", "Calibration"),
            "<p>Below the diagonal the model is too sure of itself, above it not sure enough.</p>",
            _picture(lambda ax: plotting.plot_reliability(model, X, known, ax), (4.5, 4.2)),
        )
    else:
        yield (
            *("residuals", "Predictions and true values"),
            "<p>The distance from the diagonal is the error.</p>",
            _picture(lambda ax: plotting.plot_residuals(model, X, y, ax), (4.8, 4.5)),
        )
    yield _mistakes(learned)
    if learned.table is not None:
        falls = importance(learned)
        names = list(falls)[:MOST_BARS]
        measure = "accuracy" if learned.task == CLASSIFICATION else "R2"
        yield (
            *("importance", "Permutation importance"),
            f"<p>How much the {measure} falls when the cells of one column are shuffled among the examples "
            f"held out: mean of {ROUNDS} rounds. Columns with the same information share importance.</p>"
            + _table(["column", f"decrease in {measure}"], [(n, f"{falls[n]:.4f}") for n in falls]),
            _picture(
                lambda ax: _bars(ax, {n: falls[n] for n in names}, measure), (6.4, 0.8 + 0.28 * len(names))
            ),
        )
    if learned.images is not None:
        shape = learned.images.shape[1:]
        yield (
            *("first-layer", "Weights of the first layer"),
            "<p>What each unit of the first layer looks for.</p>",
            _picture(
                lambda ax: plotting.plot_first_layer(model, shape, ax),
                (5, 5),
            ),
        )


def _picture(draw: Callable[[Any], object], size: tuple[float, float] = (6.4, 3.8)) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.add_subplot())
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100, metadata={"Software": None})
    return file.getvalue()


def _bars(axes: Any, falls: dict[str, float], measure: str) -> None:
    places = np.arange(len(falls))[::-1]
    axes.barh(places, list(falls.values()), color="#1f5fa8")
    axes.set_yticks(places, labels=[name[:30] for name in falls], parse_math=False)
    axes.set_xlabel(f"decrease in {measure}")


# --- mistakes -----------------------------------------------------------------------------------------------


def worst(learned: Learned) -> NDArray[np.intp]:
    """Return the examples held out that are most surely wrong; of a regression, the largest errors."""
    if learned.p is None:
        return np.argsort(-np.abs(learned.predicted - learned.y), kind="stable")
    numbers = numbered(learned.y, learned.model.classes)
    wrong = np.flatnonzero(learned.p.argmax(axis=1) != numbers)
    return wrong[np.argsort(-learned.p[wrong].max(axis=1), kind="stable")]


def _mistakes(learned: Learned) -> tuple[str, str, str, bytes]:
    found = worst(learned)
    is_class = learned.p is not None
    title = "Most confident mistakes" if is_class else "Largest errors"
    if not len(found):
        return "mistakes", title, "<p>There are none: every example held out is predicted right.</p>", b""
    text = f"<p>{len(found):,} of {len(learned.y):,} examples held out are wrong.</p>" if is_class else ""
    if learned.images is not None:
        some = found[:IMAGES]
        captions = [f"{learned.predicted[i]} {_confidence(learned, i)}\nis {learned.y[i]}" for i in some]
        return "mistakes", title, text, plotting.image_grid(learned.images[some], captions, title=title)
    some = found[:MISTAKES]
    columns = [] if learned.table is None else learned.table.names[:MOST_COLUMNS]
    rows = []
    for i in some:
        said = f"{learned.predicted[i]}" if is_class else f"{learned.predicted[i]:.6g}"
        cells = [] if learned.table is None else learned.table.cells(int(i))[:MOST_COLUMNS]
        rows.append([said, *([_confidence(learned, i)] if is_class else []), str(learned.y[i]), *cells])
    head = ["predicted", *(["probability"] if is_class else []), "true", *columns]
    return "mistakes", title, text + _table(head, rows), b""


def _confidence(learned: Learned, i: Any) -> str:
    return "" if learned.p is None else f"{learned.p[i].max():.2f}"


# --- importance ---------------------------------------------------------------------------------------------


def importance(learned: Learned) -> dict[str, float]:
    """Return how much the first score falls when a column is shuffled, the most important first."""
    assert learned.table is not None
    rng = np.random.default_rng(0)
    rows = np.sort(rng.permutation(len(learned.y))[:ROWS_PERMUTED])
    table, y = learned.table.take(rows), learned.y[rows]

    def score(of: Any) -> float:
        predicted, p = learned.model.outputs(learned.model.inputs(of))
        if p is not None:
            return class_scores(p, numbered(y, learned.model.classes))["accuracy"]
        return number_scores(predicted, y)["r2"]

    whole, falls = score(table), dict[str, float]()
    orders = [rng.permutation(len(rows)) for _ in range(ROUNDS)]
    for name in table.names:
        falls[name] = whole - float(np.mean([score(table.shuffled(name, order)) for order in orders]))
    return dict(sorted(falls.items(), key=lambda entry: -entry[1]))
