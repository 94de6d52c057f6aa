"""What the examples share: command line, folds, and the summary of the scores."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold, StratifiedKFold

Array = NDArray[Any]


def arguments(about: str | None, short: str) -> argparse.Namespace:
    """Parse ``--seed`` and ``--short``; `short` describes the short version."""
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    parser.add_argument(
        "--seed", type=int, default=0, help="for folds, initial weights and batches (default: 0)"
    )
    parser.add_argument("--short", action="store_true", help=f"a quick version: {short}")
    given = parser.parse_args()
    if given.seed < 0:
        parser.error(f"--seed is {given.seed}, but must be 0 or more")
    if given.short:
        print(f"This is the short version, whose scores mean little: {short}.")
    return given


def folds(y: Array, seed: int, *, classes: bool = True, most: int = 5) -> Iterator[tuple[int, Array, Array]]:
    """Yield number, training rows and test rows of the first `most` of five shuffled folds.

    The folds are stratified by class if `classes` is true.
    """
    splitter = (StratifiedKFold if classes else KFold)(5, shuffle=True, random_state=seed)
    for number, (train, test) in zip(range(1, most + 1), splitter.split(y, y), strict=False):
        yield number, train, test


def summary(scores: list[float]) -> str:
    """Return mean, standard deviation and range as text."""
    mean, deviation = np.mean(scores), np.std(scores, ddof=1)
    return f"{mean:.4f} (standard deviation {deviation:.4f}, from {min(scores):.4f} to {max(scores):.4f})"
