"""The course's plots draw what they should, and the demo's pictures are pictures."""

import subprocess
import sys

import numpy as np
import pytest

import deepnet
from deepnet import plotting
from deepnet.plotting import _pictures

matplotlib = pytest.importorskip("matplotlib", reason="needs matplotlib (extra plot)")
Figure = pytest.importorskip("matplotlib.figure").Figure
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


# --- views of a model ---------------------------------------------------------------------------------------


@pytest.fixture
def ax(pyplot):
    """Axes of a figure that is not the current one: views draw where they are told."""
    axes = Figure().add_subplot()
    yield axes
    assert not pyplot.gcf().axes or pyplot.gcf().axes[0].lines == []


@pytest.fixture(scope="module")
def trained():
    """A network of two inputs and three classes, its examples and its history with validation."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2, 90))
    Y = np.where(X[0] > 0.5, 2, np.where(X[1] > 0, 1, 0))
    net = deepnet.Network([2, 8, 3], output="softmax", seed=0)
    history = net.fit(
        X, Y, epochs=20, optimizer="adam", seed=0, validation_data=(X[:, :30], Y[:30]), metrics=["accuracy"]
    )
    return net, X, Y, history


def lines_by_label(axes):
    return {line.get_label(): line.get_ydata() for line in axes.lines}


def test_learning_curves_of_a_history(ax, trained):
    history = trained[3]
    assert plotting.plot_learning_curves(history, ax) is ax
    loss, others = ax.figure.axes
    drawn = lines_by_label(loss)
    np.testing.assert_array_equal(drawn["training"], history.loss)
    np.testing.assert_array_equal(drawn["validation"], history.validation_loss)
    np.testing.assert_array_equal(loss.lines[0].get_xdata(), np.arange(1, 21))
    assert loss.lines[1].get_linestyle() == "--"
    drawn = lines_by_label(others)
    np.testing.assert_array_equal(drawn["accuracy"], history.metrics["accuracy"])
    np.testing.assert_array_equal(drawn["validation accuracy"], history.validation_metrics["accuracy"])
    named = [text.get_text() for text in loss.get_legend().get_texts()]
    assert named == ["training", "validation", "accuracy", "validation accuracy"]


@pytest.mark.slow
def test_learning_curves_of_estimators(ax):
    sklearn = pytest.importorskip("deepnet.sklearn", reason="needs scikit-learn")
    X = np.random.default_rng(0).normal(size=(60, 2))
    model = sklearn.TabularRegressor(2, (4,), max_epochs=3, random_state=0).fit(X, X[:, 0])
    plotting.plot_learning_curves(model, ax)
    loss, others = ax.figure.axes
    assert [line.get_ydata().tolist() for line in loss.lines] == [list(curve) for curve in model.loss_curves_]
    drawn = [line.get_ydata().tolist() for line in others.lines]
    assert drawn == [list(curve) for curve in model.validation_errors_]
    one = sklearn.MLPRegressor(hidden_layer_sizes=(4,), max_iter=3, early_stopping=True, random_state=0)
    with pytest.warns(UserWarning, match="converged"):
        one.fit(X, X[:, 0])
    axes = plotting.plot_learning_curves(one, Figure().add_subplot())
    assert axes.lines[0].get_ydata().tolist() == one.loss_curve_
    assert axes.figure.axes[1].lines[0].get_ydata().tolist() == one.validation_scores_


def test_a_model_without_curves_is_named(ax, trained):
    with pytest.raises(TypeError, match="model is a Network, but must be a History or a fitted estimator"):
        plotting.plot_learning_curves(trained[0], ax)


def test_bins_are_counted_from_one(ax, trained):
    net, X, Y, _ = trained
    for draw, data in (
        (plotting.plot_reliability, (X, Y)),
        (plotting.plot_activations, (X,)),
        (plotting.plot_gradients, (X, Y)),
    ):
        with pytest.raises(ValueError, match=r"^bins is 0, but must be 1 or more"):
            draw(net, *data, ax, bins=0)


def test_the_decision_boundary_of_a_network_is_drawn_where_told(ax, trained, pyplot, monkeypatch):
    monkeypatch.setattr(pyplot, "show", lambda: pytest.fail("shown"))
    net, X, Y, _ = trained
    assert plotting.plot_decision_boundary(net, X, Y, ax) is ax
    contours, dots = ax.collections
    np.testing.assert_allclose(dots.get_offsets(), X.T)
    np.testing.assert_array_equal(dots.get_array(), Y)
    low, high = contours.levels[[0, -1]]
    assert low <= 0
    assert high >= 2


def test_the_decision_boundary_of_a_classifier_with_names(ax):
    class Model:
        def predict(self, points):
            return np.where(points[:, 0] > 0, "right", "left")

    points = np.array([[-1.0, 0.0], [1.0, 0.5], [2.0, 0.0]])
    plotting.plot_decision_boundary(Model(), points, ["left", "right", "right"], ax)
    np.testing.assert_array_equal(ax.collections[-1].get_array(), [0, 1, 1])
    with pytest.raises(
        ValueError, match=r"X has shape \(2, 3\), but a plane has two features: must be \(m, 2\)"
    ):
        plotting.plot_decision_boundary(Model(), points.T, ["left", "right", "right"], ax)


@pytest.mark.parametrize(
    ("inputs", "shape", "given"), [(9, (3, 3), None), (12, (2, 2, 3), None), (6, (2, 3), (2, 3))]
)
def test_the_first_layer_as_images(ax, inputs, shape, given):
    net = deepnet.Network([inputs, 5, 1], seed=0)
    plotting.plot_first_layer(net, given, ax)
    mosaic = np.asarray(ax.images[0].get_array())
    h, w = shape[:2]
    assert mosaic.shape == (2 * h + 1, 3 * w + 2, *shape[2:])
    W = net.parameters["W1"].astype(float)
    for i in range(5):
        y, x = i // 3 * (h + 1), i % 3 * (w + 1)
        tile = mosaic[y : y + h, x : x + w].reshape(-1)
        np.testing.assert_allclose(2 * tile - 1, W[i] / np.abs(W[i]).max(), atol=1e-12)
    assert mosaic[h].min() == 1  # the line between


def test_what_is_no_image_has_no_picture_of_the_first_layer(ax):
    with pytest.raises(ValueError, match="10 inputs, which are no square image: give its shape"):
        plotting.plot_first_layer(deepnet.Network([10, 2]), ax=ax)
    with pytest.raises(ValueError, match=r"10 inputs, but shape is \(2, 4\)"):
        plotting.plot_first_layer(deepnet.Network([10, 2]), (2, 4), ax)


class Sure:
    """A classifier whose rows are its probabilities."""

    classes_ = np.array(["a", "b", "c"])

    def predict_proba(self, X):
        return np.asarray(X, float)


P = [[0.8, 0.1, 0.1], [0.6, 0.4, 0.0], [0.2, 0.5, 0.3], [0.0, 0.1, 0.9], [0.1, 0.0, 0.9]]
LABELS = ["a", "b", "b", "c", "a"]


def test_the_confusion_matrix(ax):
    plotting.plot_confusion_matrix(Sure(), P, LABELS, ax)
    counts = np.array([[1, 0, 1], [1, 1, 0], [0, 0, 1]])
    np.testing.assert_allclose(ax.images[0].get_array(), counts / counts.sum(axis=1, keepdims=True))
    assert [text.get_text() for text in ax.texts] == [str(n) for n in counts.ravel()]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")


def test_a_label_that_is_no_class_is_named(ax):
    with pytest.raises(ValueError, match="y has 'cow', which is no class of the model: a, b, c"):
        plotting.plot_confusion_matrix(Sure(), P, ["cow", *LABELS[1:]], ax)
    with pytest.raises(ValueError, match="X has 5 examples, y 4; they should agree"):
        plotting.plot_reliability(Sure(), P, LABELS[1:], ax)


def test_the_reliability_diagram(ax):
    plotting.plot_reliability(Sure(), P, LABELS, ax, bins=5)
    diagonal, curve = ax.lines
    # Bins [0.4, 0.6): 0.5, right. [0.6, 0.8): 0.6, wrong. [0.8, 1]: 0.8 and 0.9 right, 0.9 wrong.
    np.testing.assert_allclose(curve.get_xdata(), [0.5, 0.6, 2.6 / 3])
    np.testing.assert_allclose(curve.get_ydata(), [1, 0, 2 / 3])
    areas = ax.collections[0].get_sizes()
    np.testing.assert_allclose(areas, [60, 60, 140])
    assert ax.get_title() == f"calibration error {(0.5 + 0.6 + 0.6) / 5:.3f}"
    np.testing.assert_array_equal(diagonal.get_xydata(), [[0, 0], [1, 1]])


def test_class_names_of_a_network_are_labels(ax):
    net = deepnet.Network.from_parameters({"W1": np.ones((1, 1)), "b1": np.zeros((1, 1))})
    net.class_names = ["dog", "cat"]
    plotting.plot_confusion_matrix(net, np.array([[-1.0, 1.0, 2.0]]), ["dog", "dog", "cat"], ax)
    assert [text.get_text() for text in ax.texts] == ["1", "1", "0", "1"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["dog", "cat"]


def test_residuals(ax):
    net = deepnet.Network.from_parameters({"W1": np.ones((1, 1)), "b1": np.zeros((1, 1))}, output="identity")
    plotting.plot_residuals(net, np.array([[1.0, 2.0, 4.0]]), [1.0, 3.0, 2.0], ax)
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), [[1, 1], [3, 2], [2, 4]])
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[1, 1], [4, 4]])
    assert ax.get_title() == f"root mean square of the residuals {(5 / 3) ** 0.5:.4g}"
    with pytest.raises(ValueError, match="made 3 predictions for 2 values"):
        plotting.plot_residuals(net, np.array([[1.0, 2.0, 4.0]]), [1.0, 3.0], ax)


@pytest.fixture
def half_dead():
    """A network whose units 1 and 2 of three are dead, scaled inputs, and examples."""
    net = deepnet.Network([1, 3, 1], input_scale=0.5, seed=0)
    net.parameters["W1"], net.parameters["b1"] = np.ones((3, 1)), np.array([[0.0], [-9.0], [-9.0]])
    return net, np.array([[1.0, 2.0, 3.0, 4.0]])


def test_activations_by_layer(ax, half_dead):
    net, X = half_dead
    plotting.plot_activations(net, X, ax, bins=8)
    hidden, output = ax.patches
    A = np.maximum(np.vstack([X / 2, X / 2 - 9, X / 2 - 9]), 0)
    AL = net.predict(X)
    edges = np.linspace(0, 2, 9)
    for drawn, values in ((hidden, A), (output, AL)):
        data = drawn.get_data()
        np.testing.assert_allclose(data.edges, edges)
        np.testing.assert_allclose(data.values, np.histogram(values, data.edges)[0] / values.size)
    named = [text.get_text() for text in ax.get_legend().get_texts()]
    assert named == ["layer 1, relu: 2 of 3 units are dead (1, 2)", "layer 2, sigmoid"]
    with pytest.raises(ValueError, match=r"X has shape \(2, 4\), but the network has 1 inputs"):
        plotting.plot_activations(net, np.zeros((2, 4)), ax)


def test_gradients_by_layer(ax, half_dead):
    net, X = half_dead
    Y = np.array([0, 1, 0, 1])
    plotting.plot_gradients(net, X, Y, ax, bins=5)
    grads = net.loss_and_grads(X, Y)[1]
    for drawn, key in zip(ax.patches, ("dW1", "dW2"), strict=True):
        sizes = np.abs(grads[key].astype(float))
        logs = np.log10(sizes[sizes > 0])
        data = drawn.get_data()
        np.testing.assert_allclose(data.values, np.histogram(logs, data.edges)[0] / len(logs))
    named = [text.get_text() for text in ax.get_legend().get_texts()]
    assert named == ["layer 1: 2 of 3 units get no gradient (1, 2)", "layer 2"]


def test_without_axes_the_current_ones_are_drawn_into(pyplot, trained):
    assert plotting.plot_learning_curves(trained[3]) is pyplot.gcf().axes[0]


# --- pictures in files --------------------------------------------------------------------------------------


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
    monkeypatch.setattr(_pictures, "replace", lambda path, content: None)
    save = _pictures._save
    monkeypatch.setattr(_pictures, "_save", lambda figure, path: (figures.append(figure), save(figure, path)))
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


# --- wrong arguments ----------------------------------------------------------------------------------------

ONE = np.array([[1.0, 2.0]]), np.array([0, 1])
CALLS = {  # what each function takes after the model
    "plot_activations": ONE[:1],
    "plot_confusion_matrix": ONE,
    "plot_decision_boundary": (np.zeros((2, 2)), ONE[1]),
    "plot_first_layer": (),
    "plot_gradients": ONE,
    "plot_learning_curves": (),
    "plot_reliability": ONE,
    "plot_residuals": ONE,
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(("model", "shown"), [("x", "a str"), (None, "a NoneType"), ({}, "a dict")])
def test_what_is_no_model_is_named(name, model, shown):
    with pytest.raises(TypeError, match=rf"^(model|net) is {shown}, but must be a "):
        getattr(plotting, name)(model, *CALLS[name], ax=Figure().add_subplot())


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("wrong", [5, "x", Figure()])
def test_what_is_no_axes_is_named(name, wrong):
    net = deepnet.Network([2 if name == "plot_decision_boundary" else 1, 3, 1], seed=0)
    data = {"plot_first_layer": ((1, 1),)}.get(name, CALLS[name])
    model = net.fit(*ONE, epochs=1) if name == "plot_learning_curves" else net
    with pytest.raises(TypeError, match=rf"^ax is an? {type(wrong).__name__}, but must be one Axes"):
        getattr(plotting, name)(model, *data, ax=wrong)


def test_every_view_is_checked_above():
    views = {name for name in plotting.__all__ if name.startswith("plot_")}
    assert views == {*CALLS, "plot_costs"}
    with pytest.raises(TypeError, match=r"^costs is a str, but must be a sequence of numbers"):
        plotting.plot_costs("x")
