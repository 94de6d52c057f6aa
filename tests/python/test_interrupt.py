"""Ctrl-C in the middle of a native call: the call ends after at most 0.2 s of work.

Inputs are unchanged then; of the arrays in `out`, a backward pass may have written a part.
"""

import copy
import os
import signal
import threading
import time

import numpy as np
import pytest

import deepnet
from interrupts import work_after_ctrl_c

pytestmark = pytest.mark.usefixtures("ctrl_c_is_heard")

UNITS, EXAMPLES = 4000, 6000  # a second or two of arithmetic in each call


def big_network():
    X = np.full((UNITS, EXAMPLES), 0.5, np.float32)
    parameters = {"W1": np.full((UNITS, UNITS), 1e-4, np.float32), "b1": np.zeros((UNITS, 1), np.float32)}
    return X, parameters


def forward():
    X, parameters = big_network()
    return lambda: deepnet.L_model_forward(X, parameters)


def backward():
    X, parameters = big_network()
    A = np.full((UNITS, EXAMPLES), 0.25, np.float32)
    cache = ((X, parameters["W1"], parameters["b1"]), A)
    return lambda: deepnet.L_model_backward(A, A, [cache])


def linear_backward():
    X, parameters = big_network()
    dZ = np.full((UNITS, EXAMPLES), 0.25, np.float32)
    return lambda: deepnet.linear_backward(dZ, (X, parameters["W1"], parameters["b1"]))


@pytest.mark.parametrize("prepare", [forward, backward, linear_backward])
def test_ctrl_c_stops_a_native_call(prepare):
    assert threading.current_thread() is threading.main_thread()
    call = prepare()
    assert min(work_after_ctrl_c(call, 0.1) for _ in range(3)) < 0.2


def test_other_threads_run_during_a_native_call():
    """Native code releases the interpreter lock: another Python thread keeps counting."""
    X, parameters = big_network()
    beats = []
    stop = threading.Event()

    def beat():
        while not stop.wait(0.005):
            beats.append(time.perf_counter())

    threading.Thread(target=beat, daemon=True).start()
    begin = time.perf_counter()
    deepnet.linear_forward(X, parameters["W1"], parameters["b1"])
    end = time.perf_counter()
    stop.set()
    assert sum(begin < t < end for t in beats) >= 10


def test_an_update_in_place_is_never_left_half_done():
    """Ctrl-C arrives during the update, which completes first: every parameter has made the step."""
    parameters = {"W1": np.ones((6000, 6000), np.float32), "b1": np.ones((6000, 1), np.float32)}
    grads = {"dW1": np.ones((6000, 6000), np.float32), "db1": np.ones((6000, 1), np.float32)}

    def update_during(timer):
        timer.start()
        deepnet.update_parameters(parameters, grads, 1.0, out=parameters)
        timer.join()
        time.sleep(1)  # the signal comes within microseconds

    for delay in (0.0, 0.005, 0.01):
        for p in parameters.values():
            p.fill(1)
        timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            update_during(timer)
        timer.join()
        assert all(len(np.unique(p)) == 1 for p in parameters.values())


@pytest.mark.slow
@pytest.mark.skipif(deepnet.backends.native is None, reason="NumPy's own does not stop")
def test_ctrl_c_stops_a_shuffle_between_two_numbers():
    """What is shuffled holds every number still, and the generator goes on."""
    order, rng = np.arange(2**25, dtype=np.uint32), np.random.RandomState(5)  # 0.3 s or more

    def work():
        return work_after_ctrl_c(lambda: deepnet.backends.shuffle(rng, order), 0.05, threads=1)

    assert min(work() for _ in range(3)) < 0.2
    found = np.zeros(len(order), bool)
    found[order] = True
    assert found.all()
    assert 0 <= rng.randint(5) < 5


LARGE = [4, 10_000_000, 1]  # half a second of drawing


@pytest.mark.slow
@pytest.mark.parametrize("initializer", ["he_normal", "glorot_uniform", "normal"])
def test_ctrl_c_stops_the_creation_of_a_network(initializer):
    assert (
        min(
            work_after_ctrl_c(lambda: deepnet.Network(LARGE, initializer=initializer), 0.2, threads=1)
            for _ in range(3)
        )
        < 0.2
    )


@pytest.mark.slow
@pytest.mark.parametrize("way", ["deepcopy", "astype"])
def test_ctrl_c_stops_a_copy(way):
    net = deepnet.Network(LARGE, initializer="zeros")

    def call():
        while True:
            copy.deepcopy(net) if way == "deepcopy" else net.astype("float64")

    assert min(work_after_ctrl_c(call, 0.05, threads=1) for _ in range(3)) < 0.2
