"""Arguments and attributes that do not exist: the error names the right one."""

import copy
import inspect
import pickle
from functools import partial

import numpy as np
import pytest

import deepnet
import deepnet.sklearn
from advice import advice_in, follow
from deepnet._arguments import _CODE_FOR

X, Y = np.random.default_rng(0).normal(size=(2, 8)), np.arange(8) % 2


def network():
    return deepnet.Network([2, 3, 1], seed=0)


METHODS = ["fit", "train_on_batch", "evaluate", "loss_and_grads", "astype", "save"]
FUNCTIONS = [
    *deepnet.OPTIMIZERS.values(),
    deepnet.optimizers.Optimizer,
    *(getattr(deepnet.schedules, name) for name in deepnet.schedules.__all__ if name[0].isupper()),
    deepnet.callbacks.EarlyStopping,
    deepnet.callbacks.ReduceLROnPlateau,
    deepnet.losses.Loss,
    deepnet.losses.huber,
    deepnet.losses.quantile,
    deepnet.losses.binary_cross_entropy,
    deepnet.losses.categorical_cross_entropy,
    deepnet.losses.sparse_categorical_cross_entropy,
    deepnet.initializers.normal,
    deepnet.initializers.orthogonal,
    deepnet.Activation,
    deepnet.Dense,
    deepnet.Network,
    deepnet.Network.from_parameters,
    deepnet.load,
    *(getattr(deepnet.Network, name) for name in METHODS),
]
FUNCTIONS.remove(deepnet.schedules.Schedule)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__qualname__)
def test_every_function_knows_its_arguments(function):
    """Only predict leaves the error to Python: it has four arguments, and the check would take 5 % longer."""
    parameters = inspect.signature(function).parameters
    given = {"self": network(), "X": X, "Y": Y}
    given = {name: value for name, value in given.items() if name in parameters}
    with pytest.raises(TypeError, match=r"unknown argument of [\w.]+ 'nonsense': known are \w+"):
        function(**given, nonsense=1)
    for name, p in parameters.items():
        if p.kind is not p.VAR_KEYWORD and name not in given and len(name) > 3:
            with pytest.raises(TypeError, match=f"'{name}z': did you mean '{name}'"):
                function(**given, **{f"{name}z": 1})


@pytest.mark.parametrize(
    ("function", "wrong", "right"),
    [
        (deepnet.Adam, {"lr": 0.1}, "did you mean 'learning_rate'"),
        (deepnet.Adam, {"beta_1": 0.1}, "did you mean 'beta1'"),
        (deepnet.Adam, {"betas": (0.9, 0.999)}, "use beta1=0.9, beta2=0.999"),
        (deepnet.Adam, {"eps": 1e-8}, "did you mean 'epsilon'"),
        (deepnet.SGD, {"momentum": 0.8}, r"deepnet\.Momentum\(momentum=0\.8\)"),
        (deepnet.Dense, {"dropuot": 0.5}, "did you mean 'dropout'"),
        (deepnet.schedules.OneCycle, {"max_lr": 0.1}, "did you mean 'maximum'"),
        (deepnet.schedules.StepDecay, {"step_size": 3}, "did you mean 'every'"),
        (deepnet.callbacks.EarlyStopping, {"restore_best_weights": True}, "did you mean 'restore_best'"),
        (deepnet.callbacks.EarlyStopping, {"n_iter_no_change": 3}, "did you mean 'patience'"),
        (deepnet.Network, {"optimiser": "adam"}, "optimizer is an argument of Network.fit"),
        (deepnet.Network, {"hidden_layer_sizes": (100,)}, "did you mean 'layer_dims'"),
        (deepnet.Network, {"random_state": 0}, "did you mean 'seed'"),
        (network().fit, {"batchsize": 4}, "did you mean 'batch_size'"),
        (network().fit, {"batch": 4}, "did you mean 'batch_size'"),
        (network().fit, {"epoch": 4}, "did you mean 'epochs'"),
        (network().fit, {"dropout": 0.5}, "dropout is an argument of Network"),
        (network().fit, {"x": X}, "did you mean 'X'"),
        (deepnet.Network.from_parameters, {"activation": "tanh"}, "did you mean 'activations'"),
        (partial(deepnet.fit_many, [network()], X, Y), {"epoch": 4}, "did you mean 'epochs'"),
        (partial(network().train_on_batch, X, Y), {"sample_weights": Y}, "did you mean 'sample_weight'"),
    ],
)
def test_names_of_other_libraries_and_functions(function, wrong, right):
    with pytest.raises(TypeError, match=f"unknown argument of .*'{next(iter(wrong))}': .*{right}"):
        function(**wrong)


@pytest.mark.parametrize("wrong", ["learning_rate=0.05", "lr=0.05", "early_stopping=True"])
def test_advice_for_fit_runs(wrong):
    net = network()
    call = f"net.fit(X, Y, epochs=1, batch_size=4, {wrong})"
    with pytest.raises(TypeError) as error:
        exec(call, {"net": net, "X": X, "Y": Y})
    (code,) = advice_in(str(error.value))
    exec(call.replace(wrong, code), {"net": net, "X": X, "Y": Y, "deepnet": deepnet})
    assert net.optimizer.learning_rate == (0.05 if "0.05" in wrong else 0.01)


def test_signatures_stay_visible():
    assert list(inspect.signature(deepnet.Network).parameters)[:3] == ["layer_dims", "activation", "output"]
    fit = inspect.signature(deepnet.Network.fit).parameters
    assert fit["epochs"].kind is inspect.Parameter.KEYWORD_ONLY
    assert all(p.kind is not p.VAR_KEYWORD for p in fit.values())
    assert next(iter(inspect.signature(deepnet.Adam).parameters)) == "learning_rate"
    assert deepnet.Network.fit.__doc__.startswith("Train by mini-batches")


# --- attributes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("optimiser", "did you mean 'optimizer'"),
        ("optim", "did you mean 'optimizer'"),
        ("input_scales", "did you mean 'input_scale'"),
        ("params", "did you mean 'parameters'"),
        ("weights", "did you mean 'parameters'"),
        ("layer", "did you mean 'layers'"),
        ("loss", "loss is an argument of Network.fit"),
        ("callbacks", "callbacks is an argument of Network.fit"),
        ("dropout", "dropout is an argument of Network"),
    ],
)
def test_a_misspelt_attribute_is_refused(name, right):
    net = network()
    with pytest.raises(AttributeError, match=f"Network has no attribute '{name}': {right}"):
        setattr(net, name, 0.1)
    assert name not in vars(net)


@pytest.mark.parametrize("name", ["learning_rate", "lr"])
def test_advice_for_attributes_runs(name):
    names = {"net": network()}
    with pytest.raises(AttributeError) as error:
        setattr(names["net"], name, 0.25)
    assert advice_in(str(error.value)) == ["net.optimizer = deepnet.SGD(learning_rate=0.25)"]
    follow(f"if net.optimizer.learning_rate != 0.25: net.{name} = 0.25", names)
    assert names["net"].optimizer == deepnet.SGD(0.25)


@pytest.mark.parametrize(
    "name", ["id", "input", "prediction", "train", "saved", "p", "losses", "input_shape"]
)
def test_usual_names_are_free(name):
    net = network()
    setattr(net, name, 3)
    assert getattr(net, name) == 3


def test_an_annotation_declares_an_attribute():
    class Mine(deepnet.Network):
        learning_rate: float

    Mine([2, 1]).learning_rate = 0.5


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"betas": (0.9, 0.99)}, "deepnet.Adam\\(beta1=0.9, beta2=0.999\\)"),
        ({"lr": float("nan")}, "SGD\\(learning_rate=0.1\\)"),
        ({"lr": -1}, "SGD\\(learning_rate=0.1\\)"),
        ({"verbose": 0}, "leave it out"),
        ({"early_stopping": False}, "leave it out"),
        ({"alpha": 0.01}, "l2 is an argument of Network"),
    ],
)
def test_values_that_the_right_argument_cannot_have(arguments, hint):
    with pytest.raises(TypeError, match=hint):
        network().fit(np.zeros((2, 3)), np.zeros(3), **arguments)


def test_users_may_have_attributes_of_their_own():
    class Mine(deepnet.Network):
        learning_rate = None  # a declared name may be assigned

        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            self.names = ["no", "yes"]
            self.learning_rate = 3

    for net in (network(), Mine([2, 1])):
        net.foo, net.classes = 1, ("cat", "dog")
        for same in (copy.deepcopy(net), copy.copy(net)):
            assert (same.foo, same.classes) == (1, ("cat", "dog"))
    assert (net.names, net.learning_rate) == (["no", "yes"], 3)
    net = network()
    net.foo = 1
    assert pickle.loads(pickle.dumps(net)).foo == 1


@pytest.mark.parametrize("name", ["layers", "layer_dims", "activations", "dtype", "input_dropout"])
def test_what_cannot_be_changed_says_so(name):
    net = network()
    before = getattr(net, name)
    with pytest.raises(AttributeError, match=f"{name} of a network cannot be changed: ") as caught:
        setattr(net, name, 3)
    assert getattr(net, name) == before
    assert name != "dtype" or str(caught.value).endswith("net.astype(dtype)")

    class Mine(deepnet.Network):
        layers = None

    mine = Mine([2, 1])
    mine.layers = 3
    assert mine.layers == 3


def test_parameters_that_do_not_exist_are_named():
    with pytest.raises(KeyError, match=r"parameters has no 'w1': this network has W1, b1, \.\.\., W2, b2"):
        network().parameters["w1"]
    assert network().parameters.get("w1") is None


# --- attributes of a network that are read ------------------------------------------------------------------


@pytest.mark.parametrize("name", _CODE_FOR)
def test_what_other_libraries_call_an_attribute(name, tmp_path):
    """The advice that is code runs."""
    net = network()
    assert not hasattr(net, name)
    with pytest.raises(AttributeError, match=rf"^Network has no attribute '{name}': ") as caught:
        getattr(net, name)
    code = str(caught.value).split(": ", 1)[1]
    path = tmp_path / "net.safetensors"
    net.save(path)
    try:
        compile(code, "advice", "exec")
    except SyntaxError:
        assert " " in code  # a sentence
        return
    names = {"deepnet": deepnet, "np": np, "copy": copy, "net": net, "X": X, "Y": Y, "path": path}
    exec(code, names | {"parameters": dict(net.parameters)})


def test_attributes_of_other_libraries_are_free_and_not_listed():
    class Mine(deepnet.Network):
        score = 3

    net = Mine([2, 1])
    assert (net.score, hasattr(net, "summary"), hasattr(deepnet.Network, "summary")) == (3, False, False)
    assert "summary" not in dir(net)
    assert "score" in dir(net)
    net = network()
    net.summary = "mine"
    assert "summary" in dir(net)
    assert net.summary == copy.deepcopy(net).summary == pickle.loads(pickle.dumps(net)).summary == "mine"
    with pytest.raises(AttributeError, match="learning_rate is a setting of the optimizer"):
        net.learning_rate = 0.1


def test_mixins_and_subclasses_have_attributes_of_other_libraries():
    class Scored:
        def score(self):
            return 3

        @property
        def history(self):
            return self.score()

    class Mine(deepnet.Network, Scored):
        @property
        def coefs_(self):
            raise RuntimeError("dir calls this")

    net = Mine([2, 1])
    assert (net.score(), net.history, Mine.score) == (3, 3, Scored.score)
    assert {"score", "history", "coefs_"} <= set(dir(net))
    with pytest.raises(AttributeError, match="metrics="):
        network().score()
