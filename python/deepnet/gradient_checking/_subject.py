"""A network or functions, seen as parameters that may be moved, with their cost and its gradients."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from deepnet._validation.arrays import a, anything
from deepnet.caches import Parameters
from deepnet.losses import Loss
from deepnet.network import Network

PAIR = "(cost, grads), parameters=..."
TRIO = "(forward, cost, backward), X, Y, parameters=..."


@dataclass(slots=True)
class Subject:
    """A cost and its gradients at `parameters`, which are float64 copies that may be changed in place."""

    parameters: Parameters
    cost: Callable[[], float]
    grads: Callable[[], Parameters]
    notes: list[str] = field(default_factory=list)


def network_subject(
    net: Network, X: Any, Y: Any, loss: str | Loss | None, input_scale: float | None
) -> Subject:
    """Return the subject of a float64 copy of the network."""
    notes = []
    if net.dtype == np.float64:
        copied = copy.deepcopy(net)
    else:
        copied = net.astype(np.float64)
        notes = [f"checked in float64, on a copy of the {net.dtype} network"]
    return Subject(
        copied.parameters,
        lambda: copied.evaluate(X, Y, loss=loss, input_scale=input_scale),
        lambda: copied.loss_and_grads(X, Y, loss=loss, input_scale=input_scale)[1],
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
    copied: Parameters = {}
    notes: list[str] = []
    for key, value in parameters.items():
        array = anything(str(key), value)
        if array.dtype.kind != "f":
            raise TypeError(f"{key} is {array.dtype}, but must be of floats: {key}.astype(np.float64)")
        copied[key] = array.astype(np.float64)
        if array.dtype != np.float64 and not notes:
            notes = [f"checked in float64: the parameters are {array.dtype}"]

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

    def slopes() -> Parameters:
        AL, caches = run()
        return _checked(backward(AL, copy.copy(Y), caches), copied)

    return Subject(copied, lambda: _number(compute_cost(run()[0], copy.copy(Y)), notes), slopes, notes)


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


def _checked(grads: Any, parameters: Parameters) -> Parameters:
    """Return the gradients of the parameters in float64; other entries are ignored."""
    if not isinstance(grads, dict):
        raise TypeError(
            f"the gradients are {a(grads)}, but must be a dict with d{next(iter(parameters))}, ..."
        )
    found, faults = {}, []
    for key, p in parameters.items():
        value = np.asarray(grads.get(f"d{key}"))
        if f"d{key}" not in grads:
            faults.append(f"d{key} is missing")
        elif value.dtype.kind not in "fiu":
            faults.append(f"d{key} is not an array of floats")
        elif value.shape != p.shape:
            faults.append(f"d{key} has shape {value.shape}, but {key} has {p.shape}")
        else:
            found[f"d{key}"] = value.astype(np.float64)
    if faults:
        raise ValueError(f"the gradients do not fit the parameters: {'; '.join(faults)}")
    return found
