"""gradient_check finds each mistake that learners make, and names the arrays that it affects."""

import re
from functools import cache

import numpy as np
import pytest

import deepnet
from deepnet import gradient_check, reference
from deepnet.activations import ACTIVATIONS
from deepnet.gradient_checking._differences import EPSILON
from networks import Unchanged, network

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


@cache
def result_of(mistake):
    def mine(AL, Y, caches):
        return backward(AL, Y, caches, mistake=mistake)

    return gradient_check((*RIGHT[:2], mine), X, Y, parameters=PARAMETERS)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found_and_its_arrays_named(mistake):
    wrong, ratios = MISTAKES[mistake]
    result = result_of(mistake)
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


# --- what a disagreement means ------------------------------------------------------------------------------

ALL, LAYER_4 = "all gradients are", "layer 4 is right: look at dA3 and at the backward step of the activation"
EXPLAINED = {
    "sign of dAL": [f"{ALL} -1 times the slope: the sign of dAL, or that of the cost, is wrong"],
    "1/m in dAL": [f"{ALL} 1/7 of the slope, and 7 is the number of examples: is 1/m in dAL, too"],
    "dAL taken for dZ": ["layer 4, the output, is wrong already: look at dAL and at the derivative"],
    "mask of dA": [LAYER_4, "not 0 where the slope is exactly 0, as behind relu where Z is negative"],
    "no mask": [LAYER_4, "dW2 and dW3 are not 0 where the slope is exactly 0"],
    "mask * Z": [LAYER_4],
    "no 1/m in dW": [
        "db4 is right, and so dZ4 must be: look at how dW4 is computed from it",
        "dW1, dW2, dW3 and dW4 are 7 times the slope, and 7 is the number of examples: is 1/m missing in dW?",
    ],
    "dW turned": [
        "layer 4 and db3 are right, and so dZ3 must be: look at how dW3 is computed from it",
        "dW2 and dW3 are transposed",
    ],
    "db is one mean": [
        "layer 4 and dW3 are right, and so dZ3 must be: look at how db3 is computed from it",
        "db1, db2 and db3 are the same in all entries: is the sum over the units, too?",
    ],
    "W for its transpose": ["layers 3 and 4 are right: look at dA2 and at the backward step"],
    "1/m in dA": [
        LAYER_4,
        "each layer further from the output is divided by 7, the number of examples, once more: 1/m",
    ],
    "one entry": ["layers 3 and 4 and db2 are right, and so dZ2 must be: look at how"],
    None: [],
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_explained(mistake):
    """By the layer to look at first, counted from the output, a known factor, and a pattern."""
    result = result_of(mistake)
    assert len(result.explanations) == len(EXPLAINED[mistake]), result
    for sentence, expected in zip(result.explanations, EXPLAINED[mistake], strict=True):
        assert expected in sentence
        assert sentence in repr(result)


def test_a_layer_that_cannot_be_compared_is_not_called_right():
    """The cost of W3 is nowhere smooth; only what is right is said to be."""

    def cost(p):
        rough = np.abs(np.sin(1000 * p["W3"] / EPSILON)).sum()
        return float(np.sin(p["W1"]).sum() + np.sin(p["W2"]).sum() + 1e-6 * rough)

    def grads(p):
        return {"dW1": np.cos(p["W1"]), "dW2": np.sin(p["W2"]), "dW3": np.zeros(2)}

    parameters = {"W1": np.ones(2), "W2": np.array([0.5, 1.2]), "W3": np.array([0.1, 0.2])}
    result = gradient_check((cost, grads), parameters=parameters)
    assert (result.wrong, result.unchecked) == (["dW2"], ["dW3"])
    assert result.explanations == [
        "layer 1 is right, and so dZ2 must be: look at how dW2 is computed from it"
    ]


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (
            lambda AL, Y: -np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)),
            "1/7 of the slope, and 7 is the number",
        ),
        (lambda AL, Y: np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / M, "-1 times the slope: the sign"),
        (
            lambda AL, Y: -np.mean(Y * np.log10(AL) + (1 - Y) * np.log10(1 - AL)),
            "that is ln 10. Is the logarithm",
        ),
        (
            lambda AL, Y: -np.mean(Y * np.log2(AL) + (1 - Y) * np.log2(1 - AL)),
            "that is ln 2. Is the logarithm",
        ),
        (
            lambda AL, Y: -np.mean(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / 2,
            "is dAL twice what it should be",
        ),
        (
            lambda AL, Y: -np.mean(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / M,
            "missing in dW and db, or twice in",
        ),
        (
            lambda AL, Y: -np.mean(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / 3,
            "look at the cost and at dAL, not",
        ),
    ],
)
def test_a_wrong_cost_is_explained(cost, words):
    small = network([3, 2, 1], M, seed=3)
    (sentence,) = gradient_check((RIGHT[0], cost, RIGHT[2]), *small[:2], parameters=small[2]).explanations
    assert sentence.startswith("all gradients are ")
    assert words in sentence


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (-1.0, "dw is -1 times the slope: a sign is wrong"),
        (2.0, "dw is 2 times the slope: is it added twice, or is a factor of 1/2 missing?"),
        (0.5, "dw is 1/2 of the slope: is a factor of 1/2 too much, or a 2 missing"),
        (0.0, "dw is 0, though the slopes are not"),
        (12.0, "dw is 12 times the slope: if 12 is the number of examples, is 1/m missing in dw?"),
        (1 / 12, "dw is 1/12 of the slope: if 12 is the number of examples, is 1/m applied once too often?"),
        (1.7, None),
    ],
)
@pytest.mark.parametrize("size", [1, 3])
def test_a_factor_of_two_functions_is_explained(factor, words, size):
    functions = (lambda p: float(np.sum(p["w"] ** 2))), (lambda p: {"dw": factor * 2 * p["w"]})
    result = gradient_check(functions, parameters={"w": np.arange(1.0, size + 1)})
    assert result.wrong == ["dw"]
    assert [sentence[: len(words or "")] for sentence in result.explanations] == ([words] if words else [])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda g: g | {"db2": g["db2"].ravel()},
            "db2: a sum over the examples has the shape (4,) without keepdims",
        ),
        (
            lambda g: g | {"db4": np.float64(1)},
            "db4: a sum over the examples has the shape () without axis=1",
        ),
        (
            lambda g: g | {"db3": np.ones((1, M))},
            "db3: it has an entry for each example: is the sum over axis",
        ),
        (lambda g: g | {"db3": np.float64(1)}, "db3: it is a sum over all units, but belongs to each"),
        (lambda g: g | {"dW1": g["dW1"].T}, "dW1 has shape (5, 4), but W1 has (4, 5). dW1: it is transposed"),
    ],
)
def test_the_cause_of_a_shape_is_named(change, words):
    def mine(AL, Y, caches):
        return change(reference.L_model_backward(AL, Y, caches))

    with pytest.raises(ValueError, match=re.escape(words)):
        gradient_check((*RIGHT[:2], mine), X, Y, parameters=PARAMETERS)


# --- one function alone -------------------------------------------------------------------------------------

RANDOM = np.random.default_rng(0)
INPUTS = {
    "A_prev": RANDOM.normal(size=(4, 6)),
    "W": RANDOM.normal(size=(3, 4)),
    "b": RANDOM.normal(size=(3, 1)),
}
Z = {"Z": INPUTS["A_prev"]}


def linear_backward(dZ, cache, *, factors=(1, 1 / 6, 1 / 6)):
    A_prev, W, _ = cache
    dA_prev, dW, db = W.T @ dZ, dZ @ A_prev.T, dZ.sum(axis=1, keepdims=True)
    return factors[0] * dA_prev, factors[1] * dW, factors[2] * db


def without_keepdims(dZ, cache):
    dA_prev, dW, db = linear_backward(dZ, cache)
    return dA_prev, dW, db.ravel()


@pytest.mark.parametrize("module", [deepnet, reference])
def test_the_lecture_s_functions_pass_alone(module):
    for forward, back, inputs in [
        (module.linear_forward, module.linear_backward, INPUTS),
        (module.sigmoid, module.sigmoid_backward, Z),
        (module.relu, module.relu_backward, Z),
    ]:
        result = gradient_check((forward, back), inputs=inputs)
        assert result.passed, result
        assert result.explanations == []
        assert [array.compared for array in result.arrays.values()] == [
            array.size for array in inputs.values()
        ]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_passes_alone(name):
    """Softmax, too, whose derivative takes whole columns."""

    def forward(A_prev, W, b):
        return deepnet.linear_activation_forward(A_prev, W, b, name)

    def back(dA, cache):
        return deepnet.linear_activation_backward(dA, cache, name)

    for seed in range(3):
        result = gradient_check((forward, back), inputs=INPUTS, seed=seed)
        assert result.passed, result
        assert result.explanations == []


@pytest.mark.parametrize(
    ("factors", "mean", "wrong", "words"),
    [
        ((1, 1, 1), False, [], None),
        ((1, 1, 1), True, ["dW", "db"], "dW and db are 6 times the slope, and 6 is the number"),
        ((1, 1, 1 / 6), True, ["dW"], "dW is 6 times the slope, and 6 is the number of examples: is"),
        ((1 / 6, 1 / 6, 1 / 6), True, ["dA_prev"], "dA_prev is 1/6 of the slope, and 6 is"),
        ((1, 1 / 36, 1 / 6), True, ["dW"], "dW is 1/6 of the slope"),
        ((-1, 1 / 6, 1 / 6), True, ["dA_prev"], "dA_prev is -1 times the slope: a sign is wrong"),
        ((1, 1 / 6, 1 / 3), True, ["db"], "db is 2 times the slope"),
    ],
)
def test_a_factor_of_one_function_is_explained(factors, mean, wrong, words):
    def back(dZ, cache):
        return linear_backward(dZ, cache, factors=factors)

    result = gradient_check((reference.linear_forward, back), inputs=INPUTS, mean=mean)
    assert result.wrong == wrong
    assert [sentence[: len(words or "")] for sentence in result.explanations] == ([words] if words else [])


@pytest.mark.parametrize(
    ("back", "words"),
    [
        (lambda dA, Z: dA, "dZ is not 0 where the slope is exactly 0, as behind relu where Z is negative"),
        (lambda dA, Z: dA * (Z < 0), "dZ is not 0 where the slope is exactly 0"),
        (lambda dA, Z: dA * (dA > 0) * (Z > 0), "dZ is exactly 0 at some places where the slope is not"),
        (lambda dA, Z: {"dZ": np.where(Z > 0, dA, np.nan)}, "dZ is nan at [0, "),
    ],
)
def test_a_mask_is_pointed_to(back, words):
    result = gradient_check((reference.relu, back), inputs=Z)
    assert result.wrong == ["dZ"]
    assert result.explanations[-1].startswith(words)


def test_one_function_gets_copies_and_its_own_example_s_slopes():
    """Entries are those that the function returns; without a cache it gets its inputs back."""
    given = np.array([[1.0, 2.0], [3.0, -1.0]])

    def square(Z):
        result = Z**2
        Z *= 3  # of the copy, which the backward step gets
        return result

    with Unchanged([given]):
        result = gradient_check((square, lambda dA, Z: dA * Z), inputs={"Z": given}, seed=4)
    assert result.arrays["dZ"].ratio == pytest.approx(1.5, rel=1e-6)
    for entry in result.worst:
        assert entry.analytic == pytest.approx(1.5 * entry.numeric, rel=1e-6)
    R = np.random.default_rng([4, 1]).standard_normal((2, 2))
    place = result.worst[0].index
    assert result.worst[0].analytic == pytest.approx((3 * R * given)[place])


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: gradient_check((len,), inputs=Z), TypeError, "inputs is for one function and"),
        (lambda: gradient_check((len, len), X, inputs=Z), TypeError, "X is given with inputs"),
        (lambda: gradient_check((len, len), parameters=Z, inputs=Z), TypeError, "parameters is given"),
        (lambda: gradient_check((len, 3), inputs=Z), TypeError, "3 is not a function"),
        (lambda: gradient_check((len, len), inputs={}), TypeError, "inputs is empty, but must be a dict"),
        (lambda: gradient_check((len, len), inputs=X), TypeError, "inputs is an ndarray, but must be"),
        (lambda: gradient_check((len, len), inputs={"Z": X > 0}), TypeError, "Z is bool, but must be"),
        (lambda: gradient_check((len, len), inputs=Z), TypeError, "the first function returned an int"),
        (
            lambda: gradient_check((reference.linear_forward, lambda dZ, cache: (dZ, dZ)), inputs=INPUTS),
            ValueError,
            "the second function returned 2 arrays, but there are 3 inputs",
        ),
        (
            lambda: gradient_check((reference.linear_forward, without_keepdims), inputs=INPUTS),
            ValueError,
            "db has shape (3,), but b has (3, 1). db: a sum over the examples has the shape (3,) without",
        ),
    ],
)
def test_unusable_arguments_of_one_function(call, kind, words):
    with pytest.raises(kind, match=re.escape(words)):
        call()
