"""Fits that go on from a checkpoint: what it has of an estimator, and where such a fit starts."""

from __future__ import annotations

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from sklearn.utils import check_random_state

from deepnet.network.checkpoints import Checkpoint, fact, opened
from deepnet.network.training import Origin, Training

from ._data import Validation

# Parameters that may differ from those of the checkpoint, and those that it has as its run took them.
_MAY_DIFFER = {"max_iter", "n_threads", "verbose", "callbacks", "warm_start", "random_state"}
_OF_RUN = {"batch_size", "loss", "optimizer"}


class _NoSeed(ISeedSequence):
    """For a generator that is seeded afterwards: to draw and hash a seed for it takes 0.08 ms."""

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> Any:
        return np.zeros(n_words, dtype)


def random_numbers(random_state: Any) -> Any:
    """Do scikit-learn's ``check_random_state(random_state)``: in a third of the time for a seed."""
    if not isinstance(random_state, Integral):
        return check_random_state(random_state)
    rng = np.random.RandomState(np.random.MT19937(_NoSeed()))  # type: ignore[arg-type]  # it takes any
    rng.seed(int(random_state))
    return rng


class Start(NamedTuple):
    """The random numbers of a fit, what its checkpoints have of it, and the one that it goes on from."""

    rng: Any
    origin: Origin | None = None
    checkpoint: Checkpoint | None = None

    def resumed(self, training: Training, skip: Any) -> Training:
        """Return the training as it goes on; `skip` takes the number of epochs that are done."""
        if self.checkpoint is None:
            return training
        training = self.checkpoint.resumed(training, has_seed=False)
        skip(training.history.epochs)
        return training


def start(
    estimator: Any, validation: Validation | None, *, is_new: bool, resume_from: Any, rng: Any = None
) -> Start:
    """Return where a fit starts.

    `validation`: the rows that the user gave. `is_new`: with new weights; only then can others go on from it.
    `rng`: by default that of the estimator's `random_state`.
    """
    if resume_from is None:
        rng = random_numbers(estimator.random_state) if rng is None else rng
        return Start(rng, _origin(estimator, validation, rng) if is_new and estimator.callbacks else None)
    if estimator.n_estimators > 1:
        raise ValueError(
            f"resume_from goes on with one network, but n_estimators is {estimator.n_estimators}"
        )
    if estimator.solver == "lbfgs" and estimator.optimizer is None:
        raise ValueError(
            "resume_from needs the solver 'sgd' or 'adam', or an optimizer, but solver is 'lbfgs'"
        )
    checkpoint = opened(resume_from)
    # What is drawn before training is drawn again: first weights, rows to validate with, seed of dropout.
    rng = np.random.RandomState()
    checkpoint.restore_random(rng)
    return Start(rng, _origin(estimator, validation, rng), checkpoint)


def _origin(estimator: Any, validation: Validation | None, rng: Any) -> Origin | None:
    """Return what a checkpoint has of a fit that begins; None if its random numbers are of a rare kind."""
    state = rng.get_state(legacy=False)
    if state["bit_generator"] != "MT19937":
        return None
    parameters = estimator.get_params(deep=False)
    facts = {
        "estimator": type(estimator).__name__,
        "rows of X_val": None if validation is None else validation.X.shape[0],
        **{name: fact(parameters[name]) for name in sorted(parameters.keys() - _MAY_DIFFER - _OF_RUN)},
    }
    if isinstance(estimator.random_state, Integral):  # else whatever the checkpoint has
        facts["random_state"] = int(estimator.random_state)
    return Origin(facts, state)
