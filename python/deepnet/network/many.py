"""Many networks trained side by side: :func:`fit_many`."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from deepnet._arguments import unknown_argument
from deepnet._validation import examples as check
from deepnet._validation import options as option
from deepnet._validation.arrays import a
from deepnet.activations import Array
from deepnet.backends import fit_side_by_side
from deepnet.caches import Whole
from deepnet.engine_errors import Busy

from .history import History
from .network import Network
from .once import Once
from .progress import Show, shown_as
from .training import Calls, RunCallback, Training, drive

if TYPE_CHECKING:
    from deepnet.distributed import Communicator

_FIT = dict(inspect.signature(Network.fit).parameters)
for _name in ("self", "comm"):  # several processes train one network
    del _FIT[_name]
_OF_THE_WHOLE = ("progress", "threads")


def fit_many(
    networks: Sequence[Network],
    X: Array,
    Y: Array,
    *,
    each: Sequence[Mapping[str, Any]] | None = None,
    progress: bool | Callable[[int, int], object] | None = None,
    threads: Whole | None = None,
    comm: Communicator | None = None,
    **shared: Any,
) -> list[History]:
    """Train independent networks side by side, each on one thread.

    Every network ends with the bits that its own :meth:`Network.fit` with the same arguments gives. For small
    networks this is much faster than one after another, since threads that share a small step mostly wait for
    each other.

    Parameters
    ----------
    networks : list of Network
        Of any sizes, losses and dtypes; each once.
    X, Y, **shared
        The arguments of :meth:`Network.fit`, for all networks.
    each : list of dict, optional
        One for each network: those arguments that are its own, such as ``{"seed": 1, "examples": fold}``.
    progress : bool or callable
        True: a bar for all networks together; it needs `rich`. Or a function of (completed steps, total
        steps); those that a network leaves out, when it stops early, count as completed.
    threads : int, optional
        The most networks trained at once; :func:`deepnet.get_num_threads` by default.
    comm : deepnet.distributed.Communicator, optional
        The networks are dealt to its ranks, and in the end every rank has all of them, but for the memory of
        their optimizers. Each rank gives the same networks and data. Callbacks are called on the rank of
        their network.

    Returns
    -------
    histories : list of History
        One for each network. If a network failed, that is, its loss became nan or infinite, ``history.error``
        is the FloatingPointError that fit raises, and a RuntimeWarning says so; the others are not affected.

    Raises
    ------
    RuntimeError
        If a network is being trained already: ``networks[2]: this network is being trained ...``.
    ValueError, TypeError
        If an argument does not fit, before any network is changed: ``networks[0]: X has 3 rows, but the
        network has 2 inputs``. Also if a callback makes labels invalid: ``networks[0]: after epoch 2 of 9:
        Y[4] is 12, but ...``.

    Notes
    -----
    X is shared and never copied: `examples` and `validation_data` name columns of it. Working memory exists
    for as many networks at a time as there are threads.

    Callbacks and functions in `metrics` are called on the thread of their network, one at a time, and for
    several networks in turn; those of :mod:`deepnet.callbacks` may be shared by all networks. An exception of
    theirs ends the whole run, except a FloatingPointError, which counts as that network's failure. Ctrl-C
    ends it as soon as a callback that is running has returned; every network then has the parameters of its
    last finished update. Networks with a custom activation, loss or optimizer are trained one after another,
    before the others.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2, 400))
    >>> Y = X[0] * X[1] > 0
    >>> folds = np.array_split(rng.permutation(400), 5)
    >>> networks = [deepnet.Network([2, 16, 1], "tanh", seed=0) for _ in folds]
    >>> each = [
    ...     {"examples": np.concatenate(folds[:i] + folds[i + 1 :]), "validation_data": fold}
    ...     for i, fold in enumerate(folds)
    ... ]
    >>> run = {"epochs": 100, "batch_size": 32, "optimizer": deepnet.Adam(0.01), "seed": 0}
    >>> histories = deepnet.fit_many(networks, X, Y, each=each, **run)
    >>> bool(np.mean([history.validation_loss[-1] for history in histories]) < 0.2)
    True
    """
    prepare = partial(prepared, networks, X, Y, each, shared)
    if comm is not None:
        from deepnet.distributed import together  # only here: most programs never do

        if together.checked(comm).size > 1:

            def options() -> tuple[Any, int]:
                return option.progress(progress), 0 if threads is None else option.thread_count(threads)

            bar, count = together.met(comm, options)
            bar = bar if comm.rank == 0 else None
            trainings = together.fit_many(comm, prepare, lambda own, n: train_many(own, bar, n), count)
            return _warned_of_failures([training.history for training in trainings])
    bar, trainings = option.progress(progress), prepare()
    given = [{"X": X, "Y": Y} | dict(own) for own in each or [{}] * len(trainings)]
    pairs = zip(trainings, given, strict=True)
    for run, own in {(id(t.run.examples.X), t.run.input_scale): (t.run, own) for t, own in pairs}.values():
        check.warn_of_square(own["X"], own["Y"], stacklevel=2)
        check.warn_of_size(run.examples.X, run.input_scale, stacklevel=2, given=own["X"])
    return _warned_of_failures(train_many(trainings, bar, threads))


def _warned_of_failures(histories: list[History]) -> list[History]:
    failed = [i for i, history in enumerate(histories) if history.error is not None]
    if failed:
        first = failed[0]
        warnings.warn(
            f"{len(failed)} of {len(histories)} networks failed, the first is networks[{first}]: "
            f"{histories[first].error}; see history.error",
            RuntimeWarning,
            stacklevel=3,
        )
    return histories


def prepared(networks: Any, X: Any, Y: Any, each: Any, shared: Mapping[str, Any]) -> list[Training]:
    """Check everything, and change nothing."""
    if not isinstance(networks, (list, tuple)):
        raise TypeError(f"networks is {a(networks)}, but must be a list of networks")
    seen = dict[int, int]()
    for i, net in enumerate(networks):
        if not isinstance(net, Network):
            raise TypeError(f"networks[{i}] is {a(net)}, but must be a Network")
        if id(net) in seen:
            raise ValueError(
                f"networks[{i}] is networks[{seen[id(net)]}] again: train a copy: copy.deepcopy(net)"
            )
        seen[id(net)] = i
    own = [{}] * len(networks) if each is None else each
    if not isinstance(own, (list, tuple)):
        raise TypeError(f"each is {a(each)}, but must be a list with a dict for each network")
    if len(own) != len(networks):
        raise ValueError(f"each has {len(own)} entries, but there are {len(networks)} networks")
    _known(shared)
    once, trainings = Once(), list[Training]()
    for i, (net, arguments) in enumerate(zip(networks, own, strict=True)):
        if not isinstance(arguments, Mapping):
            raise TypeError(f"each[{i}] is {a(arguments)}, but must be a dict of arguments of fit")
        _known(arguments, f"each[{i}]: ")
        for name in _OF_THE_WHOLE:
            if name in arguments:
                raise ValueError(
                    f"each[{i}] has {name}, which is for all networks: fit_many(..., {name}=...)"
                )
        options = {name: p.default for name, p in _FIT.items()} | {"X": X, "Y": Y, **shared, **arguments}
        try:
            trainings.append(replace(net._training(**options, once=once), name=f"networks[{i}]: "))
        except (TypeError, ValueError) as error:
            way_out = _one_for_each(shared, len(networks), str(error))
            raise type(error)(f"networks[{i}]: {error}{way_out}") from None
    return trainings


def _one_for_each(shared: Mapping[str, Any], count: int, error: str) -> str:
    """Advice for the error of an argument that has a value for each network."""
    name = error.partition(" ")[0]
    values = shared.get(name)
    if not isinstance(values, (list, tuple, range)) or len(values) != count:
        return ""
    return f"; one for each network: each=[{{{name!r}: value}} for value in {values!r}]"


def _known(names: Mapping[str, Any], where: str = "") -> None:
    """Raise a TypeError for names that are not arguments of fit."""
    if not _FIT.keys() >= names.keys():
        raise TypeError(f"{where}{unknown_argument(Network.fit, names)}")


def train_many(
    trainings: Sequence[Training], progress: Any, threads: Any, kept: Any = FloatingPointError
) -> list[History]:
    """Train networks side by side; an error of one is put in its history, if it is of the `kept` type."""
    count = 0 if threads is None else option.thread_count(threads)
    _check_callbacks(trainings)
    with ExitStack() as stack:
        holds = list[Any]()
        for i, training in enumerate(trainings):
            try:
                holds.append(stack.enter_context(training.net._engine.begin_training()))
            except Busy as error:
                raise Busy(f"networks[{i}]: {error}") from None
        for training in trainings:
            stack.enter_context(training.net._in(training))
        _run(list(zip(trainings, holds, strict=True)), progress, count, kept)
    return [training.history for training in trainings]


def _check_callbacks(trainings: Sequence[Training]) -> None:
    """Raise a ValueError for a callback that several have, but that can follow one only.

    Its own check sees two networks that are trained at the same time, which depends on the threads.
    """
    seen = set[int]()
    for training in trainings:
        for callback in training.run.callbacks:
            refusal = callback.refusal_of_two() if isinstance(callback, RunCallback) else ""
            if refusal and id(callback) in seen:
                raise ValueError(refusal)
            seen.add(id(callback))


def _run(jobs: list[tuple[Training, Any]], progress: Any, threads: int, kept: Any) -> None:
    total = sum(training.run.steps for training, _ in jobs)
    ended = list[Training]()

    def describe() -> tuple[str, str]:
        return f"network {min(len(ended) + 1, len(jobs))}/{len(jobs)}", _means([t.history for t, _ in jobs])

    def calls_of(training: Training, threads: int) -> Calls:
        try:
            yield from training.calls(threads)
        except kept as error:
            training.history.error = error.with_traceback(None)
        ended.append(training)

    native = [job for job in jobs if job[0].is_all_native]
    alone = [job for job in jobs if not job[0].is_all_native]
    alone += native if len(native) == 1 else []  # a single one has all threads
    rows = sum(t.run.epochs * (t.run.examples_per_epoch or t.run.examples.m) for t, _ in jobs)
    with shown_as(progress, total, describe, "fit_many", rows / max(total, 1)) as show:
        done = 0
        for training, hold in alone:
            drive(training, hold, calls_of(training, threads), _from(done, show))
            done += training.run.steps
        if len(native) > 1:
            _run_native(native, calls_of, threads, _from(done, show))
        if show is not None:
            show(total)


def _means(histories: list[History]) -> str:
    """Describe the networks' last losses and metrics by their means, those of validation in parentheses."""
    means = [_mean_of_last(h.loss for h in histories), _mean_of_last(h.validation_loss for h in histories)]
    note = f"loss {means[0]:.4g}" if means[0] is not None else ""
    note += f" ({means[1]:.4g})" if means[1] is not None else ""
    for name in dict.fromkeys(name for h in histories for name in h.validation_metrics):
        mean = _mean_of_last(h.validation_metrics.get(name, []) for h in histories)
        note += f"  {name} ({mean:.4g})" if mean is not None else ""
    return note


def _mean_of_last(curves: Iterable[list[float]]) -> float | None:
    last = [curve[-1] for curve in curves if curve]
    return sum(last) / len(last) if last else None


def _from(done: int, show: Show | None) -> Show | None:
    return None if show is None else lambda steps: show(done + steps)


def _run_native(jobs: list[tuple[Training, Any]], calls_of: Any, threads: int, show: Show | None) -> None:
    """Train on the pool's threads, those that take longest first."""
    with ExitStack() as stack:
        parts = []
        for training, hold in sorted(jobs, key=lambda job: -_work(job[0])):
            X, Y, weights = training.given(training.run.examples)
            calls = calls_of(training, 1)
            stack.callback(calls.close)  # of those that were interrupted
            steps = training.run.steps
            parts.append((training.engine, hold, X, Y, weights, training.prepared_plan, calls, steps))
        fit_side_by_side(parts, threads, show)


def _work(training: Training) -> float:
    parameters: int = sum(p.size for p in training.net.parameters.values())
    return float(training.run.epochs * training.run.examples.m * parameters)
