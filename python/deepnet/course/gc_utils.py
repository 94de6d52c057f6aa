"""Gradient Checking, week 1 of *Improving Deep Neural Networks*: one import for `gc_utils` and its notebook.

`forward_propagation` and `backward_propagation` are those of one number here; the three layers end in ``_n``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from deepnet._numbers import real
from deepnet._validation.arrays import matrix, one_dtype, shaped
from deepnet.activations import Array
from deepnet.caches import Parameters, Real

from ._one_number import backward_propagation, forward_propagation, gradient_check, relative_difference, say
from ._prediction import relu, sigmoid
from ._three_layers import Cache, backward, cross_entropy, has_three_layers
from ._three_layers import forward_propagation as three_layers_forward
from ._vectors import dictionary_to_vector, gradients_to_vector, vector_to_dictionary
from ._versions import find_version

__all__ = [
    "backward_propagation",
    "backward_propagation_n",
    "dictionary_to_vector",
    "forward_propagation",
    "forward_propagation_n",
    "gradient_check",
    "gradient_check_n",
    "gradients_to_vector",
    "relu",
    "sigmoid",
    "vector_to_dictionary",
]

HANDED_OUT = "handed out"


def forward_propagation_n(X: Array, Y: Array, parameters: Parameters) -> tuple[Any, Cache]:
    """Forward propagation through the three layers, and the cost.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        One column per example.
    Y : ndarray of bool, integers or floats, shape (1, m), (m,) or (m, 1)
        Labels in [0, 1].
    parameters : dict of ndarray
        ``W1``, ``b1``, ..., ``W3``, ``b3``, same dtype as X; in the notebook those of a 4-5-3-1 network.

    Returns
    -------
    cost : NumPy scalar
        The mean cross-entropy.
    cache : tuple of 12 ndarray
        ``(Z1, A1, W1, b1, Z2, A2, W2, b2, Z3, A3, W3, b3)``.

    Raises
    ------
    ValueError
        If shapes do not fit, for example ``W1 has 4 columns, but X has 5 rows``.
    TypeError
        If arrays mix float32 and float64, or are of another dtype.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> parameters = deepnet.initialize_parameters_deep([4, 5, 3, 1])
    >>> cost, cache = forward_propagation_n(np.ones((4, 3)), np.array([1, 1, 0]), parameters)
    >>> print(cost.round(4))
    0.6931
    """
    A3, cache = three_layers_forward(X, parameters)
    return cross_entropy("the output", A3, Y), cache


def backward_propagation_n(X: Array, Y: Array, cache: Cache, *, version: str = "2021") -> Parameters:
    """Backward propagation through the three layers, right, or with the errors that the notebook plants.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        The input that `forward_propagation_n` was given.
    Y : ndarray of bool, integers or floats, shape (1, m), (m,) or (m, 1)
        Labels in [0, 1].
    cache : tuple of 12 ndarray
        From `forward_propagation_n`.
    version : {"2021", "2020", "2018", "2017", "handed out"}
        "handed out" is the function as learners of any year get it, to find its errors: dW2 is twice and db1
        four times what it should be.

    Returns
    -------
    gradients : dict of ndarray
        ``dZ3, dW3, db3, dA2, dZ2, dW2, db2, dA1, dZ1, dW1, db1``, as in `reg_utils`.

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
    >>> from deepnet.course.init_utils import initialize_parameters_he
    >>> X, Y = np.eye(4, 3), np.array([1, 1, 0])
    >>> cost, cache = forward_propagation_n(X, Y, initialize_parameters_he([4, 5, 3, 1]))
    >>> right, wrong = (backward_propagation_n(X, Y, cache, version=v) for v in ("2021", "handed out"))
    >>> [name for name in right if not np.array_equal(right[name], wrong[name])]
    ['dW2', 'db1']
    """
    if version != HANDED_OUT:
        find_version(version)
    gradients = backward(X, Y, cache)
    if version == HANDED_OUT:
        gradients["dW2"] *= 2
        gradients["db1"] *= 4
    return gradients


def gradient_check_n(
    parameters: Parameters,
    gradients: Parameters,
    X: Array,
    Y: Array,
    epsilon: Real = 1e-7,
    print_msg: bool = False,
    *,
    version: str = "2021",
) -> float:
    """Compare gradients with the central differences of `forward_propagation_n`, parameter by parameter.

    Parameters
    ----------
    parameters : dict of ndarray
        ``W1``, ``b1``, ..., ``W3``, ``b3`` in float64, of any sizes. Nothing of it is written to.
    gradients : dict of ndarray
        ``dW1``, ``db1``, ..., ``dW3``, ``db3``; other entries are not looked at.
    X, Y : ndarray
        As in `forward_propagation_n`.
    epsilon : float
        Half the distance of the two points, above 0.
    print_msg : bool
        Print a verdict, too.
    version : {"2021", "2020", "2018", "2017"}
        Until 2020 the course prints one in any case. In 2017 it calls a mistake what is above 1e-7, which the
        right gradients of its example are; later 2e-7.

    Returns
    -------
    difference : float
        norm(grad - approx) / (norm(grad) + norm(approx)).

    Raises
    ------
    ValueError
        If shapes do not fit, for example ``dW2 has shape (5, 3), but must be (3, 5): the shape of W2;
        transposed?``.
    TypeError
        If an array is float32, in which a step of 1e-7 is lost.

    Notes
    -----
    Two forward passes for each parameter. It sees neither what training does with the gradients nor a mistake
    that the cost shares; where a z crosses 0 between the two points the difference is large for no fault.
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> from deepnet.course.init_utils import initialize_parameters_he
    >>> X, Y, parameters = np.eye(4, 3), np.array([1, 1, 0]), initialize_parameters_he([4, 5, 3, 1])
    >>> cost, cache = forward_propagation_n(X, Y, parameters)
    >>> gradient_check_n(parameters, backward_propagation_n(X, Y, cache), X, Y) < 2e-7
    True
    """
    chosen, epsilon = find_version(version), real("epsilon", epsilon, above=0)
    has_three_layers(parameters, "gradient_check_n")
    theta, _ = dictionary_to_vector(parameters)
    if theta.dtype != np.float64:
        raise TypeError(
            f"parameters are {theta.dtype}, but must be float64: a step of {epsilon:g} is lost in float32"
        )
    one_dtype({"W1": theta, "X": matrix("X", X)})
    grad = gradients_to_vector(gradients)
    for key, p in parameters.items():
        one_dtype(
            {key: p, f"d{key}": shaped(f"d{key}", gradients.get(f"d{key}"), p.shape, f"the shape of {key}")}
        )
    dims = (parameters["W1"].shape[1], *(len(parameters[f"W{layer}"]) for layer in (1, 2, 3)))
    approx = np.empty_like(theta)
    for i in range(theta.size):
        J = []
        for step in (epsilon, -epsilon):
            moved = theta.copy()
            moved[i] += step
            J.append(forward_propagation_n(X, Y, vector_to_dictionary(moved, layer_dims=dims))[0])
        approx[i] = (J[0] - J[1]) / (2 * epsilon)
    difference = relative_difference(grad, approx)
    if print_msg or chosen.always_prints:
        say(difference, chosen.largest_difference)
    return difference
