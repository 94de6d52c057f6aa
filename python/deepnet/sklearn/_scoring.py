"""Scores of validation rows while training goes on, by any scorer of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import sklearn
from sklearn.metrics import get_scorer, get_scorer_names

from deepnet._names import nearest
from deepnet.activations import Array


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
            value = scorer(estimator, X, y, **({} if weights is None else {"sample_weight": weights}))
        if not isinstance(value, Real):
            raise TypeError(f"{name}: the scorer returned {value!r}, but must return a number")
        return float(value)

    return score
