"""Train one network on the workers of Dask, and search for the best parameters on them.

    pip install 'deepnet-cpu[sklearn]' distributed
    python examples/train_dask.py [--scheduler tcp://...]

Without a scheduler, two processes of this machine are the workers.
"""

import argparse
import secrets
import socket
from multiprocessing.connection import Listener
from typing import Any

import cloudpickle
import joblib
import numpy as np
from distributed import Client, Variable
from sklearn.model_selection import GridSearchCV

import deepnet
import socket_ranks
import train_mpi
from deepnet.sklearn import MLPClassifier

EXAMPLES, EPOCHS = 20_000, 5


def train(rank: int, size: int, key: bytes) -> tuple[float, list[np.ndarray]]:
    """Train on this rank's part of the examples; return the last loss, and the parameters."""
    address = Variable(f"deepnet-{key.hex()}")
    if rank == 0:
        listener = Listener(("", 0), authkey=key)
        address.set((socket.gethostname(), listener.address[1]))
        comm = socket_ranks.first(listener, size)
    else:
        host, port = address.get()
        comm = socket_ranks.other((host, port), key, rank, size)
    X, Y = train_mpi.part_of(rank, size, EXAMPLES)
    net = deepnet.Network([20, 64, 1], seed=0)
    history = net.fit(X, Y, epochs=EPOCHS, batch_size=512, optimizer="adam", seed=0, threads=1, comm=comm)
    return history.loss[-1], list(net.parameters.values())


def main() -> None:
    """Train, then search."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scheduler", help="its address; default: two processes of this machine")
    options = parser.parse_args()
    for module in (socket_ranks, train_mpi):  # which the workers need not have
        cloudpickle.register_pickle_by_value(module)
    here: dict[str, Any] = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with Client(options.scheduler) if options.scheduler else Client(**here) as client:
        workers = list(client.scheduler_info()["workers"])
        key, size = secrets.token_bytes(16), len(workers)
        runs = [  # one rank on each worker, all at the same time
            client.submit(train, rank, size, key, workers=[worker], allow_other_workers=False, pure=False)
            for rank, worker in enumerate(workers)
        ]
        (loss, parameters), *others = client.gather(runs)
        same = all(
            np.array_equal(p, q) for _, theirs in others for p, q in zip(parameters, theirs, strict=True)
        )
        print(f"{size} ranks: loss {loss:.4f}, {'the same' if same else 'different'} parameters on all")

        X, y = train_mpi.part_of(0, 1, 2000)
        model = MLPClassifier((32,), max_iter=10, n_threads=1, random_state=0)
        search = GridSearchCV(model, {"learning_rate_init": [1e-5, 0.01]}, cv=3)
        with joblib.parallel_config("dask"):
            search.fit(X.T, y)
        print(f"best of the search: {search.best_params_}")


if __name__ == "__main__":
    main()
