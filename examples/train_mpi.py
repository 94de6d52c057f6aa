"""Train one network on several processes, on one machine or many.

    mpiexec -n 2 python examples/train_mpi.py

Every rank makes its own part of the examples here; a real program reads it, from a numpy.memmap for example.
"""

import argparse

import numpy as np

import deepnet


def part_of(rank: int, ranks: int, examples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return this rank's part of the examples: points, and which are far from the origin."""
    own = range(examples * rank // ranks, examples * (rank + 1) // ranks)
    X = np.random.default_rng(rank).standard_normal((20, len(own)), np.float32)
    return X, np.square(X).sum(axis=0) > 19.3  # the median


def main() -> None:
    """Train, and let rank 0 report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=200_000)
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    comm = deepnet.distributed.mpi()
    X, Y = part_of(comm.rank, comm.size, options.examples)
    held_out = X.shape[1] // 10
    net = deepnet.Network([20, 128, 64, 1], seed=0)
    history = net.fit(
        X[:, held_out:],
        Y[held_out:],
        validation_data=(X[:, :held_out], Y[:held_out]),
        epochs=options.epochs,
        batch_size=1024,
        optimizer=deepnet.Adam(0.003),
        metrics=["accuracy"],
        seed=0,
        comm=comm,
    )
    if comm.rank == 0:
        print(f"{comm.size} ranks: {history}")
        print(f"accuracy on examples held out: {history.validation_metrics['accuracy'][-1]:.4f}")


if __name__ == "__main__":
    main()
