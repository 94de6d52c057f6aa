"""Initial weights with any scale or gain, and orthogonal ones."""

import math
import re

import numpy as np
import pytest

import deepnet
from deepnet import initializers
from deepnet.initializers import INITIALIZERS, normal, orthogonal

EPS = np.finfo(np.float64).eps


def draw(initializer, n=200, n_prev=300, seed=0):
    return initializer(np.random.default_rng(seed), n, n_prev)


# --- normal -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-3, 0.01, 2])
def test_normal_has_its_moments(scale):
    """Each within 5 standard errors for N draws: of the mean, the variance, the skewness and the kurtosis."""
    W = draw(normal(scale)) / scale
    root = math.sqrt(W.size)
    assert abs(W.mean()) < 5 / root
    assert abs((W**2).mean() - 1) < 5 * math.sqrt(2) / root
    assert abs((W**3).mean()) < 5 * math.sqrt(15) / root
    assert abs((W**4).mean() - 3) < 5 * math.sqrt(96) / root


def test_normal_is_the_course_s_rule():
    """randn(n, n_prev) * scale, from the same draws; the name means 0.01."""
    randn = np.random.default_rng(3).standard_normal((4, 5))
    np.testing.assert_array_equal(draw(normal(0.3), 4, 5, 3), randn * 0.3)
    np.testing.assert_array_equal(draw(INITIALIZERS["normal"], 4, 5, 3), randn * 0.01)
    np.testing.assert_array_equal(draw(INITIALIZERS["lecun_normal"], 4, 5, 3), randn * np.sqrt(1 / 5))


# --- orthogonal ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gain", [1.0, math.sqrt(2), 100])
@pytest.mark.parametrize(("n", "n_prev"), [(1, 1), (1, 40), (40, 1), (30, 50), (64, 64), (65, 65), (90, 70)])
def test_rows_or_columns_are_orthogonal(n, n_prev, gain):
    """Householder's Q differs from an exact one by at most sqrt(k) m k eps in Frobenius norm (N. Higham,
    2002, theorem 19.4, with m >= k), so Q^T Q from I by twice that, and the product here by less again.
    """
    W = draw(orthogonal(gain), n, n_prev)
    assert W.shape == (n, n_prev)
    m, k = max(n, n_prev), min(n, n_prev)
    product = (W @ W.T if n <= n_prev else W.T @ W) / gain**2
    assert np.linalg.norm(product - np.eye(k)) <= 3 * math.sqrt(k) * m * k * EPS


@pytest.mark.parametrize(("m", "k"), [(5, 5), (65, 65), (90, 64), (200, 130)])
def test_orthogonal_matrices_are_the_q_of_their_draws(m, k):
    """Q^T A is triangular up to Householder's error, at most sqrt(k) m k eps of A (N. Higham, theorem 19.4),
    once for A = Q R and once for Q^T Q = I, with a positive diagonal: any other Q or sign fails.
    """
    A = np.random.default_rng(4).standard_normal((m, k))
    R = draw(orthogonal(), m, k, 4).T @ A
    assert np.linalg.norm(np.tril(R, -1)) <= 3 * math.sqrt(k) * m * k * EPS * np.linalg.norm(A)
    assert (np.diag(R) > 0).all()


def test_orthogonal_matrices_do_not_depend_on_the_panels(monkeypatch):
    """Ctrl-C is noticed between the calls of LAPACK, which get few columns.

    Q differs by the error of A = Q R, at most sqrt(k) m k eps of A, times the condition of A (J. Sun, 1991).
    """
    m, k = 150, 100
    whole, sizes, qr = draw(orthogonal(), m, k), [], np.linalg.qr
    condition = np.linalg.cond(np.random.default_rng(0).standard_normal((m, k)))
    monkeypatch.setattr(np.linalg, "qr", lambda A, **options: sizes.append(A.shape[1]) or qr(A, **options))
    monkeypatch.setattr(initializers, "PANEL", 7)
    difference = np.linalg.norm(draw(orthogonal(), m, k) - whole)
    assert difference <= 2 * 2 * condition * math.sqrt(k) * m * k * EPS * math.sqrt(k)
    assert max(sizes) == 7


def test_orthogonal_matrices_are_uniformly_distributed():
    """Of 2000 matrices 2 x 2, half are rotations and half reflections, and all angles are alike.

    Each mean is within 5 standard errors. QR without the signs fails here: its R may have any signs.
    """
    draws = np.array([draw(orthogonal(), 2, 2, seed) for seed in range(2000)])
    root = math.sqrt(len(draws))
    assert abs(np.linalg.det(draws).mean()) < 5 / root
    angles = np.arctan2(draws[:, 1, 0], draws[:, 0, 0])
    for k in (1, 2, 3):
        assert abs(np.cos(k * angles).mean()) < 5 * math.sqrt(0.5) / root
        assert abs(np.sin(k * angles).mean()) < 5 * math.sqrt(0.5) / root


# --- both ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("initializer", ["normal", "orthogonal", normal(0.3), orthogonal(2)])
def test_networks_take_them_with_the_same_draws_in_both_dtypes(initializer):
    single, double = (
        deepnet.Network([30, 20, 20, 1], initializer=initializer, dtype=dtype, seed=3)
        for dtype in ("float32", "float64")
    )
    for key, p in double.parameters.items():
        np.testing.assert_array_equal(single.parameters[key], p.astype(np.float32))
        assert p.any() == (key[0] == "W")


def test_representations():
    assert (normal(0.02).name, normal(0.02).formula) == ("normal", "N(0, 0.02^2)")
    assert (orthogonal(2).name, orthogonal(2).formula) == (
        "orthogonal",
        "orthogonal rows or columns of length 2",
    )


@pytest.mark.parametrize(("make", "name"), [(normal, "scale"), (orthogonal, "gain")])
@pytest.mark.parametrize("value", [0, -1.5, math.nan, math.inf])
def test_scales_out_of_range_are_refused(make, name, value):
    what = "more than 0" if math.isfinite(value) else "finite"
    with pytest.raises(ValueError, match=f"^{name} is {value}, but must be {what}$"):
        make(value)


@pytest.mark.parametrize(("make", "name"), [(normal, "scale"), (orthogonal, "gain")])
@pytest.mark.parametrize("value", ["0.1", None, True, np.ones(1)])
def test_scales_that_are_not_numbers_are_refused(make, name, value):
    with pytest.raises(TypeError, match=f"^{re.escape(f'{name} is {value!r}, but must be a number')}$"):
        make(value)


@pytest.mark.parametrize("name", ["he_normal", "he_uniform", "normal", "glorot_uniform"])
def test_draws_in_parts_are_those_of_one_draw(name, monkeypatch):
    whole = INITIALIZERS[name](np.random.default_rng(0), 50, 70)
    monkeypatch.setattr(initializers, "DRAWN_AT_ONCE", 33)
    np.testing.assert_array_equal(INITIALIZERS[name](np.random.default_rng(0), 50, 70), whole)
