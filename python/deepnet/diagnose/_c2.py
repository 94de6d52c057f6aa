"""The stages of weeks 1 and 2 of *Improving Deep Neural Networks*."""

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
from ._values import Array, as_array
from .lecture import c2 as lecture

NETWORKS = (((2, 4, 3, 1), 6), ((3, 3, 3, 1), 3), ((3, 2, 1, 1), 5), ((4, 3, 2, 1), 1))
CACHE = tuple(f"{kind}{l}" for l in (1, 2, 3) for kind in ("Z", "A", "W", "b"))
CACHE_OF_DROPOUT = ("Z1", "D1", "A1", "W1", "b1", "Z2", "D2", "A2", "W2", "b2", "Z3", "A3", "W3", "b3")


# --- reading ------------------------------------------------------------------------------------------------


def read_activation(result: Any, args: tuple[Any, ...], probe: Probe) -> dict[str, Any]:
    """s, or (s, cache) as in the first course."""
    if isinstance(result, (tuple, list)) and len(result) == 2:
        result = result[0]
    return one_array("s")(result, args, probe)


def read_forward(result: Any, args: tuple[Any, ...], probe: Probe) -> dict[str, Any]:
    """(a3, cache) with a cache of twelve; one of another form has no parts."""
    a3, cache = items(result, 2, "(a3, cache)")
    parts = {"a3": a3}
    if isinstance(cache, (tuple, list)) and len(cache) == len(CACHE):
        parts |= {f"cache: {key}": value for key, value in zip(CACHE, cache, strict=True)}
    return parts


def read_gradients(result: Any, args: tuple[Any, ...], probe: Probe) -> dict[str, Any]:
    """The dict of gradients; dz3 and dZ3 are the same key."""
    grads = arrays_of(result, "a dict with dW1, db1, ...")
    return {
        key[0] + key[1].upper() + key[2:] if key[1:2] in ("z", "a") else key: g for key, g in grads.items()
    }


def read_dropped(result: Any, args: tuple[Any, ...], probe: Probe) -> dict[str, Any]:
    """(A3, cache) with a cache of fourteen.

    The masks need not be the course's. Other masks are judged by the share that they keep, and what follows
    from them is compared with what the lecture computes from the same masks.
    """
    A3, cache = items(result, 2, "(A3, cache)")
    if not isinstance(cache, (tuple, list)) or len(cache) != len(CACHE_OF_DROPOUT):
        raise WrongForm(f"its cache is {described(cache)}, but should be (Z1, D1, A1, W1, b1, ..., W3, b3)")
    parts = {f"cache: {key}": value for key, value in zip(CACHE_OF_DROPOUT, cache, strict=True)}
    parts |= {"A3": A3}
    X, parameters = probe.args[:2]
    keep = probe.args[2] if len(probe.args) > 2 else 0.5
    masks = _masks(X.shape[1], parameters, keep)
    given = [as_array(parts[f"cache: D{l}"]) for l in (1, 2)]
    if any(D is None or D.shape != mask.shape for D, mask in zip(given, masks, strict=True)):
        return parts
    own = [np.asarray(D, float) for D in given]
    if all(np.array_equal(D, mask) for D, mask in zip(own, masks, strict=True)):
        return parts
    for D in own:
        deviation = 6 * np.sqrt(keep * (1 - keep) / D.size)
        if not np.isin(D, (0, 1)).all() or abs(D.mean() - keep) > deviation:
            return parts
    right, with_own = (_dropped(X, parameters, keep, D) for D in (masks, own))
    for key, value in right.items():
        actual = as_array(parts[key])
        if actual is not None and actual.shape == value.shape:
            parts[key] = value + (actual - with_own[key])
    parts["remark: the masks are good, but not the course's, which come from np.random.seed(1)"] = np.array(
        True
    )
    return parts | {f"cache: D{l}": mask.astype(int) for l, mask in zip((1, 2), masks, strict=True)}


def _masks(m: int, parameters: Mapping[str, Array], keep: float) -> list[Array]:
    random = np.random.RandomState(1)
    return [(random.rand(len(parameters[f"W{l}"]), m) < keep).astype(float) for l in (1, 2)]


def _dropped(
    X: Array, parameters: Mapping[str, Array], keep: float, masks: Sequence[Array]
) -> dict[str, Any]:
    A, parts = X, dict[str, Any]()
    for l, D in enumerate(masks, start=1):
        Z = parameters[f"W{l}"] @ A + parameters[f"b{l}"]
        A = np.maximum(0, Z) * D / keep
        parts |= {f"cache: Z{l}": Z, f"cache: A{l}": A}
    Z = parameters["W3"] @ A + parameters["b3"]
    A3 = lecture.sigmoid(Z)
    return {**parts, "cache: Z3": Z, "cache: A3": A3, "A3": A3}


NOTHING = "fragile: the parameters are changed in place, and nothing is returned"


def read_updated(result: Any, args: tuple[Any, ...], probe: Probe) -> dict[str, Any]:
    """The dict of parameters, which may be the one passed in."""
    if result is None:
        if all(np.array_equal(p, args[0].get(key)) for key, p in probe.args[0].items()):
            raise WrongForm("it returns None, and the parameters are as they were")
        return {**args[0], NOTHING: np.array(True)}
    return arrays_of(result, "a dict with W1, b1, ...")


def read_momentum(result: Any, args: tuple[Any, ...], probe: Probe) -> dict[str, Any]:
    """(parameters, v)."""
    returns = "(parameters, v)"
    parameters, v = (arrays_of(item, returns) for item in items(result, 2, returns))
    return {**parameters, **{f"v: {key}": value for key, value in v.items()}}


def read_adam(result: Any, args: tuple[Any, ...], probe: Probe) -> dict[str, Any]:
    """(parameters, v, s), since 2021 with v_corrected and s_corrected."""
    returns = "(parameters, v, s, v_corrected, s_corrected)"
    count = 3 if isinstance(result, (tuple, list)) and len(result) == 3 else 5
    parameters, *others = (arrays_of(item, returns) for item in items(result, count, returns))
    names = ("v", "s", "v_corrected", "s_corrected")
    return parameters | {
        f"{n}: {key}": g for n, d in zip(names, others, strict=False) for key, g in d.items()
    }


def read_zeros(result: Any, args: tuple[Any, ...], probe: Probe) -> dict[str, Any]:
    """v, or (v, s)."""
    dicts = list(result) if isinstance(result, (tuple, list)) else [result]
    return {
        f"{n}: {key}": value
        for n, d in zip("vs", dicts, strict=False)
        for key, value in arrays_of(d, "dicts with dW1, db1, ...").items()
    }


OTHER_ORDER = (
    "remark: the order is not the course's, which comes from np.random.seed(seed) and one permutation"
)


def read_batches(result: Any, args: tuple[Any, ...], probe: Probe) -> dict[str, Any]:
    """What batches have in common whatever the order: sizes, examples, and that X and Y belong together.

    The first row of X has the number of the example, and Y ten times that.
    """
    returns = "a list of (mini_batch_X, mini_batch_Y)"
    if not isinstance(result, (tuple, list)):
        raise WrongForm(f"it returns {described(result)}, but should return {returns}")
    X = probe.args[0]
    batches = [items(batch, 2, returns) for batch in result]
    for x, y in batches:
        if np.ndim(x) != 2 or np.ndim(y) != 2 or np.shape(x)[0] != len(X) or np.shape(y)[0] != 1:
            raise WrongForm(
                f"it has a batch of shapes {np.shape(x)} and {np.shape(y)}, not {X.shape[:1]} and 1 row"
            )
    if not batches:
        return {"the sizes of the batches": np.zeros(0, int)}
    sizes = np.array([np.shape(x)[1] for x, _ in batches])
    xs, ys = (np.concatenate([np.asarray(batch[i]) for batch in batches], axis=1) for i in (0, 1))
    numbers = np.rint(xs[0]).astype(int)
    parts = {
        "the sizes of the batches": sizes,
        "the examples of all batches": np.sort(xs[0]),
        "the order: shuffled": np.array(xs.shape[1] < 3 or bool(np.any(np.diff(xs[0]) != 1))),
    }
    right = lecture.random_mini_batches(*probe.args)
    if not np.array_equal(xs[0], np.concatenate([x for x, _ in right], axis=1)[0]):
        parts[OTHER_ORDER] = np.array(True)
    if xs.shape[1] == ys.shape[1] and np.all((numbers >= 0) & (numbers < X.shape[1])):
        parts["the labels, less those of the examples"] = ys[0] - 10 * xs[0]
        parts["the features, less those of the examples"] = xs - X[:, numbers]
    return parts


def read_prediction(result: Any, args: tuple[Any, ...], probe: Probe) -> dict[str, Any]:
    """p, zeros and ones or False and True."""
    if as_array(result) is None:
        raise WrongForm(f"it returns {described(result)}, but should return the predictions")
    return {"p": np.asarray(result, float)}


# --- probes -------------------------------------------------------------------------------------------------


def numbers_of(m: int, **more: float) -> dict[str, float]:
    """Name the quantities of a network of three layers."""
    named = {key.strip("_"): value for key, value in more.items()}
    return {"the number of examples": float(m), "the number of layers": 3.0, **named}


def only_of(m: int) -> str:
    """What is special about a number of examples."""
    return "with one example" if m == 1 else ""


def activation_probes() -> Sequence[Probe]:
    """Numbers of both signs, exact zeros, and numbers where e^-x overflows."""
    return [
        Probe((draws(1, 3, 4) * 2,)),
        Probe((with_zeros(draws(2, 4, 3)),), only="where x is exactly 0"),
        Probe((draws(3, 4, 1),), only="with one example"),
        Probe((np.array([[-800.0, -30.0, 30.0, 800.0]]),), severity="fragile", only="where e^-x overflows"),
    ]


def forward_probes() -> Sequence[Probe]:
    """Networks of different, equal and square widths."""
    return [
        Probe((draws(i + 20, units[0], m), network(units, i + 1)), numbers_of(m), only=only_of(m))
        for i, (units, m) in enumerate(NETWORKS)
    ]


def cost_probes() -> Sequence[Probe]:
    """Both classes, and one of them only."""
    return [
        Probe((probabilities(i, m), y), {"the number of examples": m}, only=only_of(m))
        for i, (m, y) in enumerate(
            (
                (7, labels(7)),
                (4, labels(4).astype(float)),
                (3, np.ones((1, 3), int)),
                (5, np.zeros((1, 5))),
                (1, np.array([[1]])),
            )
        )
    ]


def backward_probes(*more: float) -> Sequence[Probe]:
    """Caches of a forward pass."""
    probes = []
    for probe in forward_probes():
        X, parameters = probe.args
        m = X.shape[1]
        _, cache = lecture.forward_propagation(X, parameters)
        for value in more or (None,):
            numbers = numbers_of(m) if value is None else numbers_of(m, lambda_=value)
            rest = () if value is None else (value,)
            probes.append(Probe((X, labels(m), cache, *rest), numbers, only=probe.only))
    return probes


def own_backward_probes(forward: Callable[..., Any]) -> Sequence[Probe]:
    """Put the learner's cache."""
    probes = []
    for before, probe in zip(forward_probes(), backward_probes(), strict=True):
        X, parameters = before.args
        cache = forward(X.copy(), {key: p.copy() for key, p in parameters.items()})[1]
        probes.append(Probe((X, probe.args[1], cache), probe.numbers, only=probe.only, right=probe.args))
    return probes


def regularized_cost_probes() -> Sequence[Probe]:
    """Two networks and two lambdas."""
    return [
        Probe((probabilities(i, m), labels(m), network(units, i + 1), lambd), numbers_of(m, lambda_=lambd))
        for i, (units, m) in enumerate(NETWORKS)
        for lambd in (0.7, 3.0)
    ]


def dropout_probes() -> Sequence[Probe]:
    """Layers that are large enough to see the share of units kept, and small ones."""
    networks = (((2, 20, 10, 1), 60), ((3, 4, 4, 1), 4), ((2, 3, 5, 1), 6))
    probes = [
        Probe((draws(i + 20, units[0], m), network(units, i + 1), keep), numbers_of(m, keep_prob=keep))
        for i, (units, m) in enumerate(networks)
        for keep in (0.7, 0.86)
    ]
    X, parameters, _ = probes[0].args
    return [*probes, Probe((X, parameters), numbers_of(60, keep_prob=0.5), only="without keep_prob")]


def dropout_backward_probes() -> Sequence[Probe]:
    """Caches of a forward pass with dropout."""
    probes = []
    for i, (units, m) in enumerate((((2, 4, 3, 1), 6), ((3, 3, 3, 1), 3), ((2, 5, 4, 1), 8))):
        X, keep = draws(i + 20, units[0], m), (0.6, 0.8, 0.7)[i]
        _, cache = lecture.forward_propagation_with_dropout(X, network(units, i + 1), keep)
        probes.append(Probe((X, labels(m), cache, keep), numbers_of(m, keep_prob=keep)))
    return probes


LAYERS = (((5, 4, 3, 1), 0.3), ((3, 3, 2), 1.5), ((4, 1), 0.1))


def _parameters(i: int, units: Sequence[int], rate: float) -> tuple[Any, Any, dict[str, float]]:
    parameters = network(units, i)
    numbers = {"the learning rate": rate, "the number of layers": len(units) - 1.0}
    return parameters, gradients(parameters, i + 40), numbers


def update_probes() -> Sequence[Probe]:
    """Networks of one to three layers."""
    return [
        Probe((p, grads, rate), numbers)
        for i, (units, rate) in enumerate(LAYERS)
        for p, grads, numbers in [_parameters(i, units, rate)]
    ]


def zero_probes() -> Sequence[Probe]:
    """Parameters alone."""
    return [Probe((probe.args[0],), probe.numbers) for probe in update_probes()]


def momentum_probes() -> Sequence[Probe]:
    """A velocity that is not zero."""
    return [
        Probe((p, grads, gradients(p, i + 60), beta, rate), numbers | {"beta": beta})
        for i, ((units, rate), beta) in enumerate(zip(LAYERS, (0.9, 0.7, 0.0), strict=True))
        for p, grads, numbers in [_parameters(i, units, rate)]
    ]


def adam_probes() -> Sequence[Probe]:
    """Averages that are not zero, an epsilon that shows, and the default values."""
    probes = []
    for i, ((units, rate), t) in enumerate(zip(LAYERS, (2, 1, 7), strict=True)):
        p, grads, numbers = _parameters(i, units, rate)
        v = gradients(p, i + 60)
        s = {key: np.square(g) for key, g in gradients(p, i + 80).items()}
        numbers |= {"t": float(t)}
        probes += [
            Probe((p, grads, v, s, t, rate, 0.8, 0.95, 1e-2), numbers),
            Probe((p, grads, v, s, t), numbers, only="with the default values"),
        ]
    return probes


def batch_probes() -> Sequence[Probe]:
    """A smaller last batch, none, one batch only, and the default size."""
    probes = []
    for m, more, only in (
        (13, (4, 0), "where the last batch is smaller"),
        (12, (4, 3), ""),
        (5, (8, 1), "where there is one batch only"),
        (130, (), "with the default values"),
    ):
        X = draws(m, 3, m)
        X[0] = np.arange(m)
        probes.append(Probe((X, 10.0 * np.arange(m).reshape(1, m), *more), numbers_of(m), only=only))
    return probes


def predict_probes() -> Sequence[Probe]:
    """Both classes, and AL that is exactly 0.5."""
    probes = [
        Probe((X, labels(X.shape[1]), p), probe.numbers, only=probe.only)
        for probe in forward_probes()
        for X, p in [probe.args]
    ]
    X, Y, parameters = probes[0].args
    half = parameters | {"W3": 0 * parameters["W3"], "b3": 0 * parameters["b3"]}
    return [*probes, Probe((X, Y, half), probes[0].numbers, "fragile", only="where a3 is exactly 0.5")]


def predict_dec_probes() -> Sequence[Probe]:
    """The same, without labels."""
    return [
        Probe((parameters, X), probe.numbers, probe.severity, only=probe.only)
        for probe in predict_probes()
        for X, _, parameters in [probe.args]
    ]


def rate_probes(*intervals: float) -> Sequence[Probe]:
    """Rates of several epochs."""
    return [
        Probe(
            (rate, epoch, decay, *more), {"the epoch": epoch}, only="" if more else "with the default values"
        )
        for rate, epoch, decay in ((0.5, 3, 1.0), (0.2, 100, 0.3), (0.1, 2500, 2.0))
        for more in (tuple((interval,) for interval in intervals) or ((),))
    ]


def scheduled_probes() -> Sequence[Probe]:
    """Intervals of several lengths, and the default."""
    return [*rate_probes(1, 30, 1000), *rate_probes()]


def sizes_probes() -> Sequence[Probe]:
    """Layers of different and equal widths, and large ones."""
    return [Probe(([5, 4, 3, 1],)), Probe(([3, 3, 1],)), Probe(([2, 1],)), Probe(([80, 70, 50, 60],))]


# --- the stages ---------------------------------------------------------------------------------------------

GRADIENTS = {
    "dW": "dW[l] = 1/m dZ[l] A[l-1]^T",
    "db": "db[l] = 1/m (sum of dZ[l] over the examples)",
    "dA": "dA[l-1] = W[l]^T dZ[l]",
    "dZ": "dZ[3] = A[3] - Y,  dZ[l] = dA[l] where A[l] > 0, and 0 elsewhere",
}
COST = "J = -1/m (sum over the examples of Y log(a3) + (1 - Y) log(1 - a3))"
UPDATE = "W[l] = W[l] - learning_rate dW[l];  b[l] = b[l] - learning_rate db[l]"
REGULARIZED = "dW[l] = 1/m dZ[l] A[l-1]^T + lambda/m W[l]"
MOMENTUM = "v = beta v + (1 - beta) dW;  W = W - learning_rate v;  likewise b"
ADAM = (
    "v = beta1 v + (1 - beta1) dW;  s = beta2 s + (1 - beta2) dW^2;  v_corrected = v / (1 - beta1^t);"
    "  s_corrected = s / (1 - beta2^t);  W = W - learning_rate v_corrected / (sqrt(s_corrected) + epsilon)"
)
SHAPES = ", of shape (n[l], n[l-1]);  b[l] = 0, of shape (n[l], 1)"

_ACTIVATION: dict[str, Any] = {"arguments": ("x",), "probes": activation_probes, "read": read_activation}
_DRAWN: dict[str, Any] = {
    "probes": sizes_probes,
    "read": read_parameters,
    "returns": "a dict with W1, b1, ...",
    "kind": "draws",
}
_GRADIENTS: dict[str, Any] = {
    "read": read_gradients,
    "returns": "a dict with dW1, db1, ...",
    "optional": ("dA", "dZ"),
    "operations": 512,
}
_UPDATE: dict[str, Any] = {
    "arguments": ("parameters", "grads", "learning_rate"),
    "probes": update_probes,
    "read": read_updated,
    "formulas": {"": UPDATE},
    "returns": "a dict with W1, b1, ...",
    "may_write": ("parameters",),
}
_COST: dict[str, Any] = {
    "arguments": ("a3", "Y"),
    "probes": cost_probes,
    "formulas": {"": COST},
    "returns": "the cost, one number",
    "read": one_array("cost"),
}

STAGES = (
    Stage("sigmoid", formulas={"": "s = 1 / (1 + e^(-x))"}, returns="s", **_ACTIVATION),
    Stage("relu", formulas={"": "s = max(0, x)"}, returns="s", **_ACTIVATION),
    Stage("initialize_parameters_zeros", ("layers_dims",), sizes_probes, read_parameters,
          {"": "W[l] = 0" + SHAPES}, "a dict with W1, b1, ..."),
    Stage("initialize_parameters_random", ("layers_dims",), formulas={"": "W[l] = 10 N(0, 1)" + SHAPES},
          scales=(lambda n: 10.0,), **_DRAWN),
    Stage("initialize_parameters_he", ("layers_dims",),
          formulas={"": "W[l] = sqrt(2 / n[l-1]) N(0, 1)" + SHAPES},
          scales=(lambda n: float(np.sqrt(2 / n)),), **_DRAWN),
    Stage("initialize_parameters", ("layer_dims",),
          variants=("initialize_parameters", "initialize_parameters_of_week_1"),
          formulas={"": "W[l] = sqrt(2 / n[l-1]) N(0, 1), or N(0, 1) / sqrt(n[l-1])" + SHAPES},
          scales=(lambda n: float(np.sqrt(2 / n)), lambda n: float(1 / np.sqrt(n))), **_DRAWN),
    Stage("forward_propagation", ("X", "parameters"), forward_probes, read_forward,
          {"": "Z[l] = W[l] A[l-1] + b[l];  A[l] = relu(Z[l]) for l = 1, 2;  A[3] = sigmoid(Z[3])",
           "cache": "cache = (Z1, A1, W1, b1, Z2, A2, W2, b2, Z3, A3, W3, b3)"},
          "(a3, cache)", operations=512),
    Stage("compute_loss", **_COST),
    Stage("compute_cost", variants=("compute_cost", "compute_cost_as_a_sum"), **_COST),
    Stage("backward_propagation", ("X", "Y", "cache"), backward_probes, formulas=GRADIENTS,
          variants=("backward_propagation", "backward_propagation_with_1_over_m_in_dz"),
          forward="forward_propagation", own_probes=own_backward_probes, **_GRADIENTS),
    Stage("update_parameters", **_UPDATE),
    Stage("predict", ("X", "y", "parameters"), predict_probes, read_prediction,
          {"": "p = 1 where a3 > 0.5, and 0 elsewhere"}, "p"),
    Stage("predict_dec", ("parameters", "X"), predict_dec_probes, read_prediction,
          {"": "predictions = a3 > 0.5"}, "the predictions"),
    Stage("compute_cost_with_regularization", ("A3", "Y", "parameters", "lambd"), regularized_cost_probes,
          one_array("cost"), {"": COST + " + lambda / (2 m) (sum of the squares of all W)"},
          "the cost, one number"),
    Stage("backward_propagation_with_regularization", ("X", "Y", "cache", "lambd"),
          partial(backward_probes, 0.7, 3.0), formulas=GRADIENTS | {"dW": REGULARIZED}, **_GRADIENTS),
    Stage("forward_propagation_with_dropout", ("X", "parameters", "keep_prob"),
          dropout_probes, read_dropped,
          {"": "A[l] = relu(Z[l]) D[l] / keep_prob,  D[l] = 1 with probability keep_prob, else 0"},
          "(A3, cache)", operations=512),
    Stage("backward_propagation_with_dropout", ("X", "Y", "cache", "keep_prob"),
          dropout_backward_probes,
          formulas=GRADIENTS | {"dA": "dA[l] = W[l+1]^T dZ[l+1] D[l] / keep_prob"}, **_GRADIENTS),
    Stage("update_parameters_with_gd", **_UPDATE),
    Stage("random_mini_batches", ("X", "Y", "mini_batch_size", "seed"), batch_probes, read_batches,
          {"": "shuffle the columns of X and Y alike;  cut them into batches, the last may be smaller"},
          "a list of (mini_batch_X, mini_batch_Y)"),
    Stage("initialize_velocity", ("parameters",), zero_probes, read_zeros,
          {"": "v[dW] = 0 and v[db] = 0, in the shapes of W and b"}, "v"),
    Stage("update_parameters_with_momentum", ("parameters", "grads", "v", "beta", "learning_rate"),
          momentum_probes, read_momentum, {"": MOMENTUM}, "(parameters, v)", may_write=("parameters", "v")),
    Stage("initialize_adam", ("parameters",), zero_probes, read_zeros,
          {"": "v = 0 and s = 0, in the shapes of W and b"}, "(v, s)"),
    Stage("update_parameters_with_adam",
          ("parameters", "grads", "v", "s", "t", "learning_rate", "beta1", "beta2", "epsilon"), adam_probes,
          read_adam, {"": ADAM}, "(parameters, v, s, v_corrected, s_corrected)",
          may_write=("parameters", "v", "s"),
          variants=("update_parameters_with_adam", "update_parameters_with_adam_of_2017"),
          optional=("v_corrected", "s_corrected")),
    Stage("update_lr", ("learning_rate0", "epoch_num", "decay_rate"), rate_probes, one_array("learning_rate"),
          {"": "learning_rate = learning_rate0 / (1 + decay_rate epoch_num)"}, "the learning rate"),
    Stage("schedule_lr_decay", ("learning_rate0", "epoch_num", "decay_rate", "time_interval"),
          scheduled_probes, one_array("learning_rate"),
          {"": "learning_rate = learning_rate0 / (1 + decay_rate floor(epoch_num / time_interval))"},
          "the learning rate"),
)  # fmt: skip

COURSE = Course("c2", lecture, {stage.function: stage for stage in STAGES})
