"""Training runs and prediction: the published results, what is printed, and what is left alone."""

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
    """Return both published cost curves, from the table that lies beside the images."""
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
def test_the_published_run(
    backend, model, layers_dims, train_accuracy, test_accuracy, cats, published, capsys
):
    train_X, train_Y, test_X, test_Y = cats
    parameters, costs = getattr(deepnet, model)(train_X, train_Y, layers_dims, num_iterations=2500)
    np.testing.assert_allclose(costs, published[model], rtol=1e-8)
    deepnet.predict(train_X, train_Y, parameters)
    deepnet.predict(test_X, test_Y, parameters)
    assert capsys.readouterr().out == f"Accuracy: {train_accuracy}\nAccuracy: {test_accuracy}\n"


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
    assert len(costs) == 4  # before 0, 100 and 200, and before the last
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
    lines = zip((0, 100, 101), costs, strict=True)
    assert capsys.readouterr().out == "".join(f"Cost after iteration {i}: {cost}\n" for i, cost in lines)
    assert [i for i, _ in calls] == list(range(102))
    assert [i for i, cost in calls if cost is not None] == [0, 100, 101]
    assert [cost for _, cost in calls if cost is not None] == costs
    run(X, Y, [4, 3, 1], num_iterations=2)
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
    assert len(costs) == 4
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
    assert set(step_by_step.__all__) < set(deepnet.__all__) < set(dnn_app_utils.__all__)
    assert set(dnn_app_utils.__all__) - set(deepnet.__all__) == {"load_data"}
    for module in (deepnet, step_by_step, dnn_app_utils, reference):
        assert all(callable(getattr(module, name)) or name == "dnn_app_utils" for name in module.__all__)
    assert deepnet.initialize_parameters_deep is step_by_step.initialize_parameters_deep
    assert dnn_app_utils.initialize_parameters_deep is not step_by_step.initialize_parameters_deep
    assert dnn_app_utils.compute_cost is deepnet.compute_cost


class FakeFile(dict):
    """h5py.File, as far as load_data uses it."""

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
