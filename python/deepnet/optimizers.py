"""Optimizers: how gradients become updates. One class each, with its settings and its formula in NumPy.

Each class is the twin of a struct in ``cpp/kernels/optimizers.h`` (AdamW shares Adam's); to add one, write
both. The tests compare the C++ engine with `update`, which also trains where NumPy does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ._immutable import immutable
from ._numbers import flag, real
from .activations import Array

Rate = float | Callable[[Any], Any]


@immutable("net.optimizer")
@dataclass(frozen=True, repr=False)  # a subclass may have other attributes, so no slots
class Optimizer:
    """Base class of all optimizers. A subclass that defines `update` trains in NumPy.

    Parameters
    ----------
    learning_rate : float or schedule
        Finite, 0 or more; or a function of the number of the update, see :mod:`deepnet.schedules`. It is
        called for all updates before a run and again during it: its result must depend on that number alone.
    weight_decay : float
        Decoupled: each update starts with ``W -= learning_rate * weight_decay * W``. Biases do not decay.
    clip_value : float, optional
        Clip each entry of the gradients to [-clip_value, clip_value].
    clip_norm : float, optional
        Scale all gradients down where their norm, as one vector, exceeds this.

    Raises
    ------
    ValueError
        For example ``learning_rate is -1, but must be 0 or more``.
    TypeError
        For example ``clip_norm is '1', but must be a number``.

    Notes
    -----
    The settings of a subclass are the fields of a frozen dataclass; those named in `hyper_names` must lie in
    [0, 1). `slots` is the number of arrays it keeps for each parameter p, in its shape; they start at zero.

    Examples
    --------
    >>> class SignDescent(deepnet.optimizers.Optimizer):
    ...     def update(self, p, g, slots, rate, t):
    ...         p -= p.dtype.type(rate) * np.sign(g)
    >>> net = deepnet.Network([2, 1], initializer="zeros")
    >>> loss = net.train_on_batch(np.ones((2, 3)), np.ones(3), optimizer=SignDescent(0.125))
    >>> net.parameters["W1"]
    array([[0.125, 0.125]], dtype=float32)
    """

    learning_rate: Rate = 0.01
    weight_decay: float = field(default=0.0, kw_only=True)
    clip_value: float | None = field(default=None, kw_only=True)
    clip_norm: float | None = field(default=None, kw_only=True)

    name: ClassVar[str]
    native: ClassVar[str]  # the name in cpp/kernels/optimizers.h
    slots: ClassVar[int] = 0  # arrays kept for each parameter
    hyper_names: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if isinstance(self.learning_rate, type):
            kind = self.learning_rate.__name__
            raise TypeError(
                f"learning_rate is the class {kind}, but must be a number or a schedule, an object"
            )
        if not callable(self.learning_rate):
            self._check("learning_rate", low=0)
        self._check("weight_decay", low=0)
        for name in ("clip_value", "clip_norm"):
            if getattr(self, name) is not None:
                self._check(name, "more than 0, or None", above=0)
        if self.clip_value is not None and self.clip_norm is not None:
            raise ValueError("clip_value and clip_norm are both given, but only one can be used")
        for name in self.hyper_names:
            self._check(name, low=0, below=1)
        if hasattr(self, "epsilon"):
            self._check("epsilon", above=0)
        for name in ("rate_inside", "epsilon_hat"):
            if hasattr(self, name):
                object.__setattr__(self, name, flag(name, getattr(self, name)))

    def _check(self, name: str, must: str = "", **bounds: Any) -> None:
        """Check a setting and store it as a Python number."""
        object.__setattr__(self, name, real(name, getattr(self, name), must, **bounds))

    @property
    def hyper(self) -> tuple[float, ...]:
        """The settings that lie in [0, 1), in the order of the native struct."""
        return tuple(getattr(self, name) for name in self.hyper_names)

    def update(self, p: Array, g: Array, slots: list[Array], rate: float, t: int) -> None:
        """Change p and its slots in place; t counts updates from 1."""
        raise NotImplementedError(f"{type(self).__name__} must define update(p, g, slots, rate, t)")


# --- steps along the gradient, or along its moving sum ------------------------------------------------------


@immutable("net.optimizer")
@dataclass(frozen=True, slots=True, repr=False)
class SGD(Optimizer):
    """Stochastic gradient descent: after each batch, ``W -= learning_rate * dW`` and b likewise.

    Parameters
    ----------
    learning_rate, weight_decay, clip_value, clip_norm
        As in :class:`deepnet.optimizers.Optimizer`.

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


@immutable("net.optimizer")
@dataclass(frozen=True, slots=True, repr=False)
class Momentum(Optimizer):
    """Gradient descent with a heavy ball: ``v = momentum v + g; p -= learning_rate v``.

    As in PyTorch. The course's average, ``v = beta v + (1 - beta) g``, takes the same steps with the rate
    ``learning_rate (1 - beta)``.

    Parameters
    ----------
    learning_rate, weight_decay, clip_value, clip_norm
        As in :class:`deepnet.optimizers.Optimizer`.
    momentum : float
        How much of v each step keeps; from 0 to less than 1.
    rate_inside : bool
        ``v = momentum v + learning_rate g; p -= v``, as in scikit-learn and Keras: the same unless the
        learning rate changes, which then applies to new gradients only.

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
    rate_inside: bool = field(default=False, kw_only=True)
    name = "momentum"
    native = "momentum"
    slots = 1
    hyper_names = ("momentum",)

    def update(self, p: Array, g: Array, slots: list[Array], rate: float, t: int) -> None:
        """v = momentum v + g; p -= rate v."""
        (v,) = slots
        gain, rate = (rate, 1) if self.rate_inside else (1, rate)
        v[...] = p.dtype.type(self.momentum) * v + p.dtype.type(gain) * g
        p -= p.dtype.type(rate) * v


@immutable("net.optimizer")
@dataclass(frozen=True, slots=True, repr=False)
class Nesterov(Momentum):
    """Momentum that looks ahead: ``v = momentum v + g; p -= learning_rate (g + momentum v)``.

    Parameters
    ----------
    learning_rate, weight_decay, clip_value, clip_norm
        As in :class:`deepnet.optimizers.Optimizer`.
    momentum : float
        How much of v each step keeps; from 0 to less than 1.
    rate_inside : bool
        As in :class:`Momentum`.

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
        gain, rate = (rate, 1) if self.rate_inside else (1, rate)
        g = p.dtype.type(gain) * g
        v[...] = p.dtype.type(self.momentum) * v + g
        p -= p.dtype.type(rate) * (g + p.dtype.type(self.momentum) * v)


# --- steps divided by the size of past gradients, entry by entry --------------------------------------------

# These store sqrt(s) / UNIT, because g^2 leaves the range of float32 at 1.8e19 and 1e-19. The unit leaves
# room for the sum over a million of the largest gradients.
UNIT = 1024


@immutable("net.optimizer")
@dataclass(frozen=True, slots=True, repr=False)
class RMSprop(Optimizer):
    """Steps divided by the recent gradient size: ``s = rho s + (1 - rho) g^2; p -= rate g / (sqrt(s) + e)``.

    Parameters
    ----------
    learning_rate, weight_decay, clip_value, clip_norm
        As in :class:`deepnet.optimizers.Optimizer`.
    rho : float
        How much of s, the moving average of the squares, each step keeps; from 0 to less than 1.
    epsilon : float
        Prevents division by 0; more than 0, also in the network's dtype.

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
        (root,), T = slots, p.dtype.type
        root[...] = np.hypot(T(self.rho**0.5) * root, T((1 - self.rho) ** 0.5 / UNIT) * g)
        p -= T(rate / UNIT) * (g / (root + T(self.epsilon / UNIT)))


@immutable("net.optimizer")
@dataclass(frozen=True, slots=True, repr=False)
class Adagrad(Optimizer):
    """Steps divided by the size of all gradients: ``s += g^2; p -= learning_rate g / (sqrt(s) + epsilon)``.

    Parameters
    ----------
    learning_rate, weight_decay, clip_value, clip_norm
        As in :class:`deepnet.optimizers.Optimizer`.
    epsilon : float
        Prevents division by 0; more than 0, also in the network's dtype.

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
        (root,), T = slots, p.dtype.type
        root[...] = np.hypot(root, T(1 / UNIT) * g)
        p -= T(rate / UNIT) * (g / (root + T(self.epsilon / UNIT)))


@immutable("net.optimizer")
@dataclass(frozen=True, slots=True, repr=False)
class Adam(Optimizer):
    """Momentum divided by the recent size of the gradient, both corrected for their start at 0.

    ``v = beta1 v + (1 - beta1) g``, ``s = beta2 s + (1 - beta2) g^2``,
    ``p -= learning_rate v / (1 - beta1^t) / (sqrt(s / (1 - beta2^t)) + epsilon)``

    Parameters
    ----------
    learning_rate, weight_decay, clip_value, clip_norm
        As in :class:`deepnet.optimizers.Optimizer`.
    beta1, beta2 : float
        How much of v and s, the moving averages of the gradients and of their squares, each step keeps;
        from 0 to less than 1.
    epsilon : float
        Prevents division by 0; more than 0, also in the network's dtype.
    epsilon_hat : bool
        Add epsilon to sqrt(s) before it is corrected, as scikit-learn and TensorFlow do; the paper's last
        remark in section 2.

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
    epsilon_hat: bool = field(default=False, kw_only=True)
    name = "adam"
    native = "adam"
    slots = 2
    hyper_names = ("beta1", "beta2")

    def update(self, p: Array, g: Array, slots: list[Array], rate: float, t: int) -> None:
        """Apply the formulas of the class."""
        (v, root), T = slots, p.dtype.type
        v[...] = T(self.beta1) * v + T(1 - self.beta1) * g
        root[...] = np.hypot(T(self.beta2**0.5) * root, T((1 - self.beta2) ** 0.5 / UNIT) * g)
        correction = (1 - self.beta2**t) ** -0.5
        epsilon = self.epsilon * correction if self.epsilon_hat else self.epsilon
        p -= T(rate / (1 - self.beta1**t) / UNIT) * (v / (root * T(correction) + T(epsilon / UNIT)))


@immutable("net.optimizer")
@dataclass(frozen=True, slots=True, repr=False)
class AdamW(Adam):
    """Adam with decoupled weight decay: ``W -= learning_rate * weight_decay * W`` before each update.

    Biases do not decay, unlike in PyTorch's AdamW by default.

    Parameters
    ----------
    learning_rate, weight_decay, clip_value, clip_norm
        As in :class:`deepnet.optimizers.Optimizer`.
    beta1, beta2 : float
        How much of v and s, the moving averages of the gradients and of their squares, each step keeps;
        from 0 to less than 1.
    epsilon : float
        Prevents division by 0; more than 0, also in the network's dtype.
    epsilon_hat : bool
        As in :class:`Adam`.

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


OPTIMIZERS: dict[str, type[Optimizer]] = {
    entry.name: entry for entry in (SGD, Momentum, Nesterov, RMSprop, Adagrad, Adam, AdamW)
}

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Momentum",
    "Nesterov",
    "Optimizer",
    "RMSprop",
    "Rate",
]
