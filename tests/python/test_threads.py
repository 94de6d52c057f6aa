"""The number of threads, set by functions, by the environment and by threadpoolctl."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import deepnet
from deepnet import backends


@pytest.fixture(autouse=True)
def as_before():
    before = deepnet.get_num_threads()
    yield
    deepnet.set_num_threads(before)


def python(program, **environment):
    env = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        env=env | environment,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_the_number_of_threads_is_set(capsys):
    deepnet.set_num_threads(3)
    assert deepnet.get_num_threads() == backends.native.config()["threads"] == 3
    deepnet.show_config()
    assert "native threads 3" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("threads", "error", "words"),
    [
        (0, ValueError, "1 or more"),
        (-2, ValueError, "1 or more"),
        (2.0, TypeError, "whole"),
        (1025, ValueError, "1024"),
    ],
)
def test_numbers_that_make_no_sense(threads, error, words):
    before = deepnet.get_num_threads()
    with pytest.raises(error, match=words):
        deepnet.set_num_threads(threads)
    assert deepnet.get_num_threads() == before


PRINT = "import deepnet; print(deepnet.get_num_threads())"


def test_the_environment():
    assert python(PRINT, DEEPNET_NUM_THREADS="3", OMP_NUM_THREADS="2") == "3"
    assert python(PRINT, OMP_NUM_THREADS="2") == "2"
    assert 1 <= int(python(PRINT)) <= len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    "given",
    [
        "1025",
        *(
            pytest.param(x, marks=pytest.mark.slow)
            for x in ("abc", "0", "-1", "1.5", "4096", "1" * 20, "3 threads")
        ),
    ],
)
def test_a_wrong_environment_is_named(given):
    """At import, with the whole numbers that are possible."""
    for backend in ("native", "numpy"):
        with pytest.raises(AssertionError, match=r"ValueError: DEEPNET_NUM_THREADS is '.*', but .* 1024"):
            python(PRINT, DEEPNET_NUM_THREADS=given, DEEPNET_BACKEND=backend)


@pytest.mark.slow
def test_an_empty_environment_variable_is_none():
    assert python(PRINT, DEEPNET_NUM_THREADS="") == python(PRINT)
    assert python(PRINT, DEEPNET_NUM_THREADS=" 2 ") == "2"


LIMITED = """
with threadpoolctl.threadpool_limits(1):
    print(deepnet.get_num_threads(), end=" ")
print(deepnet.get_num_threads(), end=" ")
with threadpoolctl.threadpool_limits({"deepnet": 2}):
    print(deepnet.get_num_threads(), end=" ")
with threadpoolctl.threadpool_limits(1, user_api="blas"):
    print(deepnet.get_num_threads(), end=" ")
info = [library for library in threadpoolctl.threadpool_info() if library["user_api"] == "deepnet"]
print(len(info), info[0]["num_threads"], info[0]["prefix"])
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "imports",
    [
        "import threadpoolctl, deepnet",
        "import deepnet, threadpoolctl\ndeepnet.threads.register_with_threadpoolctl()",
        "import threadpoolctl, deepnet\ndeepnet.threads.register_with_threadpoolctl()",
        "import contourpy, sklearn, threadpoolctl, deepnet",  # other libraries whose names look alike
    ],
)
def test_threadpoolctl_limits_deepnet(imports):
    assert python(imports + LIMITED, DEEPNET_NUM_THREADS="5") == "1 5 2 5 1 5 _core"


def test_importing_deepnet_imports_no_threadpoolctl():
    assert python("import sys, deepnet; print('threadpoolctl' in sys.modules)") == "False"


def test_an_old_threadpoolctl_is_named():
    program = """
    import sys, types
    import deepnet
    sys.modules["threadpoolctl"] = types.ModuleType("threadpoolctl")
    try:
        deepnet.threads.register_with_threadpoolctl()
    except ImportError as error:
        print(error)
    """
    assert python(program) == "register_with_threadpoolctl needs threadpoolctl 3.2 or newer"


@pytest.mark.parametrize(("units", "output"), [((400, 250, 3), "softmax"), ((513, 257, 1), "identity")])
def test_the_bits_of_a_few_predictions_do_not_depend_on_threads(units, output):
    """Threads share the units of layers that are large enough."""
    net = deepnet.Network(units, "tanh", output, seed=1)
    for m in (1, 3):
        X = np.random.default_rng(m).normal(size=(units[0], m)).astype("float32")
        alone = net.predict(X, threads=1)
        for threads in (2, 3, 7):
            np.testing.assert_array_equal(net.predict(X, threads=threads), alone)
