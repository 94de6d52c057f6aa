"""Steps that are divided by the size of the gradients, each entry by its own."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from deepnet.activations import Array

from ._optimizer import Optimizer, Rate


@dataclass(frozen=True, slots=True, repr=False)
class RMSprop(Optimizer):
    """Steps over the recent size of the gradient: ``s = rho s + (1 - rho) g^2; p -= rate g / (sqrt(s) + e)``.

    Parameters
    ----------
    learning_rate, weight_decay, clip_value, clip_norm
        As in :class:`Optimizer`.
    rho : float
        How much of s, the average of the squares, remains from step to step; from 0 to less than 1.
    epsilon : float
        Keeps a gradient of 0 from being divided by 0; more than 0, in the network's dtype, too.

    Raises
    ------
    ValueError
        For example ``rho is 1, but must be from 0 to less than 1``.
    TypeError
        For example ``epsilon is '1e-8', but must be a number``.

    Notes
    -----
    Source: T. Tieleman and G. Hinton, *Neural Networks for Machine Learning*, lecture 6.5, 2012.

    Examples
    --------
    >>> deepnet.RMSprop(0.001).rho
    0.99
    """

    rho: float = 0.99
    epsilon: float = 1e-8
    name = "rmsprop"
    native = "rmsprop"
    slots = 1
    hyper_names = ("rho",)

    def update(self, p: Array, g: Array, slots: list[Array], rate: float, t: int) -> None:
        """s = rho s + (1 - rho) g^2; p -= rate g / (sqrt(s) + epsilon)."""
        (s,), T = slots, p.dtype.type
        s[...] = T(self.rho) * s + T(1 - self.rho) * g * g
        p -= T(rate) * g / (np.sqrt(s) + T(self.epsilon))


@dataclass(frozen=True, slots=True, repr=False)
class Adagrad(Optimizer):
    """Steps over the size of all gradients so far: ``s += g^2; p -= learning_rate g / (sqrt(s) + epsilon)``.

    Parameters
    ----------
    learning_rate, weight_decay, clip_value, clip_norm
        As in :class:`Optimizer`.
    epsilon : float
        Keeps a gradient of 0 from being divided by 0; more than 0, in the network's dtype, too.

    Raises
    ------
    ValueError
        For example ``epsilon is 0, but must be more than 0``.
    TypeError
        For example ``epsilon is '1e-10', but must be a number``.

    Notes
    -----
    Source: J. Duchi, E. Hazan and Y. Singer, *Adaptive subgradient methods*, JMLR 2011.

    Examples
    --------
    >>> deepnet.Adagrad().epsilon
    1e-10
    """

    epsilon: float = 1e-10
    name = "adagrad"
    native = "adagrad"
    slots = 1

    def update(self, p: Array, g: Array, slots: list[Array], rate: float, t: int) -> None:
        """s += g^2; p -= rate g / (sqrt(s) + epsilon)."""
        (s,), T = slots, p.dtype.type
        s += g * g
        p -= T(rate) * g / (np.sqrt(s) + T(self.epsilon))


@dataclass(frozen=True, slots=True, repr=False)
class Adam(Optimizer):
    """Momentum over the recent size of the gradient, both corrected for their start at 0.

    ``v = beta1 v + (1 - beta1) g``, ``s = beta2 s + (1 - beta2) g^2``,
    ``p -= learning_rate v / (1 - beta1^t) / (sqrt(s / (1 - beta2^t)) + epsilon)``

    Parameters
    ----------
    learning_rate, weight_decay, clip_value, clip_norm
        As in :class:`Optimizer`.
    beta1, beta2 : float
        How much of v and s, the averages of the gradients and of their squares, remains from step to step;
        from 0 to less than 1.
    epsilon : float
        Keeps a gradient of 0 from being divided by 0; more than 0, in the network's dtype, too.

    Raises
    ------
    ValueError
        For example ``beta2 is 1, but must be from 0 to less than 1``.
    TypeError
        For example ``beta1 is '0.9', but must be a number``.

    Notes
    -----
    Source: D. P. Kingma and J. Ba, *Adam: a method for stochastic optimization*, ICLR 2015.

    Examples
    --------
    >>> deepnet.Adam().learning_rate, deepnet.Adam().beta2
    (0.001, 0.999)
    """

    learning_rate: Rate = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    name = "adam"
    native = "adam"
    slots = 2
    hyper_names = ("beta1", "beta2")

    def update(self, p: Array, g: Array, slots: list[Array], rate: float, t: int) -> None:
        """The formulas of the class."""
        (v, s), T = slots, p.dtype.type
        v[...] = T(self.beta1) * v + T(1 - self.beta1) * g
        s[...] = T(self.beta2) * s + T(1 - self.beta2) * g * g
        v_corrected, s_corrected = v * T(1 / (1 - self.beta1**t)), s * T(1 / (1 - self.beta2**t))
        p -= T(rate) * v_corrected / (np.sqrt(s_corrected) + T(self.epsilon))


@dataclass(frozen=True, slots=True, repr=False)
class AdamW(Adam):
    """Adam with decoupled weight decay: ``W -= learning_rate * weight_decay * W`` before each update.

    Biases do not decay; PyTorch's AdamW lets them unless told otherwise.

    Parameters
    ----------
    learning_rate, weight_decay, clip_value, clip_norm
        As in :class:`Optimizer`.
    beta1, beta2 : float
        How much of v and s, the averages of the gradients and of their squares, remains from step to step;
        from 0 to less than 1.
    epsilon : float
        Keeps a gradient of 0 from being divided by 0; more than 0, in the network's dtype, too.

    Raises
    ------
    ValueError
        For example ``weight_decay is -1, but must be 0 or more``.
    TypeError
        For example ``weight_decay is None, but must be a number``.

    Notes
    -----
    Source: I. Loshchilov and F. Hutter, *Decoupled weight decay regularization*, ICLR 2019.

    Examples
    --------
    >>> deepnet.AdamW().weight_decay
    0.01
    """

    weight_decay: float = field(default=0.01, kw_only=True)
    name = "adamw"
