"""Steps along the gradient, or along what has gathered of it."""

from __future__ import annotations

from dataclasses import dataclass

from deepnet.activations import Array

from ._optimizer import Optimizer


@dataclass(frozen=True, slots=True, repr=False)
class SGD(Optimizer):
    """Stochastic gradient descent: after each batch, ``W -= learning_rate * dW`` and b likewise.

    Parameters
    ----------
    learning_rate, weight_decay, clip_value, clip_norm
        As in :class:`Optimizer`.

    Raises
    ------
    ValueError
        For example ``learning_rate is -1, but must be 0 or more``.
    TypeError
        For example ``learning_rate is 'fast', but must be a number``.

    Notes
    -----
    Source: H. Robbins and S. Monro, *A stochastic approximation method*, Annals of Mathematical Statistics,
    1951.

    Examples
    --------
    >>> deepnet.SGD(0.1).learning_rate
    0.1
    """

    name = "sgd"
    native = "sgd"

    def update(self, p: Array, g: Array, slots: list[Array], rate: float, t: int) -> None:
        """p -= rate g."""
        p -= p.dtype.type(rate) * g


@dataclass(frozen=True, slots=True, repr=False)
class Momentum(Optimizer):
    """Gradient descent with a heavy ball: ``v = momentum v + g; p -= learning_rate v``.

    As in PyTorch. The course's average, ``v = beta v + (1 - beta) g``, takes the same steps with
    ``learning_rate (1 - beta)`` in the place of the rate.

    Parameters
    ----------
    learning_rate, weight_decay, clip_value, clip_norm
        As in :class:`Optimizer`.
    momentum : float
        How much of v remains from step to step; from 0 to less than 1.

    Raises
    ------
    ValueError
        For example ``momentum is 1.0, but must be from 0 to less than 1``.
    TypeError
        For example ``momentum is '0.9', but must be a number``.

    Notes
    -----
    Source: B. T. Polyak, *Some methods of speeding up the convergence of iteration methods*, 1964.

    Examples
    --------
    >>> deepnet.Momentum(0.1, 0.9).momentum
    0.9
    """

    momentum: float = 0.9
    name = "momentum"
    native = "momentum"
    slots = 1
    hyper_names = ("momentum",)

    def update(self, p: Array, g: Array, slots: list[Array], rate: float, t: int) -> None:
        """v = momentum v + g; p -= rate v."""
        (v,) = slots
        v[...] = p.dtype.type(self.momentum) * v + g
        p -= p.dtype.type(rate) * v


@dataclass(frozen=True, slots=True, repr=False)
class Nesterov(Momentum):
    """Momentum that looks ahead: ``v = momentum v + g; p -= learning_rate (g + momentum v)``.

    Parameters
    ----------
    learning_rate, weight_decay, clip_value, clip_norm
        As in :class:`Optimizer`.
    momentum : float
        How much of v remains from step to step; from 0 to less than 1.

    Raises
    ------
    ValueError
        For example ``momentum is -0.1, but must be from 0 to less than 1``.
    TypeError
        For example ``momentum is '0.9', but must be a number``.

    Notes
    -----
    Source: Y. Nesterov, 1983; in this form I. Sutskever, J. Martens, G. Dahl and G. Hinton, ICML 2013, and
    PyTorch.

    Examples
    --------
    >>> deepnet.Nesterov(0.1).momentum
    0.9
    """

    name = "nesterov"
    native = "nesterov"

    def update(self, p: Array, g: Array, slots: list[Array], rate: float, t: int) -> None:
        """v = momentum v + g; p -= rate (g + momentum v)."""
        (v,) = slots
        v[...] = p.dtype.type(self.momentum) * v + g
        p -= p.dtype.type(rate) * (g + p.dtype.type(self.momentum) * v)
