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


@pytest.mark.parametrize("form", [np.ravel, lambda p: p.reshape(1, -1), lambda p: p.astype(float)])
def test_plot_decision_boundary(pyplot, monkeypatch, form):
    """The model is asked on a grid 0.01 fine, 1 beyond the examples; both classes are coloured."""
    asked, shown = [], []
    monkeypatch.setattr(pyplot, "show", lambda: shown.append(pyplot.gca()))

    def model(points):
        asked.append(points)
        return form(points[:, 0] > points[:, 1])

    X, y = np.array([[0.0, 1.0, 0.5], [0.0, 0.5, 1.0]]), np.array([[0, 1, 0]])
    pyplot.gca().set_xlim([-0.5, 1.5])
    plotting.plot_decision_boundary(model, X, y)
    (points,), (axes,) = asked, shown
    assert points.shape == (300 * 300, 2)
    np.testing.assert_allclose([points.min(), points.max()], [-1, 1.99])
    assert axes.get_xlim() == (-0.5, 1.5)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x1", "x2")
    contours, dots = axes.collections
    assert contours.get_array().min() < contours.get_array().max()
    np.testing.assert_array_equal(dots.get_offsets(), X.T)
    np.testing.assert_array_equal(dots.get_array(), [0, 1, 0])


def test_plot_decision_boundary_of_one_class_or_a_wide_plane(pyplot, monkeypatch):
    monkeypatch.setattr(pyplot, "show", lambda: None)
    asked = []
    X = np.array([[0.0, 1e6], [0.0, 1.0]])
    plotting.plot_decision_boundary(lambda x: asked.append(len(x)) or np.zeros(len(x)), X, np.array([0, 1]))
    assert asked[0] <= 1001 * 301
    assert len(pyplot.gca().collections) == 1


def test_what_is_no_plane_is_named(pyplot):
    with pytest.raises(ValueError, match=r"X has shape \(3, 2\), but a plane"):
        plotting.plot_decision_boundary(len, np.zeros((3, 2)), np.zeros(2))
    with pytest.raises(ValueError, match="X has 2 examples, y 3"):
        plotting.plot_decision_boundary(len, np.zeros((2, 2)), np.zeros(3))
    with pytest.raises(ValueError, match="model returned 1 predictions for 40000 points"):
        plotting.plot_decision_boundary(len, np.zeros((2, 2)), np.zeros(2))


@pytest.mark.slow
@pytest.mark.parametrize(("k", "shape"), [(0, (8, 8)), (1, (16, 16, 3)), (24, (8, 8)), (30, (16, 16, 3))])
def test_the_picture_of_a_training_run(tmp_path, k, shape):
    images = np.random.default_rng(0).integers(0, 256, (k, *shape), dtype=np.uint8)
    path = tmp_path / "run.png"
    right = [i % 2 == 0 for i in range(k)]
    plotting.save_training_picture(
        path, [0.9, 0.5, np.inf, 0.1], images, ["$x"] * k, right, title="$ no math"
    )
    with Image.open(path) as picture:
        assert picture.size == (1000, 420)
        curve = np.asarray(picture.convert("RGB")) == (0x1F, 0x5F, 0xA8)
    assert curve.all(axis=-1).any()


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 8, 40])
def test_the_grid_of_images(tmp_path, k):
    images = np.random.default_rng(0).integers(0, 256, (k, 16, 16, 3), dtype=np.uint8)
    plotting.save_image_grid(tmp_path / "grid.png", images, ["a class in a script: \u732b"] * k, title="$x$")
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.format == "PNG"
        assert len(np.unique(np.asarray(picture.convert("L")))) > 100


@pytest.mark.slow
@pytest.mark.parametrize("names", [("W" * 12, "W" * 12), ("猫" * 12, "a cat")])
def test_captions_do_not_overlap(tmp_path, monkeypatch, names):
    """Neither each other nor an image, in both pictures."""
    figures = []
    monkeypatch.setattr(plotting, "replace", lambda path, content: None)
    save = plotting._save
    monkeypatch.setattr(plotting, "_save", lambda figure, path: (figures.append(figure), save(figure, path)))
    images = np.zeros((24, 16, 16, 3))
    captions = [f"{names[0]}\nis {names[1]}"] * 24
    plotting.save_training_picture("a.png", [1.0, 0.5], images, captions, [False] * 24, title="t" * 60)
    plotting.save_image_grid("b.png", images, captions, title="t")
    for figure, n_first in zip(figures, (1, 0), strict=True):
        axes = figure.axes[n_first:]
        boxes = [a.title.get_window_extent() for a in axes] + [a.get_window_extent() for a in axes]
        for i, one in enumerate(boxes):
            for other in boxes[i + 1 :]:
                width = min(one.x1, other.x1) - max(one.x0, other.x0)
                height = min(one.y1, other.y1) - max(one.y0, other.y0)
                assert width <= 0.5 or height <= 0.5  # pixels
        assert min(a.title.get_fontsize() for a in axes) >= 5.5


def test_a_picture_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "grid.png"
    path.write_bytes(b"of an earlier run")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        plotting.save_image_grid(path, np.zeros((1, 8, 8)), ["a"], title="x")
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"of an earlier run"
    assert [file.name for file in tmp_path.iterdir()] == ["grid.png"]


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
