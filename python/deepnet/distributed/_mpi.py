"""The communicator of MPI, and a watchdog that ends a job in which a rank does not move any more."""

from __future__ import annotations

import atexit
import itertools
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from deepnet._extras import needs
from deepnet._numbers import real
from deepnet._validation import options as option
from deepnet.activations import Array

from . import _watcher
from .together import CHECK_EVERY

BEATS = 0.5  # seconds between two signs of life
SECONDS = 8.0  # without one, after which a rank counts as stopped
ABORTED = 1  # the exit code
FINALIZE = "MPI4PY_RC_FINALIZE"  # the environment variable that tells mpi4py whether to finalise MPI
_NUMBERS = itertools.count()  # of the watchdogs of this process, made in the same order on all ranks


class MPICommunicator:
    """The ranks of an MPI job; :func:`mpi` makes it.

    Attributes
    ----------
    rank, size : int
    comm : mpi4py.MPI.Comm
        What it communicates with: a duplicate of the one that it was given.
    deterministic, check_every, timeout
        As given.
    """

    shares_memory = True  # if all ranks are on one machine

    def __init__(self, comm: Any, deterministic: bool, check_every: int, timeout: float | None) -> None:
        from mpi4py import MPI

        self._mpi = MPI
        self.comm = comm.Dup()
        self.rank, self.size = int(comm.rank), int(comm.size)
        self.deterministic, self.check_every, self.timeout = deterministic, check_every, timeout
        self.waiting: tuple[str, float] | None = None  # for the others, in what and since when
        self._open = list[Any]()  # sums that have begun
        self._process = os.getpid()
        self._watchdog = None
        if timeout is not None and self.size > 1 and MPI.Query_thread() == MPI.THREAD_MULTIPLE:
            self._watchdog = _Watchdog(self, comm.Dup(), timeout)

    @contextmanager
    def _waits(self, name: str) -> Iterator[None]:
        self.waiting = name, time.monotonic()
        try:
            yield
        finally:
            self.waiting = None

    def allreduce_(self, array: Array) -> None:
        """Replace the array by the sum of those of all ranks."""
        with self._waits("allreduce_"):
            self.comm.Allreduce(self._mpi.IN_PLACE, array)

    def iallreduce_(self, array: Array) -> Pending:
        """Begin to replace the array by the sum of those of all ranks, and return at once."""
        self._mpi.Request.Testall(self._open)  # many libraries go on with messages in calls only
        self._open = [request for request in self._open if request]
        self._open.append(self.comm.Iallreduce(self._mpi.IN_PLACE, array))
        return Pending(self, self._open[-1])

    def bcast_(self, array: Array, root: int) -> None:
        """Replace the array by that of the rank `root`."""
        with self._waits("bcast_"):
            self.comm.Bcast(array, root)

    def allgather(self, value: Any) -> list[Any]:
        """Return the values of all ranks, in their order."""
        with self._waits("allgather"):
            return self._gathered(value)

    def _gathered(self, value: Any) -> list[Any]:
        if not isinstance(value, np.ndarray):
            return self.comm.allgather(value)  # type: ignore[no-any-return]  # mpi4py: any
        kinds = self.comm.allgather((value.shape, value.dtype))
        parts = [np.empty(shape, dtype) for shape, dtype in kinds]
        if len(set(kinds)) == 1:
            whole = np.empty((self.size, *value.shape), value.dtype)
            self.comm.Allgather(np.ascontiguousarray(value), whole)
            return list(whole)
        for root, part in enumerate(parts):
            if root == self.rank:
                part[...] = value
            self.comm.Bcast(part, root)
        return parts

    def barrier(self) -> None:
        """Return when every rank has called it."""
        with self._waits("barrier"):
            self.comm.Barrier()

    def abort(self, message: str) -> None:
        """Write the message to stderr and end all processes of the job, this one, too.

        A forked child is none of them.
        """
        if os.getpid() != self._process:
            return
        print(f"deepnet: {message}", file=sys.stderr, flush=True)
        if self._watchdog is not None:
            self._watchdog.says(_watcher.ABORTS)
        self.comm.Abort(ABORTED)

    def __deepcopy__(self, memo: dict[int, Any]) -> MPICommunicator:
        return self  # scikit-learn copies the parameters of what it clones

    def __repr__(self) -> str:
        return f"<MPI: rank {self.rank} of {self.size}>"


class Pending:
    """A sum that has begun."""

    def __init__(self, owner: MPICommunicator, request: Any) -> None:
        self._owner, self._request = owner, request

    def wait(self) -> None:
        """Return when the array has the sum."""
        with self._owner._waits("allreduce_"):
            self._request.Wait()


def mpi(
    comm: Any = None,
    *,
    deterministic: bool = False,
    check_every: int = CHECK_EVERY,
    timeout: float | None = SECONDS,
) -> MPICommunicator:
    """Return the communicator of this MPI job: a program started by ``mpiexec -n 4 python train.py``.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm, optional
        ``MPI.COMM_WORLD`` by default. Every one of its ranks must make this call.
    deterministic : bool
        Add up in the order of the ranks. The result then depends neither on the MPI library nor on timing,
        but each rank receives the gradients of all others.
    check_every : int
        After so many steps, and at the end, all ranks compare a checksum of their parameters.
    timeout : float or None
        A rank that gives no sign of life for so many seconds, since it was stopped or its machine was lost,
        ends the job with a message that names it. A rank that computes for longer is alive. None: wait.

    Returns
    -------
    comm : MPICommunicator

    Raises
    ------
    ImportError
        If mpi4py is missing: ``pip install 'deepnet-cpu[mpi]'``.
    ValueError, TypeError
        If an argument does not fit: ``check_every is 0, but must be 1 or more``.

    Examples
    --------
    >>> deepnet.distributed.mpi()  # doctest: +SKIP
    <MPI: rank 0 of 4>
    """
    deterministic = option.flag("deterministic", deterministic)
    check_every = option.whole("check_every", check_every, 1)
    seconds = None if timeout is None else real("timeout", timeout, low=0, dtype=np.dtype(np.float64))
    MPI = _loaded()
    return MPICommunicator(MPI.COMM_WORLD if comm is None else comm, deterministic, check_every, seconds)


def _loaded() -> Any:
    """Return mpi4py's module MPI. If nobody has loaded it before, deepnet finalises MPI at the end.

    mpi4py would do so in forked children, too, where MPI waits for the other ranks for ever.
    """
    with needs("mpi", "distributed.mpi"):
        import mpi4py

    ours = "mpi4py.MPI" not in sys.modules and mpi4py.rc.finalize is None and FINALIZE not in os.environ
    if ours:
        mpi4py.rc.finalize = False
    from mpi4py import MPI

    if ours:
        atexit.register(_finalize, MPI, os.getpid())
    return MPI


def _finalize(MPI: Any, process: int) -> None:
    if os.getpid() == process and not MPI.Is_finalized():
        MPI.Finalize()


class _Watchdog(threading.Thread):
    """Tells the other ranks twice a second that this one is alive, and looks whether they are."""

    def __init__(self, owner: MPICommunicator, comm: Any, timeout: float) -> None:
        super().__init__(name="deepnet watchdog", daemon=True)
        self._owner, self._comm, self._timeout = owner, comm, timeout
        self._places = comm.allgather((socket.gethostname(), os.getpid()))
        self._number = next(_NUMBERS)
        self._others = [rank for rank in range(owner.size) if rank != owner.rank]
        self._leaving = set[int]()
        self._end = threading.Event()
        self._watcher = self._connected()
        atexit.register(self._finish)  # before MPI is finalised
        self.start()

    def _connected(self) -> Any:
        """Return a connection to the process that watches the ranks of this machine, if there is one."""
        if not _watcher.available():
            return None
        host, pid = self._places[self._owner.rank]
        here = [pid for name, pid in self._places if name == host]
        name = f"deepnet-{host}-{here[0]}-{self._number}"
        with suppress(OSError):  # then no rank can connect
            if here[0] == pid:
                _watcher.start(name, len(here), len(self._places) - len(here), self._timeout)
        self._comm.Barrier()
        with suppress(OSError):
            return _watcher.connected(name, self._owner.rank)
        return None

    def says(self, what: bytes) -> None:
        """Tell the watching process that this one ends by itself, or ends the job with its own message."""
        if self._watcher is not None:
            with suppress(OSError):  # it has ended
                self._watcher.sendall(what)

    def run(self) -> None:
        seen = dict.fromkeys(self._others, time.monotonic())
        last = time.monotonic()
        while not self._end.wait(BEATS):
            now = time.monotonic()
            if now - last > self._timeout / 2:  # this process was stopped itself: the others are not
                seen = dict.fromkeys(self._others, now)
            last = now
            self._tell(b"+")
            for rank in self._heard():
                seen[rank] = now
            waiting = self._owner.waiting
            if self._leaving and waiting is not None and now - waiting[1] > self._timeout:
                self._owner.abort(
                    f"rank {min(self._leaving)} has ended, but rank {self._owner.rank} waits for it in "
                    f"{waiting[0]}"
                )
            silent = [r for r in self._others if r not in self._leaving and now - seen[r] > self._timeout]
            if silent:
                self._owner.abort(
                    f"{self._called(silent[0])} gave no sign of life for {self._timeout:g} s: "
                    "it was stopped, or its machine was lost"
                )

    def _called(self, rank: int) -> str:
        host, pid = self._places[rank]
        return f"rank {rank} (process {pid} on {host})"

    def _tell(self, sign: bytes) -> None:
        for rank in self._others:
            if rank not in self._leaving:
                self._comm.Send(np.frombuffer(sign, np.uint8), dest=rank)

    def _heard(self) -> set[int]:
        from mpi4py import MPI

        found, status, sign = set[int](), MPI.Status(), np.empty(1, np.uint8)
        while self._comm.Iprobe(MPI.ANY_SOURCE, MPI.ANY_TAG, status):
            source = status.Get_source()
            self._comm.Recv(sign, source=source)
            if sign[0] == ord("-"):
                self._leaving.add(source)
            found.add(source)
        return found

    def _finish(self) -> None:
        """Say goodbye, so that the others do not wait for the next sign. A forked child says nothing."""
        if os.getpid() != self._owner._process:
            return
        self._end.set()
        self.join()
        self._tell(b"-")
        self.says(_watcher.LEAVES)
