"""How gradients become updates: one class per optimizer, its textbook form beside its settings.

Each class is the twin of a struct in ``cpp/kernels/optimizers.h`` (AdamW shares Adam's); to add one, write
both. `update` is what the engine in C++ is compared with, and what trains where NumPy does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np

from ._numbers import real
from .activations import Array

Rate = float | Callable[[Any], Any]


@dataclass(frozen=True, slots=True, repr=False)
class Optimizer:
    """What all optimizers share; not one itself. A subclass with an `update` of its own trains in NumPy.

    Parameters
    ----------
    learning_rate : float or schedule
        Finite, 0 or more; or a function of the number of the update, see :mod:`deepnet.schedules`.
    weight_decay : float
        Decoupled: each update begins with ``W -= learning_rate * weight_decay * W``. Biases do not decay.
    clip_value : float, optional
        Largest size of a gradient's entry; larger ones are cut.
    clip_norm : float, optional
        Largest norm of all gradients as one vector; beyond it they are scaled down to it.
    """

    learning_rate: Rate = 0.01
    weight_decay: float = field(default=0.0, kw_only=True)
    clip_value: float | None = field(default=None, kw_only=True)
    clip_norm: float | None = field(default=None, kw_only=True)

    name: ClassVar[str]
    native: ClassVar[str]  # the name in cpp/kernels/optimizers.h
    slots: ClassVar[int] = 0  # arrays that are remembered of each parameter

    def __post_init__(self) -> None:
        if not callable(self.learning_rate):
            self._check("learning_rate", low=0)
        self._check("weight_decay", low=0)
        for name in ("clip_value", "clip_norm"):
            if getattr(self, name) is not None:
                self._check(name, "more than 0, or None", above=0)
        if self.clip_value is not None and self.clip_norm is not None:
            raise ValueError("clip_value and clip_norm are both given, but only one of them can cut")
        for name in self.hyper_names:
            self._check(name, low=0, below=1)
        if hasattr(self, "epsilon"):
            self._check("epsilon", above=0)

    def _check(self, name: str, must: str = "", **bounds: Any) -> None:
        """Put a plain number of Python in the place of a good one."""
        object.__setattr__(self, name, real(name, getattr(self, name), must, **bounds))

    hyper_names: ClassVar[tuple[str, ...]] = ()

    @property
    def hyper(self) -> tuple[float, ...]:
        """The settings that lie in [0, 1), in the order of the native struct."""
        return tuple(getattr(self, name) for name in self.hyper_names)

    def __repr__(self) -> str:
        told = ((entry, getattr(self, entry.name)) for entry in fields(self))
        settings = ", ".join(f"{entry.name}={value!r}" for entry, value in told if value != entry.default)
        return f"{type(self).__name__}({settings})"

    def update(self, p: Array, g: Array, slots: list[Array], rate: float, t: int) -> None:
        """Change p and the slots, which are zeros at first, in place; t counts updates from 1."""
        raise NotImplementedError(f"{type(self).__name__} has no update of its own")


@dataclass(frozen=True, slots=True, repr=False)
class SGD(Optimizer):
    """Stochastic gradient descent: after each batch, ``W -= learning_rate * dW`` and b likewise.

    Parameters and errors are those of :class:`Optimizer`: ``learning_rate is -1, but must be 0 or more``.

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


@dataclass(frozen=True, slots=True, repr=False)
class RMSprop(Optimizer):
    """Steps over the recent size of the gradient: ``s = rho s + (1 - rho) g^2; p -= rate g / (sqrt(s) + e)``.

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
