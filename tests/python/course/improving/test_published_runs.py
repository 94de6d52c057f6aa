"""The second course's training runs: the costs and accuracies that its notebooks publish.

The tolerance is 1e-9 where the notebooks print all digits, well above the effect of rounding on runs that
converge, else the six decimals printed. The NumPy backend does part of one run; other tests compare the
backends step by step.
"""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose

import deepnet
from conftest import DATA
from deepnet.course import init_utils, opt_utils, reg_utils

pytest.importorskip("sklearn", reason="needs scikit-learn (extra data)")
pytestmark = pytest.mark.slow


def printed_costs(text):
    return [float(cost) for cost in re.findall(r"^Cost after \w+ \d+: (.+)$", text, re.M)]


def accuracy(module, X, Y, parameters, capsys):
    capsys.readouterr()
    module.predict(X, Y, parameters)
    return float(capsys.readouterr().out.removeprefix("Accuracy: "))


# --- initialisation -----------------------------------------------------------------------------------------

HE = [0.8830537463419761, 0.6879825919728063, 0.6751286264523371, 0.6526117768893805, 0.6082958970572938]
HE += [0.5304944491717495, 0.4138645817071794, 0.3117803464844441, 0.23696215330322562, 0.1859728720920684]
HE += [0.15015556280371808, 0.12325079292273551, 0.09917746546525937, 0.08457055954024283]
HE += [0.07357895962677366]


@pytest.mark.parametrize(
    ("initialization", "costs", "train", "test"),
    [("zeros", [np.log(2)] * 15, 0.5, 0.5), ("he", HE, 0.9933333333333333, 0.96)],
)
def test_initialisation_on_circles(initialization, costs, train, test, capsys):
    train_X, train_Y, test_X, test_Y = init_utils.load_dataset()
    parameters = init_utils.model(train_X, train_Y, initialization=initialization)
    assert_allclose(printed_costs(capsys.readouterr().out), costs, rtol=1e-9)
    assert accuracy(init_utils, train_X, train_Y, parameters, capsys) == train
    assert accuracy(init_utils, test_X, test_Y, parameters, capsys) == test


def test_initialisation_on_circles_in_numpy(capsys):
    X, Y, _, _ = init_utils.load_dataset()
    with deepnet.use_backend("numpy"):
        init_utils.model(X, Y, num_iterations=3001)
    assert_allclose(printed_costs(capsys.readouterr().out), HE[:4], rtol=1e-9)


def test_weights_ten_times_too_large(capsys):
    """A chaotic run: published copies have 0.6237 to 0.6248 at 1000, 0.470 to 0.480 at 7000, 0.3828 last."""
    train_X, train_Y, test_X, test_Y = init_utils.load_dataset()
    parameters = init_utils.model(train_X, train_Y, initialization="random")
    costs = printed_costs(capsys.readouterr().out)
    assert costs[0] == np.inf
    assert_allclose(costs[1], 0.6243, atol=2e-3)
    assert_allclose(costs[7], 0.475, atol=2e-2)
    assert_allclose(costs[14], 0.38275, atol=1e-3)
    assert_allclose(accuracy(init_utils, train_X, train_Y, parameters, capsys), 0.83, atol=0.01)
    assert_allclose(accuracy(init_utils, test_X, test_Y, parameters, capsys), 0.86, atol=0.02)


# --- regularisation -----------------------------------------------------------------------------------------


@pytest.mark.data
@pytest.mark.parametrize(
    ("settings", "costs", "train", "test"),
    [
        ({}, [0.6557412523481002, 0.16329987525724213, 0.13851642423253263], 200 / 211, 0.915),
        ({"lambd": 0.7}, [0.6974484493131264, 0.2684918873282239, 0.2680916337127301], 198 / 211, 0.93),
        pytest.param(
            {"keep_prob": 0.86},
            [0.6543912405149825, 0.0610169865749056, 0.060582435798513114],
            196 / 211,
            0.95,
            marks=pytest.mark.slow,
        ),
    ],
    ids=["none", "L2", "dropout"],
)
def test_regularisation_on_football(settings, costs, train, test, capsys):
    path = DATA / "football2d.npz"
    if not path.is_file():
        pytest.skip(f"{path} is missing: set DEEPNET_DATA to the folder that holds it")
    train_X, train_Y, test_X, test_Y = reg_utils.load_2D_dataset(path)
    parameters = reg_utils.model(train_X, train_Y, **settings)
    assert_allclose(printed_costs(capsys.readouterr().out), costs, rtol=1e-9)
    assert accuracy(reg_utils, train_X, train_Y, parameters, capsys) == train
    assert accuracy(reg_utils, test_X, test_Y, parameters, capsys) == test


# --- optimisation -------------------------------------------------------------------------------------------

LAYERS = [2, 5, 2, 1]
SCHEDULED = {"learning_rate": 0.1, "decay": opt_utils.schedule_lr_decay}


@pytest.mark.parametrize(
    ("optimizer", "settings", "costs", "accurate"),
    [
        ("gd", {}, [0.702405, 0.668101, 0.635288, 0.600491, 0.573367], 0.7166666666666667),
        ("momentum", {}, [0.702413, 0.668167, 0.635388, 0.600591, 0.573444], 0.7166666666666667),
        ("adam", {}, [0.702166, 0.167845, 0.141316, 0.138788, 0.136066], 0.9433333333333334),
        (
            "gd",
            {"learning_rate": 0.1, "decay": opt_utils.update_lr},
            [0.701091, 0.661884, 0.658620, 0.656765, 0.655486],
            0.6533333333333333,
        ),
        ("gd", SCHEDULED, [0.701091, 0.127161, 0.120304, 0.117033, 0.117512], 0.9433333333333334),
        ("momentum", SCHEDULED, [0.702226, 0.128974, 0.125965, 0.123375, 0.123218], 0.9533333333333334),
        (
            "adam",
            SCHEDULED | {"learning_rate": 0.01},
            [0.699346, 0.130074, 0.129826, 0.129282, 0.128361],
            0.94,
        ),
    ],
)
def test_optimisation_on_moons(optimizer, settings, costs, accurate, capsys):
    X, Y = opt_utils.load_dataset()
    parameters = opt_utils.model(X, Y, LAYERS, optimizer, **settings)
    assert_allclose(printed_costs(capsys.readouterr().out), costs, rtol=0, atol=6e-7)
    assert accuracy(opt_utils, X, Y, parameters, capsys) == accurate


GD = [0.690736, 0.685273, 0.647072, 0.619525, 0.576584, 0.607243, 0.529403, 0.460768, 0.465586, 0.464518]
MOMENTUM = [0.690741, 0.685341, 0.647145, 0.619594, 0.576665, 0.607324, 0.529476, 0.460936, 0.465780]
INSIDE = [0.690552, 0.185501, 0.150830, 0.074454, 0.125959, 0.104344, 0.100676, 0.031652, 0.111973]
OUTSIDE = [0.690552, 0.185567, 0.150852, 0.074454, 0.125936, 0.104235, 0.100552, 0.031601, 0.111709]


@pytest.mark.parametrize(
    ("version", "optimizer", "costs", "accurate"),
    [
        ("2018", "gd", GD, 0.7966666666666666),
        ("2018", "momentum", [*MOMENTUM, 0.464740], 0.7966666666666666),
        ("2017", "adam", [*INSIDE, 0.197940], 0.94),
        ("2018", "adam", [*OUTSIDE, 0.197648], 0.94),
    ],
)
def test_optimisation_as_it_was(version, optimizer, costs, accurate, capsys):
    """10000 epochs, and the cost of the last mini-batch of each."""
    X, Y = opt_utils.load_dataset()
    parameters = opt_utils.model(X, Y, LAYERS, optimizer, version=version)
    assert_allclose(printed_costs(capsys.readouterr().out), costs, rtol=0, atol=6e-7)
    assert accuracy(opt_utils, X, Y, parameters, capsys) == accurate
