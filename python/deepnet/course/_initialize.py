"""Initial parameters: the course's draws, from a random stream of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from deepnet import _validation as check
from deepnet import reference
from deepnet.caches import Parameters, Sizes, Whole
from deepnet.reference.step_by_step import draw_parameters


def initialize_parameters(
    n_x: Whole, n_h: Whole, n_y: Whole, *, seed: Whole | None = 1, dtype: Any = np.float64
) -> Parameters:
    """Initialise a two-layer network: W = 0.01 N(0, 1), b = 0.

    Parameters
    ----------
    n_x, n_h, n_y : int
        Number of inputs, hidden units and outputs.
    seed : int or None
        For the same draws as ``np.random.seed(seed)``, leaving NumPy's global state alone; None: unseeded.
    dtype : dtype
        float64 or float32; draws are rounded from float64.

    Returns
    -------
    parameters : dict of ndarray
        ``W1`` (n_h, n_x), ``b1`` (n_h, 1), ``W2`` (n_y, n_h), ``b2`` (n_y, 1).

    Raises
    ------
    ValueError
        If a size is below 1, for example ``n_h is 0: zero units``.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> deepnet.initialize_parameters(3, 2, 1)["W1"].round(4)
    array([[ 0.0162, -0.0061, -0.0053],
           [-0.0107,  0.0087, -0.023 ]])
    """
    for name, size in (("n_x", n_x), ("n_h", n_h), ("n_y", n_y)):
        check.layer_size(name, size)
    return reference.initialize_parameters(n_x, n_h, n_y, seed=seed, dtype=check.initialization(seed, dtype))


def initialize_parameters_deep(
    layer_dims: Sizes, *, seed: Whole | None = 3, dtype: Any = np.float64
) -> Parameters:
    """Initialise an L-layer network: W_l = 0.01 N(0, 1), b_l = 0.

    ``deepnet.course.dnn_app_utils.initialize_parameters_deep`` is the application's, which scales by
    1 / sqrt(n_{l-1}); networks of more than two layers train far better from it.

    Parameters
    ----------
    layer_dims : sequence of int
        Units of each layer, from the input: ``[12288, 20, 7, 5, 1]`` has four layers of weights.
    seed : int or None
        For the same draws as ``np.random.seed(seed)``, leaving NumPy's global state alone; None: unseeded.
    dtype : dtype
        float64 or float32; draws are rounded from float64.

    Returns
    -------
    parameters : dict of ndarray
        ``W1..WL`` with shapes (n_l, n_{l-1}) and ``b1..bL`` with shapes (n_l, 1).

    Raises
    ------
    ValueError
        If a size is below 1, for example ``layer_dims[1] is 0: zero units``.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Neural Networks and Deep Learning*, week 4.

    Examples
    --------
    >>> parameters = deepnet.initialize_parameters_deep([5, 4, 3])
    >>> {name: p.shape for name, p in parameters.items()}
    {'W1': (4, 5), 'b1': (4, 1), 'W2': (3, 4), 'b2': (3, 1)}
    """
    dims = check.layer_dims("layer_dims", layer_dims)
    return reference.initialize_parameters_deep(dims, seed=seed, dtype=check.initialization(seed, dtype))


def initialize_parameters_zeros(layers_dims: Sizes, *, dtype: Any = np.float64) -> Parameters:
    """Initialise with W_l = 0, b_l = 0: all units of a layer stay alike, and nothing is learnt.

    Parameters
    ----------
    layers_dims : sequence of int
        Units of each layer, from the input.
    dtype : dtype
        float64 or float32.

    Returns
    -------
    parameters : dict of ndarray
        ``W1..WL`` with shapes (n_l, n_{l-1}) and ``b1..bL`` with shapes (n_l, 1).

    Raises
    ------
    ValueError
        If a size is below 1, for example ``layers_dims[1] is 0: zero units``.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> initialize_parameters_zeros([3, 1])
    {'W1': array([[0., 0., 0.]]), 'b1': array([[0.]])}
    """
    return drawn("layers_dims", layers_dims, lambda fan_in: 0.0, 3, dtype)


def initialize_parameters_random(
    layers_dims: Sizes, *, seed: Whole | None = 3, dtype: Any = np.float64
) -> Parameters:
    """Initialise with W_l = 10 N(0, 1), b_l = 0: far too large, as the notebook means to show.

    Parameters
    ----------
    layers_dims : sequence of int
        Units of each layer, from the input.
    seed : int or None
        For the same draws as ``np.random.seed(seed)``, leaving NumPy's global state alone; None: unseeded.
    dtype : dtype
        float64 or float32; draws are rounded from float64.

    Returns
    -------
    parameters : dict of ndarray
        ``W1..WL`` with shapes (n_l, n_{l-1}) and ``b1..bL`` with shapes (n_l, 1).

    Raises
    ------
    ValueError
        If a size is below 1, for example ``layers_dims[1] is 0: zero units``.

    Notes
    -----
    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> initialize_parameters_random([3, 2, 1])["W2"].round(4)
    array([[-0.8274, -6.27  ]])
    """
    return drawn("layers_dims", layers_dims, lambda fan_in: 10.0, seed, dtype)


def initialize_parameters_he(
    layers_dims: Sizes, *, seed: Whole | None = 3, dtype: Any = np.float64
) -> Parameters:
    """Initialise with W_l = sqrt(2 / n_{l-1}) N(0, 1), b_l = 0: what suits relu.

    Parameters
    ----------
    layers_dims : sequence of int
        Units of each layer, from the input. (Elsewhere the course spells it ``layer_dims``, and pylessons
        ``layer_dimension``.)
    seed : int or None
        For the same draws as ``np.random.seed(seed)``, leaving NumPy's global state alone; None: unseeded,
        as in pylessons.
    dtype : dtype
        float64 or float32; draws are rounded from float64.

    Returns
    -------
    parameters : dict of ndarray
        ``W1..WL`` with shapes (n_l, n_{l-1}) and ``b1..bL`` with shapes (n_l, 1).

    Raises
    ------
    ValueError
        If a size is below 1, for example ``layers_dims[1] is 0: zero units``.

    Notes
    -----
    Source: K. He, X. Zhang, S. Ren and J. Sun, *Delving deep into rectifiers*, ICCV 2015; A. Ng,
    deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> initialize_parameters_he([2, 4, 1])["W2"].round(4)
    array([[-0.031 , -0.3374, -0.929 ,  0.6255]])
    """
    return drawn("layers_dims", layers_dims, lambda fan_in: float(np.sqrt(2 / fan_in)), seed, dtype)


def drawn(
    name: str, layer_dims: Any, scale: Callable[[int], float], seed: Any, dtype: Any = np.float64
) -> Parameters:
    """W_l = scale(n_{l-1}) N(0, 1), b_l = 0; messages call the sizes by their `name`."""
    dims = check.layer_dims(name, layer_dims)
    return draw_parameters(dims, scale, seed, check.initialization(seed, dtype))
