"""Every instruction set of this CPU agrees with the reference and gives the same bits.

Run as a program, this file prints one hash per random network, of all results of its forward and backward
pass, cost and update. A process uses one instruction set, so each runs in a separate process.
"""

import hashlib
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import deepnet
from deepnet import backends

pytestmark = pytest.mark.slow

CONFIG = backends.native.config()
OTHERS = [isa for isa in CONFIG["isas_supported"] if isa != CONFIG["isa"]]
FUSED = ["avx512", "avx2"]  # multiply and add with one rounding; the baseline rounds twice
AGREEMENT = Path(__file__).with_name("course") / "test_agreement.py"
NETWORKS = 40


def run(isa, *command):
    environment = {**os.environ, "DEEPNET_ISA": isa, "DEEPNET_BACKEND": "native"}
    result = subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, env=environment, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.parametrize("isa", OTHERS)
def test_agreement_with_the_reference(isa):
    """The instruction set in use is tested by test_agreement.py itself."""
    output = run(isa, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "native", AGREEMENT)
    assert " passed" in output


@pytest.fixture(scope="module")
def hashes():
    """Return the hashes of the networks for each instruction set."""
    return {isa: run(isa, __file__).split() for isa in CONFIG["isas_supported"]}


@pytest.mark.parametrize("isa", CONFIG["isas_supported"])
def test_an_example_alone_has_the_same_bits(hashes, isa):
    """The program compares them itself and stops where they differ."""
    assert len(hashes[isa]) == NETWORKS


@pytest.mark.skipif(not {*FUSED} <= {*CONFIG["isas_supported"]}, reason=f"this CPU lacks one of {FUSED}")
def test_the_width_of_a_vector_changes_no_bit(hashes):
    different = [
        i for i, pair in enumerate(zip(*(hashes[isa] for isa in FUSED), strict=True)) if len({*pair}) > 1
    ]
    assert not different


def random_network(random, number):
    """Up to 8 layers; every third network is wide, and one in eight has enough inputs to split k."""
    layers = int(random.integers(1, 9))
    widest, most_examples = [(8, 40), (70, 300), (200, 700)][number % 3]
    dims = [int(width) for width in random.integers(1, widest + 1, layers + 1)]
    if number % 8 == 0:
        dims[0] = 1500
    examples = int(random.integers(1, most_examples + 1))
    dtype = [np.float32, np.float64][number % 2]
    order = ["C", "F"][number // 2 % 2]
    X = random.standard_normal((dims[0], examples)).astype(dtype, order=order)
    Y = (random.random((dims[-1], examples)) < 0.5).astype(dtype)
    parameters = {}
    for layer, (before, units) in enumerate(pairwise(dims), start=1):
        W = random.standard_normal((units, before)) / np.sqrt(before)
        parameters[f"W{layer}"] = W.astype(dtype, order=["C", "F"][number // 4 % 2])
        parameters[f"b{layer}"] = random.standard_normal((units, 1)).astype(dtype)
    hidden = sorted(name for name, entry in deepnet.ACTIVATIONS.items() if not entry.whole_columns)
    names = [*random.choice(hidden, layers - 1).tolist(), "sigmoid"]
    return X, Y, parameters, names


def main():
    random = np.random.default_rng(0)
    for number in range(NETWORKS):
        X, Y, parameters, names = random_network(random, number)
        AL, caches = deepnet.L_model_forward(X, parameters, activations=names)
        for i in {0, X.shape[1] // 2, X.shape[1] - 1, *random.integers(0, X.shape[1], 4).tolist()}:
            alone, _ = deepnet.L_model_forward(X[:, i : i + 1], parameters, activations=names)
            np.testing.assert_array_equal(alone, AL[:, i : i + 1], err_msg=f"example {i} of network {number}")
        grads = deepnet.L_model_backward(AL, Y, caches)
        updated = deepnet.update_parameters(parameters, grads, 0.1)
        results = [
            AL,
            deepnet.compute_cost(AL, Y),
            *(Z for _, Z in caches),
            *grads.values(),
            *updated.values(),
        ]
        print(hashlib.sha256(b"".join(result.tobytes() for result in results)).hexdigest())


if __name__ == "__main__":
    main()
