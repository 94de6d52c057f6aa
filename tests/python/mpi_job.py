"""A job for mpiexec, which test_mpi.py starts: python mpi_job.py WHAT, on 2 ranks or 3."""

import importlib
import os
import resource
import signal
import sys
from pathlib import Path

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


def fill_the_disk(comm):
    """Train where rank 0 can write no more than 100 bytes to a file."""
    if comm.rank == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    trained(comm, callbacks=[deepnet.callbacks.ModelCheckpoint(Path(sys.argv[2], "run"))])


def give_other_shapes(comm):
    X, Y = part(comm)
    network().fit(X[: 5 - comm.rank], Y, comm=comm)


def stop_at_the_end(comm):
    """Stop rank 1 when it has said goodbye, and the other waits for it in MPI_Finalize."""
    MPI = importlib.import_module("mpi4py.MPI")
    finalize = MPI.Finalize

    def stop():
        os.kill(os.getpid(), signal.SIGSTOP)
        finalize()

    if comm.rank == 1:
        MPI.Finalize = stop


def leave_from_a_child(comm):
    """Fork a child that ends by sys.exit, and one that returns, both while the rank goes on."""
    codes = []
    for code in (3, 0):
        child = os.fork()
        if child == 0:
            if code:
                sys.exit(code)
            return
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    assert comm.allgather(codes) == [[3, 0]] * comm.size
    trained(comm)


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
    elif what == "disk":
        fill_the_disk(comm)
    elif what == "stop at the end":
        stop_at_the_end(comm)
    elif what == "fork":
        leave_from_a_child(comm)
    elif what == "shapes":
        give_other_shapes(comm)


if __name__ == "__main__":
    main()
