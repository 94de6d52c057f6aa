"""Advice about a training run: what a mentor would say who watched it.

A rule looks at the facts of a run that has ended, and returns what it has to say, or None. To add one, write
a function under `@rule`; a test must provoke it, and the healthy runs of the tests must not.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from deepnet._validation.sparse import is_sparse
from deepnet.activations import Array, entry_of
from deepnet.backends import answered
from deepnet.layers import layer_outputs

from .examples import Examples
from .history import AdviceWarning, History
from .training import RunCallback, Training

SAMPLE = 512  # examples that are looked at
AT_ONCE = 2**12  # examples that are copied
EPOCHS = 5  # fewer say nothing about the course of the loss


@dataclass(frozen=True)
class Facts:
    """What the rules look at."""

    training: Training
    X: Array  # a sample of the scaled examples, (n_0, k)
    start: float  # the loss before the first update
    known: float | None  # the loss of the best constant outputs, if it is known
    growth: float  # of a change of the outputs on its way back to layer 1, the largest of all epochs
    outputs: list[Array] = field(repr=False)  # of each layer for the sample

    @property
    def history(self) -> History:
        """The record of the run."""
        return self.training.history

    @property
    def loss(self) -> Array:
        """The loss of each epoch."""
        return np.array(self.history.loss)

    @property
    def rate(self) -> float | None:
        """The learning rate of all updates, None for a schedule."""
        rate = self.training.run.learning_rate
        return None if callable(rate) else float(rate)


Rule = Callable[[Facts], str | None]
RULES: dict[str, Rule] = {}


def rule(function: Rule) -> Rule:
    """Add a rule under the name of its function."""
    RULES[function.__name__] = function
    return function


def advice(facts: Facts) -> list[str]:
    """Return what the rules have to say."""
    said = [found(facts) for found in RULES.values()]
    return [text for text in said if text is not None]


# --- the rules ----------------------------------------------------------------------------------------------


@rule
def nothing_learnt(facts: Facts) -> str | None:
    """The loss stays where outputs that do not depend on X have it: ln 2 for two classes of one size."""
    if facts.known is None or facts.history.epochs < EPOCHS:
        return None
    loss = float(facts.loss[-1])
    if not 0.98 * facts.known <= loss <= 1.02 * facts.known:
        return None
    ln = f" (ln {round(np.exp(facts.known))})" if _is_log_of_a_number(facts.known) else ""
    return (
        f"the loss is {loss:.4g} after {_epochs(facts)}, that of outputs that do not depend on X, "
        f"{facts.known:.4g}{ln}: try a larger learning rate, other first weights (equal ones, such as "
        "zeros, stay equal), and see whether X and Y are in the same order"
    )


@rule
def dead_units(facts: Facts) -> str | None:
    """At least half of a relu layer is 0 for all examples."""
    net, found = facts.training.net, list[str]()
    for number, (A, name) in enumerate(zip(facts.outputs[:-1], net.activations, strict=False), start=1):
        dead = int(np.sum(~A.any(axis=1)))
        if name == "relu" and dead >= max(2, len(A) / 2):
            found.append(f"{dead} of {len(A)} units of layer {number}")
    if not found:
        return None
    return (
        f"{' and '.join(found)} are 0 for all examples, and learn nothing any more (dead relu): "
        "try a smaller learning rate, first weights by 'he', or leaky_relu"
    )


@rule
def unscaled_inputs(facts: Facts) -> str | None:
    """A column of thousands lies beside one of ones."""
    sizes = np.ptp(facts.X, axis=1)
    used = np.flatnonzero((sizes > 0) & np.isfinite(sizes))
    if len(used) < 2:
        return None
    largest, smallest = used[np.argmax(sizes[used])], used[np.argmin(sizes[used])]
    ratio = sizes[largest] / sizes[smallest]
    if ratio < 1000:
        return None
    names = facts.training.run.examples.names
    what, shown = ("input", str) if names is None else ("the column", lambda i: repr(names[i]))
    return (
        f"{what} {shown(largest)} has values {_rounded(ratio)} times as far apart as those of "
        f"{what} {shown(smallest)}: the network hardly sees the smaller one. Scale all to mean 0 and "
        "standard deviation 1, by those of the training examples"
    )


@rule
def exploding_gradients(facts: Facts) -> str | None:
    """A change of the outputs grows a thousandfold on its way back to the first layer."""
    if not facts.growth > 1000:
        return None
    return (
        f"gradients grow {_rounded(facts.growth)} times from the last layer back to the first: start from "
        "smaller weights (initializer='he' or 'xavier'), or use fewer layers, or clip_norm of the optimizer"
    )


@rule
def rate_too_large(facts: Facts) -> str | None:
    """The loss goes up and down, or ends above that of the untrained network."""
    if facts.history.epochs < EPOCHS:
        return None
    loss = facts.loss
    third = max(1, len(loss) // 3)
    worse = float(np.mean(loss[-third:])) > 1.05 * facts.start
    rises = int(np.sum((loss[1:] > 1.05 * loss[:-1]) & (loss[1:] > 0.05 * facts.start)))
    if not worse and 3 * rises < len(loss) - 1:
        return None
    how = f"rose in {rises} of {len(loss) - 1} epochs"
    if worse:
        last = float(np.mean(loss[-third:]))
        how = f"ends above that of the untrained network ({last:.4g}, before {facts.start:.4g})"
    return f"the loss {how}: try a learning rate ten times smaller{_tenfold(facts, 0.1)}"


@rule
def rate_too_small(facts: Facts) -> str | None:
    """The loss falls in every epoch, as fast at the end as in the beginning, and has far to go."""
    loss = facts.loss
    if facts.history.epochs < 2 * EPOCHS or not np.isfinite(loss).all():
        return None
    falls = -np.diff(loss)
    quarter = max(1, len(falls) // 4)
    early, late = float(np.mean(falls[:quarter])), float(np.mean(falls[-quarter:]))
    steady = float(np.mean(falls > 0)) >= 0.9 and late > 0.5 * early > 0
    if not steady or loss[-1] < 0.7 * facts.start:
        return None
    return (
        f"the loss falls slowly ({facts.start:.4g} to {loss[-1]:.4g} in {_epochs(facts)}), and at the end as "
        f"fast as before: try a learning rate ten times larger{_tenfold(facts, 10)}, or more epochs"
    )


@rule
def overfitting(facts: Facts) -> str | None:
    """The validation loss has risen far above its best value, while the training loss fell below it."""
    losses = np.array(facts.history.validation_loss)
    if len(losses) < EPOCHS or not np.isfinite(losses).all():
        return None
    best = int(np.argmin(losses))
    rise, trained = losses[-1] - losses[best], float(facts.loss[-1])
    if rise < 0.15 * facts.start or trained > 0.5 * losses[-1]:
        return None
    return (
        f"the validation loss was best after epoch {best + 1} ({losses[best]:.4g}) and is {losses[-1]:.4g} "
        f"now, while the training loss fell to {trained:.4g}: the network learns the examples by heart. "
        "Stop earlier (callbacks.EarlyStopping), or use dropout, l2, a smaller network or more data"
    )


@rule
def shared_examples(facts: Facts) -> str | None:
    """Validation examples are also in the training data."""
    run = facts.training.run
    if run.validation is None:
        return None
    dtype = facts.training.net.dtype
    return shared(digests(run.examples, dtype), digests(run.validation, dtype))


def shared(train: Sequence[Any], held_out: Sequence[Any]) -> str | None:
    """Return the advice about examples, any hashable values, that are in both parts, if there are many."""
    known = set(train)
    if len(known) < len(train) / 2:  # examples of few values, of which many are equal by chance
        return None
    count = sum(example in known for example in held_out)
    if count < max(2, 0.01 * len(held_out)):
        return None
    return (
        f"{count} of {len(held_out)} validation examples are also in the training data, so the score is too "
        "optimistic: remove duplicates, or keep equal examples in one part"
    )


# --- pieces of the messages ---------------------------------------------------------------------------------


def _epochs(facts: Facts) -> str:
    return f"{facts.history.epochs} epochs"


def _rounded(x: float) -> str:
    """Return a large number with two digits that count."""
    return f"{float(f'{x:.2g}'):,.0f}" if x < 1e9 else f"{x:.1e}"


def _is_log_of_a_number(x: float) -> bool:
    number = round(float(np.exp(x)))
    return 2 <= number <= 1000 and abs(x - np.log(number)) < 1e-3


def _tenfold(facts: Facts, times: float) -> str:
    return "" if facts.rate is None else f" ({facts.rate * times:g} instead of {facts.rate:g})"


# --- watching a run -----------------------------------------------------------------------------------------


class Advise(RunCallback):
    """Say at the end of a run which common mistakes it shows: what ``fit(..., advise=True)`` adds.

    For estimators, ``callbacks=[deepnet.callbacks.Advise()]``.

    Warns
    -----
    AdviceWarning
        For each mistake: nothing learnt, dead relu units, inputs of very different sizes, exploding
        gradients, a learning rate that is ten times too large or small, overfitting, validation
        examples that are also in the training data. ``history.advice`` has the texts.

    Notes
    -----
    It computes the loss of 512 examples before the first update, looks at the activations of these examples,
    and compares a digest of every example with those to validate with. The run is the same with and without.

    Examples
    --------
    >>> import warnings
    >>> X = np.random.default_rng(0).normal(size=(2, 100)) * [[1], [10_000]]
    >>> net = deepnet.Network([2, 4, 1], seed=0)
    >>> with warnings.catch_warnings(action="ignore"):
    ...     history = net.fit(X, X[0] > 0, epochs=2, seed=0, optimizer="adam", advise=True)
    >>> history.advice
    ['input 1 has values 9,700 times as far apart as those of input 0: the network hardly sees ...']
    """

    def __init__(self) -> None:
        self._watched = dict[int, _Watched]()  # by the id of the network, until its run ends

    def begin(self, training: Training) -> None:
        """Look at the data and the untrained network."""
        run, net = training.run, training.net
        (X, Y, weights), chosen = training.given(run.examples), run.examples.chosen
        m = X.shape[1] if chosen is None else len(chosen)
        places = np.unique(np.linspace(0, m - 1, min(m, SAMPLE)).astype(np.intp))
        some = places if chosen is None else np.asarray(chosen)[places]
        part = X[:, some].toarray() if is_sparse(X) else X[:, some]
        sample = np.asarray(part, net.dtype) * net.dtype.type(run.input_scale)
        plan, numbers = training.prepared_plan, some.astype(np.uint32)
        loss = answered(training.engine.evaluate(X, Y, weights, plan, run.input_scale, 1, numbers))
        self._watched[id(net)] = watched = _Watched(training, sample, float(loss))
        watched.look()

    def __call__(self, net: Any, history: History) -> None:
        """Look at the network after the first epoch."""
        if history.epochs == 1:
            self._watched[id(net)].look()

    def finish(self, net: Any) -> None:
        """Say what is wrong, also if the run failed."""
        watched = self._watched.pop(id(net), None)
        if watched is None:
            return
        watched.look()
        history = watched.training.history
        with np.errstate(all="ignore"):
            history.advice = advice(watched.facts())
        for text in history.advice:
            warn(text)


@dataclass
class _Watched:
    """A run, and what has been seen of it."""

    training: Training
    sample: Array  # examples, scaled
    start: float
    growth: float = 0.0

    def look(self) -> None:
        """Look at the weights."""
        with np.errstate(all="ignore"):
            self.growth = max(self.growth, growth(self.training.net, self.sample))

    def facts(self) -> Facts:
        """Return what the rules look at."""
        outputs = layer_outputs(self.training.net, self.sample)
        known, X = loss_of_constants(self.training), self.sample.astype(np.float64)
        return Facts(self.training, X, self.start, known, self.growth, outputs)


def warn(text: str) -> None:
    """Warn at the line that called deepnet."""
    frame: Any = sys._getframe(1)
    level = 2
    while frame.f_back is not None and frame.f_globals["__name__"].partition(".")[0] == "deepnet":
        frame, level = frame.f_back, level + 1
    warnings.warn(text, AdviceWarning, stacklevel=level)


def growth(net: Any, X: Array) -> float:
    """Return how many times a small change of the last layer's inputs is as large back in the first layer's.

    The change has the same size for all outputs and examples; it goes back as gradients do.
    """
    A = layer_outputs(net, X)
    weights = [np.asarray(W, np.float64) for W in list(net.parameters.values())[::2]]
    dZ = np.ones((net.layer_dims[-1], X.shape[1]))
    first, inputs = float(np.linalg.norm(dZ)), [X, *A[:-1]]
    for number in range(len(weights) - 1, 0, -1):
        before = np.asarray(inputs[number - 1], np.float64)
        Z = weights[number - 1] @ before + np.asarray(net.parameters[f"b{number}"], np.float64)
        g = entry_of(net.layers[number - 1].activation)
        dZ = g.backward(weights[number].T @ dZ, Z)
    size = float(np.linalg.norm(dZ)) / first
    return size if np.isfinite(size) else np.inf


def loss_of_constants(training: Training) -> float | None:
    """Return the loss of the best outputs that do not depend on X, of losses for which that is known."""
    loss, run = training.plan.loss, training.run
    _, Y, weights, chosen = run.examples[:4]
    Y, w = (Y, weights) if chosen is None else (Y[:, chosen], None if weights is None else weights[chosen])
    w = np.ones(Y.shape[1]) if w is None else np.asarray(w, np.float64).ravel()
    if not w.sum() > 0:
        return None
    outputs, smoothing = training.net.layer_dims[-1], loss.label_smoothing
    if loss.name == "sparse_categorical_cross_entropy":
        p = np.bincount(np.asarray(Y, np.intp).ravel(), w, outputs) / w.sum()
    elif loss.name in ("categorical_cross_entropy", "binary_cross_entropy", "mean_squared_error"):
        p = np.asarray(Y, np.float64) @ w / w.sum()
    else:
        return None
    scale = 1.0 if training.plan.normalized else float(w.sum()) / Y.shape[1]
    if loss.name == "mean_squared_error":
        return scale * float(np.mean(np.square(np.asarray(Y, np.float64) - p[:, np.newaxis]) @ w / w.sum()))
    count = 2 if loss.name == "binary_cross_entropy" else outputs
    p = (1 - smoothing) * p + smoothing / count
    parts = [p, 1 - p] if count == 2 and loss.name == "binary_cross_entropy" else [p]
    return -scale * float(sum(np.sum(np.where(q > 0, q * np.log(np.where(q > 0, q, 1)), 0)) for q in parts))


def digests(examples: Examples, dtype: Any) -> list[bytes]:
    """Return a digest of each example's inputs; none of a sparse X."""
    X, _, _, chosen = examples[:4]
    if is_sparse(X):
        return []
    from hashlib import blake2b

    found, places = list[bytes](), np.arange(X.shape[1]) if chosen is None else chosen
    for first in range(0, len(places), AT_ONCE):
        rows = np.ascontiguousarray(X.T[places[first : first + AT_ONCE]], dtype)
        found += [blake2b(row, digest_size=16).digest() for row in rows]
    return found
