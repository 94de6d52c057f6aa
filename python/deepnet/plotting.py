"""Pictures: the course's three plotting functions, and the pictures that the demo saves.

Matplotlib is imported when a picture is drawn, so importing deepnet is fast and works without it.
"""

import io
import math
import os
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepnet._extras import needs
from deepnet._files import replace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RIGHT, _WRONG, _CURVE, _TEXT, _PAPER = "#2a7f4f", "#c8322b", "#1f5fa8", "#333333", "#fbfbfa"
_SMALLEST = 6.0  # points, of a caption


def plot_costs(costs: ArrayLike, learning_rate: float = 0.0075) -> None:
    """Plot the cost curve that ``two_layer_model`` and ``L_layer_model`` return, and show it.

    Parameters
    ----------
    costs : sequence of numbers or of 0-d arrays
        One cost per hundred iterations.
    learning_rate : float
        For the title.

    Raises
    ------
    ImportError
        If Matplotlib is not installed.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.
    """
    with needs("plot", "plot_costs"):
        import matplotlib.pyplot as plt
    plt.plot(np.asarray(costs).ravel())
    plt.ylabel("cost")
    plt.xlabel("iterations (per hundreds)")
    plt.title(f"Learning rate = {learning_rate}")
    plt.show()


def print_mislabeled_images(
    classes: Sequence[str | bytes] | NDArray[Any], X: NDArray[Any], y: NDArray[Any], p: NDArray[Any]
) -> None:
    """Draw the images whose prediction is wrong into the current Matplotlib figure.

    Parameters
    ----------
    classes : sequence of str or bytes
        The names of class 0 and class 1.
    X : ndarray, shape (side * side * 3, m)
        One flattened RGB image per column, of bytes or of floats in [0, 1].
    y, p : ndarray, shape (1, m)
        Labels and predictions, 0 or 1.

    Raises
    ------
    ImportError
        If Matplotlib is not installed.
    ValueError
        If a column of ``X`` is not a square RGB image, or the numbers of examples differ: ``X has 3 examples,
        y 2, p 2; they should agree``.

    Notes
    -----
    Unlike the course's function, it does not change Matplotlib's settings.
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.
    """
    with needs("plot", "print_mislabeled_images"):
        import matplotlib.pyplot as plt
    side = math.isqrt(X.shape[0] // 3)
    if side * side * 3 != X.shape[0]:
        raise ValueError(
            f"X has {X.shape[0]} rows; a square RGB image has side * side * 3 (12288 for 64 x 64)"
        )
    labels, predictions = np.ravel(y).astype(int), np.ravel(p).astype(int)
    if not len(labels) == len(predictions) == X.shape[1]:
        sizes = f"X has {X.shape[1]} examples, y {len(labels)}, p {len(predictions)}"
        raise ValueError(f"{sizes}; they should agree")
    wrong = np.flatnonzero(labels != predictions)
    if not len(wrong):
        return
    figure = plt.gcf()
    figure.set_size_inches(max(2.0 * len(wrong), 4.0), 4.0)
    for place, index in enumerate(wrong, start=1):
        axes = figure.add_subplot(2, len(wrong), place)
        axes.imshow(X[:, index].reshape(side, side, 3), interpolation="nearest")
        axes.axis("off")
        names = [_text(classes[labels_[index]]) for labels_ in (predictions, labels)]
        axes.set_title(f"Prediction: {names[0]}\nClass: {names[1]}", parse_math=False)


def plot_decision_boundary(model: Callable[[NDArray[Any]], Any], X: NDArray[Any], y: NDArray[Any]) -> None:
    """Colour the plane by a model's predictions, draw the examples on it, and show it.

    Parameters
    ----------
    model : callable
        Takes points, one per row, float64 (k, 2), and returns k predictions, in any shape:
        ``lambda x: predict_dec(parameters, x.T)``.
    X : ndarray, shape (2, m)
        The examples.
    y : ndarray of m labels
        Their colours.

    Raises
    ------
    ImportError
        If Matplotlib is not installed.
    ValueError
        If X does not have two rows, or the number of labels or predictions differs from the number of points:
        ``X has shape (3, 2), but a plane has two features: must be (2, m)``.

    Notes
    -----
    Draws into the current axes, whose limits may be set before. Points lie 0.01 apart, as in the course, or
    further apart if a side would have more than 1000 of them.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.
    """
    with needs("plot", "plot_decision_boundary"):
        import matplotlib.pyplot as plt
    if X.ndim != 2 or X.shape[0] != 2:
        raise ValueError(f"X has shape {X.shape}, but a plane has two features: must be (2, m)")
    labels = np.ravel(y)
    if len(labels) != X.shape[1]:
        raise ValueError(f"X has {X.shape[1]} examples, y {len(labels)}; they should agree")
    sides = [(float(x.min()) - 1, float(x.max()) + 1) for x in X]
    x1, x2 = np.meshgrid(*(np.arange(low, high, max(0.01, (high - low) / 1000)) for low, high in sides))
    predictions = np.asarray(model(np.column_stack([x1.ravel(), x2.ravel()])), dtype=np.float64)
    if predictions.size != x1.size:
        raise ValueError(f"model returned {predictions.size} predictions for {x1.size} points")
    if predictions.min() < predictions.max():  # one colour has no contours
        plt.contourf(x1, x2, predictions.reshape(x1.shape), cmap="Spectral")
    plt.ylabel("x2")
    plt.xlabel("x1")
    plt.scatter(X[0], X[1], c=labels, cmap="Spectral")
    plt.show()


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
    figure.suptitle(title, parse_math=False, fontsize=12, color=_TEXT)
    halves = figure.add_gridspec(1, 2, width_ratios=(1, 1.35)) if len(images) else figure.add_gridspec(1, 1)
    axes = figure.add_subplot(halves[0])
    axes.plot(np.arange(1, len(costs) + 1), costs, color=_CURVE, linewidth=1.8)
    axes.set(xlabel=x_label, ylabel="cost", facecolor=_PAPER)
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
    with needs("plot", "saving a picture"):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    columns = min(max(len(images), 3), 8)
    rows = math.ceil(len(images) / columns)
    figure = Figure(figsize=(1.3 * columns, 1.5 * rows + 0.45), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, parse_math=False, fontsize=12, color=_TEXT)
    grid = figure.subplots(rows, columns, squeeze=False)
    _draw_grid(grid, images, titles, [False] * len(images))
    _save(figure, path)


def _draw_grid(
    grid: NDArray[Any], images: NDArray[Any], titles: Sequence[str], right: Sequence[bool]
) -> None:
    """Draw images with captions into axes."""
    places: list[Axes] = list(grid.flat)
    for axes in places:
        axes.axis("off")
    for axes, image, text, is_right in zip(places, images, titles, right, strict=False):
        axes.imshow(image, cmap="gray_r" if image.ndim == 2 else None, interpolation="nearest")
        colour = _RIGHT if is_right else _WRONG
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
    figure.get_layout_engine().set(w_pad=0.09, h_pad=0.07)
    picture = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a class named in a script the font lacks
        _fit_captions(figure)
        figure.savefig(picture, format="png", dpi=100)
    replace(path, [picture.getvalue()])


def _text(name: str | bytes) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
