"""Fits of several processes, each of which has all rows and ends with the whole fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

import numpy as np
from sklearn import get_config
from sklearn.utils import check_random_state

from deepnet.distributed import together
from deepnet.network import History
from deepnet.network.many import train_many
from deepnet.network.training import Training

from ._members import Learning

Fit = TypeVar("Fit", bound=Callable[..., Any])


def checked(comm: Any) -> Any:
    """Return a communicator of several processes, or None."""
    return None if comm is None or together.checked(comm).size == 1 else comm


def checking_on_all(fit: Fit) -> Fit:
    """Check the parameters before a fit with a communicator: what one rank must not have is an error on all.

    scikit-learn checks them before `fit` itself begins, where a rank that fails leaves the others waiting.
    """

    @wraps(fit)
    def with_checks(self: Any, *args: Any, **given: Any) -> Any:
        comm = checked(given["comm"] if "comm" in given else getattr(self, "comm", None))
        if comm is not None:
            together.met(
                comm, lambda: None if get_config()["skip_parameter_validation"] else self._validate_params()
            )
        return fit(self, *args, **given)

    return with_checks  # type: ignore[return-value]  # it takes what fit takes


def random_numbers(comm: Any, random_state: Any) -> Any:
    """Return the random numbers of a fit: on every rank those of rank 0. None without a communicator.

    NumPy's global ones, which None stands for, stay as they are on the other ranks.
    """
    if comm is None:
        return None

    def own() -> Any:
        rng = check_random_state(random_state)
        return np.random.RandomState() if comm.rank > 0 and rng is check_random_state(None) else rng

    return together.with_random_numbers_of_first(comm, together.met(comm, own))


def met(comm: Any, work: Callable[[], Any]) -> Any:
    """Do some work. If it fails on one rank, it fails on all."""
    return work() if comm is None else together.met(comm, work)


def of_first(comm: Any, value: Any) -> Any:
    """Return the value of rank 0."""
    return value if comm is None else comm.allgather(value if comm.rank == 0 else None)[0]


def begun(comm: Any, begin: Callable[[], Learning]) -> tuple[Learning, list[Training]]:
    """Begin a fit, and return it with the networks to train. If that fails on one rank, it fails on all."""

    def work() -> tuple[Learning, list[Training]]:
        learning = begin()
        return learning, next(learning)

    return met(comm, work)  # type: ignore[no-any-return]  # what work returns


def trained(
    comm: Any, trainings: Sequence[Training], one: bool, progress: Any, threads: Any
) -> list[History]:
    """Train networks side by side, or `one` with all threads; of several processes, together or each some."""
    if comm is not None and one:
        return [together.fit_shares(comm, training) for training in trainings]
    if comm is not None:
        bar = progress and comm.rank == 0
        done = together.fit_many(
            comm, lambda: list(trainings), lambda own, count: train_many(own, bar, count), threads or 0
        )
        return [training.history for training in done]
    if one:
        return [training.net._train_alone(training) for training in trainings]
    return train_many(trainings, progress, threads)
