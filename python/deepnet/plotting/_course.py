"""The pictures of the course: costs, mistakes of a classifier, and how a model divides the plane."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepnet._extras import needs
from deepnet._names import a

from ._arguments import axes_for, check_predicts, is_network

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    TypeError
        If the costs are no numbers: ``costs is a str, but must be a sequence of numbers``.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.
    """
    with needs("plot", "plot_costs"):
        import matplotlib.pyplot as plt
    curve = np.asarray(costs)
    if curve.dtype.kind not in "biuf":
        raise TypeError(f"costs is {a(costs)}, but must be a sequence of numbers")
    plt.plot(curve.ravel())
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
    X = np.asarray(X)
    if X.ndim != 2 or X.dtype.kind not in "biuf":
        raise TypeError(f"X has shape {X.shape} and dtype {X.dtype}, but must hold numbers, (n_x, m)")
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


def plot_decision_boundary(model: Any, X: Any, y: Any, ax: "Axes | None" = None) -> "Axes":
    """Colour the plane by a model's predictions and draw the examples on it.

    Parameters
    ----------
    model : callable, Network or estimator
        A callable takes points, one per row, float64 (k, 2), and returns k predictions, in any shape:
        ``lambda x: predict_dec(parameters, x.T)``. Of a Network with one output, a point has the class
        ``output > 0.5``; of one with several, that of the largest.
    X : ndarray, shape (2, m), or (m, 2) for an estimator
        The examples.
    y : ndarray of m labels
        Their colours.
    ax : matplotlib.axes.Axes, optional
        Where to draw. Without it the function does as in the course: it draws into the current axes, whose
        limits may be set before, and shows the figure.

    Returns
    -------
    ax : matplotlib.axes.Axes

    Raises
    ------
    ImportError
        If Matplotlib is not installed.
    ValueError
        If X does not have two features, or the number of labels or predictions differs from the number of
        points: ``X has shape (3, 2), but a plane has two features: must be (2, m)``.
    TypeError
        If the model is none, or `ax` are no axes.

    Notes
    -----
    Points lie 0.01 apart, as in the course, or further apart if a side would have more than 1000 of them.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.
    """
    if not callable(model):
        check_predicts(model, "predict", "estimator")
    by_rows = not is_network(model) and hasattr(model, "predict")
    X = np.asarray(X).T if by_rows else np.asarray(X)
    if X.ndim != 2 or X.shape[0] != 2:
        shape, wanted = (X.shape[::-1], "(m, 2)") if by_rows else (X.shape, "(2, m)")
        raise ValueError(f"X has shape {shape}, but a plane has two features: must be {wanted}")
    labels = np.ravel(y)
    if len(labels) != X.shape[1]:
        raise ValueError(f"X has {X.shape[1]} examples, y {len(labels)}; they should agree")
    sides = [(float(x.min()) - 1, float(x.max()) + 1) for x in X]
    x1, x2 = np.meshgrid(*(np.arange(low, high, max(0.01, (high - low) / 1000)) for low, high in sides))
    points = np.column_stack([x1.ravel(), x2.ravel()])
    if is_network(model):
        A = model.predict(points.T)
        answers = A[0] > 0.5 if len(A) == 1 else A.argmax(axis=0)
    else:
        answers = model.predict(points) if by_rows else model(points)
    numbers = np.asarray(answers)
    if by_rows and numbers.dtype.kind not in "biuf":  # names of classes
        known = np.unique(np.concatenate([numbers.ravel(), labels]))
        numbers, labels = np.searchsorted(known, numbers), np.searchsorted(known, labels)
    predictions = numbers.astype(np.float64)
    if predictions.size != x1.size:
        raise ValueError(f"model returned {predictions.size} predictions for {x1.size} points")
    axes = axes_for(ax, "plot_decision_boundary")
    if predictions.min() < predictions.max():  # one colour has no contours
        axes.contourf(x1, x2, predictions.reshape(x1.shape), cmap="Spectral")
    axes.set_ylabel("x2")
    axes.set_xlabel("x1")
    axes.scatter(X[0], X[1], c=labels, cmap="Spectral")
    if ax is None:
        import matplotlib.pyplot as plt

        plt.show()
    return axes


def _text(name: str | bytes) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
