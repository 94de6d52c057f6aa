"""The course's plots draw what they should, and the demo's pictures are pictures."""

import subprocess
import sys

import numpy as np
import pytest

from deepnet import plotting

matplotlib = pytest.importorskip("matplotlib", reason="needs matplotlib (extra plot)")
Image = pytest.importorskip("PIL.Image", reason="needs pillow (comes with matplotlib)")


@pytest.fixture
def pyplot():
    """Matplotlib without a window, its settings and figures as they were afterwards."""
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    with matplotlib.rc_context():
        plt.figure()
        yield plt
        plt.close("all")


def test_plot_costs(pyplot, monkeypatch):
    shown = []
    monkeypatch.setattr(pyplot, "show", lambda: shown.append(pyplot.gca()))
    plotting.plot_costs([np.array(0.7), np.array(0.5), 0.4], 0.1)
    (axes,) = shown
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [0.7, 0.5, 0.4])
    assert axes.get_title() == "Learning rate = 0.1"
    assert axes.get_xlabel() == "iterations (per hundreds)"


@pytest.mark.parametrize("classes", [np.array([b"non-cat", b"cat"]), ["non-cat", "cat"]])
def test_print_mislabeled_images(pyplot, classes):
    X = np.random.default_rng(0).random((12, 4))
    y, p = np.array([[0, 1, 1, 0]]), np.array([[0.0, 0.0, 1.0, 1.0]])
    before = dict(matplotlib.rcParams)
    plotting.print_mislabeled_images(classes, X, y, p)
    titles = [axes.get_title() for axes in pyplot.gcf().axes]
    assert titles == ["Prediction: non-cat\nClass: cat", "Prediction: cat\nClass: non-cat"]
    np.testing.assert_array_equal(pyplot.gcf().axes[0].images[0].get_array(), X[:, 1].reshape(2, 2, 3))
    assert dict(matplotlib.rcParams) == before


def test_nothing_mislabeled_draws_nothing(pyplot):
    y = np.array([[0, 1]])
    plotting.print_mislabeled_images(["a", "b"], np.zeros((12, 2)), y, y)
    assert not pyplot.gcf().axes


def test_what_is_no_image_is_named():
    y = np.array([[0, 1]])
    with pytest.raises(ValueError, match="X has 10 rows"):
        plotting.print_mislabeled_images(["a", "b"], np.zeros((10, 2)), y, y)
    with pytest.raises(ValueError, match="X has 3 examples, y 2, p 2"):
        plotting.print_mislabeled_images(["a", "b"], np.zeros((12, 3)), y, y)


@pytest.mark.parametrize("k", [0, 1, 24, 30])
@pytest.mark.parametrize("shape", [(8, 8), (16, 16, 3)])
def test_the_picture_of_a_training_run(tmp_path, k, shape):
    images = np.random.default_rng(0).integers(0, 256, (k, *shape), dtype=np.uint8)
    path = tmp_path / "run.png"
    right = [i % 2 == 0 for i in range(k)]
    plotting.save_training_picture(
        path, [0.9, 0.5, np.inf, 0.1], images, ["$x"] * k, right, title="$ no math"
    )
    with Image.open(path) as picture:
        assert picture.size == (1000, 420)
        colours = {tuple(colour) for colour in np.asarray(picture.convert("RGB")).reshape(-1, 3).tolist()}
    blue = (0x1F, 0x5F, 0xA8)  # the curve
    assert blue in colours


@pytest.mark.parametrize("k", [1, 8, 40])
def test_the_grid_of_images(tmp_path, k):
    images = np.random.default_rng(0).integers(0, 256, (k, 16, 16, 3), dtype=np.uint8)
    plotting.save_image_grid(tmp_path / "grid.png", images, ["a class in a script: \u732b"] * k, title="$x$")
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.format == "PNG"
        assert len(np.unique(np.asarray(picture.convert("L")))) > 100


def test_importing_deepnet_imports_no_matplotlib():
    code = (
        "import deepnet.io, sys; print(sorted({'matplotlib', 'PIL', 'sklearn', 'rich'} & set(sys.modules)))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_without_matplotlib_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="plot_costs needs matplotlib: pip install matplotlib"):
        plotting.plot_costs([1.0])
