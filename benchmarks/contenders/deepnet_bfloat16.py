"""deepnet.Network with compute="bfloat16"."""

import functools

import numpy as np

import deepnet
from contenders import deepnet_network
from tasks import Job

NAME = "deepnet, bfloat16"
network_of = functools.partial(deepnet.Network.from_parameters, compute="bfloat16")


def versions():
    return {"bfloat16": deepnet.backends.native.config()["bfloat16"]}


def bfloat16_steps(task):
    X, Y, parameters = task.data()
    network = network_of(parameters)
    options = {"batch_size": task.m, "optimizer": deepnet.SGD(task.learning_rate), "threads": task.threads}
    run = functools.partial(network.fit, X, Y, shuffle=False, **options)
    return Job(lambda n: run(epochs=n), deepnet_network.result_of(network))


def bfloat16_predict(task):
    X, _, parameters = task.data()
    network, out = network_of(parameters), np.empty((task.units[-1], task.m), task.dtype)

    def run(n):
        for _ in range(n):
            network.predict(X, out=out, threads=task.threads)

    return Job(run, lambda: out)
