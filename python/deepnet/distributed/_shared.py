"""Memory that ranks on one machine share, in which they add up their gradients without messages."""

from __future__ import annotations

import mmap
import os
import secrets
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from deepnet.activations import Array

AT_ONCE = 2**14  # numbers that are summed at a time: they stay in a cache
LINE = 16  # numbers: ranks divide the sums at multiples
TOKEN = 64  # bytes before the numbers, which are aligned to as many


class SharedSums:
    """An array of each rank, which the others can read."""

    def __init__(self, comm: Any, parts: list[Array]) -> None:
        self._comm, self._parts = comm, parts
        self.own: Array = parts[comm.rank]

    def add_up(self, first: int, count: int) -> None:
        """Replace a range of every rank's array by the sums, which are formed in the order of the ranks.

        Each rank adds up its share of the range, then copies those of the others. It may write to its array
        again when all have returned.
        """
        rank, size = self._comm.rank, self._comm.size
        bounds = [first + count * r // size // LINE * LINE for r in range(size)] + [first + count]
        self._comm.barrier()
        total = np.empty(min(AT_ONCE, count), self.own.dtype)
        for begin in range(bounds[rank], bounds[rank + 1], AT_ONCE):
            part = slice(begin, min(begin + AT_ONCE, bounds[rank + 1]))
            sums = total[: part.stop - part.start]
            np.add(self._parts[0][part], self._parts[1][part], out=sums)
            for other in self._parts[2:]:
                sums += other[part]
            self.own[part] = sums
        self._comm.barrier()
        for r, other in enumerate(self._parts):
            if r != rank:
                self.own[bounds[r] : bounds[r + 1]] = other[bounds[r] : bounds[r + 1]]


def shared_sums(comm: Any, count: int, dtype: np.dtype[Any]) -> SharedSums | None:
    """Return arrays of so many numbers; None if the ranks are not on one machine, or cannot share memory.

    The memory has no name, so that nothing is left of it when the ranks end, however they do.
    """
    size = TOKEN + count * dtype.itemsize
    token = secrets.token_bytes(TOKEN)
    files, maps = list[int](), list[mmap.mmap]()

    def tried(work: Callable[[], Any]) -> list[Any] | None:
        result = None
        with suppress(OSError, ValueError):
            result = work()
        results: list[Any] = comm.allgather(result)
        return None if None in results else results

    def created() -> tuple[int, int, bytes] | None:
        if sys.platform != "linux":
            return None
        files.append(os.memfd_create("deepnet-sums"))
        os.posix_fallocate(files[0], 0, size)  # without it, writing when memory runs out kills the process
        os.pwrite(files[0], token, 0)
        return os.getpid(), files[0], token

    def opened(places: list[tuple[int, int, bytes]]) -> bool | None:
        for pid, file, expected in places:
            files.append(os.open(f"/proc/{pid}/fd/{file}", os.O_RDWR))
            maps.append(mmap.mmap(files[-1], size))
            if maps[-1][:TOKEN] != expected:  # that process is another one, on this machine
                return None
        return True

    try:
        places = tried(created)
        if places is None or tried(lambda: opened(places)) is None:
            return None
    finally:
        for file in files:
            os.close(file)
    return SharedSums(comm, [np.frombuffer(m, dtype, count, TOKEN) for m in maps])
