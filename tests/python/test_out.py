"""Results written to given arrays, which must not share memory with anything that is read."""

import copy
from collections import OrderedDict

import numpy as np
import pytest

import deepnet
from bad_input_cases import good, refused, without

pytestmark = pytest.mark.usefixtures("backend")


def fresh(a):
    return {key: np.empty_like(grad) for key, grad in a["grads"].items()}


BACKWARD_OUT = [
    (
        lambda a: fresh(a) | {"dA0": a["caches"][0][0][0]},
        ValueError,
        ["out['dA0'] shares memory with caches[0]: A"],
    ),
    (lambda a: fresh(a) | {"dW1": a["caches"][0][0][1]}, ValueError, ["shares memory with caches[0]: W"]),
    (lambda a: fresh(a) | {"db2": a["caches"][1][0][2]}, ValueError, ["shares memory with caches[1]: b"]),
    (lambda a: fresh(a) | {"dA1": a["caches"][0][1]}, ValueError, ["shares memory with caches[0]: Z"]),
    (lambda a: {k: v for k, v in fresh(a).items() if k != "db1"}, ValueError, ["out lacks 'db1'"]),
    (lambda a: fresh(a) | {"dZ1": 1}, ValueError, ["out has 'dZ1'"]),
    (
        lambda a: fresh(a) | {"dW1": np.empty((5, 4))},
        ValueError,
        ["out['dW1'] has shape (5, 4), but must be (4, 5)"],
    ),
    (lambda a: fresh(a) | {"dW1": np.empty((4, 5), np.float32)}, TypeError, ["out['dW1'] is float32"]),
    (
        lambda a: fresh(a) | {"dW1": np.empty((5, 4)).T},
        ValueError,
        ["out['dW1'] must be writable and in C order"],
    ),
    (
        lambda a: fresh(a) | {"dW1": np.broadcast_to(0.0, (4, 5))},
        ValueError,
        ["must be writable and in C order"],
    ),
    (lambda a: fresh(a) | {"dW1": [[0.0]]}, TypeError, ["out['dW1'] is a list"]),
    (lambda a: list(fresh(a)), TypeError, ["out is a list"]),
]


@pytest.mark.parametrize(("out", "error", "words"), BACKWARD_OUT)
def test_out_of_backward(out, error, words):
    arguments = good()
    refused("L_model_backward", arguments | {"out": out(arguments)}, error, *words)


def test_out_arrays_must_not_share_memory_with_each_other():
    arguments = good()
    out = fresh(arguments)
    out["dW2"] = out["dA1"].reshape(-1)[:4].reshape(1, 4)
    refused("L_model_backward", arguments | {"out": out}, ValueError, "shares memory with out['d")


@pytest.mark.parametrize(
    ("out", "error", "words"),
    [
        (
            lambda p, g: {"W1": g["dW1"], **without("W1")(copy.deepcopy(p))},
            ValueError,
            ["shares memory with dW1"],
        ),
        (
            lambda p, g: copy.deepcopy(p) | {"b2": p["W1"].reshape(-1)[:1].reshape(1, 1)},
            ValueError,
            ["out['b2'] shares"],
        ),
        (lambda p, g: copy.deepcopy(p) | {"W3": np.ones((1, 1))}, ValueError, ["out has 'W3'"]),
        (lambda p, g: without("W1")(p), ValueError, ["out lacks 'W1'"]),
        (
            lambda p, g: dict(p),
            ValueError,
            ["out=parameters"],
        ),
        (lambda p, g: g, ValueError, ["out lacks 'W1', 'b1', 'W2' and 'b2'"]),
    ],
)
def test_out_of_the_update(out, error, words):
    arguments = good()
    arguments["out"] = out(arguments["parameters"], arguments["grads"])
    refused("update_parameters", arguments, error, *words)


def test_an_update_in_place_needs_parameters_that_can_be_written():
    arguments = good()
    for array in arguments["parameters"].values():
        array.flags.writeable = False
    refused("update_parameters", arguments | {"out": arguments["parameters"]}, ValueError, "must be writable")
    arguments = good()
    arguments["parameters"]["b1"] = arguments["grads"]["db1"]
    refused(
        "update_parameters",
        arguments | {"out": arguments["parameters"]},
        ValueError,
        "shares memory with db1",
    )


def test_rows_of_out_may_lie_apart():
    """As those of a network's own parameters do; the gaps stay as they are."""
    arguments = good()
    wide = np.full((4, 9), 7.0)
    out = fresh(arguments) | {"dW1": wide[:, 2:7]}
    deepnet.L_model_backward(arguments["AL"], arguments["Y"], arguments["caches"], out=out)
    np.testing.assert_allclose(wide[:, 2:7], arguments["grads"]["dW1"], rtol=1e-13)
    assert (wide[:, [0, 1, 7, 8]] == 7).all()
    parameters = arguments["parameters"]
    expected = deepnet.update_parameters(parameters, arguments["grads"], 0.1)
    wide[:, 2:7] = parameters["W1"]
    parameters["W1"] = wide[:, 2:7]
    deepnet.update_parameters(parameters, arguments["grads"], 0.1, out=parameters)
    np.testing.assert_array_equal(wide[:, 2:7], expected["W1"])
    assert (wide[:, [0, 1, 7, 8]] == 7).all()


@pytest.mark.parametrize("strides", [(0, 8), (16, 8), (40, 16), (-40, 8)])
def test_rows_of_out_must_not_overlap(strides):
    arguments = good()
    array = np.lib.stride_tricks.as_strided(np.empty(200)[100:], (4, 5), strides)
    out = fresh(arguments) | {"dW1": array}
    refused("L_model_backward", arguments | {"out": out}, ValueError, "must be writable and in C order")


def test_out_may_be_any_kind_of_dict():
    arguments = good()
    expected = arguments["grads"]
    out = OrderedDict(fresh(arguments))
    arrays = dict(out)
    assert deepnet.L_model_backward(arguments["AL"], arguments["Y"], arguments["caches"], out=out) is out
    for key, array in arrays.items():
        assert out[key] is array
        np.testing.assert_allclose(array, expected[key], rtol=1e-13)


@pytest.mark.parametrize("in_place", [True, False])
def test_out_of_the_update_may_be_any_kind_of_dict(in_place):
    arguments = good()
    parameters, grads = OrderedDict(arguments["parameters"]), OrderedDict(arguments["grads"])
    expected = deepnet.update_parameters(arguments["parameters"], arguments["grads"], 0.1)
    out = parameters if in_place else copy.deepcopy(parameters)
    arrays = dict(out)
    assert deepnet.update_parameters(parameters, grads, 0.1, out=out) is out
    for key, array in arrays.items():
        assert out[key] is array
        np.testing.assert_array_equal(array, expected[key])
