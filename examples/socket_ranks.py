"""Ranks joined by sockets, for ``net.fit(..., comm=...)``, whatever starts them: train_dask.py, train_ray.py.

Rank 0 adds up and hands out. Between few machines that is enough; MPI (train_mpi.py) is faster.
"""

from multiprocessing.connection import Client, Connection, Listener
from typing import Any

import numpy as np


class SocketRanks:
    """A deepnet.distributed.Communicator; :func:`first` and :func:`other` make it.

    A rank that ends closes its connections, so that the others raise an EOFError and end, too.
    """

    def __init__(self, rank: int, size: int, connections: list[Connection]) -> None:
        self.rank, self.size = rank, size
        self._connections = connections  # of rank 0 to ranks 1, 2, ...; of another to rank 0

    def allreduce_(self, array: np.ndarray) -> None:
        """Replace the array by the sum of those of all ranks."""
        if self.rank == 0:
            part = np.empty_like(array)
            for connection in self._connections:
                connection.recv_bytes_into(part)
                array += part
            for connection in self._connections:
                connection.send_bytes(array.data)
        else:
            self._connections[0].send_bytes(array.data)
            self._connections[0].recv_bytes_into(array)

    def allgather(self, value: Any) -> list[Any]:
        """Return the values of all ranks, in their order."""
        if self.rank > 0:
            self._connections[0].send(value)
            values: list[Any] = self._connections[0].recv()
            return values
        values = [value, *(connection.recv() for connection in self._connections)]
        for connection in self._connections:
            connection.send(values)
        return values

    def bcast_(self, array: np.ndarray, root: int) -> None:
        """Replace the array by that of the rank `root`."""
        array[...] = self.allgather(array if self.rank == root else None)[root]

    def barrier(self) -> None:
        """Return when every rank has called it."""
        self.allgather(None)

    def abort(self, message: str) -> None:
        """Let the other ranks fail in their next call."""
        print(f"rank {self.rank} ends all: {message}")
        for connection in self._connections:
            connection.close()


def first(listener: Listener, size: int) -> SocketRanks:
    """Wait for all others, and return rank 0."""
    ranks = dict[int, Connection]()
    while len(ranks) < size - 1:
        connection = listener.accept()
        ranks[connection.recv()] = connection
    return SocketRanks(0, size, [ranks[rank] for rank in range(1, size)])


def other(address: tuple[str, int], key: bytes, rank: int, size: int) -> SocketRanks:
    """Connect to rank 0, and return another rank."""
    connection = Client(address, authkey=key)
    connection.send(rank)
    return SocketRanks(rank, size, [connection])
