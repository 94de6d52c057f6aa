"""The bits of a trained network depend on neither the number of threads nor the width of a vector.

Run as a program, this file prints a hash of the weights, losses and predictions of each run below, after five
epochs with so many threads; a process has one instruction set, so each runs in a process of its own.
"""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

import deepnet
from deepnet import backends

FUSED = ["avx512", "avx2"]  # multiply and add in one rounding; what runs anywhere (baseline) rounds twice
SUPPORTED = backends.native.config()["isas_supported"]
RUNS = [  # dims, activation, dtype, m, batch size, data
    ([8, 32, 16, 1], "relu", "float32", 100, 32, "float32"),
    ([17, 64, 64, 1], "tanh", "float32", 200, 64, "uint8"),
    ([64, 130, 70, 3], "leaky_relu", "float64", 300, 100, "float64"),
    ([30, 150, 120, 2], "sigmoid", "float32", 1500, 1300, "float16"),  # batches in chunks
    ([100, 100, 100, 1], "relu", "float64", 700, 700, "float32"),  # every batch the same
    ([300, 200, 200, 5], ["tanh", "relu", "identity"], "float32", 333, 160, "float64"),
]


def trained(dims, activation, dtype, m, batch_size, kind, threads):
    random = np.random.default_rng(0)
    X = np.abs(100 * random.standard_normal((m, dims[0]))).astype(kind).T
    Y = (random.random((dims[-1], m)) < 0.5).astype(np.uint8)
    net = deepnet.Network(dims, activation, dtype=dtype, seed=1)
    history = net.fit(
        X,
        Y,
        epochs=5,
        batch_size=batch_size,
        optimizer=deepnet.SGD(0.05),
        seed=2,
        threads=threads,
        input_scale=1 / 255,
    )
    loss, grads = net.loss_and_grads(X, Y, input_scale=1 / 255, threads=threads)
    results = [*net.parameters.values(), np.array([*history.loss, loss]), *grads.values()]
    results += [net.predict(X, input_scale=1 / 255, threads=threads)]
    return hashlib.sha256(b"".join(np.ascontiguousarray(result).tobytes() for result in results)).hexdigest()


@pytest.mark.parametrize("run", RUNS, ids=lambda run: "-".join(map(str, run[0])))
def test_the_number_of_threads_changes_no_bit(run):
    assert len({trained(*run, threads) for threads in (1, 2, 3, 8)}) == 1


@pytest.mark.skipif(not {*FUSED} <= {*SUPPORTED}, reason=f"this CPU lacks one of {FUSED}")
def test_the_width_of_a_vector_changes_no_bit():
    hashes = {}
    for isa in FUSED:
        environment = {**os.environ, "DEEPNET_ISA": isa, "DEEPNET_BACKEND": "native"}
        ended = subprocess.run(
            [sys.executable, __file__], capture_output=True, text=True, env=environment, check=False
        )
        assert ended.returncode == 0, ended.stderr
        hashes[isa] = ended.stdout.split()
    assert len(hashes["avx512"]) == len(RUNS)
    different = [run[0] for run, *pair in zip(RUNS, *hashes.values(), strict=True) if len({*pair}) > 1]
    assert not different


if __name__ == "__main__":
    for run in RUNS:
        print(trained(*run, threads=2))
