"""Gradient Checking, week 1 of *Improving Deep Neural Networks*: `gc_utils` and its notebook's functions.

`forward_propagation` and `backward_propagation` are those of a single parameter, J = theta x; the names of
the functions for three layers end in ``_n``.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from deepnet import _validation as check
from deepnet._numbers import real
from deepnet._validation.arrays import a, anything, matrix, one_dtype, shaped
from deepnet._validation.structures import listed, network_parameters
from deepnet.activations import Array
from deepnet.caches import Parameters, Real, Sizes

from .three_layers import Cache, backward, cross_entropy, has_three_layers, relu, sigmoid
from .three_layers import forward_propagation as three_layers_forward
from .versions import find_version

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

# --- one parameter ------------------------------------------------------------------------------------------


def forward_propagation(x: Real, theta: Real) -> Any:
    """J = theta * x.

    Parameters
    ----------
    x, theta : float

    Returns
    -------
    J : float

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> forward_propagation(2, 4)
    8
    """
    return theta * x


def backward_propagation(x: Real, theta: Real) -> Any:
    """dJ/dtheta = x.

    Parameters
    ----------
    x, theta : float

    Returns
    -------
    dtheta : float

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> backward_propagation(3, 4)
    3
    """
    return x


def gradient_check(
    x: Real, theta: Real, epsilon: Real = 1e-7, print_msg: bool = False, *, version: str = "2021"
) -> float:
    """Compare `backward_propagation` with the central difference of `forward_propagation`.

    Parameters
    ----------
    x, theta : float
    epsilon : float
        Half the distance between the two points, above 0.
    print_msg : bool
        Also print a verdict.
    version : {"2021", "2020", "2018", "2017"}
        Until 2020 the course always prints a verdict, in other words.

    Returns
    -------
    difference : float
        norm(grad - approx) / (norm(grad) + norm(approx)).

    Raises
    ------
    ValueError
        For example ``epsilon is 0, but must be more than 0``.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> gradient_check(2.0, 4.0) < 1e-7
    True
    >>> difference = gradient_check(2.0, 4.0, version="2018")
    The gradient is correct!
    """
    chosen, epsilon = find_version(version), real("epsilon", epsilon, above=0)
    x, theta = real("x", x), real("theta", theta)
    J_plus, J_minus = forward_propagation(x, theta + epsilon), forward_propagation(x, theta - epsilon)
    grad = np.array([backward_propagation(x, theta)])
    difference = _relative_difference(grad, np.array([(J_plus - J_minus) / (2 * epsilon)]))
    if chosen.always_prints:
        print("The gradient is correct!" if difference < 1e-7 else "The gradient is wrong!")
    elif print_msg:
        _print_verdict(difference, chosen.largest_difference)
    return difference


def _relative_difference(grad: Array, approx: Array) -> float:
    norm = np.linalg.norm
    size = float(norm(grad) + norm(approx))
    return float(norm(grad - approx)) / size if size else 0.0  # two zeros agree; the formula has 0/0


def _print_verdict(difference: float, largest: float) -> None:
    right = "\033[92mYour backward propagation works perfectly fine! difference = "
    wrong = "\033[93mThere is a mistake in the backward propagation! difference = "
    print(f"{wrong if not difference <= largest else right}{difference}\033[0m")


# --- a network as one column --------------------------------------------------------------------------------


def dictionary_to_vector(parameters: Parameters) -> tuple[Array, list[str]]:
    """Stack W1, b1, ..., WL, bL, row by row, in one column.

    Parameters
    ----------
    parameters : dict of ndarray
        Of any number of layers.

    Returns
    -------
    theta : ndarray, shape (n, 1)
    keys : list of str
        For each number the name of the array it comes from.

    Raises
    ------
    ValueError
        If parameters are not those of a network, for example ``parameters lacks 'b2': it must hold W1, b1,
        ..., WL, bL exactly``.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> theta, keys = dictionary_to_vector({"W1": np.array([[1.0, 2.0]]), "b1": np.array([[3.0]])})
    >>> theta.ravel(), keys
    (array([1., 2., 3.]), ['W1', 'W1', 'b1'])
    """
    arrays = network_parameters(parameters)
    keys = [key for key, p in arrays.items() for _ in range(p.size)]
    return np.concatenate([p.reshape(-1, 1) for p in arrays.values()]), keys


def vector_to_dictionary(theta: Array, *, layer_dims: Sizes = (4, 5, 3, 1)) -> Parameters:
    """Split a column into W1, b1, ..., WL, bL.

    Parameters
    ----------
    theta : ndarray, shape (n, 1) or (n,)
        From `dictionary_to_vector`.
    layer_dims : sequence of int
        Units of each layer, from the input. The course's function is for 4-5-3-1 only.

    Returns
    -------
    parameters : dict of ndarray
        Views of theta.

    Raises
    ------
    ValueError
        If theta has another number of entries, for example ``theta has 46 numbers, but layer_dims (4, 5, 3,
        1) takes 47``.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> vector_to_dictionary(np.arange(47.0).reshape(-1, 1))["W3"]
    array([[43., 44., 45.]])
    >>> vector_to_dictionary(np.array([[1.0], [2.0], [3.0]]), layer_dims=(2, 1))
    {'W1': array([[1., 2.]]), 'b1': array([[3.]])}
    """
    dims = check.layer_dims("layer_dims", layer_dims)
    column = anything("theta", theta).reshape(-1)
    needed = sum(units * (before + 1) for before, units in pairwise(dims))
    if column.size != needed:
        raise ValueError(f"theta has {column.size} numbers, but layer_dims {dims} takes {needed}")
    parameters, start = {}, 0
    for layer, (before, units) in enumerate(pairwise(dims), start=1):
        for key, columns in ((f"W{layer}", before), (f"b{layer}", 1)):
            parameters[key] = column[start : start + units * columns].reshape(units, columns)
            start += units * columns
    return parameters


def gradients_to_vector(gradients: Parameters) -> Array:
    """Stack dW1, db1, ..., dWL, dbL, row by row, in one column.

    Parameters
    ----------
    gradients : dict of ndarray
        Of any number of layers; other entries are ignored.

    Returns
    -------
    theta : ndarray, shape (n, 1)

    Raises
    ------
    ValueError
        If an entry is missing, for example ``gradients lacks 'db2'``.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> gradients = {"dA0": np.zeros((2, 9)), "dW1": np.array([[1.0, 2.0]]), "db1": np.array([[3.0]])}
    >>> gradients_to_vector(gradients)
    array([[1.],
           [2.],
           [3.]])
    """
    if not isinstance(gradients, dict):
        raise TypeError(f"gradients is {a(gradients)}, but must be a dict with dW1, db1, ..., dWL, dbL")
    kinds = [key[:2] for key in gradients if isinstance(key, str) and key[2:].isdecimal()]
    layers = max(kinds.count("dW"), kinds.count("db"), 1)
    keys = [f"{kind}{layer}" for layer in range(1, layers + 1) for kind in ("dW", "db")]
    missing = [key for key in keys if key not in gradients]
    if missing:
        raise ValueError(f"gradients lacks {listed(missing)}")
    columns: list[Any] = [anything(key, gradients[key]).reshape(-1, 1) for key in keys]
    return np.concatenate(columns)


# --- three layers -------------------------------------------------------------------------------------------

HANDED_OUT = "handed out"


def forward_propagation_n(X: Array, Y: Array, parameters: Parameters) -> tuple[Any, Cache]:
    """Forward propagation through the three layers, and the cost.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        One column per example.
    Y : ndarray of bool, integers or floats, shape (1, m), (m,) or (m, 1)
        Labels, usually in [0, 1].
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
        If arrays mix float32 and float64, or have another dtype.

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
    """Backward propagation through the three layers, correct or with the errors that the notebook plants.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        The input that `forward_propagation_n` was given.
    Y : ndarray of bool, integers or floats, shape (1, m), (m,) or (m, 1)
        Labels, usually in [0, 1].
    cache : tuple of 12 ndarray
        From `forward_propagation_n`.
    version : {"2021", "2020", "2018", "2017", "handed out"}
        "handed out" has the errors that learners of every year are to find: dW2 is twice and db1 four times
        the correct value.

    Returns
    -------
    gradients : dict of ndarray
        ``dZ3, dW3, db3, dA2, dZ2, dW2, db2, dA1, dZ1, dW1, db1``, as in `reg_utils`.

    Raises
    ------
    ValueError
        If shapes do not fit, for example ``cache, layer 1: W has 4 columns, but X has 5 rows``.
    TypeError
        If arrays mix float32 and float64, or have another dtype.

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
        ``W1``, ``b1``, ..., ``W3``, ``b3`` in float64, of any sizes.
    gradients : dict of ndarray
        ``dW1``, ``db1``, ..., ``dW3``, ``db3``; other entries are ignored.
    X, Y : ndarray
        As in `forward_propagation_n`.
    epsilon : float
        Half the distance between the two points, above 0.
    print_msg : bool
        Also print a verdict.
    version : {"2021", "2020", "2018", "2017"}
        Until 2020 the course always prints a verdict. In 2017 it reports a mistake above 1e-7, which the
        correct gradients of its example exceed; later above 2e-7.

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
    Two forward passes for each parameter. The check cannot see a mistake that the cost shares; where a z
    crosses 0 between the two points, the difference is large although the gradients are right.
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
    for key, p in network_parameters(parameters).items():
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
    difference = _relative_difference(grad, approx)
    if print_msg or chosen.always_prints:
        _print_verdict(difference, chosen.largest_difference)
    return difference
