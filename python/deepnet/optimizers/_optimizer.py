"""What all optimizers have in common: the rate, decay and clipping, and the checks of their settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from deepnet._numbers import real
from deepnet.activations import Array

Rate = float | Callable[[Any], Any]


@dataclass(frozen=True, repr=False)  # no slots: a subclass may have attributes of its own
class Optimizer:
    """What all optimizers share; not one itself. A subclass with an `update` of its own trains in NumPy.

    Parameters
    ----------
    learning_rate : float or schedule
        Finite, 0 or more; or a function of the number of the update, see :mod:`deepnet.schedules`. It is
        asked for all updates of a run beforehand, and again: its answer must depend on that number alone.
    weight_decay : float
        Decoupled: each update begins with ``W -= learning_rate * weight_decay * W``. Biases do not decay.
    clip_value : float, optional
        Largest size of a gradient's entry; larger ones are cut.
    clip_norm : float, optional
        Largest norm of all gradients as one vector; beyond it they are scaled down to it.

    Raises
    ------
    ValueError
        For example ``learning_rate is -1, but must be 0 or more``.
    TypeError
        For example ``clip_norm is '1', but must be a number``.

    Notes
    -----
    Settings of a subclass are the fields of a frozen dataclass; those named in `hyper_names` must lie in
    [0, 1). `slots` says how many arrays like p it remembers of each parameter: zeros at first.

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
    slots: ClassVar[int] = 0  # arrays that are remembered of each parameter

    def __post_init__(self) -> None:
        if isinstance(self.learning_rate, type):
            kind = self.learning_rate.__name__
            raise TypeError(
                f"learning_rate is the class {kind}, but must be a number or a schedule: {kind}(...)"
            )
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
