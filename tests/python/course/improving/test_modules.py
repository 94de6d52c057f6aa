"""The modules of the second course: names, signatures, printed output, data sets, random numbers."""

import inspect
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from deepnet.course import gc_utils, init_utils, opt_utils, reg_utils
from networks import network

# The course's signatures; deepnet's have additional keyword-only arguments.
SHARED = {
    "sigmoid": "(x)",
    "relu": "(x)",
    "forward_propagation": "(X, parameters)",
    "predict": "(X, y, parameters)",
    "predict_dec": "(parameters, X)",
    "plot_decision_boundary": "(model, X, y)",
}
BACKWARD = {"backward_propagation": "(X, Y, cache)"}
SIGNATURES = {
    init_utils: SHARED
    | BACKWARD
    | {
        "update_parameters": "(parameters, grads, learning_rate)",
        "compute_loss": "(a3, Y)",
        "load_dataset": "()",
        "load_cat_dataset": "(folder='datasets')",
        "initialize_parameters_zeros": "(layers_dims)",
        "initialize_parameters_random": "(layers_dims)",
        "initialize_parameters_he": "(layers_dims)",
        "model": "(X, Y, learning_rate=0.01, num_iterations=15000, print_cost=True, initialization='he')",
    },
    reg_utils: SHARED
    | BACKWARD
    | {
        "initialize_parameters": "(layer_dims)",
        "update_parameters": "(parameters, grads, learning_rate)",
        "compute_cost": "(a3, Y)",
        "compute_cost_with_regularization": "(A3, Y, parameters, lambd)",
        "backward_propagation_with_regularization": "(X, Y, cache, lambd)",
        "forward_propagation_with_dropout": "(X, parameters, keep_prob=0.5)",
        "backward_propagation_with_dropout": "(X, Y, cache, keep_prob)",
        "load_dataset": "(folder='datasets')",
        "load_planar_dataset": "(randomness, seed)",
        "load_2D_dataset": "(path='datasets/data.mat')",
        "model": "(X, Y, learning_rate=0.3, num_iterations=30000, print_cost=True, lambd=0, keep_prob=1)",
    },
    gc_utils: {
        "sigmoid": "(x)",
        "relu": "(x)",
        "dictionary_to_vector": "(parameters)",
        "vector_to_dictionary": "(theta)",
        "gradients_to_vector": "(gradients)",
        "forward_propagation": "(x, theta)",
        "backward_propagation": "(x, theta)",
        "gradient_check": "(x, theta, epsilon=1e-07, print_msg=False)",
        "forward_propagation_n": "(X, Y, parameters)",
        "backward_propagation_n": "(X, Y, cache)",
        "gradient_check_n": "(parameters, gradients, X, Y, epsilon=1e-07, print_msg=False)",
    },
    opt_utils: SHARED
    | BACKWARD
    | {
        "load_params_and_grads": "(seed=1)",
        "initialize_parameters": "(layer_dims)",
        "compute_cost": "(a3, Y)",
        "load_dataset": "()",
        "load_2D_dataset": "(path='datasets/data.mat')",
        "update_parameters_with_gd": "(parameters, grads, learning_rate)",
        "random_mini_batches": "(X, Y, mini_batch_size=64, seed=0)",
        "initialize_velocity": "(parameters)",
        "update_parameters_with_momentum": "(parameters, grads, v, beta, learning_rate)",
        "initialize_adam": "(parameters)",
        "update_parameters_with_adam": "(parameters, grads, v, s, t, learning_rate=0.01, beta1=0.9, "
        "beta2=0.999, epsilon=1e-08)",
        "update_lr": "(learning_rate0, epoch_num, decay_rate)",
        "schedule_lr_decay": "(learning_rate0, epoch_num, decay_rate, time_interval=1000)",
        "model": "(X, Y, layers_dims, optimizer, learning_rate=0.0007, mini_batch_size=64, beta=0.9, "
        "beta1=0.9, beta2=0.999, epsilon=1e-08, num_epochs=None, print_cost=True, decay=None, decay_rate=1)",
    },
}


def positional(function):
    signature = inspect.signature(function)
    kept = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in signature.parameters.values()
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY
    ]
    return str(inspect.Signature(kept))


@pytest.mark.parametrize("module", SIGNATURES, ids=lambda module: module.__name__.split(".")[-1])
def test_names_and_signatures_are_the_courses(module):
    assert {name: positional(getattr(module, name)) for name in module.__all__} == SIGNATURES[module]


def test_one_name_means_what_its_module_means():
    assert opt_utils.forward_propagation is init_utils.forward_propagation
    assert opt_utils.backward_propagation is init_utils.backward_propagation
    assert reg_utils.backward_propagation is not init_utils.backward_propagation
    assert gc_utils.forward_propagation is not init_utils.forward_propagation
    assert reg_utils.load_dataset is init_utils.load_cat_dataset


# --- models: print and call back ----------------------------------------------------------------------------


@pytest.fixture
def problem():
    X, _, _ = network([2, 1], 30, seed=1)
    return X, (X[:1] > 0).astype(int)


def run_initialisation(X, Y, n, **options):
    return init_utils.model(X, Y, num_iterations=n, **options)


def run_regularisation(X, Y, n, **options):
    return reg_utils.model(X, Y, num_iterations=n, **options)


def run_optimisation(X, Y, n, **options):
    return opt_utils.model(X, Y, [2, 5, 2, 1], "gd", num_epochs=n, **options)


@pytest.mark.parametrize(
    ("run", "what", "recorded", "printed"),
    [
        (run_initialisation, "iteration", [0, 1000], [0, 1000]),
        (run_regularisation, "iteration", [0, 1000], [0]),
        (run_optimisation, "epoch", list(range(0, 1002, 100)), [0, 1000]),
    ],
)
def test_what_is_printed_and_called_back(backend, problem, run, what, recorded, printed, capsys):
    calls = {}
    run(*problem, 1002, callback=calls.__setitem__)
    assert list(calls) == list(range(1002))
    assert [i for i, cost in calls.items() if cost is not None] == recorded
    form = "{:f}" if what == "epoch" else "{}"
    lines = [f"Cost after {what} {i}: {form.format(calls[i])}\n" for i in printed]
    assert capsys.readouterr().out == "".join(lines)
    assert calls[1000] < calls[0]
    run(*problem, 1, print_cost=False)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("run", [run_initialisation, run_regularisation, run_optimisation])
def test_labels_of_any_form_and_float32(backend, problem, run, capsys):
    X, Y = problem
    expected = run(X, Y, 3)
    for y in (Y.ravel(), Y.T, Y.astype(bool)):
        assert_array_equal(run(X, y, 3)["W1"], expected["W1"])
    single = run(X.astype(np.float32), Y, 3)
    assert {p.dtype for p in single.values()} == {np.dtype(np.float32)}
    assert_allclose(single["W1"], expected["W1"], rtol=1e-5, atol=1e-5)


def test_a_falling_rate_is_printed(backend, problem, capsys):
    run_optimisation(*problem, 1001, learning_rate=0.1, decay=opt_utils.schedule_lr_decay, decay_rate=1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1::2] == [
        "learning rate after epoch 0: 0.100000",
        "learning rate after epoch 1000: 0.050000",
    ]


@pytest.mark.parametrize("version", ["2018", "2021"])
def test_the_cost_of_an_epoch(problem, version):
    """A rate of 0 keeps the initial parameters, so that each batch's cost is known."""
    X, Y = problem
    calls = {}
    run_optimisation(
        X, Y, 1, learning_rate=0, mini_batch_size=20, version=version, callback=calls.__setitem__
    )
    parameters = opt_utils.initialize_parameters([2, 5, 2, 1])
    batches = opt_utils.random_mini_batches(X, Y, 20, seed=11)
    costs = [init_utils.compute_loss(opt_utils.forward_propagation(x, parameters)[0], y) for x, y in batches]
    assert_allclose(
        calls[0], costs[1] if version == "2018" else (20 * costs[0] + 10 * costs[1]) / 30, rtol=1e-13
    )


@pytest.mark.parametrize("version", ["2017", "2021"])
@pytest.mark.parametrize("optimizer", ["gd", "momentum", "adam"])
def test_the_optimisation_is_the_loop_of_the_notebook(backend, problem, optimizer, version):
    """Ten steps with numbers of order 1: the tolerance is a thousand roundings."""
    X, Y = problem
    settings = {"learning_rate": 0.1, "mini_batch_size": 16, "version": version, "print_cost": False}
    trained = opt_utils.model(X, Y, [2, 5, 2, 1], optimizer, num_epochs=5, **settings)
    parameters = opt_utils.initialize_parameters([2, 5, 2, 1])
    (v, s), t = opt_utils.initialize_adam(parameters), 0
    for epoch in range(5):
        for x, y in opt_utils.random_mini_batches(X, Y, 16, seed=11 + epoch):
            _, cache = opt_utils.forward_propagation(x, parameters)
            grads, t = opt_utils.backward_propagation(x, y, cache), t + 1
            if optimizer == "gd":
                opt_utils.update_parameters_with_gd(parameters, grads, 0.1)
            elif optimizer == "momentum":
                opt_utils.update_parameters_with_momentum(parameters, grads, v, 0.9, 0.1)
            else:
                opt_utils.update_parameters_with_adam(parameters, grads, v, s, t, 0.1, version=version)
    for key, p in parameters.items():
        assert_allclose(trained[key], p, rtol=0, atol=1000 * np.finfo(float).eps)
        assert trained[key].flags.owndata


# --- gradient checks speak ----------------------------------------------------------------------------------

RIGHT, WRONG = "\033[92mYour backward propagation works", "\033[93mThere is a mistake in the backward"


def test_what_the_gradient_checks_say(capsys):
    X, Y, parameters = network([4, 5, 3, 1], 3)
    _, cache = gc_utils.forward_propagation_n(X, Y, parameters)
    right = gc_utils.backward_propagation_n(X, Y, cache)
    wrong = gc_utils.backward_propagation_n(X, Y, cache, version="handed out")
    check = gc_utils.gradient_check_n
    assert check(parameters, right, X, Y) < 2e-7 < check(parameters, wrong, X, Y)
    assert capsys.readouterr().out == ""
    for version in ("2017", "2018", "2020"):
        check(parameters, wrong, X, Y, version=version)
        assert capsys.readouterr().out.startswith(WRONG)
    check(parameters, right, X, Y, 1e-7, True)
    assert capsys.readouterr().out.startswith(RIGHT)
    gc_utils.gradient_check(2.0, 4.0, print_msg=True)
    assert capsys.readouterr().out.startswith(RIGHT)
    gc_utils.gradient_check(2.0, 4.0, version="2017")
    assert capsys.readouterr().out == "The gradient is correct!\n"


def test_in_2017_the_right_gradients_of_the_exercise_are_called_wrong(capsys):
    random = np.random.RandomState(1)
    shapes = {"W1": (5, 4), "b1": (5, 1), "W2": (3, 5), "b2": (3, 1), "W3": (1, 3), "b3": (1, 1)}
    X, Y = random.randn(4, 3), np.array([1, 1, 0])
    parameters = {name: random.randn(*shape) for name, shape in shapes.items()}
    grads = gc_utils.backward_propagation_n(X, Y, gc_utils.forward_propagation_n(X, Y, parameters)[1])
    for version, verdict in (("2017", WRONG), ("2018", RIGHT)):
        gc_utils.gradient_check_n(parameters, grads, X, Y, version=version)
        assert capsys.readouterr().out.startswith(verdict)


def test_gradient_check_n_takes_networks_of_any_sizes():
    X, Y, parameters = network([3, 2, 6, 1], 5)
    _, cache = gc_utils.forward_propagation_n(X, Y, parameters)
    assert gc_utils.gradient_check_n(parameters, gc_utils.backward_propagation_n(X, Y, cache), X, Y) < 1e-6


# --- prediction ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [init_utils, reg_utils, opt_utils])
def test_prediction(backend, module, capsys):
    X, Y, parameters = network([2, 3, 2, 1], 20)
    p = module.predict(X, Y, parameters)
    assert p.shape == (1, 20)
    assert p.dtype == int
    assert capsys.readouterr().out == f"Accuracy: {np.mean(p == Y)}\n"
    decided = module.predict_dec(parameters, X)
    assert decided.dtype == bool
    assert_array_equal(decided, p == 1)
    assert_array_equal(module.sigmoid(np.array([0.0])), [0.5])
    assert_array_equal(module.relu(np.array([-1.0, 2.0])), [0, 2])


@pytest.mark.parametrize("y", [1, [1], (1,), [[1]], np.array([1]), np.array(1.0)])
@pytest.mark.parametrize("module", [init_utils, reg_utils, opt_utils])
def test_the_label_of_one_example_comes_in_any_form(backend, module, y, capsys):
    X, _, parameters = network([2, 3, 2, 1], 1)
    p = module.predict(X, y, parameters)
    assert capsys.readouterr().out == f"Accuracy: {float(p[0, 0])}\n"


# --- data sets and random numbers ---------------------------------------------------------------------------


def test_generated_data_sets():
    datasets = pytest.importorskip("sklearn.datasets", reason="needs scikit-learn (extra data)")
    train_X, train_Y, test_X, test_Y = init_utils.load_dataset()
    x, y = datasets.make_circles(n_samples=100, noise=0.05, random_state=2)
    assert_array_equal(test_X, x.T)
    assert_array_equal(test_Y, [y])
    assert train_X.shape == (2, 300)
    assert train_Y.shape == (1, 300)
    X, Y = opt_utils.load_dataset()
    assert X.shape == (2, 300)
    assert_array_equal(np.unique(Y), [0, 1])


def test_spirals():
    X, Y = reg_utils.load_planar_dataset(0.5, 3)
    random = np.random.RandomState(3)
    for j, (start, growth) in enumerate(((0, 0.3), (1, 0.2))):
        t = np.linspace(start, 12.566, 25)
        r = growth * np.square(t) + random.randn(25) * 0.5
        assert_allclose(X[:, 25 * j : 25 * j + 25], [r * np.cos(t), r * np.sin(t)], rtol=1e-12)
    assert Y.tolist() == [[0] * 25 + [1] * 25]
    assert Y.dtype == np.uint8


@pytest.mark.parametrize("kind", ["npz", "mat"])
def test_football_from_either_file(tmp_path, kind):
    random = np.random.default_rng(0)
    sets = random.random((2, 5)), np.array([[0, 1, 1, 0, 1]]), random.random((2, 3)), np.array([[1, 0, 0]])
    path = tmp_path / f"data.{kind}"
    if kind == "npz":
        np.savez(path, **dict(zip(("train_X", "train_Y", "test_X", "test_Y"), sets, strict=True)))
    else:
        scipy_io = pytest.importorskip("scipy.io", reason="needs scipy (extra data)")
        names = ("X", "y", "Xval", "yval")
        scipy_io.savemat(path, {name: array.T for name, array in zip(names, sets, strict=True)})
    for loaded, array in zip(reg_utils.load_2D_dataset(path), sets, strict=True):
        assert_array_equal(loaded, array)


def test_football_says_what_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"data\.mat is missing.*load_2D_dataset\(path\)"):
        opt_utils.load_2D_dataset(tmp_path / "data.mat")
    np.savez(tmp_path / "half.npz", train_X=np.zeros((2, 3)), test_X=np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"half\.npz lacks 'train_Y', 'test_Y'"):
        opt_utils.load_2D_dataset(tmp_path / "half.npz")


def test_cats_as_columns(tmp_path):
    h5py = pytest.importorskip("h5py", reason="needs h5py (extra data)")
    for part, m in (("train", 3), ("test", 2)):
        with h5py.File(tmp_path / f"{part}_catvnoncat.h5", "w") as file:
            file[f"{part}_set_x"] = np.full((m, 2, 2, 3), 51, np.uint8)
            file[f"{part}_set_y"] = np.ones(m, int)
            file["list_classes"] = np.array([b"non-cat", b"cat"])
    train_x, train_y, test_x, _, classes = reg_utils.load_dataset(tmp_path)
    assert_allclose(train_x, np.full((12, 3), 0.2))
    assert train_y.tolist() == [[1, 1, 1]]
    assert test_x.shape == (12, 2)
    assert classes.tolist() == [b"non-cat", b"cat"]


def test_without_scikit_learn_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    for module in (init_utils, opt_utils):
        with pytest.raises(ImportError, match="load_dataset needs scikit-learn: pip install scikit-learn"):
            module.load_dataset()


def test_the_global_random_state_is_left_alone(problem):
    X, Y = problem
    np.random.seed(7)  # noqa: NPY002  the very thing that must not change
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    run_initialisation(X, Y, 1)
    reg_utils.model(X, Y, num_iterations=1, keep_prob=0.9)
    run_optimisation(X, Y, 1)
    reg_utils.load_planar_dataset(0.1, 1)
    opt_utils.load_params_and_grads()
    opt_utils.random_mini_batches(X, Y, seed=None)
    init_utils.load_dataset()
    opt_utils.load_dataset()
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
