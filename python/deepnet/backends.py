"""The choice of a backend: the C++ extension, which no other module imports, or the NumPy reference.

The extension is the default if it can be imported. The environment variable ``DEEPNET_BACKEND`` ("numpy", or
"native" to fail if the extension is missing) chooses for a process, :func:`use_backend` at any moment.

The extension's functions check in C++ that they can use their arguments as given, and return None if not. So
the common case pays for one check; :mod:`deepnet._validation` handles the rest in Python: it makes the copies
that harmless arguments need, and raises the errors for the others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from . import reference
from ._distribution import version
from .activations import ACTIVATIONS, Activation
from .losses import Loss
from .plan import Plan
from .reference.training_hold import updating

native: ModuleType | None
_why_not_native: ImportError | None = None
try:
    import deepnet._core as native
except ImportError as error:
    # A missing extension is only slow; a broken one is an error.
    if not isinstance(error, ModuleNotFoundError) and os.environ.get("DEEPNET_BACKEND") != "numpy":
        raise
    native = None
    _why_not_native = error

_chosen: ModuleType | None  # None: NumPy


class _Direct:
    """The extension's functions, or functions that decline every call while NumPy is chosen.

    They return None for arguments that they cannot use as given; :func:`compute` is then called with checked
    ones. The smallest networks notice one level of function calls, so callers use these attributes directly.
    """

    activation_forward: Callable[..., Any]
    activation_backward: Callable[..., Any]
    linear_forward: Callable[..., Any]
    linear_backward: Callable[..., Any]
    linear_activation_forward: Callable[..., Any]
    linear_activation_backward: Callable[..., Any]
    L_model_forward: Callable[..., Any]
    compute_cost: Callable[..., Any]
    L_model_backward: Callable[..., Any]
    update_parameters: Callable[..., Any]


direct = _Direct()


def _choose(module: ModuleType | None) -> None:
    global _chosen
    _chosen = module
    for name in _Direct.__annotations__:
        setattr(direct, name, getattr(module, name) if module else _decline)


def _decline(*args: Any) -> None:
    return None


def compute(name: str, arguments: dict[str, Any]) -> Any:
    """Call the function `name` of the chosen backend with checked arguments."""
    if _chosen is None:
        with np.errstate(all="ignore"):  # inf and nan pass silently, as they do in the extension
            return _numpy_function(name)(**arguments)
    return answered(getattr(_chosen, name)(*arguments.values()), f"_core.{name}")


class _LinearInCore(reference.Engine):
    """The NumPy engine, with the extension's matrix products."""

    def linear_forward(self, A_prev: Any, W: Any, b: Any) -> Any:
        assert native is not None
        Z = native.linear_forward(A_prev, W, b)
        return super().linear_forward(A_prev, W, b) if Z is None else Z

    def linear_backward(self, dZ: Any, A_prev: Any, W: Any, b: Any, wants_dA_prev: bool) -> Any:
        assert native is not None
        gradients = native.linear_backward(dZ, A_prev, W, b, wants_dA_prev)
        return super().linear_backward(dZ, A_prev, W, b, wants_dA_prev) if gradients is None else gradients


def engine_for_custom(
    units: Sequence[int],
    activations: Sequence[Activation],
    dtype: Any,
    over: Any = None,
    compute: str | None = None,
) -> reference.Engine:
    """Return an engine that takes custom parts; over the parameters of `over`, one of the extension's."""
    if over is not None:
        shared = over.parameters(), over.begin_training
        return _LinearInCore(units, activations, dtype, *shared, compute=compute)
    kind = reference.Engine if _chosen is None else _LinearInCore
    return kind(units, activations, dtype, compute=compute)


def new_engine(
    units: Sequence[int], activations: Sequence[Activation], dtype: Any, compute: str | None = None
) -> reference.Engine:
    """Return an engine of the chosen backend, with parameters of zero; custom activations are allowed.

    `compute` is "bfloat16" for products of numbers rounded to it, None for products of the dtype.

    The extension has a class per dtype with the methods of the reference's Engine, which return None for
    arguments that they cannot use as given.
    """
    if _chosen is None or not all(is_built_in(activation) for activation in activations):
        return engine_for_custom(units, activations, dtype, compute=compute)
    engine_of = _chosen.EngineFloat32 if dtype == np.float32 else _chosen.EngineFloat64
    engine: reference.Engine = engine_of(units, [g.name for g in activations], compute == "bfloat16")
    return engine


def is_built_in(activation: Activation) -> bool:
    """Return whether the extension has this activation."""
    known = [] if native is None else native.activation_names()
    return activation.name in known and ACTIVATIONS.get(activation.name) is activation


def knows(engine: Any, plan: Plan) -> bool:
    """Return whether this engine can run the plan: the extension has no custom optimizers."""
    return isinstance(engine, reference.Engine) or plan.is_known_to(_native_names()[1])


def calls_loss(engine: Any, loss: Loss) -> bool:
    """Return whether this is an engine of the extension, which takes a loss of the caller's with the labels.

    Its Y is then the tuple (Y, loss, further arrays of the loss or None).
    """
    return is_native(engine) and Plan(loss).has_custom_loss(_native_names()[0])


def prepared(engine: Any, plan: Plan) -> Any:
    """Return the plan in the form that the engine takes."""
    if isinstance(engine, reference.Engine):
        return plan
    assert native is not None
    return native.Plan(plan.settings(*_native_names()))


def _native_names() -> tuple[list[str], list[str]]:
    """Return the losses and the optimizers of the extension."""
    return ([], []) if native is None else (native.loss_names(), native.optimizer_names())


def is_native(engine: Any) -> bool:
    """Return whether this is an engine of the extension itself."""
    return type(engine).__module__ == "deepnet._core"


def fit_side_by_side(trainings: list[Any], threads: int, report: Any) -> None:
    """Train many engines of the extension: for each (engine, hold, X, Y, weights, plan, calls, steps)."""
    assert native is not None
    native.fit_many(trainings, threads, report)


def shuffle(rng: np.random.RandomState, order: Any) -> None:
    """Do ``rng.shuffle(order)``: in half the time if the extension can, without the GIL.

    The lock is the one that RandomState takes for each of its own calls: other threads wait for it. Ctrl-C
    ends the shuffle between two numbers, so that the generator can be used afterwards.
    """
    bits = getattr(rng, "_bit_generator", None)
    if _chosen is not None and bits is not None:
        with bits.lock:
            if _chosen.shuffle_as_numpy(bits.capsule, order) is not None:
                return
    rng.shuffle(order)


def snapshot(engine: Any) -> list[Any]:
    """Return copies of the parameters, taken between two updates of this engine or of one over it."""
    with updating:
        copies: list[Any] = engine.copy_parameters()
    return copies


def copied(engine: Any) -> Any:
    """Return a copy of this engine as :func:`snapshot` takes it; None if it is not of the chosen backend."""
    if _chosen is None or not is_native(engine):
        return None
    with updating:
        return engine.copy()


def answered(result: Any, by: str = "the engine") -> Any:
    """Return the result of a native call with checked arguments, which must not be declined."""
    if result is None:
        raise RuntimeError(f"deepnet bug: {by} declined arguments that the checks accept; please report")
    return result


def unchecked(engine: reference.Engine, name: str) -> Callable[..., Any]:
    """Return the engine's method for unchecked arguments; that of the reference declines all."""
    return _decline if isinstance(engine, reference.Engine) else getattr(engine, name)


def _numpy_function(name: str) -> Callable[..., Any]:
    """Return the reference function, with the signature of the extension's."""
    if name == "linear_forward":
        return lambda A, W, b: reference.linear_forward(A, W, b)[0]
    if name == "linear_backward":
        return lambda dZ, A_prev, W, b: reference.linear_backward(dZ, (A_prev, W, b))
    function: Callable[..., Any] = getattr(reference, name)
    return function


class _Choice:
    """The result of :func:`use_backend`: leaving its `with` block undoes the choice."""

    def __init__(self, before: ModuleType | None) -> None:
        self._before = before

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        _choose(self._before)

    def __repr__(self) -> str:
        return f"<deepnet backend: {backend_name()}>"


def use_backend(name: str) -> _Choice:
    """Choose the backend for the whole process; in a ``with`` statement, until its end.

    Parameters
    ----------
    name : {"native", "numpy"}
        The C++ extension, or the NumPy reference.

    Raises
    ------
    ValueError
        If the name is another, for example ``unknown backend 'cuda': "native" or "numpy"``.
    ImportError
        If the extension is chosen and cannot be imported.

    Examples
    --------
    >>> with use_backend("numpy"):
    ...     backend_name()
    'numpy'
    """
    if name not in ("native", "numpy"):
        raise ValueError(f'unknown backend {name!r}: "native" or "numpy"')
    if name == "native" and native is None:
        raise ImportError(
            "the native backend was chosen, but deepnet._core cannot be imported: "
            f'{_why_not_native}. Reinstall deepnet, or use_backend("numpy")'
        )
    before = _chosen
    _choose(native if name == "native" else None)
    return _Choice(before)


def backend_name() -> str:
    """Return the current backend, "native" or "numpy". A network keeps the one it was created with."""
    return "numpy" if _chosen is None else "native"


def show_config() -> None:
    """Print the version, the backend, and for the extension its compiler, instruction sets and threads.

    Returns
    -------
    None
        The output is for people and bug reports; its form may change.

    Raises
    ------
    RuntimeError
        For example ``DEEPNET_ISA is 'avx512', but this CPU does not have it``.

    Examples
    --------
    >>> show_config()
    deepnet ...
    numpy ...
    backend ...
    """
    from importlib.metadata import PackageNotFoundError

    try:
        lines = {"deepnet": version()}
    except PackageNotFoundError:
        lines = {"deepnet": "not installed"}
    lines |= {"numpy": np.__version__, "backend": backend_name()}
    if native is None:
        lines["extension"] = f"missing ({_why_not_native})"
    else:
        lines |= {f"native {key}": str(value) for key, value in native.config().items()}
    width = max(map(len, lines))
    print("\n".join(f"{key:<{width}}  {value}" for key, value in lines.items()))


_choose(native)
if os.environ.get("DEEPNET_BACKEND"):
    try:
        use_backend(os.environ["DEEPNET_BACKEND"])
    except (ValueError, ImportError) as error:
        raise type(error)(f"DEEPNET_BACKEND: {error}") from None
