"""Options of a network and of its training: numbers, names and functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from deepnet._names import find
from deepnet._numbers import flag as flag
from deepnet._numbers import is_number, real
from deepnet._numbers import whole as whole
from deepnet.activations import Array
from deepnet.initializers import find_initializer
from deepnet.losses import LOSSES, Loss, find_loss, loss_for
from deepnet.optimizers import OPTIMIZERS, Optimizer

from .arrays import a

MOST_THREADS = 1024
LARGEST_SEED = 2**64 - 1


def thread_count(value: Any) -> int:
    """Accept whole numbers from 1 to MOST_THREADS."""
    if type(value) is int and 0 < value <= MOST_THREADS:
        return value  # in a tenth of the time, which small networks notice
    return whole("threads", value, 1, MOST_THREADS)


def environment_threads(environment: Mapping[str, str]) -> None:
    """Refuse a DEEPNET_NUM_THREADS that is not a whole number from 1."""
    given = environment.get("DEEPNET_NUM_THREADS", "").strip()
    if given and not (
        given.isascii() and given.isdecimal() and len(given) < 9 and 1 <= int(given) <= MOST_THREADS
    ):
        shown = given if len(given) < 40 else f"{given[:40]}..."
        raise ValueError(
            f"DEEPNET_NUM_THREADS is {shown!r}, but must be a whole number from 1 to {MOST_THREADS}, or unset"
        )


def input_scale(value: Any) -> float:
    """Accept finite numbers other than 0."""
    if type(value) is float and value != 0 and abs(value) < 1e38:
        return value  # in a fifth of the time, which small networks notice
    scale = real("input_scale", value, such_as=", such as 1 / 255 for pixels")
    if scale == 0:
        raise ValueError(f"input_scale is {value}, but must be finite and not 0")
    return scale


def class_names(value: Any, outputs: int) -> tuple[str, ...]:
    """Accept a name for each output, or two for a single one."""
    if isinstance(value, str) or not isinstance(value, (Sequence, np.ndarray)):
        raise TypeError(f"class_names is {value!r}, but must be a list of strings")
    names, count = [str(name) if isinstance(name, str) else name for name in value], max(outputs, 2)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"class_names has {name!r}, but must have strings")
    if len(names) != count or len(set(names)) != count:
        number = "output" if outputs == 1 else f"{outputs} outputs"
        raise ValueError(f"class_names is {names}, but must have {count} different names for {number}")
    return tuple(names)


def validation_start(fraction: Any, m: int) -> int:
    """Return the first of the examples to validate with: this fraction, at least 1, at the end."""
    share = real("validation_split", fraction, above=0, below=1)
    if m < 2:
        raise ValueError(f"validation_split is {fraction}, but X has 1 example: validation needs another")
    return m - min(max(1, round(share * m)), m - 1)


def seed(value: Any) -> int | None:
    """Accept None and whole numbers of 64 bits."""
    return None if value is None else whole("seed", value, 0, LARGEST_SEED)


def float_dtype(value: Any) -> np.dtype[Any]:
    """Accept float32 and float64 as names, types or dtypes."""
    try:
        dtype: np.dtype[Any] | None = None if value is None else np.dtype(value)
    except TypeError:
        dtype = None
    if dtype not in (np.float32, np.float64):
        given = repr(value) if dtype is None or isinstance(value, str) else dtype
        raise TypeError(f"dtype is {given}, but must be float32 or float64")
    return dtype


def compute(value: Any, dtype: np.dtype[Any]) -> str | None:
    """Accept None, for products of the dtype, and "bfloat16", which float32 networks can use."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"compute is {value!r}, but must be 'bfloat16' or None")
    if value != "bfloat16":
        raise ValueError(f"compute is {value!r}, but must be 'bfloat16' or None")
    if dtype != np.float32:
        raise ValueError(f"compute is 'bfloat16', but dtype is {dtype}: bfloat16 is for float32 networks")
    return value


def room_for(dims: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse networks beyond the address space; to allocate one that only exceeds the memory fails later."""
    total = sum((before + 1) * units for before, units in pairwise(dims))
    if total * dtype.itemsize > 2**47:
        raise MemoryError(f"layer_dims need {total:.3g} parameters, more than the address space holds")


def first_weights(initializer: Any, rng: np.random.Generator, layer: int, n: int, n_prev: int) -> Array:
    """Draw W of one layer, and check what a custom initializer returned."""
    W = initializer(rng, n, n_prev)
    if not isinstance(W, np.ndarray) or W.dtype.kind not in "fiu":
        kind = W.dtype if isinstance(W, np.ndarray) else a(W)
        raise TypeError(f"initializer returned {kind}, but W{layer} must be an array of floats")
    if W.shape != (n, n_prev):
        raise ValueError(f"initializer returned shape {W.shape}, but W{layer} must be {(n, n_prev)}")
    if not np.isfinite(W).all():
        raise ValueError(f"initializer returned nan or inf for W{layer}")
    return W


def initializer(value: Any) -> Any:
    """Accept a name or a function of (rng, n, n_prev), and return the function."""
    if isinstance(value, str):
        return find_initializer(value)
    if not callable(value):
        raise TypeError(f"initializer is {value!r}, but must be a name or a function of (rng, n, n_prev)")
    return value


def callbacks(value: Any) -> list[Callable[..., Any]]:
    """Accept a list or tuple of functions."""
    if callable(value):
        name = getattr(value, "__name__", "")
        hint = f": callbacks=[{name}]" if name.isidentifier() else ""
        raise TypeError(f"callbacks is one function, but must be a list of functions{hint}")
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"callbacks is {a(value)}, but must be a list of functions")
    for i, callback in enumerate(value):
        if isinstance(callback, type):
            kind = callback.__name__
            module = "deepnet.callbacks." if callback.__module__ == "deepnet.callbacks" else ""
            raise TypeError(
                f"callbacks[{i}] is the class {kind}, but must be a function or an object: {module}{kind}()"
            )
        if not callable(callback):
            raise TypeError(f"callbacks[{i}] is {callback!r}, but must be a function of (net, history)")
    return list(value)


def progress(value: Any) -> Any:
    """Accept None, True and False, or a function of (done_steps, total_steps)."""
    if value is None or isinstance(value, (bool, np.bool_)) or callable(value):
        return value
    raise TypeError(f"progress is {value!r}, but must be True, False or a function of (done, total) steps")


def optimizer(value: Any, dtype: np.dtype[Any]) -> Optimizer:
    """Accept an optimizer or its name; its learning rate must be finite in the dtype."""
    if isinstance(value, str):
        value = find("optimizer", value, OPTIMIZERS)()
    if not isinstance(value, Optimizer) or type(value) is Optimizer:
        if isinstance(value, type) and issubclass(value, Optimizer) and value is not Optimizer:
            module = "deepnet." if value in OPTIMIZERS.values() else ""
            hint = f": optimizer={module}{value.__name__}()"
        else:
            hint = f": optimizer=deepnet.SGD({value if is_number(value) else 0.01})"
        raise TypeError(f"optimizer is {value!r}, but must be an optimizer{hint}")
    if not callable(value.learning_rate):
        real("learning_rate", value.learning_rate, dtype=dtype)
    epsilon = getattr(value, "epsilon", 1.0)
    if dtype.type(epsilon) == 0:
        raise ValueError(
            f"epsilon is {epsilon:g}, which {dtype} rounds to 0: a gradient of 0 would be divided by 0"
        )
    return value


def loss(value: Any, output: str, Y: Any = None, outputs: int = 0, m: int = 0) -> Loss:
    """Accept a loss that fits the output, or its name; None means the default for the output and Y."""
    if value is None:
        chosen = loss_for(output)
        are_classes = outputs > 1 and getattr(Y, "shape", None) in ((m,), (1, m), (m, 1))
        if chosen.activation == "softmax" and are_classes:
            chosen = LOSSES["sparse_categorical_cross_entropy"]
        return chosen
    chosen = any_loss(value)
    of_softmax = output == "softmax" and chosen.activation != "softmax"
    if chosen.activation not in (None, output) or of_softmax:
        fitting = [
            repr(name)
            for name, entry in LOSSES.items()
            if entry.activation == output or (entry.activation is None and output != "softmax")
        ]
        reason = f"which is defined for {_article(chosen.activation)} output, but the network's is {output!r}"
        if chosen.activation is None:
            reason = "which treats each output separately, but the outputs of softmax sum to 1"
        raise ValueError(f"loss is {chosen.name!r}, {reason}: loss={' or '.join(fitting)}")
    return chosen


def any_loss(value: Any) -> Loss:
    """Accept a loss or its name."""
    if not isinstance(value, (str, Loss)):
        raise TypeError(f"loss is {value!r}, but must be a name or a Loss: loss=deepnet.losses.huber(2.0)")
    return value if isinstance(value, Loss) else find_loss(value)


def _article(word: Any) -> str:
    return f"{'an' if str(word)[:1] in 'aeiou' else 'a'} {word}"
