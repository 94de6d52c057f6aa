"""Checks of arguments that the tables of bad input do not reach: parts of large arrays, dtypes, advice."""

import numpy as np
import pytest

import deepnet
from deepnet._validation import by_hand, labels, weights

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


@pytest.mark.parametrize("dtype", [">f4", ">f8", "<f4", "f2"])
def test_slopes_keep_their_type_and_lose_their_byte_order(dtype):
    given = np.arange(3).astype(dtype)
    array = by_hand.slope("dA", given, 1, 3)
    assert array.dtype == given.dtype.newbyteorder("=")
    np.testing.assert_array_equal(array, [[0, 1, 2]])


def test_weights_of_classes_and_examples_are_multiplied_part_by_part(monkeypatch):
    monkeypatch.setattr(weights, "PART", 4)
    Y, given = np.arange(10).reshape(1, 10) % 2, np.arange(1.0, 11)
    product = weights.example_weights(given, {0: 1, 1: 10}, Y, F64, 2)
    np.testing.assert_array_equal(product, given * np.where(Y[0] == 1, 10, 1))
    given[9] = 1e38
    with pytest.raises(ValueError, match=r"sample_weight\[9\] is 1e\+38; times class_weight it is beyond"):
        weights.example_weights(given, {0: 1, 1: 10}, Y, F32, 2)


def test_balanced_weights_of_several_outputs_have_the_type_of_the_network():
    Y = np.array([[0, 1, 1, 1], [0, 0, 1, 1]])
    balanced = weights.example_weights(None, "balanced", Y, F32)
    assert balanced.dtype == F32
    np.testing.assert_allclose(balanced, [2, 2 / 3, 2 / 3, 2 / 3], rtol=1e-6)


def test_labels_are_checked_part_by_part(monkeypatch):
    monkeypatch.setattr(labels, "PART", 4)
    net = deepnet.Network([1, 1])
    Y = np.zeros(10)
    Y[[6, 8]] = 2, 3
    with pytest.raises(ValueError, match=r"Y\[0, 6\] is 2.0, but labels must lie in \[0, 1\]"):
        net.evaluate(np.zeros((1, 10)), Y)


@pytest.mark.parametrize(
    ("Y", "advice"),
    [
        ([0, 1, 2], "3 classes need 3 outputs and output='softmax'; for quantities"),
        ([1, 2, 3], "output='softmax', numbered by np.unique(Y, return_inverse=True)[1]; for quantities"),
        ([1, 2, 1], "for two classes: Y == 2"),
        ([0.5, 1.5, 0.2], "; for quantities use output='identity'"),
    ],
)
def test_advice_for_labels_that_are_not_probabilities(Y, advice):
    with pytest.raises(ValueError, match="but labels must lie in") as caught:
        deepnet.Network([1, 1]).evaluate(np.zeros((1, 3)), np.array(Y))
    assert advice in str(caught.value)
    assert ("numbered by" in str(caught.value)) == ("numbered by" in advice)


@pytest.mark.parametrize(("low", "advice"), [(1, "Y - 1"), (2, "Y - 2"), (-1, "Y + 1")])
def test_advice_for_classes_that_do_not_start_at_0(low, advice):
    net = deepnet.Network([1, 3], output="softmax")
    with pytest.raises(ValueError, match="whole numbers from 0 to 2") as caught:
        net.evaluate(np.zeros((1, 3)), low + np.arange(3))
    assert str(caught.value).endswith(f"; number the classes from 0: {advice}")
