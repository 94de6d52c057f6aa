"""Views of a model: its training, its layers, and what it says of data."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deepnet._names import a
from deepnet._numbers import whole
from deepnet.layers import layer_outputs

from ._arguments import axes_for, check_predicts, is_network, network_of
from ._colours import CURVE, RIGHT, TEXT, WRONG

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STYLES = ("-", ":", "-.", "--")  # of further curves
_MOST_COUNTS, _MOST_NAMES = 20, 40  # classes of a confusion matrix whose counts, and names, are written
_LONGEST_NAME = 18
_MOST_UNITS = 8  # that a legend names


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
    axes = axes_for(ax, "plot_learning_curves")
    for i, loss in enumerate(losses):
        axes.plot(_epochs(loss), loss, color=CURVE, linewidth=1.6, label=_first(i, "training"))
    for i, loss in enumerate(validations):
        axes.plot(
            _epochs(loss), loss, color=WRONG, linewidth=1.6, linestyle="--", label=_first(i, "validation")
        )
    axes.set(xlabel="epoch", ylabel="loss")
    drawn = [axes]
    if others:
        drawn.append(axes.twinx())
        drawn[1].set_ylabel(", ".join(others))
        for (name, curves), style in zip(others.items(), _STYLES, strict=False):
            for i, curve in enumerate(curves):
                drawn[1].plot(
                    _epochs(curve), curve, color=RIGHT, linewidth=1.2, linestyle=style, label=_first(i, name)
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
    net = network_of("model", model)
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
    axes = axes_for(ax, "plot_first_layer")
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
    axes = axes_for(ax, "plot_confusion_matrix")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(names) <= _MOST_COUNTS:
        for i, j in np.ndindex(*counts.shape):
            colour = "white" if shares[i, j] > 0.5 else TEXT
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
    axes = axes_for(ax, "plot_reliability")
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=1, linestyle=":")
    axes.plot(stated, observed, color=CURVE, linewidth=1.2)
    axes.scatter(stated, observed, s=20 + 200 * counts[used] / len(labels), color=CURVE)
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
    check_predicts(model, "predict", "regressor")
    predicted = np.asarray(model.predict(X), np.float64).ravel()
    true = np.asarray(y, np.float64).ravel()
    if len(predicted) != len(true):
        raise ValueError(f"the model made {len(predicted)} predictions for {len(true)} values of y")
    axes = axes_for(ax, "plot_residuals")
    axes.scatter(true, predicted, s=12, alpha=0.5, color=CURVE, linewidths=0)
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
    net = network_of("net", net)
    outputs = _layer_outputs(net, X)
    labels = []
    for number, (A, name) in enumerate(zip(outputs, net.activations, strict=True), start=1):
        dead = np.flatnonzero(A.max(axis=1) == A.min(axis=1)) if number < len(outputs) else np.array([], int)
        labels.append(f"layer {number}, {name}" + _named(dead, len(A), "dead"))
    axes = axes_for(ax, "plot_activations")
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
    net = network_of("net", net)
    grads = net.loss_and_grads(X, Y)[1]
    sizes, labels = [], []
    for number in range(1, len(net.activations) + 1):
        dW = np.abs(np.asarray(grads[f"dW{number}"], np.float64))
        unused = np.flatnonzero(~dW.any(axis=1))
        labels.append(f"layer {number}" + _named(unused, len(dW), None))
        sizes.append(np.log10(dW[dW > 0]))
    axes = axes_for(ax, "plot_gradients")
    _draw_histograms(axes, sizes, labels, bins)
    axes.set(xlabel="log10 of the size of a gradient", ylabel="share of the layer")
    return axes


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
        raise TypeError(f"model is {a(model)}, but must be a History or a fitted estimator")
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
    check_predicts(model, "predict_proba", "classifier")
    labels = np.asarray(y).ravel()
    if is_network(model):
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
    return layer_outputs(net, A * net.dtype.type(net.input_scale))


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
