"""A job for mpiexec, which test_mpi.py starts: python mpi_job.py WHAT, on 2 ranks or 3."""

import os
import signal
import sys

import numpy as np

import deepnet

CONSTANTS = {"batch_size": 12, "optimizer": deepnet.Adam(0.01), "threads": 1, "seed": 7}


def data():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((5, 48)).astype(np.float32)
    return X, X[:3].argmax(axis=0)


def part(comm):
    X, Y = data()
    own = slice(48 * comm.rank // comm.size, 48 * (comm.rank + 1) // comm.size)
    return X[:, own], Y[own]


def network():
    return deepnet.Network([5, 16, 3], output="softmax", seed=1)


def trained(comm, **options):
    net = network()
    net.fit(*part(comm), comm=comm, epochs=25, **CONSTANTS, **options)
    return net


def hurt(comm, deed):
    """Train until the third epoch, in which the last rank does something."""
    calls = []

    def metric(AL, Y):
        calls.append(0)
        if len(calls) == 3 and comm.rank == comm.size - 1:
            deed()
        return 0.0

    trained(comm, metrics=[metric])


def fail():
    raise ValueError("no such luck")


def main():
    what = sys.argv[1]
    comm = deepnet.distributed.mpi(deterministic=what == "deterministic", timeout=2)
    if what in ("deterministic", "train"):
        net = trained(comm)
        together = comm.allgather([p.tobytes() for p in net.parameters.values()])
        assert all(bits == together[0] for bits in together)
        if comm.rank == 0:
            np.savez(sys.argv[2], **net.parameters)
    elif what == "leave":
        if comm.rank == 1:
            raise OSError("nothing to read")
        trained(comm)
    elif what == "raise":
        hurt(comm, fail)
    elif what == "kill":
        hurt(comm, lambda: os.kill(os.getpid(), signal.SIGKILL))
    elif what == "stop":
        hurt(comm, lambda: os.kill(os.getpid(), signal.SIGSTOP))


if __name__ == "__main__":
    main()
