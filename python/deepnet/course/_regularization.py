"""The two regularisations of week 1: weights kept small, and units dropped at random."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepnet import _validation as check
from deepnet._numbers import real
from deepnet._validation.structures import network_parameters
from deepnet.activations import Array
from deepnet.caches import Parameters, Real, Whole

from ._layers import linear_activation_forward
from ._random import seeded
from ._three_layers import CACHE_14, Cache, backward, cross_entropy, dropped, has_three_layers


def compute_cost_with_regularization(A3: Array, Y: Array, parameters: Parameters, lambd: Real) -> Any:
    """Cross-entropy cost plus lambd / (2m) times the sum of the squares of all weights.

    Parameters
    ----------
    A3 : ndarray of float32 or float64, shape (n_3, m)
        Probabilities in [0, 1].
    Y : ndarray of bool, integers or floats, shape (n_3, m)
        Labels in [0, 1]; for one output unit also (m,) or (m, 1).
    parameters : dict of ndarray
        ``W1..WL`` and ``b1..bL``; biases are not regularised.
    lambd : float
        0 or more; the course spells it so because ``lambda`` is a word of Python.

    Returns
    -------
    cost : NumPy scalar in the dtype of A3

    Raises
    ------
    ValueError
        If shapes do not fit, or a number is out of range, for example ``lambd is -1, but must be 0 or more``.
    TypeError
        If an array is not float32 or float64.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> parameters = {"W1": np.array([[3.0, 4.0]]), "b1": np.array([[7.0]])}
    >>> cost = compute_cost_with_regularization(np.array([[1.0, 0.0]]), np.array([[1, 0]]), parameters, 0.1)
    >>> print(cost)
    0.625
    """
    lambd = real("lambd", lambd, low=0)
    cost = cross_entropy("A3", A3, Y)
    weights = [W for key, W in network_parameters(parameters).items() if key.startswith("W")]
    squares = sum(np.sum(np.square(W), dtype=np.float64) for W in weights)
    return A3.dtype.type(cost + lambd / (2 * A3.shape[1]) * squares)


def backward_propagation_with_regularization(X: Array, Y: Array, cache: Cache, lambd: Real) -> Parameters:
    """Backward propagation of the regularised cost: dW_l gets lambd / m W_l besides.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        The input that `forward_propagation` was given.
    Y : ndarray of bool, integers or floats, shape (n_3, m)
        Labels in [0, 1]; for one output unit also (m,) or (m, 1).
    cache : tuple of 12 ndarray
        From `forward_propagation`.
    lambd : float
        0 or more.

    Returns
    -------
    gradients : dict of ndarray
        ``dZ3, dW3, db3, dA2, dZ2, dW2, db2, dA1, dZ1, dW1, db1``.

    Raises
    ------
    ValueError
        If shapes do not fit, for example ``cache, layer 1: W has 4 columns, but X has 5 rows``.
    TypeError
        If arrays mix float32 and float64, or are of another dtype.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> from deepnet.course.reg_utils import backward_propagation, forward_propagation, initialize_parameters
    >>> X, Y, parameters = np.array([[1.0, -2.0]]), np.array([[1, 0]]), initialize_parameters([1, 3, 2, 1])
    >>> a3, cache = forward_propagation(X, parameters)
    >>> plain = backward_propagation(X, Y, cache)
    >>> regularized = backward_propagation_with_regularization(X, Y, cache, lambd=0.7)
    >>> bool(np.allclose(regularized["dW1"], plain["dW1"] + 0.7 / 2 * parameters["W1"]))
    True
    """
    lambd = real("lambd", lambd, low=0)
    gradients = backward(X, Y, cache)
    for layer in (1, 2, 3):
        gradients[f"dW{layer}"] += lambd / X.shape[1] * cache[4 * layer - 2]
    return gradients


def forward_propagation_with_dropout(
    X: Array, parameters: Parameters, keep_prob: Real = 0.5, *, seed: Whole | None = 1
) -> tuple[Array, Cache]:
    """Forward propagation that drops units of both hidden layers, each with probability 1 - keep_prob.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        One column per example.
    parameters : dict of ndarray
        ``W1``, ``b1``, ..., ``W3``, ``b3``, same dtype as X.
    keep_prob : float
        Above 0, and 1 or less. What is kept is divided by it, so that the mean stays.
    seed : int or None
        For the same draws as ``np.random.seed(seed)``, leaving NumPy's global state alone; None: unseeded.

    Returns
    -------
    A3 : ndarray, shape (n_3, m)
    cache : tuple of 14 ndarray
        ``(Z1, D1, A1, W1, b1, Z2, D2, A2, W2, b2, Z3, A3, W3, b3)``: D is 0 where a unit is dropped for an
        example, else 1; A1 and A2 are those after it.

    Raises
    ------
    ValueError
        If shapes do not chain, or for example ``keep_prob is 0, but must be more than 0, up to 1``.
    TypeError
        If arrays mix float32 and float64, or are of another dtype.

    Notes
    -----
    A_l = relu(Z_l) * D_l / keep_prob. The course seeds each call with 1, so a training run drops the same
    units for the same examples in every iteration; other seeds or None change that.

    Source: N. Srivastava et al., *Dropout*, JMLR 15, 2014; A. Ng, deeplearning.ai, *Improving Deep Neural
    Networks*, week 1.

    Examples
    --------
    >>> parameters = deepnet.initialize_parameters_deep([2, 4, 3, 1])
    >>> A3, cache = forward_propagation_with_dropout(np.ones((2, 5)), parameters, keep_prob=0.7)
    >>> len(cache), cache[1]
    (14, array([[1, 0, 1, 1, 1],
           [1, 1, 1, 1, 1],
           [1, 1, 1, 0, 1],
           [1, 1, 1, 1, 1]]))
    """
    keep_prob = real("keep_prob", keep_prob, above=0, high=1)
    has_three_layers(parameters, "forward_propagation_with_dropout")
    random = seeded(seed)
    A, cache = X, list[Array]()
    try:
        for layer in (1, 2, 3):
            W, b = parameters[f"W{layer}"], parameters[f"b{layer}"]
            A, (_, Z) = linear_activation_forward(A, W, b, "relu" if layer < 3 else "sigmoid")
            cache.append(Z)
            if layer < 3:
                D = (random.rand(*A.shape) < keep_prob).astype(int)
                A = dropped(A, D, keep_prob)
                cache.append(D)
            cache += [A, W, b]
    except (KeyError, TypeError, ValueError):
        check.L_model_forward(X, parameters, "relu", None)  # says which layer it was
        raise
    return A, tuple(cache)


def backward_propagation_with_dropout(X: Array, Y: Array, cache: Cache, keep_prob: Real) -> Parameters:
    """Backward propagation through the units that `forward_propagation_with_dropout` kept.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        The input that the forward pass was given.
    Y : ndarray of bool, integers or floats, shape (n_3, m)
        Labels in [0, 1]; for one output unit also (m,) or (m, 1).
    cache : tuple of 14 ndarray
        From `forward_propagation_with_dropout`; D1 and D2 may be of bool, integers or floats.
    keep_prob : float
        That of the forward pass.

    Returns
    -------
    gradients : dict of ndarray
        ``dZ3, dW3, db3, dA2, dZ2, dW2, db2, dA1, dZ1, dW1, db1``; dA2 and dA1 as they are after the mask.

    Raises
    ------
    ValueError
        If shapes do not fit, for example ``cache: D1 has shape (4, 3), but must be (4, 5): (rows of W1,
        columns of X)``.
    TypeError
        If arrays mix float32 and float64, or are of another dtype.

    Notes
    -----
    ``dA_l = W_{l+1}^T dZ_{l+1} * D_l / keep_prob``.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> X, parameters = np.ones((2, 5)), deepnet.initialize_parameters_deep([2, 4, 3, 1])
    >>> A3, cache = forward_propagation_with_dropout(X, parameters, keep_prob=0.7)
    >>> gradients = backward_propagation_with_dropout(X, np.array([[1, 0, 1, 1, 0]]), cache, keep_prob=0.7)
    >>> bool(np.all(gradients["dA1"][cache[1] == 0] == 0))
    True
    """
    keep_prob = real("keep_prob", keep_prob, above=0, high=1)
    return backward(X, Y, cache, form=CACHE_14, keep_prob=keep_prob)
