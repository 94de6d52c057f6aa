"""A training run of several processes: what they must have in common, add up and decide together.

Each process trains its own copy of the network on its own examples. The engine calls :meth:`Together.add_up`
in each step, between the gradients and the update, so all copies make the same updates. Between two epochs
rank 0 calls the callbacks, and the others learn what these decided.
"""

from __future__ import annotations

import socket
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from deepnet._system import usable_cpus
from deepnet._validation import options as option
from deepnet.activations import Array
from deepnet.threads import get_num_threads

from ._communicator import checked as checked
from ._shared import SharedSums, shared_sums

CHECK_EVERY = 100  # steps
BUCKET = 2**20  # bytes of the parts whose sums begin while the gradients before are still computed
GATHERED = 2**20  # numbers that are gathered at a time, where the sum is deterministic
ALIGNMENT = 64
E = TypeVar("E", bound=BaseException)


def raised_by_all(error: E) -> E:
    """Mark an error that every rank raises, so that none needs to end the others; return it."""
    error.raised_by_all = True  # type: ignore[attr-defined]  # exceptions take attributes
    return error


class Together:
    """What a run with a communicator does besides training; the engine and :class:`Training` call it.

    Attributes
    ----------
    rank, size : int
    examples : list of int
        Of each rank, per epoch.
    validation_m : int
        The examples to validate with, of all ranks.
    """

    raised_by_all = staticmethod(raised_by_all)

    def __init__(self, comm: Any, parameters: Sequence[Array]) -> None:
        self.comm, self.rank, self.size = comm, int(comm.rank), int(comm.size)
        self.examples, self.validation_m = list[int](), 0
        self._deterministic = option.flag("comm.deterministic", getattr(comm, "deterministic", False))
        self._check_every = option.whole("comm.check_every", getattr(comm, "check_every", CHECK_EVERY), 1)
        self._parameters = list(parameters)
        self._raw = self._sums = np.empty(0)
        self._begun = list[Any]()
        self._steps = 0
        self._shares = bool(getattr(comm, "shares_memory", False))
        self._shared: SharedSums | None = None
        overlaps = callable(getattr(comm, "iallreduce_", None)) and not self._deterministic
        self._bucket = BUCKET // self._parameters[0].itemsize if overlaps else 0

    @property
    def m(self) -> int:
        """The number of examples of all ranks."""
        return sum(self.examples)

    # --- in each step ---------------------------------------------------------------------------------------

    def memory(self, count: int) -> Array:
        """Return an aligned array of so many numbers for the gradients."""
        if self._sums.size == count:
            return self._sums
        dtype = self._parameters[0].dtype
        self._shared = shared_sums(self.comm, count, dtype) if self._shares else None
        if self._shared is not None:
            self._sums = self._shared.own
        else:
            self._raw = np.zeros(count * dtype.itemsize + ALIGNMENT, np.uint8)
            first = -self._raw.ctypes.data % ALIGNMENT
            self._sums = self._raw[first : first + count * dtype.itemsize].view(dtype)
        return self._sums

    @property
    def bucket(self) -> int:
        """The least numbers whose sums begin before all gradients are there; 0: all at once."""
        return 0 if self._shared is not None else self._bucket

    def begin(self, first: int, count: int) -> None:
        """Begin to add up a part of the gradients in `memory`, which is complete."""
        part = self._sums[first : first + count]
        if self._shared is not None:
            self._shared.add_up(first, count)
        elif self._bucket:
            self._begun.append(self.comm.iallreduce_(part))
        else:
            self._add_up(part)

    def add_up(self, loss: float, examples: float, weight: float) -> tuple[float, float, float]:
        """Return the sums of all ranks, when the gradients in `memory` are replaced by theirs."""
        while self._begun:
            self._begun.pop(0).wait()
        if self._steps % self._check_every == 0:
            self.check()
        self._steps += 1
        numbers = np.array([loss, examples, weight])
        self._add_up(numbers)
        return float(numbers[0]), float(numbers[1]), float(numbers[2])

    def _add_up(self, array: Array) -> None:
        if not self._deterministic:
            self.comm.allreduce_(array)
            return
        for first in range(0, len(array), GATHERED):
            part = array[first : first + GATHERED]
            others = self.comm.allgather(part)
            total = np.array(others[0])
            for other in others[1:]:
                total += other
            part[...] = total

    def digest(self) -> int:
        """Return a checksum of the parameters."""
        return _checksum(self._parameters)

    def check(self) -> None:
        """Raise a RuntimeError in every rank if the parameters of one differ."""
        digests = self.comm.allgather(self.digest())
        common, count = Counter(digests).most_common(1)[0]
        if count < self.size:
            odd = [r for r, digest in enumerate(digests) if digest != (common if count > 1 else digests[0])]
            error = RuntimeError(
                f"the parameters of {_ranks(odd)} differ from those of the other ranks after {self._steps} "
                "steps: every rank must train the same network with the same options and library versions, "
                "and nothing else may change the parameters"
            )
            raise raised_by_all(error)

    # --- between two epochs ---------------------------------------------------------------------------------

    def mean(self, value: float, weight: float) -> float:
        """Return the mean of the ranks' values."""
        pairs = self.comm.allgather((value, weight))
        return float(sum(v * w for v, w in pairs) / sum(w for _, w in pairs))

    def joined(self, array: Array) -> Array:
        """Return the columns of all ranks' arrays."""
        return np.concatenate(self.comm.allgather(np.ascontiguousarray(array)), axis=-1)

    def decided(self, stop: bool, rate: float) -> tuple[bool, float]:
        """Return what rank 0 has decided; its parameters are everyone's, if a callback has changed them."""
        changed = self.rank == 0 and self.digest() != self._before
        answer = np.array([stop, rate, changed], np.float64)
        self.comm.bcast_(answer, 0)
        if answer[2]:
            self.share()
        return bool(answer[0]), float(answer[1])

    def before_callbacks(self) -> None:
        """Remember the parameters."""
        if self.rank == 0:
            self._before = self.digest()

    def share(self) -> None:
        """Give every rank the parameters of rank 0."""
        _share(self.comm, self._parameters, 0)


def fit(
    net: Any,
    comm: Any,
    prepare: Callable[[], Any],
    resume: Callable[[Any], Any],
    examples_per_update: Callable[[], int],
) -> Any:
    """Train with a communicator.

    `prepare` checks the arguments of fit and returns a Training, `resume` one that goes on from a checkpoint.
    """
    with ending_all(comm):
        together, training = met(comm, lambda: (_joined(comm, net), _native(prepare())))
        run = training.run
        counts = run.examples.m, 0 if run.validation is None else run.validation.m
        training = _compared(together, training, examples_per_update(), counts)
        training = met(comm, lambda: resume(training))
        together.share()
        return net._train_alone(training)


def fit_shares(comm: Any, training: Any) -> Any:
    """Train with a communicator on examples that every rank has: each takes its share of every batch.

    `training` has the callbacks of every rank. Those with an attribute `of_all_ranks` get the state that they
    have on rank 0 in the end.
    """
    with ending_all(comm):
        together, training = met(comm, lambda: (_joined(comm, training.net), _native(training)))
        run, callbacks = training.run, training.run.callbacks
        m, rank, ranks = run.examples_in_epoch, together.rank, together.size
        own = m * (rank + 1) // ranks - m * rank // ranks
        training = _compared(together, training, run.batch_size, (own, 0), m, _checksum([run.examples.Y]))
        places = _places(rank, together.examples, training.run.batch_size)
        given = run.order

        def order(epochs: int) -> Array:
            if given is None:
                return np.tile(places, (epochs, 1))
            return np.ascontiguousarray(given(epochs)[:, places])

        run = replace(training.run, order=order, examples_per_epoch=own, look_after=None)
        resumed = training.resumed
        if resumed is not None and rank > 0:
            resumed = replace(resumed, callbacks=[])
        together.share()
        history = training.net._train_alone(replace(training, run=run, resumed=resumed))
        _share_states(comm, training.net, callbacks, 0)
        return history


def _places(rank: int, counts: Sequence[int], batch_size: int) -> Array:
    """Return which examples of an epoch a rank takes, batch by batch, as the engine divides the batches."""
    m, before, upto = sum(counts), sum(counts[:rank]), sum(counts[: rank + 1])
    parts = list[Array]()
    for first in range(0, m, batch_size):
        end = min(first + batch_size, m)
        begin, stop = (of * end // m - of * first // m for of in (before, upto))
        parts.append(np.arange(first + begin, first + stop, dtype=np.uint32))
    return np.concatenate(parts)


def _native(training: Any) -> Any:
    if not training.is_all_native:
        raise ValueError("comm needs deepnet's own activations, losses and optimizers, and its extension")
    return training


def _joined(comm: Any, net: Any) -> Together:
    return Together(comm, list(net.parameters.values()))


@contextmanager
def ending_all(comm: Any) -> Iterator[None]:
    """End the other ranks, which wait for this one, by an error that this rank alone raises."""
    try:
        yield
    except BaseException as error:
        if not getattr(error, "raised_by_all", False):
            comm.abort(f"rank {comm.rank}: {type(error).__name__}: {error}")
        raise


def fit_many(
    comm: Any, prepare: Callable[[], list[Any]], train: Callable[[list[Any], int], object], threads: int
) -> list[Any]:
    """Train every network on one of the ranks; return the trainings, as if each had been on this one.

    `prepare` checks the arguments and returns the trainings, `train` takes some and a number of threads.
    `threads` are those that were given, or 0. Of the callbacks, those with an attribute `of_all_ranks` get
    the state that they have on the rank of their network.
    """
    with ending_all(comm):
        trainings: list[Any] = met(comm, prepare)
        said = comm.allgather(([repr(training.net) for training in trainings], _place(threads)))
        for rank, (networks, _) in enumerate(said):
            if networks != said[0][0]:
                raise raised_by_all(
                    ValueError(
                        f"every rank must give the same networks, but rank {rank} has others than rank 0"
                    )
                )
        own = trainings[comm.rank :: comm.size]
        if own:
            train(own, _threads(comm.rank, [place for _, place in said]))
        records = comm.allgather([training.history for training in own])
        for i, training in enumerate(trainings):
            owner = i % comm.size
            if owner != comm.rank:
                with training.net._in(training):
                    record = records[owner][i // comm.size]
                    for name in training.history.__slots__:
                        setattr(training.history, name, getattr(record, name))
            _share(comm, list(training.net.parameters.values()), owner)
            _share_states(comm, training.net, training.run.callbacks, owner)
        return trainings


def dealt(comm: Any, count: int, work: Callable[[list[int], int], list[Any]], threads: int) -> list[Any]:
    """Return the results of so many pieces of work, each done by one rank.

    `work` takes the numbers of those of this rank, and a number of threads; `threads` were given, or are 0.
    """
    with ending_all(comm):
        places = comm.allgather(_place(threads))
        own = list(range(count))[comm.rank :: comm.size]
        results = comm.allgather(met(comm, lambda: work(own, _threads(comm.rank, places))))
    return [results[i % comm.size][i // comm.size] for i in range(count)]


def _checksum(arrays: Sequence[Array]) -> int:
    value = 0
    for array in arrays:
        value = zlib.crc32(np.ascontiguousarray(array).data, value)
    return value


def _share(comm: Any, parameters: Sequence[Array], owner: int) -> None:
    """Give every rank the parameters of one."""
    for p in parameters:
        values = np.array(p, order="C").reshape(-1)
        comm.bcast_(values, owner)
        if comm.rank != owner:
            p[...] = values.reshape(p.shape)


def _share_states(comm: Any, net: Any, callbacks: Sequence[Any], owner: int) -> None:
    """Give callbacks the state that they have on one rank."""
    kept = [callback for callback in callbacks if getattr(callback, "of_all_ranks", False)]
    if kept:
        is_owner = comm.rank == owner
        own = met(comm, lambda: [callback.get_state(net) for callback in kept] if is_owner else None)
        states = comm.allgather(own)[owner]

        def take() -> None:
            for callback, state in zip(kept, states, strict=True):
                callback.set_state(net, state)

        met(comm, lambda: None if is_owner else take())


def with_random_numbers_of_first(comm: Any, rng: Any) -> Any:
    """Give a RandomState the state that it has on rank 0."""
    first = comm.allgather(met(comm, lambda: rng.get_state(legacy=False)))[0]
    met(comm, lambda: rng.set_state(first))
    return rng


def met(comm: Any, work: Callable[[], Any]) -> Any:
    """Do some work on each rank; where one fails, all raise an error."""
    result: Any = None
    failure: Exception | None = None
    try:
        result = work()
    except Exception as error:  # it is raised below
        failure = error
    said = comm.allgather(None if failure is None else f"{type(failure).__name__}: {failure}")
    failed = [r for r, message in enumerate(said) if message is not None]
    if failed:
        if failure is None:
            failure = RuntimeError(f"rank {failed[0]}: {said[failed[0]]}")
        raise raised_by_all(failure)
    return result


def _compared(
    together: Together, training: Any, batch_size: int, counts: tuple[int, int], *facts: int
) -> Any:
    """Return the training of this rank as part of that of all, after comparing what must be alike.

    `counts`: the examples of this rank, to train on and to validate with. `facts`: the number and a checksum
    of the examples, if those of all ranks must be the same.
    """
    run, plan = training.run, training.plan
    alike = {
        "the network": repr(training.net),
        "the layers": repr(training.net.layers),
        "the loss": repr(plan.loss),
        "the optimizer": repr(plan.optimizer),
        "epochs": run.epochs,
        "batch_size": batch_size,
        "shuffle": run.shuffle,
        "input_scale": run.input_scale,
        "metrics": list(run.metrics),
        "validation data": run.validation is not None,
        "sample weights": run.examples.weights is not None,
        "deterministic": together._deterministic,
        "check_every": together._check_every,
        "the number and the targets of the rows": facts,
    }
    given = together.comm.allgather((alike, counts, run.seed, _place(run.threads)))
    first = given[0][0]
    for rank, (other, *_) in enumerate(given):
        for name, value in other.items():
            if value != first[name]:
                error = ValueError(
                    f"{name} must be the same on every rank, but is {first[name]} on rank 0 and {value} on "
                    f"rank {rank}"
                )
                raise raised_by_all(error)
    together.examples = [m for _, (m, _), *_ in given]
    together.validation_m = sum(m for _, (_, m), *_ in given)
    size = min(batch_size, together.m)
    for rank, m in enumerate(together.examples):
        if m * size < together.m:
            error = ValueError(
                f"rank {rank} has {m} of {together.m} examples, too few for one in each batch of {size}: "
                "divide the examples evenly, or give a larger batch_size"
            )
            raise raised_by_all(error)
    callbacks, progress = (run.callbacks, run.progress) if together.rank == 0 else ((), None)
    run = replace(
        run,
        batch_size=size,
        seed=given[0][2],
        threads=_threads(together.rank, [place for *_, place in given]),
        callbacks=callbacks,
        progress=progress,
        together=together,
    )
    return replace(training, run=run)


def layout(comm: Any) -> list[tuple[str, tuple[int, ...], int]]:
    """Return the machine of each rank, the processors that it may use, and the threads that it takes."""
    places = comm.allgather(_place(0))
    return [(host, cores, _threads(rank, places)) for rank, (host, cores, _) in enumerate(places)]


def _place(threads: int) -> tuple[str, tuple[int, ...], int]:
    """Return the machine, the processors that this process may use, and the threads that it was given."""
    return socket.gethostname(), tuple(usable_cpus()), threads


def _threads(rank: int, places: list[tuple[str, tuple[int, ...], int]]) -> int:
    """Return the threads of a rank: those given, else its share of the processors that it may use.

    Without a binding, all ranks of a machine may use all of its processors.
    """
    host, cores, given = places[rank]
    here = [place for place in places if place[0] == host]
    share = max(1, min(get_num_threads(), len(cores)) // sum(own == cores for _, own, _ in here))
    total = sum(threads or 1 for _, _, threads in here)
    available = len({core for _, own, _ in here for core in own})
    if total > available and here[0] == places[rank] and rank == places.index(here[0]):
        warnings.warn(
            f"{len(here)} ranks with {total} threads share the {available} processors of {host}: start fewer "
            "ranks, or give fewer threads",
            RuntimeWarning,
            stacklevel=2,
        )
    return given or share


def _ranks(numbers: list[int]) -> str:
    return ("rank " if len(numbers) == 1 else "ranks ") + ", ".join(map(str, numbers))
