"""Calls in unusual places: in a signal handler during another call, and in a thread while Python ends."""

import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import deepnet


@pytest.mark.slow
def test_a_signal_handler_may_call_deepnet_in_the_middle_of_a_call():
    """Both calls run on one thread, so they must not share scratch memory."""
    random = np.random.default_rng(0)
    W, b = random.standard_normal((600, 500)), np.zeros((600, 1))
    X = np.asfortranarray(random.standard_normal((500, 9000)))  # packed, which takes scratch memory
    other = np.asfortranarray(random.standard_normal((500, 700)))
    expected, _ = deepnet.linear_forward(X, W, b)
    expected_inner, _ = deepnet.linear_forward(other, W, b)
    inner = []
    before = signal.signal(signal.SIGALRM, lambda *_: inner.append(deepnet.linear_forward(other, W, b)[0]))
    try:
        for delay in np.linspace(0.001, 0.02, 20):
            signal.setitimer(signal.ITIMER_REAL, delay)
            Z, _ = deepnet.linear_forward(X, W, b)
            np.testing.assert_array_equal(Z, expected)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert inner
    for Z in inner:
        np.testing.assert_array_equal(Z, expected_inner)


def test_python_may_end_while_a_thread_is_in_native_code():
    program = """
    import threading, time
    import numpy as np, deepnet
    X, W, b = np.ones((500, 6000)), np.ones((500, 500)), np.zeros((500, 1))
    def work():
        while True:
            deepnet.linear_forward(X, W, b)
    for _ in range(3):
        threading.Thread(target=work, daemon=True).start()
    time.sleep(0.3)
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_many_threads_may_make_the_first_call_at_once():
    program = """
    import sys, threading
    import numpy as np, deepnet
    sys.setswitchinterval(1e-6)
    X = np.ones((300, 200))  # results large enough for the memory that is kept
    parameters = {"W1": np.ones((300, 300)), "b1": np.ones((300, 1))}
    barrier = threading.Barrier(8)
    def first():
        barrier.wait()
        deepnet.L_model_forward(X, parameters)
    threads = [threading.Thread(target=first) for _ in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    print("done")
    """
    for _ in range(3):
        ended = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert (ended.stdout, ended.stderr) == ("done\n", "")
