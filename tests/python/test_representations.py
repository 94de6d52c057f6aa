"""What objects look like at the prompt: short, and code where the object is a few settings."""

import numpy as np
import pytest

import deepnet
from deepnet import (
    ACTIVATIONS,
    INITIALIZERS,
    LOSSES,
    SGD,
    Activation,
    Adam,
    Dense,
    Momentum,
)
from deepnet.callbacks import EarlyStopping, ReduceLROnPlateau
from deepnet.losses import Loss, categorical_cross_entropy, huber
from deepnet.schedules import CosineDecay, LogCosine, OneCycle, StepDecay


@pytest.mark.parametrize(
    "thing",
    [
        SGD(),
        SGD(0.5, clip_norm=1.0),
        Adam(),
        Adam(StepDecay(0.1, 5), beta1=0.5, weight_decay=0.1),
        Momentum(0.1, 0.5),
        StepDecay(0.1, 5),
        CosineDecay(0.1, length=4, per="epoch"),
        OneCycle(0.1),
        LogCosine(0.1),
        Dense(3),
        Dense(3, "relu", dropout=0.5, l2=1e-4),
        LOSSES["huber"],
        LOSSES["poisson"],
        huber(2.0),
        categorical_cross_entropy(0.25),
        ACTIVATIONS["gelu"],
    ],
    ids=repr,
)
def test_a_representation_is_code_that_makes_the_object(thing):
    assert eval(repr(thing)) == thing
    assert len(repr(thing)) < 120


def test_settings_that_have_their_defaults_are_left_out():
    assert repr(SGD()) == "SGD(learning_rate=0.01)"
    assert repr(Dense(3)) == "Dense(units=3)"


@pytest.mark.parametrize("kind", [EarlyStopping, ReduceLROnPlateau])
def test_callbacks(kind):
    made = kind(patience=3, monitor="accuracy")
    assert vars(eval(repr(made))) == vars(made)
    assert "patience=3" in repr(made)


def test_things_that_are_more_than_settings():
    assert repr(Loss("cubic", "|A - Y|^3", np.abs, np.sign)) == "<Loss 'cubic': |A - Y|^3>"
    assert repr(Activation("bump", np.sin, np.multiply)) == "<Activation 'bump'>"
    assert repr(INITIALIZERS["normal"]) == "<Initializer 'normal': N(0, 0.01^2)>"
    images, labels = np.zeros((7, 8, 8), np.uint8), np.arange(7) % 2
    data = deepnet.io.Dataset(images[:5], labels[:5], images[5:], labels[5:], ("a", "b"), 255)
    assert repr(data) == "<Dataset of 2 classes: 5 to train on, 2 held out; shape (8, 8), uint8, scale 255>"
