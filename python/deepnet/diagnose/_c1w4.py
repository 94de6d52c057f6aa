"""The stages of week 4 of *Neural Networks and Deep Learning*, parts 1 and 2."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ._running import Probe, WrongForm
from ._stages import (
    Course,
    Stage,
    arrays_of,
    described,
    draws,
    gradients,
    items,
    labels,
    network,
    one_array,
    probabilities,
    read_parameters,
    with_zeros,
)
from ._values import as_array
from .lecture import c1w4 as lecture

# n_prev, n, m: all different; as many units as examples; square; square and as many examples; one unit; one
# example.
LAYERS = ((5, 4, 7), (3, 4, 4), (3, 3, 5), (4, 3, 4), (3, 1, 4), (4, 3, 1), (3, 3, 3))
NETWORKS = (
    ((5, 4, 3, 1), 7),
    ((3, 3, 3, 1), 3),
    ((4, 3, 2, 3, 1), 5),
    ((4, 1, 1), 5),
    ((4, 1), 6),
    ((3, 4, 1), 1),
)


def sizes(n_prev: int, n: int, m: int) -> dict[str, float]:
    """Name the quantities of a layer."""
    return {
        "the number of examples": m,
        "the number of units of the layer": n,
        "the number of units of the layer before": n_prev,
    }


# --- reading ------------------------------------------------------------------------------------------------


def read_activation(result: Any, args: tuple[Any, ...], probe: Probe) -> dict[str, Any]:
    """(A, cache), or A alone."""
    if as_array(result) is not None and not isinstance(result, (tuple, list)):
        return {"A": result}
    A, cache = items(result, 2, "(A, cache)")
    return {"A": A, "cache": cache}


def linear_cache(cache: Any, where: str) -> dict[str, Any]:
    """Name the arrays of (A, W, b); a cache of another form has none."""
    if not isinstance(cache, (tuple, list)) or len(cache) != 3 or any(as_array(a) is None for a in cache):
        return {}
    return dict(zip((f"{where}: A_prev", f"{where}: W", f"{where}: b"), cache, strict=True))


def layer_cache(cache: Any, where: str) -> dict[str, Any]:
    """Name the arrays of ((A, W, b), Z)."""
    if not isinstance(cache, (tuple, list)) or len(cache) != 2:
        return {}
    linear = linear_cache(cache[0], where)
    return linear | {f"{where}: Z": cache[1]} if linear else {}


def read_linear_forward(result: Any, args: tuple[Any, ...], probe: Probe) -> dict[str, Any]:
    """(Z, cache)."""
    Z, cache = items(result, 2, "(Z, cache)")
    return {"Z": Z, **linear_cache(cache, "cache")}


def read_layer_forward(result: Any, args: tuple[Any, ...], probe: Probe) -> dict[str, Any]:
    """(A, cache)."""
    A, cache = items(result, 2, "(A, cache)")
    return {"A": A, **layer_cache(cache, "cache")}


def read_model_forward(result: Any, args: tuple[Any, ...], probe: Probe) -> dict[str, Any]:
    """(AL, caches), layer by layer."""
    AL, caches = items(result, 2, "(AL, caches)")
    parts: dict[str, Any] = {}
    if isinstance(caches, (tuple, list)):
        for l, cache in enumerate(caches, start=1):
            parts |= layer_cache(cache, f"caches, layer {l}")
        if parts or not caches:  # else they have a form of their own
            parts["caches: their number"] = np.array(len(caches))
    return {"AL": AL, **parts}


def read_layer_backward(result: Any, args: tuple[Any, ...], probe: Probe) -> dict[str, Any]:
    """(dA_prev, dW, db)."""
    return dict(zip(("dA_prev", "dW", "db"), items(result, 3, "(dA_prev, dW, db)"), strict=True))


def read_model_backward(result: Any, args: tuple[Any, ...], probe: Probe) -> dict[str, Any]:
    """The dict of gradients; dA of layer l may have the key l + 1, as in the course before 2018."""
    grads = arrays_of(result, "a dict with dW1, db1, ...")
    L = int(probe.numbers["the number of layers"])
    parts = {key: value for key, value in grads.items() if key[:2] in ("dW", "db")}
    given = {key: value for key, value in grads.items() if key[:2] == "dA" and key[2:].isdigit()}
    older = "dA0" not in given and f"dA{L}" in given and _is_older(given, args, L)
    parts |= {f"dA{int(key[2:]) - older}": value for key, value in given.items()}
    if older:
        parts["remark: the keys of dA are one higher, as in the course before 2018"] = np.array(True)
    return parts


def _is_older(given: Mapping[str, Any], args: tuple[Any, ...], L: int) -> bool:
    """Whether dA{L} belongs to layer L - 1: it then has as many rows as that layer has units."""
    cache = args[2][L - 1]
    try:
        n_prev = np.shape(cache[0][1])[1]
    except (TypeError, IndexError, KeyError):
        return True
    return bool(np.shape(given[f"dA{L}"])[0] == n_prev)


def read_updated(result: Any, args: tuple[Any, ...], probe: Probe) -> dict[str, Any]:
    """The dict of parameters; None stands for the dict that was changed in place."""
    before, after = probe.args[0], args[0]
    written = any(not np.array_equal(before[key], after.get(key)) for key in before)
    if result is None:
        if not written:
            raise WrongForm("it returns None, and the parameters are as they were")
        return {
            **after,
            "fragile: the parameters are changed in place, and nothing is returned": np.array(True),
        }
    parts = arrays_of(result, "a dict with W1, b1, ...")
    if written and result is not after:
        parts["fragile: the arrays of the parameters passed in are changed, too"] = np.array(True)
    elif written:
        parts["remark: the dict passed in is changed; the course's tests of 2021 expect a new one"] = (
            np.array(True)
        )
    return parts


def read_prediction(result: Any, args: tuple[Any, ...], probe: Probe) -> dict[str, Any]:
    """p, zeros and ones."""
    if isinstance(result, (tuple, list)) and len(result) == 2:
        result = result[0]
    if as_array(result) is None:
        raise WrongForm(f"it returns {described(result)}, but should return p")
    return {"p": np.asarray(result, float)}


# --- probes -------------------------------------------------------------------------------------------------


def activation_probes() -> Sequence[Probe]:
    """Z of both signs, exact zeros, and numbers where e^-Z overflows."""
    return [
        Probe((draws(1, 3, 4) * 2,)),
        Probe((with_zeros(draws(2, 4, 3)),), only="where Z is exactly 0"),
        Probe((draws(3, 1, 5),)),
        Probe((draws(4, 4, 1),), only="with one example"),
        Probe((draws(5, 3, 3),)),
        Probe((np.array([[-40.0, -20.0, 20.0, 40.0]]),), only="where sigmoid is close to 0 or 1"),
        Probe((np.array([[-800.0, 800.0]]),), severity="fragile", only="where e^-Z overflows"),
    ]


def softmax_probes() -> Sequence[Probe]:
    """Columns of several sizes; e^Z overflows in the last."""
    return [
        Probe((draws(1, 4, 5),)),
        Probe((draws(2, 3, 3),)),
        Probe((draws(3, 4, 1),), only="with one example"),
        Probe((draws(4, 3, 4) + 1000.0,), severity="fragile", only="where e^Z overflows"),
    ]


def backward_activation_probes() -> Sequence[Probe]:
    """Unrelated dA and Z, with exact zeros in Z."""
    probes = [
        Probe((draws(11, n, m), draws(12, n, m)), sizes(2, n, m), only="with one example" if m == 1 else "")
        for n, m in ((3, 4), (4, 3), (3, 3), (1, 5), (4, 1))
    ]
    zeros = with_zeros(draws(14, 3, 4))
    extremes = np.array([[-40.0, -20.0, 20.0, 40.0]])
    return [
        *probes,
        Probe((draws(13, 3, 4), zeros), sizes(2, 3, 4), severity="fragile", only="where Z is exactly 0"),
        Probe((draws(15, 1, 4), extremes), sizes(2, 1, 4), only="where sigmoid is close to 0 or 1"),
    ]


def linear_probes() -> Sequence[Probe]:
    """Layers of all kinds of shapes."""
    return [
        Probe(
            (draws(i, n_prev, m), draws(i + 50, n, n_prev), draws(i + 90, n, 1)),
            sizes(n_prev, n, m),
            only="with one example" if m == 1 else "",
        )
        for i, (n_prev, n, m) in enumerate(LAYERS)
    ]


def layer_probes() -> Sequence[Probe]:
    """Both activations."""
    return [
        Probe((*probe.args, activation), probe.numbers, only=f"with {activation}")
        for activation in ("sigmoid", "relu")
        for probe in linear_probes()[:6]
    ]


def linear_backward_probes() -> Sequence[Probe]:
    """Caches as tuples, and one as a list."""
    probes = [
        Probe((draws(i + 30, len(W), A.shape[1]), (A, W, b)), probe.numbers, only=probe.only)
        for i, probe in enumerate(linear_probes())
        for A, W, b in [probe.args]
    ]
    first = probes[0]
    as_list = (first.args[0], list(first.args[1]))
    return [*probes, Probe(as_list, first.numbers, severity="fragile", only="with a cache that is a list")]


def layer_backward_probes() -> Sequence[Probe]:
    """A and Z that have nothing to do with each other, as in the course's tests, and exact zeros in Z."""
    probes = []
    for activation in ("sigmoid", "relu"):
        for i, (n_prev, n, m) in enumerate(LAYERS[:6]):
            cache = (draws(i, n_prev, m), draws(i + 50, n, n_prev), draws(i + 90, n, 1)), draws(i + 70, n, m)
            only = f"with {activation}"
            probes.append(Probe((draws(i + 30, n, m), cache, activation), sizes(n_prev, n, m), only=only))
    dA, (linear, _), _ = probes[1].args
    cache = linear, with_zeros(draws(75, *dA.shape))
    at_zero = Probe((dA, cache, "relu"), probes[1].numbers, severity="fragile", only="where Z is exactly 0")
    return [*probes, at_zero]


def model_sizes(units: Sequence[int], m: int) -> dict[str, float]:
    """Name the quantities of a network."""
    return {"the number of examples": m, "the number of layers": len(units) - 1}


def model_probes() -> Sequence[Probe]:
    """Networks of one to four layers, of different, equal and square widths."""
    return [
        Probe((draws(i + 20, units[0], m), network(units, i)), model_sizes(units, m), only=_kind(units, m))
        for i, (units, m) in enumerate(NETWORKS)
    ]


def _kind(units: Sequence[int], m: int) -> str:
    if m == 1:
        return "with one example"
    return "with one layer" if len(units) == 2 else ""


def cost_probes() -> Sequence[Probe]:
    """Labels in every form, and AL that has reached 0 and 1."""
    AL, Y = probabilities(1, 7), labels(7)
    numbers = {"the number of examples": 7.0}
    probes = [
        Probe((AL, Y), numbers),
        Probe((probabilities(2, 4), labels(4).astype(float)), {"the number of examples": 4.0}),
        Probe(
            (probabilities(3, 1), np.array([[1]])), {"the number of examples": 1.0}, only="with one example"
        ),
        Probe((probabilities(4, 3), np.array([[1, 1, 1]])), {"the number of examples": 3.0}),
        Probe((probabilities(5, 5), np.zeros((1, 5))), {"the number of examples": 5.0}),
    ]
    odd = [(Y.astype(bool), "with Y of bool"), (Y.reshape(7), "with Y of shape (m,)")]
    odd.append((Y.reshape(7, 1), "with Y of shape (m, 1)"))
    return [*probes, *(Probe((AL, y), numbers, "fragile", may_raise=True, only=only) for y, only in odd)]


def model_backward_probes() -> Sequence[Probe]:
    """Caches of a forward pass, and an AL that does not belong to them, as in the course's own test."""
    probes = []
    for probe in model_probes():
        X, parameters = probe.args
        AL, caches = lecture.L_model_forward(X, parameters)
        probes.append(Probe((AL, labels(AL.shape[1]), caches), probe.numbers, only=probe.only))
    AL, Y, caches = probes[0].args
    numbers, m = probes[0].numbers, AL.shape[1]
    apart = (probabilities(8, m), Y, caches)
    return [
        *probes,
        Probe((AL, Y.astype(float), caches), numbers),
        Probe(apart, numbers, "style", only=APART),
        Probe((AL, Y, tuple(caches)), numbers, "fragile", only="with caches that are a tuple"),
        Probe((AL, Y.astype(bool), caches), numbers, "fragile", may_raise=True, only="with Y of bool"),
        Probe((AL, Y.reshape(m), caches), numbers, "fragile", may_raise=True, only="with Y of shape (m,)"),
        Probe(
            (AL, Y.reshape(m, 1), caches), numbers, "fragile", may_raise=True, only="with Y of shape (m, 1)"
        ),
    ]


APART = "where AL is not the result of the caches"


def update_probes() -> Sequence[Probe]:
    """Networks of one to three layers; the gradients have dA, too."""
    probes = []
    for i, (units, rate) in enumerate((((5, 4, 3, 1), 0.3), ((3, 3, 3, 1), 1.5), ((4, 1), 0.1))):
        parameters = network(units, i)
        grads = gradients(parameters, i + 40)
        grads |= {"dA0": draws(1, units[0], 4)}
        numbers = {"the learning rate": rate, "the number of layers": len(units) - 1.0}
        probes.append(
            Probe((parameters, grads, rate), numbers, only="with one layer" if len(units) == 2 else "")
        )
    return probes


def predict_probes() -> Sequence[Probe]:
    """Networks that predict both classes, and one whose AL is exactly 0.5."""
    probes = [
        Probe((X, labels(X.shape[1]), p), probe.numbers, only=probe.only)
        for probe in model_probes()
        for X, p in [probe.args]
    ]
    X, Y, parameters = probes[0].args
    half = parameters | {"W3": 0 * parameters["W3"], "b3": 0 * parameters["b3"]}
    return [*probes, Probe((X, Y, half), probes[0].numbers, "fragile", only="where AL is exactly 0.5")]


# --- caches in the learner's own form -----------------------------------------------------------------------


def own_activation_probes(forward: Callable[..., Any]) -> Sequence[Probe]:
    """Put the learner's caches of Z."""
    return [
        Probe((dA, forward(Z.copy())[1]), probe.numbers, probe.severity, only=probe.only, right=probe.args)
        for probe in backward_activation_probes()
        for dA, Z in [probe.args]
    ]


def own_linear_probes(forward: Callable[..., Any]) -> Sequence[Probe]:
    """Put the learner's caches of A, W and b."""
    return [
        Probe(
            (dZ, forward(A.copy(), W.copy(), b.copy())[1]), probe.numbers, only=probe.only, right=probe.args
        )
        for probe in linear_backward_probes()[:-1]
        for dZ, (A, W, b) in [probe.args]
    ]


def own_layer_probes(forward: Callable[..., Any]) -> Sequence[Probe]:
    """Put the learner's caches of a layer; A and Z belong together then."""
    probes = []
    for probe in layer_backward_probes()[:-1]:
        dA, ((A, W, b), _), activation = probe.args
        right = (dA, ((A, W, b), W @ A + b), activation)
        cache = forward(A.copy(), W.copy(), b.copy(), activation)[1]
        probes.append(Probe((dA, cache, activation), probe.numbers, only=probe.only, right=right))
    return probes


def own_model_probes(forward: Callable[..., Any]) -> Sequence[Probe]:
    """Put the learner's caches of the network."""
    probes = []
    for forward_probe, probe in zip(model_probes(), model_backward_probes(), strict=False):
        AL, Y, _ = probe.args
        X, parameters = forward_probe.args
        caches = forward(X.copy(), {key: p.copy() for key, p in parameters.items()})[1]
        probes.append(Probe((AL, Y, caches), probe.numbers, only=probe.only, right=probe.args))
    return probes


# --- the stages ---------------------------------------------------------------------------------------------

GRADIENTS = {
    "dW": "dW[l] = 1/m dZ[l] A[l-1]^T",
    "db": "db[l] = 1/m (sum of dZ[l] over the examples)",
    "dA": "dA[l-1] = W[l]^T dZ[l]",
}
UPDATE = "W[l] = W[l] - learning_rate dW[l];  b[l] = b[l] - learning_rate db[l]"
LAYER_FORWARD = {
    "A": "A[l] = g(Z[l]),  Z[l] = W[l] A[l-1] + b[l]",
    "cache": "cache = ((A[l-1], W[l], b[l]), Z[l])",
}

_initializers: list[dict[str, Any]] = [
    {
        "function": "initialize_parameters",
        "arguments": ("n_x", "n_h", "n_y"),
        "formulas": {"": "W[l] = 0.01 N(0, 1), of shape (n[l], n[l-1]);  b[l] = 0, of shape (n[l], 1)"},
        "returns": "a dict with W1, b1, W2, b2",
        "probes": lambda: [Probe((5, 4, 3)), Probe((3, 3, 1)), Probe((60, 50, 40))],
        "scales": (lambda n: 0.01,),
    },
    {
        "function": "initialize_parameters_deep",
        "arguments": ("layer_dims",),
        "formulas": {
            "": "W[l] = N(0, 1) / sqrt(n[l-1]), or 0.01 N(0, 1), of shape (n[l], n[l-1]);  b[l] = 0, of shape"
            " (n[l], 1)"
        },
        "returns": "a dict with W1, b1, W2, b2, ...",
        "probes": lambda: [
            Probe(([5, 4, 3, 1],)), Probe(([3, 3, 3, 1],)), Probe(([4, 1],)), Probe(([80, 70, 50, 60],)),
        ],
        "variants": ("initialize_parameters_deep", "initialize_parameters_deep_of_the_application"),
        "tolerated": {
            "initialize_parameters_deep_of_he": "W is scaled by sqrt(2 / n[l-1]), as in the second course."
        },
        "scales": (lambda n: 0.01, lambda n: 1 / np.sqrt(n), lambda n: float(np.sqrt(2 / n))),
    },
]  # fmt: skip


def training_probes(layers: Sequence[Sequence[int]]) -> Sequence[Probe]:
    """Runs of no, one and three iterations, and of 101, after which two costs are recorded."""
    return [
        Probe(
            (draws(i, units[0], m), labels(m), units, rate, iterations),
            {"the learning rate": rate, "the number of examples": m},
            only=f"after {iterations} iterations",
        )
        for i, units in enumerate(layers)
        for m, rate, iterations in ((7, 0.3, 1), (7, 0.3, 3), (4, 0.05, 101))[: 3 if i == 0 else 2]
    ]


def read_trained(result: Any, args: tuple[Any, ...], probe: Probe) -> dict[str, Any]:
    """Parameters, and the recorded costs of iterations 0 and 100 where they are returned."""
    costs: Any = None
    if isinstance(result, (tuple, list)) and len(result) >= 2 and isinstance(result[0], Mapping):
        result, costs = result[0], result[1]
    parts = arrays_of(result, "parameters, or (parameters, costs)")
    if isinstance(costs, (tuple, list, np.ndarray)) and len(costs):
        numbers = [as_array(cost) for cost in costs]
        if all(number is not None and number.size == 1 for number in numbers):
            flat = np.array([np.asarray(number).reshape(()) for number in numbers])
            parts["the first cost"] = flat[0]
            if len(flat) != args[-1]:  # else one for each iteration, which is good, too
                parts["the costs"] = flat
    return parts


_LINEAR = tuple((rf"(cache)\[{i}\]", rf"{name} in \1") for i, name in enumerate(("A_prev", "W", "b")))
_LAYER = (
    *(
        (rf"(caches?(?:\[\d+\])?)\[0\]\[{i}\]", rf"{name} in \1")
        for i, name in enumerate(("A_prev", "W", "b"))
    ),
    (r"(caches?(?:\[\d+\])?)\[1\]", r"Z in \1"),
)
_ACTIVATION: dict[str, Any] = {"arguments": ("Z",), "read": read_activation, "optional": ("cache",)}

STAGES = (
    Stage("sigmoid", probes=activation_probes, formulas={"A": "A = 1 / (1 + e^(-Z))", "cache": "cache = Z"},
          returns="(A, cache)", **_ACTIVATION),
    Stage("relu", probes=activation_probes, formulas={"A": "A = max(0, Z)", "cache": "cache = Z"},
          returns="(A, cache)", **_ACTIVATION),
    Stage("softmax", probes=softmax_probes, formulas={"A": "A = e^Z / (sum of e^Z over the units)"},
          returns="(A, cache)", extra=True, **_ACTIVATION),
    *(Stage(read=read_parameters, kind="draws", **entry) for entry in _initializers),
    Stage("linear_forward", ("A", "W", "b"), linear_probes, read_linear_forward,
          {"Z": "Z[l] = W[l] A[l-1] + b[l]", "cache": "cache = (A[l-1], W[l], b[l])"}, "(Z, cache)"),
    Stage("linear_activation_forward", ("A_prev", "W", "b", "activation"), layer_probes, read_layer_forward,
          LAYER_FORWARD, "(A, cache)"),
    Stage("L_model_forward", ("X", "parameters"), model_probes, read_model_forward,
          {"AL": "A[l] = relu(W[l] A[l-1] + b[l]) for l = 1 to L-1;  A[L] = sigmoid(W[L] A[L-1] + b[L])",
           "caches": "caches: one for each layer, from layer 1 on"}, "(AL, caches)", operations=512),
    Stage("compute_cost", ("AL", "Y"), cost_probes, one_array("cost"),
          {"": "J = -1/m (sum over the examples of Y log(AL) + (1 - Y) log(1 - AL))"},
          "the cost, one number"),
    Stage("relu_backward", ("dA", "cache"), backward_activation_probes, one_array("dZ"),
          {"": "dZ = dA where Z > 0, and 0 elsewhere"}, "dZ", forward="relu",
          own_probes=own_activation_probes),
    Stage("sigmoid_backward", ("dA", "cache"), backward_activation_probes, one_array("dZ"),
          {"": "dZ = dA s (1 - s),  s = 1 / (1 + e^(-Z))"}, "dZ", forward="sigmoid",
          own_probes=own_activation_probes),
    Stage("linear_backward", ("dZ", "cache"), linear_backward_probes, read_layer_backward, GRADIENTS,
          "(dA_prev, dW, db)", contents=_LINEAR, forward="linear_forward", own_probes=own_linear_probes),
    Stage("linear_activation_backward", ("dA", "cache", "activation"), layer_backward_probes,
          read_layer_backward, {"": "dZ[l] = dA[l] g'(Z[l]), then linear_backward", **GRADIENTS},
          contents=_LAYER, returns="(dA_prev, dW, db)", forward="linear_activation_forward",
          own_probes=own_layer_probes),
    Stage("L_model_backward", ("AL", "Y", "caches"), model_backward_probes, read_model_backward,
          {"": "dA[L] = -(Y / A[L] - (1 - Y) / (1 - A[L])), then the layers L to 1", **GRADIENTS},
          "a dict with dW1, db1, ...", contents=_LAYER, optional=("dA",), operations=1024,
          forward="L_model_forward", own_probes=own_model_probes),
    Stage("update_parameters", ("parameters", "grads", "learning_rate"), update_probes, read_updated,
          {"": UPDATE}, "a dict with W1, b1, ...", may_write=("parameters",)),
    Stage("predict", ("X", "y", "parameters"), predict_probes, read_prediction,
          {"": "p = 1 where A[L] > 0.5, and 0 elsewhere"}, "p"),
    Stage("two_layer_model", ("X", "Y", "layers_dims", "learning_rate", "num_iterations"),
          partial(training_probes, ((5, 4, 1), (3, 3, 1))), read_trained,
          {"": "in each iteration: forward, cost, backward, update"}, "parameters, or (parameters, costs)",
          optional=("the first cost", "the costs"), lenient=("the costs",), operations=2**16,
          kind="training"),
    Stage("L_layer_model", ("X", "Y", "layers_dims", "learning_rate", "num_iterations"),
          partial(training_probes, ((5, 4, 3, 1), (3, 3, 3, 1))), read_trained,
          {"": "in each iteration: forward, cost, backward, update"}, "parameters, or (parameters, costs)",
          optional=("the first cost", "the costs"), lenient=("the costs",), operations=2**16,
          kind="training"),
)  # fmt: skip

COURSE = Course("c1w4", lecture, {stage.function: stage for stage in STAGES})
