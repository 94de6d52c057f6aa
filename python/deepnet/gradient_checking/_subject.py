"""A network or functions, seen as parameters that may be moved, with their cost and its gradients."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from deepnet._validation.arrays import a, anything, counted, has_examples
from deepnet.activations import Array
from deepnet.caches import Parameters
from deepnet.losses import Loss
from deepnet.network import Network

PAIR = "(cost, grads), parameters=..."
ALONE = "(forward, backward), inputs=..."
TRIO = "(forward, cost, backward), X, Y, parameters=..."


@dataclass(slots=True)
class Subject:
    """A cost and its gradients at `parameters`, which are float64 copies that may be changed in place."""

    parameters: Parameters
    cost: Callable[[], float]
    grads: Callable[[], Parameters]
    notes: list[str] = field(default_factory=list)
    examples: int | None = None  # their number, if it is known
    factors: dict[str, float] = field(default_factory=dict)  # of slopes that are not those of the cost
    is_alone: bool = False  # one function, with a cost that is made up


def network_subject(
    net: Network, X: Any, Y: Any, loss: str | Loss | None, input_scale: float | None, loss_data: Any
) -> Subject:
    """Return the subject of a float64 copy of the network."""
    notes, options = [], {"loss": loss, "input_scale": input_scale, "loss_data": loss_data}
    if net.dtype == np.float64:
        copied = copy.deepcopy(net)
    else:
        copied = net.astype(np.float64)
        notes = [f"checked in float64, on a copy of the {net.dtype} network"]
    return Subject(
        copied.parameters,
        lambda: copied.evaluate(X, Y, **options),
        lambda: copied.loss_and_grads(X, Y, **options)[1],
        notes,
    )


def functions_subject(functions: tuple[Any, ...], X: Any, Y: Any, parameters: Any) -> Subject:
    """Return the subject of copied parameters; a function gets new copies, which it may change."""
    for function in functions:
        if not callable(function):
            raise TypeError(f"{function!r} is not a function: gradient_check takes {PAIR} or {TRIO}")
    if not isinstance(parameters, dict) or not parameters:
        given = "empty" if isinstance(parameters, dict) else a(parameters)
        raise TypeError(f"parameters is {given}, but must be a dict of arrays: {PAIR} or {TRIO}")
    copied, notes = _copied(parameters, "parameters")

    def copies() -> Parameters:
        return {key: p.copy() for key, p in copied.items()}

    if len(functions) == 2:
        if X is not None or Y is not None:
            raise TypeError(f"X and Y are for three functions, {TRIO}; the two of {PAIR} have their data")
        cost, grads = functions
        return Subject(
            copied, lambda: _number(cost(copies()), notes), lambda: _checked(grads(copies()), copied), notes
        )
    forward, compute_cost, backward = functions
    if X is None or Y is None:
        raise TypeError(f"{'X' if X is None else 'Y'} is missing: gradient_check takes {TRIO}")

    def run() -> tuple[Any, Any]:
        result = forward(copy.copy(X), copies())
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise TypeError(f"the first function returned {a(result)}, but must return (AL, caches)")
        return result[0], result[1]

    m = np.shape(X)[1] if np.ndim(X) == 2 else None

    def slopes() -> Parameters:
        AL, caches = run()
        return _checked(backward(AL, copy.copy(Y), caches), copied, m)

    return Subject(copied, lambda: _number(compute_cost(run()[0], copy.copy(Y)), notes), slopes, notes, m)


def function_subject(
    functions: tuple[Any, ...], inputs: Any, mean: bool, rng: np.random.Generator
) -> Subject:
    """Return the subject of one function and its backward step.

    The cost is the mean over the examples of sum(R * output), with random numbers R, so that the gradient of
    each example's own loss with respect to the output is R.
    """
    for function in functions:
        if not callable(function):
            raise TypeError(f"{function!r} is not a function: gradient_check takes {ALONE}")
    if not isinstance(inputs, dict) or not inputs:
        given = "empty" if isinstance(inputs, dict) else a(inputs)
        raise TypeError(f'inputs is {given}, but must be a dict of arrays in their order: {{"Z": Z}}')
    copied, notes = _copied(inputs, "inputs")
    forward, backward = functions

    def run() -> tuple[Array, Any]:
        given = [p.copy() for p in copied.values()]
        result = forward(*given)
        output, cache = result, given[0] if len(given) == 1 else tuple(given)
        if isinstance(result, (tuple, list)) and len(result) == 2:
            output, cache = result
        if not isinstance(output, np.ndarray) or output.dtype.kind != "f":
            raise TypeError(
                f"the first function returned {a(result)}, but must return an array, or (array, cache)"
            )
        return output, cache

    output = run()[0]
    m = output.shape[1] if output.ndim == 2 else 1
    R: Array = np.asarray(rng.standard_normal(output.shape))
    factors = {key: float(m) for key in copied if m > 1 and (has_examples(key) or not mean)}

    def cost() -> float:
        return float(np.sum(R * run()[0])) / m

    def slopes() -> Parameters:
        grads = backward(R.copy(), run()[1])
        if not isinstance(grads, dict):
            several = list(grads) if isinstance(grads, (tuple, list)) else [grads]
            if len(several) != len(copied):
                raise ValueError(
                    f"the second function returned {counted(len(several), 'array')}, but there are "
                    f"{counted(len(copied), 'input')}: it must return the gradient of each, in their order"
                )
            grads = dict(zip([f"d{key}" for key in copied], several, strict=True))
        found = _checked(grads, copied, m)
        return {f"d{key}": found[f"d{key}"] / factors.get(key, 1.0) for key in copied}

    examples = m if m > 1 else None
    return Subject(copied, cost, slopes, notes, examples, factors, is_alone=True)


def _copied(arrays: dict[Any, Any], name: str) -> tuple[Parameters, list[str]]:
    """Return float64 copies of arrays of floats, and a note if they had another type."""
    copied: Parameters = {}
    notes: list[str] = []
    for key, value in arrays.items():
        array = anything(str(key), value)
        if array.dtype.kind != "f":
            raise TypeError(f"{key} is {array.dtype}, but must be of floats: {key}.astype(np.float64)")
        copied[key] = array.astype(np.float64)
        if array.dtype != np.float64 and not notes:
            notes = [f"checked in float64: the {name} are {array.dtype}"]
    return copied, notes


def _number(value: Any, notes: list[str]) -> float:
    """Return the cost as a float; it may be in an array of one element."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiu" or array.size != 1:
        given = f"an array of shape {array.shape}" if isinstance(value, np.ndarray) else a(value)
        raise TypeError(f"the cost is {given}, but must be one number")
    if array.dtype.kind == "f" and array.dtype.itemsize < 8:
        note = f"the cost is {array.dtype}, too coarse for so small a step: compute it in float64"
        notes += [note] if note not in notes else []
    return float(array.reshape(()))


def _checked(grads: Any, parameters: Parameters, m: int | None = None) -> Parameters:
    """Return the gradients of the parameters in float64; other entries are ignored."""
    if not isinstance(grads, dict):
        raise TypeError(
            f"the gradients are {a(grads)}, but must be a dict with d{next(iter(parameters))}, ..."
        )
    found, faults, causes = {}, [], dict[str, None]()
    for key, p in parameters.items():
        value = np.asarray(grads.get(f"d{key}"))
        if f"d{key}" not in grads:
            faults.append(f"d{key} is missing")
        elif value.dtype.kind not in "fiu":
            faults.append(f"d{key} is not an array of floats")
        elif value.shape != p.shape:
            faults.append(f"d{key} has shape {value.shape}, but {key} has {p.shape}")
            cause = _shape_hint(value.shape, p.shape, m)
            causes |= {f"d{key}: {cause}": None} if cause else {}
        else:
            found[f"d{key}"] = value.astype(np.float64)
    if faults:
        why = "".join(f". {cause}" for cause in list(causes)[:1])
        raise ValueError(f"the gradients do not fit the parameters: {'; '.join(faults)}{why}")
    return found


def _shape_hint(found: tuple[int, ...], expected: tuple[int, ...], m: int | None) -> str:
    """Return the likely cause of a gradient's wrong shape, or nothing."""
    if len(expected) == 2 and expected[1] == 1 and expected[0] != 1 and found == expected[:1]:
        return f"a sum over the examples has the shape {found} without keepdims=True"
    if expected == (1, 1) and found in ((), (1,)):
        return f"a sum over the examples has the shape {found} without axis=1 and keepdims=True"
    if len(expected) == 2 and expected[1] == 1 and m is not None and found in ((1, m), (m,)):
        return "it has an entry for each example: is the sum over axis 0 instead of axis 1?"
    if len(expected) == 2 and expected[1] == 1 and found in ((), (1, 1)):
        return "it is a sum over all units, but belongs to each: a sum over axis 1"
    if len(expected) == 2 and found == expected[::-1]:
        return "it is transposed: are the factors of the product swapped?"
    return ""
