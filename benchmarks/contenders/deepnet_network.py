"""deepnet.Network: whole runs (fit), and one update or prediction per call (train_on_batch, predict)."""

import numpy as np

import deepnet
from deepnet import _core
from tasks import Job

NAME = "deepnet"


def versions():
    config = deepnet.backends.native.config()
    return {"deepnet": f"{config['version']} ({config['isa']}, {config['compiler']})"}


def peak(dtype, threads):
    return _core.measure_peak(dtype, threads)


def result_of(network):
    return lambda: {name: value.copy() for name, value in network.parameters.items()}


def steps(task):
    X, Y, parameters = task.data()
    network = deepnet.Network.from_parameters(parameters)
    options = {"batch_size": task.m, "optimizer": deepnet.SGD(task.learning_rate), "threads": task.threads}
    return Job(lambda n: network.fit(X, Y, epochs=n, shuffle=False, **options), result_of(network))


def recipes(task):
    X, Y, parameters = task.data()
    network = deepnet.Network(task.units, output="softmax", dropout=task.dropout, l2=task.l2)
    network.parameters = parameters
    optimizer = deepnet.Adam(task.learning_rate) if task.adam else deepnet.SGD(task.learning_rate)
    options = {"batch_size": task.m, "optimizer": optimizer, "threads": task.threads, "seed": 1}
    return Job(lambda n: network.fit(X, Y, epochs=n, shuffle=False, **options), result_of(network))


def calls(task):
    X, Y, parameters = task.data()
    network = deepnet.Network.from_parameters(parameters)
    network.optimizer = deepnet.SGD(task.learning_rate)

    def run(n):
        for _ in range(n):
            network.train_on_batch(X, Y)

    return Job(run, result_of(network))


def predict(task):
    X, _, parameters = task.data()
    network = deepnet.Network.from_parameters(parameters)
    out = np.empty((task.units[-1], task.m), task.dtype)

    def run(n):
        for _ in range(n):
            network.predict(X, out=out)

    return Job(run, lambda: out)


bfloat16_steps, bfloat16_predict = steps, predict  # float32 beside it


def fit(task):
    X, Y = task.table()
    network = deepnet.Network.from_parameters(task.parameters())
    options = {
        "batch_size": task.batch,
        "optimizer": deepnet.SGD(task.learning_rate),
        "threads": task.threads,
    }
    if X.dtype == np.uint8:
        options["input_scale"] = 1 / 255
    return Job(lambda n: network.fit(X.T, Y.T, epochs=n, seed=1, **options), result_of(network))
