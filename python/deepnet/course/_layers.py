"""One layer: its linear part, alone and with its activation, backward beside forward."""

# `run` returns what the backend returns, which mypy cannot know:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from deepnet import _validation as check
from deepnet.activations import AnyActivation, Array
from deepnet.backends import run
from deepnet.caches import AnyLayerCache, AnyLinearCache, LayerCache, LinearCache

from . import _own


def linear_forward(A: Array, W: Array, b: Array) -> tuple[Array, LinearCache]:
    """Linear part of a layer: Z = W A + b.

    Parameters
    ----------
    A : ndarray of float32 or float64, shape (n_prev, m)
        Activations of the layer before; one column per example.
    W : ndarray, shape (n, n_prev)
    b : ndarray, shape (n, 1)

    Returns
    -------
    Z : ndarray, shape (n, m)
    cache : tuple
        (A, W, b), for :func:`linear_backward`.

    Raises
    ------
    ValueError
        If the shapes do not fit, for example ``W has 4 columns, but A has 5 rows``.
    TypeError
        If the arrays mix float32 and float64, or are of another dtype.

    Notes
    -----
    2 m n n_prev floating-point operations.
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> Z, cache = deepnet.linear_forward(np.ones((3, 2)), np.ones((1, 3)), np.ones((1, 1)))
    >>> Z
    array([[4., 4.]])
    """
    return run("linear_forward", check.linear_forward, A, W, b), (A, W, b)


def linear_backward(dZ: Array, cache: AnyLinearCache) -> tuple[Array, Array, Array]:
    """Linear part, backward: dW = dZ A_prev^T / m, db = (row sums of dZ) / m, dA_prev = W^T dZ.

    Parameters
    ----------
    dZ : ndarray of float32 or float64, shape (n, m)
        Gradient of the cost with respect to Z.
    cache : tuple or list
        (A_prev, W, b), from :func:`linear_forward`.

    Returns
    -------
    dA_prev : ndarray, shape (n_prev, m)
    dW : ndarray, shape (n, n_prev)
    db : ndarray, shape (n, 1)

    Raises
    ------
    ValueError
        If the shapes do not fit, for example ``dZ has shape (4, 3), but must be (3, 4): (rows of W,
        columns of A_prev); transposed?``.
    TypeError
        If the arrays mix float32 and float64, or are of another dtype.

    Notes
    -----
    1/m belongs to dW and db alone: the gradients of a unit's own parameters are means over the examples.
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> cache = np.ones((3, 2)), np.ones((1, 3)), np.ones((1, 1))
    >>> dA_prev, dW, db = deepnet.linear_backward(np.ones((1, 2)), cache)
    >>> dA_prev.shape, dW, db
    ((3, 2), array([[1., 1., 1.]]), array([[1.]]))
    """
    return run("linear_backward", check.linear_backward, dZ, *check.linear_cache(cache))


def linear_activation_forward(
    A_prev: Array, W: Array, b: Array, activation: AnyActivation
) -> tuple[Array, LayerCache]:
    """One layer: A = g(W A_prev + b).

    Parameters
    ----------
    A_prev : ndarray of float32 or float64, shape (n_prev, m)
        Activations of the layer before; one column per example.
    W : ndarray, shape (n, n_prev)
    b : ndarray, shape (n, 1)
    activation : str or Activation
        A name from :data:`deepnet.ACTIVATIONS`, or your own :class:`deepnet.Activation`.

    Returns
    -------
    A : ndarray, shape (n, m)
    cache : LayerCache
        ((A_prev, W, b), Z), for :func:`linear_activation_backward`; remembers the activation.

    Raises
    ------
    ValueError
        If the shapes do not fit, for example ``W has 4 columns, but A_prev has 5 rows``, or the activation
        is unknown, for example ``unknown activation 'rlu': did you mean 'relu'? ...``, or your own returns
        another shape.
    TypeError
        If the arrays mix float32 and float64, or are of another dtype.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> A_prev, W, b = np.ones((3, 2)), np.ones((1, 3)), np.ones((1, 1))
    >>> A, cache = deepnet.linear_activation_forward(A_prev, W, b, "relu")
    >>> A, cache.activation
    (array([[4., 4.]]), 'relu')
    """
    if _own.is_own(activation):
        return _own.linear_activation_forward(
            *check.linear_activation_forward(A_prev, W, b, activation).values()
        )
    return run("linear_activation_forward", check.linear_activation_forward, A_prev, W, b, activation)


def linear_activation_backward(
    dA: Array, cache: AnyLayerCache, activation: AnyActivation
) -> tuple[Array, Array, Array]:
    """One layer, backward: dZ = dA * g'(Z), then :func:`linear_backward`.

    Parameters
    ----------
    dA : ndarray of float32 or float64, shape (n, m)
        Gradient of the cost with respect to A.
    cache : tuple or list
        ((A_prev, W, b), Z), from :func:`linear_activation_forward`.
    activation : str or Activation
        A name from :data:`deepnet.ACTIVATIONS`, or your own :class:`deepnet.Activation`.

    Returns
    -------
    dA_prev : ndarray, shape (n_prev, m)
    dW : ndarray, shape (n, n_prev)
    db : ndarray, shape (n, 1)

    Raises
    ------
    ValueError
        If the shapes do not fit, for example ``dA has shape (1, 3), but must be (1, 4): the shape of Z``,
        or the activation is unknown.
    TypeError
        If the arrays mix float32 and float64, or are of another dtype.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> A_prev, W, b = np.ones((3, 2)), np.ones((1, 3)), np.ones((1, 1))
    >>> A, cache = deepnet.linear_activation_forward(A_prev, W, b, "relu")
    >>> dA_prev, dW, db = deepnet.linear_activation_backward(np.ones((1, 2)), cache, "relu")
    >>> dW
    array([[1., 1., 1.]])
    """
    if _own.is_own(activation):
        return _own.linear_activation_backward(
            *check.linear_activation_backward(dA, cache, activation).values()
        )
    return run("linear_activation_backward", check.linear_activation_backward, dA, cache, activation)
