"""A network's parameters or gradients in one column, and back: what gradient checking counts through."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from deepnet import _validation as check
from deepnet._validation.arrays import a, anything
from deepnet._validation.structures import listed, network_parameters
from deepnet.activations import Array
from deepnet.caches import Parameters, Sizes


def dictionary_to_vector(parameters: Parameters) -> tuple[Array, list[str]]:
    """Put W1, b1, ..., WL, bL, row by row, under each other in one column.

    Parameters
    ----------
    parameters : dict of ndarray
        Of any number of layers.

    Returns
    -------
    theta : ndarray, shape (n, 1)
    keys : list of str
        For each number the name of the array that it comes from.

    Raises
    ------
    ValueError
        If parameters is no network, for example ``parameters lacks 'b2': it must hold W1, b1, ..., WL, bL
        exactly``.

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
    """Cut a column into W1, b1, ..., WL, bL.

    Parameters
    ----------
    theta : ndarray, shape (n, 1) or (n,)
        From `dictionary_to_vector`.
    layer_dims : sequence of int
        Units of each layer, from the input. The course's function knows those of its example alone.

    Returns
    -------
    parameters : dict of ndarray
        Views of theta.

    Raises
    ------
    ValueError
        If the numbers are too many or too few, for example ``theta has 46 numbers, but layer_dims (4, 5, 3,
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
    """Put dW1, db1, ..., dWL, dbL, row by row, under each other in one column.

    Parameters
    ----------
    gradients : dict of ndarray
        Of any number of layers; entries of other names are not looked at.

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
