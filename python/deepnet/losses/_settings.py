"""Losses with other settings than those in the list: huber(delta=2.0) goes wherever "huber" does."""

from __future__ import annotations

from dataclasses import replace

from deepnet._numbers import real

from ._losses import LOSSES, Loss


def huber(delta: float = 1.0) -> Loss:
    """Make the Huber loss: quadratic within `delta`, beyond it linear.

    Parameters
    ----------
    delta : float
        Where the square ends; more than 0.

    Returns
    -------
    Loss
        For ``loss=``; the name "huber" is the one with delta 1.

    Raises
    ------
    ValueError
        For example ``delta is 0, but must be more than 0``.
    TypeError
        For example ``delta is '1', but must be a number``.

    Notes
    -----
    e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2), of e = A - Y; the mean over the outputs.
    Source: P. J. Huber, *Robust estimation of a location parameter*, Annals of Mathematical Statistics, 1964.

    Examples
    --------
    >>> net = deepnet.Network([2, 1], output="identity", initializer="zeros")
    >>> net.evaluate(np.ones((2, 3)), np.full(3, 5.0), loss=deepnet.losses.huber(2.0))
    8.0
    """
    return replace(LOSSES["huber"], parameter=real("delta", delta, above=0))


def quantile(q: float = 0.5) -> Loss:
    """Make the quantile loss: least where a share `q` of the targets lies below the prediction.

    Parameters
    ----------
    q : float
        Between 0 and 1; 0.5 is half of the absolute error, whose least is the median.

    Returns
    -------
    Loss
        For ``loss=``; the name "quantile" is the one with q 0.5.

    Raises
    ------
    ValueError
        For example ``q is 1, but must be between 0 and 1``.
    TypeError
        For example ``q is '0.9', but must be a number``.

    Notes
    -----
    q (Y - A) where Y > A, else (1 - q) (A - Y); the mean over the outputs.
    Source: R. Koenker and G. Bassett, *Regression quantiles*, Econometrica, 1978.

    Examples
    --------
    >>> net = deepnet.Network([2, 1], output="identity", initializer="zeros")
    >>> net.evaluate(np.ones((2, 3)), np.full(3, 8.0), loss=deepnet.losses.quantile(0.75))
    6.0
    """
    return replace(LOSSES["quantile"], parameter=real("q", q, "between 0 and 1", above=0, below=1))


def binary_cross_entropy(label_smoothing: float = 0.0) -> Loss:
    """Make the cross-entropy of a sigmoid output, with smoothed labels.

    Parameters
    ----------
    label_smoothing : float
        s: labels become Y (1 - s) + s / 2; from 0 to less than 1.

    Returns
    -------
    Loss
        For ``loss=``; the name "binary_cross_entropy" is the one with s 0.

    Raises
    ------
    ValueError
        For example ``label_smoothing is 1, but must be from 0 to less than 1``.
    TypeError
        For example ``label_smoothing is '0.1', but must be a number``.

    Notes
    -----
    -sum(Y log A + (1 - Y) log(1 - A)), from Z, so that no rounded A is in the logarithm; dZ = A - Y.
    Sources: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4; of the smoothing C. Szegedy
    et al., *Rethinking the Inception architecture*, CVPR 2016.

    Examples
    --------
    >>> net = deepnet.Network([2, 1], initializer="zeros")
    >>> _, grads = net.loss_and_grads(
    ...     np.ones((2, 3)), np.ones(3), loss=deepnet.losses.binary_cross_entropy(label_smoothing=0.5)
    ... )
    >>> grads["db1"]  # A - Y with Y = 0.75
    array([[-0.25]], dtype=float32)
    """
    return replace(LOSSES["binary_cross_entropy"], label_smoothing=label_smoothing)


def categorical_cross_entropy(label_smoothing: float = 0.0) -> Loss:
    """Make the cross-entropy of a softmax output for labels of one row per class, smoothed.

    Parameters
    ----------
    label_smoothing : float
        s: labels become Y (1 - s) + s / n_L; from 0 to less than 1.

    Returns
    -------
    Loss
        For ``loss=``; the name "categorical_cross_entropy" is the one with s 0.

    Raises
    ------
    ValueError
        For example ``label_smoothing is -0.1, but must be from 0 to less than 1``.
    TypeError
        For example ``label_smoothing is '0.1', but must be a number``.

    Notes
    -----
    -sum(Y log A), from Z; dZ = A - Y where the labels of an example sum to 1.
    Sources: J. S. Bridle, *Probabilistic interpretation of feedforward classification network outputs*, 1990;
    of the smoothing C. Szegedy et al., *Rethinking the Inception architecture*, CVPR 2016.

    Examples
    --------
    >>> net = deepnet.Network([2, 2], output="softmax", initializer="zeros")
    >>> loss = deepnet.losses.categorical_cross_entropy(label_smoothing=0.5)
    >>> _, grads = net.loss_and_grads(np.ones((2, 3)), np.eye(2)[:, [0, 0, 0]], loss=loss)
    >>> grads["db1"]  # A - Y with Y = 0.75 and 0.25
    array([[-0.25],
           [ 0.25]], dtype=float32)
    """
    return replace(LOSSES["categorical_cross_entropy"], label_smoothing=label_smoothing)


def sparse_categorical_cross_entropy(label_smoothing: float = 0.0) -> Loss:
    """Make the cross-entropy of a softmax output for labels that are numbers of classes, smoothed.

    Parameters
    ----------
    label_smoothing : float
        s: the class of an example counts 1 - s + s / n_L, every other s / n_L; from 0 to less than 1.

    Returns
    -------
    Loss
        For ``loss=``; the name "sparse_categorical_cross_entropy" is the one with s 0.

    Raises
    ------
    ValueError
        For example ``label_smoothing is 1, but must be from 0 to less than 1``.
    TypeError
        For example ``label_smoothing is '0.1', but must be a number``.

    Notes
    -----
    -log A of the class, from Z; dZ = A - (1 for the class, else 0).
    Sources: those of :func:`categorical_cross_entropy`.

    Examples
    --------
    >>> net = deepnet.Network([2, 2], output="softmax", initializer="zeros")
    >>> loss = deepnet.losses.sparse_categorical_cross_entropy(label_smoothing=0.5)
    >>> net.loss_and_grads(np.ones((2, 3)), np.zeros(3, int), loss=loss)[1]["db1"]
    array([[-0.25],
           [ 0.25]], dtype=float32)
    """
    return replace(LOSSES["sparse_categorical_cross_entropy"], label_smoothing=label_smoothing)
