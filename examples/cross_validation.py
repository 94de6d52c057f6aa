"""What the examples share: their command line, the folds, and how scores are told."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold, StratifiedKFold

Array = NDArray[Any]


def arguments(about: str | None, short: str) -> argparse.Namespace:
    """Read ``--seed`` and ``--short``; `short` says what the latter leaves out."""
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument(
        "--seed", type=int, default=0, help="of folds, first weights and batches (default: 0)"
    )
    parser.add_argument("--short", action="store_true", help=f"only see whether it works: {short}")
    given = parser.parse_args()
    if given.seed < 0:
        parser.error(f"--seed is {given.seed}, but must be 0 or more")
    if given.short:
        print(f"This is the short form, whose scores mean little: {short}.")
    return given


def folds(y: Array, seed: int, *, classes: bool = True, most: int = 5) -> Iterator[tuple[int, Array, Array]]:
    """Yield the number, the training rows and the test rows of the first `most` of five shuffled folds.

    Every fold has its share of each class, unless y are no classes.
    """
    splitter = (StratifiedKFold if classes else KFold)(5, shuffle=True, random_state=seed)
    for number, (train, test) in zip(range(1, most + 1), splitter.split(y, y), strict=False):
        yield number, train, test


def told(scores: list[float]) -> str:
    """Tell their mean and spread."""
    mean, deviation = np.mean(scores), np.std(scores, ddof=1)
    return f"{mean:.4f} (standard deviation {deviation:.4f}, from {min(scores):.4f} to {max(scores):.4f})"
