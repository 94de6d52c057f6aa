"""The course's two training loops, and prediction with what they trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepnet import _validation as check
from deepnet import reference
from deepnet.activations import AnyActivation, Array, entry_of
from deepnet.caches import Callback, Parameters, Real, Sizes, Whole

from ._descent import descend
from ._network import L_model_forward


def predict(
    X: Array,
    y: Array,
    parameters: Parameters,
    *,
    activations: AnyActivation | Sequence[AnyActivation] = "relu",
    output: AnyActivation | None = None,
) -> Array:
    """Predict 1 where AL > 0.5, else 0, and print the accuracy.

    With a softmax output 1 is the largest of each column; an example is right as a whole or not at all.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        One column per example.
    y : ndarray of bool, integers or floats, shape (n_L, m)
        Labels; for one output unit also (m,) or (m, 1).
    parameters : dict of ndarray
        ``W1..WL`` and ``b1..bL`` of a trained network.
    activations, output
        As in :func:`deepnet.L_model_forward`; those the network was trained with.

    Returns
    -------
    p : ndarray, shape (n_L, m)
        Zeros and ones in the dtype of X.

    Raises
    ------
    ValueError
        If shapes do not fit, for example ``W1 has 4 columns, but X has 5 rows``.
    TypeError
        If arrays mix float32 and float64, or are of another dtype.

    Notes
    -----
    Prints sum((p == y) / m), as the course does: m terms rarely add up to exactly 1.
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> parameters = {"W1": np.array([[1.0]]), "b1": np.array([[0.0]])}
    >>> deepnet.predict(np.array([[-2.0, 3.0]]), np.array([[0, 0]]), parameters)
    Accuracy: 0.5
    array([[0., 1.]])
    """
    AL, caches = L_model_forward(X, parameters, activations=activations, output=output)
    y = check.predicted_labels(y, AL)
    if entry_of(caches[-1].activation or "sigmoid").whole_columns:
        p: Array = (np.arange(len(AL))[:, None] == AL.argmax(axis=0)).astype(AL.dtype)
        right = (p == y).all(axis=0)
    else:
        p = (AL > 0.5).astype(AL.dtype)
        right = p == y
    print("Accuracy: " + str(np.sum(right / right.size)))
    return p


def two_layer_model(
    X: Array,
    Y: Array,
    layers_dims: Sizes,
    learning_rate: Real = 0.0075,
    num_iterations: Whole = 3000,
    print_cost: bool = False,
    *,
    seed: Whole | None = 1,
    callback: Callback | None = None,
) -> tuple[Parameters, list[Array]]:
    """Train LINEAR -> RELU -> LINEAR -> SIGMOID by gradient descent.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        One column per example. Its dtype is that of the whole run.
    Y : ndarray of bool, integers or floats, shape (n_y, m)
        Labels in [0, 1]; for one output unit also (m,) or (m, 1).
    layers_dims : sequence of int
        (n_x, n_h, n_y).
    learning_rate : float
    num_iterations : int
        Steps, each over all examples.
    print_cost : bool
        Print each recorded cost.
    seed : int or None
        For the initial parameters, :func:`deepnet.initialize_parameters`.
    callback : callable, optional
        Called after every step as ``callback(iteration, cost)``; cost is None where none is recorded.

    Returns
    -------
    parameters : dict of ndarray
        ``W1``, ``b1``, ``W2``, ``b2``.
    costs : list of ndarray, shape ()
        The cost before the steps 0, 100, 200, ... and before the last one.

    Raises
    ------
    ValueError
        If sizes do not chain, for example ``layers_dims[0] is 100, but X has 12288 rows``.
    TypeError
        If X is not float32 or float64.

    Notes
    -----
    The published run on the cat images is reproduced: same draws, same costs.
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> X, Y = np.array([[0.0, 1.0, 2.0, 3.0]]), np.array([[0, 0, 1, 1]])
    >>> parameters, costs = deepnet.two_layer_model(X, Y, (1, 4, 1), num_iterations=101, print_cost=True)
    Cost after iteration 0: 0.69307...
    Cost after iteration 100: 0.69298...
    """
    X, Y, dims, rate, steps = check.training(X, Y, layers_dims, learning_rate, num_iterations, length=3)
    n_x, n_h, n_y = dims
    dtype = check.initialization(seed, X.dtype)
    parameters = reference.initialize_parameters(n_x, n_h, n_y, seed=seed, dtype=dtype)
    return parameters, descend(X, Y, parameters, rate, steps, print_cost, callback, "relu", None)


def L_layer_model(
    X: Array,
    Y: Array,
    layers_dims: Sizes,
    learning_rate: Real = 0.0075,
    num_iterations: Whole = 3000,
    print_cost: bool = False,
    *,
    seed: Whole | None = 1,
    activations: AnyActivation | Sequence[AnyActivation] = "relu",
    output: AnyActivation | None = None,
    callback: Callback | None = None,
) -> tuple[Parameters, list[Array]]:
    """Train (LINEAR -> activation) x (L - 1) -> LINEAR -> output by gradient descent.

    Parameters
    ----------
    X : ndarray of float32 or float64, shape (n_x, m)
        One column per example. Its dtype is that of the whole run.
    Y : ndarray of bool, integers or floats, shape (n_L, m)
        Labels in [0, 1]; for one output unit also (m,) or (m, 1).
    layers_dims : sequence of int
        Units of each layer, from the input: ``[12288, 20, 7, 5, 1]``.
    learning_rate : float
    num_iterations : int
        Steps, each over all examples.
    print_cost : bool
        Print each recorded cost.
    seed : int or None
        For the initial parameters, which are the application's, N(0, 1) / sqrt(n_{l-1}):
        :func:`deepnet.course.dnn_app_utils.initialize_parameters_deep`.
    activations, output
        As in :func:`deepnet.L_model_forward`; relu and sigmoid if not given. The output must lie in [0, 1],
        for the cost is the cross-entropy: sigmoid, or softmax with the categorical one.
    callback : callable, optional
        Called after every step as ``callback(iteration, cost)``; cost is None where none is recorded.

    Returns
    -------
    parameters : dict of ndarray
        ``W1..WL`` and ``b1..bL``.
    costs : list of ndarray, shape ()
        The cost before the steps 0, 100, 200, ... and before the last one.

    Raises
    ------
    ValueError
        If sizes do not chain, for example ``layers_dims[0] is 100, but X has 12288 rows``.
    TypeError
        If X is not float32 or float64.

    Notes
    -----
    The published run on the cat images is reproduced: same draws, same costs.
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> X, Y = np.array([[0.0, 1.0, 2.0, 3.0]]), np.array([[0, 0, 1, 1]])
    >>> parameters, costs = deepnet.L_layer_model(X, Y, [1, 4, 1], learning_rate=1.0, num_iterations=500)
    >>> p = deepnet.predict(X, Y, parameters)
    Accuracy: 1.0
    """
    X, Y, dims, rate, steps = check.training(
        X, Y, layers_dims, learning_rate, num_iterations, activations=activations, output=output
    )
    dtype = check.initialization(seed, X.dtype)
    parameters = reference.dnn_app_utils.initialize_parameters_deep(dims, seed=seed, dtype=dtype)
    return parameters, descend(X, Y, parameters, rate, steps, print_cost, callback, activations, output)
