"""Ranks of MPI, started by mpiexec: what threads cannot show. The other tests are in test_distributed.py."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import deepnet
import mpi_job
import rank_threads

HERE = Path(__file__).parent
MPIEXEC = shutil.which("mpiexec", path=Path(sys.executable).parent) or shutil.which("mpiexec")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(deepnet.backends.native is None, reason="ranks need the extension"),
    pytest.mark.skipif(
        MPIEXEC is None or importlib.util.find_spec("mpi4py") is None, reason="mpi4py or mpiexec is missing"
    ),
    pytest.mark.filterwarnings("ignore:.*ranks with .* threads share:RuntimeWarning"),
]


def job(ranks, *arguments, script=HERE / "mpi_job.py"):
    """Run a script; return the exit code, and what was written."""
    command = [MPIEXEC, "-n", str(ranks), sys.executable, str(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(("ranks", "what"), [(2, "train"), (3, "deterministic"), (3, "train"), (4, "train")])
def test_mpi_trains_as_threads_do(ranks, what, tmp_path):
    code, errors = job(ranks, what, tmp_path / "net.npz")
    assert code == 0, errors
    (net, *_), aborted = rank_threads.run(ranks, mpi_job.trained, deterministic=True)
    assert not aborted
    with np.load(tmp_path / "net.npz") as found:
        for key, value in net.parameters.items():
            if what == "deterministic":
                np.testing.assert_array_equal(found[key], value)
            else:
                np.testing.assert_allclose(found[key], value, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("what", "messages"),
    [
        ("raise", ["deepnet: rank 1: ValueError: no such luck"]),
        ("stop", [r"deepnet: rank 1 \(process \d+ on \S+\) gave no sign of life for 2 s"]),
        ("stop at the end", [r"deepnet: rank 1 \(process \d+ on \S+\) was stopped while it ended"]),
        ("leave", ["deepnet: rank 1 has ended, but rank 0 waits for it in allgather"]),
        ("kill", [r"deepnet: (rank 0 .* or )?rank 1 \(process \d+ on \S+\) was killed, or crashed"]),
        ("disk", [r"deepnet: rank 0: OSError: .*File too large"]),
        ("shapes", ["\nValueError: X has 4 rows", "\nRuntimeError: rank 1: ValueError: X has 4 rows"]),
    ],
)
def test_a_rank_that_fails_ends_the_job(what, messages, tmp_path):
    code, errors = job(2, what, tmp_path)
    assert code != 0
    for message in messages:
        assert re.search(message, errors), errors
    assert len(set(re.findall(r"deepnet: rank (\d)", errors))) == (what != "shapes")  # nobody else is blamed


def test_a_forked_child_ends_as_any_process():
    code, output = job(2, "fork")
    assert (code, output) == (0, "")


def test_doctor_prints_the_layout():
    code, output = job(2, "deepnet", "doctor", script="-m")
    assert code == 0, output
    assert output.count("\nCPU ") == 1  # by rank 0
    assert "2 ranks" in output
    assert "rank 1 on " in output


def test_the_example_runs():
    example = HERE.parents[1] / "examples" / "train_mpi.py"
    code, output = job(2, "--examples", 20_000, "--epochs", 6, script=example)
    assert code == 0, output
    assert output.startswith("2 ranks: <History of 6 epochs")  # once: rank 0 alone reports
    assert float(output.split()[-1]) > 0.8


def test_the_command_trains_with_all_ranks(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 6)).astype(np.float32)
    path, model = tmp_path / "data.npz", tmp_path / "net.safetensors"
    table, of_table = tmp_path / "table.csv", tmp_path / "table.safetensors"
    header = "a,b,c,d,e,f,sum"
    np.savetxt(table, np.c_[x, x.sum(axis=1)], delimiter=",", header=header, comments="")
    code, output = job(
        *(2, "deepnet", "train", table, "--target", "sum", "--mpi", "--epochs", 4, "-o", of_table),
        script="-m",
    )
    assert code == 0, output
    assert output.count("Saved") == 1
    assert len(deepnet.load(of_table).networks_) == 5
    np.savez(path, train_x=x, train_y=(x[:, 0] > 0).astype(int))
    code, output = job(2, "deepnet", "train", path, "--mpi", "--epochs", 20, "-o", model, script="-m")
    assert code == 0, output
    assert output.count("Saved") == 1
    assert deepnet.load(model).layer_dims[0] == 6
