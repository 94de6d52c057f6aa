"""Optimizers over a hundred steps, compared with their textbook form and, if installed, with PyTorch."""

import copy
import importlib
import importlib.util
import pickle
import warnings

import numpy as np
import pytest

import deepnet
from deepnet import OPTIMIZERS

ORACLES = ["textbook", "torch"] if importlib.util.find_spec("torch") else ["textbook"]


def sgd(p, g, memory, t, rate):
    return p - rate * g


def momentum(p, g, memory, t, rate, mu=0.9):
    v = memory["v"] = mu * memory.get("v", 0) + g
    return p - rate * v


def nesterov(p, g, memory, t, rate, mu=0.9):
    v = memory["v"] = mu * memory.get("v", 0) + g
    return p - rate * (g + mu * v)


def rmsprop(p, g, memory, t, rate, rho=0.99, epsilon=1e-8):
    s = memory["s"] = rho * memory.get("s", 0) + (1 - rho) * g**2
    return p - rate * g / (np.sqrt(s) + epsilon)


def adagrad(p, g, memory, t, rate, epsilon=1e-10):
    s = memory["s"] = memory.get("s", 0) + g**2
    return p - rate * g / (np.sqrt(s) + epsilon)


def adam(p, g, memory, t, rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
    v = memory["v"] = beta1 * memory.get("v", 0) + (1 - beta1) * g
    s = memory["s"] = beta2 * memory.get("s", 0) + (1 - beta2) * g**2
    return p - rate * (v / (1 - beta1**t)) / (np.sqrt(s / (1 - beta2**t)) + epsilon)


CASES = {  # ours, the textbook's with its settings, PyTorch's with its settings
    "sgd": (deepnet.SGD(0.1), (sgd, {}), ("SGD", {})),
    "momentum": (deepnet.Momentum(0.05), (momentum, {}), ("SGD", {"momentum": 0.9})),
    "momentum 0.5": (deepnet.Momentum(0.05, 0.5), (momentum, {"mu": 0.5}), ("SGD", {"momentum": 0.5})),
    "nesterov": (deepnet.Nesterov(0.05), (nesterov, {}), ("SGD", {"momentum": 0.9, "nesterov": True})),
    "rmsprop": (deepnet.RMSprop(0.01), (rmsprop, {}), ("RMSprop", {"alpha": 0.99})),
    "rmsprop 0.9": (
        deepnet.RMSprop(0.01, 0.9, 1e-6),
        (rmsprop, {"rho": 0.9, "epsilon": 1e-6}),
        ("RMSprop", {"alpha": 0.9, "eps": 1e-6}),
    ),
    "adagrad": (deepnet.Adagrad(0.1), (adagrad, {}), ("Adagrad", {})),
    "adam": (deepnet.Adam(), (adam, {}), ("Adam", {})),
    "adam 0.8": (
        deepnet.Adam(0.02, 0.8, 0.95, 1e-5),
        (adam, {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-5}),
        ("Adam", {"betas": (0.8, 0.95), "eps": 1e-5}),
    ),
    "adamw": (deepnet.AdamW(0.02, weight_decay=0.1), (adam, {}), ("AdamW", {})),
    "adamw clipped": (deepnet.AdamW(0.02, weight_decay=0.1, clip_norm=0.1), (adam, {}), ("AdamW", {})),
    "sgd clipped": (deepnet.SGD(0.1, clip_norm=0.1), (sgd, {}), ("SGD", {})),
    "momentum cut": (deepnet.Momentum(0.05, clip_value=0.01), (momentum, {}), ("SGD", {"momentum": 0.9})),
}


class Textbook:
    """One parameter after the other, by the formulas above."""

    def __init__(self, parameters, optimizer, formula, settings):
        self.parameters, self.optimizer = parameters, optimizer
        self.formula, self.settings = formula, settings
        self.memory, self.t = [{} for _ in parameters], 0

    def step(self, grads):
        self.t += 1
        rate, clip, most = (
            getattr(self.optimizer, name) for name in ("learning_rate", "clip_norm", "clip_value")
        )
        if most is not None:
            grads = [np.clip(g, -most, most) for g in grads]
        if clip is not None:
            norm = np.sqrt(sum((g**2).sum() for g in grads))
            grads = [g * clip / (norm + 1e-6) if norm > clip else g for g in grads]
        for i, (p, g) in enumerate(zip(self.parameters, grads, strict=True)):
            decay = self.optimizer.weight_decay if i % 2 == 0 else 0  # weights alone
            shrunk = p - rate * decay * p
            p[...] = self.formula(shrunk, g, self.memory[i], self.t, rate, **self.settings)


class Torch:
    """PyTorch's optimizer on the same arrays; biases form a group without decay."""

    def __init__(self, parameters, optimizer, name, settings):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.torch = importlib.import_module("torch")
        self.optimizer = optimizer
        self.tensors = [self.torch.from_numpy(p).requires_grad_() for p in parameters]
        groups = [{"params": self.tensors[::2]}, {"params": self.tensors[1::2]}]
        if name == "AdamW":
            groups[0]["weight_decay"], groups[1]["weight_decay"] = optimizer.weight_decay, 0.0
        self.theirs = getattr(self.torch.optim, name)(groups, lr=optimizer.learning_rate, **settings)

    def step(self, grads):
        for tensor, g in zip(self.tensors, grads, strict=True):
            tensor.grad = self.torch.from_numpy(g.copy())
        clip = self.torch.nn.utils
        if self.optimizer.clip_value is not None:
            clip.clip_grad_value_(self.tensors, self.optimizer.clip_value)
        if self.optimizer.clip_norm is not None:
            clip.clip_grad_norm_(self.tensors, self.optimizer.clip_norm)
        self.theirs.step()


def gradients(parameters, X, Y):
    """Of the mean squared error of tanh(W1 X + b1) -> W2 A + b2, by hand."""
    W1, b1, W2, b2 = parameters
    A = np.tanh(W1 @ X + b1)
    dZ2 = 2 * (W2 @ A + b2 - Y) / Y.size
    dZ1 = (W2.T @ dZ2) * (1 - A**2)
    return [dZ1 @ X.T, dZ1.sum(axis=1, keepdims=True), dZ2 @ A.T, dZ2.sum(axis=1, keepdims=True)]


def data():
    random = np.random.default_rng(5)
    X = random.standard_normal((4, 40))
    return X, np.sin(random.standard_normal((2, 4)) @ X)


@pytest.mark.parametrize("epsilon", [1e-8, 1e-30])
@pytest.mark.parametrize("size", [1e-30, 1e-22, 1e-19, 1e18, 1e19, 1e25, 1e37])
@pytest.mark.parametrize("name", ["rmsprop", "adagrad", "adam", "adamw"])
def test_float32_steps_are_those_of_float64_where_squares_overflow_or_vanish(name, size, epsilon, backend):
    """dW is `size` in the first step, since dZ is 1; the other steps are ordinary, so a lost moment shows."""
    ours = deepnet.OPTIMIZERS[name](0.01, epsilon=epsilon)
    net = deepnet.Network([1, 1], "relu", "identity", initializer="zeros", dtype="float32")
    expected = [np.zeros((1, 1)), np.zeros((1, 1))]
    textbook = Textbook(expected, ours, CASES[name][1][0], {"epsilon": epsilon})
    for x in [size, 1e-3, 2e-3] if size > 1 else [size, size / 2, size / 4]:
        dZ = 2 * (expected[0] * x + expected[1] + 0.5)
        textbook.step([dZ * x, dZ])
        net.train_on_batch(
            np.array([[x]], "float32"),
            np.array([[-0.5]], "float32"),
            loss="mean_squared_error",
            optimizer=ours,
        )
        for p, value in zip(net.parameters.values(), expected, strict=True):
            np.testing.assert_allclose(p, value, rtol=2e-5)


def test_a_subnormal_scale_of_clip_norm_is_applied(backend):
    """The norm is 1e30 and clip_norm 1e-12: float32 holds no 1e-42."""
    net = deepnet.Network([1, 1], "relu", "identity", initializer="zeros", dtype="float32")
    net.train_on_batch(
        np.array([[1e30]], "float32"),
        np.array([[-0.5]], "float32"),
        loss="mean_squared_error",
        optimizer=deepnet.SGD(1.0, clip_norm=1e-12),
    )
    np.testing.assert_allclose(net.parameters["W1"], -1e-12, rtol=1e-6)


@pytest.mark.parametrize("oracle", ORACLES)
@pytest.mark.parametrize("case", CASES)
def test_a_hundred_steps_equal_those_of_the_oracle(case, oracle, backend):
    ours, textbook, theirs = CASES[case]
    X, Y = data()
    net = deepnet.Network([4, 6, 2], "tanh", "identity", dtype="float64", seed=1)
    parameters = [p.copy() for p in net.parameters.values()]
    steps = Torch(parameters, ours, *theirs) if oracle == "torch" else Textbook(parameters, ours, *textbook)
    clipped = 0
    for _ in range(100):
        grads = gradients(parameters, X, Y)
        clipped += np.sqrt(sum((g**2).sum() for g in grads)) > (ours.clip_norm or np.inf)
        steps.step(grads)
        net.train_on_batch(X, Y, optimizer=ours)
    assert bool(clipped) == (ours.clip_norm is not None)
    for p, expected in zip(net.parameters.values(), parameters, strict=True):
        np.testing.assert_allclose(p, expected, rtol=1e-6, atol=0)


def test_a_run_of_fit_is_a_hundred_steps_too(backend):
    X, Y = data()
    for kind in OPTIMIZERS.values():
        net, other = (
            deepnet.Network([4, 6, 2], "tanh", "identity", dtype="float64", seed=1) for _ in range(2)
        )
        history = net.fit(X, Y, epochs=100, batch_size=40, optimizer=kind(0.01))
        losses = [other.train_on_batch(X, Y, optimizer=kind(0.01)) for _ in range(100)]
        np.testing.assert_allclose(history.loss, losses, rtol=1e-12)
        for p, expected in zip(net.parameters.values(), other.parameters.values(), strict=True):
            np.testing.assert_allclose(p, expected, rtol=1e-9)


# --- as objects ---------------------------------------------------------------------------------------------


def test_a_representation_shows_the_rate_and_settings_that_are_not_the_default():
    assert repr(deepnet.SGD()) == "SGD(learning_rate=0.01)"
    assert repr(deepnet.SGD(0.1)) == "SGD(learning_rate=0.1)"
    assert repr(deepnet.Adam(beta1=0.8, clip_norm=1)) == "Adam(learning_rate=0.001, clip_norm=1.0, beta1=0.8)"
    assert repr(deepnet.AdamW(weight_decay=0.0)) == "AdamW(learning_rate=0.001, weight_decay=0.0)"
    assert repr(deepnet.AdamW()) == "AdamW(learning_rate=0.001)"
    schedule = deepnet.schedules.ExponentialDecay(0.1, 0.9)
    assert eval(
        repr(deepnet.Nesterov(schedule)), vars(deepnet) | vars(deepnet.schedules)
    ) == deepnet.Nesterov(schedule)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_copies_and_pickles_are_equal(name):
    schedule = deepnet.schedules.CosineDecay(0.1, length=10)
    made = OPTIMIZERS[name](schedule, weight_decay=0.1, clip_norm=2)
    assert made != OPTIMIZERS[name](schedule)
    for other in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert other == made
        assert hash(other) == hash(made)
        assert type(other) is OPTIMIZERS[name]


def test_positional_settings():
    """The rate, then the settings of the formula in its order; shared settings are keywords."""
    assert deepnet.Momentum(0.1, 0.8).momentum == 0.8
    assert deepnet.RMSprop(0.1, 0.8, 1e-3) == deepnet.RMSprop(rho=0.8, epsilon=1e-3, learning_rate=0.1)
    assert deepnet.Adam(0.1, 0.8, 0.9, 1e-3) == deepnet.Adam(0.1, beta1=0.8, beta2=0.9, epsilon=1e-3)
    with pytest.raises(TypeError):
        deepnet.SGD(0.1, 0.01)
