"""Every allocation of a native call fails in turn: each is a MemoryError, and the network works afterwards.

Those of C++ fail through a library that is preloaded, those of Python through `_testcapi` where there is one.
"""

import contextlib
import copy
import ctypes
import os
import subprocess
import tempfile
import threading
from functools import partial
from pathlib import Path

import numpy as np

import deepnet
from children import run_child
from deepnet import backends

HERE = Path(__file__).resolve().parent
X = np.random.default_rng(0).standard_normal((64, 512)).astype(np.float32)
Y = X[:1] > 0
NATIVE = (
    "create",
    "fit",
    "dropout",
    "not finite",
    "evaluate",
    "gradients",
    "fork",
    "thread",
    "course",
    "copy",
)


def plan(short):
    library = Path(tempfile.mkdtemp()) / "failing_allocations.so"
    command = [os.environ.get("CXX", "c++"), "-std=c++20", "-O1", "-shared", "-fPIC", "-o", str(library)]
    subprocess.run([*command, str(HERE / "failing_allocations.cpp"), "-ldl"], check=True)
    names = NATIVE[:2] if short else NATIVE
    child = partial(run_child, "allocations", preload=library)
    return [
        *(
            partial(child, "native", str(library), name, forever)
            for name in names
            for forever in (False, True)
        ),
        partial(child, "threads", str(library)),
        partial(run_child, "allocations", "python"),
    ]


def native(result, library, name, forever):
    """`forever`: all allocations after the one that fails do so, too."""
    failing = ctypes.CDLL(library)
    failing.fail_allocation.argtypes = [ctypes.c_long, ctypes.c_bool]
    failing.allocation_failed.restype = ctypes.c_bool
    net = deepnet.Network([64, 128, 64, 1], seed=0)
    call = native_calls(net)[name]
    expected = net.predict(X)
    number, goes_on = 0, True
    while goes_on:
        failing.fail_allocation(number, forever)
        error = None
        try:
            call()
        except BaseException as raised:
            error = raised
        goes_on = failing.allocation_failed()
        failing.fail_allocation(-1, False)
        after_failure(result, error, f"{name}, allocation {number} fails", goes_on)
        works(result, net, expected, name)
        number += 1


def native_calls(net):
    parameters = {key: array.astype(float) for key, array in net.parameters.items()}
    X64, Y64 = X.astype(float), Y.astype(float)

    def fit(net=net, X=X):
        net = copy.deepcopy(net)
        net.fit(X, Y, epochs=2, batch_size=128, optimizer="adam", threads=2, callbacks=[lambda *_: None])

    def not_finite():
        with contextlib.suppress(FloatingPointError):
            fit(X=X * np.float32(np.nan))

    def fork():
        pid = os.fork()
        if pid == 0:
            try:
                net.predict(X)
                copy.deepcopy(net).train_on_batch(X, Y)
            except MemoryError:
                pass
            except BaseException:
                os._exit(3)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert code == 0, f"exit code {code} of the child"

    def thread():
        errors = []

        def work():
            try:
                net.predict(X)
                copy.deepcopy(net).train_on_batch(X, Y)
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        for error in errors:
            raise error

    def course():
        AL, caches = deepnet.L_model_forward(X64, parameters)
        grads = deepnet.L_model_backward(AL, Y64, caches)
        deepnet.update_parameters(parameters, grads, 1e-9)
        deepnet.compute_cost(AL, Y64)
        deepnet.L_layer_model(X64, Y64, [64, 8, 1], num_iterations=3)

    return {
        "create": lambda: deepnet.Network([64, 128, 64, 1], dropout=0.3, l2=1e-4, seed=0),
        "fit": fit,
        "dropout": lambda: fit(deepnet.Network([64, 128, 1], dropout=0.3, l2=1e-4, seed=0)),
        "not finite": not_finite,
        "evaluate": lambda: net.evaluate(X, Y),
        "gradients": lambda: net.loss_and_grads(X, Y),
        "fork": fork,
        "thread": thread,
        "course": course,
        "copy": lambda: copy.deepcopy(net),
    }


def after_failure(result, error, where, failed):
    if isinstance(error, MemoryError):
        result.trial("MemoryError")
    elif error is None:
        result.trial("done without it" if failed else "done")
    else:
        result.trial()
        result.fault("foreign exceptions", f"{where}: {error!r}")


def works(result, net, expected, where):
    if net.predict(X).tobytes() != expected.tobytes():
        result.fault("wrong results", f"{where}: the network predicts something else afterwards")
    copy.deepcopy(net).fit(X, Y, epochs=1, batch_size=256)


def threads(result, library):
    """No thread can be created at first: the calls use fewer, with the same bits."""
    failing = ctypes.CDLL(library)
    failing.fail_threads.argtypes = [ctypes.c_bool]
    net = deepnet.Network([64, 512, 512, 1], seed=0)
    alone = copy.deepcopy(net)
    alone.fit(X, Y, epochs=3, batch_size=256, threads=1, seed=1)
    for fails in (True, False):
        failing.fail_threads(fails)
        trained = copy.deepcopy(net)
        trained.fit(X, Y, epochs=3, batch_size=256, threads=4, seed=1)
        result.trial("without threads" if fails else "with threads")
        if trained.predict(X, threads=4).tobytes() != alone.predict(X, threads=1).tobytes():
            result.fault("wrong results", f"other bits, threads {'fail' if fails else 'start'}")


def python(result):
    """The native functions are called directly: the modules between would fail by themselves."""
    try:
        import _testcapi
    except ImportError:
        result.outcomes["no _testcapi: Python's allocations are not tested"] += 1
        return
    net = deepnet.Network([64, 128, 64, 1], seed=0)
    expected = net.predict(X)
    for name, call in python_calls(net).items():
        call()  # a call with wrong arguments would never succeed below
        number = successes = 0
        while successes < 40:  # what Python's own free lists serve does not fail
            error = None
            _testcapi.set_nomemory(number, number + 1)
            try:
                call()
            except BaseException as raised:
                error = raised
            finally:
                _testcapi.remove_mem_hooks()
            after_failure(result, error, f"{name}, Python's allocation {number} fails", False)
            successes = successes + 1 if error is None else 0
            error = None
            number += 1
        works(result, net, expected, name)


def python_calls(net):
    core = backends.native
    settings = net._plan(deepnet.LOSSES["binary_cross_entropy"]).settings(
        core.loss_names(), core.optimizer_names()
    )
    engine, plan = copy.deepcopy(net)._engine, core.Plan(settings)
    options = {
        "epochs": 2,
        "batch_size": 100,
        "learning_rates": np.array([0.01]),
        "shuffle": True,
        "seed": 1,
        "first_epoch": 0,
        "threads": 2,
        "input_scale": 1.0,
    }
    parameters = {key: array.astype(float) for key, array in net.parameters.items()}
    X64, Y64, X_nan = X.astype(float), Y.astype(float), X * np.float32(np.nan)
    AL, caches = core.L_model_forward(X64, parameters, "relu", "sigmoid")
    grads = core.L_model_backward(AL, Y64, caches, None, False, None)
    arguments = (X, Y, None, plan)

    def fit():
        hold = engine.begin_training()
        engine.fit(hold, X, Y, None, plan, options, None)

    def not_finite():
        hold = engine.begin_training()
        try:  # no function between: Python 3.11 has a SystemError where memory runs out while one is left
            engine.fit(hold, X_nan, Y, None, plan, options, None)
        except core.NonFinite:
            return

    return {
        "engine": lambda: core.EngineFloat32([64, 128, 64, 1], ["relu", "relu", "sigmoid"], False),
        "plan": lambda: core.Plan(settings),
        "hold": engine.begin_training,
        "fit": fit,
        "not finite": not_finite,
        "parameters": engine.parameters,
        "copy": engine.copy_parameters,
        "predict": lambda: engine.predict(X, None, 1.0, 2),
        "declined": lambda: engine.predict(X[:3], None, 1.0, 2),
        "train": lambda: engine.train_on_batch(*arguments, 0.01, 1, 1.0, 2),
        "evaluate": lambda: engine.evaluate(*arguments, 1.0, 2),
        "gradients": lambda: engine.loss_and_grads(*arguments, 1.0, 2),
        "forward": lambda: core.L_model_forward(X64, parameters, "relu", "sigmoid"),
        "backward": lambda: core.L_model_backward(AL, Y64, caches, None, False, None),
        "update": lambda: core.update_parameters(parameters, grads, 0.01, None),
        "cost": lambda: core.compute_cost(AL, Y64, None),
        "layer": lambda: core.linear_activation_forward(X64, parameters["W1"], parameters["b1"], "relu"),
        "names": lambda: (core.loss_names(), core.optimizer_names(), core.activation_names(), core.config()),
    }
