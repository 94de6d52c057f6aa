"""Scores of validation rows while training goes on, by any scorer of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from numbers import Real
from typing import Any

import sklearn
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.utils.multiclass import type_of_target, unique_labels

from deepnet._names import nearest
from deepnet.activations import Array

from ._epochs import warn


def score_of(name: str, rule: Any, also: str = "") -> Callable[[Any, Any, Any, Array | None], float]:
    """Return the function of (estimator, X, y, weights) for a scorer or its name.

    `name` is the parameter that has it, and `also` what else that may be, for messages. The score is computed
    with the settings of scikit-learn of the calling thread, which may not be the one that trains.
    """
    scorer = rule
    if isinstance(rule, str):
        try:
            scorer = get_scorer(rule)
        except ValueError:
            match = nearest(rule, get_scorer_names())
            hint = f"did you mean {match!r}? " if match else ""
            raise ValueError(
                f"{name} is {rule!r}, but must be {also}a scorer, or the name of one: {hint}"
                "sklearn.metrics.get_scorer_names() lists them"
            ) from None
    elif getattr(rule, "__module__", "").startswith("sklearn.metrics.") and hasattr(rule, "__name__"):
        raise ValueError(
            f"{name} is the metric {rule.__name__}, but must be {also}a scorer, or the name of one: "
            f"sklearn.metrics.make_scorer({rule.__name__})"
        )
    settings = sklearn.get_config()

    def score(estimator: Any, X: Any, y: Any, weights: Array | None) -> float:
        with sklearn.config_context(**settings):
            try:
                value = scorer(estimator, X, y, **({} if weights is None else {"sample_weight": weights}))
            except (ValueError, TypeError, AttributeError) as error:
                if not isinstance(rule, str):
                    raise
                way_out = _for_several_classes(name, rule, estimator)
                raise ValueError(
                    f"{name} is {rule!r}, which cannot score the rows held out: {error}{way_out}"
                ) from error
        if not isinstance(value, Real):
            raise TypeError(f"{name}: the scorer returned {value!r}, but must return a number")
        return float(value)

    return score


def _for_several_classes(name: str, rule: str, estimator: Any) -> str:
    """Advice for the name of a scorer of two classes."""
    count, variant = len(getattr(estimator, "classes_", ())), _variant(rule)
    return f"; for {count} classes: {name}={variant!r}" if count > 2 and variant else ""


def _variant(rule: str) -> str | None:
    """Return the name of the scorer for several classes that is like this one for two."""
    known = get_scorer_names()
    return next((f"{rule}_{kind}" for kind in ("ovr", "macro") if f"{rule}_{kind}" in known), None)


def warn_of_two_classes(scoring: Any, y: Any) -> None:
    """Warn of scorers for two classes if there are more: a search goes on without their scores."""
    rules = (
        scoring.values() if isinstance(scoring, dict) else [scoring] if isinstance(scoring, str) else scoring
    )
    named = [rule for rule in rules if isinstance(rule, str)] if isinstance(rules, Iterable) else []
    wrong = [rule for rule in named if _variant(rule)]
    if wrong and type_of_target(y) == "multiclass":
        count = len(unique_labels(y))
        better = " and ".join(repr(_variant(rule)) for rule in wrong)
        warn(
            f"scoring has {' and '.join(map(repr, wrong))}, for two classes, but y has {count}: "
            f"for several there {'is' if len(wrong) == 1 else 'are'} {better}"
        )


def only_nan(name: str, epochs: int) -> ValueError:
    """Return the error for a scorer by whose scores no epoch is the best."""
    return ValueError(
        f"{name}: the scorer returned nan after each of the {epochs} epochs, but must return a number; one "
        "that needs rows of several classes may need a larger validation_fraction"
    )
