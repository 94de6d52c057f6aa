"""All numbers and flags are checked in the same way, wherever they are set."""

import dataclasses
import math
import re

import numpy as np
import pytest

import deepnet
from deepnet import callbacks, initializers, losses, schedules
from deepnet.course import opt_utils, reg_utils

X, Y = np.random.default_rng(0).normal(size=(2, 6)), np.array([[0, 1, 1, 0, 1, 0]])


def net(**options):
    return deepnet.Network([2, 3, 1], "tanh", seed=0, **options)


def fit(**options):
    return net().fit(X, Y, **({"epochs": 1, "batch_size": 3} | options))


def parameters():
    return {"W1": np.ones((1, 2)), "b1": np.zeros((1, 1))}


def update(rate):
    given = parameters()
    return deepnet.update_parameters(given, {f"d{key}": p for key, p in given.items()}, rate)


def momentum(beta):
    given = parameters()
    grads = {f"d{key}": p for key, p in given.items()}
    return opt_utils.update_parameters_with_momentum(
        given, grads, opt_utils.initialize_velocity(given), beta, 1
    )


def adam(t=1, **options):
    given = parameters()
    grads, (v, s) = {f"d{key}": p for key, p in given.items()}, opt_utils.initialize_adam(given)
    return opt_utils.update_parameters_with_adam(given, grads, v, s, t, **options)


MORE, SHARE = "more than 0", "from 0 to less than 1"
REALS = [  # name, function that takes it, a valid number, one out of range, and the expected range
    ("learning_rate", lambda x: deepnet.SGD(x), 0.1, -1, "0 or more"),
    ("weight_decay", lambda x: deepnet.SGD(weight_decay=x), 0.1, -1, "0 or more"),
    ("clip_value", lambda x: deepnet.SGD(clip_value=x), 0.1, 0, "more than 0, or None"),
    ("clip_norm", lambda x: deepnet.SGD(clip_norm=x), 0.1, 0, "more than 0, or None"),
    ("momentum", lambda x: deepnet.Momentum(momentum=x), 0.1, 1, SHARE),
    ("rho", lambda x: deepnet.RMSprop(rho=x), 0.1, -1, SHARE),
    ("beta1", lambda x: deepnet.Adam(beta1=x), 0.1, 1, SHARE),
    ("beta2", lambda x: deepnet.AdamW(beta2=x), 0.1, 1, SHARE),
    ("epsilon", lambda x: deepnet.Adagrad(epsilon=x), 0.1, 0, MORE),
    ("delta", losses.huber, 0.1, 0, MORE),
    ("q", losses.quantile, 0.1, 1, "between 0 and 1"),
    ("label_smoothing", losses.binary_cross_entropy, 0.1, 1, SHARE),
    ("label_smoothing", losses.categorical_cross_entropy, 0.1, -1, SHARE),
    ("scale", initializers.normal, 0.1, 0, MORE),
    ("gain", initializers.orthogonal, 0.1, -1, MORE),
    ("initial", lambda x: schedules.StepDecay(x, 10), 0.1, -1, "0 or more"),
    ("factor", lambda x: schedules.ExponentialDecay(0.1, x), 0.1, 0, MORE),
    ("decay", lambda x: schedules.InverseTimeDecay(0.1, x), 0.1, -1, "0 or more"),
    ("every", lambda x: schedules.InverseTimeDecay(0.1, 1, x), 0.1, 0, MORE),
    ("minimum", lambda x: schedules.CosineDecay(1, 10, x), 0.1, -1, "0 or more"),
    ("maximum", lambda x: schedules.OneCycle(x, 10), 0.1, -1, "0 or more"),
    ("warmup_share", lambda x: schedules.OneCycle(1, 10, x), 0.1, 2, "from 0 to 1"),
    ("start_divisor", lambda x: schedules.OneCycle(1, 10, start_divisor=x), 2, 0.5, "1 or more"),
    ("maximum", lambda x: schedules.LogCosine(x, 10), 0.1, -1, "0 or more"),
    ("learning_rate", lambda x: schedules.rates(x, 0, 1), 0.1, -1, "0 or more"),
    ("dropout", lambda x: net(dropout=x), 0.1, -1, "0 or more"),
    ("dropout", lambda x: net(dropout=x), 0.1, 1, SHARE),
    ("input_dropout", lambda x: net(input_dropout=x), 0.1, -1, "0 or more"),
    ("l2", lambda x: net(l2=x), 0.1, -1, "0 or more"),
    ("layer_dims[1].l1", lambda x: deepnet.Network([2, deepnet.Dense(1, l1=x)]), 0.1, -1, "0 or more"),
    ("input_scale", lambda x: fit(input_scale=x), 0.1, 0, "finite and not 0"),
    ("class_weight[0]", lambda x: fit(class_weight={0: x}), 0.1, -1, "0 or more"),
    (
        "epsilon",
        lambda x: deepnet.gradient_check(net(dtype="float64"), X, Y, epsilon=x),
        1e-5,
        0,
        "finite, and large enough for float64: 1e-6 is",
    ),
    ("min_delta", lambda x: callbacks.EarlyStopping(min_delta=x), 0.1, -1, "0 or more"),
    ("beta", momentum, 0.1, 1, SHARE),
    ("beta1", lambda x: adam(beta1=x), 0.1, 1, SHARE),
    ("epsilon", lambda x: adam(epsilon=x), 0.1, -1, "0 or more"),
    (
        "keep_prob",
        lambda x: reg_utils.model(X, Y, 0.1, 1, False, keep_prob=x),
        0.1,
        0,
        "more than 0, up to 1",
    ),
    ("lambd", lambda x: reg_utils.model(X, Y, 0.1, 1, False, lambd=x), 0.1, -1, "0 or more"),
]
NAMES = [f"{name}-{i}" for i, (name, *_) in enumerate(REALS)]


@pytest.mark.parametrize(("name", "take", "good", "wrong", "must"), REALS, ids=NAMES)
def test_numbers_are_checked_in_the_same_way(name, take, good, wrong, must):
    for kind in (float, np.float32, np.longdouble, np.array):
        take(kind(good))
    for value, error, words in (
        (wrong, ValueError, f"is {wrong}, but must be {must}"),
        (np.array(wrong), ValueError, f"is {wrong}, but must be {must}"),
        (math.nan, ValueError, "is nan, but must be finite"),
        (-math.inf, ValueError, "is -inf, but must be finite"),
        (10**400, ValueError, "is about 1e400, beyond the range of float64, which ends at 1.8e+308"),
        (-(10**5000), ValueError, "is about -1e5000, beyond the range of float64, which ends at 1.8e+308"),
        (True, TypeError, "is True, but must be a number"),
        ("x", TypeError, "is 'x', but must be a number"),
        (1j, TypeError, "is 1j, but must be a number"),
        (np.ones(1), TypeError, "is array([1.]), but must be a number"),
        (np.array(True), TypeError, "is array(True), but must be a number"),
    ):
        if name == "class_weight[0]":  # becomes an array of the network's dtype
            words = words.replace("float64, which ends at 1.8e+308", "float32, which ends at 3.4e+38")
        hint = ", such as 1 / 255 for pixels" if name == "input_scale" and error is TypeError else ""
        with pytest.raises(error, match=f"^{re.escape(f'{name} {words}{hint}')}$"):
            take(value)


def test_negative_numbers_are_accepted_where_they_make_sense():
    for rate in (-0.5, np.float32(-0.5), np.array(-0.5)):
        assert update(rate)["W1"].tolist() == [[1.5, 1.5]]
    with pytest.raises(ValueError, match=r"^learning_rate is inf, but must be finite$"):
        update(math.inf)


WHOLES = [  # name, what takes it, and the least
    ("epochs", lambda n: fit(epochs=n), 0),
    ("batch_size", lambda n: fit(batch_size=n), 1),
    ("seed", lambda n: fit(seed=n), 0),
    ("threads", lambda n: fit(threads=n), 1),
    ("patience", lambda n: callbacks.EarlyStopping(n), 1),
    ("every", lambda n: schedules.StepDecay(0.1, n), 1),
    ("length", lambda n: schedules.OneCycle(0.1, n), 1),
    ("length", lambda n: schedules.LogCosine(0.1, n), 1),
    ("cycles", lambda n: schedules.LogCosine(0.1, 10, n), 1),
    ("warmup", lambda n: schedules.CosineDecay(0.1, 10, warmup=n), 0),
    ("count", lambda n: schedules.rates(0.1, 0, n), 0),
    ("sample", lambda n: deepnet.gradient_check(net(dtype="float64"), X, Y, sample=n), 1),
    ("num_iterations", lambda n: deepnet.L_layer_model(X, Y, [2, 1], num_iterations=n), 0),
    ("t", adam, 1),
]


@pytest.mark.parametrize(("name", "take", "least"), WHOLES, ids=[name for name, *_ in WHOLES])
def test_whole_numbers_are_checked_in_the_same_way(name, take, least):
    for kind in (int, np.int8, np.array):
        take(kind(least))
    for value, error, words in (
        (least - 1, ValueError, f"is {least - 1}, but must be {least} or more"),
        (-(10**5000), ValueError, f"is about -1e5000, but must be {least} or more"),
        (10**5000, ValueError, r"is about 1e5000, but must be \d+ or less"),
        (True, TypeError, "is True, but must be a whole number"),
        (1.0, TypeError, "is 1.0, but must be a whole number"),
        ("x", TypeError, "is 'x', but must be a whole number"),
        (np.ones(1, int), TypeError, r"is array\(\[1\]\), but must be a whole number"),
    ):
        with pytest.raises(error, match=f"^{name} {words}$"):
            take(value)


FLAGS = [
    ("shuffle", lambda yes: fit(shuffle=yes)),
    ("restore_best", lambda yes: callbacks.EarlyStopping(restore_best=yes)),
    ("restarts", lambda yes: schedules.CosineDecay(0.1, 10, restarts=yes)),
    ("staircase", lambda yes: schedules.InverseTimeDecay(0.1, 1, staircase=yes)),
]


@pytest.mark.parametrize(("name", "take"), FLAGS, ids=[name for name, _ in FLAGS])
def test_flags_are_checked_in_the_same_way(name, take):
    for yes in (True, False, np.True_):
        take(yes)
    for value in (1, "no", None):
        with pytest.raises(TypeError, match=f"^{name} is {value!r}, but must be True or False$"):
            take(value)


def test_a_class_is_not_a_schedule():
    with pytest.raises(TypeError, match="learning_rate is the class OneCycle, but must be a number or a sch"):
        deepnet.SGD(deepnet.schedules.OneCycle)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: deepnet.Network([2, 3, 1], "swish"), "unknown activation 'swish': did you mean 'silu'?"),
        (lambda: deepnet.Network([2, 3, 1], "linear"), "did you mean 'identity'?"),
        (lambda: deepnet.Network([2, 3, 1], "logistic"), "did you mean 'sigmoid'?"),
        (lambda: deepnet.Network([2, 1], initializer="xavier"), "did you mean 'glorot_uniform'?"),
        (lambda: deepnet.Network([2, 1], initializer="kaiming_normal"), "did you mean 'he_normal'?"),
        (lambda: fit(loss="mse"), "unknown loss 'mse': did you mean 'mean_squared_error'?"),
        (lambda: fit(loss="mae"), "did you mean 'quantile'?"),
        (lambda: fit(loss="log_loss"), "did you mean 'binary_cross_entropy'?"),
        (lambda: fit(loss="bce"), "did you mean 'binary_cross_entropy'?"),
    ],
)
def test_names_of_other_libraries_are_understood(make, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        make()


def test_settings_cannot_be_changed():
    adam = deepnet.Adam(0.01)
    for name, value, error, words in [
        (
            "beta1",
            0.5,
            AttributeError,
            "beta1 of Adam cannot be changed: net.optimizer = dataclasses.replace(",
        ),
        ("beta1", 2, ValueError, "beta1 is 2, but must be from 0 to less than 1"),
        ("lerning_rate", 1, AttributeError, "unknown setting 'lerning_rate': did you mean 'learning_rate'?"),
    ]:
        with pytest.raises(error, match=re.escape(words)):
            setattr(adam, name, value)
    assert adam == deepnet.Adam(0.01)
    assert issubclass(dataclasses.FrozenInstanceError, AttributeError)


def test_a_custom_optimizer_may_have_attributes():
    class Own(deepnet.optimizers.Optimizer):
        def __init__(self, rate, gamma):
            super().__init__(rate)
            object.__setattr__(self, "gamma", gamma)

    assert Own(0.1, 0.5).gamma == 0.5


MODEL = {"layers_dims": [1, 2, 2, 1], "num_epochs": 4, "print_cost": False}


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"learning_rate": -0.1}, ValueError, "learning_rate is -0.1, but must be 0 or more"),
        ({"decay": lambda r, i, d: -0.1}, ValueError, "decay gave -0.1 for epoch 0, but must be 0 or more"),
        ({"decay": lambda r, i, d: np.nan if i == 3 else r}, ValueError, "decay gave nan for epoch 3"),
        ({"decay": "x"}, TypeError, "decay is 'x', but must be a function"),
        ({"optimizer": "adamm"}, ValueError, "did you mean 'adam'"),
    ],
)
def test_the_course_model_refuses_before_it_trains(options, error, words):
    X, Y = np.array([[0.0, 1.0]]), np.array([[0, 1]])
    with pytest.raises(error, match=words):
        opt_utils.model(X, Y, **{"optimizer": "gd"} | MODEL | options)
    for model in (deepnet.L_layer_model, deepnet.two_layer_model):
        with pytest.raises(ValueError, match="learning_rate is -1, but must be 0 or more"):
            model(X, Y, (1, 2, 1), learning_rate=-1)
