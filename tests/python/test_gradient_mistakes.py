"""gradient_check finds each mistake that learners make, and names the arrays that it affects."""

import re

import numpy as np
import pytest

from deepnet import gradient_check, reference
from networks import network

M = 7
X, Y, PARAMETERS = network([5, 4, 4, 4, 1], M, seed=3)  # square layers, where mistakes keep the shapes
KEYS = [f"d{key}" for key in PARAMETERS]
RIGHT = (reference.L_model_forward, reference.compute_cost, reference.L_model_backward)


def layers_of(*layers):
    return [f"d{kind}{layer}" for layer in layers for kind in "Wb"]


def backward(AL, Y, caches, *, mistake):
    """The lecture's backward pass, with a mistake that a learner may make."""
    m, layers, grads = AL.shape[1], len(caches), {}
    dA = -(Y / AL - (1 - Y) / (1 - AL))
    if mistake == "sign of dAL":
        dA = -dA
    if mistake == "1/m in dAL":
        dA = dA / m
    for layer in range(layers, 0, -1):
        (A_prev, W, _), Z = caches[layer - 1]
        if layer == layers:
            s = 1 / (1 + np.exp(-Z))
            dZ = dA if mistake == "dAL taken for dZ" else dA * s * (1 - s)
        elif mistake == "mask of dA":
            dZ = dA * (dA > 0)
        elif mistake == "no mask":
            dZ = dA
        elif mistake == "mask * Z":
            dZ = Z * (Z > 0)
        else:
            dZ = dA * (Z > 0)
        dW, db = dZ @ A_prev.T / m, dZ.sum(axis=1, keepdims=True) / m
        if mistake == "no 1/m in dW":
            dW = dW * m
        if mistake == "dW turned" and dW.shape[0] == dW.shape[1]:
            dW = dW.T
        if mistake == "db is one mean":
            db = np.full_like(db, dZ.sum() / m)
        if mistake == "db is flat":
            db = db.ravel()
        dA = (W if mistake == "W for its transpose" and W.shape[0] == W.shape[1] else W.T) @ dZ
        if mistake == "1/m in dA":
            dA = dA / m
        if mistake == "one entry" and layer == 2:
            dW[1, 2] *= 1.001
        grads |= {f"dW{layer}": dW, f"db{layer}": db}
    if mistake == "b1 forgotten":
        del grads["db1"]
    return grads


MISTAKES = {
    "sign of dAL": (KEYS, dict.fromkeys(KEYS[:-1], -1)),
    "1/m in dAL": (KEYS, dict.fromkeys(KEYS[:-1], 1 / M)),
    "dAL taken for dZ": (KEYS, {}),
    "mask of dA": (layers_of(1, 2, 3), {}),
    "no mask": (layers_of(1, 2, 3), {}),
    "mask * Z": (layers_of(1, 2, 3), {}),
    "no 1/m in dW": ([key for key in KEYS if key[1] == "W"], {"dW1": M, "dW4": M}),
    "dW turned": (["dW2", "dW3"], {}),
    "db is one mean": (["db1", "db2", "db3"], {}),
    "W for its transpose": (layers_of(1, 2), {}),
    "1/m in dA": (layers_of(1, 2, 3), {"dW3": 1 / M, "dW2": M**-2, "db1": M**-3}),
    "one entry": (["dW2"], {}),
    None: ([], {}),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found_and_its_arrays_named(mistake):
    wrong, ratios = MISTAKES[mistake]

    def mine(AL, Y, caches):
        return backward(AL, Y, caches, mistake=mistake)

    result = gradient_check((*RIGHT[:2], mine), X, Y, parameters=PARAMETERS)
    assert result.wrong == wrong, result
    assert bool(result) == result.passed == (not wrong)
    for key, ratio in ratios.items():
        assert result.arrays[key].ratio == pytest.approx(ratio, rel=1e-6)
    if wrong:
        assert result.worst[0].key in wrong
        assert f"<gradient check: {', '.join(wrong)} wrong" in repr(result)
        assert str(result.worst[0]) in repr(result)
    if mistake == "one entry":
        assert (result.worst[0].key, result.worst[0].index) == ("dW2", (1, 2))


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        ("db is flat", "db1 has shape (4,), but b1 has (4, 1); db2 has shape (4,), but b2 has (4, 1)"),
        ("b1 forgotten", "db1 is missing"),
    ],
)
def test_gradients_that_do_not_fit_are_named(mistake, words):
    with pytest.raises(ValueError, match=re.escape(f"the gradients do not fit the parameters: {words}")):
        gradient_check(
            (*RIGHT[:2], lambda AL, Y, caches: backward(AL, Y, caches, mistake=mistake)),
            X,
            Y,
            parameters=PARAMETERS,
        )


@pytest.mark.parametrize(
    ("cost", "ratio"),
    [
        (lambda AL, Y: -np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)), 1 / M),
        (lambda AL, Y: np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / M, -1),
        (lambda AL, Y: -np.mean(Y * np.log10(AL) + (1 - Y) * np.log10(1 - AL)), np.log(10)),
    ],
    ids=["no 1/m", "sign", "log10"],
)
def test_a_wrong_cost_shows_as_the_same_ratio_everywhere(cost, ratio):
    result = gradient_check((RIGHT[0], cost, RIGHT[2]), X, Y, parameters=PARAMETERS)
    assert result.wrong == KEYS
    for key in KEYS[:-1]:  # db4 has one entry: any two numbers have a ratio
        assert result.arrays[key].ratio == pytest.approx(ratio, rel=1e-6)


def test_a_forgotten_penalty_is_found_in_the_weights():
    def cost(p):
        AL, _ = reference.L_model_forward(X, p)
        return reference.compute_cost(AL, Y) + 0.35 * sum(
            np.sum(p[f"W{layer}"] ** 2) for layer in (1, 2, 3, 4)
        )

    def grads(p):
        AL, caches = reference.L_model_forward(X, p)
        return reference.L_model_backward(AL, Y, caches)

    result = gradient_check((cost, grads), parameters=PARAMETERS)
    assert result.wrong == ["dW1", "dW2", "dW3", "dW4"]


@pytest.mark.parametrize(("added", "passed"), [(1e-8, True), (1e-3, False)])
def test_an_epsilon_in_the_logarithm_counts_where_it_matters(added, passed):
    def cost(AL, Y):
        return -np.mean(Y * np.log(AL + added) + (1 - Y) * np.log(1 - AL + added))

    assert gradient_check((RIGHT[0], cost, RIGHT[2]), X, Y, parameters=PARAMETERS).passed == passed


def test_a_gradient_that_is_nan_is_wrong():
    def grads(p):
        return {"dW1": np.where(p["W1"] > 0, np.nan, 2 * p["W1"])}

    result = gradient_check((lambda p: np.sum(p["W1"] ** 2), grads), parameters={"W1": np.array([-1.0, 1.0])})
    assert result.wrong == ["dW1"]
    assert result.error == np.inf
    assert result.worst[0].index == (1,)
