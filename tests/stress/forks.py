"""Forks at every moment of a training run: child and parent call every public method, and end their runs."""

import copy
import os
import pickle
import sys
import tempfile
import threading
import time
import warnings
from functools import partial

import numpy as np

import deepnet
from children import room, run_child

warnings.simplefilter("ignore", DeprecationWarning)  # Python warns when a process with threads forks
X = np.random.default_rng(0).standard_normal((8, 64)).astype(np.float32)
Y = X[:1] > 0
RUN = {"epochs": 3, "batch_size": 8, "seed": 1, "threads": 2}
TRAINING = 2  # methods that are refused while a run goes on


def plan(short):
    scale = 10 if short else 1
    return [
        partial(run_child, "forks", "in_callbacks", 60 // scale),
        partial(run_child, "forks", "in_progress_reports", 60 // scale),
        partial(run_child, "forks", "beside_threads", 60 // scale),
    ]


def every_method(net, folder):
    """Call each public method; return how many are refused since a run goes on."""
    refused = 0

    for call in (lambda: net.fit(X, Y, **RUN), lambda: net.train_on_batch(X, Y)):
        try:
            call()
        except RuntimeError as error:
            refused += "being trained" in str(error)
    net.parameters = {name: array.copy() for name, array in net.parameters.items()}
    assert np.isfinite(net.predict(X)).all()
    assert np.isfinite(net.evaluate(X, Y))
    assert np.isfinite(net.loss_and_grads(X, Y)[0])
    path = os.path.join(folder, str(os.getpid()))
    net.save(path)
    copies = [
        deepnet.load(path),
        copy.deepcopy(net),
        pickle.loads(pickle.dumps(net)),
        net.astype("float32"),
        deepnet.Network.from_parameters(dict(net.parameters), net.activations),
    ]
    os.unlink(path)
    for one in copies:
        assert one.train_on_batch(X, Y) > 0
    assert (net.layer_dims, net.dtype, net.input_scale, net.input_dropout) == (
        (8, 32, 16, 1),
        "float32",
        1,
        0,
    )
    return refused


class Forks:
    """Forks a process; the child goes on as the parent would, and ends at `end_of_child`."""

    def __init__(self, result, folder):
        self.result, self.folder, self.parent = result, folder, os.getpid()

    def fork(self, net, refused):
        pid = os.fork()
        try:
            expected = every_method(net, self.folder) if pid == 0 or refused else refused
            assert expected == refused, (expected, refused)
        except BaseException as error:
            if os.getpid() == self.parent:
                raise
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(3)
        if pid:
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            if os.getpid() != self.parent:
                if code:
                    os._exit(code if code > 0 else 4)
                return
            self.result.trial()
            self.result.ended(code, "a child of a fork")

    def end_of_child(self, net):
        """What is left of the run that a child returned into must be as good as the parent's."""
        try:
            assert every_method(net, self.folder) == 0
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(5)
        if os.getpid() != self.parent:
            os._exit(0)


def in_callbacks(result, times):
    with tempfile.TemporaryDirectory(dir=room()) as folder:
        forks, net = Forks(result, folder), deepnet.Network([8, 32, 16, 1], seed=0)
        for _ in range(times):
            net.fit(X, Y, callbacks=[lambda net, history: forks.fork(net, TRAINING)], **RUN)
            forks.end_of_child(net)


def in_progress_reports(result, times):
    with tempfile.TemporaryDirectory(dir=room()) as folder:
        forks, net = Forks(result, folder), deepnet.Network([8, 32, 16, 1], seed=0)
        while result.counts["trials"] < times:
            reports = []

            def report(done, steps, reports=reports):
                if not reports:
                    reports.append(done)
                    forks.fork(net, TRAINING)

            net.fit(X, Y, epochs=10**4, batch_size=8, threads=2, progress=report)
            forks.end_of_child(net)


def beside_threads(result, times):
    with tempfile.TemporaryDirectory(dir=room()) as folder:
        forks, net, stop = Forks(result, folder), deepnet.Network([8, 32, 16, 1], seed=0), threading.Event()

        def forever(call):
            while not stop.is_set():
                call()

        others = [
            threading.Thread(target=forever, args=(lambda: net.fit(X, Y, **RUN),)),
            threading.Thread(target=forever, args=(lambda: net.predict(X),)),
        ]
        for thread in others:
            thread.start()
        for _ in range(times):
            forks.fork(net, 0)
            if os.getpid() != forks.parent:
                forks.end_of_child(net)
            time.sleep(0.001)
        stop.set()
        for thread in others:
            thread.join()
