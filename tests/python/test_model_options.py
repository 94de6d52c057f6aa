"""Networks in files: the options of their layers."""

import numpy as np
import pytest

import deepnet


def test_options_of_layers_are_kept(tmp_path):
    hidden = deepnet.Dense(8, "gelu", dropout=0.25, l2=1e-3)
    net = deepnet.Network([5, hidden, deepnet.Dense(3, "softmax", l1=1e-4)], input_dropout=0.1, seed=2)
    net.save(tmp_path / "net.safetensors")
    same = deepnet.load(tmp_path / "net.safetensors")
    assert same.layers == net.layers
    assert same.input_dropout == 0.1
    X, Y = np.random.default_rng(0).normal(size=(5, 20)), np.arange(20) % 3
    assert same.evaluate(X, Y) == net.evaluate(X, Y)


def test_a_custom_activation_is_not_saved(tmp_path):
    own = deepnet.Activation("own", np.sin, lambda dA, Z: dA * np.cos(Z))
    with pytest.raises(ValueError, match="layer 1 has the custom activation 'own'"):
        deepnet.Network([2, 3, 1], own).save(tmp_path / "net.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_options_that_no_layer_can_have_are_refused(tmp_path):
    from deepnet.io.model_file import ModelFile, NetworkPart, write_model

    net = deepnet.Network([2, 3, 1])
    path = tmp_path / "net.safetensors"
    for extra, words in (
        (
            {"layers": [{"dropout": 2}, {}]},
            r"layer_dims\[1\].dropout is 2, but must be from 0 to less than 1",
        ),
        ({"layers": [{}]}, r"layers is \[\{\}\], but must be a list of 2 objects"),
        ({"layers": [1, 2]}, r"layers is \[1, 2\], but must be a list of 2 objects"),
        ({"layers": [{"units": 3}, {}]}, "do not describe a valid network"),
        ({"input_dropout": -1}, "input_dropout is -1, but must be 0 or more"),
    ):
        part = NetworkPart(net.layer_dims, net.activations, "float32", extra)
        write_model(path, ModelFile("network", [part], net.parameters))
        with pytest.raises(ValueError, match=words):
            deepnet.load(path)
