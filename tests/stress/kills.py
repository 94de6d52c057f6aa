"""Kills and failing system calls: no file is ever unreadable, and a run that goes on ends with the same bits.

Runs are children of fork, which start at once. One save is traced by strace, which makes each of its system
calls fail in turn: by SIGKILL, a full disk (ENOSPC) or a broken one (EIO).
"""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np

import deepnet
from children import room, run_child
from deepnet import callbacks, schedules

X = np.random.default_rng(0).normal(size=(20, 400)).astype(np.float32)
Y = X[0] * X[1] > 0


def plan(short):
    kills = 8 if short else 250
    return [
        *(partial(run_child, "kills", "killed_runs", kills, seed) for seed in range(len(TRAIN))),
        *(partial(run_child, "kills", "failing_calls", short, fault) for fault in FAULTS_OF_CALLS),
    ]


# --- runs ---------------------------------------------------------------------------------------------------


def train_network(path):
    """Train, or go on; return all that must not depend on kills."""
    layers = [
        20,
        deepnet.Dense(32, "relu", dropout=0.1),
        deepnet.Dense(32, "tanh", l2=1e-4),
        deepnet.Dense(1),
    ]
    net = deepnet.Network(layers, seed=1)
    checkpoint = callbacks.ModelCheckpoint(path)
    history = net.fit(
        X,
        Y,
        epochs=40,
        batch_size=16,
        optimizer=deepnet.Adam(schedules.CosineDecay(0.01)),
        seed=2,
        validation_data=np.arange(50),
        metrics=["accuracy"],
        callbacks=[callbacks.EarlyStopping(20), checkpoint],
        threads=1,
        resume_from=checkpoint.latest(),
    )
    return repr(history.curves()).encode() + b"".join(p.tobytes() for p in net.parameters.values())


def train_estimator(path):
    """Do the same with an estimator."""
    from deepnet.sklearn import MLPClassifier

    checkpoint = callbacks.ModelCheckpoint(path)
    model = MLPClassifier((32, 32), early_stopping=True, max_iter=40, n_iter_no_change=40, batch_size=16)
    model.set_params(dropout=0.1, random_state=2, callbacks=[checkpoint], n_threads=1)
    with warnings.catch_warnings(action="ignore"):  # that 40 epochs are too few
        model.fit(X.T, Y, resume_from=checkpoint.latest())
    scores = repr((model.loss_curve_, model.validation_scores_, model.n_iter_))
    return scores.encode() + b"".join(p.tobytes() for p in model.network_.parameters.values())


TRAIN = (train_network, train_estimator)  # by the number of the part


def killed_runs(result, kills, seed):
    """Kill runs at random moments, one after the other, until so many kills; each run ends in the end."""
    draw, train = random.Random(seed), TRAIN[seed]
    with tempfile.TemporaryDirectory(dir=room()) as folder:
        path, ended = Path(folder, "run"), Path(folder, "result")
        train(path)
        path.unlink()
        begin = time.monotonic()
        expected = train(path)
        whole, count = time.monotonic() - begin, 0
        while count < kills:
            path.unlink(missing_ok=True)
            for _ in range(draw.randint(1, 4)):
                count += killed(result, train, path, draw.uniform(0, whole))
            code = forked(lambda: ended.write_bytes(train(path)))
            result.trial("resumed")
            if code:
                result.fault("foreign exceptions", f"a run that goes on ended with {code}")
            elif ended.read_bytes() != expected:
                result.fault("wrong results", "a run that goes on ends with other bits")
            left = {entry.name for entry in Path(folder).iterdir()} - {"run", "result"}
            if left:
                result.fault("lost files", f"a run that ended leaves {left}")


def killed(result, train, path, seconds):
    """Kill a run after so long; return whether it was still there. Its file must be one that loads."""
    child = os.fork()
    if child == 0:
        quietly(lambda: train(path))
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    was_killed = os.WIFSIGNALED(status)
    result.trial("killed" if was_killed else "ended before")
    if path.exists():
        try:
            deepnet.load(path)
        except Exception as error:
            result.fault("lost files", f"after a kill: {error!r}"[:300])
    return was_killed


def forked(function):
    child = os.fork()
    if child == 0:
        quietly(function)
    return os.waitpid(child, 0)[1]


def quietly(function):
    """Call a function in a child of fork, which ends then."""
    try:
        function()
        os._exit(0)
    except BaseException as error:
        print(f"{error!r}"[:500], file=sys.stderr)
        os._exit(1)


# --- system calls -------------------------------------------------------------------------------------------

FAULTS_OF_CALLS = {
    "signal=KILL": None,
    "error=ENOSPC": "No space left on device",
    "error=EIO": "Input/output error",
}
ATTEMPTS = 10  # at a call of the save, which is found by its number among those of the process
PROGRAM = """
import os, sys, deepnet
new = deepnet.Network([3, 40, 1], seed=2)
new.save(sys.argv[2])  # so that all modules are loaded
os.unlink(sys.argv[2])
os.access("/begin", 0)
try:
    new.save(sys.argv[1])
except OSError as error:
    print(error)
    sys.exit(3)
finally:
    os.access("/end", 0)
"""
CALLS = {
    *("open", "openat", "creat", "read", "pread64", "write", "writev", "pwrite64", "lseek", "close"),
    *("fsync", "fdatasync", "rename", "renameat", "renameat2", "unlink", "unlinkat", "flock", "fcntl"),
    *("fchmod", "fchown", "stat", "lstat", "fstat", "newfstatat", "statx", "readlink"),
}
LINE = re.compile(r"^(?:\[pid +\d+\] |\d+ +)?(\w+)\(")


def failing_calls(result, short, fault):
    """Make each system call of one save fail; the old network or the new one is there, and nothing else."""
    if not can_trace():
        result.trial("skipped: strace is not allowed here")
        return
    message = FAULTS_OF_CALLS[fault]
    with tempfile.TemporaryDirectory(dir=room()) as around:
        folder = Path(around, "folder")
        folder.mkdir()
        path = folder / "net"
        deepnet.Network([3, 40, 1], seed=1).save(path)
        old = path.read_bytes()
        calls = calls_of_save(path)
        new = path.read_bytes()
        for place, (name, number) in enumerate(calls):
            if short and place % 6:
                continue
            for _ in range(ATTEMPTS):
                path.write_bytes(old)
                traced = run_traced(path, f"inject={name}:{fault}:when={number}")
                if failed_within_save(traced.stderr):
                    break
                # Another process compiled a module meanwhile, so importing took other calls than before.
                path.write_bytes(old)
                name, number = calls_of_save(path)[place]
            else:
                result.fault("wrong results", f"{fault}: call {place + 1} of the save never failed")
                continue
            result.trial(fault)
            where = f"{fault} at {name} number {number} ({place + 1} of {len(calls)})"
            found, left = path.read_bytes(), sorted(os.listdir(folder))
            if found not in (old, new):
                result.fault("lost files", where)
            deepnet.load(path)
            if message is None:
                if traced.returncode != -signal.SIGKILL and "+++ killed by SIGKILL" not in traced.stderr:
                    result.fault(
                        "wrong results", f"{where}: it was not killed, but ended with {traced.returncode}"
                    )
                for name_left in set(left) - {"net"}:
                    if not re.fullmatch(r"\.net\.[0-9a-f]{8}\.part", name_left):
                        result.fault("lost files", f"{where}: leaves {name_left}")
                    os.unlink(folder / name_left)
                continue
            if left != ["net"]:
                result.fault("lost files", f"{where}: leaves {left}")
            if traced.returncode == 3:
                if message not in traced.stdout or str(path) not in traced.stdout:
                    result.fault("foreign exceptions", f"{where}: {traced.stdout}")
            elif traced.returncode != 0:
                result.fault("foreign exceptions", f"{where}: {traced.returncode} {traced.stdout}")
            elif found != new:
                result.fault("lost files", f"{where}: saved without an error, but the old file is there")


def failed_within_save(trace):
    """Return whether the failing call was one of the save, rather than one before it."""
    _, begun, save = trace.partition('"/begin"')
    return bool(begun) and ("(INJECTED)" in save or '"/end"' not in save)


def can_trace():
    if not shutil.which("strace"):
        return False
    return (
        subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode
        == 0
    )


def run_traced(path, *expressions):
    options = [part for expression in expressions for part in ("-e", expression)]
    traced = ",".join(["access", *(f"?{name}" for name in sorted(CALLS))])  # ?: if this system has it
    command = [sys.executable, "-B", "-c", PROGRAM, str(path), f"{path.parent}.first"]
    return subprocess.run(
        ["strace", "-f", "-e", f"trace={traced}", *options, *command],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1", "DEEPNET_NUM_THREADS": "1"},
    )


def calls_of_save(path):
    """Return each system call of one save: its name, and its number among those of this name."""
    counts, calls, within = dict[str, int](), [], False
    for line in run_traced(path).stderr.splitlines():
        match = LINE.match(line)
        if '"/begin"' in line or '"/end"' in line:
            within = '"/begin"' in line
        elif match and match[1] in CALLS:
            counts[match[1]] = counts.get(match[1], 0) + 1
            if within:
                calls.append((match[1], counts[match[1]]))
    assert len(calls) > 8, calls
    return calls
