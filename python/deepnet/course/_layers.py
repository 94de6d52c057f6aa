"""One layer: its linear part and its activation, backward beside forward."""

# `run` returns what the backend returns, which mypy cannot know:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from deepnet import _validation as check
from deepnet.activations import Array
from deepnet.backends import run
from deepnet.caches import LayerCache, LinearCache


def sigmoid(Z: Array) -> tuple[Array, Array]:
    """Sigmoid: A = 1 / (1 + exp(-Z)).

    Parameters
    ----------
    Z : ndarray of float32 or float64, any shape

    Returns
    -------
    A : ndarray, shape of Z
    cache : ndarray
        Z itself, for :func:`sigmoid_backward`.

    Raises
    ------
    TypeError
        If Z is no float array, for example ``Z is int64, but must be float32 or float64:
        Z.astype(np.float64)``.

    Notes
    -----
    No Z overflows. In float64 A is exactly 1 from Z = 37, in float32 from Z = 17.
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 2.

    Examples
    --------
    >>> A, cache = deepnet.sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    >>> A
    array([0. , 0.5, 1. ])
    """
    return run("activation_forward", check.activation_forward, Z, "sigmoid"), Z


def sigmoid_backward(dA: Array, cache: Array) -> Array:
    """Sigmoid, backward: dZ = dA * s (1 - s) with s = 1 / (1 + exp(-Z)).

    Parameters
    ----------
    dA : ndarray of float32 or float64, any shape
        Gradient of the cost with respect to A.
    cache : ndarray, shape and dtype of dA
        Z, from :func:`sigmoid`.

    Returns
    -------
    dZ : ndarray, shape of Z

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
    return run("activation_backward", check.activation_backward, dA, cache, "sigmoid")


def relu(Z: Array) -> tuple[Array, Array]:
    """Rectified linear unit: A = max(0, Z).

    Parameters
    ----------
    Z : ndarray of float32 or float64, any shape

    Returns
    -------
    A : ndarray, shape of Z
    cache : ndarray
        Z itself, for :func:`relu_backward`.

    Raises
    ------
    TypeError
        If Z is no float array, for example ``Z is int64, but must be float32 or float64:
        Z.astype(np.float64)``.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 3.

    Examples
    --------
    >>> A, cache = deepnet.relu(np.array([-2.0, 0.0, 3.0]))
    >>> A
    array([0., 0., 3.])
    """
    return run("activation_forward", check.activation_forward, Z, "relu"), Z


def relu_backward(dA: Array, cache: Array) -> Array:
    """Rectified linear unit, backward: dZ = dA where Z > 0, else 0 (also where Z is exactly 0).

    Parameters
    ----------
    dA : ndarray of float32 or float64, any shape
        Gradient of the cost with respect to A.
    cache : ndarray, shape and dtype of dA
        Z, from :func:`relu`.

    Returns
    -------
    dZ : ndarray, shape of Z

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
    return run("activation_backward", check.activation_backward, dA, cache, "relu")


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


def linear_backward(dZ: Array, cache: LinearCache) -> tuple[Array, Array, Array]:
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


def linear_activation_forward(A_prev: Array, W: Array, b: Array, activation: str) -> tuple[Array, LayerCache]:
    """One layer: A = g(W A_prev + b).

    Parameters
    ----------
    A_prev : ndarray of float32 or float64, shape (n_prev, m)
        Activations of the layer before; one column per example.
    W : ndarray, shape (n, n_prev)
    b : ndarray, shape (n, 1)
    activation : str
        A name from :data:`deepnet.ACTIVATIONS`.

    Returns
    -------
    A : ndarray, shape (n, m)
    cache : LayerCache
        ((A_prev, W, b), Z), for :func:`linear_activation_backward`; remembers the activation.

    Raises
    ------
    ValueError
        If the shapes do not fit, for example ``W has 4 columns, but A_prev has 5 rows``, or the activation
        is unknown, for example ``unknown activation 'rlu': did you mean 'relu'? ...``.
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
    return run("linear_activation_forward", check.linear_activation_forward, A_prev, W, b, activation)


def linear_activation_backward(dA: Array, cache: LayerCache, activation: str) -> tuple[Array, Array, Array]:
    """One layer, backward: dZ = dA * g'(Z), then :func:`linear_backward`.

    Parameters
    ----------
    dA : ndarray of float32 or float64, shape (n, m)
        Gradient of the cost with respect to A.
    cache : tuple or list
        ((A_prev, W, b), Z), from :func:`linear_activation_forward`.
    activation : str
        A name from :data:`deepnet.ACTIVATIONS`.

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
    return run("linear_activation_backward", check.linear_activation_backward, dA, cache, activation)
