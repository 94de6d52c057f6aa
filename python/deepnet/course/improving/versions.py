"""The versions of the course whose results or signatures differ: one table, selected by year."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Version:
    """What distinguishes one release of the course.

    2017 is the first release, 2018 the one with `opt_utils`, 2020 the one with `opt_utils_v1a`, and 2021 the
    one with `public_tests`, whose helper modules are those of 2020.
    """

    year: str
    cost_is_a_mean: bool  # opt_utils.compute_cost; the notebook then prints the cost of an epoch's last batch
    epsilon_in_the_root: bool  # Adam's step: v / sqrt(s + epsilon), else v / (sqrt(s) + epsilon)
    adam_returns: int  # 3 values, or 5 with the corrected averages
    epochs: int  # of opt_utils.model
    always_prints: bool  # the gradient checks print a verdict without print_msg
    largest_difference: float  # that gradient_check_n accepts


VERSIONS = {
    entry.year: entry
    for entry in (
        Version("2017", True, True, 3, 10_000, True, 1e-7),
        Version("2018", True, False, 3, 10_000, True, 2e-7),
        Version("2020", False, False, 3, 10_000, True, 2e-7),
        Version("2021", False, False, 5, 5_000, False, 2e-7),
    )
}


def find_version(year: Any) -> Version:
    """Return the version of a year, "2021" or 2021.

    >>> find_version(2017).adam_returns
    3
    """
    entry = VERSIONS.get(str(year))
    if entry is None:
        raise ValueError(f"unknown version {year!r}: the course's are {', '.join(VERSIONS)}")
    return entry
