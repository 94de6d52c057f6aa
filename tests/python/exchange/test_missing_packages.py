"""Each function says what to install where its package is missing, and the others go on."""

import sys

import numpy as np
import pytest

import deepnet

NET = deepnet.Network([2, 1], seed=1)
CALLS = {
    "to_onnx": ("onnx", lambda path: deepnet.to_onnx(NET, path)),
    "from_onnx": ("onnx", lambda path: deepnet.from_onnx(path)),
    "to_torch": ("torch", lambda path: deepnet.to_torch(NET)),
    "from_torch": ("torch", lambda path: deepnet.from_torch([])),
    "to_keras": ("keras", lambda path: deepnet.to_keras(NET)),
    "from_keras": ("keras", lambda path: deepnet.from_keras(3)),
}


@pytest.fixture
def without(monkeypatch):
    """Return a function that makes a package impossible to import, also for modules that have it already."""

    def hide(package):
        for name in list(sys.modules):
            if name.startswith("deepnet.exchange."):
                monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, package, None)

    return hide


@pytest.mark.parametrize("name", CALLS)
def test_the_message_says_what_to_install(name, without, tmp_path):
    package, call = CALLS[name]
    without(package)
    advice = rf"pip install {package}, or pip install 'deepnet-cpu\[{package}\]'"
    with pytest.raises(ImportError, match=rf"^{name} needs {package}: {advice}$"):
        call(tmp_path / "net.onnx")


def test_weights_alone_need_no_package(without):
    without("torch")
    without("keras")
    state = {"weight": np.ones((1, 2)), "bias": np.zeros(1)}
    assert deepnet.from_torch(state, "relu").layer_dims == (2, 1)
    assert deepnet.from_keras([np.ones((2, 1)), np.zeros(1)], "relu").layer_dims == (2, 1)
