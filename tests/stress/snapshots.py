"""Copies of a network that another thread trains: each must be of one moment between two updates.

Every update multiplies all weights by one factor: the gradient is 0, but the weights decay. So the entries of
a copy are equal, unless it mixes two updates.
"""

import copy
import itertools
import os
import pickle
import tempfile
import threading
from functools import partial

import numpy as np

import deepnet
from children import room, run_child

X, Y = np.zeros((32, 16), np.float32), np.zeros((1, 16), np.float32)


def plan(short):
    parts, count = (2, 100) if short else (10, 1000)
    return [
        partial(run_child, "snapshots", "beside_training", count, number % 5 == 4) for number in range(parts)
    ]


def shrinking_network():
    net = deepnet.Network([32, 128, 128, 1], "relu", output="identity", seed=0)
    for name, array in net.parameters.items():
        array[...] = 1 if name[0] == "W" else 0
    return net


def beside_training(result, count, custom):
    """`custom`: by a loss in Python, whose updates are made in NumPy."""
    net, stop = shrinking_network(), threading.Event()
    loss = "mean_squared_error"
    if custom:
        loss = deepnet.losses.Loss("own", "", lambda A, Y, _: (A - Y) ** 2, lambda A, Y, _: 2 * (A - Y))
    optimizer = deepnet.AdamW(1e-3, weight_decay=1e-2)

    def train():
        while not stop.is_set():
            net.fit(X, Y, epochs=20, batch_size=8, loss=loss, optimizer=optimizer, threads=1)

    with tempfile.TemporaryDirectory(dir=room()) as folder:
        path = os.path.join(folder, "net")

        def saved():
            net.save(path)
            return deepnet.load(path)

        ways = {
            "deepcopy": lambda: copy.deepcopy(net),
            "save": saved,
            "astype": lambda: net.astype("float64"),
            "pickle": lambda: pickle.loads(pickle.dumps(net)),
        }
        thread = threading.Thread(target=train)
        thread.start()
        seen = set()
        for way in itertools.islice(itertools.cycle(ways), count):
            parameters = ways[way]().parameters
            values = np.unique(np.concatenate([parameters[f"W{layer}"].ravel() for layer in (1, 2, 3)]))
            result.trial()
            if len(values) > 1:
                result.fault("wrong results", f"{way} mixes updates: {values}")
            seen.add(float(values[0]))
        stop.set()
        thread.join()
    result.outcomes["different moments"] += len(seen)
    if len(seen) < count // 10:
        result.fault("wrong results", f"only {len(seen)} different snapshots: nothing was trained meanwhile")
