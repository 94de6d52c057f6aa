"""A custom communicator whose ranks are threads of this process."""

import threading

import numpy as np


class Shared:
    """What the ranks of one job have in common."""

    def __init__(self, size):
        self.size, self.barrier = size, threading.Barrier(size, timeout=60)
        self.slots, self.aborted = [None] * size, []


class Rank:
    """Rank `rank` of a job of threads."""

    def __init__(self, shared, rank, **options):
        self.shared, self.rank, self.size = shared, rank, shared.size
        vars(self).update(options)

    def allgather(self, value):
        self.shared.slots[self.rank] = np.array(value) if isinstance(value, np.ndarray) else value
        self.shared.barrier.wait()
        values = list(self.shared.slots)
        self.shared.barrier.wait()
        return values

    def allreduce_(self, array):
        array[...] = sum(self.allgather(array))

    def bcast_(self, array, root):
        array[...] = self.allgather(array)[root]

    def barrier(self):
        self.shared.barrier.wait()

    def abort(self, message):
        self.shared.aborted.append(message)
        self.shared.barrier.abort()


def run(size, work, **options):
    """Call ``work(comm)`` in so many threads; return the results or exceptions, and what was aborted."""
    shared, results = Shared(size), [None] * size

    def call(rank):
        try:
            results[rank] = work(Rank(shared, rank, **options))
        except BaseException as error:
            results[rank] = error

    threads = [threading.Thread(target=call, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return results, shared.aborted
