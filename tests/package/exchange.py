"""Compare networks that Python saved with what the C++ library reads and writes of them.

python tests/package/exchange.py PROGRAM FOLDER: PROGRAM is exchange.cpp, built.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

import deepnet


def networks():
    """Yield networks with every setting that a file holds."""
    yield deepnet.Network([3, 1], seed=1)
    for dtype in ("float32", "float64"):
        net = deepnet.Network(
            [5, deepnet.Dense(40, "gelu", dropout=0.25, l2=1e-3), deepnet.Dense(4, "softmax", l1=1 / 3)],
            input_dropout=0.1,
            input_scale=1 / 255,
            dtype=dtype,
            seed=2,
        )
        net.class_names = ["a", 'quote " and \\', "line\n\t\x01", "ünï ✓ 🙂"]
        yield net
    yield deepnet.Network([4, 33, 2], output="identity", compute="bfloat16", seed=3)


def main(program, folder):
    """Exchange each network."""
    for i, net in enumerate(networks()):
        of = {name: folder / f"{i}.{name}" for name in ("there", "inputs", "outputs", "back")}
        X = np.random.default_rng(i).normal(size=(net.layer_dims[0], 70)).astype(net.dtype)
        X.tofile(of["inputs"])
        net.save(of["there"], metrics={"accuracy": 0.5}, target="species", optimizer=True)
        kind = "float" if net.dtype == np.float32 else "double"
        subprocess.run([program, kind, *of.values()], check=True)
        outputs = np.fromfile(of["outputs"], net.dtype).reshape(net.layer_dims[-1], -1)
        np.testing.assert_array_equal(outputs, net.predict(X))
        back = deepnet.load(of["back"])
        assert back.layers == net.layers, back.layers
        for name in (
            "layer_dims",
            "activations",
            "dtype",
            "input_dropout",
            "input_scale",
            "class_names",
            "compute",
        ):
            assert getattr(back, name) == getattr(net, name), name
        for name, array in net.parameters.items():
            np.testing.assert_array_equal(back.parameters[name], array)
    print(f"{i + 1} networks from Python to C++ and back: the same bits and settings")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
