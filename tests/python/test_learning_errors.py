"""Invalid layers, losses, optimizers and weights: refused before anything changes."""

import numpy as np
import pytest

import deepnet
from deepnet import LOSSES, OPTIMIZERS, Dense, losses, schedules
from deepnet._validation import options
from deepnet.losses import Loss
from deepnet.optimizers import Optimizer
from networks import Unchanged
from problems import assert_same_bits, parameters_of, problem

pytestmark = pytest.mark.usefixtures("backend")

X, Y = problem(6, 20)
NAN, INF = float("nan"), float("inf")
ALL_LOSSES, ALL_OPTIMIZERS = ", ".join(LOSSES), ", ".join(OPTIMIZERS)

NETWORKS = [  # arguments, options, error, words
    (
        ([6, 4, 1],),
        {"dropout": 1},
        ValueError,
        "dropout is 1, but must be from 0 to less than 1",
    ),
    (([6, 4, 1],), {"dropout": -0.1}, ValueError, "dropout is -0.1, but must be 0 or more"),
    (([6, 4, 1],), {"dropout": NAN}, ValueError, "dropout is nan, but must be finite"),
    (([6, 4, 1],), {"dropout": True}, TypeError, "dropout is True, but must be a number"),
    (
        ([6, 4, 1],),
        {"input_dropout": 1.0},
        ValueError,
        "input_dropout is 1.0, but must be from 0 to less than 1",
    ),
    (([6, 4, 1],), {"l2": -1}, ValueError, "l2 is -1, but must be 0 or more"),
    (([6, 4, 1],), {"l1": INF}, ValueError, "l1 is inf, but must be finite"),
    (([6, 4, 1],), {"l1": "much"}, TypeError, "l1 is 'much', but must be a number"),
    (([6, 4, 1],), {"initializer": "he_norml"}, ValueError, "did you mean 'he_normal'.*zeros"),
    (([6, Dense(4, dropout=1.5), Dense(1)],), {}, ValueError, r"layer_dims\[1\].dropout is 1.5"),
    (
        ([6, Dense(4), Dense(1, dropout=0.5)],),
        {},
        ValueError,
        r"layer_dims\[2\].dropout is 0.5, but the last layer",
    ),
    (([6, Dense(4, l2=-1), Dense(1)],), {}, ValueError, r"layer_dims\[1\].l2 is -1, but must be 0 or more"),
    (([6, Dense(4, l1=None), Dense(1)],), {}, TypeError, r"layer_dims\[1\].l1 is None, but must be a number"),
    (([6, Dense(4, "rleu"), Dense(1)],), {}, ValueError, "unknown activation 'rleu': did you mean 'relu'"),
    (([6, Dense(4, 3), Dense(1)],), {}, ValueError, "unknown activation 3"),
    (([6, Dense(4, initializer="he"), Dense(1)],), {}, ValueError, "unknown initializer 'he'"),
    (([6, Dense(4, initializer=3), Dense(1)],), {}, TypeError, "initializer is 3"),
    (([6, Dense(4.0), Dense(1)],), {}, TypeError, r"layer_dims\[1\] is 4.0"),
    (([6, Dense(0), Dense(1)],), {}, ValueError, r"layer_dims\[1\] is 0: zero units"),
    (([6, Dense(4), 1],), {}, TypeError, r"layer_dims\[2\] is 1, but must be a Dense layer like the others"),
    (([6, 4, Dense(1)],), {}, TypeError, r"layer_dims\[1\] is 4, but must be a Dense layer like the others"),
    (([Dense(6), Dense(1)],), {}, ValueError, r"layer_dims\[0\] is a Dense layer, but must be the number of"),
    (
        ([6, Dense(1)], "tanh"),
        {},
        ValueError,
        "activation is given, but each Dense layer",
    ),
    (([6, Dense(1)],), {"output": "tanh"}, ValueError, "each Dense layer has its own activation"),
    (([6, Dense(4), Dense(1)], "relu"), {}, ValueError, "activation is given, but each Dense"),
    (([6, Dense(4), Dense(1)],), {"dropout": 0.5}, ValueError, "dropout is given, but each Dense layer"),
    (([6, Dense(1)],), {"l2": 0.5}, ValueError, "l2 is given, but each Dense layer"),
]


@pytest.mark.parametrize(("arguments", "options", "error", "words"), NETWORKS)
def test_invalid_networks(arguments, options, error, words):
    with pytest.raises(error, match=words):
        deepnet.Network(*arguments, **options)


SETTINGS = [
    (lambda: deepnet.SGD(-1), ValueError, "learning_rate is -1, but must be 0 or more"),
    (lambda: deepnet.SGD([0.1]), TypeError, r"learning_rate is \[0.1\], but must be a number"),
    (lambda: deepnet.SGD(weight_decay=-1), ValueError, "weight_decay is -1, but must be 0 or more"),
    (lambda: deepnet.SGD(weight_decay=INF), ValueError, "weight_decay is inf, but must be finite"),
    (lambda: deepnet.SGD(clip_norm=0), ValueError, "clip_norm is 0, but must be more than 0, or None"),
    (lambda: deepnet.SGD(clip_value=-1), ValueError, "clip_value is -1, but must be more than 0, or None"),
    (lambda: deepnet.SGD(clip_value=NAN), ValueError, "clip_value is nan, but must be finite"),
    (lambda: deepnet.SGD(clip_value=1, clip_norm=1), ValueError, "clip_value and clip_norm are both given"),
    (lambda: deepnet.Momentum(0.1, 1.0), ValueError, "momentum is 1.0, but must be from 0 to less than 1"),
    (lambda: deepnet.Nesterov(0.1, -0.1), ValueError, "momentum is -0.1, but must be from 0 to less than 1"),
    (lambda: deepnet.RMSprop(rho=1), ValueError, "rho is 1, but must be from 0 to less than 1"),
    (lambda: deepnet.Adam(beta2=1), ValueError, "beta2 is 1, but must be from 0 to less than 1"),
    (lambda: deepnet.Adam(beta1="a"), TypeError, "beta1 is 'a', but must be a number"),
    (lambda: deepnet.Adagrad(epsilon=0), ValueError, "epsilon is 0, but must be more than 0"),
    (lambda: losses.huber(0), ValueError, "delta is 0, but must be more than 0"),
    (lambda: losses.huber(INF), ValueError, "delta is inf, but must be finite"),
    (lambda: losses.huber("a"), TypeError, "delta is 'a', but must be a number"),
    (lambda: losses.quantile(1), ValueError, "q is 1, but must be between 0 and 1"),
    (lambda: losses.quantile(0), ValueError, "q is 0, but must be between 0 and 1"),
    (lambda: losses.binary_cross_entropy(1), ValueError, "label_smoothing is 1, but must be from 0 to less"),
    (
        lambda: losses.categorical_cross_entropy(-0.1),
        ValueError,
        "label_smoothing is -0.1, but must be from 0",
    ),
    (lambda: losses.sparse_categorical_cross_entropy("x"), TypeError, "label_smoothing is 'x'"),
    (
        lambda: Loss("own", "-", 3, abs),
        TypeError,
        r"value is 3, but must be a function of \(A, Y, parameter\)",
    ),
    (lambda: Loss("own", "-", abs, 3), TypeError, "derivative is 3, but must be a function"),
    (lambda: Loss("own", "-", abs, abs, label_smoothing=0.1), ValueError, "'own' takes numbers"),
]


@pytest.mark.parametrize(("make", "error", "words"), SETTINGS)
def test_invalid_settings(make, error, words):
    with pytest.raises(error, match=words):
        make()


def fails_late(step):
    return 0.1 if step < 5 else NAN


def broken(step):
    raise ZeroDivisionError("no rate")


OPTIONS = [  # options of fit, error, words, and whether train_on_batch raises it, too
    (
        {"loss": "hubber"},
        ValueError,
        f"unknown loss 'hubber': did you mean 'huber'. Known are {ALL_LOSSES}",
        True,
    ),
    ({"loss": 3}, TypeError, "loss is 3, but must be a name or a Loss", True),
    (
        {"loss": "poisson"},
        ValueError,
        "'poisson', which is defined for an identity output, but the network's is 'sigmoid': "
        "loss='binary_cross_entropy' or 'mean_squared_error' or 'huber' or 'quantile'",
        True,
    ),
    ({"loss": "categorical_cross_entropy"}, ValueError, "defined for a softmax output", True),
    (
        {"optimizer": "adm"},
        ValueError,
        f"unknown optimizer 'adm': did you mean 'adam'. Known are {ALL_OPTIMIZERS}",
        True,
    ),
    ({"optimizer": deepnet.Adam}, TypeError, r"but must be an optimizer: .*Adam\(\)", True),
    ({"optimizer": Optimizer()}, TypeError, "but must be an optimizer: .*deepnet.SGD", True),
    (
        {"optimizer": deepnet.Adam(1e39)},
        ValueError,
        r"learning_rate is 1e\+39, beyond the range of float32",
        True,
    ),
    (
        {"optimizer": deepnet.SGD(fails_late)},
        ValueError,
        "learning_rate schedule fails_late gave nan for step 5, but must be finite",
        False,
    ),
    (
        {"optimizer": deepnet.SGD(lambda step: -1.0)},
        ValueError,
        "gave -1.0 for step ., but must be 0 or",
        True,
    ),
    ({"optimizer": deepnet.SGD(lambda step: None)}, TypeError, "gave None for step ., but must be a", True),
    ({"optimizer": deepnet.SGD(broken)}, ZeroDivisionError, "no rate", True),
    ({"optimizer": deepnet.SGD(schedules.StepDecay(1e39, 3))}, ValueError, "for step ., beyond the", True),
    (
        {"class_weight": {2: 1.0}},
        ValueError,
        "class_weight has the key 2, but the classes are 0, 1",
        True,
    ),
    ({"class_weight": {-1: 1.0}}, ValueError, "class_weight has the key -1, but the classes are 0, 1", True),
    (
        {"class_weight": {"a": 1.0}},
        TypeError,
        "class_weight has the key 'a', but keys must be class numbers",
        True,
    ),
    ({"class_weight": {0: -1.0}}, ValueError, r"class_weight\[0\] is -1.0, but must be 0 or more", True),
    ({"class_weight": {0: NAN}}, ValueError, r"class_weight\[0\] is nan, but must be finite", True),
    ({"class_weight": {0: "a"}}, TypeError, r"class_weight\[0\] is 'a', but must be a number", True),
    (
        {"class_weight": "even"},
        ValueError,
        "class_weight is 'even', but must be 'balanced' or a dict",
        True,
    ),
    ({"class_weight": [1, 2]}, TypeError, "class_weight is a list, but must be a dict", True),
    (
        {"sample_weight": np.ones(19)},
        ValueError,
        r"sample_weight has shape \(19,\), but must be \(20,\)",
        True,
    ),
    ({"sample_weight": np.ones((2, 10))}, ValueError, r"sample_weight has shape \(2, 10\)", True),
    (
        {"class_weight": {0: 1e39}},
        ValueError,
        r"class_weight\[0\] is 1e\+39, beyond the range of float32",
        True,
    ),
    (
        {"class_weight": {0: 1e30, 1: 1e30}, "sample_weight": np.full(20, 1e30)},
        ValueError,
        r"sample_weight\[0\] is 1e\+30; times class_weight",
        True,
    ),
    (
        {"sample_weight": -np.ones(20)},
        ValueError,
        r"sample_weight\[0\] is -1.0, but must be .* 0 or more",
        True,
    ),
    ({"sample_weight": np.r_[np.ones(19), NAN]}, ValueError, r"sample_weight\[19\] is nan, but must", True),
    (
        {"sample_weight": np.full(20, 1e300)},
        ValueError,
        r"\[0\] is 1e\+300, but must be finite in float32",
        True,
    ),
    ({"sample_weight": [1.0] * 20}, TypeError, "sample_weight is a list, but must be a NumPy array", True),
    ({"sample_weight": np.full(20, "a")}, TypeError, "sample_weight is <U1, but must be an array of", True),
    ({"sample_weight": np.ones(20, complex)}, TypeError, "sample_weight is complex128, but must be", True),
]


@pytest.mark.parametrize(("options", "error", "words", "each_step"), OPTIONS)
def test_invalid_options(options, error, words, each_step):
    net = deepnet.Network([6, 4, 1], seed=0)
    net.optimizer = deepnet.Momentum(0.1)
    net.train_on_batch(X, Y)
    before, twin = parameters_of(net), deepnet.Network([6, 4, 1], seed=0)
    twin.train_on_batch(X, Y, optimizer=deepnet.Momentum(0.1))
    with Unchanged(X, Y), pytest.raises(error, match=words):
        net.fit(X, Y, **({"epochs": 3, "batch_size": 10} | options))
    if each_step:
        with Unchanged(X, Y), pytest.raises(error, match=words):
            net.train_on_batch(X, Y, **options)
    if "optimizer" not in options:
        for call in (net.evaluate, net.loss_and_grads):
            with pytest.raises(error, match=words):
                call(X, Y, **options)
    assert_same_bits(net, before)
    assert net.optimizer == deepnet.Momentum(0.1)
    assert net.train_on_batch(X, Y) == twin.train_on_batch(X, Y, optimizer=deepnet.Momentum(0.1))
    assert_same_bits(net, twin.parameters)  # the state of the optimizer is unchanged, too


def test_the_optimizer_of_a_network_is_checked_when_it_is_set():
    net = deepnet.Network([6, 1])
    with pytest.raises(ValueError, match="unknown optimizer 'adma'"):
        net.optimizer = "adma"
    with pytest.raises(TypeError, match="optimizer is None"):
        net.optimizer = None
    assert net.optimizer == deepnet.SGD()
    net.optimizer = "adam"
    assert net.optimizer == deepnet.Adam()


def test_a_schedule_of_epochs_is_not_for_single_batches():
    net = deepnet.Network([6, 1])
    rule = deepnet.SGD(schedules.StepDecay(1.0, 3, per="epoch"))
    with pytest.raises(ValueError, match="learning_rate counts epochs, but train_on_batch has no epochs"):
        net.train_on_batch(X, Y, optimizer=rule)
    assert net.fit(X, Y, epochs=2, batch_size=10, optimizer=rule).epochs == 2


@pytest.mark.parametrize("output", ["identity", "sigmoid"])
@pytest.mark.parametrize(
    "y", [Y * 0.5, np.full((1, 20), NAN), np.full((1, 20), INF), Y - 0.5, np.full((1, 20), 1e300)]
)
def test_class_weights_need_classes(y, output):
    net = deepnet.Network([6, 1], "relu", output, seed=0)
    with pytest.raises(ValueError, match=r"class_weight needs classes, but Y|labels must lie in \[0, 1\]"):
        net.evaluate(X, y, class_weight="balanced")
    several = deepnet.Network([6, 3], seed=0)
    with pytest.raises(ValueError, match="class_weight is a dict, but Y has columns without a single 1"):
        several.evaluate(X, problem(6, 20, 3)[1], class_weight={1: 2.0})
    with pytest.raises(ValueError, match="class_weight needs classes, but Y holds other numbers"):
        several.evaluate(X, np.full((3, 20), 0.5), class_weight="balanced")


def test_class_numbers_and_classes_instead_of_objects():
    classes = np.arange(20) % 3
    net = deepnet.Network([6, 3])
    with pytest.raises(ValueError, match=r"one-hot columns: .*; class numbers go with output='softmax'"):
        net.fit(X, classes, epochs=1, batch_size=5)
    with pytest.raises(ValueError, match=r"go with loss='sparse_categorical_cross_entropy'"):
        deepnet.Network([6, 3], output="softmax").fit(
            X, classes, epochs=1, batch_size=5, loss="categorical_cross_entropy"
        )
    net = deepnet.Network([6, 3], output="softmax")
    with pytest.raises(TypeError, match=r"callbacks\[0\] is the class EarlyStopping, but must be .*ing\(\)"):
        net.fit(X, classes, epochs=1, batch_size=5, callbacks=[deepnet.callbacks.EarlyStopping])


def test_outputs_and_weights_without_information():
    with pytest.raises(ValueError, match="output is 'softmax' of 1 unit, which is always 1"):
        deepnet.Network([6, 1], output="softmax")
    with pytest.raises(ValueError, match="initializer returned nan or inf for W1"):
        deepnet.Network([6, 1], initializer=lambda rng, n, n_prev: np.full((n, n_prev), np.nan))
    net = deepnet.Network([6, 1], output="identity", seed=0)
    with pytest.raises(ValueError, match=r"Y\[0, 0\] is -1, but counts must be"):
        net.fit(X, np.full(20, -1), epochs=1, batch_size=5, loss="poisson")


def test_the_last_dense_layer_is_a_sigmoid_by_default():
    net = deepnet.Network([6, deepnet.Dense(4), deepnet.Dense(1)])
    assert net.activations == ("relu", "sigmoid")
    assert net.layers == (deepnet.Dense(4, "relu"), deepnet.Dense(1, "sigmoid"))


def test_softmax_takes_only_its_losses():
    net = deepnet.Network([6, 3], output="softmax", seed=0)
    before, classes = parameters_of(net), np.arange(20) % 3
    with pytest.raises(ValueError, match="'huber', which treats each output separately"):
        net.fit(X, classes, epochs=1, batch_size=5, loss="huber")
    with pytest.raises(
        ValueError, match=r"Y\[3\] is 3, but classes must be whole numbers from 0 to 2; Y has 4 classes"
    ):
        net.fit(X, np.arange(20) % 4, epochs=1, batch_size=5)
    with pytest.raises(ValueError, match=r"Y\[:, 0\] sums to 3, .* must sum to 1 for a softmax output"):
        net.fit(X, np.ones((3, 20)), epochs=1, batch_size=5)
    with pytest.raises(ValueError, match=r"validation_data: Y has shape \(3, 20\), but class numbers"):
        net.fit(X, classes, epochs=1, batch_size=5, validation_data=(X, np.eye(3)[:, classes]))
    assert_same_bits(net, before)
    for name, loss in LOSSES.items():
        if loss.activation == "softmax":
            assert options.loss(name, "softmax") is loss
            continue
        with pytest.raises(
            ValueError, match=f"loss is '{name}', .*loss='categorical_cross_entropy' or 'sparse"
        ):
            options.loss(name, "softmax")
