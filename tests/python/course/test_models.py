"""Training runs and prediction: published results, printed output, labels, and the global random state."""

import inspect
import re
import sys
import types

import numpy as np
import pytest

import deepnet
from conftest import DATA
from deepnet import reference
from deepnet.course import dnn_app_utils, step_by_step
from networks import Unchanged, network

MODELS = ["two_layer_model", "L_layer_model"]


def problem(dtype=np.float64, m=30, n=4):
    X, _, _ = network([n, 1], m, seed=1, dtype=dtype)
    return X, (X.sum(axis=0, keepdims=True) > 0).astype(int)


@pytest.fixture
def xor():
    return np.array([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]]), np.array([[0, 1, 1, 0]])


# --- the published runs --------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def published():
    """Return both published cost curves, from the table in the data folder."""
    path = DATA / "COSTS.md"
    if not path.is_file():
        pytest.skip(f"{path} is missing: set DEEPNET_DATA to the folder that holds it")
    rows = re.findall(r"^\| (\d+) \| ([\d.]+) \| [\d.]+ \| ([\d.]+) \|", path.read_text(), re.M)
    iterations, *curves = zip(*rows, strict=True)
    assert [int(i) for i in iterations] == [*range(0, 2500, 100), 2499]
    return dict(zip(MODELS, np.array(curves, dtype=float), strict=True))


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "layers_dims", "train_accuracy", "test_accuracy"),
    [
        ("two_layer_model", (12288, 7, 1), "0.9999999999999998", "0.72"),
        ("L_layer_model", [12288, 20, 7, 5, 1], "0.9856459330143539", "0.8"),
    ],
)
def test_the_published_run(model, layers_dims, train_accuracy, test_accuracy, cats, published, capsys):
    train_X, train_Y, test_X, test_Y = cats
    parameters, costs = getattr(deepnet, model)(train_X, train_Y, layers_dims, num_iterations=2500)
    np.testing.assert_allclose(costs, published[model][:-1], rtol=1e-8)
    assert len(costs) == 25
    deepnet.predict(train_X, train_Y, parameters)
    deepnet.predict(test_X, test_Y, parameters)
    assert capsys.readouterr().out == f"Accuracy: {train_accuracy}\nAccuracy: {test_accuracy}\n"


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "layers_dims"), [("two_layer_model", (12288, 7, 1)), ("L_layer_model", [12288, 20, 7, 5, 1])]
)
def test_the_reference_follows_the_published_run(model, layers_dims, cats, published):
    train_X, train_Y, *_ = cats
    _, costs = getattr(reference, model)(train_X, train_Y, layers_dims, num_iterations=201)
    np.testing.assert_allclose(costs, published[model][:3], rtol=1e-8)


# --- runs in general -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("model", MODELS)
def test_a_run_follows_the_lecture(backend, model, dtype):
    X, Y = problem(dtype)
    dims = [4, 5, 1]
    with Unchanged(X, Y):
        parameters, costs = getattr(deepnet, model)(X, Y, dims, learning_rate=0.1, num_iterations=205)
    expected, expected_costs = getattr(reference, model)(
        X.astype(np.float64), Y, dims, learning_rate=0.1, num_iterations=205
    )
    tolerance = 1e-11 if dtype == np.float64 else 1e-4
    assert len(costs) == 3  # before the steps 0, 100 and 200
    assert all(isinstance(cost, np.ndarray) and cost.shape == () and cost.dtype == dtype for cost in costs)
    np.testing.assert_allclose(costs, expected_costs, rtol=tolerance)
    for key, p in parameters.items():
        assert p.dtype == dtype
        np.testing.assert_allclose(p, expected[key], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("module", [deepnet, reference], ids=["deepnet", "reference"])
@pytest.mark.parametrize("model", MODELS)
def test_what_is_printed_and_called_back(backend, module, model, capsys):
    X, Y = problem()
    calls = []
    run = getattr(module, model)
    _, costs = run(X, Y, [4, 3, 1], 0.0075, 102, True, callback=lambda i, cost: calls.append((i, cost)))
    shown = [(i, cost) for i, cost in calls if cost is not None]
    assert capsys.readouterr().out == "".join(f"Cost after iteration {i}: {cost}\n" for i, cost in shown)
    assert [i for i, _ in calls] == list(range(102))
    assert [i for i, _ in shown] == [0, 100, 101]
    assert [cost for i, cost in shown if i % 100 == 0] == costs
    run(X, Y, [4, 3, 1], num_iterations=2)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("iterations", [0, 1, 2, 3, 100, 101])
@pytest.mark.parametrize("model", MODELS)
def test_costs_hold_every_100th_and_no_other(backend, model, iterations, capsys):
    X, Y = problem()
    _, costs = getattr(deepnet, model)(X, Y, [4, 3, 1], num_iterations=iterations)
    assert len(costs) == -(-iterations // 100)
    assert capsys.readouterr().out == ""


def lecture(X, Y, parameters, rate, iterations):
    """The notebook's loop, without limits or checks: the costs and the parameters."""
    L, m, costs = len(parameters) // 2, X.shape[1], []
    for i in range(iterations):
        A, Z = [X], []
        for layer in range(1, L + 1):
            Z.append(parameters[f"W{layer}"] @ A[-1] + parameters[f"b{layer}"])
            A.append(1 / (1 + np.exp(-Z[-1])) if layer == L else np.maximum(Z[-1], 0))
        if i % 100 == 0:
            costs.append(-np.sum(Y * np.log(A[-1]) + (1 - Y) * np.log(1 - A[-1])) / m)
        dA, new = -(Y / A[-1] - (1 - Y) / (1 - A[-1])), {}
        for layer in range(L, 0, -1):
            dZ = dA * A[layer] * (1 - A[layer]) if layer == L else np.where(Z[layer - 1] > 0, dA, 0)
            dA = parameters[f"W{layer}"].T @ dZ
            new[f"W{layer}"] = parameters[f"W{layer}"] - rate * dZ @ A[layer - 1].T / m
            new[f"b{layer}"] = parameters[f"b{layer}"] - rate * dZ.sum(axis=1, keepdims=True) / m
        parameters = new
    return parameters, costs


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("iterations", [2, 3, 201])
@pytest.mark.parametrize("model", MODELS)
def test_normal_labels_train_as_the_lecture_does(backend, model, iterations, capsys):
    """The course's public tests of both models draw Y from a normal distribution."""
    random = np.random.RandomState(1)
    X, Y = random.randn(10, 10), random.randn(1, 10)
    dims = [10, 4, 1] if model == "two_layer_model" else [10, 5, 4, 3, 1]
    if model == "two_layer_model":
        start = deepnet.initialize_parameters(*dims)
    else:
        start = dnn_app_utils.initialize_parameters_deep(dims)
    parameters, costs = getattr(deepnet, model)(X, Y, dims, num_iterations=iterations, print_cost=False)
    expected, expected_costs = lecture(X, Y, start, 0.0075, iterations)
    assert len(costs) == len(expected_costs)
    np.testing.assert_allclose(costs, expected_costs, rtol=1e-12)
    for key, p in expected.items():
        np.testing.assert_allclose(parameters[key], p, rtol=1e-11, atol=1e-13)
    assert capsys.readouterr().out == ""


def test_the_application_initialises_its_deep_model_by_the_square_root(backend):
    X, Y = problem()
    parameters, costs = deepnet.L_layer_model(X, Y, (4, 3, 2, 1), num_iterations=0)
    assert costs == []
    for key, p in dnn_app_utils.initialize_parameters_deep((4, 3, 2, 1)).items():
        np.testing.assert_array_equal(parameters[key], p)
    parameters, _ = deepnet.two_layer_model(X, Y, (4, 3, 1), num_iterations=0, seed=5)
    np.testing.assert_array_equal(parameters["W2"], deepnet.initialize_parameters(4, 3, 1, seed=5)["W2"])


@pytest.mark.parametrize("print_cost", [False, True])
def test_a_run_that_diverges_ends_in_nan_as_the_lectures_does(backend, print_cost, capsys):
    X, Y = problem()
    parameters, costs = deepnet.L_layer_model(X, Y, [4, 5, 1], 1e308, 250, print_cost)
    assert len(costs) == 3
    assert np.isfinite(costs[0])
    assert np.isnan(costs[1:]).all()
    assert np.isnan(parameters["W1"]).any()
    assert ("Cost after iteration 249: nan\n" in capsys.readouterr().out) == print_cost


def test_other_activations_learn_what_no_line_divides(backend, xor, capsys):
    X, Y = xor
    parameters, costs = deepnet.L_layer_model(X, Y, [2, 8, 1], 1.0, 2000, activations="tanh")
    assert costs[-1] < 0.05
    p = deepnet.predict(X, Y, parameters, activations="tanh")
    assert capsys.readouterr().out == "Accuracy: 1.0\n"
    np.testing.assert_array_equal(p, Y)
    assert p.dtype == np.float64


def test_several_outputs_train_and_predict(backend, capsys):
    X, Y = problem(np.float32)
    Y = np.vstack([Y, 1 - Y])
    parameters, costs = deepnet.L_layer_model(X, Y, [4, 6, 2], 0.5, 300)
    assert costs[-1] < costs[0]
    assert deepnet.predict(X, Y, parameters).shape == (2, 30)
    assert 0.8 <= float(capsys.readouterr().out.removeprefix("Accuracy: ")) <= 1


@pytest.mark.parametrize("shape", [(30,), (30, 1), (1, 30)])
def test_labels_of_any_form_train_and_are_predicted(backend, shape, capsys):
    X, Y = problem()
    parameters, costs = deepnet.two_layer_model(X, Y.reshape(shape), (4, 3, 1), num_iterations=3)
    assert costs == deepnet.two_layer_model(X, Y, (4, 3, 1), num_iterations=3)[1]
    assert deepnet.predict(X, Y.reshape(shape), parameters).shape == (1, 30)
    capsys.readouterr()


ONE = {"W1": np.array([[1.0]]), "b1": np.array([[0.0]])}


@pytest.mark.parametrize(
    "y", [1, 1.0, True, np.int64(1), np.array(1), [1], (1,), [[1]], np.array([1.0]), np.ones((1, 1, 1), int)]
)
def test_the_label_of_one_image_comes_in_any_form(backend, y, capsys):
    """The notebook's cell for a learner's own image has my_label_y = [1]."""
    p = deepnet.predict(np.array([[3.0]]), y, ONE)
    deepnet.predict(np.array([[-3.0]]), y, ONE)
    assert capsys.readouterr().out == "Accuracy: 1.0\nAccuracy: 0.0\n"
    assert p.tolist() == [[1.0]]


@pytest.mark.parametrize(
    "form", [list, tuple, np.asarray, lambda y: [list(y)], lambda y: np.array(y)[:, None]]
)
def test_predictions_are_compared_with_any_array_like(backend, form, capsys):
    X = np.array([[-2.0, 3.0, 1.0, -1.0]])
    for y, accuracy in (((0, 1, 1, 0), 1.0), ((0, 1, 0, 1), 0.5), ((2, -1, np.nan, 7), 0.0)):
        deepnet.predict(X, form(y), ONE)
        assert capsys.readouterr().out == f"Accuracy: {accuracy}\n"
    deepnet.predict(X, 1, ONE)  # compared with each, as p == 1 is
    assert capsys.readouterr().out == "Accuracy: 0.5\n"


@pytest.mark.parametrize(
    ("y", "error", "words"),
    [
        ([0, 1], ValueError, r"y has shape \(2,\), but the prediction has \(1, 4\)"),
        (np.zeros((4, 4)), ValueError, r"y has shape \(4, 4\)"),
        ([[0], [1, 1]], ValueError, "y is a list of lists of different lengths"),
        (["cat", "dog", "cat", "cat"], TypeError, r"y is <U3.*np\.unique\(y, return_inverse=True\)"),
        (None, TypeError, "y is None"),
        (np.ma.masked_array([0, 1, 1, 0], [0, 1, 0, 0]), TypeError, "y is a masked array"),
    ],
)
def test_labels_that_nothing_can_be_compared_with(backend, y, error, words):
    with pytest.raises(error, match=words):
        deepnet.predict(np.array([[-2.0, 3.0, 1.0, -1.0]]), y, ONE)


def test_the_global_random_state_is_left_alone(backend):
    X, Y = problem()
    np.random.seed(7)  # noqa: NPY002  the very thing that must not change
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    deepnet.initialize_parameters(3, 2, 1)
    deepnet.initialize_parameters_deep([3, 2, 1], seed=None)
    deepnet.L_layer_model(X, Y, [4, 2, 1], num_iterations=1)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_float32_parameters_are_the_same_draws_rounded():
    for initialize in (deepnet.initialize_parameters_deep, dnn_app_utils.initialize_parameters_deep):
        single, double = initialize([5, 4, 3], dtype=np.float32), initialize([5, 4, 3])
        for key, p in double.items():
            assert single[key].dtype == np.float32
            np.testing.assert_array_equal(single[key], p.astype(np.float32))


# --- the drop-in modules -------------------------------------------------------------------------------


THE_LECTURES_NAMES = [
    "sigmoid",
    "relu",
    "sigmoid_backward",
    "relu_backward",
    "initialize_parameters",
    "initialize_parameters_deep",
    "linear_forward",
    "linear_activation_forward",
    "L_model_forward",
    "compute_cost",
    "linear_backward",
    "linear_activation_backward",
    "L_model_backward",
    "update_parameters",
    "predict",
    "two_layer_model",
    "L_layer_model",
    "plot_costs",
    "print_mislabeled_images",
]


@pytest.mark.parametrize("module", [deepnet, reference])
def test_every_function_of_the_lecture_is_on_both_sides(module):
    assert len(THE_LECTURES_NAMES) == 19
    assert set(THE_LECTURES_NAMES) <= set(module.__all__)
    assert all(callable(getattr(module, name)) for name in THE_LECTURES_NAMES)


def test_star_imports_give_the_names_of_each_part():
    assert set(step_by_step.__all__) < set(dnn_app_utils.__all__)
    assert set(dnn_app_utils.__all__) - set(deepnet.__all__) == {"load_data"}
    for module in (step_by_step, dnn_app_utils, reference):
        assert all(callable(getattr(module, name)) or name == "dnn_app_utils" for name in module.__all__)
    assert deepnet.initialize_parameters_deep is step_by_step.initialize_parameters_deep
    assert dnn_app_utils.initialize_parameters_deep is not step_by_step.initialize_parameters_deep
    assert dnn_app_utils.compute_cost is deepnet.compute_cost


def test_a_star_import_of_deepnet_gives_all_that_it_documents():
    namespace = {}
    exec("from deepnet import *", namespace)
    assert namespace["Network"] is deepnet.Network
    assert {"load", "History", "Dense", "Adam", "gradient_check", "losses", "use_backend"} <= set(namespace)
    public = {name for name, value in vars(deepnet).items() if name[0] != "_" and not inspect.ismodule(value)}
    assert public - {"TYPE_CHECKING"} <= set(deepnet.__all__)


class FakeFile(dict):
    """The part of h5py.File that load_data uses."""

    def __init__(self, path, mode):
        assert mode == "r"
        part = path.name.split("_")[0]
        super().__init__(
            {
                f"{part}_set_x": np.zeros((2, 4, 4, 3), np.uint8),
                f"{part}_set_y": [1, 0],
                "list_classes": [b"non", b"cat"],
            }
        )

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass


def test_load_data_reads_both_files(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", types.SimpleNamespace(File=FakeFile))
    for part in ("train", "test"):
        (tmp_path / f"{part}_catvnoncat.h5").touch()
    train_x, train_y, test_x, test_y, classes = dnn_app_utils.load_data(tmp_path)
    assert train_x.shape == test_x.shape == (2, 4, 4, 3)
    assert train_y.tolist() == test_y.tolist() == [[1, 0]]
    assert classes.tolist() == [b"non", b"cat"]


def test_load_data_says_what_is_missing(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"train_catvnoncat\.h5 is missing.*load_data\(folder\)"):
        dnn_app_utils.load_data(tmp_path)
    for part in ("train", "test"):
        (tmp_path / f"{part}_catvnoncat.h5").touch()
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match="load_data needs h5py"):
        dnn_app_utils.load_data(tmp_path)
