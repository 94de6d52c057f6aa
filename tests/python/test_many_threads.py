"""Many Python threads at once: on one network, on networks of their own, on dicts and lists that change.

With a free-threaded Python they run in parallel; with another one they take turns, very short ones here.
"""

import copy
import pickle
import subprocess
import sys
import sysconfig
import textwrap
import threading
import time

import numpy as np
import pytest

import deepnet
from deepnet.losses import Loss
from problems import problem

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


@pytest.fixture(
    params=[0.2, pytest.param(20, marks=[pytest.mark.slow, pytest.mark.exhaustive])],
    ids=["short", "long"],
)
def together(request):
    """Return a function that runs others again and again, each on a thread of its own, all at once."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield lambda *calls: run_together(calls, request.param)
    sys.setswitchinterval(before)


def run_together(calls, seconds):
    begin, end, raised = threading.Barrier(len(calls)), threading.Event(), []

    def run(call):
        begin.wait()
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until and not end.is_set():
                call()
        except BaseException as error:
            raised.append(error)
            end.set()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


def in_a_process(program):
    """Run it in a new process, where nothing has been used yet."""
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


@pytest.mark.skipif(not FREE_THREADED, reason="this Python always has a GIL")
def test_importing_deepnet_leaves_the_gil_off():
    assert in_a_process("import sys, deepnet; print(deepnet.backend_name(), sys._is_gil_enabled())") == (
        "native False"
    )


def test_every_part_may_be_used_first_by_many_threads():
    """What is made then: names of layers, classes of other modules, the choice of instructions."""
    in_a_process("""
    import threading
    import numpy as np
    import deepnet

    begin, ended = threading.Barrier(8), []

    def use():
        X, Y = np.ones((3, 40)), np.ones((1, 40))
        begin.wait()
        parameters = deepnet.initialize_parameters_deep([3] + [2] * 70 + [1])
        AL, caches = deepnet.L_model_forward(X, parameters)
        grads = deepnet.L_model_backward(AL, Y, caches)
        deepnet.update_parameters(parameters, grads, 0.1)
        net = deepnet.Network([3, 600, 1], "tanh", seed=0)
        net.fit(X, Y, epochs=1)
        net.predict(np.ones((3, 400)))
        ended.append(net)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert len(ended) == 8
    """)


def test_readers_see_the_network_between_two_changes(together):
    """One thread gives it the parameters of two others in turn: each result is that of one of them."""
    X, Y = problem(5, 70)
    net, *others = (deepnet.Network([5, 40, 3, 1], "tanh", seed=seed) for seed in (0, 1, 2))
    net.copy_from(others[0])
    results = {other.predict(X).tobytes() for other in others}
    losses = {other.loss_and_grads(X, Y)[0]: other.loss_and_grads(X, Y)[1] for other in others}
    named = {tuple(p.tobytes() for p in other.parameters.values()) for other in others}

    def change():
        for other in others:
            net.copy_from(other)

    def predict():
        assert net.predict(X).tobytes() in results
        assert net.forward(X, threads=1).tobytes() in results

    def predict_one():
        assert net.predict(X[:, 3:4]).shape == (1, 1)
        assert net.evaluate(X, Y) in losses
        assert net.evaluate(X, Y, loss="mean_squared_error") < 10

    def copies():
        assert copy.deepcopy(net).predict(X).tobytes() in results
        assert pickle.loads(pickle.dumps(net)).predict(X).tobytes() in results
        assert tuple(p.tobytes() for p in copy.deepcopy(net.parameters).values()) in named

    out = net.loss_and_grads(X, Y)[1]

    def gradients():
        loss, grads = net.loss_and_grads(X, Y, out=out)
        assert grads is out
        for key, grad in losses[loss].items():
            np.testing.assert_array_equal(out[key], grad)

    together(change, predict, predict, predict_one, copies, gradients)


def test_readers_see_whole_steps_of_a_training(together):
    X, Y = problem(5, 70)
    start = deepnet.Network([5, 40, 1], seed=0)
    net, states = copy.deepcopy(start), {start.predict(X).tobytes()}

    def train():
        net.copy_from(start)
        for _ in range(20):
            net.train_on_batch(X, Y, optimizer=deepnet.SGD(0.5))
            if not complete:
                states.add(net.predict(X).tobytes())

    complete = []
    train()
    complete.append(True)
    assert len(states) == 21

    def predict():
        assert net.predict(X).tobytes() in states

    def copied():
        assert copy.deepcopy(net).predict(X, threads=2).tobytes() in states

    together(train, predict, predict, copied)


def test_one_thread_at_a_time_trains(together):
    """The others are told so, and the optimizer's memory counts every step that was made."""
    X, Y = problem(4, 32)
    net = deepnet.Network([4, 6, 1], seed=0)
    net.optimizer = deepnet.Adam(1e-3)
    steps, refused = [], []

    def train():
        try:
            net.train_on_batch(X, Y)
        except deepnet.engine_errors.Busy:
            refused.append(1)
        else:
            steps.append(1)

    together(train, train, train)
    updates, _ = net._engine.optimizer_state(net._default_engine()[1])
    assert updates == len(steps) > 0
    assert np.isfinite(net.predict(X)).all()


@pytest.mark.parametrize("kind", ["native", "custom loss", "custom activation", "numpy"])
def test_networks_of_their_own_train_as_one_alone(together, kind):
    X, Y = problem(4, 64)
    own = Loss("own", "", lambda A, Y, _: (A - Y) ** 2, lambda A, Y, _: 2 * (A - Y))
    square = deepnet.Activation("square", lambda Z: Z * Z, lambda dA, Z: 2 * Z * dA)

    def result():
        net = deepnet.Network([4, 6, 1], square if kind == "custom activation" else "relu", seed=0)
        net.fit(X, Y, epochs=3, loss=own if kind == "custom loss" else None, optimizer="adam", seed=1)
        return net.predict(X).tobytes()

    def train():
        assert result() == alone

    with deepnet.use_backend("numpy" if kind == "numpy" else "native"):
        alone = result()
        together(train, train, train, train)


def test_fit_many_on_several_threads(together):
    X, Y = problem(4, 64)

    def result():
        nets = [deepnet.Network([4, 6, 1], seed=seed) for seed in range(4)]
        deepnet.fit_many(nets, X, Y, epochs=2, seed=0, callbacks=[lambda net, history: None])
        return [net.predict(X).tobytes() for net in nets]

    alone = result()

    def train():
        assert result() == alone

    together(train, train, train)


def test_the_functions_of_the_course_on_several_threads(together):
    X, Y = (array.astype(float) for array in problem(5, 60))

    def result(shared=None):
        parameters = deepnet.initialize_parameters_deep([5, 4, 3, 1], seed=1)
        grads = None
        for _ in range(5):
            AL, caches = deepnet.L_model_forward(X, parameters)
            cost = deepnet.compute_cost(AL, Y)
            grads = deepnet.L_model_backward(AL, Y, caches, out=grads)
            parameters = deepnet.update_parameters(parameters, grads, 0.1, out=parameters)
        A, cache = deepnet.linear_activation_forward(X, parameters["W1"], parameters["b1"], "tanh")
        dA, *_ = deepnet.linear_activation_backward(A, cache, "tanh")
        return cost.tobytes() + AL.tobytes() + dA.tobytes()

    alone = result()

    def train():
        assert result() == alone

    together(train, train, train, train)


def test_dicts_that_lose_and_get_arrays_meanwhile(together):
    """A call takes the arrays that it finds, or says what is missing. Those that it works with stay alive."""
    X, Y = problem(4, 300)
    net = deepnet.Network([4, 200, 1], seed=0)
    gradients = net.loss_and_grads(X, Y)[1]
    parameters = {name: p.astype(float) for name, p in copy.deepcopy(net.parameters).items()}
    of_course = {f"d{name}": np.ones_like(p) for name, p in parameters.items()}
    x = X.astype(float)

    def replace(arrays):
        name = "dW1" if "dW1" in arrays else "W1"

        def once():
            shape, dtype = (200, 4), net.dtype if arrays is gradients else float
            arrays.pop(name, None)
            arrays[name] = np.ones(shape, dtype)
            arrays[name] = np.zeros(shape, dtype)

        return once

    def tolerant(call):
        def once():
            try:
                call()
            except ValueError as error:  # what is missing
                words.add(str(error))

        return once

    words = set()
    together(
        *(replace(arrays) for arrays in (gradients, parameters, of_course)),
        tolerant(lambda: net.loss_and_grads(X, Y, out=gradients)),
        tolerant(lambda: net.apply_gradients(gradients)),
        tolerant(lambda: deepnet.L_model_forward(x, parameters)),
        tolerant(lambda: deepnet.update_parameters(parameters, of_course, 0.1)),
        tolerant(lambda: deepnet.update_parameters(parameters, of_course, 0.1, out=parameters)),
    )
    assert all("W1" in said for said in words), words


def test_lists_and_weights_that_change_meanwhile(together):
    X, Y = problem(4, 40)
    x, net = X.astype(float), deepnet.Network([4, 3, 1], seed=0)
    parameters = deepnet.initialize_parameters_deep([4, 3, 3, 1], seed=0)
    names, weights = ["relu", "tanh", "sigmoid"], {0: 1.0, 1: 2.0}
    AL, caches = deepnet.L_model_forward(x, parameters)
    kept = list(caches)

    def change():
        names[1] = "".join(("re", "lu"))  # a new str
        names[1] = "".join(("ta", "nh"))
        weights.pop(1, None)
        weights[1] = float(str(2.5))
        caches[1] = copy.copy(kept[1])

    together(
        change,
        lambda: deepnet.L_model_forward(x, parameters, activations=names),
        lambda: net.evaluate(X, Y, class_weight=weights),
        lambda: net.evaluate(X, Y, class_weight=weights),
        lambda: deepnet.L_model_backward(AL, Y.astype(float), caches),
    )


# --- Python's part: moments that the tests above seldom meet ---------------------------------------------


def test_an_optimizer_set_during_a_call_is_the_one_of_the_next(monkeypatch):
    """A call that read the optimizer before must not leave behind what it made of it."""
    X, Y = problem(4, 32)
    net, expected = (deepnet.Network([4, 6, 1], seed=0) for _ in range(2))
    made_before = net._plan

    def make(*loss):
        monkeypatch.undo()
        plan = made_before(*loss)
        net.optimizer = "adam"
        return plan

    monkeypatch.setattr(net, "_plan", make)
    net.evaluate(X.view(np.rec.recarray), Y)  # which the extension declines at first
    assert net._plan is not make
    expected.optimizer = "adam"
    for one in (net, expected):
        one.train_on_batch(X, Y)
    np.testing.assert_array_equal(net.predict(X), expected.predict(X))
    np.testing.assert_array_equal(copy.deepcopy(net).predict(X), expected.predict(X))


def test_custom_optimizers_of_two_threads_have_one_memory(together):
    """Of a network: what works beside the extension is made at its first use."""

    class Own(deepnet.optimizers.Optimizer):
        def update(self, p, g, slots, rate, t):
            p -= p.dtype.type(rate) * g

    engines = []

    def first_use():
        net = deepnet.Network([4, 6, 1], seed=0)
        begin = threading.Barrier(2)

        def use():
            begin.wait()
            engines.append(net._prepared(net._plan(deepnet.losses.LOSSES["mean_squared_error"], Own()))[0])

        threads = [threading.Thread(target=use) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        first, second = engines[-2:]
        assert first is second

    together(first_use)
