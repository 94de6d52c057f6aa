"""Train one network on the processes of Ray, and search for the best parameters on them.

    pip install 'deepnet-cpu[sklearn]' ray
    python examples/train_ray.py [--address auto] [--ranks 2]

Without an address, Ray starts on this machine.
"""

import argparse
import secrets
from multiprocessing.connection import Listener
from typing import Any

import joblib
import numpy as np
import ray
from ray.util.joblib import register_ray
from sklearn.model_selection import GridSearchCV

import deepnet
import socket_ranks
import train_mpi
from deepnet.sklearn import MLPClassifier

EXAMPLES, EPOCHS = 20_000, 5


class Rank:
    """One rank, in a process of its own."""

    def __init__(self, rank: int, size: int, key: bytes) -> None:
        self.rank, self.size, self.key = rank, size, key

    def listen(self) -> tuple[str, int]:
        """Return the address of rank 0."""
        self.listener = Listener(("", 0), authkey=self.key)
        return ray.util.get_node_ip_address(), self.listener.address[1]

    def train(self, address: tuple[str, int]) -> tuple[float, list[np.ndarray]]:
        """Train on this rank's part of the examples; return the last loss, and the parameters."""
        comm: Any
        if self.rank == 0:
            comm = socket_ranks.first(self.listener, self.size)
        else:
            comm = socket_ranks.other(address, self.key, self.rank, self.size)
        X, Y = train_mpi.part_of(self.rank, self.size, EXAMPLES)
        net = deepnet.Network([20, 64, 1], seed=0)
        options: dict[str, Any] = {"epochs": EPOCHS, "batch_size": 512, "optimizer": "adam", "seed": 0}
        history = net.fit(X, Y, threads=1, comm=comm, **options)
        return history.loss[-1], list(net.parameters.values())


def main() -> None:
    """Train, then search."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--address", help="of a cluster; default: this machine")
    parser.add_argument("--ranks", type=int, default=2)
    options = parser.parse_args()
    for module in (socket_ranks, train_mpi):  # which other machines need not have
        ray.cloudpickle.register_pickle_by_value(module)
    here: dict[str, Any] = {"num_cpus": options.ranks, "include_dashboard": False}
    if options.address:
        here = {}
    ray.init(options.address, log_to_driver=False, **here)
    key = secrets.token_bytes(16)
    actor = ray.remote(num_cpus=1)(Rank)
    ranks = [actor.remote(rank, options.ranks, key) for rank in range(options.ranks)]
    address = ray.get(ranks[0].listen.remote())
    (loss, parameters), *others = ray.get([rank.train.remote(address) for rank in ranks])
    same = all(np.array_equal(p, q) for _, theirs in others for p, q in zip(parameters, theirs, strict=True))
    print(f"{options.ranks} ranks: loss {loss:.4f}, {'the same' if same else 'different'} parameters on all")
    for rank in ranks:
        ray.kill(rank)  # their processors are for the search

    X, y = train_mpi.part_of(0, 1, 2000)
    model = MLPClassifier((32,), max_iter=10, n_threads=1, random_state=0)
    search = GridSearchCV(model, {"learning_rate_init": [1e-5, 0.01]}, cv=3)
    register_ray()
    with joblib.parallel_config("ray"):
        search.fit(X.T, y)
    print(f"best of the search: {search.best_params_}")
    ray.shutdown()


if __name__ == "__main__":
    main()
