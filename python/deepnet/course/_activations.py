"""The course's two pairs of activations: a whole array, or a single number."""

from __future__ import annotations

from typing import Any, overload

import numpy as np

from deepnet import _validation as check
from deepnet.activations import Array
from deepnet.backends import run

Number = float | np.floating[Any]


def _forward(Z: Any, name: str) -> Any:
    A = run("activation_forward", check.activation_forward, Z, name)
    return A if isinstance(Z, np.ndarray) else A[()]  # a number for a number, as NumPy's functions do


def _backward(dA: Any, Z: Any, name: str) -> Any:
    dZ = run("activation_backward", check.activation_backward, dA, Z, name)
    return dZ if isinstance(Z, np.ndarray) else dZ[()]


@overload
def sigmoid(Z: Array) -> tuple[Array, Array]: ...
@overload
def sigmoid(Z: Number) -> tuple[np.floating[Any], Number]: ...
def sigmoid(Z: Any) -> tuple[Any, Any]:
    """Sigmoid: A = 1 / (1 + exp(-Z)).

    Parameters
    ----------
    Z : ndarray of float32 or float64, any shape, or a float

    Returns
    -------
    A : ndarray, shape of Z; for a float a NumPy scalar
    cache : ndarray or float
        Z itself, for :func:`sigmoid_backward`.

    Raises
    ------
    TypeError
        If Z is not of floats, for example ``Z is int64, but must be float32 or float64:
        Z.astype(np.float64)``; an int counts as such, so 0.0 instead of 0.

    Notes
    -----
    No Z overflows. In float64 A is exactly 1 from Z = 37, in float32 from Z = 17.
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 2.

    Examples
    --------
    >>> A, cache = deepnet.sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    >>> A
    array([0. , 0.5, 1. ])
    >>> float(deepnet.sigmoid(0.0)[0])
    0.5
    """
    return _forward(Z, "sigmoid"), Z


@overload
def sigmoid_backward(dA: Array, cache: Array) -> Array: ...
@overload
def sigmoid_backward(dA: Number, cache: Number) -> np.floating[Any]: ...
def sigmoid_backward(dA: Any, cache: Any) -> Any:
    """Sigmoid, backward: dZ = dA * s (1 - s) with s = 1 / (1 + exp(-Z)).

    Parameters
    ----------
    dA : ndarray of float32 or float64, any shape, or a float
        Gradient of the cost with respect to A.
    cache : ndarray, shape and dtype of dA, or a float
        Z, from :func:`sigmoid`.

    Returns
    -------
    dZ : ndarray, shape of Z; for a float a NumPy scalar

    Raises
    ------
    ValueError
        If the shapes differ, for example ``dA has shape (1, 3), but must be (1, 4): the shape of Z, the
        cache``.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> deepnet.sigmoid_backward(np.array([4.0, 4.0]), np.array([0.0, 1000.0]))
    array([1., 0.])
    """
    return _backward(dA, cache, "sigmoid")


@overload
def relu(Z: Array) -> tuple[Array, Array]: ...
@overload
def relu(Z: Number) -> tuple[np.floating[Any], Number]: ...
def relu(Z: Any) -> tuple[Any, Any]:
    """Rectified linear unit: A = max(0, Z).

    Parameters
    ----------
    Z : ndarray of float32 or float64, any shape, or a float

    Returns
    -------
    A : ndarray, shape of Z; for a float a NumPy scalar
    cache : ndarray or float
        Z itself, for :func:`relu_backward`.

    Raises
    ------
    TypeError
        If Z is not of floats, for example ``Z is int64, but must be float32 or float64:
        Z.astype(np.float64)``; an int counts as such, so 0.0 instead of 0.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 3.

    Examples
    --------
    >>> A, cache = deepnet.relu(np.array([-2.0, 0.0, 3.0]))
    >>> A
    array([0., 0., 3.])
    """
    return _forward(Z, "relu"), Z


@overload
def relu_backward(dA: Array, cache: Array) -> Array: ...
@overload
def relu_backward(dA: Number, cache: Number) -> np.floating[Any]: ...
def relu_backward(dA: Any, cache: Any) -> Any:
    """Rectified linear unit, backward: dZ = dA where Z > 0, else 0 (also where Z is exactly 0).

    Parameters
    ----------
    dA : ndarray of float32 or float64, any shape, or a float
        Gradient of the cost with respect to A.
    cache : ndarray, shape and dtype of dA, or a float
        Z, from :func:`relu`.

    Returns
    -------
    dZ : ndarray, shape of Z; for a float a NumPy scalar

    Raises
    ------
    ValueError
        If the shapes differ, for example ``dA has shape (1, 3), but must be (1, 4): the shape of Z, the
        cache``.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> deepnet.relu_backward(np.array([5.0, 5.0, 5.0]), np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 5.])
    """
    return _backward(dA, cache, "relu")
