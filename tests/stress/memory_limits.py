"""Calls under a limit of memory addresses: MemoryError or the result, and nothing is broken afterwards."""

import copy
import errno
import os
import resource
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

import deepnet
from children import room, run_child
from deepnet import io

LIMITS, PARTS = 50, 10
X = np.random.default_rng(0).standard_normal((64, 4096)).astype(np.float32)
Y = X[:1] > 0


def plan(short):
    parts = (0, 5) if short else range(PARTS)
    return [partial(run_child, "memory_limits", "under_limits", part) for part in parts]


def addresses():
    """The bytes of addresses in use."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def under_limits(result, part):
    net = deepnet.Network([64, 256, 256, 1], seed=0)
    with tempfile.TemporaryDirectory(dir=room()) as folder:
        files = Path(folder)
        net.save(files / "net")
        np.savez(files / "rows.npz", train_x=X.T, train_y=Y[0])
        for name in ("cat", "dog"):
            (files / "photos" / name).mkdir(parents=True)
            for i in range(20):
                Image.new("RGB", (300, 300), (9 * i, 80, 120)).save(files / "photos" / name / f"{i}.png")
        io.load(files / "photos")  # Pillow has loaded all that it needs
        Y64, X64 = Y.astype(np.float64), X.astype(np.float64)
        calls = {
            "create": lambda: deepnet.Network([64, 512, 512, 512, 1], seed=0),
            "fit": lambda: net.fit(X, Y, epochs=2, batch_size=512, optimizer="adam", threads=2),
            "predict": lambda: net.predict(X, threads=2),
            "evaluate": lambda: net.evaluate(X, Y, threads=2),
            "copy": lambda: copy.deepcopy(net),
            "save": lambda: net.save(files / "net"),
            "load": lambda: deepnet.load(files / "net"),
            "data": lambda: (io.load(files / "rows.npz"), io.load(files / "photos")),
            "course": lambda: deepnet.L_layer_model(X64, Y64, [64, 64, 1], num_iterations=3),
        }
        for number in range(part, LIMITS, PARTS):
            for name, call in calls.items():
                limited(result, net, files / "net", int(2**16 * 1.2**number), name, call)


def limited(result, net, path, extra, name, call):
    """Run a call in a fork that may use `extra` bytes more."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        outcome = "foreign exceptions, before the call"
        try:
            outcome = outcome_of(net, path, extra, call)
        except BaseException as error:
            outcome = f"foreign exceptions: {error!r}"
        finally:
            os.write(writing, outcome.encode()[:4000])
            os._exit(0)
    os.close(writing)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    outcome = os.read(reading, 4000).decode()
    os.close(reading)
    kind, _, text = outcome.partition(": ")
    result.trial(outcome if outcome in ("done", "MemoryError") else None)
    where = f"{name} with {extra} bytes more"
    result.ended(code, where)
    if outcome not in ("done", "MemoryError", ""):
        result.fault(kind, f"{where}: {text}")


def outcome_of(net, path, extra, call):
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    before = {name: array.tobytes() for name, array in net.parameters.items()}
    resource.setrlimit(resource.RLIMIT_AS, (addresses() + extra, hard))
    outcome = "done"
    try:
        call()
    except MemoryError:
        outcome = "MemoryError"
    except OSError as error:
        if error.errno != errno.ENOMEM:
            raise
        outcome = "MemoryError"
    except io.DataError as error:
        if "memory" not in str(error) and "no sub-folders" not in str(error):
            raise
        outcome = "MemoryError"
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    try:
        loaded = deepnet.load(path)
        if {name: array.tobytes() for name, array in loaded.parameters.items()} != before:
            return "lost files: the file has other parameters"
    except Exception as error:
        return f"lost files: {error!r}"
    if not (np.isfinite(net.predict(X)).all() and np.isfinite(net.train_on_batch(X, Y))):
        return "wrong results: the network no longer works"
    return outcome
