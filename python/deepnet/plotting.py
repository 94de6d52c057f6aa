"""Pictures: the course's three plotting functions, views of a model on data, and the demo's pictures.

The views take a model and data, and draw into the axes `ax` or the current ones, which they return. They show
nothing and save nothing: ``ax.figure.savefig("curves.png")`` or ``matplotlib.pyplot.show()`` does.

Matplotlib is imported when a picture is drawn, so importing deepnet is fast and works without it.
"""

import io
import math
import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepnet._extras import needs
from deepnet._files import replace
from deepnet._numbers import whole
from deepnet.activations import ACTIVATIONS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RIGHT, _WRONG, _CURVE, _TEXT, _PAPER = "#2a7f4f", "#c8322b", "#1f5fa8", "#333333", "#fbfbfa"
_SMALLEST = 6.0  # points, of a caption
_STYLES = ("-", ":", "-.", "--")  # of further curves
_MOST_COUNTS, _MOST_NAMES = 20, 40  # classes of a confusion matrix whose counts, and names, are written
_LONGEST_NAME = 18
_MOST_UNITS = 8  # that a legend names


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

    Notes
    -----
    Points lie 0.01 apart, as in the course, or further apart if a side would have more than 1000 of them.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.
    """
    with needs("plot", "plot_decision_boundary"):
        import matplotlib.pyplot as plt
    by_rows = not _is_network(model) and hasattr(model, "predict")
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
    if _is_network(model):
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
    axes = plt.gca() if ax is None else ax
    if predictions.min() < predictions.max():  # one colour has no contours
        axes.contourf(x1, x2, predictions.reshape(x1.shape), cmap="Spectral")
    axes.set_ylabel("x2")
    axes.set_xlabel("x1")
    axes.scatter(X[0], X[1], c=labels, cmap="Spectral")
    if ax is None:
        plt.show()
    return axes


# --- views of a model ---------------------------------------------------------------------------------------


def plot_learning_curves(model: Any, ax: "Axes | None" = None) -> "Axes":
    """Draw the loss of each epoch, and what validation found.

    Parameters
    ----------
    model : History, list of History, or fitted estimator of deepnet.sklearn
        Of several networks, all are drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw; the current axes by default.

    Returns
    -------
    ax : matplotlib.axes.Axes
        Validation losses are dashed, in the same axes. What is no loss, such as the accuracy of a history or
        the errors of an estimator, goes to a second y axis.

    Raises
    ------
    ImportError
        If Matplotlib is not installed.
    TypeError
        For a model without curves: ``model is a Network, but must be a History or a fitted estimator``.

    Examples
    --------
    >>> X, Y = np.array([[0.0, 1.0, 2.0, 3.0]]), np.array([0, 0, 1, 1])
    >>> net = deepnet.Network([1, 4, 1], seed=0)
    >>> history = net.fit(X, Y, epochs=5, seed=0, validation_data=(X, Y))
    >>> from matplotlib.figure import Figure
    >>> ax = plot_learning_curves(history, ax=Figure().add_subplot())
    >>> [line.get_label() for line in ax.lines]
    ['training', 'validation']
    """
    losses, validations, others = _curves(model)
    axes = _axes(ax, "plot_learning_curves")
    for i, loss in enumerate(losses):
        axes.plot(_epochs(loss), loss, color=_CURVE, linewidth=1.6, label=_first(i, "training"))
    for i, loss in enumerate(validations):
        axes.plot(
            _epochs(loss), loss, color=_WRONG, linewidth=1.6, linestyle="--", label=_first(i, "validation")
        )
    axes.set(xlabel="epoch", ylabel="loss")
    drawn = [axes]
    if others:
        drawn.append(axes.twinx())
        drawn[1].set_ylabel(", ".join(others))
        for (name, curves), style in zip(others.items(), _STYLES, strict=False):
            for i, curve in enumerate(curves):
                drawn[1].plot(
                    _epochs(curve), curve, color=_RIGHT, linewidth=1.2, linestyle=style, label=_first(i, name)
                )
    _legend(axes, *drawn)
    return axes


def plot_first_layer(
    model: Any, shape: Sequence[int] | None = None, ax: "Axes | None" = None, *, most: int = 36
) -> "Axes":
    """Draw the weights of the first units as images: what each unit looks for.

    Parameters
    ----------
    model : Network, or fitted MLPClassifier or MLPRegressor of deepnet.sklearn
    shape : sequence of int, optional
        Of the images, (h, w) or (h, w, 3); by default square, grey or else in colour.
    ax : matplotlib.axes.Axes, optional
        Where to draw; the current axes by default.
    most : int
        At most so many units.

    Returns
    -------
    ax : matplotlib.axes.Axes
        With one image that holds those of all units, row by row, one pixel apart. Each is scaled by itself:
        0 is the middle, and the largest weight in size an end of the colours.

    Raises
    ------
    ImportError
        If Matplotlib is not installed.
    ValueError
        If the inputs are no image of the shape: ``the network has 10 inputs, which are no square image: give
        its shape``.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = plot_first_layer(deepnet.Network([64, 16, 10], seed=0), ax=Figure().add_subplot())
    >>> ax.images[0].get_array().shape
    (35, 35)
    """
    net = _network(model)
    W = np.asarray(net.parameters["W1"], np.float64)[:most]
    size = _image_shape(W.shape[1], shape)
    largest = np.abs(W).max(axis=1, keepdims=True)
    tiles = (0.5 + 0.5 * W / np.where(largest > 0, largest, 1)).reshape(len(W), *size)
    h, w = size[:2]
    columns = math.ceil(math.sqrt(len(W)))
    rows = math.ceil(len(W) / columns)
    mosaic = np.ones((rows * (h + 1) - 1, columns * (w + 1) - 1, *size[2:]))
    for i, tile in enumerate(tiles):
        y, x = i // columns * (h + 1), i % columns * (w + 1)
        mosaic[y : y + h, x : x + w] = tile
    axes = _axes(ax, "plot_first_layer")
    axes.imshow(mosaic, cmap="RdBu_r", vmin=0, vmax=1, interpolation="nearest")
    axes.axis("off")
    axes.set_title(f"weights of {len(W)} of {net.layer_dims[1]} units of layer 1")
    return axes


def plot_confusion_matrix(model: Any, X: Any, y: Any, ax: "Axes | None" = None) -> "Axes":
    """Draw how often each class was taken for each.

    Parameters
    ----------
    model : Network, or classifier
        With outputs that are probabilities.
    X : ndarray, shape (n_0, m) for a Network, else rows
        The examples.
    y : array of m labels
        Class numbers or `class_names` of a Network; labels of a classifier.
    ax : matplotlib.axes.Axes, optional
        Where to draw; the current axes by default.

    Returns
    -------
    ax : matplotlib.axes.Axes
        One row per true class. The colour is the share of the row, the text the count.

    Raises
    ------
    ImportError
        If Matplotlib is not installed.
    ValueError
        For a label that the model does not know, ``y has 'cow', which is no class of the model: cat, dog``,
        or if the numbers of labels and examples differ.

    Examples
    --------
    >>> net = deepnet.Network.from_parameters({"W1": np.ones((1, 1)), "b1": np.zeros((1, 1))})
    >>> from matplotlib.figure import Figure
    >>> ax = plot_confusion_matrix(net, np.array([[-1.0, 2.0, 3.0]]), [0, 1, 0], ax=Figure().add_subplot())
    >>> [text.get_text() for text in ax.texts]
    ['1', '1', '0', '1']
    """
    names, p, labels = _classified(model, X, y)
    counts = np.zeros((len(names), len(names)), np.intp)
    np.add.at(counts, (labels, p.argmax(axis=1)), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes = _axes(ax, "plot_confusion_matrix")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(names) <= _MOST_COUNTS:
        for i, j in np.ndindex(*counts.shape):
            colour = "white" if shares[i, j] > 0.5 else _TEXT
            axes.text(j, i, str(counts[i, j]), ha="center", va="center", color=colour, fontsize=9)
    places = np.arange(len(names)) if len(names) <= _MOST_NAMES else np.array([], int)
    shown = [_shortened(names[i]) for i in places]
    tilt = 0 if max(map(len, shown), default=0) * len(shown) < 40 else 90
    axes.set_xticks(places, labels=shown, rotation=tilt, parse_math=False)
    axes.set_yticks(places, labels=shown, parse_math=False)
    axes.set(xlabel="predicted", ylabel="true")
    return axes


def plot_reliability(model: Any, X: Any, y: Any, ax: "Axes | None" = None, *, bins: int = 10) -> "Axes":
    """Draw how often predictions of some confidence are right: the reliability diagram.

    Parameters
    ----------
    model, X, y, ax
        As in :func:`plot_confusion_matrix`.
    bins : int
        The confidences, from 0 to 1, are put into so many bins of equal width.

    Returns
    -------
    ax : matplotlib.axes.Axes
        A point per bin with examples: the mean confidence in the predicted class, and the share that is
        right; its area grows with the number of examples. On the diagonal the two are the same. The title
        says by how much they differ on average (expected calibration error).

    Raises
    ------
    ImportError, ValueError
        As in :func:`plot_confusion_matrix`.

    Notes
    -----
    Source: M. P. Naeini, G. Cooper and M. Hauskrecht, *Obtaining well calibrated probabilities using Bayesian
    binning*, AAAI 2015.

    Examples
    --------
    >>> net = deepnet.Network([1, 1], initializer="zeros")  # says 0.5 always
    >>> from matplotlib.figure import Figure
    >>> ax = plot_reliability(net, np.zeros((1, 4)), [0, 0, 0, 1], ax=Figure().add_subplot())
    >>> ax.get_title()
    'calibration error 0.250'
    """
    _, p, labels = _classified(model, X, y)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == labels
    bins = whole("bins", bins, 1)
    places = np.minimum((confidence * bins).astype(np.intp), bins - 1)
    counts = np.bincount(places, minlength=bins)
    used = counts > 0
    stated = np.bincount(places, confidence, bins)[used] / counts[used]
    observed = np.bincount(places, right, bins)[used] / counts[used]
    error = float(np.sum(counts[used] * np.abs(stated - observed)) / len(labels))
    axes = _axes(ax, "plot_reliability")
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=1, linestyle=":")
    axes.plot(stated, observed, color=_CURVE, linewidth=1.2)
    axes.scatter(stated, observed, s=20 + 200 * counts[used] / len(labels), color=_CURVE)
    axes.set(xlabel="confidence", ylabel="share that is right", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.set_title(f"calibration error {error:.3f}")
    return axes


def plot_residuals(model: Any, X: Any, y: Any, ax: "Axes | None" = None) -> "Axes":
    """Draw the predictions of a regression against the true values.

    Parameters
    ----------
    model : Network with one output, or regressor
    X : ndarray, shape (1, m) for a Network, else rows
        The examples.
    y : array of m numbers
        The true values.
    ax : matplotlib.axes.Axes, optional
        Where to draw; the current axes by default.

    Returns
    -------
    ax : matplotlib.axes.Axes
        A point per example; its height above the diagonal is the residual.

    Raises
    ------
    ImportError
        If Matplotlib is not installed.
    ValueError
        If the numbers of predictions and values differ: ``the model made 3 predictions for 4 values of y``.

    Examples
    --------
    >>> parameters = {"W1": np.ones((1, 1)), "b1": np.zeros((1, 1))}
    >>> net = deepnet.Network.from_parameters(parameters, output="identity")
    >>> from matplotlib.figure import Figure
    >>> ax = plot_residuals(net, np.array([[1.0, 2.0]]), [1.0, 3.0], ax=Figure().add_subplot())
    >>> ax.collections[0].get_offsets().tolist()
    [[1.0, 1.0], [3.0, 2.0]]
    """
    predicted = np.asarray(model.predict(X), np.float64).ravel()
    true = np.asarray(y, np.float64).ravel()
    if len(predicted) != len(true):
        raise ValueError(f"the model made {len(predicted)} predictions for {len(true)} values of y")
    axes = _axes(ax, "plot_residuals")
    axes.scatter(true, predicted, s=12, alpha=0.5, color=_CURVE, linewidths=0)
    ends = [float(min(true.min(), predicted.min())), float(max(true.max(), predicted.max()))]
    axes.plot(ends, ends, color="#999999", linewidth=1, linestyle=":")
    rms = float(np.sqrt(np.mean((predicted - true) ** 2)))
    axes.set(xlabel="true", ylabel="predicted", title=f"root mean square of the residuals {rms:.4g}")
    return axes


def plot_activations(net: Any, X: Any, ax: "Axes | None" = None, *, bins: int = 50) -> "Axes":
    """Draw the histogram of each layer's activations, and name the units that are dead.

    Parameters
    ----------
    net : Network
    X : ndarray, shape (n_0, m)
        The examples.
    ax : matplotlib.axes.Axes, optional
        Where to draw; the current axes by default.
    bins : int
        Of the histogram; all layers have the same ones.

    Returns
    -------
    ax : matplotlib.axes.Axes
        A step curve for each layer: the share of its activations in each bin. The legend names the dead units
        of hidden layers, counted from 0: those with the same activation for all examples, such as 0 after
        relu. They tell the next layer nothing.

    Raises
    ------
    ImportError
        If Matplotlib is not installed.
    ValueError
        If X does not fit: ``X has shape (3, 5), but the network has 2 inputs: must be (2, m)``.

    Examples
    --------
    >>> net = deepnet.Network([1, 2, 1], seed=0)
    >>> net.parameters["W1"], net.parameters["b1"] = np.ones((2, 1)), np.array([[0.0], [-9.0]])
    >>> from matplotlib.figure import Figure
    >>> ax = plot_activations(net, np.array([[1.0, 2.0]]), ax=Figure().add_subplot())
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['layer 1, relu: 1 of 2 units is dead (1)', 'layer 2, sigmoid']
    """
    outputs = _layer_outputs(net, X)
    labels = []
    for number, (A, name) in enumerate(zip(outputs, net.activations, strict=True), start=1):
        dead = np.flatnonzero(A.max(axis=1) == A.min(axis=1)) if number < len(outputs) else np.array([], int)
        labels.append(f"layer {number}, {name}" + _named(dead, len(A), "dead"))
    axes = _axes(ax, "plot_activations")
    _draw_histograms(axes, outputs, labels, bins)
    axes.set(xlabel="activation", ylabel="share of the layer")
    return axes


def plot_gradients(net: Any, X: Any, Y: Any, ax: "Axes | None" = None, *, bins: int = 50) -> "Axes":
    """Draw the histogram of the sizes of each layer's gradients, and name the units that get none.

    Parameters
    ----------
    net : Network
    X, Y
        Examples, as in :meth:`deepnet.Network.loss_and_grads`.
    ax, bins
        As in :func:`plot_activations`.

    Returns
    -------
    ax : matplotlib.axes.Axes
        A step curve for each layer: the share of the gradients of its weights by the power of ten of their
        size; gradients of 0 are left out. The legend names the units, counted from 0, all of whose gradients
        are 0: they do not learn from these examples.

    Raises
    ------
    ImportError
        If Matplotlib is not installed.
    ValueError, TypeError
        As from :meth:`deepnet.Network.loss_and_grads`.

    Examples
    --------
    >>> net = deepnet.Network([1, 2, 1], seed=0)
    >>> net.parameters["W1"], net.parameters["b1"] = np.ones((2, 1)), np.array([[0.0], [-9.0]])
    >>> from matplotlib.figure import Figure
    >>> ax = plot_gradients(net, np.array([[1.0, 2.0]]), np.array([0, 1]), ax=Figure().add_subplot())
    >>> ax.get_legend().get_texts()[0].get_text()
    'layer 1: 1 of 2 units gets no gradient (1)'
    """
    grads = net.loss_and_grads(X, Y)[1]
    sizes, labels = [], []
    for number in range(1, len(net.activations) + 1):
        dW = np.abs(np.asarray(grads[f"dW{number}"], np.float64))
        unused = np.flatnonzero(~dW.any(axis=1))
        labels.append(f"layer {number}" + _named(unused, len(dW), None))
        sizes.append(np.log10(dW[dW > 0]))
    axes = _axes(ax, "plot_gradients")
    _draw_histograms(axes, sizes, labels, bins)
    axes.set(xlabel="log10 of the size of a gradient", ylabel="share of the layer")
    return axes


def _axes(ax: "Axes | None", purpose: str) -> "Axes":
    with needs("plot", purpose):
        import matplotlib.pyplot as plt
    return plt.gca() if ax is None else ax


def _is_network(model: Any) -> bool:
    return hasattr(model, "layer_dims") and hasattr(model, "parameters")


def _network(model: Any) -> Any:
    net = getattr(model, "network_", model)
    if not _is_network(net):
        raise TypeError(f"model is a {type(model).__name__}, but must be a Network or an estimator with one")
    return net


def _curves(model: Any) -> tuple[list[Any], list[Any], dict[str, list[Any]]]:
    """Return the losses, the validation losses, and other curves by name; each a list, one per network."""
    if hasattr(model, "loss_curves_"):  # of a table: the networks' own validation
        return model.loss_curves_, [], {"validation error": [e for e in model.validation_errors_ if len(e)]}
    if hasattr(model, "estimators_"):
        parts = [_curves(member) for member in model.estimators_]
        scores = [curve for part in parts for curve in part[2].get("validation score", [])]
        return [part[0][0] for part in parts], [], {"validation score": scores} if scores else {}
    if hasattr(model, "loss_curve_"):
        found = getattr(model, "validation_scores_", None)
        return [model.loss_curve_], [], {"validation score": [found]} if found else {}
    histories = model if isinstance(model, (list, tuple)) else [model]
    if not histories or not all(hasattr(history, "validation_metrics") for history in histories):
        raise TypeError(f"model is a {type(model).__name__}, but must be a History or a fitted estimator")
    others: dict[str, list[Any]] = {}
    for history in histories:
        for name, curve in history.curves().items():
            if name not in ("loss", "validation_loss"):
                others.setdefault(name.replace("_", " "), []).append(curve)
    validations = [history.validation_loss for history in histories if history.validation_loss]
    return [history.loss for history in histories], validations, others


def _epochs(curve: Any) -> NDArray[np.intp]:
    return np.arange(1, len(curve) + 1)


def _first(i: int, name: str) -> str:
    """The label of the first of several curves; the others are left out of the legend."""
    return name if i == 0 else "_" + name


def _legend(axes: "Axes", *drawn: "Axes") -> None:
    """Draw one legend for all that is in several axes, if there is something to tell apart."""
    lines = [line for each in drawn for line in each.lines if not str(line.get_label()).startswith("_")]
    if len(lines) > 1:
        axes.legend(lines, [str(line.get_label()) for line in lines], frameon=False, fontsize=8)


def _classified(model: Any, X: Any, y: Any) -> tuple[list[str], NDArray[Any], NDArray[np.intp]]:
    """Return the names of the classes, probabilities (m, classes), and the number of the class of each y."""
    labels = np.asarray(y).ravel()
    if _is_network(model):
        A = np.asarray(model.predict(X), np.float64)
        p = np.column_stack([1 - A[0], A[0]]) if len(A) == 1 else A.T
        known: list[Any] = list(range(p.shape[1]))
        names = list(getattr(model, "class_names", None) or map(str, known))
        if labels.dtype.kind not in "biuf":
            known = names
    else:
        p, known = np.asarray(model.predict_proba(X), np.float64), np.asarray(model.classes_).tolist()
        names = list(map(str, known))
    if len(labels) != len(p):
        raise ValueError(f"X has {len(p)} examples, y {len(labels)}; they should agree")
    numbers = {value: number for number, value in enumerate(known)}
    found = labels.tolist()
    strange = next((value for value in found if value not in numbers), None)
    if strange is not None:
        raise ValueError(f"y has {strange!r}, which is no class of the model: {', '.join(names[:10])}")
    return names, p, np.array([numbers[value] for value in found], np.intp)


def _image_shape(n: int, shape: Sequence[int] | None) -> tuple[int, ...]:
    if shape is not None:
        size = tuple(int(side) for side in shape)
        if math.prod(size) != n or len(size) not in (2, 3) or size[2:] not in ((), (3,)):
            raise ValueError(f"the network has {n} inputs, but shape is {size}: must be (h, w) or (h, w, 3)")
        return size
    for channels in ((), (3,)):
        side = math.isqrt(n // math.prod(channels))
        if side * side * math.prod(channels) == n:
            return side, side, *channels
    raise ValueError(f"the network has {n} inputs, which are no square image: give its shape")


def _layer_outputs(net: Any, X: Any) -> list[NDArray[Any]]:
    """Compute the activations of each layer, (n_l, m)."""
    A = np.asarray(X, net.dtype)
    if A.ndim != 2 or len(A) != net.layer_dims[0]:
        wanted = f"the network has {net.layer_dims[0]} inputs: must be ({net.layer_dims[0]}, m)"
        raise ValueError(f"X has shape {A.shape}, but {wanted}")
    A = A * net.dtype.type(net.input_scale)
    outputs = []
    for number, layer in enumerate(net.layers, start=1):
        g = ACTIVATIONS[layer.activation] if isinstance(layer.activation, str) else layer.activation
        A = g.forward(net.parameters[f"W{number}"] @ A + net.parameters[f"b{number}"])
        outputs.append(A)
    return outputs


def _named(units: NDArray[Any], count: int, state: str | None) -> str:
    """Say which units of a layer are dead, or, without a state, get no gradient."""
    if not len(units):
        return ""
    many = len(units) > 1
    says = f"{'are' if many else 'is'} {state}" if state else f"get{'' if many else 's'} no gradient"
    listed = ", ".join(map(str, units[:_MOST_UNITS])) + (", ..." if len(units) > _MOST_UNITS else "")
    return f": {len(units)} of {count} units {says} ({listed})"


def _draw_histograms(axes: "Axes", values: Sequence[NDArray[Any]], labels: Sequence[str], bins: int) -> None:
    everything = np.concatenate([part.ravel() for part in values])
    everything = everything[np.isfinite(everything)]
    low, high = (float(everything.min()), float(everything.max())) if len(everything) else (0.0, 1.0)
    bins = whole("bins", bins, 1)
    edges = np.linspace(low, high if high > low else low + 1, bins + 1)
    for i, (part, label) in enumerate(zip(values, labels, strict=True)):
        shares = np.histogram(part, edges)[0] / max(part.size, 1)
        axes.stairs(shares, edges, label=label, color=f"C{i % 10}", linewidth=1.4)
    axes.legend(frameon=False, fontsize=8)


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


# --- pictures in files --------------------------------------------------------------------------------------


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
    figure.suptitle(title, parse_math=False, fontsize=12, color=_TEXT)
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


def _text(name: str | bytes) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
