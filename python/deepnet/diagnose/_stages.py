"""One stage for each function of the courses: probes, and how the result is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np

from ._running import Probe, Reader, WrongForm
from ._values import Array, as_array


@dataclass(frozen=True, eq=False)
class Stage:
    """How one function is checked.

    Attributes
    ----------
    function, arguments
        The course's names.
    probes
        Makes the probes; called once.
    read
        Names the parts of a result; what the course does not ask for is left out.
    formulas
        The lecture's formula for the parts whose names start so; "" for all others.
    returns
        The result in words: ``(dA_prev, dW, db)``.
    variants
        Names of the lecture's functions that are right: releases of the course differ.
    optional
        Parts, or beginnings of their names, that may be missing.
    lenient
        Beginnings of parts whose differences are a remark only.
    may_write
        Arguments that the function may change.
    operations
        Roundings on the way from the arguments to a result, at most: the tolerance is so many units in the
        last place of the largest number.
    forward
        The function whose cache this one takes, and the arguments that it takes it in:
        `own_probes(forward)` are probes with caches that the learner's own forward function made.
    extra
        Not one of the course's exercises: checked if it is there, and never missed.
    kind
        "values"; "draws" for an initialiser, whose numbers depend on a generator; "training" for a loop that
        starts with one.
    tolerated
        More of the lecture's functions that are right, with what a remark says.
    scales
        Of an initialiser: the standard deviation of W, for the number of units before it.
    contents
        What is in a cache: regular expressions for where, and the name.
    """

    function: str
    arguments: tuple[str, ...]
    probes: Callable[[], Sequence[Probe]]
    read: Reader
    formulas: Mapping[str, str]
    returns: str
    variants: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    lenient: tuple[str, ...] = ()
    may_write: tuple[str, ...] = ()
    operations: int = 128
    forward: str = ""
    own_probes: Callable[[Callable[..., Any]], Sequence[Probe]] | None = None
    extra: bool = False
    kind: str = "values"
    tolerated: Mapping[str, str] = field(default_factory=dict)
    scales: tuple[Callable[[int], float], ...] = ()
    contents: tuple[tuple[str, str], ...] = ()

    def called(self, path: str) -> str:
        """Return the name of an array among the arguments: ``W in cache[0]`` for ``cache[0][1]``."""
        for where, words in self.contents:
            match = re.fullmatch(where, path)
            if match:
                return match.expand(words)
        return path

    def formula(self, part: str = "") -> str:
        """Return the formula of a part; without one, that of the function, or those of all its parts."""
        starts = [start for start in self.formulas if start and part.startswith(start)]
        if starts:
            return self.formulas[max(starts, key=len)]
        return self.formulas.get("", ";  ".join(self.formulas.values()))


@dataclass(frozen=True, eq=False)
class Course:
    """The stages in the order in which the course introduces the functions, and the right functions."""

    name: str
    lecture: ModuleType
    stages: Mapping[str, Stage] = field(default_factory=dict)


def variants_of(stage: Stage) -> tuple[str, ...]:
    """Return the names of the lecture's functions that are right."""
    return stage.variants or (stage.function,)


# --- numbers for the probes ---------------------------------------------------------------------------------


def draws(seed: int, *shape: int) -> Array:
    """Numbers of both signs, about 1 in size."""
    return np.random.default_rng(seed).normal(size=shape)


def with_zeros(array: Array) -> Array:
    """Set every fourth entry to exactly 0."""
    array = array.copy()
    array.reshape(-1)[::4] = 0.0
    return array


def probabilities(seed: int, m: int) -> Array:
    """Numbers from 0.1 to 0.9, shape (1, m)."""
    return np.random.default_rng(seed).uniform(0.1, 0.9, size=(1, m))


def labels(m: int) -> Array:
    """Zeros and ones, unequally many, shape (1, m)."""
    return np.array([[1, 0, 0, 1, 0, 0, 0, 1, 0][i % 9] for i in range(m)]).reshape(1, m)


def network(units: Sequence[int], seed: int) -> dict[str, Array]:
    """Parameters of a network, about 1 / sqrt(n) in size; no b is zero."""
    random = np.random.default_rng(seed)
    parameters = {}
    for l, (n_prev, n) in enumerate(pairwise(units), start=1):
        parameters[f"W{l}"] = random.normal(size=(n, n_prev)) / np.sqrt(n_prev)
        parameters[f"b{l}"] = random.normal(size=(n, 1)) / 2
    return parameters


def gradients(parameters: Mapping[str, Array], seed: int) -> dict[str, Array]:
    """Numbers in the shapes of the parameters, under the names of their gradients."""
    random = np.random.default_rng(seed)
    return {f"d{key}": np.asarray(random.normal(size=p.shape)) for key, p in parameters.items()}


# --- reading of results -------------------------------------------------------------------------------------


def described(result: Any) -> str:
    """Say what a result is: "a tuple of 3", "None"."""
    if result is None:
        return "None (is there a return?)"
    if isinstance(result, (tuple, list)):
        return f"a {type(result).__name__} of {len(result)}"
    array = as_array(result)
    if array is not None and isinstance(result, np.ndarray):
        return f"an array of shape {array.shape}"
    return f"a {type(result).__name__}"


def items(result: Any, count: int, returns: str) -> list[Any]:
    """Return the `count` items of a tuple or list."""
    if not isinstance(result, (tuple, list)) or len(result) != count:
        raise WrongForm(f"it returns {described(result)}, but should return {returns}")
    return list(result)


def one_array(name: str) -> Reader:
    """Read a result that is one array or number."""

    def read(result: Any, args: tuple[Any, ...], probe: Probe) -> dict[str, Any]:
        if as_array(result) is None:
            raise WrongForm(f"it returns {described(result)}, but should return {name}")
        return {name: result}

    return read


def read_parameters(result: Any, args: tuple[Any, ...], probe: Probe) -> dict[str, Any]:
    """W1, b1, ..., and how many entries there are: the course takes half of them for the number of layers."""
    parts = arrays_of(result, "a dict with W1, b1, ...")
    return parts | {"the number of entries": np.array(len(parts))}


def arrays_of(result: Any, returns: str) -> dict[str, Any]:
    """Return the entries of a dict of arrays that have string keys."""
    if not isinstance(result, Mapping):
        raise WrongForm(f"it returns {described(result)}, but should return {returns}")
    return {key: value for key, value in result.items() if isinstance(key, str)}
