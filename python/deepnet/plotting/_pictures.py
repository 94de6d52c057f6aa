"""Pictures in files: a training run, and images with captions."""

import io
import math
import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deepnet._extras import needs
from deepnet._files import replace

from ._colours import CURVE, PAPER, RIGHT, TEXT, WRONG

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SMALLEST = 6.0  # points, of a caption


def save_training_picture(
    path: str | os.PathLike[str],
    costs: Sequence[float],
    images: NDArray[Any],
    titles: Sequence[str],
    right: Sequence[bool],
    *,
    title: str,
    x_label: str = "epoch",
) -> None:
    """Save a picture of a training run: the cost curve, and examples with their predictions.

    Parameters
    ----------
    path : str or path
        The PNG file to write.
    costs : sequence of float
        The curve.
    images : ndarray, shape (k, h, w) or (k, h, w, 3)
        Up to 24 examples; if there are none, the curve takes the whole picture.
    titles : sequence of str
        The caption above each; a caption that is wider than its place is drawn smaller.
    right : sequence of bool
        Whether each prediction is right: green, else red.
    title, x_label : str
        Title of the picture and label of the curve's x axis.

    Raises
    ------
    ImportError
        If Matplotlib is not installed.
    OSError
        If the file cannot be written: ``[Errno 2] No such file or directory: 'gone/run.png'``.

    Examples
    --------
    >>> import tempfile
    >>> images = np.random.default_rng(0).random((2, 8, 8))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     picture = f"{folder}/run.png"
    ...     save_training_picture(picture, [0.7, 0.3], images, ["3", "8"], [True, False], title="Digits")
    """
    with needs("plot", "saving a picture"):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    figure = Figure(figsize=(10, 4.2), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, parse_math=False, fontsize=12, color=TEXT)
    halves = figure.add_gridspec(1, 2, width_ratios=(1, 1.35)) if len(images) else figure.add_gridspec(1, 1)
    axes = figure.add_subplot(halves[0])
    axes.plot(np.arange(1, len(costs) + 1), costs, color=CURVE, linewidth=1.8)
    axes.set(xlabel=x_label, ylabel="cost", facecolor=PAPER)
    axes.set_ylim(bottom=0)
    axes.margins(x=0.02)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(color="#e4e4e0", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    if len(images):
        _draw_grid(halves[1].subgridspec(4, 6).subplots(squeeze=False), images, titles, right)
    _save(figure, path)


def save_image_grid(
    path: str | os.PathLike[str], images: NDArray[Any], titles: Sequence[str], *, title: str
) -> None:
    """Save a grid of images with a title above each, for example those that a network gets wrong.

    Parameters
    ----------
    path : str or path
        The PNG file to write.
    images : ndarray, shape (k, h, w) or (k, h, w, 3)
        The images, at least one.
    titles : sequence of str
        The caption above each; a caption that is wider than its place is drawn smaller.
    title : str
        Title of the picture.

    Raises
    ------
    ImportError
        If Matplotlib is not installed.
    OSError
        If the file cannot be written: ``[Errno 2] No such file or directory: 'gone/wrong.png'``.

    Examples
    --------
    >>> import tempfile
    >>> images = np.random.default_rng(0).random((2, 8, 8))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_image_grid(f"{folder}/wrong.png", images, ["3 or 8", "1 or 7"], title="Mistakes")
    """
    _save(_grid(images, titles, title), path)


def image_grid(images: NDArray[Any], titles: Sequence[str], *, title: str) -> bytes:
    """Return the picture of :func:`save_image_grid` as the content of a PNG file.

    Parameters
    ----------
    images, titles, title
        As in :func:`save_image_grid`.

    Returns
    -------
    png : bytes

    Raises
    ------
    ImportError
        If Matplotlib is not installed.

    Examples
    --------
    >>> image_grid(np.zeros((1, 8, 8)), ["a"], title="Mistakes")[1:4]
    b'PNG'
    """
    return _png(_grid(images, titles, title))


def _grid(images: NDArray[Any], titles: Sequence[str], title: str) -> Any:
    """Return the figure of a grid of images."""
    with needs("plot", "saving a picture"):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    columns = min(max(len(images), 3), 8)
    rows = math.ceil(len(images) / columns)
    figure = Figure(figsize=(1.3 * columns, 1.5 * rows + 0.45), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, parse_math=False, fontsize=12, color=TEXT)
    grid = figure.subplots(rows, columns, squeeze=False)
    _draw_grid(grid, images, titles, [False] * len(images))
    return figure


def _draw_grid(
    grid: NDArray[Any], images: NDArray[Any], titles: Sequence[str], right: Sequence[bool]
) -> None:
    """Draw images with captions into axes."""
    places: list[Axes] = list(grid.flat)
    for axes in places:
        axes.axis("off")
    for axes, image, text, is_right in zip(places, images, titles, right, strict=False):
        axes.imshow(image, cmap="gray_r" if image.ndim == 2 else None, interpolation="nearest")
        colour = RIGHT if is_right else WRONG
        axes.set_title(text, color=colour, fontsize=8.5, pad=3, linespacing=0.95, parse_math=False)


def _fit_captions(figure: Any) -> None:
    """Draw captions smaller that are wider than their column; those that would be illegible are shortened."""
    figure.draw_without_rendering()
    for axes in figure.axes:
        caption, width = axes.title, axes.get_subplotspec().get_position(figure).width * figure.bbox.width
        for _ in range(2):  # a shortened caption may still be too wide
            taken = caption.get_window_extent().width
            if not caption.get_text() or taken <= width:
                break
            size = caption.get_fontsize() * width / taken
            if size < _SMALLEST:
                lines = caption.get_text().split("\n")
                keep = max(1, int(max(map(len, lines)) * size / _SMALLEST) - 1)
                caption.set_text("\n".join(x if len(x) <= keep + 1 else f"{x[:keep]}…" for x in lines))
            caption.set_fontsize(max(size, _SMALLEST))


def _save(figure: Any, path: str | os.PathLike[str]) -> None:
    """Write the picture whole or not at all."""
    replace(path, [_png(figure)])


def _png(figure: Any) -> bytes:
    """Draw the picture, with captions that fit."""
    figure.get_layout_engine().set(w_pad=0.09, h_pad=0.07)
    picture = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a class named in a script the font lacks
        _fit_captions(figure)
        figure.savefig(picture, format="png", dpi=100)
    return picture.getvalue()
