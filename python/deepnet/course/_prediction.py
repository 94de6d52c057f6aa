"""What the three-layer networks of the second course answer: labels, and the activations as bare arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepnet import _validation as check
from deepnet.activations import Array
from deepnet.caches import Parameters

from ._activations import relu as relu_and_cache
from ._activations import sigmoid as sigmoid_and_cache
from ._three_layers import forward_propagation


def sigmoid(x: Any) -> Any:
    """Sigmoid, 1 / (1 + exp(-x)), without a cache.

    Parameters
    ----------
    x : ndarray of float32 or float64, any shape, or a float

    Returns
    -------
    s : ndarray, shape of x; for a float a NumPy scalar

    Raises
    ------
    TypeError
        If x is not of floats, for example ``Z is int64, but must be float32 or float64:
        Z.astype(np.float64)``.

    Notes
    -----
    :func:`deepnet.sigmoid`, that of the first course, returns ``(A, cache)``.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    return sigmoid_and_cache(x)[0]


def relu(x: Any) -> Any:
    """Rectified linear unit, max(0, x), without a cache.

    Parameters
    ----------
    x : ndarray of float32 or float64, any shape, or a float

    Returns
    -------
    s : ndarray, shape of x; for a float a NumPy scalar

    Raises
    ------
    TypeError
        If x is not of floats, for example ``Z is int64, but must be float32 or float64:
        Z.astype(np.float64)``.

    Notes
    -----
    :func:`deepnet.relu`, that of the first course, returns ``(A, cache)``.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> relu(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """
    return relu_and_cache(x)[0]


def predict(X: Array, y: Array, parameters: Parameters) -> Array:
    """Predict 1 where a3 > 0.5, else 0, and print the accuracy.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        One column per example.
    y : ndarray of bool, integers or floats, shape (1, m)
        Labels; also (m,) or (m, 1).
    parameters : dict of ndarray
        ``W1``, ``b1``, ..., ``b3`` of a trained network.

    Returns
    -------
    p : ndarray of int, shape (1, m)

    Raises
    ------
    ValueError
        If shapes do not fit, for example ``W1 has 4 columns, but X has 5 rows``.
    TypeError
        If arrays mix float32 and float64, or are of another dtype.

    Notes
    -----
    Prints the mean of p == y. (The course's own function asks for ``np.int``, which NumPy no longer has.)
    :func:`deepnet.predict`, that of the first course, is for any depth and returns floats.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> one = np.array([[1.0]])
    >>> parameters = {f"{kind}{l}": one if kind == "W" else 0 * one for l in (1, 2, 3) for kind in "Wb"}
    >>> predict(np.array([[-2.0, 3.0]]), np.array([[0, 0]]), parameters)
    Accuracy: 0.5
    array([[0, 1]])
    """
    a3, _ = forward_propagation(X, parameters)
    y = check.predicted_labels(y, a3)
    p: Array = (a3 > 0.5).astype(int)
    print("Accuracy: " + str(np.mean(p == y)))
    return p


def predict_dec(parameters: Parameters, X: Array) -> Array:
    """Predict True where a3 > 0.5: what `plot_decision_boundary` asks for. The parameters come first.

    Parameters
    ----------
    parameters : dict of ndarray
        ``W1``, ``b1``, ..., ``b3`` of a trained network.
    X : ndarray of float32 or float64, shape (n_x, m)
        One column per example.

    Returns
    -------
    predictions : ndarray of bool, shape (1, m)

    Raises
    ------
    ValueError
        If shapes do not fit, for example ``W1 has 4 columns, but X has 5 rows``.
    TypeError
        If arrays mix float32 and float64, or are of another dtype, or the arguments change places.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> one = np.array([[1.0]])
    >>> parameters = {f"{kind}{l}": one if kind == "W" else 0 * one for l in (1, 2, 3) for kind in "Wb"}
    >>> predict_dec(parameters, np.array([[-2.0, 3.0]]))
    array([[False,  True]])
    """
    if isinstance(X, dict):
        raise TypeError(
            "X is a dict, but must be a NumPy array: it is predict_dec(parameters, X), in this order"
        )
    predictions: Array = forward_propagation(X, parameters)[0] > 0.5
    return predictions
