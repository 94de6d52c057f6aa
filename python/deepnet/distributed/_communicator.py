"""What training on several processes needs of whatever joins them, and the case of a single process."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from deepnet.activations import Array

METHODS = ("allreduce_", "bcast_", "allgather", "barrier", "abort")


@runtime_checkable
class Communicator(Protocol):
    """Processes, or threads, that call the same methods in the same order.

    :func:`deepnet.distributed.mpi` returns one for MPI. An object of your own needs these attributes and
    methods only. Each call is made by every rank, and returns when the ranks that it needs have made it, too.

    Attributes
    ----------
    rank : int
        The number of this process, from 0.
    size : int
        The number of processes.

    Notes
    -----
    Three more attributes are read if there are any: `deterministic`, False by default, and `check_every`, 100
    by default, which mean what they do for :func:`deepnet.distributed.mpi`; and `shares_memory`, False by
    default: if it is True and all ranks are on one machine, they add up gradients in memory that they share,
    and meet in `barrier`. If there is a method
    ``iallreduce_(array)``, which begins what `allreduce_` does and returns an object whose ``wait()`` returns
    when the array has the sum, sums overlap with the computation.

    Examples
    --------
    >>> isinstance(deepnet.distributed.OneProcess(), deepnet.distributed.Communicator)
    True
    """

    @property
    def rank(self) -> int:
        """The number of this process, from 0."""

    @property
    def size(self) -> int:
        """The number of processes."""

    def allreduce_(self, array: Array) -> None:
        """Replace the array, float32 or float64 of one dimension, by the sum of those of all ranks.

        Every rank must get the same bits.
        """

    def bcast_(self, array: Array, root: int) -> None:
        """Replace the array by that of the rank `root`."""

    def allgather(self, value: Any) -> list[Any]:
        """Return the values of all ranks, in their order: arrays, and what can be pickled."""

    def barrier(self) -> None:
        """Return when every rank has called it."""

    def abort(self, message: str) -> None:
        """End the other ranks, which may wait in one of the other methods, and show them the message."""


class OneProcess:
    """The communicator of a program that runs alone: rank 0 of 1. Training with it is training without.

    Examples
    --------
    >>> comm = deepnet.distributed.OneProcess()
    >>> comm.rank, comm.size, comm.allgather("a")
    (0, 1, ['a'])
    """

    rank, size = 0, 1

    def allreduce_(self, array: Array) -> None:
        """Do nothing: the array is the sum."""

    def bcast_(self, array: Array, root: int) -> None:
        """Do nothing."""

    def allgather(self, value: Any) -> list[Any]:
        """Return a list of this value."""
        return [value]

    def barrier(self) -> None:
        """Do nothing."""

    def abort(self, message: str) -> None:
        """Do nothing: this process is the only one."""


def checked(comm: Any) -> Any:
    """Return a communicator, or raise a TypeError that says what it lacks."""
    missing = [name for name in METHODS if not callable(getattr(comm, name, None))]
    missing += [name for name in ("rank", "size") if not isinstance(getattr(comm, name, None), int)]
    if missing:
        raise TypeError(
            f"comm is {type(comm).__name__}, which lacks {', '.join(missing)}: give "
            "deepnet.distributed.mpi(), or an object with the methods of deepnet.distributed.Communicator"
        )
    return comm
