"""gradient_check, the function that users call."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from deepnet._numbers import real, whole
from deepnet._validation import options as option
from deepnet.activations import Array
from deepnet.caches import Parameters, Whole
from deepnet.losses import Loss
from deepnet.network import Network
from deepnet.network.network import LossData

from . import _differences as by
from ._explaining import explanations
from ._result import ArrayCheck, Entry, GradientCheck
from ._subject import ALONE, PAIR, TRIO, Subject, function_subject, functions_subject, network_subject

WORST = 5  # entries that a report lists
MOVES = (256, 256, 64, 16)  # steps to nearby parameters: kinks should be many steps away, but the cost finite
Found = tuple[by.Compared, bool]  # and whether the parameters were moved


def gradient_check(
    model: Network | tuple[Callable[..., Any], ...],
    X: Array | None = None,
    Y: Array | None = None,
    *,
    parameters: Parameters | None = None,
    epsilon: float | None = None,
    sample: Whole | None = None,
    seed: Whole = 0,
    loss: str | Loss | None = None,
    input_scale: float | None = None,
    loss_data: LossData | None = None,
    inputs: Parameters | None = None,
    mean: bool = True,
) -> GradientCheck:
    """Compare gradients with finite differences of the cost, one parameter at a time.

    Parameters
    ----------
    model : Network, or tuple of two or three functions
        A network, checked on X and Y. Or ``(cost, grads)``, functions of a dict of parameters: the first
        returns a number, the second a dict with ``dW1`` for ``W1`` and so on. Or the three functions of the
        course, ``(L_model_forward, compute_cost, L_model_backward)``, or custom ones, called as
        ``AL, caches = forward(X, parameters)``, ``cost(AL, Y)`` and ``backward(AL, Y, caches)``. Or one
        function alone with its backward step, ``(linear_forward, linear_backward)``, with `inputs`.
    X, Y : ndarray
        Examples, for a network or three functions. A few dozen are enough; with thousands, almost every
        parameter has a kink of relu within its step.
    parameters : dict of ndarray
        For functions: arrays of floats, of any names and shapes. They are not changed; the functions get
        copies.
    epsilon : float, optional
        Each parameter theta is moved by ``epsilon * max(1, |theta|)``; the cube root of the rounding unit,
        6e-6, if not given.
    sample : int, optional
        Check this many entries of each array, chosen at random; all if not given. An entry takes two
        evaluations of the cost, one that disagrees eight.
    seed : int
        Seed of that choice.
    loss, input_scale, loss_data
        For a network, as in :meth:`deepnet.Network.fit`.
    inputs : dict of ndarray, optional
        For one function alone: the arrays that it gets, in their order,
        ``{"A_prev": A_prev, "W": W, "b": b}``. It is called as ``output, cache = forward(A_prev, W, b)``;
        without a cache, `backward` gets the inputs. Then ``backward(d_output, cache)`` returns the gradient
        of each input, in the same order. No cost is needed.
    mean : bool
        With `inputs`: gradients of arrays whose names begin with W or b are means over the examples, the
        columns of the output, as in the course; False: sums. Others have a column per example.

    Returns
    -------
    result : GradientCheck
        True if all arrays agree. ``passed``, ``error``, ``wrong``, ``worst`` and ``arrays`` give the details,
        and ``explanations`` say what a disagreement probably means; ``repr`` shows them as a table.

    Raises
    ------
    ValueError
        If the gradients do not fit the parameters: ``the gradients do not fit the parameters: db1 has shape
        (3,), but b1 has (3, 1)``. If the cost is not finite, or not the same when asked twice, as with
        dropout.
    TypeError
        If an argument or a result has the wrong type: ``the cost is an array of shape (1, 7), but must be one
        number``.

    Notes
    -----
    An array is wrong if ||g - n|| / (||g|| + ||n||) > 1e-7 over its entries, where n = (J(theta + h) -
    J(theta - h)) / 2h. Everything is computed in float64, on copies; float32 networks and parameters are
    converted.

    n is not the slope where relu or another activation has a kink within the step, and it is inexact where
    the slope is small beside the cost. An entry that disagrees is therefore measured again with smaller
    steps, which show how rough the cost is there. Only what exceeds this uncertainty counts as an error. An
    entry is left out if the uncertainty is as large as the slope, or if the rounding errors of the cost hide
    any slope as small as both g and n. If kinks leave out half of an array or more, or if an array is wrong,
    it is compared at nearby parameters as well, and is right if it is right there: exactly at a kink, for
    example for examples that are all 0 in a network without biases, the slope of either side is right.

    Agreement does not prove that a function is right: it may be wrong for another number of examples or
    other widths. A cost that changes in visible steps cannot be checked. The lecture's cost does where an
    output very near 1 is wrong, because 1 - AL has few digits left.

    Source: A. Ng, deeplearning.ai, *Improving Deep Neural Networks*, week 1.

    Examples
    --------
    >>> X, Y = np.random.default_rng(0).normal(size=(3, 7)), np.array([0, 1, 1, 0, 1, 0, 0])
    >>> net = deepnet.Network([3, 4, 1], "tanh", dtype="float64", seed=1)
    >>> deepnet.gradient_check(net, X, Y)
    <gradient check: passed; relative error ...e-1..., limit 1e-07>
              compared  left out        of  relative error
      dW1           12         0        12  ...
      db1            4         0         4  ...
      dW2            4         0         4  ...
      db2            1         0         1  ...
    >>> cost, grads = (lambda p: float(np.sum(p["w"] ** 3))), (lambda p: {"dw": 6 * p["w"] ** 2})
    >>> result = deepnet.gradient_check((cost, grads), parameters={"w": np.array([1.0, 2.0])})
    >>> result.passed, result.wrong, round(result.arrays["dw"].ratio, 6)
    (False, ['dw'], 2.0)
    >>> result.explanations
    ['dw is 2 times the slope: is it added twice, or is a factor of 1/2 missing?']
    >>> forward, backward = (lambda Z: np.maximum(Z, 0)), (lambda dA, Z: dA)
    >>> Z = np.array([[-1.0, 2.0], [3.0, -4.0]])
    >>> result = deepnet.gradient_check((forward, backward), inputs={"Z": Z})
    >>> print(*result.explanations)
    dZ is not 0 where the slope is exactly 0, as behind relu where Z is negative: look at the mask
    """
    step = by.EPSILON if epsilon is None else _step(epsilon)
    most = None if sample is None else whole("sample", sample, 1)
    rng = np.random.default_rng(whole("seed", seed, 0, option.LARGEST_SEED))
    if inputs is None:
        subject = _subject(model, X, Y, parameters, loss, input_scale, loss_data)
    else:
        others = X, Y, parameters, loss, input_scale, loss_data
        subject = _one_function(model, others, inputs, mean, seed)
    chosen = {key: _chosen(p, most, rng) for key, p in subject.parameters.items()}
    found = {key: (c, False) for key, c in _compared(subject, chosen, step).items()}
    doubtful = {key for key, (c, _) in found.items() if c.is_mostly_hidden() or c.may_be_at_kinks()}
    start = {key: p.copy() for key, p in subject.parameters.items()}
    for steps in MOVES:
        if not doubtful:
            break
        for key, p in subject.parameters.items():
            p[...] = start[key]
            p += steps * step * np.maximum(1, np.abs(p)) * rng.standard_normal(p.shape)
        if not math.isfinite(subject.cost()):
            continue
        again = {key: indices for key, indices in chosen.items() if key in doubtful}
        for key, c in _compared(subject, again, step).items():
            before, _ = found[key]
            if before.is_mostly_hidden():
                is_better = c.left_out < before.left_out or not c.is_mostly_hidden()
            else:
                is_better = c.is_right() and bool(c.numeric.any())  # a dead unit nearby proves nothing
            if is_better:
                found[key] = c, True
            is_clear = not (c.is_mostly_hidden() or c.is_wrong_only_at_kinks())
            if is_clear and (is_better or not c.is_right()):
                doubtful.remove(key)
    return _result(subject, found, step)


def _step(epsilon: Any) -> float:
    return real("epsilon", epsilon, "finite, and large enough for float64: 1e-6 is", low=by.EPS**0.75)


def _subject(
    model: Any, X: Any, Y: Any, parameters: Any, loss: Any, input_scale: Any, loss_data: Any
) -> Subject:
    if isinstance(model, Network):
        if parameters is not None:
            raise TypeError("parameters is for functions: a network is checked at its own")
        return network_subject(model, X, Y, loss, input_scale, loss_data)
    if not isinstance(model, (tuple, list)) or len(model) not in (2, 3):
        raise TypeError(f"model is {model!r}, but must be a network, {PAIR}, {TRIO} or {ALONE}")
    if any(option is not None for option in (loss, input_scale, loss_data)):
        raise TypeError("loss, input_scale and loss_data are for networks: functions have their own")
    return functions_subject(tuple(model), X, Y, parameters)


def _one_function(model: Any, others: tuple[Any, ...], inputs: Any, mean: bool, seed: Any) -> Subject:
    if not isinstance(model, (tuple, list)) or len(model) != 2:
        raise TypeError(f"inputs is for one function and its backward step, {ALONE}, but model is {model!r}")
    names = ("X", "Y", "parameters", "loss", "input_scale", "loss_data")
    given = [name for name, value in zip(names, others, strict=True) if value is not None]
    if given:
        raise TypeError(f"{given[0]} is given with inputs, which are all that one function gets: {ALONE}")
    return function_subject(tuple(model), inputs, mean, np.random.default_rng([int(seed), 1]))


def _chosen(p: Array, sample: int | None, rng: np.random.Generator) -> list[by.Index]:
    flat = np.arange(p.size)
    if sample is not None and sample < p.size:
        flat = np.sort(rng.choice(p.size, sample, replace=False))
    return [tuple(int(i) for i in np.unravel_index(place, p.shape)) for place in flat]


def _compared(subject: Subject, chosen: dict[str, list[by.Index]], step: float) -> dict[str, by.Compared]:
    """Compare these entries at the current parameters."""
    cost, again = subject.cost(), subject.cost()
    if not math.isfinite(cost):
        raise ValueError(f"the cost is {cost}: there is nothing to compare at these parameters")
    if not abs(cost - again) <= by.MOST_ROUNDING * abs(cost):
        raise ValueError(f"the cost is {cost:g}, and {again:g} when asked again: leave out what is random")
    grads = subject.grads()
    usual = by.usual_cost(subject, cost)
    return {
        key: by.compared(subject, key, grads[f"d{key}"], indices, step, cost, usual)
        for key, indices in chosen.items()
    }


def _result(subject: Subject, found: dict[str, Found], step: float) -> GradientCheck:
    arrays, entries, ratios = {}, [], dict[str, float]()
    for key, (c, moved) in found.items():
        error, apart = by.relative_error(c.analytic, c.numeric), np.abs(c.analytic - c.numeric)
        passed = c.is_right() if c.indices else c.is_rounding
        arrays[f"d{key}"] = ArrayCheck(
            error,
            len(c.indices),
            c.left_out,
            subject.parameters[key].size,
            None if passed else by.shared_ratio(c),
            passed,
            moved,
        )
        ratio = None if passed else by.single_ratio(c) if len(c.indices) == 1 else arrays[f"d{key}"].ratio
        if ratio is not None:
            ratios[key] = ratio
        factor = subject.factors.get(key, 1.0)
        both = float(np.linalg.norm(c.analytic) + np.linalg.norm(c.numeric)) or 1.0
        shares = np.where(np.isfinite(apart), apart / both, math.inf)
        entries += [
            (float(share), Entry(f"d{key}", index, float(g) * factor, float(n) * factor))
            for share, index, g, n in zip(shares, c.indices, c.analytic, c.numeric, strict=True)
            if share > 0
        ]
    entries.sort(key=lambda pair: -pair[0])
    everything = [
        np.concatenate([getattr(c, name) for c, _ in found.values()]) for name in ("analytic", "numeric")
    ]
    if not all(c.indices or c.is_rounding for c, _ in found.values()):
        subject.notes.append(
            "the cost is too rough within a step: fewer examples, or another epsilon, may help"
        )
    return GradientCheck(
        arrays,
        [entry for _, entry in entries[:WORST]],
        by.relative_error(*everything),
        step,
        by.LIMIT,
        subject.notes,
        explanations(
            {key: c for key, (c, _) in found.items()},
            {key for key in found if arrays[f"d{key}"].passed},
            [key for key, (c, _) in found.items() if c.indices and not arrays[f"d{key}"].passed],
            ratios,
            subject.examples,
            subject.is_alone,
        ),
    )
