"""Fixtures: both backends, Ctrl-C, and the data folder."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

import deepnet

# SciPy reads this when it is imported. Without it, scikit-learn's checks of array API input skip.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

DATA = Path(os.environ.get("DEEPNET_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


@pytest.fixture(params=["native", "numpy"])
def backend(request):
    """Run the test once per backend; a missing extension is an error, not a skip."""
    with deepnet.use_backend(request.param):
        yield request.param


@pytest.fixture
def ctrl_c_is_heard():
    """Restore Python's handler of Ctrl-C: the background jobs of a shell start with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def cats():
    """The course's cat images: train and test X (12288, m) in [0, 1], and labels (1, m)."""
    path = DATA / "catvnoncat.npz"
    if not path.is_file():
        pytest.skip(f"{path} is missing: set DEEPNET_DATA to the folder that holds it")
    with np.load(path) as data:
        flat = {
            part: data[f"{part}_x"].reshape(len(data[f"{part}_x"]), -1).T / 255 for part in ("train", "test")
        }
        return flat["train"], data["train_y"], flat["test"], data["test_y"]
