"""Forked processes: they inherit none of the parent's threads, and train and predict nevertheless."""

import os
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

START = """
import os, sys, warnings
import numpy as np
import deepnet
warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of a fork while threads run
random = np.random.default_rng(0)
X, Y = random.standard_normal((64, 512)).astype(np.float32), random.random((1, 512)) < 0.5
net = deepnet.Network([64, 256, 256, 1], seed=0)

def work():
    net.fit(X, Y, epochs=1, batch_size=256, threads=2, seed=0)
    return net.predict(X, threads=2)
"""


HANGS = 600  # seconds: only a deadlock takes that long, on however busy a machine


def run(program):
    ended = subprocess.run(
        [sys.executable, "-c", START + textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def test_a_child_trains_and_predicts_as_its_parent_does():
    output = run(
        """
        work()
        children = []
        for _ in range(4):
            pid = os.fork()
            if pid == 0:
                expected = work()
                os._exit(0 if np.isfinite(expected).all() else 1)
            children.append(pid)
        after = work()
        states = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
        print(states, np.isfinite(after).all())
        """
    )
    assert output.split() == ["[0,", "0,", "0,", "0]", "True"]


def test_a_child_forked_during_training_finds_nothing_locked():
    output = run(
        """
        import threading
        stop = threading.Event()
        def train():
            while not stop.is_set():
                net.fit(X, Y, epochs=5, batch_size=64, threads=2)
        thread = threading.Thread(target=train)
        thread.start()
        states = []
        for _ in range(30):
            pid = os.fork()
            if pid == 0:
                net.predict(X[:, :1])
                net.fit(X, Y, epochs=1, batch_size=64, threads=2)
                other = deepnet.Network([64, 8, 1], seed=0)
                other.fit(X, Y, epochs=1, batch_size=256, threads=2)
                os._exit(0)
            states.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        stop.set()
        thread.join()
        print(states == [0] * 30)
        """
    )
    assert output == "True\n"


def nested(depth):
    """Each process works, forks one that does the same, and exits with its status."""
    output = run(
        f"""
        def descend(depth):
            work()
            if depth == 0:
                return 0
            pid = os.fork()
            if pid == 0:
                os._exit(descend(depth - 1))
            state = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            work()
            return state
        print(descend({depth}))
        """
    )
    assert output == "0\n"


def test_nested_forks():
    nested(10)


@pytest.mark.slow
@pytest.mark.exhaustive
def test_many_nested_forks():
    nested(200)


def test_a_fork_while_another_thread_trains():
    """The child cannot know how far the parent's thread was, but other networks work."""
    output = run(
        """
        import threading
        other = deepnet.Network([64, 256, 256, 1], seed=1)
        thread = threading.Thread(
            target=net.fit, args=(X, Y), kwargs={"epochs": 300, "batch_size": 64, "threads": 2}
        )
        thread.start()
        states = []
        for _ in range(10):
            pid = os.fork()
            if pid == 0:
                net = other
                os._exit(0 if np.isfinite(work()).all() else 1)
            states.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        thread.join()
        print(states)
        """
    )
    assert output == f"{[0] * 10}\n"
