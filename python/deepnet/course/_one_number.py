"""Gradient checking of a function of one number, J = theta x, and how a difference is measured and judged."""

from __future__ import annotations

from typing import Any

import numpy as np

from deepnet._numbers import real
from deepnet.activations import Array
from deepnet.caches import Real

from ._versions import find_version


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
        Half the distance of the two points, above 0.
    print_msg : bool
        Print a verdict, too.
    version : {"2021", "2020", "2018", "2017"}
        Until 2020 the course prints one in any case, in other words.

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
    difference = relative_difference(grad, np.array([(J_plus - J_minus) / (2 * epsilon)]))
    if chosen.always_prints:
        print("The gradient is correct!" if difference < 1e-7 else "The gradient is wrong!")
    elif print_msg:
        say(difference, chosen.largest_difference)
    return difference


def relative_difference(grad: Array, approx: Array) -> float:
    norm = np.linalg.norm
    size = float(norm(grad) + norm(approx))
    return float(norm(grad - approx)) / size if size else 0.0  # two zeros agree; the formula has 0/0


def say(difference: float, largest: float) -> None:
    right = "\033[92mYour backward propagation works perfectly fine! difference = "
    wrong = "\033[93mThere is a mistake in the backward propagation! difference = "
    print(f"{wrong if not difference <= largest else right}{difference}\033[0m")
