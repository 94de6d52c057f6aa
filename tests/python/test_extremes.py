"""nan, inf, both zeros and saturation in the backward pass of each activation, on both backends."""

import numpy as np
import pytest

import deepnet
from deepnet import ACTIVATIONS, reference

pytestmark = pytest.mark.usefixtures("backend")

DTYPES = [np.float32, np.float64]
ZS = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1000.0, -1000.0]
SELU, SELU_LEFT = 1.0507009873554805, 1.7580993408473769
SLOPES = {  # exact: no place where a rounding could show
    "identity": [1, 1, 1, 1, 1, 1, 1],
    "relu": [1, 1, 0, 0, 0, 1, 0],
    "leaky_relu": [1, 1, 0.01, 0.01, 0.01, 1, 0.01],
    "elu": [np.nan, 1, 0, 1, 1, 1, 0],
    "selu": [np.nan, SELU, 0, SELU_LEFT, SELU_LEFT, SELU, 0],
    "gelu": [np.nan, 1, 0, 0.5, 0.5, 1, 0],
    "silu": [np.nan, 1, 0, 0.5, 0.5, 1, 0],
    "mish": [np.nan, 1, 0, 0.6, 0.6, 1, 0],
    "softplus": [np.nan, 1, 0, 0.5, 0.5, 1, 0],
    "hard_swish": [np.nan, 1, 0, 0.5, 0.5, 1, 0],
    "sigmoid": [np.nan, 0, 0, 0.25, 0.25, 0, 0],
    "tanh": [np.nan, 0, 0, 1, 1, 0, 0],
}


def grid(name, dtype):
    """Return every dA with every Z, and dZ: the product, but 0 where a kink selects it."""
    zs, slopes = np.array(ZS, dtype), np.array(SLOPES[name], dtype)
    dA, Z = np.meshgrid(np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 2.0, -8.0], dtype), zs)
    with np.errstate(invalid="ignore"):
        dZ = dA * slopes[:, None]
    off = {"relu": Z <= 0, "hard_swish": Z <= -3}.get(name, np.zeros(Z.shape, bool))
    return dA, Z, np.where(off, 0, dZ)


def test_every_activation_that_goes_by_element_is_here():
    assert {name for name, entry in ACTIVATIONS.items() if not entry.whole_columns} == SLOPES.keys()


def one_layer(Z):
    """W = 1 and b = 0, so that dA_prev is dZ, and db the sum of each row."""
    one, zero = np.ones((1, 1), Z.dtype), np.zeros((1, 1), Z.dtype)
    return (np.zeros_like(Z), one, zero), Z


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SLOPES)
def test_backward_multiplies_or_selects(name, dtype):
    dA, Z, expected = grid(name, dtype)
    np.testing.assert_array_equal(reference.activation_backward(dA, Z, name), expected)
    if name in ("sigmoid", "relu"):
        np.testing.assert_array_equal(getattr(deepnet, f"{name}_backward")(dA, Z), expected)
    flat = dA.reshape(1, -1)
    dA_prev, _, _ = deepnet.linear_activation_backward(flat, one_layer(Z.reshape(1, -1)), name)
    np.testing.assert_array_equal(dA_prev, expected.reshape(1, -1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(SLOPES.keys() - {"sigmoid"}))
def test_outputs_other_than_sigmoid_follow_the_formula(name, dtype):
    """dAL by hand, with 0/0 counted as 0, followed by backward as above."""
    dALs = {
        # (AL, Y): dAL
        (1, 1): -1,
        (1, 0): np.inf,
        (0, 0): 1,
        (0, 1): -np.inf,
        (-1, 1): 1,
        (-1, 0): 0.5,
        (np.nan, 0): np.nan,
        (np.inf, 1): 0,
        (2, 1): -0.5,
    }
    zs = np.array(ZS, dtype)
    for (al, y), dal in dALs.items():
        AL, Y, dAL = (np.full((1, len(zs)), value, dtype) for value in (al, y, dal))
        expected = reference.activation_backward(dAL, zs[None], name)
        grads = deepnet.L_model_backward(AL, Y, [one_layer(zs[None])], activations=[name])
        np.testing.assert_array_equal(grads["dA0"], expected, err_msg=f"AL = {al}, Y = {y}")


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_sigmoid_output_takes_its_limit_and_hides_no_nan(dtype):
    zs = np.array(ZS, dtype)[None]
    for al, y, expected in [
        (1, 1, 0),
        (1, 0, 1),
        (0, 0, 0),
        (0, 1, -1),
        (np.nan, 0, np.nan),
        (np.nan, 1, np.nan),
    ]:
        AL, Y = np.full_like(zs, al), np.full_like(zs, y)
        grads = deepnet.L_model_backward(AL, Y, [one_layer(zs)])
        np.testing.assert_array_equal(grads["dA0"], np.full_like(zs, expected))


@pytest.mark.parametrize(("AL", "Y", "dZ"), [(1, 1, 0), (1, 0, np.nan), (-1, 1, 0), (-1, 0, 0)])
def test_a_saturated_tanh_output(AL, Y, dZ):
    """As documented: inf * 0 is nan where AL is 1 and Y is 0; elsewhere the slope of 0 decides."""
    Z = np.array([[40.0 * AL]])
    grads = deepnet.L_model_backward(
        np.array([[float(AL)]]), np.array([[Y]]), [one_layer(Z)], activations=["tanh"]
    )
    np.testing.assert_array_equal(grads["dA0"], [[dZ]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_perfect_prediction_costs_0_and_not_minus_0(dtype):
    AL = np.array([[1.0, 0.0]], dtype)
    assert str(reference.compute_cost(AL, AL)) == "0.0"
